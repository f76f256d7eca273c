# SPDX-License-Identifier: Apache-2.0
"""Attaching: who may, over which devices, and what Nova is told."""

import json

from cinder import exception
import hypothesis
from hypothesis import strategies
import testtools

from cinder_zvm import connection
from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions
from zvm_common import model

HOSTILE = ('; reboot', '$(reboot)', '`id`', "'", '"', 'a\nb', '../x', 'all',
           'a,b', '', ' ', '\x00', 'x' * 300, None, 7, [], {}, True)


class ConnectorTest(base.DriverTestCase):

    def _refused(self, connector):
        error = self.assertRaises(exception.InvalidConnectorException,
                                  self.driver.validate_connector, connector)
        return str(error)

    def test_ours_is_accepted_without_wwnns(self):
        self.driver.validate_connector(fakes.connector())
        self.driver.validate_connector(fakes.connector(wwnns=None))
        self.assertEqual([], self.pool.calls)

    def test_a_generic_fibre_channel_host_is_refused_in_words(self):
        text = self._refused({
            'platform': 'x86_64', 'os_type': 'linux', 'ip': '10.0.0.1',
            'host': 'cinder1', 'multipath': False, 'initiator': 'iqn.x',
            'wwpns': ['c05076ffe5000000'], 'wwnns': ['5005076400c1b2b0']})
        for word in ('zvm_zhcp', 'zvm_fcp', 'zvm_volume.ZVMVolumeDriver',
                     'generic Fibre Channel host', 's390x Linux guest of '
                     'z/VM LPAR host1', 'upload'):
            self.assertIn(word, text)

    def test_each_key_is_needed(self):
        for key in ('instance', 'host', 'wwpns', 'zvm_zhcp', 'zvm_userid',
                    'zvm_hypervisor', 'zvm_fcp'):
            self.assertIn(key, self._refused(fakes.connector(**{key: None})))

    def test_empty_lists_are_missing(self):
        self.assertIn('wwpns', self._refused(fakes.connector(wwpns=[])))
        self.assertIn('zvm_fcp', self._refused(fakes.connector(zvm_fcp=[])))

    def test_hostile_values_are_refused(self):
        for key in ('instance', 'zvm_zhcp', 'zvm_userid', 'zvm_hypervisor',
                    'host'):
            for value in HOSTILE:
                if (key, value) in (('zvm_userid', 'all'), ('host', 'all'),
                                    ('zvm_zhcp', 'all')):
                    continue        # a name like any other there
                self._refused(dict(fakes.connector(), **{key: value}))

    def test_hostile_lists_are_refused(self):
        for key in ('wwpns', 'zvm_fcp'):
            good = fakes.connector()[key]
            for value in HOSTILE:
                self._refused(fakes.connector(**{key: [value, good[1]]}))
                self._refused(dict(fakes.connector(), **{key: value}))

    def test_wwpn_of_a_device_without_npiv(self):
        self.assertIn('NONE', self._refused(
            fakes.connector(wwpns=['NONE', 'c05076ffe5000010'])))

    def test_two_devices_in_one_text(self):
        self.assertIn('4 hex digits', self._refused(
            fakes.connector(zvm_fcp=['3B00;3C00', '3C01'])))

    def test_a_device_twice(self):
        self.assertIn('once', self._refused(
            fakes.connector(zvm_fcp=['3B00', '3b00'])))

    def test_unequal_lists(self):
        self.assertIn('one WWPN for each', self._refused(
            fakes.connector(wwpns=['c05076ffe5000000'])))

    def test_another_zhcp_is_refused_in_words(self):
        text = self._refused(fakes.connector(zvm_zhcp='zhcp2.example.com',
                                             zvm_hypervisor='host2'))
        for word in ('zhcp1.example.com', 'zhcp2.example.com', 'host1',
                     'host2', 'volume type'):
            self.assertIn(word, text)

    def test_zhcp_names_in_other_letters_are_the_same(self):
        self.driver.validate_connector(
            fakes.connector(zvm_zhcp='ZHCP1.Example.com'))


