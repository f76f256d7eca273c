# SPDX-License-Identifier: Apache-2.0
"""Servers that are stopped, paused or silent, through Nova's own manager."""

from nova.tests.functional.api import client as api_client

from tests.functional.nova import manager

PATTERN = manager.PATTERN


class Case(manager.ManagerCase):

    def phase(self, volume):
        lun = self.lpar.look(volume)
        return lun.state, lun.phase

    def guest(self, server):
        name = self.driver_instance(server).name
        return self.lpar.guests[name.upper()]

    def driver_instance(self, server):
        return manager.objects.Instance.get_by_uuid(
            self.context, server['id'])

    def node(self, server):
        return self.driver_instance(server).name

    def dedicated(self, server):
        return self.guest(server)['directory'].count('DEDICATE')

    def write(self, server, volume):
        self.lpar.write(self.node(server), self._device_path(server, volume),
                        PATTERN)

    def assert_reads(self, server, volume):
        self.assertEqual(PATTERN, self.lpar.read(
            self.node(server), self._device_path(server, volume),
            len(PATTERN)))

    def written(self):
        """A volume on which a server has written."""
        volume = self.lpar.claim()
        server = self._boot(volume)
        self.write(server, volume)
        self._delete_server(server)
        return volume


class AttachTest(Case):

    def test_a_stopped_server_has_the_volume_when_it_is_started(self):
        volume = self.written()
        server = self._boot()
        self.stop(server)
        self._attach(server, volume)
        self.assertEqual({volume}, self._attached(server))
        self.assertEqual(('used', 'pending'), self.phase(volume))
        self.assertEqual(2, self.dedicated(server))
        self.assertEqual({}, self.guest(server)['devices'])
        self.assertRaises(KeyError, self._device_path, server, volume)
        self.start(server)
        self.assertEqual(('used', ''), self.phase(volume))
        self.assert_reads(server, volume)
        self._detach(server, volume)
        self.assertEqual('ours', self.lpar.look(volume).state)

    def test_a_guest_started_behind_novas_back_is_found_by_a_sweep(self):
        volume = self.written()
        server = self._boot()
        self.stop(server)
        self._attach(server, volume)
        self.sweep()
        self.assertEqual(('used', 'pending'), self.phase(volume))
        self.driver._hypervisor.guest_start(self.node(server))
        self.sweep()
        self.assertEqual(('used', ''), self.phase(volume))
        self.assert_reads(server, volume)

    def test_detached_before_it_was_started_it_leaves_nothing(self):
        volume = self.lpar.claim()
        server = self._boot()
        self.stop(server)
        self._attach(server, volume)
        self._detach(server, volume)
        self.assertEqual(('ours', ''), self.phase(volume))
        self.assertEqual(0, self.dedicated(server))
        self.assertEqual((), self.lpar.devices.list())

    def test_a_volume_that_does_not_work_is_told_and_can_be_detached(self):
        volume = self.lpar.claim()
        server = self._boot()
        self.stop(server)
        self._attach(server, volume)
        userid = self.node(server).upper()
        self.lpars.simulator.event(guest=userid + ' disks none')
        self.start(server)
        found = self.lpar.look(volume)
        self.assertEqual('used', found.state)
        self.assertEqual('pending', found.phase)
        self.assertIn('No SCSI device', found.why)
        self._detach(server, volume)
        self.assertEqual('ours', self.lpar.look(volume).state)

    def test_one_that_works_later_is_found_by_a_sweep(self):
        volume = self.written()
        server = self._boot()
        self.stop(server)
        self._attach(server, volume)
        userid = self.node(server).upper()
        self.lpars.simulator.event(guest=userid + ' disks none')
        self.start(server)
        self.assertEqual(('used', 'pending'), self.phase(volume))
        self.lpars.simulator.event(guest=userid + ' disks seen')
        self.sweep()
        self.assertEqual(('used', ''), self.phase(volume))
        self.assert_reads(server, volume)

    def test_a_restarted_service_finishes_it(self):
        volume = self.written()
        server = self._boot()
        self.stop(server)
        self._attach(server, volume)
        self.driver._hypervisor.guest_start(self.node(server))
        self.compute = self.restart_compute_service(
            self.compute, keep_hypervisor_state=False)
        self.assert_reads(server, volume)


