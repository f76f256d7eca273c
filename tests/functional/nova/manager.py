# SPDX-License-Identifier: Apache-2.0
"""Nova's own API, conductor, scheduler and ComputeManager with our driver.

How Nova's functional base is brought to run it:

* ``ConfFixture`` parses the configuration anew, which drops every override
  that was set before; so options are set when it is done, right before the
  services start.  Else Nova silently runs its fake driver: each test here
  asserts which class runs and that the simulator saw its requests.
* ``api-paste.ini`` is looked for below site-packages, where no wheel puts it;
  nova's wheel installs it to ``etc/nova`` of the environment.
* ``CinderFixture`` answers with connection_info of type "fake"; here it is
  that of LUNs claimed in the simulator.
* An image needs the property ``os_distro``; its bytes are not fetched.
"""

import contextlib
import logging
import os
import pathlib
import sys
from unittest import mock

import fixtures
from nova import conf
from nova import context as nova_context
from nova import objects
from nova.tests.functional import integrated_helpers
from oslo_serialization import jsonutils
from oslo_utils.fixture import uuidsentinel as uuids

from nova_zvm_volume import opts
from nova_zvm_volume.virt.zvm import driver
from tests.functional.nova import lpars
from tests import worlds

CONF = conf.CONF
IMAGE = '0a1b2c3d-1111-4222-8333-444455556666'
PATTERN = 'written-through-nova'


def _fetch(_context, _image, path):
    with open(path, 'wb') as stream:
        stream.write(b'root disk')


