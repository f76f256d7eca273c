# SPDX-License-Identifier: Apache-2.0
"""Volumes that wait for their guest: every failure, and what is left."""

import dataclasses

from nova import exception

from nova_zvm_volume.virt.zvm import pending
from tests.unit.nova import fakes
from tests.unit.nova import test_volumeop
from zvm_common import exceptions

NODE, USERID = 'zvm00001', 'ZVM00001'


class Mapping(dict):
    saved = 0

    def save(self):
        self.saved += 1


class Base(test_volumeop.Base):

    def setUp(self):
        super().setUp()
        self.pending = pending.Pending(self.lpar)

    def off(self):
        self.lpar.off.add(USERID)

    def on(self):
        self.lpar.off.clear()

    def complete(self, *infos, **kwargs):
        self.mappings = [Mapping(connection_info=info) for info in infos]
        self.pending.complete(self.instance, {
            'block_device_mapping': self.mappings}, **kwargs)

    @property
    def phase(self):
        return self.lun().state, self.lun().phase


class TestAttach(Base):

    def wait(self):
        self.off()
        return self.attach(may_wait=True)

    def test_to_a_guest_that_is_off_it_waits(self):
        data = self.wait()['data']
        self.assertEqual(('used', 'pending'), self.phase)
        self.assertEqual((True, 2, 4), (
            data['zvm_pending'], data['zvm_generation'],
            len(data['zvm_paths'])))
        self.assertNotIn('device_path', data)
        self.assertEqual([], self.lpar.called('guest.attach'))

    def test_where_nobody_may_wait_it_is_refused(self):
        self.off()
        self.assertRaises(exception.VolumeAttachFailed, self.attach)
        self.assertEqual('ours', self.lun().state)

    def test_a_guest_that_is_started_has_it(self):
        info = self.wait()
        self.on()
        self.complete(info)
        self.assertEqual(('used', ''), self.phase)
        self.assertIn('mpath', info['data']['device_path'])
        self.assertNotIn('zvm_pending', info['data'])
        self.assertEqual(1, self.mappings[0].saved)

    def test_one_that_boots_slowly_is_waited_for(self):
        info = self.wait()
        self.on()
        self.lpar.guests[NODE].silent = 3
        self.complete(info, patience=300)
        self.assertEqual(('used', ''), self.phase)
        self.assertEqual(3, self.sleep.call_count)

    def test_nothing_waits_costs_one_request(self):
        self.complete()
        self.assertEqual(['devices.waiting'], [c[0] for c in self.lpar.calls])

    def test_nothing_is_raised_whatever_fails(self):
        info = self.wait()
        self.on()
        for step in ('devices.waiting', 'define_node', 'devices.attach',
                     'guest.attach', 'devices.pend'):
            self.lpar.fail(step, exceptions.OutcomeUnknown('504'))
            self.complete(info)
            self.assertEqual('used', self.lun().state)
            self.assertNotEqual('', self.lun().phase)
        self.complete(info)
        self.assertEqual(('used', ''), self.phase)

    def test_not_even_by_what_nobody_thought_of(self):
        info = self.wait()
        self.on()
        for step in ('devices.waiting', 'devices.attach', 'guest.attach'):
            self.lpar.fail(step, RuntimeError('a bug'))
            self.complete(info)
        self.assertEqual(('used', 'connect'), self.phase)

    def test_what_the_guest_has_undone_it_never_had(self):
        info = self.wait()
        self.on()
        self.lpar.fail('guest.attach', exceptions.PathFailed(
            'no disk', code='path', fields={'undone': 'yes'}))
        self.complete(info)
        self.assertEqual(('used', 'pending', 'no disk'),
                         (*self.phase, self.lun().why))

    def test_what_it_has_not_undone_it_may_have(self):
        for undone in ('no', 'unknown'):
            info = self.wait()
            self.on()
            self.lpar.fail('guest.attach', exceptions.PathFailed(
                'no disk', code='path', fields={'undone': undone}))
            self.complete(info)
            self.assertEqual(('used', 'connect'), self.phase)

    def test_what_it_may_have_is_not_forgotten_by_a_clean_failure(self):
        info = self.wait()
        self.on()
        for undone in ('no', 'yes'):
            self.lpar.fail('guest.attach', exceptions.PathFailed(
                'no disk', code='path', fields={'undone': undone}))
            self.complete(info)
        self.assertEqual(('used', 'connect'), self.phase)

    def test_a_detach_meanwhile_wins(self):
        info = self.wait()
        self.on()
        before = self.lpar.devices.waiting(self.instance.uuid, USERID)
        self.detach(info)
        self.lpar.devices.waiting = lambda *args: before
        self.complete(info)
        self.assertEqual('ours', self.lun().state)
        self.assertEqual({}, self.lpar.guests[NODE].disks)


