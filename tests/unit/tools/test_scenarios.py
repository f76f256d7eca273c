# SPDX-License-Identifier: Apache-2.0
"""How scenarios are run, and what counts as a failure of the run."""

import sys

import fixtures

from tests.unit.tools import base

_CLOUD = base.ROOT / 'tools' / 'cloud.d'
if str(_CLOUD) not in sys.path:
    sys.path.append(str(_CLOUD))

import place  # noqa: E402,I100
import scenarios  # noqa: E402

_GOOD = ['tests.cloud.test_a', 'success', '', 1.5]
_BAD = ['tests.cloud.test_b', 'fail', 'why', 0.5]


class ScenariosTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.place = place.Place(self.folder / 'cloud', 12000)
        self.place.make()

    def ran(self, results, status):
        """What a run gives whose worker wrote something and ended so."""
        def start(suite, arguments, errors, output):
            self.suite = suite
            errors.write('the worker said this\n')

        for name, what in (('Suite.start', start),
                           ('Suite.results', lambda suite: results),
                           ('wait', lambda process: status)):
            self.useFixture(fixtures.MonkeyPatch('suites.' + name, what))
        return scenarios.run(self.place)

    def test_results_are_those_of_the_tests(self):
        self.assertEqual([tuple(_GOOD), tuple(_BAD)],
                         self.ran([_GOOD, _BAD], 1))

    def test_a_run_without_tests_has_failed(self):
        for status in (0, 1):
            found, = self.ran([], status)
            self.assertEqual('fail', found[1])
            self.assertIn('the worker said this', found[2])

    def test_a_worker_that_dies_or_hangs_has_failed(self):
        for status in (1, None):
            found = self.ran([_GOOD], status)
            self.assertEqual(['success', 'fail'], [each[1] for each in found])

    def test_the_tests_are_linked_and_no_package_of_ours(self):
        self.ran([_GOOD], 0)
        self.assertEqual({'.stestr.conf', 'tests'}, {
            path.name for path in self.suite.folder.iterdir()})
        self.assertTrue((self.suite.folder / 'tests' / 'cloud'
                         / 'case.py').exists())
        self.assertIn(self.place.folder, self.suite.folder.parents)
