# SPDX-License-Identifier: Apache-2.0
"""Sizes."""

import dataclasses
import re

from zvm_common import exceptions

MIB = 2 ** 20
GIB = 2 ** 30

_UNITS = {'M': MIB, 'G': GIB}
_SIZE = re.compile('([0-9]{1,15})(?:\\.([0-9]{1,12}))?([MGmg])')
_SIZE_RULE = ('digits, perhaps a decimal part, then M (2**20) or G (2**30), '
              'more than zero: 10G, 20480M, 5.5G')

# Shell arithmetic on the zHCP is signed 64 bit.
_MOST = 2 ** 63 - 1


@dataclasses.dataclass(frozen=True, order=True, slots=True)
class Capacity:
    """A size in bytes.

    ``text`` is what it was read from and takes no part in comparisons: 10G
    and 10240M are equal.
    """

    bytes: int
    text: str | None = dataclasses.field(default=None, compare=False)

    def __post_init__(self):
        if (not isinstance(self.bytes, int) or isinstance(self.bytes, bool)
                or not 0 <= self.bytes <= _MOST):
            raise exceptions.InvalidValue(
                self.bytes, 'a whole number of bytes, 0 to 2**63 - 1',
                'Capacity')

    @classmethod
    def parse(cls, text):
        """Read ``10G``, ``20480M``, ``5.5G``; units of 2**30 and 2**20.

        xCAT itself drops every non-digit, so that its 5.5G is 55G; its own
        listing of LUNs writes 10.0G. A fraction of a byte is cut off.
        """
        match = _SIZE.fullmatch(text) if isinstance(text, str) else None
        if match:
            whole, decimals, unit = match.groups(default='')
            size = (int(whole + decimals) * _UNITS[unit.upper()]
                    // 10 ** len(decimals))
            if 0 < size <= _MOST:
                return cls(size, text)
        raise exceptions.InvalidValue(text, _SIZE_RULE, 'Size')

    @classmethod
    def from_gib(cls, number):
        """The capacity of so many whole GiB."""
        if not isinstance(number, int) or isinstance(number, bool):
            raise exceptions.InvalidValue(number, 'a whole number of GiB',
                                          'Capacity')
        return cls(number * GIB)

    @property
    def gib_floor(self):
        """Whole GiB that fit."""
        return self.bytes // GIB

    @property
    def pool_text(self):
        """As the pool file has it, never more than there is.

        The text it was read from, else whole G or whole M.
        """
        if self.text is not None:
            return self.text
        if self.bytes % GIB == 0 or self.bytes < MIB:
            return '%dG' % (self.bytes // GIB)
        return '%dM' % (self.bytes // MIB)

    def __str__(self):
        if self.text is not None or self.bytes and self.bytes % MIB == 0:
            return self.pool_text
        return '%d bytes' % self.bytes
