# SPDX-License-Identifier: Apache-2.0
"""Guests of all distributions, and the guest program in a shell of choice."""
import os
import shutil
import uuid

from tests.functional.machine import base
from tests import shells
from zvm_common.remote import program

W1, W2 = base.WWPNS
# Every release that is supported, with what keeps its paths.
RELEASES = {
    'rhel7.9': 'zfcpconf', 'rhel8': 'chzdev', 'rhel9': 'chzdev',
    'rhel10': 'chzdev', 'rhcos4': 'chzdev',
    'sles12': 'udevrules', 'sles12sp3': 'udevrules', 'sles15': 'chzdev',
    'sles16': 'chzdev',
    'ubuntu16': 'chzdev', 'ubuntu18': 'chzdev', 'ubuntu20': 'chzdev',
    'ubuntu22': 'chzdev', 'ubuntu24': 'chzdev', 'ubuntu26': 'chzdev'}


def paths(*devices, lun=base.lun(0), ports=base.WWPNS):
    """Each device with each port, as the program takes them."""
    return ';'.join('%s:%s:%s' % (device, port, lun)
                    for device in devices for port in ports)


class GuestTest(shells.ShellTestCase, base.NodeTest):
    """self.node is a guest with 3B01 and 3C01; PATHS lead to disk 0."""

    DEVICES = ('3B01', '3C01')
    PATHS = paths(*DEVICES)

    def setUp(self):
        super().setUp()
        if not shutil.which(self.shell):
            self.skipTest('%s is not installed' % self.shell)
        self.volume = str(uuid.uuid4())
        self.generation = 0
        self.disk = self.disks[0]

    def boot(self, distro='rhel9', *devices, **options):
        self.node = self.guest('LNX00001', *(devices or self.DEVICES),
                               distro=distro, **options)
        return self.node

    def reboot(self):
        self.lpar.guests['LNX00001'].reset()
        self.sh(self.node, 'udevadm settle')

    def run_program(self, verb, *arguments):
        first = ('d="$ZVM_ROOT"/tmp/shell; mkdir -p "$d"; ln -sf %s "$d/sh"; '
                 'PATH="$d:$PATH"; ' % shutil.which(self.shell))
        done = self.node.run(first + program.guest().send_command(
            'op', verb, arguments), 120)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertTrue(done.stdout.endswith(' .\n'), done.stdout)
        words = done.stdout.split()
        self.assertEqual(['zvmv1', 'op'], words[:2])
        return words[2], dict(word.partition('=')[::2]
                              for word in words[3:-1]), done.stdout

    def call(self, verb, *arguments):
        self.generation += 1
        return self.run_program(verb, self.volume, self.generation,
                                *arguments)

    def attach(self, where=None, wwid=None):
        """The fields of the answer."""
        kind, fields, text = self.call(
            'attach', wwid or self.disk.wwid, self.disk.size,
            where or self.PATHS)
        self.assertEqual('ok', kind, text)
        return fields

    def detach(self, where=None, wwid=None, *force):
        kind, fields, text = self.call(
            'detach', wwid or self.disk.wwid, where or self.PATHS, *force)
        self.assertEqual('ok', kind, text)
        return fields

    def refused(self, verb, *arguments):
        """The text of the answer, which says what to do."""
        kind, _fields, text = self.call(verb, *arguments)
        self.assertEqual('no', kind, text)
        self.assertEqual([], self.node.kernel.lost)
        return text.replace('~', ' ')

    def tool(self, name, text):
        """A program that the guest finds before its own of this name."""
        real = os.path.join(self.node.folder, 'usr/sbin', name)
        folder = os.path.join(self.node.folder, 'tmp/shell')
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), 'w') as script:
            script.write('#!/bin/sh\nreal=%s\n%s' % (real, text))
        os.chmod(os.path.join(folder, name), 0o755)

    @property
    def link(self):
        return 'dev/disk/by-id/zvm-volume-' + self.volume

    def kept(self):
        """What in the guest's files names the LUN."""
        return self.sh(self.node, 'grep -rl 0x%s etc || :'
                       % base.lun(self.disks.index(self.disk))).split()

    def scsi(self):
        return sorted(os.listdir(os.path.join(
            self.node.folder, 'sys/bus/scsi/devices')))

    def write(self, text, name):
        self.sh(self.node, 'printf %s %s | dd conv=notrunc of=%s status=none'
                % ('%s', text, name.lstrip('/')))

    def read(self, text, name):
        """What stands at the beginning is this text."""
        self.assertEqual(text, self.sh(self.node, 'head -c %d %s' % (
            len(text), name.lstrip('/'))))
