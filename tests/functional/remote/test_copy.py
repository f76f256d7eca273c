# SPDX-License-Identifier: Apache-2.0
"""The job on the zHCP that lets a LUN become a copy of another one."""

import filecmp
import os
import pathlib
import threading

from tests.functional.remote import base
from tests.functional.remote import copies
from tests import waits
from tests import zeros
from zvm_common import exceptions
from zvm_common import pool


class CopyTest(copies.CopyBase):

    def test_it_has_the_bytes_of_its_source(self):
        source = self.source()
        copy = self.copied(source)
        self.assertEqual(('ours', 'current', None, ''), (
            copy.state, copy.role, copy.source, copy.drift))
        self.assertNotEqual(source.lun, copy.lun)
        self.assertCopy(source, copy)
        self.assertEqual([], self.scsi('ZHCP1'))

    def test_on_a_disk_that_was_clean(self):
        source = self.source()
        self.clean_one('33M')
        self.assertCopy(source, self.copied(source))

    def test_on_a_larger_disk_that_was_full_of_old_data(self):
        source = self.source()
        self.soil(source)
        copy = self.copied(source, '40M')
        self.assertEqual(40 * copies.MIB + 3 * 512, copy.real.bytes)
        self.assertCopy(source, copy)

    def test_on_a_larger_clean_disk(self):
        source = self.source()
        self.clean_one('40M')
        self.assertCopy(source, self.copied(source, '40M'))

    def test_all_of_a_disk_that_is_larger_than_its_line_says(self):
        source = self.source('40M')
        self.soil(source)
        self.assertCopy(source, self.copied(source, '40M'))

    def test_sampled(self):
        source = self.source()
        self.assertCopy(source, self.copied(source, verify='sampled'))

    def test_two_copies_of_one_source_at_once(self):
        source = self.source()
        copies = [self.gated(source)]
        copies += [self.copy(source), self.copy(source)]
        found = self.pool.look(source.volume_id)
        self.assertEqual({each.volume_id for each in copies},
                         set(found.readers))
        self.open_gate()
        for each in copies:
            self.assertCopy(source, self.pool.wait(each.volume_id, 60))
        self.assertEqual([], self.scsi('ZHCP1'))
        self.assertEqual((), self.pool.look(source.volume_id).readers)

    def test_a_copy_of_a_copy(self):
        source = self.source()
        first = self.copied(source, role='snapshot')
        second = self.copied(first, '40M')
        self.assertCopy(source, second)

    def test_a_repeated_request_finds_what_it_began(self):
        source = self.source()
        volume, operation = base.new(), base.new()
        wanted = pool.Copy(source, 'current', 'all', 60)
        size = copies.size('33M')
        found = [self.pool.copy(volume, operation, size, size, wanted)
                 for _ in range(2)]
        self.assertEqual(found[0].lun, found[1].lun)
        self.assertCopy(source, self.pool.wait(volume, 60))

    def test_reservations_of_what_is_overwritten_are_cleared(self):
        source = self.source()
        free = [lun for lun in self.pool.view().luns if lun.state == 'free'
                and lun.capacity == source.capacity]
        for lun in free:
            self.reserve(lun)
        copy = self.copied(source)
        self.assertCopy(source, copy)
        self.assertEqual({}, self.reservations(copy)['keys'])

    def test_the_source_is_read_only_meanwhile(self):
        self.zhcp_tool('blockdev', copies.OWN + """\
echo "$*" >>"$ZVM_ROOT/tmp/blockdev"
exec blockdev "$@"
""")
        self.copied(self.source())
        said = (self.folder('ZHCP1') / 'tmp/blockdev').read_text().split('\n')
        read_only, = (line.split()[1] for line in said if '--setro' in line)
        writable, = (line.split()[1] for line in said if '--setrw' in line)
        self.assertNotEqual(read_only, writable)

    @staticmethod
    def files(pid):
        """What a process has open, by number."""
        return {int(path.name): os.readlink(path) for path
                in pathlib.Path('/proc', pid, 'fd').glob('*')}

    def test_progress_and_the_job_are_told(self):
        copy = self.gated(self.source())
        found = self.pool.look(copy.volume_id)
        self.assertEqual(('copying', 'runs', 0),
                         (found.state, found.job, found.done))
        run = (self.folder('ZHCP1') / 'var/lib/zvm-volume/jobs' / (
            '%s-%s.run' % (copy.lun, copy.wwpns[0]))).read_text()
        told = dict(line.split('=') for line in run.splitlines())
        self.assertEqual(str(copy.generation), told['generation'])
        self.assertEqual(self.zhcp.hello().boot_id, told['boot'])
        self.assertTrue(int(told['began']))
        # nothing of the request that began it: its own locks are 6 and 7
        files = self.files(told['pid'])
        self.assertEqual({'/dev/null'}, {files[number] for number in range(3)})
        self.assertFalse(any(name.startswith('socket')
                             or name.endswith('zvm-volume/lock')
                             for name in files.values()), files)
        self.open_gate()
        self.pool.wait(copy.volume_id, 60)


