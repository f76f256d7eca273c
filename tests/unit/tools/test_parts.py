# SPDX-License-Identifier: Apache-2.0
"""In which order the parts of a test run come."""

import threading

from tests.unit.tools import base

import counts  # noqa: I100
import parts

PASSED = counts.Counts(passed=1)


class RunTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.ran = []
        self.gate = threading.Event()

    def part(self, name, **qualities):
        def run(bench, regex):
            self.ran.append(name)
            return PASSED
        return parts.Part(name, (), run, **qualities)

    def waiting(self, bench, regex):
        """Goes on when an undisturbed part has run."""
        self.ran.append('begins')
        self.assertTrue(self.gate.wait(20))
        self.ran.append('ends')
        return PASSED

    def opening(self, bench, regex):
        self.gate.set()
        return PASSED

    def run_parts(self, *chosen):
        status = parts.run(None, chosen, None)
        return status, self.said[-1].strip()

    def test_parts_run_in_their_order(self):
        status = self.run_parts(self.part('one'), self.part('two'))
        self.assertEqual((0, '2 passed, 0 failed, 0 skipped'), status)
        self.assertEqual(['one', 'two'], self.ran)

    def test_beside_one_that_waits_only_the_undisturbed_run(self):
        status = self.run_parts(
            self.part('disturbed'),
            parts.Part('cloud', (), self.waiting, waits=True),
            parts.Part('unit', (), self.opening, undisturbed=True))
        self.assertEqual((0, '3 passed, 0 failed, 0 skipped'), status)
        self.assertEqual(['begins', 'ends', 'disturbed'], self.ran)

    def test_one_that_breaks_ends_the_run(self):
        def broken(bench, regex):
            raise RuntimeError('broken')
        self.assertRaises(RuntimeError, self.run_parts, parts.Part(
            'cloud', (), broken, waits=True), self.part('other'))

    def test_a_failure_is_the_exit_status(self):
        failing = parts.Part('one', (),
                             lambda bench, regex: counts.Counts(1, 1, 0))
        self.assertEqual((1, '1 passed, 1 failed, 0 skipped'),
                         self.run_parts(failing))
