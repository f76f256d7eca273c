# SPDX-License-Identifier: Apache-2.0
"""FCP devices in quarantine, not released, or left by an earlier instance."""

import os

from tests.unit.remote import base
from tests.unit.remote import test_fcp
from zvm_common import exceptions


class TermTest(test_fcp.Base):
    """How long a device is in quarantine."""

    def setUp(self):
        super().setUp()
        self.devices = self.of('3B00;3C00-3C02')
        self.volume = self.claim().volume_id

    def lun(self):
        return self.pool.look(self.volume)

    def refuse(self):
        self.hold()
        self.fails(test_fcp.REFUSES, '3B00')
        self.assertRaises(exceptions.SmapiFailed, self.use, self.lun())
        self.works(test_fcp.REFUSES, '3B00')

    def minutes(self):
        error = self.assertRaises(exceptions.NoFcpDevice, self.fresh)
        return str(error).partition('in quarantine for ')[2].split()[0]

    def fresh(self):
        self.devices.release(self.instance)
        return self.hold()

    def test_ten_minutes_and_then_it_is_tried(self):
        self.refuse()
        self.assertEqual('10', self.minutes())
        self.clock(500)
        self.assertRaises(exceptions.NoFcpDevice, self.fresh)
        self.clock(601)
        self.assertEqual(['3B00', '3C00'], self.fresh())

    def test_each_time_it_is_refused_it_is_doubled_up_to_a_day(self):
        ahead = 0
        for expected in (10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440):
            self.refuse()
            self.assertEqual(str(expected), self.minutes())
            ahead += expected * 60 + 1
            self.clock(ahead)

    def test_once_it_worked_it_begins_anew(self):
        for ahead in (601, 1802):
            self.refuse()
            self.clock(ahead)
        self.hold()
        used = self.use(self.lun())
        self.devices.detach(used.volume_id, used.generation, self.instance)
        self.refuse()
        self.assertEqual('10', self.minutes())

    def test_its_state_is_read_before_it_is_tried(self):
        self.refuse()
        self.node.write('cp/3B00', 'OFFLINE\n')
        self.clock(601)
        error = self.assertRaises(exceptions.NoFcpDevice, self.fresh)
        self.assertIn('3B00 has none of 1 free (1 offline)', str(error))

    def test_a_clock_that_was_set_back_ends_it(self):
        self.clock(30 * 86400)
        self.refuse()
        self.clock(0)
        self.assertEqual(['3B00', '3C00'], self.fresh())

    def test_an_operator_readmits_it_now(self):
        self.refuse()
        self.devices.admit('3B00')
        self.assertEqual(['3B00', '3C00'], self.fresh())
        self.assertRaises(exceptions.LunBusy, self.devices.admit, '3B00')


class ReleaseTest(test_fcp.Base):

    def test_a_failed_release_keeps_it_out_of_use_until_one_works(self):
        self.devices = self.of('3B00;3C00')
        used = self.use()
        self.fails('Image_Device_Undedicate', '3B00', '596 3619')
        _, kept = self.devices.detach(used.volume_id, used.generation,
                                      self.instance)
        self.assertIn('596', kept)
        self.assertEqual({'3B00': 'releasing'}, self.states())
        for instance, userid in ((self.instance, 'VM00001'),
                                 (base.new(), 'VM00002')):
            error = self.assertRaises(exceptions.NoFcpDevice, self.hold,
                                      instance, userid)
            self.assertIn('1 not released', str(error))
            self.assertIn('zvm-volume devices', str(error))
        self.assertRaises(exceptions.SmapiFailed, self.devices.admit, '3B00')
        self.works('Image_Device_Undedicate', '3B00')
        self.assertEqual((('3B00',), ()), self.devices.reap(
            self.instance, ('3B00',)))
        self.assertEqual(['3B00', '3C00'], self.hold())

    def test_one_that_was_set_aside_by_an_older_program_is_released(self):
        used = self.use()
        self.fails('Image_Device_Undedicate', '3B00', '596 3619')
        self.devices.detach(used.volume_id, used.generation, self.instance)
        self.works('Image_Device_Undedicate', '3B00')
        name = 'var/lib/zvm-volume/fcp/3B00'
        self.node.write(name, self.node.read(name).replace(
            'state=releasing', 'state=quarantined'))
        self.assertEqual((('3B00',), ()), self.devices.reap(
            self.instance, ('3B00',)))

    def test_used_devices_cool_for_their_term(self):
        self.devices = self.of('3B00;3C00', cooling=300)
        used = self.use()
        self.devices.detach(used.volume_id, used.generation, self.instance)
        self.assertEqual({'3B00': 'cooling', '3C00': 'cooling'},
                         self.states())
        error = self.assertRaises(exceptions.NoFcpDevice, self.hold)
        self.assertIn('3B00 has none of 1 free (1 cooling)', str(error))
        self.clock(301)
        self.assertEqual(['3B00', '3C00'], self.hold())
        # what no guest had needs none
        self.devices.release(self.instance)
        self.assertEqual({}, self.states())