class FenceTest(copies.CopyBase):
    """Nobody changes a source while it is read."""

    def setUp(self):
        super().setUp()
        self.lun = self.source()
        self.target = self.gated(self.lun)

    def test_it_is_not_attached(self):
        instance = base.new()
        error = self.assertRaises(exceptions.LunBusy, self.use, self.lun,
                                  instance)
        self.assertIn('being copied to ' + self.target.volume_id, str(error))
        self.open_gate()
        self.assertCopy(self.lun, self.pool.wait(self.target.volume_id, 60))
        used, _ = self.use(self.lun, instance)
        self.assertEqual('used', used.state)

    def test_it_is_not_wiped(self):
        self.assertRaises(exceptions.LunBusy, self.pool.release,
                          self.lun.volume_id, self.lun.generation)
        self.open_gate()
        self.pool.wait(self.target.volume_id, 60)
        self.pool.release(self.lun.volume_id, self.lun.generation)
        self.assertIsNone(self.pool.wait(self.lun.volume_id, 60))

    def test_the_copy_is_neither_attached_nor_copied_before_it_is_one(self):
        self.assertRaises(exceptions.LunBusy, self.use, self.target,
                          base.new())
        self.assertRaises(exceptions.LunBusy, self.copy, self.target)
        self.open_gate()
        self.pool.wait(self.target.volume_id, 60)

    def test_a_used_one_is_not_copied(self):
        self.open_gate()
        self.pool.wait(self.target.volume_id, 60)
        used, _ = self.use(self.lun, base.new())
        self.assertRaises(exceptions.LunBusy, self.copy, used)

    def test_an_attached_one_that_the_caller_saw_before(self):
        self.open_gate()
        self.pool.wait(self.target.volume_id, 60)
        instance = base.new()
        used, _ = self.use(self.lun, instance)
        self.devices.detach(used.volume_id, used.generation, instance)
        self.assertRaises(exceptions.StaleGeneration, self.copy, self.lun)

    def test_a_snapshot_is_not_attached(self):
        self.open_gate()
        self.pool.wait(self.target.volume_id, 60)
        snapshot = self.copied(self.lun, role='snapshot')
        error = self.assertRaises(exceptions.LunBusy, self.use, snapshot,
                                  base.new())
        self.assertIn('of no volume', str(error))


