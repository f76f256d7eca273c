# SPDX-License-Identifier: Apache-2.0
"""Small parts: directory entries, names, the list of ignored devices."""
import os
import tempfile

import testtools

from xcat_simulator.machine import cio
from xcat_simulator.machine import directory
from xcat_simulator.machine import distro
from xcat_simulator.machine import model
from xcat_simulator.machine import zfcp


class Directory(testtools.TestCase):

    def test_dedicate_statements_are_found_and_removed(self):
        entry = 'USER A B\nDEDICATE 3B20 3b21 R/O\ndedicate 100 200\n'
        self.assertEqual([('3B20', '3B21'), ('0100', '0200')],
                         directory.dedicated(entry))
        self.assertEqual('USER A B\nDEDICATE 3B20 3b21 R/O\n',
                         directory.remove_dedicate(entry, '0100'))

    def test_an_entry_without_final_newline_keeps_its_last_line(self):
        self.assertEqual('USER A\nDEDICATE 3B20 3B20\n',
                         directory.add_dedicate('USER A', '3b20', '3b20'))


class Names(testtools.TestCase):

    def test_linux_turns_the_words_of_a_lun_round(self):
        self.assertEqual(0x40004011, zfcp.scsi_lun('4011400000000000'))
        self.assertEqual(1, zfcp.scsi_lun('0001000000000000'))

    def test_disks_are_lettered(self):
        self.assertEqual(['sda', 'sdz', 'sdaa', 'sdzz', 'sdaaa'],
                         [zfcp.disk_name(i) for i in (0, 25, 26, 701, 702)])
        self.assertEqual(['8:0', '8:240', '65:0'],
                         [zfcp.disk_number(i) for i in (0, 15, 16)])

    def test_a_wwid_depends_on_ports_and_lun(self):
        one = model.make_wwid(('5005076303000001',), '4011400000000000')
        self.assertRegex(one, '^6[0-9a-f]{31}$')
        self.assertNotEqual(one, model.make_wwid(('5005076303000001',),
                                                 '4011400100000000'))

    def test_distributions(self):
        self.assertEqual('rhel', distro.find('rhel9.4').id)
        self.assertEqual('22.04', distro.find('ubuntu22.04').version)
        self.assertRaises(ValueError, distro.find, 'windows')


class Disks(testtools.TestCase):

    def test_contents(self):
        with tempfile.TemporaryDirectory() as folder:
            disk = model.Disk.create(folder, ('5005076303000001',),
                                     '4011400000000000', 1 << 30,
                                     contents='random')
            self.assertEqual(1 << 30, os.path.getsize(disk.path))
            with open(disk.path, 'rb') as image:
                self.assertEqual(model.pattern(disk.wwid, model.MIB),
                                 image.read(model.MIB))
                self.assertEqual(bytes(512), image.read(512))


class Ignored(testtools.TestCase):

    def test_ranges_are_added_and_freed(self):
        listed = cio.Blacklist()
        listed.write('add 0.0.3b00-0.0.3b0f')
        listed.write('free 3b04')
        self.assertEqual('0.0.3b00-0.0.3b03\n0.0.3b05-0.0.3b0f\n',
                         listed.text())
        listed.write('free all')
        self.assertEqual('', listed.text())

    def test_nonsense_is_refused(self):
        listed = cio.Blacklist()
        for text in ('add', 'free 0.0.zzzz', 'eat 3b00', 'add 1.0.3b00'):
            self.assertRaises(ValueError, listed.write, text)
