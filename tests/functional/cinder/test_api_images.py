# SPDX-License-Identifier: Apache-2.0
"""Images as users of Cinder's API ask for them, compared byte for byte."""

import pathlib
import shutil
import subprocess

from tests.functional.cinder import harness
from tests.functional.cinder import images
from tests import rawimages
from tests import waits
from tests import zeros


class ToVolumeTest(images.ImagesTestCase):

    def test_raw_images_of_each_size(self):
        for size in (rawimages.MIB, 37 * rawimages.MIB + 512, rawimages.GIB):
            path = rawimages.scattered(self.path(str(size)), size)
            self.assertIs(self.made(self.glance.add(path)), path)
        self.assertNothingLeft()

    def test_a_qcow2_image_of_two_gib(self):
        raw = rawimages.scattered(self.path('raw'), 2 * rawimages.GIB,
                                  pieces=40)
        image = self.glance.add(rawimages.convert(
            raw, 'qcow2', self.path('qcow2')), 'qcow2')
        self.assertIs(self.made(image, 2), raw)

    def test_no_byte_of_it_goes_by_the_management_node(self):
        path = self.path('words')
        pathlib.Path(path).write_bytes(b'a secret of the image' * 50000)
        volume = self.made(self.glance.add(path))
        self.assertTrue(self.disk_of(volume).read_bytes()[:4096].startswith(
            b'a secret of the image'))
        asked = str(self.simulator.requests())
        for word in ('secret of', 'Bearer'):
            self.assertNotIn(word, asked)

    def test_on_a_lun_that_was_in_use(self):
        volume = self.created()
        attachment = self.attached(volume)
        self.scribble(self.provider_id(volume))
        self.detached(volume, attachment)
        path = rawimages.scattered(self.path('raw'), 5 * rawimages.MIB)
        self.client.reimage(volume['id'], self.glance.add(path))
        self.available(volume)
        self.assertIs(volume, path)

    def test_many_at_once(self):
        paths = [rawimages.scattered(
            self.path(str(seed)), 9 * rawimages.MIB, seed)
            for seed in range(4)]
        orders = [self.order(self.glance.add(path)) for path in paths]
        for volume, path in zip(orders, paths):
            self.assertIs(self.available(volume), path)
        self.assertNothingLeft()


class BadImagesTest(images.ImagesTestCase):
    """Each is refused, and no byte of it is on a LUN."""

    def refused(self, image_id, word, size=1):
        volume = self.order(image_id, size)
        self.assertIn(word, self.failed(volume))
        self.assertZero(self.provider_id(volume))
        self.deleted(volume)

    def raw(self):
        return rawimages.scattered(self.path('raw'), 20 * rawimages.MIB)

    def test_one_that_was_cut_off_before_it_came_to_glance(self):
        path = rawimages.convert(self.raw(), 'qcow2', self.path('qcow2'))
        rawimages.truncated(path, 3 * rawimages.MIB)
        self.refused(self.glance.add(path, 'qcow2'), 'cut off')

    def test_one_that_is_shorter_than_glance_says(self):
        image = self.glance.add(self.raw())
        self.glance.images[image]['size'] += 512
        self.refused(image, 'and Glance says')

    def test_one_with_a_backing_file(self):
        made = rawimages.convert(self.raw(), 'qcow2', self.path('qcow2'))
        backed = self.path('backed')
        subprocess.run(
            [rawimages.QEMU_IMG, 'create', '-f', 'qcow2', '-F', 'qcow2', '-b',
             made, backed], check=True, capture_output=True)
        self.assertIn('failed safety check', self.failed(
            self.order(self.glance.add(backed, 'qcow2'))))

    def test_one_of_another_format_than_glance_says(self):
        path = rawimages.convert(self.raw(), 'qcow2', self.path('qcow2'))
        volume = self.order(self.glance.add(path, 'raw'))
        self.failed(volume)

    def test_one_that_is_larger_than_its_volume(self):
        path = rawimages.scattered(self.path('big'), 2 * rawimages.GIB)
        made = rawimages.convert(path, 'qcow2', self.path('qcow2'))
        self.assertIn('doesn\'t fit', self.failed(
            self.order(self.glance.add(made, 'qcow2'))))

    def test_an_empty_one(self):
        path = self.path('empty')
        pathlib.Path(path).touch()
        self.failed(self.order(self.glance.add(path)))

    def tearDown(self):
        self.assertNothingLeft()
        super().tearDown()


