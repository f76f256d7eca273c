# SPDX-License-Identifier: Apache-2.0
"""How a tool refuses a command line."""
import getopt


class Usage(Exception):
    """The arguments are wrong; `code` is the exit status."""

    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code


def options(arguments, short, long=(), code=1):
    """GNU-style parsing: (list of (option, value), positional words)."""
    try:
        return getopt.gnu_getopt(arguments, short, list(long))
    except getopt.GetoptError as error:
        raise Usage(str(error), code)
