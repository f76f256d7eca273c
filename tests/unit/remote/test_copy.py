# SPDX-License-Identifier: Apache-2.0
"""Copies on their way: cut off, cancelled, and what nobody may do meanwhile.

The jobs themselves need disks, which the simulator has.
"""

import contextlib
import itertools
import os
import shutil

from tests.unit.remote.base import GIB
from tests.unit.remote.base import new
from tests.unit.remote import test_cut_off
from tests.unit.remote.test_cut_off import LEDGER
from zvm_common import exceptions
from zvm_common import model
from zvm_common.pool import claims
from zvm_common.pool import Pool

# Here it is noted that a job begins, for which record
NOTED = 'shift 4; echo "${1##*/} $2" >>"$ZVM_ROOT/begun"\n'


def name_of(lun):
    """Of its record."""
    return '%s-%s' % (lun.wwpns[0], lun.lun)


class CopyBase(test_cut_off.CutBase):

    def setUp(self):
        super().setUp()
        self.node.tool('setsid', NOTED)
        self.node.write('begun', '')

    def copy(self, source, role='current', replaces=None, volume=None,
             operation=None):
        return self.pool.copy(
            volume or new(), operation or new(), GIB(1), GIB(2),
            claims.Copy(source, role, 'all', 3600, replaces))

    def copied(self, lun):
        """The record as the job leaves it when the copy is done."""
        record = self.record_of(lun)
        for key in ('source', 'sgen', 'limit', 'verify', 'zero'):
            record.pop(key, None)
        self.rewrite(lun, record, state='ours', gen=int(record['gen']) + 1)
        return self.pool.look(lun.volume_id)

    def failed(self, lun):
        """The record as the job leaves it when the copy has failed."""
        record = self.record_of(lun)
        del record['source']
        self.rewrite(lun, record, why='no~path', gen=int(record['gen']) + 1)
        return self.pool.look(lun.volume_id)

    def record_of(self, lun):
        return dict(row.split('=', 1) for row in self.record(
            lun).splitlines())

    def rewrite(self, lun, record, **changes):
        record = dict(record, **changes)
        del record['end']
        self.node.write(LEDGER + 'luns/' + name_of(lun), ''.join(
            '%s=%s\n' % item for item in record.items()) + 'end=1\n')

    def ended(self, lun):
        """The wipe of a LUN is done: nothing of it is left."""
        self.wiped(lun)
        self.assertIsNone(self.pool.wait(lun.volume_id, 1))

    def begun(self):
        """(record, generation) of jobs that were begun."""
        return [tuple(row.split()) for row in self.node.read(
            'begun').splitlines()]

    @contextlib.contextmanager
    def nothing_changes(self):
        before = self.records('luns'), self.lines()
        yield
        self.assertEqual(before, (self.records('luns'), self.lines()))

    def keep(self):
        """From here :meth:`anew` begins."""
        self._kept = os.path.join(self.node.root, 'kept')
        shutil.copytree(os.path.join(self.node.root, LEDGER), self._kept)
        self._lines = self.lines()

    def anew(self):
        """Ledger and pool as they were kept."""
        ledger = os.path.join(self.node.root, LEDGER)
        shutil.rmtree(ledger)
        shutil.copytree(self._kept, ledger)
        self.node.pool('zpool1', *self._lines)
        self.node.write('begun', '')


