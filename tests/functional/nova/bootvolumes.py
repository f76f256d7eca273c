# SPDX-License-Identifier: Apache-2.0
"""Servers that boot from volumes, on Nova's real ComputeManager."""

from oslo_utils import uuidutils

from tests.functional.nova import manager
from zvm_common import exceptions

DISTRO = 'rhel9'


def unreachable(*_args):
    raise exceptions.GuestUnreachable('nobody is let in')


class Case(manager.ManagerCase):

    def bootable(self, distro=DISTRO, mark='', **metadata):
        """A volume that an image was written to: its id.

        :param mark: a further line for the simulator
        """
        volume = self.lpar.claim()
        self._write(volume, 'zvm-simulator: distro=%s\nof %s\n%s\n'
                    % (distro, volume, mark))
        self.cinder.volumes[volume] = {
            'display_name': volume, 'id': volume, 'size': 1,
            'multiattach': False, 'availability_zone': self.cinder.az,
            'status': 'available', 'attach_status': 'detached',
            'bootable': True, 'volume_image_metadata': dict(
                {'os_distro': distro,
                 'image_id': uuidutils.generate_uuid()}, **metadata)}
        return volume

    def _disk(self, volume):
        lun = self.lpar.look(volume)
        return self.lpars.simulator.disk('host1', str(lun.wwpns[0]),
                                         str(lun.lun))

    def _write(self, volume, text):
        with open(self._disk(volume)['path'], 'r+b') as stream:
            stream.write(text.encode())

    def boot_from(self, root, *volumes, expected='ACTIVE', flavor=None):
        server = self._build_server(image_uuid='', networks='none',
                                    flavor_id=flavor)
        server['block_device_mapping_v2'] = [
            {'source_type': 'volume', 'destination_type': 'volume',
             'uuid': volume, 'boot_index': 0 if volume == root else -1}
            for volume in (root, *volumes)]
        server = self.api.post_server({'server': server})
        self.root, self.volumes = root, (root, *volumes)
        self.server = self._wait_for_server_parameter(
            server, {'status': expected}, max_retries=120)
        return self.server

    def mask(self, volume, *devices):
        """Only these FCP devices reach the volume from now on."""
        lun = self.lpar.look(volume)
        wwpns = [self.wwpn(device) for device in devices]
        self.lpars.simulator.event(lpar='host1', mask='%s %s %s' % (
            lun.wwpns[0], lun.lun, ';'.join(wwpns) or 'none'))

    def wwpn(self, device):
        return self.lpars.simulator.state()['lpars']['host1'][
            'fcp_devices'][device]['npiv_wwpn']

    def path(self):
        """The path that z/VM loaded: (FCP device, port)."""
        return tuple(self._guest(self.server)['root'].split(':')[:2])

    def entry(self):
        return self._guest(self.server)['directory']

    def assert_runs(self):
        """It runs from its volume, whose data it reads."""
        self.assertEqual(('ACTIVE', None), self._state(self.server))
        self.assertEqual('on', self._guest(self.server)['power'])
        self.assertEqual({'used'}, self._states(self.volumes))
        self.assertEqual({''}, {self.lpar.look(volume).phase
                                for volume in self.volumes})
        device, port = self.path()
        lun = self.lpar.look(self.root)
        self.assertEqual((device, port), tuple(map(str, lun.ipl)))
        self.assertIn('IPL %s\n' % device, self.entry())
        self.assertIn('LOADDEV PORTNAME %s\nLOADDEV LUN %s\n'
                      % (port, lun.lun), self.entry())
        self.assertIn('of ' + self.root, self.read())

    def read(self):
        """The beginning of the root disk, as the guest reads it."""
        return self.lpar.run(
            self._node(self.server), 'dd if="$ZVM_ROOT%s" bs=128 count=1 '
            '2>/dev/null | tr -d "\\0"'
            % self._device_path(self.server, self.root))

    def assert_nothing_left(self):
        self.assertEqual([], self.driver.list_instances())
        self.assertEqual({'ours'}, self._states(self.volumes))
        self.assertEqual({None}, {self.lpar.look(volume).ipl
                                  for volume in self.volumes})
        self.assertEqual((), self.lpar.devices.list())
        self.assertIn(b'of ' + self.root.encode(),
                      self.lpar.disk_bytes(self.root, 128))

    def delete(self):
        self._delete_server(self.server)
        self.assert_nothing_left()
