# SPDX-License-Identifier: Apache-2.0
"""The simulator as a fixture for tests: a process of its own.

    simulator = self.useFixture(Simulator(worlds.small()))
    session = Session(simulator.server, 'admin', 'secret', simulator.ca_file)
"""

import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

import fixtures
import yaml

import xcat_simulator

READY_SECONDS = 60
STOP_SECONDS = 20


class Simulator(fixtures.Fixture):
    """Runs `zvm-simulator serve` for a world (dict, or path of its file).

    Instead of it `initial` is the initial object of a recording (a dict).

    server: 'localhost:PORT'; url: 'https://localhost:PORT'; ca_file; dir;
    world: the world, or the initial object; process: the subprocess.Popen.
    """

    def __init__(self, world=None, initial=None):
        super().__init__()
        if (world is None) == (initial is None):
            raise ValueError('give either a world or an initial object')
        self._option = '--world' if initial is None else '--initial'
        if world is not None and not isinstance(world, dict):
            with open(world, encoding='utf-8') as stream:
                world = yaml.safe_load(stream)
        self.world = world if initial is None else initial
        self.process = None

    def _setUp(self):
        folder = os.path.realpath(tempfile.mkdtemp(prefix='zvm-simulator-'))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.dir = os.path.join(folder, 'state')
        self.ca_file = os.path.join(self.dir, 'ca.pem')
        self._log = os.path.join(folder, 'log')
        self._file = os.path.join(folder, 'world')
        self.addCleanup(self.stop)
        self._serve('--port', '0')

    def _serve(self, *more):
        with open(self._file, 'w', encoding='utf-8') as stream:
            if self._option == '--world':
                yaml.safe_dump(self.world, stream)
            else:
                json.dump(self.world, stream)
        self.process = self._start('serve', self._option, self._file,
                                   '--dir', self.dir, *more)
        self.ports = self._wait()
        self.server = 'localhost:%d' % self.ports['mn']
        self.url = 'https://' + self.server
        self._context = ssl.create_default_context(cafile=self.ca_file)

    def _start(self, *arguments):
        environment = dict(os.environ)
        top = os.path.dirname(os.path.dirname(xcat_simulator.__file__))
        environment['PYTHONPATH'] = os.pathsep.join(filter(None, [
            top, environment.get('PYTHONPATH')]))
        with open(self._log, 'wb') as log:
            return subprocess.Popen(
                [sys.executable, '-m', 'xcat_simulator.cli', *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, start_new_session=True)

    def _wait(self):
        """What ports.json says, once it is there."""
        ready = self._ready()
        deadline = time.monotonic() + READY_SECONDS
        while not os.path.exists(ready):
            if self.process.poll() is not None:
                raise RuntimeError('the simulator ended with status %d: %s'
                                   % (self.process.returncode, self.log()))
            if time.monotonic() > deadline:
                raise RuntimeError('the simulator is not ready after %d s: '
                                   '%s' % (READY_SECONDS, self.log()))
            time.sleep(0.02)
        with open(ready, encoding='utf-8') as stream:
            return json.load(stream)

    def _ready(self):
        return os.path.join(self.dir, 'ports.json')

    def log(self):
        """What the simulator has printed."""
        with open(self._log, encoding='utf-8', errors='replace') as stream:
            return stream.read()

    def stop(self):
        """End the process, if it runs, and what it started."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def kill(self):
        """End the process at once, as a failure of its machine does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.unlink(self._ready())      # nobody else does

    def restart(self):
        """Stop it and serve what is on its disks, at the same port.

        That is an IPL of the z/VM systems and a restart of the MN. The CA is
        a new one, in the same file.
        """
        self.stop()
        self._serve('--port', str(self.ports['mn']), '--keep')

    def requests(self, server='mn'):
        """The journal of the MN, or of 'connector LPAR', or of all (None)."""
        entries = self._call('GET', 'requests')
        return [entry for entry in entries
                if server is None or entry['server'] == server]

    def forget_requests(self):
        self._call('DELETE', 'requests')

    def event(self, lpar=None, **event):
        """Make something fail or work again: zhcp='down', smapi_fails=...

        On one LPAR, or on all.
        """
        query = {} if lpar is None else {'lpar': lpar}
        self._call('POST', 'events?' + urllib.parse.urlencode(query), event)

    def fault(self, **rule):
        """Set a rule of a fault, see POST /simulator/faults; its number."""
        return self._call('POST', 'faults', rule)['id']

    def faults(self):
        """The rules, with how often each matched and fired."""
        return self._call('GET', 'faults')

    def forget_faults(self):
        """Remove every rule; returns how many late effects were dropped."""
        return self._call('DELETE', 'faults')['dropped']

    def open_gate(self):
        """Let what waits at the gate happen; how many effects ended."""
        return self._call('POST', 'faults/gate')['ended']

    def edit(self, lpar=None, **edit):
        """Edit a pool file as an operator: see POST /simulator/editor."""
        query = {} if lpar is None else {'lpar': lpar}
        self._call('POST', 'editor?' + urllib.parse.urlencode(query), edit)

    def state(self):
        """The world as it is now: see GET /simulator/world."""
        return self._call('GET', 'world')

    def connector_url(self, lpar):
        """Of the LPAR's Cloud Connector; with connector_port same: `url`."""
        port = self.ports['connectors'][lpar]
        if port == self.ports['mn']:
            return self.url + '/'
        return 'http://127.0.0.1:%d/' % port

    def node_folder(self, lpar, userid):
        """The folder that is the root of that user's Linux."""
        return os.path.join(self.dir, 'nodes', lpar, userid.upper())

    def pool_text(self, lpar, pool):
        """The text of a pool file; KeyError when it is not there."""
        query = urllib.parse.urlencode({'lpar': lpar})
        return self._call('GET', 'pools?' + query)[pool]

    def disk(self, lpar, wwpn, lun):
        """wwid, size, path, masked_to of the disk behind a port and LUN."""
        for disk in self.state()['lpars'][lpar]['disks']:
            if wwpn in disk['wwpns'] and disk['lun'] == lun:
                return disk
        raise KeyError('%s/%s' % (wwpn, lun))

    def _call(self, method, name, body=None):
        connection = http.client.HTTPSConnection(
            'localhost', self.ports['mn'], context=self._context, timeout=60)
        try:
            connection.request(method, '/simulator/' + name,
                               None if body is None else json.dumps(body))
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError('%s /simulator/%s: %d %s' % (
                method, name, response.status, text))
        return json.loads(text)
