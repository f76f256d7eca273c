# SPDX-License-Identifier: Apache-2.0
"""The job on the zHCP that makes LUNs clean."""

import contextlib
import os
import pathlib
import signal
import threading

from tests.functional.remote import base
from tests import waits
from tests import worlds
from tests import zeros
from zvm_common import exceptions
from zvm_common import model


def kill_jobs(folder, *arguments):
    """SIGKILL to all jobs of a zHCP that are there now.

    :param arguments: processes that have one of these are killed
    """
    arguments = set(arguments or [b'job'])
    for entry in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            words = (entry / 'cmdline').read_bytes().split(b'\0')
            place = (entry / 'environ').read_bytes()
        except OSError:
            continue
        if arguments & set(words) and str(folder).encode() in place:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)


class WipeTest(base.Base):

    def record(self, lun):
        return (self.folder('ZHCP1') / 'var/lib/zvm-volume/luns'
                / ('%s-%s' % (lun.wwpns[0], lun.lun)))

    def delete(self, lun):
        self.pool.release(lun.volume_id, lun.generation)
        return self.pool.wait(lun.volume_id, 120)

    def test_an_unknown_lun_is_wiped_before_it_is_given(self):
        first = self.trusted()
        zeros.scribble(self.disk_file(first))
        self.record(first).unlink()
        (self.folder('ZHCP1') / 'var/opt/zhcp/zfcp/zpool1.conf').write_text(
            self.simulator.pool_text('host1', 'zpool1').replace(
                'reserved', 'free').replace(
                '_'.join(first.volume_id.replace('-', '')[i:i + 2]
                         for i in range(0, 32, 2)), ''))
        lun = self.claim()
        self.assertEqual((first.lun, 'ours'), (lun.lun, lun.state))
        self.assertTrue(zeros.is_zero(self.disk_file(lun)))

    def test_delete_leaves_zeros_and_a_clean_lun(self):
        lun = self.claim()
        zeros.scribble(self.disk_file(lun))
        self.assertIsNone(self.delete(lun))
        self.assertTrue(zeros.is_zero(self.disk_file(lun)))
        free = [s for s in self.pool.view().luns if s.lun == lun.lun][0]
        self.assertEqual(('free', True), (free.state, free.clean))
        self.assertEqual(base.GIB(1), free.real)
        self.assertEqual([], self.scsi('ZHCP1'))
        # and is preferred, and given at once
        again = self.pool.claim(base.new(), base.new(), base.GIB(1),
                                base.GIB(2))
        self.assertEqual((lun.lun, 'ours'), (again.lun, again.state))

    def test_a_foreign_hand_makes_it_unclean(self):
        lun = self.claim()
        self.delete(lun)
        path = self.folder('ZHCP1') / 'var/opt/zhcp/zfcp/zpool1.conf'
        free = path.read_text()
        path.write_text(free.replace('free', 'reserved'))
        self.pool.view()
        path.write_text(free)
        self.assertFalse(any(s.clean for s in self.pool.view().luns))

    def test_another_disk_is_not_wiped(self):
        lun = self.claim()
        zeros.scribble(self.disk_file(lun))
        text = self.record(lun).read_text()
        self.record(lun).write_text(text.replace(
            'wwid=' + lun.wwid, 'wwid=6' + 31 * '0'))
        error = self.assertRaises(exceptions.WipeFailed, self.delete, lun)
        self.assertIn(lun.wwid, str(error))
        self.assertFalse(zeros.is_zero(self.disk_file(lun)))
        found = self.pool.look(lun.volume_id)
        self.assertEqual(('quarantined', ''), (found.state, found.drift))
        # once that is mended the wipe is tried again
        self.record(lun).write_text(self.record(lun).read_text().replace(
            'wwid=6' + 31 * '0', 'wwid=' + lun.wwid))
        self.assertIsNone(self.delete(found))
        self.assertTrue(zeros.is_zero(self.disk_file(lun)))

    def test_a_wipe_that_died_is_begun_anew(self):
        lun = self.claim()
        zeros.scribble(self.disk_file(lun))
        self.pool.release(lun.volume_id, lun.generation)
        self.kill_jobs(lun)
        self.assertEqual('dead', self.pool.look(lun.volume_id).job)
        self.assertIsNone(self.pool.wait(lun.volume_id, 120))
        self.assertTrue(zeros.is_zero(self.disk_file(lun)))

    def kill_jobs(self, lun):
        """SIGKILL to the job and all it has started."""
        while self.pool.look(lun.volume_id).job != 'dead':
            kill_jobs(self.folder('ZHCP1'))

    def test_released_while_it_is_prepared(self):
        lun = self.pool.claim(base.new(), base.new(), base.GIB(1),
                              base.GIB(2))
        self.assertEqual('preparing', lun.state)
        self.pool.release(lun.volume_id, lun.generation)
        self.assertIsNone(self.pool.wait(lun.volume_id, 120))
        self.assertIsNone(self.pool.look(lun.volume_id))

    def test_a_wipe_that_was_killed_is_no_wipe(self):
        # only the part that writes dies: the job goes on and must notice
        lun = self.trusted()
        zeros.scribble(self.disk_file(lun))
        killer = self.zhcp_tool('blkdiscard', 'kill -9 "$PPID"\n')
        error = self.assertRaises(exceptions.WipeFailed, self.delete, lun)
        self.assertIn('cut off', str(error))
        self.assertFalse(any(s.clean for s in self.pool.view().luns))
        self.assertFalse(zeros.is_zero(self.disk_file(lun)))
        killer.unlink()
        self.assertIsNone(self.delete(self.pool.look(lun.volume_id)))
        self.assertTrue(zeros.is_zero(self.disk_file(lun)))

    def test_a_disk_that_is_mounted_on_the_zhcp_keeps_its_path(self):
        lun = self.trusted()
        zeros.scribble(self.disk_file(lun))
        # somebody there rescues data
        added = self.zhcp.hypervisor.zhcp.run(
            'cd "$ZVM_ROOT"/sys && echo N >module/zfcp/parameters/'
            'allow_lun_scan && chccwdev -e 0.0.3b0e && '
            'echo 0x%s >bus/ccw/drivers/zfcp/0.0.3b0e/0x%s/unit_add'
            % (lun.lun, lun.wwpns[0]))
        self.assertTrue(added.ok, added)
        mounts = self.folder('ZHCP1') / 'proc/mounts'
        before = mounts.read_text()
        mounts.write_text(before + '/dev/sda /mnt ext4 rw 0 0\n')
        error = self.assertRaises(exceptions.WipeFailed, self.delete, lun)
        self.assertIn('mount:/mnt', str(error))
        self.assertEqual(1, len(self.scsi('ZHCP1')))
        self.assertFalse(zeros.is_zero(self.disk_file(lun)))
        mounts.write_text(before)
        self.assertIsNone(self.delete(self.pool.look(lun.volume_id)))
        self.assertEqual([], self.scsi('ZHCP1'))

    def test_a_line_that_is_taken_during_a_wipe_stays(self):
        lun = self.trusted()
        self.zhcp_tool('blkdiscard', """\
sed -i 's/^reserved,\\(.*%s.*\\),[^,]*,,$/used,\\1,lnx9,3B00,/' \
    "$ZVM_ROOT"/var/opt/zhcp/zfcp/zpool1.conf
exit 1
""" % lun.lun)
        error = self.assertRaises(exceptions.PoolDamaged, self.delete, lun)
        self.assertIn('used by lnx9', str(error))
        self.assertIn(',lnx9,3B00,', self.simulator.pool_text('host1',
                                                              'zpool1'))

    def test_reservations_of_the_tenant_are_cleared(self):
        for words in ('7b', '7b 8', '7b 5'):
            lun = self.trusted()
            zeros.scribble(self.disk_file(lun))
            self.reserve(lun, words)
            self.assertIsNone(self.delete(lun))
            self.assertTrue(zeros.is_zero(self.disk_file(lun)))
            found = self.reservations(lun)
            self.assertEqual((0, {}), (found['type'], found['keys']))

    def test_a_reservation_that_stays_stops_the_wipe(self):
        lun = self.trusted()
        zeros.scribble(self.disk_file(lun))
        self.reserve(lun)
        self.zhcp_tool('sg_persist', """\
case $* in *-o*) exit 24 ;; esac
PATH=${PATH#*:} exec sg_persist "$@"
""")
        error = self.assertRaises(exceptions.WipeFailed, self.delete, lun)
        self.assertIn('cannot be cleared', str(error))
        self.assertTrue(zeros.is_scribbled(self.disk_file(lun)))

    def test_a_disk_that_knows_no_reservations_is_wiped(self):
        for said in ('exit 9', """\
[ -e "$ZVM_ROOT/tmp/told" ] || { : >"$ZVM_ROOT/tmp/told"; exit 6; }
PATH=${PATH#*:} exec sg_persist "$@"
"""):
            lun = self.trusted()
            self.zhcp_tool('sg_persist', said + '\n')
            self.assertIsNone(self.delete(lun))

    def test_a_zhcp_that_would_take_the_disk_does_not_get_it(self):
        lun = self.trusted()
        zeros.scribble(self.disk_file(lun))
        kept = self.folder('ZHCP1') / 'etc/lvm/lvmlocal.conf'
        text = kept.read_text()
        kept.unlink()
        error = self.assertRaises(exceptions.WipeFailed, self.delete, lun)
        self.assertIn('would-take:lvm', str(error))
        self.assertTrue(zeros.is_scribbled(self.disk_file(lun)))
        kept.write_text(text)
        self.assertIsNone(self.delete(self.pool.look(lun.volume_id)))
        self.assertEqual([], self.scsi('ZHCP1'))

    def test_two_waiters_see_one_end(self):
        lun = self.claim()
        self.pool.release(lun.volume_id, lun.generation)
        seen = []
        waiters = [threading.Thread(target=lambda: seen.append(
            self.pool.wait(lun.volume_id, 120))) for _ in range(2)]
        for waiter in waiters:
            waiter.start()
        for waiter in waiters:
            waiter.join()
        self.assertEqual([None, None], seen)


