# SPDX-License-Identifier: Apache-2.0
"""The ledger beside Cinder's records: what a sweep does and leaves."""

import dataclasses
import types

import fixtures
import testtools

from cinder_zvm import records
from cinder_zvm import sweep
from cinder_zvm import volumeop
from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions

OTHER = '22222222-2222-4333-8444-555555555555'


class SweepCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.made = self.driver.create_volume(fakes.volume())
        self.driver._sweeper._interval = 0

    def lun(self):
        return self.pool.of(fakes.VOLUME)

    def knows(self, here=True, status='available', provider_id=None,
              volume_id=fakes.VOLUME):
        if provider_id is None:
            provider_id = self.made['provider_id']
        self.known[volume_id] = records.Known(volume_id, here, status,
                                              provider_id, None)

    def state(self):
        return self.lun().state, self.lun().phase

    def finished(self):
        self.pool.change(self.lun(), phase='')


class VolumeTest(SweepCase):

    def test_a_create_that_cinder_saved_is_finished(self):
        self.knows()
        report = self.driver.sweep()
        self.assertEqual([fakes.VOLUME], report.confirmed)
        self.assertEqual(('ours', ''), self.state())

    def test_one_under_way_stays_so(self):
        for status, provider_id in (('creating', 'x'), ('creating', ''),
                                    ('error', '')):
            self.knows(status=status, provider_id=provider_id)
            self.assertEqual([], self.driver.sweep().items())
            self.assertEqual(('ours', 'create'), self.state())

    def test_one_that_cinder_forgot_is_undone(self):
        self.assertEqual([fakes.VOLUME], self.driver.sweep().undone)
        self.assertEqual('wiping', self.lun().state)

    def test_one_that_cinder_made_elsewhere_is_undone(self):
        self.knows(here=False)
        self.assertEqual([fakes.VOLUME], self.driver.sweep().undone)

    def test_but_only_when_its_lease_is_over(self):
        self.pool.before['abandon'] = [exceptions.LeaseRuns('until 12')]
        self.assertEqual([fakes.VOLUME], self.driver.sweep().waiting)
        self.assertEqual(('ours', 'create'), self.state())

    def moved(self, saved='before the move'):
        """Cinder's row, and the report of a sweep, of a volume that moved."""
        self.finished()
        row = fakes.volume(provider_id=saved)
        self.known[fakes.VOLUME] = records.Known(
            fakes.VOLUME, True, 'available', 'before the move', row, row)
        return row, self.driver.sweep()

    def test_where_a_volume_has_moved_to_is_said_to_cinder(self):
        row, report = self.moved()
        self.assertEqual([fakes.VOLUME], report.moved)
        self.assertEqual(self.made['provider_id'], row.provider_id)

    def test_what_was_saved_after_the_sweep_read_it_stays(self):
        row, report = self.moved('by somebody else')
        self.assertEqual([], report.moved)
        self.assertEqual('by somebody else', row.provider_id)

    def test_a_volume_that_moves_after_the_ledger_was_read_is_left(self):
        """Cinder's row is newer than the view."""
        self.finished()
        old = self.lun()
        new = next(lun for lun in self.pool.luns.values()
                   if lun.state == 'free')

        def move():
            self.pool.change(new, state='ours', volume_id=fakes.VOLUME,
                             operation_id=old.operation_id,
                             scope=old.scope, generation=9)
            self.pool.change(old, volume_id=OTHER, state='wiping')
        self.pool.before['look'] = [move]
        place = volumeop.provider_id(dataclasses.replace(
            new, operation_id=old.operation_id))
        row = fakes.volume(provider_id=place)
        self.known[fakes.VOLUME] = records.Known(
            fakes.VOLUME, True, 'available', place, row, row)
        self.assertEqual([], self.driver.sweep().moved)
        self.assertEqual(place, row.provider_id)

    def test_a_volume_that_is_where_cinder_says_costs_no_request(self):
        self.finished()
        self.knows()
        self.pool.calls.clear()
        self.driver.sweep()
        self.assertEqual(['sweep'], self.pool.calls)

    def test_a_volume_that_cinder_forgot_is_set_aside_and_comes_back(self):
        self.finished()
        self.assertEqual([fakes.VOLUME], self.driver.sweep().set_aside)
        self.assertEqual(('quarantined', 'unknown'), self.state())
        self.assertIn('set aside', self.log.output)
        self.assertEqual([], self.driver.sweep().set_aside)
        self.knows()
        self.assertEqual([fakes.VOLUME], self.driver.sweep().readmitted)
        self.assertEqual(('ours', ''), self.state())

    def test_a_migrated_volume_elsewhere_is_left(self):
        self.finished()
        self.knows(here=False)
        self.assertEqual([('elsewhere', [fakes.VOLUME])],
                         self.driver.sweep().items())
        self.assertEqual(('ours', ''), self.state())

    def test_one_that_a_guest_uses_is_only_told(self):
        self.pool.change(self.lun(), state='used', phase='')
        self.assertEqual([fakes.VOLUME], self.driver.sweep().unknown)
        self.assertEqual('used', self.lun().state)
        self.assertIn('rolled back', self.log.output)

    def test_records_of_others_are_never_touched(self):
        for phase in ('', 'create'):
            self.pool.change(self.lun(), scope='cinder:other', phase=phase)
            self.assertEqual([], self.driver.sweep().items())
            self.assertEqual(('ours', phase), self.state())

    def test_one_that_moved_on_is_left(self):
        for error in (exceptions.StaleGeneration('2'),
                      exceptions.LunBusy('used'),
                      exceptions.VolumeUnknown('gone')):
            self.pool.before['abandon'] = [error]
            self.assertEqual([], self.driver.sweep().items())

    def test_it_never_raises(self):
        for error in (exceptions.ZhcpDown('zhcp1'), KeyError('surprise')):
            self.pool.before['sweep'] = [error]
            self.assertIsNone(self.driver.sweep())
        self.assertIn('surprise', self.log.output)


