# SPDX-License-Identifier: Apache-2.0
"""What users of Cinder's API get from the driver."""

from tests.functional.cinder import api
from tests.functional.cinder import base
from tests import waits


class LifeTest(api.ApiTestCase):

    def test_a_volume_is_where_its_type_says_until_it_is_deleted(self):
        made = {number: self.client.create(
            1, volume_type='zvmssio%d' % number) for number in (1, 2)}
        for number, volume in made.items():
            found = self.available(volume)
            self.assertEqual('demo@zvmssio%d#zpool%d' % (number, number),
                             found['os-vol-host-attr:host'])
            provider_id = self.provider_id(volume)
            self.assertEqual('reserved',
                             self.line_of(provider_id, number)[0])
            self.assertZero(provider_id, number)
            self.scribble(provider_id, number)
            made[number] = provider_id, volume['id']
        for _, volume_id in made.values():
            self.client.delete(volume_id)
        for number, (provider_id, volume_id) in made.items():
            self.client.gone(self.client.volume, volume_id)
            self.assertZero(provider_id, number)
            self.assertEqual(['free'] * 10, self.statuses(number))


class PoolsTest(api.TrustingTestCase):

    one, two = 'demo@zvmssio1#zpool1', 'demo@zvmssio2#zpool2'

    def test_the_scheduler_knows_what_the_driver_can_do(self):
        pools = self.client.pools()
        self.assertEqual({self.one, self.two}, set(pools))
        for name, value in {
                'volume_backend_name': 'zvmssio1', 'storage_protocol': 'FC',
                'backend_state': 'up', 'zvm_zhcp': 'zhcp1.example.com',
                'total_capacity_gb': 12, 'free_capacity_gb': 12,
                'zvm_largest_free_gb': 2, 'zvm_luns_free': 10,
                'thin_provisioning_support': False,
                'thick_provisioning_support': True,
                'multiattach': False, 'QoS_support': False,
                'online_extend_support': False,
                'consistent_group_snapshot_enabled': False,
                'replication_enabled': False}.items():
            self.assertEqual(value, pools[self.one][name], name)
        self.assertEqual({'up'}, {service['state']
                                  for service in self.client.services()})

    def _state(self, pool):
        found = self.client.pools()[pool]
        return found['backend_state'], found['free_capacity_gb']

    def _backend_states(self):
        return [service['backend_state']
                for service in self.client.services()
                if service['binary'] == 'cinder-volume']

    def test_nothing_goes_to_a_back_end_whose_zhcp_is_down(self):
        self.simulator.event('host1', zhcp='down')
        self.cloud.ask('report')
        self.assertEqual(('down', 0), self._state(self.one))
        self.assertEqual(('up', 12), self._state(self.two))
        self.assertEqual(['down', 'up'], self._backend_states())
        self.unschedulable(self.client.create(1, volume_type='zvmssio1'))
        self.created(volume_type='zvmssio2')
        self.simulator.event('host1', zhcp='up')
        self.cloud.ask('report')
        self.assertEqual(('up', 12), self._state(self.one))
        self.created(volume_type='zvmssio1')


class AttachmentTest(api.TrustingTestCase):

    def _attached(self):
        """A volume in use, and its attachment."""
        volume = self.created()
        made = self.client.attach(volume['id'], base.INSTANCE)
        self.assertEqual('reserved',
                         self.client.volume(volume['id'])['status'])
        connector = self.cloud.ask('connector', backend='zvmssio1',
                                   instance=base.INSTANCE, userid='LNX00001')
        made = self.client.connect(made['id'], connector)
        self.client.complete(made['id'])
        self.assertEqual('in-use',
                         self.client.volume(volume['id'])['status'])
        return volume, made

    def test_a_guests_connector_gets_what_it_needs_to_find_the_lun(self):
        volume, made = self._attached()
        info = made['connection_info']
        _, wwpns, lun = self.provider_id(volume).split(':')
        self.assertEqual(
            ['fibre_channel', wwpns.split('+'), int(lun[:8], 16)],
            [info['driver_volume_type'], info['target_wwns'],
             info['target_lun']])
        status, _ = self.status_of(self.client.delete, volume['id'])
        self.assertEqual(400, status)
        self.client.detach(made['id'])
        self.available(volume)
        self.deleted(volume)
        self.assertEqual(['free'] * 10, self.statuses())

    def test_the_connector_of_another_host_is_refused_in_words(self):
        volume = self.created()
        generic = {'platform': 's390x', 'os_type': 'linux',
                   'host': 'cinder1', 'ip': '10.0.0.2', 'multipath': False,
                   'wwpns': ['c05076ffe5000000']}
        made = self.client.attach(volume['id'], base.INSTANCE)
        status, text = self.status_of(self.client.connect, made['id'],
                                      generic)
        self.assertEqual(400, status)
        self.assertIn('is that of no FCP device', text)
        self.client.detach(made['id'])
        self.available(volume)

    def test_a_volume_in_use_is_not_extended_and_stays_as_it_is(self):
        volume, _ = self._attached()
        provider_id = self.provider_id(volume)
        status, _ = self.status_of(self.client.extend, volume['id'], 2,
                                   '3.41')
        self.assertEqual(400, status)
        # since 3.42 the scheduler decides, and tells the user so
        self.client.extend(volume['id'], 2)
        waits.until(lambda: self.client.messages(volume['id']))
        found = self.client.reached(self.client.volume, volume['id'],
                                    'in-use')
        self.assertEqual([1, provider_id],
                         [found['size'], self.provider_id(volume)])
        self.assertIn("Backend doesn't support attached volume extend",
                      self.log())
