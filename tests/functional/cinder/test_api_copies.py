# SPDX-License-Identifier: Apache-2.0
"""Snapshots, clones, extend and revert as users of Cinder's API ask for them.

Data are compared byte for byte on the simulated disks.
"""

import pathlib

from tests.functional.cinder import base
from tests.functional.cinder import copies
from tests import gates
from tests import waits
from tests import zeros

# A dd of the zHCP that stands before the node's own.
GATE = '#!/bin/sh\n%sexec "$ZVM_ROOT/usr/bin/dd" "$@"\n' % (
    gates.BEFORE_A_DISK)


class ContentsTest(copies.CopiesTestCase):

    def test_copies_have_what_their_source_had_at_that_time(self):
        volume = self.filled()
        snapshot = self.snapshot(volume)
        self.change(volume)
        made = self.all_available(
            {'size': size, source: each['id']} for size in (1, 2)
            for source, each in (('snapshot_id', snapshot),
                                 ('source_volid', volume)))
        self.assertFalse(self.has_picture(volume, volume))
        for each in snapshot, made[0], made[2]:
            self.assertPicture(each, volume)
        for each in made[1], made[3]:
            self.assertTrue(zeros.begins_with(self.disk_of(each),
                                              self.disk_of(volume)))
        self.assertEqual([1, 1, 2, 2], [each['size'] for each in made])
        self.assertEqual([2, 2], [self.size_of(each) for each in made[2:]])
        self.assertCounted(5, 1, 8)
        self.all_gone()


class OrdersTest(copies.CopiesTestCase):
    """Deletes of a volume, its snapshot, and a copy of each."""

    # With "cascade" the snapshot goes with its volume.
    ORDERS = ('snapshot volume child clone', 'child clone snapshot volume',
              'clone cascade child')

    def setUp(self):
        super().setUp()
        self.families = [{'volume': self.filled()} for _ in self.ORDERS]
        for each in self.families:
            each['snapshot'] = self.client.create_snapshot(
                each['volume']['id'])
        for each in self.families:
            self.client.reached(self.client.snapshot, each['snapshot']['id'],
                                'available')
        made = self.all_available(
            {source: each[kind]['id']} for each in self.families
            for source, kind in (('snapshot_id', 'snapshot'),
                                 ('source_volid', 'volume')))
        for each in self.families:
            each['child'], each['clone'], *made = made

    def _delete(self, family, kind):
        """Ask for it; what to wait for."""
        found = family.pop('volume' if kind == 'cascade' else kind)
        if kind == 'snapshot':
            self.client.delete_snapshot(found['id'])
            return self.client.snapshot, found['id']
        if kind == 'cascade':
            family.pop('snapshot')
            self.client.delete(found['id'], cascade='true')
        else:
            self.client.delete(found['id'])
        return self.client.volume, found['id']

    def test_what_is_left_keeps_its_data_in_any_order(self):
        volumes = [family['volume'] for family in self.families]
        for each in volumes:
            status, text = self.status_of(self.client.delete, each['id'])
            self.assertEqual(400, status)
            self.assertIn('snapshots', text)
        orders = [order.split() for order in self.ORDERS]
        while any(orders):
            for left in [
                    self._delete(family, order.pop(0))
                    for family, order in zip(self.families, orders) if order]:
                self.client.gone(*left)
            for family, volume in zip(self.families, volumes):
                for each in family.values():
                    self.assertPicture(each, volume)
        self.assertEqual([], self.client.volumes() + self.client.snapshots())
        self.all_gone()


class ExtendTest(copies.CopiesTestCase):

    def test_beyond_its_lun_a_volume_moves_with_its_data(self):
        volume = self.filled()
        before = self.provider_id(volume)
        self.client.extend(volume['id'], 2)
        found = self.available(volume)
        self.assertNotEqual(before, self.provider_id(volume))
        self.assertEqual([2, 2], [found['size'], self.size_of(volume)])
        self.assertPicture(volume, volume)
        self.assertCounted(1, 0, 2)
        self.all_gone()

    def test_within_its_lun_it_stays_there(self):
        # the fourth gets one of 2 GiB
        self.all_available([{'size': 1, 'volume_type': 'zvmssio1'}] * 3)
        volume = self.filled()
        self.assertEqual(2, self.size_of(volume))
        before = self.provider_id(volume)
        self.client.extend(volume['id'], 2)
        self.assertEqual(2, self.available(volume)['size'])
        self.assertEqual(before, self.provider_id(volume))
        self.assertPicture(volume, volume)
        self.assertCounted(4, 0, 5)
        self.all_gone()

    def test_where_no_lun_is_large_enough_it_is_told_and_nothing_lost(self):
        volume = self.filled()
        before = self.provider_id(volume)
        self.client.extend(volume['id'], 5)
        self.failed(self.client.volume, volume, 'extend volume:Volume Driver '
                    'failed to extend volume.', 'error_extending')
        self.assertIn('largest free LUN has 2.00', self.log())
        self.assertCounted(1, 0, 1)
        self.client.reset(volume['id'], status='available')
        self.assertEqual([1, before], [self.available(volume)['size'],
                                       self.provider_id(volume)])
        self.assertPicture(volume, volume)
        self.client.extend(volume['id'], 2)
        self.available(volume)
        self.assertPicture(volume, volume)
        self.all_gone()


