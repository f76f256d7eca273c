# SPDX-License-Identifier: Apache-2.0
"""A small threaded HTTP/1.1 server, with or without TLS.

One thread a connection: the TLS handshake happens there too, so that a
client that connects and says nothing delays nobody. Connections are kept
alive as Apache keeps them. An application is a callable that takes a Request
and returns a Response; what it raises is logged and answered with 500, but
after HangUp the connection is closed without an answer.
"""

import dataclasses
import http.server
import json
import socket
import socketserver
import ssl
import sys
import threading
import traceback

HANDSHAKE_SECONDS = 15
IDLE_SECONDS = 120
MAX_BODY = 8 << 20
MAX_CONNECTIONS = 512
# What Apache sends for an error of the CGI program itself.
ERROR_PAGE = ('<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n'
              '<html><head>\n<title>%(status)d %(reason)s</title>\n'
              '</head><body>\n<h1>%(reason)s</h1>\n</body></html>\n')


class HangUp(Exception):
    """There is no answer: the client finds the connection closed."""


@dataclasses.dataclass
class Request:
    method: str
    target: str               # path and query as sent
    headers: object           # case does not matter: an email.message.Message
    body: bytes
    client: str               # the client's address
    # Numbers of the rules of faults that fired for it.
    faults: list = dataclasses.field(default_factory=list)

    @property
    def path(self):
        return self.target.partition('?')[0]

    @property
    def query(self):
        return self.target.partition('?')[2]


@dataclasses.dataclass
class Response:
    status: int
    content_type: str
    body: bytes

    @classmethod
    def json(cls, value, status=200, content_type='application/json'):
        return cls(status, content_type, json.dumps(value).encode())

    @classmethod
    def page(cls, status):
        """The web server's own HTML page for a status."""
        reason = http.HTTPStatus(status).phrase
        text = ERROR_PAGE % {'status': status, 'reason': reason}
        return cls(status, 'text/html; charset=iso-8859-1', text.encode())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_version = 'zvm-simulator'
    sys_version = ''
    timeout = IDLE_SECONDS
    # An answer of two small packets would wait for the client's delayed ACK.
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_any(self):
        body = self._body()
        if body is None:
            return
        request = Request(self.command, self.path, self.headers, body,
                          self.client_address[0])
        try:
            response = self.server.application(request)
        except HangUp:
            self.close_connection = True
            return
        except Exception:
            self.server.report('%s %s' % (self.command, request.path))
            response = Response.page(500)
        self._send(response)

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any

    def _body(self):
        """The body, or None when the request was refused already."""
        if self.headers.get('Transfer-Encoding'):
            return self._refuse(411)
        try:
            length = int(self.headers.get('Content-Length') or 0)
        except ValueError:
            length = -1
        if length < 0:
            return self._refuse(400)
        if length > MAX_BODY:
            return self._refuse(413)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        return body

    def _refuse(self, status):
        # The body was not read: what follows on the connection is unknown.
        self.close_connection = True
        self._send(Response.page(status))

    def send_error(self, code, message=None, explain=None):
        # For what is no HTTP the base class would omit the status line.
        self.request_version = self.protocol_version
        self._refuse(code)

    def _send(self, response):
        self.send_response(response.status)
        self.send_header('Content-Type', response.content_type)
        self.send_header('Content-Length', str(len(response.body)))
        if self.close_connection:
            self.send_header('Connection', 'close')
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(response.body)
        self.wfile.flush()

    def log_message(self, format, *args):
        """Nothing: a request line can hold a password."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Serves `application` on (address, port) until `stop`; port 0: any.

    `context` is the SSLContext, None for plain HTTP.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, address, port, application, context=None):
        if ':' in address:
            self.address_family = socket.AF_INET6
        super().__init__((address, port), Handler)
        self.application = application
        self.context = context
        self.port = self.server_address[1]
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={'poll_interval': 0.05},
            name='port %d' % self.port, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self.shutdown()
        self.server_close()

    def server_bind(self):
        # HTTPServer would ask DNS for the host's name here.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request, client_address):
        self._slots.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._slots.release()
            raise

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def finish_request(self, request, client_address):
        if self.context is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(HANDSHAKE_SECONDS)
        with self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def shutdown_request(self, request):
        # wrap_socket has taken the descriptor over: nothing left to shut.
        if request.fileno() == -1:
            return
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Clients that hang up or speak no TLS are no news."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            self.report('connection')

    def report(self, what):
        print('zvm-simulator: %s: %s' % (what, traceback.format_exc()),
              file=sys.stderr, flush=True)
