# SPDX-License-Identifier: Apache-2.0
"""The manual's tables of FCP devices name tests that are there."""

import testtools

from tests import tables


class FcpTest(testtools.TestCase):

    def test_each_row_has_tests_that_are_there(self):
        rows = tables.rows('admin/fcp-devices.rst')
        self.assertGreater(len(rows), 10)
        self.assertEqual([], tables.missing(rows))
