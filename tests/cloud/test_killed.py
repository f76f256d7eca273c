# SPDX-License-Identifier: Apache-2.0
"""cinder-volume and nova-compute, killed while they work.

What was written before is there, each LUN is a volume's that Cinder knows,
and what failed can be deleted and tried again.
"""

import concurrent.futures
import time

from openstack import exceptions

from tests.cloud import repairs

# Seconds; longer than any lease in the ledger.
_LEASES = 7300


class KilledTest(repairs.CrashCase):

    def setUp(self):
        super().setUp()
        # whatever a test has left dead
        self.addCleanup(self.services.started, self.cloud)
        self.picture, self.small = self.image(), self.flavor()
        self.words = {}
        # LUNs that have waited before, for a crash of others
        self.before = set(self.world.luns())

    # before

    def prepared(self, servers, volumes):
        """Servers, and volumes with data: one of all is attached."""
        self.servers = [self.boot(self.picture, self.small)
                        for _ in range(servers)]
        made = self.volumes(volumes)
        self.reached('ACTIVE', *self.servers)
        for volume in made:
            self.fill(volume)
        return made

    def fill(self, volume):
        """As a guest would have."""
        self.words[volume.id] = 'of %s' % volume.id
        self.world.scribble(volume.id, self.words[volume.id])

    def clone(self, source):
        return self.order(source_volume_id=source.id)

    # the load

    def at_once(self, *deeds):
        """Asks for all at once.

        :param deeds: (function, argument ...) tuples
        :returns: what each returned; None where the API refused
        """
        began = time.time()
        pool = concurrent.futures.ThreadPoolExecutor(len(deeds))
        self.addCleanup(pool.shutdown)
        asked = [pool.submit(*deed) for deed in deeds]
        # It works at several of them now.
        self.wait(lambda: len(self.world.requests(began)) > 4,
                  'the management node is asked')
        return asked

    @staticmethod
    def answers(asked):
        found = []
        for each in asked:
            try:
                found.append(each.result())
            except exceptions.HttpException as error:
                # An API may have to tell its user that a service is away.
                if error.status_code < 500:
                    raise
        return found

    # after

    def assertNothingLost(self):
        """Data, LUNs and FCP devices are those of volumes and servers."""
        known = {thing.id: thing for thing in map(
            self.look, (*self._volumes, *self._snapshots)) if thing}
        luns = self.world.luns()
        for volume, word in self.words.items():
            if volume in known:
                self.assertTrue(self.world.holds(volume, word), volume)
        for thing in known.values():
            if thing.status in ('available', 'in-use'):
                self.assertIn(thing.id, luns)
            state = luns[thing.id][1]['state'] if thing.id in luns else None
            self.assertEqual(thing.status == 'in-use', state == 'used',
                             (thing.id, thing.status, state))
        everything = {each.id for each in (
            *self.cloud.block_storage.volumes(details=False),
            *self.cloud.block_storage.snapshots(details=False))}
        self.assertEqual(set(), luns.keys() - everything - self.before)
        self.assertDevicesAreNeeded()

    def assertDevicesAreNeeded(self):
        """Those held are of servers that have a volume."""
        having = {server.id for server in self.cloud.compute.servers()
                  if server.attached_volumes}
        self.assertEqual(set(), {device['instance'] for device
                                 in self.world.devices()} - having)

    def work(self):
        """All can be used again: errors are deleted, attaches repeated."""
        for thing in map(self.look, (*self._volumes, *self._snapshots)):
            if thing is not None and thing.status == 'error':
                self.removed(thing)
        server = self.boot(self.picture, self.small)
        volume = self.order()
        self.reached('ACTIVE', server)
        self.reached('available', volume)
        self.attach(server, volume)
        self.reached('in-use', volume)

    def removed(self, thing):
        if thing in self._snapshots:
            self.cloud.block_storage.delete_snapshot(thing)
        else:
            self.cloud.block_storage.delete_volume(thing)

    def test_cinder_volume(self):
        kept, source, doomed, coming, going, growing = self.prepared(1, 6)
        server, = self.servers
        for volume in (kept, going):
            self.attach(server, volume)
        self.reached('in-use', kept, going)
        del self.words[doomed.id]
        asked = self.at_once(
            (self.order,), (self.order, 'zvmssio2'),
            (self.clone, source),
            (self.snapshot, source),
            (self.cloud.block_storage.delete_volume, doomed),
            (self.cloud.block_storage.extend_volume, growing, 2),
            (self.attach, server, coming), (self.detach, server, going))
        self.services.kill('cinder-volume')
        self.answers(asked)
        # It is away for longer than what it has begun is left alone: jobs on
        # the zHCP end, and so do the leases of what they made.
        self.wait(lambda: not self.world.busy(), 'all jobs are done')
        self.addCleanup(self.world.event, clock='0')
        self.world.event(clock=str(_LEASES))
        self.services.start(self.cloud, 'cinder-volume')
        self.settle(self.servers)
        self.assertNothingLost()
        self.assertTrue(self.world.reads(self.guest(server), kept.id,
                                         self.words[kept.id]))
        self.work()

    def test_both_nova_computes(self):
        kept, coming, going, with_it, booted = self.prepared(3, 5)
        server, doomed, rebooted = self.servers
        for owner, volume in ((server, kept), (server, going),
                              (doomed, with_it)):
            self.attach(owner, volume)
        self.reached('in-use', kept, going, with_it)
        asked = self.at_once(
            (self.attach, server, coming), (self.detach, server, going),
            (self.cloud.compute.delete_server, doomed),
            (self.cloud.compute.reboot_server, rebooted, 'HARD'),
            (self.boot, self.picture, self.small, 'lpar2'))
        self.services.kill('nova-compute', 'n-cpu-2')
        self.answers(asked)
        self.services.start(self.cloud, 'nova-compute', 'n-cpu-2')
        # They have swept, and what waited for them has begun.
        self.settle(self._servers, patience=20)
        self.assertIsNone(self.look(doomed))
        self.assertNothingLost()
        self.assertTrue(self.world.reads(self.guest(server), kept.id,
                                         self.words[kept.id]))
        self.work()
