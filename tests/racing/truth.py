# SPDX-License-Identifier: Apache-2.0
"""What is really so: pool file, ledger, z/VM and guests, read beside all.

By code of its own, after the documentation of the ledger's files; only at
moments when nobody writes.
"""

import collections
import pathlib
import re

Line = collections.namedtuple(
    'Line', 'status wwpns lun size range owner channel tag')


def _stamp(volume):
    digits = volume.replace('-', '')
    return '_'.join(digits[i:i + 2] for i in range(0, len(digits), 2))


class Truth:
    """Of host1 of a running simulator, and its pool zpool1.

    Where there is a zpool2, it begins anew with each :meth:`lay`.
    """

    def __init__(self, simulator):
        self._simulator = simulator
        self.root = pathlib.Path(simulator.node_folder('host1', 'ZHCP1'))
        self.ledger = self.root / 'var/lib/zvm-volume'
        self.folder = self.root / 'var/opt/zhcp/zfcp'
        self.pool = self.folder / 'zpool1.conf'
        self._others = {path: path.read_text()
                        for path in self.folder.glob('zpool2.conf')}

    def lay(self, text):
        """This pool file, and no records."""
        for path, lines in {self.pool: text, **self._others}.items():
            path.write_text(lines)
        for kind in ('luns', 'fcp', 'claims'):
            for path in (self.ledger / kind).glob('*'):
                path.unlink()

    def lines(self):
        """{LUN: Line}; AssertionError when one stands there twice."""
        lines = [Line(*text.split(','))
                 for path in (self.pool, *self._others)
                 for text in path.read_text().splitlines()[1:]]
        found = {line.lun: line for line in lines}
        if len(found) != len(lines):
            raise AssertionError('a LUN stands on two lines: %s' % lines)
        return found

    def _records(self, kind):
        found = {}
        for path in (self.ledger / kind).glob('[!.]*'):
            pairs = [line.split('=', 1)
                     for line in path.read_text().splitlines()]
            if pairs[-1] != ['end', '1']:
                raise AssertionError('%s is not whole' % path)
            found[path.name] = collections.defaultdict(str, pairs)
        return found

    def luns(self):
        """{LUN: record} of LUNs of pools."""
        return {record['lun']: record
                for record in self._records('luns').values()
                if record['role'] != 'other'}

    def others(self):
        """{volume: record} of volumes of other back-ends."""
        return {record['volume']: record
                for record in self._records('luns').values()
                if record['role'] == 'other'}

    def devices(self):
        """{FCP device: record}."""
        return self._records('fcp')

    def volumes(self):
        """{volume: LUN} of all records; a volume has one LUN."""
        pairs = [(record['volume'], lun) for lun, record in
                 self.luns().items() if record['volume']]
        if len(dict(pairs)) != len(pairs):
            raise AssertionError('a volume has two LUNs: %s' % pairs)
        return dict(pairs)

    def lost(self):
        """LUNs whose line does not say what the record says."""
        lines = self.lines()
        return {lun for lun, record in self.luns().items()
                if lines[lun][:1] + lines[lun][5:7] != _said(record)}

    def dedicated(self):
        """{FCP device: userid}, where directory and CP agree on each."""
        found = {}
        guests = self._simulator.state()['lpars']['host1']['guests']
        for userid, guest in guests.items():
            directory = re.findall(r'DEDICATE (\w{4}) \1', guest['directory'])
            if sorted(directory) != sorted(guest['devices'].values()):
                raise AssertionError((directory, guest['devices']))
            for device in directory:
                if found.setdefault(device, userid) != userid:
                    raise AssertionError('%s is dedicated twice' % device)
        return {device: userid for device, userid in found.items()
                if userid != 'ZHCP1'}

    def paths(self, userid):
        """{(FCP device, WWPN, LUN)} that a guest's Linux has."""
        root = pathlib.Path(self._simulator.node_folder('host1', userid))
        return {((path / 'hba_id').read_text().strip()[-4:].upper(),
                 (path / 'wwpn').read_text().strip()[2:],
                 (path / 'fcp_lun').read_text().strip()[2:])
                for path in root.glob('sys/bus/scsi/devices/*:*:*:*')}


def _said(record):
    """Status, owner and channel that the line of a record has to have."""
    if record['state'] in ('free', 'freeing'):
        return 'free', '', ''
    if record['state'] == 'used':
        return 'used', record['node'], record['fcp']
    return 'reserved', _stamp(record['volume']), ''