class LostTest(SweepCase):

    def test_nothing_is_created_while_the_ledger_lacks_a_volume(self):
        self.knows(volume_id=OTHER)
        self.assertEqual([OTHER], self.driver.sweep().lost)
        self.assertEqual(sweep.STOPPED, self.pool.ledger)
        self.assertIn('zvm-volume audit', self.log.output)
        del self.known[OTHER]
        self.driver.sweep()
        self.assertEqual(fakes.LEDGER, self.pool.ledger)

    def test_one_without_a_lun_is_not_lost(self):
        for status, provider_id in (('error', 'x'), ('deleting', 'x'),
                                    ('available', '')):
            self.knows(volume_id=OTHER, status=status,
                       provider_id=provider_id)
            self.assertEqual([], self.driver.sweep().lost)

    def test_another_ledger_is_compared_at_once(self):
        self.knows()
        self.driver.sweep()
        self.pool.its_ledger = OTHER
        self.pool.change(self.lun(), volume_id=None, state='free')
        self.driver.get_volume_stats(refresh=True)
        self.assertEqual(sweep.STOPPED, self.pool.ledger)


class AfterTest(SweepCase):
    """What the look at the pool each minute leads to."""

    def stats(self):
        del self.pool.calls[:]
        self.driver.get_volume_stats(refresh=True)
        return self.pool.calls

    def test_nothing_where_all_is_well(self):
        self.finished()
        self.assertEqual(['view'], self.stats())

    def test_a_new_volume_is_confirmed(self):
        self.knows()
        self.assertEqual(['view', 'confirm'], self.stats())
        self.assertEqual(['view'], self.stats())

    def test_a_create_under_way_costs_one_request_until_the_next_sweep(self):
        self.pool.before['abandon'] = [exceptions.LeaseRuns('until 12')] * 9
        self.assertEqual(['view', 'abandon'], self.stats())
        self.assertEqual(['view'], self.stats())

    def test_a_line_that_somebody_changed(self):
        self.finished()
        self.knows()
        self.pool.change(self.lun(), drift='free')
        self.assertEqual(['view', 'sweep'], self.stats())

    def test_a_pool_file_that_was_restored(self):
        self.finished()
        self.knows()
        self.pool.restored = 'zpool1'
        self.assertEqual(['view', 'sweep'], self.stats())
        self.assertIn('--zfcppoolnames', self.log.output)

    def test_the_interval(self):
        self.finished()
        self.knows()
        clock = [1000.0]
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_zvm.sweep.time.monotonic', lambda: clock[0]))
        self.driver._sweeper._interval = 600
        self.assertEqual(['view', 'sweep'], self.stats())
        self.assertEqual(['view'], self.stats())
        clock[0] += 601
        self.assertEqual(['view', 'sweep'], self.stats())

    def test_its_failure_does_not_stop_the_report(self):
        self.pool.change(self.lun(), drift='free')
        self.pool.before['sweep'] = [exceptions.ZhcpDown('zhcp1')]
        stats = self.driver.get_volume_stats(refresh=True)
        self.assertEqual('up', stats['backend_state'])


