# SPDX-License-Identifier: Apache-2.0
"""A world and its MN without HTTP: commands, what they print, their hops."""

import os

import fixtures
import testtools

from tests import worlds
from xcat_simulator import events
from xcat_simulator.mn import commands
from xcat_simulator.mn import daemon
from xcat_simulator.mn import hop
from xcat_simulator import world as worlds_
from xcat_simulator import worldfile

HEADER = '#status,wwpn,lun,size,range,owner,channel,tag\n'
W1, W2, W3 = ('5005076303%06d' % number for number in (1, 2, 3))
LUN, OTHER = '4011400000000000', '4011400100000000'


class MNCase(testtools.TestCase):
    """`self.world` is running; `self.hops` is of the last command."""

    @staticmethod
    def describe(world):
        """Change the dict of worlds.small() before the world is made."""

    def setUp(self):
        super().setUp()
        description = worlds.small()
        self.describe(description)
        self.world = worlds_.World(
            worldfile.parse(description),
            self.useFixture(fixtures.TempDir()).path)
        self.addCleanup(self.world.stop)
        self.host = self.world.hosts['host1']
        self.lpar = self.host.lpar

    def elements(self, name, node, *words):
        """The elements of an answer; words as the REST part splits them."""
        before = hop.count()
        command = daemon.Command(name, node, list(words), (node,))
        answer = commands.HANDLERS[name](self.world, command)
        self.hops = hop.count() - before
        return answer

    def texts(self, name, node, *words):
        """The texts of the elements, infos and errors alike."""
        return [element.get('info', element.get('error'))[0]
                for element in self.elements(name, node, *words)]

    def chvm(self, node, words):
        return self.texts('chvm', node, *words.split())

    def event(self, **event):
        events.apply(self.world.hosts.values(), event)

    def pool(self, name, *lines):
        """Write a pool file of these lines."""
        path = os.path.join(self.host.pool_folder, name + '.conf')
        with open(path, 'w', encoding='utf-8') as stream:
            stream.write(HEADER + ''.join(line + '\n' for line in lines))

    def lines(self, name):
        return self.host.pool_text(name).splitlines()[1:]

    def path(self, userid, name):
        """A file of a guest's Linux."""
        return os.path.join(self.lpar.guests[userid].linux.folder, name)

    def file(self, userid, name):
        """Its text, None when it is not there."""
        try:
            with open(self.path(userid, name), encoding='utf-8') as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    def status(self, name):
        """The status column of a name's row of the zvm table."""
        return self.world.nodes.row(name).get('status', '')
