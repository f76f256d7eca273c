# SPDX-License-Identifier: Apache-2.0

import json
import pathlib
import re

import fixtures
from hypothesis import given
from hypothesis import strategies

from tests.unit.tools import base

import counts  # noqa: I100
import parts
import suites

_numbers = strategies.integers(0, 10 ** 6)
_counts = strategies.builds(counts.Counts, _numbers, _numbers, _numbers)


class TestCounts(base.TestCase):

    @given(strategies.lists(_counts))
    def test_the_sum_keeps_every_test(self, several):
        total = sum(several, counts.Counts())
        self.assertEqual(sum(one.total for one in several), total.total)
        self.assertEqual(sum(one.failed for one in several), total.failed)

    @given(strategies.lists(strategies.sampled_from(
        ['success', 'fail', 'skip', 'xfail', 'uxsuccess', 'inprogress'])))
    def test_every_status_is_counted_once(self, statuses):
        found = counts.Counts.from_statuses(statuses)
        self.assertEqual(len(statuses), found.total)
        self.assertEqual(statuses.count('skip'), found.skipped)

    def test_a_test_that_never_ended_has_failed(self):
        self.assertEqual(counts.Counts(1, 1, 0), counts.Counts.from_statuses(
            ['success', 'inprogress']))

    def test_an_unexpected_success_has_failed(self):
        self.assertEqual(counts.Counts(1, 1, 0), counts.Counts.from_statuses(
            ['xfail', 'uxsuccess']))

    def test_no_test_at_all_is_no_success(self):
        self.assertFalse(counts.Counts().ok)
        self.assertFalse(counts.Counts(skipped=3).ok)
        self.assertTrue(counts.Counts(passed=1).ok)
        self.assertFalse(counts.Counts(passed=9, failed=1).ok)


class TestClosingLine(base.TestCase):

    def run_parts(self, *found):
        several = [parts.Part('part%d' % number, (),
                              lambda bench, regex, one=one: one)
                   for number, one in enumerate(found)]
        return parts.run(None, several, None)

    def test_it_is_the_sum_alone_on_the_last_line(self):
        status = self.run_parts(counts.Counts(3, 0, 1), counts.Counts(4))
        self.assertEqual(0, status)
        self.assertEqual('7 passed, 0 failed, 1 skipped',
                         self.said[-1].splitlines()[-1])

    def test_one_failure_fails_the_whole(self):
        self.assertEqual(1, self.run_parts(counts.Counts(3),
                                           counts.Counts(0, 1, 0)))
        self.assertRegex(self.said[-1], re.compile(
            '^3 passed, 1 failed, 0 skipped$', re.M))

    def test_nothing_run_fails_the_whole(self):
        self.assertEqual(1, self.run_parts(counts.Counts()))


class TestSuite(base.TestCase):

    def suite(self, kind='unit', environment='main'):
        self.write('.stestr.conf', '')
        self.write('tests/__init__.py', '')
        self.write('tests/worlds.py', '')
        self.write('tests/unit/__init__.py', '')
        return suites.Suite(self.folder, kind, environment, 'python3')

    def run_with(self, statuses, status=0, regex=None):
        self.useFixture(fixtures.MonkeyPatch(
            'suites.Suite.start', lambda *args: None))
        self.useFixture(fixtures.MonkeyPatch(
            'suites.wait', lambda process: status))
        self.useFixture(fixtures.MonkeyPatch(
            'suites.Suite.results',
            lambda one: [['test', name, 'why'] for name in statuses]))
        return suites.run(self.suite(), regex)

    def test_no_test_found_is_a_failure(self):
        self.assertEqual(counts.Counts(failed=1), self.run_with([]))

    def test_no_test_of_that_name_is_none(self):
        self.assertEqual(counts.Counts(), self.run_with([], 1, 'name'))

    def test_a_worker_that_died_is_a_failure(self):
        self.assertEqual(counts.Counts(1, 1, 0),
                         self.run_with(['success'], 1))

    def test_a_hang_is_a_failure(self):
        self.assertEqual(counts.Counts(1, 1, 0),
                         self.run_with(['success'], None))

    def test_the_reason_of_a_skip_is_said(self):
        self.assertEqual(counts.Counts(1, 0, 2),
                         self.run_with(['skip', 'success', 'skip']))
        self.assertEqual(['skipped: why'], self.said)

    def test_a_failed_test_is_counted_once(self):
        self.assertEqual(counts.Counts(1, 1, 0),
                         self.run_with(['success', 'fail'], 1))

    def test_main_sees_neither_cinders_nor_novas_tests(self):
        for name in ('common', 'cinder', 'nova'):
            self.write('tests/unit/%s/test_it.py' % name, '')
        seen = {}
        for environment in ('main', 'cinder', 'nova'):
            suite = self.suite('unit', environment)
            suite.lay_out()
            seen[environment] = sorted(
                path.parent.name for path in
                suite.folder.glob('tests/unit/*/test_it.py'))
        self.assertEqual({'main': ['common'], 'cinder': ['cinder'],
                          'nova': ['nova']}, seen)

    def test_the_folder_holds_the_tests_and_no_package(self):
        self.write('zvm_common/__init__.py', '')
        suite = self.suite()
        suite.lay_out()
        self.assertEqual(['.stestr.conf', 'tests'], sorted(
            path.name for path in suite.folder.iterdir()))
        self.assertTrue((suite.folder / 'tests' / 'worlds.py').exists())

    def test_tests_of_reliability_see_all_helpers(self):
        self.write('tests/functional/cinder/harness.py', '')
        self.write('tests/reliability/test_it.py', '')
        suite = self.suite('reliability')
        suite.lay_out()
        for name in ('functional/cinder/harness.py',
                     'reliability/test_it.py', 'worlds.py'):
            self.assertTrue((suite.folder / 'tests' / name).exists(), name)
        self.assertTrue(suite.has_tests())

    def test_a_kind_without_test_files_has_none(self):
        suite = self.suite()
        self.assertFalse(suite.has_tests())
        self.write('tests/unit/common/test_it.py', '')
        self.assertTrue(suite.has_tests())


class TestInstalled(base.TestCase):

    def test_the_installed_wheel_is_what_is_tested(self):
        import zvm_common
        self.assertIn('site-packages',
                      pathlib.Path(zvm_common.__file__).parts)


class TestDemoAnswer(base.TestCase):

    def answer(self, ok=True, **changed):
        steps = [{'name': name + ' it', 'ok': changed.get(name, True),
                  'seconds': 0.1, 'requests': 1}
                 for name in ('create', 'boot', 'attach', 'write', 'detach',
                              'read', 'delete') if name not in changed
                 or changed[name] is not None]
        return json.dumps({'ok': ok, 'steps': steps})

    def test_all_steps_ok_is_no_fault(self):
        self.assertEqual('', parts._faults(self.answer(), 0))

    def test_each_promise_is_checked(self):
        for text, status, fault in (
                ('', 0, 'not the promised JSON'),
                ('{}', 0, 'not the promised JSON'),
                (self.answer() + 'x', 0, 'not the promised JSON'),
                (self.answer(ok=False), 0, 'ok is False'),
                (self.answer(), 1, 'exit status 1'),
                (self.answer(write=False), 0, 'step failed: write it'),
                (self.answer(read=None), 0, 'no step: read')):
            self.assertIn(fault, parts._faults(text, status))
