# SPDX-License-Identifier: Apache-2.0
"""Attach and detach: every failure point, and what is left after it."""

import contextlib
import copy
import json

import fixtures
from nova import exception
import testtools

from nova_zvm_volume.virt.zvm import connector
from nova_zvm_volume.virt.zvm import volumeop
from tests.unit.nova import fakes
from zvm_common import exceptions

# The requests of a first attach, in order.
STEPS = ('hypervisor', 'define_node', 'devices.attach', 'guest.attach')
UNKNOWN = (
    exceptions.OutcomeUnknown('504'),
    exceptions.BadAnswer('<html>'),
    RuntimeError('a bug'),
)
SAID_NO = (
    exceptions.MnUnreachable('down'),
    exceptions.NotPermitted('xdsh'),
    exceptions.Refused('no', code='path', fields={'undone': 'yes'}),
    exceptions.SmapiFailed(204, 8, 'held by OTHER'),
)
HALF_WAY = exceptions.PathFailed('no', code='path', fields={'undone': 'no'})
# Errors, and whether the request had its effect all the same.
FAILURES = ([(error, False) for error in UNKNOWN + SAID_NO + (HALF_WAY,)]
            + [(error, True) for error in UNKNOWN])


class Base(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.lpar = fakes.FakeLpar()
        self.lpar.add_volume()
        self.ops = volumeop.VolumeOps(self.lpar)
        self.instance = fakes.instance()
        self.sleep = self.useFixture(fixtures.MockPatch('time.sleep')).mock
        self.useFixture(fixtures.FakeLogger())

    def attach(self, info=None, instance=None, **kwargs):
        info = fakes.connection_info() if info is None else info
        # as Nova does; what fails or is counted comes after it
        self.lpar.devices._hold(
            (instance or self.instance).uuid, 'ZVM00001')
        self.ops.attach(info, instance or self.instance, **kwargs)
        return info

    def detach(self, info, instance=None, exists=True):
        self.ops.detach(info, instance or self.instance, '/dev/sdb',
                        lambda: exists)

    def lun(self, volume=fakes.VOLUME):
        return self.lpar.luns[volume]


class TestConnector(Base):

    def predecessor(self, launched):
        """Another instance had this name and holds devices."""
        self.instance.system_metadata = {}
        self.instance.deleted = False
        self.instance.launched_at = launched
        self.lpar.fail('devices.hold', exceptions.LunBusy(
            'guest ZVM00001 was another instance\'s', code='busy'))

    def test_the_guest_of_this_name_is_proven_to_be_its_own(self):
        self.predecessor('yesterday')
        self.assertEqual(['3B00', '3C00'],
                         self.ops.connector(self.instance)['zvm_fcp'])
        self.assertTrue(self.lpar.held_as_own)

    def test_whose_the_guest_is_is_not_proven(self):
        self.predecessor(None)
        self.assertRaises(exception.ZVMDriverException, self.ops.connector,
                          self.instance)

    def test_names_guest_zhcp_and_devices_in_json_types(self):
        found = self.ops.connector(self.instance)
        self.assertEqual(fakes.INSTANCE, found['instance'])
        self.assertEqual('zhcp1.example.com', found['zvm_zhcp'])
        self.assertEqual('host1', found['zvm_hypervisor'])
        self.assertEqual('ZVM00001', found['zvm_userid'])
        self.assertEqual(['3B00', '3C00'], found['zvm_fcp'])
        self.assertEqual(['c05076ffe5003b00', 'c05076ffe5003c00'],
                         found['wwpns'])
        self.assertIs(True, found['multipath'])
        self.assertEqual('compute1', found['zvm_compute'])

    def test_has_what_drivers_of_other_makers_ask_for(self):
        found = self.ops.connector(self.instance)
        self.assertEqual(found['wwpns'], found['wwnns'])
        for wwn in found['wwpns'] + found['wwnns']:
            self.assertRegex(wwn, '^[0-9a-f]{16}$')
        self.assertEqual(('s390x', 'linux'),
                         (found['platform'], found['os_type']))
        self.assertIs(bool, type(found['multipath']))
        self.assertEqual(found, json.loads(json.dumps(found)))

    def test_each_guest_is_a_host_of_its_own_for_arrays(self):
        name = self.ops.connector(self.instance)['host']
        self.assertEqual('zvm00001-1d6f0c3a88aa', name)
        # the same userid in another cloud or on another LPAR
        self.assertNotEqual(name, self.ops.connector(fakes.instance(
            uuid='2d6f0c3a-88aa-4a4e-8a6e-000000000001'))['host'])

    def test_its_name_is_one_for_every_array(self):
        for userid in ('ZVM00001', 'zvm@#$_1', '0vm', '@', '-', 'ABCDEFGHIJK'):
            name = connector.host_name(fakes.instance(userid))
            self.assertRegex(name, '^[a-z][a-z0-9]*-[0-9a-f]{12}$')
            self.assertLessEqual(len(name), 22)

    def test_is_the_same_again_and_after_a_restart(self):
        first = self.ops.connector(self.instance)
        self.ops.connector(fakes.instance('zvm00002', fakes.OTHER_INSTANCE))
        again = volumeop.VolumeOps(self.lpar).connector(self.instance)
        self.assertEqual(first, again)

    def test_is_never_empty(self):
        self.lpar.free = ['3B00']
        error = self.assertRaises(exception.ZVMDriverException,
                                  self.ops.connector, self.instance)
        self.assertIn('3B00-3B01;3C00-3C01', str(error))

    def test_a_name_that_is_no_userid_is_refused_before_any_request(self):
        for name in ('zvm00001x', 'zvm;id', 'a b', ''):
            self.assertRaises(exception.ZVMDriverException,
                              self.ops.connector, fakes.instance(name))
        self.assertEqual([], self.lpar.calls)


class TestAttach(Base):

    def test_a_refusal_after_a_lost_answer_is_undone(self):
        # what the first attempt did, the second found and could not finish
        busy = exceptions.SmapiFailed('396', '1', 'directory busy',
                                      code='smapi',
                                      fields={'undone': 'unknown'})
        self.lpar.fail('devices.attach', busy, after=True)
        self.lpar.fail('devices.attach', busy)
        self.assertRaises(exception.VolumeAttachFailed, self.attach)
        self.assertEqual('ours', self.lpar.luns[fakes.VOLUME].state)

    def test_takes_one_request_to_the_zhcp_and_one_to_the_guest(self):
        self.attach()
        self.assertEqual(['define_node', 'devices.attach', 'guest.attach'],
                         [c[0] for c in self.lpar.calls
                          if c[0] != 'hypervisor'])

    def test_reports_where_the_disk_is_and_what_detach_needs(self):
        info = self.attach()
        data = info['data']
        self.assertEqual('/dev/disk/by-id/dm-uuid-mpath-3' + fakes.WWID,
                         data['device_path'])
        self.assertEqual(2, data['zvm_generation'])
        self.assertEqual(4, len(data['zvm_paths']))
        self.assertEqual('used', self.lun().state)
        self.assertEqual(fakes.ATTACHMENT, self.lun().attachment)

    def test_the_node_is_there_before_the_guest_is_asked(self):
        self.attach()
        self.assertEqual({'zvm00001': 'ZVM00001'}, self.lpar.nodes)

    def test_a_repeat_has_the_same_device_path(self):
        first = self.attach()
        again = self.attach()
        self.assertEqual(first['data']['device_path'],
                         again['data']['device_path'])
        self.assertEqual(2, self.lun().generation)

    def test_a_guest_that_boots_is_waited_for(self):
        self.lpar.guests['zvm00001'].silent = 3
        self.attach(patience=300)
        self.assertEqual(3, self.sleep.call_count)
        self.assertEqual('used', self.lun().state)

    def test_one_that_is_not_logged_on_yet_too(self):
        self.lpar.fail('devices.attach', exceptions.GuestUnreachable(
            'not logged on', code='off'), times=2)
        self.attach(patience=300)
        self.assertEqual('used', self.lun().state)

    def test_a_guest_that_stays_silent_keeps_nothing(self):
        self.lpar.guests['zvm00001'].silent = 99
        self.assertRaises(exception.VolumeAttachFailed, self.attach)
        self.assertEqual('ours', self.lun().state)
        # it was never reached, so there is nothing to ask it for
        self.assertEqual(1, len(self.lpar.called('guest.attach')))
        self.assertEqual([], self.lpar.called('guest.detach'))

    def test_another_zhcp_is_refused_in_words(self):
        info = fakes.connection_info(zvm_zhcp='zhcp2.example.com')
        error = self.assertRaises(exception.VolumeAttachFailed, self.attach,
                                  info)
        self.assertIn('zhcp1.example.com', str(error))
        self.assertIn('zhcp2.example.com', str(error))
        self.assertEqual(['hypervisor'], [c[0] for c in self.lpar.calls])

    def test_nonsense_is_refused_before_any_request(self):
        for change in ({'zvm_lun': '$(id)'}, {'zvm_pool': 'a,b'},
                       {'zvm_volume_id': 'all'}, {'zvm_generation': '1'}):
            error = self.assertRaises(
                exception.VolumeAttachFailed, self.attach,
                fakes.connection_info(**change))
            self.assertIn(next(iter(change)), str(error))
        for info in (None, [], {}, {'driver_volume_type': 'iscsi'}):
            self.assertRaises(exception.VolumeAttachFailed, self.ops.attach,
                              info, self.instance)
        self.assertEqual([], self.lpar.calls)

    def test_a_volume_of_another_guest_is_left_there(self):
        other = fakes.instance('zvm00002', fakes.OTHER_INSTANCE)
        self.attach(instance=other)
        before = self.lpar.state
        self.assertRaises(exception.VolumeAttachFailed, self.attach)
        self.assertEqual(before, self.lpar.state)
        self.assertEqual([], self.lpar.called('devices.detach',
                                              'guest.detach'))


class TestAttachFails(Base):

    def _fails(self, step, error, after):
        self.lpar = fakes.FakeLpar()
        self.lpar.add_volume()
        self.ops = volumeop.VolumeOps(self.lpar)
        before = self.lpar.state
        self.lpar.fail(step, error, after)
        info = fakes.connection_info()
        given = copy.deepcopy(info)
        raised = None
        try:
            self.attach(info)
        except Exception as err:
            raised = err
        return before, info == given, raised

    def test_at_every_step_all_is_as_before(self):
        for step in STEPS:
            for error, after in FAILURES + [(HALF_WAY, True)]:
                if error is HALF_WAY and after and step != 'guest.attach':
                    continue
                before, untouched, raised = self._fails(step, error, after)
                where = '%s %r after=%s' % (step, error, after)
                if step == 'devices.attach' and error in UNKNOWN:
                    # looked up, and brought to an end
                    self.assertIsNone(raised, where)
                    self.assertEqual('used', self.lun().state, where)
                    continue
                self.assertTrue(untouched, where)
                self.assertEqual(before, self.lpar.state, where)
                self._check_told(raised, error, where)

    def _check_told(self, raised, error, where):
        if isinstance(error, exceptions.ZvmError):
            self.assertIsInstance(raised, exception.VolumeAttachFailed, where)
            self.assertIn(error.message, str(raised), where)
        else:
            self.assertIs(error, raised, where)

    def test_only_steps_that_ran_are_undone(self):
        refused = exceptions.Refused('no')
        for step, undone in (
                ('define_node', []),
                ('devices.attach', []),
                ('guest.attach', ['devices.detach'])):
            self._fails(step, refused, after=False)
            self.assertEqual(undone, self.lpar.called(
                'remove_node', 'devices.release', 'devices.detach',
                'guest.detach'), step)

    def test_what_the_guest_may_have_is_undone_first(self):
        for error in UNKNOWN + (HALF_WAY,):
            self._fails('guest.attach', error, after=True)
            self.assertEqual(['guest.detach', 'devices.detach'],
                             self.lpar.called('guest.detach',
                                              'devices.detach'))

    def test_a_late_request_finds_itself_stale(self):
        self._fails('guest.attach', exceptions.OutcomeUnknown('504'), False)
        self.assertEqual(3, self.lpar.guests['zvm00001'].seen[fakes.VOLUME])
        self._fails('devices.attach', exceptions.MnUnreachable('x'), False)
        for after in (False, True):
            self.lpar = fakes.FakeLpar()
            self.lpar.add_volume()
            self.ops = volumeop.VolumeOps(self.lpar)
            self.lpar.fail('devices.attach', exceptions.OutcomeUnknown('1'),
                           after, times=2)
            self.assertRaises(exception.VolumeAttachFailed, self.attach)
            self.assertEqual('ours', self.lun().state)
            self.assertLess(1, self.lun().generation)

    def test_what_cannot_be_undone_stays_recorded(self):
        self.lpar.fail('guest.attach', exceptions.OutcomeUnknown('504'),
                       after=True)
        self.lpar.fail('guest.detach', exceptions.PathFailed('stuck'))
        error = self.assertRaises(exception.VolumeAttachFailed, self.attach)
        self.assertIn('504', str(error))
        self.assertEqual('used', self.lun().state)
        self.assertEqual([], self.lpar.called('devices.detach'))

    def test_an_error_of_the_undoing_hides_nothing(self):
        self.lpar.fail('guest.attach', exceptions.PathFailed('the first'))
        self.lpar.fail('devices.detach', RuntimeError('the second'))
        error = self.assertRaises(exception.VolumeAttachFailed, self.attach)
        self.assertIn('the first', str(error))
        self.assertNotIn('the second', str(error))
        self.assertEqual('used', self.lun().state)

    def test_an_unknown_outcome_is_looked_up_and_brought_to_an_end(self):
        for after in (False, True):
            self._fails('devices.attach', exceptions.OutcomeUnknown('504'),
                        after)
            self.assertEqual(['devices.attach', 'look', 'devices.attach'],
                             self.lpar.called('devices.attach', 'look'))
            self.assertEqual('used', self.lun().state)


class TestDuplicateAttach(Base):
    """Nova asks again for what is attached: the live volume stays."""

    def test_no_failure_takes_the_live_volume_away(self):
        for step in STEPS:
            for error, after in FAILURES:
                self._once(step, error, after)

    def _once(self, step, error, after):
        self.lpar = fakes.FakeLpar()
        self.lpar.add_volume()
        self.ops = volumeop.VolumeOps(self.lpar)
        self.attach()
        live = self.lpar.state
        self.lpar.fail(step, error, after, times=2)
        with contextlib.suppress(Exception):
            self.attach()
        where = '%s %r after=%s' % (step, error, after)
        self.assertEqual(live, self.lpar.state, where)
        self.assertEqual([], self.lpar.called(
            'devices.detach', 'guest.detach', 'remove_node'), where)


class TestDetach(Base):

    def setUp(self):
        super().setUp()
        self.info = self.attach()
        del self.lpar.calls[:]

    def test_takes_one_request_to_the_guest_and_one_to_the_zhcp(self):
        self.detach(self.info)
        self.assertEqual(['guest.detach', 'devices.detach'],
                         [c[0] for c in self.lpar.calls
                          if c[0] != 'hypervisor'])
        self.assertEqual('ours', self.lun().state)
        self.assertEqual({}, self.lpar.guests['zvm00001'].disks)

    def test_a_late_attach_finds_itself_stale_in_the_guest(self):
        attached = self.lun().generation
        self.detach(self.info)
        self.assertLess(attached, self.lpar.guests['zvm00001'].seen[
            fakes.VOLUME])

    def test_a_repeat_succeeds(self):
        self.detach(self.info)
        self.detach(self.info)
        self.assertEqual('ours', self.lun().state)

    def test_a_fresh_connection_info_of_cinder_will_do(self):
        self.detach(fakes.connection_info(generation=1))
        self.assertEqual('ours', self.lun().state)
        self.assertEqual({}, self.lpar.guests['zvm00001'].disks)

    def test_a_fresh_one_of_what_is_detached_says_so(self):
        self.detach(self.info)
        self.assertRaises(exception.DiskNotFound, self.detach,
                          fakes.connection_info(generation=3))

    def test_a_volume_that_is_gone_is_not_attached(self):
        self.lpar.luns.clear()
        self.assertRaises(exception.DiskNotFound, self.detach,
                          fakes.connection_info())

    def test_a_volume_that_went_to_another_guest_stays_there(self):
        self.detach(self.info)
        other = fakes.instance('zvm00002', fakes.OTHER_INSTANCE)
        self.attach(fakes.connection_info(generation=3), other)
        live = self.lpar.state
        self.assertRaises(exception.DiskNotFound, self.detach,
                          fakes.connection_info(generation=3))
        self.detach(self.info)
        self.assertEqual(live, self.lpar.state)

    def test_attached_anew_the_ledger_tells_the_generation(self):
        stale = copy.deepcopy(self.info)
        self.detach(self.info)
        self.attach(fakes.connection_info(generation=3))
        self.detach(stale)
        self.assertEqual('ours', self.lun().state)
        self.assertEqual({}, self.lpar.guests['zvm00001'].disks)

    def test_a_disk_in_use_stays_and_is_told_as_nova_knows_it(self):
        self.lpar.guests['zvm00001'].in_use.add(fakes.VOLUME)
        live = self.lpar.state
        error = self.assertRaises(exception.DeviceDetachFailed, self.detach,
                                  self.info)
        self.assertIn('/mnt', str(error))
        self.assertEqual(live, self.lpar.state)

    def test_every_other_failure_leaves_it_attached_and_is_not_not_found(
            self):
        for step in ('hypervisor', 'guest.detach', 'devices.detach'):
            for error in (exceptions.MnUnreachable('down'),
                          exceptions.NotPermitted('xdsh'),
                          exceptions.PathFailed('stuck')):
                self.lpar.fail(step, error)
                raised = self.assertRaises(exception.VolumeDetachFailed,
                                           self.detach, self.info)
                self.assertIn(error.message, str(raised))
                self.assertEqual('used', self.lun().state)
        self.detach(self.info)
        self.assertEqual('ours', self.lun().state)

    def test_an_unknown_outcome_is_looked_up(self):
        for after in (False, True):
            self.lpar.fail('devices.detach', exceptions.OutcomeUnknown('504'),
                           after)
            self.detach(self.info)
            self.assertEqual('ours', self.lun().state)
            self.info = self.attach(fakes.connection_info(
                generation=self.lun().generation))

    def test_a_guest_that_does_not_exist_needs_no_guest(self):
        self.lpar.guests['zvm00001'].silent = 1
        self.detach(self.info, exists=False)
        self.assertEqual('ours', self.lun().state)

    def test_a_guest_without_a_node_that_does_not_exist_neither(self):
        self.lpar.nodes.clear()
        self.detach(self.info, exists=False)
        self.assertEqual('ours', self.lun().state)

    def test_a_node_definition_that_was_lost_is_made_anew(self):
        self.lpar.nodes.clear()
        self.detach(self.info)
        self.assertEqual('ours', self.lun().state)
        self.assertEqual({'zvm00001': 'ZVM00001'}, self.lpar.nodes)

    def test_a_guest_that_only_does_not_answer_keeps_its_volume(self):
        self.lpar.guests['zvm00001'].silent = 1
        self.detach(self.info)
        self.assertEqual(('used', 'leaving'), (self.lun().state,
                                               self.lun().phase))

    def test_one_that_is_off_does_not(self):
        self.lpar.off.add('ZVM00001')
        self.detach(self.info)
        self.assertEqual('ours', self.lun().state)
        self.assertNotEqual({}, self.lpar.stale[fakes.INSTANCE])

    def test_what_becomes_of_it_unseen_is_looked_up(self):
        self.lpar.off.add('ZVM00001')
        for after in (False, True):
            self.lpar.fail('devices.leave', exceptions.OutcomeUnknown('504'),
                           after)
            self.detach(self.info)
            self.assertEqual('ours', self.lun().state)
            self.lpar.off.clear()
            self.info = self.attach(fakes.connection_info(
                generation=self.lun().generation))
            self.lpar.off.add('ZVM00001')

    def test_a_silent_guest_without_the_volume_is_not_attached(self):
        self.detach(self.info)
        self.lpar.guests['zvm00001'].silent = 1
        self.assertRaises(exception.DiskNotFound, self.detach, self.info)

    def test_nonsense_is_refused_before_any_request(self):
        info = dict(self.info, data=dict(self.info['data'],
                                         zvm_paths=['$(id)']))
        self.assertRaises(exception.VolumeDetachFailed, self.detach, info)
        self.assertRaises(exception.VolumeDetachFailed, self.detach, None)
        self.assertEqual([], self.lpar.calls)


class TestLetGo(Base):
    """The guest was deleted with volumes attached."""

    def setUp(self):
        super().setUp()
        self.lpar.add_volume(fakes.OTHER_VOLUME, number=1)
        self.infos = [self.attach(), self.attach(
            fakes.connection_info(fakes.OTHER_VOLUME, number=1))]
        del self.lpar.calls[:]

    def mappings(self):
        return [{'connection_info': info} for info in self.infos]

    def _all_free(self):
        self.assertEqual({'ours'}, {lun.state for lun
                                    in self.lpar.luns.values()})
        self.assertEqual({}, self.lpar.held)
        self.assertEqual({}, self.lpar.nodes)

    def test_volumes_devices_and_node_are_free(self):
        self.ops.let_go(self.instance, self.mappings())
        self._all_free()
        self.assertEqual([], self.lpar.called('guest.detach', 'look'))

    def test_volumes_that_nova_does_not_know_are_freed_too(self):
        self.ops.let_go(self.instance, [])
        self._all_free()

    def test_what_is_no_volume_of_ours_is_passed_over(self):
        foreign = [{'connection_info': info} for info in (
            None, {}, {'driver_volume_type': 'iscsi', 'data': {}},
            fakes.connection_info(zvm_zhcp='zhcp9.example.com'))]
        self.ops.let_go(self.instance, foreign)
        self._all_free()

    def test_a_stale_record_of_nova_does_not_matter(self):
        self.infos[0]['data']['zvm_generation'] = 99
        self.ops.let_go(self.instance, self.mappings())
        self._all_free()

    def test_volumes_of_others_are_not_touched(self):
        self.lpar.add_volume('5b2c1d0e-7a3f-4c1b-9f60-00000000000c', 2)
        other = fakes.instance('zvm00002', fakes.OTHER_INSTANCE)
        theirs = self.attach(fakes.connection_info(
            '5b2c1d0e-7a3f-4c1b-9f60-00000000000c', 2), other)
        self.ops.let_go(self.instance, self.mappings() + [
            {'connection_info': theirs}])
        self.assertEqual({'zvm00002': 'ZVM00002'}, self.lpar.nodes)
        self.assertEqual([fakes.OTHER_INSTANCE], list(self.lpar.held))

    def test_a_failure_is_told_and_a_repeat_ends_it(self):
        for step in ('devices.let_go', 'devices.release', 'remove_node'):
            self.lpar.fail(step, exceptions.MnUnreachable('down'))
            self.assertRaises(exception.ZVMDriverException, self.ops.let_go,
                              self.instance, self.mappings())
        self.ops.let_go(self.instance, self.mappings())
        self._all_free()

    def test_nothing_is_left_to_do_twice(self):
        self.ops.let_go(self.instance, self.mappings())
        self.ops.let_go(self.instance, self.mappings())
        self._all_free()

    def test_devices_held_without_a_guest_are_freed(self):
        other = fakes.instance('zvm00002', fakes.OTHER_INSTANCE)
        self.ops.connector(other)
        self.ops.let_go(other, [])
        self.assertNotIn(fakes.OTHER_INSTANCE, self.lpar.held)

    def test_devices_in_use_are_not_released_while_the_guest_lives(self):
        self.assertRaises(exception.ZVMDriverException,
                          self.ops.release_unused, self.instance)
        self.assertEqual([fakes.INSTANCE], list(self.lpar.held))


class TestOtherBackEnds(Base):
    """The same code, with a record that is made for the volume."""

    def info(self, **changed):
        return fakes.other_connection_info(fakes.OTHER_VOLUME, **changed)

    def test_attach_and_detach_and_what_they_cost(self):
        info = self.attach(self.info())
        self.assertEqual(
            ['devices.other', 'define_node', 'devices.attach', 'guest.attach',
             'devices.pend'], [call[0] for call in self.lpar.calls])
        self.assertEqual(4, len(info['data']['zvm_paths']))
        self.assertEqual(fakes.WWID, self.lun(fakes.OTHER_VOLUME).wwid)
        del self.lpar.calls[:]
        self.detach(info)
        self.assertEqual(['guest.detach', 'devices.detach'],
                         [call[0] for call in self.lpar.calls])
        self.assertEqual('ours', self.lun(fakes.OTHER_VOLUME).state)

    def test_every_failure_is_undone(self):
        for step in ('devices.attach', 'guest.attach', 'devices.pend'):
            for error, after in FAILURES:
                self.lpar = fakes.FakeLpar()
                self.ops = volumeop.VolumeOps(self.lpar)
                self.lpar.fail(step, error, after)
                info = self.info()
                before = copy.deepcopy(info)
                with contextlib.suppress(exception.VolumeAttachFailed,
                                         RuntimeError):
                    self.attach(info)
                    self.assertEqual(
                        'used', self.lun(fakes.OTHER_VOLUME).state)
                    continue
                self.assertEqual(before, info)
                self.assertEqual(
                    ('ours', {}), (self.lun(fakes.OTHER_VOLUME).state,
                                   self.lpar.state[1]), (step, error, after))

    def test_a_repeat_asks_by_what_is_remembered(self):
        info = self.attach(self.info())
        del self.lpar.calls[:]
        self.attach(info)
        self.assertEqual([], self.lpar.called('devices.other'))

    def test_detach_without_what_was_remembered_asks_the_ledger(self):
        self.attach(self.info())
        self.detach(self.info())
        self.assertEqual('ours', self.lun(fakes.OTHER_VOLUME).state)
        self.assertRaises(exception.DiskNotFound, self.detach, self.info())

    def test_devices_cool_by_what_its_array_names(self):
        for named, cooling in (
                ({}, ['3B00', '3C00']),
                ({'c05076ffe5003c00': [fakes.WWPNS[0]]}, ['3C00'])):
            self.lpar = fakes.FakeLpar()
            self.ops = volumeop.VolumeOps(self.lpar)
            info = self.attach(self.info(target_wwn=fakes.WWPNS[0],
                                         initiator_target_map=named))
            self.ops.let_go(self.instance, [{'connection_info': info}])
            self.assertEqual(cooling, [str(device.number) for device
                                       in self.lpar.devices.ours()])

    def test_a_guest_that_is_gone_lets_go_of_it(self):
        info = self.attach(self.info())
        self.ops.let_go(self.instance, [{'connection_info': info}])
        self.assertEqual('ours', self.lun(fakes.OTHER_VOLUME).state)
        self.assertEqual([], self.lpar.called('guest.detach'))