class ManyTest(base.Base):
    """Jobs that work at once, and how far they are."""

    GATED = """\
echo x >>"$ZVM_ROOT/tmp/at_work"
until [ -e "$ZVM_ROOT/tmp/open" ] || [ ! -d "$ZVM_ROOT" ]; do sleep 0.05; done
exit 1
"""

    def world(self):
        world = worlds.small()
        line = world['lpars']['host1']['pools']['zpool1'][0]
        world['lpars']['host1']['pools']['zpool1'] = [
            dict(line, count=6, size='33M', real_size=33 * 2 ** 20)]
        return world

    def at_work(self):
        path = self.folder('ZHCP1') / 'tmp/at_work'
        return path.read_text().count('x') if path.exists() else 0

    def begin(self):
        """Six wipes, of which four are at work."""
        self.zhcp_tool('blkdiscard', self.GATED)
        size = model.Capacity.parse('33M')
        luns = [self.pool.claim(base.new(), base.new(), size, size, trust=True)
                for _ in range(6)]
        for lun in luns:
            self.pool.release(lun.volume_id, lun.generation)
        waits.until(lambda: self.at_work() >= 4, 60)
        return luns

    def end(self, luns):
        (self.folder('ZHCP1') / 'tmp/open').touch()
        for lun in luns:
            self.assertIsNone(self.pool.wait(lun.volume_id, 120))

    def test_four_work_and_the_others_wait(self):
        luns = self.begin()
        found = [self.pool.look(lun.volume_id) for lun in luns]
        self.assertEqual({('wiping', 'runs', 0)}, {
            (each.state, each.job, each.done) for each in found})
        self.assertEqual(4, self.at_work())
        self.end(luns)
        self.assertEqual(6, self.at_work())

    def test_jobs_that_die_make_room(self):
        luns = self.begin()
        for lun in luns:
            zeros.scribble(self.disk_file(lun))
        kill_jobs(self.folder('ZHCP1'))
        self.end(luns)
        for lun in luns:
            self.assertTrue(zeros.is_zero(self.disk_file(lun)))
        self.assertEqual({('free', True)}, {
            (lun.state, lun.clean) for lun in self.pool.view().luns})


