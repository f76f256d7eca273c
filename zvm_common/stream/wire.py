# SPDX-License-Identifier: Apache-2.0
"""As much of HTTP/1.1 over TLS as one transfer needs, and no more.

One request on a connection. Every form that two readers could understand
differently is refused: a body must be chunked and nothing else, no header may
come twice, no line is folded, no chunk has an extension, no trailer follows.
"""

import dataclasses
import re
import socket
import time

_LONGEST_HEAD = 8192
_BUFFER = 1 << 16
# More than a record of TLS: read without a copy.
_LARGE = 1 << 14

_REQUEST = re.compile(rb'([A-Z]{1,16}) (/[!-~]{0,200}) HTTP/1\.1')
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([ -~\t]*?)[ \t]*")
_CHUNK = re.compile(rb'[0-9A-Fa-f]{1,8}')
_REASONS = {200: 'OK', 400: 'Bad Request', 401: 'Unauthorized',
            403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed',
            410: 'Gone', 417: 'Expectation Failed', 500: 'Failed'}


class BadRequest(ValueError):
    """Not the HTTP that is spoken here; ``status`` is the answer to it."""

    def __init__(self, text, status=400):
        super().__init__(text)
        self.status = status


class HungUp(ConnectionError):
    """The peer closed the connection in the middle."""

    def __init__(self):
        super().__init__('the connection was closed in the middle')


@dataclasses.dataclass(frozen=True)
class Head:
    """A request without its body; names of headers in lower case."""

    method: str
    path: str
    headers: dict


class Wire:
    """A connection that is read through a buffer.

    Until :meth:`patient` its time runs, however much is read: nobody holds a
    place by a byte now and then. Afterwards each step may take `stall`
    seconds. All raise TimeoutError at the end of that, and OSError.

    :param sock: ssl.SSLSocket
    :param deadline: of time.monotonic()
    """

    def __init__(self, sock, deadline):
        self._sock = sock
        self._deadline = deadline
        self._stall = None
        self._memory = memoryview(bytearray(_BUFFER))
        self._at = 0
        self._end = 0
        self._between = b''

    def patient(self, stall):
        self._stall = stall

    def _wait(self):
        left = self._stall
        if left is None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError('the request took too long')
        self._sock.settimeout(left)

    def _fill(self):
        self._wait()
        self._at = 0
        self._end = self._sock.recv_into(self._memory)
        if not self._end:
            raise HungUp()

    def readinto(self, view):
        """Some bytes, at least one.

        :raises HungUp: there are none any more
        """
        if self._at == self._end:
            if len(view) >= _LARGE:
                self._wait()
                count = self._sock.recv_into(view)
                if not count:
                    raise HungUp()
                return count
            self._fill()
        count = min(len(view), self._end - self._at)
        view[:count] = self._memory[self._at:self._at + count]
        self._at += count
        return count

    def line(self, longest):
        """A line without its CR LF, of at most so many bytes."""
        found = bytearray()
        while not found.endswith(b'\r\n'):
            if len(found) >= longest + 2:
                raise BadRequest('a line is too long')
            if self._at == self._end:
                self._fill()
            part = bytes(self._memory[self._at:self._end])
            part = part[:longest + 2 - len(found)]
            end = part.find(b'\n') + 1
            part = part[:end] if end else part
            found += part
            self._at += len(part)
            if end and not found.endswith(b'\r\n'):
                raise BadRequest('a line ends without CR')
        return bytes(found[:-2])

    def head(self):
        """The head of the request.

        :returns: Head
        :raises BadRequest: for what is not strictly one
        """
        first = self.line(_LONGEST_HEAD)
        match = _REQUEST.fullmatch(first)
        if not match:
            raise BadRequest('this is no request of HTTP/1.1')
        headers, left = {}, _LONGEST_HEAD - len(first)
        while line := self.line(max(0, left)):
            left -= len(line) + 2
            header = _HEADER.fullmatch(line)
            if not header:
                raise BadRequest('a header is malformed')
            name = header[1].decode().lower()
            if name in headers:
                raise BadRequest('a header comes twice')
            headers[name] = header[2].decode()
        return Head(match[1].decode(), match[2].decode(), headers)

    def send(self, data):
        self._wait()
        self._sock.sendall(data)

    def answer(self, status, text):
        """The whole answer; text is a line for humans."""
        body = text.encode('ascii', 'backslashreplace') + b'\n'
        self.send(b'HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\n'
                  b'Content-Length: %d\r\nConnection: close\r\n\r\n%s'
                  % (status, _REASONS[status].encode(), len(body), body))

    def send_on(self):
        """Let a peer that asked for it send its body."""
        self.send(b'HTTP/1.1 100 Continue\r\n\r\n')

    def begin_chunks(self):
        self.send(b'HTTP/1.1 200 OK\r\n'
                  b'Content-Type: application/octet-stream\r\n'
                  b'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n')

    def chunk(self, piece):
        """A chunk of the answer; an empty one ends it."""
        self.send(b'%s%x\r\n' % (self._between, len(piece)))
        self._between = b'\r\n'
        self.send(piece or b'\r\n')

    def wait_until_closed(self):
        """End our half and wait for the peer to end its own.

        Whoever dies before it has read all resets the connection. TLS's own
        goodbye is not sent: unread at the peer, it would make its close a
        reset too.
        """
        end = time.monotonic() + self._stall
        self._sock.shutdown(socket.SHUT_WR)
        while (left := end - time.monotonic()) > 0:
            self._sock.settimeout(left)
            if not self._sock.recv_into(self._memory):
                return
        raise TimeoutError('the peer does not close')

    def linger(self, seconds):
        """Hang up so that the peer still reads the answer.

        A connection closed with something unread is reset, and the answer
        lost with it.
        """
        end = time.monotonic() + seconds
        try:
            self._sock.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0:
                self._sock.settimeout(left)
                if not self._sock.recv_into(self._memory):
                    break
        except OSError:
            pass


class Chunked:
    """The body of a request, as a file to read."""

    def __init__(self, wire):
        self._wire = wire
        self._left = 0
        self._ended = False

    def readinto(self, view):
        """Fill the view; fewer bytes come only at the end of the body.

        :raises BadRequest: for what is not strictly chunks
        :raises HungUp: the connection ends before the body does
        """
        got = 0
        while got < len(view) and not self._ended:
            if not self._left:
                self._begin()
                continue
            count = self._wire.readinto(view[got:got + self._left])
            got += count
            self._left -= count
            if not self._left and self._wire.line(0):
                raise BadRequest('a chunk is longer than it says')
        return got

    def _begin(self):
        size = self._wire.line(8)
        if not _CHUNK.fullmatch(size):
            raise BadRequest('a chunk has no proper size')
        self._left = int(size, 16)
        if not self._left:
            if self._wire.line(0):
                raise BadRequest('something follows the last chunk')
            self._ended = True
