# SPDX-License-Identifier: Apache-2.0
"""Checks of what the simulator is given, told by key and rule.

The rules are JSON Schemas (draft 2020-12) beside this module; a rule's words
are its `title`. What a schema cannot say stands where the value is read.
"""

import functools
import importlib.resources
import json
import math
import re

import jsonschema

SIZE = re.compile(r'([0-9]{1,12}(?:\.[0-9]{1,12})?)([MG])\Z', re.IGNORECASE)
UNITS = {'M': 1 << 20, 'G': 1 << 30}
MAX_BYTES = 1 << 50
BLOCK = 512
# Half a character of UTF-16, which JSON's \u can say and UTF-8 cannot.
SURROGATE = re.compile('[\ud800-\udfff]')
QUOTES = 'must be text: put it in quotes'
KINDS = {'string': 'text', 'object': 'a mapping', 'array': 'a list',
         'boolean': 'true or false'}


class WorldError(ValueError):
    """A world is wrong: `key` is the path, `rule` what it must be.

    `problems` has all of them that are known, as (key, rule).
    """

    def __init__(self, key, rule, *more):
        self.problems = ((key, rule),) + more
        self.key, self.rule = key, rule
        super().__init__('\n'.join('%s: %s' % each
                                   for each in self.problems))


def schema_text(name):
    """The text of the schema `world` or `initial`."""
    return (importlib.resources.files('xcat_simulator')
            / ('%s.schema.json' % name)).read_text(encoding='utf-8')


def schema(name):
    """The schema `world` or `initial` as a dict."""
    return json.loads(schema_text(name))


def validate(name, value):
    """Check a value against a schema; its name is the path's beginning.

    Raises WorldError with all that is wrong, sorted.
    """
    try:
        problems = set(_no_json(name, value, ()))
        if not problems:
            problems = {
                problem for error in _validator(name).iter_errors(value)
                for problem in _problems(name, error)}
    except RecursionError as e:
        raise WorldError(name, 'is nested too deeply') from e
    if problems:
        first, *more = sorted(problems)
        raise WorldError(*first, *more)


def _no_json(path, value, above):
    """What YAML can say and JSON cannot."""
    if id(value) in above:
        yield path, 'contains itself'
    elif isinstance(value, dict):
        for key, each in value.items():
            here = '%s.%s' % (path, key)
            if not isinstance(key, str):
                yield here, 'the key ' + QUOTES
            elif SURROGATE.search(key):
                yield path, 'the key %a must be Unicode text' % key
                continue
            yield from _no_json(here, each, above + (id(value),))
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from _no_json('%s[%d]' % (path, i), each,
                                above + (id(value),))
    elif isinstance(value, str) and SURROGATE.search(value):
        yield path, 'must be Unicode text'
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, 'must be a number'
    elif not isinstance(value, (str, int, float, type(None))):
        yield path, QUOTES


@functools.cache
def _validator(name):
    # In a schema $ is the end of the text, in Python also before a last
    # line feed.
    def pattern(validator, wanted, instance, part):
        if (isinstance(instance, str)
                and not re.fullmatch(wanted, instance, re.DOTALL)):
            yield jsonschema.ValidationError('does not match')

    kind = jsonschema.validators.extend(
        jsonschema.Draft202012Validator, {'pattern': pattern})
    wanted = schema(name)
    kind.check_schema(wanted)
    return kind(wanted)


def _problems(name, error):
    """(key, rule) for what a jsonschema.ValidationError tells."""
    key = name
    for step in error.absolute_path:
        key += '[%d]' % step if isinstance(step, int) else '.' + step
    if error.validator == 'required':
        for each in error.validator_value:
            if each not in error.instance:
                yield '%s.%s' % (key, each), 'is missing'
    elif error.validator == 'additionalProperties':
        known = error.schema['properties']
        for each in error.instance:
            if each not in known:
                yield '%s.%s' % (key, each), ('unknown key; known: '
                                              + ', '.join(sorted(known)))
    elif 'propertyNames' in error.absolute_schema_path:
        yield '%s.%s' % (key, error.instance), _rule(error)
    else:
        yield key, _rule(error)


def _rule(error):
    """What the value must be, in words."""
    schema, value = error.schema, error.instance
    if error.validator == 'minProperties':
        return 'must name at least one'
    if error.validator == 'enum':
        return 'must be one of ' + ', '.join(
            each for each in schema['enum'] if isinstance(each, str))
    if error.validator == 'type':
        return _kind(schema, value)
    if 'title' not in schema:
        return _limits(schema)
    return '%r must be %s' % (value, schema['title'])


def _kind(schema, value):
    kinds = schema['type']
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if (number and 'string' in kinds and 'integer' not in kinds
            and ('pattern' in schema or '$ref' in schema)):
        return QUOTES
    if kinds != 'object' and kinds != 'string' and 'title' in schema:
        return 'must be ' + schema['title']
    return 'must be ' + KINDS[kinds] if kinds in KINDS else _limits(schema)


def _limits(schema):
    return 'must be a %snumber from %d to %d' % (
        'whole ' if schema['type'] == 'integer' else '',
        schema['minimum'], schema['maximum'])


def size_bytes(text):
    """Bytes of a size such as 10G, 20480M or 5.5G, in whole blocks.

    None for what is no size, or of less than a block or more than 1 PiB.
    """
    match = SIZE.match(text)
    if not match:
        return None
    count = int(float(match[1]) * UNITS[match[2].upper()])
    return count // BLOCK * BLOCK if BLOCK <= count <= MAX_BYTES else None
