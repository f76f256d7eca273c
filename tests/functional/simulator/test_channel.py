# SPDX-License-Identifier: Apache-2.0
"""How the MN's own commands reach a guest: ssh or IUCV."""

from tests.functional.simulator import mn
from xcat_simulator.mn import onvm

SLES = 'ID=sles\nVERSION=12\n'
ZHCP = 'zhcp1.example.com'


class ChannelCase(mn.MNCase):
    """guest1 is of the kind that the test is about."""

    linux = 'rhel7'
    power = 'on'

    def setUp(self):
        kind = type(self)

        def describe(world):
            guest = world['lpars']['host1']['guests']['guest1']
            guest.update(linux=kind.linux, power=kind.power)
            self.describe_zhcp(world)
        self.describe = describe
        super().setUp()

    def describe_zhcp(self, world):
        """Change the zHCP's part of the description."""

    def reachable(self):
        return self.texts('rpower', 'guest1', 'isreachable')


class SshTest(ChannelCase):
    """A zHCP that may not use IUCV with all guests."""

    def test_ssh_once_and_for_all(self):
        self.world.nodes.set_column(ZHCP, 'status', 'IUCVANY=0')
        self.assertEqual(['guest1: reachable'], self.reachable())
        self.assertEqual('SSH=1', self.status('guest1'))
        self.assertEqual(3, self.hops)
        self.reachable()
        self.assertEqual(2, self.hops)

    def test_its_directory_entry_says_so(self):
        zhcp = self.lpar.guests['ZHCP1']
        zhcp.directory = zhcp.directory.replace('IUCV ANY\n', '')
        self.reachable()
        self.assertEqual('IUCVANY=0', self.status(ZHCP))
        self.assertEqual('SSH=1', self.status('guest1'))

    def test_the_table_shows_it(self):
        self.world.nodes.set_column(ZHCP, 'status', 'IUCVANY=0')
        self.reachable()
        dump = self.elements('tabdump', 'guest1', 'zvm')[0]['data']
        self.assertIn('"guest1","zhcp1.example.com","LNX00001","vm","host1",'
                      ',,,"SSH=1"', dump)
        self.assertEqual('"zhcp1.example.com",,,,,,,,"IUCVANY=0"', dump[-1])


class InstallTest(ChannelCase):
    """A guest that trusts the MN's key gets the agent."""

    def test_the_agent_is_put_there_and_used(self):
        self.assertEqual(['guest1: reachable'], self.reachable())
        self.assertEqual('IUCV=1', self.status('guest1'))
        self.assertEqual('ZHCP1', self.file('LNX00001',
                                            'etc/iucv_authorized_userid'))
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual(['guest1: reachable'], self.reachable())
        self.assertEqual(2, self.hops)

    def test_an_empty_output_is_done(self):
        self.reachable()
        self.pool('p', 'free,%s,%s,1G,3B00-3B0F,,,' % (mn.W1, mn.LUN))
        texts = self.chvm('guest1', '--addzfcp p auto 0 1G')
        self.assertEqual('guest1: Done', texts[3])

    def test_a_command_that_fails_decides_nothing(self):
        """With an agent that answers: its error is not the agent's."""
        self.reachable()
        self.world.nodes.set_column('guest1', 'status', '')
        self.elements('execcmdonvm', 'guest1', 'false')
        self.assertEqual('', self.status('guest1'))


class UnknownServiceTest(ChannelCase):
    """Of newer distributions xCAT does not know where services are."""

    linux = 'rhel9'

    def test_ssh_and_no_agent_left(self):
        self.assertEqual(['guest1: reachable'], self.reachable())
        self.assertEqual('SSH=1', self.status('guest1'))
        self.assertIsNone(self.file('LNX00001', 'usr/bin/iucvserv'))


