# SPDX-License-Identifier: Apache-2.0
"""xcatd: who may run which command on which nodes."""

import dataclasses
import hmac
import re

from xcat_simulator.mn import commands
from xcat_simulator.mn import perl
from xcat_simulator.mn import plugins
from xcat_simulator import nodes

# xcatd sends seven bits: each other byte becomes a question mark.
FOREIGN = re.compile(rb'[^\x09-\x7f]')


class Denied(Exception):
    """Wrong password, no credentials, or a command that policy forbids."""


class Forbidden(Exception):
    """A command or a node that is not there."""


@dataclasses.dataclass
class Command:
    """An xCAT command; `nodes` is filled from the noderange if it has one."""

    name: str
    noderange: str = None
    args: list = dataclasses.field(default_factory=list)
    nodes: tuple = ()


class Daemon:
    """Runs commands in a world; an answer is a list of elements (dicts)."""

    def __init__(self, world):
        self._world = world

    def run(self, command, username, password):
        """Raises Denied, Forbidden."""
        self._authorize(command, self._user(username, password))
        handler = commands.HANDLERS.get(command.name)
        if handler is None:
            raise Forbidden('Unsupported request')
        answer = []
        if command.noderange is not None:
            try:
                expanded = self._world.nodes.expand(command.noderange)
            except nodes.UnknownNodes as e:
                raise Forbidden('%s: %s' % (
                    'Invalid nodes and/or groups in noderange',
                    ','.join(e.missed))) from e
            found, answer = plugins.sort_out(
                self._world.nodes, command.name, tuple(expanded))
            command = dataclasses.replace(command, nodes=found)
            if not found:
                return answer
        return answer + [as_sent(element)
                         for element in handler(self._world, command)]

    def _user(self, username, password):
        """The user; None without credentials, which the policy refuses."""
        if not (perl.true(username) and perl.true(password)):
            return None
        user = self._world.users.get(username)
        expected = user.password if user else ''
        if not user or not hmac.compare_digest(
                password.encode('utf-8', 'replace'), expected.encode()):
            raise Denied('Authentication failure')
        return user

    @staticmethod
    def _authorize(command, user):
        if user is None or (user.policy is not None
                            and command.name not in user.policy):
            raise Denied('Permission denied for request')


def as_sent(element):
    """An element after its way as XML from xcatd to the web part.

    A text of blanks alone becomes none, and every line end a line feed.
    """
    return {key: [_plain(text) for text in texts]
            for key, texts in element.items()}


def _plain(text):
    if text is None or not text.strip():
        return None
    data = FOREIGN.sub(b'?', text.encode('utf-8', 'surrogateescape'))
    return data.decode('ascii').replace('\r\n', '\n').replace('\r', '\n')
