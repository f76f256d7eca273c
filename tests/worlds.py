# SPDX-License-Identifier: Apache-2.0
"""Ready worlds for the simulator: plain dicts, each call a new one.

A test takes one, changes what it is about, and hands it to the fixture::

    world = worlds.small()
    world['lpars']['host1']['guests']['guest1']['power'] = 'off'
    simulator = self.useFixture(Simulator(world))
"""

USER, PASSWORD = 'admin', 'secret'


def two():
    """Two LPARs, host1 and host2, each as `small` has one."""
    world = small()
    world['lpars']['host2'] = _lpar(2)
    return world


def small():
    """One LPAR, host1: two CHPIDs with NPIV, ten LUNs, two running guests."""
    return {
        'users': {USER: {'password': PASSWORD}},
        'lpars': {'host1': _lpar(1)},
    }


def _lpar(number):
    """LPAR `number` (1-9), disjoint from the others in every name.

    FCP devices 3B00-3B0F on CHPID 50 and 3C00-3C0F on CHPID 51, of which
    3B0E and 3C0E are the zHCP's. Pool zpoolN: LUNs 40N14000 to 40N14007 of
    1 GiB, 40N14008 and 40N14009 of 2 GiB, each behind two target ports and
    masked to all. host1 has guest1 and guest2, host2 guest3 and guest4.
    """
    targets = ['500507630300%d001' % number, '500507630300%d002' % number]
    line = {'wwpns': targets, 'range': '3B00-3B0F;3C00-3C0F',
            'masked_to': 'all', 'contents': 'zero'}
    return {
        'connector_port': 0,
        'zhcp': {'node': 'zhcp%d' % number,
                 'hostname': 'zhcp%d.example.com' % number,
                 'userid': 'ZHCP%d' % number,
                 'devices': ['3B0E', '3C0E']},
        'fcp_devices': [
            {'range': '3B00-3B0F', 'chpid': '50', 'status': 'free',
             'physical_wwpn': '20076d850000%d181' % number,
             'npiv_wwpn': 'c05076ffe500%d000' % number},
            {'range': '3C00-3C0F', 'chpid': '51', 'status': 'free',
             'physical_wwpn': '20076d850000%d182' % number,
             'npiv_wwpn': 'c05076ffe600%d000' % number},
        ],
        'pools': {
            'zpool%d' % number: [
                dict(line, lun='40%d1400000000000' % number, count=8,
                     size='1G'),
                dict(line, lun='40%d1400800000000' % number, count=2,
                     size='2G'),
            ],
        },
        'guests': {
            _guest(number, 1): {'userid': 'LNX0000%d' % _index(number, 1),
                                'power': 'on', 'linux': 'rhel9',
                                'node': True},
            _guest(number, 2): {'userid': 'LNX0000%d' % _index(number, 2),
                                'power': 'on', 'linux': 'rhel9',
                                'node': True},
        },
    }


def _index(number, guest):
    return 2 * (number - 1) + guest


def _guest(number, guest):
    return 'guest%d' % _index(number, guest)
