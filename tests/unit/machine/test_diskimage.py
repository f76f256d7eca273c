# SPDX-License-Identifier: Apache-2.0
"""Disks into image files and back."""
import gzip
import io
import os
import tempfile

import testtools

from xcat_simulator.machine import diskimage

MIB = diskimage.CHUNK


class DiskImageTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.source, self.image, self.target = (
            self.temporary() for _ in range(3))
        self.source.write(os.urandom(1000))
        self.source.seek(5 * MIB + 17)
        self.source.write(b'x' * MIB)
        self.source.truncate(16 * MIB + 512)
        self.target.truncate(16 * MIB + 512)
        for each in (self.source, self.target):
            each.flush()

    def temporary(self):
        made = tempfile.TemporaryFile()
        self.addCleanup(made.close)
        return made

    def content(self, stream):
        stream.seek(0)
        return stream.read()

    def same(self, one, other):
        self.assertEqual(len(one), len(other))
        self.assertTrue(one == other)

    def image_of(self, level):
        diskimage.write_header(self.image, 32769, level)
        diskimage.pack(self.source, self.image, level)
        self.image.seek(0)
        return diskimage.read_header(self.image)

    def test_what_was_packed_is_unpacked(self):
        for level in (0, 1, 6):
            self.image = self.temporary()
            self.assertEqual((32769, level), self.image_of(level))
            diskimage.unpack(self.image, self.target, level)
            self.target.flush()
            self.same(self.content(self.source), self.content(self.target))
            self.target.truncate(0)
            self.target.truncate(16 * MIB + 512)

    def test_what_is_behind_the_header_is_plain_gzip(self):
        self.image_of(6)
        self.same(self.content(self.source),
                  gzip.decompress(self.image.read()))

    def test_a_plain_image_has_holes(self):
        self.image_of(0)
        self.assertEqual(diskimage.HEADER + 16 * MIB + 512,
                         os.fstat(self.image.fileno()).st_size)
        self.assertLess(os.fstat(self.image.fileno()).st_blocks * 512,
                        8 * MIB)

    def test_gzip_of_others_is_unpacked_too(self):
        self.image_of(6)
        foreign = io.BytesIO(gzip.compress(self.content(self.source)))
        diskimage.unpack(foreign, self.target, 6)
        self.same(self.content(self.source), self.content(self.target))

    def test_an_image_that_was_cut_off_is_told(self):
        self.image_of(6)
        size = os.fstat(self.image.fileno()).st_size
        self.image.truncate(size - 3)
        self.assertRaises(EOFError, diskimage.unpack, self.image,
                          self.target, 6)

    def test_no_image_is_refused(self):
        error = self.assertRaises(diskimage.NoImage, diskimage.read_header,
                                  io.BytesIO(b'x' * 600))
        self.assertEqual('Disk image type not recognized', str(error))
        self.assertRaises(diskimage.NoImage, diskimage.read_header,
                          io.BytesIO(b''))