class ManagerCase(integrated_helpers._IntegratedTestBase):
    """Nova, two LPARs, and one compute host, which serves the first."""

    ADMIN_API = True
    microversion = 'latest'
    #: Nova's options in [zvm] beside those of the LPAR.
    options = {}

    def world(self):
        """What is simulated, as :mod:`tests.worlds` has it."""
        return worlds.two()

    def _setup_services(self):
        opts.register(CONF)
        self.lpars = self.useFixture(lpars.Lpars(self.world()))
        self.lpar = self.lpars.lpars['host1']
        self.flags(compute_driver='zvm_volume.ZVMVolumeDriver',
                   instance_name_template='zvm%05x',
                   instances_path=self.useFixture(fixtures.TempDir()).path)
        self.flags(group='zvm', **dict(self.lpars.options('host1'),
                                       **self.options))
        self.flags(group='wsgi', api_paste_config=os.path.join(
            sys.prefix, 'etc', 'nova', 'api-paste.ini'))
        self.useFixture(fixtures.MonkeyPatch('nova.virt.images.fetch',
                                             _fetch))
        self.cinder._find_connection_info = self._connection_info
        # It speaks when the test's own logging has ended.
        logging.getLogger('nova.thread_pool_factory').setLevel(
            logging.WARNING)
        self.glance.create(None, dict(
            self.glance.image1, id=IMAGE,
            properties={'os_distro': 'rhel9', 'architecture': 's390x'}))
        super()._setup_services()

    def _connection_info(self, volume_id, attachment_id):
        info = self.lpar.connection_info(volume_id)
        info['data'].update(volume_id=volume_id, attachment_id=attachment_id)
        return info

    def setUp(self):
        # a simulated guest boots at once
        self.useFixture(fixtures.MonkeyPatch(
            'nova_zvm_volume.virt.zvm.trying.BETWEEN_TRIES', 0.2))
        super().setUp()
        self.context = nova_context.get_admin_context()
        self.assertIs(driver.ZVMVolumeDriver, type(self.driver))
        self.assertNotEqual([], self.lpars.simulator.requests(
            'connector host1'))
        self.lpars.simulator.forget_requests()

    @property
    def driver(self):
        return self.compute.manager.driver

    def _wait_for_server_parameter(self, server, expected_params,
                                   max_retries=10, **more):
        # Nova's five seconds are short where the machine has other work.
        return super()._wait_for_server_parameter(
            server, expected_params, max(max_retries, 120), **more)

    def _boot(self, *volumes, expected='ACTIVE', flavor=None):
        server = self._build_server(image_uuid=IMAGE, networks='none',
                                    flavor_id=flavor)
        if volumes:
            server['block_device_mapping_v2'] = [
                {'source_type': 'image', 'destination_type': 'local',
                 'boot_index': 0, 'uuid': IMAGE}] + [
                {'source_type': 'volume', 'destination_type': 'volume',
                 'uuid': volume} for volume in volumes]
        server = self.api.post_server({'server': server})
        return self._wait_for_state_change(server, expected)

    def stop(self, server):
        self.api.post_server_action(server['id'], {'os-stop': None})
        self._wait_for_state_change(server, 'SHUTOFF')

    def start(self, server):
        self.api.post_server_action(server['id'], {'os-start': None})
        self._wait_for_state_change(server, 'ACTIVE')

    def sweep(self):
        self.driver.sweep(self.context)

    def _attach(self, server, volume):
        self.api.post_server_volume(server['id'], {
            'volumeAttachment': {'volumeId': volume}})

    def _detach(self, server, volume):
        self.api.delete_server_volume(server['id'], volume)

    def _bdm(self, server, volume):
        return objects.BlockDeviceMapping.get_by_volume_and_instance(
            self.context, volume, server['id'])

    def _device_path(self, server, volume):
        return jsonutils.loads(self._bdm(server, volume).connection_info)[
            'data']['device_path']

    def _attached(self, server):
        return {each['volumeId'] for each
                in self.api.get_server_volumes(server['id'])}

    def _states(self, volumes):
        return {self.lpar.look(volume).state for volume in volumes}

    # what a tenant keeps on his volumes

    def _fill(self, server, *volumes):
        """Write something of its own to each volume, in the guest."""
        for volume in volumes:
            self.lpar.write(self._node(server), self._device_path(
                server, volume), volume)

    def _assert_kept(self, server, *volumes):
        """The guest reads from each volume what it once wrote."""
        for volume in volumes:
            self.assertEqual(volume, self.lpar.read(
                self._node(server), self._device_path(server, volume),
                len(volume)))

    def _node(self, server):
        return self._userid(server).lower()

    @staticmethod
    def _userid(server):
        return server['OS-EXT-SRV-ATTR:instance_name'].upper()

    def _guest(self, server):
        return self.lpar.guests[self._userid(server)]

    def _paths(self, server):
        """What is configured in the guest: DEVICE:WWPN:LUN."""
        top = pathlib.Path(self._guest(server)['folder'],
                           'sys/bus/ccw/drivers/zfcp')
        return {':'.join((unit.parts[-3], unit.parts[-2][2:],
                          unit.parts[-1][2:]))
                for unit in top.glob('0.0.*/0x*/0x*') if unit.is_dir()}

    def _fault(self, server):
        """Why the last operation failed, as Nova keeps it."""
        found = objects.InstanceFaultList.get_by_instance_uuids(
            self.context, [server['id']])
        return found[0].message if found else None

    def _assert_fault(self, server, words):
        """Nova keeps it after all else."""
        self._wait_for_assert(lambda: self.assertIn(
            words, self._fault(server) or ''))

    def _state(self, server):
        server = self.api.get_server(server['id'])
        return server['status'], server['OS-EXT-STS:task_state']

    @contextlib.contextmanager
    def _untouched(self, *allowed):
        """Nothing on z/VM is changed, nothing but `allowed` is asked for.

        :param allowed: parts of a request's path or body that are harmless
        """
        before = self.lpars.simulator.state()['lpars']
        self.lpars.simulator.forget_requests()
        yield
        self.assertEqual(before, self.lpars.simulator.state()['lpars'])
        self.assertEqual([], [
            entry for entry in self.lpars.simulator.requests(None)
            if entry['method'] != 'GET' and not any(
                each in str(entry) for each in allowed)])

    def _start_second_host(self):
        """A compute host of the other LPAR."""
        node = {'compute': uuids.first_node, 'host2': uuids.second_node}
        self.flags(group='zvm', **self.lpars.options('host2'))
        with mock.patch('nova.virt.node.get_local_node_uuid',
                        lambda: node[CONF.host]):
            second = self._start_compute('host2')
        self.flags(group='zvm', **self.lpars.options('host1'))
        self.flags(host='compute')
        return second

    def _saw_requests(self):
        """Every part was asked, none faked."""
        seen = self.lpars.simulator.requests(None)
        for server, path in (('mn', 'nodes/zhcp1/dsh'),
                             ('mn', 'nodes/zvm0'),
                             ('connector host1', '/guests')):
            self.assertNotEqual([], [
                entry for entry in seen
                if entry['server'] == server and path in entry['path']])
