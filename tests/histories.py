# SPDX-License-Identifier: Apache-2.0
"""What processes did to LUNs and FCP devices, and whether that can be right.

Each process writes its own file of JSON lines, one when an operation begins
and one when it has ended.  The checker shares nothing with what is tested: it
knows only that a subject has at most one owner.

The clock is CLOCK_MONOTONIC, the same for all processes of a machine.  When
an operation took effect is known only to lie between its begin and its end.
So an owner *certainly* holds a subject from the end of the acquire that
succeeded to the begin of the release that succeeded, or for ever; and two
owners that certainly hold one subject at one moment are an error whatever
the true order was.
"""

import contextlib
import dataclasses
import itertools
import json
import math
import pathlib
import threading
import time

ACQUIRE, RELEASE, LOOK = 'acquire', 'release', 'look'
#: Needs a moment at which nobody holds the subject: a wipe of a LUN
ALONE = 'alone'
#: ``unknown`` is an answer that never came, or a process that was killed
DONE, REFUSED, UNKNOWN = 'done', 'refused', 'unknown'


@dataclasses.dataclass(frozen=True)
class Event:
    """One operation of a process on subjects, for an owner.

    ``effect`` is what it has when it is done. ``begin`` and ``end`` are
    seconds. ``subjects`` are texts such as ``lun 4011400000000000``,
    ``use 4011400000000000`` (by a guest) or ``fcp 3B00``.
    """

    process: str
    operation: str
    effect: str
    owner: str
    begin: float
    end: float = math.inf
    outcome: str = UNKNOWN
    subjects: tuple = ()
    text: str = ''


class Recorder:
    """Appends the events of one process to its file in a folder."""

    def __init__(self, folder, process):
        self._process = process
        self._path = pathlib.Path(folder) / ('%s.jsonl' % process)
        self._lock = threading.Lock()
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def event(self, operation, effect, owner, subjects=(), refusals=()):
        """Yields the list of subjects, to be filled in by an acquire.

        :param refusals: classes of errors that mean that nothing was done;
            any other leaves the outcome unknown
        """
        found = list(subjects)
        number = next(self._numbers)
        begin = {'number': number, 'process': self._process,
                 'operation': operation, 'effect': effect, 'owner': owner,
                 'subjects': found, 'begin': time.monotonic()}
        self._write(begin)
        outcome, text = UNKNOWN, ''
        try:
            yield found
            outcome = DONE
        except BaseException as error:
            text = '%s: %s' % (type(error).__name__, error)
            if isinstance(error, tuple(refusals)):
                outcome = REFUSED
            raise
        finally:
            self._write(dict(begin, subjects=found, outcome=outcome,
                             text=text, end=time.monotonic()))

    def _write(self, entry):
        with self._lock, open(self._path, 'a', encoding='utf-8') as file:
            file.write(json.dumps(entry) + '\n')


def read(folder):
    """All events of a folder; one that only began has no end."""
    events = {}
    for path in sorted(pathlib.Path(folder).glob('*.jsonl')):
        for line in path.read_text(encoding='utf-8').splitlines():
            entry = json.loads(line)
            key = path.name, entry.pop('number')
            entry['subjects'] = tuple(entry['subjects'])
            events[key] = Event(**entry)
    return sorted(events.values(), key=lambda event: event.begin)


@dataclasses.dataclass(frozen=True)
class Holding:
    """An owner certainly holds a subject from begin up to end."""

    subject: str
    owner: str
    begin: float
    end: float
    event: Event


def holdings(events):
    """What was certainly held, as Holdings.

    A release ends what was acquired before it ended, as it may have come
    after the acquire.  One whose outcome is unknown may have done so.
    """
    acquired, released = {}, {}
    for event in events:
        chosen = acquired if event.effect == ACQUIRE else released
        counted = (event.outcome == DONE or event.effect == RELEASE
                   and event.outcome == UNKNOWN)
        if event.effect not in (ACQUIRE, RELEASE) or not counted:
            continue
        for subject in event.subjects:
            chosen.setdefault((subject, event.owner), []).append(event)
    for key, taken in acquired.items():
        for event in taken:
            end = min((other.begin for other in released.get(key, ())
                       if other.end > event.begin), default=math.inf)
            if end > event.end:
                yield Holding(*key, event.end, end, event)


def doubled(events):
    """Pairs of Holdings of one subject by two owners at one moment."""
    by_subject = {}
    for holding in holdings(events):
        by_subject.setdefault(holding.subject, []).append(holding)
    return [(one, other) for held in by_subject.values()
            for one, other in itertools.combinations(
                sorted(held, key=lambda holding: holding.begin), 2)
            if one.owner != other.owner and other.begin < one.end]


def disturbed(events):
    """Holdings during which somebody was alone, each with that event."""
    return [(holding, event) for holding in holdings(events)
            for event in events
            if event.effect == ALONE and event.outcome == DONE
            and holding.subject in event.subjects
            and holding.begin < event.begin and event.end < holding.end]


def check(events):
    """Raise AssertionError that names each subject with two owners."""
    wrong = ['%s is held by %s since %.3f (%s) and by %s since %.3f (%s)'
             % (one.subject, one.owner, one.begin, one.event.process,
                other.owner, other.begin, other.event.process)
             for one, other in doubled(events)]
    wrong += ['%s is held by %s since %.3f (%s), and %s was done to it at '
              '%.3f (%s)' % (one.subject, one.owner, one.begin,
                             one.event.process, event.operation, event.end,
                             event.process)
              for one, event in disturbed(events)]
    if wrong:
        raise AssertionError('\n'.join(wrong))


def held(events, at=math.inf):
    """{subject: owner} of what is certainly held at a time, or at last."""
    return {holding.subject: holding.owner for holding in holdings(events)
            if holding.begin <= at < holding.end
            or at == holding.end == math.inf}
