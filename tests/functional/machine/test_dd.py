# SPDX-License-Identifier: Apache-2.0
"""dd of a part of a disk: what it writes, says, and leaves empty."""
import os
import shutil
import subprocess

import hypothesis
from hypothesis import strategies as st

from tests.functional.machine import base

PAGE = 4096
MIB = 1 << 20
# sda ends in the middle of a MiB; sdb has twice its size.
SIZE = 3 * MIB // 2
# (page, byte that fills it) of what was ever written; zeroes are not holes.
PAGES = st.dictionaries(st.integers(0, 767), st.integers(0, 2), max_size=6)
NUMBERS = st.sampled_from(
    (512, PAGE, 65536, MIB)).flatmap(lambda block: st.tuples(
        st.just(block), *[st.integers(0, 2 * SIZE // block + 1)] * 3))
CONV = st.sets(st.sampled_from(('fsync', 'fdatasync', 'sparse')))


class DdCase(base.NodeTest):

    SIZE = SIZE

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', '3B00')
        self.sh(self.node, 'chzdev -q -e zfcp-host 3b00')
        paths = dict(zip((disk.path for disk in self.disks), 'ab'))
        names = {paths[sd.disk.path]: sd.name for sd in
                 self.node.kernel.disks() if sd.disk.path in paths}
        self.small, self.large = ('dev/' + names[name] for name in 'ab')

    def fill(self, disk, pages=(), byte=None):
        """Give a disk these pages, holes elsewhere; or fill it."""
        with open(disk.path, 'r+b') as file:
            file.truncate(0)
            file.truncate(disk.size)
            if byte is not None:
                file.write(bytes([byte]) * disk.size)
            for page, value in dict(pages).items():
                if (page + 1) * PAGE <= disk.size:
                    file.seek(page * PAGE)
                    file.write(bytes([value]) * PAGE)

    def dd(self, *words, status=0):
        """What dd says in the node; it must end with that status."""
        done = self.node.run('dd ' + ' '.join(map(str, words)))
        self.assertEqual((status, ''), (done.returncode, done.stdout), done)
        return done.stderr

    @staticmethod
    def content(disk):
        with open(disk.path, 'rb') as file:
            return file.read()

    @staticmethod
    def pages(disk):
        """How many pages of a disk take room."""
        return os.stat(disk.path).st_blocks * 512 // PAGE


class Pieces(DdCase):

    @hypothesis.given(NUMBERS, CONV, PAGES, PAGES)
    @hypothesis.settings(max_examples=40, deadline=None)
    def test_it_does_what_the_hosts_dd_does_with_files(
            self, numbers, conv, pages, old):
        block, skip, seek, count = numbers
        size, space = self.disks[1].size, self.disks[0].size
        wanted = min(max(size - skip * block, 0), count * block)
        fits = seek * block + wanted <= space
        hypothesis.assume(fits or 'sparse' not in conv)
        self.fill(self.disks[1], pages)
        self.fill(self.disks[0], old)
        words = ['bs=%d' % block, 'skip=%d' % skip, 'seek=%d' % seek,
                 'count=%d' % count,
                 'conv=' + ','.join(sorted(conv) + ['notrunc'])]
        expected, told = self.of_files(words)
        bad = (skip * block > size or seek * block > space or not fits)
        said = self.dd('if=' + self.large, 'of=' + self.small, *words,
                       status=int(bad))
        self.assertEqual(expected, self.content(self.disks[0]))
        if not bad:
            self.assertEqual(told.split('\n')[:2], said.split('\n')[:2])

    def of_files(self, words):
        """What a disk would be, and what dd says, as ordinary files."""
        source, target = (os.path.join(self.folder, name)
                          for name in ('source', 'target'))
        shutil.copyfile(self.disks[1].path, source)
        shutil.copyfile(self.disks[0].path, target)
        done = subprocess.run(
            ['dd', 'if=' + source, 'of=' + target, *words], check=True,
            stderr=subprocess.PIPE, env=dict(os.environ, LC_ALL='C'))
        told = [line for line in done.stderr.decode().split('\n')
                if 'cannot skip' not in line]
        with open(target, 'rb') as file:
            return file.read()[:self.disks[0].size], '\n'.join(told)

    def test_a_tail_is_copied_in_sectors(self):
        self.fill(self.disks[0], byte=1)
        self.fill(self.disks[1], byte=2)
        self.assertIn('1024+0 records in\n1024+0 records out\n', self.dd(
            'if=' + self.small, 'of=' + self.large, 'bs=512 skip=2048',
            'seek=2048 count=1024 conv=notrunc,fsync'))
        self.assertEqual(b'\2' * MIB + b'\1' * (SIZE - MIB)
                         + b'\2' * (self.disks[1].size - SIZE),
                         self.content(self.disks[1]))

    def test_holes_and_zeroes_become_holes(self):
        self.fill(self.disks[1], {5: 1, 300: 0, 301: 2})
        self.fill(self.disks[0], byte=3)
        self.dd('if=' + self.large, 'of=' + self.small,
                'bs=1048576 skip=0 seek=0 count=1 conv=notrunc,fsync')
        self.assertLessEqual(self.pages(self.disks[0]), 128 + 8)
        self.assertEqual(self.content(self.disks[1])[:MIB],
                         self.content(self.disks[0])[:MIB])
        self.assertEqual(b'\3' * (SIZE - MIB),
                         self.content(self.disks[0])[MIB:])

    def test_zeroes_become_holes(self):
        self.fill(self.disks[1], byte=1)
        for path in ('dev/zero', '/dev/zero'):
            self.dd('if=' + path, 'of=' + self.large,
                    'bs=1048576 seek=1 count=1 conv=notrunc,fsync')
        self.assertEqual(b'\1' * MIB + bytes(MIB) + b'\1' * MIB,
                         self.content(self.disks[1]))
        self.assertLessEqual(self.pages(self.disks[1]), 2 * MIB // PAGE + 2)

    def test_a_sparse_copy_spares_where_a_whole_block_is_zero(self):
        self.fill(self.disks[1], {1: 1, 300: 0})
        self.fill(self.disks[0], byte=3)
        self.dd('if=' + self.large, 'of=' + self.small,
                'bs=65536 count=16 conv=sparse,notrunc,fsync')
        self.assertEqual(
            bytes(PAGE) + b'\1' * PAGE + bytes(65536 - 2 * PAGE)
            + b'\3' * (SIZE - 65536), self.content(self.disks[0]))

    def test_a_part_of_a_disk_onto_the_same_disk(self):
        self.fill(self.disks[1], {0: 1, 1: 2})
        self.dd('if=' + self.large, 'of=' + self.large,
                'bs=4096 seek=1 count=5 conv=notrunc')
        self.assertEqual(b'\1' * 6 * PAGE + bytes(PAGE),
                         self.content(self.disks[1])[:7 * PAGE])

    def test_what_is_asked_otherwise_is_done_by_the_hosts(self):
        self.fill(self.disks[0], {0: 1})
        for words in ('bs=4k', 'ibs=4096', 'bs=100', 'count=4096B',
                      'conv=swab', 'iflag=skip_bytes skip=0'):
            self.fill(self.disks[1])
            self.dd('if=' + self.small, 'of=' + self.large, 'count=41',
                    words)
            self.assertEqual(1, self.content(self.disks[1])[4000], words)
            self.assertEqual(2 * SIZE, os.path.getsize(self.disks[1].path))


class Ends(DdCase):
    """What begins or ends behind a disk, or where dd is to fail."""

    def test_the_source_ends_at_its_size(self):
        self.fill(self.disks[0], byte=1)
        self.assertIn('0+1 records in\n0+1 records out\n', self.dd(
            'if=' + self.small, 'of=' + self.large,
            'bs=1048576 skip=1 seek=1 count=5 conv=notrunc'))
        self.assertEqual(SIZE - MIB,
                         self.content(self.disks[1]).count(b'\1'))
        self.assertIn('0+0 records in', self.dd(
            'if=' + self.small, 'of=' + self.large, 'bs=%d' % SIZE,
            'skip=1'))

    def test_nothing_is_behind_a_disk(self):
        for what, where in (('skip', self.small), ('seek', self.large)):
            said = self.dd('if=' + self.small, 'of=' + self.large,
                           'bs=1048576 count=1 %s=4' % what, status=1)
            self.assertEqual(
                'dd: %s: cannot %s: Invalid argument\n0+0 records in\n'
                '0+0 records out\n0 bytes copied\n' % (where, what), said)

    def test_the_target_ends_at_its_size(self):
        self.fill(self.disks[1], byte=1)
        for conv in ('notrunc', 'sparse,notrunc'):
            self.fill(self.disks[0])
            said = self.dd('if=' + self.large, 'of=' + self.small,
                           'bs=1048576 skip=1 conv=' + conv, status=1)
            self.assertEqual(
                "dd: error writing '%s': No space left on device\n"
                '2+0 records in\n1+0 records out\n%d bytes copied\n'
                % (self.small, SIZE), said)
            self.assertEqual(b'\1' * SIZE, self.content(self.disks[0]))
        self.assertIn('No space left', self.dd(
            'if=dev/zero', 'of=' + self.small, 'bs=512', status=1))
        self.assertEqual(bytes(SIZE), self.content(self.disks[0]))

    def test_a_zero_block_that_does_not_fit_is_not_spared(self):
        self.fill(self.disks[0], byte=1)
        self.assertIn('No space left', self.dd(
            'if=' + self.large, 'of=' + self.small,
            'bs=1048576 conv=sparse,notrunc', status=1))
        self.assertEqual(b'\1' * MIB + bytes(SIZE - MIB),
                         self.content(self.disks[0]))

    def test_none_is_written_from_the_byte_on_where_dd_fails(self):
        self.fill(self.disks[1], {0: 1, 200: 2})
        self.fill(self.disks[0], byte=3)
        self.node.set_dd_fails(True, 8192)
        whole = ('if=' + self.large, 'of=' + self.small, 'bs=65536 count=16')
        for words, status in (
                ('conv=notrunc', 1), ('conv=sparse,notrunc', 1),
                ('count=0', 0), ('bs=4096 count=2 conv=notrunc', 0),
                ('bs=4096 seek=2 count=1', 1),
                ('skip=1 seek=1 count=2 conv=sparse', 0)):
            said = self.dd(*whole, words, status=status)
            self.assertEqual(status, said.count(
                "error writing '%s': Input/output error" % self.small))
        self.assertEqual(b'\1' * PAGE + bytes(PAGE) + b'\3' * (SIZE - 8192),
                         self.content(self.disks[0]))

    def test_it_says_no_more_than_asked(self):
        words = ('if=' + self.small, 'of=' + self.large, 'count=1')
        self.assertEqual('', self.dd(*words, 'status=none'))
        self.assertEqual('1+0 records in\n1+0 records out\n',
                         self.dd(*words, 'status=noxfer'))
