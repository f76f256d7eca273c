# SPDX-License-Identifier: Apache-2.0
"""One step on the simulator and on the model: what differs is an error."""

import types
import uuid

from tests.functional.agreement import copies
from tests.functional.agreement import ledger
from tests.functional.agreement import model
from tests.functional.agreement import stage
from zvm_common import model as values
from zvm_common.pool import claims

GIB = 1 << 30


def seen(state):
    """A LunState as the model tells it."""
    return ledger.Seen(
        state.pool, ';'.join(map(str, state.wwpns)), str(state.lun),
        state.state, state.volume_id or '', state.generation, state.drift,
        state.clean, state.twice, state.capacity.bytes if state.capacity
        else 0, state.role, state.source or '', state.moves or '',
        state.readers, bool(state.why), state.job)


def same(expected, found, what):
    if expected != found:
        raise AssertionError('%s\nthe model says: %r\nthe answer is:  %r'
                             % (what, expected, found))


class Both:
    """Pool files under the commands of the MN and under our program.

    Each method takes a step twice, compares what is said, and returns it:
    of the MN's commands the (kind, text) pairs, of our verbs (ledger.Seen or
    None, '' or the word of a refusal). `check` compares what is so.

    :param running: a running stage.Stage
    :param files: {pool: [line without its end, ...]}, without headers
    """

    def __init__(self, running, files):
        self.stage = running
        self.pools = model.Pools(
            {name: [model.HEADER, *lines] for name, lines in files.items()},
            model.Channels(stage.FREE_DEVICES))
        self.ledger = copies.Ledger(self.pools, stage.DISKS)
        self.names = sorted(files)
        running.reset(self._texts())
        self._checked = None
        self._operations = 0
        self._tokens = 0
        # LUN numbers that others may have written to since our last wipe
        self._touched = set(stage.LUNS)

    def _texts(self):
        return {name: self.pools.text(name) for name in self.pools.files}

    # --- users of the MN

    def change(self, *words):
        expected = self.pools.change(words)
        same(expected, self.stage.mn.change(*words), ' '.join(words))
        return expected

    def addzfcp(self, node, *words):
        """POOL DEVICE SIZE [TAG WWPN LUN]."""
        pool, device, size, *path = words
        expected = self.pools.addzfcp(node, stage.GUESTS[node], *words)
        found = self.stage.mn.change_guest(node, '--addzfcp', pool, device,
                                           '0', size, *path)
        # chvm calls itself and prints what it prints, with its empty lines
        same(expected, [(kind, text.strip()) for kind, text in found],
             'addzfcp %s' % (words,))
        return expected

    def removezfcp(self, node, *words):
        """DEVICE WWPN LUN PERSIST."""
        expected = self.pools.removezfcp(node, *words)
        found = self.stage.mn.change_guest(node, '--removezfcp', *words)
        same(expected, found, 'removezfcp %s' % (words,))
        return expected

    def rmvm(self, node):
        expected = [model.element(text) for text in self.pools.rmvm(node)]
        found = [(kind, text) for kind, text in self.stage.rmvm(node)
                 if 'from the directory' not in text]
        same(expected, found, 'rmvm ' + node)
        return expected

    def list_names(self):
        expected = self.pools.names()
        same(expected, self.stage.mn.names(), '--zfcppoolnames')
        return expected

    def listing(self, pool, wanted='all'):
        expected = self.pools.listing(pool, wanted)
        same(expected, self.stage.mn.listing(pool, wanted), (pool, wanted))
        return expected

    # --- we

    def _ask(self, verb, predicted, call, *args):
        try:
            expected = predicted(), ''
        except ledger.No as e:
            expected = None, str(e)
        # the client tells of an unknown volume as None
        if expected[1] == 'unknown' and verb in ('look', 'cancel', 'wait'):
            expected = None, ''
        found, word = self.stage.asked(call, *args)
        same(expected, (found and seen(found), word), verb)
        return expected

    def new_operation(self):
        self._operations += 1
        return str(uuid.UUID(int=self._operations, version=4))

    def claim(self, volume, pool='zpool1', trust=True, most=30, least=1,
              operation=None):
        """Sizes are in GiB."""
        operation = operation or self.new_operation()
        had, taken = self.ledger.find(volume), self._taken()
        found, word = self._ask(
            'claim', lambda: self.ledger.claim(
                pool, volume, operation, least * GIB, most * GIB, trust),
            self.stage.pool(pool).claim, volume, operation,
            values.Capacity(least * GIB), values.Capacity(most * GIB), trust)
        if found and not had:
            assert (found.wwpns, found.lun) not in taken, found
            if found.state == 'ours' and not trust:
                assert found.lun not in self._touched, found
                assert found.lun not in self.ledger.contents, found
        return found, word

    def _taken(self):
        """Of others; not what only looks so since an edit from before."""
        return {ledger.path_of(line) for _, line in self.pools.lines()
                if model.columns(line)['status'] != 'free'
                and not self.ledger.is_from_before(line)}

    def copy(self, volume, source, role='current', moves='', pool='zpool1',
             operation=None, most=30, late=0):
        """:param late: how many generations were before the source's"""
        operation = operation or self.new_operation()
        had, taken = self.ledger.find(volume), self._taken()
        source, moved = self._as_looked_at(source, late), moves and (
            self._as_looked_at(moves))
        wanted = (source.volume_id, source.generation, role, moves,
                  moved.generation if moved else 0)
        found, word = self._ask(
            'copy', lambda: self.ledger.copy(
                pool, volume, operation, GIB, most * GIB, wanted),
            self.stage.pool(pool).copy, volume, operation,
            values.Capacity(GIB), values.Capacity(most * GIB),
            claims.Copy(source, role, 'sampled', 3600, moved or None))
        if found and not had:
            assert (found.wwpns, found.lun) not in taken, found
        return found, word

    def _as_looked_at(self, volume, late=0):
        record = self.ledger.find(volume)
        return types.SimpleNamespace(
            volume_id=volume, scope=self.stage.pool('zpool1').zhcp.scope,
            generation=max(record.generation - late, 0) if record else 1)

    def switch(self, copy, volume):
        held = [self.ledger.find(each) for each in (volume, copy)]
        read = self.ledger.reads(copy) if held[1] else None
        found, word = self._ask(
            'switch', lambda: self.ledger.switch(copy, volume),
            self.stage.pool('zpool1').switch, copy, volume)
        if found and all(held) and found.lun == held[1].key[1]:
            same(read, self.ledger.reads(volume), 'the volume after a switch')
            same(held[0].volume, copy, 'who has the old LUN')
        return found, word

    def _new_token(self):
        self._tokens += 1
        return b'%0*d' % (stage.TOKEN, self._tokens)

    def write_to_free(self, lun, place=0):
        """What is on a LUN that our program knows nothing of."""
        token = self._new_token()
        self.ledger.contents.setdefault(lun, {})[place] = token
        self.stage.write(lun, place, token)

    def write(self, volume, place=0):
        """A tenant writes, who had the volume attached for a moment."""
        token = self._new_token()
        record = self.ledger.find(volume)
        place %= stage.DISKS[record.key[1]] >> 30
        self.stage.write(record.key[1], place, token)
        later = record.generation + 2
        return self._ask(
            'detach', lambda: self.ledger.write(volume, place, token),
            self.stage.detached, volume, later)

    def cancel(self, volume, operation):
        return self._ask(
            'cancel', lambda: self.ledger.cancel(volume, operation),
            self.stage.pool('zpool1').cancel, volume, operation)

    def look(self, volume):
        return self._ask('look', lambda: self.ledger.look(volume),
                         self.stage.pool('zpool1').look, volume)

    def release(self, volume, generation=None):
        """Generation None is the right one."""
        if generation is None:
            record = self.ledger.find(volume)
            generation = record.generation if record else 1
        return self._ask(
            'release', lambda: self.ledger.release(volume, generation),
            self.stage.pool('zpool1').release, volume, generation)

    def wait(self, volume):
        return self._ask('wait', lambda: self.ledger.wait(volume),
                         self.stage.pool('zpool1').wait, volume,
                         stage.JOB_SECONDS)

    def running(self):
        """Volumes whose jobs are at the gate."""
        return [record.volume for record in self.ledger.records.values()
                if record.job]

    def dead(self):
        """Volumes whose jobs have died."""
        return [record.volume for record in self.ledger.records.values()
                if record.state in ledger.AT_WORK and not record.failed
                and not record.job]

    def kill_jobs(self):
        """All jobs at the gate die, with what they have begun."""
        self.stage.kill_jobs([
            ('%s-%s' % (record.key[1], record.key[0]), record.generation)
            for record in self.ledger.records.values() if record.job])
        self.ledger.jobs_die()

    def sweep(self, pool='zpool1'):
        return self._rows('sweep', pool)

    def end_jobs(self):
        """All jobs come to their ends; returns what `wait` says of each."""
        luns = {record.key[1] for record in self.ledger.records.values()
                if record.job and record.state != 'copying'}
        volumes = self.running()
        self.stage.end_jobs()
        self.ledger.jobs_end()
        self._touched -= luns
        return [self.wait(volume) for volume in volumes]

    def delete(self, volume):
        """Release a volume's LUN and wipe it."""
        self.release(volume)
        return self.end_jobs()

    def view(self, pool='zpool1'):
        """A list of ledger.Seen, or the word of a refusal."""
        return self._rows('view', pool)

    def _rows(self, verb, pool):
        try:
            expected = getattr(self.ledger, verb)(pool), ''
        except ledger.No as e:
            expected = None, str(e)
        found, word = self.stage.asked(getattr(self.stage.pool(pool), verb))
        if found:
            same((), found.bad, 'lines that cannot be read')
            found = [seen(state) for state in found.luns]
        same(expected, (found, word), '%s %s' % (verb, pool))
        return expected[0] if expected[1] == '' else expected[1]

    # --- what is so

    def check(self):
        """Files and both views of them, and what must never be."""
        same(self._texts(), self.stage.texts(), 'pool files')
        same({lun: tokens for lun, tokens in self.ledger.contents.items()
              if tokens}, self.stage.contents(), 'disks')
        if self._now() != self._checked:
            for pool in self.names:
                self.listing(pool)
                self.view(pool)
            self._checked = self._now()
        self._note_what_others_have_touched()
        held = [record.key[1] for record in self.ledger.records.values()
                if record.volume]
        same(len(set(held)), len(held), 'LUNs of volumes: %s' % held)
        for record in self.ledger.records.values():
            if record.clean:
                assert not self.ledger.contents.get(record.key[1]), record

    def _now(self):
        return self._texts(), repr(self.ledger.records)

    def _note_what_others_have_touched(self):
        """What is not free, or not there, and not a volume's."""
        ours = {record.key for record in self.ledger.records.values()
                if record.live and record.state != 'freeing'}
        there = set()
        for _, line in self.pools.lines():
            path = ledger.path_of(line)
            there.add(path[1])
            if (ledger.key_of(*path) not in ours
                    and model.columns(line)['status'] != 'free'
                    and not self.ledger.is_from_before(line)):
                self._touched.add(path[1])
        self._touched |= set(stage.LUNS) - there