class RevertTest(copies.CopiesTestCase):

    def test_a_volume_has_the_data_of_its_snapshot_again(self):
        volume = self.filled()
        snapshot = self.snapshot(volume)
        self.change(volume)
        self.client.revert(volume['id'], snapshot['id'])
        self.available(volume)
        self.client.reached(self.client.snapshot, snapshot['id'],
                            'available')
        for each in volume, snapshot:
            self.assertPicture(each, volume)
        self.assertEqual([snapshot['id']],
                         [each['id'] for each in self.client.snapshots()])
        self.assertCounted(1, 1, 2)
        self.all_gone()


class AttachedTest(copies.CopiesTestCase):
    """A guest has the volume, which has a snapshot from before."""

    WORDS = 'is attached to guest LNX00001'

    def setUp(self):
        super().setUp()
        self.volume = self.filled()
        self.clean = self.snapshot(self.volume)
        self.lun = self.provider_id(self.volume)
        connector = self.connector()
        made = self.client.attach(self.volume['id'], base.INSTANCE)
        self.attachment = dict(self.client.connect(made['id'], connector),
                               connector=connector)
        self.cloud.ask('use', backend='zvmssio1', userid='LNX00001',
                       node='guest1', attachment=self.attachment)
        self.client.complete(made['id'])

    def assertUntouched(self, status='in-use'):
        """The guest's LUN is as it was."""
        self.assertEqual(
            [status, 'used', self.lun],
            [self.client.volume(self.volume['id'])['status'],
             self.line_of(self.lun)[0], self.provider_id(self.volume)])
        self.assertPicture(self.volume, self.volume)

    def _no_snapshot(self):
        made = self.client.create_snapshot(self.volume['id'])
        self.failed(self.client.snapshot, made,
                    'create snapshot:Snapshot failed to create.')
        self.assertIn('Volume %s (LUN %s in pool zpool1) %s' % (
            self.volume['id'], self.lun.rpartition(':')[2], self.WORDS),
            self.log())
        self.snapshot_deleted(made)

    def _no_clone(self):
        said = self.log().count(self.WORDS)
        made = self.client.create(source_volid=self.volume['id'])
        # Cinder looks for another back-end, and tells of that alone
        self.unschedulable(made)
        self.assertGreater(self.log().count(self.WORDS), said)
        self.deleted(made)

    def _no_revert(self):
        status, text = self.status_of(
            self.client.revert, self.volume['id'], self.clean['id'])
        self.assertEqual(409, status)
        self.assertIn("must be 'available'", text)

    def _no_extend(self):
        self.client.extend(self.volume['id'], 2)
        waits.until(lambda: self.client.messages(self.volume['id']))
        self.assertEqual(
            ['extend volume:Could not find any available weighted backend.'],
            self.client.messages(self.volume['id']))

    def test_only_what_is_at_rest_is_copied_and_nothing_is_moved(self):
        for refused in (self._no_snapshot, self._no_clone, self._no_revert,
                        self._no_extend):
            refused()
            self.assertCounted(1, 1, 2)
            self.assertUntouched()
        child = self.created(snapshot_id=self.clean['id'])
        self.assertPicture(child, self.volume)
        self._detach()

    def _detach(self):
        self.cloud.ask('unuse', backend='zvmssio1',
                       attachment=self.attachment)
        self.client.detach(self.attachment['id'])
        self.available(self.volume)
        self.all_gone()

    def test_a_volume_that_only_cinder_believes_free_is_left_alone(self):
        for call, argument, status in (
                (self.client.revert, self.clean['id'], 'error'),
                (self.client.extend, 2, 'error_extending')):
            # which forgets the attachment
            self.client.reset(self.volume['id'], status='available',
                              attach_status='detached')
            said = self.log().count(self.WORDS)
            call(self.volume['id'], argument)
            self.client.reached(self.client.volume, self.volume['id'],
                                status)
            self.assertGreater(self.log().count(self.WORDS), said)
            self.assertUntouched(status)
        self.assertCounted(1, 1, 2)
        self.cloud.ask('unuse', backend='zvmssio1',
                       attachment=self.attachment)
        self.all_gone()


