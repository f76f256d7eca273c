# SPDX-License-Identifier: Apache-2.0
"""A copy takes the place of its volume's LUN: cut off, late, given up.

A switch changes the records of two LUNs.  Wherever it ends, the volume has
one LUN: the one that it had, or the copy.
"""

import contextlib
import itertools
import shutil

from tests.unit.remote.base import new
from tests.unit.remote import local
from tests.unit.remote import test_copy
from tests.unit.remote.test_copy import name_of
from tests.unit.remote.test_cut_off import LEDGER
from zvm_common import exceptions
from zvm_common import pool as pools
from zvm_common import zhcp

RECORDS = '"$ZVM_ROOT"/%sluns/*-*' % LEDGER
# Between which of its steps a switch is cut off
MOMENTS = {
    'the copy is marked': 'grep -q -x phase=switch %s' % RECORDS,
    'the old LUN is the copy\'s': 'grep -q -x role=old %s' % RECORDS,
    'the new LUN is the volume\'s':
        'grep -l -x role=old %s >/dev/null && '
        '! grep -q -x phase=switch %s' % (RECORDS, RECORDS)}


class SwitchBase(test_copy.CopyBase):
    """`volume` has a LUN; `target` is a copy that may take its place."""

    def setUp(self):
        super().setUp()
        volume = self.claim()
        # more has happened to it than to the copy
        self.volume, _ = self.devices.detach(volume.volume_id, 7, new())
        self.target = self.copied(self.copy(self.volume, 'target',
                                            self.volume))
        self.keep()

    def switch(self):
        return self.pool.switch(self.target.volume_id, self.volume.volume_id)

    def at_each_moment(self):
        """The switch is cut off; ."""
        for moment, condition in MOMENTS.items():
            self.anew()
            self.cut(condition, self.switch)
            yield

    def of_volumes(self):
        """{volume id: record}, from the files alone."""
        found = [r for r in self.records('luns') if r.get('volume')]
        by_id = {r['volume']: r for r in found}
        self.assertEqual(len(found), len(by_id), found)
        return by_id

    def assert_volume(self, record):
        """It has the copy's LUN for good."""
        self.assertEqual(str(self.target.lun), record['lun'])
        self.assertEqual('current', record['role'])
        for key in 'phase', 'moves', 'mgen', 'source':
            self.assertNotIn(key, record)
        self.assertLess(max(self.volume.generation, self.target.generation),
                        int(record['gen']))

    def assert_moved(self, swept=False):
        """The volume has the copy's LUN; a sweep does what is left."""
        found = self.of_volumes()
        if not swept:
            self.pool.sweep()
            self.assertEqual(found, self.of_volumes())
        mine, old = (found[lun.volume_id]
                     for lun in (self.volume, self.target))
        self.assert_volume(mine)
        self.assertEqual('ours', mine['state'])
        self.assertEqual(
            (str(self.volume.lun), 'wiping', 'old', 'no'),
            tuple(old[key] for key in ('lun', 'state', 'role', 'clean')))
        self.assertLess(self.volume.generation, int(old['gen']))
        self.assertIn((name_of(self.volume), old['gen']), self.begun())
        self.assertNotIn(name_of(self.target),
                         [name for name, _ in self.begun()])
        self.assert_agreed({self.volume.volume_id: None,
                            self.target.volume_id: None})

    def assert_not_moved(self):
        found = self.of_volumes()
        mine, copy = (found[lun.volume_id]
                      for lun in (self.volume, self.target))
        self.assertEqual(
            (str(self.volume.lun), 'ours', str(self.volume.generation)),
            tuple(mine[key] for key in ('lun', 'state', 'gen')))
        self.assertEqual(
            (str(self.target.lun), 'ours', 'target', 'create'),
            tuple(copy[key] for key in ('lun', 'state', 'role', 'phase')))
        self.assertEqual([], self.begun())
        self.assert_agreed({self.volume.volume_id: None,
                            self.target.volume_id: None})


