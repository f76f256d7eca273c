# SPDX-License-Identifier: Apache-2.0
"""Which devices a call of chzdev or lszdev means."""
import dataclasses
import re

from xcat_simulator.machine import cio
from xcat_simulator.machine.tools import usage
from xcat_simulator.machine import zfcp

TYPES = ('zfcp', 'zfcp-host', 'zfcp-lun')
INVALID_ID = 10
_LUN = re.compile(r'(?:0\.0\.)?([0-9a-f]{1,4}):0x([0-9a-f]{16}):'
                  r'0x([0-9a-f]{16})$', re.I)


@dataclasses.dataclass(frozen=True, order=True)
class Device:
    """An FCP device, or with wwpn and lun a zfcp LUN."""

    bus_id: str
    wwpn: str | None = None
    lun: str | None = None

    @property
    def id(self):
        if self.lun is None:
            return self.bus_id
        return '%s:0x%s:0x%s' % (self.bus_id, self.wwpn, self.lun)

    @property
    def type(self):
        return 'zfcp-host' if self.lun is None else 'zfcp-lun'

    @property
    def title(self):
        return 'FCP device' if self.lun is None else 'zFCP LUN'


def devices(node, words, flags):
    """The Devices named by `words`, or by selections such as --online."""
    kind = None
    if words and words[0] in TYPES:
        kind, words = words[0], words[1:]
    chosen = []
    for word in words:
        for part in word.split(','):
            chosen += _named(part, kind)
    if words:
        return chosen
    picks = flags & {'--all', '--online', '--offline', '--existing',
                     '--configured', '--failed'}
    if not picks and kind is None:
        return []
    return [device for device in known(node, kind)
            if _matches(node, device, picks - {'--all'})]


def _named(text, kind):
    found = _LUN.match(text)
    if found and kind != 'zfcp-host':
        number, wwpn, lun = (part.lower() for part in found.groups())
        return [Device('0.0.' + number.zfill(4), wwpn, lun)]
    if kind == 'zfcp-lun':
        raise usage.Usage('Unrecognized zfcp-lun ID format: %s' % text,
                          INVALID_ID)
    try:
        return [Device(zfcp.bus_id(number))
                for number in sorted(cio.expand(text))]
    except ValueError:
        raise usage.Usage('Unknown device type or device ID format: %s'
                          % text, INVALID_ID)


def known(node, kind=None):
    """Every device that exists or is configured, sorted by type and id."""
    hosts = set(node.kernel.adapters) | set(node.persistent.hosts())
    luns = {Device(*key) for key in node.persistent.luns()}
    for adapter in node.kernel.adapters.values():
        for port in adapter.ports.values():
            for lun in set(port.units) | set(port.disks):
                luns.add(Device(adapter.bus_id, port.wwpn, lun))
    found = []
    if kind in (None, 'zfcp', 'zfcp-host'):
        found += [Device(bus_id) for bus_id in sorted(hosts)]
    if kind in (None, 'zfcp', 'zfcp-lun'):
        found += sorted(luns)
    return found


def state(node, device):
    """What is known of a device: dict of exists, online, configured..."""
    adapter = node.kernel.adapters.get(device.bus_id)
    if device.lun is None:
        return {'exists': adapter is not None,
                'online': adapter is not None and adapter.online,
                'configured': device.bus_id in node.persistent.hosts(),
                'failed': False, 'disk': None}
    port = adapter and adapter.ports.get(device.wwpn)
    unit = port and port.units.get(device.lun)
    disk = port and port.disks.get(device.lun)
    return {'exists': bool(unit or disk), 'online': disk is not None,
            'configured': (device.bus_id, device.wwpn, device.lun)
            in node.persistent.luns(),
            'failed': bool(unit and unit.failed), 'disk': disk}


def _matches(node, device, picks):
    now = state(node, device)
    now['offline'] = now['exists'] and not now['online']
    now['existing'] = now['exists']
    return all(now[pick.lstrip('-')] for pick in picks)
