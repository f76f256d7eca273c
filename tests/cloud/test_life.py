# SPDX-License-Identifier: Apache-2.0
"""A volume's life, with the openstack client and through two servers."""

from tests.cloud import case


class LifeTest(case.CloudCase):

    def test_what_one_server_writes_another_one_reads(self):
        """With the client, as the manual's reader does it."""
        image, flavor = self.image(), self.flavor()
        servers = [self.boot(image, flavor) for _ in range(2)]
        volume = self.adopt_volume(self.openstack(
            'volume', 'create', '--size', '1', '--type', 'zvmssio1',
            self.name)['id'])
        first, second = self.reached('ACTIVE', *servers)
        self.reached('available', volume)
        self.client('server', 'add', 'volume', first.id, volume.id)
        self.reached('in-use', volume)
        node = self.guest(first)
        self.world.write(node, volume.id, self.name)
        self.assertUsed(volume, first)
        self.client('server', 'remove', 'volume', first.id, volume.id)
        self.reached('available', volume)
        self.assertUnused(volume, first)

        snapshot = self.adopt_snapshot(self.openstack(
            'volume', 'snapshot', 'create', '--volume', volume.id,
            self.name)['id'])
        self.reached('available', snapshot)
        self.assertTrue(self.world.holds(snapshot.id, self.name))
        self.attach(second, volume)
        self.reached('in-use', volume)
        self.assertTrue(self.world.reads(self.guest(second), volume.id,
                                         self.name))
        self.assertListed(volume, second)
        self.assertAsked()

    def assertListed(self, volume, server):
        """By the client."""
        found = {each['ID']: each for each in self.openstack('volume', 'list')}
        self.assertEqual('in-use', found[volume.id]['Status'])
        self.assertEqual([server.id], [
            each['server_id'] for each in found[volume.id]['Attached to']])

    def assertUsed(self, volume, server):
        """By the records of the zHCP and by z/VM."""
        _, record = self.world.luns()[volume.id]
        self.assertEqual(('used', server.id),
                         (record['state'], record['instance']))
        line = self.world.lines('zvmssio1')[record['lun']]
        self.assertEqual(('used', self.guest(server)), (line[0], line[5]))
        held = {device['device'] for device in self.world.devices()
                if device.get('instance') == server.id}
        self.assertEqual(held, set(self.world.guest(
            'zvmssio1', self.guest(server))['devices'].values()))
        self.assertEqual(2, len(held))

    def assertUnused(self, volume, server):
        self.assertEqual('ours', self.world.luns()[volume.id][1]['state'])
        self.assertEqual({}, self.world.guest(
            'zvmssio1', self.guest(server))['devices'])
        self.assertEqual([], [device for device in self.world.devices()
                              if device.get('instance') == server.id])

    def assertAsked(self):
        """The simulated management node and Cloud Connector did it."""
        asked = self.world.requests(self.began)
        self.assertTrue([each for each in asked if '/dsh' in each['path']])
        self.assertTrue(self.world.requests(self.began, 'connector host1'))
