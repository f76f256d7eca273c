# SPDX-License-Identifier: Apache-2.0
"""The ledger beside Nova's records: what a sweep does, and what it leaves."""

import dataclasses
import types

import fixtures
from nova import exception
from oslo_serialization import jsonutils

from nova_zvm_volume.virt.zvm import sweep
from tests.unit.nova import fakes
from tests.unit.nova import test_volumeop
from zvm_common import exceptions


class FakeRecords:
    """In place of records.Records, filled by the test."""

    def __init__(self):
        self.alive = {}
        self.others = {}     # uuid -> deleted or elsewhere
        self.bdms = {}

    def past(self, uuid):
        return self.others.get(uuid)

    def read_again(self, uuid):
        """It is as it is."""

    def volumes(self, uuid):
        return self.bdms.get(uuid, [])

    def mapping_of(self, lun):
        for bdm in self.volumes(str(lun.instance)):
            if bdm.volume_id == lun.volume_id:
                return bdm
        return None

    def named_wwpns(self, uuid):
        return {wwpn for bdm in self.volumes(uuid) for wwpn in bdm.named}


class FakeBdm:

    def __init__(self, volume_id=fakes.VOLUME, info=None, named=()):
        self.volume_id = volume_id
        self.attachment_id = fakes.OTHER_VOLUME
        self.connection_info = info and jsonutils.dumps(info)
        self.named = named
        self.gone = False
        self.saved = 0

    def save(self):
        self.saved += 1

    def destroy(self):
        self.gone = True


class FakeCinder:
    deleted = ()

    def attachment_delete(self, _context, attachment):
        FakeCinder.deleted += (attachment,)


class SweepTest(test_volumeop.Base):

    def setUp(self):
        super().setUp()
        self.records = FakeRecords()
        self.useFixture(fixtures.MonkeyPatch(
            'nova_zvm_volume.virt.zvm.records.Records',
            lambda context: self.records))
        self.useFixture(fixtures.MonkeyPatch('nova.volume.cinder.API',
                                             FakeCinder))
        FakeCinder.deleted = ()
        self.instance.vm_state = 'active'
        self.instance.launched_at = 'yesterday'
        self.instance.deleted = False

    def sweep(self, listed=(), starting=False):
        del self.lpar.calls[:]
        sweep.Sweep(self.lpar, self.ops, None, set(listed)).run(starting)

    def is_here(self, *bdms):
        self.records.alive[self.instance.uuid] = self.instance
        self.records.bdms[self.instance.uuid] = list(bdms)

    def assert_freed(self):
        self.assertEqual('ours', self.lun().state)
        self.assertEqual({}, self.lpar.held)

    def assert_kept(self):
        self.assertEqual('used', self.lun().state)
        self.assertNotEqual({}, self.lpar.held)


class TestGone(SweepTest):

    def setUp(self):
        super().setUp()
        self.attach()
        self.records.others[self.instance.uuid] = types.SimpleNamespace(
            deleted=True)

    def test_what_a_deleted_instance_left_is_let_go(self):
        self.sweep()
        self.assert_freed()

    def test_a_guest_that_the_connector_lists_keeps_all(self):
        self.sweep(listed=['ZVM00001'])
        self.assert_kept()

    def test_an_instance_that_nova_never_had_keeps_all(self):
        self.records.others = {}
        self.sweep(starting=True)
        self.assert_kept()

    def test_an_instance_of_another_host_keeps_what_it_uses(self):
        self.records.others[self.instance.uuid].deleted = False
        self.sweep(starting=True)
        self.assert_kept()
        self.assertEqual([], self.lpar.called('devices.reap'))

    def test_one_that_fails_does_not_stop_the_others(self):
        other = fakes.instance('zvm00002', fakes.OTHER_INSTANCE)
        self.ops.connector(other)
        self.records.others[other.uuid] = types.SimpleNamespace(deleted=True)
        self.lpar.fail('devices.release', exceptions.MnUnreachable('down'))
        self.sweep()
        self.assertEqual(1, len(self.lpar.held))


