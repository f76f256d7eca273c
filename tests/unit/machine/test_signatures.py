# SPDX-License-Identifier: Apache-2.0
"""Signatures stand where Linux has them."""
import os
import shutil
import subprocess
import tempfile
import unittest
import uuid

from hypothesis import given
from hypothesis import strategies
import testtools

from xcat_simulator.machine import signatures

KINDS = (signatures.EXT, signatures.XFS, signatures.SWAP)


class SignatureTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        fd, self.path = tempfile.mkstemp()
        self.addCleanup(os.unlink, self.path)
        os.truncate(fd, 64 << 20)
        os.close(fd)

    def test_what_is_made_is_found(self):
        for kind in KINDS:
            identifier = str(uuid.uuid4())
            signatures.make(self.path, kind, 'data', identifier)
            self.assertEqual(
                {'TYPE': kind, 'UUID': identifier, 'LABEL': 'data'},
                signatures.probe(self.path))
        self.assertEqual(64 << 20, os.path.getsize(self.path))

    @unittest.skipUnless(shutil.which('blkid', path='/usr/sbin:/sbin'),
                         'this machine has no blkid')
    def test_a_real_blkid_finds_the_same(self):
        for kind in KINDS:
            identifier = signatures.make(self.path, kind, 'data')
            out = subprocess.run(
                ['/sbin/blkid', '-p', '-o', 'export', self.path],
                capture_output=True, text=True).stdout.splitlines()
            self.assertIn('UUID=' + identifier, out)
            self.assertIn('TYPE=' + kind, out)
            self.assertIn('LABEL=data', out)

    def test_nothing_and_tables(self):
        self.assertEqual({}, signatures.probe(self.path))
        with open(self.path, 'r+b') as disk:
            disk.seek(510)
            disk.write(b'\x55\xaa')
        self.assertEqual({'PTTYPE': 'dos'}, signatures.probe(self.path))

    def test_erasing_leaves_nothing(self):
        for kind in KINDS:
            signatures.make(self.path, kind)
            self.assertEqual(kind, signatures.erase(self.path)['TYPE'])
            self.assertEqual({}, signatures.probe(self.path))
        signatures.write_member(self.path, signatures.new_identifier(), 'x')
        signatures.erase(self.path)
        self.assertIsNone(signatures.read_member(self.path))

    def test_a_volume_of_lvm_has_its_metadata(self):
        identifier = signatures.new_identifier()
        for text in ('', '{"a": "ä"}'):
            signatures.write_member(self.path, identifier, text)
            self.assertEqual((identifier, text),
                             signatures.read_member(self.path))
        self.assertEqual({'TYPE': 'LVM2_member', 'UUID': identifier},
                         signatures.probe(self.path))

    def test_metadata_has_a_limit(self):
        self.assertRaises(ValueError, signatures.write_member, self.path,
                          signatures.new_identifier(), 'x' * 70000)


class AnyBytes(testtools.TestCase):

    @given(strategies.binary(max_size=5000))
    def test_no_bytes_make_it_fail(self, data):
        with tempfile.NamedTemporaryFile() as disk:
            disk.write(data)
            disk.flush()
            signatures.probe(disk.name)
            signatures.read_member(disk.name)
