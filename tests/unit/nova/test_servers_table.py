# SPDX-License-Identifier: Apache-2.0
"""The manual's tables of servers name tests that are there."""

import testtools

from tests import tables


class ServersTest(testtools.TestCase):

    def test_each_row_has_tests_that_are_there(self):
        rows = tables.rows('admin/servers.rst')
        self.assertGreater(len(rows), 30)
        self.assertEqual([], tables.missing(rows))

    def test_so_do_those_of_other_back_ends(self):
        for begin, end, least in (
                ('\nWhat is understood\n', '\nTried against ', 9),
                ('\nWhat works\n', '\nAs with volumes ', 8)):
            rows = tables.rows('admin/other-backends.rst', begin,
                               end)
            self.assertGreaterEqual(len(rows), least)
            self.assertEqual([], tables.missing(rows))

    def test_each_row_of_the_matrix_too(self):
        rows = tables.rows('admin/support-matrix.rst')
        self.assertGreater(len(rows), 20)
        self.assertEqual([], tables.missing(rows))
