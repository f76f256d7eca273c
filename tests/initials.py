# SPDX-License-Identifier: Apache-2.0
"""Random initial objects of recordings, and one that is plain."""

from hypothesis import strategies

HEADER = '#status,wwpn,lun,size,range,owner,channel,tag\n'
HCP = 'zhcp1.example.com'
ENTRY = 'USER %s XXXX 2G 4G G\nINCLUDE LNXDFLT\nMACHINE ESA 32\n'
SIZES = ('10G', '5.5G', '10.0G', '20480M', '', '1g', '0G', 'big', '7')


def plain(**changes):
    """Two guests, four FCP devices, a pool of two LUNs."""
    guests = ('guest1', 'guest2')
    nodes = {
        'host1': {'arch': 's390x', 'groups': 'all', 'hcp': HCP,
                  'hosttype': 'zvm', 'mgt': 'zvm', 'os': 'zvm6.4'},
        'zhcp1': {'groups': 'all', 'hcp': HCP, 'hostnames': HCP,
                  'mgt': 'zvm', 'userid': 'ZHCP1'},
    }
    nodes.update({name: node(name) for name in guests})
    initial = {
        'version': '2.19.0 (git commit X)', 'users': {'admin': 'admin'},
        'hypervisor': 'host1', 'zhcp': 'zhcp1', 'nodes': nodes,
        'zvm_table': ['#node,hcp,userid,nodetype,parent,comments,disable,'
                      'discovered,status'] + [row(name, nodes[name])
                                              for name in nodes],
        'guests': {name: {'power': power,
                          'directory': ENTRY % nodes[name]['userid']}
                   for name, power in zip(guests, ('on', 'off'))},
        'fcp_devices': [device('3B%02X' % n, 'Free') for n in range(4)],
        'pools': {'pool1': HEADER + ''.join(
            'free,5005076303000001,40114%03d00000000,10G,3B00-3B3F,,,\n' % n
            for n in range(2))},
    }
    initial.update(changes)
    return initial


def node(name):
    return {'arch': 's390x', 'groups': 'all', 'hcp': HCP, 'os': 'rhel7.2',
            'hostnames': name + '.example.com', 'mgt': 'zvm',
            'userid': ('L' + name.replace('guest', 'NX'))[:8].upper()}


def row(name, attributes):
    userid = attributes.get('userid')
    return '"%s","%s",%s,"vm","host1",,,,' % (
        name, attributes['hcp'], '"%s"' % userid if userid else '')


def device(number, status, npiv='c05076ffe5000000'):
    return {'device': number, 'status': status, 'chpid': '50',
            'physical_wwpn': '20076d8500005181', 'npiv_wwpn': npiv}


def _hex16(*starts):
    return strategies.builds(
        '{}{:04x}{}'.format, strategies.sampled_from(starts),
        strategies.integers(0, 5), strategies.sampled_from(['00000000']))


WWPNS = strategies.builds('500507630300000{}'.format,
                          strategies.integers(1, 4))
LINES = strategies.one_of(
    strategies.builds(
        '{},{},{},{},{},{},,'.format,
        strategies.sampled_from(['free', 'reserved', 'used', 'FREE', '']),
        strategies.lists(WWPNS, min_size=1, max_size=3).map(';'.join),
        _hex16('4011'), strategies.sampled_from(SIZES),
        strategies.sampled_from(['', '3B00-3B3F', '3B00-3B3F;3C00-3C0F']),
        strategies.sampled_from(['', 'vol-a', "a'b", 'guest1'])),
    strategies.text(strategies.characters(
        blacklist_categories=('Cs',)), max_size=30),
    strategies.sampled_from([
        'free', 'free,,,', 'free,50050763,4011400000000000,1G,,,,', ',' * 9,
        'free,0x5005076303000001,0x4011400000000000,1G,,,,', '#', '\r',
        'free,5005076303000001,4011,1G', 'free,;,4011400000000000,1G,,,,']))
POOLS = strategies.builds(
    lambda header, lines, end: header + '\n'.join(lines) + end,
    strategies.sampled_from([HEADER, HEADER, '', '#x\n']),
    strategies.lists(LINES, max_size=8), strategies.sampled_from(['\n', '']))
NAMES = strategies.from_regex(r'[a-z][a-z0-9_-]{0,12}', fullmatch=True)


@strategies.composite
def made(draw):
    """An initial object as a management node could have been recorded."""
    names = draw(strategies.lists(NAMES.map('guest'.__add__), max_size=4,
                                  unique=True))
    initial = plain(guests={}, pools=draw(strategies.dictionaries(
        NAMES, POOLS, max_size=3)), users=draw(strategies.dictionaries(
            NAMES, NAMES, min_size=1, max_size=3)))
    numbers = draw(strategies.lists(strategies.integers(0x3B00, 0x3B10),
                                    max_size=6, unique=True))
    initial['fcp_devices'] = [
        device('%04X' % number,
               draw(strategies.sampled_from(['Free', 'Active', 'Offline'])),
               draw(strategies.sampled_from(['NONE', 'c05076ffe5000001',
                                             None, ''])))
        for number in numbers]
    for index, name in enumerate(names):
        attributes = dict(node(name), userid='LNX%05d' % index)
        entry = ENTRY % attributes['userid']
        for number in draw(strategies.lists(
                strategies.integers(0x3B00, 0x3B10), max_size=2)):
            entry += 'DEDICATE %04X %04X\n' % (number, number)
        initial['nodes'][name] = attributes
        initial['zvm_table'].append(row(name, attributes))
        initial['guests'][name] = {
            'power': draw(strategies.sampled_from(['on', 'off'])),
            'directory': entry}
    return initial
