# SPDX-License-Identifier: Apache-2.0
"""Attaching in guests of each kind: chzdev, zfcp.conf, udev rules."""
import os

from tests.functional.machine import base
from tests.functional.machine import guests
from tests import shells
from xcat_simulator.machine import distro

W1, W2 = base.WWPNS
KINDS = ('rhel7.9', 'rhel9', 'sles12')
SCAN = 'sys/module/zfcp/parameters/allow_lun_scan'


class KindsTest(guests.GuestTest):

    shell = shells.ANY

    def each(self, *kinds, devices=(), **options):
        """Boot a guest of each kind in turn."""
        for release in kinds or KINDS:
            self.boot(release, *devices, **options)
            yield release
            self.lpar.delete('LNX00001')

    def test_with_npiv_and_lun_scan_no_lun_of_others_appears(self):
        for release in self.each():
            self.assertEqual('Y\n', self.sh(self.node, 'cat ' + SCAN))
            self.assertEqual('0', self.attach()['others'], release)
            self.assertEqual(4, len(self.scsi()))
            self.assertEqual('N\n', self.sh(self.node, 'cat ' + SCAN))

    def test_without_npiv(self):
        where = guests.paths('3D00')
        for release in self.each(devices=('3D00',)):
            told = self.attach(where)
            self.assertEqual(('0', 2), (told['others'], len(self.scsi())))
            self.reboot()
            self.assertEqual(2, len(self.scsi()), release)
            self.detach(where)
            self.reboot()
            self.assertEqual(([], []), (self.scsi(), self.kept()))

    def test_devices_that_are_ignored_are_freed_also_at_the_next_start(self):
        for release in self.each(cio_ignore=True):
            self.attach()
            self.reboot()
            self.assertEqual(4, len(self.scsi()), release)

    def test_by_sudo(self):
        for release in self.each(user='core'):
            self.attach()
            self.detach()
            self.assertEqual([], self.kept(), release)

    def test_an_image_without_chzdev_has_rules(self):
        for release in self.each('ubuntu24', 'rhel10', 'rhcos4',
                                 missing=('chzdev', 'lszdev')):
            self.assertEqual('udevrules',
                             self.run_program('hello')[1]['persist'])
            self.attach()
            self.reboot()
            self.assertEqual(4, len(self.scsi()), release)
            self.detach()
            self.reboot()
            self.assertEqual(([], []), (self.scsi(), self.kept()))

    def test_what_fails_leaves_nothing(self):
        for release in self.each():
            text = self.refused('attach', '6' + 31 * '0', self.disk.size,
                                self.PATHS)
            self.assertIn('no mismatch undone=yes', text, release)
            self.assertEqual(([], []), (self.scsi(), self.kept()))
            self.assertNotIn('zvm-volume-', self.sh(
                self.node, 'ls etc/udev/rules.d dev/disk/by-id'))
            self.assertEqual('0\n0\n', self.sh(
                self.node, 'cat sys/bus/ccw/devices/*/online'))

    def test_what_was_left_for_a_device_stays_away(self):
        """A LUN of the device's user before may be another tenant's now."""
        lines = ''.join('0.0.3b01 0x%s 0x%s\n' % (port, base.lun(1))
                        for port in base.WWPNS)
        rule = ('ACTION=="add", KERNEL=="rport-*", ATTR{port_name}=="0x%s", '
                'ATTR{[ccw/0.0.3b01]0x%s/unit_add}="0x%s"\n' % (
                    W1, W1, base.lun(1)))
        for release in self.each():
            for name, text in (('zfcp.conf', lines),
                               ('udev/rules.d/51-zfcp-0.0.3b01.rules', rule)):
                with open(os.path.join(self.node.folder, 'etc', name),
                          'w') as old:
                    old.write(text)
            self.assertEqual('0', self.attach()['others'], release)
            self.reboot()
            self.assertEqual(4, len(self.scsi()))
            self.assertEqual('', self.sh(
                self.node, 'grep -rl 0x%s etc || :' % base.lun(1)))

    def test_a_setting_that_switches_lun_scan_on_is_named(self):
        for release in self.each('rhel7.9', 'sles12'):
            self.sh(self.node, 'echo options zfcp dif=1 allow_lun_scan=1 '
                    '>etc/modprobe.d/zz.conf')
            text = self.refused('attach', self.disk.wwid, self.disk.size,
                                self.PATHS)
            self.assertIn('etc/modprobe.d/zz.conf switches it on: remove '
                          'that setting', text, release)
            self.assertEqual(([], []), (self.scsi(), self.kept()))

    def test_a_unit_that_had_failed_is_tried_again(self):
        where = guests.paths('3B01', lun=base.lun(3), ports=(W1,))
        self.disk = self.disks[3]
        for release in self.each('rhel7.9', 'sles12', devices=('3B01',),
                                 lun_scan=False):
            masked, self.disk.masked_to = self.disk.masked_to, frozenset()
            self.sh(self.node, '''
                chccwdev -e 0.0.3b01 >/dev/null
                echo 0x%s >sys/bus/ccw/devices/0.0.3b01/0x%s/unit_add
                udevadm settle''' % (base.lun(3), W1))
            self.disk.masked_to = None
            self.assertEqual(where, self.attach(where)['up'], release)
            self.disk.masked_to = masked

    def test_a_volume_takes_the_name_of_the_one_before_on_its_disk(self):
        self.boot()
        self.attach()
        before, self.volume = self.link, 'd' * 8 + self.volume[8:]
        self.attach()
        self.assertEqual('', self.sh(self.node, 'ls -d %s 2>/dev/null || :'
                                     % before))
        self.write('mine', self.link)


class NamesTest(guests.GuestTest):
    """by-path names of a single path: both styles, all forms of a LUN."""

    LUNS = ('0011000000000000', '4011400100000000', '0001117000000000',
            '00ff000000000000')
    DISKS = (None,) * 4
    FORMS = {LUNS[0]: '17', LUNS[1]: '0x' + LUNS[1], LUNS[2]: '0x' + LUNS[2],
             LUNS[3]: '255'}

    def expected(self, lun):
        where = 'ccw-0.0.3b01-'
        names = {distro.ZFCP_PATHS: '%szfcp-0x%s:0x%s' % (where, W1, lun),
                 distro.FC_PATHS: '%sfc-0x%s-lun-%s' % (
                     where, W1, self.FORMS[lun])}
        return {'/dev/disk/by-path/' + names[form]
                for form in self.node.distro.by_path}

    def test_the_name_that_is_told_is_one_that_the_release_makes(self):
        for release in guests.RELEASES:
            self.boot(release, multipath=False, udev_delay=0.1)
            for number, lun in enumerate(self.LUNS):
                self.disk = self.disks[number]
                self.volume = '%d' % number + self.volume[1:]
                where = guests.paths('3B01', lun=lun, ports=(W1,))
                told = self.attach(where)
                self.assertIn(told['device'], self.expected(lun), release)
                self.write(lun, told['device'])
                self.read(lun, self.link)
            self.lpar.delete('LNX00001')
