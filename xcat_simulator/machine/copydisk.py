# SPDX-License-Identifier: Apache-2.0
"""dd of a whole disk onto another: copydisk SOURCE TARGET BLOCKSIZE LIMIT.

It runs in a node, as a program of its own. Where neither disk has data there
is nothing to do: a disk of 500 GiB is a file with holes, and dd in blocks of
512 bytes would take hours for it, and fill the host's disk with zeroes.
"""

import os
import sys

CHUNK = 1 << 20


def copy(source, target, block, limit=sys.maxsize):
    """Make the target what dd would make it; returns dd's exit status.

    limit: the byte of the target from which on none can be written.
    """
    with open(source, 'rb', 0) as here, open(target, 'rb+', 0) as there:
        wanted, space = (os.fstat(each.fileno()).st_size
                         for each in (here, there))
        written = min(wanted, space, limit)
        _copy_bytes(here.fileno(), there.fileno(), written)
    if wanted > written:
        _say("error writing '%s': %s" % (
            target, 'No space left on device' if written == space
            else 'Input/output error'), 'dd: ')
    _records(wanted, block, written)
    return int(wanted > written)


def _copy_bytes(here, there, size):
    end = 0
    while end < size:
        start = _next(here, end, size, os.SEEK_DATA)
        _zero(there, end, start)
        end = _next(here, start, size, os.SEEK_HOLE)
        for at in range(start, end, CHUNK):
            _write(there, os.pread(here, min(CHUNK, end - at), at), at)


def _next(file, at, size, kind):
    """Where data or a hole begins at `at` or after it, `size` at the end."""
    try:
        return min(os.lseek(file, at, kind), size)
    except OSError:      # ENXIO: there is none
        return size


def _zero(file, end, limit):
    """Zeroes over the data between; a hole is zero already."""
    while end < limit:
        start = _next(file, end, limit, os.SEEK_DATA)
        end = _next(file, start, limit, os.SEEK_HOLE)
        for at in range(start, end, CHUNK):
            _write(file, bytes(min(CHUNK, end - at)), at)


def _write(file, data, at):
    while data:
        done = os.pwrite(file, data, at)
        data, at = data[done:], at + done


def _records(wanted, block, written):
    for size, what in ((wanted, 'in'), (written, 'out')):
        _say('%d+%d records %s' % (size // block, size % block > 0, what))
    _say('%d bytes copied' % written)


def _say(text, before=''):
    sys.stderr.write(before + text + '\n')


if __name__ == '__main__':
    try:
        sys.exit(copy(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
    except OSError as problem:
        _say('%s: %s' % (problem.filename, problem.strerror), 'dd: ')
        sys.exit(1)
