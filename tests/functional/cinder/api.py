# SPDX-License-Identifier: Apache-2.0
"""Tests through Cinder's API, and the cloud that they ask::

    cloud = self.useFixture(Cloud(folder, {'zvmssio1': section(1)},
                                  simulator))
    volume = cloud.client.create(1)
    cloud.client.reached(cloud.client.volume, volume['id'], 'available')
    cloud.ask('report')

A test asks over HTTP (client.py).  What no API offers it asks with
:meth:`Cloud.ask`: a function of services.py, or MODULE.FUNCTION, is called in
the process with its Services and JSON arguments.
"""

import atexit
import contextlib
import functools
import importlib
import json
import os
import pathlib
import signal
import socket
import sys
import warnings

import fixtures

from tests import forked
from tests.functional.cinder import base
from tests.functional.cinder import child
from tests.functional.cinder import client
from tests.functional.cinder import glance
from tests.functional.cinder import harness
from tests.functional.cinder import services
from tests import nursery

_LIMIT = 120    # seconds that an answer may take


@functools.cache
def _import_all():
    """What each process would import again."""
    child._import_all()
    for name in ('cinder.api.v3.router', 'cinder.api.middleware.auth',
                 'cinder.api.versions', 'cinder.scheduler.manager',
                 'cinder.scheduler.filter_scheduler', 'cinder.service',
                 'cinder.db.migration', 'keystonemiddleware.auth_token'):
        importlib.import_module(name)


class Cloud(fixtures.Fixture):
    """A process of services.Services, and a :class:`client.Client` of it.

    :param workdir: folder for configuration, database, logs
    :param backends: dict of section name -> options (harness.section)
    :param simulator: has `server` (HOST:PORT) and `ca_file`
    :param more: further options of [DEFAULT]
    """

    def __init__(self, workdir, backends, simulator, more=()):
        super().__init__()
        self.workdir = pathlib.Path(workdir)
        self._more = dict(more)
        self._backends = {
            name: dict({'zvm_xcat_server': simulator.server,
                        'zvm_ca_file': simulator.ca_file}, **options)
            for name, options in backends.items()}

    def _setUp(self):
        _import_all()
        job = {'workdir': str(self.workdir), 'backends': self._backends,
               'database': child.database(), 'more': self._more}
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(_LIMIT)
        self.pid = os.fork()
        if self.pid == 0:
            self._channel.close()
            self._become(theirs, job)
        theirs.close()
        self._stream = self._channel.makefile('rw')
        self.addCleanup(self._stop)
        self.client = client.Client(
            'http://127.0.0.1:%d' % self._read(), harness.PROJECT)

    def _become(self, channel, job):
        """Never returns into the test that has been copied."""
        warnings.simplefilter('ignore')
        with open(self.workdir / 'errors', 'w') as errors:
            for number in (1, 2):
                os.dup2(errors.fileno(), number)
        sys.stdout = open(1, 'w', closefd=False)
        sys.stderr = open(2, 'w', closefd=False)
        forked.finish(lambda: services.serve(channel, job))

    def ask(self, call, **args):
        """Call a function in the process; its result."""
        with contextlib.suppress(OSError):
            self._stream.write(json.dumps({'call': call, 'args': args})
                               + '\n')
            self._stream.flush()
        return self._read()

    def _read(self):
        line = ''
        with contextlib.suppress(OSError):
            line = self._stream.readline()
        if not line:
            raise RuntimeError('Cinder does not answer: ' + ''.join(
                (self.workdir / name).read_text()[-5000:]
                for name in ('cinder.log', 'errors')))
        answer = json.loads(line)
        if 'error' in answer:
            raise RuntimeError(answer['error'])
        return answer['result']

    def _stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):
            self._stream.close()
        self._channel.close()


class _Place(fixtures.Fixture):
    """A simulator, a folder, Glance and a cloud, with a type per back-end."""

    def __init__(self, world, backends, options):
        super().__init__()
        self._world = world
        self._backends = backends
        self._options = options

    def _setUp(self):
        self.simulator = self.useFixture(nursery.Simulator(self._world))
        self.workdir = self.useFixture(fixtures.TempDir()).path
        self.glance = self.useFixture(glance.Glance(
            self.useFixture(fixtures.TempDir()).path))
        self.cloud = self.useFixture(Cloud(
            self.workdir, self._backends, self.simulator,
            dict(self._options, glance_api_servers=self.glance.server)))
        for name in self._backends:
            self.cloud.client.create_type(name, volume_backend_name=name)


