# SPDX-License-Identifier: Apache-2.0
"""Options as an operator writes them."""

import types

import fixtures
from oslo_config import cfg
import testtools
import trustme

from tests.unit.common import hostile
from zvm_common import conf
from zvm_common import exceptions
from zvm_common import model

GOOD = {'zvm_xcat_server': 'mn.example.com', 'zvm_xcat_username': 'admin',
        'zvm_xcat_password': 's3cret', 'zvm_scsi_pool': 'zpool1'}


class ConfTest(testtools.TestCase):

    def section(self, opts=None, **options):
        """The group [zvm] of a configuration file with these options."""
        path = self.useFixture(fixtures.TempDir()).join('zvm.conf')
        with open(path, 'w', encoding='utf-8') as stream:
            stream.write('[zvm]\n')
            for name, value in options.items():
                stream.write('%s = %s\n' % (name, value))
        made = cfg.ConfigOpts()
        made.register_opts(opts or conf.common_opts + conf.cinder_opts,
                           group='zvm')
        made(['--config-file', path], default_config_dirs=[])
        return made.zvm

    def settings(self, **changes):
        return conf.settings(self.section(**(GOOD | changes)))

    def refused(self, option, value, **more):
        error = self.assertRaises(exceptions.ConfigurationError,
                                  self.settings, **{option: value} | more)
        self.assertIn(option, str(error))
        return str(error)


