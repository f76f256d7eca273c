# SPDX-License-Identifier: Apache-2.0
"""Resize on the same host: other processors and memory, the same volumes."""

from unittest import mock

from nova import context as nova_context
from nova import exception
from nova import objects
from tests.functional.nova import manager
from zvm_common import exceptions
from zvm_common import guestdisk


class ResizeTest(manager.ManagerCase):

    # else the source's errors would pass through the destination's clean-up
    CAST_AS_CALL = False

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.flags(group='quota', cores=-1, ram=-1)
        self.small = self._create_flavor(memory_mb=512, vcpu=1, disk=1,
                                         ephemeral=0)
        self.large = self._create_flavor(memory_mb=2048, vcpu=4, disk=1,
                                         ephemeral=0)

    def boot(self, count=2):
        self.volumes = [self.lpar.claim() for _ in range(count)]
        self.server = self._boot(*self.volumes, flavor=self.small)
        self._fill(self.server, *self.volumes)
        self.paths = self._paths(self.server)
        self.assertEqual((1, '512M'), self.size())
        return self.server

    def size(self):
        """What the directory entry says."""
        lines = self._guest(self.server)['directory'].splitlines()
        user, = (line.split() for line in lines if line.startswith('USER'))
        return len([1 for line in lines if line.startswith('CPU ')]), user[3]

    def assert_whole(self, status, size):
        self.assertEqual((status, None), self._state(self.server))
        self.assertEqual('on', self._guest(self.server)['power'])
        self.assertEqual(size, self.size())
        self.assertEqual({'used'}, self._states(self.volumes))
        self.assertEqual(self.paths, self._paths(self.server))
        self._assert_kept(self.server, *self.volumes)
        for volume in self.volumes:
            self.assertEqual(1, len(self.cinder.volume_to_attachment[volume]))

    def refused(self, flavor, *words):
        """Nothing is touched; the server runs on in its old size."""
        with self._untouched():
            self.fails({'resize': {'flavorRef': flavor}})
        self.assert_whole('ACTIVE', (1, '512M'))
        for word in words:
            self._assert_fault(self.server, word)

    def fails(self, action, status='ACTIVE'):
        """Ask for it and wait until it has failed."""
        self.api.post_server_action(self.server['id'], action)
        self._wait_for_migration_status(self.server, ['error'])
        self._wait_for_server_parameter(self.server, {
            'status': status, 'OS-EXT-STS:task_state': None})

    # what succeeds

    def test_resize_and_confirm(self):
        self.boot()
        self._resize_server(self.server, self.large)
        self.assert_whole('VERIFY_RESIZE', (4, '2048M'))
        self._confirm_resize(self.server)
        self.assert_whole('ACTIVE', (4, '2048M'))
        self._detach(self.server, self.volumes[0])
        self._delete_server(self.server)
        self.assertEqual({'ours'}, self._states(self.volumes))
        self.assertEqual((), self.lpar.devices.list())

    def test_resize_and_revert(self):
        self.boot()
        self._resize_server(self.server, self.large)
        self._revert_resize(self.server)
        self.assert_whole('ACTIVE', (1, '512M'))
        self._reboot_server(self.server, hard=True)
        self.assert_whole('ACTIVE', (1, '512M'))
        self._delete_server(self.server)
        self.assertEqual({'ours'}, self._states(self.volumes))
        self.assertEqual((), self.lpar.devices.list())

    def test_a_smaller_size_too(self):
        self.small, self.large = self.large, self.small
        self.volumes = [self.lpar.claim()]
        self.server = self._boot(*self.volumes, flavor=self.small)
        self._fill(self.server, *self.volumes)
        self.paths = self._paths(self.server)
        self._resize_server(self.server, self.large)
        self.assert_whole('VERIFY_RESIZE', (1, '512M'))

    def test_without_volumes(self):
        self.boot(0)
        self.lpars.simulator.forget_requests()
        self._resize_server(self.server, self.large)
        self.assertEqual((4, '2048M'), self.size())
        self._revert_resize(self.server)
        self.assertEqual((1, '512M'), self.size())
        self.assertEqual('on', self._guest(self.server)['power'])

    def test_a_stopped_server_stays_stopped(self):
        self.boot()
        self._stop_server(self.server)
        self._resize_server(self.server, self.large)
        self.assertEqual('off', self._guest(self.server)['power'])
        self.assertEqual((4, '2048M'), self.size())
        self.api.post_server_action(self.server['id'],
                                    {'confirmResize': None})
        self._wait_for_state_change(self.server, 'SHUTOFF')
        self._reboot_server(self.server, hard=True)
        self.assert_whole('ACTIVE', (4, '2048M'))

    def test_a_path_that_was_lost_is_mended(self):
        self.boot()
        lost = min(self.paths)
        self.lpar.run(self._node(self.server), 'chzdev -d zfcp-lun %s '
                      '--no-root-update --yes --quiet'
                      % ':0x'.join(lost.split(':')))
        self._resize_server(self.server, self.large)
        self.assert_whole('VERIFY_RESIZE', (4, '2048M'))

    def test_a_server_in_doubt_is_deleted_with_all_it_has(self):
        self.boot()
        self._resize_server(self.server, self.large)
        self._delete_server(self.server)
        self.assertEqual([], self.driver.list_instances())
        self.assertEqual({'ours'}, self._states(self.volumes))

    # what is refused

    def test_another_root_disk(self):
        self.boot()
        flavor = self._create_flavor(memory_mb=2048, vcpu=4, disk=2,
                                     ephemeral=0)
        self.refused(flavor, 'root disk', 'root_gb')

    def test_other_ephemeral_disks(self):
        self.boot()
        flavor = self._create_flavor(memory_mb=2048, vcpu=4, disk=1,
                                     ephemeral=1)
        self.refused(flavor, 'ephemeral')

    def test_memory_that_cannot_be_said(self):
        self.boot()
        flavor = self._create_flavor(memory_mb=10000, vcpu=1, disk=1,
                                     ephemeral=0)
        self.refused(flavor, '10000 MiB', 'whole GiB')

    def test_no_move_to_another_lpar(self):
        self.boot()
        self._start_second_host()
        self.flags(allow_resize_to_same_host=False)
        self.refused(self.large, 'another host', 'LPAR')

    def test_no_cold_migration_to_another_lpar(self):
        self.boot()
        self._start_second_host()
        with self._untouched():
            self.fails({'migrate': {'host': 'host2'}})
        self.assert_whole('ACTIVE', (1, '512M'))
        self._assert_fault(self.server, 'another host')
        self.assertEqual('compute', objects.Instance.get_by_uuid(
            self.context, self.server['id']).host)

    def test_no_cold_migration_to_the_host_itself(self):
        self.boot()
        with self._untouched():
            self.fails({'migrate': None})
        self.assert_whole('ACTIVE', (1, '512M'))

    def test_more_processors_than_the_entry_allows(self):
        self.boot()
        flavor = self._create_flavor(memory_mb=2048, vcpu=40, disk=1,
                                     ephemeral=0)
        with self._untouched('resize_cpus', 'resize_mem'):
            self.fails({'resize': {'flavorRef': flavor}})
        self._assert_fault(self.server, 'exceeds the maximum')
        self.assert_whole('ACTIVE', (1, '512M'))

    # what fails half-way

    def test_memory_refused_after_processors_were_given(self):
        self.boot()
        flavor = self._create_flavor(memory_mb=66560, vcpu=4, disk=1,
                                     ephemeral=0)
        self.fails({'resize': {'flavorRef': flavor}})
        self._assert_fault(self.server, 'memory')
        self.assert_whole('ACTIVE', (1, '512M'))

    def test_a_guest_that_does_not_stop_keeps_its_size(self):
        self.boot()
        with mock.patch.object(
                type(self.driver._hypervisor), 'guest_softstop',
                side_effect=exception.ZVMConnectorError(
                    results={'errmsg': 'it hangs'})):
            self.fails({'resize': {'flavorRef': self.large}})
        self._assert_fault(self.server, 'it hangs')
        self.assert_whole('ACTIVE', (1, '512M'))

    def test_one_that_cannot_be_finished_is_mended_by_a_hard_reboot(self):
        self.flags(group='zvm', reachable_timeout=0)
        self.boot()
        with mock.patch.object(guestdisk.GuestDisk, 'attach',
                               side_effect=exceptions.PathFailed('no path')):
            self.fails({'resize': {'flavorRef': self.large}}, 'ERROR')
        self.assertEqual('ERROR', self._state(self.server)[0])
        self._assert_fault(self.server, 'no path')
        self.assertEqual((1, '512M'), self.size())
        self._reboot_server(self.server, hard=True)
        self.assert_whole('ACTIVE', (1, '512M'))
        self.assertEqual(1, objects.Instance.get_by_uuid(
            self.context, self.server['id']).vcpus)

    def test_a_service_that_died_before_the_move_goes_back(self):
        self.boot()
        kept = {}

        def die(*args, **kwargs):
            kept['power'] = self._guest(self.server)['power']
            raise RuntimeError
        with mock.patch.object(type(self.compute.manager),
                               '_terminate_volume_connections', die):
            self.fails({'resize': {'flavorRef': self.large}}, 'ERROR')
        self.assertEqual('off', kept['power'])
        instance = objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), self.server['id'])
        instance.task_state = 'resize_migrating'
        instance.vm_state = 'active'
        instance.save()
        self.compute = self.restart_compute_service(
            self.compute, keep_hypervisor_state=False)
        self.assert_whole('ACTIVE', (1, '512M'))
