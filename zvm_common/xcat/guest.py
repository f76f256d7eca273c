# SPDX-License-Identifier: Apache-2.0
"""Single xCAT nodes: commands on them, their definitions."""

import dataclasses
import re

from zvm_common import exceptions
from zvm_common import model
from zvm_common.xcat import reply
from zvm_common.xcat import session as xcat_session

#: Bytes of a command; 132,072 were 'Argument list too long' on an MN.
LONGEST_COMMAND = 130_000

_COMMAND = re.compile('[ -~]+')
_COMMAND_RULE = ('1 to %d printable ASCII characters without line ends '
                 '(carry scripts in base64)' % LONGEST_COMMAND)

# Of ssh on the MN, before it logged in: nothing ran.
_NO_LOGIN = re.compile(
    'ssh: connect to host |ssh: Could not resolve hostname '
    '|(\\S+: )?Permission denied \\(|Host key verification failed'
    '|(kex|ssh)_exchange_identification: ')
# Of ssh after that: the command may have run.
_LOST = re.compile(
    'Connection to .* closed|Connection closed by |Connection reset by '
    '|client_loop: |Timeout, server .* not responding')

_MISSING = "Could not find an object named '%s' of type 'node'."
_CREATED = re.compile('[1-9][0-9]* object definitions have been created')
_REMOVED = re.compile('[1-9][0-9]* object definitions have been removed')
_EXISTS = "A definition for '%s' already exists."


@dataclasses.dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command wrote, lines without prefix, joined by line ends.

    ``ok`` is whether its exit status was 0; dsh tells no more of it.
    """

    stdout: str
    stderr: str
    ok: bool


class Node:
    """One xCAT node, a zHCP or a guest.

    :param unreachable: exception class for when the MN cannot log in to it
    :raises InvalidValue: for a name that is not one node's
    """

    def __init__(self, session, name,
                 unreachable=exceptions.GuestUnreachable):
        self.session = session
        self.name = model.NodeName(name)
        self._unreachable = unreachable

    def __repr__(self):
        return '<Node %s>' % self.name

    def run(self, command, read_timeout=None, idempotent=False):
        """Run a command line by dsh, as the user that the MN logs in as.

        The MN logs command and answer for ever: no secrets. Blanks in a row
        may arrive as one.

        :param read_timeout: seconds, instead of the session's
        :param idempotent: whether it may be sent again when the connection
            to the MN was lost
        :returns: :class:`CommandResult`, also for an exit status other
            than 0
        :raises InvalidValue: for a command that is too long or not ASCII
        :raises GuestUnreachable: (or what the node was made with) nothing ran
        :raises OutcomeUnknown: it may have run, or still run
        """
        if (not isinstance(command, str) or len(command) > LONGEST_COMMAND
                or not _COMMAND.fullmatch(command)):
            raise exceptions.InvalidValue(command, _COMMAND_RULE, 'Command')
        answer = reply.parse(self.session.put(
            xcat_session.resource('nodes', self.name, 'dsh'),
            ['command=' + command], idempotent=idempotent,
            read_timeout=read_timeout))
        if answer.errors:
            raise answer.failed()
        if answer.errorcode is None:
            raise answer.surprise('no errorcode', str(answer.elements))
        result = CommandResult('\n'.join(answer.data_lines(self.name)),
                               '\n'.join(answer.stderr_lines(self.name)),
                               answer.errorcode == 0)
        self._check_login(result)
        return result

    def _check_login(self, result):
        if result.ok or result.stdout:
            return
        for line in result.stderr.split('\n'):
            shown = exceptions.excerpt(line, 200)
            if _NO_LOGIN.match(line):
                raise self._unreachable(
                    'The management node cannot log in to node %s: %s'
                    % (self.name, shown))
            if _LOST.match(line):
                raise exceptions.OutcomeUnknown(
                    'The connection of the management node to node %s broke: '
                    '%s' % (self.name, shown))


@dataclasses.dataclass(frozen=True, slots=True)
class NodeDefinition:
    """A node as the MN's tables describe it."""

    name: model.NodeName
    attributes: dict

    @property
    def ours(self):
        """Whether this software made it."""
        return model.NODE_GROUP in self.list_of('groups')

    @property
    def hcp(self):
        """Host name of its zHCP as the tables have it, '' when none."""
        return self.attributes.get('hcp', '')

    @property
    def userid(self):
        return self.attributes.get('userid', '')

    def list_of(self, attribute):
        """The parts of an attribute that is a list, such as hostnames."""
        return [part for part in re.split(
            '[, ]+', self.attributes.get(attribute, '')) if part]