class SwitchTest(SwitchBase):
    """Cut off at each of its steps."""

    def test_repeated_at_each_step(self):
        for step in itertools.count(1):
            self.anew()
            cut = self.was_cut_at(step, self.switch)
            self.assertEqual(self.target.lun, self.switch().lun)
            self.assert_moved(swept=True)
            if not cut:
                break
        self.assertLess(8, step)

    def test_swept_at_each_step(self):
        for step in itertools.count(1):
            self.anew()
            cut = self.was_cut_at(step, self.switch)
            began = any(r.get('phase') == 'switch' or r.get('role') == 'old'
                        for r in self.records('luns'))
            self.pool.sweep()
            if began:
                self.assert_moved(swept=True)
            else:
                self.assert_not_moved()
            self.switch()
            self.assert_moved(swept=True)
            if not cut:
                break
        self.assertLess(8, step)


class FoundTest(SwitchBase):
    """Cut off between two steps; other requests come first."""

    def test_the_volume_is_found(self):
        for _ in self.at_each_moment():
            found = self.pool.look(self.volume.volume_id)
            self.assertEqual(self.target.lun, found.lun)
            self.assertGreater(found.generation, self.volume.generation)
            self.assert_moved()

    def test_the_copy_is_the_old_lun(self):
        for _ in self.at_each_moment():
            found = self.pool.look(self.target.volume_id)
            self.assertEqual(self.volume.lun, found.lun)
            self.assert_moved()

    def test_no_attach_of_before_comes_through(self):
        for _ in self.at_each_moment():
            self.assertRaises(exceptions.StaleGeneration, self.attach,
                              self.volume, new())
            self.devices.release(self.devices.list()[0].instance)
            self.assert_moved()

    def test_it_is_attached(self):
        for _ in self.at_each_moment():
            instance = new()
            now = self.pool.look(self.volume.volume_id)
            self.assertEqual(self.target.lun,
                             self.attach(now, instance).lun)
            self.assert_volume(self.of_volumes()[self.volume.volume_id])
            used = self.pool.look(self.volume.volume_id)
            self.devices.detach(used.volume_id, used.generation, instance)
            self.devices.release(instance)

    def test_a_detach_of_before_leaves_it(self):
        for _ in self.at_each_moment():
            self.devices.detach(self.volume.volume_id,
                                self.volume.generation, new())
            self.assert_moved()

    def test_no_copy_of_before_comes_through(self):
        for _ in self.at_each_moment():
            self.assertRaises(exceptions.StaleGeneration, self.copy,
                              self.volume)
            self.assert_moved()

    def test_no_release_of_before_comes_through(self):
        for _ in self.at_each_moment():
            self.assertRaises(
                exceptions.StaleGeneration, self.pool.release,
                self.volume.volume_id, self.volume.generation)
            self.assert_moved()

    def test_who_gives_the_copy_back_gives_the_old_lun_back(self):
        for _ in self.at_each_moment():
            with contextlib.suppress(exceptions.StaleGeneration):
                self.pool.release(self.target.volume_id,
                                  self.target.generation)
            self.assert_moved()

    def test_who_looks_and_gives_the_copy_back(self):
        for _ in self.at_each_moment():
            found = self.pool.look(self.target.volume_id)
            self.pool.release(found.volume_id, found.generation)
            self.assert_moved()

    def test_the_sweep_sets_no_copy_aside_and_undoes_none(self):
        for _ in self.at_each_moment():
            for verb in self.pool.set_aside, self.pool.abandon:
                self.assertRaises(exceptions.StaleGeneration, verb,
                                  self.target)
            self.assert_moved()

    def test_another_copy_does_not_take_its_place(self):
        self.anew()
        other = self.copied(self.copy(self.volume, 'target', self.volume))
        shutil.rmtree(self._kept)
        self.keep()
        for _ in self.at_each_moment():
            self.assertRaises(exceptions.StaleGeneration, self.pool.switch,
                              other.volume_id, self.volume.volume_id)
            self.pool.release(other.volume_id, other.generation)
            self.ended(self.pool.look(other.volume_id))
            self.assert_moved()

    def test_a_deleted_volume_does_not_come_back(self):
        for _ in self.at_each_moment():
            found = self.pool.look(self.volume.volume_id)
            self.pool.release(found.volume_id, found.generation)
            self.ended(self.pool.look(found.volume_id))
            self.pool.sweep()
            self.assertIsNone(self.pool.look(found.volume_id))
            self.assertEqual([self.target.volume_id],
                             list(self.of_volumes()))
            self.ended(self.pool.look(self.target.volume_id))
            self.assert_agreed({})
            self.assertRaises(exceptions.VolumeUnknown, self.switch)

    def test_what_happened_to_the_copys_lun_before_does_not_matter(self):
        # much more than to the volume's
        self.rewrite(self.target, self.record_of(self.target), gen=40)
        self.target = self.pool.look(self.target.volume_id)
        shutil.rmtree(self._kept)
        self.keep()
        for _ in self.at_each_moment():
            self.pool.sweep()
            self.assert_moved()


