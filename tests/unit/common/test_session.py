# SPDX-License-Identifier: Apache-2.0
"""The REST session against a TLS server on which everything goes wrong."""

import concurrent.futures
import copy
import datetime
import json
import logging
import os
import socket
import threading
import traceback
import types

import fixtures
import testtools
import urllib3.util

from tests.unit.common import mn
from zvm_common import conf
from zvm_common import exceptions
from zvm_common.xcat import reply
from zvm_common.xcat import session
from zvm_common.xcat import transport

PASSWORD = 's3cr/t "p&ss\xe9'
FINE = mn.elements({'info': ['fine']})
NODES = session.resource('nodes')


class SessionTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.mn = self.useFixture(mn.ScriptedMn())
        self.mn.answers(FINE)

    def session(self, **changes):
        arguments = {'server': self.mn.server, 'username': 'admin',
                     'password': PASSWORD, 'ca_file': self.mn.ca_file,
                     'connect_timeout': 5, 'read_timeout': 0.3,
                     'pause': 0.01}
        made = session.Session(**(arguments | changes))
        self.addCleanup(made.close)
        return made

    def get(self, **changes):
        return reply.parse(self.session(**changes).get(NODES))

    def put(self, idempotent=False, **changes):
        return reply.parse(self.session(**changes).put(
            NODES, ['x'], idempotent=idempotent))


class RequestTest(SessionTest):

    def test_a_session_as_the_options_say(self):
        settings = conf.settings(types.SimpleNamespace(
            zvm_xcat_server=self.mn.server, zvm_xcat_username='admin',
            zvm_xcat_password=PASSWORD, zvm_ca_file=self.mn.ca_file,
            zvm_xcat_read_timeout=7))
        made = session.Session.from_settings(settings)
        self.addCleanup(made.close)
        self.assertEqual(('fine',), reply.parse(made.get(NODES)).info)
        self.mn.answers(mn.late(10))
        error = self.assertRaises(exceptions.MnUnreachable, made.get, NODES,
                                  read_timeout=0.1)
        self.assertIn('within 0.1 s', str(error))

    def test_credentials_go_in_headers_and_never_in_the_url(self):
        self.put()
        (method, path, headers, body, _port), = self.mn.requests
        self.assertEqual(('PUT', '/xcatws/nodes?format=json'),
                         (method, path))
        self.assertEqual('admin', headers['userName'])
        self.assertEqual(PASSWORD, headers['password'])
        self.assertEqual(['x'], json.loads(body))

    def test_a_resource_is_quoted(self):
        self.assertEqual(
            '/xcatws/nodes/a%2Fb%3B/inventory?field=--zfcppool&field=p%3B1'
            '&format=json',
            session.resource('nodes', 'a/b;', 'inventory',
                             fields=('--zfcppool', 'p;1')))

    def test_another_path_is_refused(self):
        self.assertRaises(exceptions.InvalidValue, self.session().get,
                          '//evil.example.com/xcatws/nodes')
        self.assertEqual([], self.mn.requests)

    def test_connections_are_kept(self):
        made = self.session()
        for _ in range(3):
            made.put(NODES, ['x'])
        self.assertEqual(1, len({r[4] for r in self.mn.requests}))

    def test_a_connection_that_was_idle_for_long_is_not_used_again(self):
        made = self.session()
        made.put(NODES, ['x'])
        self.useFixture(fixtures.MonkeyPatch(
            'zvm_common.xcat.transport.LONGEST_IDLE', 0))
        made.put(NODES, ['x'])
        self.assertEqual(2, len({r[4] for r in self.mn.requests}))

    def test_a_connection_closed_while_idle_is_replaced(self):
        self.mn.answers(mn.then_close(FINE), FINE)
        made = self.session()
        made.put(NODES, ['x'])
        idle = made._adapter._pool.pool
        connection = idle.get()
        self.assertTrue(urllib3.util.wait_for_read(connection.sock, 30))
        idle.put(connection)
        made.put(NODES, ['x'])
        self.assertEqual(2, len(self.mn.requests))

    def test_small_writes_are_not_held_back(self):
        made = self.session()
        made.get(NODES)
        sock = made._adapter._pool.pool.get().sock
        self.assertNotEqual(0, sock.getsockopt(socket.IPPROTO_TCP,
                                               socket.TCP_NODELAY))

    def test_connections_are_bounded_and_threads_wait(self):
        made = self.session(pool_size=3, read_timeout=30)
        busy, most, lock = [0], [0], threading.Lock()

        def count(handler):
            with lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            handler.server.stopping.wait(0.02)
            with lock:
                busy[0] -= 1
            FINE(handler)

        self.mn.answers(count)
        with concurrent.futures.ThreadPoolExecutor(12) as threads:
            bodies = list(threads.map(
                lambda _: made.put(NODES, ['x']).body, range(36)))
        self.assertEqual(36, len(bodies))
        self.assertEqual(3, most[0])
        self.assertEqual(3, len({r[4] for r in self.mn.requests}))

    def test_the_environment_changes_nothing(self):
        for name, value in (('HTTPS_PROXY', 'http://127.0.0.1:1'),
                            ('ALL_PROXY', 'http://127.0.0.1:1'),
                            ('REQUESTS_CA_BUNDLE', '/nonexistent'),
                            ('CURL_CA_BUNDLE', '/nonexistent')):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        self.assertEqual(('fine',), self.get().info)

    def test_cookies_are_not_kept(self):
        self.mn.answers(mn.answer(200, {'data': []},
                                  Set_Cookie='a=b; Path=/'))
        made = self.session()
        made.get(NODES)
        made.get(NODES)
        self.assertNotIn('Cookie', self.mn.requests[-1][2])


