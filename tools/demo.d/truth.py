# SPDX-License-Identifier: Apache-2.0
"""The simulated world, and what is really so in it."""

import filecmp
import json
import pathlib
import signal
import ssl
import subprocess
import time
import urllib.request

from zvm_common.xcat import guest
from zvm_common.xcat import session

_USER, _PASSWORD = 'admin', 'secret'
_READY_SECONDS = 60
_ANSWER_SECONDS = 60
_ZEROS = bytes(2 ** 22)

_LPAR = """\
  host{n}:
    connector_port: 0
    zhcp: {{node: zhcp{n}, hostname: zhcp{n}.example.com, userid: ZHCP{n},
           devices: [3B0E, 3C0E]}}
    # two fabrics: each channel path sees one port of the array
    targets: {{'50': ['500507630300{n}001'], '51': ['500507630300{n}002']}}
    fcp_devices:
      - {{range: 3B00-3B0F, chpid: '50', status: free,
         physical_wwpn: '20076d850000{n}181',
         npiv_wwpn: 'c05076ffe500{n}000'}}
      - {{range: 3C00-3C0F, chpid: '51', status: free,
         physical_wwpn: '20076d850000{n}182',
         npiv_wwpn: 'c05076ffe600{n}000'}}
    pools:
      zpool{n}:
        - {{wwpns: ['500507630300{n}001', '500507630300{n}002'],
           lun: '40{n}1400000000000', count: 3, size: 1G,
           range: '3B00-3B0F;3C00-3C0F', masked_to: all, contents: random}}
        - {{wwpns: ['500507630300{n}001', '500507630300{n}002'],
           lun: '40{n}1400300000000', size: 2.5G,
           range: '3B00-3B0F;3C00-3C0F', masked_to: all, contents: random}}
"""
_WORLD = 'users:\n  %s: {password: %s}\nlpars:\n' % (_USER, _PASSWORD)


class CheckFailed(Exception):
    """Something is not as it must be."""


def check(condition, text, *args):
    if not condition:
        raise CheckFailed(text % args)


class Simulator:
    """zvm-simulator with two LPARs; entered, it runs.

    :param command: path of zvm-simulator
    :param folder: pathlib.Path for world file, state and log
    """

    def __init__(self, command, folder):
        self._command = command
        self._folder = folder
        self._state = folder / 'world'
        self._own = 0

    def __enter__(self):
        file = self._folder / 'world.yaml'
        file.write_text(_WORLD + ''.join(_LPAR.format(n=n) for n in (1, 2)))
        with open(self._folder / 'simulator.log', 'wb') as log:
            self._process = subprocess.Popen(
                [self._command, 'serve', '--world', str(file), '--port', '0',
                 '--dir', str(self._state)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self):
        self.ports = self._wait()
        self.server = 'localhost:%d' % self.ports['mn']
        self.ca_file = str(self._state / 'ca.pem')
        self._tls = ssl.create_default_context(cafile=self.ca_file)
        self.session = session.Session(self.server, _USER, _PASSWORD,
                                       ca_file=self.ca_file)

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait(self):
        ready = self._state / 'ports.json'
        end = time.monotonic() + _READY_SECONDS
        while not ready.exists():
            check(self._process.poll() is None and time.monotonic() < end,
                  'the simulator does not start:\n%s',
                  (self._folder / 'simulator.log').read_text()[-3000:])
            time.sleep(0.02)
        return json.loads(ready.read_text())

    def description(self):
        """What the processes of Cinder and Nova must know, as JSON types."""
        return {'server': self.server, 'ca_file': self.ca_file,
                'connector': 'http://127.0.0.1:%d'
                % self.ports['connectors']['host1']}

    def requests(self):
        """How many requests of others the management node has answered."""
        return sum(1 for entry in self._get('requests')
                   if entry['server'] == 'mn'
                   and entry['path'].startswith('/xcatws/')) - self._own

    def pool(self, number):
        """The pool file of LPAR `number`, as other xCAT users see it."""
        return self._zhcp(number, 'cat "$ZVM_ROOT"/var/opt/zhcp/zfcp/'
                          'zpool%d.conf' % number)

    def line(self, number, lun):
        """The columns of a LUN's pool line."""
        found = [line.split(',') for line in self.pool(number).splitlines()
                 if line.split(',')[2:3] == [lun]]
        check(len(found) == 1, 'pool zpool%d has %d lines of LUN %s', number,
              len(found), lun)
        return found[0]

    def ledger(self, number):
        """All records of the ledger, as text."""
        return self._zhcp(
            number, 'cd "$ZVM_ROOT"/var/lib/zvm-volume 2>/dev/null || exit 0;'
            ' for f in luns/* fcp/*; do [ -e "$f" ] || continue;'
            ' echo "$f: $(grep -v "^end=" "$f" | tr "\\n" " ")"; done')

    def _zhcp(self, number, command):
        return self.run('zhcp%d' % number, command)

    def run(self, node, command):
        """Standard output of a command that must succeed on a node."""
        self._own += 1
        result = guest.Node(self.session, node).run(command)
        check(result.ok, '"%s" on %s fails: %s', command, node,
              result.stderr)
        return result.stdout

    def disk(self, number, lun):
        """What the array says of a LUN's disk: wwid, size, path ..."""
        for disk in self._get('world')['lpars']['host%d' % number]['disks']:
            if disk['lun'] == lun:
                return disk
        raise CheckFailed('the array of host%d has no LUN %s' % (number, lun))

    def zero(self, number, lun):
        """Whether every byte of the disk is zero."""
        disk = self.disk(number, lun)
        left = disk['size']
        with pathlib.Path(disk['path']).open('rb') as file:
            while block := file.read(len(_ZEROS)):
                if block != _ZEROS[:len(block)]:
                    return False
                left -= len(block)
        return left == 0

    def same(self, number, lun, other):
        """Whether two disks of an LPAR have the same bytes."""
        return filecmp.cmp(*(self.disk(number, each)['path']
                             for each in (lun, other)), shallow=False)

    def _get(self, name):
        url = 'https://%s/simulator/%s' % (self.server, name)
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS,
                                    context=self._tls) as answer:
            return json.load(answer)
