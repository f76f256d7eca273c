# SPDX-License-Identifier: Apache-2.0
"""FCP devices that are unfit, or that z/VM refuses."""

import os

from tests.unit.remote import base
from tests.unit.remote import local
from tests.unit.remote import test_cut_off
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model

DEVICES = ('3B00', '3B01', '3B02', '3C00', '3C01', '3C02')
REFUSES = 'Image_Device_Dedicate'


class Base(test_cut_off.CutBase):

    def setUp(self):
        super().setUp()
        self.instance = base.new()
        for device in DEVICES:
            self.node.write('cp/' + device, '')
        self.node.devices = DEVICES
        self.node.tool('sleep', local.IDLE)         # between two questions
        self.groups = '3B00-3B02;3C00-3C02'
        self.devices = self.of(self.groups)

    def of(self, groups, **options):
        return fcp.Devices(self.node.zhcp, model.DeviceGroups.parse(groups),
                           compute='compute1', **options)

    def clock(self, seconds):
        """Let the zHCP's clock be ahead by this."""
        self.node.tool('date', 'case $1 in +%%s) echo $(($(/bin/date +%%s) + '
                       '%d));; *) /bin/date "$@";; esac\n' % seconds)

    def hold(self, instance=None, userid='VM00001', **options):
        return [str(device.number) for device in self.devices.hold(
            instance or self.instance, userid, **options)]

    def use(self, lun=None, **changes):
        """Attached to VM00001 over what it holds, whichever these are."""
        return self.attach(lun or self.claim(), self.instance, devices=(),
                           **changes)

    def numbers(self, lun):
        return [str(number) for number in lun.devices]

    def states(self):
        return {str(d.number): d.state for d in self.devices.list()}

    def aside(self):
        """What is in quarantine, and why."""
        return {str(d.number): d.why for d in self.devices.list()
                if d.state == 'quarantined'}

    def fails(self, function, device='', code='204 8'):
        self.node.write('fail/%s%s' % (function, device and '.' + device),
                        code + '\n')

    def works(self, function, device=''):
        os.remove(os.path.join(self.node.root, 'fail', '%s%s' % (
            function, device and '.' + device)))

    def guest(self, userid, *devices, on=False):
        """A guest of others with these in its directory entry."""
        self.node.guest_on(userid)
        for device in devices:
            self.node.write('directory/' + userid, self.directory(
                userid) + 'DEDICATE %s %s\n' % (device, device))
            if on:
                self.node.write('cp/' + device, userid + '\n')
        if not on:
            os.remove(os.path.join(self.node.root, 'on', userid))


class UnfitTest(Base):
    """What is seen to be unfit is passed over, and there is no record."""

    def check_passed_over(self):
        self.assertEqual(['3B01', '3C00'], self.hold())
        self.assertEqual({'3B01': 'held', '3C00': 'held'}, self.states())

    def test_active_in_another_guest(self):
        self.guest('LNX9', '3B00', on=True)
        self.check_passed_over()

    def test_in_the_directory_entry_of_a_stopped_guest(self):
        self.guest('LNX9', '3B00')
        self.check_passed_over()

    def test_offline(self):
        self.node.write('cp/3B00', 'OFFLINE\n')
        self.check_passed_over()

    def test_without_any_wwpn(self):
        for names in ('NONE NONE', 'NONE 0000000000000000'):
            self.node.write('names/3B00', names + '\n')
            self.check_passed_over()
            self.devices.release(self.instance)

    def test_without_npiv_the_physical_wwpn_is_the_initiator(self):
        self.node.write('names/3B00', 'NONE 20076d8500005181\n')
        first = self.devices.hold(self.instance, 'VM00001')[0]
        self.assertEqual(('3B00', '20076d8500005181', False),
                         (str(first.number), str(first.wwpn), first.npiv))

    def test_in_its_own_directory_entry_it_is_fit(self):
        self.node.write('directory/VM00001', self.directory()
                        + 'DEDICATE 3B00 3B00\n')
        self.assertEqual(['3B00', '3C00'], self.hold())

    def test_fit_again_it_is_taken(self):
        self.node.write('cp/3B00', 'OFFLINE\n')
        self.hold(base.new(), 'VM00002')
        self.node.write('cp/3B00', '')
        self.assertEqual(['3B00', '3C01'], self.hold())

    def test_what_our_guests_give_back_is_free_at_once(self):
        # without a new look at the whole directory
        used = self.use()
        self.node.write('fail/Query_All_DM', '24 0\n')
        self.devices.detach(used.volume_id, used.generation, self.instance)
        self.assertEqual(['3B00', '3C00'], self.hold(base.new(), 'VM00002'))

    def test_a_directory_entry_that_is_gone_is_seen_before_all_is_short(self):
        self.guest('LNX9', '3B00')
        self.devices = self.of('3B00;3C00')
        error = self.assertRaises(exceptions.NoFcpDevice, self.hold)
        self.assertIn("3B00 has none of 1 free (1 in others' directory)",
                      str(error))
        os.remove(os.path.join(self.node.root, 'directory/LNX9'))
        self.assertEqual(['3B00', '3C00'], self.hold())

    def test_where_smapi_does_not_show_the_directory_that_is_told(self):
        self.assertTrue(self.devices.groups()[2])
        os.remove(os.path.join(self.node.root, 'var/lib/zvm-volume/dedicated'))
        self.node.write('fail/Query_All_DM', '900 12\n')
        self.assertFalse(self.devices.groups()[2])
        self.assertEqual(['3B00', '3C00'], self.hold())


