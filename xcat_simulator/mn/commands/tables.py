# SPDX-License-Identifier: Apache-2.0
"""Tables: tabdump, gettab, tabch. Those whose rows are nodes are there.

tabdump also shows those of images.
"""

import re

from xcat_simulator.mn import install
from xcat_simulator.mn import reply
from xcat_simulator import nodes

NO_TABLE = 'No such table: %s'
NO_KEY = 'Unknown key %s to %s'
NO_COLUMN = 'No column "%s" in table "%s"'
BAD_COLUMN = '%s.%s not a valid table.column description'
BAD_ARGUMENT = ('Incorrect argument "%s".\n', 'Check man tabch or tabch -h\n')
NO_NAMES = ('Missing table name.\n', 'Check man tabch or tabch -h\n')
NOT_THERE = 'Table %s does not exist.\n'
USAGE = ('Usage: %s', 'See the manual page of %s')


class _Refused(Exception):
    """The elements that are the answer."""

    def __init__(self, *elements):
        super().__init__()
        self.elements = list(elements)


def _answer(function):
    def wrapped(world, command):
        try:
            return function(world, list(command.args))
        except _Refused as refused:
            return refused.elements
    return wrapped


def _bad(texts):
    return {'data': list(texts), 'errorcode': ['1']}


def _usage(name):
    return _Refused(_bad(text % name for text in USAGE))


@_answer
def tabdump(world, args):
    if not args:
        return [{'data': sorted([*nodes.TABLES, *install.COLUMNS])}]
    if args[0] in install.COLUMNS:
        return [{'data': world.images.dump(args[0])}]
    if args[0] not in nodes.TABLES:
        return [reply.error(NO_TABLE % args[0])]
    return [{'data': world.nodes.dump(args[0])}]


@_answer
def gettab(world, args):
    """KEY=VALUE,... TABLE.COLUMN...: of the first row that matches."""
    if len(args) < 2:
        raise _usage('gettab')
    keys = _pairs(args[0])
    wanted = [each.partition('.')[::2] for each in args[1:]]
    for table, _ in wanted:
        _known(table, keys, NO_KEY)
    answer = []
    for table, column in wanted:
        row = _matching(world, table, keys)[:1]
        if row:
            label = '%s.%s: ' % (table, column) if len(wanted) > 1 else ''
            answer.append({'data': [label + row[0].get(column, '') or None]})
    return answer


@_answer
def tabch(world, args):
    """KEY=VALUE,... TABLE.COLUMN=VALUE..., or -d KEY=VALUE,... TABLE...."""
    delete = bool({'-d', '--delete'} & set(args))
    args = [word for word in args if word not in ('-d', '--delete')]
    if not args:
        raise _usage('tabch')
    keys = _pairs(args[0])
    if not delete:
        return _change(world, keys, args[1:])
    if len(args) == 1:
        raise _Refused(_bad(NO_NAMES))
    for table in args[1:]:
        if table in nodes.TABLES:
            world.nodes.drop(table, [
                row['node'] for row in _matching(world, table, keys)])
    return [_bad([(NOT_THERE % table).rstrip('\n')])
            for table in args[1:] if table not in nodes.TABLES]


def _change(world, keys, assignments):
    changes = {}
    for each in assignments:
        table, _, rest = each.partition('.')
        if table not in nodes.TABLES:
            raise _Refused(_bad([NOT_THERE % table]))
        _known(table, keys, NO_COLUMN)
        column, value = rest.partition('=')[::2]
        if column.endswith('+'):
            column = column[:-1]
            value = _merged(_matching(world, table, keys), column, value)
        if not _is_column(column, table):
            raise _Refused(reply.error(BAD_COLUMN % (table, column)))
        changes.setdefault(table, {})[column] = value
    for table, values in changes.items():
        found = [row['node'] for row in _matching(world, table, keys)]
        if not found and 'node' in keys:
            found = [keys['node']]
        for name in found:
            world.nodes.change(table, name, values)
    return []


def _is_column(text, table):
    """Is the text, as a pattern, in the name of a column?"""
    try:
        return any(re.search(text, known) for known in nodes.TABLES[table])
    except re.error:
        return False


def _merged(rows, column, value):
    """+=: the old values of a list and the new ones, each once."""
    old = rows[0].get(column, '').split(',') if rows else []
    return ','.join(dict.fromkeys(filter(None, old + value.split(','))))


def _pairs(text):
    keys = {}
    for pair in text.split(','):
        key, equals, value = pair.rpartition('=')
        if not equals:
            raise _Refused(_bad((BAD_ARGUMENT[0] % pair, BAD_ARGUMENT[1])))
        keys[key] = value
    return keys


def _known(table, keys, problem):
    columns = nodes.TABLES.get(table, ())
    wrong = [reply.error(problem % (key, table)) for key in keys
             if key not in columns]
    if wrong:
        raise _Refused(*wrong)


def _matching(world, table, keys):
    return [row for row in world.nodes.rows(table)
            if all(row.get(key, '') == value for key, value in keys.items())]
