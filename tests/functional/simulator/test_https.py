# SPDX-License-Identifier: Apache-2.0
"""The server as clients meet it: TLS, connections, hostile input."""

import concurrent.futures
import os
import re
import socket
import ssl
import stat
import time

import fixtures
import requests

from tests.functional.simulator import base
from xcat_simulator import certificates


class TlsTest(base.SharedCase):

    def test_both_names_of_the_certificate_are_good(self):
        port = self.simulator.ports['mn']
        for name in ('localhost', '127.0.0.1'):
            answer = self.session.get(
                'https://%s:%d/xcatws/version?format=json' % (name, port),
                headers=base.HEADERS, timeout=60)
            self.assertEqual(200, answer.status_code)

    def test_another_name_is_refused_by_the_client(self):
        context = ssl.create_default_context(cafile=self.simulator.ca_file)
        with socket.create_connection(
                ('127.0.0.1', self.simulator.ports['mn'])) as plain:
            self.assertRaises(ssl.SSLCertVerificationError,
                              context.wrap_socket, plain,
                              server_hostname='mn.example.com')

    def test_another_ca_is_refused_by_the_client(self):
        folder = self.useFixture(fixtures.TempDir()).path
        certificates.make(folder)
        self.session.verify = os.path.join(folder, 'ca.pem')
        self.assertRaises(requests.exceptions.SSLError, self.ask, 'GET',
                          'version')

    def test_plain_http_gets_no_answer_and_harms_nobody(self):
        port = self.simulator.ports['mn']
        self.assertRaises(requests.exceptions.ConnectionError, requests.get,
                          'http://127.0.0.1:%d/xcatws/version' % port,
                          timeout=60)
        self.assertEqual(200, self.ask('GET', 'version').status_code)

    def test_no_private_key_is_left_on_disk(self):
        for folder, _, names in os.walk(self.simulator.dir):
            for name in names:
                path = os.path.join(folder, name)
                if not stat.S_ISREG(os.lstat(path).st_mode) or \
                        os.path.getsize(path) > 1 << 20:
                    continue
                with open(path, 'rb') as stream:
                    self.assertNotIn(b'PRIVATE KEY', stream.read())


class ConnectionTest(base.SharedCase):

    def test_a_connection_is_kept_for_many_requests(self):
        ports = set()
        for _ in range(5):
            answer = self.ask('GET', 'version', stream=True)
            ports.add(answer.raw._connection.sock.getsockname())
            answer.content
        self.assertEqual(1, len(ports))

    def test_a_request_without_delay(self):
        """Neither Nagle's algorithm nor a delayed ACK (40 ms) in the way."""
        self.ask('GET', 'version')
        seconds = []
        for _ in range(20):
            started = time.monotonic()
            self.ask('GET', 'version')
            seconds.append(time.monotonic() - started)
        self.assertLess(sorted(seconds)[5], 0.035)

    def test_many_clients_at_once(self):
        def one(number):
            session = self.client()
            texts = [self.ask('PUT', 'nodes/guest1/dsh',
                              ['command=echo %d' % number],
                              session=session).json() for _ in range(3)]
            return texts == 3 * [{'data': [
                {'data': ['guest1: %d' % number]}, {'errorcode': ['0']}]}]

        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            self.assertEqual([True] * 24, list(pool.map(one, range(24))))

    def test_silent_connections_delay_nobody(self):
        port = self.simulator.ports['mn']
        silent = [socket.create_connection(('127.0.0.1', port))
                  for _ in range(20)]
        try:
            started = time.monotonic()
            self.assertEqual(200, self.ask('GET', 'version').status_code)
            self.assertLess(time.monotonic() - started, 5)
        finally:
            for each in silent:
                each.close()

    def test_slow_commands_run_side_by_side(self):
        def one(_):
            return self.ask('PUT', 'nodes/guest1/dsh', ['command=sleep 1'],
                            session=self.client()).status_code
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual([200] * 8, list(pool.map(one, range(8))))
        self.assertLess(time.monotonic() - started, 6)


