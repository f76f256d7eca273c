# SPDX-License-Identifier: Apache-2.0
"""Volumes of other Fibre Channel back-ends in the ledger, in three shells."""

import os
import re

from tests.unit.remote import base
from tests.unit.remote import local
from tests.unit.remote import test_cut_off
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model

GUEST = 'VM00001'
PORTS = ('500507680b110001', '500507680b120002')
LUN = '0001000000000000'
WWID = '60050768000000000000000000000001'
RECORD = 'var/lib/zvm-volume/luns/other-'


def target(wwpn=PORTS[0], lun=LUN, initiator=None):
    return fcp.Target(model.Wwpn(wwpn), model.Lun(lun),
                      initiator and model.Wwpn(initiator))


class Base(test_cut_off.CutBase):

    def setUp(self):
        super().setUp()
        self.instance = base.new()
        self.volume = base.new()
        # between two questions to CP
        self.node.tool('sleep', local.IDLE)

    def use(self, volume=None, instance=None, userid=GUEST, targets=None,
            generation=None, **changes):
        volume = volume or self.volume
        self.devices.hold(instance or self.instance, userid)
        if generation is None:
            generation = self.devices.other(volume).generation
        return self.devices.attach(fcp.AttachRequest(**{
            'volume_id': volume, 'generation': generation,
            'attachment_id': base.new(),
            'instance_uuid': instance or self.instance, 'userid': userid,
            'node': userid.lower(), 'off': True,
            'targets': targets or tuple(map(target, PORTS)), **changes}))

    def gone(self, lun, instance=None):
        found, _kept = self.devices.detach(
            lun.volume_id, lun.generation, instance or self.instance)
        return found

    def states(self):
        return {str(device.number): device.state
                for device in self.devices.list()}

    def look(self, volume=None):
        return self.pool.look(volume or self.volume)

    def later(self):
        """The terms of all FCP devices are over."""
        folder = os.path.join(self.node.root, 'var/lib/zvm-volume/fcp')
        for name in os.listdir(folder):
            path = 'var/lib/zvm-volume/fcp/' + name
            self.node.write(path, re.sub('lease=[0-9]+', 'lease=1',
                                         self.node.read(path)))


