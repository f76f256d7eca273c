# SPDX-License-Identifier: Apache-2.0
"""LUNs that a Cinder host has for a while: nobody else gets them meanwhile."""

import concurrent.futures
import dataclasses
import functools
import itertools
import shutil

from tests.unit.remote.base import new
from tests.unit.remote import local
from tests.unit.remote import test_copy
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model
from zvm_common import pool as pools
from zvm_common.pool import loans
from zvm_common import zhcp

HOST, OTHER = (model.BorrowerName(name) for name in ('cinder1', 'Backup_2.x'))
DEVICES = ('3B01', '3C01')


class LendBase(test_copy.CopyBase):

    def setUp(self):
        super().setUp()
        self.volume = self.claim()

    def lend(self, lun=None, host=HOST, devices=DEVICES):
        return loans.lend(self.pool, lun or self.volume, host, devices)

    def give_back(self, lun, how=loans.TOLD, host=HOST, generation=None):
        return loans.give_back(
            self.pool, lun.volume_id,
            lun.generation if generation is None else generation, host, how)

    def its_line(self):
        line, = (line for line in self.lines()
                 if str(self.volume.lun) in line)
        return line.split(',')

    def refused(self, error, call, *args, **kwargs):
        with self.nothing_changes():
            return self.assertRaises(error, call, *args, **kwargs)

    def lease_over(self, lun):
        self.rewrite(lun, self.record_of(lun), lease=1)


class LendTest(LendBase):

    def test_it_is_the_hosts(self):
        lent = self.lend()
        self.assertEqual(('used', 'lent', 'cinder1', 'ci_nd_er_1'), (
            lent.state, lent.phase, lent.host, lent.node))
        self.assertTrue(lent.lent)
        self.assertEqual((None, None, None),
                         (lent.instance, lent.userid, lent.attachment))
        self.assertEqual(DEVICES, tuple(map(str, lent.devices)))
        self.assertEqual(self.volume.generation + 1, lent.generation)
        self.assertEqual('', lent.drift)
        self.assertEqual(['used', 'ci_nd_er_1', '3B01;3C01'], [
            self.its_line()[column] for column in (0, 5, 6)])

    def test_and_the_volumes_again(self):
        lent = self.lend()
        ours = self.give_back(lent)
        self.assertEqual(('ours', '', None, None, (), ''), (
            ours.state, ours.phase, ours.host, ours.node, ours.devices,
            ours.drift))
        self.assertFalse(ours.lent)
        self.assertEqual(lent.generation + 1, ours.generation)
        self.assertEqual('reserved', self.its_line()[0])
        for key in ('lease', 'boot', 'phase'):
            self.assertNotIn(key, self.record_of(ours))

    def test_each_may_be_repeated(self):
        lent = self.lend()
        self.assertEqual(lent, self.lend())
        self.assertEqual(lent, self.lend(lent))
        ours = self.give_back(lent)
        self.assertEqual(ours, self.give_back(lent))
        self.assertEqual(ours, self.give_back(ours))

    def test_a_host_that_has_got_a_device_more(self):
        self.lend(devices=DEVICES[:1])
        self.assertEqual(DEVICES, tuple(map(str, self.lend().devices)))

    def test_a_name_with_all_that_names_may_have(self):
        lent = self.lend(host=OTHER)
        self.assertEqual(('backup_2.x', 'ba_ck_up_2x'),
                         (lent.host, lent.node))

    def test_a_loan_that_comes_late_is_none(self):
        ours = self.give_back(self.lend())
        self.refused(exceptions.StaleGeneration, self.lend)
        # one that never came is fenced by the generation that it would have
        self.give_back(ours, generation=ours.generation + 1)
        self.refused(exceptions.StaleGeneration, self.lend, ours)

    def test_a_return_that_comes_late_is_none(self):
        first = self.lend()
        self.lend(self.give_back(first))
        self.refused(exceptions.StaleGeneration, self.give_back, first)

    def test_a_volume_that_is_not_known(self):
        self.refused(exceptions.VolumeUnknown, loans.give_back, self.pool,
                     new(), 1, HOST, loans.TOLD)

    def test_of_another_back_end(self):
        lent = self.lend()
        other = pools.Pool(zhcp.Zhcp(self.node.zhcp.hypervisor, 'other'),
                           'zpool1')
        self.refused(exceptions.NotOurs, loans.give_back, other,
                     lent.volume_id, lent.generation, HOST, loans.TOLD)
        self.refused(exceptions.NotOurs, loans.lend, other, lent, HOST,
                     DEVICES)

    def test_a_claim_under_way_is_finished_by_it(self):
        self.assertEqual('create', self.volume.phase)
        ours = self.give_back(self.lend())
        self.refused(exceptions.LunBusy, self.pool.abandon, ours)


