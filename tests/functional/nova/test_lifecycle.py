# SPDX-License-Identifier: Apache-2.0
"""Servers that stop and start, with what their volumes keep."""

from unittest import mock

import fixtures
from nova import objects
from nova.tests.functional.api import client as api_client
from tests.functional.nova import manager
from xcat_simulator.connector import images
from zvm_common import exceptions
from zvm_common import fcp


class Case(manager.ManagerCase):

    def boot(self, count=1, **kwargs):
        self.volumes = [self.lpar.claim() for _ in range(count)]
        self.server = self._boot(*self.volumes, **kwargs)
        self._fill(self.server, *self.volumes)
        self.paths = self._paths(self.server)

    def assert_whole(self):
        """The server runs with its volumes, by all paths, and their data."""
        self.assertEqual(('ACTIVE', None), self._state(self.server))
        self.assertEqual('on', self._guest(self.server)['power'])
        self.assertEqual({'used'}, self._states(self.volumes))
        self.assertEqual(self.paths, self._paths(self.server))
        self._assert_kept(self.server, *self.volumes)

    def assert_all_free(self):
        self._delete_server(self.server)
        self.assertEqual({'ours'}, self._states(self.volumes))
        self.assertEqual((), self.lpar.devices.list())
        self.assertEqual([], self.driver.list_instances())

    def lose_path(self):
        """A path vanishes in the guest; also from its configuration."""
        lost = min(self.paths)
        self.lpar.run(self._node(self.server), 'chzdev -d zfcp-lun %s '
                      '--no-root-update --yes --quiet'
                      % ':0x'.join(lost.split(':')))
        self.assertEqual(self.paths - {lost}, self._paths(self.server))

    def attach_leftover(self):
        """A volume that is attached, and that Nova does not know of."""
        volume = self.lpar.claim()
        self._attach(self.server, volume)
        bdm = self._bdm(self.server, volume)
        self.cinder.volume_to_attachment[volume].clear()
        bdm.destroy()
        self.assertEqual('used', self.lpar.look(volume).state)
        return volume

    def guest_off(self):
        """The guest is logged off, and Nova has not seen it."""
        self.driver._hypervisor.guest_softstop(self._node(self.server))
        self.assertEqual('off', self._guest(self.server)['power'])


class SpawnTest(Case):

    def test_a_server_with_three_volumes(self):
        self.boot(3)
        self.assert_whole()
        self.assertEqual(set(self.volumes), self._attached(self.server))
        self.assertEqual(3, len({self._device_path(self.server, volume)
                                 for volume in self.volumes}))
        self.assertEqual(12, len(self.paths))
        self.assert_all_free()

    def test_an_image_without_os_distro_is_refused_in_words(self):
        image = self.glance.show(None, manager.IMAGE)
        del image['properties']['os_distro']
        self.glance._imagedata.pop(manager.IMAGE, None)
        self.glance.images[manager.IMAGE] = image
        volume = self.lpar.claim()
        server = self._boot(volume, expected='ERROR')
        self.assertIn('os_distro', self._all_faults(server))
        self.assertEqual([], self.driver.list_instances())
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.assertEqual((), self.lpar.devices.list())

    def _all_faults(self, server):
        return str([(fault.message, fault.details) for fault in
                    objects.InstanceFaultList.get_by_instance_uuids(
                        self.context, [server['id']])])


