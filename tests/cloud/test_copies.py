# SPDX-License-Identifier: Apache-2.0
"""Snapshots, clones, larger volumes and images, with their data."""

import hashlib
import subprocess
import tempfile

from tests.cloud import case
from tests.cloud import world
from tests import zeros


class CopiesTest(case.CloudCase):

    def test_copies_have_the_data_and_a_life_of_their_own(self):
        server = self.boot(self.image(), self.flavor())
        source, = self.volumes(1)
        self.reached('ACTIVE', server)
        node = self.filled(server, source)
        snapshot, clone = self.reached(
            'available', self.snapshot(source),
            self.order(source_volume_id=source.id))
        # What is written now the copies do not have.
        self.attach(server, source)
        self.reached('in-use', source)
        self.world.write(node, source.id, 'later')
        second = self.reached('available', self.order(
            snapshot_id=snapshot.id))
        for copy in (clone, second):
            self.attach(server, copy)
        self.reached('in-use', clone, second)
        for copy in (clone, second):
            self.assertTrue(self.world.reads(node, copy.id, self.name))
        self.assertTrue(self.world.reads(node, source.id, 'later'))

    def test_a_larger_volume_keeps_its_data(self):
        server = self.boot(self.image(), self.flavor())
        volume, = self.volumes(1)
        self.reached('ACTIVE', server)
        node = self.filled(server, volume)
        before = self.world.luns()[volume.id]
        self.note_luns()
        self.cloud.block_storage.extend_volume(volume, 2)
        self.wait(lambda: self.look(volume).size == 2, 'it is larger')
        self.reached('available', volume)
        self.assertTrue(self.world.is_free(*before))
        self.attach(server, volume)
        self.reached('in-use', volume)
        self.assertTrue(self.world.reads(node, volume.id, self.name))
        self.assertGreaterEqual(self.world.size(node, volume.id), 2 << 30)

    def filled(self, server, volume):
        """A guest writes on it; the guest's node."""
        node = self.guest(server)
        self.attach(server, volume)
        self.reached('in-use', volume)
        self.world.write(node, volume.id, self.name)
        self.detach(server, volume)
        self.reached('available', volume)
        return node


class ImagesTest(case.CloudCase):

    def test_a_volume_becomes_an_image_and_the_image_a_volume(self):
        data = hashlib.shake_256(self.name.encode()).digest(3 * world.MIB)
        image = self.image(data)
        volume = self.reached('available', self.order(image_id=image.id))
        self.assertEqual('rhel9',
                         volume.volume_image_metadata['os_distro'])
        with open(self.world.disk_of(volume.id), 'rb') as disk:
            self.assertEqual(data, disk.read(len(data)))
        made = self.cloud.block_storage.upload_volume_to_image(
            volume, self.name, disk_format='qcow2', container_format='bare')
        self.addCleanup(self.delete_image, made['image_id'])
        image = self.cloud.image.get_image(made['image_id'])
        self.wait(lambda: self.look(image).status == 'active', 'the image')
        self.reached('available', volume)
        copy = self.order(image_id=image.id)
        self.assertImage(image, volume)
        self.reached('available', copy)
        self.assertTrue(zeros.begins_with(self.world.disk_of(copy.id),
                                          self.world.disk_of(volume.id)))

    def assertImage(self, image, volume):
        """It has each byte of the volume."""
        with tempfile.TemporaryDirectory() as folder:
            found = folder + '/image'
            self.cloud.image.download_image(image, output=found)
            subprocess.run(['qemu-img', 'convert', '-O', 'raw', found,
                            found + '.raw'], check=True)
            self.assertTrue(zeros.begins_with(
                self.world.disk_of(volume.id), found + '.raw'))
            self.assertTrue(zeros.begins_with(
                found + '.raw', self.world.disk_of(volume.id)))