class TestHeld(SweepTest):
    """Devices for which no volume came."""

    def setUp(self):
        super().setUp()
        self.ops.connector(self.instance)

    def test_they_are_given_back_where_nova_knows_no_volume(self):
        self.is_here()
        self.sweep()
        self.assertEqual({self.instance.uuid: []}, self.lpar.held)

    def test_they_are_kept_while_a_volume_is_on_its_way(self):
        self.is_here(FakeBdm())
        self.sweep()
        self.assertEqual([], self.lpar.called('devices.reap'))

    def test_they_are_given_back_where_the_instance_is_on_another_host(self):
        self.records.others[self.instance.uuid] = types.SimpleNamespace(
            deleted=False)
        self.sweep()
        self.assertEqual({self.instance.uuid: []}, self.lpar.held)

    def test_one_cools_as_long_as_an_attachment_names_it(self):
        device = self.lpar.devices.ours()[0]
        self.lpar.device_states[str(device.number)] = 'cooling'
        self.is_here(FakeBdm(info={}, named=[str(device.wwpn)]))
        self.sweep()
        self.assertIn(str(device.number), self.lpar.held[self.instance.uuid])
        self.is_here(FakeBdm(info={}, named=['c05076ffe5009999']))
        self.sweep()
        self.assertNotIn(str(device.number),
                         self.lpar.held[self.instance.uuid])

    def test_one_that_did_not_come_off_is_tried_again(self):
        # though the instance has a volume over others
        device = self.lpar.devices.ours()[0]
        self.lpar.device_states[str(device.number)] = 'releasing'
        self.is_here(FakeBdm(info={}))
        self.sweep()
        self.assertNotIn(str(device.number),
                         self.lpar.held[self.instance.uuid])


class TestHeir(SweepTest):
    """A deleted instance left something, and its userid is another's now."""

    def setUp(self):
        super().setUp()
        self.attach()
        self.records.others[self.instance.uuid] = types.SimpleNamespace(
            deleted=True)
        self.heir = fakes.instance(uuid=fakes.OTHER_INSTANCE)
        self.heir.system_metadata = {}
        self.heir.deleted = False
        self.heir.launched_at = 'today'
        self.records.alive[self.heir.uuid] = self.heir

    def test_the_guest_is_proven_to_be_the_heirs(self):
        self.sweep(listed=['ZVM00001'])
        self.assertIn(('devices.succeed', self.heir.uuid, 'ZVM00001'),
                      self.lpar.calls)

    def test_it_may_be_the_deleted_ones_still(self):
        self.heir.launched_at = None
        self.sweep(listed=['ZVM00001'])
        self.assertEqual([], self.lpar.called('devices.succeed'))
        self.assert_kept()


class TestAttachCutOff(SweepTest):

    def setUp(self):
        super().setUp()
        self.bdm = FakeBdm()
        self.is_here(self.bdm)

    def test_it_is_undone_in_the_guest_and_in_nova(self):
        self.attach()
        self.sweep(starting=True)
        self.assert_freed()
        self.assertEqual({}, self.lpar.guests['zvm00001'].disks)
        self.assertTrue(self.bdm.gone)
        self.assertEqual((fakes.OTHER_VOLUME,), FakeCinder.deleted)

    def test_it_is_left_while_the_service_runs(self):
        self.attach()
        self.sweep()
        self.assert_kept()
        self.assertFalse(self.bdm.gone)

    def test_one_that_never_reached_the_zhcp_can_come_no_more(self):
        before = self.lun().generation
        self.sweep(starting=True)
        self.assertEqual(before + 1, self.lun().generation)
        self.assertTrue(self.bdm.gone)

    def test_a_guest_that_does_not_answer_keeps_it_until_it_does(self):
        self.attach()
        self.lpar.guests['zvm00001'].silent = 9
        self.sweep(starting=True)
        self.assert_kept()
        self.assertEqual('leaving', self.lun().phase)
        self.assertTrue(self.bdm.gone)
        self.is_here()
        self.lpar.guests['zvm00001'].silent = 0
        self.sweep()
        self.assert_freed()

    def test_a_guest_that_is_off_has_it_no_more(self):
        self.attach()
        self.lpar.off.add('ZVM00001')
        self.sweep(starting=True)
        self.assert_freed()
        self.assertTrue(self.bdm.gone)

    def test_a_guest_that_uses_the_disk_keeps_it(self):
        self.attach()
        self.lpar.guests['zvm00001'].in_use.add(fakes.VOLUME)
        self.sweep(starting=True)
        self.assert_kept()
        self.assertFalse(self.bdm.gone)

    def test_an_attachment_that_cinder_does_not_have_is_gone(self):
        def absent(_self, _context, attachment):
            raise exception.VolumeAttachmentNotFound(attachment_id=attachment)
        self.useFixture(fixtures.MonkeyPatch(
            __name__ + '.FakeCinder.attachment_delete', absent))
        self.sweep(starting=True)
        self.assertTrue(self.bdm.gone)

    def test_a_boot_that_was_cut_off_is_left_to_its_delete(self):
        self.attach()
        self.instance.launched_at = None
        self.sweep(starting=True)
        self.assert_kept()
        self.assertFalse(self.bdm.gone)


