# SPDX-License-Identifier: Apache-2.0
"""What addresses a disk: port names, LUNs, FCP devices, and paths of them."""

import dataclasses
import re

from zvm_common import exceptions
from zvm_common.model import base

_HEX16 = re.compile('(?:0[xX])?[0-9A-Fa-f]{16}')
_NUMBER = re.compile('0[xX][0-9A-Fa-f]{1,15}|[0-9]{1,15}', re.ASCII)


class Wwpn(base.Text):
    """A worldwide port name, 16 lower-case hex digits."""

    __slots__ = ()
    WHAT = 'WWPN'
    RULE = '16 hex digits, 0x before them allowed, not all zero'
    PATTERN = _HEX16

    @staticmethod
    def _canonical(text):
        return text[-16:].lower()

    @staticmethod
    def _sound(text):
        return text.strip('0') != ''


class Lun(base.Text):
    """A 64-bit FCP LUN, 16 lower-case hex digits as zfcp writes it."""

    __slots__ = ()
    WHAT = 'LUN'
    RULE = '16 hex digits, 0x before them allowed'
    PATTERN = _HEX16

    @staticmethod
    def _canonical(text):
        return text[-16:].lower()

    @classmethod
    def of_number(cls, number, mode=None):
        """The LUN that a Cinder driver means by a number.

        Up to 0xffff it is the first level, as Linux on every architecture
        writes it. A larger one of up to 32 bits is the first two levels as
        zfcp writes them (0x4010400b, which is what os-brick on s390x makes of
        it), any other all 64 bits.

        :param number: an int, or digits; hex after 0x, or 16 of them
        :param mode: os-brick's addressing_mode, by which a driver says that
            a plain number stands for a "flat" LUN: SAM2 from 256 on, SAM3-flat
            each; SAM, transparent and None are no change
        :raises InvalidValue: for anything else
        """
        if isinstance(number, str) and _HEX16.fullmatch(number):
            return cls(number)
        if isinstance(number, str) and _NUMBER.fullmatch(number):
            number = int(number, 16 if number[1:2] in ('x', 'X') else 10)
        if type(number) is not int or not 0 <= number < 1 << 64:
            raise exceptions.InvalidValue(
                number, 'a number below 2 to the 64, or its digits', cls.WHAT)
        if mode not in (None, 'SAM', 'transparent', 'SAM2', 'SAM3-flat'):
            raise exceptions.InvalidValue(
                mode, "SAM, transparent, SAM2 or SAM3-flat",
                'addressing_mode of a LUN')
        if mode == 'SAM3-flat' or mode == 'SAM2' and number >= 256:
            if number >= 0x4000:
                raise exceptions.InvalidValue(
                    number, 'below 16384 with addressing mode ' + mode,
                    cls.WHAT)
            number += 0x4000
        if number <= 0xffff:
            number <<= 48
        elif number <= 0xffffffff:
            number <<= 32
        return cls('%016x' % number)

    def scsi_int(self):
        """The int that os-brick wants: the top 16 or else 32 bits.

        os-brick on s390x pads a number up to 0xffff as the top 16 bits and a
        larger one as the top 32 bits, and makes LUN 0 of all others.

        :raises InvalidValue: for a LUN that os-brick cannot be told
        """
        number = int(self.value, 16)
        if number & 0xffffffffffff == 0:
            return number >> 48
        top = number >> 32
        if number & 0xffffffff or top <= 0xffff:
            raise exceptions.InvalidValue(
                self.value, 'only its first 16 or 32 bits may be other than '
                'zero, and of 32 bits not only the last 16', 'SCSI LUN')
        return top


class DeviceNumber(base.Text):
    """The number of an FCP device (subchannel), 4 upper-case hex digits."""

    __slots__ = ()
    WHAT = 'FCP device'
    RULE = '4 hex digits'
    PATTERN = re.compile('[0-9A-Fa-f]{4}')

    @staticmethod
    def _canonical(text):
        return text.upper()

    def __int__(self):
        return int(self.value, 16)

    @classmethod
    def from_int(cls, number):
        return cls('%04X' % number)

    @classmethod
    def from_bus_id(cls, text):
        """Read Linux's ``0.0.3b20``."""
        if not isinstance(text, str) or not text.startswith('0.0.'):
            raise exceptions.InvalidValue(
                text, '0.0. and 4 hex digits', 'Bus id')
        return cls(text[4:])

    @property
    def bus_id(self):
        """As Linux names it: ``0.0.3b20``."""
        return '0.0.' + self.value.lower()


_RANGES = ('4 hex digits, or two such joined by - (first not above last), '
           'several joined by ; as 3B00-3B3F;3C00')
