# SPDX-License-Identifier: Apache-2.0
"""The volume manager of a node: groups on its disks, volumes that are active.

The metadata stands on the disks: a group goes where they go, and is there
after a reboot. Volumes become active by themselves when the last disk of
their group appears, as lvm2 does by default; a group's disk is the multipath
map, where there is one. A disk whose WWID multipath knows is left alone until
its map is there, and one that the node's files keep LVM from always.

The bytes of a volume lie in a file beside the first disk's, not on it: they
follow the disk, but not a copy of it.
"""
import dataclasses
import json
import os

from xcat_simulator.machine import blocks
from xcat_simulator.machine import keepoff
from xcat_simulator.machine import mapper
from xcat_simulator.machine import signatures
from xcat_simulator.machine import sysfs

EXTENT = 4 << 20
FIRST = 1 << 20  # a disk's first MiB holds the metadata


class VolumeError(Exception):
    """What LVM says when it refuses."""


def check_writable(device, name):
    """VolumeError for a device that a reservation keeps from writing."""
    if blocks.conflict(device, True):
        raise VolumeError('Error writing device %s at 512 length 4096.'
                          % name)


@dataclasses.dataclass
class Member:
    """A disk that belongs to LVM: `device` is a ScsiDevice or a Map."""

    device: object
    id: str
    group: dict      # {} of a disk without group

    @property
    def path(self):
        return self.device.disk.path

    @property
    def extents(self):
        return (self.device.disk.size - FIRST) // EXTENT


@dataclasses.dataclass(eq=False)
class Volume(mapper.Device):
    """An active logical volume."""

    group: str
    name: str
    uuid: str
    size: int
    index: int
    path_of_data: str
    below: tuple     # ScsiDevices and Maps

    @property
    def mapped(self):
        """Its name in dev/mapper: dashes within a name are doubled."""
        return '-'.join(part.replace('-', '--')
                        for part in (self.group, self.name))

    @property
    def routes(self):
        """The paths that its input and output take."""
        return [sd for device in self.below for sd in device.routes]


