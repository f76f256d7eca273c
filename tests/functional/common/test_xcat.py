# SPDX-License-Identifier: Apache-2.0
"""The REST client against the simulator."""

import base64
import concurrent.futures
import logging

import fixtures
import testtools

from tests import nursery
from tests import worlds
from zvm_common import exceptions
from zvm_common import model
from zvm_common.xcat import guest
from zvm_common.xcat import hypervisor
from zvm_common.xcat import session


def script(text):
    """A command line that carries any shell script."""
    code = base64.b64encode(text.encode()).decode()
    return 'echo %s | base64 -d | sh -s --' % code


class XcatTest(testtools.TestCase):
    """One simulator for all tests of a class: they leave it as it was."""

    WORLD = staticmethod(worlds.two)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.simulator = nursery.Simulator(cls.WORLD())
        cls.simulator.setUp()
        cls.addClassCleanup(cls.simulator.cleanUp)

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.session = self.connect()
        self.host = hypervisor.Hypervisor.find(self.session, 'host1')
        self.simulator.forget_requests()

    def connect(self, username=worlds.USER, password=worlds.PASSWORD,
                ca_file=None):
        made = session.Session(
            self.simulator.server, username, password,
            ca_file or self.simulator.ca_file, pause=0.01)
        self.addCleanup(made.close)
        return made

    def paths(self):
        return [(entry['method'], entry['path'].partition('?')[0])
                for entry in self.simulator.requests()]


class HypervisorTest(XcatTest):

    def test_each_lpar_has_its_zhcp(self):
        for number in (1, 2):
            found = hypervisor.Hypervisor.find(self.session,
                                               'host%d' % number)
            self.assertEqual(
                ('zhcp%d' % number, 'zhcp%d.example.com' % number,
                 'ZHCP%d' % number),
                (str(found.zhcp_node), str(found.zhcp_hostname),
                 str(found.zhcp_userid)))
        self.assertEqual([('GET', '/xcatws/tables/zvm'),
                          ('GET', '/xcatws/nodes/zhcp1'),
                          ('GET', '/xcatws/tables/zvm'),
                          ('GET', '/xcatws/nodes/zhcp2')], self.paths())

    def test_without_a_name_the_error_lists_them(self):
        error = self.assertRaises(exceptions.HypervisorUnknown,
                                  hypervisor.Hypervisor.find, self.session)
        self.assertIn('host1, host2', str(error))

    def test_the_pool_is_listed(self):
        lines = self.host.pool_lines('zpool1')
        self.assertEqual(10, len(lines))
        self.assertEqual(
            self.simulator.pool_text('host1', 'zpool1').splitlines()[1:],
            [line.format() for line in lines])
        self.assertRaises(exceptions.PoolMissing, self.host.pool_lines,
                          'zpool2')

    def test_devices_are_listed_by_state(self):
        counts = {state: len(self.host.fcp_devices(state))
                  for state in ('free', 'active', 'offline')}
        self.assertEqual({'free': 30, 'active': 2, 'offline': 0}, counts)
        first = self.host.fcp_devices('free')[0]
        self.assertEqual(('3B00', '50', 'Free'),
                         (str(first.number), first.chpid, first.status))

    def test_a_zhcp_that_is_down(self):
        self.addCleanup(self.simulator.event, zhcp='up')
        self.simulator.event(zhcp='down')
        for call in (lambda: self.host.pool_lines('zpool1'),
                     lambda: self.host.fcp_devices('free'),
                     lambda: self.host.zhcp.run('true')):
            error = self.assertRaises(exceptions.ZhcpDown, call)
            self.assertIn('zhcp1', str(error))


