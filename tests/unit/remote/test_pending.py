# SPDX-License-Identifier: Apache-2.0
"""Volumes of guests that are off, or do not answer, in three shells."""

import os

from tests.unit.remote import base
from tests.unit.remote import local
from tests.unit.remote import test_cut_off
from zvm_common import exceptions

GUEST = 'VM00001'


class Base(test_cut_off.CutBase):

    def setUp(self):
        super().setUp()
        self.instance = base.new()
        # between two questions to CP
        self.node.tool('sleep', local.IDLE)

    def off(self):
        self.node.guest_off(GUEST)

    def on(self):
        self.node.guest_back(GUEST)

    def log_on_when(self, condition):
        """The guest logs on at a call of smcli or vmcp."""
        self.node.cut_when(condition)
        with open(os.path.join(self.node.root, 'when'), 'a') as when:
            when.write(' && { : >"$ZVM_ROOT/on/%s"; rm "$ZVM_ROOT/when"; '
                       'false; }\n' % GUEST)

    def use(self, lun=None, **changes):
        """Attached to the guest, on or off."""
        return self.attach(lun or self.claim(), self.instance, off=True,
                           **changes)

    def leave(self, lun, instance=None):
        found, _kept = self.devices.leave(lun.volume_id, lun.generation,
                                          instance or self.instance)
        return found

    def look(self, lun):
        return self.pool.look(lun.volume_id)

    def active(self):
        return {device for device in self.node.devices
                if self.node.read('cp/' + device).strip()}

    def held(self, instance=None):
        return [str(device.number) for device in
                self.devices.hold(instance or self.instance, GUEST)]

    def waiting(self):
        return self.devices.waiting(self.instance, GUEST)


class AttachTest(Base):

    def test_to_a_guest_that_is_off_its_directory_gets_the_devices(self):
        self.off()
        lun = self.use()
        self.assertEqual(('used', 'pending', True),
                         (lun.state, lun.phase, lun.guest_off))
        self.assertIn('DEDICATE 3B00 3B00', self.directory())
        self.assertEqual(set(), self.active())
        self.assertEqual([lun.volume_id],
                         [each.volume_id for each in self.waiting().luns])

    def test_a_caller_that_needs_it_running_is_refused(self):
        self.off()
        lun = self.claim()
        self.assertRaises(exceptions.GuestUnreachable, self.attach, lun,
                          self.instance)
        self.assertEqual('ours', self.look(lun).state)

    def test_to_one_that_runs_both_halves_are_made(self):
        lun = self.use()
        self.assertEqual(('', False), (lun.phase, lun.guest_off))
        self.assertEqual({'3B00', '3C00'}, self.active())

    def test_a_guest_that_logs_on_meanwhile_has_it_at_once(self):
        # after it was proven off, before its directory had the devices
        self.off()
        self.log_on_when('[ "$1" = Image_Device_Dedicate_DM ]')
        lun = self.use()
        self.assertEqual(('', False), (lun.phase, lun.guest_off))
        self.assertEqual({'3B00', '3C00'}, self.active())

    def test_what_smapi_refuses_is_undone(self):
        self.off()
        self.node.write('fail/Image_Device_Dedicate_DM', '204 8\n')
        lun = self.claim()
        self.assertRaises(exceptions.SmapiFailed, self.use, lun)
        self.assertEqual('ours', self.look(lun).state)
        self.assertNotIn('DEDICATE', self.directory())

    def test_when_it_runs_the_volume_is_taken_up(self):
        self.off()
        lun = self.use()
        self.on()
        again = self.use(lun)
        self.assertEqual(('connect', False, lun.generation),
                         (again.phase, again.guest_off, again.generation))
        self.devices.pend(lun.volume_id, lun.generation, self.instance,
                          'works')
        self.assertEqual(('used', ''), (self.look(lun).state,
                                        self.look(lun).phase))
        self.assertFalse(self.waiting())

    def test_one_that_is_still_off_keeps_it_pending(self):
        self.off()
        lun = self.use()
        self.assertEqual('pending', self.use(lun).phase)

    def test_what_is_wrong_is_told(self):
        self.off()
        lun = self.use()
        self.devices.pend(lun.volume_id, lun.generation, self.instance,
                          'pending', "no disk at 3B00: zoning? 'x'; (y)")
        found, = self.waiting().luns
        self.assertEqual('no disk at 3B00: zoning x y', found.why)

    def test_of_another_generation_nothing_is_said(self):
        self.off()
        lun = self.use()
        self.assertRaises(
            exceptions.StaleGeneration, self.devices.pend, lun.volume_id,
            lun.generation - 1, self.instance, 'works')
        self.assertRaises(
            exceptions.StaleGeneration, self.devices.pend, lun.volume_id,
            lun.generation, base.new(), 'works')

    def test_cut_off_anywhere_a_repeat_ends_it(self):
        self.off()
        lun = self.claim()
        for number in range(1, 40):
            cut = self.was_cut_at(number, self.use, lun)
            again = self.use(lun) if cut else self.look(lun)
            self.assertEqual(('used', 'pending'), (again.state, again.phase))
            left = self.leave(again)
            self.assertEqual('ours', left.state)
            self.assertNotIn('DEDICATE', self.directory())
            lun = left
            if not cut:
                return
        self.fail('it never ends')


