# SPDX-License-Identifier: Apache-2.0
"""What is really so: the zHCP's ledger, guests, disks.

Read from the simulator's folders, beside everything that is tested.
"""

import pathlib
import re
import time

from tests import zeros

LPAR = 'host1'
ZHCP = 'ZHCP1'
# Of the first back-end, and one that volumes are migrated to.
POOL, OTHER_POOL = 'zpool1', 'zpool2'
# Devices that guests get, and the zHCP's own.
FCP_LIST = '3B00-3B07'
ZHCP_FCP_LIST = '3B0F'
_WWPN = '5005076303001001'
# Of a storage server whose LUNs are in no pool.
ARRAY_PORT = '500507680b110001'
ARRAY_LUNS = ('0001000000000000', '0002000000000000')
_DEDICATE = re.compile(r'^ *DEDICATE +(\w+)', re.M)
_IPL = re.compile(r'^ *IPL +(3\w{3})\b', re.M)
_LOADDEV = re.compile(r'^LOADDEV PORTNAME (\w+)\nLOADDEV LUN (\w+)', re.M)
_RULE = re.compile(r'41-zfcp-lun-0\.0\.(\w{4}):0x(\w{16}):0x(\w{16})\.rules')
_BUSY = ('preparing', 'copying', 'filling', 'sending', 'wiping', 'freeing')
# A disk of any size has these, so that they are looked for on copies too.
_PLACES = (0, 2 ** 29, 2 ** 30 - 4096)


def world():
    """One LPAR, one channel path: LUNs of 1 GiB, and of 2 GiB as found.

    Few paths and few LUNs, for what is tested is not their number, and each
    costs time.
    """
    line = {'wwpns': [_WWPN], 'range': '3B00-3B0F', 'masked_to': 'all'}
    return {
        'users': {'admin': {'password': 'secret'}},
        'lpars': {LPAR: {
            'connector_port': 0,
            'zhcp': {'node': 'zhcp1', 'hostname': 'zhcp1.example.com',
                     'userid': ZHCP, 'devices': ['3B0F']},
            'fcp_devices': [
                {'range': '3B00-3B0F', 'chpid': '50', 'status': 'free',
                 'physical_wwpn': '20076d8500001181',
                 'npiv_wwpn': 'c05076ffe5001000'}],
            'pools': {POOL: [
                dict(line, lun='4011400000000000', count=8, size='1G',
                     contents='zero'),
                dict(line, lun='4011400800000000', count=2, size='2G',
                     contents='random')],
                OTHER_POOL: [
                    dict(line, lun='4011401000000000', count=2, size='1G',
                         contents='zero')]},
            'disks': [{'wwpns': [ARRAY_PORT], 'lun': lun, 'size': '1G'}
                      for lun in ARRAY_LUNS],
            'guests': {},
        }},
    }


def make_image(path, text):
    """A raw image of 1 GiB that has what :meth:`Truth.write` writes."""
    with open(path, 'wb') as file:
        file.truncate(2 ** 30)
        _write(file, text)


def has(path, text):
    """Whether that is in a file or on a disk."""
    with open(path, 'rb') as file:
        for place in _PLACES:
            file.seek(place)
            if file.read(len(text)) != text.encode():
                return False
    return True


def _write(file, text):
    for place in _PLACES:
        file.seek(place)
        file.write(text.encode())


