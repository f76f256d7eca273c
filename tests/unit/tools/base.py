# SPDX-License-Identifier: Apache-2.0
"""Gives tests the workbench's modules and a small source tree."""

import pathlib
import sys

import fixtures
import testtools

ROOT = pathlib.Path(__file__).resolve().parents[3]
_WORKBENCH = str(ROOT / 'tools' / 'workbench')

# The workbench runs as a program from its own folder: its modules are no
# package and none of them is in the wheel.
if _WORKBENCH not in sys.path:
    sys.path.append(_WORKBENCH)

import words  # noqa: E402


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.said = []
        self.useFixture(fixtures.MonkeyPatch('words.say', self.said.append))
        self.assertIs(words.say.__self__, self.said)

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def make_tree(self):
        """A source tree as far as the workbench looks at it."""
        self.write('requirements.txt', '# why\nrequests>=2,<3\n')
        self.write('pyproject.toml',
                   '[build-system]\nrequires = ["pbr>=6"]\n')
        self.write('setup.cfg', '[extras]\n' + ''.join(
            '%s =\n    %s-thing>=1  # why\n' % (name, name)
            for name in ('test', 'demo', 'pep8', 'docs', 'test_cinder',
                         'cinder', 'test_nova', 'nova', 'cloud',
                         'tempest')))
        return self.folder