class InitializeTest(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.volume = fakes.volume(10)
        self.driver.create_volume(self.volume)
        self.pool.calls.clear()

    def _lun(self):
        return self.pool.of(fakes.VOLUME)

    def _refused(self, **changes):
        error = self.assertRaises(
            exception.VolumeBackendAPIException,
            self.driver.initialize_connection, self.volume,
            fakes.connector(**changes))
        return str(error)

    def test_connection_info(self):
        self.pool.change(self._lun(), wwid='6' + '0' * 31)
        info = self.driver.initialize_connection(self.volume,
                                                 fakes.connector())
        targets = list(fakes.WWPNS)
        self.assertEqual({
            'driver_volume_type': 'fibre_channel',
            'data': {
                'target_discovered': False,
                'target_wwn': targets, 'target_wwns': targets,
                'target_lun': 0x40114000,
                'target_luns': [0x40114000, 0x40114000],
                'initiator_target_map': {'c05076ffe5000000': targets,
                                         'c05076ffe5000010': targets},
                'discard': False, 'zvm_lun': '4011400000000000',
                'zvm_pool': 'zpool1', 'zvm_zhcp': 'zhcp1.example.com',
                'zvm_volume_id': fakes.VOLUME, 'zvm_generation': 1,
                'zvm_wwid': '6' + '0' * 31, 'zvm_bytes': 10 * 2 ** 30}},
            info)

    def test_json_types_only(self):
        info = self.driver.initialize_connection(self.volume,
                                                 fakes.connector())
        self.assertEqual(info, json.loads(json.dumps(info)))

    def test_the_disks_own_size_counts(self):
        self.pool.change(self._lun(), real=model.Capacity(10 * 2 ** 30 + 512))
        info = self.driver.initialize_connection(self.volume,
                                                 fakes.connector())
        self.assertEqual(10 * 2 ** 30 + 512, info['data']['zvm_bytes'])

    def test_one_request_and_no_change(self):
        before = dict(self.pool.luns)
        for _ in range(3):
            self.driver.initialize_connection(self.volume, fakes.connector())
        self.assertEqual(['look'] * 3, self.pool.calls)
        self.assertEqual(before, self.pool.luns)

    def test_again_while_this_instance_uses_it(self):
        self.pool.change(self._lun(), state='used', instance=fakes.INSTANCE)
        self.driver.initialize_connection(self.volume, fakes.connector())

    def test_used_by_another_instance(self):
        self.pool.change(self._lun(), state='used', instance=fakes.VOLUME,
                         userid='LNX00009', host='compute9')
        text = self._refused()
        for word in (fakes.VOLUME, 'LNX00009', 'compute9'):
            self.assertIn(word, text)

    def test_used_by_nobody_known(self):
        self.pool.change(self._lun(), state='used', node='vm1')
        self.assertIn('vm1', self._refused())

    def test_states_that_cannot_be_attached(self):
        for state in ('preparing', 'wiping', 'quarantined', 'freeing',
                      'lost', 'foreign'):
            self.pool.change(self._lun(), state=state, why='WWID differs')
            self.assertIn('quarantine' if state == 'quarantined' else state,
                          self._refused())

    def test_without_a_lun(self):
        self.volume.name_id = fakes.INSTANCE
        self.assertIn(fakes.INSTANCE, self._refused())

    def test_a_device_of_the_zhcp(self):
        text = self._refused(zvm_fcp=['3B0E', '3C00'])
        self.assertIn('3B0E', text)
        self.assertIn('zvm_zhcp_fcp_list', text)

    def test_a_device_outside_of_the_backends_list(self):
        text = self._refused(zvm_fcp=['3B00', '3C0F'])
        self.assertIn('3C0F', text)
        self.assertIn('zvm_fcp_list (3B00-3B0D;3C00-3C0D)', text)

    def test_a_device_outside_of_the_luns_range(self):
        self.pool.change(self._lun(),
                         ranges=model.DeviceRanges.parse('3B00-3B0F'))
        text = self._refused()
        self.assertIn('3C00', text)
        self.assertIn('3B00-3B0F', text)

    def test_a_lun_without_a_range(self):
        self.pool.change(self._lun(), ranges=model.DeviceRanges())
        self.assertIn('none', self._refused())

    def test_another_zhcp(self):
        self.assertIn('zhcp2.example.com',
                      self._refused(zvm_zhcp='zhcp2.example.com'))
        self.assertEqual([], self.pool.calls)

    def test_the_zhcp_is_down(self):
        self.pool.before['look'] = [exceptions.ZhcpDown('zhcp1 is down')]
        self.assertIn('zhcp1 is down', self._refused())

    def test_luns_as_numbers(self):
        place = self._lun()
        for text, number in (('4010400300000000', 0x40104003),
                             ('0001117000000000', 70000),
                             ('0011000000000000', 17)):
            self.pool.change(place, lun=model.Lun(text))
            data = self.driver.initialize_connection(
                self.volume, fakes.connector())['data']
            self.assertEqual((number, [number, number], text), (
                data['target_lun'], data['target_luns'], data['zvm_lun']))

    def test_a_lun_that_no_number_can_name(self):
        lun = self._lun()
        self.pool.change(lun, lun=model.Lun('4011400000000001'))
        self.assertIn('4011400000000001', self._refused())

    # terminate

    def test_terminate_asks_nobody(self):
        self.driver.terminate_connection(self.volume, fakes.connector(),
                                         force=False)
        self.assertEqual([], self.pool.calls)

    def test_terminate_never_changes_a_used_lun(self):
        self.pool.change(self._lun(), state='used', userid='LNX00001',
                         instance=fakes.INSTANCE, host='compute1')
        before = dict(self.pool.luns)
        for connector, force in ((None, False), (None, True),
                                 (fakes.connector(), True),
                                 (fakes.connector(), False), ({}, True)):
            self.driver.terminate_connection(self.volume, connector,
                                             force=force)
        self.assertEqual(before, self.pool.luns)
        self.assertIn('LNX00001', self.log.output)
        self.assertEqual(0, self.pool.count('release'))

    def test_forced_terminate_outlives_the_zhcp(self):
        self.pool.before['look'] = [exceptions.ZhcpDown('zhcp1 is down')]
        self.driver.terminate_connection(self.volume, None, force=True)
        self.assertIn('zhcp1 is down', self.log.output)

    def test_terminate_of_a_volume_without_a_lun(self):
        self.driver.terminate_connection(
            fakes.volume(1, fakes.INSTANCE), None, force=True)

    def test_exports_ask_nobody(self):
        self.assertIsNone(self.driver.create_export(None, self.volume, {}))
        self.assertIsNone(self.driver.ensure_export(None, self.volume))
        self.assertIsNone(self.driver.remove_export(None, self.volume))
        self.assertEqual([], self.pool.calls)


class AnythingTest(testtools.TestCase):
    """Whatever a client sends is parsed or refused, nothing else."""

    @hypothesis.settings(max_examples=300, deadline=None)
    @hypothesis.given(strategies.dictionaries(
        strategies.sampled_from(('host', 'wwpns') + connection.ZVM_KEYS),
        strategies.recursive(
            strategies.none() | strategies.booleans() | strategies.integers()
            | strategies.text(max_size=20),
            lambda inner: strategies.lists(inner, max_size=3)
            | strategies.dictionaries(strategies.text(max_size=3), inner,
                                      max_size=2))))
    def test_a_connector(self, changes):
        connector = dict(fakes.connector(), **changes)
        if connection.missing_keys(connector):
            return
        try:
            parsed = connection.Connector.parse(connector)
        except exceptions.InvalidValue:
            return
        self.assertRegex(parsed.host, r'\A[A-Za-z0-9_.:@#-]+\Z')
        self.assertTrue(parsed.devices and parsed.wwpns)
