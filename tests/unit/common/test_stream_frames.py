# SPDX-License-Identifier: Apache-2.0
"""A disk's content as a stream, and back."""

import hashlib
import io
import os
import tempfile

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
import testtools

from zvm_common.stream import frames

MIB = frames.MIB
LIMIT = 70 * MIB

# (MiB, offset in it, content) of what is written into a file of that length.
_pieces = strategies.lists(strategies.tuples(
    strategies.integers(0, 66), strategies.integers(0, MIB - 1),
    strategies.binary(max_size=600)), max_size=5)
_sizes = strategies.one_of(
    strategies.integers(0, 3 * MIB), strategies.just(66 * MIB),
    strategies.integers(0, 66 * MIB))


def still():
    """A clock on which no time passes."""
    return 0


def encoded(file, clock=still):
    return b''.join(bytes(piece) for piece in
                    frames.Encoder(file.fileno(), clock).pieces())


def block(text):
    return text.encode().ljust(frames.BLOCK, b'\0')


def stream(*parts, size=None, sha256=None):
    """A stream by hand of (AT, content), right unless told otherwise."""
    content = bytearray()
    text = b''
    for at, data in parts:
        content.extend(bytes(max(0, at - len(content))))
        content[at:] = data
        text += block('zvmdata %d %d\n' % (at, len(data))) + data
    size = len(content) if size is None else size
    content.extend(bytes(max(0, size - len(content))))
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    return text + block('zvmend %d %s\n' % (size, sha256))


class StreamTest(testtools.TestCase):

    def file(self, size=0, pieces=()):
        file = tempfile.TemporaryFile(buffering=0)
        self.addCleanup(file.close)
        for at, content in pieces:
            os.pwrite(file.fileno(), content, at)
        file.truncate(size)
        return file

    def decoded(self, text, limit=LIMIT, old=b''):
        """The file that came of a stream, and the decoder."""
        file = self.file(len(old), [(0, old)])
        decoder = frames.Decoder(file.fileno(), limit)
        decoder.take(io.BytesIO(text))
        return file, decoder

    def content(self, file):
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)

    def refused(self, text, **options):
        return str(self.assertRaises(frames.BadStream, self.decoded, text,
                                     **options))


class RoundTripTest(StreamTest):

    @settings(deadline=None, max_examples=60)
    @given(_sizes, _pieces)
    def test_any_sparse_file_comes_out_as_it_went_in(self, size, pieces):
        file = self.file(size, [(mib * MIB + at, content)
                                for mib, at, content in pieces])
        expected = self.content(file)
        expected += bytes(-len(expected) % 512)
        result, decoder = self.decoded(encoded(file))
        self.assertEqual(expected, self.content(result))
        self.assertEqual(
            (len(expected), hashlib.sha256(expected).hexdigest()),
            (decoder.size, decoder.sha256))

    @settings(deadline=None, max_examples=300)
    @given(strategies.data())
    def test_a_mutated_stream_is_refused_or_means_the_same(self, data):
        file = self.file(2 * MIB + 512, [(7, b'one'), (2 * MIB, b'two')])
        text = bytearray(encoded(file))
        kind = data.draw(strategies.sampled_from(('byte', 'cut', 'more',
                                                  'swap', 'header')))
        at = data.draw(strategies.integers(0, len(text) - 1))
        if kind == 'byte':
            text[at] ^= data.draw(strategies.integers(1, 255))
        elif kind == 'header':
            start = data.draw(strategies.sampled_from(
                [0, 512 + MIB, len(text) - 512]))
            at = start + data.draw(strategies.integers(0, 90))
            text[at:at + 1] = data.draw(strategies.binary(max_size=3))
        elif kind == 'cut':
            del text[at:]
        elif kind == 'more':
            text[at:at] = data.draw(strategies.binary(min_size=1,
                                                      max_size=600))
        else:
            text[:] = text[at:] + text[:at]
        try:
            result, _ = self.decoded(bytes(text))
        except frames.BadStream:
            return
        self.assertEqual(self.content(file), self.content(result))


