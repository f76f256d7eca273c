# SPDX-License-Identifier: Apache-2.0
"""What a rule of a fault may say, checked when it is set."""

import dataclasses
import http
import math
import re

LONGEST = 86400.0
MATCHING = ('server', 'method', 'path', 'body')
COUNTING = ('nth', 'times')


class BadRule(ValueError):
    """A rule that says nothing, or what no rule can say."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """Which requests, which of them, and what happens to them.

    `given` is the object as it came; `path` and `body` are compiled.
    """

    given: dict
    action: str
    value: object
    server: str | None
    method: str | None
    path: re.Pattern | None
    body: re.Pattern | None
    nth: int
    times: int               # 0: for ever

    def matches(self, server, request):
        return all((
            self.server in (None, server),
            self.method in (None, request.method),
            self.path is None or self.path.search(request.target),
            self.body is None or self.body.search(
                request.body.decode('utf-8', 'replace'))))


def parse(given, servers):
    """The Rule that an object describes; `servers` are those there are."""
    if not isinstance(given, dict):
        raise BadRule('a rule is a JSON object')
    unknown = set(given) - {*MATCHING, *COUNTING, *ACTIONS}
    if unknown:
        raise BadRule('unknown key: ' + ', '.join(sorted(unknown)))
    actions = [key for key in ACTIONS if key in given]
    if len(actions) != 1:
        raise BadRule('a rule has one of ' + ', '.join(ACTIONS))
    action, = actions
    right, words = ACTIONS[action]
    if not right(given[action]):
        raise BadRule('%s is %s' % (action, words))
    server = _text(given, 'server')
    if server is not None and server not in servers:
        raise BadRule('server is one of ' + ', '.join(servers))
    return Rule(given, action, given[action], server, _text(given, 'method'),
                _pattern(given, 'path'), _pattern(given, 'body'),
                _count(given, 'nth', 1), _count(given, 'times', 0))


def seconds_of(value):
    """Is it a number of seconds that somebody may wait?"""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value) and 0 <= value <= LONGEST)


def when(value):
    """Is it a dict that says when: seconds, or at the gate?"""
    if 'gate' in value:
        return value['gate'] is True and 'seconds' not in value
    return seconds_of(value.get('seconds'))


def _late(value):
    return (isinstance(value, dict) and when(value)
            and not set(value) - {'seconds', 'gate', 'answer'}
            and value.get('answer', 'hangup') in ('504', 'hangup'))


def _true(value):
    return value is True


def _whole(value, least=1):
    return type(value) is int and value >= least


def _status(value):
    """A status of which there is a page: not one without a body."""
    return (_whole(value) and (value == 200 or 400 <= value < 600)
            and value in set(http.HTTPStatus))


def _text(given, key):
    value = given.get(key)
    if key in given and not isinstance(value, str):
        raise BadRule('%s is a text' % key)
    return value


def _pattern(given, key):
    text = _text(given, key)
    try:
        return None if text is None else re.compile(text)
    except (re.error, OverflowError, RecursionError) as e:
        raise BadRule('%s is no regular expression: %s' % (key, e)) from e


def _count(given, key, least):
    value = given.get(key, 1)
    if not _whole(value, least):
        raise BadRule('%s is a whole number from %d on' % (key, least))
    return value


_PAGE = '200, or a status from 400 on of which there is a page'
# Key: is its value right, and what it may be in words.
ACTIONS = {
    'latency': (seconds_of, 'a number of seconds'),
    'lost': (_true, 'true'),
    'answer_lost': (_true, 'true'),
    'late': (_late, '{"seconds": SECONDS} or {"gate": true}, '
                    'perhaps with "answer": "504" or "hangup"'),
    'truncated': (_true, 'true'),
    'garbled': (_true, 'true'),
    'html': (_status, _PAGE),
    'status': (_status, _PAGE),
    'hop': (_whole, 'a whole number from 1 on'),
}
