# SPDX-License-Identifier: Apache-2.0
"""LUNs of the operator that become volumes, and volumes that become his.

What is measured on a disk is told here, as there are none; the simulator has
some.
"""

import contextlib
import itertools
import os

from tests.unit.remote.base import GIB
from tests.unit.remote.base import line
from tests.unit.remote.base import new
from tests.unit.remote.base import stamp
from tests.unit.remote import local
from tests.unit.remote import test_cut_off
from tests.unit.remote.test_cut_off import LEDGER
from zvm_common import exceptions
from zvm_common import model
from zvm_common import pool as pools
from zvm_common.pool import managing
from zvm_common import zhcp

WWID = '600507680c80%04x0000000000000001'
OTHER = '5005076303000009'
NONE = 'un_ma_na_ge_d'      # the operator, where his line named none


def measured(number, gib=1, wwid=None, ports=(local.PORT,)):
    return managing.Measured(
        tuple(model.Wwpn(port) for port in ports),
        model.Lun('4011%04x00000000' % (0x4000 + number)), GIB(gib),
        wwid or WWID % number)


class ManageBase(test_cut_off.CutBase):
    """LUN 0 is free, LUN 1 the operator's, LUN 2 his too, LUN 3 a guest's."""

    def setUp(self):
        super().setUp()
        self.lines_are(line(0), line(1, status='reserved', owner='db2'),
                       line(2, status='reserved'),
                       line(3, status='used', owner='lnx9'))
        self.pool.view()

    def lines_are(self, *lines):
        self.node.pool('zpool1', *lines)

    def edit(self, number, text):
        """Somebody writes the line of a LUN anew."""
        lines = self.lines()
        lines[number] = text
        self.lines_are(*lines)

    def manage(self, number=1, volume=None, operation=None, role='current',
               **what):
        return managing.manage(self.pool, volume or new(),
                               operation or new(), measured(number, **what),
                               role)

    def unmanaged(self, number=1):
        """One that was a volume's: its LunState when it was that."""
        lun = self.manage(number)
        managing.unmanage(self.pool, lun)
        return lun

    def column(self, number, column=5):
        return self.lines()[number].split(',')[column]

    def status(self, number):
        """Status and owner of a line."""
        return self.column(number, 0), self.column(number)

    def seen(self, number):
        lun = measured(number).lun
        return next(s for s in self.pool.view().luns if s.lun == lun)

    def refused(self, *words, number=1, error=exceptions.NotManageable,
                **what):
        with self.nothing_changes():
            found = str(self.assertRaises(error, self.manage, number, **what))
        for word in words:
            self.assertIn(word, found)
        return found

    @contextlib.contextmanager
    def nothing_changes(self):
        before = self.records('luns'), self.lines()
        yield
        self.assertEqual(before, (self.records('luns'), self.lines()))

    def record_at(self, number):
        name = '%s-%s' % (local.PORT, measured(number).lun)
        return dict(row.split('=', 1) for row in self.node.read(
            LEDGER + 'luns/' + name).splitlines())

    def change(self, number, **values):
        """The record of a LUN, with other values."""
        name = '%s-%s' % (local.PORT, measured(number).lun)
        record = dict(self.record_at(number), **values)
        del record['end']
        self.node.write(LEDGER + 'luns/' + name, ''.join(
            '%s=%s\n' % item for item in record.items()) + 'end=1\n')