class NoTrustTest(ChannelCase):
    """A guest that does not trust the MN's key, with an agent."""

    linux = {'distro': 'rhel9', 'ssh': False, 'iucv': True}

    def test_iucv(self):
        self.assertEqual(['guest1: reachable'], self.reachable())
        self.assertEqual('IUCV=1', self.status('guest1'))

    def test_dsh_says_what_ssh_says(self):
        self.assertEqual(
            [{'error': ['guest1: root@guest1: Permission denied '
                        '(publickey,password).'], 'errorcode': ['0'],
              'NoErrorPrefix': ['1']}, {'errorcode': ['1']}],
            self.elements('xdsh', 'guest1', 'true'))

    def test_without_authority(self):
        """The agent serves another user ID: no ssh, but a ping."""
        with open(self.path('LNX00001', 'etc/iucv_authorized_userid'),
                  'w') as stream:
            stream.write('OTHER')
        self.assertEqual(['guest1: unreachable'], self.reachable())
        self.assertEqual('SSH=1', self.status('guest1'))

    def test_a_release_file_that_is_missing_hides_all(self):
        """ls fails then, and over IUCV that is an error."""
        self.reachable()
        self.world.local.files['/etc/os-release'] = SLES
        guest = onvm.Guest(self.world, 'guest1')
        self.assertEqual('', guest.os_version())
        for name in ('etc/issue', 'etc/debian_version'):
            open(self.path('LNX00001', name), 'w').close()
        self.assertEqual('sles12', guest.os_version())

    def test_what_is_printed_of_errors(self):
        """Where the MN passes its callback: on SLES, to the guest's tool."""
        self.reachable()
        self.world.local.files['/etc/os-release'] = SLES
        for name in ('etc/issue', 'etc/debian_version'):
            open(self.path('LNX00001', name), 'w').close()
        self.pool('p', 'free,%s,%s,1G,3B00-3B0F,,,' % (mn.W1, mn.LUN))
        answer = self.elements('chvm', 'guest1',
                               *'--addzfcp p 3B05 0 1G'.split())
        self.assertTrue(answer[-1]['error'][0].startswith(
            'Command executed failed, error details '), answer[-1])
        self.assertEqual(['1'], answer[-1]['errorcode'])
        self.assertEqual(
            ['used,%s,%s,1G,3B00-3B0F,guest1,3B05,' % (mn.W1, mn.LUN)],
            self.lines('p'))


class NoWayTest(ChannelCase):
    """Neither trust nor agent, but it answers a ping."""

    linux = {'distro': 'rhel9', 'ssh': False}

    def test_ssh_for_ever_though_it_does_not_work(self):
        self.assertEqual(['guest1: unreachable'], self.reachable())
        self.assertEqual('SSH=1', self.status('guest1'))
        self.assertEqual(['guest1: unreachable'], self.reachable())
        self.assertEqual(2, self.hops)


class OffTest(ChannelCase):

    power = 'off'

    def test_nothing_is_decided(self):
        self.assertEqual(['guest1: unreachable'], self.reachable())
        self.assertEqual('', self.status('guest1'))

    def test_later_it_is(self):
        self.reachable()
        self.texts('rpower', 'guest1', 'on')
        self.assertEqual(['guest1: reachable'], self.reachable())
        self.assertEqual('IUCV=1', self.status('guest1'))


class ZhcpWithoutIucvTest(ChannelCase):
    """As that of the recordings."""

    def setUp(self):
        super().setUp()
        self.assertFalse(mn.os.path.exists(self.path(
            'ZHCP1', 'opt/zhcp/bin/IUCV/iucvserv')))

    def describe_zhcp(self, world):
        world['lpars']['host1']['zhcp']['linux'] = {'missing': ['iucvclnt']}

    def test_ssh(self):
        self.assertEqual(['guest1: reachable'], self.reachable())
        self.assertEqual('SSH=1', self.status('guest1'))


class NoNodeTest(ChannelCase):

    def test_names_that_are_no_nodes_get_ssh(self):
        """As the zHCP's host name."""
        guest = onvm.Guest(self.world, ZHCP)
        self.world.nodes.set_column(ZHCP, 'status', 'IUCV=1')
        self.assertEqual('hi\n', guest.execute('echo hi'))
        self.assertEqual('SSH=1', self.status(ZHCP))

    def test_the_zhcp_itself(self):
        self.assertEqual(['zhcp1: reachable'],
                         self.texts('rpower', 'zhcp1', 'isreachable'))
        self.assertEqual(1, self.hops)


class QuotesTest(ChannelCase):
    """Commands with quotes arrive as they are, by both ways."""

    COMMAND = 'echo "a  b" > /tmp/x'

    def check(self, status):
        self.world.nodes.set_column('guest1', 'status', status)
        self.elements('execcmdonvm', 'guest1', self.COMMAND)
        self.assertEqual('a  b\n', self.file('LNX00001', 'tmp/x'))

    def test_ssh(self):
        self.check('SSH=1')

    def test_iucv(self):
        self.reachable()
        self.check('IUCV=1')
