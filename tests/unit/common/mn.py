# SPDX-License-Identifier: Apache-2.0
"""A scripted management node over real TLS, for what goes wrong there.

    node = self.useFixture(mn.ScriptedMn())
    node.answers(mn.elements({'info': ['guest1: on']}), mn.hang_up)

Each request takes the next answer; the last one stays. An answer is a
function of the request handler.
"""

import http.server
import json
import ssl
import threading

import fixtures
import trustme


def answer(status=200, body='', content_type='application/json', **headers):
    """A whole answer; a body other than str or bytes is sent as JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()

    def act(handler):
        head(handler, status, content_type, len(body), headers)
        handler.wfile.write(body)
    return act


def elements(*raw, status=200):
    """An xCAT answer of these elements."""
    return answer(status, {'data': list(raw)})


def hang_up(handler):
    """Read the request and close without an answer."""
    handler.close_connection = True


def cut_short(body=b'{"data": [', promised=1000):
    """Promise more than is sent, then close."""
    def act(handler):
        head(handler, 200, 'application/json', promised, {})
        handler.wfile.write(body)
        handler.close_connection = True
    return act


def late(seconds, then=None):
    """Answer after a while."""
    def act(handler):
        handler.server.stopping.wait(seconds)
        (then or answer(200, {'data': []}))(handler)
    return act


def then_close(act):
    """Answer, and close the kept connection without saying so."""
    def both(handler):
        act(handler)
        handler.close_connection = True
    return both


def head(handler, status, content_type, length, headers):
    handler.send_response(status)
    handler.send_header('Content-Type', content_type)
    handler.send_header('Content-Length', str(length))
    for name, value in headers.items():
        handler.send_header(name.replace('_', '-'), value)
    handler.end_headers()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    # Headers and body go out as one write.
    wbufsize = -1
    disable_nagle_algorithm = True

    def _serve(self):
        size = int(self.headers.get('Content-Length', 0))
        body = self.rfile.read(size)
        act = self.server.next_answer((self.command, self.path,
                                       dict(self.headers), body,
                                       self.client_address[1]))
        act(self)

    do_GET = do_PUT = do_POST = do_DELETE = _serve

    def log_message(self, *args):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context):
        super().__init__(('127.0.0.1', 0), _Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)
        self.stopping = threading.Event()
        self.script = []
        self.requests = []
        self._lock = threading.Lock()

    def next_answer(self, request):
        with self._lock:
            self.requests.append(request)
            if len(self.script) > 1:
                return self.script.pop(0)
            return self.script[0]

    def handle_error(self, request, client_address):
        """Clients that do not like the certificate are no news."""


class ScriptedMn(fixtures.Fixture):
    """``server`` HOST:PORT, ``ca_file``, ``requests`` seen so far.

    :param names: host names in the certificate
    :param not_after: when it runs out (datetime)
    """

    def __init__(self, names=('localhost', '127.0.0.1'), not_after=None):
        super().__init__()
        self._names = names
        self._not_after = not_after

    def _setUp(self):
        ca = trustme.CA()
        folder = self.useFixture(fixtures.TempDir()).path
        self.ca_file = folder + '/ca.pem'
        ca.cert_pem.write_to_path(self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(*self._names, not_after=self._not_after) \
            .configure_cert(context)
        self._server = _Server(context)
        thread = threading.Thread(target=self._server.serve_forever,
                                  kwargs={'poll_interval': 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self._server.server_close)
        self.addCleanup(self._server.shutdown)
        self.addCleanup(self._server.stopping.set)
        self.port = self._server.server_address[1]
        self.server = 'localhost:%d' % self.port
        self.requests = self._server.requests

    def answers(self, *acts):
        self._server.script[:] = acts
