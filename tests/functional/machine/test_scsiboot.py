# SPDX-License-Identifier: Apache-2.0
"""Guests that boot from a SCSI disk."""

from tests.functional.machine import base

DISK = '/dev/mapper/3'


class ScsiBootTest(base.NodeTest):

    def define(self, *devices, ipl=None, wwpn=base.WWPNS[0], number=0):
        entry = 'USER LNX00001 X 1G 2G G\n'
        entry += ''.join('DEDICATE %s %s\n' % (d, d) for d in devices)
        self.guest = self.lpar.define('LNX00001', entry)
        self.set_path(ipl or devices[0], wwpn, number)
        return self.guest

    def set_path(self, device, wwpn=base.WWPNS[0], number=0):
        for answer in (
                self.lpar.smapi('Image_SCSI_Characteristics_Define_DM',
                                'LNX00001', portname=wwpn,
                                lun=base.lun(number)),
                self.lpar.smapi('Image_IPL_Set_DM', 'LNX00001',
                                saved=device)):
            self.assertEqual(0, answer.rc)

    def write(self, text, number=0):
        with open(self.disks[number].path, 'r+b') as image:
            image.write(text.encode())

    def assert_not_loaded(self, words):
        self.assertFalse(self.guest.loaded)
        self.assertEqual('on', self.guest.power)
        self.assertIn(words, self.guest.console)
        self.assertNotIn('Linux version', self.guest.console)

    def test_it_runs_from_the_disk_and_says_so(self):
        self.write('zvm-simulator: distro=sles15\nwhat else it has')
        self.define('3B00').power_on()
        node = self.guest.linux
        self.assertEqual('sles', node.distro.id)
        self.assertIn('Linux version', self.guest.console)
        name = self.sh(node, 'while read -r d p _; do [ $p != / ] || echo $d;'
                       ' done <proc/mounts').strip()
        self.assertEqual(DISK + self.disks[0].wwid, name)
        self.assertIn('what else', self.sh(
            node, 'dd if=".%s" bs=64 count=1 2>/dev/null | tr -d "\\0"'
            % name))
        self.assertIn('rd.zfcp=0.0.3b00,0x%s,0x%s' % (
            base.WWPNS[0], base.lun(0)), self.sh(node, 'cat proc/cmdline'))

    def test_from_a_minidisk_its_console_tells_of_the_boot_too(self):
        guest = self.lpar.define('LNX00002', 'USER LNX00002 X 1G 2G G\n',
                                 linux='rhel9')
        guest.power_on()
        self.assertEqual(['Booting default (linux)', 'Linux version '
                          + guest.linux.distro.kernel],
                         guest.console.splitlines())

    def test_further_paths_join_its_map(self):
        self.write('x')
        self.define('3B00', '3C00').power_on()
        node = self.guest.linux
        self.sh(node, 'chzdev -e zfcp-host 3c00 >/dev/null')
        self.sh(node, 'chzdev -e zfcp-lun 0.0.3c00:0x%s:0x%s >/dev/null'
                % (base.WWPNS[1], base.lun(0)))
        found = node.multipath.maps[self.disks[0].wwid]
        self.assertLess(1, len(found.paths))
        self.assertFalse(node.multipath.flush(found))

    def test_what_it_keeps_is_there_when_it_boots_again(self):
        self.write('x')
        self.define('3B00').power_on()
        self.sh(self.guest.linux, 'echo kept >etc/mine')
        self.guest.reset()
        self.assertEqual('kept\n', self.sh(self.guest.linux, 'cat etc/mine'))
        self.guest.reboot()
        self.assertEqual('kept\n', self.sh(self.guest.linux, 'cat etc/mine'))

    def test_an_empty_disk_is_not_booted(self):
        self.define('3B00').power_on()
        self.assert_not_loaded('No boot record')

    def test_a_device_that_another_has(self):
        self.write('x')
        self.lpar.devices['3B00'].status = 'Active'
        self.define('3B00').power_on()
        self.assert_not_loaded('does not exist')

    def test_a_port_that_is_not_reached(self):
        self.write('x')
        self.lpar.storage.targets['50'] = base.WWPNS[1:]
        self.define('3B00').power_on()
        self.assert_not_loaded('not reached')
        self.guest.power_off()
        self.set_path('3B00', base.WWPNS[1])
        self.guest.power_on()
        self.assertTrue(self.guest.loaded)
        self.assertEqual('3B00:%s:%s' % (base.WWPNS[1], base.lun(0)),
                         str(self.guest.root))

    def test_a_lun_that_is_not_masked_to_the_device(self):
        self.write('x', 2)
        self.define('3C00', number=2).power_on()
        self.assert_not_loaded('LUN %s' % base.lun(2))

    def test_an_ipl_of_something_else_is_none_from_a_disk(self):
        self.write('x')
        self.define('3B00', ipl='0100').power_on()
        self.assertIsNone(self.guest.root)
        self.assertTrue(self.guest.loaded)
