# SPDX-License-Identifier: Apache-2.0
"""What the scheduler and the operator are told."""

from cinder.scheduler.evaluator import evaluator

from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions


class StatsTest(base.DriverTestCase):

    def _stats(self):
        stats = self.driver.get_volume_stats(refresh=True)
        self.assertEqual(1, len(stats['pools']))
        return stats, stats['pools'][0]

    def test_a_backend_and_its_pool(self):
        self.driver.create_volume(fakes.volume(20))
        stats, pool = self._stats()
        for key, value in {
                'volume_backend_name': 'zvmssio1', 'storage_protocol': 'FC',
                'driver_version': self.driver.VERSION,
                'backend_state': 'up', 'zvm_zhcp': 'zhcp1.example.com',
                'location_info': 'ZVMVolumeDriver:zhcp1.example.com:%s:zpool1:'
                                 'cinder:demo@zvmssio1' % fakes.LEDGER,
        }.items():
            self.assertEqual(value, stats[key])
        for key, value in {
                'pool_name': 'zpool1', 'total_capacity_gb': 52,
                'free_capacity_gb': 32, 'provisioned_capacity_gb': 20,
                'zvm_largest_free_gb': 12, 'reserved_percentage': 0,
                'thin_provisioning_support': False,
                'thick_provisioning_support': True,
                'max_over_subscription_ratio': 1.0, 'multiattach': False,
                'QoS_support': False, 'online_extend_support': False,
                'consistent_group_snapshot_enabled': False,
                'replication_enabled': False,
                'storage_protocol': 'FC', 'backend_state': 'up',
                'zvm_zhcp': 'zhcp1.example.com', 'zvm_luns_free': 3,
                'zvm_luns_ours': 1, 'zvm_luns_used': 0}.items():
            self.assertEqual(value, pool[key], key)
        self.assertEqual(1, self.pool.count('view'))

    def test_counts_by_state(self):
        luns = list(self.pool.luns)
        for lun, state in zip(luns, ('used', 'wiping', 'quarantined')):
            self.pool.change(lun, state=state)
        _, pool = self._stats()
        for state in ('free', 'used', 'wiping', 'quarantined'):
            self.assertEqual(1, pool['zvm_luns_' + state])

    def test_reserved_percentage_of_the_section(self):
        driver = self.make_driver(reserved_percentage=15)
        driver.do_setup(None)
        self.assertEqual(15, driver.get_volume_stats(True)['pools'][0]
                         ['reserved_percentage'])

    def test_down_is_told_and_nothing_raised(self):
        for error in (exceptions.MnUnreachable('mn'),
                      exceptions.ZhcpDown('zhcp1'),
                      exceptions.OutcomeUnknown('lost'),
                      exceptions.BadAnswer('<html>'), KeyError('surprise')):
            self.pool.before['view'] = [error]
            stats, pool = self._stats()
            self.assertEqual(['down', 'down', 0],
                             [stats['backend_state'], pool['backend_state'],
                              pool['free_capacity_gb']])
            self.assertEqual('zpool1', pool['pool_name'])
        self.assertEqual('up', self._stats()[0]['backend_state'])

    def test_a_new_dict_each_time(self):
        # the manager adds to it
        self._stats()[1]['allocated_capacity_gb'] = 5
        self.assertNotIn('allocated_capacity_gb', self._stats()[1])

    def test_an_operators_filter_function_can_name_the_largest(self):
        _, pool = self._stats()
        for size, passes in ((20, True), (21, False)):
            self.assertEqual(passes, evaluator.evaluate(
                'volume.size <= capabilities.zvm_largest_free_gb',
                volume={'size': size}, capabilities=pool))
        self.assertIsNone(self.driver.get_filter_function())

    def test_pool_of_a_volume(self):
        self.assertEqual('zpool1', self.driver.get_pool(fakes.volume()))
