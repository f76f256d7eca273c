# SPDX-License-Identifier: Apache-2.0
"""A hypervisor's pools and FCP devices: rinv, chhypervisor."""

import re

from xcat_simulator import checks
from xcat_simulator.mn.commands import zhcp
from xcat_simulator.mn import reply

HEADER = '#status,wwpn,lun,size,range,owner,channel,tag\n'
FOLDER = '/var/opt/zhcp/zfcp'
# The MN filters with `echo "$listing" | egrep`: a longer listing is no
# argument for a program and comes out empty.
LONGEST = 128 * 1024
# The part of egrep's language that is imitated: no repetition.
PATTERN = re.compile(r'[A-Za-z0-9_.:;,|@ -]+\Z')
STATES = ('active', 'free', 'offline')


def chhypervisor(world, command):
    name = command.args[0] if command.args else ''
    return _each(world, command, CHANGES.get(name, _unknown))


def rinv(world, command):
    name = command.args[0] if command.args else ''
    return _each(world, command, LISTS.get(name, _unknown))


def _each(world, command, handler):
    answer = []
    for node in command.nodes:
        host = world.host_of(node)
        if host is None:
            texts = ['%s: (Error) Missing node HCP' % node]
        elif handler is not _unknown and node != host.name:
            texts = _unknown(host, node, command.args)
        else:
            texts = handler(host, node, command.args)
        answer += [reply.line(text) for text in texts]
    return answer


def _unknown(host, node, args):
    yield '%s: (Error) Option not supported' % node


def _pool(host, node, args):
    """--zfcppool POOL [all|TEXT]: TEXT matches anywhere in a line."""
    pool = args[1].lower() if len(args) > 1 else ''
    wanted = args[2] if len(args) > 2 else 'all'
    status, text = _cat(host, pool)
    if wanted in ('all', ''):
        yield reply.labelled(node, text)
        return
    if status:
        yield zhcp.failure(host, node, status, 'cat %s/%s.conf'
                           % (FOLDER, pool))
        return
    yield reply.labelled(node, HEADER + _matching(text, wanted))


def _cat(host, pool):
    if not host.reachable:
        return zhcp.NO_SSH, ''
    text = host.pool_text(pool) if checks.POOL.match(pool) else None
    return (1, '') if text is None else (0, text)


def _matching(text, pattern):
    if len(text) >= LONGEST or not PATTERN.match(pattern):
        return ''
    found = re.compile(pattern, re.IGNORECASE)
    return ''.join(line + '\n' for line in text.splitlines()
                   if found.search(line))


def _devices(host, node, args):
    """--fcpdevices active|free|offline [details]."""
    state = args[1] if len(args) > 1 else ''
    if state not in STATES:
        yield ('%s: (Error) Query supported on active, free, or offline '
               'devices' % node)
        yield ''
        return
    userid = host.lpar.zhcp_userid
    status, text = zhcp.smapi(host, 'System_WWPN_Query', userid)
    details = len(args) == 3 and args[2] == 'details'
    if status and not details:
        yield zhcp.failure(host, node, status, '%s System_WWPN_Query -T %s'
                           % (zhcp.SMCLI, userid))
        return
    yield reply.labelled(node, ''.join(
        record if details else number + '\n'
        for number, found, record in _records(text)
        if state in found.lower()))


def _records(text):
    """(device number, status, its lines) of each device."""
    for record in re.findall(r'^FCP device number:.*\n(?:[ \t].*\n)*', text,
                             re.MULTILINE):
        number, status = re.match(
            r'FCP device number:\s*(\S+)\s+Status:\s*(\S+)', record).groups()
        yield number, status, record


LISTS = {'--zfcppool': _pool, '--fcpdevices': _devices}
CHANGES = {}
