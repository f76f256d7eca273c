# SPDX-License-Identifier: Apache-2.0
"""lszfcp and lsluns."""
from xcat_simulator.machine.tools import usage


def lszfcp(node, request):
    """[-H] [-P] [-D] [-b BUSID] [-p WWPN] [-l LUN] [-V]; only what is online.

    0.0.3b00 host0
    0.0.3b00/0x5005076303000001 rport-0:0-0
    0.0.3b00/0x5005076303000001/0x4011400000000000 0:0:0:1073758225
    """
    chosen, _words = usage.options(
        request.arguments, 'ahvHPDVb:p:l:s:emZ',
        ['attributes', 'help', 'version', 'hosts', 'ports', 'devices',
         'verbose', 'busid=', 'wwpn=', 'lun=', 'sysfs=', 'extended',
         'moreattrs', 'modparms'])
    given = {_short(name): value for name, value in chosen}
    with node.lock:
        online = [adapter for _, adapter in sorted(
            node.kernel.adapters.items()) if adapter.online]
        if not online:
            return 1, 'Error: No fcp devices found.\n', ''
        lines = _lines(online, given)
    return 0, ''.join(line + '\n' for line in lines), ''


def _short(name):
    if name == '--wwpn':
        return 'p'
    upper = {'--hosts': 'H', '--ports': 'P', '--devices': 'D'}
    return upper.get(name) or name.lstrip('-')[0]


def _lines(online, given):
    kinds = [kind for kind in 'HPD' if kind in given]
    if not kinds:
        # A port or LUN alone means to list what it selects.
        kinds = ['D'] if 'l' in given else ['P'] if 'p' in given else ['H']
    online = [adapter for adapter in online
              if given.get('b', adapter.bus_id) == adapter.bus_id]
    for kind in kinds:
        for adapter in online:
            if kind == 'H':
                yield '%s host%d' % (adapter.bus_id, adapter.host)
                continue
            for port in adapter.ports.values():
                name = '0x' + port.wwpn
                if given.get('p', name).lower() != name:
                    continue
                where = '%s/%s' % (adapter.bus_id, name)
                if kind == 'P':
                    yield '%s %s' % (where, port.rport)
                else:
                    yield from _disks(where, port, given.get('l'))


def _disks(where, port, wanted):
    for lun, sd in sorted(port.disks.items()):
        if wanted is None or wanted.lower() == '0x' + lun:
            yield '%s/0x%s %s' % (where, lun, sd.hctl)


def lsluns(node, request):
    """[-c BUSID] [-p WWPN]: LUNs that the ports report to this device."""
    chosen, _words = usage.options(
        request.arguments, 'c:p:ahv', ['ccw=', 'port=', 'active', 'help',
                                       'version'])
    buses = [value.lower() for name, value in chosen
             if name in ('-c', '--ccw')]
    ports = [value.lower() for name, value in chosen
             if name in ('-p', '--port')]
    active = any(name in ('-a', '--active') for name, _ in chosen)
    out = ''
    with node.lock:
        for bus_id, adapter in sorted(node.kernel.adapters.items()):
            if buses and bus_id not in buses:
                continue
            if not adapter.online:
                out += 'Adapter %s is not in a good state; skipping LUN ' \
                    'scan.\n' % bus_id
                continue
            out += ('adapter = %s\n' if active else
                    'Scanning for LUNs on adapter %s\n') % bus_id
            for wwpn, port in sorted(adapter.ports.items()):
                if not ports or '0x' + wwpn in ports:
                    out += _report(node, port, active)
    if not out:
        out = 'lsluns: Adapter and/or port filter(s) did not match ' \
            'anything\n'
    return 0, out, ''


def _report(node, port, active):
    if active:
        return '\tport = 0x%s\n' % port.wwpn + ''.join(
            '\t\tlun = 0x%s\t/dev/%s\tDisk\tIBM:2107900\n' % (lun, sd.name)
            for lun, sd in sorted(port.disks.items()))
    found = node.luns(port.adapter.device, port.wwpn)
    return '\tat port 0x%s:\n' % port.wwpn + ''.join(
        '\t\t0x%s\n' % lun for lun in sorted(found))
