# SPDX-License-Identifier: Apache-2.0
"""Endpoints, and peers that speak to them: curl, and TLS by hand."""

import hashlib
import os
import resource
import socket
import ssl
import subprocess

import fixtures
import testtools

from zvm_common import exceptions
from zvm_common import stream
from zvm_common.stream import frames

MIB = 1 << 20
GIB = 1 << 30
TOKEN = '0123456789abcdef' * 4
OTHER = 'f' * 64
# Seconds after which a test that waits has failed.
LIMIT = 60


def block(text):
    return text.encode().ljust(512, b'\0')


def one_frame(content=b'x' * 512, sha256=None, size=None):
    """A stream of one frame at 0."""
    size = len(content) if size is None else size
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    return (block('zvmdata 0 %d\n' % len(content)) + content
            + block('zvmend %d %s\n' % (size, sha256)))


def chunked(body, size=1 << 16):
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b''.join(b'%x\r\n%s\r\n' % (len(part), part)
                    for part in [*parts, b''])


def request(method='GET', token=TOKEN, *headers, path='/'):
    """The head of a request, as bytes; a token of None is left out."""
    lines = ['%s %s HTTP/1.1' % (method, path), 'Host: x']
    if token is not None:
        lines.append('Authorization: Bearer ' + token)
    return '\r\n'.join([*lines, *headers, '', '']).encode()


class Peer:
    """A connection over TLS, spoken by hand."""

    def __init__(self, sock):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(sock)

    def send(self, *parts):
        for part in parts:
            self.sock.sendall(part)

    def receive(self):
        """All that comes until the end of the connection; hangs up then."""
        found = bytearray()
        try:
            while more := self.sock.recv(1 << 16):
                found += more
        except ConnectionError:
            pass
        self.sock.close()
        return bytes(found)

    def ask(self, *parts):
        """The status of the answer, 0 without one, and its body."""
        try:
            self.send(*parts)
        except OSError:
            pass  # it was refused before all was sent
        text = self.receive()
        head, _, body = text.partition(b'\r\n\r\n')
        return int(head.split()[1]) if head else 0, body


class StreamTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, size, *pieces, name='image'):
        """A sparse file with (offset, content) written; its path."""
        path = self.path(name)
        with open(path, 'wb') as file:
            for at, content in pieces:
                os.pwrite(file.fileno(), content, at)
            file.truncate(size)
        return path

    def endpoint(self, kind, path=None, admitted=True, **options):
        """An endpoint that lasts as long as the test."""
        options.setdefault('seconds', LIMIT)
        if kind == 'send':
            path = path or self.path('volume')
            options.setdefault('limit', 4 * GIB)
        address = options.pop('address', '127.0.0.1')
        end = stream.Endpoint(kind, path, address, **options)
        end.__enter__()
        self.addCleanup(end.__exit__)
        if admitted:
            end.admit(TOKEN, end.address)
        return end

    def connect(self, end, source=None):
        """A plain connection to it."""
        sock = socket.create_connection(
            (end.address, end.port), LIMIT, source and (source, 0))
        self.addCleanup(sock.close)
        return sock

    def peer(self, end, source=None):
        found = Peer(self.connect(end, source))
        self.addCleanup(found.sock.close)
        return found

    def ask(self, end, *parts):
        return self.peer(end).ask(*parts)

    def failed(self, end):
        """The reason with which the stream has failed."""
        return str(self.assertRaises(exceptions.StreamFailed, end.result,
                                     LIMIT))

    def assertFree(self, end):
        """Whatever was tried, the right one still gets through."""
        kind = end._job['kind']
        if kind == 'send':
            body = chunked(one_frame())
            status, _ = self.ask(
                end, request('PUT', TOKEN, 'Transfer-Encoding: chunked'),
                body)
        else:
            status, _ = self.ask(end, request())
        self.assertEqual(200, status)
        self.assertIsNotNone(end.result(LIMIT))

    def assertClosed(self, sock):
        """The other side has closed it and said nothing."""
        sock.settimeout(LIMIT)
        try:
            self.assertEqual(b'', sock.recv(1))
        except ConnectionError:
            pass


def curl_command(end, *arguments, pin=None):
    """curl as the zHCP calls it; the token comes from descriptor 3."""
    plain = (pin or end.pin).replace('-', '+').replace('_', '/')
    host = '[%s]' % end.address if ':' in end.address else end.address
    words = ['curl', '--silent', '--show-error', '--fail-with-body',
             '--insecure', '--noproxy', '*', '--pinnedpubkey',
             'sha256//%s=' % plain, '--config', '/dev/fd/3', *arguments,
             'https://%s:%d/' % (host, end.port)]
    return ['sh', '-c', 'exec "$@" 3<<END\n%s\nEND\n' % (
        'header = "Authorization: Bearer %s"' % TOKEN), 'sh', *words]


def curl(end, *arguments, upload=None, pin=None):
    """Run it; subprocess.CompletedProcess.

    :param upload: path of what it sends
    """
    if upload:
        arguments += ('--upload-file', '-')
    with open(upload or os.devnull, 'rb') as source:
        return subprocess.run(curl_command(end, *arguments, pin=pin),
                              stdin=source, capture_output=True,
                              timeout=LIMIT)


def decode(text_path, path, limit=4 * GIB):
    """What curl has fetched, as a file."""
    with open(text_path, 'rb') as source, open(path, 'wb') as target:
        frames.Decoder(target.fileno(), limit).take(source)


def encode(path, text_path):
    with open(path, 'rb') as source, open(text_path, 'wb') as target:
        for piece in frames.Encoder(source.fileno()).pieces():
            target.write(piece)


class SmallFiles(fixtures.Fixture):
    """No file of this process and those it starts grows beyond a size."""

    def __init__(self, size):
        super().__init__()
        self._size = size

    def _setUp(self):
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, old)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, old[1]))
