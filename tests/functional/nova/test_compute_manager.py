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

import logging
import os
import sys
from unittest import mock

import fixtures
from nova import conf
from nova import context as nova_context
from nova import objects
from nova.tests.functional.api import client as api_client
from nova.tests.functional import integrated_helpers
from oslo_serialization import jsonutils

from nova_zvm_volume import opts
from nova_zvm_volume.virt.zvm import driver
from tests.functional.nova import lpars
from zvm_common import exceptions
from zvm_common import fcp

CONF = conf.CONF
IMAGE = '0a1b2c3d-1111-4222-8333-444455556666'
PATTERN = 'written-through-nova'


def _fetch(_context, _image, path):
    with open(path, 'wb') as stream:
        stream.write(b'root disk')


class ComputeManagerBase(integrated_helpers._IntegratedTestBase):

    ADMIN_API = True
    microversion = 'latest'

    def _setup_services(self):
        opts.register(CONF)
        self.lpars = self.useFixture(lpars.Lpars())
        self.lpar = self.lpars.lpars['host1']
        self.flags(compute_driver='zvm_volume.ZVMVolumeDriver',
                   instance_name_template='zvm%05x',
                   instances_path=self.useFixture(fixtures.TempDir()).path)
        self.flags(group='zvm', **self.lpars.options('host1'))
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
        super().setUp()
        self.context = nova_context.get_admin_context()
        self.assertIs(driver.ZVMVolumeDriver, type(self.driver))
        self.assertNotEqual([], self.lpars.simulator.requests(
            'connector host1'))
        self.lpars.simulator.forget_requests()

    @property
    def driver(self):
        return self.compute.manager.driver

    def _boot(self, *volumes, expected='ACTIVE'):
        server = self._build_server(image_uuid=IMAGE, networks='none')
        if volumes:
            server['block_device_mapping_v2'] = [
                {'source_type': 'image', 'destination_type': 'local',
                 'boot_index': 0, 'uuid': IMAGE}] + [
                {'source_type': 'volume', 'destination_type': 'volume',
                 'uuid': volume} for volume in volumes]
        server = self.api.post_server({'server': server})
        return self._wait_for_state_change(server, expected)

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

    def _saw_requests(self):
        """Every part was asked, none faked."""
        seen = self.lpars.simulator.requests(None)
        for server, path in (('mn', 'nodes/zhcp1/dsh'),
                             ('mn', 'nodes/zvm0'),
                             ('connector host1', '/guests')):
            self.assertNotEqual([], [
                entry for entry in seen
                if entry['server'] == server and path in entry['path']])