def get_node(session, name):
    """The :class:`NodeDefinition` of a node, None when there is none.

    :raises BadAnswer, MnUnreachable ...: as the session
    """
    name = model.NodeName(name)
    answer = reply.parse(session.get(xcat_session.resource('nodes', name)))
    if (_MISSING % name) in answer.errors:
        return None
    if answer.errors:
        raise answer.failed()
    lines = [line for text in answer.info for line in text.split('\n')]
    if not lines or lines[0] != 'Object name: %s' % name:
        raise answer.surprise('no definition of %s' % name, str(lines))
    pairs = (line.strip().partition('=') for line in lines[1:] if line)
    return NodeDefinition(name, {key: value for key, _, value in pairs})


def define_node(session, name, hcp, userid):
    """See that the node stands for this guest; safe to repeat.

    A new definition is marked as ours (xCAT group zvm-volume). One of ours
    that stands for another guest is stale and replaced; one of somebody else
    is used when it is right, and never changed.

    :param hcp: host name of the guest's zHCP
    :returns: whether the definition is ours
    :raises ConfigurationError: when somebody else's node of that name stands
        for another guest
    """
    name, hcp = model.NodeName(name), model.HostName(hcp)
    userid = _plain(model.Userid(userid))
    if _create(session, name, hcp, userid):
        return True
    found = get_node(session, name)
    if found is not None and _stands_for(found, hcp, userid):
        return found.ours
    if found is not None and not found.ours:
        raise exceptions.ConfigurationError(
            'The xCAT node %s stands for userid %s of zHCP %s, not for %s of '
            '%s' % (name, found.userid, found.hcp, userid, hcp),
            advice='Rename or remove that node on the management node.')
    remove_node(session, name)
    if not _create(session, name, hcp, userid):
        raise exceptions.TryLater(
            'Somebody else defines the xCAT node %s just now' % name)
    return True


def _create(session, name, hcp, userid):
    """Whether the node was made; False when there is one of that name."""
    answer = reply.parse(session.post(
        xcat_session.resource('nodes', name),
        ['groups=all,' + model.NODE_GROUP, 'mgt=zvm', 'hcp=%s' % hcp,
         'userid=%s' % userid], idempotent=True))
    if any(_CREATED.match(text) for text in answer.info):
        return True
    if any(text.startswith(_EXISTS % name) for text in answer.warnings):
        return False
    raise answer.failed()


def _stands_for(definition, hcp, userid):
    return (definition.hcp.lower() == str(hcp)
            and definition.userid.upper() == str(userid)
            and definition.attributes.get('mgt') == 'zvm')


def _plain(userid):
    # xCAT puts it into shell commands on the MN and the zHCP.
    if '$' in str(userid) or '#' in str(userid):
        raise exceptions.InvalidValue(
            str(userid), 'no $ and no #, which xCAT hands to a shell',
            'z/VM userid of a node')
    return userid


def remove_node(session, name):
    """Remove the definition of a node (not the guest) if it is ours.

    :returns: whether it was removed now
    """
    found = get_node(session, name)
    if found is None or not found.ours:
        return False
    answer = reply.parse(session.delete(
        xcat_session.resource('nodes', found.name), idempotent=True))
    if any(_REMOVED.match(text) for text in answer.info):
        return True
    if (_MISSING % found.name) in answer.errors:
        return False
    raise answer.failed()
