# SPDX-License-Identifier: Apache-2.0
"""LUNs of the operator, measured on the zHCP: their disks and their data."""

import threading

from tests.functional.remote import base
from tests.functional.remote import test_wipe
from tests import shells
from tests import waits
from tests import worlds
from tests import zeros
from zvm_common import exceptions
from zvm_common import model
from zvm_common import pool
from zvm_common.pool import managing
from zvm_common.remote import call
from zvm_common.remote import program

MIB = 2 ** 20
ODD = 33 * MIB + 3 * 512


class ManageBase(base.Base):
    """Three free LUNs of 40M, and two that an operator has reserved.

    The disks of these are some sectors larger than their lines say.
    """

    def world(self):
        world = worlds.small()
        line = world['lpars']['host1']['pools']['zpool1'][0]
        world['lpars']['host1']['pools']['zpool1'] = [
            dict(line, count=3, size='40M', real_size=40 * MIB),
            dict(line, lun='4011400800000000', count=2, size='33M',
                 real_size=ODD, status='reserved', owner='db2',
                 contents='random')]
        return world

    def setUp(self):
        super().setUp()
        self.his, self.other = [lun for lun in self.pool.view().luns
                                if lun.state == 'foreign']
        self.file = self.disk_file(self.his)
        zeros.scribble(self.file)
        self.data = self.file.read_bytes()

    def measure(self, lun=None):
        lun = lun or self.his
        return managing.measure(self.pool, pool.Reference(
            lun.wwpns[:1], lun.lun))

    def manage(self, measured=None):
        return managing.manage(self.pool, base.new(), base.new(),
                               measured or self.measure())

    def assertUntouched(self):
        self.assertEqual(self.data, self.file.read_bytes())
        self.assertEqual([], self.scsi('ZHCP1'))

    def line(self):
        return next(line.split(',') for line in self.simulator.pool_text(
            'host1', 'zpool1').splitlines() if str(self.his.lun) in line)

    def failed(self, *words, error=exceptions.PathFailed):
        found = str(self.assertRaises(error, self.measure))
        for word in words:
            self.assertIn(word, found)


class MeasureTest(ManageBase):

    shell = shells.ANY

    def test_the_disk_s_own_size_and_wwid(self):
        found = self.measure()
        self.assertEqual((self.his.wwpns, self.his.lun, ODD),
                         (found.wwpns, found.lun, found.size.bytes))
        self.assertEqual(
            self.simulator.disk('host1', str(self.his.wwpns[0]),
                                str(self.his.lun))['wwid'], found.wwid)
        self.assertUntouched()
        self.assertEqual('db2', self.line()[5])

    def test_of_a_lun_that_is_not_masked_to_the_zhcp(self):
        self.pool = pool.Pool(self.zhcp, 'zpool1')
        self.failed('no path', 'zoned')
        self.assertUntouched()

    def test_what_somebody_on_the_zhcp_has_keeps_its_path(self):
        self.zhcp_tool('disk_tool', '')
        mounts = self.folder('ZHCP1') / 'proc/mounts'
        before = mounts.read_text()
        mounts.write_text(before + '/dev/sda /mnt ext4 rw 0 0\n')
        self.failed('mount:/mnt')
        self.assertNotEqual([], self.scsi('ZHCP1'))
        mounts.write_text(before)
        self.assertEqual(ODD, self.measure().size.bytes)
        self.assertUntouched()

    def test_a_disk_that_is_smaller_than_its_line_says(self):
        path = self.folder('ZHCP1') / 'var/opt/zhcp/zfcp/zpool1.conf'
        path.write_text(path.read_text().replace('33M', '34M'))
        self.failed('%d bytes' % ODD, 'correct the size',
                    error=exceptions.NotManageable)
        self.assertUntouched()

    def test_the_disk_of_another_record(self):
        lun = self.manage()
        record = (self.folder('ZHCP1') / 'var/lib/zvm-volume/luns'
                  / ('%s-%s' % (lun.wwpns[0], lun.lun)))
        other = self.measure(self.other)
        record.write_text(record.read_text().replace(lun.wwid, other.wwid))
        error = self.assertRaises(exceptions.NotManageable, self.measure,
                                  self.other)
        self.assertIn(lun.volume_id, str(error))

    def test_others_work_meanwhile(self):
        ready = self.folder('ZHCP1') / 'tmp/ready'
        self.zhcp_tool('blockdev', gated_blockdev(ready.name))
        found = []
        thread = threading.Thread(target=lambda: found.append(self.measure()))
        thread.start()
        waits.until(ready.exists, 60)
        self.assertEqual('preparing', self.pool.claim(
            base.new(), base.new(), model.Capacity(MIB),
            model.Capacity(40 * MIB)).state)
        (self.folder('ZHCP1') / 'tmp/open').touch()
        thread.join(60)
        self.assertEqual(ODD, found[0].size.bytes)

    def test_a_path_that_was_left_goes_with_the_next_job(self):
        ready = self.folder('ZHCP1') / 'tmp/ready'
        self.zhcp_tool('blockdev', gated_blockdev(ready.name))
        self.zhcp.call = call.Remote(
            base.InShell(self.zhcp.hypervisor.zhcp, self.shell),
            program.zhcp(), attempts=1).call
        thread = threading.Thread(target=lambda: self.assertRaises(
            exceptions.ZvmError, self.measure))
        thread.start()
        waits.until(ready.exists, 60)
        (self.folder('ZHCP1') / 'tmp/shell/blockdev').unlink()
        while thread.is_alive():
            test_wipe.kill_jobs(self.folder('ZHCP1'), b'measure',
                                b'--getsize64')
            thread.join(0.1)
        self.assertNotEqual([], self.scsi('ZHCP1'))
        lun = self.claim_small()
        self.pool.release(lun.volume_id, lun.generation)
        self.pool.wait(lun.volume_id, 60)
        self.assertUntouched()

    def claim_small(self):
        lun = self.pool.claim(base.new(), base.new(), model.Capacity(MIB),
                              model.Capacity(40 * MIB))
        return self.pool.wait(lun.volume_id, 60)


