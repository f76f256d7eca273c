# SPDX-License-Identifier: Apache-2.0
"""A few sequences in each run, the same ones; ``tox -e soak`` draws others."""

import fixtures
import testtools

from tests.reliability import cloud
from tests.reliability import sequences


class SequencesTest(testtools.TestCase):

    def test_whatever_happens_nothing_is_lost(self):
        folder = self.useFixture(fixtures.TempDir()).path
        with cloud.Parents(folder) as parents, sequences.Stage(
                parents, folder) as stage:
            sequences.run(stage, sequences.settings(5, 15, known=True))
        for what in ('steps', 'deaths', 'faults'):
            self.assertLess(0, stage.counts[what], stage.counts)
        self.assertGreaterEqual(stage.counts['sequences'], 5)
