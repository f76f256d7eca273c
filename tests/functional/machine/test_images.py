# SPDX-License-Identifier: Apache-2.0
"""creatediskimage and unpackdiskimage on the zHCP."""
import os

from tests.functional.machine import base
from xcat_simulator.machine import model
from xcat_simulator.machine import reservation

W1 = base.WWPNS[0]
CREATE = 'opt/zhcp/bin/creatediskimage '
UNPACK = 'opt/zhcp/bin/unpackdiskimage '
# Where data is besides that at the begin, in bytes.
TAIL = 56 << 20


class Images(base.NodeTest):

    # All of a disk goes through gzip.
    SIZE = 64 << 20

    def setUp(self):
        super().setUp()
        self.node = self.guest('ZHCP1', lun_scan=False)
        with open(self.disks[0].path, 'r+b') as disk:
            disk.write(b'head')
            disk.seek(TAIL)
            disk.write(b'tail')

    def path(self, number=0, device='3B01'):
        return '%s 0x%s 0x%s ' % (device, W1, base.lun(number))

    def run_tool(self, command, code=0):
        done = self.node.run(command)
        self.assertEqual((code, ''), (done.returncode, done.stderr),
                         done.stdout)
        return done.stdout

    def read(self, number, offset, size=4):
        with open(self.disks[number].path, 'rb') as disk:
            disk.seek(offset)
            return disk.read(size)

    def nothing_is_left(self):
        self.assertEqual(model.FREE, self.lpar.devices['3B01'].status)
        self.assertEqual('', self.sh(
            self.node, 'ls sys/bus/ccw/devices sys/block').replace(
                'sys/bus/ccw/devices:', '').replace('sys/block:', '').strip())

    def test_a_disk_goes_into_a_file_and_onto_another(self):
        for option in ('', ' --compression 0', ' --compression 1'):
            out = self.run_tool(CREATE + self.path() + 'tmp/x.img' + option)
            self.assertNotIn('ERROR', out)
            self.assertLess(os.stat(
                self.node.folder + '/tmp/x.img').st_blocks * 512, 3 << 20)
            with open(self.disks[1].path, 'r+b') as disk:
                disk.write(b'else')
            self.run_tool(UNPACK + self.path(1) + 'tmp/x.img')
            self.assertEqual((b'head', b'tail'), (
                self.read(1, 0), self.read(1, TAIL)))
            self.assertEqual(2 * self.SIZE,
                             os.path.getsize(self.disks[1].path))
            self.nothing_is_left()
            os.unlink(self.node.folder + '/tmp/x.img')

    @base.needs_landlock
    def test_absolute_paths_are_the_nodes(self):
        self.run_tool(CREATE + self.path() + '/tmp/x.img')
        self.run_tool(UNPACK + self.path(1)
                      + '"$ZVM_ROOT/tmp/x.img"')
        self.assertEqual(b'head', self.read(1, 0))

    def test_the_version_knows_compression(self):
        self.assertEqual('2.0\n', self.run_tool(CREATE + '-V'))

    def refused(self, command, text, code=3):
        out = self.run_tool(command, code)
        self.assertIn('ERROR: ' + text, out)
        self.assertIn('FAILED.', out)
        self.assertFalse(os.path.exists(self.node.folder + '/tmp/x.img'))
        return out

    def test_wrong_arguments(self):
        self.refused(CREATE + '3B01 tmp/x.img', 'Missing required', 1)
        self.refused(CREATE + '3B01 0x1 0x2 tmp/x.img', 'WWPN and LUN must '
                     'be', 1)
        self.refused(CREATE + self.path() + 'tmp/x.img --compression 10',
                     'Compression operand', 1)

    def test_a_device_that_another_has(self):
        self.guest('LNX00001', '3B01')
        self.refused(CREATE + self.path() + 'tmp/x.img',
                     'An error was encountered while connecting')

    def test_a_lun_that_is_not_masked(self):
        out = self.refused(CREATE + self.path(2) + 'tmp/x.img',
                           'An error was encountered while locating disk')
        self.assertIn('ERROR: An error was encountered while attaching', out)
        self.nothing_is_left()

    def test_a_file_that_is_there_is_kept(self):
        self.sh(self.node, 'echo kept > tmp/y')
        out = self.run_tool(CREATE + self.path() + 'tmp/y', 3)
        self.assertIn('ERROR: The specified image file already exists.', out)
        self.assertEqual('kept\n', self.sh(self.node, 'cat tmp/y'))

    @base.needs_landlock
    def test_no_path_leads_out_of_the_node(self):
        self.refused(CREATE + self.path() + '../x.img',
                     'An error was encountered while creating')
        self.assertFalse(os.path.exists(self.node.folder + '/../x.img'))
        self.refused(UNPACK + self.path() + '../../../luns/'
                     + os.path.basename(self.disks[1].path),
                     'The specified image file was not found')

    def test_what_is_no_image_is_not_written(self):
        self.sh(self.node, 'head -c 1000 /dev/zero > tmp/y')
        out = self.run_tool(UNPACK + self.path() + 'tmp/y', 3)
        self.assertIn('ERROR: Disk image type not recognized', out)
        self.assertEqual(b'head', self.read(0, 0))

    def test_an_image_that_is_too_large(self):
        self.run_tool(CREATE + self.path(1) + 'tmp/y')
        out = self.run_tool(UNPACK + self.path(0) + 'tmp/y', 3)
        self.assertIn('ERROR: Target disk is too small', out)
        self.assertEqual(b'head', self.read(0, 0))

    def test_a_failing_dd_makes_an_empty_image_that_is_a_success(self):
        self.node.set_dd_fails(True)
        out = self.run_tool(CREATE + self.path() + 'tmp/x.img')
        self.assertIn('Image creation successful.', out)
        self.assertEqual(512, os.path.getsize(
            self.node.folder + '/tmp/x.img'))
        self.nothing_is_left()

    def test_without_compression_a_failing_dd_is_seen(self):
        self.node.set_dd_fails(True)
        self.refused(CREATE + self.path() + 'tmp/x.img --compression 0',
                     'An error was encountered while creating disk image. dd')

    def test_with_a_failing_dd_no_image_is_recognized(self):
        self.run_tool(CREATE + self.path(1) + 'tmp/y')
        self.node.set_dd_fails(True)
        out = self.run_tool(UNPACK + self.path(1) + 'tmp/y', 3)
        self.assertIn('ERROR: Disk image type not recognized', out)

    def test_a_deployment_ends_where_dd_fails(self):
        self.run_tool(CREATE + self.path() + 'tmp/z')
        self.node.set_dd_fails(True, TAIL // 2)
        out = self.run_tool(UNPACK + self.path(1) + 'tmp/z', 3)
        self.assertIn('Failed deploying disk image', out)
        self.assertEqual((b'head', bytes(4)),
                         (self.read(1, 0), self.read(1, TAIL)))

    def test_a_disk_that_others_reserved(self):
        self.run_tool(CREATE + self.path() + 'tmp/z')
        nexus = (reservation.FOREIGN, W1)
        self.disks[1].reservations.place(nexus, 1, 1)
        out = self.run_tool(UNPACK + self.path(1) + 'tmp/z', 3)
        self.assertIn('Failed deploying disk image', out)
        self.assertEqual(bytes(4), self.read(1, 0))
        self.run_tool(CREATE + self.path(1) + 'tmp/a --compression 0')
        self.disks[1].reservations.place(nexus, 1, 3)
        self.refused(CREATE + self.path(1) + 'tmp/b --compression 0',
                     'An error was encountered while creating disk image. dd')

    def test_no_image_is_left_where_the_disk_is_full(self):
        self.node.trouble.set_full(True)
        self.refused(CREATE + self.path() + 'tmp/x.img',
                     'An error was encountered while creating disk image. '
                     'No space left on device')
        self.node.trouble.set_full(False)
        self.run_tool(CREATE + self.path() + 'tmp/x.img')

    def test_only_root_of_the_zhcp(self):
        guest = self.guest('LNX00001')
        self.assertEqual('', self.sh(guest, 'ls opt'))
        self.assertEqual('', self.node.run(
            'command -v creatediskimage unpackdiskimage').stdout)