def gated_blockdev(name):
    """A blockdev that waits for tmp/open when it is asked for a size."""
    return '''
PATH=${PATH#*:}
case $* in
    *getsize*)
        echo x >"$ZVM_ROOT/tmp/%s"
        until [ -e "$ZVM_ROOT/tmp/open" ] || [ ! -d "$ZVM_ROOT" ]; do
            sleep 0.05
        done ;;
esac
exec blockdev "$@"
''' % name


class CycleTest(ManageBase):

    def test_every_byte_is_kept_until_a_delete(self):
        for _ in range(2):
            lun = self.manage()
            self.assertUntouched()
            managing.unmanage(self.pool, lun)
            self.assertUntouched()
            self.assertEqual(['reserved', 'db2'], [self.line()[0],
                                                   self.line()[5]])
        lun = self.manage()
        self.pool.confirm([lun.volume_id])
        self.pool.release(lun.volume_id, lun.generation)
        self.assertIsNone(self.pool.wait(lun.volume_id, 60))
        self.assertTrue(zeros.is_zero(self.file))
        self.assertEqual('free', self.line()[0])

    def test_in_a_guest_it_is_the_disk_that_was_measured(self):
        lun = self.manage()
        used, _ = self.use(lun, base.new())
        self.assertEqual((lun.wwid, ODD), (used.wwid, used.size.bytes))

    def test_a_copy_has_all_of_it(self):
        lun = self.manage()
        copy = self.pool.copy(
            base.new(), base.new(), lun.real, model.Capacity(40 * MIB),
            pool.Copy(lun, 'current', 'all', 60))
        copy = self.pool.wait(copy.volume_id, 60)
        found = self.disk_file(copy).read_bytes()
        self.assertEqual(self.data, found[:ODD])
        self.assertEqual(b'', found[ODD:].strip(b'\0'))


class RacesTest(ManageBase):
    """At the same moment, again and again."""

    ROUNDS = 5

    def at_once(self, *functions):
        """What each has come to: its result, or its error."""
        barrier = threading.Barrier(len(functions))
        ends = [None] * len(functions)

        def run(number, function):
            barrier.wait()
            try:
                ends[number] = function()
            except exceptions.ZvmError as err:
                ends[number] = err
        threads = [threading.Thread(target=run, args=each)
                   for each in enumerate(functions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        return ends

    def won(self, ends):
        return [end for end in ends if isinstance(end, pool.LunState)]

    def test_two_manages_have_one_winner(self):
        found = self.measure()
        for _ in range(self.ROUNDS):
            ends = self.at_once(*[lambda: self.manage(found)] * 4)
            winner, = self.won(ends)
            for end in ends:
                if end is not winner:
                    self.assertIsInstance(end, exceptions.NotManageable)
                    self.assertIn(winner.volume_id, str(end))
            managing.unmanage(self.pool, winner)
        self.assertUntouched()

    def set_free(self):
        path = self.folder('ZHCP1') / 'var/opt/zhcp/zfcp/zpool1.conf'
        path.write_text(path.read_text().replace('reserved', 'free'))

    def test_a_line_set_free_against_a_claim_and_a_manage(self):
        # a LUN that was a volume's: never a claim's, whatever its line says
        found = self.measure()
        managing.unmanage(self.pool, self.manage(found))
        small = model.Capacity(33 * MIB)
        for _ in range(self.ROUNDS):
            self.set_free()
            ends = self.at_once(
                lambda: self.manage(found),
                lambda: self.pool.claim(base.new(), base.new(), small, small,
                                        trust=True))
            for lun in self.won(ends):
                if lun.lun == self.his.lun:
                    self.assertIs(lun, ends[0])
                    managing.unmanage(self.pool, lun)
            self.pool.sweep()
            self.assertEqual('reserved', self.line()[0])
        self.assertUntouched()

    def test_an_unmanage_against_an_attach_has_one_winner(self):
        found = self.measure()
        for _ in range(self.ROUNDS):
            lun, instance = self.manage(found), base.new()
            ends = self.at_once(
                lambda: managing.unmanage(self.pool, lun),
                lambda: self.use(lun, instance)[0])
            winner, = self.won(ends)
            if winner.state == 'used':
                self.assertIsInstance(ends[0], exceptions.Refused)
                lun, _ = self.devices.detach(lun.volume_id,
                                             winner.generation, instance)
                managing.unmanage(self.pool, lun)
            else:
                self.assertIsInstance(ends[1], exceptions.VolumeUnknown)
            self.devices.release(instance)
            self.assertEqual('db2', self.line()[5])
        self.assertUntouched()
