# SPDX-License-Identifier: Apache-2.0
"""The device manager of a node: names in dev, and when they appear.

dev/sdX and dev/dm-N are hard links to the disk's file: its data is the same
for every path and node, and removing a name never touches the data. The
links in dev/disk and the multipath maps come when the event was dealt with,
`delay` seconds after the kernel's.
"""
import os
import threading
import time

from xcat_simulator.machine import distro
from xcat_simulator.machine import udevrules

BY_PATH, BY_ID = 'dev/disk/by-path', 'dev/disk/by-id'


class Udev:
    """Device names of one node. The node's lock is held by whoever calls.

    `delay` may be changed at any time; settle() waits for what is pending.
    """

    def __init__(self, node, delay):
        self._node = node
        self._tree = node.kernel.tree
        self.delay = delay
        self._pending = 0
        self._given = {}
        self._idle = threading.Condition(node.lock)

    def reset(self):
        """An empty dev with what is always there."""
        self._tree.remove('dev')
        self._pending = 0
        self._given.clear()
        for path in (BY_PATH, BY_ID, 'dev/mapper', 'dev/shm'):
            os.makedirs(self._tree.full(path))
        for name in ('null', 'zero', 'full', 'random', 'urandom'):
            os.symlink('/dev/' + name, self._tree.full('dev/' + name))
        os.symlink('/proc/self/fd', self._tree.full('dev/fd'))
        for number, name in enumerate(('stdin', 'stdout', 'stderr')):
            os.symlink('/proc/self/fd/%d' % number,
                       self._tree.full('dev/' + name))

    def later(self, action):
        """Do `action` when the event is processed: at once without delay."""
        if not self.delay:
            action()
            return
        boot = self._node.boot_id
        self._pending += 1

        def due():
            with self._node.lock:
                if self._node.boot_id != boot:
                    return
                self._pending -= 1
                try:
                    action()
                finally:
                    self._idle.notify_all()
        self._node.engine.later(self.delay, due)

    def settle(self, timeout):
        """Wait until no event is pending: True, or False on time-out."""
        end = time.monotonic() + timeout
        with self._node.lock:
            while self._pending:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._idle.wait(left)
        return True

    def disk_added(self, sd):
        """The kernel has a new disk: its node now, its links later."""
        self.make_node(sd.name, sd.disk)
        self.later(lambda: self._settled(sd))

    def disk_removed(self, sd, opened):
        if sd.settled:
            sd.settled = False
            for name in self.path_names(sd):
                self._tree.unlink('%s/%s' % (BY_PATH, name))
        self._node.multipath.path_removed(sd, opened)
        self._node.volumes.lost(sd)
        self._tree.unlink('dev/' + sd.name)
        self.refresh(sd.disk)

    def _settled(self, sd):
        if sd.port.disks.get(sd.lun) is not sd:
            return
        sd.settled = True
        for name in self.path_names(sd):
            self._tree.link('%s/%s' % (BY_PATH, name), 'dev/' + sd.name)
        self._node.multipath.path_added(sd)
        self.refresh(sd.disk)
        self._node.volumes.appeared(sd.disk)

    def path_names(self, sd):
        """The names of a path in dev/disk/by-path."""
        bus = sd.port.adapter.bus_id
        forms = {
            distro.ZFCP_PATHS: 'ccw-%s-zfcp-0x%s:0x%s' % (
                bus, sd.port.wwpn, sd.lun),
            distro.FC_PATHS: 'ccw-%s-fc-0x%s-lun-%s' % (
                bus, sd.port.wwpn, _lun_name(sd.lun))}
        return [forms[form] for form in self._node.distro.by_path]

    def refresh(self, disk):
        """Let the names of a WWID point to its map, or to a path of it."""
        paths = [sd for sd in self._node.kernel.disks()
                 if sd.disk.wwid == disk.wwid and sd.settled]
        mapped = self._node.multipath.maps.get(disk.wwid)
        target = None
        if mapped is not None:
            target = 'dev/' + mapped.device
        elif paths:
            target = 'dev/' + paths[0].name
        for name in ('scsi-3' + disk.wwid, 'wwn-0x' + disk.wwid):
            if target is None:
                self._tree.unlink('%s/%s' % (BY_ID, name))
            else:
                self._tree.link('%s/%s' % (BY_ID, name), target)
        self._give(disk, mapped, paths)

    def _give(self, disk, mapped, paths):
        """The names of the node's own rules; those of a map go first."""
        wanted = {}
        for sd in paths:
            for name in udevrules.links(self._node.folder, self._of_sd(sd)):
                wanted.setdefault(name, sd.name)
        if mapped is not None:
            for name in udevrules.links(self._node.folder, {
                    'ACTION': 'add', 'SUBSYSTEM': 'block',
                    'KERNEL': mapped.device, 'ENV{DEVTYPE}': 'disk',
                    'ENV{DM_UUID}': 'mpath-' + mapped.name,
                    'ENV{DM_NAME}': mapped.name}):
                wanted[name] = mapped.device
        for name in self._given.pop(disk, ()):
            if name not in wanted:
                self._tree.unlink('dev/' + name)
        for name, target in wanted.items():
            self._tree.link('dev/' + name, 'dev/' + target)
        if wanted:
            self._given[disk] = tuple(wanted)

    def _of_sd(self, sd):
        """What rules can ask of a path. ID_SERIAL is of VPD page 0x83."""
        facts = {'ACTION': 'add', 'SUBSYSTEM': 'block', 'KERNEL': sd.name,
                 'ENV{DEVTYPE}': 'disk', 'ENV{ID_SERIAL}': '3' + sd.disk.wwid}
        if self._node.distro.wwid:
            facts['ATTRS{wwid}'] = 'naa.' + sd.disk.wwid
        return facts

    def again(self):
        """Every disk's rules once more (udevadm trigger)."""
        for disk in {sd.disk for sd in self._node.kernel.disks()}:
            self.refresh(disk)

    def make_node(self, name, disk):
        """The device node dev/<name>: another name of the disk's file."""
        path = self._tree.full('dev/' + name)
        self._tree.unlink('dev/' + name)
        os.link(disk.path, path)


def _lun_name(lun):
    """udev's form of a LUN: decimal below 256, else 0x and 16 digits."""
    if lun.startswith('00') and lun.endswith('0' * 12):
        return str(int(lun[:4], 16))
    return '0x' + lun
