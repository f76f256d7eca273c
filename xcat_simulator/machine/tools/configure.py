# SPDX-License-Identifier: Apache-2.0
"""How distributions without chzdev configure zfcp; modprobe.

SUSE: zfcp_host_configure BUSID 0|1, zfcp_disk_configure BUSID WWPN LUN 0|1.
From release 15 on they call chzdev. Exit statuses: 2 invalid arguments, 3 no
such device, 4 the port is not there, 5 no disk appears.

Red Hat: zfcpconf.sh does every line of etc/zfcp.conf, zfcp_cio_free takes
its devices from the list of ignored ones.
"""
import dataclasses
import re

from xcat_simulator.machine.tools import chzdev

INVALID, NO_DEVICE, NO_PORT, NO_DISK = 2, 3, 4, 5
_BUS_ID = re.compile(r'(?:0\.0\.)?([0-9a-f]{4})$', re.I)
_HEX16 = re.compile(r'(?:0x)?([0-9a-f]{16})$', re.I)
MODULES = ('zfcp', 'vmcp', 'vmur', 'sg', 'sd_mod', 'dm_mod', 'dm_multipath',
           'scsi_transport_fc', 'af_iucv')


def zfcp_host_configure(node, request):
    """See the module."""
    words = request.arguments
    bus_id = _bus_id(words[:1])
    if len(words) != 2 or words[1] not in ('0', '1') or bus_id is None:
        return INVALID, 'Usage: zfcp_host_configure <ccwid> <online>\n', ''
    if node.distro.chzdev:
        return _chzdev(node, request, words[1], 'zfcp-host', bus_id)
    online = words[1] == '1'
    with node.lock:
        if online:
            node.kernel.ignore('free ' + bus_id)
        adapter = node.kernel.adapters.get(bus_id)
        if adapter is None:
            return NO_DEVICE, 'No device %s\n' % bus_id, ''
        node.kernel.set_online(adapter, online)
        node.persistent.write_suse_host(bus_id, online)
    node.udev.settle(30)
    return 0, '', ''


def zfcp_disk_configure(node, request):
    """See the module."""
    words = request.arguments
    bus_id = _bus_id(words[:1])
    names = [_HEX16.match(word) for word in words[1:3]]
    if (len(words) != 4 or words[3] not in ('0', '1') or bus_id is None
            or not all(names)):
        return INVALID, 'Usage: zfcp_disk_configure <ccwid> <wwpn> <lun> ' \
            '<online>\n', ''
    wwpn, lun = (name.group(1).lower() for name in names)
    if node.distro.chzdev:
        return _chzdev(node, request, words[3], 'zfcp-lun',
                       '%s:0x%s:0x%s' % (bus_id, wwpn, lun))
    with node.lock:
        code, out = _configure_disk(node, bus_id, wwpn, lun, words[3] == '1')
    node.udev.settle(30)
    return code, out, ''


def _configure_disk(node, bus_id, wwpn, lun, online):
    adapter = node.kernel.adapters.get(bus_id)
    if adapter is None:
        return NO_DEVICE, 'No device %s\n' % bus_id
    port = adapter.ports.get(wwpn)
    if port is None:
        return NO_PORT, 'Invalid WWPN 0x%s\n' % wwpn
    if online and lun not in port.units:
        node.kernel.unit_add(port, lun)
    if not online:
        if lun in port.disks:
            node.kernel.delete(port.disks[lun])
        if lun in port.units:
            node.kernel.unit_remove(port, lun)
    if online and lun not in port.disks:
        return NO_DISK, 'Could not activate disk 0x%s\n' % lun
    node.persistent.write_suse_lun(bus_id, wwpn, lun, online)
    return 0, ''


def _chzdev(node, request, online, kind, name):
    return chzdev.chzdev(node, dataclasses.replace(
        request, name='chzdev',
        arguments=['-e' if online == '1' else '-d', '-q', kind, name]))


def _bus_id(words):
    found = _BUS_ID.match(words[0]) if words else None
    return '0.0.' + found.group(1).lower() if found else None


def zfcpconf(node, request):
    """See the module."""
    with node.lock:
        node.do_zfcp_conf()
    node.udev.settle(30)
    return 0, '', ''


def zfcp_cio_free(node, request):
    """See the module."""
    with node.lock:
        for bus_id, _wwpn, _lun in node.persistent.conf():
            node.kernel.ignore('free ' + bus_id)
    return 0, '', ''


def modprobe(node, request):
    """Modules that Linux on Z has are there already; others are not."""
    words = [word for word in request.arguments if not word.startswith('-')]
    several = {'-a', '--all'} & set(request.arguments)
    names = words if several else words[:1]
    for name in names:
        if name.replace('-', '_') not in MODULES:
            return 1, '', 'modprobe: FATAL: Module %s not found in ' \
                'directory /lib/modules/%s\n' % (name, node.distro.kernel)
    return 0, '', ''
