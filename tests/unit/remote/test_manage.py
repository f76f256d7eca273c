# SPDX-License-Identifier: Apache-2.0
"""LUNs of the operator that become volumes, and volumes that become his.

What is measured on a disk is told here, as there are none; the simulator has
some.
"""

import contextlib
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
