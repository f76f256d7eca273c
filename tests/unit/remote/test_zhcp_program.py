# SPDX-License-Identifier: Apache-2.0
"""What the zHCP program does with LUNs and FCP devices, in three shells."""

import concurrent.futures
import dataclasses
import os

from tests.unit.remote.base import Base
from tests.unit.remote.base import GIB
from tests.unit.remote.base import line
from tests.unit.remote.base import new
from tests.unit.remote import local
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common.pool import Pool


class ClaimTest(Base):

    def test_smallest_that_suffices_is_taken(self):
        self.node.pool('zpool1', line(0, '3G'), line(1, '10.0G'),
                       line(2, '2.5G'), line(3, '2560M'), line(4, ''))
        self.assertEqual('4011400200000000',
                         str(self.claim(least=2, most=4).lun))
        self.assertEqual('4011400300000000',
                         str(self.claim(least=2, most=4).lun))
        self.assertEqual('4011400000000000',
                         str(self.claim(least=2, most=4).lun))
        error = self.assertRaises(exceptions.NoSuitableLun, self.claim,
                                  least=2, most=4)
        self.assertIn('the largest has 10737418240 bytes', str(error))

    def test_line_and_record_name_the_volume(self):
        volume = '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d'
        lun = self.claim(volume)
        self.assertEqual(('ours', 1), (lun.state, lun.generation))
        self.assertIn(
            'reserved,%s,%s,1G,3B00-3B0F;3C00-3C0F,'
            '0a_1b_2c_3d_4e_5f_4a_6b_8c_7d_9e_0f_1a_2b_3c_4d,,\n'
            % (lun.wwpns[0], lun.lun), self.node.pool_text())
        self.assertIn('volume=%s\n' % volume, self.record(lun))
        self.assertEqual(
            0o700, os.stat(os.path.join(
                self.node.root, 'var/lib/zvm-volume')).st_mode & 0o777)

    def test_a_repeated_claim_finds_its_lun(self):
        volume = new()
        first = self.claim(volume)
        self.assertEqual(first.lun, self.claim(volume).lun)
        self.assertEqual(3, self.pool.view().stats()['counts']['free'])

    def test_a_cancelled_claim_comes_to_nothing(self):
        volume, late, other = new(), new(), new()
        self.assertIsNone(self.pool.cancel(volume, late))
        self.assertRaises(exceptions.StaleGeneration, self.pool.claim, volume,
                          late, GIB(1), GIB(2), trust=True)
        made = self.pool.claim(volume, other, GIB(1), GIB(2), trust=True)
        self.assertEqual(made.lun, self.pool.cancel(volume, other).lun)

    def test_a_free_line_with_a_live_record_is_not_handed_out(self):
        self.node.pool('zpool1', line(0))
        lun = self.claim()
        self.node.pool('zpool1', line(0))           # a foreign hand
        self.assertRaises(exceptions.NoSuitableLun, self.claim)
        self.assertEqual('free', self.pool.look(lun.volume_id).drift)
        self.claim(lun.volume_id)                   # settles its line
        self.assertIn('reserved', self.node.pool_text())

    def test_stamps_without_records_stop_allocation(self):
        lun = self.claim()
        os.remove(os.path.join(
            self.node.root, 'var/lib/zvm-volume/luns',
            '%s-%s' % (lun.wwpns[0], lun.lun)))
        self.assertRaises(exceptions.LedgerDamaged, self.claim)
        self.assertRaises(exceptions.LedgerDamaged, self.pool.check)

    def test_half_a_record_stops_all(self):
        lun = self.claim()
        self.node.write('var/lib/zvm-volume/luns/%s-%s'
                        % (lun.wwpns[0], lun.lun),
                        'volume=%s\nstate=ours\n' % lun.volume_id)
        self.assertRaises(exceptions.LedgerDamaged, self.pool.look,
                          lun.volume_id)

    def test_another_format_is_refused(self):
        self.claim()
        self.node.write('var/lib/zvm-volume/format', '5\n')
        self.assertRaises(exceptions.LedgerFormat, self.claim)

    def test_one_lun_number_on_two_lines_is_not_handed_out(self):
        self.node.pool('zpool1', line(0), line(1))
        self.node.pool('other', line(1, port='5005076303000009'))
        self.assertEqual('4011400000000000', str(self.claim().lun))
        self.assertRaises(exceptions.NoSuitableLun, self.claim)
        error = self.assertRaises(exceptions.DuplicateLun, self.pool.check)
        self.assertIn('4011400100000000', str(error))

    def test_foreign_lines_are_left_alone(self):
        self.node.pool('zpool1', line(0, status='used', owner='lnx9'),
                       line(1, status='reserved', owner='somebody'))
        before = self.node.pool_text()
        self.assertRaises(exceptions.NoSuitableLun, self.claim)
        self.assertEqual(before, self.node.pool_text())

    def test_hostile_lines_reach_no_shell(self):
        self.node.pool(
            'zpool1', line(0, owner='$(touch x)', status='reserved'),
            'free,`touch x`,4011400900000000,1G,,,,',
            line(1, ranges='$(touch x);../../x', owner="a'b"), line(2, '1G;x'))
        view = self.pool.view()
        self.assertEqual(('2',), view.bad)
        self.assertRaises(exceptions.PoolDamaged, self.pool.check)
        self.claim()
        self.assertFalse(os.path.exists(os.path.join(self.node.root, 'x')))

    def test_pool_files_that_are_not_whole_are_refused(self):
        self.assertRaises(exceptions.PoolMissing,
                          Pool(self.node.zhcp, 'nopool').view)
        for text in ('', 'free,a,b\n', local.HEADER + line(0)):
            self.node.write('var/opt/zhcp/zfcp/zpool1.conf', text)
            self.assertRaises(exceptions.PoolDamaged, self.claim)

    def test_twenty_at_once_get_twenty_luns(self):
        self.node.pool('zpool1', *[line(i) for i in range(20)])
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            luns = list(pool.map(lambda _: self.claim().lun, range(20)))
        self.assertEqual(20, len(set(luns)))
        self.assertEqual(20, self.node.pool_text().count('reserved,'))

    def test_one_lun_has_one_winner(self):
        self.node.pool('zpool1', line(0))

        def attempt(_):
            try:
                return self.claim()
            except exceptions.NoSuitableLun:
                return None
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            won = [w for w in pool.map(attempt, range(8)) if w]
        self.assertEqual(1, len(won))


