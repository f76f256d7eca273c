# SPDX-License-Identifier: Apache-2.0
"""Snapshots, clones, extend and revert by the real VolumeManager.

Data are compared byte for byte on the simulated disks.
"""

from tests.functional.cinder import base
from tests.functional.cinder import harness
from tests import waits
from tests import worlds
from tests import zeros

MODULE = 'tests.functional.cinder.copying.'
BACKENDS = {'zvmssio1': harness.section(1, zvm_trust_free_luns=True)}


class CopiesTestCase(base.ManagerTestCase):
    """LUNs of 1 GiB, 2 GiB and one that is larger than its line says."""

    backends = BACKENDS

    def world(self):
        world = worlds.small()
        line = world['lpars']['host1']['pools']['zpool1'][0]
        world['lpars']['host1']['pools']['zpool1'] = [
            dict(line, lun='4011400000000000', count=5, size='1G'),
            dict(line, lun='4011400500000000', count=1, size='1.5G'),
            dict(line, lun='4011400800000000', count=3, size='2G')]
        return world

    def setUp(self):
        super().setUp()
        made = self.run_scenario('create', backend='zvmssio1', sizes=[1])
        self.volume = made['volumes'][0]
        self.scribble(self.volume['provider_id'])

    def copying(self, name, **args):
        return self.run_scenario(MODULE + name, **args)

    def snapshot(self):
        made = self.copying('snapshot', volume_id=self.volume['id'])
        self.assertEqual([None, 'available'],
                         [made['error'], made['status']])
        return made

    def copy(self, gib=1, **source):
        made = self.copying('copy', backend='zvmssio1', gib=gib, **source)
        self.assertEqual([None, 'available'],
                         [made['error'], made['status']])
        return made

    def assertCopy(self, source, copy):
        """Byte for byte, and zeros behind the source's end."""
        here, there = (self.disk(each['provider_id'])[0]
                       for each in (source, copy))
        self.assertTrue(zeros.begins_with(there, here))

    def assertDeleted(self, volume_id):
        found = self.run_scenario('delete', volume_id=volume_id)
        self.assertEqual([None, True], [found['error'], found['gone']])

    def assertSnapshotDeleted(self, snapshot_id):
        found = self.copying('delete_snapshot', snapshot_id=snapshot_id)
        self.assertEqual([None, True], [found['error'], found['gone']])

    def change(self, made, place=4096):
        """Its guest writes once more."""
        with open(self.disk(made['provider_id'])[0], 'r+b') as disk:
            disk.seek(place)
            disk.write(b'written later')

    def all_free(self):
        """Also after the wipes that nobody waits for."""
        waits.until(lambda: set(self.statuses()) == {'free'}, 60)
        for line in self.lines():
            self.assertZero('x:%s:%s' % (line[1].replace(';', '+'), line[2]))


class DataTest(CopiesTestCase):

    def test_a_snapshot_keeps_what_the_volume_had(self):
        before = self.disk(self.volume['provider_id'])[0].read_bytes()
        snapshot = self.snapshot()
        self.change(self.volume)
        self.assertEqual(before, self.disk(
            snapshot['provider_id'])[0].read_bytes())
        line = self.line_of(snapshot['provider_id'])
        self.assertEqual('reserved', line[0])

    def test_a_volume_from_a_snapshot(self):
        snapshot = self.snapshot()
        self.change(self.volume)
        for gib, size in ((1, 1 << 30), (2, 2 << 30)):
            made = self.copy(gib, snapshot_id=snapshot['id'])
            self.assertCopy(snapshot, made)
            self.assertEqual(size, self.disk(made['provider_id'])[1])

    def test_a_clone(self):
        self.assertCopy(self.volume, self.copy(
            source_volid=self.volume['id']))

    def test_a_larger_clone(self):
        made = self.copy(2, source_volid=self.volume['id'])
        self.assertCopy(self.volume, made)
        self.assertEqual(2 << 30, self.disk(made['provider_id'])[1])

    def test_copies_follow_the_lun_and_not_the_size(self):
        # all LUNs of 1 GiB are taken: the volume has one of 1.5 GiB
        made = self.run_scenario('create', backend='zvmssio1',
                                 sizes=[1] * 5)['volumes']
        large = made[-1]
        self.assertEqual(3 << 29, self.disk(large['provider_id'])[1])
        self.scribble(large['provider_id'])
        self.assertDeleted(made[0]['id'])
        copy = self.copy(source_volid=large['id'])
        self.assertEqual(2 << 30, self.disk(copy['provider_id'])[1])
        self.assertCopy(large, copy)

    def test_all_are_deleted_in_any_order(self):
        snapshot = self.snapshot()
        clone = self.copy(source_volid=self.volume['id'])
        child = self.copy(snapshot_id=snapshot['id'])
        # Cinder itself keeps a volume that has snapshots
        self.assertSnapshotDeleted(snapshot['id'])
        self.assertDeleted(self.volume['id'])
        self.assertTrue(zeros.is_scribbled(
            self.disk(clone['provider_id'])[0]))
        self.assertTrue(zeros.is_scribbled(
            self.disk(child['provider_id'])[0]))
        self.assertDeleted(clone['id'])
        self.assertDeleted(child['id'])
        self.all_free()


