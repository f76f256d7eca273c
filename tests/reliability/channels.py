# SPDX-License-Identifier: Apache-2.0
"""The end of a process's socket that the process itself holds.

A module of its own: the server runs as ``__main__``, whose classes are not
those that others import.
"""

import json
import os
import socket


class Channel:
    """JSON lines in both directions."""

    def __init__(self, file):
        self._socket = socket.socket(fileno=file)
        self._lines = self._socket.makefile('r', encoding='utf-8')

    def read(self):
        """The next object; None when the other end is closed."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def write(self, value):
        self._socket.sendall(json.dumps(value).encode() + b'\n')

    def call(self, name, **args):
        """Let the other end ask the other service, and give its answer.

        :raises Failed: with the class and text of its exception
        """
        self.write({'call': name, 'with': args})
        answer = self.read()
        if answer is None:
            os._exit(0)
        if 'error' in answer:
            raise Failed(answer['error'], answer['text'])
        return answer['result']


class Failed(Exception):
    """The other service raised ``kind``."""

    def __init__(self, kind, text):
        super().__init__('%s: %s' % (kind, text))
        self.kind = kind
