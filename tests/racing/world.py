# SPDX-License-Identifier: Apache-2.0
"""A world with exactly as much as a race needs."""

from tests import worlds

GUESTS = LUNS = 16
PORTS = ('5005076303001001', '5005076303001002')
ARRAY_PORT = '500507680b110001'
RANGE = '3B00-3B0F;3C00-3C0F'
#: For GUESTS guests with two paths each, and for one
FCP_LIST, FCP_LIST_OF_ONE = RANGE, '3B00;3C00'
ZHCP_DEVICES = '3B10;3C10'


def lun(number):
    return '4011%04x00000000' % (0x4000 + number)


def theirs(number):
    """Of foreign writers: too large for a volume of 1 GiB."""
    return '4011%04x00000000' % (0x5000 + number)


def node(number):
    return 'zvm%05x' % number


def _devices(prefix, chpid):
    return {'range': '%s00-%s10' % (prefix, prefix), 'chpid': chpid,
            'status': 'free', 'physical_wwpn': '20076d85000011' + chpid,
            'npiv_wwpn': 'c05076ffe%s01000' % chpid}


def other_lun(number):
    """Of zpool2."""
    return '4011%04x00000000' % (0x6000 + number)


def array_lun(number):
    """Of a storage server whose LUNs are in no pool."""
    return '%04x000000000000' % (number + 1)


def race(luns=LUNS, guests=0, foreign=8, others=0, array=0):
    """host1 with zpool1: as many LUNs of 1 GiB, and 5 GiB ones of others.

    With `others`, also zpool2 with so many LUNs of 1 GiB. `array` LUNs of
    1 GiB are in no pool.

    Guests are as Nova names them: zvm00001 and so on.
    """
    line = {'wwpns': list(PORTS), 'range': RANGE, 'masked_to': 'all',
            'contents': 'zero'}
    pools = {'zpool1': [
        dict(line, lun=lun(0), count=luns, size='1G'),
        dict(line, lun=theirs(0), count=foreign, size='5G')]}
    if others:
        pools['zpool2'] = [dict(line, lun=other_lun(0), count=others,
                                size='1G')]
    return {
        'users': {worlds.USER: {'password': worlds.PASSWORD}},
        'lpars': {'host1': {
            'connector_port': 0,
            'zhcp': {'node': 'zhcp1', 'hostname': 'zhcp1.example.com',
                     'userid': 'ZHCP1', 'devices': ZHCP_DEVICES.split(';')},
            'fcp_devices': [_devices('3B', '50'), _devices('3C', '51')],
            'pools': pools,
            'disks': [{'wwpns': [ARRAY_PORT], 'lun': array_lun(number),
                       'size': '1G'} for number in range(array)],
            'guests': {node(number): {
                'userid': node(number).upper(), 'power': 'on',
                'linux': 'rhel9', 'node': True}
                for number in range(1, guests + 1)}}}}