class OtherTest(Base):

    def test_each_device_sees_each_target(self):
        lun = self.use()
        self.assertEqual(('used', '', 'other', ''),
                         (lun.state, lun.phase, lun.role, lun.pool))
        self.assertEqual(
            {(d, p, LUN) for d in ('3B00', '3C00') for p in PORTS},
            {(str(p.device), str(p.wwpn), str(p.lun)) for p in lun.paths})
        self.assertEqual({'3B00': 'used', '3C00': 'used'}, self.states())
        self.assertEqual([lun], list(self.devices.used()))
        self.assertIn('DEDICATE 3C00 3C00', self.directory())

    def test_the_array_says_which_sees_which_and_by_what_number(self):
        held = self.devices.hold(self.instance, GUEST)
        lun = self.use(targets=(
            target(PORTS[0], LUN, str(held[0].wwpn)),
            target(PORTS[1], '4001000000000000', str(held[1].wwpn))))
        self.assertEqual([('3B00', PORTS[0], LUN),
                          ('3C00', PORTS[1], '4001000000000000')],
                         [(str(p.device), str(p.wwpn), str(p.lun))
                          for p in lun.paths])

    def test_a_device_that_the_array_does_not_name_is_left_alone(self):
        held = self.devices.hold(self.instance, GUEST)
        self.use(targets=(target(initiator=str(held[1].wwpn)),))
        self.assertEqual({'3B00': 'held', '3C00': 'used'}, self.states())

    def test_named_by_none_it_is_refused_in_words(self):
        error = self.assertRaises(
            exceptions.PathFailed, self.use,
            targets=(target(initiator='c05076ffe5001234'),))
        self.assertIn('3B00 3C00', str(error))
        self.assertIn('c05076ffe5001234', str(error))
        self.assertEqual('ours', self.look().state)

    def test_what_is_no_target_is_refused(self):
        for bad in ('any:%s' % PORTS[0], 'x:%s:%s' % (PORTS[0], LUN),
                    'any:%s:%s:1' % (PORTS[0], LUN), 'any:1:2', 'any::'):
            self.assertRaises(exceptions.ZvmError, self.use, targets=(bad,))

    def test_detached_its_devices_cool_for_a_term(self):
        found = self.gone(self.use())
        self.assertEqual(('ours', (), None, ()), (
            found.state, found.wwpns, found.lun, found.paths))
        self.assertNotIn('DEDICATE', self.directory())
        self.assertEqual({'3B00': 'cooling', '3C00': 'cooling'},
                         self.states())
        numbers = [d.number for d in self.devices.list()]
        self.assertEqual((), self.devices.reap(self.instance, numbers)[0])
        # neither is anybody's when the guest is deleted meanwhile
        self.devices.release(self.instance, gone=True)
        self.assertEqual({'3B00': 'cooling', '3C00': 'cooling'},
                         self.states())
        self.later()
        self.devices.release(self.instance, gone=True)
        self.assertEqual({}, self.states())

    def test_one_that_cools_is_reaped_after_its_term(self):
        self.gone(self.use())
        self.later()
        self.devices.reap(self.instance, [d.number
                                          for d in self.devices.list()])
        self.assertEqual({}, self.states())

    def test_an_operator_ends_it(self):
        self.gone(self.use())
        for number in ('3B00', '3C00'):
            self.devices.admit(number)
        self.assertEqual({}, self.states())

    def test_a_restart_of_the_zhcp_begins_the_term_anew(self):
        self.gone(self.use())
        self.later()
        self.node.write('proc/sys/kernel/random/boot_id', 'other\n')
        numbers = [d.number for d in self.devices.list()]
        self.assertEqual((), self.devices.reap(self.instance, numbers)[0])
        self.later()
        self.assertEqual(2, len(self.devices.reap(self.instance,
                                                  numbers)[0]))

    def test_a_pools_volume_that_goes_last_does_not_keep_them_from_it(self):
        mine = self.attach(self.claim(), self.instance)
        self.gone(self.use())
        self.assertEqual({'3B00': 'used', '3C00': 'used'}, self.states())
        self.devices.detach(mine.volume_id, mine.generation, self.instance)
        self.assertEqual({'3B00': 'cooling', '3C00': 'cooling'},
                         self.states())

    def test_a_guest_made_anew_under_the_old_name_gets_others(self):
        self.gone(self.use())
        held = self.devices.hold(base.new(), GUEST)
        self.assertEqual(['3B01', '3C01'], [str(d.number) for d in held])
        self.assertEqual({'cooling'}, {self.states()[number] for number
                                       in ('3B00', '3C00')})

    def test_who_has_them_next_does_not_make_them_cool(self):
        self.gone(self.use())
        self.later()
        self.devices.release(self.instance)
        lun = self.attach(self.claim(), base.new())
        self.assertEqual({'3B00': 'used', '3C00': 'used'}, self.states())
        self.devices.detach(lun.volume_id, lun.generation, lun.instance)
        self.assertEqual({}, self.states())

    def test_held_after_an_attach_that_failed_they_cool_before_they_are_free(
            self):
        # the directory manager's fault, and not the device's
        self.node.write('fail/Image_Device_Dedicate_DM', '500 8\n')
        self.assertRaises(exceptions.SmapiFailed, self.use)
        os.unlink(os.path.join(self.node.root,
                               'fail/Image_Device_Dedicate_DM'))
        numbers = [d.number for d in self.devices.list()]
        for state in ('held', 'cooling'):
            self.assertIn(state, self.states().values())
            self.later()
            self.devices.reap(self.instance, numbers)
        self.assertEqual({}, self.states())

    def test_a_repeat_is_the_same_attachment(self):
        lun = self.use()
        again = self.use(attachment_id=lun.attachment, generation=1)
        self.assertEqual((lun.generation, lun.paths),
                         (again.generation, again.paths))

    def test_what_is_attached_counts_and_not_what_the_array_says_since(self):
        lun = self.use()
        moved = (target(lun='0002000000000000'),)
        self.assertEqual(lun.paths, self.use(
            attachment_id=lun.attachment, targets=moved).paths)
        error = self.assertRaises(exceptions.LunBusy, self.use,
                                  targets=moved)
        self.assertIn('by other paths', str(error))

    def test_an_attach_that_comes_late_is_refused(self):
        lun = self.use()
        self.gone(lun)
        self.assertRaises(exceptions.StaleGeneration, self.use,
                          generation=lun.generation - 1)
        now = self.look()
        self.devices.detach(self.volume, now.generation + 1, self.instance)
        self.assertRaises(exceptions.StaleGeneration, self.use,
                          generation=now.generation)

    def test_a_record_that_nobody_needs_goes_in_the_end(self):
        lun = self.gone(self.use())
        path = os.path.join(self.node.root, RECORD + self.volume)
        os.utime(path, (0, 0))
        self.devices.other(base.new())
        self.assertFalse(os.path.exists(path))
        # and one made anew is later than what guests remember
        self.assertGreaterEqual(self.devices.other(self.volume).generation,
                                lun.generation - 10)
        self.assertRaises(exceptions.VolumeUnknown, self.use, base.new(),
                          generation=lun.generation)

    def test_what_smapi_refuses_is_undone(self):
        self.node.write('fail/Image_Device_Dedicate_DM', '204 8\n')
        self.assertRaises(exceptions.SmapiFailed, self.use)
        self.assertEqual('ours', self.look().state)
        self.assertEqual({'3B00': 'quarantined', '3C00': 'held'},
                         self.states())

    def test_of_a_guest_that_is_off_the_directory_gets_the_devices(self):
        self.node.guest_off(GUEST)
        lun = self.use()
        self.assertEqual(('used', 'pending', True),
                         (lun.state, lun.phase, lun.guest_off))
        left, _kept = self.devices.leave(self.volume, lun.generation,
                                         self.instance)
        self.assertEqual('ours', left.state)
        self.assertEqual({'3B00': 'cooling', '3C00': 'cooling'},
                         self.states())

    def test_what_leaves_a_guest_that_is_off_is_remembered(self):
        lun = self.use()
        self.node.guest_off(GUEST)
        left, _kept = self.devices.leave(self.volume, lun.generation,
                                         self.instance)
        self.assertEqual('ours', left.state)
        self.assertEqual(
            ('%s:%d' % (self.volume, lun.generation + 1),),
            self.devices.waiting(self.instance, GUEST).past)

    def test_a_deleted_guest_lets_go_of_it(self):
        lun = self.use()
        self.assertRaises(exceptions.LunBusy, self.devices.release,
                          self.instance)
        self.node.guest_off(GUEST)
        self.devices.let_go(self.volume, lun.generation, self.instance)
        self.assertEqual('ours', self.look().state)

    def test_its_wwid_is_kept_while_it_is_used(self):
        lun = self.use()
        self.devices.pend(self.volume, lun.generation, self.instance,
                          'works', wwid=WWID)
        self.assertEqual(WWID, self.look().wwid)
        self.assertIsNone(self.gone(self.look()).wwid)

    def test_cut_off_anywhere_a_repeat_ends_it(self):
        for number in range(1, 60):
            attachment, generation = base.new(), self.devices.other(
                self.volume).generation
            self.devices.hold(self.instance, GUEST)
            cut = self.was_cut_at(number, lambda: self.use(
                generation=generation, attachment_id=attachment))
            lun = self.use(generation=generation, attachment_id=attachment)
            self.assertEqual(('used', ''), (lun.state, lun.phase))
            self.assertEqual({'3B00': 'used', '3C00': 'used'}, self.states())
            gone = self.was_cut_at(number, self.gone, lun)
            self.gone(lun)
            self.assertEqual('ours', self.look().state)
            self.assertNotIn('DEDICATE', self.directory())
            if not cut and not gone:
                return
        self.fail('it never ends')