class ReferenceTest(ManageBase):
    """Which LUN is meant, and whether it is the operator's."""

    def ask(self, wwpn=local.PORT, number=1):
        # all that is right goes on to the disk, and there is none
        return str(self.assertRaises(
            (exceptions.NotManageable, exceptions.PathFailed),
            managing.measure, self.pool, pools.Reference.parse(
                {'wwpn': wwpn, 'lun': str(measured(number).lun)})))

    def test_of_the_operator(self):
        self.assertIn('automatic LUN scan', self.ask())
        self.assertIn('automatic LUN scan', self.ask(number=2))

    def test_any_port_and_all_ports_of_its_line(self):
        both = local.PORT + ';' + OTHER
        self.edit(1, line(1, status='reserved', port='0x%s;0x%s' % (
            local.PORT.upper(), OTHER)))
        for wwpn in local.PORT, OTHER, both, [OTHER, local.PORT]:
            self.assertIn('automatic LUN scan', self.ask(wwpn))
        error = self.ask(local.PORT + ';5005076303000007')
        self.assertIn('in the pool it is behind ' + both, error)

    def test_of_no_line(self):
        self.assertIn('the pool has no line of it', self.ask(number=9))
        self.assertIn('in the pool it is behind ' + local.PORT,
                      self.ask(OTHER))

    def test_on_two_lines(self):
        self.lines_are(*self.lines(), line(1, status='reserved', port=OTHER))
        self.assertIn('two lines', self.ask())
        self.assertIn('two lines', self.ask(OTHER))

    def test_nothing_is_left_of_it(self):
        self.ask()
        folder = os.path.join(self.node.root, LEDGER)
        self.assertEqual([], os.listdir(folder + 'luns'))


class RefusedTest(ManageBase):

    def test_free(self):
        self.refused('it is free', 'say reserved first', number=0)

    def test_used_by_a_guest_that_is_none_of_ours(self):
        self.refused('guest lnx9 uses it', number=3)
        self.edit(3, line(3, status='USED', owner='lnx9'))
        self.refused('guest lnx9 uses it', number=3)

    def test_another_status(self):
        self.edit(3, line(3, status='broken'))
        self.refused('its line says broken', number=3)

    def test_of_a_volume_or_a_snapshot(self):
        lun = self.claim()
        self.refused('of volume ' + lun.volume_id, number=0)
        managed = self.manage(role='snapshot')
        self.refused('of snapshot ' + managed.volume_id)

    def test_of_a_volume_that_a_guest_has(self):
        lun = self.claim()
        self.attach(lun, new())
        self.refused(lun.volume_id, 'guest VM00001 uses it', number=0)

    def test_in_quarantine(self):
        lun = self.claim()
        self.change(0, state='quarantined', why='no~path')
        self.refused('in quarantine', lun.volume_id, 'no path', number=0)

    def test_with_a_stamp_that_the_ledger_does_not_have(self):
        self.edit(1, line(1, status='reserved', owner=stamp(new())))
        self.refused('zvm-volume audit')

    def test_on_two_lines(self):
        self.lines_are(*self.lines(), line(1, status='free', port=OTHER))
        self.refused('two lines')

    def test_a_line_that_has_got_another_port(self):
        self.edit(1, line(1, status='reserved',
                          port=local.PORT + ';' + OTHER))
        self.refused('its line has changed')

    def test_the_disk_of_another_volume(self):
        lun = self.claim()
        self.change(0, wwid=WWID % 1)
        self.refused('its disk', str(lun.lun), lun.volume_id)

    def test_the_disk_of_a_free_lun(self):
        lun = self.claim()
        self.freed(lun)
        self.change(0, wwid=WWID % 1)
        self.refused(str(lun.lun), 'free')
        # a line that is away tells of no disk
        self.lines_are(*self.lines()[1:])
        self.assertEqual('ours', self.manage().state)

    def test_from_a_ledger_that_is_another(self):
        self.pool.ledger = new()
        self.refused(error=exceptions.LedgerDamaged)

    def test_a_volume_that_has_another_lun(self):
        lun = self.claim()
        self.refused(str(lun.lun), error=exceptions.LunBusy,
                     volume=lun.volume_id)


