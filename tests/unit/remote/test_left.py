# SPDX-License-Identifier: Apache-2.0
"""LUNs that were left to the operator; manage and unmanage cut off."""

import itertools
import os

from tests.unit.remote.base import line
from tests.unit.remote.base import new
from tests.unit.remote.base import stamp
from tests.unit.remote import local
from tests.unit.remote.test_cut_off import LEDGER
from tests.unit.remote.test_manage import ManageBase
from tests.unit.remote.test_manage import OTHER
from zvm_common import exceptions
from zvm_common.pool import managing


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
