# SPDX-License-Identifier: Apache-2.0
"""Dying at a request: installed in a process of Cinder or Nova.

Every HTTP request of the drivers, to the management node or the Cloud
Connector, goes through ``requests.Session.send``.  The requests of one
operation are counted there, without those of Cinder to Glance, and at number
k the process ends by SIGKILL:

========== ================================================================
``before`` instead of sending it
``effect`` the server has done it and hangs up without an answer
``answer`` the answer has been read whole, and nobody has looked at it
``late``   the server has read it, hangs up, and does it when the gate of
           the simulator is opened: after the next process has swept
========== ================================================================
"""

import base64
import http.client
import json
import os
import re
import signal
import ssl

import requests

MOMENTS = ('before', 'effect', 'answer', 'late')
_GLANCE = ('/v2/', '/versions')
_ASKS = '/dsh wait'
_READS = ('/dsh look', '/dsh measure', '/dsh waiting', '/dsh stale')
_FAULTS = {'effect': {'answer_lost': True}, 'late': {'late': {'gate': True}}}

# sh -s -- SHA OPERATION VERB, or with the program's text in front
_CALL = re.compile(r'sh -s -- (?:[A-Za-z0-9+/=]{65,} )?[0-9a-f]{64} '
                   r'[0-9a-f-]{36} ([a-z]+)')


class Killer:
    """Counts the requests of an operation and kills at one of them.

    :param server: HOST:PORT of the simulator's management node
    """

    def __init__(self, server, ca_file):
        self._server = server
        self._context = ssl.create_default_context(cafile=ca_file)
        self._really = requests.Session.send
        self._at = self._moment = None
        self.names = []

        def send(session, request, **options):
            return self._send(session, request, options)
        requests.Session.send = send

    def arm(self, k=None, moment=None):
        """Count from here; die at request k, or live when it is None."""
        self._at, self._moment, self.names = k, moment, []

    def _send(self, session, request, options):
        if request.path_url.startswith(_GLANCE):
            return self._really(session, request, **options)
        asked = name(request)
        again = asked.endswith(_ASKS) and self.names[-1:] == [asked]
        if not again:
            self.names.append(asked)
        if again or len(self.names) != self._at:
            return self._really(session, request, **options)
        if self._moment in _FAULTS:
            self._fault(**_FAULTS[self._moment], times=1)
        if self._moment != 'before':
            self._try(session, request, options)
        os.kill(os.getpid(), signal.SIGKILL)

    def _try(self, session, request, options):
        try:
            answer = self._really(session, request, **options)
            answer.content      # read whole
        except requests.RequestException:
            if self._moment == 'answer':
                raise           # then it ends with another status than -9

    def _fault(self, **rule):
        """The very next request of all is this process's own."""
        connection = http.client.HTTPSConnection(
            self._server, context=self._context, timeout=60)
        connection.request('POST', '/simulator/faults', json.dumps(rule))
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError('%s: %s' % (rule, text))


def name(request):
    """What a request is, in short: its path, and the verb of a program."""
    path = request.path_url.partition('?')[0].replace('/xcatws', '')
    text = '%s %s' % (request.method, path)
    body = request.body or b''
    if isinstance(body, bytes):
        body = body.decode(errors='replace')
    if path.endswith('/dsh'):
        return '%s %s' % (text, _verb(body))
    action = re.search(r'"action": "(\w+)"', body)
    return '%s %s' % (text, action[1]) if action else text


def reads(asked):
    """Whether a request of this name changes nothing."""
    return asked.startswith('GET ') or asked.endswith(_READS)


def _verb(body):
    found = _CALL.search(body)
    if not found:
        return 'command'
    return found[1] + (' (sent)' if _sends(body) else '')


def _sends(body):
    script = re.search(r'echo ([A-Za-z0-9+/=]+) \| base64 -d', body)
    return bool(script) and b'gzip -d' in base64.b64decode(script[1])