class Volumes:
    """Groups and active volumes. The node's lock is held by the caller."""

    def __init__(self, node):
        self._node = node
        self._tree = node.kernel.tree
        self.active = []

    def reset(self):
        self.active.clear()

    def members(self):
        """Every Member that can be seen, a disk with several paths once."""
        found, seen = [], set()
        maps = list(self._node.multipath.maps.values())
        for device in maps + self._node.kernel.disks():
            if device.disk in seen:
                continue
            seen.add(device.disk)
            member = signatures.read_member(device.disk.path)
            if member is not None and keepoff.lvm_sees(
                    self._node, self._names(device), device.disk.wwid):
                found.append(Member(device, member[0], _parsed(member[1])))
        return found

    def _names(self, device):
        """All names of a disk or map, as LVM tries them."""
        name, _where = self._node.block_of(device)
        if isinstance(device, mapper.Device):
            return ['/dev/' + name, '/dev/mapper/' + device.name]
        links = ['by-path/' + path
                 for path in self._node.udev.path_names(device)]
        links += ['by-id/%s%s' % (kind, device.disk.wwid)
                  for kind in ('scsi-3', 'wwn-0x')]
        return ['/dev/' + name] + ['/dev/disk/' + link for link in links]

    def groups(self):
        """{name: [Member, ...]} of the groups."""
        found = {}
        for member in self.members():
            if member.group:
                found.setdefault(member.group['name'], []).append(member)
        return found

    def write(self, group, members):
        """Put a group's metadata onto its disks; {} takes it away.

        Raises VolumeError when one is reserved by others.
        """
        for member in members:
            check_writable(member.device, member.path)
        for member in members:
            signatures.write_member(member.path, member.id,
                                    json.dumps(group) if group else '')

    def appeared(self, disk):
        """A disk has its names: activate what is complete now."""
        if signatures.read_member(disk.path) is None or (
                not keepoff.lvm_activates(self._node)):
            return
        multipath = self._node.multipath
        if disk.wwid not in multipath.maps and multipath.claims(disk):
            return
        for name, members in self.groups().items():
            complete = len(members) == len(members[0].group['members'])
            if complete and any(member.device.disk.wwid == disk.wwid
                                for member in members):
                self.activate(name)

    def activate(self, name, only=None):
        """Make a group's volumes active; returns how many are.

        Raises VolumeError when a disk is missing.
        """
        members = self.groups().get(name, [])
        if not members:
            raise VolumeError('Volume group "%s" not found' % name)
        group = members[0].group
        if {m.id for m in members} != set(group['members']):
            raise VolumeError('Refusing activation of partial LV %s. Use '
                              '--activationmode partial to override.' % name)
        here = [v.name for v in self.active if v.group == name]
        for volume in sorted(group['volumes']):
            if volume not in here and only in (None, volume):
                self._activate(group, volume, members)
        return sum(v.group == name for v in self.active)

    def _activate(self, group, name, members):
        values = group['volumes'][name]
        size = values['extents'] * EXTENT
        data = '%s.%s' % (members[0].path, values['id'])
        with open(data, 'ab') as stream:
            stream.truncate(size)
        volume = Volume(group['name'], name,
                        (group['id'] + values['id']).replace('-', ''), size,
                        self._node.free_dm(), data,
                        tuple(member.device for member in members))
        self.active.append(volume)
        self._show(volume)

    def _show(self, volume):
        tree = self._tree
        sysfs.make_block(tree, volume.path, volume.size, volume.number)
        tree.show(volume.path + '/slaves')
        tree.show(volume.path + '/dm', name=volume.mapped, suspended=0,
                  uuid='LVM-' + volume.uuid)
        for top in ('sys/block/', 'sys/class/block/'):
            tree.link(top + volume.device, volume.path)
        for device in volume.below:
            name, where = self._node.block_of(device)
            tree.link('%s/slaves/%s' % (volume.path, name), where)
            tree.link('%s/holders/%s' % (where, volume.device), volume.path)
        os.link(volume.path_of_data, tree.full('dev/' + volume.device))
        os.makedirs(tree.full('dev/' + volume.group), exist_ok=True)
        for path in self._links(volume):
            tree.link(path, 'dev/' + volume.device)

    @staticmethod
    def _links(volume):
        return ['dev/mapper/' + volume.mapped,
                'dev/%s/%s' % (volume.group, volume.name),
                'dev/disk/by-id/dm-name-' + volume.mapped,
                'dev/disk/by-id/dm-uuid-LVM-' + volume.uuid]

    def deactivate(self, volume):
        """Raises VolumeError when somebody uses it."""
        if self._node.users_of(volume):
            raise VolumeError('Logical volume %s/%s in use.' % (
                volume.group, volume.name))
        for device in volume.below:
            _name, where = self._node.block_of(device)
            self._tree.unlink('%s/holders/%s' % (where, volume.device))
        for path in self._links(volume) + [
                'dev/' + volume.device, 'sys/block/' + volume.device,
                'sys/class/block/' + volume.device]:
            self._tree.unlink(path)
        self._tree.remove(volume.path)
        self.active.remove(volume)
        if not any(v.group == volume.group for v in self.active):
            self._tree.remove('dev/' + volume.group)

    def lost(self, device):
        """A disk went away below a volume that is active: it stays."""
        name, _where = self._node.block_of(device)
        for volume in self.active:
            self._tree.unlink('%s/slaves/%s' % (volume.path, name))

    def above(self, device):
        """The active volumes that lie on a device."""
        return [volume for volume in self.active if device in volume.below]

    def find(self, name):
        """The active Volume with that device or mapped name, or None."""
        for volume in self.active:
            if name in (volume.device, volume.mapped):
                return volume
        return None


def _parsed(text):
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {}