class Truth:
    """The world of one simulator, as it is now.

    :param simulator: xcat_simulator.fixture.Simulator of :func:`world`
    """

    def __init__(self, simulator):
        self._simulator = simulator
        self._zhcp = pathlib.Path(simulator.node_folder(LPAR, ZHCP))
        self._ledger = self._zhcp / 'var/lib/zvm-volume'
        self._disks = {disk['lun']: pathlib.Path(disk['path'])
                       for disk in self._lpar()['disks']}

    def _lpar(self):
        return self._simulator.state()['lpars'][LPAR]

    # the ledger

    def luns(self):
        """Records of LUNs of pools: dicts of what the files say."""
        return [record for record in self._records('luns')
                if record.get('role') != 'other']

    def others(self):
        """Records of volumes of other back-ends."""
        return [record for record in self._records('luns')
                if record.get('role') == 'other']

    def devices(self):
        """FCP device records."""
        return self._records('fcp')

    def readmit(self):
        """As an operator does with devices that z/VM has refused."""
        for record in self.devices():
            if (record.get('state'), record.get('stale')) == (
                    'quarantined', None) and not record.get('instance'):
                (self._ledger / 'fcp' / record['device']).unlink()

    def _records(self, kind):
        found = []
        for path in sorted((self._ledger / kind).glob('[!.]*')):
            lines = path.read_text().splitlines()
            record = dict(line.split('=', 1) for line in lines)
            record['whole'] = lines[-1:] == ['end=1']
            found.append(record)
        return found

    def free(self):
        """LUNs of the first pool that may be claimed, with whole GiB."""
        return [(lun, self._disks[lun].stat().st_size // 2 ** 30)
                for lun, line in self._lines_of(POOL).items()
                if line[0] == 'free']

    def lun_of(self, volume):
        """The record of a volume's LUN, or None."""
        return next((lun for lun in self.luns()
                     if lun.get('volume') == volume), None)

    def lines(self):
        """The lines of both pools by LUN, as lists of columns."""
        return {**self._lines_of(POOL), **self._lines_of(OTHER_POOL)}

    def _lines_of(self, pool):
        path = self._zhcp / 'var/opt/zhcp/zfcp' / (pool + '.conf')
        text = path.read_text() if path.exists() else ''
        rows = [line.split(',') for line in text.splitlines()]
        return {row[2]: row for row in rows if not row[0].startswith('#')}

    def rest(self, seconds=60):
        """Wait until no job runs on the zHCP."""
        end = time.monotonic() + seconds
        while self.busy() and time.monotonic() < end:
            time.sleep(0.05)

    def busy(self):
        """LUNs that a job is about to change."""
        return [lun['lun'] for lun in self.luns()
                if lun.get('state') in _BUSY
                and not (lun['state'] == 'copying' and lun.get('why'))]

    def delete_pool(self):
        """The pool's file vanishes."""
        (self._zhcp / 'var/opt/zhcp/zfcp' / (POOL + '.conf')).unlink(
            missing_ok=True)

    # disks

    def is_zero(self, lun):
        return zeros.is_zero(self._disks[lun])

    def write(self, lun, text):
        """What a tenant keeps in the first GiB of the disk."""
        with open(self._disks[lun], 'r+b') as file:
            _write(file, text)

    def has(self, lun, text):
        """Whether what :meth:`write` wrote is still there."""
        return has(self._disks[lun], text)

    def soil(self, lun):
        """Somebody else has written to a free LUN: it is not clean."""
        self.write(lun, 'of an earlier tenant')
        for path in (self._ledger / 'luns').glob('*-' + lun):
            text = path.read_text()
            path.write_text(text.replace('clean=yes\n', ''))

    # guests

    def guests(self):
        """By userid: devices it has and what its Linux has configured.

        Each a dict of ``on``, of ``active`` and ``directory`` (FCP device
        numbers; an off guest has no active ones and no paths) and
        ``paths`` and ``persistent`` (sets of (device, WWPN, LUN)).
        ``loads``: (FCP device, WWPN, LUN) of an IPL by LOADDEV, or None.
        """
        return {userid: {
            'on': guest['power'] == 'on',
            'active': {number.upper() for number
                       in guest['devices'].values()},
            'directory': {number.upper() for number in
                          _DEDICATE.findall(guest['directory'])},
            'paths': _paths(guest['folder'] if guest['power'] == 'on'
                            else None),
            'persistent': _persistent(guest['folder']),
            'loads': _loads(guest['directory']),
        } for userid, guest in self._lpar()['guests'].items()
            if userid != ZHCP}

    def nodes(self):
        """Node definitions of guests."""
        return {name for name in self._simulator.state()['nodes']
                if name.startswith('zvm')}


def _loads(entry):
    found = _IPL.search(entry), _LOADDEV.search(entry)
    return (found[0][1], *found[1].groups()) if all(found) else None


def _paths(folder):
    if folder is None:
        return set()
    top = pathlib.Path(folder) / 'sys/bus/ccw/drivers/zfcp'
    return {(unit.parts[-3][4:].upper(), unit.parts[-2][2:],
             unit.parts[-1][2:]) for unit in top.glob('0.0.*/0x*/0x*')
            if unit.is_dir()}


def _persistent(folder):
    if folder is None:
        return set()
    rules = pathlib.Path(folder) / 'etc/udev/rules.d'
    found = [_RULE.fullmatch(path.name) for path in rules.glob('*.rules')]
    return {(match[1].upper(), match[2], match[3]) for match in found
            if match}
