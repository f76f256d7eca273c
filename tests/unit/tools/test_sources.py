# SPDX-License-Identifier: Apache-2.0

import os
import subprocess

import fixtures

from tests.unit.tools import base

import linters  # noqa: I100
import sources
import words


class TestSources(base.TestCase):

    def setUp(self):
        super().setUp()
        self.root = self.make_tree()
        self.write('zvm_common/__init__.py', '')
        self.git('init', '--quiet')
        self.git('add', '.')

    def git(self, *arguments):
        subprocess.run(['git', *arguments], cwd=self.root, check=True)

    def test_new_files_count_and_ignored_ones_do_not(self):
        self.write('.gitignore', '*.log\n')
        self.write('zvm_common/new.py', '')
        self.write('zvm_common/new.log', '')
        self.assertIn('zvm_common/new.py', sources.listing(self.root))
        self.assertNotIn('zvm_common/new.log', sources.listing(self.root))

    def test_a_deleted_file_that_git_still_tracks_does_not_count(self):
        (self.root / 'zvm_common' / '__init__.py').unlink()
        self.assertNotIn('zvm_common/__init__.py', sources.listing(self.root))

    def test_the_hash_follows_contents_names_and_modes(self):
        seen = {sources.digest(self.root)}
        self.write('zvm_common/tool', 'one')
        seen.add(sources.digest(self.root))
        self.write('zvm_common/tool', 'two')
        seen.add(sources.digest(self.root))
        os.chmod(self.root / 'zvm_common' / 'tool', 0o755)
        seen.add(sources.digest(self.root))
        (self.root / 'zvm_common' / 'tool').rename(
            self.root / 'zvm_common' / 'other')
        seen.add(sources.digest(self.root))
        self.assertEqual(5, len(seen))

    def test_without_a_clone_all_but_dot_folders_count(self):
        (self.root / '.git').rename(self.root / '.gone')
        self.write('.zvm/env/main/bin/tool', '')
        self.write('zvm_common/__pycache__/one.pyc', '')
        self.assertEqual(
            ['pyproject.toml', 'requirements.txt', 'setup.cfg',
             'zvm_common/__init__.py'], sources.listing(self.root))

    def test_without_a_clone_the_version_is_asked_for(self):
        (self.root / '.git').rename(self.root / 'gone')
        self.useFixture(fixtures.EnvironmentVariable('PBR_VERSION'))
        error = self.assertRaises(words.Stop, sources.check_version,
                                  self.root)
        self.assertIn('PBR_VERSION=', str(error))
        self.useFixture(fixtures.EnvironmentVariable('PBR_VERSION', '0.1.0'))
        sources.check_version(self.root)


class TestLinters(base.TestCase):

    def test_programs_are_known_by_suffix_or_first_line(self):
        self.write('one.py', '')
        self.write('two', '#!/usr/bin/env python3\n')
        self.write('three.sh', '')
        self.write('four', '#!/bin/sh -eu\n')
        self.write('five', '#! /usr/bin/env bash\n')
        self.write('six.txt', 'text\n')
        self.assertEqual((['one.py', 'two'], ['five', 'four', 'three.sh']),
                         linters.programs(self.folder))

    def test_a_linter_that_complains_fails_and_is_shown(self):
        found = linters.step(self.folder, 'name',
                             ['/bin/sh', '-c', 'echo complaint; exit 1'])
        self.assertEqual(1, found.failed)
        self.assertIn('complaint\n', self.said)
