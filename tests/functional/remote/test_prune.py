# SPDX-License-Identifier: Apache-2.0
"""Paths that a Linux has from another life go."""

import os
import pathlib

from tests.functional.remote import base
from tests import shells
from tests import worlds
from zvm_common import exceptions
from zvm_common import guestdisk
from zvm_common import model

OTHER = '4011400700000000'
PORT = '5005076303001001'


class PruneTest(base.Base):

    shell = shells.ANY

    distro = 'rhel9'
    lun_scan = False

    def world(self):
        world = worlds.small()
        world['lpars']['host1']['guests']['guest1']['linux'] = {
            'distro': self.distro, 'lun_scan': self.lun_scan}
        return world

    def setUp(self):
        super().setUp()
        self.guest = guestdisk.GuestDisk(self.node())
        self.used, self.paths = self.use(self.trusted(), base.new())
        self.disk = self.guest.attach(
            self.used.volume_id, self.used.generation, self.paths,
            self.used.wwid, self.used.size)
        self.before = self.configured(), self.scsi()

    def configured(self):
        """What names a LUN in the files of this Linux."""
        folder = self.folder() / 'etc'
        files = [folder / 'zfcp.conf', *(folder / 'udev/rules.d').glob('*')]
        return sorted(
            line for path in files if path.exists() and
            not path.name.startswith('69-')
            for line in path.read_text().splitlines()
            if '0x4011' in line and not line.startswith('#'))

    def other_path(self, device='3B00'):
        """Another LUN, by a device of the guest; as its tools do it."""
        return model.Path(device, PORT, OTHER)

    def configure(self, path):
        self.guest.attach(base.new(), 1, (path,), None, None)

    def test_what_belongs_stays(self):
        self.assertEqual((), self.guest.prune(self.paths))
        self.assertEqual(self.before, (self.configured(), self.scsi()))

    def test_another_disk_goes_now_and_for_ever(self):
        self.configure(self.other_path())
        self.configure(self.other_path('3C00'))
        self.assertNotEqual(self.before, (self.configured(), self.scsi()))
        gone = self.guest.prune(self.paths)
        self.assertIn('3B00:%s:%s' % (PORT, OTHER), gone)
        self.assertEqual(self.before, (self.configured(), self.scsi()))
        self.assertEqual((), self.guest.prune(self.paths))

    def test_so_does_what_is_only_configured(self):
        rules = self.folder() / 'etc/udev/rules.d'
        rules.mkdir(parents=True, exist_ok=True)
        (rules / '51-zfcp-0.0.3a00.rules').write_text(
            'ATTR{[ccw/0.0.3a00]0x%s/unit_add}="0x%s"\n' % (PORT, OTHER))
        self.assertEqual(('3A00:%s:%s' % (PORT, OTHER),),
                         self.guest.prune(self.paths))
        self.assertEqual(self.before[0], self.configured())

    def test_a_disk_that_is_mounted_is_told_and_stays(self):
        self.configure(self.other_path())
        name = self.simulator.disk('host1', PORT, OTHER)['wwid']
        links = pathlib.Path(self.folder() / 'dev/disk/by-id')
        device = os.readlink(links / ('wwn-0x' + name)).rpartition('/')[2]
        with open(self.folder() / 'proc/mounts', 'a') as mounts:
            mounts.write('/dev/%s /mnt xfs rw 0 0\n' % device)
        before = self.configured(), self.scsi()
        error = self.assertRaises(exceptions.DeviceBusy, self.guest.prune,
                                  self.paths)
        self.assertIn('/mnt', str(error))
        self.assertEqual(before, (self.configured(), self.scsi()))

    def test_the_disk_itself_stays_by_its_own_paths(self):
        gone = self.guest.prune(self.paths[:2])
        self.assertEqual(
            {'%s:%s:%s' % (path.device, path.wwpn, path.lun)
             for path in self.paths[2:]}, set(gone))
        again = self.guest.attach(
            self.used.volume_id, self.used.generation, self.paths,
            self.used.wwid, self.used.size)
        self.assertEqual(self.disk.device_path, again.device_path)


class OldRedHatTest(PruneTest):
    distro = 'rhel7'


class OldSuseTest(PruneTest):
    distro = 'sles12'