class GivenUpTest(SwitchBase):
    """A switch that comes after something else is none."""

    def refused(self, error):
        with self.nothing_changes():
            return self.assertRaises(error, self.switch)

    def test_attached(self):
        self.attach(self.volume, new())
        self.refused(exceptions.StaleGeneration)

    def test_attached_and_detached(self):
        instance = new()
        used = self.attach(self.volume, instance)
        self.devices.detach(used.volume_id, used.generation, instance)
        self.refused(exceptions.StaleGeneration)
        self.pool.sweep()
        self.assertEqual(self.volume.lun, self.pool.look(
            self.volume.volume_id).lun)

    def test_released(self):
        self.pool.release(self.volume.volume_id, self.volume.generation)
        self.refused(exceptions.StaleGeneration)
        self.ended(self.pool.look(self.volume.volume_id))
        self.refused(exceptions.VolumeUnknown)
        self.pool.sweep()
        self.assertIsNone(self.pool.look(self.volume.volume_id))

    def test_given_back(self):
        self.pool.release(self.target.volume_id, self.target.generation)
        self.refused(exceptions.LunBusy)
        self.ended(self.pool.look(self.target.volume_id))
        self.refused(exceptions.VolumeUnknown)
        self.assert_agreed({self.volume.volume_id: None})

    def test_set_aside(self):
        self.pool.confirm([self.volume.volume_id])
        self.pool.set_aside(self.volume)
        self.refused(exceptions.StaleGeneration)

    def test_used_by_a_foreign_guest(self):
        for lun in self.volume, self.target:
            self.anew()
            self.node.pool('zpool1', *[
                'used,%s,%s,1G,%s,lnx9,,' % (
                    local.PORT, lun.lun, '3B00-3B0F;3C00-3C0F')
                if str(lun.lun) in each else each for each in self.lines()])
            error = self.refused(exceptions.LunBusy)
            self.assertIn('lnx9', error.fields['text'])

    def test_while_it_is_copied_itself(self):
        # nobody knows its id; under it the old LUN would be read
        clone = self.copy(self.target)
        error = self.refused(exceptions.LunBusy)
        self.assertEqual(clone.volume_id, error.fields['readers'])

    def test_of_another_volume(self):
        other = self.claim()
        with self.nothing_changes():
            self.assertRaises(exceptions.LunBusy, self.pool.switch,
                              self.target.volume_id, other.volume_id)
            self.assertRaises(exceptions.LunBusy, self.pool.switch,
                              other.volume_id, self.volume.volume_id)

    def test_of_another_scope(self):
        other = pools.Pool(zhcp.Zhcp(self.node.zhcp.hypervisor, 'other'),
                           'zpool1')
        with self.nothing_changes():
            self.assertRaises(exceptions.NotOurs, other.switch,
                              self.target.volume_id, self.volume.volume_id)

    def test_cut_off_before_it_was_recorded_and_attached(self):
        self.anew()
        self.cut('true', self.switch)
        self.assert_not_moved()
        instance = new()
        self.attach(self.volume, instance)
        self.refused(exceptions.StaleGeneration)
        used = self.pool.look(self.volume.volume_id)
        self.assertEqual((self.volume.lun, 'used'), (used.lun, used.state))

    def test_one_that_was_recorded_and_something_came_between(self):
        # as no request leaves it: the records alone decide
        self.cut(MOMENTS['the copy is marked'], self.switch)
        record = self.record_of(self.volume)
        self.rewrite(self.volume, record, gen=int(record['gen']) + 1)
        self.assertRaises(exceptions.StaleGeneration, self.switch)
        found = self.of_volumes()
        self.assertEqual(str(self.volume.lun),
                         found[self.volume.volume_id]['lun'])
        self.assertEqual('create', found[self.target.volume_id]['phase'])


