# SPDX-License-Identifier: Apache-2.0
"""The endpoint's process: who gets in, and the end of it.

Everything here is for one transfer. Nobody is trusted before the token was
right, and nobody can keep the right one out: each connection has a thread, an
absolute time for its handshake and request, and one of a few places, which the
eldest of whoever has most of them loses to a new one.
"""

import collections
import dataclasses
import errno
import hmac
import ipaddress
import json
import os
import re
import selectors
import socket
import ssl
import threading
import time

from zvm_common.stream import tls
from zvm_common.stream import transfer
from zvm_common.stream import wire as wires

PLACES = 16
# Seconds for the handshake, and for the head of the request after it.
GREETING = 10
_TICK = 0.25
_LINGER = 2
_TOKEN = re.compile('[0-9a-f]{64}')
_LONGEST_LINE = 65536


@dataclasses.dataclass(frozen=True)
class Job:
    """What the parent wants; see zvm_common.stream.endpoint.Endpoint."""

    kind: str
    path: str
    address: str
    ports: tuple
    seconds: float
    stall: float
    limit: int
    peer: str
    parent: int


def listen(address, ports):
    """A listening socket at the first address and port that can be had.

    :param ports: (low, high); (0, 0) for any
    :raises transfer.Failed: saying why there is none
    """
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except OSError as e:
        raise transfer.Failed('bind', 'it has no address: %s'
                              % e.strerror) from e
    why = ''
    for family, _, _, _, place in found:
        for port in _in_turn(*ports):
            try:
                return _bound(family, (place[0], port, *place[2:]))
            except OSError as e:
                why = _why_not(e, ports)
                if e.errno != errno.EADDRINUSE:
                    break
    raise transfer.Failed('bind', why)


def _in_turn(low, high):
    """All ports, from any of them on: a late peer finds another's seldom."""
    count = high - low + 1
    first = int.from_bytes(os.urandom(4)) % count
    return [low + (first + i) % count for i in range(count)]


def _bound(family, place):
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
        listener.listen(PLACES)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _why_not(error, ports):
    if error.errno == errno.EADDRNOTAVAIL:
        return 'this host has no such address'
    if error.errno == errno.EADDRINUSE:
        return ('all ports are in use' if ports[0]
                else 'the system has no free port')
    return error.strerror


def _network(text):
    """Whose address it is: anybody has 2**64 of IPv6."""
    address = ipaddress.ip_address(text.partition('%')[0])
    if address.version == 4:
        return address
    return int(address) >> 64


class Connection(threading.Thread):
    """One connection, from its acceptance to its end."""

    def __init__(self, server, sock, address):
        super().__init__(daemon=True)
        self._server = server
        self._sock = sock
        # TLS takes the socket over; this shuts it down from outside.
        self._handle = sock.dup()
        self.address = address
        self.network = _network(address)
        self.chosen = False
        self.dropped = False

    def drop(self):
        """End it from another thread."""
        self.dropped = True
        try:
            self._handle.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def run(self):
        try:
            if self._server.admits(self):
                self._serve()
        except OSError as e:
            self._server.note('TLS or the network failed (%s)' % (
                getattr(e, 'reason', None) or e.strerror or 'time-out'))
        finally:
            self._sock.close()
            self._handle.close()
            self._server.left(self)

    def _serve(self):
        self._sock.settimeout(GREETING)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = self._server.context.wrap_socket(
            self._sock, server_side=True, do_handshake_on_connect=False)
        self._sock.do_handshake()
        wire = wires.Wire(self._sock, time.monotonic() + GREETING)
        try:
            head = wire.head()
            transfer.check(self._server.job.kind, head)
            self._server.choose(self, head.headers.get('authorization'))
        except wires.BadRequest as e:
            self._server.note('a request was refused (%d, %s)'
                              % (e.status, e))
            wire.answer(e.status, str(e))
            wire.linger(_LINGER)
            return
        self._server.serve(wire, head)