class SwitchTest(copies.CopyBase):
    """A copy that takes the place of its volume's LUN."""

    def setUp(self):
        super().setUp()
        self.lun = self.source()

    def target(self):
        return self.copied(self.lun, '40M', role='target',
                           replaces=self.lun)

    def test_the_volume_has_the_new_lun_and_the_old_one_is_wiped(self):
        target = self.target()
        now = self.pool.switch(target.volume_id, self.lun.volume_id)
        self.assertEqual((target.lun, 'ours', 'current', ''), (
            now.lun, now.state, now.role, now.drift))
        self.assertGreater(now.generation, self.lun.generation)
        self.assertTrue(zeros.is_scribbled(self.disk_file(self.lun))
                        or self.pool.look(target.volume_id))
        self.assertIsNone(self.pool.wait(target.volume_id, 60))
        self.assertTrue(zeros.is_zero(self.disk_file(self.lun)))
        self.assertTrue(filecmp.cmp(self.disk_file(now),
                                    self.disk_file(target)))
        used, _ = self.use(now, base.new())
        self.assertEqual(('used', now.lun), (used.state, used.lun))

    def test_an_old_lun_that_cannot_be_wiped_is_no_volume_s(self):
        target = self.target()
        self.reserve(self.lun)
        self.zhcp_tool('sg_persist', 'exit 24\n')
        now = self.pool.switch(target.volume_id, self.lun.volume_id)
        waits.until(lambda: self.old().state == 'quarantined', 60)
        self.assertIsNone(self.old().volume_id)
        self.assertIsNone(self.pool.look(target.volume_id))
        self.assertEqual(now, self.pool.look(self.lun.volume_id))

    def old(self):
        """The LUN that the volume had."""
        found, = (lun for lun in self.pool.view().luns
                  if lun.lun == self.lun.lun)
        return found

    def test_repeated(self):
        target = self.target()
        found = [self.pool.switch(target.volume_id, self.lun.volume_id)
                 for _ in range(2)]
        self.assertEqual(found[0].lun, found[1].lun)

    def test_repeated_when_the_old_lun_is_free(self):
        target = self.target()
        self.pool.switch(target.volume_id, self.lun.volume_id)
        self.assertIsNone(self.pool.wait(target.volume_id, 60))
        self.assertRaises(exceptions.VolumeUnknown, self.pool.switch,
                          target.volume_id, self.lun.volume_id)
        self.assertEqual(target.lun,
                         self.pool.look(self.lun.volume_id).lun)

    def test_who_asks_for_it_keeps_the_target(self):
        target = self.target()
        copy = self.gated(self.lun, seconds=86400)
        self.simulator.event(clock='7200')
        self.assertRaises(exceptions.LunBusy, self.pool.switch,
                          target.volume_id, self.lun.volume_id)
        self.assertRaises(exceptions.LeaseRuns, self.pool.abandon, target)
        self.open_gate()
        self.pool.wait(copy.volume_id, 60)

    def test_an_attached_volume_keeps_its_lun(self):
        target = self.target()
        instance = base.new()
        used, _ = self.use(self.lun, instance)
        self.assertRaises(exceptions.StaleGeneration, self.pool.switch,
                          target.volume_id, self.lun.volume_id)
        # nor after the guest wrote and let it go
        self.devices.detach(used.volume_id, used.generation, instance)
        self.assertRaises(exceptions.StaleGeneration, self.pool.switch,
                          target.volume_id, self.lun.volume_id)
        self.assertEqual(self.lun.lun,
                         self.pool.look(self.lun.volume_id).lun)
        self.assertTrue(zeros.is_scribbled(self.disk_file(self.lun)))

    def test_not_while_the_volume_is_copied(self):
        target = self.target()
        copy = self.gated(self.lun)
        error = self.assertRaises(
            exceptions.LunBusy, self.pool.switch, target.volume_id,
            self.lun.volume_id)
        self.assertEqual(copy.volume_id, error.fields['readers'])
        self.open_gate()
        self.pool.wait(copy.volume_id, 60)
        self.assertEqual(target.lun, self.pool.switch(
            target.volume_id, self.lun.volume_id).lun)

    def test_a_target_is_not_attached(self):
        self.assertRaises(exceptions.LunBusy, self.use, self.target(),
                          base.new())

    def test_two_at_once_are_one(self):
        targets = [self.target(), self.target()]
        ends = []

        def switch(target):
            try:
                ends.append(self.pool.switch(target.volume_id,
                                             self.lun.volume_id).lun)
            except exceptions.StaleGeneration as err:
                ends.append(type(err))
        threads = [threading.Thread(target=switch, args=(each,))
                   for each in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(1, ends.count(exceptions.StaleGeneration))
        self.assertIn(self.pool.look(self.lun.volume_id).lun, ends)
