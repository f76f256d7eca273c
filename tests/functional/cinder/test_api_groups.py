# SPDX-License-Identifier: Apache-2.0
"""Generic groups and their snapshots, as users of Cinder's API ask for them.

Data are compared byte for byte on the simulated disks.
"""

import pathlib

from tests.functional.cinder import base
from tests.functional.cinder import copies
from tests import gates
from tests import waits
from tests import zeros


class GroupsTestCase(copies.CopiesTestCase):
    """Seven LUNs: fewer than the volumes that a project may have."""

    def world(self):
        world = super().world()
        pools = world['lpars']['host1']['pools']
        one, two = pools['zpool1']
        pools['zpool1'] = [one, dict(two, count=4)]
        return world

    def setUp(self):
        super().setUp()
        self.group_type = self.client.create_group_type('generic')['id']

    def group(self, *volumes):
        """A new group with these volumes; its id."""
        made = self.client.create_group(self.group_type, ['zvmssio1'])['id']
        self.client.reached(self.client.group, made, 'available')
        if volumes:
            self.change_group(made, add_volumes=','.join(
                each['id'] for each in volumes))
        return made

    def change_group(self, group, **fields):
        self.client.change_group(group, **fields)
        self.client.reached(self.client.group, group, 'available')

    def group_snapshot(self, group, status='available'):
        made = self.client.create_group_snapshot(group)['id']
        waits.until(lambda: self.client.group_snapshot(made)['status']
                    == status, 60, 0.1)
        return made

    def snapshots(self, group_snapshot):
        """{volume: its snapshot}"""
        found = self.client.ask('GET', '/snapshots/detail')['snapshots']
        return {each['volume_id']: each for each in found
                if each['group_snapshot_id'] == group_snapshot}

    def members(self, group):
        return [each for each in self.client.volumes()
                if each['group_id'] == group]

    def from_source(self, status='available', **source):
        """A group that is made of another one; its id."""
        made = self.client.group_from(**source)['id']
        waits.until(lambda: self.client.group(made)['status'] == status,
                    60, 0.1)
        return made

    def group_deleted(self, group):
        self.client.delete_group(group, volumes=True)
        self.client.gone(self.client.group, group)

    def group_snapshot_deleted(self, group_snapshot):
        self.client.delete_group_snapshot(group_snapshot)
        self.client.gone(self.client.group_snapshot, group_snapshot)

    def taken(self):
        return 7 - self.statuses().count('free')

    def hold_copies(self):
        """No copy writes until what is returned is called."""
        self.root = pathlib.Path(self.simulator.node_folder('host1', 'ZHCP1'))
        tool, gate = self.root / 'usr/sbin/dd', self.root / 'tmp/open'
        for each in tool, gate, self.root / 'tmp/at_work':
            self.addCleanup(each.unlink, missing_ok=True)
        tool.write_text('#!/bin/sh\n%sexec "$ZVM_ROOT/usr/bin/dd" "$@"\n'
                        % gates.BEFORE_A_DISK)
        tool.chmod(0o755)
        self.addCleanup(gate.touch)
        return gate.touch

    def assertNotAlarmed(self):
        """A sweep misses no volume, and sets none aside."""
        found = self.cloud.ask('tests.functional.cinder.migrations.sweep',
                               backend='zvmssio1')
        self.assertLessEqual(set(found), {'moved'})

    def fill_pool(self, but):
        """No LUN is left but so many."""
        self.all_available([{'size': 1, 'volume_type': 'zvmssio1'}]
                           * (7 - self.taken() - but))


class GroupTest(GroupsTestCase):

    def test_one_with_consistent_snapshots_is_refused(self):
        made = self.client.create_group_type(
            'consistent', consistent_group_snapshot_enabled='<is> True')
        group = self.client.create_group(made['id'], ['zvmssio1'])['id']
        self.client.reached(self.client.group, group, 'error')
        self.assertIn('consistent_group_snapshot_enabled asks for snapshots '
                      'of one moment', self.log())
        self.client.delete_group(group)
        self.client.gone(self.client.group, group)

    def test_volumes_come_and_go(self):
        one, two = self.filled(), self.filled()
        group = self.group(one)
        self.change_group(group, add_volumes=two['id'],
                          remove_volumes=one['id'])
        self.assertEqual([two['id']], [each['id'] for each
                                       in self.members(group)])
        made = self.available(self.client.create(
            1, volume_type='zvmssio1', group_id=group))
        self.assertEqual({two['id'], made['id']},
                         {each['id'] for each in self.members(group)})
        self.group_deleted(group)
        self.assertEqual([one['id']],
                         [each['id'] for each in self.client.volumes()])
        self.assertPicture(one, one)
        self.assertCounted(1, 0, 1)
        self.all_gone()

    def test_without_its_volumes_it_is_not_deleted(self):
        group = self.group(self.filled())
        self.assertEqual(400, self.status_of(self.client.delete_group,
                                             group)[0])
        self.group_deleted(group)
        self.all_gone()

    def test_a_volume_that_a_guest_has_is_not_forgotten(self):
        one, two = self.filled(), self.filled()
        connector = self.connector()
        attachment = dict(self.client.attach(one['id'], base.INSTANCE,
                                             connector), connector=connector)
        self.cloud.ask('use', backend='zvmssio1', userid='LNX00001',
                       node='guest1', attachment=attachment)
        group = self.group(two)
        # Cinder is told that it is detached; nobody has asked the guest
        self.client.detach(attachment['id'])
        self.available(one)
        self.change_group(group, add_volumes=one['id'])
        self.client.delete_group(group, volumes=True)
        waits.until(lambda: self.client.group(group)['status'] == 'error',
                    60, 0.1)
        self.assertEqual('available',
                         self.client.volume(one['id'])['status'])
        self.assertIn('is still used by guest LNX00001', self.log())
        self.assertPicture(one, one)
        self.assertNotAlarmed()
        self.cloud.ask('unuse', backend='zvmssio1', attachment=attachment)
        self.group_deleted(group)
        self.all_gone()


