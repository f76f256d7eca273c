# SPDX-License-Identifier: Apache-2.0
"""The journal: what was asked of the simulator, secrets masked."""

import collections
import re
import threading
import time
import urllib.parse

from xcat_simulator import httpd
from xcat_simulator.mn import hop

MASK = '***'
SECRETS = frozenset(['password', 'pw', 'remotepasswd', 'passwd', 'secret',
                     'token'])
# key=value in a body's string, "key": "value" in a JSON object.
IN_BODY = re.compile(
    r'((?:%s)\\?["\']?\s*[=:]\s*\\?["\']?)([^"\'\\\s,&;}\]]+)'
    % '|'.join(sorted(SECRETS)), re.IGNORECASE)
MAX_ENTRIES = 20000
MAX_BODY = 8192


def mask_target(target):
    """The path and query with the values of secret parameters masked.

    xcatws splits the query at & alone for credentials, CGI.pm also at ;.
    """
    path, mark, query = target.partition('?')
    return path + mark + '&'.join(_mask_pair(pair)
                                  for pair in query.split('&'))


def _mask_pair(pair):
    key, equals, _ = pair.partition('=')
    if urllib.parse.unquote_plus(key).strip().lower() in SECRETS:
        return key + equals + MASK
    if ';' in pair:
        first, _, rest = pair.partition(';')
        return first + ';' + _mask_pair(rest)
    return pair


def mask_body(body):
    """The body as text, at most MAX_BODY characters, secrets masked."""
    text = body.decode('utf-8', 'replace')
    masked = IN_BODY.sub(r'\1' + MASK, text)
    if len(masked) > MAX_BODY:
        return masked[:MAX_BODY] + '... (%d characters)' % len(text)
    return masked


class Journal:
    """The last requests, oldest first; safe between threads."""

    def __init__(self):
        self._entries = collections.deque(maxlen=MAX_ENTRIES)
        self._lock = threading.Lock()

    def add(self, request, status, started, seconds, server='mn', hops=0,
            late=False):
        """Note a finished request; `started` is seconds since the epoch.

        status: None when the connection was closed without an answer.
        hops: ssh logins that the MN made for it.
        late: it was executed after the client had been answered.
        """
        entry = {
            'server': server,
            'method': request.method,
            'path': mask_target(request.target),
            'body': mask_body(request.body),
            'status': status,
            'time': round(started, 6),
            'duration': round(seconds, 6),
            'hops': hops,
        }
        if request.faults:
            entry['fault'] = list(request.faults)
        if late:
            entry['late'] = True
        with self._lock:
            self._entries.append(entry)

    def entries(self):
        with self._lock:
            return list(self._entries)

    def clear(self):
        with self._lock:
            self._entries.clear()

    def recording(self, application, server, late=False):
        """The application, each of its requests noted here."""
        def recorded(request):
            started, clock = time.time(), time.monotonic()
            status, hops = 500, hop.count()
            try:
                response = application(request)
                status = response.status
                return response
            except httpd.HangUp:
                status = None
                raise
            finally:
                self.add(request, status, started,
                         time.monotonic() - clock, server,
                         hop.count() - hops, late)
        return recorded
