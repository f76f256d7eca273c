# SPDX-License-Identifier: Apache-2.0
"""Node definitions, noderanges, the zvm table."""

import testtools

from xcat_simulator import nodes


class NodeTableTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.table = nodes.NodeTable()
        self.table.define('b', {'groups': 'all,blue', 'hcp': 'z.example.com',
                                'userid': 'B'}, {'status': 'SSH=1'})
        self.table.define('a', {'groups': 'all'})

    def test_a_node_is_defined_once(self):
        self.assertFalse(self.table.define('a', {'groups': 'x'}))
        self.assertEqual({'groups': 'all'}, self.table.get('a'))

    def test_a_removed_node_leaves_no_row(self):
        self.assertTrue(self.table.remove('b'))
        self.assertFalse(self.table.remove('b'))
        self.assertEqual(1, len(self.table.dump()))

    def test_rows_are_quoted_as_tabdump_does(self):
        self.assertEqual('"b","z.example.com","B",,,,,,"SSH=1"',
                         self.table.dump()[1])

    def test_a_dumped_row_can_be_read_again(self):
        line = self.table.dump()[1]
        again = nodes.NodeTable({}, [nodes.parse_row(line)])
        self.assertEqual(line, again.dump()[1])

    def test_a_noderange_may_name_groups_and_several(self):
        self.assertEqual(['a', 'b'], self.table.expand('all'))
        self.assertEqual(['b'], self.table.expand('blue'))
        self.assertEqual(['a', 'b'], self.table.expand('b,a,b'))

    def test_unknown_names_are_told(self):
        error = self.assertRaises(nodes.UnknownNodes, self.table.expand,
                                  'a,nosuch,none')
        self.assertEqual(['nosuch', 'none'], error.missed)
        self.assertRaises(nodes.UnknownNodes, self.table.expand, '')
