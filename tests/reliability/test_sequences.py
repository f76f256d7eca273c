# SPDX-License-Identifier: Apache-2.0
"""A few sequences in each run, the same ones; ``tox -e soak`` runs others.

    ZVM_SEQUENCES=50 ZVM_SEQUENCE_STEPS=25 tools/test test_sequences

draws new ones and shrinks what fails to its shortest story.
"""

import os

import fixtures
import hypothesis
import testtools

from tests.reliability import cloud
from tests.reliability import sequences

_MANY = int(os.environ.get('ZVM_SEQUENCES', 0))
_STEPS = int(os.environ.get('ZVM_SEQUENCE_STEPS', 10))
_PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
_SETTINGS = hypothesis.settings(
    max_examples=_MANY or 4, stateful_step_count=_STEPS, deadline=None,
    derandomize=not _MANY, database=None,
    phases=_PHASES + (hypothesis.Phase.shrink,) if _MANY else _PHASES,
    suppress_health_check=list(hypothesis.HealthCheck))


class SequencesTest(testtools.TestCase):

    def test_whatever_happens_nothing_is_lost(self):
        folder = self.useFixture(fixtures.TempDir()).path
        with cloud.Parents(folder) as parents, sequences.Stage(
                parents, folder) as stage:
            try:
                sequences.run(stage, _SETTINGS)
            finally:
                self.addDetail('counts', testtools.content.text_content(
                    repr(dict(stage.counts))))
        self.assertLess(0, stage.counts['deaths'])
        self.assertLess(0, stage.counts['faults'])
        self.assertGreaterEqual(stage.counts['sequences'], 4)
