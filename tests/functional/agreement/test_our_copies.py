# SPDX-License-Identifier: Apache-2.0
"""Copies between LUNs whose lines others change."""

from tests.functional.agreement import base
from tests.functional.agreement.base import L0
from tests.functional.agreement.base import L1
from tests.functional.agreement.base import L2
from tests.functional.agreement.base import line
from tests.functional.agreement.base import volume
from tests.functional.agreement import ledger
from tests.functional.agreement import stage

V1, V2, COPY = volume(1), volume(2), volume(3)
SMALL = stage.LUNS[4]


class CopyTest(base.Story):
    """A volume with bytes at three places."""

    def setUp(self):
        super().setUp()
        self.lay(zpool1=[line(), line(L1)])
        self.both.claim(V1)
        for place in 0, 2, 5:
            self.both.write(V1, place)

    def copied(self, **changes):
        self.assertEqual('copying', self.both.copy(COPY, V1, **changes)[0]
                         .state)
        return self.both.end_jobs()[0]

    def moved(self):
        return self.copied(role='target', moves=V1)

    def test_reads_as_its_source(self):
        found, _ = self.copied()
        self.assertEqual((L1, 'ours', 'current', ''), (
            found.lun, found.state, found.role, found.source))
        self.assertEqual(3, len(self.both.ledger.reads(COPY)))
        self.both.write(COPY, 1)
        self.both.write(V1, 3)

    def test_has_zeros_where_another_tenant_wrote(self):
        for place in 1, 4:
            self.both.write_to_free(L1, place)
        self.copied()
        self.assertEqual({0, 2, 5}, set(self.both.ledger.reads(COPY)))

    def test_its_source_is_kept_while_it_is_read(self):
        self.both.copy(COPY, V1)
        self.assertEqual((COPY,), self.both.look(V1)[0].readers)
        self.assertEqual('busy', self.both.release(V1)[1])
        self.both.end_jobs()
        self.assertEqual((), self.both.look(V1)[0].readers)
        self.both.delete(V1)

    def test_cancelled(self):
        self.both.copy(COPY, V1)
        self.assertEqual('wiping', self.both.release(COPY)[0].state)
        self.assertEqual('busy', self.both.release(V1)[1])
        self.assertEqual([(None, '')], self.both.end_jobs())
        self.assertEqual(('free', ''), self.state(1))
        self.both.delete(V1)

    def test_a_job_that_died_is_begun_again_by_a_repeated_claim(self):
        operation = self.both.new_operation()
        self.both.copy(COPY, V1, operation=operation)
        self.both.kill_jobs()
        self.assertEqual('dead', self.both.look(COPY)[0].job)
        self.assertEqual('busy', self.both.release(V1)[1])
        self.both.copy(COPY, V1, operation=operation)
        self.assertEqual('ours', self.both.end_jobs()[0][0].state)

    def test_a_job_that_died_is_begun_again_by_a_sweep(self):
        self.both.copy(COPY, V1)
        self.both.kill_jobs()
        self.both.sweep()
        self.assertEqual('ours', self.both.end_jobs()[0][0].state)

    def test_its_job_died_when_it_was_cancelled(self):
        self.both.copy(COPY, V1)
        self.both.release(COPY)
        self.both.kill_jobs()
        self.assertEqual('busy', self.both.release(V1)[1])
        self.both.sweep()
        # nothing reads it any more
        self.assertEqual('wiping', self.both.release(V1)[0].state)
        self.assertEqual([(None, '')] * 2, self.both.end_jobs())

    def test_of_a_volume_that_somebody_uses_is_refused(self):
        self.reserve('lnx9', status='used')
        self.assertEqual('busy', self.both.copy(COPY, V1)[1])

    def test_of_a_volume_as_it_was_before_is_refused(self):
        self.assertEqual('stale', self.both.copy(COPY, V1, late=1)[1])
        self.assertEqual('unknown', self.both.copy(COPY, V2)[1])

    def test_its_line_is_freed_meanwhile(self):
        self.both.copy(COPY, V1)
        self.release(L1)
        self.assertEqual('nolun', self.both.claim(V2)[1])
        self.both.end_jobs()
        self.assertEqual(('ours', ''), self.state(1))

    def test_the_line_of_its_source_is_removed_meanwhile(self):
        self.both.copy(COPY, V1)
        self.both.change('--removezfcpfrompool', 'zpool1', L0, base.W1)
        self.assertEqual('ours', self.both.end_jobs()[0][0].state)

    def test_takes_the_place_of_its_volume(self):
        self.moved()
        now, _ = self.both.switch(COPY, V1)
        self.assertEqual((L1, 'current'), (now.lun, now.role))
        old, _ = self.both.look(COPY)
        self.assertEqual((L0, 'wiping', 'old', V1), (
            old.lun, old.state, old.role, old.moves))
        self.assertEqual(now, self.both.switch(COPY, V1)[0])
        self.assertEqual([(None, '')], self.both.end_jobs())
        self.assertEqual('unknown', self.both.switch(COPY, V1)[1])
        self.assertEqual([line(), line(
            L1, status='reserved', owner=ledger.stamp(V1))], self.lines())

    def test_what_is_written_meanwhile_is_not_lost(self):
        self.moved()
        self.both.write(V1, 1)
        self.assertEqual('stale', self.both.switch(COPY, V1)[1])

    def test_does_not_take_the_place_of_what_somebody_uses(self):
        self.moved()
        for lun in L0, L1:
            self.reserve('lnx9', lun=lun, status='used')
            self.assertEqual('busy', self.both.switch(COPY, V1)[1])
            self.release(lun)
        self.assertEqual('', self.both.switch(COPY, V1)[1])

    def test_an_edit_from_before_a_switch(self):
        before = self.lines()[0].split(',')
        self.moved()
        self.both.switch(COPY, V1)
        self.both.end_jobs()
        # an operator's file comes back with the volume on its old LUN
        self.reserve(before[5])
        self.assertEqual(('free', 'reserved'), self.state())
        self.assertEqual(L1, self.both.look(V1)[0].lun)
        self.assertEqual('', self.both.claim(V2)[1])


