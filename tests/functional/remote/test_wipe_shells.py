# SPDX-License-Identifier: Apache-2.0
"""Wiping and copying where the zHCP's "sh" is another shell."""

from tests.functional.remote import base
from tests import worlds
from tests import zeros
from zvm_common import model
from zvm_common import pool
from zvm_common.remote import call
from zvm_common.remote import program

SIZE = model.Capacity.parse('33M')


class BashTest(base.Base):

    shell = 'bash'
    linux = 'rhel9'

    def world(self):
        world = worlds.small()
        host = world['lpars']['host1']
        host['zhcp']['linux'] = self.linux
        line = host['pools']['zpool1'][0]
        # neither a number of MiB nor one of the kernel's pages
        host['pools']['zpool1'] = [dict(
            line, count=2, contents='random', size='33M',
            real_size=33 * 2 ** 20 + 3 * 512)]
        return world

    def setUp(self):
        super().setUp()
        node = base.InShell(self.zhcp.hypervisor.zhcp, self.shell)
        used = node.run("echo 'p=$$; readlink /proc/$p/exe' | sh -s").stdout
        self.assertEqual(self.shell, used.rpartition('/')[2])
        self.zhcp.call = call.Remote(node, program.zhcp()).call

    def test_before_it_is_given_and_when_it_is_deleted(self):
        disk = self.simulator.state()['lpars']['host1']['disks'][0]
        self.assertFalse(zeros.is_zero(disk['path']))
        lun = self.pool.claim(base.new(), base.new(), SIZE, SIZE)
        self.assertEqual('preparing', lun.state)
        lun = self.pool.wait(lun.volume_id, 120)
        self.assertEqual((disk['lun'], disk['wwid'], 'ours'),
                         (str(lun.lun), lun.wwid, lun.state))
        self.assertTrue(zeros.is_zero(disk['path']))
        zeros.scribble(disk['path'])
        self.pool.release(lun.volume_id, lun.generation)
        self.assertIsNone(self.pool.wait(lun.volume_id, 120))
        self.assertTrue(zeros.is_zero(disk['path']))
        free, _ = self.pool.view().luns
        self.assertEqual(('free', True), (free.state, free.clean))
        self.assertEqual([], self.scsi('ZHCP1'))

    def test_copied(self):
        """All of it, onto what was there before."""
        lun = self.pool.claim(base.new(), base.new(), SIZE, SIZE, trust=True)
        copy = self.pool.copy(base.new(), base.new(), SIZE, SIZE, pool.Copy(
            lun, 'current', 'all', 600))
        copy = self.pool.wait(copy.volume_id, 120)
        self.assertEqual('ours', copy.state)
        self.assertEqual(self.disk_file(lun).read_bytes(),
                         self.disk_file(copy).read_bytes())
        self.assertEqual([], self.scsi('ZHCP1'))


class BusyboxTest(BashTest):
    shell = 'busybox'


class WithoutBlkdiscardTest(BusyboxTest):
    linux = {'distro': 'rhel9', 'missing': ['blkdiscard']}
