# SPDX-License-Identifier: Apache-2.0
"""A nova-compute that races with others; see tests.racing.racers.

Its guests run already, as :mod:`tests.racing.world` has them.
"""

import os
import pathlib
import types

from nova import monkey_patch

if __name__ == '__main__':
    monkey_patch.patch()

from nova import conf  # noqa: E402
from nova import context as nova_context  # noqa: E402
from nova import exception  # noqa: E402
from nova.objects import instance as instances  # noqa: E402
from nova.virt import driver as virt_driver  # noqa: E402

from nova_zvm_volume import opts  # noqa: E402
from tests.functional.nova import lpars  # noqa: E402
from tests import histories  # noqa: E402
from tests.racing import racers  # noqa: E402
from tests.racing import world  # noqa: E402
from tests import worlds  # noqa: E402
from zvm_common import exceptions  # noqa: E402
from zvm_common.xcat import session  # noqa: E402

CONF = conf.CONF
DRIVER = 'nova_zvm_volume.virt.zvm.driver'
# Nothing was changed; of other errors it is not known.
_REFUSALS = (exception.DeviceDetachFailed, exception.DiskNotFound,
             exceptions.LunBusy, exceptions.StaleGeneration,
             exceptions.VolumeUnknown)


def instance(uuid, number):
    """As Nova has it: its name is that of the guest."""
    return instances.Instance(nova_context.get_admin_context(), id=number,
                              uuid=uuid, system_metadata={})


def devices_of(info):
    """FCP devices of an attached volume; paths are 0.0.3b00:WWPN:LUN."""
    return sorted({path.partition(':')[0][-4:].upper()
                   for path in info['data']['zvm_paths']})