class _Standing:
    """The place that serves one test of this process after the other."""

    def __init__(self):
        self._kind = self._place = None
        atexit.register(self.drop)

    def take(self, *what):
        """A _Place of this kind, with nothing in it."""
        kind = json.dumps(what, sort_keys=True)
        if kind != self._kind:
            self.drop()
            place = _Place(*what)
            place.setUp()
            self._kind, self._place = kind, place
        return self._place

    def drop(self):
        """The next test gets a new one."""
        place, self._kind, self._place = self._place, None, None
        if place:
            place.cleanUp()


_standing = _Standing()


class ApiTestCase(base.ManagerTestCase):
    """self.cloud is joined to self.simulator; self.client asks it.

    self.glance is the Glance that it asks for images.

    The drivers are ours and have asked the simulator.  There is a volume
    type for each back-end, of the same name.

    A cloud costs seconds.  With `shared` it has served other tests of the
    process, and will serve more: what a test leaves is deleted.  One that
    fails takes the cloud with it.
    """

    shared = False
    options = {}        # of [DEFAULT] in cinder.conf
    _spoilt = False

    def places(self):
        if self.shared:
            self._place = _standing.take(self.world(), self.backends,
                                         self.options)
            self.addCleanup(self._leave)
            self.addOnException(self._spoil)
        else:
            self._place = self.useFixture(_Place(
                self.world(), self.backends, self.options))
        return self._place.simulator, self._place.workdir

    def setUp(self):
        super().setUp()
        self.cloud = self._place.cloud
        self.client = self.cloud.client
        self.glance = self._place.glance
        self._began = self._log.stat().st_size
        self.assertEqual({name: [harness.DRIVER, True]
                          for name in self.backends},
                         self.cloud.ask('drivers'))
        self.simulator.forget_requests()
        self.cloud.ask('report')
        self.assertNotEqual([], self.simulator.requests())

    def _spoil(self, _info):
        self._spoilt = True

    def _leave(self):
        if self._spoilt:
            _standing.drop()
            return
        try:
            self.client.clear(self.backends)
            self.assertFree()
        except Exception:
            _standing.drop()

    @property
    def _log(self):
        return self.cloud.workdir / 'cinder.log'

    def log(self):
        """What Cinder has logged since this test began."""
        with open(self._log, 'rb') as stream:
            stream.seek(self._began)
            return stream.read().decode(errors='replace')

    def available(self, volume):
        """Wait until a volume is that; its object."""
        return self.client.reached(self.client.volume, volume['id'],
                                   'available')

    def created(self, size=1, volume_type='zvmssio1', **fields):
        """A new volume that is available."""
        return self.available(self.client.create(
            size, volume_type=volume_type, **fields))

    def deleted(self, volume):
        """Delete a volume and wait until it is gone."""
        self.client.delete(volume['id'])
        self.client.gone(self.client.volume, volume['id'])

    def status_of(self, call, *args, **kwargs):
        """The HTTP status of an answer that is an error, and its text."""
        error = self.assertRaises(client.Refused, call, *args, **kwargs)
        return error.status, str(error)

    def unschedulable(self, volume):
        """A volume comes to nothing: the scheduler finds no back-end."""
        found = self.client.reached(self.client.volume, volume['id'],
                                    'error')
        self.assertIsNone(found['os-vol-host-attr:host'])
        self.assertEqual(['schedule allocate volume:Could not find any '
                          'available weighted backend.'],
                         self.client.messages(volume['id']))
        self.assertIn('No valid backend was found', self.log())

    def provider_id(self, volume):
        """The LUN of a volume, as the driver has told Cinder."""
        return self.cloud.ask('row', volume_id=volume['id'])['provider_id']

    def assertFree(self):
        """No volume has a LUN of any back-end."""
        for number in range(1, len(self.backends) + 1):
            self.assertEqual({'free'}, set(self.statuses(number)))


class TrustingTestCase(ApiTestCase):
    """Nothing is wiped at create: for tests that are about something else."""

    shared = True
    backends = {name: dict(options, zvm_trust_free_luns=True)
                for name, options in ApiTestCase.backends.items()}