class HostileTest(base.SharedCase):

    def raw(self, data):
        """Send bytes over TLS, return the status line's number or b''."""
        context = ssl.create_default_context(cafile=self.simulator.ca_file)
        with socket.create_connection(
                ('127.0.0.1', self.simulator.ports['mn'])) as plain:
            with context.wrap_socket(
                    plain, server_hostname='localhost') as secured:
                secured.settimeout(30)
                secured.sendall(data)
                got = secured.recv(65536)
        found = re.match(rb'HTTP/1.1 ([0-9]+)', got)
        return int(found[1]) if found else got

    def test_wrong_lengths(self):
        for value, status in ((b'-1', 400), (b'x', 400),
                              (b'99999999999', 413)):
            self.assertEqual(status, self.raw(
                b'PUT /xcatws/vms/guest1 HTTP/1.1\r\nHost: localhost\r\n'
                b'Content-Length: ' + value + b'\r\n\r\n'))

    def test_a_chunked_body_wants_a_length(self):
        self.assertEqual(411, self.raw(
            b'PUT /xcatws/vms/guest1 HTTP/1.1\r\nHost: localhost\r\n'
            b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'))

    def test_nonsense(self):
        self.assertEqual(400, self.raw(b'\x00\xff nonsense\r\n\r\n'))
        self.assertEqual(414, self.raw(b'GET /' + b'a' * 70000 + b' HTTP/1.1'
                                       b'\r\n\r\n'))
        self.assertEqual(501, self.raw(b'BREW / HTTP/1.1\r\n\r\n'))

    def test_strange_paths(self):
        for path, status in (('/', 404), ('//', 404), ('/xcatws/%00', 404),
                             ('/xcatws/nodes/a%2fb', 404),
                             ('/xcatws/../etc/passwd', 404),
                             ('/simulator/nosuch', 404),
                             ('/xcatws/nodes/%ff/power', 403),
                             ('/xcatws/nodes//power', 403)):
            self.assertEqual(status, self.raw(
                b'GET ' + path.encode() + b'?format=json HTTP/1.1\r\n'
                b'userName: admin\r\npassword: secret\r\n\r\n'), path)

    def test_strange_bodies(self):
        for body in (b'[', b'\xff', b'null', b'"x"', b'{}', b'[' * 100000,
                     b'1e999999', b'{"a":' * 50000):
            answer = self.session.put(
                self.simulator.url + '/xcatws/hypervisor/host1?format=json',
                data=body, headers=base.HEADERS, timeout=60)
            self.assertEqual(500, answer.status_code, body[:20])
            self.assertIn('text/html', answer.headers['Content-Type'])

    def test_strange_list_members(self):
        for body in ([None], [1], [[]], [{}], [''], ['-'], ['x' * 100000]):
            answer = self.ask('PUT', 'vms/guest1', body)
            self.assertEqual(200, answer.status_code)
            self.assertRegex(answer.text, "Option '.*' not supported on")
        answer = self.ask('PUT', 'vms/guest1', ['\x00'])
        self.assertEqual(503, answer.status_code)

    def test_a_pool_name_is_no_path(self):
        for name in ('../../../../etc/passwd', '.'):
            answer = self.data('GET', 'nodes/host1/inventory?field=--zfcppool'
                               '&field=' + requests.utils.quote(name, ''))
            self.assertEqual([{'info': [None]}], answer)

    def test_a_filter_is_no_bomb(self):
        answer = self.data(
            'GET', 'nodes/host1/inventory?field=--zfcppool&field=zpool1'
            '&field=' + requests.utils.quote('(a+)+$', ''))
        self.assertEqual(1, answer[0]['info'][0].count('\n'))

    def test_afterwards_the_server_is_well(self):
        self.test_nonsense()
        self.test_strange_bodies()
        self.assertEqual(200, self.ask('GET', 'version').status_code)
        self.assertNotIn('Traceback', self.simulator.log())