class AttachTest(Base):

    def test_devices_are_on_different_chpids_and_stay_the_same(self):
        instance = new()
        held = self.devices.hold(instance, 'VM00001')
        self.assertEqual(2, len({d.chpid for d in held}))
        # but for their leases, which begin anew
        self.assertEqual(held, tuple(
            dataclasses.replace(again, lease=before.lease)
            for again, before in zip(self.devices.hold(instance, 'VM00001'),
                                     held)))
        self.assertEqual('c05076ffe5003b00', str(held[0].wwpn))

    def test_exhausted_ranges_are_named(self):
        for number in (1, 2):
            self.devices.hold(new(), 'VM0000%d' % number)
        error = self.assertRaises(exceptions.NoFcpDevice, self.devices.hold,
                                  new(), 'VM00003')
        self.assertIn('3B00-3B0F has none of 16 free (2 held, 14 missing); '
                      '3C00-3C0F has none', str(error))

    def test_devices_that_others_use_are_not_held(self):
        self.node.write('cp/3B00', 'LNX9\n')
        self.node.pool('zpool1', line(0), line(1, status='used', owner='x')
                       .replace(',x,,', ',x,3C00,'))
        self.assertEqual(['3B01', '3C01'], [
            str(d.number) for d in self.devices.hold(new(), 'VM00001')])

    def test_a_new_instance_does_not_inherit_devices_by_name(self):
        self.devices.hold(new(), 'VM00001')
        self.assertRaises(exceptions.LunBusy, self.devices.hold, new(),
                          'VM00001')

    def test_attach_and_detach_leave_nothing_behind(self):
        instance = new()
        used = self.attach(self.claim(), instance)
        self.assertEqual('used', used.state)
        self.assertIn('used,', self.node.pool_text())
        self.assertIn(',vm00001,3B00;3C00,', self.node.pool_text())
        self.assertEqual(2, self.directory().count('DEDICATE'))
        ours, kept = self.devices.detach(used.volume_id, used.generation,
                                         instance)
        self.assertEqual(('ours', ''), (ours.state, kept))
        self.assertNotIn('used,', self.node.pool_text())
        self.assertNotIn('DEDICATE', self.directory())
        self.assertEqual('', self.node.read('cp/3B00'))
        self.assertEqual((), self.devices.list())

    def test_devices_left_out_are_all_that_are_held(self):
        used = self.attach(self.claim(), new(), devices=())
        self.assertEqual(['3B00', '3C00'], [str(d) for d in used.devices])

    def test_nothing_is_attached_over_no_device(self):
        lun = self.claim()
        request = fcp.AttachRequest(lun.volume_id, lun.generation, new(),
                                    new(), 'VM00001', 'vm00001')
        self.assertRaises(exceptions.NoFcpDevice, self.devices.attach,
                          request)
        self.assertEqual('ours', self.pool.look(lun.volume_id).state)

    def test_two_volumes_share_devices_until_the_last_leaves(self):
        instance = new()
        first = self.attach(self.claim(), instance)
        second = self.attach(self.claim(), instance)
        self.devices.detach(first.volume_id, first.generation, instance)
        self.assertEqual(2, self.directory().count('DEDICATE'))
        self.assertRaises(exceptions.LunBusy, self.devices.release, instance)
        self.devices.detach(second.volume_id, second.generation, instance)
        self.assertEqual(0, self.directory().count('DEDICATE'))

    def test_attach_twice_counts_once(self):
        instance = new()
        lun = self.claim()
        used = self.attach(lun, instance)
        again = self.attach(lun, instance)
        self.assertEqual(used.generation, again.generation)
        self.assertEqual({used.volume_id}, self.devices.list()[0].volumes)

    def test_only_one_instance_gets_a_volume(self):
        lun = self.claim()
        self.attach(lun, new())
        self.assertRaises(exceptions.LunBusy, self.attach, lun, new(),
                          'VM00002')

    def test_a_stale_generation_is_refused(self):
        lun = self.claim()
        self.assertRaises(exceptions.StaleGeneration, self.attach, lun, new(),
                          generation=lun.generation + 1)

    def test_a_late_attach_is_fenced_by_its_undo(self):
        lun, instance = self.claim(), new()
        self.devices.detach(lun.volume_id, lun.generation + 1, instance)
        self.assertRaises(exceptions.StaleGeneration, self.attach, lun,
                          instance)

    def test_a_late_detach_does_not_take_a_new_attachment(self):
        instance = new()
        first = self.attach(self.claim(), instance)
        ours, _ = self.devices.detach(first.volume_id, first.generation,
                                      instance)
        self.attach(ours, instance)
        self.assertRaises(
            exceptions.StaleGeneration, self.devices.detach,
            first.volume_id, first.generation, instance)

    def test_failed_dedicates_are_undone(self):
        for function, code in (('Image_Device_Dedicate_DM', '596 3619'),
                               ('Image_Device_Dedicate', '204 8')):
            lun, instance = self.claim(), new()
            self.node.write('fail/' + function, code)
            error = self.assertRaises(exceptions.SmapiFailed, self.attach,
                                      lun, instance)
            self.assertEqual(code.split(), [error.rc, error.rs])
            os.remove(os.path.join(self.node.root, 'fail', function))
            self.assertEqual('ours', self.pool.look(lun.volume_id).state)
            self.assertNotIn('DEDICATE', self.directory())
            self.devices.release(instance)
            self.assertEqual(set(), {d.instance for d in self.devices.list()
                                     if d.state != 'quarantined'})

    def test_a_device_that_does_not_come_off_stays_out_of_use(self):
        instance = new()
        used = self.attach(self.claim(), instance)
        self.node.write('fail/Image_Device_Undedicate', '204 4')
        ours, kept = self.devices.detach(used.volume_id, used.generation,
                                         instance)
        self.assertEqual('ours', ours.state)
        self.assertIn('rc=204', kept)
        self.assertEqual({'releasing'},
                         {d.state for d in self.devices.list()})
        self.assertRaises(exceptions.SmapiFailed, self.devices.release,
                          instance)
        os.remove(os.path.join(self.node.root,
                               'fail/Image_Device_Undedicate'))
        self.devices.release(instance)
        self.assertEqual((), self.devices.list())

    def test_devices_out_of_use_are_replaced(self):
        instance = new()
        used = self.attach(self.claim(), instance)
        self.node.write('fail/Image_Device_Undedicate', '204 4')
        ours, _ = self.devices.detach(used.volume_id, used.generation,
                                      instance)
        os.remove(os.path.join(self.node.root,
                               'fail/Image_Device_Undedicate'))
        self.assertEqual(
            ['3B01', '3C01'],
            [str(d) for d in self.attach(ours, instance).devices])

    def test_an_unreadable_directory_undoes_no_attachment(self):
        instance, lun = new(), self.claim()
        used = self.attach(lun, instance)
        self.node.write('fail/Image_Query_DM', '596 3619')
        self.assertRaises(exceptions.SmapiFailed, self.attach, lun, instance)
        os.remove(os.path.join(self.node.root, 'fail/Image_Query_DM'))
        self.assertEqual(used.generation,
                         self.pool.look(lun.volume_id).generation)
        self.assertEqual(2, self.directory().count('DEDICATE'))
        self.assertEqual('VM00001\n', self.node.read('cp/3B00'))

    def test_a_guests_own_devices_outlast_an_unreadable_directory(self):
        instance, lun = new(), self.claim()
        self.devices.hold(instance, 'VM00001')
        for device in ('3B00', '3C00'):
            self.node.write('cp/' + device, 'VM00001\n')
        self.node.write('directory/VM00001', 'USER VM00001\n'
                        'DEDICATE 3B00 3B00\nDEDICATE 3C00 3C00\n')
        self.node.write('fail/Image_Query_DM', '596 3619')
        self.assertRaises(exceptions.SmapiFailed, self.attach, lun, instance)
        self.assertEqual('VM00001\n', self.node.read('cp/3B00'))
        self.assertEqual('ours', self.pool.look(lun.volume_id).state)

    def test_a_guest_lets_go_of_its_volume_once_it_is_off(self):
        self.node.tool('sleep', local.IDLE)         # no logoff is pending
        instance = new()
        used = self.attach(self.claim(), instance)
        call = (self.devices.let_go, used.volume_id, used.generation,
                instance)
        error = self.assertRaises(exceptions.LunBusy, *call)
        self.assertIn('not logged off', str(error))
        self.node.guest_off('VM00001')
        self.node.write('fail/Image_Device_Undedicate_DM', '596 3619')
        for _ in range(2):
            self.assertRaises(exceptions.SmapiFailed, *call)
            self.assertEqual('used', self.pool.look(used.volume_id).state)
        os.remove(os.path.join(self.node.root,
                               'fail/Image_Device_Undedicate_DM'))
        ours, kept = self.devices.let_go(*call[1:])
        self.assertEqual(('ours', ''), (ours.state, kept))
        self.assertEqual(0, self.directory().count('DEDICATE'))
        self.assertEqual((), self.devices.list())

    def test_a_dedicate_of_others_stays(self):
        self.node.write('directory/VM00001',
                        'USER VM00001\nDEDICATE 3B00 3B00\n')
        instance = new()
        used = self.attach(self.claim(), instance)
        self.devices.detach(used.volume_id, used.generation, instance)
        self.assertIn('DEDICATE 3B00', self.directory())

    def test_a_guest_that_is_off_is_refused(self):
        self.node.guest_off('VM00001')
        lun = self.claim()
        self.assertRaises(exceptions.GuestUnreachable, self.attach, lun,
                          new())
        self.assertEqual('ours', self.pool.look(lun.volume_id).state)

    def test_devices_outside_the_lines_range_are_refused(self):
        self.node.pool('zpool1', line(0, ranges='3B00-3B0F'))
        lun = self.claim()
        error = self.assertRaises(exceptions.NoFcpDevice, self.attach, lun,
                                  new())
        self.assertIn('3C00', str(error))
        self.assertEqual('ours', self.pool.look(lun.volume_id).state)

    def test_a_used_lun_is_not_released(self):
        instance = new()
        used = self.attach(self.claim(), instance)
        error = self.assertRaises(exceptions.LunBusy, self.pool.release,
                                  used.volume_id, used.generation)
        self.assertIn('VM00001', str(error))
        self.assertIn('compute1', str(error))

    def test_detach_after_the_pool_file_is_gone(self):
        instance = new()
        used = self.attach(self.claim(), instance)
        os.remove(os.path.join(self.node.root,
                               'var/opt/zhcp/zfcp/zpool1.conf'))
        ours, _ = self.devices.detach(used.volume_id, used.generation,
                                      instance)
        self.assertEqual(('ours', 'gone'), (ours.state, ours.drift))


class ProgramTest(Base):

    def test_it_is_sent_once(self):
        sent = []
        run = self.node.run

        def counted(command, **kwargs):
            sent.append(len(command))
            return run(command, **kwargs)
        self.node.run = counted
        self.node.zhcp.hello()
        self.node.zhcp.hello()
        self.assertEqual([True, False, True], [n < 1000 for n in sent])

    def test_a_missing_tool_is_named(self):
        os.remove(os.path.join(self.node.root, 'bin/smcli'))
        error = self.assertRaises(exceptions.ToolMissing,
                                  self.node.zhcp.hello)
        self.assertIn('smcli', str(error))

    def test_foreign_appends_during_a_swap_are_kept(self):
        # >> has the old file open while it is replaced
        self.node.pool('zpool1', *[line(i) for i in range(3)])
        path = os.path.join(self.node.root, 'var/opt/zhcp/zfcp/zpool1.conf')

        def append(number):
            with open(path, 'a') as f:
                f.write(line(number) + '\n')

        def work(number):
            append(number) if number >= 100 else self.claim()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(work, [1, 100, 2, 101, 3]))
        text = self.node.pool_text()
        self.assertEqual(3, text.count('reserved,'))
        self.assertIn('40114064', text)
