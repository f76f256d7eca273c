# SPDX-License-Identifier: Apache-2.0
"""Random harm to JSON-like values, for tests of what reads them."""

import copy

from hypothesis import strategies

SCALARS = strategies.one_of(
    strategies.none(), strategies.booleans(),
    strategies.integers(-5, 2 ** 70), strategies.floats(),
    strategies.text(max_size=20),
    strategies.sampled_from([
        '', '0', 'on', '../x', 'a\n', 'NONE', '4011400000000000', 'x' * 300,
        '0' * 16, 'FFFFFFFFFFFFFFFF', '3B00-3BFF', '\ud800', '\x00', 'free',
        '#status,wwpn\n,,,\nfree,;,4011400000000000,1G\n', '1G', '1E9G']))
VALUES = strategies.recursive(
    SCALARS, lambda inner: strategies.one_of(
        strategies.lists(inner, max_size=3),
        strategies.dictionaries(strategies.text(max_size=8), inner,
                                max_size=3)), max_leaves=6)


def paths(value, here=()):
    """The path of each part of the value, its own () first."""
    yield here
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths(each, here + (key,))
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from paths(each, here + (i,))


@strategies.composite
def harmed(draw, value):
    """The value with one to three parts replaced, removed or added."""
    value = copy.deepcopy(value)
    for _ in range(draw(strategies.integers(1, 3))):
        path = draw(strategies.sampled_from(
            [each for each in paths(value) if each] or [()]))
        if not path:
            return draw(VALUES)
        place = value
        for step in path[:-1]:
            place = place[step]
        act = draw(strategies.sampled_from(['replace', 'remove', 'add']))
        if act == 'replace':
            place[path[-1]] = draw(VALUES)
        elif act == 'remove':
            del place[path[-1]]
        elif isinstance(place, dict):
            place[draw(strategies.text(max_size=8))] = draw(VALUES)
        else:
            place.insert(path[-1], copy.deepcopy(place[path[-1]]))
    return value