class ManageTest(ManageBase):

    def test_it_is_the_volume_s(self):
        lun = self.manage()
        self.assertEqual(
            ('ours', 'current', 'manage', False, 'test', WWID % 1, GIB(1)),
            (lun.state, lun.role, lun.phase, lun.clean, lun.scope, lun.wwid,
             lun.real))
        self.assertEqual(('reserved', stamp(lun.volume_id)), self.status(1))
        self.assertEqual('', lun.drift)
        self.pool.check()

    def test_repeated(self):
        volume, operation = new(), new()
        lun = self.manage(volume=volume, operation=operation)
        with self.nothing_changes():
            again = self.manage(volume=volume, operation=operation)
        self.assertEqual(lun, again)

    def test_late_it_comes_to_nothing(self):
        operation = new()
        lun = self.manage(operation=operation)
        managing.unmanage(self.pool, lun)
        self.refused(error=exceptions.StaleGeneration, operation=operation)
        operation = new()
        self.assertIsNone(self.pool.cancel(lun.volume_id, operation))
        self.refused(error=exceptions.StaleGeneration, operation=operation)

    def test_one_that_was_done_is_not_cancelled(self):
        volume, operation = new(), new()
        lun = self.manage(volume=volume, operation=operation)
        self.assertEqual(lun, self.pool.cancel(volume, operation))

    def test_two_of_one_lun(self):
        self.manage()
        self.refused('of volume')

    def test_attached_like_any_volume(self):
        used = self.attach(self.manage(), new())
        self.assertEqual(('used', ''), (used.state, used.phase))

    def test_its_generation_is_later_than_any(self):
        lun = self.claim()
        self.freed(lun)
        self.edit(0, line(0, status='reserved', owner='db2'))
        self.assertEqual('foreign', self.seen(0).state)
        before = int(self.record_at(0)['gen'])
        managed = self.manage(0)
        self.assertEqual(before + 1, managed.generation)
        self.assertEqual(WWID % 0, managed.wwid)

    def test_deleted_it_is_wiped_like_any_volume(self):
        lun = self.manage()
        # not before it is known that Cinder has saved it
        self.assertRaises(exceptions.LunBusy, self.pool.release,
                          lun.volume_id, lun.generation)
        self.pool.confirm([lun.volume_id])
        self.freed(lun)
        self.assertEqual(('free', ''), self.status(1))
        self.assertNotIn('owner', self.record_at(1))
        self.edit(0, line(0, status='reserved'))
        self.assertEqual(lun.lun, self.claim().lun)

    def test_neither_undone_nor_set_aside_as_a_create_is(self):
        lun = self.manage()
        self.change(1, lease='1')
        for call in self.pool.abandon, self.pool.set_aside:
            self.assertRaises(exceptions.LunBusy, call, lun)

    def test_given_back_when_its_lease_is_over(self):
        lun = self.manage()
        self.assertRaises(exceptions.LeaseRuns, managing.give_back,
                          self.pool, lun)
        self.change(1, lease='1')
        self.assertEqual('unmanaged',
                         managing.give_back(self.pool, lun).state)
        self.assertEqual(('reserved', 'db2'), self.status(1))

    def test_finished_it_is_not_given_back(self):
        lun = self.manage()
        self.pool.confirm([lun.volume_id])
        self.assertRaises(exceptions.LunBusy, managing.give_back, self.pool,
                          lun)

    def test_an_edit_from_before_does_not_take_it_away(self):
        before = self.lines()[1]
        lun = self.manage()
        for text in before, before.replace('reserved', 'free'):
            self.edit(1, text)
            self.assertTrue(self.seen(1).drift)
            self.assertEqual((str(lun.lun),), self.pool.sweep().mended)
            self.assertEqual(('reserved', stamp(lun.volume_id)),
                             self.status(1))

    def test_a_line_that_is_used_meanwhile_stays_used(self):
        # between the look at the line and its writing
        self.node.tool('flock', 'exit 0\n')
        self.node.tool('sync', '''
sed -i '/4011400100000000/s/^reserved/used/' \
    "$ZVM_ROOT/var/opt/zhcp/zfcp/zpool1.conf"
''')
        self.assertRaises(exceptions.PoolDamaged, self.manage)
        self.node.tool('sync', local.IDLE)
        self.assertEqual(('used', 'db2'), self.status(1))
        found = self.seen(1)
        self.assertEqual(('unmanaged', ''), (found.state, found.drift))