class ProgressTest(base.Base):
    """A LUN of more than one piece."""

    def world(self):
        world = worlds.small()
        line = world['lpars']['host1']['pools']['zpool1'][0]
        world['lpars']['host1']['pools']['zpool1'] = [
            dict(line, count=1, size='2.5G',
                 real_size=5 * 2 ** 29 + 3 * 512)]
        return world

    def test_it_is_told_and_all_is_wiped(self):
        lun = self.pool.claim(base.new(), base.new(), base.GIB(1),
                              base.GIB(3), trust=True)
        zeros.scribble(self.disk_file(lun))
        gate = self.folder('ZHCP1') / 'tmp/open'
        self.zhcp_tool('blkdiscard', """\
case $* in
    *"-o 0 "*) exec "$ZVM_ROOT/usr/sbin/blkdiscard" "$@" ;;
    *) until [ -e "$ZVM_ROOT/tmp/open" ] || [ ! -d "$ZVM_ROOT" ]; do
            sleep 0.05
        done ;;
esac
exit 1
""")
        self.pool.release(lun.volume_id, lun.generation)
        waits.until(lambda: self.pool.look(lun.volume_id).done, 60)
        self.assertEqual(2 ** 30, self.pool.look(lun.volume_id).done)
        self.assertFalse(zeros.is_zero(self.disk_file(lun)))
        gate.touch()
        self.assertIsNone(self.pool.wait(lun.volume_id, 120))
        self.assertTrue(zeros.is_zero(self.disk_file(lun)))


