# SPDX-License-Identifier: Apache-2.0
"""The management node is away for a while, and comes back."""

from tests.cloud import case


class OutageTest(case.CloudCase):

    def prepared(self):
        """A server with one volume, which has data, and a volume beside."""
        server = self.boot(self.image(), self.flavor())
        kept, other = self.volumes(2)
        self.reached('ACTIVE', server)
        self.attach(server, kept)
        self.reached('in-use', kept)
        self.node = self.guest(server)
        self.world.write(self.node, kept.id, self.name)
        return server, kept, other

    def states(self):
        """By Cinder's list of services: back-ends and their states."""
        return {each.host: (each.state, each.backend_state) for each
                in self.cloud.block_storage.services()
                if each.binary == 'cinder-volume'}

    def assertStates(self, wanted):
        self.wait(lambda: {state for _, state in self.states().values()}
                  == {wanted}, 'all back-ends are ' + wanted)

    def test_refused_operations_fail_in_words_and_succeed_afterwards(self):
        server, kept, other = self.prepared()
        self.addCleanup(self.world.forget_faults)
        # what a web server says in front of an xcatd that is stopped
        self.world.fault(server='mn', status=503, times=0)
        failed = self.order()
        self.attach(server, other)
        self.wait(lambda: self.look(failed).status == 'error', 'it fails')
        self.assertTrue(self.messages(failed))
        self.wait(lambda: self.look(other).status == 'available',
                  'the attach fails')
        self.assertIn('Error', self.fault(server))
        self.assertIn('503', self.services.log('cinder-volume'))
        self.assertStates('down')
        self.assertEqual({0}, {
            pool.capabilities['free_capacity_gb'] for pool
            in self.cloud.block_storage.backend_pools()})

        self.world.forget_faults()
        self.assertStates('up')
        self.delete(failed)
        again = self.order()
        self.attach(server, other)
        self.reached('available', again)
        self.reached('in-use', other)
        self.assertTrue(self.world.reads(self.node, kept.id, self.name))

    def test_what_it_halts_goes_on_with_it(self):
        server, kept, other = self.prepared()
        copied, = self.volumes(1)
        self.services.halt()
        self.addCleanup(self.services.go_on)
        made = self.order()
        clone = self.order(source_volume_id=copied.id)
        self.attach(server, other)
        self.detach(server, kept)
        for volume in (made, clone):
            self.wait(lambda volume=volume: self.look(volume).host,
                      'cinder-volume has it')
        self.assertEqual(
            ['creating', 'creating', 'detaching'],
            [self.look(volume).status for volume in (made, clone, kept)])
        self.services.go_on()
        self.reached('available', made, clone, kept)
        self.reached('in-use', other)
        self.assertTrue(self.world.holds(kept.id, self.name))

    def test_after_an_ipl_of_all_a_reboot_brings_the_volumes_back(self):
        """Management node and LPARs are off; connections are refused."""
        server, kept, other = self.prepared()
        self.services.end_simulator()
        self.addCleanup(self.services.start_simulator)
        failed = self.order()
        self.wait(lambda: self.look(failed).status == 'error', 'it fails')
        self.services.start_simulator()
        self.assertEqual('off', self.world.guest('zvmssio1',
                                                 self.node)['power'])
        self.assertStates('up')
        self.cloud.compute.reboot_server(server, 'HARD')
        self.reached('ACTIVE', server)
        self.assertTrue(self.world.reads(self.node, kept.id, self.name))
        self.attach(server, other)
        self.reached('in-use', kept, other)
        self.delete(failed)
