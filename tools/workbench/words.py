# SPDX-License-Identifier: Apache-2.0
"""What the workbench says, and the error that ends it in words."""

import sys

stream = sys.stdout


class Stop(Exception):
    """Ends the run; the message says what to do."""


def say(text):
    print(text, file=stream, flush=True)


def heading(text):
    say('\n== %s %s' % (text, '=' * max(3, 74 - len(text))))


def tail(path, lines=40):
    """The last lines of a log, for a failure's message."""
    try:
        text = path.read_text(errors='replace')
    except FileNotFoundError:
        return ''
    return '\n'.join(text.splitlines()[-lines:])
