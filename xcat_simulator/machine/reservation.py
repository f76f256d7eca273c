# SPDX-License-Identifier: Apache-2.0
"""Persistent reservations of a disk, as a storage server keeps them.

Facts it keeps to (SCSI Primary Commands, SPC-4):

- Who registers is a nexus: an initiator's port at one target port. Each has
  one key; several may have the same.
- One reservation at most, of a nexus or, with two of the types, of all that
  are registered. It ends with its holder's registration.
- Registering, clearing and preempting count the generation up, reserving and
  releasing do not.
- The storage server stays on when z/VM goes down: what it keeps is there
  afterwards, with APTPL or without.
"""

import json
import os
import stat
import threading
import weakref

from xcat_simulator.machine import whole

TYPES = {1: 'Write Exclusive', 3: 'Exclusive Access',
         5: 'Write Exclusive, registrants only',
         6: 'Exclusive Access, registrants only',
         7: 'Write Exclusive, all registrants',
         8: 'Exclusive Access, all registrants'}
_OF_ALL = (7, 8)
_OF_ONE = (1, 3)
_NO_READ = (3, 6, 8)
_REGISTERS = ('Register', 'Register and ignore existing key')
# The initiator of a host that is none of ours: see events.
FOREIGN = '2100000e1e09f0e1'
# How the file beside the disk's ends.
BESIDE = '.reservations'


class Conflict(Exception):
    """The command ends with the status RESERVATION CONFLICT."""


class Invalid(Exception):
    """The command has a field that is not allowed (ILLEGAL REQUEST)."""


class Reservations:
    """Registrations and the reservation of the disk whose file is `path`.

    A nexus is (initiator WWPN, target WWPN). The file of a disk that is
    reserved has the sticky bit, which nothing else uses: so programs that run
    hundreds of times see at once when there is nobody to ask. What there is
    stands in a file beside the disk's.
    """

    def __init__(self, path):
        self._path = path
        self._lock = threading.Lock()
        self.generation = 0
        self.keys = {}
        self.type = 0         # 0: not reserved
        self.holder = None    # of a reservation that one nexus holds
        self.aptpl = False
        self._read()

    def _read(self):
        try:
            with open(self._path + BESIDE, encoding='ascii') as stream:
                found = json.load(stream)
        except FileNotFoundError:
            return
        self.generation, self.type = found['generation'], found['type']
        self.holder = found['holder'] and tuple(found['holder'].split())
        self.keys = {tuple(nexus.split()): int(key, 16)
                     for nexus, key in found['keys'].items()}
        self.aptpl = found['aptpl']

    def out(self, action, nexus, key, other=0, kind=0, aptpl=False):
        """PERSISTENT RESERVE OUT; raises Conflict or Invalid.

        action: a name of ACTIONS. other: the service action key.
        """
        with self._lock:
            ACTIONS[action](self, nexus, key, other, kind)
            if action in _REGISTERS:
                self.aptpl = aptpl
            self._mark()

    def place(self, nexus, key, kind=0):
        """Register a nexus, and let it hold a reservation, whoever does.

        key: 0 takes its registration away. kind: 0 reserves nothing.
        """
        with self._lock:
            self._set(nexus, key)
            if kind:
                self._hold(nexus, kind)
            self._mark()

    def refuses(self, nexus, write):
        """Does the reservation keep a nexus from reading, or writing?"""
        with self._lock:
            if not self.type or self._holds(nexus) or (
                    self.type not in _OF_ONE and nexus in self.keys):
                return False
            return write or self.type in _NO_READ

    def reserved_by(self):
        """The key that a reader of the reservation is told: 0 for all's."""
        with self._lock:
            return self.keys.get(self.holder, 0)

    def state(self):
        """All of it, in what JSON has."""
        with self._lock:
            return self._state()

    def _state(self):
        return {'generation': self.generation, 'type': self.type,
                'holder': self.holder and ' '.join(self.holder),
                'keys': {' '.join(nexus): '0x%x' % key
                         for nexus, key in self.keys.items()}}

    def _mark(self):
        whole.write(self._path + BESIDE, json.dumps(
            dict(self._state(), aptpl=self.aptpl)).encode())
        mode = stat.S_IMODE(os.stat(self._path).st_mode)
        wanted = mode & ~stat.S_ISVTX | (self.type and stat.S_ISVTX)
        if wanted != mode:
            os.chmod(self._path, wanted)

    def _holds(self, nexus):
        if self.type in _OF_ALL:
            return nexus in self.keys
        return bool(self.type) and nexus == self.holder

    def _hold(self, nexus, kind):
        self.type = kind
        self.holder = None if kind in _OF_ALL else nexus

    def _check(self, nexus, key):
        if not key or self.keys.get(nexus) != key:
            raise Conflict()

    def _set(self, nexus, key):
        if key:
            self.keys[nexus] = key
        elif nexus in self.keys:
            self._remove([nexus])
        else:
            return
        self.generation += 1

    def _remove(self, nexuses):
        for nexus in nexuses:
            del self.keys[nexus]
        if self.holder in nexuses or not self.keys:
            self.type, self.holder = 0, None

    def _register(self, nexus, key, other, _kind):
        if key != self.keys.get(nexus, 0):
            raise Conflict()
        self._set(nexus, other)

    def _register_ignore(self, nexus, _key, other, _kind):
        self._set(nexus, other)

    def _reserve(self, nexus, key, _other, kind):
        self._check(nexus, key)
        if kind not in TYPES:
            raise Invalid()
        if not self.type:
            self._hold(nexus, kind)
        elif kind != self.type or not self._holds(nexus):
            raise Conflict()

    def _release(self, nexus, key, _other, kind):
        """Another's reservation stays, and nothing is said."""
        self._check(nexus, key)
        if self._holds(nexus):
            if kind != self.type:
                raise Invalid()
            self.type, self.holder = 0, None

    def _clear(self, nexus, key, _other, _kind):
        self._check(nexus, key)
        self._remove(list(self.keys))
        self.generation += 1

    def _preempt(self, nexus, key, other, kind):
        """Remove registrations; take the reservation if it was theirs."""
        self._check(nexus, key)
        every = self.type in _OF_ALL and not other
        taken = every or (self.holder is not None
                          and self.keys[self.holder] == other)
        if taken and kind not in TYPES or not (taken or other):
            raise Invalid()
        victims = [each for each, theirs in self.keys.items()
                   if (every or theirs == other)
                   and not (taken and each == nexus)]
        if not (taken or victims):
            raise Conflict()
        self._remove(victims)
        if taken:
            self._hold(nexus, kind)
        self.generation += 1


ACTIONS = {'Register': Reservations._register,
           'Register and ignore existing key': Reservations._register_ignore,
           'Reserve': Reservations._reserve,
           'Release': Reservations._release,
           'Clear': Reservations._clear,
           'Preempt': Reservations._preempt,
           'Preempt and abort': Reservations._preempt}
_known = weakref.WeakValueDictionary()
_known_lock = threading.Lock()


def of(path):
    """The Reservations of a disk's file, whoever asks."""
    with _known_lock:
        found = _known.get(path)
        if found is None:
            found = _known[path] = Reservations(path)
        return found
