# SPDX-License-Identifier: Apache-2.0
"""A small LPAR with a zHCP and two guests, for tests of the nodes."""
import os
import shutil
import tempfile
import unittest

import testtools

from xcat_simulator.machine import confine
from xcat_simulator.machine import linux
from xcat_simulator.machine import lpar
from xcat_simulator.machine import model

WWPNS = ('5005076303000001', '5005076303000002')
GIB = 1 << 30

needs_landlock = unittest.skipUnless(
    confine.ABI >= 1, 'without Landlock a command that names an absolute path '
    'is refused')


def lun(number):
    """The 16-digit LUN of the number-th disk of the world."""
    return '40114%03d00000000' % number


class NodeTest(testtools.TestCase):
    """Two CHPIDs with NPIV (3B.., 3C..) and one without (3D..).

    Disks: 0 and 1 masked to all; 2 to 3B00 alone; 3 to 3C01 alone.
    """

    # Bytes of the first disk; the second is twice as large, and so on.
    SIZE = GIB
    LUNS = tuple(lun(i) for i in range(4))
    DISKS = (None, None, ('c05076ffe5000000',), ('c05076ffe6000001',))

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix='zvm-machine-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.disks = [
            model.Disk.create(os.path.join(self.folder, 'luns'), WWPNS,
                              self.LUNS[i], (1 + i) * self.SIZE, masked)
            for i, masked in enumerate(self.DISKS)]
        devices = [model.FcpDevice('3B%02X' % i, '50', '20076d8500005181',
                                   'c05076ffe50000%02x' % i)
                   for i in range(4)]
        devices += [model.FcpDevice('3C%02X' % i, '51', '20076d8500005182',
                                    'c05076ffe60000%02x' % i)
                    for i in range(4)]
        devices += [model.FcpDevice('3D00', '52', '20076d8500005183'),
                    model.FcpDevice('3D01', '52', '20076d8500005183',
                                    None, model.OFFLINE)]
        self.lpar = lpar.Lpar('host1', self.folder, devices, self.disks)
        self.addCleanup(self.lpar.close)

    def guest(self, userid='LNX00001', *devices, **options):
        """A running guest with these FCP devices dedicated."""
        entry = 'USER %s X 1G 2G G\n' % userid
        entry += ''.join('DEDICATE %s %s\n' % (d, d) for d in devices)
        guest = self.lpar.define(userid, entry,
                                 linux.LinuxOptions(**options))
        guest.power_on()
        return guest.linux

    def sh(self, node, script, timeout=60):
        """Run a script that must succeed; returns its stdout."""
        done = node.run('set -eu\n' + script, timeout)
        self.assertEqual((0, ''), (done.returncode, done.stderr),
                         done.stdout)
        return done.stdout

    @staticmethod
    def mount(node, device, where='/mnt'):
        """Enter a mount, from outside: the node may not name `device`."""
        with open(os.path.join(node.folder, 'proc/mounts'), 'a') as table:
            table.write('%s %s xfs rw 0 0\n' % (device, where))

    def by_path(self, node):
        """The zfcp names in dev/disk/by-path, sorted."""
        return self.sh(node, 'cd dev/disk/by-path; ls').split()
