# SPDX-License-Identifier: Apache-2.0
"""Commands that the MN itself runs in a guest, by ssh or through IUCV.

Which of the two a guest gets stands in the zvm table, column status: SSH=1
or IUCV=1. While neither does, the first command finds it out. Before each
command the zHCP is asked for the guest's power state.
"""

import re

from xcat_simulator.mn import hop
from xcat_simulator.mn import iucvsetup
from xcat_simulator.mn import perl
from xcat_simulator.mn import reach
from xcat_simulator.mn import release
from xcat_simulator.mn import reply

IUCVCLNT = '/opt/zhcp/bin/IUCV/iucvclnt'
# What xCAT makes of iucvclnt's exit status; of others nothing.
MEANINGS = {
    1: 'Issued command was not authorized or a generic Linux error occurred. '
       'error details %s',
    2: 'parameter to iucvclient error, %s',
    4: 'IUCV socket error, error details %s',
    8: 'Command executed failed, error details %s',
    16: 'File Transport failed, error details %s',
    32: 'File Transport failed, error details %s'}
# So often the MN tries to set a device online, with growing pauses.
ONLINE_TRIES = 15
POWER_TRIES = 10
PING = 'ping'


class Unreached:
    """The host of a node whose hcp names no zHCP."""

    reachable = False
    pause = 0.0

    def __init__(self, hostname):
        self.zhcp_hostname = hostname


