# SPDX-License-Identifier: Apache-2.0
"""Checks of a world file's values, with errors that name key and rule."""

import re

HEX16 = re.compile(r'[0-9a-f]{16}\Z')
DEVICE = re.compile(r'[0-9A-F]{4}\Z')
NODE = re.compile(r'[a-z0-9][a-z0-9_-]{0,62}\Z')
HOST_NAME = re.compile(r'[a-z0-9][a-z0-9.-]{0,252}\Z')
USERID = re.compile(r'[A-Z0-9@#$_+:-]{1,8}\Z')
POOL = re.compile(r'[a-z0-9_-]{1,64}\Z')
RANGE = re.compile(r'[0-9A-F]{4}(-[0-9A-F]{4})?\Z')
CHPID = re.compile(r'[0-9A-F]{2}\Z')
COMMAND = re.compile(r'[a-z][a-z0-9]*\Z')
TOOL = re.compile(r'[a-z][a-z0-9_-]*\Z')
USER = re.compile(r'[a-z_][a-z0-9_-]{0,31}\Z')
COLUMN = re.compile(r'[A-Za-z0-9_.;-]*\Z')
SIZE = re.compile(r'([0-9]+(?:\.[0-9]+)?)([MG])\Z')
UNITS = {'M': 1 << 20, 'G': 1 << 30}
LINE = re.compile(r'[^\x00-\x1f\x7f]+\Z')
DIRECTORY = re.compile(r'USER [^\x00]*\Z')
WWID = re.compile(r'6[0-9a-f]{31}\Z')
MAX_LUNS = 65536


class WorldError(ValueError):
    """A world file is wrong: `key` is the path, `rule` what it must be."""

    def __init__(self, key, rule):
        super().__init__('%s: %s' % (key, rule))
        self.key = key
        self.rule = rule


class Entry:
    """A mapping of the file that knows its path and its keys."""

    def __init__(self, path, value, required, optional=()):
        if not isinstance(value, dict):
            raise WorldError(path, 'must be a mapping')
        self.path, self.value = path, value
        known = tuple(required) + tuple(optional)
        for key in value:
            if key not in known:
                raise WorldError('%s.%s' % (path, key), 'unknown key; known: '
                                 + ', '.join(sorted(known)))
        for key in required:
            if key not in value:
                raise WorldError('%s.%s' % (path, key), 'is missing')

    def at(self, key):
        return '%s.%s' % (self.path, key)

    def fail(self, key, rule):
        raise WorldError(self.at(key), rule)

    def text(self, key, pattern, rule, default=None, case=str):
        """The text at `key` in the wanted case, or `default`."""
        value = self.value.get(key)
        if value is None and key not in self.value:
            return default
        return matched(self.at(key), value, pattern, rule, case)

    def choice(self, key, allowed, default):
        value = self.value.get(key, default)
        if value is True or value is False:   # YAML 1.1 reads on as true
            value = 'on' if value else 'off'
        if value not in allowed:
            self.fail(key, 'must be one of ' + ', '.join(map(str, allowed)))
        return value

    def flag(self, key, default):
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, 'must be true or false')
        return value

    def number(self, key, low, high, default=None, fraction=False):
        value = self.value.get(key, default)
        if key not in self.value:
            return default
        kinds = (int, float) if fraction else int
        if isinstance(value, bool) or not isinstance(value, kinds) or not (
                low <= value <= high):
            self.fail(key, 'must be a %snumber from %d to %d'
                      % ('' if fraction else 'whole ', low, high))
        return value

    def entries(self, key):
        value = self.value.get(key)
        value = {} if value is None else value
        if not isinstance(value, dict):
            self.fail(key, 'must be a mapping')
        return value

    def list(self, key, default=()):
        value = self.value.get(key)
        value = list(default) if value is None else value
        if not isinstance(value, list):
            self.fail(key, 'must be a list')
        return value

    def texts(self, key, pattern, rule, case=str):
        return tuple(
            matched('%s[%d]' % (self.at(key), i), value, pattern, rule, case)
            for i, value in enumerate(self.list(key)))


def matched(path, value, pattern, rule, case=str):
    """The text in its case if it matches, else WorldError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise WorldError(path, 'must be text: put it in quotes')
    if not isinstance(value, str) or not pattern.match(case(value)):
        raise WorldError(path, '%r must be %s' % (value, rule))
    return case(value)


def size_bytes(path, text):
    """Bytes of a size such as 10G, 20480M or 5.5G."""
    match = SIZE.match(text)
    if not match:
        raise WorldError(path, '%r must be a number and M or G' % text)
    return int(float(match[1]) * UNITS[match[2]])


def device_range(entry):
    """First and last device number of the key `range`, 3B00-3B0F or 3B00."""
    text = entry.text('range', RANGE, 'a device or a range such as 3B00-3B0F',
                      case=str.upper)
    first, _, last = text.partition('-')
    first, last = int(first, 16), int(last or first, 16)
    if first > last:
        entry.fail('range', 'must not end before it begins')
    return first, last


def lun_numbers(entry, count):
    """`count` LUN numbers from the key `lun` on.

    Storage servers number their LUNs in the upper 32 bits: 40114000...,
    40114001..., and so on.
    """
    first = int(entry.text('lun', HEX16, '16 hex digits', case=str.lower), 16)
    if count > 1 and first & 0xffffffff:
        entry.fail('lun', 'must end in 8 zeros where count is given')
    upper, lower = first >> 32, first & 0xffffffff
    if upper + count - 1 > 0xffffffff:
        entry.fail('count', 'goes beyond the last LUN number')
    for number in range(upper, upper + count):
        yield '%08x%08x' % (number, lower)
