# SPDX-License-Identifier: Apache-2.0
"""dd of a whole disk onto another one: the same bytes, quickly."""

import contextlib
import io
import os

import fixtures
import hypothesis
from hypothesis import strategies as st
import testtools

from xcat_simulator.machine import copydisk

PAGE = 4096
GIB = 1 << 30
# (page, byte that fills it): what of a disk was ever written
PAGES = st.dictionaries(st.integers(0, 11), st.integers(0, 2), max_size=5)
SIZES = st.integers(1, 12).map(lambda pages: pages * PAGE)


class CopyDiskTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def disk(self, name, size, pages=()):
        path = os.path.join(self.folder, name)
        with open(path, 'wb') as disk:
            disk.truncate(size)
            for number, byte in dict(pages).items():
                if number * PAGE < size:
                    disk.seek(number * PAGE)
                    disk.write(bytes([byte]) * PAGE)
        return path

    def copy(self, source, target, block=512):
        """(exit status, what it says)"""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            status = copydisk.copy(source, target, block)
        return status, said.getvalue()

    @hypothesis.given(SIZES, PAGES, SIZES, PAGES)
    def test_it_does_what_dd_does(self, size, pages, space, old):
        source = self.disk('source', size, pages)
        target = self.disk('target', space, old)
        before, wanted = content(target), content(source)
        status, _ = self.copy(source, target)
        self.assertEqual(int(size > space), status)
        self.assertEqual((wanted + before[size:])[:space], content(target))
        self.assertEqual(wanted, content(source))

    def test_holes_cost_neither_time_nor_room(self):
        source = self.disk('source', 500 * GIB, {3: 1, 50 << 18: 2})
        target = self.disk('target', 500 * GIB, {7: 1})
        self.copy(source, target)
        self.assertTrue(os.stat(target).st_blocks * 512 < 64 * PAGE)
        with open(target, 'rb') as disk:
            for page, byte in ((3, 1), (7, 0), (50 << 18, 2)):
                disk.seek(page * PAGE)
                self.assertEqual(bytes([byte]) * PAGE, disk.read(PAGE))

    def test_a_disk_onto_itself_stays_what_it_is(self):
        disk = self.disk('disk', 4 * PAGE, {2: 1})
        before = content(disk)
        self.assertEqual(0, self.copy(disk, disk)[0])
        self.assertEqual(before, content(disk))

    def test_it_counts_records_as_dd_does(self):
        source = self.disk('source', 3 * PAGE)
        self.assertEqual(
            (1, "dd: error writing '%s': No space left on device\n"
             '3+0 records in\n2+0 records out\n8192 bytes copied\n'
             % os.path.join(self.folder, 'target')),
            self.copy(source, self.disk('target', 2 * PAGE), PAGE))
        self.assertIn('1+1 records in\n',
                      self.copy(source, source, 2 * PAGE)[1])


def content(path):
    with open(path, 'rb') as disk:
        return disk.read()