class LeaveTest(Base):

    def test_of_a_guest_that_is_off_the_last_volume_is_ours(self):
        lun = self.use()
        self.off()
        left = self.leave(lun)
        self.assertEqual(('ours', ''), (left.state, left.phase))
        self.assertNotIn('DEDICATE', self.directory())
        self.assertEqual(('3B00', '3C00'), tuple(
            map(str, self.waiting().stale)))
        self.assertEqual(('%s:%d' % (lun.volume_id, lun.generation + 1),),
                         self.waiting().past)

    def test_its_devices_are_for_others_and_not_for_it(self):
        lun = self.use()
        self.off()
        self.leave(lun)
        self.assertEqual((), self.devices.list())
        self.assertEqual(['3B01', '3C01'], self.held())
        self.assertEqual(['3B00', '3C00'], [
            str(device.number) for device in
            self.devices.hold(base.new(), 'VM00002')])

    def test_exhausted_ranges_tell_of_them(self):
        lun = self.use()
        self.off()
        self.leave(lun)
        for device in ('3B01', '3C01'):
            self.node.write('cp/' + device, 'OPERATOR\n')
        error = self.assertRaises(exceptions.NoFcpDevice, self.held)
        self.assertIn('1 stale', str(error))
        self.assertIn('Start the server once', str(error))

    def test_when_its_linux_has_forgotten_it_may_have_them_again(self):
        lun = self.use()
        self.off()
        self.leave(lun)
        found = self.waiting()
        self.devices.unstale(self.instance, found.stale, found.past)
        self.assertFalse(self.waiting())
        self.assertEqual(['3B00', '3C00'], self.held())
        self.devices.release(self.instance)
        self.assertEqual([], os.listdir(os.path.join(
            self.node.root, 'var/lib/zvm-volume/fcp')))

    def test_the_taint_outlives_another_guests_use(self):
        lun = self.use()
        self.off()
        self.leave(lun)
        other = base.new()
        self.devices.hold(other, 'VM00002')
        self.devices.release(other)
        self.assertEqual(['3B01', '3C01'], self.held())

    def test_it_goes_with_the_guest(self):
        # a guest that is made anew under this name has another instance
        lun = self.use()
        self.off()
        self.leave(lun)
        self.assertEqual({self.instance}, self.devices.stale_instances())
        self.devices.release(self.instance, gone=True)
        self.assertEqual(frozenset(), self.devices.stale_instances())
        self.assertFalse(self.waiting())

    def test_a_device_that_another_volume_needs_keeps_it(self):
        first, second = self.use(), self.use()
        self.off()
        left = self.leave(first)
        self.assertEqual(('used', 'leaving'), (left.state, left.phase))
        self.assertIn('DEDICATE 3B00 3B00', self.directory())
        self.assertEqual('used', self.look(second).state)
        self.assertRaises(exceptions.LunBusy, self.attach, left, base.new(),
                          'VM00002')
        self.assertRaises(exceptions.LunBusy, self.pool.release,
                          first.volume_id, left.generation)

    def test_the_last_one_frees_all(self):
        first, second = self.use(), self.use()
        self.off()
        self.leave(first)
        self.assertEqual('ours', self.leave(second).state)
        self.assertEqual('ours', self.look(first).state)
        self.assertEqual(2, len(self.waiting().past))
        self.assertNotIn('DEDICATE', self.directory())

    def test_a_guest_that_runs_keeps_it(self):
        lun = self.use()
        left = self.leave(lun)
        self.assertEqual(('used', 'leaving'), (left.state, left.phase))
        self.assertEqual({'3B00', '3C00'}, self.active())
        self.off()
        self.assertEqual('ours', self.leave(left).state)

    def test_a_logoff_that_is_pending_is_not_off(self):
        lun = self.use()
        self.off()
        self.node.write('cp/3B00', GUEST + '\n')
        self.assertEqual('leaving', self.leave(lun).phase)
        self.assertIn('DEDICATE 3B00 3B00', self.directory())

    def test_a_guest_that_logs_on_meanwhile_keeps_it(self):
        lun = self.use()
        self.off()
        self.log_on_when('[ "$1" = Image_Device_Undedicate_DM ]')
        self.assertEqual(('used', 'leaving'), (
            self.leave(lun).state, self.look(lun).phase))
        # its program has taken the paths away
        found, _ = self.devices.detach(lun.volume_id, lun.generation,
                                       self.instance)
        self.assertEqual('ours', found.state)
        self.assertNotIn('DEDICATE', self.directory())

    def test_one_that_its_linux_never_knew_is_ours_at_once(self):
        first = self.use()
        self.off()
        second = self.use()
        self.assertEqual('ours', self.leave(second).state)
        self.assertEqual('used', self.look(first).state)
        self.assertFalse(self.waiting())

    def test_one_that_it_may_know_is_not(self):
        first = self.use()
        self.off()
        second = self.use()
        self.devices.pend(second.volume_id, second.generation, self.instance,
                          'connect', 'a path fails')
        self.assertEqual('leaving', self.leave(second).phase)
        self.assertEqual('used', self.look(first).state)

    def test_a_device_that_does_not_come_off_keeps_it(self):
        lun = self.use()
        self.off()
        self.node.write('fail/Image_Device_Undedicate_DM', '396 1\n')
        self.assertEqual('leaving', self.leave(lun).phase)
        os.unlink(os.path.join(self.node.root,
                               'fail/Image_Device_Undedicate_DM'))
        self.assertEqual('ours', self.leave(lun).state)
        self.assertNotIn('DEDICATE', self.directory())

    def test_a_device_that_was_the_guests_before_us_keeps_it(self):
        for device in ('3B00', '3C00'):
            self.node.write('directory/' + GUEST, self.directory()
                            + 'DEDICATE %s %s\n' % (device, device))
        lun = self.use()
        self.off()
        self.assertEqual('leaving', self.leave(lun).phase)
        self.assertIn('DEDICATE 3B00 3B00', self.directory())

    def test_a_late_one_changes_nothing(self):
        lun = self.use()
        self.off()
        self.leave(lun)
        other = base.new()
        taken = self.attach(self.look(lun), other, 'VM00002')
        self.assertEqual('used', self.leave(lun).state)
        self.assertEqual(other, self.look(taken).instance)

    def test_wanted_again_it_stays(self):
        first = self.use()
        self.use()
        self.off()
        left = self.leave(first)
        again = self.use(left)
        self.assertEqual(('used', 'connect', True, left.generation + 1), (
            again.state, again.phase, again.guest_off, again.generation))
        # the detach that was asked for before comes late
        self.assertRaises(exceptions.StaleGeneration, self.leave, left)

    def test_wanted_again_too_late_it_is_refused(self):
        lun = self.use()
        self.off()
        self.log_on_when('[ "$1" = Image_Device_Undedicate_DM ]')
        left = self.leave(lun)
        self.assertEqual('leaving', left.phase)
        error = self.assertRaises(
            exceptions.LunBusy, self.use, left, devices=())
        self.assertIn('it is being detached', str(error))
        self.assertEqual('leaving', self.look(lun).phase)

    def test_cut_off_anywhere_it_is_never_anothers_too_early(self):
        first, second = self.claim(), self.claim()
        for number in range(1, 60):
            first, second = self.use(first), self.use(second)
            self.off()
            self.leave(first)
            cut = self.was_cut_at(number, self.leave, second)
            if 'DEDICATE' in self.directory():
                self.assertEqual({'used'}, {self.look(first).state,
                                            self.look(second).state})
            again = self.leave(second)
            self.assertEqual({'ours'}, {again.state, self.look(first).state})
            self.assertNotIn('DEDICATE', self.directory())
            self.assertEqual(2, len(self.waiting().past))
            self.assertEqual(2, len(self.waiting().stale))
            self.devices.release(self.instance, gone=True)
            first, second = self.look(first), again
            self.on()
            if not cut:
                return
        self.fail('it never ends')
