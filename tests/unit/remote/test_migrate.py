# SPDX-License-Identifier: Apache-2.0
"""A copy in another pool of the zHCP takes the place of its volume's LUN.

The copy is the other back-end's from its claim on, the old LUN stays the
first one's: the sweeps of each look after its own.
"""

from tests.unit.remote.base import GIB
from tests.unit.remote.base import line
from tests.unit.remote.base import new
from tests.unit.remote import test_switch
from zvm_common import exceptions
from zvm_common import model
from zvm_common import pool as pools
from zvm_common.pool import moves
from zvm_common.remote import call
from zvm_common.remote import program


class TwoPools:
    """zpool1 is of scope test, zpool2 of scope other."""

    pools = ('zpool1', 'zpool2')

    def setUp(self):
        self._kept_lines = {}
        super().setUp()

    def keep(self):
        super().keep()
        self._kept_lines = {name: self.node.pool_text(name).splitlines()[1:]
                            for name in self.pools}

    def anew(self):
        super().anew()
        for name, lines in self._kept_lines.items():
            self.node.pool(name, *lines)

    @property
    def other(self):
        """zpool2, as its back-end has it; made with the first copy."""
        if not hasattr(self, '_other'):
            self.node.pool('zpool2', *[line(i) for i in range(8, 12)])
            self._other = moves.other(self.pool, 'zpool2', 'other',
                                      model.DeviceRanges())
            self._other.zhcp.call = call.Remote(
                self.node, program.zhcp(), attempts=1).call
            self._as_one()
        return self._other

    def _as_one(self):
        """What the tests of a switch ask of a pool."""
        sweep, other = self.pool.sweep, self._other
        self.pool.sweep = lambda: (sweep(), other.sweep())
        self.pool.switch = other.switch

    def copy(self, source, role='current', replaces=None, volume=None,
             operation=None):
        where = self.other if role == 'target' else self.pool
        return where.copy(
            volume or new(), operation or new(), GIB(1), GIB(2),
            pools.Copy(source, role, 'all', 3600, replaces))

    def assert_volume(self, record):
        super().assert_volume(record)
        self.assertEqual(('zpool2', 'other'),
                         (record['pool'], record['scope']))

    def assert_moved(self, swept=False):
        super().assert_moved(swept)
        old = self.of_volumes()[self.target.volume_id]
        self.assertEqual(('zpool1', 'test'), (old['pool'], old['scope']))

    def assert_not_moved(self):
        super().assert_not_moved()
        found = self.of_volumes()
        self.assertEqual([('zpool1', 'test'), ('zpool2', 'other')], [
            (found[lun.volume_id]['pool'], found[lun.volume_id]['scope'])
            for lun in (self.volume, self.target)])


class MigrateTest(TwoPools, test_switch.SwitchTest):
    """Cut off at each of its steps, repeated, and swept."""


class FoundTest(TwoPools, test_switch.FoundTest):
    """Cut off between two steps; other requests come first."""


class ScopesTest(TwoPools, test_switch.SwitchBase):

    def test_a_sweep_of_the_first_undoes_no_copy_of_the_other(self):
        with self.nothing_changes():
            self.assertRaises(exceptions.NotOurs, self.pool.abandon,
                              self.target)
        self.rewrite(self.target, self.record_of(self.target), lease=1)
        self.other.abandon(self.target)
        self.ended(self.pool.look(self.target.volume_id))
        self.assert_agreed({self.volume.volume_id: None})

    def test_a_switch_for_the_first_is_refused(self):
        del self.pool.switch
        with self.nothing_changes():
            self.assertRaises(exceptions.NotOurs, self.pool.switch,
                              self.target.volume_id, self.volume.volume_id)

    def test_repeated_when_it_is_done(self):
        now = self.switch()
        with self.nothing_changes():
            self.assertEqual(now, self.switch())
        self.ended(self.pool.look(self.target.volume_id))
        with self.nothing_changes():
            self.assertRaises(exceptions.VolumeUnknown, self.switch)

    def test_a_source_of_another_scope_than_was_seen_is_refused(self):
        self.switch()
        now = self.pool.look(self.volume.volume_id)
        self.rewrite(now, self.record_of(now), scope='third')
        with self.nothing_changes():
            self.assertRaises(exceptions.NotOurs, self.copy, now)

    def test_back_again(self):
        now = self.switch()
        self.ended(self.pool.look(self.target.volume_id))
        back = self.copied(self.pool.copy(
            new(), new(), GIB(1), GIB(2),
            pools.Copy(now, 'target', 'all', 3600, now)))
        del self.pool.switch
        last = self.pool.switch(back.volume_id, now.volume_id)
        self.assertEqual(('zpool1', 'test'), (last.pool, last.scope))
        old = self.pool.look(back.volume_id)
        self.assertEqual(('zpool2', 'other', 'wiping'),
                         (old.pool, old.scope, old.state))

    def test_a_copy_from_another_ledger_is_refused(self):
        self.other.ledger = new()
        with self.nothing_changes():
            self.assertRaises(exceptions.LedgerDamaged, self.copy,
                              self.volume, 'target', self.volume)


class EntrustTest(test_switch.SwitchBase):
    """Two back-ends have one pool."""

    def entrust(self, lun=None):
        return moves.entrust(self.pool, lun or self.volume, 'other')

    def test_the_volume_is_the_others(self):
        now = self.entrust()
        self.assertEqual(
            (self.volume.lun, 'other', 'ours', '',
             self.volume.generation + 1),
            (now.lun, now.scope, now.state, now.phase, now.generation))
        self.assertRaises(exceptions.NotOurs, self.pool.set_aside, now)
        with self.nothing_changes():
            # its answer was lost
            self.assertEqual(now, self.entrust())

    def test_what_something_has_happened_to_stays(self):
        self.attach(self.volume, new())
        with self.nothing_changes():
            self.assertRaises(exceptions.StaleGeneration, self.entrust)
            self.assertRaises(exceptions.LunBusy, self.entrust,
                              self.pool.look(self.volume.volume_id))

    def test_what_is_copied_or_is_a_copy_stays(self):
        self.copy(self.volume)
        with self.nothing_changes():
            self.assertRaises(exceptions.LunBusy, self.entrust)
            self.assertRaises(exceptions.LunBusy, self.entrust, self.target)

    def test_an_unknown_one(self):
        self.pool.release(self.volume.volume_id, self.volume.generation)
        self.ended(self.pool.look(self.volume.volume_id))
        self.assertRaises(exceptions.VolumeUnknown, self.entrust)
