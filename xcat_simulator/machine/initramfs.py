# SPDX-License-Identifier: Apache-2.0
"""What the initramfs of a disk that was booted does: it brings the root up.

As one made by dracut with ``rd.zfcp=``: the path of the IPL, and no other. It
has multipath where the Linux has it, so that the root lies on a map that
further paths can join; else it lies on the path itself.
"""
import os

from xcat_simulator.machine import zfcp


def mount_root(node, root):
    """Bring the FCP device, port and LUN of a scsiboot.Root up."""
    kernel = node.kernel
    adapter = kernel.adapters[zfcp.bus_id(root.virtual)]
    kernel.set_online(adapter, True)
    kernel.link_up(adapter)
    port = adapter.ports[root.wwpn]
    if root.lun not in port.units:
        kernel.unit_add(port, root.lun)
    name = node.multipath.assemble(port.disks[root.lun])
    with open(os.path.join(node.folder, 'proc/cmdline'), 'w') as cmdline:
        cmdline.write('root=%s rd.zfcp=%s,0x%s,0x%s\n' % (
            name, adapter.bus_id, root.wwpn, root.lun))
    path = os.path.join(node.folder, 'proc/mounts')
    with open(path) as mounts:
        text = mounts.read()
    with open(path, 'w') as mounts:
        mounts.write(text.replace('/dev/dasda1 / ', name + ' / ', 1))
