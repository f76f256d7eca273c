# SPDX-License-Identifier: Apache-2.0
"""A hypervisor's pools and FCP devices: rinv, chhypervisor.

Both look at the node's zHCP alone: chhypervisor takes any node that has
one.
"""

from xcat_simulator.mn.commands import copies
from xcat_simulator.mn.commands import poolchange
from xcat_simulator.mn import hop
from xcat_simulator.mn import perl
from xcat_simulator.mn import pools
from xcat_simulator.mn import reply
from xcat_simulator.mn import shell

STATES = ('active', 'free', 'offline')
GIB = 1 << 30
QUERY = hop.BIN + '/smcli System_FCP_Free_Query -T %s -k fcp_dev=%s'


def chhypervisor(world, command):
    return [reply.line(text) for node in command.nodes
            for text in change(world, node, command.args)]


def rinv(world, command):
    return [reply.line(text) for node in command.nodes
            for text in _inventory(world, node, command.args)]


def change(world, node, args):
    """What chhypervisor prints for one node."""
    host = world.host_of(node)
    if host is None:
        yield '%s: (Error) Missing node HCP' % node
        return
    hops = hop.Hops(world, host)
    hops.userid()
    handler = CHANGES.get(args[0] if args else '', _unknown)
    yield from handler(hops, node, args)


def _inventory(world, node, args):
    if (world.nodes.get(node) or {}).get('hosttype') == 'zvm':
        yield from inventory(world, node, args)
    elif world.host_of(node) is None:
        yield '%s: (Error) Missing node HCP' % node
    else:
        yield from _unknown(None, node, args)


def inventory(world, node, args):
    """What rinv prints for a hypervisor, lsvm with such an option too."""
    host = world.host_of(node)
    if host is None:
        yield '%s: (Error) Missing node zHCP' % node
        return
    hops = hop.Hops(world, host)
    userid = hops.userid()
    hops.run('/sbin/modprobe vmcp')
    handler = LISTS.get(args[0] if args else '')
    if handler is None:
        yield from _unknown(hops, node, args)
        return
    text = yield from handler(hops, node, args, userid)
    if text is not None:
        yield reply.labelled(node, text)


def _unknown(hops, node, args):
    yield '%s: (Error) Option not supported' % node


def _pool(hops, node, args, userid):
    """--zfcppool POOL [all|TEXT]: TEXT matches anywhere in a line."""
    pool = args[1].lower() if len(args) > 1 else ''
    wanted = args[2] if len(args) > 2 else ''
    text, problem = pools.read(hops, pool, 'inventoryHypervisor', node)
    if wanted == 'all' or not perl.true(wanted):
        return text
    if problem:
        yield problem
        return None
    return poolchange.HEADER + '\n' + shell.egrep(text, wanted)


def _pool_names(hops, node, args, userid):
    """--zfcppoolnames: a file of one line or less is deleted."""
    yield from ()    # it prints nothing but the list
    found = ''
    for name in filter(None, hop.lines(hops.run('ls ' + hop.POOLS))):
        path = '%s/%s' % (hop.POOLS, name)
        if len(hop.lines(hops.run('cat ' + path))) <= 1:
            hops.run('rm -f ' + path)
        else:
            found += name.replace('.conf', '') + '\n'
    return found


def _devices(hops, node, args, userid):
    """--fcpdevices active|free|offline [details]."""
    state = args[1] if len(args) > 1 else ''
    if state not in STATES:
        yield ('%s: (Error) Query supported on active, free, or offline '
               'devices' % node)
        return ''
    query = '%s/smcli System_WWPN_Query -T %s' % (hop.BIN, userid)
    answer = hops.run(query)
    if len(args) == 3 and args[2] == 'details':
        return _details(hop.lines(answer), state)
    problem = hops.failure(answer, hops.shown(query), 'inventoryHypervisor',
                           node)
    if problem:
        yield problem
        return None
    return ''.join(number + '\n' for number, status
                   in pools.device_states(answer.text)
                   if state in status.lower())


def _details(lines, state):
    """The five lines of each device that is in that state."""
    text, i = '', 0
    lines = lines + [''] * 4
    while i < len(lines) - 4:
        if state in lines[i + 1].lower():
            text += '\n'.join(lines[i:i + 5]) + '\n'
            i += 4
        i += 1
    return text


def _luns(hops, node, args, userid):
    """--luns DEVICE: what the device reaches, as pool lines."""
    answer = yield from _reached(hops, node, args, userid,
                                 'inventoryHypervisor')
    if answer is None:
        return None
    sizes, wwpn, lun = {}, '', ''
    for name, value in _fields(answer.text):
        if name == 'World wide port number':
            wwpn = value
        elif name == 'Logical unit number':
            lun = value
        elif name.startswith('Number of bytes'):
            sizes[wwpn, lun] = value
    yield poolchange.HEADER
    for (wwpn, lun), value in sorted(sizes.items()):
        size = '%.1f' % (perl.number(value) / GIB)
        if size != '0.0':
            yield 'unknown,%s,%s,%sG,,,,' % (wwpn, lun, size)
    return ''


def _wwpns(hops, node, args, userid):
    """--wwpns DEVICE: the ports behind which it reaches a LUN."""
    # xCAT's own spelling of its function's name
    answer = yield from _reached(hops, node, args, userid,
                                 'inventorHypervisor')
    if answer is None:
        return None
    found = dict.fromkeys(value for name, value in _fields(answer.text)
                          if name == 'World wide port number')
    return ''.join(wwpn + '\n' for wwpn in found)


def _reached(hops, node, args, userid, function):
    if len(args) < 2:
        yield poolchange.PARAMETERS % node
        return None
    query = QUERY % (userid, args[1].lower())
    answer = hops.run(query)
    problem = hops.failure(answer, hops.shown(query), function, node)
    if problem:
        yield problem
        return None
    return answer


def _fields(text):
    for line in text.splitlines():
        name, colon, value = line.partition(':')
        if colon:
            yield name.strip(), value.strip()


def _free_devices(hops, node, args, userid):
    """--freefcp DEVICE: what SMAPI says of it."""
    if len(args) != 2:
        yield poolchange.PARAMETERS % node
        return None
    return hops.run(QUERY % (userid, args[1])).text


def _smcli(hops, node, args):
    """--smcli WORDS: its output, labelled."""
    words = [word.replace(args[0], '') for word in args[1:]]
    text = hops.smcli(' '.join(words).strip()).text
    if text:
        yield reply.labelled(node, text).removesuffix('\n')


LISTS = {'--fcpdevices': _devices, '--freefcp': _free_devices,
         '--luns': _luns, '--wwpns': _wwpns, '--zfcppool': _pool,
         '--zfcppoolnames': _pool_names}
CHANGES = {**copies.OPTIONS, **poolchange.OPTIONS, '--smcli': _smcli}
