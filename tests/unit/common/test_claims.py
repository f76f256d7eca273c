# SPDX-License-Identifier: Apache-2.0
"""Waiting for a job on the zHCP."""

import logging

import fixtures
import testtools

from zvm_common import exceptions
from zvm_common.pool import claims

VOLUME = '5b2c1d0e-7a3f-4c1b-9f60-00000000000a'


class FakeZhcp:
    """Answers 'wait' with the jobs of a list, the last one again and again."""

    name = 'zhcp1'
    scope = 'test'

    def __init__(self, *rows):
        self.rows = list(rows)
        self.calls = []

    def call(self, verb, *args, **kwargs):
        self.calls.append((verb,) + args)
        fields = self.rows.pop(0) if len(self.rows) > 1 else self.rows[0]
        if isinstance(fields, Exception):
            raise fields
        return type('Answer', (), {'fields': dict({
            'pool': 'zpool1', 'wwpns': '5005076303000001', 'gen': '2',
            'lun': '4011400000000000', 'volume': VOLUME}, **fields)})


class WaitTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.slept = []
        self.now = 0
        self.useFixture(fixtures.MonkeyPatch('time.sleep', self._sleep))
        self.useFixture(fixtures.MonkeyPatch('time.monotonic',
                                             lambda: self.now))

    def _sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def wait(self, *rows, timeout=1000):
        self.zhcp = FakeZhcp(*rows)
        return claims.Pool(self.zhcp, 'zpool1').wait(VOLUME, timeout)

    def test_a_job_that_is_done_costs_one_request(self):
        self.assertIsNone(self.wait(exceptions.VolumeUnknown('gone')))
        self.assertEqual('ours', self.wait({'state': 'ours'}).state)
        self.assertEqual((1, []), (len(self.zhcp.calls), self.slept))

    def test_no_connection_is_held_between_two_requests(self):
        runs = {'state': 'wiping', 'job': 'runs'}
        self.wait(*[runs] * 7, exceptions.VolumeUnknown('gone'))
        self.assertEqual([2, 5, 10, 20, 20, 20, 20], self.slept)
        self.assertEqual([5] + [1] * 7, [c[2] for c in self.zhcp.calls])

    def test_the_time_is_over(self):
        runs = {'state': 'wiping', 'job': 'runs'}
        error = self.assertRaises(exceptions.OutcomeUnknown, self.wait, runs,
                                  timeout=30)
        self.assertIn('30 seconds (0.0 of ? GiB)', str(error))
        self.assertEqual(30, self.now)
        error = self.assertRaises(
            exceptions.OutcomeUnknown, self.wait,
            dict(runs, done=str(3 << 30), bytes=str(40 << 30)), timeout=30)
        self.assertIn('(3.0 of 40.0 GiB)', str(error))

    def test_each_tenth_is_told_once(self):
        log = self.useFixture(fixtures.FakeLogger(
            'zvm_common.pool', level=logging.INFO))
        self.wait(*[{'state': 'wiping', 'job': 'runs', 'done': str(done << 30),
                     'bytes': str(40 << 30)} for done in (0, 1, 4, 5, 9, 40)],
                  exceptions.VolumeUnknown('gone'))
        self.assertEqual(
            ['4.0 of 40.0 GiB', '9.0 of 40.0 GiB', '40.0 of 40.0 GiB'],
            [line.rpartition(': ')[2] for line in
             log.output.splitlines()])

    def test_a_job_that_died_is_begun_anew(self):
        self.wait({'state': 'wiping', 'job': 'dead'}, {'state': 'wiping'},
                  exceptions.VolumeUnknown('gone'))
        self.assertEqual(['wait', 'release', 'wait'],
                         [c[0] for c in self.zhcp.calls])
        self.wait({'state': 'preparing', 'job': 'dead'},
                  {'state': 'preparing'}, {'state': 'ours'})
        self.assertEqual(['wait', 'claim', 'wait'],
                         [c[0] for c in self.zhcp.calls])

    def test_quarantine_is_told_with_its_reason(self):
        error = self.assertRaises(
            exceptions.WipeFailed, self.wait,
            {'state': 'quarantined', 'why': 'no~path'})
        self.assertIn('no path', str(error))