class PoolTest(Base):
    """One disk is either a pool's or another back-end's."""

    def setUp(self):
        super().setUp()
        self.pool_lun = self.claim()

    def at(self, lun, port=None):
        return (target(port or str(lun.wwpns[0]), str(lun.lun)),)

    def test_a_pools_lun_is_not_attached_as_another_back_ends(self):
        error = self.assertRaises(exceptions.LunBusy, self.use,
                                  targets=self.at(self.pool_lun))
        self.assertIn('a LUN of a SCSI pool', str(error))
        self.assertEqual('ours', self.look().state)

    def test_nor_one_whose_line_is_away(self):
        self.node.pool('zpool1', *[base.line(i) for i in (2, 3)])
        self.assertRaises(exceptions.LunBusy, self.use,
                          targets=self.at(self.pool_lun))

    def test_the_same_number_behind_another_port_is_another_disk(self):
        self.use(targets=self.at(self.pool_lun, PORTS[0]))
        # and does not keep the pool's from being used
        self.attach(self.pool_lun, self.instance)
        self.assertEqual(3, sum(lun.claimable
                                for lun in self.pool.view().luns))

    def test_a_line_that_names_it_is_not_handed_out(self):
        self.node.pool('zpool1', base.line(0))
        self.use(targets=(target(local.PORT, '4011400300000000'),))
        self.node.pool('zpool1', *[base.line(i) for i in (0, 3)])
        lun, = [each for each in self.pool.view().luns
                if str(each.lun) == '4011400300000000']
        self.assertFalse(lun.claimable)
        self.assertRaises(exceptions.NoSuitableLun, self.claim)

    def test_nor_given_to_a_guest(self):
        self.node.pool('zpool1', base.line(2), base.line(3))
        self.use(targets=self.at(self.pool_lun, PORTS[0]))
        name = RECORD + self.volume
        self.node.write(name, self.node.read(name).replace(
            PORTS[0], str(self.pool_lun.wwpns[0])))
        self.node.pool('zpool1', *[base.line(i) for i in range(4)])
        error = self.assertRaises(exceptions.LunBusy, self.attach,
                                  self.pool_lun, self.instance)
        self.assertIn('volume %s of another back-end' % self.volume,
                      str(error))

    def test_the_disk_itself_tells_that_it_is_a_pools(self):
        name = 'var/lib/zvm-volume/luns/%s-%s' % (
            self.pool_lun.wwpns[0], self.pool_lun.lun)
        self.node.write(name, 'wwid=%s\n%s' % (WWID, self.node.read(name)))
        lun = self.use()
        error = self.assertRaises(
            exceptions.DiskMismatch, self.devices.pend, self.volume,
            lun.generation, self.instance, 'works', wwid=WWID)
        self.assertIn(str(self.pool_lun.lun), str(error))

    def test_two_volumes_are_not_one_disk(self):
        self.use()
        error = self.assertRaises(exceptions.LunBusy, self.use, base.new())
        self.assertIn(self.volume, str(error))

    def test_arrays_number_each_hosts_luns_by_themselves(self):
        self.use()
        lun = self.use(base.new(), base.new(), 'VM00002')
        self.assertEqual('used', lun.state)
        self.assertEqual({'3B01', '3C01'}, {str(d) for d in lun.devices})

    def test_a_pools_volume_is_no_other_back_ends(self):
        self.assertRaises(exceptions.LunBusy, self.devices.other,
                          self.pool_lun.volume_id)
        self.assertRaises(exceptions.LunBusy, self.use,
                          self.pool_lun.volume_id,
                          generation=self.pool_lun.generation)

    def test_nor_the_other_way_round(self):
        self.gone(self.use())
        now = self.look()
        self.assertRaises(
            exceptions.LunBusy, self.devices.attach, fcp.AttachRequest(
                self.volume, now.generation, base.new(), self.instance,
                GUEST, GUEST.lower()))
        self.assertRaises(exceptions.VolumeUnknown, self.pool.release,
                          self.volume, now.generation)
        used = self.use()
        self.assertRaises(exceptions.LunBusy, self.claim, self.volume)
        self.assertRaises(exceptions.LunBusy, self.pool.release,
                          self.volume, used.generation)
        # Cinder has moved the volume into a pool
        self.gone(used)
        self.assertEqual('zpool1', self.claim(self.volume).pool)
        self.assertRaises(exceptions.LunBusy, self.use)
