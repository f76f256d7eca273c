# SPDX-License-Identifier: Apache-2.0
"""dd onto a disk from a disk or from /dev/zero: copydisk DD LIMIT OPERAND...

It runs in a node, as a program of its own. Where neither disk has data there
is nothing to do, and zeroes become holes: a disk of 500 GiB is a file with
holes, and dd in blocks of 512 bytes would take hours for it, and fill the
host's disk with zeroes. What it does not know DD does, the host's own.

As on Linux, a block device has its size: what lies behind it cannot be
skipped or sought to, nor written. conv=sparse leaves the target as it is where
a whole block of the source is zero, except a block that does not fit on it.
"""

import os
import signal
import stat
import sys

CHUNK = 1 << 20
GRAIN = 1 << 14      # so many zeroes become a hole
SECTOR = 512
ENDLESS = 1 << 62
NUMBERS = ('bs', 'skip', 'seek', 'count')
# To sync and to go by the cache makes no difference here.
WORDS = {'conv': {'fdatasync', 'fsync', 'notrunc', 'sparse'},
         'iflag': {'direct', 'fullblock'},
         'oflag': {'direct', 'dsync', 'sync'},
         'status': {'none', 'noxfer', 'progress'}}
_PUNCH_HOLE_KEEP_SIZE = 0x02 | 0x01


def parse(words):
    """Operands of dd as `copy` takes them; None for what it does not know."""
    given = {}
    for word in words:
        name, _, value = word.partition('=')
        if name in NUMBERS and value.isascii() and value.isdigit():
            given[name] = int(value)
        elif name in WORDS and WORDS[name].issuperset(value.split(',')):
            given[name] = '%s,%s' % (given.get(name, ''), value)
        elif name in ('if', 'of'):
            given[name] = value
        else:
            return None
    block = given.get('bs', SECTOR)
    if not block or block % SECTOR or not {'if', 'of'} <= given.keys():
        return None
    status = given.get('status', '').rpartition(',')[2]
    return {'source': given['if'], 'target': given['of'], 'block': block,
            'skip': given.get('skip', 0), 'seek': given.get('seek', 0),
            'count': given.get('count'), 'status': status,
            'sparse': 'sparse' in given.get('conv', '').split(',')}


def copy(source, target, block=SECTOR, limit=ENDLESS, *, skip=0, seek=0,
         count=None, sparse=False, status=''):
    """Make the target what dd would make it; returns dd's exit status.

    limit: the byte of the target from which on none can be written.
    """
    with open(source, 'rb', 0) as here, open(target, 'rb+', 0) as there:
        size, space = _size(here.fileno()), _size(there.fileno())
        written = wanted = 0
        refused = _beyond(source, 'skip', skip * block, size) or _beyond(
            target, 'seek', seek * block, space)
        if not refused:
            wanted = min(size - skip * block,
                         ENDLESS if count is None else count * block)
            written = _copy_bytes(here.fileno(), skip * block, wanted, _Target(
                there.fileno(), seek * block, min(space, limit), block,
                sparse))
    if wanted > written:
        refused = "error writing '%s': %s" % (
            target, 'No space left on device' if limit >= space
            else 'Input/output error')
    if refused:
        _say(refused, 'dd: ')
    _records(wanted, block, written, status)
    return int(bool(refused))


def _size(file):
    found = os.fstat(file)
    return found.st_size if stat.S_ISREG(found.st_mode) else ENDLESS


def _beyond(name, what, offset, size):
    """What dd says of an offset that the device does not have, or None."""
    return '%s: cannot %s: Invalid argument' % (
        name, what) if offset > size else None


class _Target:
    """A disk from byte `start` on; none is written from byte `end` on."""

    def __init__(self, file, start, end, block, sparse):
        self.file, self.block, self.sparse = file, block, sparse
        self._start, self._end = start, end
        self._space = _size(file)

    def put(self, at, size, data):
        """Write bytes, or zeroes for None; returns how many are done."""
        at, spared = at + self._start, 0
        if data is None and self.sparse:
            spared = size if at + size <= self._space else (
                (self._space - at) // self.block * self.block)
        room = max(0, min(size, self._end - at) - spared)
        if data is None:
            _zero(self.file, at + spared, at + spared + room)
        else:
            _write(self.file, data[:room], at)
        return spared + room


def _copy_bytes(here, begin, wanted, target):
    """Copy so many bytes; returns how many there are before an error."""
    step = target.block
    if not (target.sparse or os.path.sameopenfile(here, target.file)):
        step *= max(1, CHUNK // step)
    for at, size, data in _pieces(here, begin, wanted, target.block, step):
        done = target.put(at, size, data)
        if done < size:
            return at + done
    return wanted


def _pieces(file, begin, wanted, block, step):
    """(offset, size, bytes or None for zeroes), whole blocks but the last."""
    if _size(file) == ENDLESS:
        yield 0, wanted, None
        return
    at = 0
    while at < wanted:
        found = _next(file, begin + at, begin + wanted, os.SEEK_DATA) - begin
        start = found if found == wanted else found - found % block
        if start > at:
            yield at, start - at, None
        end = _next(file, begin + found, begin + wanted, os.SEEK_HOLE) - begin
        at = min(wanted, -(-end // block) * block)
        for offset in range(start, at, step):
            data = os.pread(file, min(step, at - offset), begin + offset)
            yield offset, len(data), data if data.strip(b'\0') else None


def _next(file, at, size, kind):
    """Where data or a hole begins at `at` or after it, `size` at the end."""
    try:
        return min(os.lseek(file, at, kind), size)
    except OSError:      # ENXIO: there is none
        return size


def _zero(file, end, limit):
    """Holes where there is data between; a hole is zero already."""
    while end < limit:
        start = _next(file, end, limit, os.SEEK_DATA)
        end = _next(file, start, limit, os.SEEK_HOLE)
        if start < end and not _punch(file, start, end - start):
            for at in range(start, end, CHUNK):
                _store(file, bytes(min(CHUNK, end - at)), at)


def _punch(file, at, size):
    """Make a hole; False where the file system knows none."""
    import ctypes        # a start without it takes half the time
    return not ctypes.CDLL(None).fallocate(
        file, _PUNCH_HOLE_KEEP_SIZE, ctypes.c_int64(at),
        ctypes.c_int64(size))


def _write(file, data, at):
    for start in range(0, len(data), GRAIN):
        part = data[start:start + GRAIN]
        if part.strip(b'\0'):
            _store(file, part, at + start)
        else:
            _zero(file, at + start, at + start + len(part))


def _store(file, data, at):
    while data:
        done = os.pwrite(file, data, at)
        data, at = data[done:], at + done


def _records(wanted, block, written, status=''):
    """What dd says at the end; a block that failed was read, not written."""
    if status == 'none':
        return
    full, rest = written // block, written % block
    if wanted > written:
        read = full * block + min(block, wanted - full * block)
        rest = 0
    else:
        read = wanted
    _say('%d+%d records in' % (read // block, read % block > 0))
    _say('%d+%d records out' % (full, rest > 0))
    if status != 'noxfer':
        _say('%d bytes copied' % written)


def _say(text, before=''):
    sys.stderr.write(before + text + '\n')


def main(real, limit, *words):
    given = parse(words)
    if given is None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execv(real, ['dd', *words, 'conv=notrunc'])
    try:
        return copy(limit=int(limit), **given)
    except OSError as problem:
        _say('%s: %s' % (problem.filename, problem.strerror), 'dd: ')
        return 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
