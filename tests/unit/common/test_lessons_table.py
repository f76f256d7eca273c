# SPDX-License-Identifier: Apache-2.0
"""The manual's tables of lessons name tests that are there."""

import testtools

from tests import tables


class LessonsTest(testtools.TestCase):

    def test_each_row_has_tests_that_are_there(self):
        rows = tables.rows('contributor/lessons.rst')
        self.assertGreater(len(rows), 45)
        self.assertEqual([], tables.missing(rows))


class TheTestCanFailTest(testtools.TestCase):

    def test_without_a_test(self):
        self.assertEqual(['row'], tables.missing({'row': []}))

    def test_with_one_that_is_not_there(self):
        self.assertEqual(
            ['row: unit/common/test_lessons_table.py::Nothing'],
            tables.missing({'row': [
                ('unit/common/test_lessons_table.py', 'Nothing')]}))