class CopyTest(CopyBase):
    """The claim of a copy, cut off at each of its steps."""

    def setUp(self):
        super().setUp()
        self.source = self.claim()
        self.keep()

    def cut_copies(self):
        """Yield (volume id, operation) of a copy cut off at each step."""
        for step in itertools.count(1):
            self.anew()
            volume, operation = new(), new()
            if not self.was_cut_at(step, self.copy, self.source, 'current',
                                   None, volume, operation):
                break
            yield volume, operation
        self.assertLess(5, step)

    def assert_copying(self, volume):
        self.assert_agreed({self.source.volume_id: None, volume: None})
        lun = self.pool.look(volume)
        self.assertEqual(('copying', self.source.volume_id, 'current'),
                         (lun.state, lun.source, lun.role))
        self.assertEqual((volume,),
                         self.pool.look(self.source.volume_id).readers)
        self.assertEqual((name_of(lun), str(lun.generation)),
                         self.begun()[-1])
        return lun

    def test_repeated(self):
        for volume, operation in self.cut_copies():
            try:
                self.copy(self.source, volume=volume, operation=operation)
            except exceptions.StaleGeneration:
                # cut off before it had a LUN: it does not get one any more
                self.assert_agreed({self.source.volume_id: None})
            else:
                self.assert_copying(volume)

    def test_swept(self):
        for volume, operation in self.cut_copies():
            has_lun = volume in [r.get('volume') for r in
                                 self.records('luns')]
            self.pool.sweep()
            if has_lun:
                self.assert_copying(volume)
            else:
                self.assert_agreed({self.source.volume_id: None})

    def test_cancelled_its_source_is_free_of_it(self):
        for volume, operation in self.cut_copies():
            lun = self.pool.cancel(volume, operation)
            if lun:
                self.pool.release(volume, lun.generation)
                self.assertEqual((), self.pool.look(
                    self.source.volume_id).readers)
                self.ended(self.pool.look(volume))
            self.assert_agreed({self.source.volume_id: None})
            with self.nothing_changes():
                self.assertRaises(
                    exceptions.StaleGeneration, self.copy, self.source,
                    volume=volume, operation=operation)


class CopyingTest(CopyBase):
    """What nobody may do while a LUN is read, or filled."""

    def setUp(self):
        super().setUp()
        self.source = self.claim()
        self.target = self.copy(self.source, 'target', self.source)

    def assert_read(self, error):
        self.assertEqual(self.target.volume_id, error.fields['readers'])

    def test_its_source_is_not_released(self):
        with self.nothing_changes():
            self.assert_read(self.assertRaises(
                exceptions.LunBusy, self.pool.release,
                self.source.volume_id, self.source.generation))

    def test_its_source_is_not_attached(self):
        with self.nothing_changes():
            self.assert_read(self.assertRaises(
                exceptions.LunBusy, self.attach, self.source, new()))

    def test_its_source_is_not_switched(self):
        self.copied(self.target)
        clone = self.copy(self.source)
        error = self.assertRaises(
            exceptions.LunBusy, self.pool.switch, self.target.volume_id,
            self.source.volume_id)
        self.assertEqual(clone.volume_id, error.fields['readers'])
        self.copied(clone)
        now = self.pool.switch(self.target.volume_id, self.source.volume_id)
        self.assertEqual(self.target.lun, now.lun)

    def test_it_is_not_switched(self):
        for lun in self.target, self.failed(self.target):
            with self.nothing_changes():
                error = self.assertRaises(
                    exceptions.LunBusy, self.pool.switch, lun.volume_id,
                    self.source.volume_id)
            self.assertEqual('copying', error.fields['state'])

    def test_it_is_not_attached_when_done(self):
        # it is not a volume's LUN yet
        lun = self.copied(self.target)
        with self.nothing_changes():
            self.assertRaises(exceptions.LunBusy, self.attach, lun, new())

    def test_one_that_failed_is_not_begun_again(self):
        self.failed(self.target)
        self.node.write('begun', '')
        self.pool.sweep()
        self.assertEqual([], self.begun())
        self.assertRaises(exceptions.CopyFailed, self.pool.wait,
                          self.target.volume_id, 1)
        lun = self.pool.look(self.target.volume_id)
        self.pool.release(lun.volume_id, lun.generation)
        self.ended(self.pool.look(lun.volume_id))
        self.assert_agreed({self.source.volume_id: None})

    def test_a_repeated_claim_brings_its_zhcp_devices(self):
        self.pool = Pool(self.node.zhcp, 'zpool1',
                         model.DeviceRanges.parse('3B0E'))
        self.copy(self.source, 'target', self.source, self.target.volume_id,
                  self.target.operation_id)
        self.assertEqual('3B0E', self.record_of(self.target)['jobfcp'])

    def test_one_whose_job_died_as_it_was_cancelled_leaves_its_source(self):
        record = self.record_of(self.target)
        # as by a release while the job runs
        self.rewrite(self.target, record, state='wiping')
        self.pool.sweep()
        self.assertEqual(name_of(self.target), self.begun()[-1][0])
        self.assertEqual((), self.pool.look(self.source.volume_id).readers)
