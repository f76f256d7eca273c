# SPDX-License-Identifier: Apache-2.0
"""chvm --addzfcp and --removezfcp: a LUN of a pool, and the guest's side.

Generators of what the MN prints: (onvm.Guest, words of the request).
"""

import contextlib
import re

from xcat_simulator.mn import cli
from xcat_simulator.mn.commands import entry
from xcat_simulator.mn import hop
from xcat_simulator.mn import onvm
from xcat_simulator.mn import perl
from xcat_simulator.mn import pools
from xcat_simulator.mn import shell

IN_USE = '%s: (Error) FCP device 0x%s/0x%s is in use.'
BAD_LOADDEV = '%s: (Error) The loaddev can be 0 or 1'
NO_IPL = "%s: (Error) It's not supported to ipl from a multipath device"
NOT_ADDED = '%s: (Error) Failed to add zFCP device'
NO_LOADDEV = ('%s: (Error) Failed to set LOADDEV statement in the directory '
              'entry')
PERSIST = '%s: (Error) Persist can only be 0 or 1'
IN_NO_POOL = '%s: Could not find FCP device in any FCP storage pool'
FOREIGN = ('%s: (Error) The zFCP device 0x%s/0x%s does not belong to the node '
           '%s.')
NOT_FOUND = '%s: (Error) Failed to find zFCP device'
UNIT = '/sys/bus/ccw/drivers/zfcp/0.0.%s/0x%s/unit_%s'


class _Stop(Exception):
    """Leaves a command: what is to be said has been said."""


def add(guest, args):
    """--addzfcp POOL DEVICES LOADDEV SIZE [TAG [WWPN LUN]]."""
    problem = _wrong(args)
    if problem:
        yield problem % guest.node
        return
    pool, device, size = args[1].lower(), args[2], args[4]
    tag, wwpn, lun = (args[5:] + ['', '', ''])[:3]
    try:
        before = {'status': 'free', 'size': size}
        if len(args) == 8:
            before = yield from _known(guest, pool, wwpn, lun)
        found = yield from pools.find_and_update(
            guest.hops, guest.node, pool, 'used', fcp=device, wwpn=wwpn,
            lun=lun, size=size, owner=guest.node, tag=tag)
        if found is None:
            yield NOT_ADDED % guest.node
            return
        if len(args) != 8:
            before.update(wwpn=found.wwpn, lun=found.lun)
        yield from _Adding(guest, pool, found, before).run(
            int(perl.number(args[3])))
    except _Stop:
        return


def _known(guest, pool, wwpn, lun):
    """The columns of a line that was named."""
    columns, problem = pools.attributes(guest.hops, pool, wwpn, lun)
    if problem:
        yield problem
        raise _Stop
    if columns.get('status') == 'used':
        yield IN_USE % (guest.node, wwpn, lun)
        raise _Stop
    return columns


def _wrong(args):
    if len(args) not in (5, 6, 8):
        return entry.PARAMETERS
    loaddev = int(perl.number(args[3]))
    if loaddev not in (0, 1):
        return BAD_LOADDEV
    return NO_IPL if loaddev and ';' in ''.join(args[6:7]) else None


@contextlib.contextmanager
def _matched(guest):
    """Where the MN found the distribution's name by a pattern."""
    before, guest.matched = guest.matched, True
    try:
        yield
    finally:
        guest.matched = before


