# SPDX-License-Identifier: Apache-2.0
"""What outlives the process, beside the files of disks and nodes.

On z/VM and a management node a part of the world's state is on disks that the
simulator has none for: xCAT's tables, the user directory. Each such part is a
Kept, which writes its description when it changes, not at the end: a process
that is killed loses nothing that was done.
"""

import dataclasses
import functools
import json
import os

from xcat_simulator.machine import model
from xcat_simulator.machine import whole

FOLDER = 'kept'               # below the simulator's own folder
ORIGIN = 'world'
# Of a world that goes on these are as its file has them now.
_ANEW = ('users', 'version')
_ANEW_OF_LPAR = ('connector_port',)
_NAMES = ('name', 'node', 'number')


class Store:
    """Descriptions (what JSON has) by name, below a simulator's folder."""

    def __init__(self, folder):
        self._top = folder
        os.makedirs(os.path.join(folder, FOLDER), exist_ok=True)

    def read(self, name):
        """A description, None when there is none."""
        try:
            with open(path(self._top, name), encoding='utf-8') as stream:
                return json.load(stream)
        except FileNotFoundError:
            return None
        except ValueError as e:
            raise model.MachineError('%s: %s' % (
                path(self._top, name), e)) from e

    def write(self, name, description):
        whole.write(path(self._top, name), json.dumps(description).encode())

    def goes_on(self, origin):
        """Is there a whole world, of this origin?

        Raises MachineError for one of another.
        """
        found = self.read(ORIGIN)
        if found is None:
            return False
        if found != origin:
            raise model.MachineError(
                '%s keeps a world that was made of another description: %s '
                'is not as it was. Serve that one, or a new one without '
                '--keep' % (self._top, '.'.join(difference(found, origin))))
        return True


class Kept:
    """Something that is described by `described` and taken by `restore`."""

    _write = None

    def keep(self, store, name):
        """Be as the store has it, if it has; from now on write changes."""
        found = store.read(name)
        if found is not None:
            self.restore(found)
        self._write = functools.partial(store.write, name)
        self.changed()

    def changed(self):
        """It has changed: who calls this holds its lock."""
        if self._write is not None:
            self._write(self.described())


def path(folder, name):
    return os.path.join(folder, FOLDER, name + '.json')


def is_whole(folder):
    """Has a world below this folder been finished?"""
    return os.path.exists(path(folder, ORIGIN))


def origin(spec):
    """What a world is made of, as JSON has it: nothing secret is in it."""
    found = json.loads(json.dumps(dataclasses.asdict(spec), default=sorted))
    for key in _ANEW:
        del found[key]
    for lpar in found['lpars']:
        for key in _ANEW_OF_LPAR:
            del lpar[key]
    return found


def difference(old, new):
    """The names that lead to something in which two origins differ."""
    old, new = _by_name(old), _by_name(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            if (key in old) != (key in new):
                return [key]
            if old[key] != new[key]:
                return [key] + difference(old[key], new[key])
    return []


def _by_name(value):
    """A list as a dict, so that its elements can be named."""
    if not isinstance(value, list):
        return value
    return {next((each[key] for key in _NAMES if key in each), str(i))
            if isinstance(each, dict) else str(i): each
            for i, each in enumerate(value)}
