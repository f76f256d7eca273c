# SPDX-License-Identifier: Apache-2.0
"""An operator's editor: it reads a pool file now and writes it back later.

What others wrote meanwhile is lost, as with vi, which asks nobody who says
:wq! to its warning.
"""

import dataclasses
import os
import re

from xcat_simulator import faultrule

RENAME, IN_PLACE = 'rename', 'in place'
KEYS = {'pool', 'seconds', 'gate', 'replace', 'how'}


class BadEdit(ValueError):
    """What cannot be edited so; the message says why."""


@dataclasses.dataclass(frozen=True)
class Edit:
    """A text to be written to a file: a new file renamed over it, or in it."""

    path: str
    text: str
    how: str
    seconds: float | None     # None: at the gate

    def write(self):
        data = self.text.encode('utf-8', 'surrogateescape')
        if self.how == IN_PLACE:
            with open(self.path, 'r+b') as target:
                target.truncate()
                target.write(data)
            return
        new = os.path.join(os.path.dirname(self.path), '.edited-%x' % id(self))
        mode = os.stat(self.path).st_mode & 0o777
        with open(new, 'wb') as target:
            os.fchmod(target.fileno(), mode)
            target.write(data)
        os.replace(new, self.path)


def begin(host, given):
    """Read the pool file and edit the text; raises BadEdit."""
    _check(given)
    pool = given['pool']
    text = host.pool_text(pool)
    if text is None:
        raise BadEdit('there is no pool %s on %s' % (pool, host.name))
    pattern, new = given['replace']
    try:
        edited = re.sub(pattern, new, text, flags=re.MULTILINE)
    except (re.error, IndexError, OverflowError, RecursionError) as e:
        raise BadEdit('replace: %s' % e) from e
    return Edit(os.path.join(host.pool_folder, pool + '.conf'), edited,
                given.get('how', RENAME), given.get('seconds'))


def _check(given):
    if not isinstance(given, dict) or set(given) - KEYS:
        raise BadEdit('an edit is a JSON object with ' + ', '.join(
            sorted(KEYS)))
    pool, replace = given.get('pool'), given.get('replace')
    if not isinstance(pool, str) or not re.fullmatch(r'[\w-]+', pool):
        raise BadEdit('pool is the name of a pool')
    if not faultrule.when(given):
        raise BadEdit('an edit has seconds, or "gate": true')
    if not (isinstance(replace, list) and len(replace) == 2
            and all(isinstance(each, str) for each in replace)):
        raise BadEdit('replace is [REGULAR EXPRESSION, TEXT]')
    if given.get('how', RENAME) not in (RENAME, IN_PLACE):
        raise BadEdit('how is "rename" or "in place"')
