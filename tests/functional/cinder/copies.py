# SPDX-License-Identifier: Apache-2.0
"""Volumes with data, and what has become of them, through Cinder's API."""

import contextlib
import os
import pathlib
import tempfile

from tests.functional.cinder import api
from tests.functional.cinder import base
from tests.functional.cinder import harness
from tests import waits
from tests import worlds
from tests import zeros

PLACE = 2 ** 20


def _write(path, text):
    with open(path, 'r+b') as disk:
        disk.seek(PLACE)
        disk.write(text.encode())


class CopiesTestCase(api.TrustingTestCase):
    """Three LUNs of 1 GiB, and ten of 2 GiB."""

    backends = {'zvmssio1': harness.section(
        1, zvm_trust_free_luns=True, zvm_copy_verify='sampled')}

    def world(self):
        world = worlds.small()
        pools = world['lpars']['host1']['pools']
        one, two = pools['zpool1']
        pools['zpool1'] = [dict(one, count=3), dict(two, count=10)]
        return world

    def setUp(self):
        super().setUp()
        self.pictures = tempfile.TemporaryDirectory()
        self.addCleanup(self.pictures.cleanup)

    # what is made

    def filled(self):
        """A volume with data, and a picture of them."""
        volume = self.created()
        disk, size = self.disk(self.provider_id(volume))
        path = pathlib.Path(self.pictures.name, volume['id'])
        path.touch()
        os.truncate(path, size)
        for each in path, disk:
            zeros.scribble(each)
            _write(each, volume['id'])
        return volume

    def change(self, volume):
        """Its guest writes once more, and the picture is as it was."""
        _write(self.disk_of(volume), 'written later')

    def snapshot(self, volume):
        made = self.client.create_snapshot(volume['id'])
        return self.client.reached(self.client.snapshot, made['id'],
                                   'available')

    def all_available(self, orders):
        """Volumes that are made at the same time."""
        return [self.available(each) for each in
                [self.client.create(**order) for order in orders]]

    def failed(self, show, made, told, status='error'):
        """Wait until something is in error, and its user is told why."""
        self.client.reached(show, made['id'], status)
        waits.until(lambda: self.client.messages(made['id']), 20, 0.1)
        self.assertEqual([told], self.client.messages(made['id']))

    def connector(self):
        """Of a guest that has got its FCP devices."""
        return self.cloud.ask('connector', backend='zvmssio1',
                              instance=base.INSTANCE, userid='LNX00001')

    # what is there

    def provider_id(self, made):
        """The LUN of a volume or snapshot, as Cinder's database has it."""
        return self.cloud.ask('rows')[made['id']][1]

    def disk_of(self, made):
        return self.disk(self.provider_id(made))[0]

    def size_of(self, made):
        """GiB of its disk."""
        return self.disk(self.provider_id(made))[1] / 2 ** 30

    def has_picture(self, made, volume):
        """All bytes that a volume had when it was filled, and then zeros."""
        return zeros.begins_with(
            self.disk_of(made),
            pathlib.Path(self.pictures.name, volume['id']))

    def assertPicture(self, made, volume):
        self.assertTrue(self.has_picture(made, volume), made)

    def assertCounted(self, *numbers):
        """Volumes, snapshots and GiB, soon: what is gone is counted until
        cinder-volume has told so.
        """
        def counted():
            found = self.client.counted()
            return {kind: [found[name + kind] for name in (
                'volumes', 'snapshots', 'gigabytes')]
                for kind in ('', '_zvmssio1')}
        wanted = {kind: list(numbers) for kind in ('', '_zvmssio1')}
        with contextlib.suppress(AssertionError):
            waits.until(lambda: counted() == wanted, 20, 0.1)
        self.assertEqual(wanted, counted())

    # the end

    def snapshot_deleted(self, snapshot):
        self.client.delete_snapshot(snapshot['id'])
        self.client.gone(self.client.snapshot, snapshot['id'])

    def all_gone(self):
        """Nothing is counted, and no LUN has a byte of anybody."""
        self.client.clear(self.backends)
        self.assertCounted(0, 0, 0)
        # also what was wiped while nobody waited
        waits.until(lambda: set(self.statuses()) == {'free'}, 60, 0.1)
        for disk in self.simulator.state()['lpars']['host1']['disks']:
            self.assertTrue(zeros.is_zero(disk['path']), disk)