class SnapshotTest(GroupsTestCase):

    def setUp(self):
        super().setUp()
        self.volumes = [self.filled(), self.filled()]
        self.one = self.group(*self.volumes)

    def test_groups_from_a_snapshot_and_from_a_group(self):
        found = self.group_snapshot(self.one)
        snapshots = self.snapshots(found)
        for volume in self.volumes:
            self.change(volume)
            self.assertPicture(snapshots[volume['id']], volume)
        made = self.from_source(group_snapshot_id=found)
        by_snapshot = {each['snapshot_id']: each
                       for each in self.members(made)}
        for volume in self.volumes:
            each = by_snapshot[snapshots[volume['id']]['id']]
            self.assertEqual('available', each['status'])
            self.assertPicture(each, volume)
        self.assertEqual(6, self.taken())
        self.group_snapshot_deleted(found)
        self.group_deleted(made)
        copied = self.from_source(source_group_id=self.one)
        by_source = {each['source_volid']: each
                     for each in self.members(copied)}
        for volume in self.volumes:
            self.assertTrue(zeros.begins_with(
                self.disk_of(by_source[volume['id']]), self.disk_of(volume)))
        for each in self.one, copied:
            self.group_deleted(each)
        self.assertCounted(0, 0, 0)
        self.assertEqual([], self.client.volumes()
                         + self.client.snapshots())
        self.all_gone()

    def test_a_snapshot_in_the_middle_fails(self):
        self.fill_pool(but=1)
        found = self.group_snapshot(self.one, 'error')
        snapshots = self.snapshots(found)
        self.assertEqual(['available', 'error'], sorted(
            each['status'] for each in snapshots.values()))
        self.assertIn('no free LUN', self.log())
        for volume in self.volumes:
            if snapshots[volume['id']]['status'] == 'available':
                self.assertPicture(snapshots[volume['id']], volume)
            self.assertPicture(volume, volume)
        self.assertEqual(7, self.taken())
        self.group_snapshot_deleted(found)
        self.assertEqual(6, self.taken())
        self.assertEqual([], self.client.snapshots())

    def test_a_group_of_which_one_volume_cannot_be_made_has_none(self):
        found = self.group_snapshot(self.one)
        self.fill_pool(but=1)
        for source in ({'group_snapshot_id': found},
                       {'source_group_id': self.one}):
            made = self.from_source('error', **source)
            self.assertEqual(['error'] * 2, [
                each['status'] for each in self.members(made)])
            waits.until(lambda: self.taken() == 6, 60, 0.1)
            self.group_deleted(made)
        self.assertEqual(6, self.taken())
        for volume in self.volumes:
            self.assertPicture(volume, volume)

    def test_a_snapshot_that_is_being_read_is_not_forgotten(self):
        found = self.group_snapshot(self.one)
        busy, other = [self.snapshots(found)[volume['id']]
                       for volume in self.volumes]
        open_gate = self.hold_copies()
        clone = self.client.create(snapshot_id=busy['id'])
        waits.until((self.root / 'tmp/at_work').exists, 60)
        self.client.delete_group_snapshot(found)
        waits.until(lambda: self.client.group_snapshot(found)['status']
                    == 'error', 60, 0.1)
        self.assertEqual('available',
                         self.client.snapshot(busy['id'])['status'])
        open_gate()
        self.assertPicture(self.available(clone), self.volumes[0])
        self.assertPicture(busy, self.volumes[0])
        # what is gone of it does not stop allocation
        self.assertNotAlarmed()
        self.created()
        self.group_snapshot_deleted(found)
        self.assertEqual([], self.client.snapshots())
        self.group_deleted(self.one)
        self.all_gone()
