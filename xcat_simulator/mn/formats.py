# SPDX-License-Identifier: Apache-2.0
"""Answers for clients that do not ask for JSON.

HTML shows what is in an element's known keys; values are not escaped. XML
has one tag a value and no tag around all.
"""

import html as escaping

from xcat_simulator.mn import perl


def html(elements, commas=False):
    """Tables of values; commas: a value's columns are cells, as tabdump's."""
    return ''.join(
        _table(row(value) for value in element[key])
        for element in elements
        for key, row in (('node', _node), ('data', _columns if commas
                                           else _data), ('info', _info),
                         ('error', _error))
        if element.get(key))


def _table(rows):
    return '<table border=1>%s</table>' % ''.join(rows)


def _cells(values):
    return ''.join('<td>%s</td>' % value for value in values)


def _node(value):
    found = value.get('data') or value.get('error') or []
    return '<tr>%s</tr>' % _cells(value['name'][:1] + found[:1])


def _data(value):
    return '<tr>%s</tr>\n' % _cells(value.split(':', 1) if value else [])


def _columns(value):
    parts = value.split(':', 1) if value else []
    return '<tr>%s</tr>\n' % _cells(cell for part in parts
                                    for cell in part.split(','))


def _info(value):
    """NAME=VALUE, or `Object name: VALUE`: two cells."""
    value = (value or '').strip()
    name, more = value, ''
    if 'Object' in value:
        name, more = (perl.split(value, ':') + ['', ''])[:2]
    elif '=' in value:
        name, _, more = value.partition('=')
    return '<tr>%s</tr>\n' % _cells([name] + ([more] if more else []))


def _error(value):
    return '<tr>%s</tr>' % _cells([value or ''])


def xml(elements):
    return ''.join(line for element in elements
                   for line in _tags(element, '  '))


def _tags(element, indent):
    for key in sorted(element):
        for value in element[key]:
            if isinstance(value, dict):
                yield '%s<%s>\n' % (indent, key)
                yield from _tags(value, indent + '  ')
                yield '%s</%s>\n' % (indent, key)
            else:
                text = escaping.escape(value or '', quote=False)
                yield '%s<%s>%s</%s>\n' % (
                    indent, key, text.replace('"', '&quot;'), key)
