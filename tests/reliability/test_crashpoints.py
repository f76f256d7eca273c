# SPDX-License-Identifier: Apache-2.0
"""No crash leaves anything wrong; without sweeps one does."""

import contextlib

import testtools

from tests.reliability import crashpoints
from tests.reliability import kill
from tests.reliability import operations

# Few points, and each of them needs a sweep. With a cloud anew after each one
# that is broken, all would take longer than those that are not.
_SABOTAGED = {'names': ('attach_first',), 'moments': ('effect',)}


class CrashPointsTest(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        """Starting the parents costs as much as ten points."""
        super().setUpClass()
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.parents, cls.folder = stack.enter_context(crashpoints.started())

    def test_nothing_is_wrong_after_any_crash(self):
        found = crashpoints.run(self.parents, self.folder / 'all',
                                distinct=True, share=6)
        self.assertEqual(
            ([], []), (found.get('left', []), [
                point for point in found['list'] if not point['ok']]))
        self.assertEqual(0, found['broken'])
        self.assertEqual(list(operations.ALL), found['operations'])
        self.assertEqual(set(operations.ALL), {
            point['operation'] for point in found['list']})
        self.assertEqual(found['points'], len(found['list']))
        self.assertEqual({-9}, {point['exit'] for point in found['list']})

    def test_sabotage_is_found(self):
        found = crashpoints.run(self.parents, self.folder / 'sabotaged',
                                sabotaged=True, **_SABOTAGED)
        self.assertGreater(found['broken'], 0)
        self.assertEqual({-9}, {point['exit'] for point in found['list']})


class DistinctTest(testtools.TestCase):

    NAMES = ['GET /guests', 'GET /images', 'POST /guests',
             'PUT /nodes/zhcp1/dsh attach', 'GET /guests/zvm00001']

    def test_what_leaves_the_same_is_tried_once(self):
        self.assertEqual({
            'before': [1, 4, 5], 'answer': [],
            'effect': [1, 2, 3, 4, 5], 'late': [1, 2, 3, 4, 5]}, {
            moment: [k for k in range(1, 6) if crashpoints.is_distinct(
                self.NAMES, k, moment)] for moment in kill.MOMENTS})


class RunTest(testtools.TestCase):

    def test_one_that_cannot_work_says_so(self):
        made = crashpoints.Run(None, '/dev/null')
        self.assertRaises(NotADirectoryError, made.run, 2)