class TestSilent(Base):

    def attach(self, **kwargs):
        self.lpar.guests[NODE].silent = 1
        return super().attach(may_wait=True, **kwargs)

    def test_it_is_refused_by_default(self):
        self.assertRaises(exception.VolumeAttachFailed, self.attach)
        self.assertEqual('ours', self.lun().state)

    def test_or_waits_by_option(self):
        self.lpar.attach_waits = True
        info = self.attach()
        self.assertEqual(('used', 'pending'), self.phase)
        self.complete(info)
        self.assertEqual(('used', ''), self.phase)

    def test_what_cannot_be_said_in_the_ledger_is_undone(self):
        self.lpar.attach_waits = True
        self.lpar.fail('devices.pend', exceptions.MnUnreachable('down'))
        self.assertRaises(exception.VolumeAttachFailed, self.attach)
        self.assertEqual('ours', self.lun().state)

    def test_a_guest_that_goes_off_while_it_is_undone_keeps_the_lun(self):
        self.lpar.fail('guest.attach', test_volumeop.HALF_WAY)
        self.lpar.fail('guest.detach', exceptions.GuestUnreachable('gone'))
        self.assertRaises(exception.VolumeAttachFailed, self.attach)
        self.assertEqual(('used', 'leaving'), self.phase)


class TestLeaving(Base):

    def setUp(self):
        super().setUp()
        self.lpar.add_volume(fakes.OTHER_VOLUME, number=1)
        self.info = self.attach()
        self.attach(fakes.connection_info(fakes.OTHER_VOLUME, number=1))
        self.off()
        self.detach(self.info)

    def test_it_leaves_when_the_guest_is_started(self):
        self.assertEqual(('used', 'leaving'), self.phase)
        self.on()
        self.complete()
        self.assertEqual(('ours', ''), self.phase)
        self.assertEqual([fakes.OTHER_VOLUME],
                         list(self.lpar.guests[NODE].disks))

    def test_a_guest_that_uses_it_keeps_it(self):
        self.on()
        self.lpar.guests[NODE].in_use.add(fakes.VOLUME)
        self.complete()
        self.assertEqual(('used', 'leaving'), self.phase)

    def again(self, **kwargs):
        return self.attach(fakes.connection_info(
            generation=self.lun().generation), **kwargs)

    def test_wanted_again_it_stays(self):
        info = self.again(may_wait=True)
        self.assertEqual(('used', 'connect'), self.phase)
        self.on()
        self.complete(info)
        self.assertEqual(('used', ''), self.phase)

    def test_wanted_again_by_one_that_runs_it_works_at_once(self):
        self.on()
        self.assertIn('mpath', self.again(may_wait=True)['data'][
            'device_path'])
        self.assertEqual(('used', ''), self.phase)

    def test_wanted_again_in_vain_it_is_not_anothers_too_early(self):
        self.on()
        self.lpar.fail('guest.attach', test_volumeop.HALF_WAY)
        self.lpar.fail('guest.detach', exceptions.GuestUnreachable('gone'),
                       times=2)
        self.assertRaises(exception.VolumeAttachFailed, self.again,
                          may_wait=True)
        self.assertEqual(('used', 'leaving'), self.phase)

    def test_a_late_end_of_its_detach_changes_nothing(self):
        generation = self.lun().generation
        self.again(may_wait=True)
        self.assertRaises(exceptions.StaleGeneration,
                          self.lpar.devices.detach, fakes.VOLUME, generation,
                          fakes.INSTANCE)
        self.assertEqual(dataclasses.replace(self.lun()), self.lun())