class RecordsTest(testtools.TestCase):

    snapshots = ()

    def known(self, host='demo@zvmssio1#zpool1', cluster=None, **values):
        fields = dict({'id': OTHER, 'name_id': fakes.VOLUME, 'host': host,
                       'cluster_name': cluster, 'status': 'available',
                       'provider_id': None, 'migration_status': None},
                      **values)
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_zvm.records._rows', lambda kind: {
                'VolumeList': [types.SimpleNamespace(**fields)],
                'SnapshotList': self.snapshots}[kind]))
        return records.Records('demo@zvmssio1', 'west@zvmssio1').volumes()

    def test_where_a_volume_is(self):
        for host, cluster, here in (
                ('demo@zvmssio1#zpool1', None, True),
                ('demo@zvmssio1', None, True),
                ('demo@zvmssio2#zpool1', None, False),
                ('demo2@zvmssio1#zpool1', None, False),
                (None, None, False),
                ('demo2@zvmssio1#zpool1', 'west@zvmssio1#zpool1', True),
                ('demo@zvmssio1#zpool1', 'east@zvmssio1', False)):
            found = self.known(host, cluster)
            self.assertEqual(here, found[fakes.VOLUME].here, (host, cluster))

    def test_a_migrated_one_is_found_by_both_ids(self):
        self.assertEqual({OTHER, fakes.VOLUME}, set(self.known()))

    def test_one_whose_row_cinder_is_changing_is_not_looked_for(self):
        # between update_migrated_volume and finish_volume_migration it has
        # the name of its new LUN, and still its old back-end
        found = self.known(migration_status='completing', provider_id='p')
        self.assertFalse(found[fakes.VOLUME].has_lun)
        found = self.known(migration_status='success', provider_id='p')
        self.assertTrue(found[fakes.VOLUME].has_lun)

    def test_what_is_left_of_a_group_is_not_looked_for(self):
        found = self.known(status='deleted', provider_id='p')
        self.assertFalse(found[fakes.VOLUME].has_lun)

    def test_a_snapshot_is_where_its_volume_is(self):
        self.snapshots = [
            types.SimpleNamespace(id=fakes.INSTANCE, volume_id=OTHER,
                                  status='creating', provider_id=None),
            types.SimpleNamespace(id='s2', volume_id='gone', provider_id='p',
                                  status='available')]
        found = self.known()
        self.assertEqual(
            [(True, False), (False, False)],
            [(found[name].here, found[name].made) for name
             in (fakes.INSTANCE, 's2')])
        self.assertFalse(found[fakes.INSTANCE].has_lun)
