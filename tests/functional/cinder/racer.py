# SPDX-License-Identifier: Apache-2.0
"""A cinder-volume that races with others; see tests.racing.racers."""

import dataclasses
import os
import pathlib
import types

from cinder import monkey_patch

if __name__ == '__main__':
    monkey_patch.patch()

from tests.functional.cinder import harness  # noqa: E402
from tests import histories  # noqa: E402
from tests.racing import racers  # noqa: E402

BACKEND = 'zvmssio1'


class Operations:
    """What the driver does for Cinder, and what becomes of it in a history.

    The zHCP's half of an attach and a detach is done as Nova's side does it.
    """

    def __init__(self, cinder, process):
        from cinder import exception
        from zvm_common import fcp
        self._driver = cinder.managers[BACKEND].driver
        backend = self._driver._backend
        self._devices = fcp.Devices(
            backend.zhcp, backend.settings.fcp_list, compute=process)
        self._process = process
        self._request = fcp.AttachRequest
        # nothing was changed; of other errors it is not known
        self._refusals = (exception.VolumeIsBusy,)
        self._history = None

    def history(self, folder):
        """Events go to this folder from now on."""
        self._history = histories.Recorder(folder, self._process)

    def _event(self, operation, effect, owner, *subjects):
        return self._history.event(operation, effect, owner, subjects,
                                   self._refusals)

    @staticmethod
    def _volume(volume):
        return types.SimpleNamespace(id=volume, name_id=volume, size=1,
                                     encryption_key_id=None,
                                     volume_type_id=None, provider_id=None,
                                     save=lambda: None)

    def create(self, volume):
        with self._event('create', histories.ACQUIRE, volume) as subjects:
            update = self._driver.create_volume(self._volume(volume))
            lun = update['provider_id'].rpartition(':')[2]
            subjects.append('lun ' + lun)
        return lun

    def delete(self, volume, lun):
        with self._event('delete', histories.RELEASE, volume, 'lun ' + lun), \
                self._event('delete', histories.ALONE, volume, 'use ' + lun):
            self._driver.delete_volume(self._volume(volume))

    def create_and_delete(self, volumes):
        """One after the other; their LUNs."""
        luns = []
        for volume in volumes:
            luns.append(self.create(volume))
            self.delete(volume, luns[-1])
        return luns

    def clone(self, volume, source):
        with self._event('clone', histories.ACQUIRE, volume) as subjects:
            update = self._driver.create_cloned_volume(
                self._volume(volume), self._volume(source))
            lun = update['provider_id'].rpartition(':')[2]
            subjects.append('lun ' + lun)
        return lun

    def extend(self, volume, gib, lun):
        """To another LUN, which it returns."""
        found = self._volume(volume)
        with self._event('leave', histories.RELEASE, volume, 'lun ' + lun), \
                self._event('extend', histories.ACQUIRE, volume) as subjects:
            self._driver.extend_volume(found, gib)
            now = found.provider_id.rpartition(':')[2]
            subjects.append('lun ' + now)
        return now

    def migrate(self, volume, lun):
        """To zpool2, as another back-end has it; its LUN there."""
        capabilities = {'location_info': str(dataclasses.replace(
            self._driver._location(), pool='zpool2', scope='cinder:other'))}
        with self._event('leave', histories.RELEASE, volume, 'lun ' + lun), \
                self._event('migrate', histories.ACQUIRE,
                            volume) as subjects:
            _, update = self._driver.migrate_volume(
                None, self._volume(volume), {'host': 'other@other#zpool2',
                                             'capabilities': capabilities})
            now = update['provider_id'].rpartition(':')[2]
            subjects.append('lun ' + now)
        return now

    def claim_there(self, volume):
        """A volume of the other back-end, in zpool2; its LUN."""
        volumes = self._driver._volumes.beside(
            self._driver._backend.other_pool('zpool2', 'cinder:other'))
        with self._event('create', histories.ACQUIRE, volume) as subjects:
            found = str(volumes.create(volume, 1).lun)
            subjects.append('lun ' + found)
        return found

    def hold(self, instance, userid):
        with self._event('hold', histories.ACQUIRE, instance) as subjects:
            held = self._devices.hold(instance, userid)
            subjects += ['fcp %s' % device.number for device in held]
        return [str(device.number) for device in held]

    def attach(self, volume, generation, instance, userid):
        with self._event('attach', histories.ACQUIRE, instance) as subjects:
            found = self._devices.attach(self._request(
                volume_id=volume, generation=generation,
                attachment_id=volume, instance_uuid=instance,
                userid=userid, node=userid.lower()))
            subjects.append('use %s' % found.lun)
            subjects += ['fcp %s' % device for device in found.devices]
        return found.generation

    def detach(self, volume, generation, instance, subjects):
        with self._event('detach', histories.RELEASE, instance, *subjects):
            self._devices.detach(volume, generation, instance)

    def force_detach(self, volume):
        """What os-force_detach calls; nothing is released by it."""
        with self._event('force', histories.LOOK, volume):
            self._driver.terminate_connection(self._volume(volume), None,
                                              force=True)

    def operations(self):
        return {name: getattr(self, name) for name in (
            'history', 'create', 'delete', 'create_and_delete', 'hold',
            'attach', 'detach', 'force_detach', 'clone', 'extend', 'migrate',
            'claim_there')}


def prepare(setup):
    """Start the manager of one back-end."""
    cinder = harness.start_manager(
        pathlib.Path(setup['folder']) / setup['process'],
        {BACKEND: setup['section']}, types.SimpleNamespace(
            server=setup['server'], ca_file=setup['ca_file']))
    manager = cinder.managers[BACKEND]
    if not manager.driver.initialized:
        raise AssertionError('the driver is not initialized')
    return monkey_patch.MONKEY_PATCHED, Operations(
        cinder, setup['process']).operations()


if __name__ == '__main__':
    os.umask(0o077)
    racers.serve(prepare)
