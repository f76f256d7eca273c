# SPDX-License-Identifier: Apache-2.0
"""The Cinder host's end of an image's way, as the protocol says it.

Frames as in zvm_common/remote/frames.sh, and a server over TLS with a key of
its own. What it does wrong is the test's choice.
"""

import base64
import collections
import hashlib
import http.server
import ssl
import threading

from cryptography.hazmat.primitives import serialization
from cryptography import x509
import fixtures
import trustme

MIB = 2 ** 20
FRAME = 64 * MIB
_CHUNK = 2 ** 16


def header(*words):
    """A block of 512 bytes."""
    return (' '.join(map(str, words)) + '\n').encode().ljust(512, b'\0')


def end(data, size=None, sha256=None):
    """The last block for such a content."""
    return header('zvmend', len(data) if size is None else size,
                  sha256 or hashlib.sha256(data).hexdigest())


def frames(data):
    """Frames of what is not zero, by MiB: [(at, bytes)]."""
    found = []
    for at in range(0, len(data), MIB):
        part = data[at:at + MIB]
        if not part.strip(b'\0'):
            continue
        if found and found[-1][0] + len(found[-1][1]) == at and (
                len(found[-1][1]) < FRAME):
            found[-1] = found[-1][0], found[-1][1] + part
        else:
            found.append((at, part))
    return found


def encode(data):
    """A whole transfer of a content, whose length is a multiple of 512."""
    return b''.join(
        [header('zvmdata', at, len(part)) + part for at, part in frames(data)]
        + [end(data)])


class Wrong(Exception):
    """What no zHCP may send."""


def decode(body):
    """The content of a whole transfer: (bytes, [(at, length)])."""
    content, extents, place, ragged = bytearray(), [], 0, False
    while True:
        block, place = body[place:place + 512], place + 512
        line, newline, rest = block.partition(b'\n')
        words = line.decode('ascii').split(' ')
        if len(block) != 512 or not newline or rest.strip(b'\0'):
            raise Wrong('no header: %r' % block[:80])
        if words[0] == 'zvmend':
            break
        if words[0] != 'zvmdata':
            raise Wrong(line)
        at, length = map(int, words[1:])
        if ragged or at % MIB or at < len(content) or length % 512 or not (
                0 < length <= FRAME):
            raise Wrong(line)
        ragged = bool(length % MIB)
        content.extend(bytes(at - len(content)))
        content.extend(body[place:place + length])
        if len(content) != at + length:
            raise Wrong('a frame is short')
        place += length
        extents.append((at, length))
    size = int(words[1])
    if len(content) > size or (ragged and len(content) != size):
        raise Wrong(line)
    content.extend(bytes(size - len(content)))
    if hashlib.sha256(content).hexdigest() != words[2] or body[place:]:
        raise Wrong('it does not end as it should: %s' % words)
    return bytes(content), extents


Seen = collections.namedtuple('Seen', 'method path headers')


class Endpoint(fixtures.Fixture):
    """A server on this machine: ``address``, ``port`` and ``pin``.

    :param body: what a GET is answered with: bytes, or a function that yields
        some
    :param tls: False: plain HTTP

    ``token`` is what is asked for, None: anything. ``status`` and ``answer``
    (a function of the whole body) are what a PUT is answered with.
    ``seen`` has the requests, ``received`` the bodies of PUTs.
    """

    def __init__(self, body=b'', tls=True, address='127.0.0.1'):
        super().__init__()
        self.body = body
        self.address = address
        self.token = None
        self.status = 200
        self.answer = self.agree
        self.seen, self.received = [], []
        self.progress = 0
        self._tls = tls

    @staticmethod
    def agree(body):
        """The answer to a whole body: what has come."""
        content, _ = decode(body)
        return '%s %d\n' % (hashlib.sha256(content).hexdigest(), len(content))

    @property
    def where(self):
        """(address, port, pin)"""
        return self.address, self.port, self.pin

    def _setUp(self):
        certificate = trustme.CA().issue_cert(self.address)
        self.pin = pin_of(certificate.cert_chain_pems[0].bytes())
        handler = type('Handler', (_Handler,), {'endpoint': self})
        kind = _Server6 if ':' in self.address else _Server
        self._server = kind((self.address, 0), handler)
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self._server.context = context
        self.port = self._server.server_address[1]
        thread = threading.Thread(target=self._server.serve_forever,
                                  kwargs={'poll_interval': 0.02})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.close)

    def close(self):
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()


def pin_of(pem):
    """Of a certificate: the hash of its key, base64url."""
    key = x509.load_pem_x509_certificate(pem).public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(
        hashlib.sha256(key).digest()).decode().rstrip('=')


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    context = None

    def finish_request(self, request, client_address):
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)
        if self.context:
            request.close()

    def handle_error(self, request, client_address):
        """Of clients that go away nobody is told."""


class _Server6(_Server):
    address_family = 10     # AF_INET6


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        """Nowhere."""

    def _refused(self):
        end = self.endpoint
        end.seen.append(Seen(self.command, self.path, dict(self.headers)))
        self.close_connection = True
        if end.token is None or self.headers.get(
                'Authorization') == 'Bearer ' + end.token:
            return False
        self.send_response(403)
        self.send_header('Content-Length', '0')
        self.end_headers()
        return True

    def do_GET(self):
        if self._refused():
            return
        self.send_response(200)
        self.send_header('Connection', 'close')
        self.end_headers()
        body = self.endpoint.body
        for part in body() if callable(body) else [body]:
            self.wfile.write(part)
            self.endpoint.progress += len(part)

    def do_PUT(self):
        if self._refused():
            return
        body = bytearray()
        for part in self._chunks():
            body.extend(part)
            self.endpoint.progress += len(part)
        self.endpoint.received.append(bytes(body))
        try:
            status, answer = self.endpoint.status, self.endpoint.answer(body)
        except Wrong as error:
            status, answer = 422, str(error)
        self.send_response(status)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def _chunks(self):
        while True:
            left = int(self.rfile.readline(), 16)
            if not left:
                self.rfile.readline()
                return
            while left:
                part = self.rfile.read(min(left, _CHUNK))
                if not part:
                    raise ConnectionError('cut off')
                left -= len(part)
                yield part
            self.rfile.readline()
