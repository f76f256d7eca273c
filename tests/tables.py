# SPDX-License-Identifier: Apache-2.0
"""Tables of the manual whose rows name tests."""

import pathlib
import re

_TESTS = pathlib.Path(__file__).resolve().parent
_DOC = _TESTS.parent / 'doc/source'
_NAMED = re.compile(r'``([a-z_/]+[.]py)(?:::(\w+))?``')


def rows(page, begin='', end=None):
    """{row: [(file, class or function or '')]} of all tables of a page.

    The first row of a table is its header, and none of them.

    :param page: below doc/source
    :param begin: what comes before the tables that count
    :param end: what comes behind them
    """
    text = (_DOC / page).read_text().partition(begin)[2] if begin else (
        _DOC / page).read_text()
    if end is not None:
        text = text.partition(end)[0]
    found = {}
    for table in text.split('.. list-table::')[1:]:
        for row in table.split('\n   * - ')[2:]:
            row = re.split(r'\n\n(?! )', row)[0]
            found[row.partition('\n     - ')[0]] = _NAMED.findall(row)
    return found


def is_there(file, name):
    """Whether a test file has that class or function, if one is named."""
    text = (_TESTS / file).read_text()
    return not name or bool(re.search(
        r'^(class| +def) %s\(' % name, text, re.M))


def missing(found):
    """What of :func:`rows` names no test, or one that is not there."""
    return [row for row, tests in found.items() if not tests] + [
        '%s: %s::%s' % (row, *test) for row, tests in found.items()
        for test in tests if not is_there(*test)]
