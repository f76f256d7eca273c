# SPDX-License-Identifier: Apache-2.0
"""The disks that the text of a pool file tells of."""

import re

from xcat_simulator import checks
from xcat_simulator import spec

NUMBER = re.compile(r'(?:0[xX])?([0-9a-fA-F]{16})\Z')


def luns(text):
    """A spec.Lun for each line behind which there is a disk.

    That is a line with a LUN, at least one target port and a size up to
    1 PiB. Whatever else is wrong with a line is the management node's affair.
    """
    for line in text.split('\n'):
        columns = [column.strip() for column in line.split(',')]
        if len(columns) < 4 or columns[0].startswith('#'):
            continue
        lun = _number(columns[2])
        wwpns = tuple(filter(None, map(_number, columns[1].split(';'))))
        size = checks.size_bytes(columns[3])
        if lun and wwpns and size:
            yield spec.Lun(wwpns=tuple(dict.fromkeys(wwpns)), lun=lun,
                           size=columns[3], bytes=size)


def _number(text):
    """16 hex digits in lower case, None for anything else."""
    match = NUMBER.match(text.strip())
    return match and match[1].lower()