class HeldTest(Base):
    """What is held and not used may become another's."""

    def test_active_in_another_guest_by_now(self):
        self.hold()
        self.guest('LNX9', '3B00', on=True)
        self.assertEqual(['3B01', '3C00'], self.hold())
        self.assertEqual({'3B00': 'it is user:LNX9'}, self.aside())

    def test_offline_by_now(self):
        self.hold()
        self.node.write('cp/3C00', 'OFFLINE\n')
        self.assertEqual(['3B00', '3C01'], self.hold())
        self.assertEqual({'3C00': 'it is offline'}, self.aside())

    def test_taken_out_of_the_machine_by_now(self):
        self.hold()
        os.remove(os.path.join(self.node.root, 'cp/3C00'))
        self.assertEqual(['3B00', '3C01'], self.hold())
        self.assertEqual({'3C00': 'it is missing'}, self.aside())

    def test_in_quarantine_it_is_no_instances(self):
        self.hold()
        self.node.write('cp/3B00', 'OFFLINE\n')
        self.hold()
        self.devices.release(self.instance)
        self.assertEqual({'3B00': 'quarantined'}, self.states())
        self.assertEqual((), self.devices.ours())

    def test_what_a_volume_uses_is_left(self):
        self.use()
        self.node.write('cp/3B00', 'OFFLINE\n')
        self.assertEqual(['3B00', '3C00'], self.hold())