class TlsTest(SessionTest):

    def refused(self, **changes):
        error = self.assertRaises(exceptions.CertificateError, self.put,
                                  **changes)
        self.assertEqual([], self.mn.requests)
        self.assertIn('zvm_ca_file', str(error))
        self.assertIn('localhost', str(error))
        return str(error)

    def test_another_ca_is_refused(self):
        other = self.useFixture(mn.ScriptedMn())
        self.assertIn(other.ca_file, self.refused(ca_file=other.ca_file))

    def test_without_a_ca_file_the_system_decides(self):
        self.assertIn('not set', self.refused(ca_file=None))

    def test_another_host_name_is_refused(self):
        self.mn = self.useFixture(mn.ScriptedMn(['mn.example.com']))
        self.mn.answers(FINE)
        self.assertIn("not valid for 'localhost'", self.refused())

    def test_a_certificate_that_ran_out_is_refused(self):
        yesterday = (datetime.datetime.now(datetime.timezone.utc)
                     - datetime.timedelta(days=1))
        self.mn = self.useFixture(mn.ScriptedMn(not_after=yesterday))
        self.mn.answers(FINE)
        self.assertIn('expired', self.refused())

    def test_a_refused_certificate_is_not_tried_again(self):
        self.refused(ca_file=None)
        self.assertEqual(1, self.log.output.count('failed after'))

    def replaced(self, text):
        """A session that was refused, and whose CA file has a text now."""
        other = self.useFixture(mn.ScriptedMn())
        made = self.session(ca_file=other.ca_file)
        self.assertRaises(exceptions.CertificateError, made.put, NODES, ['x'])
        with open(other.ca_file, 'w') as file:
            file.write(text)
        return made

    def test_a_ca_that_comes_later_is_trusted_without_a_restart(self):
        with open(self.mn.ca_file) as file:
            made = self.replaced(file.read())
        for _ in range(2):
            self.assertEqual(200, made.put(NODES, ['x']).status)
        self.assertEqual(2, len(self.mn.requests))

    def test_half_a_ca_file_changes_nothing(self):
        made = self.replaced('-----BEGIN CERTIFICATE-----\nhalf')
        self.assertRaises(exceptions.CertificateError, made.put, NODES, ['x'])

    def test_a_missing_ca_file_is_an_error(self):
        error = self.assertRaises(exceptions.ConfigurationError,
                                  self.session, ca_file='/nonexistent.pem')
        self.assertIn("'/nonexistent.pem'", str(error))

    def test_an_empty_ca_file_is_an_error(self):
        folder = self.useFixture(fixtures.TempDir())
        self.assertRaises(exceptions.ConfigurationError, self.session,
                          ca_file=os.path.join(folder.path, ''))

    def test_a_server_without_tls_is_a_wrong_server(self):
        listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listener.close)

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.recv(100)
                connection.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        error = self.assertRaises(
            exceptions.ConfigurationError, self.put,
            server='localhost:%d' % listener.getsockname()[1])
        self.assertIn('No HTTPS on localhost', str(error))
        listener.shutdown(socket.SHUT_RDWR)