class _Adding:
    """The guest's side of --addzfcp, after the pool file is changed.

    `before`: the columns that the line gets again when it fails early.
    """

    def __init__(self, guest, pool, found, before):
        self._guest = guest
        self._pool = pool
        self._before = before
        self._device, self._wwpn, self._lun = found.fcp, found.wwpn, found.lun
        self._devices = perl.split(found.fcp, ';')

    def run(self, loaddev):
        guest = self._guest
        directory = entry.entry_text(guest) + '\n'
        system = guest.os_version()
        for device in filter(perl.true, self._devices):
            if not shell.egrep(directory, 'DEDICATE ' + device):
                yield from self._dedicate(device, system)
        if guest.ping() == onvm.PING:
            yield from self._configure(system)
        if loaddev:
            yield from self._set_loaddev()
        yield '%s: Adding zFCP device %s/%s/%s... Done' % (
            guest.node, self._device, self._wwpn, self._lun)

    def _dedicate(self, device, system):
        guest = self._guest
        guest.execute('%s /sbin/cio_ignore -r %s' % (guest.hops.sudo, device))
        text = cli.run(guest.world, 'chvm', guest.node,
                       ['--dedicatedevice', device, device, '0'], errors=True)
        yield text
        if hop.failed(text):
            yield from self._roll_back()
        with _matched(guest):
            if re.search('sles', system, re.I):
                yield from self._checked('zfcp_host_configure 0.0.%s 1'
                                         % device)
            elif re.search('ubuntu', system, re.I):
                yield from self._checked('chzdev zfcp-host %s -e' % device)

    def _roll_back(self):
        for device in self._devices:
            cli.run(self._guest.world, 'chvm', self._guest.node,
                    ['--undedicatedevice', device])
        columns = {key: value for key, value in self._before.items()
                   if key != 'range'}
        yield from pools.find_and_update(
            self._guest.hops, self._guest.node, self._pool,
            columns.pop('status', ''), **columns)
        raise _Stop

    def _checked(self, command, folder='/sbin/'):
        """A command whose failure ends all, without a word of its own."""
        said = []
        text = self._guest.execute('%s %s%s' % (
            self._guest.hops.sudo, folder, command), said.append)
        yield from said
        if hop.failed(text):
            raise _Stop

    def _configure(self, system):
        guest = self._guest
        devices = list(filter(perl.true, self._devices))
        if not re.search('ubuntu', system, re.I):
            for device in devices:
                text = guest.set_online('0.0.' + device)
                if hop.failed(text):
                    yield '%s: %s' % (guest.node, text)
                    yield from self._roll_back()
        if devices:
            self._wwpn = self._wwpn.lower()
        for device in devices:
            for wwpn in filter(perl.true, perl.split(self._wwpn, ';')):
                yield from self._add_unit(device.lower(), wwpn, system)
        text = guest.execute('%s /sbin/multipath -r' % guest.hops.sudo)
        if perl.true(text):
            yield '%s: %s' % (guest.node, text)
        yield ('%s: Configuring FCP device to be persistent... Done'
               % guest.node)

    def _add_unit(self, device, wwpn, system):
        """One path: now, and for the next boot."""
        guest, lun = self._guest, self._lun
        guest.execute_as_root('echo 0x%s > %s' % (
            lun, UNIT % (device, wwpn, 'add')))
        with _matched(guest):
            yield from self._persist(device, wwpn, system)

    def _persist(self, device, wwpn, system):
        guest, lun = self._guest, self._lun
        if re.search('sles1[12]', system, re.I):
            yield from self._add_rules(device, wwpn)
        elif re.search('rhel', system, re.I):
            guest.execute_as_root('echo "0.0.%s 0x%s 0x%s" >> /etc/zfcp.conf'
                                  % (device, wwpn, lun))
            guest.execute_as_root('echo add > /sys/bus/ccw/devices/0.0.%s/'
                                  'uevent' % device)
        elif re.search('ubuntu', system, re.I):
            text = guest.execute('%s /sbin/chzdev zfcp-lun 0.0.%s:0x%s:0x%s '
                                 '-e' % (guest.hops.sudo, device, wwpn, lun))
            if hop.failed(text):
                raise _Stop

    def _add_rules(self, device, wwpn):
        """SLES 11 and 12: udev rules.

        Those of the device are written again for each path: the MN looks
        for them with words that it does not quote.
        """
        guest, sudo = self._guest, self._guest.hops.sudo
        path = '/etc/udev/rules.d/51-zfcp-0.0.%s.rules' % device
        yield from self._checked('zfcp_disk_configure 0.0.%s %s %s 1'
                                 % (device, wwpn, self._lun))
        if hop.failed(guest.execute('%s cat %s' % (sudo, path))):
            raise _Stop
        yield from self._checked('touch ' + path, '')
        for rule in RULES:
            guest.execute('echo %s>> %s' % (
                rule.format(device=device, wwpn=wwpn, lun=self._lun), path))

    def _set_loaddev(self):
        """Of several WWPNs the MN's shell passes the first, and no LUN."""
        guest, words = self._guest, [self._wwpn, self._lun]
        if ';' in self._wwpn:
            words = [self._wwpn.partition(';')[0]]
        text = cli.run(guest.world, 'chvm', guest.node,
                       ['--setloaddev'] + words)
        yield text
        if hop.failed(text):
            yield NO_LOADDEV % guest.node
            raise _Stop


def _rule(*conditions):
    """A udev rule as the MN's echo has it: quotes behind backslashes."""
    return ', '.join(conditions).replace('"', '\\"')