class RefusedTest(LendBase):
    """To whom it is not lent."""

    def test_while_a_guest_has_it(self):
        self.attach(self.volume, new())
        self.refused(exceptions.LunBusy, self.lend)
        self.refused(exceptions.LunBusy, self.give_back, self.volume)

    def test_while_another_host_has_it(self):
        lent = self.lend()
        error = self.refused(exceptions.LunBusy, self.lend, lent, OTHER)
        self.assertIn('host cinder1', str(error))
        self.refused(exceptions.LunBusy, self.give_back, lent, host=OTHER)

    def test_while_it_is_copied(self):
        copy = self.copy(self.volume)
        error = self.refused(exceptions.LunBusy, self.lend)
        self.assertEqual(copy.volume_id, error.fields['readers'])

    def test_a_copy_and_a_snapshot(self):
        for role in 'target', 'snapshot':
            made = self.copied(self.copy(self.volume, role))
            self.refused(exceptions.LunBusy, self.lend, made)

    def test_while_a_foreign_guest_has_its_line(self):
        self.node.pool('zpool1', *[
            'used,%s,%s,1G,3B00-3B0F,lnx9,,' % (local.PORT, self.volume.lun)
            if str(self.volume.lun) in line else line
            for line in self.lines()])
        error = self.refused(exceptions.LunBusy, self.lend)
        self.assertIn('lnx9', str(error))

    def test_over_a_device_of_a_guest(self):
        held = self.devices.hold(new(), 'VM00001')
        error = self.refused(exceptions.NoFcpDevice, self.lend,
                             devices=[held[0].number])
        self.assertIn('guest VM00001', str(error))

    def test_over_a_device_that_may_not_carry_it(self):
        for devices in (('3D00',), ('3B01', '4000')):
            error = self.refused(exceptions.NoFcpDevice, self.lend,
                                 devices=devices)
            self.assertIn(devices[-1], str(error))
        # nor is one added
        self.lend()
        self.refused(exceptions.NoFcpDevice, self.lend, devices=('3D00',))


class LentTest(LendBase):
    """What nobody does with it meanwhile."""

    def setUp(self):
        super().setUp()
        self.lent = self.lend()

    def told(self, call, *args, **kwargs):
        error = self.refused(exceptions.LunBusy, call, *args, **kwargs)
        self.assertIn('host cinder1', str(error))

    def test_it_is_not_attached(self):
        instance = new()
        held = self.devices.hold(instance, 'VM00001')
        self.told(self.devices.attach, fcp.AttachRequest(
            volume_id=self.lent.volume_id, generation=self.lent.generation,
            attachment_id=new(), instance_uuid=instance, userid='VM00001',
            node='vm00001', devices=tuple(d.number for d in held)))

    def test_it_is_neither_deleted_nor_copied(self):
        self.told(self.pool.release, self.lent.volume_id,
                  self.lent.generation)
        self.told(self.copy, self.lent)
        for verb in self.pool.set_aside, self.pool.abandon:
            self.told(verb, self.lent)

    def test_nothing_takes_its_place(self):
        ours = self.give_back(self.lent)
        target = self.copied(self.copy(ours, 'target', ours))
        lent = self.lend(ours)
        self.refused(exceptions.StaleGeneration, self.pool.switch,
                     target.volume_id, lent.volume_id)

    def test_no_detach_takes_it_away(self):
        for generation in (0, self.lent.generation, 99):
            with self.nothing_changes():
                found, _ = self.devices.detach(self.lent.volume_id,
                                               generation, new())
            self.assertEqual(self.lent, found)
            with self.nothing_changes():
                found, _ = self.devices.let_go(self.lent.volume_id,
                                               generation, new())
            self.assertEqual(self.lent, found)

    def test_a_compute_host_of_the_same_name_has_none_of_it(self):
        compute = fcp.Devices(
            self.node.zhcp, model.DeviceRanges.parse('3B00-3B0F'),
            compute='cinder1')
        self.assertEqual((), compute.used())

    def test_no_guest_gets_the_hosts_devices(self):
        held = self.devices.hold(new(), 'VM00001')
        self.assertEqual(['3B00', '3C00'], sorted(
            str(device.number) for device in held))

    def test_a_sweep_leaves_it(self):
        self.lease_over(self.lent)
        with self.nothing_changes():
            self.pool.sweep()
            self.pool.confirm([self.lent.volume_id])

    def test_its_line_comes_back(self):
        self.node.pool('zpool1', *[line for line in self.lines()
                                   if str(self.volume.lun) not in line])
        self.pool.view()
        self.assertEqual('ci_nd_er_1', self.its_line()[5])


