# SPDX-License-Identifier: Apache-2.0
"""The commands of a Debian package, and that Cinder imports its driver."""

import pathlib
import shutil
import subprocess

import fixtures
import testtools

from tests import packages

SITE = 'usr/lib/python3/dist-packages'


@testtools.skipUnless(shutil.which('dpkg-deb'), 'dpkg-deb is not installed')
class DebTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        package = self.useFixture(packages.Package('deb')).path
        subprocess.run(['dpkg-deb', '--extract', package, self.root],
                       check=True)
        self.begin = packages.program(self.root / SITE, ())

    def test_cinder_imports_the_driver(self):
        answer = packages.run(
            self.begin + 'from oslo_utils import importutils\n'
            'print(importutils.import_class('
            "'cinder_zvm.volumedriver.ZVMVolumeDriver').__module__)\n"
            "print(sys.modules['cinder_zvm'].__file__)")
        name, path = answer.splitlines()[-2:]
        self.assertEqual('cinder_zvm.volumedriver', name)
        self.assertTrue(path.startswith(str(self.root)), path)

    def test_its_commands_run(self):
        for name in ('zvm-volume', 'zvm-cinder-backup'):
            text = (self.root / 'usr/bin' / name).read_text()
            answer = packages.run('%ssys.argv = [%r, "--help"]\n%s' % (
                self.begin, name, text))
            self.assertIn('usage: ' + name, answer)