class CredentialsTest(SessionTest):

    def test_what_no_header_carries_is_refused_without_being_shown(self):
        for bad in ('sec\r\nret: x', 'sec\nret', 'sec\0ret', '\u20acsecret',
                    ' secret', 'secret ', 'secret\n', '', None, 'x' * 257,
                    'sec\x85ret'):
            error = self.assertRaises(exceptions.ConfigurationError,
                                      self.session, password=bad)
            self.assertIn('zvm_xcat_password', str(error))
            self.assertNotIn('sec', str(error))
            self.assertRaises(exceptions.ConfigurationError,
                              self.session, username=bad)

    def test_a_server_with_credentials_is_refused_without_them(self):
        error = self.assertRaises(
            exceptions.InvalidValue, self.session,
            server='https://admin:s3cr3t@mn.example.com')
        self.assertNotIn('s3cr3t', str(error))
        self.assertNotIn('s3cr3t', repr(error.value))


class FaultTest(SessionTest):
    """What a failure means, and what is repeated."""

    def check(self, error, requests, call, *answers, **kwargs):
        del self.mn.requests[:]
        self.mn.answers(*answers)
        raised = self.assertRaises(error, call, **kwargs)
        # Exactly this class: its kin means something else to callers.
        self.assertIs(error, type(raised))
        self.assertEqual(requests, len(self.mn.requests))
        return str(raised)

    def test_nobody_listens(self):
        unused = socket.create_server(('127.0.0.1', 0))
        server = '127.0.0.1:%d' % unused.getsockname()[1]
        unused.close()
        for call in (self.get, self.put):
            error = self.assertRaises(exceptions.MnUnreachable, call,
                                      server=server)
            self.assertIn(server, str(error))
            self.assertIn('refused', str(error))
        self.assertEqual(6, self.log.output.count('failed after'))

    def test_no_handshake_in_time(self):
        silent = socket.create_server(('127.0.0.1', 0), backlog=10)
        self.addCleanup(silent.close)
        error = self.assertRaises(
            exceptions.MnUnreachable, self.put, connect_timeout=0.1,
            server='127.0.0.1:%d' % silent.getsockname()[1])
        self.assertIn('timed out', str(error))

    def test_an_unknown_host(self):
        self.assertRaises(exceptions.MnUnreachable, self.put,
                          server='nosuch.invalid')

    def test_connection_lost_after_sending(self):
        self.check(exceptions.MnUnreachable, 3, self.get, mn.hang_up)
        self.check(exceptions.OutcomeUnknown, 1, self.put, mn.hang_up)
        self.check(exceptions.OutcomeUnknown, 3, self.put, mn.hang_up,
                   idempotent=True)

    def test_a_repeat_may_succeed(self):
        self.mn.answers(mn.hang_up, mn.cut_short(), FINE)
        self.assertEqual(('fine',), self.get().info)
        self.mn.answers(mn.hang_up, FINE)
        self.assertEqual(('fine',), self.put(idempotent=True).info)

    def test_a_kept_connection_lost_after_sending_proves_nothing(self):
        made = self.session()
        made.put(NODES, ['x'])
        self.mn.answers(mn.hang_up, FINE)
        self.assertRaises(exceptions.OutcomeUnknown, made.put, NODES, ['y'])
        self.assertEqual(2, len(self.mn.requests))
        self.assertEqual(1, len({r[4] for r in self.mn.requests}))

    def test_late_answers_are_not_waited_for_twice(self):
        self.check(exceptions.MnUnreachable, 1, self.get, mn.late(5))
        text = self.check(exceptions.OutcomeUnknown, 1, self.put, mn.late(5),
                          idempotent=True)
        self.assertIn('within 0.3 s', text)

    def test_a_request_may_have_a_time_out_of_its_own(self):
        self.mn.answers(mn.late(0.6, FINE))
        self.assertEqual(200, self.session().put(
            NODES, ['x'], read_timeout=20).status)

    def test_a_body_that_trickles_is_given_up(self):
        def trickle(handler):
            mn.head(handler, 200, 'application/json', 10 ** 6, {})
            while not handler.server.stopping.wait(0.02):
                handler.wfile.write(b'x' * 20000)
                handler.wfile.flush()

        self.check(exceptions.OutcomeUnknown, 1, self.put, trickle)

    def test_a_truncated_body(self):
        self.check(exceptions.MnUnreachable, 3, self.get, mn.cut_short())
        text = self.check(exceptions.OutcomeUnknown, 1, self.put,
                          mn.cut_short())
        self.assertIn('cut short', text)

    def test_an_answer_that_is_too_large(self):
        self.check(exceptions.BadAnswer, 1, self.put,
                   mn.answer(200, 'x' * 70000), max_answer=65536)

    def test_garbled_and_foreign_bodies(self):
        for body in ('', 'null', '{"data": [', '[]', '{"data": {}}',
                     '{"data": [], "more": 1}', '<html>hello</html>',
                     b'\xff\xfe\x00', '[' * 100000, '{"data": [NaN, 1]}'):
            for call in (self.get, self.put):
                text = self.check(exceptions.BadAnswer, 1, call,
                                  mn.answer(200, body))
                self.assertThat(len(text), testtools.matchers.LessThan(700))

    def test_a_redirect_is_not_followed(self):
        to = mn.answer(302, '', Location='http://%s/xcatws/nodes?password='
                       's3cr%%2Ft' % self.mn.server)
        for call in (self.get, self.put):
            text = self.check(exceptions.BadAnswer, 1, call, to)
            self.assertIn('redirect', text)

    def test_refusals(self):
        for status, body, error in (
                (401, '<p>Authentication failure</p>',
                 exceptions.AuthenticationFailed),
                (401, '<p>Permission denied for request</p>',
                 exceptions.NotPermitted),
                (403, '<p>Invalid nodes and/or groups in noderange: x</p>',
                 exceptions.UnknownNode),
                (403, '<p>no such command</p>', exceptions.CommandFailed),
                (400, 'No set attribute was supplied.',
                 exceptions.CommandFailed),
                (404, "Resource 'x' does not exist", exceptions.BadAnswer),
                (500, '<html>', exceptions.BadAnswer),
                (204, '', exceptions.BadAnswer),
                (503, 'down', exceptions.MnUnreachable)):
            for call in (self.get, self.put):
                self.check(error, 1, call, mn.answer(status, body))

    def test_the_web_servers_time_out(self):
        for status in (502, 504):
            self.check(exceptions.MnUnreachable, 1, self.get,
                       mn.answer(status, 'x'))
            self.check(exceptions.OutcomeUnknown, 1, self.put,
                       mn.answer(status, 'x'), idempotent=True)

    def test_no_secret_in_any_exception_or_log_record(self):
        echo = ' '.join((PASSWORD, json.dumps(PASSWORD),
                         's3cr%2Ft%20%22p%26ss%C3%A9',
                         's3cr/t%20%22p%26ss%C3%A9', repr(PASSWORD)))
        for act in (mn.answer(401, echo), mn.answer(500, echo),
                    mn.answer(200, echo), mn.answer(403, echo),
                    mn.answer(200, PASSWORD.encode('latin-1')),
                    mn.answer(302, echo, Location='/?p=s3cr%2Ft%20%22p%26ss'
                              '%C3%A9'),
                    mn.answer(200, {'data': [{PASSWORD: ['x']}]}),
                    mn.hang_up, mn.cut_short(echo.encode())):
            self.mn.answers(act)
            error = self.assertRaises(exceptions.ZvmError, self.put)
            shown = ''.join(traceback.format_exception(error))
            self.assertNotIn('s3cr', str(error) + repr(error) + shown)
        self.assertIn('***', self.log.output)
        self.assertNotIn('s3cr', self.log.output)
        self.assertNotIn('s3cr', repr(self.session()))

    def test_exceptions_can_be_copied(self):
        self.mn.answers(mn.answer(401, 'Permission denied'))
        error = self.assertRaises(exceptions.NotPermitted, self.get)
        self.assertEqual(str(error), str(copy.deepcopy(error)))


class IdleTest(testtools.TestCase):

    def test_idle_connections_go_before_apache_closes_them(self):
        self.assertTrue(0 < transport.LONGEST_IDLE < 5)
