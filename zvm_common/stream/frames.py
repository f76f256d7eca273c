# SPDX-License-Identifier: Apache-2.0
"""The form in which a disk's content goes between Cinder host and zHCP.

A stream is frames and an end. A frame is a block of 512 bytes,
``zvmdata AT LENGTH`` with a line end and NULs behind it, and LENGTH bytes of
content; the end is ``zvmend SIZE SHA256`` likewise. AT is a multiple of 1 MiB
and not before the end of the frame before; LENGTH at most 64 MiB and whole MiB
except in a frame that ends at SIZE. What no frame covers is zero. SIZE is a
multiple of 512, and SHA256 is of all SIZE bytes, zeros included.

Here memory stays flat, whatever the sizes: 1 MiB at a time.
"""

import errno
import hashlib
import os
import re
import time

BLOCK = 512
MIB = 1 << 20
LONGEST = 64 * MIB

#: Seconds after which a sender of zeros only sends some of them, so that the
#: receiver does not take a hole of some TiB for a connection that is dead.
SIGN_OF_LIFE = 5

_ZEROS = bytes(MIB)
# Enough to see that most blocks are not zero.
_GLANCE = 4096
_NUMBER = rb'(0|[1-9][0-9]{0,18})'
_DATA = re.compile(rb'zvmdata %s %s\n\0*' % (_NUMBER, _NUMBER))
_END = re.compile(rb'zvmend %s ([0-9a-f]{64})\n\0*' % _NUMBER)


class BadStream(ValueError):
    """What came is no stream, or not of the content that it says."""


class CutOff(BadStream):
    """The stream ends before its end block."""


