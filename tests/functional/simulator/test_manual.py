# SPDX-License-Identifier: Apache-2.0
"""The manual's examples, run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
import textwrap

import fixtures
import testtools

from xcat_simulator import fixture
from xcat_simulator import spec
from xcat_simulator import worldfile

TOP = os.path.abspath(os.path.join(os.path.realpath(__file__), '../../../..'))
FOLDER = os.path.join(TOP, 'doc', 'source', 'simulator')
WORLD = os.path.join(FOLDER, 'world.yaml')


def blocks(language):
    """The code blocks of that language in the manual page."""
    with open(os.path.join(FOLDER, 'index.rst'), encoding='utf-8') as stream:
        text = stream.read()
    return [textwrap.dedent(found) for found in re.findall(
        r'^\.\. code-block:: %s\n\n((?:   .*\n|\n)+)' % language, text,
        re.MULTILINE)]


class WorldTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.lpar, = worldfile.load(WORLD).lpars
        with open(WORLD, encoding='utf-8') as stream:
            self.text = stream.read()

    def test_the_world_has_every_key(self):
        fields = {'lun_scan', 'masked_to', 'npiv_wwpn', 'physical_wwpn'}
        for kind in (spec.Lun, spec.Guest, spec.Zhcp, spec.Linux, spec.Lpar):
            fields.update(kind.__dataclass_fields__)
        # What a file says by other keys.
        fields -= {'name', 'is_node', 'bytes'}
        fields.discard('devices')
        for key in sorted(fields | {'real_size', 'policy', 'version'}):
            self.assertRegex(self.text, r'\b%s:' % key)

    def test_what_is_marked_as_default_is_the_default(self):
        lun = self.lpar.pools['zpool1'][0]
        self.assertEqual(spec.Lun(lun.wwpns, lun.lun, lun.size, lun.bytes,
                                  range=lun.range), lun)
        guest = self.lpar.guests[0]
        self.assertEqual(spec.Guest('guest1', 'LNX00001'), guest)


class ExampleTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def test_commands_print_what_the_manual_shows(self):
        if shutil.which('curl') is None:
            self.skipTest('curl is not installed')
        simulator = self.useFixture(fixture.Simulator(WORLD))
        os.symlink(simulator.dir, os.path.join(self.folder, 'state'))
        checked = 0
        for block in blocks('console'):
            for command, shown in re.findall(r'^\$ (.*)\n((?:[^$].*\n)*)',
                                             block, re.MULTILINE):
                command = command.replace('localhost:8443', simulator.server)
                done = subprocess.run(
                    ['/bin/sh', '-c', command], cwd=self.folder, text=True,
                    capture_output=True, timeout=60)
                self.assertEqual((shown.strip(), ''),
                                 (done.stdout.strip(), done.stderr))
                checked += 1
        self.assertGreater(checked, 3)

    def test_the_python_example_passes(self):
        shutil.copy(WORLD, self.folder)
        example, = blocks('python')
        with open(os.path.join(self.folder, 'test_example.py'), 'w',
                  encoding='utf-8') as stream:
            stream.write(example)
        done = subprocess.run(
            [sys.executable, '-m', 'testtools.run', 'test_example'],
            cwd=self.folder, text=True, capture_output=True, timeout=120,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(
                [TOP, self.folder])))
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
