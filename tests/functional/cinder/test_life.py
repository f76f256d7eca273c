# SPDX-License-Identifier: Apache-2.0
"""Volumes of two back-ends on two zHCPs, made and deleted."""

import pathlib
import subprocess

from tests.functional.cinder import base
from tests.functional.cinder import harness


# Nothing is wiped at create: for tests that are about something else.
TRUSTING = {'zvmssio1': harness.section(1, zvm_trust_free_luns=True)}


class LifeTest(base.ManagerTestCase):

    def test_two_backends_side_by_side(self):
        for number in (1, 2):
            made = self.run_scenario('create', backend='zvmssio%d' % number,
                                     sizes=[1, 2])
            for volume in made['volumes']:
                self.assertEqual('available', volume['status'])
                line = self.line_of(volume['provider_id'], number)
                self.assertEqual('reserved', line[0])
            self.assertEqual(
                ['demo@zvmssio%d#zpool%d' % (number, number)] * 2,
                [volume['host'] for volume in made['volumes']])
            pool, = made['stats']['pools']
            self.assertEqual([12, 9, 2], [
                pool['total_capacity_gb'], pool['free_capacity_gb'],
                pool['zvm_largest_free_gb']])
            self.assertEqual([8, 2], [pool['zvm_luns_free'],
                                      pool['zvm_luns_ours']])
        self.assertEqual(['free'] * 8 + ['reserved'] * 2, self.statuses(1))
        self.assertEqual(['free'] * 8 + ['reserved'] * 2, self.statuses(2))

    def test_a_deleted_volume_is_zero_before_it_is_free(self):
        made = self.run_scenario('create', backend='zvmssio1', sizes=[1])
        volume, = made['volumes']
        self.scribble(volume['provider_id'])
        result = self.run_scenario('delete', volume_id=volume['id'])
        self.assertEqual([None, True], [result['error'], result['gone']])
        self.assertEqual('free', self.line_of(volume['provider_id'])[0])
        self.assertZero(volume['provider_id'])

    def test_too_large(self):
        result = self.run_scenario('create_refused', backend='zvmssio1',
                                   gib=50)
        self.assertIn('largest free LUN has 2.00', result['error']['text'])
        self.assertEqual('error', result['volume']['status'])
        self.assertEqual(['free'] * 10, self.statuses())
        self.assertTrue(self.run_scenario(
            'delete', volume_id=result['volume']['id'])['gone'])

    def test_creates_at_once_get_different_luns(self):
        made = self.run_scenario('create_together', TRUSTING,
                                 backend='zvmssio1', count=8)
        luns = {provider_id.rpartition(':')[2] for provider_id in made}
        self.assertEqual(8, len(luns), made)
        self.assertEqual(['free'] * 2 + ['reserved'] * 8, self.statuses())

    def test_stats_tell_when_the_zhcp_is_down(self):
        before, down, after = self.run_scenario(
            'stats', backend='zvmssio1', event=['zhcp', 'down', 'up'],
            server=self.simulator.server, ca_file=self.simulator.ca_file)
        self.assertEqual(['up', 'down', 'up'], [
            found['backend_state'] for found in (before, down, after)])
        self.assertEqual(0, down['pools'][0]['free_capacity_gb'])
        self.assertEqual(before, after)


class LostTest(base.ManagerTestCase):
    """The zHCP does what it was asked, and its answers do not come."""

    backends = TRUSTING

    def _survived(self, verb, count):
        result = self.run_scenario('lost', backend='zvmssio1', verb=verb,
                                   count=count)
        self.assertEqual(
            [None, True, 0, 'available'],
            [result['error'], result['gone'], result['left'],
             result['created']['status']], result)
        self.assertEqual(['free'] * 10, self.statuses())
        self.assertZero(result['created']['provider_id'])

    # the caller of the program asks three times, then the driver looks

    def test_of_a_claim(self):
        self._survived('claim', 3)

    def test_of_a_release(self):
        self._survived('release', 3)

    def test_of_a_wait(self):
        self._survived('wait', 7)


class RequestsTest(base.ManagerTestCase):
    """A round trip costs seconds on z/VM: how many there are."""

    backends = {'zvmssio1': harness.section(1)}

    def test_of_each_operation(self):
        made = self.run_scenario('requests', TRUSTING, backend='zvmssio1',
                                 server=self.simulator.server,
                                 ca_file=self.simulator.ca_file)
        # set-up: the zvm table, the zHCP's node, hello, the pool, the FCP
        # devices, a sweep, the way of images; stats: the pool, and once that
        # a new volume is known or not; delete: look, release, wait
        self.assertEqual({'set_up': 7, 'create': 1, 'connect': 1,
                          'terminate': 0, 'stats': 2, 'delete': 3,
                          'delete_again': 1}, made)


class EventletTest(base.ManagerTestCase):
    """Green threads, the default of Cinder 29's cinder-volume."""

    backends = TRUSTING
    eventlet = True

    def test_created_at_once_and_deleted(self):
        made = self.run_scenario('create_together', backend='zvmssio1',
                                 count=4)
        self.assertEqual(4, len({provider_id.rpartition(':')[2]
                                 for provider_id in made}), made)
        volume, = self.run_scenario('create', backend='zvmssio1',
                                    sizes=[1])['volumes']
        self.assertTrue(self.run_scenario('delete',
                                          volume_id=volume['id'])['gone'])
        self.assertEqual(['free'] * 6 + ['reserved'] * 4, self.statuses())


