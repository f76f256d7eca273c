# SPDX-License-Identifier: Apache-2.0
"""Generic groups: what is left to the manager, and what is not."""

import types
import uuid

from cinder import exception
import fixtures

from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions


class Group(types.SimpleNamespace):
    """Cinder's objects are asked as dicts too."""

    def __getitem__(self, name):
        return getattr(self, name)


class GroupsCase(base.DriverTestCase):

    sizes = (1,) * 6
    consistent = '<is> False'

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'cinder.volume.group_types.get_group_type_specs',
            lambda type_id, key: {
                ('t', 'consistent_group_snapshot_enabled'): self.consistent}[
                    type_id, key]))
        self.group = Group(group_type_id='t')

    def volumes(self, count=2):
        found = [fakes.volume(1, str(uuid.uuid4())) for _ in range(count)]
        for each in found:
            self.driver.create_volume(each)
        return found

    def snapshots(self, volumes):
        found = [fakes.snapshot(each) for each in volumes]
        for each in found:
            self.driver.create_snapshot(each)
        return found


class ManagersTest(GroupsCase):

    calls = {'create_group': 0, 'create_group_snapshot': 1}

    def test_snapshots_of_one_moment_are_refused_in_words(self):
        self.consistent = '<is> True'
        for name, count in dict(self.calls, create_group_from_src=1).items():
            error = self.assertRaises(
                exception.VolumeBackendAPIException,
                getattr(self.driver, name), None, self.group, *[[]] * count)
            self.assertIn('consistent_group_snapshot_enabled', str(error))

    def test_others_are_left_to_the_manager(self):
        for self.consistent in (False, '<is> False'):
            for name, count in dict(self.calls, update_group=2).items():
                self.assertRaises(
                    NotImplementedError, getattr(self.driver, name), None,
                    self.group, *[[]] * count)


class FromSourceTest(GroupsCase):

    def make(self, kind, sources):
        key = {'snapshots': 'snapshot_id',
               'source_vols': 'source_volid'}[kind]
        made = [fakes.volume(1, str(uuid.uuid4()), **{key: source.id})
                for source in sources]
        return made, self.driver.create_group_from_src(
            None, self.group, made, **{kind: sources})

    def test_from_snapshots_and_from_volumes(self):
        volumes = self.volumes()
        for kind, sources in (('snapshots', self.snapshots(volumes[:1])),
                              ('source_vols', volumes)):
            made, (group, updates) = self.make(kind, sources)
            self.assertIsNone(group)
            self.assertEqual([(each.id, 'available') for each in made],
                             [(each['id'], each['status'])
                              for each in updates])
            for each, update in zip(made, updates):
                self.assertIn(str(self.pool.of(each.name_id).lun),
                              update['provider_id'])

    def test_all_or_none(self):
        volumes = self.volumes(4)       # two LUNs are left
        error = self.assertRaises(
            exception.VolumeBackendAPIException, self.make, 'source_vols',
            volumes)
        self.assertIn('no free LUN', error.msg)
        self.assertEqual(['free'] * 2 + ['ours'] * 4, self.pool.states())

    def test_what_cannot_be_given_back_does_not_hide_the_error(self):
        volumes = self.volumes(4)
        self.pool.before['release'] = [exceptions.ZhcpDown('zhcp1')] * 9
        error = self.assertRaises(
            exception.VolumeBackendAPIException, self.make, 'source_vols',
            volumes)
        self.assertIn('no free LUN', error.msg)
        self.assertIn('could not be given back', self.log.output)


class DeleteTest(GroupsCase):

    def deleted(self, call, rows):
        group, updates = call(None, self.group, rows)
        self.assertEqual([each.id for each in rows],
                         [each['id'] for each in updates])
        return group['status'], [each['status'] for each in updates]

    def test_all(self):
        volumes = self.volumes()
        snapshots = self.snapshots(volumes)
        self.assertEqual(('deleted', ['deleted'] * 2), self.deleted(
            self.driver.delete_group_snapshot, snapshots))
        self.assertEqual(('deleted', ['deleted'] * 2), self.deleted(
            self.driver.delete_group, volumes))
        self.assertEqual({'free'}, set(self.pool.states()))
        self.assertEqual(('deleted', []), self.deleted(
            self.driver.delete_group, []))

    def test_one_that_is_read_stays_and_cinder_is_told(self):
        volumes = self.volumes()
        snapshots = self.snapshots(volumes)
        self.pool.change(self.pool.of(snapshots[0].id),
                         readers=(fakes.INSTANCE,))
        self.assertEqual(('error', ['available', 'deleted']), self.deleted(
            self.driver.delete_group_snapshot, snapshots))
        self.assertIn(fakes.INSTANCE, self.log.output)

    def test_one_that_a_guest_has_stays_and_cinder_is_told(self):
        volumes = self.volumes()
        self.pool.change(self.pool.of(volumes[1].name_id), state='used')
        self.assertEqual(('error', ['deleted', 'available']), self.deleted(
            self.driver.delete_group, volumes))

    def test_one_that_could_not_be_wiped(self):
        volumes = self.volumes()
        self.pool.change(self.pool.of(volumes[0].name_id), why='broken')
        self.assertEqual(('error', ['error_deleting', 'deleted']),
                         self.deleted(self.driver.delete_group, volumes))
        self.assertIn('broken', self.log.output)
