# SPDX-License-Identifier: Apache-2.0
"""What a run of Tempest is compared with, and the lists themselves."""

import datetime
import io
import json
import re
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies
import subunit

from tests.unit.tools import base

_CLOUD = base.ROOT / 'tools' / 'cloud.d'
if str(_CLOUD) not in sys.path:
    sys.path.append(str(_CLOUD))

import counts  # noqa: E402,I100
import expectations  # noqa: E402

LISTS = base.ROOT / 'tests' / 'tempest'
DOC = base.ROOT / 'doc' / 'source' / 'contributor' / 'tempest.rst'

_SKIPS = """\
# a comment
driver: It is not
  offered.
- a.test_m.Class
- a.test_n.Other.test_one

network: No wire.
- a.test_n.Other.test_two
"""
_LEFT_OUT = """\
driver: No switch.
- a.test_n.Other.test_left
"""
_TESTS = ('a.test_m.Class.test_a[id-1]', 'a.test_m.Class.test_b[id-2,slow]',
          'a.test_n.Other.test_left[id-3]', 'a.test_n.Other.test_one',
          'a.test_n.Other.test_two', 'a.test_n.Good.test_x[id-4]')
_STREAM = (('setUpClass (a.test_m.Class)', 'skip', 'off', 0.0),
           ('a.test_n.Other.test_one', 'skip', 'off', 0.1),
           ('a.test_n.Other.test_two', 'skip', 'off', 0.1),
           ('a.test_n.Good.test_x[id-4]', 'success', '', 2.0))


class ListsCase(base.TestCase):

    def lists(self, whole=True, skips=_SKIPS, left_out=_LEFT_OUT,
              number='5'):
        for name, text in (('skips', skips), ('left-out', left_out),
                           ('counts', 'whole %s\nsubset 1\n' % number)):
            self.write(name, text)
        return expectations.Lists(self.folder, whole)

    def judged(self, stream=_STREAM, tests=_TESTS, **lists):
        """{test: (status, reason)} of a run with this stream."""
        found = self.lists(**lists)
        run, left = found.split(tests)
        return {test: (status, reason) for test, status, reason, _
                in found.judge(run, left, [list(one) for one in stream])}

    def failures(self, *arguments, **lists):
        return {test: reason for test, (status, reason)
                in self.judged(*arguments, **lists).items()
                if status == 'fail'}

    def changed(self, test, *outcome):
        """The stream in which that test, or class, has another outcome."""
        return [(test, *outcome) if one[0] == test else one
                for one in _STREAM]