class Operations:
    """What Nova and, of Cinder, the pool are asked, and its history."""

    def __init__(self, process, lpar):
        self._process = process
        self._lpar = lpar
        self._history = self._driver = None

    def history(self, folder):
        self._history = histories.Recorder(folder, self._process)

    def load(self, fcp_list):
        """A driver that starts anew, with these FCP devices for guests."""
        CONF.set_override('zvm_fcp_list', fcp_list, group='zvm')
        made = virt_driver.load_compute_driver(None,
                                               'zvm_volume.ZVMVolumeDriver')
        if type(made).__module__ != DRIVER:
            raise AssertionError(type(made))
        made.init_host(CONF.host)
        self._driver = made

    def _event(self, operation, effect, owner, *subjects):
        return self._history.event(operation, effect, owner, subjects,
                                   _REFUSALS)

    def claim(self):
        """A volume: [id, LUN]."""
        volume = self._lpar.claim()
        lun = str(self._lpar.look(volume).lun)
        with self._event('create', histories.ACQUIRE, volume, 'lun ' + lun):
            pass
        return [volume, lun]

    def attach(self, uuid, number, volume):
        """Connector, connection, attach; the connection_info then."""
        guest = instance(uuid, number)
        with self._event('hold', histories.ACQUIRE, uuid) as subjects:
            connector = self._driver.get_volume_connector(guest)
            subjects += ['fcp ' + each for each in connector['zvm_fcp']]
        # a detach of its last volume may have taken them in between
        with self._event('attach', histories.ACQUIRE, uuid) as subjects:
            lun = self._lpar.look(volume)
            if lun is None:
                raise exceptions.VolumeUnknown('it was deleted')
            info = self._lpar.connection_info(volume, lun)
            self._driver.attach_volume(None, info, guest, '/dev/sdb')
            subjects.append('use ' + info['data']['zvm_lun'])
            subjects += ['fcp ' + each for each in devices_of(info)]
        return info

    def detach(self, uuid, number, info):
        """The devices are freed with the instance's last volume."""
        lun = info['data']['zvm_lun']
        with self._event('detach', histories.RELEASE, uuid, 'use ' + lun,
                         *['fcp ' + each for each in devices_of(info)]):
            self._driver.detach_volume(None, info, instance(uuid, number),
                                       '/dev/sdb')

    def attach_other(self, uuid, number, volume, lun):
        """The same with a volume of another back-end; never twice at once.
        """
        guest = instance(uuid, number)
        with self._event('hold', histories.ACQUIRE, uuid) as subjects:
            connector = self._driver.get_volume_connector(guest)
            subjects += ['fcp ' + each for each in connector['zvm_fcp']]
        info = {'driver_volume_type': 'fibre_channel', 'serial': volume,
                'data': {'target_wwn': world.ARRAY_PORT,
                         'target_lun': int(lun[:4], 16),
                         'initiator_target_map': {
                             wwpn: [world.ARRAY_PORT]
                             for wwpn in connector['wwpns']}}}
        with self._event('attach', histories.ACQUIRE, uuid) as subjects:
            self._driver.attach_volume(None, info, guest, '/dev/sdb')
            subjects.append('other ' + volume)
            subjects += ['fcp ' + each for each in devices_of(info)]
        return info

    def detach_other(self, uuid, number, info):
        """The devices cool."""
        with self._event('detach', histories.RELEASE, uuid,
                         'other ' + info['serial'],
                         *['fcp ' + each for each in devices_of(info)]):
            self._driver.detach_volume(None, info, instance(uuid, number),
                                       '/dev/sdb')

    def delete(self, volume, lun):
        """As Cinder's driver does it: never a LUN that a guest uses."""
        with self._event('delete', histories.RELEASE, volume, 'lun ' + lun), \
                self._event('delete', histories.ALONE, volume, 'use ' + lun):
            found = self._lpar.look(volume)
            self._lpar.pool.release(volume, found.generation)
            self._lpar.pool.wait(volume, 60)

    def drop(self, uuid, number):
        """Give back what only a connector has taken."""
        self._driver.failed_spawn_cleanup(instance(uuid, number))

    def stubborn(self, name, arguments, tries=25):
        """Another operation until it is not refused, or too often."""
        for left in reversed(range(tries)):
            try:
                return getattr(self, name)(**arguments)
            except (exception.VolumeAttachFailed, *_REFUSALS) as error:
                # nobody can attach or delete what is gone
                if (not left or isinstance(error, exceptions.VolumeUnknown)
                        or racers.is_starved(str(error))):
                    raise

    def force_detach(self, volume):
        """terminate_connection(None): looks, and changes nothing."""
        with self._event('force', histories.LOOK, volume):
            found = self._lpar.look(volume)
        return found and found.state

    def operations(self):
        return {name: getattr(self, name) for name in (
            'history', 'load', 'claim', 'attach', 'detach', 'delete',
            'drop', 'stubborn', 'force_detach', 'attach_other',
            'detach_other')}


def _lpar(setup):
    """Cinder's side, as the other tests have it."""
    connection = session.Session(
        setup['server'], worlds.USER, worlds.PASSWORD, setup['ca_file'])
    return lpars.Lpar(types.SimpleNamespace(session=connection), 'host1',
                      world.ZHCP_DEVICES)


def prepare(setup):
    """Configure Nova and load the driver."""
    opts.register(CONF)
    CONF([], project='nova', default_config_files=[])
    folder = pathlib.Path(setup['folder']) / setup['process']
    (folder / 'images').mkdir(parents=True)
    CONF.set_override('host', setup['process'])
    CONF.set_override('instance_name_template', 'zvm%05x')
    CONF.set_override('instances_path', str(folder))
    for name, value in dict(
            setup['options'], image_tmp_path=str(folder / 'images'),
            zvm_xcat_server=setup['server'],
            zvm_ca_file=setup['ca_file']).items():
        CONF.set_override(name, value, group='zvm')
    made = Operations(setup['process'], _lpar(setup))
    return monkey_patch.MONKEY_PATCHED, made.operations()


if __name__ == '__main__':
    os.umask(0o077)
    racers.serve(prepare)
