# SPDX-License-Identifier: Apache-2.0
"""What is really so: ledgers, pool files, disks and guests of the simulator.

Read from its folders and by its control resources, beside all of OpenStack.
Where it is and who may ask stands in cinder.conf, as for the driver.
"""

import configparser
import contextlib
import hashlib
import http.client
import json
import pathlib
import ssl

from tests import zeros
from zvm_common.xcat import guest
from zvm_common.xcat import session

MIB = 2 ** 20
_BUSY = ('preparing', 'copying', 'filling', 'sending', 'wiping', 'freeing')
# Where a pattern lies on a volume of 1 GiB or more, in MiB.
_PLACES = (0, 1023)
_WRITE = (
    'yes "%s" | tr -d "\\n" | head -c 1048576 >mib && for p in %s; do '
    'dd if=mib of="$ZVM_ROOT"%s bs=1048576 seek=$p iflag=fullblock '
    'conv=notrunc,fsync 2>/dev/null || exit 1; done; rm mib')
_READ = ('for p in %s; do dd if="$ZVM_ROOT"%s bs=1048576 skip=$p count=1 '
         'iflag=fullblock 2>/dev/null | sha256sum; done')


def pattern(word):
    """The MiB that a guest writes when it writes a word."""
    return (word * (MIB // len(word) + 1))[:MIB].encode()


def read_conf(path):
    """A configuration file of OpenStack's."""
    parser = configparser.ConfigParser(interpolation=None, strict=False,
                                       default_section='none')
    parser.read(path)
    return parser


def _read(zhcp, kind):
    folder = zhcp / 'var/lib/zvm-volume' / kind
    return [dict(line.split('=', 1) for line in
                 path.read_text().splitlines())
            for path in sorted(folder.glob('[!.]*'))]


class World:
    """The simulator behind a cloud.

    :param conf: cinder.conf as :func:`read_conf` has it
    """

    def __init__(self, conf):
        names = conf['DEFAULT']['enabled_backends'].split(',')
        self.backends = {name.strip(): dict(conf[name.strip()])
                         for name in names}
        self._one = next(iter(self.backends.values()))

    # the simulator's control resources

    def _call(self, method, name, body=None):
        # One that starts anew has another certificate.
        connection = http.client.HTTPSConnection(
            self._one['zvm_xcat_server'], timeout=60,
            context=ssl.create_default_context(
                cafile=self._one['zvm_ca_file']))
        try:
            connection.request(method, '/simulator/' + name,
                               None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise AssertionError('%s %s: %d %s' % (method, name,
                                                   answer.status, text))
        return json.loads(text)

    def requests(self, since, server='mn'):
        """The journal's requests to a server since a time."""
        return [each for each in self._call('GET', 'requests')
                if each['server'] == server and each['time'] >= since]

    def event(self, **event):
        """Something happens to all LPARs, see POST /simulator/events."""
        self._call('POST', 'events', event)

    def fault(self, **rule):
        self._call('POST', 'faults', rule)

    def forget_faults(self):
        self._call('DELETE', 'faults')

    def lpar(self, name):
        return self._call('GET', 'world')['lpars'][name]

    # ledgers and pools

    def _zhcp(self, backend):
        """The folder that is the root of the Linux of a back-end's zHCP."""
        lpar = self.lpar(self.backends[backend]['zvm_hypervisor'])
        return pathlib.Path(
            lpar['guests'][lpar['zhcp']['userid']]['folder'])

    def records(self, backend):
        """The ledger's records of a back-end's LUNs, as dicts."""
        return [record for record in _read(self._zhcp(backend), 'luns')
                if record['pool'] == self.backends[backend]['zvm_scsi_pool']]

    def lines(self, backend):
        """The pool's lines by LUN, each a list of its columns."""
        path = self._zhcp(backend) / 'var/opt/zhcp/zfcp' / (
            self.backends[backend]['zvm_scsi_pool'] + '.conf')
        rows = [line.split(',') for line in path.read_text().splitlines()]
        return {row[2]: row for row in rows if not row[0].startswith('#')}

    def luns(self):
        """All LUNs that are volumes': {volume: (back-end, record)}."""
        return {record['volume']: (backend, record)
                for backend in self.backends
                for record in self.records(backend) if 'volume' in record}

    def busy(self):
        """LUNs that a job is about to change."""
        return [record for backend in self.backends
                for record in self.records(backend)
                if record['state'] in _BUSY and not record.get('why')]

    def devices(self):
        """The ledgers' records of all FCP devices that are not free."""
        folders = set(map(self._zhcp, self.backends))
        return [record for folder in folders
                for record in _read(folder, 'fcp')
                if record['state'] != 'free']

    def disk(self, backend, record):
        """Path of the file that is the disk of a LUN."""
        disks = self.lpar(self.backends[backend]['zvm_hypervisor'])['disks']
        return pathlib.Path(next(
            each['path'] for each in disks
            if each['lun'] == record['lun']
            and set(each['wwpns']) & set(record['wwpns'].split(';'))))

    def disk_of(self, volume):
        return self.disk(*self.luns()[volume])

    def is_empty(self, volume):
        return zeros.is_zero(self.disk_of(volume))

    def holds(self, volume, word):
        """Whether a guest's word is on the disk, beside all Linux."""
        with open(self.disk_of(volume), 'rb') as disk:
            for place in _PLACES:
                disk.seek(place * MIB)
                if disk.read(MIB) != pattern(word):
                    return False
        return True

    def scribble(self, volume, word):
        """Puts a word there as a guest would, beside all Linux."""
        with open(self.disk_of(volume), 'r+b') as disk:
            for place in _PLACES:
                disk.seek(place * MIB)
                disk.write(pattern(word))

    def is_free(self, backend, record):
        """Whether anybody may have the LUN, and it is empty."""
        line = self.lines(backend)[record['lun']]
        now = next(each for each in self.records(backend)
                   if (each['lun'], each['wwpns'])
                   == (record['lun'], record['wwpns']))
        return (now['state'] == 'free' and now.get('clean') == 'yes'
                and line[0] == 'free' and not line[5] and not line[6]
                and zeros.is_zero(self.disk(backend, record)))

    # guests

    def run(self, node, command):
        """Standard output of a command that must succeed on a node."""
        with contextlib.closing(session.Session(
                self._one['zvm_xcat_server'], self._one['zvm_xcat_username'],
                self._one['zvm_xcat_password'].replace('$$', '$'),
                ca_file=self._one['zvm_ca_file'])) as opened:
            done = guest.Node(opened, node).run(command)
        if not done.ok:
            raise AssertionError('"%s" on %s: %s' % (command, node,
                                                     done.stderr))
        return done.stdout

    def _path(self, volume):
        """How a guest names a volume: the map of its paths."""
        return ('/dev/disk/by-id/dm-uuid-mpath-3'
                + self.luns()[volume][1]['wwid'])

    def write(self, node, volume, word):
        """A guest writes a word on a volume that it has."""
        self.run(node, _WRITE % (word, ' '.join(map(str, _PLACES)),
                                 self._path(volume)))

    def reads(self, node, volume, word):
        """Whether a guest reads what one wrote with that word."""
        found = self.run(node, _READ % (' '.join(map(str, _PLACES)),
                                        self._path(volume)))
        wanted = hashlib.sha256(pattern(word)).hexdigest()
        return [line.split()[0] for line in found.splitlines()] == (
            [wanted] * len(_PLACES))

    def size(self, node, volume):
        """Bytes of a volume as a guest sees them."""
        return 512 * int(self.run(
            node, 'cat "$ZVM_ROOT"/sys/block/$(basename $(readlink '
            '"$ZVM_ROOT"%s))/size' % self._path(volume)))

    def guest(self, backend, name):
        """What z/VM knows of a guest; None when there is none."""
        return self.lpar(self.backends[backend]['zvm_hypervisor'])[
            'guests'].get(name.upper())
