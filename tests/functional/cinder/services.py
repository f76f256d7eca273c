# SPDX-License-Identifier: Apache-2.0
"""The process of a whole Cinder: API, scheduler and volume services.

The API is what cinder-api serves, without Keystone, over HTTP at a free port
of 127.0.0.1; it, the scheduler and one cinder-volume for each back-end are
threads that ask each other through oslo.messaging's transport within a
process.  All state is in an SQLite database below the folder.

api.py starts it.  The functions with a parameter `services` are for tests,
which have them called by api.Cloud.ask: JSON arguments, and a JSON result.
"""

import importlib
import importlib.metadata
import json
import socketserver
import sys
import threading
from wsgiref import simple_server

from tests.functional.cinder import copying
from tests.functional.cinder import harness
from tests.functional.cinder import scenarios
from tests import waits

_KEY = '0123456789abcdef' * 4     # of all that would be encrypted


def paste_file():
    """The api-paste.ini that Cinder has installed."""
    for file in importlib.metadata.files('cinder'):
        if file.parts[-2:] == ('cinder', 'api-paste.ini'):
            return file.locate()
    raise FileNotFoundError('cinder brings no api-paste.ini')


def _sections(more):
    """What cinder.conf has beside the sections of harness.Cinder."""
    return {
        'DEFAULT': {
            **more,
            'auth_strategy': 'noauth', 'api_paste_config': paste_file(),
            # no report but those that a test asks for
            'periodic_interval': 0,
            # it would be another service's: Cinder has one in a process
            'report_interval': 0, 'service_down_time': 86400,
            # it has all capabilities when it is asked for the first time
            'scheduler_driver_init_wait_time': 1},
        'database': {'sqlite_synchronous': False},
        'key_manager': {
            'backend': 'cinder.keymgr.conf_key_mgr.ConfKeyManager',
            'fixed_key': _KEY}}


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


def _take_turns():
    """Let a transaction wait for the others before it reads.

    SQLite refuses at once what would write after it has read, when another
    does the same; databases that Cinder is made for do not.
    """
    from cinder.db import api
    import sqlalchemy

    def begin(_connection, _cursor, statement, parameters, *_more):
        return ('BEGIN IMMEDIATE' if statement == 'BEGIN' else statement,
                parameters)
    sqlalchemy.event.listen(api.get_engine(), 'before_cursor_execute', begin,
                            retval=True)


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

    def __init__(self, workdir, backends, database, more):
        self.cinder = harness.Cinder(workdir, backends, database,
                                     more=_sections(more))
        _pass_json()
        _take_turns()
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
    from oslo_utils import timeutils
    known = services.scheduler.driver.host_manager.service_states

    def has_it():
        return (manager.host in known
                and known[manager.host]['timestamp'] >= began)
    for manager in services.cinder.managers.values():
        began = timeutils.utcnow()
        manager.publish_service_capabilities(services.cinder.context)
        waits.until(has_it)


def row(services, volume_id):
    """What the database has of a volume and the API does not show."""
    return scenarios._row(services.cinder.volume(volume_id))


def rows(services):
    """Status and provider_id of all volumes and snapshots."""
    return copying.rows(services.cinder)


def drivers(services):
    """The class of each back-end's driver, and whether it was set up."""
    return {name: ['%s.%s' % (type(manager.driver).__module__,
                              type(manager.driver).__name__),
                   manager.driver.initialized]
            for name, manager in services.cinder.managers.items()}


def forget_manage(services, volume_id, backend):
    """As if cinder-volume had died before it saved what it has managed."""
    volume = services.cinder.volume(volume_id)
    volume.provider_id = None
    volume.save()
    pool = services.cinder.managers[backend].driver._backend.pool
    folder = '/var/lib/zvm-volume/luns/'
    lun = pool.look(volume_id)
    name = '%s-%s' % (lun.wwpns[0], lun.lun)
    pool.zhcp.hypervisor.zhcp.run(
        'f="$ZVM_ROOT"%s%s; grep -q ^phase "$f" || sed -i '
        '"1s/^/phase=manage\\n/" "$f"' % (folder, name))


def connector(services, backend, instance, userid):
    """Hold FCP devices for a guest, as the Nova extension does."""
    driver = services.cinder.managers[backend].driver
    return scenarios.connector_of(driver._backend, instance, userid)[2]


def use(services, backend, attachment, userid, node):
    """Give a guest the LUN that Cinder has told, as nova-compute does."""
    from zvm_common import fcp
    info = attachment['connection_info']
    _devices(services, backend, attachment).attach(fcp.AttachRequest(
        volume_id=info['zvm_volume_id'], generation=info['zvm_generation'],
        attachment_id=attachment['id'], instance_uuid=attachment['instance'],
        userid=userid, node=node,
        devices=tuple(attachment['connector']['zvm_fcp'])))


def unuse(services, backend, attachment):
    """The guest gives it back; Cinder is not told."""
    pool = services.cinder.managers[backend].driver._backend.pool
    volume_id = attachment['connection_info']['zvm_volume_id']
    _devices(services, backend, attachment).detach(
        volume_id, pool.look(volume_id).generation, attachment['instance'])


def _devices(services, backend, attachment):
    from zvm_common import fcp
    found = services.cinder.managers[backend].driver._backend
    return fcp.Devices(found.zhcp, found.settings.fcp_list,
                       compute=attachment['connector']['host'])


def _answer(services, question):
    module, _, function = question['call'].rpartition('.')
    place = importlib.import_module(module or __name__)
    try:
        return {'result': getattr(place, function)(services,
                                                   **question['args'])}
    except Exception as err:
        return {'error': '%s: %s' % (type(err).__name__, err)}


def serve(channel, job):
    """Start the services; answer the test's questions until it ends."""
    services = Services(job['workdir'], job['backends'], job['database'],
                        job['more'])
    with channel.makefile('rw') as stream:
        stream.write(json.dumps({'result': services.port}) + '\n')
        stream.flush()
        for line in stream:
            answer = _answer(services, json.loads(line))
            stream.write(json.dumps(answer) + '\n')
            stream.flush()
