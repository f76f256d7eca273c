# SPDX-License-Identifier: Apache-2.0
"""Each mistake of the set-up has a message of its own."""

import socket

from tests.functional.cinder import base
from tests.functional.cinder import harness
from xcat_simulator import certificates

# What a back-end needs beside running programs on the zHCP.
_HARMLESS = ['lsdef', 'tabdump', 'rinv', 'rpower', 'lsvm', 'lsxcatd']


class MistakesTest(base.ManagerTestCase):

    def world(self):
        world = super().world()
        world['users']['reader'] = {'password': 'secret',
                                    'policy': _HARMLESS}
        host1, host2 = (world['lpars'][name] for name in ('host1', 'host2'))
        line = host1['pools']['zpool1'][0]
        host2['pools']['twice'] = [
            dict(line, wwpns=[wwpn], lun='40aa400000000000', count=1)
            for wwpn in ('5005076303aa0001', '5005076303aa0002')]
        host2['zhcp']['linux'] = {'missing': ['flock', 'awk']}
        return world

    def _free_port(self):
        with socket.socket() as server:
            server.bind(('127.0.0.1', 0))
            return server.getsockname()[1]

    def test_each_is_named(self):
        certificates.make(self.workdir)     # a CA of nobody
        backends = {
            'unreachable': harness.section(
                1, zvm_xcat_server='localhost:%d' % self._free_port()),
            'certificate': harness.section(
                1, zvm_ca_file=self.workdir + '/ca.pem'),
            'password': harness.section(1, zvm_xcat_password='wrong-42'),
            'policy': harness.section(1, zvm_xcat_username='reader'),
            'nopool': harness.section(1, zvm_scsi_pool='zpool9'),
            'nohost': harness.section(1, zvm_hypervisor='host9'),
            'which': harness.section(1, zvm_hypervisor=None),
            'tool': harness.section(2),
            'devices': harness.section(1, zvm_zhcp_fcp_list=None),
            'idle': harness.section(1, zvm_zhcp_fcp_list='3B0E;3C0F'),
            'good': harness.section(1),
        }
        found = self.run_scenario('mistakes', backends, ready=False)
        self.assertEqual({'initialized': True}, found.pop('good'))
        for name, words in {
                'unreachable': ('zvm_xcat_server',),
                'certificate': ('certificate',),
                'password': ('zvm_xcat_password',),
                'policy': ('xdsh', 'policy'),
                'nopool': ('zpool9', 'zvm_scsi_pool'),
                'nohost': ('host9', 'host1', 'host2'),
                'which': ('host1', 'host2', 'zvm_hypervisor'),
                'tool': ('flock', 'zhcp2.example.com'),
                'idle': ('zvm_zhcp_fcp_list', '3C0F'),
                'devices': ('zvm_zhcp_fcp_list', 'wiped')}.items():
            self.assertFalse(found[name]['initialized'], name)
            for word in words:
                self.assertIn(word, found[name]['text'], name)
            self.assertNotIn('wrong-42', found[name]['text'])
        self.assertEqual('InvalidConfigurationValue',
                         found['devices']['class'])
        self.assertEqual(len(found),
                         len({each['text'] for each in found.values()}))

    def test_the_zhcp_is_down(self):
        self.simulator.event(zhcp='down')
        found = self.run_scenario('mistakes', {'one': harness.section(1)},
                                  ready=False)
        self.assertFalse(found['one']['initialized'])
        self.assertIn('zhcp1.example.com', found['one']['text'])
        self.simulator.event(zhcp='up')
        found = self.run_scenario('mistakes', {'one': harness.section(1)})
        self.assertEqual({'one': {'initialized': True}}, found)


class TwiceTest(base.ManagerTestCase):

    def world(self):
        world = super().world()
        pools = world['lpars']['host1']['pools']
        line = pools['zpool1'][0]
        pools['zpool1'] = [
            dict(line, wwpns=[wwpn], count=1)
            for wwpn in ('5005076303aa0001', '5005076303aa0002')]
        return world

    def test_one_lun_on_two_lines(self):
        found = self.run_scenario('mistakes', {'one': harness.section(1)},
                                  ready=False)
        self.assertFalse(found['one']['initialized'])
        for word in ('two lines', '4011400000000000'):
            self.assertIn(word, found['one']['text'])