class UnmanageTest(ManageBase):

    def test_the_line_is_as_it_was(self):
        before = self.lines()
        for number, owner in (1, 'db2'), (2, NONE):
            lun = self.unmanaged(number)
            self.assertIsNone(self.pool.look(lun.volume_id))
            self.assertEqual(('reserved', owner), self.status(number))
            found = self.seen(number)
            self.assertEqual(
                ('unmanaged', '', False, None, lun.volume_id, lun.wwid),
                (found.state, found.drift, found.clean, found.volume_id,
                 found.was, found.wwid))
        self.assertEqual(before[1], self.lines()[1])
        self.pool.check()

    def test_of_a_volume_that_was_the_pool_s(self):
        lun = self.claim()
        managing.unmanage(self.pool, lun)
        self.assertEqual(('reserved', NONE), self.status(0))
        self.assertRaises(exceptions.NoSuitableLun, self.claim)

    def test_of_a_snapshot(self):
        lun = self.manage(role='snapshot')
        self.assertEqual('unmanaged', managing.unmanage(self.pool, lun).state)
        self.assertEqual(('reserved', 'db2'), self.status(1))

    def test_repeated(self):
        lun = self.unmanaged()
        with self.nothing_changes():
            self.assertEqual('unmanaged',
                             managing.unmanage(self.pool, lun).state)

    def test_of_one_that_is_gone(self):
        lun = self.claim()
        self.freed(lun)
        self.assertRaises(exceptions.VolumeUnknown, managing.unmanage,
                          self.pool, lun)

    def refused(self, error, lun, *words):
        with self.nothing_changes():
            found = str(self.assertRaises(error, managing.unmanage, self.pool,
                                          lun))
        for word in words:
            self.assertIn(word, found)

    def test_not_while_a_guest_has_it(self):
        used = self.attach(self.manage(), new())
        self.refused(exceptions.LunBusy, used, 'VM00001')

    def test_not_after_it_has_moved_on(self):
        lun = self.manage()
        instance = new()
        used = self.attach(lun, instance)
        self.devices.detach(used.volume_id, used.generation, instance)
        self.refused(exceptions.StaleGeneration, lun)

    def test_not_while_it_is_wiped(self):
        lun = self.claim()
        self.refused(exceptions.LunBusy,
                     self.pool.release(lun.volume_id, lun.generation))

    def test_not_while_somebody_uses_it_by_xcat(self):
        lun = self.manage()
        self.edit(1, line(1, status='used', owner='lnx9'))
        self.refused(exceptions.LunBusy, lun, 'lnx9')

    def test_not_while_it_is_copied(self):
        lun = self.manage()
        copy = self.pool.copy(new(), new(), GIB(1), GIB(1),
                              pools.Copy(lun, 'current', 'all', 60))
        self.refused(exceptions.LunBusy, lun, copy.volume_id)

    def test_not_by_another_service(self):
        lun = self.manage()
        other = pools.Pool(zhcp.Zhcp(self.node.zhcp.hypervisor, 'other'),
                           'zpool1')
        self.assertRaises(exceptions.NotOurs, managing.unmanage, other, lun)

    def test_against_an_attach_one_wins(self):
        lun = self.manage()
        managing.unmanage(self.pool, lun)
        self.assertRaises(exceptions.VolumeUnknown, self.attach, lun, new())

    def test_managed_again(self):
        lun = self.unmanaged()
        again = self.manage()
        self.assertEqual(lun.generation + 2, again.generation)
        self.assertIsNone(again.was)
        managing.unmanage(self.pool, again)
        self.assertEqual(('reserved', 'db2'), self.status(1))

    def test_managed_and_deleted_it_is_back_in_the_pool(self):
        lun = self.unmanaged()
        again = self.manage()
        self.pool.confirm([again.volume_id])
        self.freed(again)
        self.assertEqual('free', self.seen(1).state)
        self.edit(0, line(0, status='reserved'))
        self.assertEqual(lun.lun, self.claim().lun)


