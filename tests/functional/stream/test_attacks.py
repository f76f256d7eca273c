# SPDX-License-Identifier: Apache-2.0
"""Whoever reaches the port: gets nothing, keeps nobody out."""

import hashlib
import socket
import subprocess
import sys

import fixtures

from tests.functional.stream import base
from tests import waits
from zvm_common.stream import endpoint
from zvm_common.stream import server

MIB = base.MIB
PUT = ('PUT', base.TOKEN, 'Transfer-Encoding: chunked')


class TokenTest(base.StreamTest):

    def setUp(self):
        super().setUp()
        self.image = self.file(MIB, (0, b'secret of a tenant'))

    def test_without_the_right_token_nothing_is_told(self):
        end = self.endpoint('fill', self.image)
        for token, status in ((None, 401), ('', 401), (base.OTHER, 403),
                              (base.TOKEN[:-1], 403),
                              (base.TOKEN + '0', 403),
                              (base.TOKEN.upper(), 403)):
            found, body = self.ask(end, base.request('GET', token))
            self.assertEqual(status, found, token)
            self.assertNotIn(b'secret', body)
        for scheme in ('Basic', 'Bearer:', ''):
            header = 'Authorization: %s %s' % (scheme, base.TOKEN)
            self.assertEqual(401, self.ask(end, base.request(
                'GET', None, header))[0])
        self.assertFree(end)

    def test_curl_says_which_status_it_got(self):
        end = self.endpoint('fill', self.image, admitted=False)
        end.admit(base.OTHER, '127.0.0.1')
        done = base.curl(end)
        self.assertEqual((22, b'the token is wrong\n'),
                         (done.returncode, done.stdout))
        self.assertIn(b'403', done.stderr)

    def test_a_used_token_is_worth_nothing(self):
        end = self.endpoint('fill', self.file(
            64 * MIB, *((i * MIB, b'x') for i in range(64)), name='large'))
        first = self.peer(end)
        first.send(base.request())
        waits.until(lambda: end.done)
        for _ in range(3):
            self.assertEqual((410, b'the token has been used\n'),
                             self.ask(end, base.request()))
        self.assertIn(b'zvmend', first.receive())
        self.assertEqual(64 * MIB, end.result(base.LIMIT).size)
        waits.until(lambda: end._process.poll() is not None)
        self.assertRaises(ConnectionRefusedError, self.connect, end)

    def test_a_failed_transfer_uses_the_token_up(self):
        end = self.endpoint('send')
        self.assertEqual(500, self.ask(end, base.request(*PUT),
                                       base.chunked(b'garbage'))[0])
        self.failed(end)
        waits.until(lambda: end._process.poll() is not None)
        self.assertRaises(ConnectionRefusedError, self.connect, end)

    def test_another_address_is_closed_before_the_handshake(self):
        end = self.endpoint('fill', self.image)
        for source in ('127.0.0.2', '127.1.2.3'):
            sock = self.connect(end, source)
            self.assertClosed(sock)
        self.assertFree(end)

    def test_another_address_that_waited_is_closed_too(self):
        end = self.endpoint('fill', self.image, admitted=False)
        strangers = [self.connect(end, '127.0.0.2') for _ in range(3)]
        end.admit(base.TOKEN, '127.0.0.1')
        for sock in strangers:
            self.assertClosed(sock)
        self.assertFree(end)

    def test_a_peer_known_before_keeps_others_from_waiting(self):
        end = self.endpoint('fill', self.image, admitted=False,
                            peer='127.0.0.1')
        self.assertClosed(self.connect(end, '127.0.0.2'))
        end.admit(base.TOKEN, '127.0.0.1')
        self.assertFree(end)

    def test_the_admitted_one_cannot_be_changed(self):
        end = self.endpoint('fill', self.image)
        for token, peer in ((base.OTHER, '127.0.0.1'),
                            (base.TOKEN, '127.0.0.2'), ('x', '127.0.0.1'),
                            (base.TOKEN, 'nonsense')):
            self.assertRaises(ValueError, end.admit, token, peer)
        self.assertFree(end)