class Server:
    """Accepts connections until the transfer has ended.

    :param control: descriptor from which the parent's lines come
    """

    def __init__(self, job, listener, context, fd, control, rest=b''):
        self.job = job
        self.context = context
        self._listener = listener
        self._control = control
        self._rest = rest
        self._transfer = transfer.Transfer(job.kind, job.path, fd, job.stall,
                                           job.limit)
        self._end = time.monotonic() + job.seconds
        self._state = threading.Condition()
        self._connections = []
        self._peer = job.peer and ipaddress.ip_address(job.peer)
        self._token = None
        self._taken = False
        self._result = None
        self._refused = collections.Counter()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)

    # The main thread.

    def run(self, tell):
        """Serve; returns what the parent is to be told at the end.

        :param tell: gets the bytes of content done when there are more
        :returns: a dict, None when the parent is gone
        """
        self._take_lines()
        told = 0
        with selectors.DefaultSelector() as selector:
            for what, react in ((self._listener, self._accept),
                                (self._control, self._listen_to_parent),
                                (self._wake, lambda: None)):
                selector.register(what, selectors.EVENT_READ, react)
            while self._result is None:
                for key, _ in selector.select(_TICK):
                    key.data()
                self._look_at_clock()
                if self._transfer.done > told and self._result is None:
                    told = self._transfer.done
                    tell(told)
        return self._result or None

    def _finish(self, result):
        with self._state:
            if self._result is None:
                self._result = result
        os.eventfd_write(self._wake, 1)

    def _fail(self, cause, reason):
        self._finish({'failed': reason, 'cause': cause,
                      'done': self._transfer.done})

    def _look_at_clock(self):
        # Another child of the parent may hold this one's stdin open.
        if os.getppid() != self.job.parent:
            self._finish({})
        if time.monotonic() < self._end:
            return
        if self._taken:
            self._fail('time', 'it was not done after %d seconds'
                       % self.job.seconds)
        else:
            self._fail('nobody', self._why_nobody())

    def _why_nobody(self):
        with self._state:
            seen = '; '.join('%s: %d times' % pair
                             for pair in self._refused.items())
        return ('nobody came with the right token in %d seconds (%s)'
                % (self.job.seconds, seen or 'no connection at all'))

    def _listen_to_parent(self):
        text = os.read(self._control, _LONGEST_LINE)
        self._rest += text
        if not text or len(self._rest) > _LONGEST_LINE:
            self._finish({})
            return
        self._take_lines()

    def _take_lines(self):
        *lines, self._rest = self._rest.split(b'\n')
        for line in lines:
            words = json.loads(line)
            with self._state:
                if self._token is None and _TOKEN.fullmatch(words['token']):
                    self._token = words['token'].encode()
                    if words['peer']:
                        self._peer = ipaddress.ip_address(words['peer'])
                self._state.notify_all()

    def _accept(self):
        try:
            sock, place = self._listener.accept()
        except OSError:
            return  # it is gone again
        connection = Connection(self, sock, place[0])
        if self._is_stranger(connection):
            sock.close()
            connection.drop()
            return
        with self._state:
            if len(self._connections) >= PLACES:
                self._make_room()
            self._connections.append(connection)
        connection.start()

    def _make_room(self):
        waiting = [each for each in self._connections if not each.chosen]
        crowds = collections.Counter(each.network for each in waiting)
        victim = max(waiting, key=lambda each: crowds[each.network])
        self._connections.remove(victim)
        victim.drop()
        self._state.notify_all()

    def _is_stranger(self, connection):
        address = ipaddress.ip_address(connection.address.partition('%')[0])
        if self._peer is None or address == self._peer:
            return False
        self.note('a connection came from %s and not from %s'
                  % (address, self._peer))
        return True

    # The connections' threads.

    def admits(self, connection):
        """Wait until it is known who may come; whether this one may."""
        with self._state:
            self._state.wait_for(lambda: self._token or connection.dropped)
        return not connection.dropped and not self._is_stranger(connection)

    def choose(self, connection, authorization):
        """The first with the right token gets the transfer.

        :raises BadRequest: for all others
        """
        scheme, _, token = (authorization or '').partition(' ')
        if scheme.lower() != 'bearer' or not token:
            raise wires.BadRequest('a token is needed', 401)
        if not hmac.compare_digest(token.encode(), self._token):
            raise wires.BadRequest('the token is wrong', 403)
        with self._state:
            if self._taken:
                raise wires.BadRequest('the token has been used', 410)
            if connection.dropped:
                raise wires.HungUp()
            self._taken = connection.chosen = True

    def serve(self, wire, head):
        """The transfer, for the one that was chosen."""
        try:
            size, sha256 = self._transfer.run(wire, head)
        except transfer.Failed as e:
            self._fail(e.cause, str(e))
        else:
            self._finish({'size': size, 'sha256': sha256})

    def note(self, what):
        """Remember why somebody was not served, for the operator."""
        with self._state:
            if what in self._refused or len(self._refused) < 5:
                self._refused[what] += 1

    def left(self, connection):
        """Its place is free."""
        with self._state:
            if connection in self._connections:
                self._connections.remove(connection)


def start(job, control, rest, ready):
    """Open the file, listen and make the key.

    :param ready: called with (address, port, PIN) when peers may come
    :returns: Server
    :raises transfer.Failed: and nothing listens
    """
    fd = transfer.open_file(job.kind, job.path)
    listener = listen(job.address, job.ports)
    try:
        context, pin = tls.identity()
    except ssl.SSLError as e:
        raise transfer.Failed('own', 'no TLS: %s' % e.reason) from e
    server = Server(job, listener, context, fd, control, rest)
    address, port = listener.getsockname()[:2]
    ready(address, port, pin)
    return server
