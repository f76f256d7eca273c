# SPDX-License-Identifier: Apache-2.0
"""The block devices of a node as programs name them."""
import dataclasses
import os

from xcat_simulator.machine import signatures


@dataclasses.dataclass(frozen=True)
class Block:
    """A block device: `device` is a ScsiDevice, a Map or a Volume.

    kernel: its name in sys/block. path: the host's file with its bytes.
    """

    kernel: str
    name: str
    kind: str
    size: int
    number: str
    path: str
    device: object

    @property
    def shown(self):
        """Its path as programs show it."""
        return '/dev/' + (self.name if self.kind == 'disk'
                          else 'mapper/' + self.name)


def every(node):
    """All Blocks: disks, maps, volumes. The caller holds the node's lock."""
    for sd in node.kernel.disks():
        yield Block(sd.name, sd.name, 'disk', sd.disk.size, sd.number,
                    sd.disk.path, sd)
    for found in node.multipath.maps.values():
        yield Block(found.device, found.name, 'mpath', found.disk.size,
                    found.number, found.disk.path, found)
    for volume in node.volumes.active:
        yield Block(volume.device, volume.mapped, 'lvm', volume.size,
                    volume.number, volume.path_of_data, volume)


def local(node, folder, name):
    """The host's path of a path that a program in `folder` names."""
    if name.startswith('/') and not (name + '/').startswith(
            node.folder + '/'):
        name = node.folder + name
    return os.path.join(folder, name)


def inside(node, path):
    """How the node shows a path of the host: /mnt, not its folder's."""
    return '/' + os.path.relpath(path, node.folder) if path != node.folder \
        else '/'


def find(node, folder, name):
    """The Block of a path, UUID=... or LABEL=...; None when there is none."""
    key, _, value = name.partition('=')
    if key in ('UUID', 'LABEL'):
        value = value.strip('"')
        return next((block for block in by_use(node)
                     if signatures.probe(block.path).get(key) == value), None)
    path = os.path.realpath(local(node, folder, name))
    if os.path.dirname(path) != os.path.join(node.folder, 'dev'):
        return None
    return next((block for block in every(node)
                 if block.kernel == os.path.basename(path)), None)


def conflict(device, write):
    """Does a reservation keep a node from reading a device, or writing?

    device: a ScsiDevice, a Map or a Volume.
    """
    return any(sd.disk.reservations.refuses(sd.nexus, write)
               for sd in device.routes)


def by_use(node):
    """As `every`, without the paths of maps."""
    maps = node.multipath.maps.values()
    paths = [sd for found in maps for sd in found.paths]
    return [block for block in every(node) if block.device not in paths]