class ForgottenTest(LendBase):
    """A host that does not give it back by itself."""

    def setUp(self):
        super().setUp()
        self.lent = self.lend()

    def test_not_while_it_may_be_about_to_use_it(self):
        for how in loans.UNSEEN, loans.OFF:
            error = self.refused(exceptions.LeaseRuns, self.give_back,
                                 self.lent, how)
            self.assertIn('cinder1', str(error))

    def test_a_reboot_of_the_zhcp_begins_its_time_anew(self):
        self.rewrite(self.lent, self.record_of(self.lent), lease=1,
                     boot='before')
        self.assertRaises(exceptions.LeaseRuns, self.give_back, self.lent,
                          loans.UNSEEN)
        self.assertGreater(int(self.record_of(self.lent)['lease']), 1)

    def test_its_kernel_does_not_have_it(self):
        self.lease_over(self.lent)
        self.assertEqual('ours', self.give_back(
            self.lent, loans.UNSEEN).state)

    def test_nobody_has_its_devices(self):
        self.lease_over(self.lent)
        self.assertEqual('ours', self.give_back(self.lent, loans.OFF).state)

    def test_somebody_has_one_of_its_devices(self):
        self.lease_over(self.lent)
        self.node.write('cp/3C01', 'CINDER1\n')
        error = self.refused(exceptions.LunBusy, self.give_back, self.lent,
                             loans.OFF)
        self.assertIn('3C01', str(error))
        self.assertIn('user:CINDER1', str(error))

    def test_a_device_that_is_not_known_proves_nothing(self):
        self.lease_over(self.lent)
        self.rewrite(self.lent, self.record_of(self.lent), fcp='3F00')
        self.refused(exceptions.LunBusy, self.give_back, self.lent,
                     loans.OFF)

    def test_asked_for_again_its_time_begins_anew(self):
        self.lease_over(self.lent)
        self.lend()
        self.refused(exceptions.LeaseRuns, self.give_back, self.lent,
                     loans.UNSEEN)


class RaceTest(LendBase):
    """At once, by processes of the zHCP that wait for its lock."""

    def outcomes(self, *calls):
        """What each returns or raises."""
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as threads:
            running = [threads.submit(call) for call in calls]
        return [each.exception() or each.result() for each in running]

    def assert_one(self, found):
        """One got it, and the others were told that it is taken."""
        won = [each for each in found if not isinstance(each, Exception)]
        self.assertEqual(1, len(won), found)
        for each in found:
            if each is not won[0]:
                self.assertIsInstance(each, exceptions.LunBusy)
        self.assertEqual(won[0].generation, self.pool.look(
            self.volume.volume_id).generation)
        return won[0]

    def test_to_a_host_or_to_a_guest(self):
        instance = new()
        held = self.devices.hold(instance, 'VM00001')
        request = fcp.AttachRequest(
            volume_id=self.volume.volume_id, attachment_id=new(),
            generation=self.volume.generation, instance_uuid=instance,
            userid='VM00001', node='vm00001',
            devices=tuple(device.number for device in held))
        for first, second in itertools.permutations((
                self.lend, lambda: self.devices.attach(request))):
            won = self.assert_one(self.outcomes(first, second))
            self.assertEqual(won.lent, won.instance is None)
            if won.lent:
                self.give_back(won)
            else:
                self.devices.detach(won.volume_id, won.generation, instance)
                self.devices.hold(instance, 'VM00001')
            self.volume = self.pool.look(won.volume_id)
            request = dataclasses.replace(
                request, generation=self.volume.generation)

    def test_to_one_of_several_hosts(self):
        hosts = [model.BorrowerName('cinder%d' % i) for i in range(5)]
        won = self.assert_one(self.outcomes(*[
            functools.partial(self.lend, host=host) for host in hosts]))
        self.assertEqual(won.host, self.record_of(won)['host'])

    def test_or_it_is_deleted(self):
        found = self.outcomes(self.lend, lambda: self.pool.release(
            self.volume.volume_id, self.volume.generation))
        self.assert_one(found)


class CutOffTest(LendBase):
    """Killed at each of its steps."""

    def setUp(self):
        super().setUp()
        self.keep()

    def test_a_loan_is_repeated_or_given_up(self):
        for finish in self.lend, self.gave_up:
            for step in itertools.count(1):
                self.anew()
                cut = self.was_cut_at(step, self.lend)
                found = finish()
                self.assertEqual('', found.drift)
                self.assert_line(found)
                if not cut:
                    break
            self.assertLess(3, step)

    def gave_up(self):
        ours = self.give_back(self.volume,
                              generation=self.volume.generation + 1)
        self.assertEqual('ours', ours.state)
        self.assertRaises(exceptions.StaleGeneration, self.lend)
        return self.pool.look(self.volume.volume_id)

    def test_a_return_is_repeated_or_swept(self):
        self.lend()
        self.keep_anew()
        for finish in self.returned, self.swept:
            for step in itertools.count(1):
                self.anew()
                lent = self.pool.look(self.volume.volume_id)
                cut = self.was_cut_at(step, self.give_back, lent)
                found = finish(lent)
                self.assertEqual('', found.drift)
                self.assert_line(found)
                if not cut:
                    break
            self.assertLess(3, step)

    def keep_anew(self):
        shutil.rmtree(self._kept)
        self.keep()

    def returned(self, lent):
        return self.give_back(lent)

    def swept(self, lent):
        self.pool.sweep()
        found = self.pool.look(lent.volume_id)
        self.assertIn(found.state, ('used', 'ours'))
        return found

    def assert_line(self, lun):
        self.assertEqual('used' if lun.lent else 'reserved',
                         self.its_line()[0])
