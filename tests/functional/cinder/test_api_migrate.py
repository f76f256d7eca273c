# SPDX-License-Identifier: Apache-2.0
"""Migrate and retype as administrators ask for them through Cinder's API.

Data are compared byte for byte on the simulated disks.
"""

from tests.functional.cinder import migrations
from tests import waits

MIGRATIONS = 'tests.functional.cinder.migrations.'


class MigrateTest(migrations.MigrationsTestCase):

    def test_between_the_pools_of_a_zhcp_and_back(self):
        volume = self.filled()
        before = self.disk_of(volume)
        for number, taken in ((3, (0, 0, 1)), (1, (1, 0, 0))):
            self.migrated(volume, number)
            self.assertAt(number, volume)
            self.assertTaken(*taken)
        self.assertEqual(volume['id'], self.cloud.ask(
            MIGRATIONS + 'all_rows', volume_id=volume['id'])['name_id'])
        self.assertNotIn('Host-assisted migration', self.log())
        self.assertTrue(before.exists())
        self.all_gone()

    def test_what_was_there_before_is_wiped(self):
        volume = self.filled()
        before = self.provider_id(volume)
        self.migrated(volume, 3, lock_volume=True)
        self.assertTaken(0, 0, 1)
        self.assertZero(before, 1)
        self.assertAt(3, volume)

    def test_what_is_done_with_it_afterwards(self):
        volume = self.filled()
        self.migrated(volume, 3)
        clone = self.available(self.client.create(
            source_volid=volume['id']))
        self.assertEqual(migrations.HOSTS[3], clone['os-vol-host-attr:host'])
        snapshot = self.snapshot(volume)
        for each in clone, snapshot:
            self.assertPicture(each, volume)
        self.assertTaken(0, 0, 3)
        self.snapshot_deleted(snapshot)
        self.client.extend(volume['id'], 2)
        self.assertEqual(2, self.available(volume)['size'])
        self.assertAt(3, volume)
        self.deleted(volume)
        self.deleted(clone)
        self.assertTaken(0, 0, 0)

    def test_a_larger_lun_goes_whole(self):
        self.all_available([{'size': 1, 'volume_type': 'zvmssio1'}] * 8)
        volume = self.filled()
        self.assertEqual(2, self.size_of(volume))
        self.migrated(volume, 3)
        self.assertEqual(2, self.size_of(volume))
        self.assertAt(3, volume)

    def test_where_no_lun_is_large_enough_nothing_has_changed(self):
        volume = self.filled()
        self.client.extend(volume['id'], 2)
        self.available(volume)
        for _ in range(2):
            self.created(2, 'zvmssio3')
        # the scheduler looks at the sum of what is free
        before = self.provider_id(volume)
        self.client.migrate(volume['id'], migrations.HOSTS[3])
        self.ended(volume, 'error')
        self.assertEqual(before, self.provider_id(volume))
        self.assertAt(1, volume)
        self.assertIn('Pool zpool3 has no free LUN of 2.00 to', self.log())
        self.assertTaken(1, 0, 2)

    def test_to_another_zhcp_the_generic_way_is_taken(self):
        volume = self.filled()
        self.client.migrate(volume['id'], migrations.HOSTS[2])
        waits.until(lambda: 'is not copied to back-end demo@zvmssio2#zpool2 '
                    'on the zHCP: its zHCP is zhcp2.example.com'
                    in self.log(), 60, 0.1)
        waits.until(lambda: self.client.volume(volume['id'])[
            'migration_status'] in ('success', 'error'), 60, 0.1)
        self.assertPicture(volume, volume)
        self.available(volume)

    def test_sweeps_leave_it_alone(self):
        volume = self.filled()
        self.migrated(volume, 3)
        self.assertTaken(0, 0, 1)
        self.assertEqual({volume['id']: 'cinder:demo@zvmssio3'},
                         self.cloud.ask(MIGRATIONS + 'ids',
                                        backend='zvmssio3'))
        for name in self.backends:
            self.assertEqual({}, self.cloud.ask(MIGRATIONS + 'sweep',
                                                backend=name))


