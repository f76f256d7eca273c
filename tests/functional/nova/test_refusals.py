# SPDX-License-Identifier: Apache-2.0
"""What a z/VM server does not get: refused in words, and nothing touched."""

from nova import exception
from nova import objects
from nova.tests.functional.api import client as api_client
from tests.functional.nova import manager

from nova_zvm_volume.virt.zvm import driver


class Case(manager.ManagerCase):

    CAST_AS_CALL = False

    def setUp(self):
        super().setUp()
        self.volume = self.lpar.claim()
        self.server = self._boot(self.volume)
        self._fill(self.server, self.volume)

    def instance(self):
        return objects.Instance.get_by_uuid(
            self.context, self.server['id'],
            expected_attrs=['system_metadata', 'flavor'])

    def assert_whole(self, status='ACTIVE'):
        self._wait_for_server_parameter(self.server, {
            'status': status, 'OS-EXT-STS:task_state': None})
        self.assertEqual('on', self._guest(self.server)['power'])
        self.assertEqual('used', self.lpar.look(self.volume).state)
        self._assert_kept(self.server, self.volume)
        self.assertEqual(1, len(
            self.cinder.volume_to_attachment[self.volume]))


class ServerTest(Case):

    def test_suspend(self):
        with self._untouched():
            self.api.post_server_action(self.server['id'], {'suspend': {}})
            self._wait_for_action_fail_completion(
                self.server, 'suspend', 'compute_suspend_instance')
        self.assert_whole()

    def test_rescue_leaves_the_guest_running(self):
        with self._untouched():
            self.api.post_server_action(self.server['id'], {'rescue': {}})
            self._wait_for_action_fail_completion(
                self.server, 'rescue', 'compute_rescue_instance')
        # Nova's own: every driver's refusal of a rescue is an error
        self.assert_whole('ERROR')
        self._assert_fault(self.server, 'rescue is not supported on z/VM')
        self._reboot_server(self.server, hard=True)
        self.assert_whole()

    def test_live_migration(self):
        self._start_second_host()
        with self._untouched():
            self._live_migrate(self.server, 'error', host='host2',
                               wait_for_fault_key=False)
        self.assert_whole()
        self.assertEqual('compute', self.instance().host)
        # the scheduler tries the next host: the reason is in the logs
        self._assert_fault(self.server, 'No valid host')
        self.assertIn('stay on their LPAR', self.stdlog.logger.output)

    def test_evacuate(self):
        self._start_second_host()
        self.compute.stop()
        service, = self.api.get_services(binary='nova-compute',
                                         host='compute')
        self.api.put_service_force_down(service['id'], True)
        with self._untouched():
            self.api.post_server_action(self.server['id'], {
                'evacuate': {'host': 'host2'}})
            self._wait_for_migration_status(self.server, ['error', 'failed'])
        self._assert_fault(self.server, 'evacuate is not supported')
        self.assertEqual('compute', self.instance().host)
        self.assertEqual('on', self._guest(self.server)['power'])
        self.assertEqual('used', self.lpar.look(self.volume).state)


class VolumeTest(Case):

    CAST_AS_CALL = True

    def test_swap(self):
        other = self.lpar.claim()
        attachment = self.cinder.fake_attachment_create(
            self.context, other, self.server['id'])['id']
        with self._untouched('nodes/zhcp1/dsh'):
            error = self.assertRaises(
                NotImplementedError, self.compute.manager.swap_volume,
                self.context, self.volume, other, self.instance(),
                attachment)
        self.assertIn('detach it first', str(error))
        self.assert_whole()
        self.assertEqual({}, self.cinder.volume_to_attachment[other])
        self.assertEqual('ours', self.lpar.look(other).state)

    def test_extend_of_a_volume_in_use(self):
        with self._untouched():
            self.assertRaises(
                exception.ExtendVolumeNotSupported,
                self.compute.manager.extend_volume, self.context,
                self.instance(), self.volume)
        self.assert_whole()

    def test_an_attach_with_a_tag(self):
        other = self.lpar.claim()
        with self._untouched():
            error = self.assertRaises(
                api_client.OpenStackApiException, self.api.post_server_volume,
                self.server['id'], {'volumeAttachment': {
                    'volumeId': other, 'tag': 'mine'}})
        self.assertEqual(400, error.response.status_code)
        self.assertEqual({self.volume}, self._attached(self.server))

    def test_a_boot_with_a_tag(self):
        other = self.lpar.claim()
        server = self._build_server(image_uuid=manager.IMAGE,
                                    networks='none')
        server['block_device_mapping_v2'] = [
            {'source_type': 'image', 'destination_type': 'local',
             'boot_index': 0, 'uuid': manager.IMAGE},
            {'source_type': 'volume', 'destination_type': 'volume',
             'uuid': other, 'tag': 'mine'}]
        server = self.api.post_server({'server': server})
        self._wait_for_state_change(server, 'ERROR')
        self.assertEqual([self._userid(self.server)],
                         self.driver.list_instances())
        self.assertEqual('ours', self.lpar.look(other).state)

    def test_a_volume_of_many_servers(self):
        with self._untouched():
            error = self.assertRaises(
                api_client.OpenStackApiException, self.api.post_server_volume,
                self.server['id'], {'volumeAttachment': {
                    'volumeId': self.cinder.MULTIATTACH_VOL}})
        self.assertEqual(400, error.response.status_code)

    def test_a_failed_attach_is_notified_with_its_reason(self):
        other = self.lpar.claim()
        self.lpars.simulator.event(guest='%s disks none'
                                   % self._userid(self.server))
        self.assertRaises(api_client.OpenStackApiException, self._attach,
                          self.server, other)
        found = self.notifier.wait_for_versioned_notifications(
            'instance.volume_attach.error')
        fault = found[0]['payload']['nova_object.data']['fault'][
            'nova_object.data']
        self.assertEqual('VolumeAttachFailed', fault['exception'])
        self.assertIn('No SCSI device found', fault['exception_message'])
        self._assert_fault(self.server, 'No SCSI device found')
        self.assertEqual('ours', self.lpar.look(other).state)


class DevicePathTest(Case):

    def test_the_path_is_that_in_the_guest_whatever_nova_calls_it(self):
        self.assertEqual('/dev/sdb', self._bdm(self.server,
                                               self.volume).device_name)
        path = self._device_path(self.server, self.volume)
        self.assertTrue(path.startswith('/dev/disk/by-id/'), path)
        self.lpar.run(self._node(self.server), 'test -e "$ZVM_ROOT"' + path)


# Each capability that is true, and the test that shows it.
SHOWN = {
    'supports_image_type_raw':
        'tests.functional.nova.test_lifecycle.SpawnTest.'
        'test_a_server_with_three_volumes',
}


class CapabilityTest(Case):

    def test_what_is_true_is_shown_by_a_test(self):
        true = {name for name, value in
                driver.ZVMVolumeDriver.capabilities.items() if value}
        self.assertEqual(true, set(SHOWN))
        for name in SHOWN.values():
            module, case, test = name.rsplit('.', 2)
            found = __import__(module, fromlist=[case])
            self.assertTrue(callable(getattr(getattr(found, case), test)))

    def test_traits_tell_no_more(self):
        uuid = self._get_provider_uuid_by_name('HOST1')
        self.assertEqual(
            {'COMPUTE_NODE', 'COMPUTE_IMAGE_TYPE_RAW', 'OWNER_NOVA'},
            set(self._get_provider_traits(uuid)))
