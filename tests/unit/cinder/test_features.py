# SPDX-License-Identifier: Apache-2.0
"""The manual's table of features names tests that are there."""

import testtools

from tests import tables


class FeaturesTest(testtools.TestCase):

    def test_each_row_has_tests_that_are_there(self):
        rows = tables.rows('admin/features.rst', '\nFeatures\n===',
                           '\nWhat each costs\n')
        self.assertGreater(len(rows), 12)
        self.assertEqual([], tables.missing(rows))