class JudgeTest(ListsCase):

    def test_what_is_as_listed_does_not_fail(self):
        self.assertEqual(
            {'a.test_m.Class.test_a': ('skip', 'off'),
             'a.test_m.Class.test_b': ('skip', 'off'),
             'a.test_n.Good.test_x': ('success', ''),
             'a.test_n.Other.test_left': ('skip', 'driver: No switch.'),
             'a.test_n.Other.test_one': ('skip', 'off'),
             'a.test_n.Other.test_two': ('skip', 'off')}, self.judged())

    def test_a_failure_keeps_its_traceback(self):
        self.assertEqual({'a.test_n.Good.test_x': 'Traceback: it broke'},
                         self.failures(self.changed(
                             'a.test_n.Good.test_x[id-4]', 'fail',
                             'Traceback: it broke', 1.0)))

    def test_a_skip_that_is_not_listed(self):
        self.assertEqual(
            {'a.test_n.Good.test_x': 'skipped, and not listed: no compute'},
            self.failures(self.changed('a.test_n.Good.test_x[id-4]', 'skip',
                                       'no compute', 0.1)))

    def test_a_class_that_is_skipped_and_not_listed(self):
        stream = [*_STREAM[:3],
                  ('setUpClass (a.test_n.Good)', 'skip', 'no compute', 0.0)]
        self.assertEqual(
            {'a.test_n.Good.test_x': 'skipped, and not listed: no compute'},
            self.failures(stream))

    def test_a_listed_test_that_ran(self):
        self.assertEqual(
            {'a.test_n.Other.test_two': 'listed as skipped, but it ran'},
            self.failures(self.changed('a.test_n.Other.test_two', 'success',
                                       '', 1.0)))

    def test_a_listed_test_that_failed(self):
        self.assertEqual(
            {'a.test_n.Other.test_two': 'it broke'},
            self.failures(self.changed('a.test_n.Other.test_two', 'fail',
                                       'it broke', 1.0)))

    def test_a_test_of_which_nothing_is_told(self):
        self.assertEqual(
            {'a.test_n.Good.test_x':
                'it was to run, and nothing is known of it'},
            self.failures(_STREAM[:3]))

    def test_a_test_that_never_ended(self):
        self.assertEqual(
            {'a.test_n.Good.test_x': 'ended as inprogress'},
            self.failures(self.changed('a.test_n.Good.test_x[id-4]',
                                       'inprogress', '', 1.0)))

    def test_a_class_that_failed_before_its_tests(self):
        stream = [*_STREAM[:3],
                  ('setUpClass (a.test_n.Good)', 'fail', 'no quota', 9.0)]
        self.assertEqual({'a.test_n.Good.test_x': 'no quota'},
                         self.failures(stream))

    def test_a_class_that_failed_after_its_tests(self):
        stream = [*_STREAM,
                  ('tearDownClass (a.test_n.Good)', 'fail', 'left', 9.0)]
        self.assertEqual({'tearDownClass (a.test_n.Good)': 'left'},
                         self.failures(stream))

    def test_another_number_of_tests(self):
        for number in '4', '6':
            self.assertEqual(
                {'tests/tempest': '5 tests were to run, and %s are expected'
                 % number}, self.failures(number=number))

    def test_a_listed_test_that_is_not_there(self):
        more = '- a.test_n.Other.test_gone\n'
        for lists in ({'skips': _SKIPS + more},
                      {'left_out': _LEFT_OUT + more}):
            self.assertEqual(
                {'tests/tempest': 'a.test_n.Other.test_gone is listed, and '
                 'there is no such test'}, self.failures(**lists))

    def test_in_the_subset_lists_may_have_more(self):
        tests = ('a.test_n.Good.test_x[id-4]',)
        self.assertEqual({'a.test_n.Good.test_x': ('success', '')},
                         self.judged(_STREAM[3:], tests, whole=False))

    @given(strategies.lists(
        strategies.sampled_from(('success', 'fail', 'skip', 'xfail',
                                 'uxsuccess', 'inprogress', None)),
        min_size=1, max_size=8))
    def test_every_test_is_counted_once(self, statuses):
        tests = ['a.test_n.Good.test_%d' % number
                 for number in range(len(statuses))]
        stream = [[test, status, '', 0.0] for test, status
                  in zip(tests, statuses) if status]
        lists = self.lists(False, _SKIPS, _LEFT_OUT)
        lists.count = len(tests)
        results = lists.judge(tests, [], stream)
        self.assertEqual(tests, [test for test, *_ in results])
        found = counts.Counts.from_statuses(
            status for _, status, _, _ in results)
        passed = sum(status in ('success', 'xfail') for status in statuses)
        self.assertEqual(counts.Counts(passed, len(tests) - passed), found)


class EntriesTest(ListsCase):

    def test_an_entry_without_a_known_cause(self):
        for text in ('- a.test_x\n', 'weather: Rain.\n- a.test_x\n',
                     'driver: \n- a.test_x\n'):
            self.assertRaises(expectations.ListError, expectations.entries,
                              text)

    def test_a_test_on_the_list_twice(self):
        self.assertRaises(expectations.ListError, expectations.entries,
                          _SKIPS + '- a.test_m.Class\n')

    def test_a_name_that_only_begins_alike_is_another(self):
        entry, *_ = expectations.entries(_SKIPS)
        self.assertFalse(entry.covers('a.test_m.ClassTwo.test_a'))
        self.assertTrue(entry.covers('a.test_m.Class.test_a'))