class ToImageTest(images.ImagesTestCase):

    options = {'enable_force_upload': True}

    def volume(self):
        volume = self.created()
        self.scribble(self.provider_id(volume))
        return volume

    def test_a_raw_image_has_all_bytes_of_the_volume(self):
        volume = self.volume()
        path = self.uploaded(volume)
        self.assertEqual(rawimages.GIB, path.stat().st_size)
        self.assertIs(volume, path)
        self.assertNothingLeft()

    def test_a_qcow2_image_has_them_too(self):
        volume = self.volume()
        raw = rawimages.convert(str(self.uploaded(volume, 'qcow2')), 'raw',
                                self.path('raw'))
        self.assertIs(volume, raw)

    def test_an_image_of_a_volume_becomes_a_volume(self):
        volume = self.volume()
        image = self.client.upload(volume['id'])
        self.available(volume)
        copy = self.made(image)
        self.assertTrue(zeros.is_scribbled(self.disk_of(copy)))

    def test_what_the_guest_wrote_behind_the_size_is_in_it(self):
        small = [self.created() for _ in range(8)]      # all LUNs of 1 GiB
        volume = self.created()
        self.assertEqual(2 * rawimages.GIB, self.disk(
            self.provider_id(volume))[1])
        self.scribble(self.provider_id(volume))
        image = self.client.upload(volume['id'])
        self.available(volume)
        self.assertIs(volume, self.glance.file(image))
        self.assertEqual(2, self.glance.images[image]['min_disk'])
        self.assertEqual(8, len(small))

    def test_one_that_a_guest_has_is_refused_with_its_name(self):
        volume = self.volume()
        attachment = self.attached(volume)
        image = self.client.upload(volume['id'], force=True)
        waits.until(lambda: image not in self.glance.images, 20, 0.1)
        self.assertIn('is attached to guest LNX00001', self.log())
        self.client.reached(self.client.volume, volume['id'], 'in-use')
        self.detached(volume, attachment)


class CutTest(images.ImagesTestCase):
    """The connection between the zHCP and this host."""

    shared = False

    def test_nothing_of_a_cut_image_stays_and_it_can_be_done_again(self):
        path = rawimages.scattered(self.path('raw'), 50 * rawimages.MIB,
                                   pieces=60)
        image = self.glance.add(path)
        self.simulator.event(network='cuts after %d' % (10 * rawimages.MIB))
        volume = self.order(image)
        self.failed(volume)
        self.assertZero(self.provider_id(volume))
        self.simulator.event(network='up')
        self.assertIs(self.made(image), path)
        self.assertNothingLeft()

    def test_an_image_that_was_cut_is_no_image(self):
        volume = self.created()
        disk = self.disk_of(volume)
        rawimages.scattered(self.path('raw'), rawimages.GIB, pieces=60)
        shutil.copyfile(self.path('raw'), disk)
        self.simulator.event(network='cuts after %d' % (10 * rawimages.MIB))
        image = self.client.upload(volume['id'])
        self.available(volume)
        waits.until(lambda: image not in self.glance.images, 20, 0.1)
        self.simulator.event(network='up')
        self.assertIs(volume, self.uploaded(volume))

    def test_a_host_that_is_not_reached_is_told_of(self):
        self.simulator.event(network='down')
        volume = self.order(self.glance.add(
            rawimages.scattered(self.path('raw'), rawimages.MIB)))
        self.assertIn('zvm_stream_address', self.failed(volume))
        self.assertZero(self.provider_id(volume))


class CacheTest(images.ImagesTestCase):
    """Cinder's image-volume cache."""

    shared = False
    options = {'cinder_internal_tenant_project_id': harness.PROJECT,
               'cinder_internal_tenant_user_id': harness.PROJECT}
    backends = {'zvmssio1': harness.section(
        1, zvm_trust_free_luns=True, image_volume_cache_enabled=True)}

    def test_the_second_volume_is_a_clone(self):
        path = rawimages.scattered(self.path('raw'), 9 * rawimages.MIB)
        image = self.glance.add(path)
        first = self.made(image)
        self.assertIs(first, path)
        waits.until(lambda: len(self.client.volumes()) == 2, 20, 0.1)
        for volume in self.client.volumes():
            self.available(volume)
        self.glance.file(image).unlink()        # it is not asked for again
        second = self.made(image)
        self.assertIs(second, path)
        self.assertEqual(3, len(self.client.volumes()))