class TestUsed(SweepTest):

    def setUp(self):
        super().setUp()
        self.info = self.attach()

    def phase(self, phase):
        self.lpar.luns[fakes.VOLUME] = dataclasses.replace(self.lun(),
                                                           phase=phase)

    def test_what_nova_has_attached_stays(self):
        self.is_here(FakeBdm(info=self.info))
        self.sweep(starting=True)
        self.assert_kept()
        self.assertEqual([], self.lpar.called('guest.detach',
                                              'devices.detach'))

    def test_what_nova_does_not_have_is_only_told(self):
        self.is_here()
        self.sweep(starting=True)
        self.assert_kept()

    def test_an_attach_that_nova_forgot_is_undone(self):
        self.is_here()
        self.phase('dedicate')
        self.sweep(starting=True)
        self.assert_freed()

    def test_a_detach_that_was_cut_off_is_finished(self):
        bdm = FakeBdm(info=self.info)
        self.is_here(bdm)
        self.phase('detach')
        self.sweep(starting=True)
        self.assert_freed()
        self.assertFalse(bdm.gone)


class TestWaiting(SweepTest):
    """What waits for a guest that was off."""

    def setUp(self):
        super().setUp()
        self.lpar.off.add('ZVM00001')
        self.info = self.attach(may_wait=True)
        self.bdm = FakeBdm(info=self.info)
        self.is_here(self.bdm)

    def saved(self):
        return jsonutils.loads(self.bdm.connection_info)['data']

    def test_a_guest_that_is_still_off_is_not_asked(self):
        self.sweep()
        self.assertEqual('pending', self.lun().phase)
        self.assertEqual([], self.lpar.called('guest.attach'))

    def test_one_that_runs_now_gets_its_volume(self):
        self.lpar.off.clear()
        self.sweep()
        self.assertEqual(('used', ''), (self.lun().state, self.lun().phase))
        self.assertIn('mpath', self.saved()['device_path'])
        self.assertNotIn('zvm_pending', self.saved())

    def test_a_path_that_was_not_saved_is_saved(self):
        # a start was quicker than the attach that Nova still had to save
        self.lpar.luns[fakes.VOLUME] = dataclasses.replace(self.lun(),
                                                           phase='')
        self.lpar.off.clear()
        self.sweep()
        self.assertIn('mpath', self.saved()['device_path'])
        self.sweep()
        self.assertEqual(1, self.bdm.saved)

    def test_an_attach_that_nova_gave_up_is_taken_back(self):
        self.is_here()
        self.sweep()
        self.assert_freed()

    def test_an_attach_under_way_is_left_alone(self):
        self.bdm.connection_info = None
        self.sweep()
        self.assertEqual('used', self.lun().state)

    def test_what_leaves_is_taken_from_a_guest_that_runs_now(self):
        self.lpar.luns[fakes.VOLUME] = dataclasses.replace(
            self.lun(), phase='leaving')
        self.is_here()
        self.lpar.off.clear()
        self.sweep()
        self.assert_freed()
        self.assertEqual(1, len(self.lpar.called('guest.detach')))

    def test_old_paths_of_a_guest_that_runs_now_are_forgotten(self):
        self.lpar.stale[self.instance.uuid] = {'3B05': fakes.VOLUME + ':9'}
        self.sweep()
        self.assertEqual([], self.lpar.called('guest.forget'))
        self.lpar.off.clear()
        self.sweep()
        self.assertEqual(1, len(self.lpar.called('guest.forget')))
        self.assertEqual(frozenset(), self.lpar.devices.stale_instances())

    def test_those_of_a_deleted_one_matter_no_more(self):
        self.lpar.stale[fakes.OTHER_INSTANCE] = {'3B05': fakes.VOLUME + ':9'}
        self.sweep()
        self.assertIn(fakes.OTHER_INSTANCE,
                      self.lpar.devices.stale_instances())
        self.records.others[fakes.OTHER_INSTANCE] = types.SimpleNamespace(
            deleted=True, name='zvm00002')
        self.sweep(listed=['ZVM00002'])
        self.assertIn(fakes.OTHER_INSTANCE,
                      self.lpar.devices.stale_instances())
        self.sweep()
        self.assertEqual(frozenset(), self.lpar.devices.stale_instances())


class TestCooling(SweepTest):

    def test_devices_that_other_back_ends_name_cool(self):
        info = self.attach()
        device = self.lpar.devices.ours()[0]
        foreign = {'connection_info': {
            'driver_volume_type': 'fibre_channel', 'data': {
                'initiator_target_map': {
                    '0x' + str(device.wwpn).upper(): ['5005076300000001']}}}}
        self.ops.let_go(self.instance, [{'connection_info': info}, foreign])
        self.assertEqual('ours', self.lun().state)
        self.assertEqual({self.instance.uuid: [str(device.number)]},
                         self.lpar.held)
        self.assertEqual('cooling', self.lpar.devices.ours()[0].state)