class ComputeManagerTest(ComputeManagerBase):

    def test_boot_attach_write_detach_attach_read_delete(self):
        volumes = [self.lpar.claim(), self.lpar.claim()]
        first = self._boot(volumes[0])
        self._attach(first, volumes[1])
        self.assertEqual(set(volumes), self._attached(first))
        self.assertEqual({'used'}, self._states(volumes))
        node = self.lpar.look(volumes[0]).node
        for volume in volumes:
            self.lpar.write(node, self._device_path(first, volume), PATTERN)

        self._detach(first, volumes[1])
        self.assertEqual({volumes[0]}, self._attached(first))
        self.assertEqual('ours', self.lpar.look(volumes[1]).state)
        second = self._boot()
        self._attach(second, volumes[1])
        self.assertEqual(PATTERN, self.lpar.read(
            self.lpar.look(volumes[1]).node,
            self._device_path(second, volumes[1]), len(PATTERN)))

        self._delete_server(first)
        self._delete_server(second)
        self.assertEqual({'ours'}, self._states(volumes))
        self.assertEqual((), self.lpar.devices.list())
        self.assertEqual([], self.driver.list_instances())
        self.assertNotIn(node, self.lpar.nodes)
        self.assertEqual([], [attached for attached in self.cinder.
                              volume_to_attachment.values() if attached])
        self._saw_requests()

    def test_an_attach_that_fails_leaves_the_volume_free(self):
        volume = self.lpar.claim()
        server = self._boot()
        self.lpars.simulator.event(
            smapi_fails='Image_Device_Dedicate 204 8 HELD BY OTHER')
        self.assertRaises(api_client.OpenStackApiException, self._attach,
                          server, volume)
        self.assertEqual(set(), self._attached(server))
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.assertEqual({}, self.cinder.volume_to_attachment[volume])
        self.lpars.simulator.event(smapi_fails='Image_Device_Dedicate 0 0 ')
        self._attach(server, volume)
        self.assertEqual('used', self.lpar.look(volume).state)
        self._saw_requests()

    def test_a_boot_whose_volume_fails_leaves_nothing(self):
        volume = self.lpar.claim()
        self.lpars.simulator.event(
            smapi_fails='Image_Device_Dedicate 204 8 HELD BY OTHER')
        server = self._boot(volume, expected='ERROR')
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.assertEqual([], self.driver.list_instances())
        self.assertEqual((), self.lpar.devices.list())
        self._delete_server(server)
        self._saw_requests()

    def test_a_guest_that_was_there_outlives_the_server(self):
        self.driver._hypervisor.guest_create('zvm00001', 1, 512, [])
        server = self._boot(expected='ERROR')
        self.assertEqual(['ZVM00001'], self.driver.list_instances())
        self._delete_server(server)
        self.assertEqual(['ZVM00001'], self.driver.list_instances())

    def test_a_rebuilt_server_has_its_volume_again(self):
        volume = self.lpar.claim()
        server = self._boot(volume)
        node = self.lpar.look(volume).node
        self.lpar.write(node, self._device_path(server, volume), PATTERN)
        self._rebuild_server(server, IMAGE)
        self.assertEqual(PATTERN, self.lpar.read(
            node, self._device_path(server, volume), len(PATTERN)))
        self.assertEqual(1, len(self.cinder.volume_to_attachment[volume]))
        self._delete_server(server)
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.assertEqual(0, len(self.cinder.volume_to_attachment[volume]))

    def test_a_restarted_service_knows_its_guests(self):
        volume = self.lpar.claim()
        server = self._boot(volume)
        connector = self.driver.get_volume_connector(
            objects.Instance.get_by_uuid(self.context, server['id']))
        self.compute = self.restart_compute_service(
            self.compute, keep_hypervisor_state=False)
        self.assertEqual([server['id']], self.driver.list_instance_uuids())
        self.assertEqual(connector, self.driver.get_volume_connector(
            objects.Instance.get_by_uuid(self.context, server['id'])))
        self._detach(server, volume)
        self.assertEqual('ours', self.lpar.look(volume).state)
        self._delete_server(server)
        self.assertEqual([], self.driver.list_instances())

    def test_what_a_failed_clean_up_left_is_free_after_the_next_start(self):
        self.flags(running_deleted_instance_timeout=0)
        volume = self.lpar.claim()
        server = self._boot(volume)
        objects.Instance.get_by_uuid(self.context, server['id']).destroy()
        # the guest is deleted, and then the management node is away
        with mock.patch.object(fcp.Devices, 'let_go',
                               side_effect=exceptions.MnUnreachable('away')):
            self.compute.manager._cleanup_running_deleted_instances(
                self.context)
        self.assertEqual([], self.driver.list_instances())
        self.assertEqual('used', self.lpar.look(volume).state)
        self.compute = self.restart_compute_service(
            self.compute, keep_hypervisor_state=False)
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.assertEqual((), self.lpar.devices.list())

    def test_a_server_deleted_while_the_service_was_down_is_reaped(self):
        self.flags(running_deleted_instance_timeout=0)
        volume = self.lpar.claim()
        server = self._boot(volume)
        objects.Instance.get_by_uuid(self.context, server['id']).destroy()
        self.assertEqual([server['id']], self.driver.list_instance_uuids())
        self.compute.manager._cleanup_running_deleted_instances(self.context)
        self.assertEqual([], self.driver.list_instances())
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.assertEqual((), self.lpar.devices.list())
