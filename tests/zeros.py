# SPDX-License-Identifier: Apache-2.0
"""Whether a LUN is empty, and making it not so."""

import os

_BLOCK = bytes(2 ** 22)


def is_zero(path):
    """Whether every byte of a file is zero; holes are not read."""
    with open(path, 'rb', buffering=0) as file:
        place, size = 0, os.fstat(file.fileno()).st_size
        while place < size:
            try:
                place = os.lseek(file.fileno(), place, os.SEEK_DATA)
            except OSError:         # ENXIO: only holes follow
                return True
            block = file.read(len(_BLOCK))
            if block != _BLOCK[:len(block)]:
                return False
            place += len(block)
    return True


_SECRET = b'secret' * 600


def _places(path):
    size = os.stat(path).st_size
    return 0, size // 2, size - 4096


def scribble(path):
    """Data of a tenant at the begin, middle and end."""
    with open(path, 'r+b') as file:
        for place in _places(path):
            file.seek(place)
            file.write(_SECRET)


def is_scribbled(path):
    """Whether all that scribble wrote is there."""
    with open(path, 'rb') as file:
        for place in _places(path):
            file.seek(place)
            if file.read(len(_SECRET)) != _SECRET:
                return False
    return True


def begins_with_scribbles(path):
    """Whether the first of what scribble wrote is there."""
    with open(path, 'rb') as file:
        return file.read(len(_SECRET)) == _SECRET


def begins_with(path, other):
    """Whether a file has all bytes of another one, and zeros behind.

    What is a hole in both is not read.
    """
    with open(path, 'rb', 0) as file, open(other, 'rb', 0) as wanted:
        here, there = file.fileno(), wanted.fileno()
        if os.fstat(here).st_size < os.fstat(there).st_size:
            return False
        for place in sorted({*_data(here), *_data(there)}):
            block = os.pread(here, len(_BLOCK), place)
            if block != os.pread(there, len(_BLOCK), place).ljust(
                    len(block), b'\0'):
                return False
    return True


def _data(number):
    """Where blocks begin that are not holes of a file."""
    place, size = 0, os.fstat(number).st_size
    while place < size:
        try:
            place = os.lseek(number, place, os.SEEK_DATA)
        except OSError:         # ENXIO: only holes follow
            return
        place -= place % len(_BLOCK)
        yield place
        place += len(_BLOCK)
