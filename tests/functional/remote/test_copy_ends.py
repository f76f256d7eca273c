# SPDX-License-Identifier: Apache-2.0
"""Copies that do not come to their end, or have to wait."""

from tests.functional.remote import base
from tests.functional.remote import copies
from tests import waits
from tests import zeros
from zvm_common import exceptions


class EndTest(copies.CopyBase):
    """Copies that do not come to their end."""

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
        failing = self.zhcp_tool('dd', copies.OWN + """\
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
        for verify, place in (('all', 20 * copies.MIB + 5), ('sampled', 9)):
            source = self.source()
            self.zhcp_tool('dd', copies.OWN + """\
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
            failing = self.zhcp_tool('cmp', copies.OWN + """\
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
        self.assertRaises(exceptions.LunBusy, self.pool.set_aside, source)
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


class WaitingTest(copies.CopyBase):
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