_RANGE = re.compile('([0-9A-Fa-f]{4})(?:-([0-9A-Fa-f]{4}))?')


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceRanges:
    """A set of FCP device numbers, held as ranges.

    ``ranges`` is a tuple of (first, last) ints, sorted; overlapping and
    adjoining ones are joined, so that equal sets compare equal.
    """

    ranges: tuple = ()

    def __post_init__(self):
        joined = []
        for first, last in sorted(self.ranges):
            if not 0 <= first <= last <= 0xffff:
                raise exceptions.InvalidValue(
                    '%X-%X' % (first, last), _RANGES, 'FCP device range')
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
            else:
                joined.append((first, last))
        object.__setattr__(self, 'ranges', tuple(joined))

    @classmethod
    def parse(cls, text):
        """Read ``3B00-3B3F;3C00``; '' is the empty set.

        :raises InvalidValue: for anything else, a reversed range included
        """
        if not isinstance(text, str):
            raise exceptions.InvalidValue(text, _RANGES, 'FCP device range')
        if not text:
            return cls()
        return cls(tuple(_range(part, text) for part in text.split(';')))

    @classmethod
    def of(cls, devices):
        """The set of these :class:`DeviceNumber`."""
        return cls(tuple((int(d), int(d)) for d in devices))

    def __contains__(self, device):
        number = int(DeviceNumber(device))
        return any(first <= number <= last for first, last in self.ranges)

    def contains(self, device):
        """Whether the device (number or its text) is in the set."""
        return device in self

    def __iter__(self):
        for first, last in self.ranges:
            for number in range(first, last + 1):
                yield DeviceNumber.from_int(number)

    def __len__(self):
        return sum(last - first + 1 for first, last in self.ranges)

    def __and__(self, other):
        return DeviceRanges(tuple(
            (max(a, c), min(b, d)) for a, b in self.ranges
            for c, d in other.ranges if max(a, c) <= min(b, d)))

    def __or__(self, other):
        return DeviceRanges(self.ranges + other.ranges)

    def __str__(self):
        return ';'.join('%04X' % first if first == last
                        else '%04X-%04X' % (first, last)
                        for first, last in self.ranges)


_GROUPS = ('4 hex digits, or two such joined by - (first not above last), '
           'those of one path joined by , and the paths by ; as '
           '3B00-3B3F;3C00-3C1F,3C30')


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceGroups:
    """FCP devices by the path that they serve: a :class:`DeviceRanges` each.

    No device is in two groups.
    """

    groups: tuple = ()

    def __post_init__(self):
        seen = DeviceRanges()
        for group in self.groups:
            twice = seen & group
            if twice:
                raise exceptions.InvalidValue(
                    str(self), '%s in more than one group; the groups, '
                    'joined by ;, are of different paths' % twice,
                    'FCP device group')
            seen |= group

    @classmethod
    def parse(cls, text):
        """Read ``3B00-3B3F;3C00-3C1F,3C30``; '' is none.

        :raises InvalidValue: for anything else, or a device in two groups
        """
        if not isinstance(text, str):
            raise exceptions.InvalidValue(text, _GROUPS, 'FCP device group')
        if not text:
            return cls()
        return cls(tuple(
            DeviceRanges(tuple(_range(part, text, _GROUPS)
                               for part in group.split(',')))
            for group in text.split(';')))

    @classmethod
    def of(cls, ranges):
        """These groups, or each range of a :class:`DeviceRanges` as one."""
        if isinstance(ranges, cls):
            return ranges
        return cls(tuple(DeviceRanges((each,)) for each in ranges.ranges))

    @property
    def devices(self):
        """All of them: :class:`DeviceRanges`."""
        return DeviceRanges(tuple(each for group in self.groups
                                  for each in group.ranges))

    def __len__(self):
        return len(self.groups)

    def __iter__(self):
        return iter(self.groups)

    def __str__(self):
        return ';'.join(str(group).replace(';', ',')
                        for group in self.groups)


def _range(part, text, rule=_RANGES):
    match = _RANGE.fullmatch(part)
    if match:
        first, last = (int(n or match[1], 16) for n in match.groups())
        if first <= last:
            return first, last
    raise exceptions.InvalidValue(text, rule, 'FCP device range')


def parse_wwpns(text):
    """Read ``W`` or ``W;W``, the ports behind which one LUN stands.

    :returns: tuple of :class:`Wwpn`, in the given order
    :raises InvalidValue: for an empty list, a port named twice or no WWPN
    """
    if not isinstance(text, str):
        raise exceptions.InvalidValue(text, Wwpn.RULE, 'List of WWPNs')
    ports = tuple(Wwpn(part) for part in text.split(';'))
    _all_different(ports)
    return ports


def format_wwpns(ports):
    """``W;W`` as the pool file has it."""
    return ';'.join(str(Wwpn(port)) for port in ports)


def _all_different(ports):
    if not ports or len(set(ports)) != len(ports):
        raise exceptions.InvalidValue(
            format_wwpns(ports), 'one or more WWPNs, each once',
            'List of WWPNs')


_PATH = re.compile('(0\\.0\\.[0-9A-Fa-f]{4}):(0x[0-9A-Fa-f]{16})'
                   ':(0x[0-9A-Fa-f]{16})')


@dataclasses.dataclass(frozen=True, order=True, slots=True)
class Path:
    """One way to a disk: FCP device, target port, LUN."""

    device: DeviceNumber
    wwpn: Wwpn
    lun: Lun

    def __post_init__(self):
        object.__setattr__(self, 'device', DeviceNumber(self.device))
        object.__setattr__(self, 'wwpn', Wwpn(self.wwpn))
        object.__setattr__(self, 'lun', Lun(self.lun))

    @classmethod
    def parse(cls, text):
        """Read ``0.0.3b20:0x5005076303000001:0x4011400000000000``."""
        match = _PATH.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise exceptions.InvalidValue(
                text, 'bus id, 0x + WWPN and 0x + LUN joined by :', 'Path')
        return cls(DeviceNumber.from_bus_id(match[1]), match[2], match[3])

    def __str__(self):
        return '%s:0x%s:0x%s' % (self.device.bus_id, self.wwpn, self.lun)