class LateTest(SwitchBase):
    """A switch that is repeated long after it was done."""

    def setUp(self):
        super().setUp()
        self.now = self.switch()

    def test_changes_nothing(self):
        with self.nothing_changes():
            self.assertEqual(self.now, self.switch())

    def test_after_the_old_lun_is_wiped(self):
        self.ended(self.pool.look(self.target.volume_id))
        with self.nothing_changes():
            self.assertRaises(exceptions.VolumeUnknown, self.switch)

    def test_after_an_attach(self):
        self.attach(self.now, new())
        with self.nothing_changes():
            self.assertEqual('used', self.switch().state)
        self.ended(self.pool.look(self.target.volume_id))
        with self.nothing_changes():
            self.assertRaises(exceptions.VolumeUnknown, self.switch)

    def test_after_a_delete(self):
        self.pool.release(self.now.volume_id, self.now.generation)
        with self.nothing_changes():
            self.assertEqual('wiping', self.switch().state)
        self.ended(self.pool.look(self.now.volume_id))
        with self.nothing_changes():
            self.assertRaises(exceptions.VolumeUnknown, self.switch)

    def test_after_another_one(self):
        again = self.copied(self.copy(self.now, 'target', self.now))
        last = self.pool.switch(again.volume_id, self.now.volume_id)
        with self.nothing_changes():
            self.assertEqual(last, self.switch())
        self.assertEqual(again.lun, last.lun)

    def test_after_another_one_on_the_lun_that_it_had(self):
        self.ended(self.pool.look(self.target.volume_id))
        # clean LUNs first: the volume goes back to its first one
        again = self.copied(self.copy(self.now, 'target', self.now))
        self.assertEqual(self.volume.lun, again.lun)
        last = self.pool.switch(again.volume_id, self.now.volume_id)
        self.assertEqual(self.volume.lun, last.lun)
        self.assertGreater(last.generation, self.now.generation)
        with self.nothing_changes():
            self.assertRaises(exceptions.VolumeUnknown, self.switch)

    def test_an_edit_from_before_is_not_adopted(self):
        self.ended(self.pool.look(self.target.volume_id))
        # the volume on its old LUN
        self.node.pool('zpool1', *self._lines[:1], *self.lines()[1:])
        self.assertEqual(('free', 'reserved'), (
            self.pool.view().luns[0].state, self.pool.view().luns[0].drift))
        with self.nothing_changes():
            self.assertEqual(0, self.pool.adopt())
        self.assertEqual(self.now.lun, self.pool.look(
            self.volume.volume_id).lun)

    def test_a_late_claim_of_its_copy_comes_to_nothing(self):
        operation = self.target.operation_id
        with self.nothing_changes():
            self.assertRaises(
                exceptions.LunBusy, self.copy, self.volume, 'target',
                self.volume, self.target.volume_id, operation)
        self.ended(self.pool.look(self.target.volume_id))
        with self.nothing_changes():
            self.assertRaises(
                exceptions.StaleGeneration, self.copy, self.volume, 'target',
                self.volume, self.target.volume_id, operation)
