# SPDX-License-Identifier: Apache-2.0
"""The programs on simulated nodes, over real HTTPS."""

import os
import pathlib
import shutil
import uuid

from tests import nursery
from tests import shells
from tests import worlds
from zvm_common import fcp
from zvm_common import guestdisk
from zvm_common import model
from zvm_common.pool import Pool
from zvm_common.remote import call
from zvm_common.remote import program
from zvm_common.xcat import guest
from zvm_common.xcat import hypervisor
from zvm_common.xcat import session
from zvm_common import zhcp

GIB = model.Capacity.from_gib
RANGES = model.DeviceRanges.parse('3B00-3B0D;3C00-3C0D')


def new():
    return str(uuid.uuid4())


class InShell:
    """A node whose "sh" is another shell than its own."""

    def __init__(self, node, shell):
        self._node = node
        self.name = node.name
        self._first = (
            'd="$ZVM_ROOT"/tmp/shell; mkdir -p "$d"; ln -sf %s "$d/sh"; '
            'PATH="$d:$PATH"; ' % shutil.which(shell))

    def run(self, command, **options):
        return self._node.run(self._first + command, **options)


class Base(shells.ShellTestCase):
    """self.simulator runs self.world(), self.pool is its first pool."""

    def world(self):
        return worlds.small()

    def setUp(self):
        super().setUp()
        if not shutil.which(self.shell):
            self.skipTest('%s is not installed' % self.shell)
        self.simulator = self.useFixture(nursery.Simulator(self.world()))
        self.connect()

    def connect(self):
        self.session = session.Session(
            self.simulator.server, worlds.USER, worlds.PASSWORD,
            ca_file=self.simulator.ca_file)
        self.addCleanup(self.session.close)
        found = hypervisor.Hypervisor.find(self.session)
        self.zhcp = zhcp.Zhcp(found, 'test')
        self.pool = Pool(self.zhcp, 'zpool1',
                         model.DeviceRanges.parse('3B0E;3C0E'))
        self.devices = fcp.Devices(self.zhcp, RANGES, compute='compute1')

    def claim(self, volume=None, least=1, most=2):
        lun = self.pool.claim(volume or new(), new(), GIB(least), GIB(most))
        return self.pool.wait(lun.volume_id, 120)

    def trusted(self):
        return self.pool.claim(new(), new(), GIB(1), GIB(2), trust=True)

    def use(self, lun, instance, userid='LNX00001', name='guest1'):
        """Dedicate to a guest: LunState and its paths."""
        self.devices.hold(instance, userid)
        held = [d.number for d in self.devices.list()
                if d.instance == instance]
        used = self.devices.attach(fcp.AttachRequest(
            lun.volume_id, lun.generation, new(), instance, userid, name,
            tuple(held)))
        return used, guestdisk.paths_of(used.devices, used.wwpns, used.lun)

    def node(self, name='guest1'):
        return InShell(guest.Node(self.session, name), self.shell)

    def disk_file(self, lun):
        return pathlib.Path(self.simulator.disk(
            'host1', str(lun.wwpns[0]), str(lun.lun))['path'])

    def folder(self, userid='LNX00001'):
        return pathlib.Path(self.simulator.node_folder('host1', userid))

    def tool(self, name, text, userid='LNX00001'):
        """A program that a node finds before its own of this name."""
        path = self.folder(userid) / 'tmp/shell' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#!/bin/sh\n' + text)
        path.chmod(0o755)
        return path

    def zhcp_tool(self, name, text):
        """As tool, on the zHCP."""
        self.zhcp.call = call.Remote(
            InShell(self.zhcp.hypervisor.zhcp, self.shell),
            program.zhcp()).call
        return self.tool(name, text, 'ZHCP1')

    def reserve(self, lun, words='7b 8'):
        """A foreign host registers a key and reserves the disk."""
        self.simulator.event('host1', reservation='%s %s %s' % (
            lun.wwpns[0], lun.lun, words))

    def reservations(self, lun):
        return self.simulator.disk('host1', str(lun.wwpns[0]),
                                   str(lun.lun))['reservations']

    def scsi(self, userid='LNX00001'):
        """The SCSI devices of a guest."""
        return sorted(os.listdir(self.folder(userid) / 'sys/bus/scsi/devices'))
