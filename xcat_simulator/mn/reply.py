# SPDX-License-Identifier: Apache-2.0
"""Elements of an answer, as xCAT's message functions make them."""

import re

ERROR = re.compile(r'\(error\)|failed', re.IGNORECASE)


def info(text, **more):
    """An info element; XML has no empty text, so '' becomes null."""
    return dict({'info': [text or None]}, **more)


def error(text, **more):
    return dict({'error': [text], 'errorcode': ['1']}, **more)


def line(text):
    """What zvm.pm prints: an error when the text looks like one.

    What is an element already stays as it is.
    """
    if isinstance(text, dict):
        return text
    return error(text) if ERROR.search(text) else info(text)


def labelled(node, text):
    """Each line of the text with `node: ` before it."""
    lines = text.rstrip('\n').split('\n') if text.strip('\n') else []
    return ''.join('%s: %s\n' % (node, each) for each in lines)
