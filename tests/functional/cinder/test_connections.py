# SPDX-License-Identifier: Apache-2.0
"""attachment_update and attachment_delete through the real manager."""

from tests.functional.cinder import base


class ConnectionTest(base.ManagerTestCase):

    def test_attachment(self):
        result = self.run_scenario(
            'attach_detach', backend='zvmssio1', instance=base.INSTANCE,
            userid='LNX00001')
        info, connector = result['info'], result['connector']
        self.assertEqual('fibre_channel', info['driver_volume_type'])
        self.assertEqual('rw', info['access_mode'])
        self.assertEqual(['5005076303001001', '5005076303001002'],
                         info['target_wwns'])
        self.assertEqual(set(connector['wwpns']),
                         set(info['initiator_target_map']))
        self.assertEqual(2, len(connector['wwpns']))
        for lun in info['target_luns']:
            self.assertEqual(int(info['zvm_lun'][:8], 16), lun)
        self.assertEqual(2 ** 30, info['zvm_bytes'])
        for key, value in result['again']['data'].items():
            self.assertEqual(value, info[key])
        self.assertTrue(result['gone'])

    def test_a_used_lun_is_never_changed_by_cinder(self):
        result = self.run_scenario(
            'used', backend='zvmssio1', instance=base.INSTANCE,
            userid='LNX00001', node='guest1')
        self.assertEqual(['used', 'used'],
                         [result['state'], result['after_force']])
        self.assertIn(base.INSTANCE, result['other']['text'])
        self.assertEqual('VolumeIsBusy', result['busy']['class'])
        for word in ('LNX00001', 'compute1', base.INSTANCE):
            self.assertIn(word, result['busy']['text'])
        self.assertEqual('available', result['volume']['status'])
        self.assertTrue(result['gone'])
        self.assertEqual(['free'] * 10, self.statuses())

    def test_refused_in_words(self):
        result = self.run_scenario(
            'connection_refused', backend='zvmssio1', other='zvmssio2',
            instance=base.INSTANCE, userid='LNX00003')
        self.assertEqual('InvalidInput', result['other']['class'])
        for word in ('zhcp1.example.com', 'zhcp2.example.com', 'host1',
                     'host2', 'volume type'):
            self.assertIn(word, result['other']['text'])
        self.assertEqual('InvalidInput', result['generic']['class'])
        self.assertIn('c05076ffe5000000 of host cinder1 is that of no FCP '
                      'device which a guest of z/VM LPAR host1 has',
                      result['generic']['text'])
        self.assertEqual(['free'] * 10, self.statuses())