class LeftTest(ManageBase):
    """What becomes of a LUN that was left to the operator."""

    def setUp(self):
        super().setUp()
        self.left = self.unmanaged()
        self.edit(0, line(0, status='reserved'))

    def test_set_free_it_is_not_handed_out_and_comes_back(self):
        self.edit(1, line(1))
        found = self.seen(1)
        self.assertEqual(('unmanaged', 'free'), (found.state, found.drift))
        self.assertRaises(exceptions.NoSuitableLun, self.claim)
        self.refused('its line says free')
        self.pool.check()
        self.assertEqual((str(self.left.lun),), self.pool.sweep().mended)
        self.assertEqual(('reserved', 'db2'), self.status(1))

    def test_an_old_stamp_neither_frees_it_nor_gives_it_back(self):
        self.edit(1, line(1, status='reserved',
                          owner=stamp(self.left.volume_id)))
        self.assertEqual('owner', self.seen(1).drift)
        self.refused('stamp')
        self.pool.check()
        self.pool.sweep()
        self.assertEqual(('reserved', 'db2'), self.status(1))
        self.assertIsNone(self.pool.look(self.left.volume_id))

    def test_the_operator_uses_and_names_it_as_he_likes(self):
        for status, owner in (('used', 'lnx9'), ('USED', 'lnx9'),
                              ('reserved', 'web'), ('reserved', '')):
            self.edit(1, line(1, status=status, owner=owner))
            self.assertEqual(('unmanaged', ''),
                             (self.seen(1).state, self.seen(1).drift))
            with self.nothing_changes():
                self.assertEqual((), self.pool.sweep().mended)
            self.pool.check()
        self.edit(1, line(1, status='used', owner='lnx9'))
        self.refused('guest lnx9 uses it')

    def test_what_he_named_it_last_it_is_called(self):
        self.edit(1, line(1, status='reserved', owner='web'))
        self.manage()
        lun = self.pool.view().luns[1]
        managing.unmanage(self.pool, lun)
        self.assertEqual(('reserved', 'web'), self.status(1))

    def test_out_of_the_pool_it_stays_out_and_stops_nothing(self):
        lines = self.lines()
        self.lines_are(*lines[:1], *lines[2:])
        for look in self.pool.view, self.pool.sweep:
            self.assertNotIn(self.left.lun, [s.lun for s in look().luns])
        self.assertEqual([lines[0], *lines[2:]], self.lines())
        self.pool.check()

    def test_out_of_the_pool_and_in_again_it_is_known(self):
        lines = self.lines()
        self.lines_are(*lines[:1], *lines[2:])
        self.pool.sweep()
        self.lines_are(*lines[:1], line(1), *lines[2:])
        self.assertEqual('unmanaged', self.seen(1).state)
        self.assertRaises(exceptions.NoSuitableLun, self.claim)

    def test_with_ports_in_another_order_it_is_known(self):
        ports = OTHER + ';' + local.PORT
        self.edit(1, line(1, port=ports))
        found = self.seen(1)
        self.assertEqual(('unmanaged', 'free', self.left.volume_id),
                         (found.state, found.drift, found.was))
        self.assertRaises(exceptions.NoSuitableLun, self.claim)
        self.pool.sweep()
        self.pool.check()
        self.edit(1, line(1, status='reserved', port=ports))
        self.assertEqual('', self.seen(1).drift)
        again = self.manage(ports=(OTHER, local.PORT))
        self.assertGreater(again.generation, self.left.generation + 1)
        self.assertEqual(['ours'], [r['state'] for r in self.records('luns')])
        self.pool.confirm([again.volume_id])
        self.freed(again)
        self.assertEqual('free', self.seen(1).state)

    def test_the_number_behind_other_ports_is_another_lun(self):
        self.edit(1, line(1, port=OTHER))
        self.assertEqual('free', self.seen(1).state)
        self.assertEqual(OTHER, str(self.claim().wwpns[0]))

    def test_a_pool_file_that_was_lost(self):
        self.pool.view()
        os.unlink(os.path.join(self.node.root,
                               'var/opt/zhcp/zfcp/zpool1.conf'))
        self.pool.sweep()
        self.assertEqual(('reserved', 'db2'), self.status(1))
        self.assertEqual('unmanaged', self.seen(1).state)

    def test_without_its_ledger_it_is_the_operator_s(self):
        name = '%s-%s' % (local.PORT, self.left.lun)
        os.unlink(os.path.join(self.node.root, LEDGER, 'luns', name))
        self.assertEqual('foreign', self.seen(1).state)
        self.pool.check()

    def test_not_rebuilt_as_the_volume_that_it_was(self):
        self.edit(1, line(1))
        error = self.assertRaises(
            exceptions.LunBusy, self.pool.rebuild, self.left.volume_id, new(),
            self.left.wwpns, self.left.lun)
        self.assertIn('left to the operator', str(error))

    def test_counted_with_what_is_not_the_pool_s(self):
        figures = self.pool.view().stats()
        self.assertEqual(1, figures['counts']['unmanaged'])
        self.assertEqual((0, 0), (figures['total_gib'], figures['free_gib']))