class FailedTest(base.Story):

    def setUp(self):
        super().setUp()
        self.lay(zpool1=[line(size='2G'), line(SMALL),
                         line(L1, size='5G')])
        self.both.claim(V1, least=2)
        self.both.write(V1)

    def test_on_a_smaller_disk(self):
        self.both.copy(COPY, V1)
        self.assertEqual([(None, 'copy')], self.both.end_jobs())
        found, _ = self.both.look(COPY)
        self.assertEqual(('copying', True, ''), (
            found.state, found.failed, found.source))
        # it is not begun again, and its source is free
        self.both.copy(COPY, V1)
        self.both.sweep()
        self.assertEqual([], self.both.end_jobs())
        self.assertEqual('busy', self.both.copy(V2, COPY)[1])
        self.both.delete(COPY)
        self.assertEqual(('free', ''), self.state(1))
        self.both.delete(V1)

    def test_to_a_larger_disk(self):
        self.both.claim(V2)
        self.both.write(V2, 2)
        self.assertEqual(SMALL, self.both.look(V2)[0].lun)
        # behind the end of the source
        self.both.write_to_free(L1, 4)
        self.both.copy(COPY, V2)
        found, _ = self.both.end_jobs()[0]
        self.assertEqual((L1, 'ours'), (found.lun, found.state))
        self.assertEqual({2}, set(self.both.ledger.reads(COPY)))


class RestoredTest(base.Story):

    def test_a_pool_file_that_is_away_comes_back_for_a_copy(self):
        self.lay(zpool1=[line(), line(L1), line(L2)])
        self.both.claim(V1)
        self.both.view()
        self.both.copy(COPY, V1, role='snapshot')
        (self.both.stage.folder / 'zpool1.conf').unlink()
        del self.both.pools.files['zpool1']
        self.both.copy(V2, V1, role='target', moves=V1)
        self.both.end_jobs()
        self.assertEqual('', self.both.switch(V2, V1)[1])
