# SPDX-License-Identifier: Apache-2.0
"""cinder-volume is killed while it migrates a volume on the zHCP.

With the real VolumeManager; what the API does before is done by the scenario.
"""

from tests.functional.cinder import base
from tests.functional.cinder import migrations
from tests import waits
from tests import zeros

MIGRATIONS = 'tests.functional.cinder.migrations.'
SWEEPING = 'tests.functional.cinder.sweeping.'
COPYING = 'tests.functional.cinder.copying.'


class MigrateTestCase(migrations.Places, base.ManagerTestCase):
    """A volume with data on zvmssio1; zvmssio3 has a pool beside it."""

    backends = {name: options for name, options in
                migrations.backends().items() if name != 'zvmssio2'}

    def setUp(self):
        super().setUp()
        made = self.run_scenario('create', backend='zvmssio1', sizes=[1])
        self.volume, = made['volumes']
        self.scribble(self.volume['provider_id'])
        self.move = {'volume_id': self.volume['id'], 'source': 'zvmssio1',
                     'target': 'zvmssio3'}

    def die(self, when):
        self.run_and_die(MIGRATIONS + 'migrate_and_die', when=when,
                         **self.move)

    def migrate(self):
        return self.run_scenario(MIGRATIONS + 'migrate', **self.move)

    def look(self):
        return self.run_scenario('look',
                                 volume_id=self.volume['id'])['volume']

    def sweep(self, backend):
        found = self.run_scenario(SWEEPING + 'sweep', backend=backend)
        return {name: value for name, value in found.items()
                if value and name not in ('batches', 'confirmed', 'mended')}

    def assertThere(self, row, number=3):
        self.assertEqual(number, self.number_of(row['provider_id']))
        self.assertTrue(zeros.is_scribbled(
            self.disk(row['provider_id'])[0]))


class BeforeTest(MigrateTestCase):

    def test_the_volume_is_as_before_and_the_other_sweep_has_the_copy(self):
        self.die('before')
        self.assertEqual(self.volume['provider_id'],
                         self.look()['provider_id'])
        self.assertThere(self.volume, 1)
        self.assertEqual({}, self.sweep('zvmssio1'))
        # until the lease of the copy is over
        waiting = self.sweep('zvmssio3')
        self.assertEqual(['waiting'], list(waiting))
        answer = self.migrate()
        self.assertIsNone(answer['error'])
        self.assertThere(answer)


class AfterTest(MigrateTestCase):
    """The volume is in zpool3, and Cinder has it on zvmssio1."""

    def setUp(self):
        super().setUp()
        self.die('after')
        waits.until(lambda: self.statuses(1).count('free') == 10, 60, 0.1)
        self.assertEqual(1, self.statuses(3).count('reserved'))

    def test_sweeps_leave_it_alone_and_correct_its_provider_id(self):
        self.assertEqual('demo@zvmssio1#zpool1', self.look()['host'])
        for backend in 'zvmssio1', 'zvmssio3':
            found = self.sweep(backend)
            self.assertEqual([self.volume['id']], found.pop('elsewhere'))
            self.assertEqual({}, {name: value for name, value in
                                  found.items() if name != 'moved'})
        self.assertThere(self.look())
        # neither stops allocation
        for backend in 'zvmssio1', 'zvmssio3':
            made = self.run_scenario('create', backend=backend, sizes=[1])
            self.assertEqual('available', made['volumes'][0]['status'])

    def test_migrating_it_again_is_done_at_once(self):
        self.simulator.forget_requests()
        answer = self.migrate()
        self.assertIsNone(answer['error'])
        self.assertEqual(('demo@zvmssio3#zpool3', 'success'),
                         (answer['host'], answer['migration']))
        self.assertThere(answer)
        self.assertEqual(1, self.statuses(3).count('reserved'))
        self.assertEqual({'free'}, set(self.statuses(1)))
        for backend in 'zvmssio1', 'zvmssio3':
            self.assertEqual({}, self.sweep(backend))

    def test_it_is_deleted(self):
        answer = self.run_scenario('delete', volume_id=self.volume['id'])
        self.assertTrue(answer['gone'])
        self.assertEqual({'free'}, {*self.statuses(1), *self.statuses(3)})

    def test_it_is_copied_to_its_own_back_end(self):
        for made in (
                self.run_scenario(COPYING + 'copy', backend='zvmssio1',
                                  gib=1, source_volid=self.volume['id']),
                self.run_scenario(COPYING + 'snapshot',
                                  volume_id=self.volume['id'])):
            self.assertIsNone(made['error'])
            self.assertThere(made, 1)

    def test_one_that_is_extended_comes_back(self):
        answer = self.run_scenario(COPYING + 'extend',
                                   volume_id=self.volume['id'], gib=2)
        self.assertEqual(('available', 2),
                         (answer['status'], answer['size']))
        self.assertEqual(1, self.number_of(answer['provider_id']))
        waits.until(lambda: set(self.statuses(3)) == {'free'}, 60, 0.1)
        self.assertEqual({}, self.sweep('zvmssio1'))

    def test_it_is_attached(self):
        self.run_scenario(SWEEPING + 'use', backend='zvmssio1',
                          instance=base.INSTANCE, userid='LNX00001',
                          node='guest1', volume_id=self.volume['id'])
        line, = (line for line in self.lines(3) if line[0] != 'free')
        self.assertEqual(['used', 'guest1'], [line[0], line[5]])
        for backend in 'zvmssio1', 'zvmssio3':
            self.assertLessEqual(set(self.sweep(backend)),
                                 {'elsewhere', 'moved'})
        answer = self.run_scenario(SWEEPING + 'unuse', backend='zvmssio1',
                                   instance=base.INSTANCE,
                                   volume_id=self.volume['id'])
        self.assertEqual('ours', answer['state'])


class RefusedTest(MigrateTestCase):

    def world(self):
        """The other pool's LUNs are masked to a device of guests alone."""
        world = super().world()
        for line in world['lpars']['host1']['pools']['zpool3']:
            line['masked_to'] = ['c05076ffe5001000']
        return world

    def test_the_zhcps_devices_must_reach_both_pools(self):
        answer = self.migrate()
        self.assertEqual(
            ('error', 'available', 'demo@zvmssio1#zpool1',
             self.volume['provider_id']),
            (answer['migration'], answer['status'], answer['host'],
             answer['provider_id']))
        for words in ('cannot be migrated to pool zpool3 of zHCP zhcp1',
                      "no path from the zHCP's FCP devices 3B0E;3C0E to"):
            self.assertIn(words, answer['error']['text'])
        self.assertThere(self.volume, 1)