class TableTest(ListsCase):

    def test_it_has_every_module_and_the_sum(self):
        lists = self.lists()
        run, left = lists.split(_TESTS)
        text = expectations.written(expectations.table(
            lists.judge(run, left, [list(one) for one in _STREAM])))
        self.assertEqual('''\
======== ====== ======= =======
module   passed skipped seconds
======== ====== ======= =======
a.test_m 0      2       0
a.test_n 1      3       2
all      1      5       2
======== ====== ======= =======
''', text)


class StreamTest(base.TestCase):
    """What is read out of a subunit stream."""

    def setUp(self):
        super().setUp()
        self.file = io.BytesIO()
        self.stream = subunit.v2.StreamResultToBytes(self.file)

    def tell(self, test, seconds, status, text='', name='reason'):
        when = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
        self.stream.status(test, 'inprogress', timestamp=when)
        if text:
            self.stream.status(test, file_name=name, file_bytes=text.encode(),
                               mime_type='text/plain; charset=utf8',
                               timestamp=when)
        self.stream.status(test, status, timestamp=when + datetime.timedelta(
            seconds=seconds))

    def read(self):
        done = subprocess.run(
            [sys.executable, base.ROOT / 'tools' / 'workbench'
             / 'read_subunit.py'], input=self.file.getvalue(),
            stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def test_it_has_status_reason_and_seconds(self):
        self.tell('a.test_x', 2.5, 'success')
        self.tell('a.test_y', 0.5, 'skip', 'off')
        self.tell('a.test_z', 1, 'fail', 'it broke', 'traceback')
        self.assertEqual([['a.test_x', 'success', '', 2.5],
                          ['a.test_y', 'skip', 'off', 0.5],
                          ['a.test_z', 'fail', 'it broke', 1.0]], self.read())

    def test_a_test_that_was_cut_off_is_there(self):
        self.stream.status('a.test_x', 'inprogress')
        self.assertEqual([['a.test_x', 'inprogress', '', 0.0]], self.read())


class RepositoryTest(base.TestCase):
    """The lists that are used, and what the docs say of them."""

    def setUp(self):
        super().setUp()
        self.lists = expectations.Lists(LISTS, True)

    def rows(self):
        """{module: (passed, skipped)} of the table in the docs."""
        return {name: (int(passed), int(skipped))
                for name, passed, skipped in re.findall(
                    r'^((?:tempest|cinder_tempest_plugin|all)\S*) +(\d+) +'
                    r'(\d+) +\d+$', DOC.read_text(), re.M)}

    def test_no_test_is_on_both_lists(self):
        skipped = [entry.name for entry in self.lists.skips]
        for entry in self.lists.left_out:
            self.assertNotIn(entry.name, skipped)

    def test_expressions_are_readable(self):
        for name in 'whole', 'subset':
            for line in expectations.lines((LISTS / name).read_text()):
                self.assertTrue(re.compile(line).pattern.startswith('^'))

    def test_the_docs_table_is_of_as_many_tests_as_are_expected(self):
        rows = self.rows()
        total = rows.pop('all')
        self.assertEqual(total, tuple(map(sum, zip(*rows.values()))))
        self.assertEqual(self.lists.count + len(self.lists.left_out),
                         sum(total))

    def test_each_listed_module_has_skips_in_the_docs_table(self):
        rows = self.rows()
        for entry in self.lists.skips + self.lists.left_out:
            self.assertTrue(rows[expectations.module(entry.name)][1], entry)

    def test_the_docs_have_the_lists_themselves(self):
        text = DOC.read_text()
        for name in 'skips', 'left-out':
            self.assertIn('literalinclude:: ../../../tests/tempest/' + name,
                          text)
