# SPDX-License-Identifier: Apache-2.0
"""What users of a cloud do, and what must be so when they have done it.

A step such as :meth:`CloudCase.order` only asks for something, so that one
test can wait for several things at once, with :meth:`CloudCase.reached`.
"""

import json
import pathlib
import subprocess
import sys
import time

import openstack
from openstack import exceptions
import testtools

from tests.cloud import services
from tests.cloud import world

_PAUSE = 0.4
# Seconds; on an idle machine nothing here takes a third of it.
LIMIT = 120
# An image whose volumes the simulator boots.
_IMAGE = b'zvm-simulator: distro=rhel9\n'.ljust(world.MIB, b'\0')
ZONES = {'zvmssio1': 'lpar1', 'zvmssio2': 'lpar2', 'zvmssio3': 'lpar1'}
_FAILED = ('error', 'ERROR', 'error_deleting', 'error_extending', 'killed')


class CloudCase(testtools.TestCase):
    """One test's part of the cloud; all that it made is gone at its end."""

    def setUp(self):
        super().setUp()
        self.services = services.Services()
        self.world = world.World(world.read_conf(self.services.cinder_conf))
        # Cinder tells of messages and of back-ends' states since 3.49.
        self.cloud = openstack.connect(
            block_storage_default_microversion='3.70')
        self.addCleanup(self.cloud.close)
        self.began = time.time()
        self.name = 'scenario-%d' % time.time_ns()
        self._servers, self._volumes, self._snapshots = [], [], []
        # LUNs that were ours: {(back-end, WWPNs, LUN): record}
        self._luns = {}
        self.addCleanup(self.assert_nothing_left)
        self.addCleanup(self.clear)

    # waiting

    def wait(self, look, what, limit=LIMIT):
        """Waits until look() is true, and returns what it is."""
        end = time.monotonic() + limit
        while not (found := look()):
            if time.monotonic() > end:
                self.fail('not after %d s: %s' % (limit, what))
            time.sleep(_PAUSE)
        return found

    def reached(self, status, *things, limit=LIMIT):
        """Waits until all have that status; returns them as they are then.

        A server must have ended its task too.
        """
        end = time.monotonic() + limit
        found = []
        for thing in things:
            while not _has(now := self.look(thing), status):
                if now.status in _FAILED or time.monotonic() > end:
                    self.fail(self._told(now, status))
                time.sleep(_PAUSE)
            found.append(now)
        return found if len(found) > 1 else found[0]

    def _told(self, thing, wanted):
        return '%s %s is %s and not %s: %s' % (
            type(thing).__name__, thing.id, thing.status, wanted,
            getattr(thing, 'fault', None) or self.messages(thing))

    def gone(self, *things, limit=LIMIT):
        for thing in things:
            self.wait(lambda thing=thing: self.look(thing) is None,
                      '%s is gone' % thing.id, limit)

    def look(self, thing):
        """A resource as it is now, None when there is none."""
        kind = type(thing).__name__.lower()
        proxy = {'server': self.cloud.compute, 'image': self.cloud.image}.get(
            kind, self.cloud.block_storage)
        try:
            return getattr(proxy, 'get_' + kind)(thing.id)
        except exceptions.NotFoundException:
            return None

    def messages(self, thing):
        """What Cinder tells its user about something that failed."""
        return [each.user_message for each
                in self.cloud.block_storage.messages()
                if each.resource_uuid == thing.id]

    # volumes

    def order(self, kind='zvmssio1', size=1, **source):
        """A volume that will be there."""
        made = self.cloud.block_storage.create_volume(
            name=self.name, size=size, volume_type=kind,
            availability_zone=ZONES[kind], **source)
        self._volumes.append(made)
        return made

    def volumes(self, count, kind='zvmssio1', **source):
        """So many volumes that are there."""
        made = [self.order(kind, **source) for _ in range(count)]
        found = self.reached('available', *made)
        return found if count > 1 else [found]

    def snapshot(self, volume):
        """A snapshot that will be there."""
        made = self.cloud.block_storage.create_snapshot(
            volume_id=volume.id, name=self.name)
        self._snapshots.append(made)
        return made

    def adopt_volume(self, volume_id):
        """One that was made in another way: it is deleted at the end."""
        made = self.cloud.block_storage.get_volume(volume_id)
        self._volumes.append(made)
        return made

    def adopt_snapshot(self, snapshot_id):
        made = self.cloud.block_storage.get_snapshot(snapshot_id)
        self._snapshots.append(made)
        return made

    def note_luns(self):
        """Keeps where our volumes are, to see later that all is free."""
        ours = {each.id for each in (*self._volumes, *self._snapshots)}
        for volume, (backend, record) in self.world.luns().items():
            if volume in ours:
                self._luns[backend, record['wwpns'], record['lun']] = record

    # images

    def image(self, data=_IMAGE, **more):
        """An image that is there; its bytes are raw, or as told."""
        made = self.cloud.create_image(
            self.name, data=data, container_format='bare', wait=True,
            timeout=LIMIT, **dict({'disk_format': 'raw',
                                   'os_distro': 'rhel9'}, **more))
        self.addCleanup(self.delete_image, made.id)
        return made

    def delete_image(self, image_id):
        self.cloud.image.delete_image(image_id, ignore_missing=True)

    # servers

    def flavor(self, ram=512, vcpus=1):
        made = self.cloud.compute.create_flavor(
            name='%s-%d' % (self.name, ram), ram=ram, vcpus=vcpus, disk=1)
        self.addCleanup(self.cloud.compute.delete_flavor, made)
        return made

    def boot(self, image, flavor, zone='lpar1', **more):
        """A server that will run."""
        source = {'image_id': image.id} if image else {}
        made = self.cloud.compute.create_server(
            name=self.name, flavor_id=flavor.id, networks='none',
            availability_zone=zone, **source, **more)
        self._servers.append(made)
        return made

    def guest(self, server):
        """Name of a server's guest, which is that of its node too."""
        return self.look(server).instance_name

    def attach(self, server, volume):
        """Asks for it."""
        self.cloud.compute.create_volume_attachment(server,
                                                    volume_id=volume.id)

    def detach(self, server, volume):
        self.cloud.compute.delete_volume_attachment(server, volume)

    def fault(self, server):
        """Why an action on a server failed, as its user sees it."""
        return [event.result for action
                in self.cloud.compute.server_actions(server)
                for event in self.cloud.compute.get_server_action(
                    action, server).events or ()]

    # the openstack client

    def openstack(self, *words):
        """What the client prints as JSON."""
        done = self.client(*words, '-f', 'json')
        return json.loads(done)

    def client(self, *words):
        program = pathlib.Path(sys.executable).parent / 'openstack'
        done = subprocess.run(
            [sys.executable, str(program), *words], capture_output=True,
            text=True, timeout=LIMIT, stdin=subprocess.DEVNULL)
        self.assertEqual(0, done.returncode, '%s: %s' % (' '.join(words),
                                                         done.stderr))
        return done.stdout

    # the end

    def clear(self):
        """Deletes all that is still there, servers first."""
        self.note_luns()
        servers = [each for each in map(self.look, self._servers) if each]
        for each in servers:
            self.cloud.compute.delete_server(each)
        self.gone(*servers)
        snapshots = [each for each in map(self.look, self._snapshots) if each]
        for each in snapshots:
            self.cloud.block_storage.delete_snapshot(each)
        self.gone(*snapshots)
        self.delete(*(each for each in map(self.look, self._volumes) if each))

    def delete(self, *volumes):
        """Volumes that nothing uses, until they are gone."""
        self.note_luns()
        for each in volumes:
            self.wait(lambda each=each: self.look(each).status in (
                'available', 'error', 'error_extending'),
                'volume %s can be deleted' % each.id)
            self.cloud.block_storage.delete_volume(each)
        self.gone(*volumes)

    def assert_nothing_left(self):
        """Nothing on the zHCPs tells of this test, and its LUNs are empty."""
        ours = {each.id for each in (*self._servers, *self._volumes,
                                     *self._snapshots)}
        self.assertEqual({}, {volume: lun for volume, lun
                              in self.world.luns().items() if volume in ours})
        self.assertEqual([], [
            device for device in self.world.devices()
            if device.get('instance') in ours
            or ours & set(device.get('volumes', '').split(';'))])
        self.assertEqual([], [record for backend in self.world.backends
                              for record in self.world.records(backend)
                              if record['state'] == 'quarantined'])
        for (backend, *_), record in self._luns.items():
            self.assertTrue(self.world.is_free(backend, record), record)


def _has(thing, status):
    return (thing.status == status
            and getattr(thing, 'task_state', None) is None)
