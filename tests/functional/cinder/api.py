# SPDX-License-Identifier: Apache-2.0
"""A whole Cinder in one process: API, scheduler and volume services.

The API is what cinder-api serves, without Keystone, over HTTP at a free port
of 127.0.0.1; it, the scheduler and one cinder-volume for each back-end are
threads that ask each other through oslo.messaging's transport within a
process.  All state is in an SQLite database below the folder::

    cloud = self.useFixture(Cloud(folder, {'zvmssio1': section(1)},
                                  simulator))
    volume = cloud.client.create(1)
    cloud.client.reached(cloud.client.volume, volume['id'], 'available')
    cloud.ask('report')

A test asks over HTTP (client.py).  What no API offers it asks with
:meth:`Cloud.ask`: a function of this module, or MODULE.FUNCTION, is called
in the process with its :class:`Services` and JSON arguments.
"""

import atexit
import functools
import importlib
import importlib.metadata
import json
import os
import pathlib
import shutil
import socket
import socketserver
import sys
import tempfile
import threading
import warnings
from wsgiref import simple_server

import fixtures

from tests import forked
from tests.functional.cinder import base
from tests.functional.cinder import child
from tests.functional.cinder import client
from tests.functional.cinder import harness
from tests.functional.cinder import scenarios
from tests import nursery
from tests import waits

KEY = '0123456789abcdef' * 4


# the process


def paste_file():
    """The api-paste.ini that Cinder has installed."""
    for file in importlib.metadata.files('cinder'):
        if file.parts[-2:] == ('cinder', 'api-paste.ini'):
            return file.locate()
    raise FileNotFoundError('cinder brings no api-paste.ini')


def _sections():
    """What cinder.conf has beside the sections of harness.Cinder."""
    return {
        'DEFAULT': {
            'auth_strategy': 'noauth', 'api_paste_config': paste_file(),
            # no report but those that a test asks for
            'periodic_interval': 0,
            # it would be another service's: Cinder has one in a process
            'report_interval': 0, 'service_down_time': 86400,
            # it has all capabilities when it is asked for the first time
            'scheduler_driver_init_wait_time': 1},
        'key_manager': {
            'backend': 'cinder.keymgr.conf_key_mgr.ConfKeyManager',
            'fixed_key': KEY}}


def _pass_json():
    """Let messages be JSON, as between processes; they are objects else."""
    from oslo_messaging._drivers import impl_fake
    from oslo_serialization import jsonutils

    def copied(message):
        return jsonutils.loads(jsonutils.dumps(message))

    class Incoming(impl_fake.FakeIncomingMessage):
        def __init__(self, ctxt, message, reply_q, requeue):
            super().__init__(copied(ctxt), copied(message), reply_q, requeue)

        def reply(self, reply=None, failure=None):
            super().reply(copied(reply), failure)
    impl_fake.FakeIncomingMessage = Incoming


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *_args):
        """Cinder's log tells of every request."""


class Services:
    """API, scheduler and volume services; started when this is made.

    :ivar cinder: harness.Cinder, with the managers of the volume services
    :ivar scheduler: the SchedulerManager
    :ivar port: of the API
    """

    def __init__(self, workdir, backends, database):
        self.cinder = harness.Cinder(workdir, backends, database,
                                     more=_sections())
        _pass_json()
        from cinder.wsgi import wsgi
        sys.argv[1:] = ['--config-file', str(self.cinder.path)]
        application = wsgi.initialize_application()
        for name in backends:
            self.cinder.managers[name] = self._start(
                'cinder-volume', '%s@%s' % (self.cinder.host, name),
                service_name=name).manager
        self.scheduler = self._start('cinder-scheduler',
                                     self.cinder.host).manager
        report(self)
        server = simple_server.make_server(
            '127.0.0.1', 0, application, _Server, _Handler)
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()

    @staticmethod
    def _start(binary, host, **args):
        """As the command of that name does, with timers and RPC servers."""
        from cinder import service
        made = service.Service.create(host=host, binary=binary,
                                      coordination=True, **args)
        made.start()
        return made


def report(services):
    """Let all back-ends report to the scheduler, which has it then."""
    known = services.scheduler.driver.host_manager.service_states
    for manager in services.cinder.managers.values():
        before = known.get(manager.host)
        manager.publish_service_capabilities(services.cinder.context)
        waits.until(lambda: known.get(manager.host) is not before)


def row(services, volume_id):
    """What the database has of a volume and the API does not show."""
    return scenarios._row(services.cinder.volume(volume_id))


def drivers(services):
    """The class of each back-end's driver, and whether it was set up."""
    return {name: ['%s.%s' % (type(manager.driver).__module__,
                              type(manager.driver).__name__),
                   manager.driver.initialized]
            for name, manager in services.cinder.managers.items()}


def connector(services, backend, instance, userid):
    """Hold FCP devices for a guest, as the Nova extension does."""
    driver = services.cinder.managers[backend].driver
    return scenarios.connector_of(driver._backend, instance, userid)[2]