class SettingsTest(ConfTest):

    def test_defaults(self):
        found = self.settings()
        self.assertEqual(
            (model.Server('mn.example.com'), 'admin', 's3cret',
             model.PoolName('zpool1'), None, None, 0, 0, 2, 100, False, 10,
             600, 86400),
            (found.server, found.username, found.password, found.pool,
             found.ca_file, found.hypervisor, len(found.fcp_list),
             len(found.zhcp_fcp_list), found.paths,
             found.max_oversize_percent, found.trust_free_luns,
             found.connect_timeout, found.read_timeout, found.job_timeout))

    def test_all_that_cinder_sets(self):
        ca_file = self.useFixture(fixtures.TempDir()).join('ca.pem')
        trustme.CA().cert_pem.write_to_path(ca_file)
        found = self.settings(
            zvm_xcat_server='MN:8443', zvm_hypervisor='host1',
            zvm_ca_file=ca_file, zvm_fcp_list='3B00-3B0F;3C00',
            zvm_zhcp_fcp_list='3BFE', zvm_max_oversize_percent='0',
            zvm_trust_free_luns='true', zvm_xcat_connect_timeout='3',
            zvm_xcat_read_timeout='60', zvm_job_timeout='1000')
        self.assertEqual(
            ('mn', 8443, model.NodeName('host1'), ca_file, '3B00-3B0F;3C00',
             '3BFE', 0, True, 3, 60, 1000),
            (found.server.host, found.server.port, found.hypervisor,
             found.ca_file, str(found.fcp_list), str(found.zhcp_fcp_list),
             found.max_oversize_percent, found.trust_free_luns,
             found.connect_timeout, found.read_timeout, found.job_timeout))

    def test_nova_has_paths_and_no_pool(self):
        options = {k: v for k, v in GOOD.items() if k != 'zvm_scsi_pool'}
        found = conf.settings(self.section(
            conf.common_opts + conf.nova_opts, zvm_paths='4', **options))
        self.assertEqual((4, None), (found.paths, found.pool))

    def test_any_object_with_the_options_will_do(self):
        found = conf.settings(types.SimpleNamespace(**GOOD))
        self.assertEqual(600, found.read_timeout)

    def test_required_options(self):
        for option in GOOD:
            self.assertIn('is not set', self.refused(option, ''))
            section = self.section(**{k: v for k, v in GOOD.items()
                                      if k != option})
            error = self.assertRaises(exceptions.ConfigurationError,
                                      conf.settings, section)
            self.assertIn(option, str(error))

    def test_hostile_values(self):
        for option, good in (('zvm_scsi_pool', 'zpool1'),
                             ('zvm_hypervisor', 'host1'),
                             ('zvm_fcp_list', '3B00-3B0F'),
                             ('zvm_zhcp_fcp_list', '3B00'),
                             ('zvm_stream_address', '10.1.0.5'),
                             ('zvm_stream_ports', '50000-50063'),
                             ('zvm_zhcp_address', '10.1.0.9'),
                             ('zvm_xcat_server', 'mn.example.com')):
            for bad in list(hostile.spoilt(good)) + ['all', 'a,b', '../x']:
                if bad == 'all' and option in ('zvm_xcat_server',
                                               'zvm_stream_address'):
                    continue
                error = self.assertRaises(
                    exceptions.ConfigurationError, conf.settings,
                    types.SimpleNamespace(**GOOD | {option: bad}))
                self.assertIn(option, str(error))
                self.assertTrue(str(error).isprintable())

    def test_wrong_values_are_shown_with_their_rule(self):
        for option, bad, rule in (
                ('zvm_xcat_server', 'https://mn.example.com', 'HOST:PORT'),
                ('zvm_scsi_pool', 'Pool1', 'lower-case'),
                ('zvm_fcp_list', '3B0F-3B00', 'first not above last'),
                ('zvm_max_oversize_percent', '-1', '0'),
                ('zvm_xcat_connect_timeout', '0', '1'),
                ('zvm_xcat_read_timeout', 'soon', 'int'),
                ('zvm_trust_free_luns', 'perhaps', 'boolean')):
            text = self.refused(option, bad)
            self.assertIn(rule, text)
            self.assertIn(bad, text + ' -1 0 ')

    def test_where_images_come_and_go(self):
        found = self.settings()
        self.assertEqual((None, (0, 0), None), (
            found.stream_address, found.stream_ports, found.zhcp_address))
        found = self.settings(zvm_stream_address='Cinder1.example.com',
                              zvm_stream_ports='50000-50063',
                              zvm_zhcp_address='FD00:0::9')
        self.assertEqual(
            ('cinder1.example.com', (50000, 50063), 'fd00::9'),
            (str(found.stream_address), found.stream_ports,
             str(found.zhcp_address)))

    def test_addresses_and_ports_that_no_stream_can_have(self):
        for option, bad in (('zvm_stream_address', '10.1.0.5:443'),
                            ('zvm_stream_address', '0.0.0.0'),
                            ('zvm_stream_address', '10.1.0.256'),
                            ('zvm_stream_address', 'https://cinder1'),
                            ('zvm_zhcp_address', 'zhcp1'),
                            ('zvm_zhcp_address', '::'),
                            ('zvm_stream_ports', '50000'),
                            ('zvm_stream_ports', '443-500'),
                            ('zvm_stream_ports', '50063-50000'),
                            ('zvm_stream_ports', '60000-70000')):
            self.assertIn(bad, self.refused(option, bad))

    def test_nobody_is_given_the_zhcps_own_devices(self):
        text = self.refused('zvm_fcp_list', '3B00-3B0F;3C00',
                            zvm_zhcp_fcp_list='3B0E-3BFF')
        self.assertIn('3B0E-3B0F', text)

    def test_fcp_devices_are_one_group_a_path(self):
        found = self.settings(zvm_fcp_list='3b00-3B0F,3B20;3C00')
        self.assertEqual(['3B00-3B0F;3B20', '3C00'],
                         [str(group) for group in found.fcp_groups])
        self.assertEqual(18, len(found.fcp_list))

    def test_a_device_is_in_one_group(self):
        text = self.refused('zvm_fcp_list', '3B00-3B0F;3C00,3B07-3B08')
        self.assertIn('3B07-3B08 in more than one group', text)

    def test_a_ca_file_that_cannot_be_read(self):
        folder = self.useFixture(fixtures.TempDir())
        for name, content in (('empty.pem', ''), ('text.pem', 'hello'),
                              ('half.pem', '-----BEGIN CERTIFICATE-----')):
            with open(folder.join(name), 'w', encoding='ascii') as stream:
                stream.write(content)
            self.assertIn(name, self.refused('zvm_ca_file',
                                             folder.join(name)))
        for path in (folder.path, folder.join('missing.pem'), '/\0'):
            section = types.SimpleNamespace(**GOOD | {'zvm_ca_file': path})
            self.assertRaises(exceptions.ConfigurationError, conf.settings,
                              section)


class SecretTest(ConfTest):

    def test_the_password_is_in_no_message_and_no_repr(self):
        for bad in ('s3cret\u20ac', 's3cret\x01', 's3cret' * 50):
            self.assertNotIn('s3cret', self.refused('zvm_xcat_password',
                                                    bad))
        self.assertNotIn('s3cret', repr(self.settings()))

    def test_a_dollar_is_written_twice(self):
        self.assertEqual('a$b', self.settings(
            zvm_xcat_password='a$$b').password)
        self.assertIn('$$', self.refused('zvm_xcat_password', 'a$b'))

    def test_a_password_in_the_server_is_not_repeated(self):
        self.assertNotIn('s3cret', self.refused(
            'zvm_xcat_server', 'https://admin:s3cret@mn.example.com'))


class HelpTest(testtools.TestCase):

    def test_every_option_is_explained_and_named_alike(self):
        options = conf.common_opts + conf.cinder_opts + conf.nova_opts
        names = [option.name for option in options]
        self.assertEqual(sorted(set(names)), sorted(names))
        for option in options:
            self.assertTrue(option.name.startswith('zvm_'))
            self.assertTrue(option.help.strip().endswith('.'))
            self.assertEqual('password' in option.name, option.secret)
