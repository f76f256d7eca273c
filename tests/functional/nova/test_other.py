# SPDX-License-Identifier: Apache-2.0
"""Volumes of other makers' Fibre Channel drivers, through Nova's manager."""

import os
import uuid

from nova.tests.functional.api import client as api_client

from nova import objects
from tests.functional.nova import manager
from tests import vendors
from tests import worlds


class Case(manager.ManagerCase):
    """``self.other(array)`` is a volume of that array."""

    @staticmethod
    def world():
        world = worlds.two()
        world['lpars']['host1']['disks'] = [
            disk for array in vendors.ARRAYS for disk in array.disks]
        return world

    def setUp(self):
        self.others = {}
        self.changed = {}   # what an array tells otherwise
        super().setUp()

    def other(self, array=vendors.ARRAYS[0]):
        volume = str(uuid.uuid4())
        self.others[volume] = array
        return volume

    def _connection_info(self, volume_id, attachment_id):
        if volume_id not in self.others:
            return super()._connection_info(volume_id, attachment_id)
        connector = self.cinder.volume_to_attachment[volume_id][
            attachment_id]['connector']
        info = self.others[volume_id].connection_info(connector['wwpns'])
        info['data'].update(self.changed, attachment_id=attachment_id)
        return info

    def on_disk(self, volume, length):
        """What stands on the array's disk, beside all Linux."""
        array = self.others[volume]
        port, lun = next(iter(array.ports.items()))
        with open(self.lpars.simulator.disk('host1', port, lun)['path'],
                  'rb') as stream:
            return stream.read(length).decode()

    def devices(self):
        return {str(d.number): d.state for d in self.lpar.devices.list()}

    def later(self):
        """The zHCP's clock goes on by more than the term of cooling."""
        self.lpars.simulator.event(clock='700')

    def instance(self, server):
        return objects.Instance.get_by_uuid(self.context, server['id'])

    def assert_works(self, server, volume):
        """What the guest writes is on the array's disk."""
        self._fill(server, volume)
        self.assertEqual(volume, self.on_disk(volume, len(volume)))


class VendorsTest(Case):

    def test_each_makers_shape_is_attached_by_all_its_paths(self):
        server = self._boot()
        for array in vendors.ARRAYS:
            with self.subTest(array.name):
                volume = self.other(array)
                self._attach(server, volume)
                paths = self._paths(server)
                self.assertEqual(array.paths, len(paths))
                self.assertEqual(
                    {'%s:%s' % port for port in array.ports.items()},
                    {path.partition(':')[2].replace('0x', '')
                     for path in paths})
                self.assert_works(server, volume)
                self.assertEqual(vendors.WWID % array.number,
                                 self.lpar.look(volume).wwid)
                self._detach(server, volume)
                self.assertEqual(set(), self._paths(server))
                self.assertEqual({'cooling'}, set(self.devices().values()))
        self._saw_requests()


