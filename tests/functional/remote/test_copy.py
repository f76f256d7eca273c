# SPDX-License-Identifier: Apache-2.0
"""The job on the zHCP that lets a LUN become a copy of another one."""

import filecmp
import os
import pathlib
import threading

from tests.functional.remote import base
from tests.functional.remote import test_wipe
from tests import waits
from tests import worlds
from tests import zeros
from zvm_common import exceptions
from zvm_common import model
from zvm_common import pool

MIB = 2 ** 20
# Of a tool that stands before the node's own of the same name.
OWN = 'PATH=${PATH#*:}\n'
GATED = OWN + """\
case $* in
    *of=*/dev/sd*)
        echo x >>"$ZVM_ROOT/tmp/at_work"
        until [ -e "$ZVM_ROOT/tmp/open" ] || [ ! -d "$ZVM_ROOT" ]; do sleep 0.05; done ;;
esac
exec dd "$@"
"""


def size(text):
    return model.Capacity.parse(text)


class CopyBase(base.Base):
    """LUNs of 33M, and of 40M whose disks are a bit larger."""

    def world(self):
        world = worlds.small()
        line = world['lpars']['host1']['pools']['zpool1'][0]
        world['lpars']['host1']['pools']['zpool1'] = [
            dict(line, count=6, size='33M', real_size=33 * MIB),
            dict(line, lun='4011400800000000', count=3, size='40M',
                 real_size=40 * MIB + 3 * 512)]
        return world

    def source(self, text='33M', trust=True):
        """A volume with a tenant's data."""
        lun = self.pool.claim(base.new(), base.new(), size(text), size(text),
                              trust=trust)
        lun = self.pool.wait(lun.volume_id, 60)
        zeros.scribble(self.disk_file(lun))
        return lun

    def copy(self, source, text='33M', role='current', verify='all',
             seconds=600, replaces=None):
        """Begin a copy; its LunState."""
        return self.pool.copy(
            base.new(), base.new(), size(text), size(text),
            pool.Copy(source, role, verify, seconds, replaces))

    def copied(self, *args, **kwargs):
        return self.pool.wait(self.copy(*args, **kwargs).volume_id, 60)

    def assertCopy(self, source, copy):
        """Byte for byte, and zeros behind the source's end."""
        data = self.disk_file(source).read_bytes()
        found = self.disk_file(copy).read_bytes()
        self.assertTrue(found.startswith(data), 'the copy differs')
        self.assertFalse(found[len(data):].strip(b'\0'))
        self.assertTrue(zeros.is_scribbled(self.disk_file(source)))

    def open_gate(self):
        (self.folder('ZHCP1') / 'tmp/open').touch()

    def at_work(self):
        return (self.folder('ZHCP1') / 'tmp/at_work').exists()

    def gated(self, *args, **kwargs):
        """A copy whose job stands before its first write."""
        self.zhcp_tool('dd', GATED)
        copy = self.copy(*args, **kwargs)
        waits.until(self.at_work, 60)
        return copy

    def soil(self, source):
        """Old data on every LUN that is free, and their records gone."""
        for lun in self.pool.view().luns:
            if lun.state == 'free':
                path = self.disk_file(lun)
                path.write_bytes(b'old!' * (path.stat().st_size // 4))

    def clean_one(self, text):
        """A LUN of this size whose wipe was seen."""
        lun = self.source(text)
        self.pool.release(lun.volume_id, lun.generation)
        self.assertIsNone(self.pool.wait(lun.volume_id, 60))


class CopyTest(CopyBase):

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
        self.assertEqual(40 * MIB + 3 * 512, copy.real.bytes)
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
        found = [self.pool.copy(volume, operation, size('33M'), size('33M'),
                                wanted) for _ in range(2)]
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
        self.zhcp_tool('blockdev', OWN + """\
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


class FenceTest(CopyBase):
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


class EndTest(CopyBase):
    """Copies that do not come to their end."""

    def kill(self, copy):
        """SIGKILL to the job and to the dd that it waits for."""
        while self.pool.look(copy.volume_id).job != 'dead':
            test_wipe.kill_jobs(self.folder('ZHCP1'), b'job',
                                b'conv=notrunc,fsync')

    def test_cancelled(self):
        source = self.source()
        copy = self.gated(source)
        self.pool.release(copy.volume_id, copy.generation)
        self.open_gate()
        self.assertIsNone(self.pool.wait(copy.volume_id, 60))
        self.assertTrue(zeros.is_zero(self.disk_file(copy)))
        self.assertTrue(zeros.is_scribbled(self.disk_file(source)))
        self.assertEqual((), self.pool.look(source.volume_id).readers)
        self.assertEqual([], self.scsi('ZHCP1'))

    def test_a_source_that_cannot_be_read(self):
        source = self.source()
        failing = self.zhcp_tool('dd', OWN + """\
case $* in *if=*/dev/sd*) echo "dd: error reading" >&2; exit 1 ;; esac
exec dd "$@"
""")
        copy = self.copy(source)
        error = self.assertRaises(exceptions.CopyFailed, self.pool.wait,
                                  copy.volume_id, 60)
        self.assertIn('error reading', str(error))
        found = self.pool.look(copy.volume_id)
        self.assertEqual('copying', found.state)
        self.assertEqual((), self.pool.look(source.volume_id).readers)
        # a sweep does not try again, and its volume can be deleted
        self.assertEqual((), self.pool.sweep().mended)
        failing.unlink()
        self.pool.release(copy.volume_id, found.generation)
        self.assertIsNone(self.pool.wait(copy.volume_id, 60))
        self.assertTrue(zeros.is_zero(self.disk_file(copy)))

    def test_a_disk_that_does_not_give_back_what_was_written(self):
        for verify, place in (('all', 20 * MIB + 5), ('sampled', 9)):
            source = self.source()
            self.zhcp_tool('dd', OWN + """\
dd "$@" || exit
case $* in
    *if=*/dev/sd*of=*/dev/sd*)
        out=${*#*of=}
        printf x | dd of="${out%%%% *}" bs=1 seek=%d conv=notrunc ;;
esac
""" % place)
            copy = self.copy(source, verify=verify)
            error = self.assertRaises(exceptions.WipeFailed, self.pool.wait,
                                      copy.volume_id, 60)
            self.assertIn('does not read as its source', str(error))
            self.assertIsNone(self.pool.look(copy.volume_id))
            found, = (lun for lun in self.pool.view().luns
                      if lun.lun == copy.lun)
            self.assertEqual('quarantined', found.state)
            self.assertEqual([], self.scsi('ZHCP1'))

    def test_a_source_that_is_reserved(self):
        source = self.source()
        self.reserve(source)        # exclusive access
        copy = self.copy(source)
        self.assertRaises(exceptions.CopyFailed, self.pool.wait,
                          copy.volume_id, 60)
        self.assertEqual(8, self.reservations(source)['type'])

    def test_a_zhcp_that_would_take_the_source_does_not_get_it(self):
        source = self.source()
        (self.folder('ZHCP1') / 'etc/lvm/lvmlocal.conf').unlink()
        copy = self.copy(source)
        error = self.assertRaises(exceptions.CopyFailed, self.pool.wait,
                                  copy.volume_id, 60)
        self.assertIn('would-take:lvm', str(error))

    def test_not_done_in_its_time(self):
        copy = self.copy(self.source(), seconds=0)
        error = self.assertRaises(exceptions.CopyFailed, self.pool.wait,
                                  copy.volume_id, 60)
        self.assertIn('zvm_job_timeout', str(error))

    def test_a_target_that_is_too_small(self):
        copy = self.copy(self.source('40M'), '33M')
        error = self.assertRaises(exceptions.CopyFailed, self.pool.wait,
                                  copy.volume_id, 60)
        self.assertIn('the LUN for its copy 34603008', str(error))

    def test_another_disk_behind_the_source(self):
        source = self.source(trust=False)
        record = (self.folder('ZHCP1') / 'var/lib/zvm-volume/luns'
                  / ('%s-%s' % (source.wwpns[0], source.lun)))
        record.write_text(record.read_text().replace(
            'wwid=' + source.wwid, 'wwid=6' + 31 * '0'))
        copy = self.copy(source)
        error = self.assertRaises(exceptions.CopyFailed, self.pool.wait,
                                  copy.volume_id, 60)
        self.assertIn('another disk', str(error))

    def test_a_dead_job_is_begun_again(self):
        for again in (lambda copy: self.pool.wait(copy.volume_id, 60),
                      lambda copy: self.pool.sweep()):
            source = self.source()
            copy = self.gated(source)
            self.kill(copy)
            self.assertEqual((copy.volume_id,),
                             self.pool.look(source.volume_id).readers)
            self.open_gate()
            again(copy)
            self.assertCopy(source, self.pool.wait(copy.volume_id, 60))
            (self.folder('ZHCP1') / 'tmp/open').unlink()
            (self.folder('ZHCP1') / 'tmp/at_work').unlink()

    def test_what_cannot_be_read_back_is_no_difference(self):
        """Cables that are pulled must not cost good disks."""
        for verify in ('all', 'sampled'):
            source = self.source()
            failing = self.zhcp_tool('cmp', OWN + """\
case $* in */dev/sd*) exit 2 ;; esac
exec cmp "$@"
""")
            copy = self.copy(source, verify=verify)
            error = self.assertRaises(exceptions.CopyFailed, self.pool.wait,
                                      copy.volume_id, 60)
            self.assertIn('reading back failed at byte 0', str(error))
            failing.unlink()
            found = self.pool.look(copy.volume_id)
            self.pool.release(found.volume_id, found.generation)
            self.assertIsNone(self.pool.wait(found.volume_id, 60))

    def test_a_copy_killed_and_given_up_leaves_no_path(self):
        source = self.source()
        copy = self.gated(source)
        self.kill(copy)
        self.open_gate()
        self.assertEqual(2, len(self.scsi('ZHCP1')))
        self.pool.release(copy.volume_id, copy.generation)
        self.assertIsNone(self.pool.wait(copy.volume_id, 60))
        self.assertEqual([], self.scsi('ZHCP1'))

    def test_a_path_of_before_is_not_trusted(self):
        """It would tell of the disk that was there then."""
        source = self.source(trust=False)
        copy = self.gated(source)
        self.kill(copy)
        self.open_gate()
        path, = (self.folder('ZHCP1') / 'sys/bus/scsi/devices' / name
                 for name in self.scsi('ZHCP1')
                 if self.is_of(name, source))
        (path / 'wwid').unlink()
        (path / 'wwid').write_text('naa.6' + 31 * '0' + '\n')
        self.assertCopy(source, self.pool.wait(copy.volume_id, 60))
        self.assertEqual([], self.scsi('ZHCP1'))

    def is_of(self, name, lun):
        """Whether a SCSI device of the zHCP is a path to a LUN."""
        return str(lun.lun) in (
            self.folder('ZHCP1') / 'sys/bus/scsi/devices' / name
            / 'fcp_lun').read_text()

    def test_a_source_of_a_create_that_nobody_knows_is_not_abandoned(self):
        source = self.source()
        copy = self.gated(source, seconds=86400)
        self.simulator.event(clock='7200')
        error = self.assertRaises(exceptions.LunBusy, self.pool.abandon,
                                  source)
        self.assertIn('being copied to ' + copy.volume_id, str(error))
        self.open_gate()
        self.assertCopy(source, self.pool.wait(copy.volume_id, 60))

    def test_somebody_else_uses_the_source_meanwhile(self):
        source = self.source()
        copy = self.gated(source)
        path = self.folder('ZHCP1') / 'var/opt/zhcp/zfcp/zpool1.conf'
        lines = path.read_text().splitlines()
        place, = (number for number, line in enumerate(lines)
                  if str(source.lun) in line)
        cells = lines[place].split(',')
        lines[place] = ','.join(['used', *cells[1:5], 'lnx9', '3B00', ''])
        path.write_text('\n'.join(lines) + '\n')
        self.open_gate()
        error = self.assertRaises(exceptions.CopyFailed, self.pool.wait,
                                  copy.volume_id, 60)
        self.assertIn('somebody else uses the source', str(error))

    def test_cancelled_after_its_job_died(self):
        source = self.source()
        copy = self.gated(source)
        self.kill(copy)
        self.open_gate()
        self.pool.release(copy.volume_id, copy.generation)
        self.assertIsNone(self.pool.wait(copy.volume_id, 60))
        self.assertEqual((), self.pool.look(source.volume_id).readers)

    def test_abandoned_when_its_lease_is_over_and_not_while_it_runs(self):
        copy = self.gated(self.source(), seconds=86400)
        self.simulator.event(clock='7200')
        error = self.assertRaises(exceptions.LeaseRuns, self.pool.abandon,
                                  copy)
        self.assertIn('still copies', str(error))
        self.open_gate()
        copy = self.pool.wait(copy.volume_id, 60)
        # who waited for it has its time
        self.assertRaises(exceptions.LeaseRuns, self.pool.abandon, copy)
        self.simulator.event(clock='14400')
        self.pool.abandon(copy)
        self.assertIsNone(self.pool.wait(copy.volume_id, 60))


class WaitingTest(CopyBase):
    """More copies than work at once."""

    def test_one_that_is_given_up_lets_its_source_go_at_once(self):
        source = self.source()
        others = [self.gated(source)]
        others += [self.copy(source) for _ in range(3)]
        waits.until(lambda: (self.folder('ZHCP1') / 'tmp/at_work')
                    .read_text().count('x') == 4, 60)
        second = self.source('40M')
        waiting = self.copy(second, '40M')
        self.assertEqual((waiting.volume_id,),
                         self.pool.look(second.volume_id).readers)
        self.pool.release(waiting.volume_id, waiting.generation)
        self.assertEqual((), self.pool.look(second.volume_id).readers)
        used, _ = self.use(second, base.new())
        self.assertEqual('used', used.state)
        self.open_gate()
        for each in others:
            self.pool.wait(each.volume_id, 60)
        self.assertIsNone(self.pool.wait(waiting.volume_id, 60))


class SwitchTest(CopyBase):
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
