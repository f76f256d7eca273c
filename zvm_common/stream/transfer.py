# SPDX-License-Identifier: Apache-2.0
"""What an endpoint does for the one request that had the right token."""

import os
import stat

from zvm_common.stream import frames
from zvm_common.stream import wire as wires

#: Method of HTTP for each kind of endpoint.
METHODS = {'fill': 'GET', 'probe': 'GET', 'send': 'PUT'}

# Seconds for a peer to read an answer.
_LINGER = 5


class Failed(Exception):
    """Why it failed, for humans, and the ``cause`` that the advice is for.

    One of net, stall, time, data, space, file, bind, nobody, own.
    """

    def __init__(self, cause, reason):
        super().__init__(reason)
        self.cause = cause


def open_file(kind, path):
    """The descriptor of the image, None for a probe.

    :raises Failed: it cannot be opened, or is no regular file
    """
    if kind == 'probe':
        return None
    flags = os.O_RDONLY if kind == 'fill' else os.O_RDWR | os.O_CREAT
    try:
        # Without O_NONBLOCK a pipe would keep it waiting for another end.
        fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW
                     | os.O_NONBLOCK, 0o600)
    except OSError as e:
        raise Failed('file', '%s cannot be opened: %s'
                     % (path, e.strerror)) from e
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise Failed('file', '%s is no regular file' % path)
    return fd


def check(kind, head):
    """Whether a request is one of this kind of endpoint, token aside.

    :raises BadRequest: with the status of the answer
    """
    headers = head.headers
    coding, length = (headers.get(name) for name in (
        'transfer-encoding', 'content-length'))
    if coding is not None and length is not None:
        raise wires.BadRequest('a body has one length')
    if head.path != '/':
        raise wires.BadRequest('there is nothing of that name', 404)
    if head.method != METHODS[kind]:
        raise wires.BadRequest('%s is what works here' % METHODS[kind], 405)
    if kind == 'send' and (coding or '').lower() != 'chunked':
        raise wires.BadRequest('the body must be chunked')
    if kind != 'send' and (coding or length) is not None:
        raise wires.BadRequest('no body is taken here')
    if headers.get('expect', '100-continue').lower() != '100-continue':
        raise wires.BadRequest('this is more than can be expected', 417)


class Transfer:
    """The one transfer of an endpoint.

    :param kind: fill, send or probe
    :param path: of the file, for messages
    :param fd: of the file
    :param stall: seconds in which something must move
    :param limit: the largest size that is taken, in bytes
    """

    def __init__(self, kind, path, fd, stall, limit):
        self._path = path
        self._fd = fd
        self._stall = stall
        self._run = getattr(self, '_' + kind)
        self._coder = {'fill': lambda: frames.Encoder(fd),
                       'send': lambda: frames.Decoder(fd, limit),
                       'probe': lambda: None}[kind]()

    @property
    def done(self):
        """Bytes of content up to which it got, holes included."""
        return self._coder.done if self._coder else 0

    def run(self, wire, head):
        """Serve the request.

        :returns: (size, sha256), (0, '') of a probe
        :raises Failed: and the peer was told, as far as it can be
        """
        wire.patient(self._stall)
        try:
            self._run(wire, head)
        except Exception as e:
            raise self._failure(e) from e
        if self._coder is None:
            return 0, ''
        return self._coder.size, self._coder.sha256

    def _failure(self, error):
        if isinstance(error, frames.FileFailed):
            return self._file_failure(error)
        if isinstance(error, (frames.CutOff, wires.HungUp)):
            return Failed('net', 'the zHCP hung up in the middle')
        if isinstance(error, (frames.BadStream, wires.BadRequest)):
            return Failed('data', 'what came is no good stream: %s' % error)
        if isinstance(error, TimeoutError):
            return Failed('stall', 'nothing moved for %d seconds'
                          % self._stall)
        if isinstance(error, OSError):
            return Failed('net', 'the connection broke: %s'
                          % (error.strerror or error))
        return Failed('own', 'the endpoint itself failed: %s: %s'
                      % (type(error).__name__, error))

    def _file_failure(self, error):
        folder = os.path.dirname(self._path) or '.'
        if error.full:
            return Failed('space', 'there is no room for it in %s: %s'
                          % (folder, error.error.strerror))
        return Failed('file', '%s cannot be read or written: %s'
                      % (self._path, error.error.strerror or error))

    def _probe(self, wire, _head):
        wire.answer(200, 'zvm-volume')
        wire.linger(_LINGER)

    def _fill(self, wire, _head):
        wire.begin_chunks()
        for piece in self._coder.pieces():
            wire.chunk(piece)
        wire.chunk(b'')
        wire.wait_until_closed()

    def _send(self, wire, head):
        if 'expect' in head.headers:
            wire.send_on()
        try:
            self._coder.take(wires.Chunked(wire))
        except Exception as e:
            self._tell(wire, 500, str(self._failure(e)))
            raise
        # It is on disk, whoever still hears of it.
        self._tell(wire, 200, '%s %d' % (self._coder.sha256,
                                         self._coder.size))

    @staticmethod
    def _tell(wire, status, text):
        try:
            wire.answer(status, text)
        except OSError:
            return
        wire.linger(_LINGER)