class LifeTest(Case):
    """Servers with a volume of a pool and one of another back-end."""

    def setUp(self):
        super().setUp()
        self.mine, self.volume = self.lpar.claim(), self.other()
        self.server = self._boot(self.mine, self.volume)
        self._fill(self.server, self.mine, self.volume)
        self.paths = self._paths(self.server)

    def assert_whole(self):
        self.assertEqual(('ACTIVE', None), self._state(self.server))
        self.assertEqual(self.paths, self._paths(self.server))
        self._assert_kept(self.server, self.mine, self.volume)
        self.assert_works(self.server, self.volume)

    def phase(self):
        found = self.lpar.look(self.volume)
        return found.state, found.phase

    def assert_cool_then_free(self):
        """Nobody gets the devices before the term is over."""
        self.assertEqual({'cooling'}, set(self.devices().values()))
        self.sweep()
        cool = set(self.devices())
        self.assertEqual(2, len(cool))
        held = self.lpar.devices.hold(str(uuid.uuid4()), 'OTHER')
        self.assertEqual(set(), cool & {str(d.number) for d in held})
        self.later()
        self.sweep()
        self.assertEqual({str(d.number) for d in held}, set(self.devices()))

    def test_a_deleted_server_leaves_devices_that_cool(self):
        self.assert_whole()
        self._delete_server(self.server)
        self.assertEqual('ours', self.lpar.look(self.mine).state)
        self.assertEqual(('ours', ''), self.phase())
        self.assertEqual([], self.driver.list_instances())
        self.assert_cool_then_free()

    def test_detached_in_any_order_they_cool_too(self):
        self._detach(self.server, self.mine)
        self._assert_kept(self.server, self.volume)
        self._detach(self.server, self.volume)
        self.assertEqual(('ours', ''), self.phase())
        self.assert_cool_then_free()

    def test_attached_again_they_are_the_same_devices(self):
        before = set(self.devices())
        self._detach(self.server, self.mine)
        self._detach(self.server, self.volume)
        self._attach(self.server, self.volume)
        self.assertEqual({device: 'used' for device in before},
                         self.devices())
        self._assert_kept(self.server, self.volume)

    def test_a_hard_reboot_brings_back_what_was_lost(self):
        lost = min(path for path in self.paths if vendors.SVC in path)
        self.lpar.run(self._node(self.server), 'chzdev -d zfcp-lun %s '
                      '--no-root-update --yes --quiet'
                      % ':0x'.join(lost.split(':')))
        self.assertEqual(self.paths - {lost}, self._paths(self.server))
        self._reboot_server(self.server, hard=True)
        self.assert_whole()

    def test_a_hard_reboot_attaches_what_was_taken_away(self):
        found = self.lpar.look(self.volume)
        self.driver._volumes.take_back(found, self.instance(self.server))
        self.assertEqual(('ours', ''), self.phase())
        self._reboot_server(self.server, hard=True)
        self.assert_whole()

    def test_a_stopped_server_loses_it_when_it_runs_again(self):
        self.stop(self.server)
        self._detach(self.server, self.volume)
        self.assertEqual(('used', 'leaving'), self.phase())
        self.start(self.server)
        self.assertEqual(('ours', ''), self.phase())
        self._attach(self.server, self.volume)
        self.assert_whole()

    def test_a_stopped_server_has_it_when_it_runs_again(self):
        self._detach(self.server, self.volume)
        self.stop(self.server)
        self._attach(self.server, self.volume)
        self.assertEqual(('used', 'pending'), self.phase())
        self.start(self.server)
        self.assertEqual(('used', ''), self.phase())
        self.assertEqual(vendors.WWID % 1, self.lpar.look(self.volume).wwid)
        self.assert_whole()

    def test_an_attach_that_was_cut_off_is_undone_at_the_start(self):
        bdm = self._bdm(self.server, self.volume)
        bdm.connection_info = None
        bdm.save()
        self.compute = self.restart_compute_service(
            self.compute, keep_hypervisor_state=False)
        self.assertEqual({self.mine}, self._attached(self.server))
        self.assertEqual(('ours', ''), self.phase())
        self._attach(self.server, self.volume)
        self.assert_whole()

    def test_a_restarted_service_detaches_it(self):
        self.compute = self.restart_compute_service(
            self.compute, keep_hypervisor_state=False)
        self.assert_whole()
        self._detach(self.server, self.volume)
        self.assertEqual(('ours', ''), self.phase())

    def test_a_rebuilt_server_has_it_again(self):
        self._rebuild_server(self.server, manager.IMAGE)
        self.paths = self._paths(self.server)
        self.assert_whole()

    def test_another_array_behind_the_same_address_is_not_taken_for_it(self):
        """Each array and host counts LUNs by itself: only the WWID tells."""
        bdm = self._bdm(self.server, self.volume)
        bdm.connection_info = bdm.connection_info.replace(
            vendors.WWID % 1, vendors.WWID % 9)
        bdm.save()
        name = 'var/lib/zvm-volume/luns/other-' + self.volume
        path = os.path.join(self.lpar.guests['ZHCP1']['folder'], name)
        with open(path) as stream:
            text = stream.read()
        with open(path, 'w') as stream:
            stream.write(text.replace(vendors.WWID % 1, vendors.WWID % 9))
        self._reboot_server(self.server, hard=True)
        self._assert_fault(self.server, 'is WWID ' + vendors.WWID % 1)
        self._assert_kept(self.server, self.mine)


class RefusalTest(Case):
    """What cannot be attached says why, and leaves nothing."""

    def setUp(self):
        super().setUp()
        self.server = self._boot()

    def refused(self, *words, **changed):
        """The attach fails for these words, which Nova keeps as a fault."""
        self.changed = changed
        volume = self.other()
        self.assertRaises(api_client.OpenStackApiException, self._attach,
                          self.server, volume)
        for word in words:
            self._assert_fault(self.server, word)
        self.assertEqual(set(), self._attached(self.server))
        self.assertEqual({}, self.cinder.volume_to_attachment[volume])
        self.assertEqual(set(), self._paths(self.server))
        self.assertNotIn('DEDICATE', self._guest(self.server)['directory'])
        self.assertNotIn('used', self.devices().values())
        fault = self._fault(self.server)
        for secret in (worlds.PASSWORD, 'Traceback'):
            self.assertNotIn(secret, fault)
        self.assertEqual(1, len(fault.splitlines()))

    def test_an_array_that_lets_none_of_its_devices_in(self):
        # what cinder.tests.fake_driver.FakeFibreChannelDriver gives
        self.refused('initiator_target_map', 'fake_wwn',
                     initiator_target_map={'fake_wwn': ['fake_wwn2']})
        self.refused('c05076ffe5009999', 'the array lets none',
                     initiator_target_map={
                         'c05076ffe5009999': [vendors.SVC]})

    def test_a_lun_that_is_not_there(self):
        self.refused('No SCSI device found', target_lun=77)

    def test_a_port_that_no_fabric_has(self):
        self.refused('no path over', target_wwn='5005076300009999',
                     initiator_target_map=None)

    def test_a_read_only_attachment(self):
        self.refused('access_mode', access_mode='ro')

    def test_more_luns_than_ports(self):
        self.refused('one for each of the 4 ports', target_luns=[1, 2])

    def test_a_lun_of_a_pool(self):
        lun = self.lpar.look(self.lpar.claim())
        self.refused('a LUN of a SCSI pool', target_lun=lun.lun.scsi_int(),
                     target_wwn=str(lun.wwpns[0]), initiator_target_map=None)

    def test_a_boot_leaves_nothing(self):
        self.changed = {'target_lun': 77}
        server = self._boot(self.other(), expected='ERROR')
        self._delete_server(server)
        self.assertNotIn('used', self.devices().values())
        self.assertEqual([self._userid(self.server)],
                         self.driver.list_instances())
