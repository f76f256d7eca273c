# SPDX-License-Identifier: Apache-2.0
"""What our zHCP program makes of pool files that others change too.

Written from "How it works" and the design: the record of a LUN is right, its
line is what others see of it. It works on the files of model.Pools; the MN's
users see there what it writes.

Every verb returns what is told of the volume's LUN (a Seen) or raises No with
the program's word for its refusal.
"""

import dataclasses
import re

from tests.functional.agreement import model

AT_WORK = 'preparing', 'copying', 'wiping'
UNITS = {'M': 1 << 20, 'G': 1 << 30}


class No(Exception):
    """A refusal; its text is the program's word: busy, stale, nolun ..."""


@dataclasses.dataclass
class Record:
    """What the ledger has of a LUN. key: first WWPN and LUN."""

    key: tuple
    pool: str = ''
    wwpns: str = ''
    volume: str = ''
    state: str = 'free'
    generation: int = 0
    clean: bool = False
    wwid: str = ''
    was: str = ''           # the volume for which it could not be wiped
    freed: tuple = ()       # the volumes whose LUN it was before it was free
    job: bool = False       # a wipe or a copy runs
    role: str = ''
    source: str = ''        # the volume that is read for it
    source_generation: int = 0
    moves: str = ''         # the volume whose LUN it becomes, or was
    moves_generation: int = 0
    failed: bool = False    # what its job said is told

    @property
    def live(self):
        return self.state != 'free'


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is told of a LUN."""

    pool: str
    wwpns: str
    lun: str
    state: str
    volume: str
    generation: int
    drift: str
    clean: bool
    twice: bool
    size: int
    role: str = ''
    source: str = ''
    moves: str = ''
    readers: tuple = ()
    failed: bool = False
    job: str = ''


def stamp(volume):
    """A volume as the owner of a line."""
    digits = volume.replace('-', '')
    return '_'.join(digits[i:i + 2] for i in range(0, len(digits), 2))


def size_of(text):
    """Bytes of a size: a client reads it itself, 5.5G are 5.5 GiB."""
    found = re.fullmatch(r'([0-9]+(?:\.[0-9]+)?)([MG])', text)
    return int(float(found[1]) * UNITS[found[2]]) if found else 0


def path_of(line):
    """(WWPNs, LUN) of a line, in lower case."""
    cells = model.columns(line)
    return cells['wwpn'].lower(), cells['lun'].lower()


def key_of(wwpns, lun):
    return wwpns.partition(';')[0], lun


class Ledger:
    """The program and its records, beside the pool files of `pools`.

    :param disks: {LUN number: bytes}; the disk behind a LUN number is one,
        whichever port it is reached by

    ``contents`` is what is on the disks, {LUN number: {place: token}}.
    """

    def __init__(self, pools, disks):
        self.pools = pools
        self.disks = disks
        self.contents = {}
        self.records = {}
        self.past = set()       # operation ids of claims
        self.copies = {}        # lines of pools as they were last read

    # --- what is so

    def find(self, volume):
        for record in self.records.values():
            if record.volume == volume:
                return record
        return None

    def twice(self):
        """LUN numbers on two lines, unless all disks are known to differ."""
        count, unsure, met, placed = {}, set(), set(), set()
        for path in [path_of(line) for _, line in self.pools.lines()]:
            placed.add(key_of(*path))
            self._count(key_of(*path), count, unsure, met)
        for key, record in self.records.items():
            if record.live and key not in placed:
                self._count(key, count, unsure, met)
        return {lun for lun in unsure if count[lun] > 1}

    def _count(self, key, count, unsure, met):
        lun, record = key[1], self.records.get(key)
        count[lun] = count.get(lun, 0) + 1
        wwid = record.wwid if record else ''
        if not wwid or (lun, wwid) in met:
            unsure.add(lun)
        met.add((lun, wwid))

    def rows(self, pool):
        """A Seen for each line of a pool."""
        twice = self.twice()
        return [self._row(pool, line, twice)
                for name, line in self.pools.lines() if name == pool]

    def _row(self, pool, line, twice):
        cells = model.columns(line)
        wwpns, lun = path_of(line)
        record = self.records.get(key_of(wwpns, lun))
        record = record or Record(key_of(wwpns, lun))
        if record.live:
            state, drift = record.state, _drift(record, cells)
        elif cells['status'] == 'free':
            state, drift = 'free', ''
        elif self.is_from_before(line):
            state, drift = 'free', 'reserved'
        elif re.fullmatch('[0-9a-f]{2}(_[0-9a-f]{2}){15}', cells['owner']):
            state, drift = 'lost', ''
        else:
            state, drift = 'foreign', ''
        return Seen(pool, wwpns, lun, state, record.volume,
                    record.generation, drift, record.clean,
                    lun in twice, size_of(cells['size']), *_ways(record))

    def is_from_before(self, line):
        """The line of a LUN as it was before our program freed it."""
        cells = model.columns(line)
        record = self.records.get(key_of(*path_of(line)))
        return (record is not None and cells['status'] == 'reserved'
                and cells['owner'] in map(stamp, record.freed))

    def _told(self, record):
        """What an answer says of a volume's LUN."""
        rows = self.rows(record.pool)
        if record.pool in self.pools.files:
            self._forget_foreign(record.pool, rows)
        for row in rows + [self._without_line(record)]:
            if row.volume == record.volume:
                return dataclasses.replace(
                    row, readers=self.readers(record), job=_job(record))

    def readers(self, record):
        """Volumes that are being copied from this one."""
        return tuple(each.volume for _, each in sorted(self.records.items())
                     if each.source and each.source == record.volume)

    @staticmethod
    def _without_line(record):
        return Seen(record.pool, record.wwpns, record.key[1], record.state,
                    record.volume, record.generation, 'gone', record.clean,
                    False, 0, *_ways(record))

    # --- what comes back

    def _whole(self, pool):
        """A pool's file that is away comes back as it was last read."""
        if pool in self.pools.files:
            return
        if pool not in self.copies:
            raise No('nopool')
        self.pools.files[pool] = list(self.copies[pool])
        for record in self.records.values():
            if record.pool == pool and (record.live
                                        or self._is_stamped(record)):
                self.settle(record)

    def _is_stamped(self, record):
        places = self._places(record)
        owners = [model.columns(self.pools.files[record.pool][place])['owner']
                  for place in places]
        return any(re.fullmatch('[0-9a-f]{2}(_[0-9a-f]{2}){15}', owner)
                   for owner in owners)

    def _gone(self, pool):
        """Records of LUNs in use that stand on no line of any pool."""
        on = {key_of(*path_of(line)) for _, line in self.pools.lines()}
        found = [record for record in self.records.values() if record.live
                 and record.pool == pool and record.key not in on]
        return sorted(found, key=lambda record: record.key)

    def _copied(self, record):
        return next((line for line in self.copies.get(record.pool, [])
                     if not line.startswith('#')
                     and key_of(*path_of(line)) == record.key), None)

    def _read(self, pool):
        """The rows of a pool, after lines in use have come back."""
        self._whole(pool)
        for record in self._gone(pool):
            if self._copied(record):
                self.pools.files[pool].append(self._copied(record))
                self.settle(record)
        rows = self.rows(pool)
        self._forget_foreign(pool, rows)
        if not any(self._copied(record) for record in self._gone(pool)):
            self.copies[pool] = list(self.pools.files[pool])
        return rows

    def _forget_foreign(self, pool, rows):
        """What others may have written to since our wipe is not clean.

        Its line was theirs, was away, or is not the only one of its LUN.
        """
        here = {}
        for row in rows:
            here.setdefault(key_of(row.wwpns, row.lun), []).append(row)
        for key, record in self.records.items():
            found = here.get(key, [])
            moved = not record.live and (record.pool == pool) != bool(found)
            if moved or any(row.twice or row.state in ('foreign', 'lost')
                            for row in found):
                record.clean = False

    # --- verbs

    def view(self, pool):
        """The rows of a pool, and LUNs in use that have no line."""
        return self._read(pool) + [self._without_line(record)
                                   for record in self._gone(pool)]

    def look(self, volume):
        record = self.find(volume)
        if record is None:
            raise No('unknown')
        return self._told(record)

    def cancel(self, volume, operation):
        self.past.add(operation)
        return self.look(volume)

    def claim(self, pool, volume, operation, least, most, trust):
        again = self._again(volume, operation)
        if again:
            return again
        record = self._chosen(pool, volume, operation, least, most)
        record.role = 'current'
        clean, record.clean = record.clean, False
        record.state = 'ours' if clean or trust else 'preparing'
        return self._begun(record)

    def _again(self, volume, operation):
        """What a claim finds that was there before, or None."""
        record = self.find(volume)
        if record:
            if record.state not in ('ours', 'preparing', 'copying'):
                raise No('busy')
            self.settle(record)
            self._begin_again(record)
            return self._told(record)
        if operation in self.past:
            raise No('stale')
        return None

    @staticmethod
    def _begin_again(record):
        """A job that died; a copy that failed has not."""
        record.job = record.state in AT_WORK and not record.failed

    def _chosen(self, pool, volume, operation, least, most):
        """The record of the LUN that a claim takes."""
        rows = self._read(pool)
        if any(row.state == 'lost' for row in rows):
            raise No('ledger')
        fit = [(row.size, not row.clean, place, row)
               for place, row in enumerate(rows)
               if row.state == 'free' and not row.twice
               and least <= row.size <= most and row.size]
        if not fit:
            raise No('nolun')
        self.past.add(operation)
        return self._taken(min(fit)[-1], volume)

    def _taken(self, row, volume):
        for other in self.records.values():
            if other.was == volume:
                other.was = ''
        key = key_of(row.wwpns, row.lun)
        record = self.records.setdefault(key, Record(key))
        record.pool, record.wwpns, record.volume = row.pool, row.wwpns, volume
        record.was, record.generation = '', record.generation + 1
        record.freed, record.failed = (), False
        return record

    def _begun(self, record):
        if not self.settle(record):
            raise AssertionError('a line that was just free is not written')
        record.job = record.state != 'ours'
        return self._told(record)

    def release(self, volume, generation):
        record = self.find(volume)
        if record is None:
            raise No('unknown')
        if record.state == 'freeing':
            self._free_again(record)
        if record.state == 'wiping' and record.job:
            self.settle(record)
            return self._told(record)
        if record.generation != generation:
            raise No('stale')
        self._not_used(record)
        self._to_wipe(record)
        self.settle(record)
        return self._told(record)

    def _not_used(self, record):
        """Neither by a guest that is not ours, nor by a copy."""
        self._whole(record.pool)
        if self._user(record) or self.readers(record):
            raise No('busy')

    @staticmethod
    def _to_wipe(record):
        """A copy that runs reads its source until it sees that."""
        if not record.job:
            record.generation += 1
            record.clean = False
            record.job = True
            record.source = ''
        record.state, record.failed = 'wiping', False

    def wait(self, volume):
        """After the end of its job."""
        record = self.find(volume)
        if record is None:
            raise No('wipe' if any(
                each.was == volume and each.state == 'quarantined'
                for each in self.records.values()) else 'unknown')
        if record.state == 'freeing':
            self._free_again(record)
        if record.state == 'quarantined':
            raise No('wipe')
        if record.state == 'copying' and record.failed:
            raise No('copy')
        return self._told(record)

    # --- jobs

    def jobs_end(self):
        """All jobs that run come to their ends."""
        for record in self.records.values():
            if record.job:
                record.job = False
                self._job_ends(record)

    def _job_ends(self, record):
        self._wiped(record)

    def _is_as_listed(self, record):
        """Whether the disk is no smaller than its line says; then known."""
        listed = [row.size for row in self.rows(record.pool)
                  if (row.wwpns, row.lun) == (record.wwpns, record.key[1])]
        if listed and listed[0] > self.disks[record.key[1]]:
            return False
        record.wwid = record.key[1]
        return True

    def _wiped(self, record):
        record.source = ''
        if not self._is_as_listed(record):
            if record.state == 'preparing':
                record.was, record.volume = record.volume, ''
            record.state, record.failed = 'quarantined', True
            record.moves = ''
            record.generation += 1
            self.settle(record)
            return
        self.contents.pop(record.key[1], None)
        if record.state == 'wiping':
            record.clean = True
            try:
                self._free(record)
            except No:
                pass            # freeing, until its line can be written
        else:
            record.state = 'ours'
            record.generation += 1
            self.settle(record)

    def _free(self, record):
        record.state = 'freeing'
        if not self.settle(record):
            record.clean = False
            raise No('badpool')
        record.freed = (record.volume,)
        if record.role == 'old':
            record.freed += (record.moves,)
        record.state, record.volume = 'free', ''
        record.role = record.moves = ''

    def _free_again(self, record):
        """Nobody knows what became of it since its wipe."""
        record.clean = False
        self._free(record)
        raise No('unknown')

    # --- the line

    def _places(self, record):
        lines = self.pools.files.get(record.pool, [])
        return [place for place, line in enumerate(lines)
                if not line.startswith('#')
                and path_of(line) == (record.wwpns, record.key[1])]

    def _user(self, record):
        """Has somebody else made the LUN used?"""
        lines = self.pools.files.get(record.pool, [])
        return any(model.columns(lines[place])['status'].lower() == 'used'
                   for place in self._places(record))

    def settle(self, record):
        """The line as the record has it; False where it cannot be."""
        places = self._places(record)
        lines = self.pools.files.get(record.pool, [])
        want = _wanted(record)
        if len(places) == 1:
            cells = lines[places[0]].split(',')
            if (cells[0], *cells[5:7]) == want:
                return True
        if self._user(record) or len(places) != 1:
            return False
        cells += [''] * (8 - len(cells))
        cells[0], cells[5], cells[6] = want
        lines[places[0]] = ','.join(cells)
        return True


def _wanted(record):
    """Status, owner, channel of the line of a record."""
    if record.state in ('free', 'freeing'):
        return 'free', '', ''
    return 'reserved', stamp(record.volume), ''


def _ways(record):
    """What a row tells of copies."""
    return (record.role, record.source, record.moves, (), record.failed)


def _job(record):
    if record.state not in AT_WORK:
        return ''
    return 'runs' if record.job else 'dead'


def _drift(record, cells):
    """How a line differs from its record: a status, 'owner' or ''."""
    if record.state == 'freeing':
        return ''
    if cells['status'] != 'reserved':
        return re.sub('[^A-Za-z0-9_.:;+@#$-]', '?', cells['status'])
    return '' if cells['owner'] == stamp(record.volume) else 'owner'