class OldNameTest(test_fcp.Base):
    """A guest is made anew under the name of one before."""

    def setUp(self):
        super().setUp()
        self.other = base.new()

    def delete(self, userid='VM00001'):
        """The guest is gone, from the directory too."""
        self.node.guest_off(userid)
        os.remove(os.path.join(self.node.root, 'directory', userid))

    def test_what_was_held_for_one_that_never_was_made(self):
        self.hold()
        self.delete()
        self.assertEqual(['3B00', '3C00'], self.hold(self.other))
        self.assertEqual({self.other},
                         {d.instance for d in self.devices.list()})

    def test_what_a_guest_had_that_is_no_more(self):
        used = self.use()
        self.delete()
        self.assertEqual(['3B00', '3C00'], self.hold(self.other))
        self.assertEqual(('ours', ''), (
            self.pool.look(used.volume_id).state,
            self.pool.look(used.volume_id).phase))
        self.assertNotIn('used,', self.node.pool_text())

    def test_while_there_is_a_guest_nothing_is_ended(self):
        used = self.use()
        for end in (lambda: None, lambda: self.node.guest_off('VM00001')):
            end()
            error = self.assertRaises(exceptions.LunBusy, self.hold,
                                      self.other)
            self.assertIn('not proven', str(error))
            self.assertIn(self.instance, str(error))
            self.assertEqual('used', self.pool.look(used.volume_id).state)

    def test_a_locked_directory_entry_is_no_missing_one(self):
        self.use()
        self.node.guest_off('VM00001')
        self.fails('Image_Query_DM', code='400 12')
        self.assertRaises(exceptions.LunBusy, self.hold, self.other)

    def test_stale_dedicates_leave_the_new_guest_and_others_stay(self):
        self.use()
        self.node.write('directory/VM00001', self.directory()
                        + 'DEDICATE 3B02 3B02\n')
        self.assertEqual(['3B00', '3C00'], self.hold(self.other, own=True))
        self.assertNotIn('3B00', self.directory())
        self.assertNotIn('3C00', self.directory())
        self.assertIn('DEDICATE 3B02', self.directory())
        self.assertEqual('', self.node.read('cp/3B00'))

    def test_one_that_does_not_come_off_is_told(self):
        used = self.use()
        self.fails('Image_Device_Undedicate_DM', code='596 3619')
        self.assertRaises(exceptions.SmapiFailed, self.hold, self.other,
                          own=True)
        self.assertEqual('used', self.pool.look(used.volume_id).state)
        self.works('Image_Device_Undedicate_DM')
        self.devices.succeed(self.other, 'VM00001')
        self.assertEqual('ours', self.pool.look(used.volume_id).state)
        self.assertEqual({}, self.states())

    def test_its_own_are_not_ended(self):
        used = self.use()
        self.devices.succeed(self.instance, 'VM00001')
        self.assertEqual('used', self.pool.look(used.volume_id).state)