class EveryStepTest(ManageBase):
    """Killed at each step once."""

    def cut(self, function, *args, **kwargs):
        """Yield after each step at which it was killed, with its own pool."""
        lines = self.lines()
        for step in itertools.count(1):
            for name in os.listdir(os.path.join(self.node.root,
                                                LEDGER + 'luns')):
                os.unlink(os.path.join(self.node.root, LEDGER, 'luns', name))
            self.lines_are(*lines)
            prepared = function()
            cut = self.was_cut_at(step, prepared)
            yield prepared
            if not cut:
                break
        self.assertLess(4, step)

    def a_manage(self):
        volume, operation = new(), new()

        def call():
            return self.manage(volume=volume, operation=operation)
        call.volume = volume
        return call

    def an_unmanage(self):
        lun = self.manage()

        def call():
            return managing.unmanage(self.pool, lun)
        call.volume = lun.volume_id
        return call

    def has_record(self, volume):
        return volume in [r.get('volume') for r in self.records('luns')]

    def assert_his(self):
        self.assertEqual(('reserved', 'db2'), self.status(1))
        self.assertIn(self.seen(1).state, ('foreign', 'unmanaged'))

    def assert_volume_s(self, volume):
        self.assertEqual(('reserved', stamp(volume)), self.status(1))
        self.assertEqual(('ours', 'manage'), (self.seen(1).state,
                                              self.seen(1).phase))

    def test_manage_repeated(self):
        for call in self.cut(self.a_manage):
            try:
                call()
            except exceptions.StaleGeneration:
                # cut off before it had a LUN: it does not get one any more
                self.assert_his()
            else:
                self.assert_volume_s(call.volume)

    def test_manage_swept_and_given_back(self):
        for call in self.cut(self.a_manage):
            done = self.has_record(call.volume)
            self.pool.sweep()
            if done:
                self.assert_volume_s(call.volume)
                self.change(1, lease='1')
                managing.give_back(self.pool, self.seen(1))
                self.assertRaises(exceptions.StaleGeneration, call)
            self.assert_his()

    def test_manage_cancelled(self):
        for call in self.cut(self.a_manage):
            lun = self.pool.cancel(call.volume, new())
            self.assertEqual(self.has_record(call.volume), lun is not None)
            if lun is not None:
                managing.unmanage(self.pool, lun)
            self.pool.sweep()
            self.assert_his()

    def test_unmanage_repeated(self):
        for call in self.cut(self.an_unmanage):
            self.assertEqual('unmanaged', call().state)
            self.assert_his()
            self.assertIsNone(self.pool.look(call.volume))

    def test_unmanage_swept(self):
        for call in self.cut(self.an_unmanage):
            done = not self.has_record(call.volume)
            self.pool.sweep()
            if done:
                self.assert_his()
            else:
                self.assert_volume_s(call.volume)


class BashReferenceTest(ReferenceTest):
    shell = ('bash',)


class BusyboxReferenceTest(ReferenceTest):
    shell = ('busybox', 'sh')


class BashRefusedTest(RefusedTest):
    shell = ('bash',)


class BusyboxRefusedTest(RefusedTest):
    shell = ('busybox', 'sh')


class BusyboxManageTest(ManageTest):
    shell = ('busybox', 'sh')


class BashUnmanageTest(UnmanageTest):
    shell = ('bash',)


class BusyboxUnmanageTest(UnmanageTest):
    shell = ('busybox', 'sh')


class BashLeftTest(LeftTest):
    shell = ('bash',)


class BusyboxLeftTest(LeftTest):
    shell = ('busybox', 'sh')


class BusyboxEveryStepTest(EveryStepTest):
    shell = ('busybox', 'sh')
