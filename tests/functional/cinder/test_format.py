# SPDX-License-Identifier: Apache-2.0
"""What an older cinder-volume does beside a newer one, while we upgrade."""

from tests.functional.cinder import test_sweep

WORDS = 'The ledger has format 5, this software knows 4'


class FormatTest(test_sweep.SweepCase):

    def setUp(self):
        super().setUp()
        self.create()
        self.path = self.zhcp('var/lib/zvm-volume/format')

    def test_one_that_runs_is_down_and_changes_nothing(self):
        before = self.records()
        state, text = self.sweeping('newer_format', path=str(self.path))
        self.assertEqual('down', state)
        self.assertIn(WORDS, text)
        self.assertEqual(before, self.records())

    def test_one_that_is_started_does_not_serve_the_back_end(self):
        self.path.write_text('5\n')
        found = self.run_scenario('mistakes', ready=False)['zvmssio1']
        self.assertFalse(found['initialized'])
        self.assertIn(WORDS, found['text'])

    def test_the_newer_one_serves_what_an_older_one_has_left(self):
        self.path.write_text('3\n')
        self.assertEqual('up', self.run_scenario(
            'statistics', backend='zvmssio1')['backend_state'])
        self.assertEqual('4\n', self.path.read_text())
