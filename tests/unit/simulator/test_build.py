# SPDX-License-Identifier: Apache-2.0
"""Disks behind the lines of pools."""

import os

import fixtures
import testtools

from xcat_simulator import build
from xcat_simulator import spec

ONE, TWO, THREE = ('500507630300000%d' % number for number in (1, 2, 3))
LUN = '4011400000000000'


class DisksTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.disks = build.Disks(self.folder)

    def lun(self, *wwpns, lun=LUN, **more):
        return self.disks.of(spec.Lun(wwpns=wwpns, lun=lun, size='1G',
                                      bytes=1 << 30, **more))

    def test_a_disk_is_a_sparse_file(self):
        disk = self.lun(ONE)
        found = os.stat(disk.path)
        self.assertEqual((1 << 30, 0), (found.st_size, found.st_blocks))
        self.assertRegex(disk.wwid, '^6[0-9a-f]{31}$')

    def test_a_port_and_a_lun_in_common_are_one_disk(self):
        disk = self.lun(ONE, TWO)
        self.assertIs(disk, self.lun(TWO, THREE))
        self.assertEqual((ONE, TWO, THREE), disk.wwpns)

    def test_the_same_lun_behind_another_port_is_another_disk(self):
        self.assertIsNot(self.lun(ONE), self.lun(TWO))

    def test_the_same_wwid_is_one_disk(self):
        wwid = '6' + '0' * 31
        self.assertIs(self.lun(ONE, wwid=wwid), self.lun(TWO, wwid=wwid))

    def test_random_contents_are_there(self):
        with open(self.lun(ONE, contents='random').path, 'rb') as stream:
            self.assertNotEqual(bytes(512), stream.read(512))
