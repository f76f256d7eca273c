# SPDX-License-Identifier: Apache-2.0
"""Texts that a checked value must refuse wherever they stand."""

#: Spoil a good value when they are put before, into or behind it.
PIECES = (
    ';', '$()', '$(id)', '`id`', "'", '"', '\n', '\r\n', '\0', '\t', ' ',
    '../', '/', '\\', '&', '|', '>', '*', '?', '%', '=', '~', '!', '(', '{',
    '\u0661', '\uff11', '\u00b2', '\u212a', '\u2028', '\x85', '\ud800',
)

#: Refused as they are.
WHOLE = (
    '', ' ', 'all', 'a,b', '../x', '..', '-', '--help', '-rf', '/x/',
    '^/etc/passwd', '@group', '!x', 'x' * 5000, None, 0, 1, 1.5, True,
    b'5005076303000001', (), [], {}, object(),
)


def spoilt(good):
    """The good text with each piece before, in and behind it."""
    middle = len(good) // 2
    for piece in PIECES:
        yield piece + good
        yield good[:middle] + piece + good[middle:]
        yield good + piece