class TlsTest(base.StreamTest):

    def test_the_wrong_pin_is_found_by_curl(self):
        end = self.endpoint('probe')
        other = self.endpoint('probe')
        done = base.curl(end, pin=other.pin)
        self.assertEqual((90, b''), (done.returncode, done.stdout))
        self.assertFree(end)

    def test_each_endpoint_has_a_key_of_its_own(self):
        pins = {self.endpoint('probe').pin for _ in range(4)}
        self.assertEqual(4, len(pins))
        for pin in pins:
            self.assertRegex(pin, '^[A-Za-z0-9_][A-Za-z0-9_-]{42}$')

    def test_plain_http_gets_no_answer(self):
        end = self.endpoint('probe')
        sock = self.connect(end)
        sock.sendall(base.request())
        sock.settimeout(base.LIMIT)
        answer = b''
        try:
            while more := sock.recv(4096):
                answer += more
        except ConnectionError:
            pass
        self.assertNotIn(b'HTTP', answer)
        self.assertFree(end)

    def test_old_versions_of_tls_are_refused(self):
        end = self.endpoint('probe')
        done = base.curl(end, '--tlsv1.0', '--tls-max', '1.1')
        self.assertEqual(35, done.returncode)
        self.assertEqual(b'zvm-volume\n', base.curl(
            end, '--tls-max', '1.2').stdout)

    def test_silent_connections_keep_nobody_out(self):
        end = self.endpoint('probe')
        crowd = [self.connect(end) for _ in range(3 * server.PLACES)]
        self.assertFree(end)
        self.assertClosed(crowd[0])

    def test_a_crowd_from_elsewhere_does_not_displace_who_waits(self):
        end = self.endpoint('probe', admitted=False)
        waiting = self.connect(end)
        crowd = [self.connect(end, '127.0.0.2')
                 for _ in range(3 * server.PLACES)]
        self.assertClosed(crowd[0])
        end.admit(base.TOKEN, '127.0.0.1')
        self.assertEqual(200, base.Peer(waiting).ask(base.request())[0])

    def test_half_a_request_keeps_nobody_out(self):
        end = self.endpoint('probe')
        slow = [self.peer(end) for _ in range(server.PLACES - 1)]
        for peer in slow:
            peer.send(b'GET / HTTP/1.1\r\nHost')
        self.assertFree(end)

    def test_the_one_that_is_served_keeps_its_place(self):
        end = self.endpoint('send')
        chosen = self.peer(end)
        chosen.send(base.request(*PUT, 'Expect: 100-continue'))
        self.assertIn(b'100', chosen.sock.recv(99))
        crowd = [self.connect(end) for _ in range(3 * server.PLACES)]
        self.assertClosed(crowd[0])
        self.assertEqual(200, chosen.ask(base.chunked(base.one_frame()))[0])
        self.assertEqual(512, end.result(base.LIMIT).size)


class RequestTest(base.StreamTest):

    def refused(self, kind, status, *requests):
        end = self.endpoint(kind, self.file(MIB) if kind == 'fill' else None)
        for parts in requests:
            self.assertEqual(status, self.ask(end, parts)[0], parts)
        self.assertFree(end)

    def test_other_paths_and_methods(self):
        self.refused('fill', 404, base.request(path='/x'),
                     base.request(path='/../etc/passwd'),
                     base.request(path='//'))
        self.refused('fill', 405, base.request('HEAD'),
                     base.request('POST'), base.request('DELETE'))
        self.refused('send', 405, base.request())

    def test_no_two_readers_see_different_bodies(self):
        chunked = 'Transfer-Encoding: chunked'
        self.refused('send', 400, *(
            base.request('PUT', base.TOKEN, *headers) for headers in (
                (), ('Content-Length: 5',),
                (chunked, 'Content-Length: 5'),
                ('Content-Length: 5', chunked),
                (chunked, chunked), ('Transfer-Encoding: gzip, chunked',),
                ('Transfer-Encoding: identity',),
                ('Transfer-Encoding : chunked',),
                (chunked, ' folded'), ('Transfer-Encoding:\x0bchunked',))))
        self.refused('fill', 400, *(
            base.request('GET', base.TOKEN, header) for header in (
                'Content-Length: 5', chunked)))
        self.refused('send', 417, base.request(*PUT, 'Expect: wonders'))

    def test_what_is_no_request(self):
        self.refused(
            'fill', 400, b'\r\n\r\n', b'GET /\r\n\r\n',
            b'GET / HTTP/1.0\r\n\r\n', b'GET / HTTP/2\r\n\r\n',
            b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
            base.request().replace(b'\r\n', b'\n'),
            base.request('GET', base.TOKEN, 'X: \0'),
            base.request('GET', base.TOKEN, 'Authorization: Bearer '
                         + base.OTHER),
            b'GET /' + b'x' * 10000, b'\xff' * 10000,
            base.request('GET', base.TOKEN, 'X: ' + 'x' * 9000),
            base.request('GET', base.TOKEN, *(
                'X%d: y' % i for i in range(2000))))


