# SPDX-License-Identifier: Apache-2.0
"""What xCAT's client prints of an answer, and what comes over the wire."""

import testtools

from xcat_simulator.mn import cli
from xcat_simulator.mn import daemon
from xcat_simulator.mn import local
from xcat_simulator.mn import plugins
from xcat_simulator.mn import reply
from xcat_simulator import nodes


class PrintedTest(testtools.TestCase):

    ANSWER = [reply.info('a\n'), reply.error('b failed'),
              {'warning': ['c']}, {'data': ['d', '']}, reply.info('')]

    def test_stdout_alone(self):
        self.assertEqual('a\n\nd\n\n', cli.printed(self.ANSWER, 'mn'))

    def test_stderr_comes_first(self):
        self.assertEqual(
            'Error: [mn]: b failed\nWarning: [mn]: c\na\n\nd\n\n',
            cli.printed(self.ANSWER, 'mn', errors=True))

    def test_some_errors_have_no_such_prefix(self):
        element = dict(reply.error('x'), NoErrorPrefix=['1'])
        self.assertEqual('[mn]: x\n', cli.printed([element], 'mn', True))


class SentTest(testtools.TestCase):

    def test_blanks_alone_are_no_text(self):
        self.assertEqual({'info': [None, None, 'a']},
                         daemon.as_sent({'info': [' \n', None, 'a']}))

    def test_seven_bits(self):
        self.assertEqual(
            {'data': ['??\tx?']}, daemon.as_sent({'data': ['\u00e9\tx\x01']}))

    def test_line_ends(self):
        self.assertEqual({'data': ['a\nb\nc']},
                         daemon.as_sent({'data': ['a\r\nb\rc']}))


class PluginsTest(testtools.TestCase):

    def table(self):
        return nodes.NodeTable({
            'host1': {'mgt': 'zvm', 'hosttype': 'zvm'},
            'host2': {'mgt': 'zvm', 'os': 'zvm7.3'},
            'guest1': {'mgt': 'zvm', 'os': 'rhel9'},
            'power': {'power': 'zvm', 'mgt': 'ipmi'}, 'bare': {}})

    def ours(self, name):
        table = self.table()
        found, others = plugins.sort_out(table, name, table.names())
        self.assertEqual(
            sorted(set(table.names()) - set(found)),
            [element['node'][0]['name'][0] for element in others])
        return list(found)

    def test_by_the_tables(self):
        self.assertEqual(['host1', 'host2'], self.ours('chhypervisor'))
        self.assertEqual(['guest1', 'host1', 'host2'], self.ours('chvm'))
        self.assertEqual(['guest1', 'host1', 'host2', 'power'],
                         self.ours('rpower'))

    def test_others_do_not_ask(self):
        table = self.table()
        self.assertEqual((table.names(), []), plugins.sort_out(
            table, 'xdsh', table.names()))


class NamesTest(testtools.TestCase):
    """etc/hosts of the MN loses more than the node that is removed."""

    def setUp(self):
        super().setUp()
        names = ['vm1', 'vm10', 'vm19', 'vm2', 'xvm1x', 'vm']
        self.local = local.Local(local.hosts(
            {name: {'ip': '192.0.2.1', 'hostnames': name + '.example.com'}
             for name in names}))

    def known(self):
        return [name for name in ('vm1', 'vm10', 'vm19', 'vm2', 'xvm1x', 'vm',
                                  'vm10.example.com', 'other')
                if self.local.resolves(name)]

    def test_all_that_begins_so(self):
        self.local.forget('vm1')
        self.assertEqual(['vm2', 'vm', 'other'], self.known())

    def test_a_node_that_is_defined_anew(self):
        self.local.forget('vm1')
        self.local.learn('vm10')
        self.assertEqual(['vm10', 'vm2', 'vm', 'other'], self.known())
