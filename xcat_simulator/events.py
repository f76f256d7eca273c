# SPDX-License-Identifier: Apache-2.0
"""Events: what makes something in an LPAR fail, or work again."""

import re


class BadEvent(ValueError):
    """An event that is none of those that the simulator knows."""


def apply(hosts, event):
    """Make something fail or work on these LPARs; BadEvent for what is none.

    An event is a dict of one key. Nothing is done of one that is refused.
    """
    if not isinstance(event, dict) or len(event) != 1:
        raise BadEvent('an event is a JSON object of one key')
    (key, value), = event.items()
    if key not in EVENTS:
        raise BadEvent('unknown event; known: ' + ', '.join(sorted(EVENTS)))
    pattern, rule, function = EVENTS[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadEvent('%s is %s' % (key, rule))
    for host in hosts:
        function(host, value)


def _zhcp(host, value):
    host.zhcp_up = value == 'up'


def _dd(host, value):
    host.zhcp.linux.set_dd_fails(value == 'fails')


def _smapi_fails(host, value):
    name, code, reason, text = (value or ' 0 0 ').split(' ', 3)
    host.lpar.smapi_fail(name, int(code), int(reason), text)


# Key: what its value may be, as a pattern and in words, and what it does.
EVENTS = {
    'zhcp': (re.compile('up|down'), 'up or down', _zhcp),
    'dd': (re.compile('fails|works'), 'fails or works', _dd),
    'smapi_fails': (
        re.compile(r'|[A-Z][A-Za-z0-9_]* [0-9]{1,5} [0-9]{1,5} .*',
                   re.DOTALL),
        'FUNCTION RC RS TEXT, or empty', _smapi_fails),
}
