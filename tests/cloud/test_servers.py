# SPDX-License-Identifier: Apache-2.0
"""What happens to servers that have volumes."""

from openstack import exceptions

from tests.cloud import case


class ServersTest(case.CloudCase):

    def setUp(self):
        super().setUp()
        self.small = self.flavor()

    def having(self, server, *volumes):
        """The server's volumes are there, with what is on them."""
        node = self.guest(server)
        for volume in volumes:
            self.assertEqual('in-use', self.look(volume).status)
            self.assertTrue(self.world.reads(node, volume.id, self.name))

    def test_resized_rebooted_and_deleted_it_keeps_its_volumes(self):
        large = self.flavor(1024, 2)
        server = self.boot(self.image(), self.small)
        volumes = self.volumes(2)
        self.reached('ACTIVE', server)
        for volume in volumes:
            self.attach(server, volume)
        self.reached('in-use', *volumes)
        node = self.guest(server)
        for volume in volumes:
            self.world.write(node, volume.id, self.name)

        self.cloud.compute.resize_server(server, large)
        self.reached('VERIFY_RESIZE', server)
        self.cloud.compute.confirm_server_resize(server)
        self.reached('ACTIVE', server)
        self.assertIn(' 1024M ', self.world.guest('zvmssio1',
                                                  node)['directory'])
        self.having(server, *volumes)

        # A path is lost, as by a cable; a reboot brings it back.
        self.unplug(server)
        self.cloud.compute.reboot_server(server, 'HARD')
        self.reached('ACTIVE', server)
        self.having(server, *volumes)
        self.assertEqual(4, len(self.paths(node)))

        self.cloud.compute.delete_server(server)
        self.gone(server)
        self.reached('available', *volumes)
        for volume in volumes:
            self.assertTrue(self.world.holds(volume.id, self.name))
        self.assertIsNone(self.world.guest('zvmssio1', node))

    def paths(self, node):
        """FCP device, port and LUN of each path that a guest has."""
        return self.world.run(node, 'lszfcp -D').splitlines()

    def unplug(self, server):
        node = self.guest(server)
        path = self.paths(node)[0].split()[0].replace('/', ':')
        self.world.run(node, 'chzdev -d zfcp-lun %s --no-root-update --yes '
                       '--quiet' % path)
        self.assertEqual(3, len(self.paths(node)))

    def test_one_boots_from_a_volume_and_leaves_it_with_its_data(self):
        root = self.reached('available', self.order(
            image_id=self.image().id))
        server = self.boot(None, self.small, block_device_mapping=[
            {'boot_index': 0, 'uuid': root.id, 'source_type': 'volume',
             'destination_type': 'volume', 'delete_on_termination': False}])
        self.reached('ACTIVE', server)
        node = self.guest(server)
        found = self.world.guest('zvmssio1', node)
        lun = self.world.luns()[root.id][1]['lun']
        self.assertTrue(found['root'].endswith(lun), found['root'])
        self.assertIn('/dev/mapper/3%s / ' % (
            self.world.luns()[root.id][1]['wwid']), self.world.run(
                node, 'cat "$ZVM_ROOT"/proc/mounts'))
        self.cloud.compute.delete_server(server)
        self.gone(server)
        self.reached('available', root)
        with open(self.world.disk_of(root.id), 'rb') as disk:
            self.assertEqual(b'zvm-simulator: distro=rhel9\n', disk.read(28))

    def test_a_volume_of_another_lpar_is_refused_in_words(self):
        image = self.image()
        here, there = self.boot(image, self.small), self.boot(
            image, self.small, 'lpar2')
        volume, = self.volumes(1, 'zvmssio2')
        self.reached('ACTIVE', here, there)
        refused = self.assertRaises(exceptions.BadRequestException,
                                    self.attach, here, volume)
        self.assertIn('availability_zone', str(refused))
        self.assertEqual('available', self.look(volume).status)
        self.attach(there, volume)
        self.reached('in-use', volume)
        node = self.guest(there)
        self.world.write(node, volume.id, self.name)
        self.assertTrue(self.world.reads(node, volume.id, self.name))
        self.assertEqual('zvmssio2', self.world.luns()[volume.id][0])
        self.assertIsNone(self.world.guest('zvmssio1', node))
