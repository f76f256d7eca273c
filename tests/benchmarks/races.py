# SPDX-License-Identifier: Apache-2.0
"""What foreign writers to a pool file cost, and whether the ledger finds it.

    python -m tests.benchmarks.races [ROUNDS [PAUSE]]

In each round 16 volumes are claimed, attached and detached, four at a time,
each step while others write to the same pool file: two users of the MN
reserve and release LUNs of theirs, one adds lines, on the zHCP `sed -i` runs
in a loop with PAUSE seconds between two edits, and somebody has the file open
in an editor and saves it after a while, again and again.  A swap is lost when
it was acknowledged and the line does not say so afterwards; it is found when
a view tells of it.  Refused are swaps whose line did not stay as written:
these are undone and told.
"""

import collections
import concurrent.futures
import sys
import time
import uuid

from tests.racing import foreign
from tests.racing import truth
from tests.racing import world
from tests import worlds
from xcat_simulator import fixture
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model
from zvm_common.pool import Pool
from zvm_common.xcat import hypervisor
from zvm_common.xcat import session
from zvm_common import zhcp

THREADS = 4
GIB = model.Capacity.from_gib(1)
_FIGURES = ('swaps', 'lost', 'found', 'refused', 'foreign', 'seconds')
_ROW = '%-8s %7s %7s %7s %7s %9s %9s'


def print_row(name, figures):
    print(_ROW % (name, *('%d' % figures[each] for each in _FIGURES)),
          flush=True)


class Bench:
    """Rounds in a simulator; figures by step."""

    def __init__(self, simulator, pause):
        self._simulator = simulator
        self._pause = pause
        self._truth = truth.Truth(simulator)
        self._text = self._truth.pool.read_text()
        connection = session.Session(
            simulator.server, worlds.USER, worlds.PASSWORD,
            ca_file=simulator.ca_file)
        program = zhcp.Zhcp(hypervisor.Hypervisor.find(connection), 'bench')
        self._pool = Pool(program, 'zpool1',
                          model.DeviceRanges.parse(world.ZHCP_DEVICES))
        self._devices = fcp.Devices(
            program, model.DeviceRanges.parse(world.FCP_LIST))
        self._instance = str(uuid.uuid4())
        self._used = {}
        self.figures = collections.defaultdict(collections.Counter)

    def _claim(self, volume):
        self._pool.claim(volume, str(uuid.uuid4()), GIB, GIB, trust=True)

    def _attach(self, volume):
        found = self._pool.look(volume)
        self._used[volume] = self._devices.attach(fcp.AttachRequest(
            volume, found.generation, str(uuid.uuid4()), self._instance,
            'ZVM00001', 'zvm00001')).generation

    def _detach(self, volume):
        self._devices.detach(volume, self._used[volume], self._instance)

    def _once(self, step, volume):
        try:
            step(volume)
        except exceptions.PoolDamaged:
            return False
        return True

    def _race(self, name, volumes):
        """Those volumes whose swap was acknowledged."""
        step, begin = getattr(self, '_' + name), time.monotonic()
        with foreign.Writers(self._simulator, foreign.ALL,
                             self._pause) as writers, \
                concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            done = list(pool.map(lambda each: self._once(step, each),
                                 volumes))
        lost = self._truth.lost()
        found = {str(row.lun) for row in self._pool.view().luns
                 if row.drift and not row.claimable}
        figures = collections.Counter(
            swaps=sum(done), lost=len(lost), found=len(lost & found),
            refused=len(done) - sum(done),
            foreign=sum(writers.counts.values()),
            seconds=time.monotonic() - begin)
        print_row(name, figures)
        self.figures[name].update(figures)
        return [each for each, ok in zip(volumes, done) if ok]

    def round(self):
        self._truth.lay(self._text)
        volumes = [str(uuid.uuid4()) for _ in range(world.LUNS)]
        volumes = self._race('claim', volumes)
        self._devices.hold(self._instance, 'ZVM00001')
        self._race('detach', self._race('attach', volumes))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    pause = float(sys.argv[2]) if len(sys.argv) > 2 else foreign.PAUSE
    print('%d rounds, %g s between two edits of sed' % (rounds, pause))
    print(_ROW % ('step', *_FIGURES))
    with fixture.Simulator(world.race(guests=1)) as simulator:
        bench = Bench(simulator, pause)
        for _ in range(rounds):
            bench.round()
    print('in all')
    for name, figures in bench.figures.items():
        print_row(name, figures)


if __name__ == '__main__':
    main()