class DetachTest(Case):

    def setUp(self):
        super().setUp()
        self.volumes = [self.lpar.claim(), self.lpar.claim()]
        self.server = self._boot(*self.volumes)
        self.write(self.server, self.volumes[0])

    def test_a_volume_that_shares_its_devices_waits_for_the_start(self):
        first, second = self.volumes
        self.stop(self.server)
        self._detach(self.server, first)
        self.assertEqual({second}, self._attached(self.server))
        self.assertEqual(('used', 'leaving'), self.phase(first))
        other = self._boot()
        self.assertRaises(api_client.OpenStackApiException, self._attach,
                          other, first)
        self.assertEqual(('used', 'leaving'), self.phase(first))
        self.start(self.server)
        self.assertEqual(('ours', ''), self.phase(first))
        self.assertEqual(('used', ''), self.phase(second))
        self._attach(other, first)
        self.assert_reads(other, first)

    def test_the_last_one_leaves_at_once_and_its_devices_do_not_return(self):
        """A guest that is started finds no LUN that is another's by then."""
        self.stop(self.server)
        for volume in self.volumes:
            self._detach(self.server, volume)
        self.assertEqual({'ours'}, self._states(self.volumes))
        self.assertEqual(0, self.dedicated(self.server))
        self.assertEqual((), self.lpar.devices.list())
        self.assertEqual({self.server['id']},
                         self.lpar.devices.stale_instances())
        other = self._boot(self.volumes[0])
        self.assert_reads(other, self.volumes[0])
        # with other devices than those for which its Linux has old paths
        third = self.lpar.claim()
        self._attach(self.server, third)
        self.start(self.server)
        self.assertEqual(('used', ''), self.phase(third))
        self.write(self.server, third)
        self.assert_reads(other, self.volumes[0])
        self.assertEqual(4, len(self.paths(self.server)))
        self.assertEqual(frozenset(), self.lpar.devices.stale_instances())

    def paths(self, server):
        return self.lpar.run(self.node(server), 'ls "$ZVM_ROOT"/sys/bus/scsi/'
                             'devices').split()

    def test_wanted_again_it_is_there_again(self):
        first = self.volumes[0]
        self.stop(self.server)
        self._detach(self.server, first)
        self._attach(self.server, first)
        self.assertEqual(('used', 'connect'), self.phase(first))
        self.start(self.server)
        self.assertEqual(('used', ''), self.phase(first))
        self.assert_reads(self.server, first)

    def test_a_server_that_is_deleted_meanwhile_leaves_nothing(self):
        self.stop(self.server)
        self._detach(self.server, self.volumes[0])
        self._delete_server(self.server)
        self.assertEqual({'ours'}, self._states(self.volumes))
        self.assertEqual((), self.lpar.devices.list())
        self.assertEqual(frozenset(), self.lpar.devices.stale_instances())

    def test_a_guest_made_anew_under_the_old_name_finds_no_dedicates(self):
        self.stop(self.server)
        for volume in self.volumes:
            self._detach(self.server, volume)
        self._delete_server(self.server)
        self.assertEqual([], [guest for name, guest in
                              self.lpar.guests.items()
                              if 'DEDICATE' in guest['directory']
                              and name.startswith('ZVM')])
        self.assertEqual(frozenset(), self.lpar.devices.stale_instances())

    def test_a_server_that_uses_the_disk_again_keeps_it(self):
        first = self.volumes[0]
        name = self._device_path(self.server, first).partition('mpath-')[2]
        self.stop(self.server)
        self._detach(self.server, first)
        self.driver._hypervisor.guest_start(self.node(self.server))
        self.lpar.run(self.node(self.server), 'echo "/dev/mapper/%s /mnt '
                      'ext4 rw 0 0" >>"$ZVM_ROOT/proc/mounts"' % name)
        self.sweep()
        self.assertEqual(('used', 'leaving'), self.phase(first))
        self.driver._hypervisor.guest_softstop(self.node(self.server))
        self.start(self.server)
        self.assertEqual(('ours', ''), self.phase(first))


class PausedTest(Case):

    def pause(self, server):
        self.api.post_server_action(server['id'], {'pause': None})
        self._wait_for_state_change(server, 'PAUSED')

    def unpause(self, server):
        self.api.post_server_action(server['id'], {'unpause': None})
        self._wait_for_state_change(server, 'ACTIVE')

    def setUp(self):
        super().setUp()
        self.volume = self.lpar.claim()
        self.server = self._boot()

    def test_an_attach_is_refused_by_default(self):
        self.pause(self.server)
        self.assertRaises(api_client.OpenStackApiException, self._attach,
                          self.server, self.volume)
        self.assertEqual(('ours', ''), self.phase(self.volume))
        self.assertEqual(0, self.dedicated(self.server))

    def test_or_waits_for_it_to_go_on(self):
        self.flags(group='zvm', zvm_attach_unreachable='pending')
        self.compute = self.restart_compute_service(
            self.compute, keep_hypervisor_state=False)
        self.pause(self.server)
        self._attach(self.server, self.volume)
        self.assertEqual(('used', 'pending'), self.phase(self.volume))
        self.unpause(self.server)
        self.assertEqual(('used', ''), self.phase(self.volume))
        self.sweep()
        self.write(self.server, self.volume)
        self.assert_reads(self.server, self.volume)

    def test_a_detach_waits_for_it(self):
        self._attach(self.server, self.volume)
        self.pause(self.server)
        self._detach(self.server, self.volume)
        self.assertEqual(('used', 'leaving'), self.phase(self.volume))
        self.unpause(self.server)
        self.assertEqual(('ours', ''), self.phase(self.volume))
