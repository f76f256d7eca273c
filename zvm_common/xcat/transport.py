# SPDX-License-Identifier: Apache-2.0
"""TLS connections to one management node, and whether a request left.

Three things that requests does not do by itself:

* The certificate and the host name are verified against one CA file or the
  system's store, and nothing (no argument, no environment variable) turns
  that off or adds other CAs. A file that is replaced counts from the next
  refused certificate on: services need not be started anew for it.
* An exception does not tell whether any byte of the request was sent.
  :class:`Adapter` knows, and only then a request may be repeated blindly.
* Apache closes a kept connection after 5 seconds (KeepAliveTimeout), and a
  request that crosses the closing has an unknown outcome. So a connection
  that was idle for longer than :data:`LONGEST_IDLE` is not used again.
"""

import socket
import ssl
import threading
import time

import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool

#: Seconds; Apache's KeepAliveTimeout is 5.
LONGEST_IDLE = 3

_SOCKET_OPTIONS = (
    # A PUT goes out as two writes; Nagle would hold the second back until
    # the first is acknowledged (40 ms a request).
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # A dsh may say nothing for minutes.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
)


class _Progress(threading.local):
    """What the calling thread's request has come to."""

    sent = False
    #: With which CAs it connected.
    context = None


class _Connection(urllib3.connection.HTTPSConnection):
    """Notes when the first byte of a request goes out."""

    progress = None
    idle_since = None

    def send(self, data):
        if self.sock is None:
            self.connect()
        self.progress.sent = True
        super().send(data)


class _Trust:
    """The CAs of a file, None for the system's, as a TLS context."""

    def __init__(self, ca_file):
        self._file = ca_file
        self._text = self._read()
        self.context = self._make()

    def _read(self):
        if self._file is None:
            return None
        with open(self._file, 'rb') as file:
            return file.read()

    def _make(self):
        return ssl.create_default_context(cafile=self._file)

    def renew(self):
        """Takes the file's CAs, if they are others."""
        try:
            text = self._read()
            if text != self._text:
                self.context = self._make()
                self._text = text
        except OSError:
            # Half of it is there. The old ones stay.
            pass


class _Pool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _Connection

    def __init__(self, progress, trust, **kwargs):
        self._progress = progress
        self._trust = trust
        super().__init__(ssl_context=trust.context, **kwargs)

    def _new_conn(self):
        connection = super()._new_conn()
        connection.progress = self._progress
        return connection

    def _get_conn(self, timeout=None):
        connection = super()._get_conn(timeout)
        since = connection.idle_since
        if since is not None and time.monotonic() - since > LONGEST_IDLE:
            # It connects anew when it is used.
            connection.close()
        if connection.sock is None:
            self._progress.context = self._trust.context
            connection.ssl_context = self._progress.context
        return connection

    def _put_conn(self, conn):
        if conn is not None:
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)


class Adapter(requests.adapters.HTTPAdapter):
    """Talks to this host and port only, whatever URL it is given.

    :param ca_file: PEM file that alone is trusted, or None for the system's
    :param size: connections at most; further requests wait for one
    :raises OSError: when the CA file cannot be read
    """

    def __init__(self, host, port, ca_file, size):
        self._progress = _Progress()
        self._trust = _Trust(ca_file)
        self._pool = _Pool(
            self._progress, self._trust, host=host, port=port, maxsize=size,
            block=True, socket_options=_SOCKET_OPTIONS,
            retries=urllib3.Retry(0))
        super().__init__(pool_connections=1, pool_maxsize=1)

    @property
    def sent(self):
        """Whether this thread's last request was sent, in part at least."""
        return self._progress.sent

    def renew_trust(self):
        """Reads the CA file again.

        :returns: whether they are others than this thread connected with
        """
        self._trust.renew()
        return self._trust.context is not self._progress.context

    def send(self, request, **kwargs):
        self._progress.sent = False
        return super().send(request, **kwargs)

    def get_connection_with_tls_context(self, request, verify, proxies=None,
                                        cert=None):
        return self._pool

    def request_url(self, request, proxies):
        return request.path_url

    def cert_verify(self, conn, url, verify, cert):
        """Do nothing: the pool's TLS context says all there is to say."""

    def close(self):
        self._pool.close()
        super().close()
