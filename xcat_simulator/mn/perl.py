# SPDX-License-Identifier: Apache-2.0
"""How Perl reads text: the MN's arithmetic on sizes and device numbers."""

import re

NUMBER = re.compile(r'\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?')
HEX = re.compile(r'(?:0?[xX])?([0-9A-Fa-f_]*)')


def number(text):
    """What begins the text, as a number: '10240M' is 10240, 'x' is 0."""
    found = NUMBER.match(text or '')
    return float(found[0]) if found else 0.0


def plain(value):
    """A number as Perl prints it: 10240.0 is '10240'."""
    return '%.15g' % value


def digits(text):
    """All digits of the text as one number: '5.5G' is 55."""
    return int(re.sub(r'[^0-9]', '', text or '') or 0)


def hexadecimal(text):
    """hex(): up to the first character that is no hex digit; '' is 0."""
    found = HEX.match(text or '')[1].replace('_', '')
    return int(found, 16) if found else 0


def split(text, separator):
    """split(): without the empty fields at the end."""
    fields = (text or '').split(separator)
    while fields and not fields[-1]:
        fields.pop()
    return fields


def true(text):
    """Is a text true? '' and '0' are not."""
    return text not in (None, '', '0')


def matches(pattern, text):
    """Does a regular expression match, in any case? A wrong one does not."""
    try:
        return bool(re.search(pattern, text, re.IGNORECASE))
    except re.error:
        return False
