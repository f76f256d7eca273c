# SPDX-License-Identifier: Apache-2.0
"""Cinder and Nova for seconds: what is made for long lives costs too much.

SQLAlchemy keeps what it has compiled with each engine, and each test has an
engine of its own: a good part of its time went by compiling the same
statements again. All engines of a process share them here. They are of one
kind, so that what was compiled for one is right for the others.

Python looks for garbage after each 700 objects; with all of Nova in memory
that took an eighth of the time. Here it does after 20,000.
"""

import gc

from sqlalchemy.engine import base
from sqlalchemy import util

_STATEMENTS = 5000


class _Shared:
    """Knows a statement by the kind of its dialect, not by the dialect."""

    def __init__(self):
        self._kept = util.LRUCache(_STATEMENTS)

    @staticmethod
    def _key(key):
        dialect, *others = key
        return (type(dialect), *others)

    def get(self, key):
        return self._kept.get(self._key(key))

    def __setitem__(self, key, compiled):
        self._kept[self._key(key)] = compiled


def prepare():
    """For this process and its forks, before it has an engine."""
    shared = _Shared()
    # An engine sets its own.
    base.Engine._compiled_cache = property(lambda _: shared,
                                           lambda _engine, _own: None)
    gc.set_threshold(20000, 20, 20)