class RetypeTest(migrations.MigrationsTestCase):

    any_type = False

    def retyped(self, volume, volume_type, **policy):
        self.client.retype(volume['id'], volume_type, **policy)
        waits.until(lambda: self.client.volume(volume['id'])[
            'status'] == 'available', 60, 0.1)
        return self.client.volume(volume['id'])

    def test_to_the_type_of_another_pool_of_the_zhcp(self):
        volume = self.filled()
        found = self.retyped(volume, 'zvmssio3')
        self.assertEqual(('zvmssio3', 'success'), (
            found['volume_type'], found['migration_status']))
        self.assertAt(3, volume)
        self.assertTaken(0, 0, 1)
        self.assertNotIn('Host-assisted migration', self.log())

    def test_where_nothing_is_to_be_done_on_the_lun(self):
        volume = self.filled()
        before = self.provider_id(volume)
        for name, specs in (
                ('sampled', {'zvm:copy_verify': 'sampled'}),
                ('all', {'zvm:copy_verify': 'all'}),
                ('no backend name', {})):
            if specs:
                specs['volume_backend_name'] = 'zvmssio1'
            self.client.create_type(name, **specs)
            found = self.retyped(volume, name, policy='never')
            self.assertEqual(name, found['volume_type'])
            self.assertEqual(before, self.provider_id(volume))
        self.assertAt(1, volume)

    def _refused(self, volume, name, *words, **policy):
        before = self.provider_id(volume)
        found = self.retyped(volume, name, **policy)
        self.assertEqual('zvmssio1', found['volume_type'])
        self.assertEqual(before, self.provider_id(volume))
        for word in words:
            self.assertIn(word, self.log())
        self.assertAt(1, volume)
        self.assertTaken(1, 0, 0)

    def test_a_word_that_is_none_is_refused(self):
        self.client.create_type('perhaps', **{
            'zvm:copy_verify': 'perhaps', 'volume_backend_name': 'zvmssio1'})
        self._refused(self.filled(), 'perhaps',
                      'zvm:copy_verify = perhaps, which is one of',
                      policy='never')

    def test_what_no_lun_can_do_is_refused(self):
        made = self.client.create_type('slow',
                                       volume_backend_name='zvmssio1')
        self.client.create_qos(made['id'], 'slow', 'back-end',
                               total_iops_sec='100')
        volume = self.filled()
        self._refused(volume, 'slow', 'QoS specs slow are of consumer '
                      'back-end', policy='never')
        self._refused(volume, 'slow', 'a SCSI pool cannot limit a LUN')


class NameIdTest(migrations.MigrationsTestCase):
    """The generic way, with a host that reaches the LUNs.

    What copies the data is a stand-in; all that Cinder does with the ids of
    both volumes is Cinder's.
    """

    shared = False

    def setUp(self):
        super().setUp()
        self.cloud.ask(MIGRATIONS + 'connect_hosts', disks={
            line[2]: str(self.disk(':%s:%s' % (line[1].replace(';', '+'),
                                               line[2]), number)[0])
            for number in (1, 2, 3) for line in self.lines(number)})

    def ids(self, volume):
        return self.cloud.ask(MIGRATIONS + 'all_rows',
                              volume_id=volume['id'])

    def forced(self, volume, number):
        """Migrate it; its ids when the source is gone."""
        self.migrated(volume, number, force_host_copy=True)
        waits.until(lambda: len(self.client.volumes()) == 1, 60, 0.1)
        found = self.ids(volume)
        self.assertTaken(*[int(number == each) for each in (1, 2, 3)])
        self.assertAt(number, volume)
        self.assertEqual(
            {found['name_id']: 'cinder:demo@zvmssio%d' % number},
            self.cloud.ask(MIGRATIONS + 'ids',
                           backend='zvmssio%d' % number))
        for name in self.backends:
            self.assertEqual({}, self.cloud.ask(MIGRATIONS + 'sweep',
                                                backend=name))
        return found

    def test_there_and_back_and_between_pools(self):
        volume = self.filled()
        names = {volume['id']}
        for number in (2, 1, 3):
            names.add(self.forced(volume, number)['name_id'])
        self.assertEqual(4, len(names))
        self.migrated(volume, 1)
        self.assertAt(1, volume)
        self.assertTaken(1, 0, 0)
        self.assertIn(self.ids(volume)['name_id'], names)
        self.deleted(volume)
        self.assertTaken(0, 0, 0)

    def test_all_that_is_done_with_it_finds_its_lun(self):
        volume = self.filled()
        self.forced(volume, 3)
        snapshot = self.snapshot(volume)
        clone = self.available(self.client.create(
            source_volid=volume['id']))
        for each in snapshot, clone:
            self.assertPicture(each, volume)
        self.change(volume)
        self.client.revert(volume['id'], snapshot['id'])
        self.available(volume)
        self.client.reached(self.client.snapshot, snapshot['id'],
                            'available')
        self.assertAt(3, volume)
        self.snapshot_deleted(snapshot)
        self.deleted(clone)
        self.client.extend(volume['id'], 2)
        self.available(volume)
        self.assertAt(3, volume)
        attachment = self.client.attach(
            volume['id'], migrations.INSTANCE, self.connector())
        self.assertEqual(self.ids(volume)['name_id'], attachment[
            'connection_info']['zvm_volume_id'])
        self.client.detach(attachment['id'])
        self.available(volume)
        self.deleted(volume)
        self.assertTaken(0, 0, 0)
