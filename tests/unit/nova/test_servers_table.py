# SPDX-License-Identifier: Apache-2.0
"""The manual's tables of servers name tests that are there."""

import testtools

from tests import tables


class ServersTest(testtools.TestCase):

    def test_each_row_has_tests_that_are_there(self):
        rows = tables.rows('admin/servers.rst')
        self.assertGreater(len(rows), 30)
        self.assertEqual([], tables.missing(rows))