class Guest:
    """A node as a command of the MN sees it: its row of the zvm table.

    `userid` is upper case. `say`, where a method has it, takes what the MN
    prints meanwhile: a text, or an element.
    """

    def __init__(self, world, node):
        row = world.nodes.row(node)
        self.world = world
        self.node = node
        self.hcp = row.get('hcp', '')
        self.userid = row.get('userid', '').upper()
        self.hops = hop.Hops(world, self._host())
        self.delivered = False    # did the last command reach the guest?
        # Has a regular expression matched on the way to where the MN is?
        self.matched = False

    def _host(self):
        for host in self.world.hosts.values():
            if host.zhcp_hostname == self.hcp:
                return host
        return Unreached(self.hcp)

    @property
    def machine(self):
        """The virtual machine, None when there is none."""
        return self.world.machine_of(self.node)

    @property
    def status(self):
        return self.world.nodes.row(self.node).get('status', '')

    def set_status(self, status):
        self.world.nodes.set_column(self.node, 'status', status)

    def add_status(self, flag):
        status = self.status
        self.set_status('%s;%s' % (status, flag) if status else flag)

    def execute(self, command, say=None):
        """Run a command; returns what it prints, or what went wrong."""
        command = _escaped(command)
        if not self.userid or not self.hcp:
            text = self.ssh(command, say)
            if 'IUCV=1' in self.status:
                self.set_status(self.status.replace('IUCV=1', 'SSH=1'))
            return text
        if self._is_zhcp():
            return self.ssh(command, say)
        if not self._ask_power() and not self.matched and '"' not in command:
            return self._taken_for_off(say)
        if 'SSH=1' not in self.status and 'IUCV=1' not in self.status:
            self._ask_for_iucv()
        if 'SSH=1' in self.status:
            return self.ssh(command, say)
        if 'IUCV=1' in self.status:
            return self.iucv(command, say)[1]
        return iucvsetup.first_command(self, command, say)

    def _is_zhcp(self):
        """The MN looks for the node's name in the zHCP's, as a pattern."""
        try:
            return bool(re.search(self.node, self.hcp))
        except re.error:
            return False

    def _ask_power(self):
        """Ask until there is an answer; returns whether there was one.

        The MN looks for the answer, with its line feed, in the word off,
        and never finds it: a guest that is off is treated as one that is
        on. Without an answer its pattern is empty, by which Perl means the
        one that matched last. xcatd leaves one that matches everything; so
        the guest is off, unless another one matched since, as that for
        quotes in the command.
        """
        return any(self.power_text() for _ in range(POWER_TRIES))

    def _taken_for_off(self, say):
        self.delivered = False
        problem = '%s: (Error) VM %s is powered off' % (self.node,
                                                        self.userid)
        if say:
            say(problem)
        return problem

    def power_text(self):
        return self.hops.run('/sbin/vmcp q user %s 2>/dev/null'
                             % self.userid).text

    def _ask_for_iucv(self):
        """Without IUCV ANY in the zHCP's directory entry it is ssh."""
        userid = self.hops.userid()
        known = self.world.nodes.row(self.hcp).get('status', '')
        if not re.search('IUCVANY', known, re.IGNORECASE):
            entry = self.hops.smcli('Image_Query_DM -T ' + userid).text
            flag = 'IUCVANY=%d' % bool(re.search('IUCV ANY', entry, re.I))
            # With another status than this one it takes that of the guest.
            known = '%s;%s' % (self.status, flag) if known else flag
            self.world.nodes.set_column(self.hcp, 'status', known)
        if re.search('IUCVANY=0', known, re.IGNORECASE):
            self.add_status('SSH=1')

    def ssh(self, command, say=None, function='execcmdonVM'):
        """The output of a command over ssh, '' when that does not work."""
        answer = self.hops.on(self.node, command)
        self.delivered = answer.status != hop.NO_SSH
        if not self.delivered and say:
            say(self.failure(answer, command, function))
        return answer.text

    def failure(self, answer, command, function, after=''):
        shown = 'ssh -o ConnectTimeout=5 %s@%s "%s"%s' % (
            self.hops.user, self.node, command, after)
        return hop.failure(answer, shown, self.node, function, self.node)

    def iucv(self, command, say=None):
        """(iucvclnt's exit status, text): an empty output is "Done"."""
        answer = self.hops.run("%s %s '%s' 2>&1"
                               % (IUCVCLNT, self.userid, command))
        text = answer.text.strip()
        self.delivered = answer.status in (0, 8)
        if not answer.status:
            return 0, text or 'Done'
        problem = MEANINGS.get(answer.status, '')
        problem = problem and problem % text
        if say and problem:
            say(reply.error(problem))
        return answer.status, '(Error) ' + problem

    def execute_as_root(self, command):
        """rExecute: what a redirection writes is written as root."""
        if self.hops.sudo:
            command = "sudo sh -c '%s'" % command
        return self.execute(command)

    def ping(self):
        """`ping`, `noping`, or what went wrong with a command instead."""
        if reach.pings(self.world, self.node):
            return PING
        text = self.execute('date')
        if hop.failed(text):
            return text
        return PING if perl.true(text) else 'noping'

    def os_version(self):
        """Such as rhel7.2: of the MN's files, as far as the guest has them.

        The guest says which release files there are; the MN then reads its
        own.
        """
        text = self.execute('%s ls /dev/null %s 2>/dev/null'
                            % (self.hops.sudo, release.FILES))
        if hop.failed(text):
            return ''
        names = ['/' + name.lstrip('/') for name in text.split()]
        files = self.world.local.files
        return release.name(''.join(
            '%s:%s\n' % (name, line) for name in names
            for line in files.get(name, '').splitlines()))

    def set_online(self, device):
        """disableEnableDisk -e: a text with Done, or "Error: ..."."""
        command = '%s /sbin/chccwdev -e %s' % (self.hops.sudo, device)
        shown = 'ssh %s@%s %s' % (self.hops.user, self.node, command)
        for _ in range(ONLINE_TRIES):
            text = self.execute(command + ' 2>&1')
            if not hop.failed(text):
                return shown + '... Done'
        return 'Error: failed to %s, Output: %s' % (shown, text)


def _escaped(command):
    if '\\"' in command:
        command = command.replace('"', '\\"')
    return command.replace('"', '\\"')
