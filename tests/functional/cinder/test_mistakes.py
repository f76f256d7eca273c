# SPDX-License-Identifier: Apache-2.0
"""Each mistake of the set-up has a message of its own."""

import pathlib
import re
import socket

from tests.functional.cinder import base
from tests.functional.cinder import harness
from xcat_simulator import certificates

# All that the manual asks for, save the right to run programs on the zHCP.
_HARMLESS = ['rinv', 'lsdef', 'tabdump', 'mkdef', 'rmdef']

# Where a message says which back-end it is about.
_PREFIX = re.compile(r'(Section \[(\w+)\]|Back-end (\w+)(, zHCP [\w.]+)?): ')

# What the message of each mistake has; the first is in no other.
_WORDS = {
    'unreachable': ('No connection to the management node',
                    'zvm_xcat_server', 'httpd'),
    'certificate': ('certificate of the management node',
                    'zvm_ca_file', 'zvm_xcat_server'),
    'password': ('zvm_xcat_password', 'passwd'),
    'policy': ("'xdsh'", 'policy'),
    'nopool': ('zpool9', 'zvm_scsi_pool'),
    'nohost': ('host9', 'host1', 'host2', 'zvm_hypervisor'),
    'which': ('Which hypervisor', 'host1', 'host2', 'zvm_hypervisor'),
    'tool': ('flock', 'installed'),
    'idle': ('3C0F', 'zvm_zhcp_fcp_list'),
    'devices': ('zvm_zhcp_fcp_list is not set', 'wiped')}


class MistakesTest(base.ManagerTestCase):

    def world(self):
        world = super().world()
        world['users']['reader'] = {'password': 'secret',
                                    'policy': _HARMLESS}
        world['users']['openstack'] = {'password': 'secret',
                                       'policy': _HARMLESS + ['xdsh']}
        world['lpars']['host2']['zhcp']['linux'] = {
            'missing': ['flock', 'awk']}
        return world

    def _free_port(self):
        with socket.socket() as server:
            server.bind(('127.0.0.1', 0))
            return server.getsockname()[1]

    def _without_prefix(self, name, text):
        """The text without what tells even equal ones apart."""
        match = _PREFIX.match(text)
        self.assertIsNotNone(match, text)
        self.assertEqual(name, match[2] or match[3])
        return text[match.end():]

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
            'good': harness.section(1, zvm_xcat_username='openstack'),
        }
        found = self.run_scenario('mistakes', backends, ready=False)
        self.assertEqual({'initialized': True}, found.pop('good'))
        self.assertIn('zhcp2.example.com', found['tool']['text'])
        self.assertEqual('InvalidConfigurationValue',
                         found['devices']['class'])
        texts = {name: self._without_prefix(name, each['text'])
                 for name, each in found.items()}
        self.assertEqual(len(backends) - 1, len(set(texts.values())))
        for name, words in _WORDS.items():
            self.assertFalse(found[name]['initialized'], name)
            for word in words:
                self.assertIn(word, texts[name], name)
            self.assertNotIn('wrong-42', texts[name])
            self.assertEqual([name], [each for each, text in texts.items()
                                      if words[0] in text])

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


class TakersTest(base.ManagerTestCase):
    """A zHCP that would act upon what tenants have written on their LUNs."""

    # What the advice names, for each.
    words = {'lvm': ('global_filter', '/etc/lvm/lvmlocal.conf'),
             'md': ('AUTO -all', '/etc/mdadm.conf'),
             'multipath': ('systemctl disable --now multipathd',
                           '/etc/multipath.conf', 'devnode "^sd[a-z]"')}

    def world(self):
        world = super().world()
        del world['lpars']['host2']
        return world

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.simulator.node_folder('host1', 'ZHCP1'))

    def install_mdadm(self):
        program = self.folder / 'usr/sbin/mdadm'
        program.write_text('#!/bin/sh\nexit 1\n')
        program.chmod(0o755)

    def set_up(self):
        """What Cinder says of the back-end, or '' when it is set up."""
        found = self.run_scenario('mistakes', {'one': harness.section(1)},
                                  ready=False)['one']
        return '' if found['initialized'] else found['text']

    def assert_refused(self, *takers):
        text = self.set_up()
        self.assertIn('zhcp1.example.com', text)
        self.assertIn('by %s.' % ', '.join(takers), text)
        for taker, words in self.words.items():
            for word in words:
                self.assertEqual(taker in takers, word in text, word)

    def test_lvm(self):
        (self.folder / 'etc/lvm/lvmlocal.conf').unlink()
        self.assert_refused('lvm')
        # RHEL 9 does without a filter where it has a devices file
        devices = self.folder / 'etc/lvm/devices/system.devices'
        devices.parent.mkdir()
        devices.write_text('VERSION=1.1.1\n')
        self.assertEqual('', self.set_up())

    def test_md(self):
        self.install_mdadm()
        self.assert_refused('md')
        (self.folder / 'etc/mdadm.conf').write_text('AUTO -all\n')
        self.assertEqual('', self.set_up())

    def test_multipath(self):
        (self.folder / 'etc/multipath.conf').unlink()
        self.assert_refused('multipath')
        (self.folder / 'etc/multipath.conf').write_text(
            'defaults {\n    find_multipaths strict\n}\n')
        self.assertEqual('', self.set_up())

    def test_all_of_them(self):
        self.install_mdadm()
        for name in ('lvm/lvmlocal.conf', 'multipath.conf'):
            (self.folder / 'etc' / name).unlink()
        self.assert_refused('lvm', 'md', 'multipath')