class RebootTest(Case):

    def test_a_soft_reboot_keeps_volumes(self):
        self.boot(2)
        self._reboot_server(self.server)
        self.assert_whole()

    def test_a_hard_reboot_keeps_volumes(self):
        self.boot(2)
        self._reboot_server(self.server, hard=True)
        self.assert_whole()
        self.assert_all_free()

    def test_a_hard_reboot_mends_a_path_that_is_lost(self):
        self.boot(2)
        self.lose_path()
        self._reboot_server(self.server, hard=True)
        self.assert_whole()

    def test_a_soft_reboot_does_too(self):
        self.boot(2)
        self.lose_path()
        self._reboot_server(self.server)
        self.assert_whole()

    def test_a_reboot_takes_away_what_nova_does_not_list(self):
        for hard in (True, False):
            self.boot()
            leftover = self.attach_leftover()
            self._reboot_server(self.server, hard=hard)
            self.assertEqual('ours', self.lpar.look(leftover).state)
            self.assert_whole()
            self.assert_all_free()

    def test_a_leftover_that_the_guest_uses_stays(self):
        self.boot()
        before = set(self._maps())
        leftover = self.attach_leftover()
        name, = set(self._maps()) - before
        self.lpar.run(self._node(self.server), 'echo "/dev/mapper/%s /mnt '
                      'ext4 rw 0 0" >>"$ZVM_ROOT/proc/mounts"' % name)
        with mock.patch.object(
                type(self.driver._hypervisor), 'guest_reboot'):
            self._reboot_server(self.server)
        self.assertEqual('used', self.lpar.look(leftover).state)
        self.assertEqual(('ACTIVE', None), self._state(self.server))

    def _maps(self):
        return self.lpar.run(self._node(self.server),
                             'ls "$ZVM_ROOT/dev/mapper"').split()

    def test_a_listed_volume_that_is_not_attached_is_attached(self):
        self.boot(2)
        instance = objects.Instance.get_by_uuid(self.context,
                                                self.server['id'])
        # somebody took it away beside Nova
        self.driver._volumes.take_back(self.lpar.look(self.volumes[0]),
                                       instance)
        self.assertEqual('ours', self.lpar.look(self.volumes[0]).state)
        self._reboot_server(self.server, hard=True)
        self.assert_whole()
        self.assert_all_free()

    def test_a_hard_reboot_starts_a_guest_that_is_off(self):
        self.boot()
        self.guest_off()
        self._reboot_server(self.server, hard=True)
        self.assert_whole()

    def test_a_volume_that_cannot_come_is_told_and_nothing_is_lost(self):
        self.flags(group='zvm', reachable_timeout=0)
        self.boot()
        with mock.patch.object(
                fcp.Devices, 'attach',
                side_effect=exceptions.SmapiFailed(204, 8, 'IN USE')):
            self._reboot_server(self.server, hard=True)
        self._assert_fault(self.server, '204')
        self.assertEqual(('ACTIVE', None), self._state(self.server))
        self._reboot_server(self.server, hard=True)
        self.assert_whole()

    def test_without_volumes_a_zhcp_that_is_down_does_not_matter(self):
        self.boot(0)
        self.lpars.simulator.event(zhcp='down')
        self._reboot_server(self.server, hard=True)
        self.assertEqual(('ACTIVE', None), self._state(self.server))
        self.assertIsNone(self._fault(self.server))


class HostBootTest(Case):

    def setUp(self):
        super().setUp()
        self.flags(resume_guests_state_on_host_boot=True)

    def restart(self):
        self.compute = self.restart_compute_service(
            self.compute, keep_hypervisor_state=False)
        self.driver.wait_for_resumed()

    def test_guests_are_started_with_their_volumes(self):
        self.boot(2)
        self.guest_off()
        self.restart()
        self.assert_whole()
        self.assert_all_free()

    def test_a_guest_that_is_off_and_lost_a_path_is_mended(self):
        self.boot()
        self.lose_path()
        leftover = self.attach_leftover()
        self.guest_off()
        self.restart()
        self.assert_whole()
        self.assertEqual('ours', self.lpar.look(leftover).state)

    def test_guests_that_run_are_not_started_again(self):
        self.boot()
        self.lpars.simulator.forget_requests()
        self.restart()
        self.assertEqual([], [entry for entry in self.lpars.simulator.
                              requests('connector host1')
                              if entry['method'] == 'POST'])
        self.assert_whole()

    def test_a_volume_detached_meanwhile_is_not_brought_back(self):
        self.boot()
        self.guest_off()
        volume = self.volumes[0]
        settle = self.driver._settle_fresh.__func__

        def first_detach(*args):
            self._detach(self.server, volume)
            settle(*args)
        with mock.patch.object(type(self.driver), '_settle_fresh',
                               first_detach):
            self.restart()
        self.assertEqual('ours', self.lpar.look(volume).state)

    def test_one_that_does_not_answer_is_told(self):
        self.flags(group='zvm', reachable_timeout=0)
        self.boot()
        self.guest_off()
        with mock.patch('zvm_common.guestdisk.GuestDisk.attach',
                        side_effect=exceptions.GuestUnreachable('silent')):
            self.restart()
        self._assert_fault(self.server, 'silent')
        self.assertEqual('used', self.lpar.look(self.volumes[0]).state)