class ExtendTest(CopiesTestCase):

    def extend(self, gib):
        return self.copying('extend', volume_id=self.volume['id'], gib=gib)

    def test_it_moves_to_a_larger_lun(self):
        before = self.disk(self.volume['provider_id'])[0].read_bytes()
        found = self.extend(2)
        self.assertEqual(['available', 2], [found['status'], found['size']])
        path, size = self.disk(found['provider_id'])
        self.assertEqual(2 << 30, size)
        with open(path, 'rb') as disk:
            self.assertEqual(before, disk.read(len(before)))
        self.assertDeleted(self.volume['id'])
        self.all_free()

    def test_in_place_where_the_lun_is_large_enough(self):
        large = self.run_scenario('create', backend='zvmssio1',
                                  sizes=[2])['volumes'][0]
        self.volume = self.copy(1, source_volid=self.volume['id'])
        self.assertDeleted(large['id'])
        first = self.extend(2)
        again = self.extend(2)
        self.assertEqual(first['provider_id'], again['provider_id'])

    def test_without_a_larger_lun_the_volume_is_as_it_was(self):
        found = self.extend(4)
        self.assertEqual(['error_extending', 1, self.volume['provider_id']],
                         [found['status'], found['size'],
                          found['provider_id']])
        self.assertTrue(zeros.is_scribbled(
            self.disk(self.volume['provider_id'])[0]))


class RevertTest(CopiesTestCase):

    def test_the_volume_has_the_snapshot_s_data_again(self):
        snapshot = self.snapshot()
        self.change(self.volume)
        found = self.copying('revert', volume_id=self.volume['id'],
                             snapshot_id=snapshot['id'])
        self.assertEqual([None, 'available'],
                         [found['error'], found['status']])
        self.assertNotEqual(self.volume['provider_id'],
                            found['provider_id'])
        self.assertCopy(snapshot, found)
        # once more, and no snapshot is left behind
        self.change(found)
        again = self.copying('revert', volume_id=self.volume['id'],
                             snapshot_id=snapshot['id'])
        self.assertCopy(snapshot, again)
        self.assertEqual({self.volume['id'], snapshot['id']},
                         set(self.copying('rows')))
        self.assertSnapshotDeleted(snapshot['id'])
        self.assertDeleted(self.volume['id'])
        self.all_free()


class AttachedTest(CopiesTestCase):
    """A guest has the volume and writes to it."""

    def setUp(self):
        super().setUp()
        self.clean = self.snapshot()
        self.run_scenario(
            'tests.functional.cinder.sweeping.use', backend='zvmssio1',
            instance=base.INSTANCE, userid='LNX00001', node='guest1',
            volume_id=self.volume['id'])

    def test_each_is_refused_with_the_reason(self):
        volume_id = self.volume['id']
        for name, args in (
                ('snapshot', {'volume_id': volume_id}),
                ('copy', {'backend': 'zvmssio1', 'gib': 1,
                          'source_volid': volume_id}),
                ('revert', {'volume_id': volume_id,
                            'snapshot_id': self.clean['id']})):
            found = self.copying(name, **args)
            self.assertIn('is attached to guest LNX00001',
                          found['error']['text'], name)
        self.assertEqual('used', self.line_of(
            self.volume['provider_id'])[0])
        self.assertEqual(1, self.statuses().count('reserved'))

    def test_what_is_at_rest_is_copied(self):
        self.assertCopy(self.clean, self.copy(snapshot_id=self.clean['id']))


class DeathTest(CopiesTestCase):
    """cinder-volume is killed; what it leaves is set right."""

    def die(self, method, when, what, **args):
        self.run_and_die(MODULE + 'die_in', backend='zvmssio1',
                         method=method, when=when, what=what, **args)

    def test_a_snapshot_whose_cinder_died_is_deleted(self):
        for when in ('before', 'after'):
            self.die('wait', when, 'snapshot', volume_id=self.volume['id'])
        left = [each for each in self.copying('rows')
                if each != self.volume['id']]
        self.assertEqual(2, len(left))
        for each in left:
            self.assertSnapshotDeleted(each)
        self.assertDeleted(self.volume['id'])
        self.all_free()

    def test_a_move_whose_cinder_died_before_the_switch(self):
        self.die('switch', 'before', 'extend', volume_id=self.volume['id'],
                 gib=2)
        rows = self.copying('rows')
        self.assertEqual(self.volume['provider_id'],
                         rows[self.volume['id']][1])
        # nobody finishes it: undone when its lease is over
        self.simulator.event('host1', clock='7200')
        self.run_scenario('tests.functional.cinder.sweeping.sweep',
                          backend='zvmssio1')
        waits.until(lambda: self.statuses().count('reserved') == 1, 60)
        self.assertTrue(zeros.is_scribbled(
            self.disk(self.volume['provider_id'])[0]))

    def test_a_move_whose_cinder_died_after_the_switch(self):
        self.die('switch', 'after', 'extend', volume_id=self.volume['id'],
                 gib=2)
        found = self.copying('rows')[self.volume['id']]
        # where it is now was not saved, and is found at the next start
        self.assertNotEqual(self.volume['provider_id'], found[1])
        self.assertTrue(zeros.begins_with_scribbles(
            self.disk(found[1])[0]))
        waits.until(lambda: self.statuses().count('reserved') == 1, 60)
        self.assertZero(self.volume['provider_id'])


class KeptTest(CopiesTestCase):

    def test_sweeps_know_snapshots(self):
        snapshot = self.snapshot()
        self.simulator.event('host1', clock='7200')
        report = self.run_scenario('tests.functional.cinder.sweeping.sweep',
                                   backend='zvmssio1')
        self.assertEqual([[], []], [report['set_aside'], report['undone']])
        self.assertEqual(
            {self.volume['id']: ['ours', 'current'],
             snapshot['id']: ['ours', 'snapshot']},
            self.copying('roles', backend='zvmssio1'))
