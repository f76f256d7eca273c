# SPDX-License-Identifier: Apache-2.0
"""HTTPS requests to a management node (MN).

What is repeated, and what a failure means:

=============================  ==========================================
nothing was sent               repeated; then :class:`MnUnreachable`
sent, connection lost          a GET, or what the caller calls idempotent,
                               is repeated; then a GET is
                               :class:`MnUnreachable`, all else
                               :class:`OutcomeUnknown`
sent, no answer in time        not repeated (the MN still works on it);
                               exceptions as above
certificate, host name         :class:`CertificateError`
=============================  ==========================================

That a kept connection was closed by the server before it answered proves
nothing: the server may have read the request and died. So this counts as
sent and lost; :mod:`zvm_common.xcat.transport` makes it rare.
"""

import collections.abc
import dataclasses
import http.client
import http.cookiejar
import json
import logging
import ssl
import time
import urllib.parse

import requests
import tenacity
import urllib3.exceptions

from zvm_common import exceptions
from zvm_common import model
from zvm_common.xcat import transport

LOG = logging.getLogger(__name__)

_CHUNK = 16384

# What OpenSSL says of a server that does not speak TLS, or none we accept.
_NO_TLS = frozenset((
    'WRONG_VERSION_NUMBER', 'HTTP_REQUEST', 'UNSUPPORTED_PROTOCOL',
    'UNKNOWN_PROTOCOL', 'TLSV1_ALERT_PROTOCOL_VERSION', 'NO_PROTOCOLS',
    'RECORD_LAYER_FAILURE', 'PACKET_LENGTH_TOO_LONG'))