class WithoutBlkdiscardTest(base.Base):
    """Zeros are written where the kernel is too old for zeroing."""

    def world(self):
        world = worlds.small()
        world['lpars']['host1']['zhcp']['linux'] = {
            'distro': 'rhel9', 'missing': ['blkdiscard']}
        return world

    def test_zeros_are_written(self):
        lun = self.trusted()
        zeros.scribble(self.disk_file(lun))
        self.pool.release(lun.volume_id, lun.generation)
        self.assertIsNone(self.pool.wait(lun.volume_id, 120))
        self.assertTrue(zeros.is_zero(self.disk_file(lun)))


class BadLunTest(base.Base):
    """LUNs that cannot be wiped never become volumes."""

    def world(self):
        world = worlds.small()
        line = world['lpars']['host1']['pools']['zpool1'][0]
        world['lpars']['host1']['pools']['zpool1'] = [
            dict(line, count=1, real_size=2 ** 29),
            dict(line, lun='4011400100000000', count=1,
                 masked_to=['c05076ffe5001000']),
            dict(line, lun='4011400200000000', count=1)]
        return world

    def test_each_is_set_aside_with_its_reason(self):
        volume = base.new()
        reasons = []
        for _ in range(2):
            error = self.assertRaises(exceptions.WipeFailed, self.claim,
                                      volume)
            reasons.append(str(error))
            # no volume is left on the bad LUN
            self.assertIsNone(self.pool.look(volume))
        self.assertIn('the disk has 536870912 bytes', reasons[0])
        self.assertIn('masked', reasons[1])
        good = self.claim(volume)
        self.assertEqual('4011400200000000', str(good.lun))
        self.assertEqual(
            2, self.pool.view().stats()['counts']['quarantined'])
        self.pool.release(volume, good.generation)
        self.assertIsNone(self.pool.wait(volume, 120))
