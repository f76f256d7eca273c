# SPDX-License-Identifier: Apache-2.0
"""Set-up names the mistake."""

from cinder import exception

from tests.unit.cinder import base
from zvm_common import exceptions


class OptionsTest(base.DriverTestCase):

    def _refused(self, **changes):
        driver = self.make_driver(**changes)
        error = self.assertRaises(exception.InvalidConfigurationValue,
                                  driver.do_setup, None)
        self.assertIn('[zvmssio1]', str(error))
        return str(error)

    def test_each_needed_option_is_named(self):
        for name in ('zvm_xcat_server', 'zvm_xcat_username',
                     'zvm_xcat_password', 'zvm_scsi_pool',
                     'zvm_zhcp_fcp_list'):
            self.assertIn(name, self._refused(**{name: None}))

    def test_why_the_zhcp_needs_devices(self):
        self.assertIn('wiped by a job on the zHCP',
                      self._refused(zvm_zhcp_fcp_list=None))

    def test_a_device_of_zhcp_and_guests(self):
        self.assertIn('3B0E', self._refused(zvm_fcp_list='3B00-3B0F'))

    def test_hostile_values_are_shown_and_refused(self):
        for name, value in (('zvm_scsi_pool', 'zpool1;reboot'),
                            ('zvm_scsi_pool', '../zpool1'),
                            ('zvm_scsi_pool', '$(reboot)'),
                            ('zvm_scsi_pool', 'zpool1\nzpool2'),
                            ('zvm_hypervisor', 'all'),
                            ('zvm_hypervisor', 'host1,host2'),
                            ('zvm_hypervisor', '`id`'),
                            ('zvm_fcp_list', '3B00-3B0F;"'),
                            ('zvm_fcp_list', '3B00,'),
                            ('zvm_fcp_list', '3B00-3B0D;3B07,3C00'),
                            ('zvm_zhcp_fcp_list', '3B0E,3C0E'),
                            ('zvm_fcp_list', '3B0F-3B00'),
                            ('zvm_zhcp_fcp_list', '3BZZ')):
            text = self._refused(**{name: value})
            self.assertIn(name, text)
            self.assertIn(value.splitlines()[0], text)

    def test_the_password_is_never_shown(self):
        for value in ('sec\nret-42', ' secret-42', 'x' * 300 + 'secret-42'):
            self.assertNotIn('42', self._refused(zvm_xcat_password=value))

    def test_no_request_before_the_options_are_right(self):
        self.settings = None
        self._refused(zvm_scsi_pool='all')
        self.assertIsNone(self.settings)

    def test_a_partial_wipe_is_not_offered(self):
        self.make_driver(volume_clear='none').do_setup(None)
        self.assertIn('always wiped whole', self.log.output)

    def test_scope_names_the_backend(self):
        self.assertEqual('cinder:demo@zvmssio1', self.scope)


class MistakesTest(base.DriverTestCase):

    errors = (
        exceptions.MnUnreachable('mn.example.com:443 refused'),
        exceptions.CertificateError('mn.example.com: self-signed'),
        exceptions.AuthenticationFailed('401'),
        exceptions.HypervisorUnknown('The zvm table knows host1, host2'),
        exceptions.OutcomeUnknown('no answer'),
        exceptions.BadAnswer('HTML'),
        exceptions.NotPermitted('xdsh'), exceptions.ZhcpDown('zhcp1'),
        exceptions.ToolMissing('flock'), exceptions.PoolMissing('zpool1'),
        exceptions.PoolDamaged('line 3'), exceptions.DuplicateLun('4011'),
        exceptions.NoSpace('/var'), exceptions.LedgerFormat('2'),
        exceptions.LedgerDamaged('3 lines'))

    def _text(self, function, *args):
        return str(self.assertRaises(exception.VolumeBackendAPIException,
                                     function, *args))

    def test_connecting(self):
        for self.connect_error in self.errors:
            text = self._text(self.make_driver().do_setup, None)
            self.assertIn(str(self.connect_error), text)
            self.assertIn('zvmssio1', text)

    def test_the_program_on_the_zhcp(self):
        for self.zhcp.error in self.errors:
            self.assertIn(str(self.zhcp.error),
                          self._text(self.driver.check_for_setup_error))

    def test_the_pool(self):
        for error in self.errors:
            self.pool.before['check'] = [error]
            self.assertIn(str(error),
                          self._text(self.driver.check_for_setup_error))

    def test_a_device_that_the_zhcp_cannot_have(self):
        self.active.remove('3C0E')
        text = self._text(self.driver.check_for_setup_error)
        self.assertIn('no guest of z/VM LPAR host1 has: 3C0E', text)
        self.assertIn('zvm_zhcp_fcp_list', text)

    def test_a_zhcp_that_would_take_the_disks(self):
        self.zhcp.takers = ('lvm', 'multipath')
        text = self._text(self.driver.check_for_setup_error)
        for word in ('zhcp1.example.com', 'by lvm, multipath.',
                     'global_filter', '/etc/multipath.conf'):
            self.assertIn(word, text)
        self.assertEqual([], self.pool.calls)

    def test_all_well(self):
        self.assertIsNone(self.driver.check_for_setup_error())
        self.assertEqual(['check', 'sweep'], self.pool.calls)
