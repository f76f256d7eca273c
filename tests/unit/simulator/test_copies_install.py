# SPDX-License-Identifier: Apache-2.0
"""The MN's /install: whatever path is asked for, nothing outside changes."""

import os

import fixtures
import hypothesis
from hypothesis import strategies as st
import testtools

from xcat_simulator.mn import install

STEPS = st.lists(st.sampled_from(['..', '.', '', 'a', 'link', 'up', 'f']),
                 max_size=9).map('/'.join)


class TreeTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.outside = os.path.join(self.folder, 'outside')
        os.makedirs(self.outside + '/a/a')
        self.tree = install.Tree(os.path.join(self.folder, 'd'), 'mn')

    def here(self, path):
        """Where a path of the MN is."""
        return os.path.join(self.folder, 'd/mn', path.lstrip('/'))

    def write(self, path, text=''):
        with open(self.here(path), 'w') as stream:
            stream.write(text)

    def test_a_folder_is_made_filled_listed_moved_and_removed(self):
        self.tree.make('/install/staging/p')
        self.write('/install/staging/p/b.img', 'b')
        self.write('/install/staging/p/a.txt')
        self.write('/install/staging/p/.hidden')
        self.assertEqual(['a.txt', 'b.img'],
                         self.tree.names('/install/staging/p'))
        self.assertEqual(['b.img'],
                         self.tree.names('/install/staging/p', '.img'))
        self.tree.make('/install/raw/p')
        self.write('/install/raw/p/b.img', 'old')
        self.tree.move('/install/staging/p', '/install/raw/p', 'b.img')
        with open(self.here('/install/raw/p/b.img')) as stream:
            self.assertEqual('b', stream.read())
        self.tree.remove('/install/staging/p')
        self.tree.remove('/install/staging/p')
        self.assertEqual([], self.tree.names('/install/staging/p'))
        self.assertEqual([], self.tree.names('/install/staging'))

    def test_the_parent_of_the_top_is_the_top(self):
        self.tree.make('/install/../../../../../outside/new')
        self.assertTrue(os.path.isdir(self.here('/outside/new')))
        self.assertEqual(['a'], os.listdir(self.outside))

    @hypothesis.given(STEPS, STEPS)
    def test_no_path_leads_outside(self, path, other):
        self.tree.make('/a')
        for name, target in (('link', self.outside), ('up', '..')):
            if not os.path.lexists(self.here(name)):
                os.symlink(target, self.here(name))
        before = listing(self.outside)
        for action in (self.tree.names, self.tree.make, self.tree.remove,
                       lambda path: self.tree.move(path, other, 'a')):
            try:
                found = action('/' + path)
            except OSError:
                continue
            self.assertEqual(set(), {'outside', 'd', 'x.img'}
                             & set(found or ()))
        self.assertEqual(before, listing(self.outside))

    def test_a_link_is_removed_not_followed(self):
        os.symlink(self.outside, self.here('link'))
        self.tree.remove('/link')
        self.assertFalse(os.path.lexists(self.here('link')))
        self.assertEqual(['a'], os.listdir(self.outside))

    def test_a_zhcp_has_the_exports_of_the_mn(self):
        staging, raw = (os.path.join(self.folder, 'd/mn/install', name)
                        for name in ('staging', 'raw'))
        self.assertEqual({'mnt/mn/install/staging': (staging, True),
                          'mnt/mn/install/raw': (raw, False)},
                         self.tree.exports())
        self.assertTrue(os.path.isdir(staging) and os.path.isdir(raw))


class TablesTest(testtools.TestCase):

    def test_a_row_is_added_then_changed(self):
        tables = install.Tables()
        tables.set('osimage', 'i', profile='p', osarch='s390x')
        tables.set('osimage', 'i', profile='q')
        tables.set('osimage', 'j', profile='p')
        self.assertEqual(
            [{'imagename': 'i', 'profile': 'q', 'osarch': 's390x'},
             {'imagename': 'j', 'profile': 'p'}], tables.rows('osimage'))
        self.assertEqual([], tables.rows('linuximage'))


def listing(folder):
    return sorted((where, folders, files) for where, folders, files
                  in os.walk(folder))
