# SPDX-License-Identifier: Apache-2.0
"""The checker of histories: what it must let pass and what it must find."""

import json
import os
import pathlib
import signal

import fixtures
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import testtools

from tests import histories
from tests.histories import ACQUIRE
from tests.histories import DONE
from tests.histories import REFUSED
from tests.histories import RELEASE
from tests.histories import UNKNOWN

LUN = 'lun 4011400000000000'


def event(effect, owner, begin, end, outcome=DONE, subjects=(LUN,)):
    return histories.Event('p1', effect, effect, owner, begin, end, outcome,
                           tuple(subjects))


def take(owner, begin, end, *rest):
    return event(ACQUIRE, owner, begin, end, *rest)


def leave(owner, begin, end, *rest):
    return event(RELEASE, owner, begin, end, *rest)


class CheckTest(testtools.TestCase):

    def passes(self, *events):
        histories.check(events)

    def rejects(self, *events):
        error = self.assertRaises(AssertionError, histories.check, events)
        self.assertIn(LUN, str(error))

    def test_nothing(self):
        self.passes()

    def test_two_who_took_it(self):
        self.rejects(take('a', 0, 1), take('b', 2, 3))

    def test_two_at_the_very_same_time(self):
        self.rejects(take('a', 0, 1), take('b', 0, 1))

    def test_of_two_on_different_subjects_each_may(self):
        self.passes(take('a', 0, 1), event(ACQUIRE, 'b', 0, 1, DONE,
                                           ['fcp 3B00']))

    def test_one_after_the_other(self):
        self.passes(take('a', 0, 1), leave('a', 2, 3), take('b', 4, 5))

    def test_while_the_release_is_under_way(self):
        self.passes(take('a', 0, 1), leave('a', 2, 6), take('b', 3, 4))

    def test_before_the_release_has_begun(self):
        self.rejects(take('a', 0, 1), leave('a', 5, 6), take('b', 2, 4))

    def test_a_release_of_another_ends_nothing(self):
        self.rejects(take('a', 0, 1), leave('c', 2, 3), take('b', 4, 5))

    def test_a_refused_release_ends_nothing(self):
        self.rejects(take('a', 0, 1), leave('a', 2, 3, REFUSED),
                     take('b', 4, 5))

    def test_an_unknown_release_may_have_ended_it(self):
        self.passes(take('a', 0, 1), leave('a', 2, 3, UNKNOWN),
                    take('b', 4, 5))

    def test_refused_and_unknown_acquires_hold_nothing(self):
        self.passes(take('a', 0, 1), take('b', 2, 3, REFUSED),
                    take('c', 2, 3, UNKNOWN))

    def test_a_release_before_the_acquire_ends_nothing(self):
        self.rejects(leave('a', 0, 1), take('a', 2, 3), take('b', 4, 5))

    def test_acquire_and_release_that_raced_leave_no_certainty(self):
        self.passes(take('a', 0, 9), leave('a', 3, 4), take('b', 10, 11))

    def test_an_owner_may_take_it_twice(self):
        self.passes(take('a', 0, 1), take('a', 2, 3), leave('a', 4, 5),
                    take('b', 6, 7))

    def test_taken_again_after_the_release(self):
        self.rejects(take('a', 0, 1), leave('a', 2, 3), take('a', 4, 5),
                     take('b', 6, 7))

    def test_a_second_owner_in_between_is_found(self):
        self.rejects(take('a', 0, 1), take('b', 2, 3), leave('b', 4, 5),
                     leave('a', 9, 10))

    def test_alone_while_it_is_held(self):
        alone = event(histories.ALONE, 'w', 3, 4)
        self.rejects(take('a', 0, 1), alone)
        self.rejects(take('a', 0, 1), leave('a', 5, 6), alone)

    def test_alone_before_and_after(self):
        self.passes(event(histories.ALONE, 'w', 0, 2), take('a', 1, 3),
                    leave('a', 4, 6), event(histories.ALONE, 'w', 3.5, 5))

    def test_what_was_refused_was_not_alone(self):
        self.passes(take('a', 0, 1), event(histories.ALONE, 'w', 3, 4,
                                           REFUSED))

    def test_what_is_held_at_last(self):
        self.assertEqual({LUN: 'b'}, histories.held(
            [take('a', 0, 1), leave('a', 2, 3), take('b', 4, 5)]))


class RecorderTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def record(self, error=None, name='p1'):
        with histories.Recorder(self.folder, name).event(
                'create', ACQUIRE, 'v1', refusals=(KeyError,)) as subjects:
            if error:
                raise error
            subjects.append(LUN)

    def test_what_was_done(self):
        self.record()
        found, = histories.read(self.folder)
        self.assertEqual(
            ('p1', 'create', 'v1', DONE, (LUN,)),
            (found.process, found.operation, found.owner, found.outcome,
             found.subjects))
        self.assertLess(found.begin, found.end)

    def test_what_was_not(self):
        for error, outcome in ((KeyError('x'), REFUSED),
                               (OSError('y'), UNKNOWN)):
            self.assertRaises(type(error), self.record, error,
                              outcome)
            found, = (each for each in histories.read(self.folder)
                      if each.process == outcome)
            self.assertEqual((outcome, ()), (found.outcome, found.subjects))
            self.assertIn(type(error).__name__, found.text)

    def test_of_a_process_that_is_killed_the_outcome_is_unknown(self):
        child = os.fork()
        if child == 0:
            with histories.Recorder(self.folder, 'p2').event(
                    'delete', RELEASE, 'v1', [LUN]):
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        found, = histories.read(self.folder)
        self.assertEqual((UNKNOWN, RELEASE, (LUN,), float('inf')), (
            found.outcome, found.effect, found.subjects, found.end))

    def test_each_line_is_json(self):
        self.record()
        for line in (self.folder / 'p1.jsonl').read_text().splitlines():
            self.assertEqual('create', json.loads(line)['operation'])


STEPS = st.lists(st.tuples(
    st.sampled_from([ACQUIRE, RELEASE]), st.sampled_from('abc'),
    st.sampled_from(['lun 1', 'lun 2', 'fcp 3B00']),
    # how long before and after its moment an operation lasts
    st.integers(0, 12), st.integers(0, 12),
    st.sampled_from([True, True, True, False])), max_size=40)


def sequential(steps):
    """Events of a world with one owner at a time, and who owns at the end.

    Step n takes effect at the time 4n.  The answers of some are lost.
    """
    owners, events = {}, []
    for number, (effect, owner, subject, before, after, told) in enumerate(
            steps, 1):
        moment = 4 * number
        done = owners.get(subject) in (
            (None, owner) if effect == ACQUIRE else (owner,))
        if done:
            owners[subject] = owner if effect == ACQUIRE else None
        outcome = (DONE if done else REFUSED) if told else UNKNOWN
        events.append(event(effect, owner, moment - before, moment + after,
                            outcome, [subject]))
    return events, owners


class PropertyTest(testtools.TestCase):

    @settings(max_examples=100, deadline=None)
    @given(STEPS)
    def test_what_one_lock_serialised_passes(self, steps):
        events, owners = sequential(steps)
        histories.check(events)
        for subject, owner in histories.held(events).items():
            self.assertEqual(owners[subject], owner)

    @settings(max_examples=100, deadline=None)
    @given(STEPS, st.data())
    def test_a_second_owner_is_found(self, steps, data):
        events, _ = sequential(steps)
        certain = list(histories.holdings(events))
        if not certain:
            certain = [*histories.holdings([take('a', 0, 1)])]
            events = [take('a', 0, 1)]
        victim = data.draw(st.sampled_from(certain))
        last = min(victim.end, victim.begin + 50)
        end = victim.begin + (last - victim.begin) * data.draw(
            st.floats(0, 0.99))
        intruder = event(ACQUIRE, 'x', end - data.draw(st.integers(0, 20)),
                         end, DONE, [victim.subject])
        place = data.draw(st.integers(0, len(events)))
        events.insert(place, intruder)
        self.assertRaises(AssertionError, histories.check, events)
        self.assertIn(
            (victim.owner, 'x'), [tuple(sorted((one.owner, other.owner)))
                                  for one, other in histories.doubled(events)])