class MeanwhileTest(copies.CopiesTestCase):
    """While a LUN is being read for a copy."""

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.simulator.node_folder('host1', 'ZHCP1'))
        self.volume = self.filled()
        tool = self.root / 'usr/sbin/dd'
        for each in tool, self.root / 'tmp/at_work', self.root / 'tmp/open':
            self.assertFalse(each.exists())
            self.addCleanup(each.unlink, missing_ok=True)
        tool.write_text(GATE)
        tool.chmod(0o755)
        self.addCleanup(self.open_gate)

    def at_work(self):
        waits.until((self.root / 'tmp/at_work').exists, 60)

    def open_gate(self):
        (self.root / 'tmp/open').touch()

    def test_a_volume_is_attached_when_its_snapshot_is_made(self):
        connector = self.connector()
        snapshot = self.client.create_snapshot(self.volume['id'])
        self.at_work()
        made = self.client.attach(self.volume['id'], base.INSTANCE)
        status, text = self.status_of(self.client.connect, made['id'],
                                      connector)
        self.assertEqual(500, status)
        for told in text, self.log():
            self.assertIn('is being copied to %s. Attach the volume when that '
                          'is done.' % snapshot['id'], told)
        self.assertEqual('creating', self.client.snapshot(
            snapshot['id'])['status'])
        self.open_gate()
        self.client.reached(self.client.snapshot, snapshot['id'],
                            'available')
        self.assertPicture(snapshot, self.volume)
        info = self.client.connect(made['id'], connector)['connection_info']
        self.assertEqual(self.volume['id'], info['zvm_volume_id'])
        self.client.complete(made['id'])
        self.client.reached(self.client.volume, self.volume['id'], 'in-use')
        self.all_gone()

    def test_a_source_is_deleted_when_its_copy_is_made(self):
        made = self.client.create(source_volid=self.volume['id'])
        self.at_work()
        self.client.delete(self.volume['id'])
        self.open_gate()
        self.available(made)
        self.client.gone(self.client.volume, self.volume['id'])
        self.assertPicture(made, self.volume)
        self.all_gone()

    def test_copies_that_are_force_deleted_meanwhile_leave_nothing(self):
        clone = self.client.create(source_volid=self.volume['id'])
        snapshot = self.client.create_snapshot(self.volume['id'])
        self.at_work()
        waits.until(lambda: self.statuses().count('reserved') == 3, 60, 0.1)
        self.client.force_delete('/volumes', clone['id'])
        self.client.force_delete('/snapshots', snapshot['id'])
        self.open_gate()
        # the create that fails sets "error" for a moment
        waits.until(lambda: not self.client.snapshots() and [
            each['id'] for each in self.client.volumes()] == [
                self.volume['id']], 60, 0.1)
        waits.until(lambda: self.statuses().count('free') == 12, 60, 0.1)
        self.assertCounted(1, 0, 1)
        self.assertPicture(self.volume, self.volume)
        self.all_gone()


class DownTest(copies.CopiesTestCase):
    """The zHCP of the back-end cannot be reached."""

    def setUp(self):
        super().setUp()
        self.volume = self.filled()
        self.addCleanup(self.event, 'up')

    def event(self, state):
        self.simulator.event('host1', zhcp=state)

    def test_a_snapshot_ends_in_error_and_is_deleted_later(self):
        kept = self.snapshot(self.volume)
        self.event('down')
        made = self.client.create_snapshot(self.volume['id'])
        self.failed(self.client.snapshot, made,
                    'create snapshot:Snapshot failed to create.')
        self.assertIn('Snapshot %s cannot be created: The management node '
                      'cannot log in to node zhcp1' % made['id'], self.log())
        self.client.delete_snapshot(kept['id'])
        self.failed(self.client.snapshot, kept,
                    'delete snapshot:Snapshot failed to delete.',
                    'error_deleting')
        self.event('up')
        # Cinder itself deletes none of that status
        self.client.reset_snapshot(kept['id'], 'error')
        for each in made, kept:
            self.snapshot_deleted(each)
        self.assertCounted(1, 0, 1)
        self.assertPicture(self.volume, self.volume)
        self.all_gone()

    def test_when_the_scheduler_knows_it_nothing_is_tried(self):
        self.event('down')
        self.cloud.ask('report')
        made = self.client.create_snapshot(self.volume['id'])
        # Cinder's scheduler tells the user nothing
        self.client.reached(self.client.snapshot, made['id'], 'error')
        self.assertIn('Failed to schedule_create_snapshot: Cannot place '
                      'snapshot ' + made['id'], self.log())
        self.assertNotIn('cannot be created', self.log())
        self.event('up')
        self.snapshot_deleted(made)
        self.all_gone()

    def test_a_volume_whose_revert_failed_is_as_it_was(self):
        snapshot = self.snapshot(self.volume)
        self.change(self.volume)
        self.event('down')
        self.client.revert(self.volume['id'], snapshot['id'])
        self.client.reached(self.client.volume, self.volume['id'], 'error')
        self.client.reached(self.client.snapshot, snapshot['id'],
                            'available')
        self.assertIn('cannot be reverted to snapshot ' + snapshot['id'],
                      self.log())
        self.assertFalse(self.has_picture(self.volume, self.volume))
        self.event('up')
        self.client.reset(self.volume['id'], status='available')
        self.client.revert(self.volume['id'], snapshot['id'])
        self.available(self.volume)
        self.assertPicture(self.volume, self.volume)
        self.all_gone()