def _answer(services, question):
    module, _, function = question['call'].rpartition('.')
    place = importlib.import_module(module or __name__)
    try:
        return {'result': getattr(place, function)(services,
                                                   **question['args'])}
    except Exception as err:
        return {'error': '%s: %s' % (type(err).__name__, err)}


def _serve(channel, job):
    """Start the services; answer the test's questions until it ends."""
    services = Services(job['workdir'], job['backends'], job['database'])
    with channel.makefile('rw') as stream:
        stream.write(json.dumps({'result': services.port}) + '\n')
        stream.flush()
        for line in stream:
            answer = _answer(services, json.loads(line))
            stream.write(json.dumps(answer) + '\n')
            stream.flush()


# the test's side


@functools.cache
def _database():
    """An empty database of this release, made once for a test process."""
    folder = tempfile.mkdtemp(prefix='zvm-api-')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pid = os.fork()
    if pid == 0:
        forked.finish(lambda: harness.Cinder(folder, {}) and 0)
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError('no database could be made in ' + folder)
    return os.path.join(folder, 'cinder.sqlite')


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
    """A process of :class:`Services`, and a :class:`client.Client` of it.

    :param workdir: folder for configuration, database, logs
    :param backends: dict of section name -> options (harness.section)
    :param simulator: has `server` (HOST:PORT) and `ca_file`
    """

    def __init__(self, workdir, backends, simulator):
        super().__init__()
        self.workdir = pathlib.Path(workdir)
        self._backends = {
            name: dict({'zvm_xcat_server': simulator.server,
                        'zvm_ca_file': simulator.ca_file}, **options)
            for name, options in backends.items()}

    def _setUp(self):
        _import_all()
        job = {'workdir': str(self.workdir), 'backends': self._backends,
               'database': _database()}
        self._channel, theirs = socket.socketpair()
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
        forked.finish(lambda: _serve(channel, job))

    def ask(self, call, **args):
        """Call a function in the process; its result."""
        self._stream.write(json.dumps({'call': call, 'args': args}) + '\n')
        self._stream.flush()
        return self._read()

    def _read(self):
        line = self._stream.readline()
        if not line:
            raise RuntimeError('Cinder ended: '
                               + (self.workdir / 'errors').read_text())
        answer = json.loads(line)
        if 'error' in answer:
            raise RuntimeError(answer['error'])
        return answer['result']

    def _stop(self):
        """The process ends when nobody can ask it any more."""
        # though processes that were forked later have copies of the socket
        self._channel.shutdown(socket.SHUT_RDWR)
        self._stream.close()
        self._channel.close()
        os.waitpid(self.pid, 0)


class _Place(fixtures.Fixture):
    """A simulator, a folder and a cloud, with a volume type per back-end."""

    def __init__(self, world, backends):
        super().__init__()
        self._world = world
        self._backends = backends

    def _setUp(self):
        self.simulator = self.useFixture(nursery.Simulator(self._world))
        self.workdir = self.useFixture(fixtures.TempDir()).path
        self.cloud = self.useFixture(Cloud(self.workdir, self._backends,
                                           self.simulator))
        for name in self._backends:
            self.cloud.client.create_type(name, volume_backend_name=name)


class _Standing:
    """The place that serves one test of this process after the other."""

    def __init__(self):
        self._kind = self._place = None
        atexit.register(self.drop)

    def take(self, world, backends):
        """One for this world and these back-ends, with nothing in it."""
        kind = json.dumps([world, backends], sort_keys=True)
        if kind != self._kind:
            self.drop()
            self._place = _Place(world, backends)
            self._place.setUp()
            self._kind = kind
        return self._place

    def drop(self):
        """The next test gets a new one."""
        place, self._kind, self._place = self._place, None, None
        if place:
            place.cleanUp()


_standing = _Standing()


class ApiTestCase(base.ManagerTestCase):
    """self.cloud is joined to self.simulator; self.client asks it.

    The drivers are ours and have asked the simulator.  There is a volume
    type for each back-end, of the same name.

    A cloud costs seconds.  With `shared` it has served other tests of the
    process, and will serve more: what a test leaves is deleted, and the names
    of its volume types are its own.  One that fails takes the cloud with it.
    """

    shared = False
    _spoilt = False

    def places(self):
        if self.shared:
            self._place = _standing.take(self.world(), self.backends)
            self.addCleanup(self._leave)
            self.addOnException(self._spoil)
        else:
            self._place = self.useFixture(_Place(self.world(),
                                                 self.backends))
        return self._place.simulator, self._place.workdir

    def setUp(self):
        super().setUp()
        self.cloud = self._place.cloud
        self.client = self.cloud.client
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
            self.client.clear()
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
            self.assertEqual(['free'] * 10, self.statuses(number))


class TrustingTestCase(ApiTestCase):
    """Nothing is wiped at create: for tests that are about something else."""

    shared = True
    backends = {name: dict(options, zvm_trust_free_luns=True)
                for name, options in ApiTestCase.backends.items()}