def resource(*segments, fields=()):
    """The path of a resource, quoted.

    ``resource('nodes', 'host1', 'inventory', fields=('--zfcppool', 'p1'))``
    is ``/xcatws/nodes/host1/inventory?field=--zfcppool&field=p1&format=json``.
    """
    path = '/'.join(urllib.parse.quote(str(s), safe='') for s in segments)
    query = [('field', str(f)) for f in fields] + [('format', 'json')]
    return '/xcatws/%s?%s' % (path, urllib.parse.urlencode(query))


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What came back, whole and of bounded size, but not yet believed."""

    method: str
    path: str
    status: int
    content_type: str
    location: str
    body: bytes
    #: Takes a text and replaces the password in it.
    mask: collections.abc.Callable = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    body: bytes | None
    repeatable: bool
    read_timeout: float

    def __str__(self):
        return '%s %s' % (self.method, self.path)


class _Failure(Exception):
    """Carries the error to raise, and whether another try is safe."""

    def __init__(self, error, repeatable=False):
        super().__init__(error)
        self.error = error
        self.repeatable = repeatable


class _TooMuch(Exception):
    pass


class Session:
    """Requests to one management node; may be shared by threads.

    :param server: :class:`zvm_common.model.Server` or its text
    :param ca_file: PEM file that alone is trusted; None: the system's store
    :param connect_timeout: seconds, TLS handshake included
    :param read_timeout: seconds between two pieces of an answer and for its
        whole body
    :param pool_size: requests at the same time; others wait
    :param attempts: tries of what is safe to repeat, ``pause`` seconds apart
        at first and then twice that
    :param max_answer: bytes of an answer at most
    :raises InvalidValue: for a wrong server
    :raises ConfigurationError: for a CA file that cannot be read, or
        credentials that no HTTP header can carry
    """

    def __init__(self, server, username, password, ca_file=None,
                 connect_timeout=10, read_timeout=600, pool_size=8,
                 attempts=3, pause=0.5, max_answer=64 * model.MIB):
        self.server = model.Server(server)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._attempts = attempts
        self._pause = pause
        self._max_answer = max_answer
        for option, value in (('zvm_xcat_username', username),
                              ('zvm_xcat_password', password)):
            _check_header(option, value)
        self._ca_file = ca_file
        self._secrets = _spellings(password)
        self._adapter = self._make_adapter(pool_size)
        self._http = _bare_session(self._adapter)
        self._http.headers.update({
            'userName': username, 'password': password,
            'Accept': 'application/json', 'Accept-Encoding': 'identity',
            'User-Agent': 'zvm-volume'})

    @classmethod
    def from_settings(cls, settings, pool_size=8):
        """A session as :class:`zvm_common.conf.Settings` describe it."""
        return cls(settings.server, settings.username, settings.password,
                   ca_file=settings.ca_file,
                   connect_timeout=settings.connect_timeout,
                   read_timeout=settings.read_timeout, pool_size=pool_size)

    def _make_adapter(self, pool_size):
        try:
            return transport.Adapter(self.server.host, self.server.port,
                                     self._ca_file, pool_size)
        except OSError as e:
            raise exceptions.ConfigurationError(
                'zvm_ca_file %s is not a readable PEM file of certificates: '
                '%s' % (exceptions.excerpt(self._ca_file, 80), e)) from None

    def __repr__(self):
        return '<Session %s>' % self.server

    def close(self):
        self._http.close()

    # A path is what resource() makes. All raise MnUnreachable,
    # CertificateError, ConfigurationError, BadAnswer; all but get() also
    # OutcomeUnknown. The status of the answer is looked at in reply.parse().

    def get(self, path, read_timeout=None):
        return self._request('GET', path, None, True, read_timeout)

    def put(self, path, body, idempotent=False, read_timeout=None):
        """PUT a list of strings."""
        return self._request('PUT', path, body, idempotent, read_timeout)

    def post(self, path, body, idempotent=False, read_timeout=None):
        """POST a list of strings."""
        return self._request('POST', path, body, idempotent, read_timeout)

    def delete(self, path, idempotent=False, read_timeout=None):
        return self._request('DELETE', path, None, idempotent, read_timeout)

    def mask(self, text):
        """The text without the password, however it is spelt there."""
        for secret in self._secrets:
            text = text.replace(secret, '***')
        return text

    def _request(self, method, path, body, repeatable, read_timeout):
        if not path.startswith('/xcatws/'):
            raise exceptions.InvalidValue(path, 'what resource() makes',
                                          'Path')
        call = _Call(method, path,
                     None if body is None else json.dumps(body).encode(),
                     repeatable, read_timeout or self._read_timeout)
        tries = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=tenacity.wait_exponential(multiplier=self._pause, max=10),
            retry=tenacity.retry_if_exception(
                lambda e: getattr(e, 'repeatable', False)),
            reraise=True)
        try:
            return tries(self._once, call)
        except _Failure as failure:
            raise failure.error from None

    def _once(self, call):
        start = time.monotonic()
        try:
            response = self._exchange(call)
        except (requests.RequestException, urllib3.exceptions.HTTPError,
                OSError) as e:
            failure = self._failure(call, e, self._adapter.sent)
            LOG.debug('%s failed after %.3f s: %s', call,
                      time.monotonic() - start, failure.error)
            raise failure from None
        except _TooMuch:
            raise _Failure(exceptions.BadAnswer(
                '%s was answered with more than %d bytes'
                % (call, self._max_answer))) from None
        LOG.debug('%s answered %d in %.3f s: %s', call, response.status,
                  time.monotonic() - start, self._excerpt(response.body))
        return response

    def _exchange(self, call):
        headers = {} if call.body is None else {
            'Content-Type': 'application/json'}
        LOG.debug('%s to %s: %s', call, self.server,
                  self._excerpt(call.body or b''))
        with self._http.request(
                call.method, 'https://%s%s' % (self.server, call.path),
                data=call.body, headers=headers, stream=True,
                timeout=(self._connect_timeout, call.read_timeout),
                allow_redirects=False) as answer:
            body = self._read(answer, call.read_timeout)
            return Response(call.method, call.path, answer.status_code,
                            answer.headers.get('Content-Type', ''),
                            answer.headers.get('Location', ''), body,
                            self.mask)

    def _read(self, answer, read_timeout):
        end = time.monotonic() + read_timeout
        parts, size = [], 0
        for part in answer.raw.stream(_CHUNK, decode_content=False):
            parts.append(part)
            size += len(part)
            if size > self._max_answer:
                raise _TooMuch
            if time.monotonic() > end:
                raise TimeoutError('no whole answer in time')
        return b''.join(parts)

    def _excerpt(self, body):
        text = body[:4096].decode('utf-8', 'replace')
        return exceptions.excerpt(self.mask(text), 500)

    def _failure(self, call, error, sent):
        why = self.mask(_reason(error))
        if not sent:
            return self._not_sent(error, why)
        late = _find(error, (TimeoutError,
                             urllib3.exceptions.TimeoutError)) is not None
        if late:
            why = 'no answer within %g s' % call.read_timeout
        if call.method == 'GET':
            result = exceptions.MnUnreachable(
                'The management node %s did not answer %s: %s'
                % (self.server, call, why))
        else:
            result = exceptions.OutcomeUnknown(
                'The outcome of %s on the management node %s is not known: '
                '%s' % (call, self.server, why))
        return _Failure(result, call.repeatable and not late)

    def _not_sent(self, error, why):
        server = self.server
        tls = _find(error, ssl.SSLError)
        if isinstance(tls, ssl.SSLCertVerificationError):
            # A new certificate of the management node, and its CA with it
            renewed = self._adapter.renew_trust()
            return _Failure(exceptions.CertificateError(
                'The certificate of the management node %s is not accepted: '
                '%s' % (server, tls.verify_message or why),
                advice='zvm_ca_file (%s) must hold the CA that signed it, '
                'and it must name the host %s of zvm_xcat_server.'
                % (self._ca_file or "not set: the system's CAs",
                   server.host)), repeatable=renewed)
        if tls is not None and tls.reason in _NO_TLS:
            return _Failure(exceptions.ConfigurationError(
                'No HTTPS on %s: %s' % (server, why),
                advice='Check host and port in zvm_xcat_server.'))
        return _Failure(exceptions.MnUnreachable(
            'No connection to the management node %s: %s' % (server, why)),
            repeatable=True)


def _bare_session(adapter):
    """A requests session without environment, cookies, redirects, http."""
    bare = requests.Session()
    bare.trust_env = False
    bare.cookies.set_policy(_NoCookies())
    bare.adapters.clear()
    bare.mount('https://', adapter)
    return bare


class _NoCookies(http.cookiejar.DefaultCookiePolicy):
    def set_ok(self, cookie, request):
        return False


def _check_header(option, value):
    """Names the option, never the value."""
    try:
        model.HeaderText(value)
    except exceptions.InvalidValue as e:
        raise exceptions.ConfigurationError(
            '%s is not valid: %s' % (option, e.rule)) from None


def _spellings(secret):
    """How a text may stand in a URL, a JSON text or a repr; longest first."""
    return sorted({
        secret, urllib.parse.quote(secret), urllib.parse.quote_plus(secret),
        urllib.parse.quote(secret, safe=''), json.dumps(secret)[1:-1],
        repr(secret)[1:-1], secret.encode('latin-1').decode(
            'utf-8', 'replace')}, key=len, reverse=True)


def _chain(error):
    """The exception and all that it came from, outermost first."""
    seen = []
    waiting = [error]
    while waiting:
        e = waiting.pop(0)
        if not isinstance(e, BaseException) or e in seen:
            continue
        seen.append(e)
        waiting += [getattr(e, 'reason', None), *e.args, e.__cause__,
                    e.__context__]
    return seen


def _find(error, kind):
    return next((e for e in _chain(error) if isinstance(e, kind)), None)


def _reason(error):
    """What the system said, without the layers around it."""
    if _find(error, http.client.IncompleteRead):
        return 'the answer was cut short'
    causes = [e for e in _chain(error) if isinstance(e, OSError)
              and not isinstance(e, requests.RequestException)]
    cause = (causes or [error])[-1]
    return exceptions.excerpt(str(cause) or type(cause).__name__, 200)[1:-1]