class UncleanTest(base.ManagerTestCase):
    """LUNs whose past nobody knows."""

    def world(self):
        world = super().world()
        for line in world['lpars']['host1']['pools']['zpool1']:
            line['contents'] = 'random'
        return world

    def test_a_new_volume_is_zero(self):
        made = self.run_scenario('create', backend='zvmssio1', sizes=[1])
        self.assertZero(made['volumes'][0]['provider_id'])

    def test_unless_the_operator_knows_better(self):
        made = self.run_scenario('create', TRUSTING, backend='zvmssio1',
                                 sizes=[1])
        path, _ = self.disk(made['volumes'][0]['provider_id'])
        with open(path, 'rb') as stream:
            self.assertTrue(stream.read(4096).strip(b'\0'))


class KilledTest(base.ManagerTestCase):
    """cinder-volume dies and comes again."""

    backends = TRUSTING

    def _created(self):
        made = self.run_scenario('create', backend='zvmssio1', sizes=[1])
        volume, = made['volumes']
        self.scribble(volume['provider_id'])
        return volume

    def _killed_delete(self, method, when):
        volume = self._created()
        self.run_and_die('die_in', backend='zvmssio1', method=method,
                         when=when, volume_id=volume['id'])
        # init_host finds the volume in 'deleting' and goes on
        result = self.run_scenario('look', volume_id=volume['id'])
        self.assertTrue(result['gone'], result)
        self.assertEqual(['free'] * 10, self.statuses())
        self.assertZero(volume['provider_id'])

    def test_delete_killed_before_the_release(self):
        self._killed_delete('release', 'before')

    def test_delete_killed_while_the_lun_is_wiped(self):
        self._killed_delete('release', 'after')

    def test_delete_killed_after_the_wipe(self):
        self._killed_delete('wait', 'after')

    def _killed_create(self, method, when):
        self.run_and_die('die_in', backend='zvmssio1', method=method,
                         when=when)
        result = self.run_scenario('unfinished')
        self.assertEqual('error', result['before']['status'])
        self.assertTrue(result['gone'])
        self.assertEqual(['free'] * 10, self.statuses())
        return result

    def test_create_killed_before_the_claim(self):
        result = self._killed_create('claim', 'before')
        self.assertIsNone(result['before']['provider_id'])

    def test_create_killed_after_the_claim(self):
        result = self._killed_create('claim', 'after')
        self.assertTrue(result['before']['provider_id'])
        self.assertZero(result['before']['provider_id'])


class UnmaskedTest(base.ManagerTestCase):
    """The array does not show the zHCP what it shall wipe."""

    # one path each, as every one is tried for seconds
    backends = {'zvmssio1': harness.section(1, zvm_zhcp_fcp_list='3B0E')}
    trusting = {'zvmssio1': harness.section(1, zvm_zhcp_fcp_list='3B0E',
                                            zvm_trust_free_luns=True)}

    def world(self):
        world = super().world()
        for line in world['lpars']['host1']['pools']['zpool1']:
            line['masked_to'] = ['c05076ffe5001000']    # of 3B00
            line['wwpns'] = line['wwpns'][:1]
        return world

    def _one_quarantined(self):
        stats = self.run_scenario('statistics', backend='zvmssio1')
        pool, = stats['pools']
        self.assertEqual([9, 1], [pool['zvm_luns_free'],
                                  pool['zvm_luns_quarantined']])
        self.assertEqual(1, len([status for status in self.statuses()
                                 if status != 'free']))

    def test_a_create_sets_one_lun_aside(self):
        result = self.run_scenario('create_refused', backend='zvmssio1',
                                   gib=1)
        self.assertEqual('error', result['volume']['status'])
        for word in ('zpool1', '3B0E', 'masked', 'quarantine'):
            self.assertIn(word, result['error']['text'])
        self._one_quarantined()
        self.assertTrue(self.run_scenario(
            'delete', volume_id=result['volume']['id'])['gone'])
        self._one_quarantined()

    def _bring_back(self):
        """What the manual tells an operator to do."""
        zhcp = pathlib.Path(self.simulator.node_folder('host1', 'ZHCP1'))
        record, = subprocess.run(
            "grep -l '^state=quarantined' * | xargs -r grep -L '^volume='",
            shell=True, cwd=zhcp / 'var/lib/zvm-volume/luns',
            capture_output=True, text=True).stdout.split()
        wwpn, _, lun = record.partition('-')
        pool = zhcp / 'var/opt/zhcp/zfcp/zpool1.conf'
        lines = [line.split(',') for line in pool.read_text().splitlines()]
        line, = (line for line in lines if line[1:3] == [wwpn, lun])
        line[0], line[5] = 'free', ''
        pool.write_text(''.join(','.join(line) + '\n' for line in lines))
        (zhcp / 'var/lib/zvm-volume/luns' / record).unlink()

    def test_the_manual_brings_one_back(self):
        for _ in range(2):
            # the second time shows that it is wiped before it is handed out
            result = self.run_scenario('create_refused', backend='zvmssio1',
                                       gib=1)
            self._one_quarantined()
            self.run_scenario('delete', volume_id=result['volume']['id'])
            self._bring_back()
            pool, = self.run_scenario('statistics',
                                      backend='zvmssio1')['pools']
            self.assertEqual([10, 0, 0], [
                pool['zvm_luns_free'], pool['zvm_luns_quarantined'],
                pool['zvm_luns_drift']])

    def test_a_delete_never_frees_what_it_could_not_wipe(self):
        made = self.run_scenario('create', self.trusting,
                                 backend='zvmssio1', sizes=[1])
        volume, = made['volumes']
        for _ in range(2):
            result = self.run_scenario('delete', volume_id=volume['id'])
            self.assertIn('quarantine', result['error']['text'])
            self.assertEqual('error_deleting', result['volume']['status'])
            self._one_quarantined()
        self.assertNotEqual('free', self.line_of(volume['provider_id'])[0])