class FileFailed(Exception):
    """The file on this host cannot be read or written; has the OSError."""

    def __init__(self, error):
        super().__init__(str(error))
        self.error = error

    @property
    def full(self):
        """Whether there is no room for it."""
        return self.error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def padded(size):
    """A file's length in bytes as the stream has it: whole blocks."""
    return -(-size // BLOCK) * BLOCK


def _header(text):
    return text.encode('ascii').ljust(BLOCK, b'\0')


def _begins_with_zeros(memory, length):
    # Many times faster than a comparison of memoryviews.
    return memory.startswith(_ZEROS if length == MIB else _ZEROS[:length])


class Encoder:
    """A raw file as a stream.

    :param fd: of a regular file; nobody writes to it meanwhile
    :param clock: tells seconds
    Afterwards ``size`` and ``sha256`` are what the end block says; ``done``
    are the bytes of content up to which it got, holes included.
    """

    def __init__(self, fd, clock=time.monotonic):
        self._fd = fd
        self._clock = clock
        self._length = os.fstat(fd).st_size
        self._sum = hashlib.sha256()
        self._memory = bytearray(MIB)
        self._buffer = memoryview(self._memory)
        self._data_at = 0
        self._data_end = 0
        self.size = padded(self._length)
        self.done = 0
        self.sha256 = None

    def pieces(self):
        """The stream, in pieces of at most 1 MiB.

        A piece is valid until the next is asked for.

        :raises FileFailed: the file cannot be read, or became shorter
        """
        said = self._clock()
        while self.done < self.size:
            length = min(MIB, self.size - self.done)
            if (not self._is_zero(self.done, length)
                    or self._clock() - said >= SIGN_OF_LIFE):
                yield from self._frame(self._run(length))
                said = self._clock()
            else:
                self._sum.update(_ZEROS[:length])
                self.done += length
        self.sha256 = self._sum.hexdigest()
        yield _header('zvmend %d %s\n' % (self.size, self.sha256))

    def _run(self, length):
        """How many bytes from here on go into one frame, the first ones do."""
        while self.done + length < self.size and length < LONGEST:
            at = self.done + length
            more = min(MIB, self.size - at)
            if self._is_zero(at, more):
                break
            length += more
        return length

    def _frame(self, length):
        yield _header('zvmdata %d %d\n' % (self.done, length))
        end = self.done + length
        while self.done < end:
            piece = self._read(self.done, min(MIB, end - self.done))
            self._sum.update(piece)
            self.done += len(piece)
            yield piece

    def _is_zero(self, at, length):
        if self._is_hole(at, length):
            return True
        for count in (min(_GLANCE, length), length):
            self._read(at, count)
            if not _begins_with_zeros(self._memory, count):
                return False
        return True

    def _is_hole(self, at, length):
        """Whether the file has no data there, by the file system's word."""
        if at >= self._data_end:
            self._data_at = self._seek(at, os.SEEK_DATA)
            self._data_end = self._seek(self._data_at, os.SEEK_HOLE)
        return at + length <= self._data_at

    def _seek(self, at, whence):
        try:
            return os.lseek(self._fd, at, whence)
        except OSError as e:
            if e.errno == errno.ENXIO:
                return self.size
            raise FileFailed(e) from e

    def _read(self, at, length):
        """The content there, padded behind the end of the file."""
        piece = self._buffer[:length]
        wanted = max(0, min(length, self._length - at))
        got = 0
        while got < wanted:
            try:
                count = os.preadv(self._fd, [piece[got:wanted]], at + got)
            except OSError as e:
                raise FileFailed(e) from e
            if not count:
                raise FileFailed(OSError(
                    errno.EIO, 'it became shorter while it was read'))
            got += count
        piece[wanted:] = _ZEROS[:length - wanted]
        return piece


class Decoder:
    """A stream as a sparse raw file.

    :param fd: of a regular file open for writing, which is emptied
    :param limit: the largest SIZE in bytes that is accepted
    Afterwards ``size`` and ``sha256`` are those of the file; ``done`` are the
    bytes of content up to which it got, holes included.
    """

    def __init__(self, fd, limit):
        self._fd = fd
        self._limit = limit
        self._sum = hashlib.sha256()
        self._memory = bytearray(MIB)
        self._buffer = memoryview(self._memory)
        self.size = None
        self.done = 0
        self.sha256 = None

    def take(self, source):
        """Read a whole stream, write and sync the file, check the sum.

        :param source: has readinto(memoryview), which returns fewer bytes
            than asked only at the end, as a binary file does
        :raises BadStream: for what breaks a rule, the limit or the sum;
            the content of the file is worth nothing then
        :raises FileFailed: the file cannot be written
        """
        self._truncate(0)
        while True:
            header = self._header(source)
            match = _DATA.fullmatch(header)
            if not match:
                break
            self._frame(source, int(match[1]), int(match[2]))
        match = _END.fullmatch(header)
        if not match:
            raise BadStream('a frame begins with %s' % ascii(header[:40]))
        self._end(source, int(match[1]), match[2].decode())

    def _header(self, source):
        header = bytes(self._read(source, BLOCK))
        if self.done % MIB and header.startswith(b'zvmdata'):
            raise BadStream('a frame follows one that is not whole MiB')
        return header

    def _frame(self, source, at, length):
        if at % MIB or at < self.done:
            raise BadStream('a frame at %d, after content up to %d'
                            % (at, self.done))
        if not 0 < length <= LONGEST or length % BLOCK:
            raise BadStream('a frame of %d bytes' % length)
        if at + length > self._limit:
            raise BadStream('content up to %d, where %d is the most'
                            % (at + length, self._limit))
        self._hole(at)
        end = at + length
        while self.done < end:
            piece = self._read(source, min(MIB, end - self.done))
            self._sum.update(piece)
            if not _begins_with_zeros(self._memory, len(piece)):
                self._write(piece, self.done)
            self.done += len(piece)

    def _end(self, source, size, sha256):
        if size % BLOCK or size > self._limit:
            raise BadStream('a size of %d, where %d is the most'
                            % (size, self._limit))
        if size < self.done or self.done % MIB and size != self.done:
            raise BadStream('a size of %d after content up to %d'
                            % (size, self.done))
        self._hole(size)
        if sha256 != self._sum.hexdigest():
            raise BadStream('the SHA-256 of what came is %s, and it should '
                            'be %s' % (self._sum.hexdigest(), sha256))
        if source.readinto(self._buffer[:1]):
            raise BadStream('something follows the end')
        self._truncate(size)
        try:
            os.fsync(self._fd)
        except OSError as e:
            raise FileFailed(e) from e
        self.size, self.sha256 = size, sha256

    def _hole(self, end):
        while self.done < end:
            length = min(MIB, end - self.done)
            self._sum.update(_ZEROS[:length])
            self.done += length

    def _read(self, source, length):
        piece = self._buffer[:length]
        if source.readinto(piece) != length:
            raise CutOff('the stream ends in the middle')
        return piece

    def _write(self, piece, at):
        try:
            while piece:
                count = os.pwrite(self._fd, piece, at)
                piece, at = piece[count:], at + count
        except OSError as e:
            raise FileFailed(e) from e

    def _truncate(self, size):
        try:
            os.ftruncate(self._fd, size)
        except OSError as e:
            raise FileFailed(e) from e
