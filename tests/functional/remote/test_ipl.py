# SPDX-License-Identifier: Apache-2.0
"""What our programs find after an IPL of z/VM: their disks, no more."""

from tests.functional.remote import base
from zvm_common import guestdisk

TOKEN = b"the tenant's own"


class IplTest(base.Base):
    """All goes down, and comes up with what is on disks."""

    def ipl(self):
        self.simulator.kill()
        self.simulator.restart()
        self.connect()

    def begin(self, lun):
        with self.disk_file(lun).open('rb') as disk:
            return disk.read(len(TOKEN))

    def claimed(self):
        lun = self.claim()
        with self.disk_file(lun).open('r+b') as disk:
            disk.write(TOKEN)
        return lun

    def test_a_volume_is_there_and_can_be_deleted(self):
        lun = self.claimed()
        lines = self.simulator.pool_text('host1', 'zpool1')
        self.assertIn('\nreserved,', lines)
        view = self.pool.view().luns

        self.ipl()
        self.assertEqual(lines, self.simulator.pool_text('host1', 'zpool1'))
        self.assertEqual(view, self.pool.view().luns)
        self.assertEqual(TOKEN, self.begin(lun))

        self.pool.release(lun.volume_id, lun.generation)
        self.assertIsNone(self.pool.wait(lun.volume_id, 120))
        self.assertEqual(bytes(len(TOKEN)), self.begin(lun))

    def test_a_wipe_that_was_cut_off_is_done_afterwards(self):
        lun = self.claimed()
        self.simulator.event(guest='ZHCP1 tool chccwdev hangs')
        self.pool.release(lun.volume_id, lun.generation)
        self.assertEqual(TOKEN, self.begin(lun))

        self.ipl()
        self.assertIsNone(self.pool.wait(lun.volume_id, 120))
        self.assertEqual(bytes(len(TOKEN)), self.begin(lun))
        self.assertEqual([], self.scsi('ZHCP1'))

    def test_a_volume_in_use_comes_back_with_its_guest(self):
        lun = self.claimed()
        used, paths = self.use(lun, base.new())
        disk = guestdisk.GuestDisk(self.node()).attach(
            used.volume_id, used.generation, paths, used.wwid, used.size)

        self.ipl()
        self.assertEqual('used', self.pool.look(lun.volume_id).state)
        self.power_on()
        self.assertEqual(4, len(self.scsi()))
        answer = self.node().run('dd if="$ZVM_ROOT"%s bs=%d count=1' % (
            disk.device_path, len(TOKEN)))
        self.assertEqual(TOKEN.decode(), answer.stdout.strip())

    def power_on(self):
        answer = self.zhcp.hypervisor.zhcp.run(
            'smcli Image_Activate -T LNX00001')
        self.assertTrue(answer.ok, answer)