class RebuildTest(Case):

    def test_volumes_and_their_data_are_there_afterwards(self):
        self.boot(2)
        self._rebuild_server(self.server, manager.IMAGE)
        self.assert_whole()
        self.assert_all_free()

    def test_a_stopped_server_is_stopped_again(self):
        # Nova's own answer breaks its schema here, which only tests check
        self.flags(group='api', response_validation='ignore')
        self.boot()
        self._stop_server(self.server)
        self._rebuild_server(self.server, manager.IMAGE,
                             expected_state='SHUTOFF')
        self.assertEqual('off', self._guest(self.server)['power'])
        self.assertEqual({'used'}, self._states(self.volumes))


class ShelveTest(Case):

    def test_shelve_offload_and_unshelve(self):
        self.boot(2)
        self._shelve_server(self.server)
        self.assertEqual([], self.driver.list_instances())
        self.assertEqual({'ours'}, self._states(self.volumes))
        self.assertEqual((), self.lpar.devices.list())
        self.assertEqual(set(self.volumes), self._attached(self.server))
        self._unshelve_server(self.server)
        self.assert_whole()
        self.assert_all_free()

    def test_a_shelved_server_on_its_host_keeps_its_volumes(self):
        self.flags(shelved_offload_time=-1)
        self.boot()
        self._shelve_server(self.server, expected_state='SHELVED')
        self.assertEqual('off', self._guest(self.server)['power'])
        self.assertEqual({'used'}, self._states(self.volumes))
        self._shelve_offload_server(self.server)
        self.assertEqual({'ours'}, self._states(self.volumes))
        self._unshelve_server(self.server)
        self.assert_whole()

    def test_an_unshelve_that_fails_leaves_nothing_and_can_be_repeated(self):
        self.boot()
        self._shelve_server(self.server)
        with mock.patch.object(
                fcp.Devices, 'attach',
                side_effect=exceptions.SmapiFailed(204, 8, 'IN USE')):
            self.assertRaises(api_client.OpenStackApiException,
                              self._unshelve_server, self.server)
            self._wait_for_server_parameter(
                self.server, {'OS-EXT-STS:task_state': None,
                              'status': 'SHELVED_OFFLOADED'})
        self.assertEqual([], self.driver.list_instances())
        self.assertEqual({'ours'}, self._states(self.volumes))
        self._unshelve_server(self.server)
        self.assert_whole()


class SnapshotTest(Case):

    def capture(self):
        self._snapshot_server(self.server, 'mine')
        self._wait_for_server_parameter(
            self.server, {'OS-EXT-STS:task_state': None})

    def test_the_image_has_every_byte(self):
        self.boot()
        uploaded = []
        update = type(self.glance).update

        def keep(service, context, image, meta, data=None, **kwargs):
            if data is not None:
                uploaded.append(data.read())
            return update(service, context, image, meta, data, **kwargs)
        self.useFixture(fixtures.MonkeyPatch(
            'nova.tests.fixtures.GlanceFixture.update', keep))
        self.capture()
        image, = (each for each in self.glance.detail(None)
                  if each['name'] == 'mine')
        self.assertEqual('active', image['status'])
        self.assertEqual('rhel9', image['properties']['os_distro'])
        self.assertEqual([images.CONTENT], uploaded)
        self.assertRaises(UnicodeDecodeError, images.CONTENT.decode)
        self.assertNotIn(image['id'], [
            each['imagename'] for each in
            self.driver._hypervisor._reqh.call('image_query')])
        self.assert_whole()

    def test_one_that_fails_leaves_no_image_and_says_why(self):
        self.boot()
        for name in ('guest_capture', 'image_export'):
            with mock.patch.object(
                    type(self.driver._hypervisor), name,
                    side_effect=OSError('disk full')):
                self.capture()
            self.assertNotIn('mine', [image['name'] for image in
                                      self.glance.detail(None)])
        self.assert_whole()
