# SPDX-License-Identifier: Apache-2.0
"""multipathd of a node: a map for each disk with two paths or more.

A map is dm-N with the uuid mpath-3<wwid>; dev/mapper/3<wwid> names it. It
stays with one path left; with none left it goes, unless it is in use: then
it stays without paths, as multipathd leaves it. No map is made over a path
that is mounted, swapped on or held. etc/multipath/wwids has every WWID that
ever had a map. What the node's files blacklist is left alone.
"""
import dataclasses
import os

from xcat_simulator.machine import keepoff
from xcat_simulator.machine import mapper
from xcat_simulator.machine import sysfs
from xcat_simulator.machine import udev

WWIDS = 'etc/multipath/wwids'


@dataclasses.dataclass(eq=False)
class Map(mapper.Device):
    """A multipath map over the ScsiDevices in `paths`."""

    disk: object
    index: int
    paths: list = dataclasses.field(default_factory=list)
    queueing: bool = True   # keeps input and output until a path is back

    @property
    def name(self):
        return '3' + self.disk.wwid

    @property
    def routes(self):
        """The path that its input and output take: the first."""
        return self.paths[:1]


class Multipath:
    """The maps of one node: {wwid: Map}. Its lock is held by the caller."""

    def __init__(self, node, enabled):
        self._node = node
        self._tree = node.kernel.tree
        self.enabled = enabled
        self.maps = {}

    def reset(self):
        self.maps.clear()

    def path_added(self, sd):
        """A path is ready: it joins its map, or makes one with another."""
        if not self.enabled or not keepoff.multipath_sees(
                self._node, sd.name, sd.disk.wwid):
            return
        if sd.disk.wwid in self.maps:
            self._join(self.maps[sd.disk.wwid], sd)
            return
        paths = [other for other in self._node.kernel.disks()
                 if other.disk.wwid == sd.disk.wwid and other.settled]
        if self._makes(sd.disk, len(paths)) and not any(
                map(self._node.is_held, paths)):
            self._make(sd.disk, paths)

    def assemble(self, sd):
        """The name of the root disk, of which one path is up."""
        if not self.enabled or not keepoff.multipath_sees(
                self._node, sd.name, sd.disk.wwid):
            return '/dev/' + sd.name
        if sd.disk.wwid not in self.maps:
            self._make(sd.disk, [sd])
            self._node.udev.refresh(sd.disk)
        return '/dev/mapper/' + self.maps[sd.disk.wwid].name

    def _makes(self, disk, paths):
        if keepoff.find_multipaths(self._node) != 'strict':
            return paths > 1
        return self._knows(disk)

    def claims(self, disk):
        """Will it make a map of this disk as soon as it can?"""
        return self.enabled and self._knows(disk)

    def _knows(self, disk):
        return '/3%s/\n' % disk.wwid in self._wwids()

    def _wwids(self):
        try:
            with open(self._tree.full(WWIDS)) as known:
                return known.read()
        except OSError:
            return ''

    def forget(self, name=None):
        """Drop a WWID from the file, or all that have no map now."""
        keep = {'/%s/' % found.name for found in self.maps.values()}
        lines = [line for line in self._wwids().splitlines()
                 if (line in keep if name is None else
                     line != '/%s/' % name)]
        if os.path.exists(self._tree.full(WWIDS)):
            with open(self._tree.full(WWIDS), 'w') as known:
                known.write(''.join(line + '\n' for line in lines))

    def _remember(self, disk):
        if self._knows(disk):
            return
        os.makedirs(os.path.dirname(self._tree.full(WWIDS)), exist_ok=True)
        with open(self._tree.full(WWIDS), 'a') as known:
            known.write('/3%s/\n' % disk.wwid)

    def path_removed(self, sd, opened):
        found = self.maps.get(sd.disk.wwid)
        if found is None or sd not in found.paths:
            return
        found.paths.remove(sd)
        self._tree.unlink('%s/slaves/%s' % (found.path, sd.name))
        if not found.paths and not self._node.users_of(found, opened):
            self._remove(found)

    def flush(self, found):
        """Remove a map (multipath -f); False when somebody uses it.

        What it queues for want of a path counts too.
        """
        if self._node.users_of(found) or (
                found.queueing and not found.paths):
            return False
        self._remove(found)
        self._node.udev.refresh(found.disk)
        return True

    def reload(self):
        """Make the maps that are missing (multipath, multipathd add)."""
        for sd in self._node.kernel.disks():
            if sd.settled:
                self.path_added(sd)
                self._node.udev.refresh(sd.disk)

    def find(self, name):
        """The map with that name, WWID or device (with or without path)."""
        for found in self.maps.values():
            if name.rsplit('/', 1)[-1] in (
                    found.name, found.device, found.disk.wwid):
                return found
        return None

    def _make(self, disk, paths):
        self._remember(disk)
        made = self.maps[disk.wwid] = Map(disk, self._node.free_dm())
        sysfs.make_block(self._tree, made.path, disk.size, made.number)
        self._tree.show(made.path + '/slaves')
        self._tree.show(made.path + '/dm', name=made.name, suspended=0,
                        uuid='mpath-' + made.name)
        for top in ('sys/block/', 'sys/class/block/'):
            self._tree.link(top + made.device, made.path)
        self._node.udev.make_node(made.device, disk)
        for path in self._links(made):
            self._tree.link(path, 'dev/' + made.device)
        for sd in paths:
            self._join(made, sd)

    @staticmethod
    def _links(found):
        return ['dev/mapper/' + found.name,
                '%s/dm-uuid-mpath-%s' % (udev.BY_ID, found.name),
                '%s/dm-name-%s' % (udev.BY_ID, found.name)]

    def _join(self, found, sd):
        if sd in found.paths:
            return
        found.paths.append(sd)
        self._tree.link('%s/slaves/%s' % (found.path, sd.name),
                        '%s/block/%s' % (sd.path, sd.name))
        self._tree.link('%s/block/%s/holders/%s' % (
            sd.path, sd.name, found.device), found.path)

    def _remove(self, found):
        for sd in found.paths:
            self._tree.unlink('%s/block/%s/holders/%s' % (
                sd.path, sd.name, found.device))
        for path in self._links(found) + ['dev/' + found.device]:
            self._tree.unlink(path)
        for top in ('sys/block/', 'sys/class/block/'):
            self._tree.unlink(top + found.device)
        self._tree.remove(found.path)
        del self.maps[found.disk.wwid]
