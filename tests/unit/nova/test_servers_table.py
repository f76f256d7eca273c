# SPDX-License-Identifier: Apache-2.0
"""The manual's tables of servers name tests that are there."""

import pathlib
import re

import testtools

_TESTS = pathlib.Path(__file__).resolve().parents[2]
_TABLES = _TESTS.parent / 'doc/source/admin/servers.rst'


class ServersTest(testtools.TestCase):

    def test_each_row_has_tests_that_are_there(self):
        rows = _TABLES.read_text().split('\n   * - ')[1:]
        rows = [row.partition('\n\n')[0] for row in rows]
        self.assertGreater(len(rows), 30)
        for row in rows:
            tests = re.findall(r'``([a-z_/]+[.]py)(?:::(\w+))?``', row)
            if row.startswith(('operation', 'limit')):
                continue
            self.assertTrue(tests, row)
            for file, name in tests:
                text = (_TESTS / file).read_text()
                self.assertTrue(not name or re.search(
                    r'^(class| +def) %s\(' % name, text, re.M),
                    '%s::%s' % (file, name))
