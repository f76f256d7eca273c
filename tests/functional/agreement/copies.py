# SPDX-License-Identifier: Apache-2.0
"""What our zHCP program makes of copies: LUNs that are filled from others."""

import contextlib

from tests.functional.agreement import ledger
from tests.functional.agreement.ledger import No
from tests.functional.agreement import model


class Ledger(ledger.Ledger):
    """With copies, and what is on the disks."""

    def __init__(self, *args):
        super().__init__(*args)
        # {LUN number: what its copy must read as}, as of the claim
        self._promised = {}

    def write(self, volume, place, token):
        """A tenant writes, who had the volume attached for a moment."""
        record = self.find(volume)
        record.generation += 2
        self.settle(record)
        self.contents.setdefault(record.key[1], {})[place] = token
        return self._told(record)

    def may_be_written(self, volume):
        record = self.find(volume)
        return bool(record and record.state == 'ours'
                    and record.role == 'current'
                    and not self.readers(record))

    def reads(self, volume):
        """What is on a volume's disk."""
        return self.contents.get(self.find(volume).key[1], {})

    # --- jobs die

    def jobs_die(self):
        for record in self.records.values():
            record.job = False

    def sweep(self, pool):
        """The rows of a pool, after what can be mended is."""
        self._read(pool)
        for _, record in sorted(self.records.items()):
            if record.pool == pool:
                self._mend(record)
        return self.rows(pool) + [self._without_line(record)
                                  for record in self._gone(pool)]

    def _mend(self, record):
        if not record.live:
            if self._stamps(record) in [
                    [ledger.stamp(volume)] for volume in record.freed]:
                self.settle(record)
        elif record.state == 'freeing':
            record.clean = False
            with contextlib.suppress(No):
                self._free(record)
        else:
            self.settle(record)
            if record.state == 'wiping' and not record.job:
                record.source = ''
            self._begin_again(record)

    def _stamps(self, record):
        """Owners of its lines that are reserved."""
        lines = [model.columns(self.pools.files[record.pool][place])
                 for place in self._places(record)]
        return [cells['owner'] for cells in lines
                if cells['status'] == 'reserved']

    # --- copy

    def copy(self, pool, volume, operation, least, most, wanted):
        """:param wanted: (source, its generation, role, volume that moves or
            '', its generation)
        """
        again = self._again(volume, operation)
        if again:
            return again
        source, generation, role, moves, moves_generation = wanted
        origin = self._readable(source, generation)
        record = self._chosen(pool, volume, operation, least, most)
        record.state, record.clean, record.role = 'copying', False, role
        record.source, record.source_generation = source, generation
        record.moves, record.moves_generation = moves, moves_generation
        self._promised[record.key] = dict(self.reads(origin.volume))
        return self._begun(record)

    def _readable(self, volume, generation):
        record = self.find(volume)
        if record is None:
            raise No('unknown')
        if record.state != 'ours':
            raise No('busy')
        if record.generation != generation:
            raise No('stale')
        self._whole(record.pool)
        if self._user(record):
            raise No('busy')
        return record

    def _job_ends(self, record):
        if record.state == 'copying':
            self._copy_ends(record)
        else:
            super()._job_ends(record)

    def _copy_ends(self, record):
        origin = self.find(record.source)
        if (origin.state, origin.generation) != (
                'ours', record.source_generation):
            raise AssertionError('a source has changed under its copy')
        if self._fits(record, origin):
            lun = record.key[1]
            self.contents[lun] = dict(self.reads(record.source))
            if self.contents[lun] != self._promised[record.key]:
                raise AssertionError('a source was written to')
            record.state = 'ours'
        else:
            record.failed = True
        record.source = ''
        record.generation += 1
        self.settle(record)

    def _fits(self, record, origin):
        return (self._is_as_listed(record)
                and self.disks[record.key[1]] >= self.disks[origin.key[1]])

    # --- switch

    def switch(self, copy, volume):
        record = self.find(copy)
        if record is None:
            raise No('unknown')
        if record.moves != volume:
            raise No('busy')
        if (record.role, record.state) == ('target', 'ours'):
            self._switched(record, volume)
        elif record.role != 'old':
            raise No('busy')
        elif record.state == 'wiping':
            self.settle(record)
            record.job = True
        found = self.find(volume)
        if found is None:
            raise No('unknown')
        if found.state == 'ours':
            self.settle(found)
        return self._told(found)

    def _switched(self, record, volume):
        before = self.find(volume)
        if before is None:
            raise No('unknown')
        if before.generation != record.moves_generation:
            raise No('stale')
        if before.state != 'ours':
            raise No('busy')
        self._not_used(before)
        self._not_used(record)
        before.volume, record.volume = record.volume, volume
        before.role, before.moves = 'old', volume
        record.role, record.moves = 'current', ''
        record.generation = 1 + max(record.generation,
                                    record.moves_generation)
        self._to_wipe(before)
        self.settle(record)
        self.settle(before)
