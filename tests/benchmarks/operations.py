# SPDX-License-Identifier: Apache-2.0
"""Requests, programs started by dsh and seconds of each operation.

    python -m tests.benchmarks.operations [ROUNDS]

On a real MN each request is a few ssh hops of about a second each, so the
number of requests is what counts; the seconds here are the simulator's.  The
first round sends the programs to their nodes, which later ones need not.
"""

import statistics
import sys
import time
import uuid

from tests import worlds
from xcat_simulator import fixture
from zvm_common import channel
from zvm_common import fcp
from zvm_common import guestdisk
from zvm_common import model
from zvm_common.pool import Copy
from zvm_common.pool import loans
from zvm_common.pool import managing
from zvm_common.pool import moves
from zvm_common.pool import Pool
from zvm_common.pool import Reference
from zvm_common.xcat import guest
from zvm_common.xcat import hypervisor
from zvm_common.xcat import session
from zvm_common import zhcp


# Of a storage server whose LUNs are in no pool
_PORT = model.Wwpn('500507680b110001')
_LUN = model.Lun('0001000000000000')


class Bench:
    """One volume's life, again and again; figures by operation."""

    def __init__(self, simulator):
        self._simulator = simulator
        connection = session.Session(
            simulator.server, worlds.USER, worlds.PASSWORD,
            ca_file=simulator.ca_file)
        program = zhcp.Zhcp(hypervisor.Hypervisor.find(connection), 'bench')
        self._pool = Pool(program, 'zpool1',
                          model.DeviceRanges.parse('3B0E;3C0E'))
        self._other = moves.other(
            self._pool, 'zpool2', 'other',
            model.DeviceRanges.parse('3B0E;3C0E'))
        self._devices = fcp.Devices(
            program, model.DeviceRanges.parse('3B00-3B0D;3C00-3C0D'))
        self._guest = guestdisk.GuestDisk(guest.Node(connection, 'guest1'))
        self._over_iucv = guestdisk.GuestDisk(
            channel=channel.Iucv(program, 'LNX00001'))
        self.figures = {}

    def measure(self, name, function, *args):
        self._simulator.forget_requests()
        begin = time.perf_counter()
        result = function(*args)
        seconds = time.perf_counter() - begin
        self.figures.setdefault(name, []).append(
            (len(self._simulator.requests()), seconds))
        return result

    def round(self):
        volume, instance = str(uuid.uuid4()), str(uuid.uuid4())
        gib = model.Capacity.from_gib
        self.measure('claim', self._pool.claim, volume, str(uuid.uuid4()),
                     gib(1), gib(1))
        lun = self.measure('wait for a clean LUN', self._pool.wait, volume,
                           600)
        self.measure('hold FCP devices', self._devices.hold, instance,
                     'LNX00001')
        used = self.measure('attach: zHCP', self._devices.attach,
                            fcp.AttachRequest(
                                volume, lun.generation, str(uuid.uuid4()),
                                instance, 'LNX00001', 'guest1', ()))
        paths = guestdisk.paths_of(used.devices, used.wwpns, used.lun)
        self.measure('attach: guest, 4 paths', self._guest.attach, volume,
                     used.generation, paths, used.wwid, used.size)
        self.measure('detach: guest', self._guest.detach, volume,
                     used.generation, paths, used.wwid)
        self.measure('attach: guest, by IUCV', self._over_iucv.attach, volume,
                     used.generation, paths, used.wwid, used.size)
        self.measure('detach: guest, by IUCV', self._over_iucv.detach, volume,
                     used.generation, paths, used.wwid)
        ours, _ = self.measure('detach: zHCP', self._devices.detach, volume,
                               used.generation, instance)
        self._foreign(instance)
        self._root(ours)
        ours = self._pool.look(volume)
        ours = self._managed(self._loan(self._copies(ours)))
        volume = ours.volume_id
        self.measure('release', self._pool.release, volume, ours.generation)
        self.measure('wait for the wipe of 1 GiB', self._pool.wait, volume,
                     600)
        self.measure('view of 10 LUNs', self._pool.view)

    def _root(self, lun):
        """For a guest that is off, which is to boot from it."""
        instance = str(uuid.uuid4())
        self._devices.hold(instance, 'LNX00002')
        used = self.measure('attach: zHCP, guest off', self._devices.attach,
                            fcp.AttachRequest(
                                lun.volume_id, lun.generation,
                                str(uuid.uuid4()), instance, 'LNX00002',
                                'guest2', (), off=True))
        self.measure('path to boot by', self._devices.ipl, lun.volume_id,
                     used.generation, instance, used.devices[0],
                     used.wwpns[0])
        self._devices.leave(lun.volume_id, used.generation, instance)

    def _foreign(self, instance):
        """A volume of another back-end at the zHCP, and its devices free."""
        volume = str(uuid.uuid4())
        self._devices.hold(instance, 'LNX00001')
        record = self.measure('record of an other volume',
                              self._devices.other, volume)
        used = self.measure('attach another: zHCP', self._devices.attach,
                            fcp.AttachRequest(
                                volume, record.generation, str(uuid.uuid4()),
                                instance, 'LNX00001', 'guest1',
                                targets=(fcp.Target(_PORT, _LUN),)))
        self.measure('detach another: zHCP', self._devices.detach, volume,
                     used.generation, instance)

    def _loan(self, lun):
        """To a Cinder host and back; the LUN afterwards."""
        host = model.BorrowerName('cinder1')
        lent = self.measure('lend to a host', loans.lend, self._pool, lun,
                            host, ('3B0F', '3C0F'))
        return self.measure('give back', loans.give_back, self._pool,
                            lun.volume_id, lent.generation, host, loans.TOLD)

    def _copies(self, lun):
        """A clone of 1 GiB, and a move; the LUN that the volume has then."""
        clone, move = self._copy(lun, None), self._copy(lun, lun)
        now = self.measure('switch to a copy', self._pool.switch,
                           move.volume_id, lun.volume_id)
        self._pool.wait(move.volume_id, 600)
        self._pool.release(clone.volume_id, clone.generation)
        self._pool.wait(clone.volume_id, 600)
        self._migrate(now)
        return self._pool.look(now.volume_id)

    def _migrate(self, lun):
        """To the other pool and back, with all requests of each."""
        for name, where in (('migrate a volume of 1 GiB', self._other),
                            ('migrate it back', self._pool)):
            move = self.measure(name, self._bring, lun.volume_id, where)
            self._pool.wait(move, 600)

    def _bring(self, volume, where):
        """As the driver does it; the id that the old LUN has then."""
        lun, gib = self._pool.look(volume), model.Capacity.from_gib(1)
        move = str(uuid.uuid4())
        where.copy(move, str(uuid.uuid4()), gib, gib,
                   Copy(lun, 'target', 'all', 600, lun))
        where.wait(move, 600)
        where.switch(move, volume)
        return move

    def _managed(self, lun):
        """It is left to the operator, and is another volume then."""
        self.measure('unmanage', managing.unmanage, self._pool, lun)
        found = self.measure('measure a disk', managing.measure, self._pool,
                             Reference(lun.wwpns, lun.lun))
        now = self.measure('manage', managing.manage, self._pool,
                           str(uuid.uuid4()), str(uuid.uuid4()), found)
        self._pool.confirm([now.volume_id])
        return now

    def _copy(self, lun, replaces):
        made, gib = str(uuid.uuid4()), model.Capacity.from_gib(1)
        self.measure('claim of a copy', self._pool.copy, made,
                     str(uuid.uuid4()), gib, gib, Copy(
                         lun, 'target' if replaces else 'current', 'all',
                         600, replaces))
        return self.measure('wait for a copy of 1 GiB', self._pool.wait,
                            made, 600)


def _world():
    """Two pools of one zHCP, and a guest that runs the agent for IUCV."""
    world = worlds.small()
    guests = world['lpars']['host1']['guests']
    guests['guest1']['linux'] = {'distro': 'rhel9', 'iucv': True}
    guests['guest2']['power'] = 'off'
    pools = world['lpars']['host1']['pools']
    pools['zpool2'] = [dict(pools['zpool1'][0], count=2,
                            lun='4091400000000000')]
    return world


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with fixture.Simulator(_world()) as simulator:
        bench = Bench(simulator)
        for _ in range(rounds):
            bench.round()
    print('%-28s %14s %9s %9s' % ('operation', 'requests', 'seconds', 'most'))
    for name, figures in bench.figures.items():
        requests = [requests for requests, _ in figures]
        seconds = [seconds for _, seconds in figures]
        print('%-28s %6d, later %d %9.2f %9.2f' % (
            name, requests[0], requests[-1], statistics.median(seconds),
            max(seconds)))


if __name__ == '__main__':
    main()