class RefusedTest(Base):
    """z/VM refuses a device at dedicate."""

    def test_the_next_one_is_taken_in_the_same_request(self):
        lun = self.claim()
        self.hold()
        self.fails(REFUSES, '3B00')
        requests = []
        run = self.node.run

        def counted(command, **options):
            requests.append(command)
            return run(command, **options)
        self.node.run = counted
        used = self.devices.attach(fcp.AttachRequest(
            lun.volume_id, lun.generation, base.new(), self.instance,
            'VM00001', 'vm00001'))
        self.assertEqual(1, len(requests))
        self.assertEqual(['3B01', '3C00'], sorted(self.numbers(used)))
        self.assertIn(',vm00001,%s,' % ';'.join(self.numbers(used)),
                      self.node.pool_text())
        self.assertNotIn('3B00', self.directory())
        self.assertEqual(2, self.directory().count('DEDICATE'))
        self.assertIn('204', self.aside()['3B00'])

    def test_the_half_that_stays_behind_is_undone(self):
        # another guest gets it between the two halves
        self.hold()
        self.fails(REFUSES, '3B00')
        self.node.tool('smcli', local.SMCLI.replace(
            'case $f in\n', 'case $f in\nImage_Device_Dedicate_DM) [ $v != '
            '3B00 ] || echo LNX9 >"$cp" ;;\nesac\ncase $f in\n', 1))
        used = self.use()
        self.assertEqual(['3B01', '3C00'], sorted(self.numbers(used)))
        self.assertNotIn('3B00', self.directory())
        self.assertEqual('LNX9\n', self.node.read('cp/3B00'))

    def test_offline_at_the_attach(self):
        self.hold()
        self.node.write('cp/3B00', 'OFFLINE\n')
        lun = self.claim()
        used = self.devices.attach(fcp.AttachRequest(
            lun.volume_id, lun.generation, base.new(), self.instance,
            'VM00001', 'vm00001'))
        self.assertEqual(['3B01', '3C00'], sorted(self.numbers(used)))
        self.assertEqual({'3B00': 'FCP device 3B00 is offline'},
                         self.aside())

    def test_of_a_guest_that_is_off(self):
        self.node.guest_off('VM00001')
        self.hold()
        self.node.write('cp/3B00', 'OFFLINE\n')
        used = self.use(off=True)
        self.assertEqual(['3B01', '3C00'], sorted(self.numbers(used)))
        self.assertEqual('pending', used.phase)

    def test_without_another_one_all_is_undone(self):
        self.devices = self.of('3B00;3C00-3C02')
        lun = self.claim()
        self.hold()
        self.fails(REFUSES, '3B00')
        error = self.assertRaises(exceptions.SmapiFailed, self.use, lun)
        self.assertEqual(('204', 'yes', '3B00'), (
            error.rc, error.fields['undone'], error.fields['device']))
        self.assertEqual('ours', self.pool.look(lun.volume_id).state)
        self.assertNotIn('DEDICATE', self.directory())
        self.assertEqual({'3B00': 'quarantined', '3C00': 'held'},
                         self.states())
        # the next attempt does not wait for it
        self.devices = self.of(self.groups)
        self.works(REFUSES, '3B00')
        self.assertEqual(['3B01', '3C00'], sorted(self.numbers(self.use(
            self.pool.look(lun.volume_id)))))

    def test_three_others_are_tried_at_most(self):
        for number in range(3, 8):
            self.node.write('cp/3B%02X' % number, '')
        self.devices = self.of('3B00-3B07;3C00-3C02')
        self.fails(REFUSES)
        self.assertRaises(exceptions.SmapiFailed, self.use)
        self.assertEqual(4, len(self.aside()))
        self.assertNotIn('DEDICATE', self.directory())

    def test_a_directory_manager_that_is_down_is_no_devices_fault(self):
        for function in ('Image_Device_Dedicate_DM', REFUSES):
            self.fails(function, code='596 3619')
            self.assertRaises(exceptions.SmapiFailed, self.use)
            self.assertEqual({}, self.aside())
            self.works(function)

    def test_devices_that_were_named_are_not_replaced(self):
        self.fails(REFUSES, '3B00')
        lun = self.claim()
        self.assertRaises(exceptions.SmapiFailed, self.attach, lun,
                          self.instance)
        self.assertEqual(['3B00'], list(self.aside()))

    def test_one_that_another_volume_uses_is_neither(self):
        self.use()
        self.node.write('cp/3B00', '')      # somebody undedicated it
        self.fails(REFUSES, '3B00')
        self.assertRaises(exceptions.SmapiFailed, self.use)
        self.assertEqual({}, self.aside())
        self.assertEqual(1, len(self.devices.list()[0].volumes))

    def test_the_other_one_is_in_the_luns_range(self):
        self.node.pool('zpool1', base.line(
            0, ranges='3B00;3B02;3C00-3C0F'))
        self.fails(REFUSES, '3B00')
        self.assertEqual(['3B02', '3C00'], sorted(self.numbers(self.use())))

    def test_cut_off_anywhere_a_repeat_or_a_new_attach_ends_it(self):
        lun = self.claim()
        for step in range(1, 60):
            self.hold()
            self.fails(REFUSES, '3B00')
            request = fcp.AttachRequest(
                lun.volume_id, lun.generation, base.new(), self.instance,
                'VM00001', 'vm00001', operation_id=base.new())
            cut = self.was_cut_at(step, self.devices.attach, request)
            try:
                used = self.devices.attach(request)
            except exceptions.Refused:
                now = self.pool.look(lun.volume_id)
                if now.state == 'used':
                    now, _ = self.devices.detach(
                        now.volume_id, now.generation, self.instance)
                self.hold()
                used = self.use(now)
            self.assertEqual(['3B01', '3C00'], sorted(self.numbers(used)))
            self.assertNotIn('3B00', self.directory())
            lun, kept = self.devices.detach(used.volume_id, used.generation,
                                            self.instance)
            self.assertEqual('', kept)
            self.assertNotIn('DEDICATE', self.directory())
            self.works(REFUSES, '3B00')
            for device in self.states():
                self.devices.admit(device)
            if not cut:
                self.assertGreater(step, 10)
                return
        self.fail('it never ends')


class GroupsTest(Base):

    def test_they_are_counted_and_chpids_told(self):
        self.hold()
        self.node.write('cp/3C02', 'OFFLINE\n')
        groups, chpids, _ = self.of('3B00,3B02-3B04;3C00-3C02').groups()
        self.assertEqual(
            ['3B00,3B02-3B04 has 1 of 4 free (1 held, 2 missing)',
             '3C00-3C02 has 1 of 3 free (1 held, 1 offline)'],
            [str(group) for group in groups])
        self.assertEqual({'3b', '3c'}, set(chpids.values()))

    def test_a_guest_has_one_device_of_each_group(self):
        self.devices = self.of('3B00,3B01;3C00,3C02;3B02')
        held = self.hold()
        self.assertEqual({'3B', '3C'}, {number[:2] for number in held})
