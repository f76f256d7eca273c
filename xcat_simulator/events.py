# SPDX-License-Identifier: Apache-2.0
"""Events: what makes something in an LPAR fail, or work again."""

import re

from xcat_simulator.machine import reservation
from xcat_simulator.machine import tools


class BadEvent(ValueError):
    """An event that is none of those that the simulator knows."""


def apply(hosts, event):
    """Make something fail or work on these LPARs; BadEvent for what is none.

    An event is a dict of one key. Nothing is done of one that is refused.
    """
    if not isinstance(event, dict) or len(event) != 1:
        raise BadEvent('an event is a JSON object of one key')
    (key, value), = event.items()
    if key not in EVENTS:
        raise BadEvent('unknown event; known: ' + ', '.join(sorted(EVENTS)))
    pattern, rule, function = EVENTS[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadEvent('%s is %s' % (key, rule))
    if key == 'guest':
        hosts = _with_guest(hosts, value.split())
    if key in ('reservation', 'mask'):
        hosts = _with_disk(hosts, *value.split()[:2])
    for host in hosts:
        function(host, value)


def _with_guest(hosts, words):
    """Those LPARs that have a guest, and a tool, of such a name."""
    userid, kind, name = words[:3]
    found = [host for host in hosts
             if getattr(host.lpar.guests.get(userid), 'linux', None)]
    if not found:
        raise BadEvent('no guest %s has a Linux' % userid)
    if kind == 'tool' and name not in tools.HANDLERS:
        raise BadEvent('unknown tool; known: '
                       + ', '.join(sorted(tools.HANDLERS)))
    return found


def _with_disk(hosts, wwpn, lun):
    """The first LPAR that has the disk: it is the same for all."""
    found = [host for host in hosts if host.lpar.disk(wwpn, lun)]
    if not found:
        raise BadEvent('no disk is behind %s %s' % (wwpn, lun))
    return found[:1]


def _zhcp(host, value):
    if value == 'reboot':
        host.zhcp.reboot()
    else:
        host.zhcp_up = value == 'up'


def _bytes(value):
    """The number of `fails after BYTES`, None when there is none."""
    last = value.rpartition(' ')[2]
    return int(last) if last.isdigit() else None


def _dd(host, value):
    host.zhcp.linux.set_dd_fails(value != 'works', _bytes(value))


def _blkdiscard(host, value):
    host.zhcp.linux.trouble.discard = (
        None if value == 'works' else _bytes(value) or 0)


def _clock(host, value):
    host.zhcp.linux.trouble.set_clock(int(value))


def _space(host, value):
    host.zhcp.linux.trouble.set_full(value == 'full')


def _network(host, value):
    host.zhcp.linux.trouble.set_network(value.split()[0], _bytes(value) or 0)


def _deploys(host, value):
    host.deploys_ssh = value in ('ssh', 'both')
    host.deploys_iucv = value in ('iucv', 'both')


def _pause(host, value):
    host.pause = float(value)


def _guest(host, value):
    userid, kind, *words = value.split()
    if kind == 'logoff':
        host.lpar.guests[userid].power_off(pending=words == ['hangs'])
        return
    trouble = host.lpar.guests[userid].linux.trouble
    if kind == 'disks':
        trouble.no_disks = words == ['none']
    elif kind == 'ssh':
        trouble.ssh = words == ['trusted']
    else:
        trouble.set_tool(*words)


def _reservation(host, value):
    wwpn, lun, key, kind = (value + ' 0').split()[:4]
    host.lpar.disk(wwpn, lun).reservations.place(
        (reservation.FOREIGN, wwpn), 0 if key == 'none' else int(key, 16),
        int(kind))


def _mask(host, value):
    """Counts when a disk is looked for: who has it keeps it."""
    wwpn, lun, initiators = value.split()
    host.lpar.disk(wwpn, lun).masked_to = None if initiators == 'all' else (
        frozenset(initiators.split(';')) - {'none'})


def _smapi_fails(host, value):
    name, code, reason, text = (value or ' 0 0 ').split(' ', 3)
    name, _, times = name.partition('*')
    host.lpar.smapi_fail(name, int(code), int(reason), text, int(times or 0))


_BREAKS = (re.compile('works|fails(?: after [0-9]{1,15})?'),
           'works, fails or fails after BYTES')
# Key: what its value may be, as a pattern and in words, and what it does.
EVENTS = {
    'zhcp': (re.compile('up|down|reboot'), 'up, down or reboot', _zhcp),
    'dd': (*_BREAKS, _dd),
    'blkdiscard': (*_BREAKS, _blkdiscard),
    'clock': (re.compile('-?[0-9]{1,9}'), 'SECONDS that it is ahead',
              _clock),
    'space': (re.compile('full|free'), 'full or free', _space),
    'network': (re.compile('up|down|cuts after [0-9]{1,15}'),
                'up, down or cuts after BYTES', _network),
    'deploys': (re.compile('ssh|iucv|both|none'), 'ssh, iucv, both or none',
                _deploys),
    'pause': (re.compile(r'[0-9]{1,4}(?:\.[0-9]{1,6})?'), 'SECONDS',
              _pause),
    'guest': (
        re.compile(r'[A-Z0-9@#$_+:-]{1,8} (?:disks (?:none|seen)'
                   r'|ssh (?:refused|trusted)'
                   r'|logoff (?:hangs|ends)'
                   r'|tool [\w.-]+ (?:fails|hangs|works))'),
        'USERID tool TOOL fails|hangs|works, USERID disks none|seen, '
        'USERID ssh refused|trusted, or USERID logoff hangs|ends',
        _guest),
    'reservation': (
        re.compile(r'[0-9a-f]{16} [0-9a-f]{16} (?:none'
                   r'|(?:0x)?(?!0+(?: |$))[0-9a-f]{1,16}(?: [135678])?)'),
        'WWPN LUN KEY, WWPN LUN KEY TYPE or WWPN LUN none', _reservation),
    'mask': (
        re.compile('[0-9a-f]{16} [0-9a-f]{16} (?:all|none'
                   '|[0-9a-f]{16}(?:;[0-9a-f]{16})*)'),
        'WWPN LUN INITIATOR;INITIATOR, WWPN LUN all or WWPN LUN none', _mask),
    'smapi_fails': (
        re.compile(r'|[A-Z][A-Za-z0-9_]*(?:\*[1-9][0-9]{0,3})?'
                   r' [0-9]{1,5} [0-9]{1,5} .*', re.DOTALL),
        'FUNCTION RC RS TEXT or FUNCTION*TIMES RC RS TEXT, or empty',
        _smapi_fails),
}
