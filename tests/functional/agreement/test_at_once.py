# SPDX-License-Identifier: Apache-2.0
"""Users of the MN and our program write to one file at the same time.

The MN's commands hold nothing between their hops. Our swaps wait for foreign
sed and carry appended lines over; what is lost of them all the same the
ledger knows, and the next request for the volume writes it again.
"""

import collections
import itertools
import os
import threading
import uuid

from tests.functional.agreement import base
from tests.functional.agreement.base import line
from tests.functional.agreement import ledger
from tests.functional.agreement import model
from tests.functional.agreement import stage

#: Volumes that come and go in each of our threads; a soak sets more
ROUNDS = int(os.environ.get('ZVM_AT_ONCE_ROUNDS', '4'))
THREADS = 2
OURS, THEIRS = stage.LUNS[:4], ['4099%04x00000000' % n for n in range(8)]
SIZES = stage.GIB(1), stage.GIB(2)


def new():
    return str(uuid.uuid4())


class Worker(threading.Thread):
    """Steps, as many as there are or until `end`, which raises their errors.

    :param steps: an iterable that takes a step whenever it is asked
    """

    def __init__(self, steps):
        super().__init__()
        self._steps = steps
        self._enough = threading.Event()
        self._problem = None

    def run(self):
        try:
            for _ in self._steps:
                if self._enough.is_set():
                    break
        except BaseException as e:
            self._problem = e

    def end(self):
        self._enough.set()
        self.wait()

    def wait(self):
        self.join()
        if self._problem:
            raise self._problem


class AtOnceTest(base.Story):

    def setUp(self):
        super().setUp()
        # ours are small: no claim takes one of theirs
        self.stage.reset({'zpool1': ''.join(each + '\n' for each in [
            model.HEADER] + [line(lun) for lun in OURS] + [
            line(lun, size='5G') for lun in THEIRS])})
        self.pool = self.stage.pool('zpool1')
        self.held = {}          # LUN -> volume
        self.added = []

    def edits(self, luns):
        """A user who reserves, uses and frees these lines by sed -i."""
        with self.stage.user() as mn:
            for lun in itertools.cycle(luns):
                for status in ('reserved', 'used'):
                    yield mn.change('--reservezfcp', 'zpool1', status, 'lnx9',
                                    '0', '1M', base.W1, lun)
                yield mn.change('--releasezfcp', 'zpool1', base.W1, lun)

    def adds(self):
        """A user who adds lines by >>."""
        with self.stage.user() as mn:
            for number in itertools.count():
                lun = '4098%04x00000000' % number
                self.added.append(lun)
                yield mn.change('--addzfcp2pool', 'zpool1', 'used', base.W1,
                                lun, '5G', base.RANGE, 'lnx9')

    def volumes(self):
        """Ours: volumes come and go, and the last one stays."""
        for left in reversed(range(ROUNDS)):
            found = self.pool.claim(new(), new(), *SIZES, trust=True)
            other = self.held.setdefault(str(found.lun), found.volume_id)
            self.assertEqual(found.volume_id, other)
            yield
            if left:
                del self.held[str(found.lun)]
                self.pool.release(found.volume_id, found.generation)
                self.assertIsNone(self.pool.wait(found.volume_id,
                                                 stage.JOB_SECONDS))

    def run_with(self, *others):
        """Ours among others; others go on until ours are done."""
        others = [Worker(steps) for steps in others]
        ours = [Worker(self.volumes()) for _ in range(THREADS)]
        with self.stage.open_gate():
            for worker in others + ours:
                worker.start()
            try:
                for worker in ours:
                    worker.wait()
            finally:
                for worker in others:
                    worker.end()

    def check(self):
        self.assertEqual(THREADS, len(self.held))
        for lun, volume in self.held.items():
            found = self.pool.look(volume)
            self.assertEqual((lun, 'ours'), (str(found.lun), found.state))
            # what was lost of it is written again
            found = self.pool.claim(volume, new(), *SIZES, trust=True)
            self.assertEqual((lun, ''), (str(found.lun), found.drift))
        rows = {str(row.lun): row for row in self.pool.view().luns}
        self.assertEqual(
            {lun: 'ours' if lun in self.held else 'free' for lun in OURS},
            {lun: rows[lun].state for lun in OURS})
        lines = self.stage.texts()['zpool1'].splitlines()[1:]
        count = collections.Counter(
            model.columns(each)['lun'] for each in lines)
        self.assertEqual([], [each for each in lines if count[
            model.columns(each)['lun']] > 1])
        self.assertEqual({*OURS, *THEIRS}, set(count) - set(self.added))
        for each in lines:
            cells = model.columns(each)
            if cells['lun'] in self.held:
                self.assertEqual(line(
                    cells['lun'], status='reserved', owner=ledger.stamp(
                        self.held[cells['lun']])), each)

    def test_an_editor(self):
        self.run_with(self.edits(THEIRS))
        self.check()

    def test_lines_that_are_added_stay(self):
        self.run_with(self.adds())
        self.check()
        text = self.stage.texts()['zpool1']
        self.assertEqual([], [lun for lun in self.added if lun not in text])

    def test_editors_and_adders(self):
        # they lose lines of each other, but none of ours
        self.run_with(self.edits(THEIRS[:4]), self.edits(THEIRS[4:]),
                      self.adds())
        self.check()
