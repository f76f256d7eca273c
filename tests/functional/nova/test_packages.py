# SPDX-License-Identifier: Apache-2.0
"""Packages for distributions, and that Nova finds its driver in them."""

import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import fixtures
import testtools

from tests.functional.nova import lpars
from tests.functional.nova import test_loading
from tests import packages

DEB_SITE = 'usr/lib/python3/dist-packages'
RPM_SITE = '/usr/lib/python3.12/site-packages'


def _of(program):
    return testtools.skipUnless(shutil.which(program),
                                '%s is not installed' % program)


class PackageTest(testtools.TestCase):

    def _unpacked(self, kind):
        """A root with the files of a package, and what lies in it."""
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        site = None if kind == 'deb' else RPM_SITE
        package = self.useFixture(packages.Package(kind, site)).path
        getattr(self, '_unpack_' + kind)(package, root)
        return root, {str(path.relative_to(root)) for path in
                      root.rglob('*') if path.is_file()}

    @staticmethod
    def _unpack_deb(package, root):
        subprocess.run(['dpkg-deb', '--extract', package, root], check=True)

    @staticmethod
    def _unpack_rpm(package, root):
        # It writes beside the package.
        subprocess.run(['rpm2archive', package], check=True)
        with tarfile.open('%s.tgz' % package) as archive:
            archive.extractall(root, filter='data')

    def _check(self, site, root, found):
        self.assertIn(site + '/nova/virt/zvm_volume/__init__.py', found)
        self.assertIn(site + '/zvm_common/remote/zhcp.sh', found)
        # Nova's own would be overwritten.
        self.assertNotIn(site + '/nova/virt/__init__.py', found)
        self.assertEqual([], [name for name in found if 'simulator' in name])
        self.assertEqual(
            {'zvm-volume', 'zvm-cinder-backup'},
            {path.name for path in (root / 'usr/bin').iterdir()
             if os.access(path, os.X_OK)})

    @_of('dpkg-deb')
    def test_a_deb_has_what_a_host_needs(self):
        root, found = self._unpacked('deb')
        self._check(DEB_SITE, root, found)

    @_of('rpmbuild')
    def test_so_does_an_rpm(self):
        root, found = self._unpacked('rpm')
        self._check(RPM_SITE[1:], root, found)

    @_of('dpkg-deb')
    def test_nova_loads_the_driver_from_the_deb(self):
        root, _ = self._unpacked('deb')
        begin = packages.program(root / DEB_SITE, ['nova'])
        with lpars.Lpars() as world:
            answer = packages.run(
                begin + test_loading.SCRIPT,
                input=json.dumps(world.options('host1')))
        found = json.loads(answer.splitlines()[-1])
        self.assertEqual(['ZVMVolumeDriver', ['HOST1']],
                         [found['class'], found['nodes']])
        for path in [*found['files'], found['nova']]:
            self.assertTrue(path.startswith(str(root)), path)


class DevelopmentTest(testtools.TestCase):

    @_of('dpkg-deb')
    def test_a_release_replaces_what_was_built_before_it(self):
        package = self.useFixture(packages.Package('deb')).path
        version = subprocess.run(
            ['dpkg-deb', '--field', package, 'Version'], check=True,
            capture_output=True, text=True).stdout.strip()
        release = version.partition('~')[0]
        self.assertNotEqual(release, '')
        subprocess.run(['dpkg', '--compare-versions', version, 'le', release],
                       check=True)


class RefusedTest(testtools.TestCase):

    def test_another_kind(self):
        done = subprocess.run([packages.BUILD, 'apk', 'x.whl', '.'],
                              capture_output=True, text=True)
        self.assertEqual((1, 'build: usage: packaging/build deb|rpm WHEEL '
                          'DIR\n'), (done.returncode, done.stderr))