_ON_ADD = 'ACTION=="add"'
_COLLECT = 'IMPORT{{program}}="collect 0.0.{device} \\%k 0.0.{device}%szfcp"'
# The second lacks a blank before its last word, as xCAT has it.
RULES = (
    _rule(_ON_ADD, 'SUBSYSTEM=="ccw"', 'KERNEL=="0.0.{device}"',
          _COLLECT.replace('%s', ' ')),
    _rule(_ON_ADD, 'SUBSYSTEM=="drivers"', 'KERNEL=="zfcp"',
          _COLLECT.replace('%s', '')),
    _rule(_ON_ADD, 'ENV{{COLLECT_0.0.{device}}}=="0"',
          'ATTR{{[ccw/0.0.{device}]online}}="1"'),
    _rule(_ON_ADD, 'KERNEL=="rport-*"', 'ATTR{{port_name}}=="0x{wwpn}"',
          'SUBSYSTEMS=="ccw"', 'KERNELS=="0.0.{device}"',
          'ATTR{{[ccw/0.0.{device}]0x{wwpn}/unit_add}}="0x{lun}"'))


def remove(guest, args):
    """--removezfcp DEVICES WWPN LUN [PERSIST]."""
    if len(args) not in (4, 5):
        yield entry.PARAMETERS % guest.node
        return
    device, wwpn, lun, persist = (args[1:] + ['0'])[:4]
    wwpn, lun = wwpn.replace('0x', ''), lun.replace('0x', '')
    if not re.match(r'[01]\n?\Z', persist):
        yield PERSIST % guest.node
        return
    guest.matched = True    # the pattern for PERSIST
    try:
        device, wwpn, lun = yield from _give_back(
            guest, device, wwpn, lun,
            'reserved' if int(persist) else 'free')
        if guest.ping() == onvm.PING:
            yield from _take_away(guest, device.lower(), wwpn.lower(), lun)
    except _Stop:
        return


def _give_back(guest, device, wwpn, lun, status):
    """Change the line of the first pool that has it; owned by nobody."""
    pool, problem = pools.pool_of(guest.hops, wwpn, lun)
    if problem or hop.failed(pool):
        yield problem or pool
        raise _Stop
    if not perl.true(pool):
        yield IN_NO_POOL % guest.node
        return device, wwpn, lun
    yield '%s: Found FCP device in %s' % (guest.node, pool)
    columns = yield from _columns(guest, pool, wwpn, lun)
    if columns[0] == 'used' and columns[5] != guest.node:
        yield FOREIGN % (guest.node, wwpn, lun, guest.node)
        raise _Stop
    if perl.true(device) and not re.match('[0-9a-f;]', device, re.I):
        device = columns[6]
    found = yield from pools.find_and_update(
        guest.hops, guest.node, pool, status, wwpn=wwpn, lun=lun)
    if found is None:
        yield NOT_FOUND % guest.node
        raise _Stop
    return device, found.wwpn, found.lun


def _columns(guest, pool, wwpn, lun):
    command = 'cat ' + pools.FILE % pool
    answer = guest.hops.run(command)
    problem = guest.hops.failure(answer, guest.hops.shown(command) + ' ',
                                 'changeVM', guest.node)
    if problem:
        yield problem
        raise _Stop
    select = shell.egrep(answer.text, '%s,%s' % (wwpn, lun))
    return (perl.split(select.removesuffix('\n'), ',') + [''] * 8)[:8]


def _take_away(guest, device, wwpn, lun):
    """The guest's side of --removezfcp."""
    for each in filter(perl.true, perl.split(device, ';')):
        for port in filter(perl.true, perl.split(wwpn, ';')):
            yield from _remove_unit(guest, each, port, lun)
    for option in ('-W', '-r'):
        guest.execute('%s /sbin/multipath %s' % (guest.hops.sudo, option))
    yield '%s: De-configuring FCP device on host... Done' % guest.node


def _remove_unit(guest, device, wwpn, lun):
    guest.execute_as_root('echo 0x%s > %s' % (
        lun, UNIT % (device, wwpn, 'remove')))
    system, command = guest.os_version(), None
    if re.search('sles1[12]', system, re.I):
        command = ('sed -i -e /%s/d /etc/udev/rules.d/51-zfcp-0.0.%s.rules'
                   % (lun, device))
    elif re.search('rhel', system, re.I):
        command = 'sed -i -e /%s/d /etc/zfcp.conf' % lun
    elif re.search('ubuntu', system, re.I):
        command = '/sbin/chzdev zfcp-lun 0.0.%s:0x%s:0x%s -d' % (
            device, wwpn, lun)
    if command:
        said = []
        text = guest.execute('%s %s' % (guest.hops.sudo, command),
                             said.append)
        yield from said
        if hop.failed(text):
            raise _Stop


OPTIONS = {'--addzfcp': add, '--removezfcp': remove}
