# SPDX-License-Identifier: Apache-2.0
"""Volumes that are made of images, and images of volumes."""

import pathlib
import tempfile

from tests.functional.cinder import api
from tests.functional.cinder import base
from tests.functional.cinder import harness
from tests import rawimages
from tests import waits
from tests import worlds
from tests import zeros


class ImagesTestCase(api.TrustingTestCase):
    """Volumes of 1 and 2 GiB, and a folder for images."""

    backends = {'zvmssio1': harness.section(1, zvm_trust_free_luns=True)}

    def world(self):
        return worlds.small()

    def setUp(self):
        if not rawimages.QEMU_IMG:
            self.skipTest('qemu-img is missing')
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def path(self, name):
        return str(self.folder / name)

    # what is ordered

    def order(self, image_id, size=1, **fields):
        return self.client.create(size, imageRef=image_id, **fields)

    def made(self, image_id, size=1, **fields):
        """A volume of an image, when it is there."""
        return self.available(self.order(image_id, size, **fields))

    def uploaded(self, volume, disk_format='raw'):
        """The path of an image that was made of a volume."""
        image_id = self.client.upload(volume['id'], disk_format)
        self.available(volume)
        waits.until(lambda: self.glance.images[image_id]['status']
                    == 'active', 20, 0.1)
        return self.glance.file(image_id)

    def failed(self, volume):
        """It comes to nothing; what the log says of it."""
        self.client.reached(self.client.volume, volume['id'], 'error')
        return self.log()

    def attached(self, volume):
        """A guest has it; what :meth:`detached` wants."""
        connector = self.cloud.ask('connector', backend='zvmssio1',
                                   instance=base.INSTANCE, userid='LNX00001')
        made = self.client.attach(volume['id'], base.INSTANCE)
        attachment = dict(self.client.connect(made['id'], connector),
                          connector=connector)
        self.cloud.ask('use', backend='zvmssio1', userid='LNX00001',
                       node='guest1', attachment=attachment)
        self.client.complete(made['id'])
        return attachment

    def detached(self, volume, attachment):
        self.cloud.ask('unuse', backend='zvmssio1', attachment=attachment)
        self.client.detach(attachment['id'])
        self.available(volume)

    # what is there

    def disk_of(self, volume):
        return self.disk(self.provider_id(volume))[0]

    def assertIs(self, volume, path):
        """A volume has all bytes of a raw image, and zeros behind."""
        self.assertTrue(zeros.begins_with(self.disk_of(volume), path),
                        volume)

    def assertNothingLeft(self):
        """No file of an image, no process that serves one, no token."""
        waits.until(lambda: not self._left(), 20, 0.1)
        self.assertEqual([], self._left())

    def _left(self):
        place = self.cloud.workdir / 'conversion'
        zhcp = pathlib.Path(self.simulator.node_folder('host1', 'ZHCP1'))
        return [*place.glob('*'),
                *(zhcp / 'var/lib/zvm-volume/jobs').glob('*.token')]
