# SPDX-License-Identifier: Apache-2.0
"""The simulator answers as the recorded management node did.

replay.py and the recordings are not this project's: they stay as they came,
byte for byte, without its style and its licence line.
"""

import json
import os
import shutil
import subprocess
import sys

import fixtures
import testtools

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = os.path.join(HERE, 'scenarios')
SECONDS = 300
START = 'zvm-simulator serve --initial {initial} --port {port} --dir {dir}'


def replay(*paths):
    """Run replay.py as the manual says; returns subprocess's result.

    The command is the one installed for this Python.
    """
    places = os.pathsep.join([os.path.dirname(sys.executable),
                              os.environ.get('PATH', os.defpath)])
    if shutil.which('zvm-simulator', path=places) is None:
        raise RuntimeError('zvm-simulator is not installed')
    return subprocess.run(
        [sys.executable, os.path.join(HERE, 'replay.py'), '--start', START,
         *paths], capture_output=True, text=True, timeout=SECONDS,
        env=dict(os.environ, PATH=places))


class ReplayTest(testtools.TestCase):
    """One test a recording, test_<its name>."""

    def _replay(self, name):
        done = replay(os.path.join(SCENARIOS, name + '.json'))
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r'(?m)^[1-9]\d* passed, 0 failed$')


class NothingTest(testtools.TestCase):
    """To have compared nothing is a failure."""

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def scenario(self, steps):
        """A file with the first recording's world and other steps."""
        with open(os.path.join(SCENARIOS, names()[0] + '.json'),
                  encoding='utf-8') as stream:
            scenario = json.load(stream)
        path = os.path.join(self.folder, 'scenario.json')
        with open(path, 'w', encoding='utf-8') as stream:
            json.dump(dict(scenario, steps=steps), stream)
        return path

    def test_there_are_recordings_and_each_has_its_test(self):
        self.assertNotEqual([], names())
        for name in names():
            self.assertTrue(hasattr(ReplayTest, 'test_' + name), name)

    def test_no_scenario_is_a_failure(self):
        self.assertNotEqual(0, replay().returncode)

    def test_a_scenario_without_steps_is_a_failure(self):
        done = replay(self.scenario([]))
        self.assertEqual((1, '0 passed, 0 failed\n'),
                         (done.returncode, done.stdout))

    def test_a_wrong_answer_is_a_failure(self):
        done = replay(self.scenario([{
            'label': 'version', 'request': {
                'method': 'GET', 'path': '/xcatws/version', 'body': None},
            'response': {'status': 200, 'content_type': 'application/json',
                         'json': {'data': []}},
            'pools_after': {}}]))
        self.assertEqual(1, done.returncode)
        self.assertIn('DIFFERS', done.stdout)
        self.assertIn('0 passed, 1 failed', done.stdout)


def names():
    """The names of the recordings."""
    return sorted(name[:-5] for name in os.listdir(SCENARIOS)
                  if name.endswith('.json'))


def _test(name):
    def test(self):
        self._replay(name)
    return test


for _name in names():
    setattr(ReplayTest, 'test_' + _name, _test(_name))