class BodyTest(base.StreamTest):

    def sent(self, body, **options):
        """How the endpoint answers a body; the reason in both words."""
        end = self.endpoint('send', **options)
        status, text = self.ask(end, base.request(*PUT), body)
        self.assertEqual(500, status)
        reason = self.failed(end)
        self.assertIn(text.decode().strip(), reason)
        return reason

    def test_chunks_that_are_none(self):
        good = base.chunked(base.one_frame())
        for bad in (b'zz\r\n', b'-1\r\n', b'+5\r\nhello\r\n', b'0x5\r\n',
                    b' 5\r\nhello\r\n', b'5;a=b\r\nhello\r\n',
                    b'fffffffff\r\n', b'5\nhello\n', b'\r\n',
                    b'1' * 100000, good[:-2] + b'X: trailer\r\n\r\n',
                    good.replace(b'600\r\n', b'5ff\r\n'),
                    good.replace(b'600\r\n', b'0600;\r\n')):
            self.assertIn('no good stream', self.sent(bad))

    def test_more_than_the_limit(self):
        for body in (base.one_frame(b'x' * 1024),
                     base.one_frame(b'', size=1 << 50),
                     base.block('zvmdata 0 67108864\n') + b'x' * MIB,
                     base.block('zvmdata 0 67109376\n'),
                     base.block('zvmdata 1048576 512\n')):
            self.assertIn('no good stream',
                          self.sent(base.chunked(body), limit=512))
        with open(self.path('volume'), 'rb') as file:
            self.assertEqual(b'', file.read(1))

    def test_content_of_another_sum(self):
        wrong = base.one_frame(sha256=hashlib.sha256(b'').hexdigest())
        self.assertIn('SHA-256', self.sent(base.chunked(wrong)))

    def test_something_behind_the_end(self):
        self.assertIn('something follows', self.sent(
            base.chunked(base.one_frame() + b'x')))

    def test_curl_shows_the_reason(self):
        end = self.endpoint('send', limit=512)
        with open(self.path('text'), 'wb') as file:
            file.write(base.one_frame(b'x' * 30 * MIB))
        done = base.curl(end, upload=self.path('text'))
        self.assertEqual(22, done.returncode)
        self.assertIn(b'where 512 is the most', done.stdout)
        self.assertIn('where 512 is the most', self.failed(end))


class SecretsTest(base.StreamTest):

    def test_no_token_and_no_key_can_be_seen(self):
        end = self.endpoint('send')
        self.ask(end, base.request('PUT', base.OTHER,
                                   'Transfer-Encoding: chunked'))
        folder = '/proc/%d' % end._process.pid
        seen = b''
        for name in ('cmdline', 'environ', 'limits'):
            with open('%s/%s' % (folder, name), 'rb') as file:
                seen += file.read()
        self.assertRegex(seen, rb'Max core file size +0 +0')
        for secret in (base.TOKEN, base.OTHER):
            self.assertNotIn(secret.encode(), seen)
        self.assertEqual(500, self.ask(end, base.request(*PUT),
                                       base.chunked(b''))[0])
        reason = self.failed(end)
        for secret in (base.TOKEN, base.OTHER, 'PRIVATE'):
            self.assertNotIn(secret, reason)
            self.assertNotIn(secret.encode(), end._text['err'])

    def test_credentials_of_the_service_are_not_passed_on(self):
        self.useFixture(fixtures.EnvironmentVariable('OS_PASSWORD', 'geheim'))
        end = self.endpoint('probe')
        with open('/proc/%d/environ' % end._process.pid, 'rb') as file:
            self.assertNotIn(b'geheim', file.read())

    def test_the_process_imports_no_openstack(self):
        end = self.endpoint('probe')
        self.assertTrue(end.pin)
        with open('/proc/%d/maps' % end._process.pid) as file:
            self.assertNotIn('greenlet', file.read())
        found = subprocess.run(
            [sys.executable, '-P', '-X', 'importtime', '-m',
             'zvm_common.stream'], stdin=subprocess.DEVNULL,
            env=endpoint._environment(), capture_output=True, text=True)
        names = {line.rpartition('|')[2].strip().partition('.')[0]
                 for line in found.stderr.splitlines()}
        self.assertIn('cryptography', names)
        self.assertEqual(set(), names & {
            'cinder', 'nova', 'requests', 'oslo_config', 'eventlet',
            'urllib3', 'yaml', 'tenacity'})


class TrafficTest(base.StreamTest):

    def test_a_second_one_while_the_first_is_served(self):
        end = self.endpoint('send')
        first = self.peer(end)
        first.send(base.request(*PUT, 'Expect: 100-continue'))
        self.assertIn(b'100', first.sock.recv(99))
        self.assertEqual(410, self.ask(end, base.request(*PUT))[0])
        self.assertEqual(200, first.ask(base.chunked(base.one_frame()))[0])

    def test_two_at_the_same_time_are_one(self):
        end = self.endpoint('send')
        peers = [self.peer(end) for _ in range(8)]
        for peer in peers:
            peer.send(base.request(*PUT))
        found = []
        for peer in peers:
            peer.sock.settimeout(base.LIMIT)
            found.append(peer.ask(base.chunked(base.one_frame()))[0])
        self.assertEqual(1, found.count(200), found)
        self.assertEqual(set(), set(found) - {200, 410, 0})
        self.assertEqual(512, end.result(base.LIMIT).size)

    def test_bytes_that_come_one_by_one(self):
        end = self.endpoint('probe')
        peer = self.peer(end)
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in base.request():
            peer.send(bytes([byte]))
        self.assertEqual(200, peer.ask()[0])
