# SPDX-License-Identifier: Apache-2.0
"""The simulator answers as the recorded management node did."""

import os
import subprocess
import sys

import testtools

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = os.path.join(HERE, 'scenarios')
SECONDS = 300


class ReplayTest(testtools.TestCase):
    """Beside these one test a recording, test_<its name>."""

    def test_there_are_recordings(self):
        """Without a recording nothing would be compared."""
        self.assertNotEqual([], _names())

    def _replay(self, name):
        start = ('%s -m xcat_simulator.cli serve --initial {initial} '
                 '--port {port} --dir {dir}' % sys.executable)
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, 'replay.py'), '--start',
             start, os.path.join(SCENARIOS, name + '.json')],
            capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)


def _names():
    return sorted(name[:-5] for name in os.listdir(SCENARIOS)
                  if name.endswith('.json'))


def _test(name):
    def test(self):
        self._replay(name)
    return test


for _name in _names():
    setattr(ReplayTest, 'test_' + _name, _test(_name))
