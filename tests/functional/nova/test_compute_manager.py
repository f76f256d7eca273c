# SPDX-License-Identifier: Apache-2.0
"""Nova's own API, conductor, scheduler and ComputeManager with our driver."""

from unittest import mock

from nova.tests.functional.api import client as api_client

from nova import objects
from tests.functional.nova import manager
from tests.functional.nova.manager import PATTERN
from zvm_common import exceptions
from zvm_common import fcp


class ComputeManagerTest(manager.ManagerCase):

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
        self.assertEqual({''}, {device.instance for device
                                in self.lpar.devices.list()})
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
        self._rebuild_server(server, manager.IMAGE)
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
