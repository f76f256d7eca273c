# SPDX-License-Identifier: Apache-2.0
"""Images go both ways, byte for byte, with the real curl."""

import hashlib
import os
import random
import socket
import stat

from tests.functional.stream import base
from tests import waits
from zvm_common import exceptions
from zvm_common import stream

MIB, GIB = base.MIB, base.GIB


def _sha256(path):
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


class TransferTest(base.StreamTest):

    def assertAlike(self, one, other):
        self.assertEqual(os.path.getsize(one), os.path.getsize(other))
        self.assertEqual(_sha256(one), _sha256(other))

    def images(self):
        noise = os.urandom(3 * MIB + 1000)
        yield self.file(MIB, (5, b'x'))
        yield self.file(9 * MIB + 512, (2 * MIB - 7, noise),
                        (9 * MIB + 100, b'end'))
        yield self.file(2 * GIB, (0, noise), (GIB + 4096, noise),
                        (2 * GIB - 1, b'x'))
        yield self.file(2 * GIB)

    def test_an_image_arrives_as_it_is(self):
        for image in self.images():
            end = self.endpoint('fill', image)
            done = base.curl(end, '--output', self.path('text'))
            self.assertEqual((0, b''), (done.returncode, done.stderr))
            base.decode(self.path('text'), self.path('arrived'))
            self.assertAlike(image, self.path('arrived'))
            self.assertEqual(
                stream.Outcome(os.path.getsize(image), _sha256(image)),
                end.result(base.LIMIT))
            self.assertEqual(os.path.getsize(image), end.done)

    def test_a_volume_arrives_as_it_is_and_sparse(self):
        for volume in self.images():
            base.encode(volume, self.path('text'))
            end = self.endpoint('send')
            done = base.curl(end, upload=self.path('text'))
            expected = '%s %d\n' % (_sha256(volume), os.path.getsize(volume))
            self.assertEqual((0, expected.encode(), b''), (
                done.returncode, done.stdout, done.stderr))
            self.assertAlike(volume, self.path('volume'))
            outcome = end.result(base.LIMIT)
            self.assertEqual(expected, '%s %d\n' % (outcome.sha256,
                                                    outcome.size))
            self.assertLess(os.stat(self.path('volume')).st_blocks * 512,
                            16 * MIB)

    def test_an_image_of_odd_length_is_padded_with_zeros(self):
        image = self.file(MIB + 5, (MIB, b'abcde'))
        end = self.endpoint('fill', image)
        base.curl(end, '--output', self.path('text'))
        base.decode(self.path('text'), self.path('arrived'))
        with open(self.path('arrived'), 'rb') as file:
            self.assertEqual(bytes(MIB) + b'abcde' + bytes(507), file.read())
        self.assertEqual(MIB + 512, end.result(base.LIMIT).size)

    def test_a_probe_needs_a_connection_only(self):
        end = self.endpoint('probe')
        self.assertEqual(b'zvm-volume\n', base.curl(end).stdout)
        self.assertEqual(stream.Outcome(0, ''), end.result(base.LIMIT))

    def test_a_connection_waits_until_its_token_is_known(self):
        end = self.endpoint('probe', admitted=False)
        sock = self.connect(end)
        self.assertIsNone(end.result(0))
        end.admit(base.TOKEN, '127.0.0.1')
        end.admit(base.TOKEN, '127.0.0.1')
        self.assertEqual(200, base.Peer(sock).ask(base.request())[0])
        self.assertIsNotNone(end.result(base.LIMIT))

    def test_a_peer_that_waits_to_be_told_to_go_on(self):
        end = self.endpoint('send')
        peer = self.peer(end)
        peer.send(base.request('PUT', base.TOKEN, 'Expect: 100-continue',
                               'Transfer-Encoding: chunked'))
        self.assertEqual(b'HTTP/1.1 100 Continue\r\n\r\n', peer.sock.recv(99))
        self.assertEqual(200, peer.ask(base.chunked(base.one_frame()))[0])

    def test_chunks_of_any_size(self):
        text = base.one_frame(b'y' * MIB)
        for size in (7, 512, 65536, 5 * MIB):
            end = self.endpoint('send')
            status, _ = self.ask(
                end, base.request('PUT', base.TOKEN,
                                  'Transfer-Encoding: chunked'),
                base.chunked(text, size))
            self.assertEqual(200, status)
            self.assertEqual(MIB, end.result(base.LIMIT).size)

    def test_a_reader_in_small_bites(self):
        end = self.endpoint('fill', self.file(2 * MIB, (0, b'x' * 2 * MIB)))
        peer = self.peer(end)
        peer.send(base.request())
        found = bytearray()
        while more := peer.sock.recv(1000):
            found += more
        peer.sock.close()
        self.assertIn(b'zvmend 2097152 ', found)
        self.assertEqual(2 * MIB, end.result(base.LIMIT).size)

    def test_progress_is_told(self):
        end = self.endpoint('fill', self.file(64 * MIB, *(
            (i * MIB, b'x') for i in range(64))))
        peer = self.peer(end)
        peer.send(base.request())
        waits.until(lambda: end.done)
        self.assertLess(end.done, 64 * MIB)
        self.assertIsNone(end.result(0))


