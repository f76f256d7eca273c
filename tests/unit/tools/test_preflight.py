# SPDX-License-Identifier: Apache-2.0
"""What tools/test and tools/demo say on a machine that lacks something."""

import shutil
import subprocess
import sys

from tests.unit.tools import base

# A Python as Debian's without python3-venv: it answers the check as the
# real one does, after the import of one module was made to fail.
_LACKING = '''#!/bin/sh
shift
exec %s -c "import sys; sys.modules['%s'] = None
$1"
'''
_OLD = '''#!/bin/sh
echo old 3.9.2
'''


class TestPreflight(base.TestCase):

    def setUp(self):
        super().setUp()
        (self.folder / 'bin').mkdir()
        for name in ('dirname', 'sh'):
            (self.folder / 'bin' / name).symlink_to(shutil.which(name))

    def run_tool(self, tool, **env):
        """Runs a tool with nothing but a few programs in reach."""
        return subprocess.run(
            ['/bin/sh', str(base.ROOT / 'tools' / tool)], text=True,
            capture_output=True, env=dict(env, PATH=str(self.folder / 'bin')))

    def assert_one_line(self, done, *parts):
        self.assertEqual(1, done.returncode)
        self.assertEqual('', done.stdout)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_missing_ensurepip_is_named_with_its_system_package(self):
        python = self.write('lacking', _LACKING % (sys.executable,
                                                   'ensurepip'), 0o755)
        for tool in ('test', 'demo', 'crashpoints'):
            done = self.run_tool(tool, PYTHON=str(python))
            self.assert_one_line(done, 'no module ensurepip', 'python3-venv')

    def test_missing_venv_is_named(self):
        python = self.write('lacking', _LACKING % (sys.executable, 'venv'),
                            0o755)
        self.assert_one_line(self.run_tool('test', PYTHON=str(python)),
                             'no module venv', 'python3-venv')

    def test_old_python_is_named_with_its_version(self):
        python = self.write('old', _OLD, 0o755)
        self.assert_one_line(self.run_tool('test', PYTHON=str(python)),
                             'Python 3.11 or newer', '3.9.2')

    def test_python_variable_that_names_nothing(self):
        self.assert_one_line(self.run_tool('test', PYTHON='no-such-python'),
                             'Python 3.11 or newer', 'found none')

    def test_missing_git_is_named(self):
        self.assert_one_line(self.run_tool('test', PYTHON=sys.executable),
                             'system package git')

    def test_a_python_that_suffices_is_preferred_to_an_older_one(self):
        self.write('bin/python3', _OLD, 0o755)
        (self.folder / 'bin' / 'python3.12').symlink_to(sys.executable)
        self.assert_one_line(self.run_tool('test'), 'system package git')
