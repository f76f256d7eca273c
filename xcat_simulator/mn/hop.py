# SPDX-License-Identifier: Apache-2.0
"""ssh hops: all that a command of the MN does outside of the MN.

Each is a shell command that really runs in the node's folder. Nothing is
held between two hops: as on the real MN, others come between.
"""

import contextlib
import dataclasses
import re
import threading
import time

from xcat_simulator.machine import model
from xcat_simulator.mn import perl
from xcat_simulator.mn import shell

BIN = '/opt/zhcp/bin'
POOLS = '/var/opt/zhcp/zfcp'
NO_SSH = 255
FOLDERS = 'var|opt|etc|sys|dev(?!/null)|proc|tmp|root|mnt|install'
# A node's folder is where its commands start: /etc/x is etc/x there, and
# programs are found by name.
ROOTED = re.compile(r'(?<![\w./*$-])/(?=(?:%s)/)' % FOLDERS)
PROGRAM = re.compile(r'(?<![\w./*$-])/(?:usr/)?s?bin/(?=\w)')
FAILED = re.compile('failed|error', re.IGNORECASE)


class _Thread(threading.local):
    """The hops of the thread that answers a request."""

    made = 0           # since the thread began
    before = 0         # of them, those before this request
    refused = ()       # numbers of those of `made` that are refused


_here = _Thread()


@dataclasses.dataclass(frozen=True)
class Answer:
    """Exit status of ssh and standard output; NO_SSH: not reached."""

    status: int
    text: str


def failed(text):
    """Does a text look like an error to xCAT?"""
    return bool(FAILED.search(text or ''))


def count():
    """How many hops this thread has made so far."""
    return _here.made


@contextlib.contextmanager
def request():
    """What is done inside is one request: its hops count from one."""
    outer, _here.before = _here.before, _here.made
    try:
        yield
    finally:
        _here.before = outer


@contextlib.contextmanager
def refusing(number):
    """That hop of what is done inside is refused, as by sshd."""
    outer, _here.refused = _here.refused, _here.refused + (
        _here.made + number,)
    try:
        yield
    finally:
        _here.refused = outer


def take(pause=0.0):
    """Make a hop of this request; returns whether one is let in.

    pause: seconds that pass since the hop before it, when there is one.
    """
    if pause and _here.made > _here.before:
        time.sleep(pause)
    _here.made += 1
    return _here.made not in _here.refused


def relative(command):
    """The command with paths as they are from the node's folder."""
    return PROGRAM.sub('', ROOTED.sub('', command))


def ssh(linux, command, pause=0.0):
    """Run a command by ssh in a node; linux: None when not reached.

    The command stands between double quotes in the MN's shell. `pause` is
    that of take.
    """
    if not take(pause) or linux is None:
        return Answer(NO_SSH, '')
    try:
        done = linux.run(relative(shell.in_double_quotes(command)))
    except model.NodeDown:
        return Answer(NO_SSH, '')
    if done.returncode < 0 and not linux.running:
        return Answer(NO_SSH, done.stdout)    # it went down meanwhile
    return Answer(done.returncode % 256, done.stdout)


class Hops:
    """The way from the MN to a zHCP, for one command of the MN."""

    def __init__(self, world, host):
        self.world = world
        self._host = host
        self.hostname = host.zhcp_hostname
        self.user = world.sudoer
        self.sudo = '' if self.user == 'root' else 'sudo'

    def run(self, command):
        """A command on the zHCP, as the user that the MN logs in as."""
        linux = self._host.zhcp.linux if self._host.reachable else None
        return ssh(linux, '%s %s' % (self.sudo, command), self._host.pause)

    def on(self, node, command):
        """A command on another node, by its name or its zHCP's."""
        return ssh(self.world.ssh_target(node), command, self._host.pause)

    def smcli(self, arguments):
        return self.run('%s/smcli %s' % (BIN, arguments))

    def userid(self):
        """The zHCP's user ID, '' when the zHCP does not say it."""
        words = self.run('/sbin/vmcp q userid').text.split()
        return words[0].upper() if words else ''

    def dedicates(self, node):
        """The DEDICATE statements of a node's directory entry.

        Of one that xCAT does not know: the error message, as if it were one.
        """
        row = self.world.nodes.row(node)
        query = '%s/smcli Image_Query_DM -T %s' % (BIN, row.get('userid', ''))
        hcp = row.get('hcp', '')
        answer = self.on(hcp, '%s %s' % (self.sudo, query))
        problem = failure(answer, 'commandString', hcp, 'getMdisks', node)
        if problem:
            return [problem]
        found = shell.egrep(answer.text, 'DEDICATE')
        return [line.strip() for line in perl.split(found, '\n')]

    def shown(self, command):
        """A hop as messages show it."""
        return 'ssh %s@%s "%s %s"' % (self.user, self.hostname, self.sudo,
                                      command)

    def failure(self, answer, shown, function, node=None):
        """The message of a hop that failed, '' for one that did not."""
        return failure(answer, shown, self.hostname, function, node)


def failure(answer, shown, target, function, node=None):
    """What xCAT says of a hop to `target` made in one of its functions."""
    if not answer.status:
        return ''
    return '%s(Error) In %s(), %s %s%s' % (
        'Node: %s ' % node if node is not None else '', function,
        'SSH communication to %s failed for command:' % target
        if answer.status == NO_SSH else
        'command to %s failed with return code %d for:'
        % (target, answer.status), shown,
        ' Output: %s ' % answer.text if answer.text else '')


def lines(answer):
    return perl.split(answer.text, '\n')