def _two_ports():
    """Two neighbours that are free, and that no connection is given."""
    while True:
        first = random.randrange(20000, 32000)
        try:
            for port in (first, first + 1):
                with socket.socket() as sock:
                    sock.bind(('127.0.0.1', port))
        except OSError:
            continue
        return first, first + 1


class PlaceTest(base.StreamTest):

    def refused(self, *arguments, **options):
        end = stream.Endpoint(*arguments, seconds=base.LIMIT, **options)
        return str(self.assertRaises(exceptions.EndpointFailed,
                                     end.__enter__))

    def test_ipv6(self):
        end = self.endpoint('probe', address='::1')
        self.assertEqual('::1', end.address)
        self.assertEqual(b'zvm-volume\n', base.curl(end).stdout)

    def test_a_name_of_this_host(self):
        end = self.endpoint('probe', address='localhost')
        self.assertIn(end.address, ('127.0.0.1', '::1'))
        self.assertEqual(b'zvm-volume\n', base.curl(end).stdout)

    def test_a_port_of_the_range_is_taken_until_there_is_none(self):
        ports = _two_ports()
        ends = [self.endpoint('probe', ports=ports) for _ in range(2)]
        self.assertEqual(set(ports), {end.port for end in ends})
        text = self.refused('probe', None, '127.0.0.1', ports)
        for words in ('127.0.0.1', 'ports %d to %d' % ports, 'in use',
                      'zvm_stream_address', 'zvm_stream_ports'):
            self.assertIn(words, text)
        ends[0].__exit__()
        again = self.endpoint('probe', ports=ports)
        self.assertEqual(ends[0].port, again.port)

    def test_an_address_of_another_host(self):
        text = self.refused('probe', None, '192.0.2.1')
        self.assertIn('192.0.2.1', text)
        self.assertIn('this host has no such address', text)
        self.assertIn('zvm_stream_address', text)

    def test_a_name_of_nobody(self):
        self.assertIn('no-such-host.invalid: ', self.refused(
            'probe', None, 'no-such-host.invalid').replace(', any port', ''))

    def test_files_that_are_none(self):
        os.mkfifo(self.path('pipe'))
        os.symlink('/etc/hostname', self.path('link'))
        for path in ('missing', 'pipe', 'link', ''):
            text = self.refused('fill', self.path(path), '127.0.0.1')
            self.assertIn(self.path(path).rstrip('/'), text)
            self.assertIn('image_conversion_dir', text)
        self.assertIn('image_conversion_dir', self.refused(
            'send', self.path('no/such/file'), '127.0.0.1', limit=MIB))

    def test_what_is_made_is_for_this_user_alone(self):
        end = self.endpoint('send')
        self.assertFree(end)
        mode = stat.S_IMODE(os.stat(self.path('volume')).st_mode)
        self.assertEqual(0o600, mode)