class EncoderTest(StreamTest):

    def headers(self, file, clock=still):
        text, found, at = encoded(file, clock), [], 0
        while at < len(text):
            words = text[at:at + 512].rstrip(b'\0').split()
            found.append((words[0].decode(), *map(int, words[1:2])))
            if words[0] == b'zvmdata':
                found[-1] += (int(words[2]),)
                at += int(words[2])
            at += 512
        return found

    def test_zeros_are_not_sent_whether_they_are_written_or_not(self):
        file = self.file(8 * MIB, [(0, bytes(3 * MIB)), (3 * MIB, b'x'),
                                   (6 * MIB - 1, b'y')])
        self.assertEqual([('zvmdata', 3 * MIB, MIB),
                          ('zvmdata', 5 * MIB, MIB), ('zvmend', 8 * MIB)],
                         self.headers(file))

    def test_neighbours_go_in_one_frame_up_to_64_mib(self):
        file = self.file(66 * MIB + 512,
                         [(i * MIB + 5000, b'x') for i in range(66)]
                         + [(66 * MIB, b'y')])
        self.assertEqual(
            [('zvmdata', 0, 64 * MIB),
             ('zvmdata', 64 * MIB, 2 * MIB + 512),
             ('zvmend', 66 * MIB + 512)], self.headers(file))

    def test_a_long_hole_sends_a_sign_of_life(self):
        file = self.file(30 * MIB)
        ticks = iter(range(1000))
        found = self.headers(file, lambda: next(ticks))
        self.assertEqual(30 * MIB, found[-1][1])
        self.assertIn(len(found), range(4, 8))

    def test_a_file_that_shrinks_fails(self):
        file = self.file(2 * MIB, [(0, b'x'), (MIB, b'y')])
        encoder = frames.Encoder(file.fileno(), still)
        pieces = encoder.pieces()
        next(pieces)
        file.truncate(100)
        self.assertRaises(frames.FileFailed, list, pieces)


class DecoderTest(StreamTest):

    def test_what_was_in_the_file_is_gone(self):
        file, _ = self.decoded(stream((MIB, b'x' * 512)), old=b'old' * MIB)
        self.assertEqual(bytes(MIB) + b'x' * 512, self.content(file))

    def test_zeros_that_are_sent_take_no_room(self):
        file, _ = self.decoded(stream((0, bytes(16 * MIB)), (20 * MIB,
                                                             b'x' * MIB)))
        self.assertIn(os.fstat(file.fileno()).st_blocks * 512,
                      range(MIB, 2 * MIB))

    def test_nothing_at_all_is_an_empty_file(self):
        self.assertEqual(0, self.decoded(stream())[1].size)

    def test_the_limit_is_kept(self):
        for text in (stream((0, b'x' * 1024)), stream(size=1024),
                     stream((MIB, b'x' * 512)),
                     block('zvmend %d %s\n' % (10 ** 18, '0' * 64)),
                     block('zvmdata 0 1048576\n')):
            self.refused(text, limit=512)
        self.decoded(stream((0, b'x' * 1024)), limit=1024)

    def test_frames_that_break_a_rule(self):
        whole = b'x' * MIB
        for parts in ([(MIB, whole), (0, whole)], [(0, whole), (0, whole)],
                      [(512, whole)], [(0, b'x' * 100)],
                      [(0, b'x' * 512), (MIB, whole)],
                      [(0, b'x' * 2 * MIB), (MIB, whole)],
                      [(0, b'')], [(0, b'x' * 65 * MIB)]):
            self.refused(stream(*parts))

    def test_ends_that_break_a_rule(self):
        self.refused(stream((0, b'x' * MIB), size=512))
        self.refused(stream((0, b'x' * 512), size=1024))
        self.refused(stream(size=100))
        self.refused(stream() + b'\0')
        self.refused(stream() + stream())
        self.refused(stream((0, b'x' * MIB), sha256='0' * 64))

    def test_headers_have_one_form_only(self):
        good = stream((0, b'x' * 512))
        self.decoded(good)
        for old, new in ((b'zvmdata 0 512\n\0', b'zvmdata 00 512\n'),
                         (b'zvmdata 0 512\n\0', b'zvmdata +0 512\n'),
                         (b'zvmdata 0 512\n\0', b'zvmdata  0 512\n'),
                         (b'zvmdata 0 512\n\0', b'zvmdata 0 512 \n'),
                         (b'zvmdata 0 512\n\0\0', b'zvmdata 0 512\r\n\0'),
                         (b'zvmdata 0 512\n\0', b'zvmdata 0 512\nx'),
                         (b'zvmdata', b'ZVMDATA'), (b'zvmend', b'zvmeof'),
                         (b'zvmdata 0 512', b'zvmdata 0 -12'),
                         (b'zvmdata 0 512\n' + bytes(19),
                          b'zvmdata 0 ' + b'9' * 22 + b'\n')):
            self.refused(good.replace(old, new, 1))
        self.refused(b'')
        self.refused(b'<html>')
        self.refused(os.urandom(4096))

    def test_a_stream_that_ends_early_is_cut_off(self):
        text = stream((0, b'x' * 512))
        for end in (0, 1, 511, 512, 700, 1024, len(text) - 1):
            self.assertRaises(frames.CutOff, self.decoded, text[:end])

    def test_a_full_disk_is_told(self):
        with open('/dev/full', 'wb', buffering=0) as full:
            decoder = frames.Decoder(full.fileno(), LIMIT)
            decoder._truncate = lambda size: None
            error = self.assertRaises(
                frames.FileFailed, decoder.take,
                io.BytesIO(stream((0, b'x' * 512))))
        self.assertTrue(error.full)
