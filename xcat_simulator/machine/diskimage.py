# SPDX-License-Identifier: Apache-2.0
"""Image files of the zHCP: a header and a disk's bytes, perhaps compressed.

The header is blank-padded text of 512 bytes:

    0   20 bytes  "xCAT FCP Disk Image:"
    20  16 bytes  size of the disk, right-justified: "     2097152 BLK"
    36  10 bytes  " HLen: 0055"
    47   8 bytes  " GZIP: 6" (0: not compressed)

What follows is the disk, plain with holes, or in gzip members of a MiB each:
a reader that knows the member of zeroes makes holes again without reading.
"""
import gzip
import os
import re
import zlib

HEADER = 512
TAG = b'xCAT FCP Disk Image:'
CHUNK = 1 << 20
BLOCK = 512
_GZIP = re.compile(rb'HLen: 0055 GZIP: ([0-9])')


class NoImage(Exception):
    """A file that is no image of a SCSI disk; the message says why."""


def read_header(stream):
    """(number of 512-byte blocks, compression level) of an open file."""
    head = stream.read(HEADER)
    if head[:20] != TAG:
        raise NoImage('Disk image type not recognized')
    size = head[20:36].split()
    level = _GZIP.search(head)
    blocks = int(size[0]) if size and size[0].isdigit() else 0
    return blocks, int(level.group(1)) if level else 6


def write_header(stream, blocks, level):
    size = (b'%d BLK' % blocks).rjust(16)
    text = TAG + size + b' HLen: 0055 GZIP: %d' % level
    stream.write(text.ljust(HEADER))


def pack(source, target, level):
    """Append a disk's bytes (open binary files); nothing is read of holes."""
    size = os.fstat(source.fileno()).st_size
    for offset, data in _chunks(source, size):
        if level:
            target.write(_member(data, level))
        elif data.strip(b'\0'):
            target.seek(HEADER + offset)
            target.write(data)
    if level and not size:
        target.write(_member(b'', level))
    if not level:
        target.truncate(HEADER + size)


def unpack(source, target, level):
    """Write what stands behind the header onto a disk; its rest stays.

    Raises EOFError, zlib.error or OSError for a file that is damaged.
    """
    if level:
        chunks = _members(source, level)
    else:
        size = os.fstat(source.fileno()).st_size
        chunks = _chunks(source, size, HEADER)
    for offset, data in chunks:
        target.seek(offset)
        target.write(data)


def _chunks(stream, size, start=0):
    """(offset behind start, bytes) of each MiB; holes as zeroes."""
    zeroes = bytes(CHUNK)
    for offset in range(start, size, CHUNK):
        length = min(CHUNK, size - offset)
        if is_hole(stream.fileno(), offset, length):
            yield offset - start, zeroes[:length]
        else:
            yield offset - start, os.pread(stream.fileno(), length, offset)


def is_hole(fd, offset, length):
    """Is nothing stored of these bytes? It moves the file's offset."""
    try:
        return os.lseek(fd, offset, os.SEEK_DATA) >= offset + length
    except OSError:
        return True  # no data up to the end


_MEMBERS = {}


def _member(data, level):
    """A gzip member; that of a MiB of zeroes is made once."""
    if data.strip(b'\0') or len(data) != CHUNK:
        return gzip.compress(data, level, mtime=0)
    if level not in _MEMBERS:
        _MEMBERS[level] = gzip.compress(data, level, mtime=0)
    return _MEMBERS[level]


def _members(stream, level):
    zero, zeroes = _member(bytes(CHUNK), level), bytes(CHUNK)
    offset, pending = 0, b''
    while True:
        if len(pending) < len(zero):
            pending += stream.read(CHUNK)
        if not pending:
            return
        if pending.startswith(zero):
            yield offset, zeroes
            offset, pending = offset + CHUNK, pending[len(zero):]
            continue
        reader = zlib.decompressobj(31)
        while not reader.eof:
            data = reader.decompress(pending, CHUNK)
            yield offset, data
            offset += len(data)
            pending = reader.unused_data or reader.unconsumed_tail
            if not (reader.eof or pending):
                pending = stream.read(CHUNK)
                if not pending:
                    raise EOFError('unexpected end of file')
