# SPDX-License-Identifier: Apache-2.0
"""Files of images, made by a seed, in raw and other formats."""

import os
import random
import shutil
import subprocess

MIB = 2 ** 20
GIB = 2 ** 30
QEMU_IMG = shutil.which('qemu-img')


def scattered(path, size, seed=1, pieces=12):
    """A raw image: some pieces of data that nothing compresses, and holes.

    Its first and its last byte are data.
    """
    chance = random.Random(seed)
    with open(path, 'wb') as file:
        file.truncate(size)
        for place in [0, size - 1] + [chance.randrange(size)
                                      for _ in range(pieces)]:
            file.seek(place)
            file.write(chance.randbytes(
                min(chance.randrange(1, MIB), size - place)))
    return path


def convert(path, wanted, made, *more):
    """An image in another format."""
    subprocess.run([QEMU_IMG, 'convert', '-O', wanted, *more, path, made],
                   check=True, capture_output=True)
    return made


def truncated(path, size):
    os.truncate(path, size)
    return path
