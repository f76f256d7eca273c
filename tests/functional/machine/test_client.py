# SPDX-License-Identifier: Apache-2.0
"""The program behind all simulated tools, with Perl and without."""

import os
import unittest.mock

from tests.functional.machine import base
from xcat_simulator.machine import distro
from xcat_simulator.machine import rootfs

# What tools print goes through the client, and its status.
SCRIPT = r'''
tell() { "$@"; echo "status $?"; }
tell vmcp q userid
tell chzdev --nothing "two words" "" "$(printf 'a\nb')"
tell blockdev --getsize64 "$(printf '\377')"
cd run
tell blockdev --getsize64 ../dev/nothing
ZVM_UID=1000 tell chzdev -e zfcp-host 0.0.3b00
tell lszdev --help
vmcp q userid >&-
echo "status $?"
mv zvm.sock gone
tell vmcp q userid
mv gone zvm.sock
'''


class ClientTest(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest()

    def first_line(self):
        with open(os.path.join(self.node.folder, rootfs.CLIENT)) as client:
            return client.readline()

    def without_perl(self):
        with unittest.mock.patch.object(distro, 'HOST_FOLDERS', ()):
            rootfs.install_tools(self.node)

    def test_both_do_the_same(self):
        if 'perl' not in self.first_line():
            self.skipTest('there is no Perl')
        first = self.node.run(SCRIPT)
        self.without_perl()
        self.assertIn('python', self.first_line())
        second = self.node.run(SCRIPT)
        self.assertEqual(first, second)
        self.assertEqual(8, first.stdout.count('status '))
        self.assertIn('LNX00001', first.stdout)
        self.assertIn('vmcp: the system is going down\n', first.stderr)
