# SPDX-License-Identifier: Apache-2.0
"""Disks behind the lines of pools."""

import os
import resource

import fixtures
import testtools

from xcat_simulator import build
from xcat_simulator.machine import model
from xcat_simulator import spec

ONE, TWO, THREE = ('500507630300000%d' % number for number in (1, 2, 3))
LUN = '4011400000000000'


class DisksTest(testtools.TestCase):

    def disks(self, *luns):
        """The disks of one pool with these spec.Luns."""
        folder = self.useFixture(fixtures.TempDir()).path
        lpar = spec.Lpar(name='host1', zhcp=None, pools={'pool': luns})
        found = build.Disks(folder, [lpar])
        return [found.of(lun) for lun in luns]

    def lun(self, *wwpns, lun=LUN, **more):
        return spec.Lun(wwpns=wwpns, lun=lun, size='1G',
                        bytes=more.pop('bytes', 1 << 30), **more)

    def test_a_disk_is_a_sparse_file(self):
        disk, = self.disks(self.lun(ONE))
        found = os.stat(disk.path)
        self.assertEqual((1 << 30, 0), (found.st_size, found.st_blocks))
        self.assertRegex(disk.wwid, '^6[0-9a-f]{31}$')

    def test_a_port_and_a_lun_in_common_are_one_disk(self):
        disk, other = self.disks(self.lun(ONE, TWO), self.lun(TWO, THREE))
        self.assertIs(disk, other)
        self.assertEqual((ONE, TWO, THREE), disk.wwpns)

    def test_two_lines_that_a_third_joins_are_one_disk(self):
        first, second, third = self.disks(
            self.lun(ONE), self.lun(TWO), self.lun(ONE, TWO))
        self.assertIs(first, second)
        self.assertIs(first, third)

    def test_the_same_lun_behind_another_port_is_another_disk(self):
        disk, other = self.disks(self.lun(ONE), self.lun(TWO))
        self.assertIsNot(disk, other)

    def test_the_same_wwid_is_one_disk(self):
        wwid = '6' + '0' * 31
        disk, other = self.disks(self.lun(ONE, wwid=wwid),
                                 self.lun(TWO, wwid=wwid))
        self.assertIs(disk, other)

    def test_a_wwid_counts_whichever_line_has_it(self):
        disk, _ = self.disks(self.lun(ONE), self.lun(ONE, wwid='6' + '0' * 31))
        self.assertEqual('6' + '0' * 31, disk.wwid)

    def test_random_contents_are_there(self):
        disk, = self.disks(self.lun(ONE, contents='random'))
        with open(disk.path, 'rb') as stream:
            self.assertNotEqual(bytes(512), stream.read(512))

    def test_a_disk_too_large_for_the_file_system_is_told(self):
        # Each file system has a limit of its own; this one is the process's.
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, limits)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
        error = self.assertRaises(model.MachineError, self.disks,
                                  self.lun(ONE, bytes=2 << 20))
        self.assertIn(LUN, str(error))


class InactiveTest(testtools.TestCase):
    """A DEDICATE statement whose active half is not there."""

    def test_it_is_in_the_entry_and_not_active(self):
        entry = 'USER LNX1\nDEDICATE 3B00 3B00\nDEDICATE 3B01 3B01\n'
        folder = self.useFixture(fixtures.TempDir()).path
        one = spec.Lpar(
            name='host1', zhcp=spec.Zhcp('zhcp1', 'zhcp1.example.com', 'Z'),
            devices=tuple(spec.Device(number, '50', ONE, None, 'Free')
                          for number in ('3B00', '3B01')),
            guests=(spec.Guest('guest1', 'LNX1', directory=entry,
                               inactive=frozenset(['3B01'])),))
        made = build.lpar(one, folder, build.Disks(folder, [one]))
        self.addCleanup(made.close)
        build.power_guests(one, made)
        self.assertEqual(['3B00'], list(made.guests['LNX1'].active_devices))
        self.assertEqual(entry, made.guests['LNX1'].directory)
