# SPDX-License-Identifier: Apache-2.0
"""What a run of Tempest must come to, from the lists in tests/tempest.

Standard library only, and nothing of a cloud: so it is tested alone.
"""

import collections
import dataclasses
import re

CAUSES = ('driver', 'hypervisor', 'network', 'service', 'upstream')
FAIL, SKIP = 'fail', 'skip'
PASSED = ('success', 'xfail')


class ListError(Exception):
    """What is wrong with a list; its text says where."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A test, or a class of tests, and why it is on a list."""

    name: str
    cause: str
    reason: str

    def covers(self, test):
        return test == self.name or test.startswith(self.name + '.')


def lines(text):
    """The lines of a list that are not comments."""
    return [line.rstrip() for line in text.splitlines()
            if line.strip() and not line.startswith('#')]


def entries(text):
    """Entries of a list: a cause and reason, then the tests that have it.

    ::

        driver: Why it is so, in a line
          or more.
        - tempest.api.some.Class
        - tempest.api.other.Class.test_name
    """
    found = []
    cause = reason = ''
    for line in lines(text):
        if line.startswith('- '):
            found.append(Entry(line[2:].strip(), cause, reason))
        elif line.startswith(' '):
            reason += ' ' + line.strip()
        else:
            cause, _, reason = line.partition(': ')
    _check(found)
    return found


def _check(found):
    for entry in found:
        if entry.cause not in CAUSES or not entry.reason:
            raise ListError('%s has no cause and reason' % entry.name)
    for name, times in collections.Counter(
            entry.name for entry in found).items():
        if times > 1:
            raise ListError('%s is listed %d times' % (name, times))


def plain(test):
    """A test's name without its attributes: ``[id-…,slow]``."""
    return test.partition('[')[0]


_FIXTURE = re.compile(r'(setUp|tearDown)Class \((.*)\)$')


def outcomes(selected, stream):
    """{test: (status, reason, seconds)} of all that a run has told.

    A class that was skipped, or failed, before its first test tells only
    itself: its tests have its outcome. One that failed after its last test
    is there besides them. Of what nothing was told, nothing is here.

    :param selected: names of tests, plain
    :param stream: [(test, status, reason, seconds)] of the run
    """
    found, classes = {}, {}
    for test, *outcome in stream:
        fixture = _FIXTURE.match(test)
        if fixture and fixture.group(1) == 'setUp':
            classes[fixture.group(2)] = (*outcome[:2], 0.0)
        else:
            found[plain(test)] = tuple(outcome)
    for test in selected:
        if test not in found and test.rpartition('.')[0] in classes:
            found[test] = classes[test.rpartition('.')[0]]
    return found


class Lists:
    """What a folder says of the whole of the tests, or of the subset.

    :param folder: tests/tempest
    """

    def __init__(self, folder, whole):
        self.name = 'whole' if whole else 'subset'
        self.file = folder / self.name
        self.skips = entries((folder / 'skips').read_text())
        self.left_out = entries((folder / 'left-out').read_text())
        self.count = counts((folder / 'counts').read_text())[self.name]

    def split(self, tests):
        """(tests to run, names of those left out) of all that was named."""
        run, left = [], []
        for test in tests:
            name = plain(test)
            if any(entry.covers(name) for entry in self.left_out):
                left.append(name)
            else:
                run.append(test)
        return run, left

    def judge(self, run, left, stream):
        """The results of all that the lists name, a failure for what differs.

        :param run: the tests that were to run, left: those left out
        :param stream: [(test, status, reason, seconds)] of the run
        :returns: [(test, status, reason, seconds)]
        """
        names = [plain(test) for test in run]
        found = outcomes(names, stream)
        results = [self._judged(test, found.pop(test, None))
                   for test in sorted(names)]
        # What is left failed before or after the tests of a class.
        results += [(test, FAIL, reason, seconds)
                    for test, (_, reason, seconds) in sorted(found.items())]
        results += [(test, SKIP, self._why_left(test), 0.0)
                    for test in sorted(left)]
        return results + self._of_lists(names, left)

    def _judged(self, test, outcome):
        if outcome is None:
            return test, FAIL, 'it was to run, and nothing is known of it', 0.0
        status, reason, seconds = outcome
        listed = any(entry.covers(test) for entry in self.skips)
        if status == SKIP and not listed:
            return test, FAIL, 'skipped, and not listed: ' + reason, seconds
        if status in PASSED and listed:
            return test, FAIL, 'listed as skipped, but it ran', seconds
        if status in PASSED or status == SKIP:
            return test, status, reason, seconds
        return test, FAIL, reason or 'ended as ' + status, seconds

    def _why_left(self, test):
        return next('%s: %s' % (entry.cause, entry.reason)
                    for entry in self.left_out if entry.covers(test))

    def _of_lists(self, names, left):
        """What is wrong with the lists themselves, a failure each."""
        found = []
        if len(names) != self.count:
            found.append('%d tests were to run, and %d are expected'
                         % (len(names), self.count))
        if self.name == 'whole':
            found += ['%s is listed, and there is no such test' % entry.name
                      for listed, tests in ((self.skips, names),
                                            (self.left_out, left))
                      for entry in listed
                      if not any(entry.covers(test) for test in tests)]
        return [('tests/tempest', FAIL, reason, 0.0) for reason in found]


def counts(text):
    """{name: number} from lines of a name and a number."""
    return {name: int(number) for name, number in (
        line.split() for line in lines(text))}


def table(results):
    """The rows of the docs' table: module, passed, skipped, seconds."""
    rows = collections.defaultdict(lambda: [0, 0, 0.0])
    for test, status, _, seconds in results:
        row = rows[module(test)]
        row[0] += status in PASSED
        row[1] += status == SKIP
        row[2] += seconds
    return [(name, *row) for name, row in sorted(rows.items())]


def module(test):
    """tempest.api.volume.admin.test_x.Class.test_y: up to the module."""
    words = plain(test).split('.')
    for place, word in enumerate(words):
        if word.startswith('test_'):
            return '.'.join(words[:place + 1])
    return plain(test)


def written(rows):
    """The table as reStructuredText, with a line for the sum."""
    total = ['all'] + [sum(column) for column in list(zip(*rows))[1:]]
    body = [[str(cell) if isinstance(cell, (str, int)) else '%d' % cell
             for cell in row] for row in [*rows, total]]
    head = ['module', 'passed', 'skipped', 'seconds']
    widths = [max(len(row[place]) for row in [head, *body])
              for place in range(len(head))]
    rule = ' '.join('=' * width for width in widths)
    text = [' '.join(cell.ljust(width) for cell, width
                     in zip(row, widths)).rstrip() for row in [head, *body]]
    return '\n'.join([rule, text[0], rule, *text[1:], rule]) + '\n'
