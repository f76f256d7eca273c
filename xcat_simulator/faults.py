# SPDX-License-Identifier: Apache-2.0
"""Faults on demand: rules that say which request meets which trouble.

A rule counts the requests that match it, and fires at the nth of them and
at `times - 1` more. What is due at once acts together, the rule that was set
first outermost: latency and a lost answer can be had for one request.
"""

import functools
import itertools
import sys
import threading
import traceback

from xcat_simulator import faultrule
from xcat_simulator import httpd
from xcat_simulator.mn import hop

# No byte of UTF-8, where JSON has its colons and commas.
GARBLE = bytes.maketrans(b':,', b'\xfe\xff')


class Late:
    """Work that is done later in a thread of its own, or dropped.

    seconds: when; None: as soon as `begin` is called.
    """

    WAITING, RUNNING, DONE, DROPPED = range(4)

    def __init__(self, work, seconds):
        self.gated = seconds is None
        self.state = self.WAITING
        self._work = work
        self._seconds = seconds
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True,
                                        name='zvm-late')
        self._thread.start()

    def _run(self):
        self._woken.wait(self._seconds)
        if not self._move(self.WAITING, self.RUNNING):
            return
        try:
            self._work()
        except Exception:
            print('zvm-simulator: late: %s' % traceback.format_exc(),
                  file=sys.stderr, flush=True)
        self._move(self.RUNNING, self.DONE)

    def _move(self, before, after):
        with self._lock:
            moved = self.state == before
            if moved:
                self.state = after
        return moved

    def begin(self):
        self._woken.set()

    def drop(self):
        """Never do it; returns whether it had not begun."""
        dropped = self._move(self.WAITING, self.DROPPED)
        self._woken.set()
        return dropped

    def join(self):
        self._thread.join()

    @property
    def pending(self):
        return self.state in (self.WAITING, self.RUNNING)


class _Set:
    """A rule that was set, and what became of it."""

    def __init__(self, number, rule):
        self.number = number
        self.rule = rule
        self.matched = self.fired = 0
        self.late = []

    def meets(self, server, request):
        """Count a request; returns whether the rule fires for it."""
        rule = self.rule
        if not rule.matches(server, request):
            return False
        self.matched += 1
        since = self.matched - rule.nth
        fires = since >= 0 and (not rule.times or since < rule.times)
        self.fired += fires
        return fires

    def shown(self):
        return {'id': self.number, 'rule': self.rule.given,
                'matched': self.matched, 'fired': self.fired,
                'waiting': sum(each.pending for each in self.late)}


class Faults:
    """The rules in force; safe between threads.

    Late effects are noted in the `journal` when they happen.
    """

    def __init__(self, journal, servers=()):
        self._journal = journal
        self._servers = tuple(servers)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._rules = []
        self._late = []
        self._stopped = threading.Event()

    def add(self, given):
        """Set a rule (a dict); returns its number. Raises BadRule."""
        rule = faultrule.parse(given, self._servers)
        with self._lock:
            kept = _Set(next(self._numbers), rule)
            self._rules.append(kept)
        return kept.number

    def shown(self):
        """The rules that were set, those too that are over."""
        with self._lock:
            return [each.shown() for each in self._rules]

    def clear(self):
        """Remove every rule; returns how many late effects were dropped."""
        with self._lock:
            late, self._late, self._rules = self._late, [], []
        return sum([each.drop() for each in late])

    def stop(self):
        """Let nobody wait any longer, and nothing happen any more."""
        self._stopped.set()
        self.clear()

    def open_gate(self):
        """Let what waits at the gate happen, all at once.

        Returns how many effects ended, when they have.
        """
        with self._lock:
            waiting = [each for each in self._late
                       if each.gated and each.state == Late.WAITING]
        for each in waiting:
            each.begin()
        for each in waiting:
            each.join()
        return sum(each.state == Late.DONE for each in waiting)

    def later(self, work, seconds, kept=None):
        """Do it after so many seconds; None: when the gate is opened."""
        with self._lock:
            self._late = [each for each in self._late if each.pending]
            late = Late(work, seconds)
            self._late.append(late)
            if kept is not None:
                kept.late.append(late)

    def around(self, application, server):
        """The application with the faults of its requests."""
        def troubled(request):
            with self._lock:
                due = [each for each in self._rules
                       if each.meets(server, request)]
            request.faults = [each.number for each in due]
            answer = functools.partial(_plain, application)
            for kept in reversed(due):
                act = getattr(self, '_act_' + kept.rule.action)
                answer = functools.partial(act, kept, server, answer)
            return answer(request)
        return troubled

    # Each action takes the rule, the server's name, and what would answer.

    def _act_latency(self, kept, server, answer, request):
        if self._stopped.wait(kept.rule.value):
            raise httpd.HangUp
        return answer(request)

    def _act_lost(self, kept, server, answer, request):
        raise httpd.HangUp

    def _act_answer_lost(self, kept, server, answer, request):
        answer(request)
        raise httpd.HangUp

    def _act_late(self, kept, server, answer, request):
        work = self._journal.recording(answer, server, late=True)
        self.later(functools.partial(work, request),
                   kept.rule.value.get('seconds'), kept)
        if kept.rule.value.get('answer') == '504':
            return httpd.Response.page(504)
        raise httpd.HangUp

    def _act_truncated(self, kept, server, answer, request):
        response = answer(request)
        response.body = response.body[:len(response.body) // 2]
        return response

    def _act_garbled(self, kept, server, answer, request):
        response = answer(request)
        body = response.body.translate(GARBLE)
        if body == response.body:
            body = b'\xff' + body[1:]
        response.body = body
        return response

    def _act_html(self, kept, server, answer, request):
        answer(request)
        return httpd.Response.page(kept.rule.value)

    def _act_status(self, kept, server, answer, request):
        return httpd.Response.page(kept.rule.value)

    def _act_hop(self, kept, server, answer, request):
        with hop.refusing(kept.rule.value):
            return answer(request)


def _plain(application, request):
    with hop.request():
        return application(request)