class NodeTest(XcatTest):

    def test_a_script_with_quotes_and_lines(self):
        result = self.host.zhcp.run(script(
            'printf "%s\\n" "a\'b" \'c"d\' "  e"\necho oops >&2\nexit 3\n'))
        self.assertEqual(
            guest.CommandResult('a\'b\nc"d\n  e', 'oops', False), result)

    def test_a_long_script_and_a_long_answer(self):
        text = 'seq 1 100000\n' + '#' * 90_000
        lines = self.host.zhcp.run(script(text)).stdout.split('\n')
        self.assertEqual([str(n) for n in range(1, 100001)], lines)

    def test_a_node_that_nobody_defined(self):
        error = self.assertRaises(
            exceptions.UnknownNode, guest.Node(self.session, 'vm9').run,
            'true')
        self.assertIn("'vm9'", str(error))

    def test_a_definition_comes_and_goes(self):
        arguments = (self.session, 'vm9', self.host.zhcp_hostname, 'VM00009')
        for _ in range(2):
            self.assertTrue(guest.define_node(*arguments))
        self.assertTrue(guest.get_node(self.session, 'vm9').ours)
        self.assertTrue(guest.remove_node(self.session, 'vm9'))
        self.assertFalse(guest.remove_node(self.session, 'vm9'))
        self.assertIsNone(guest.get_node(self.session, 'vm9'))

    def test_a_stale_definition_of_ours_is_replaced(self):
        hcp = self.host.zhcp_hostname
        guest.define_node(self.session, 'vm9', hcp, 'VM00009')
        guest.define_node(self.session, 'vm9', hcp, 'VM0000A')
        self.addCleanup(guest.remove_node, self.session, 'vm9')
        self.assertEqual('VM0000A',
                         guest.get_node(self.session, 'vm9').userid)

    def test_definitions_of_others_stay(self):
        hcp = self.host.zhcp_hostname
        self.assertFalse(guest.define_node(self.session, 'guest1', hcp,
                                           'LNX00001'))
        self.assertRaises(exceptions.ConfigurationError, guest.define_node,
                          self.session, 'guest1', hcp, 'OTHER')
        self.assertFalse(guest.remove_node(self.session, 'guest1'))
        self.assertEqual('LNX00001',
                         guest.get_node(self.session, 'guest1').userid)

    def test_commands_in_parallel_keep_apart(self):
        def one(number):
            return self.host.zhcp.run('echo %d' % number).stdout

        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            found = list(threads.map(one, range(24)))
        self.assertEqual([str(number) for number in range(24)], found)


class OffTest(XcatTest):

    @staticmethod
    def WORLD():
        world = worlds.small()
        world['lpars']['host1']['guests']['guest1']['power'] = 'off'
        world['users']['reader'] = {'password': 'secret',
                                    'policy': ['lsdef', 'tabdump']}
        return world

    def test_a_guest_that_is_off(self):
        node = guest.Node(self.session, 'guest1')
        self.assertRaises(exceptions.GuestUnreachable, node.run, 'true')

    def test_the_only_hypervisor_needs_no_name(self):
        found = hypervisor.Hypervisor.find(self.session)
        self.assertEqual(model.NodeName('host1'), found.name)

    def test_a_user_without_policy(self):
        self.host.session = self.connect('reader')
        error = self.assertRaises(exceptions.NotPermitted,
                                  self.host.zhcp.run, 'true')
        self.assertEqual('xdsh', error.command)

    def test_a_wrong_password(self):
        made = self.connect(password='hunter2')
        self.assertRaises(exceptions.AuthenticationFailed,
                          hypervisor.Hypervisor.find, made)
        self.assertNotIn('hunter2', self.log.output)

    def test_another_ca_and_a_node_that_ended(self):
        other = self.useFixture(nursery.Simulator(worlds.small()))
        self.assertRaises(
            exceptions.CertificateError, hypervisor.Hypervisor.find,
            self.connect(ca_file=other.ca_file))
        self.assertEqual([], self.paths())
        other.stop()
        gone = session.Session(other.server, 'admin', 'secret',
                               other.ca_file, pause=0.01)
        self.assertRaises(exceptions.MnUnreachable,
                          hypervisor.Hypervisor.find, gone)
