# SPDX-License-Identifier: Apache-2.0
"""The manual's table of features names tests that are there."""

import pathlib
import re

import testtools

_TESTS = pathlib.Path(__file__).resolve().parents[2]
_TABLE = _TESTS.parent / 'doc/source/admin/features.rst'


class FeaturesTest(testtools.TestCase):

    def rows(self):
        """The tests of each row, as (file, class or function)."""
        text = _TABLE.read_text().partition('\nFeatures\n===')[2]
        text = text.partition('\nWhat each costs\n')[0]
        rows = text.split('\n   * - ')[2:]
        return {row.splitlines()[0]: re.findall(
            r'``([a-z_/]+[.]py)::(\w+)``', row) for row in rows}

    def test_each_row_has_tests_that_are_there(self):
        rows = self.rows()
        self.assertGreater(len(rows), 12)
        for row, tests in rows.items():
            self.assertTrue(tests, row)
            for file, name in tests:
                text = (_TESTS / file).read_text()
                self.assertTrue(re.search(
                    r'^(class| +def) %s\(' % name, text, re.M),
                    '%s: %s::%s' % (row, file, name))
