# SPDX-License-Identifier: Apache-2.0
"""What the options name, and how CP is believed."""

import dataclasses
import types
from unittest import mock

import fixtures
import testtools

from nova_zvm_volume.virt.zvm import platform
from zvm_common import conf
from zvm_common import exceptions
from zvm_common import model

SETTINGS = conf.settings(types.SimpleNamespace(
    zvm_xcat_server='127.0.0.1:1', zvm_xcat_username='admin',
    zvm_xcat_password='secret', zvm_fcp_list='3B00-3B0F'))
ON = 'ZVM00001 - DSC '
OFF = 'HCPCQU045E ZVM00001 not logged on'


class TestPlatform(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.platform = platform.Platform(SETTINGS, 'compute1')
        self.found = mock.Mock()
        self.found.zhcp_node = model.NodeName('zhcp1')
        self.found.zhcp_hostname = model.HostName('zhcp1.example.com')
        self.find = mock.patch.object(
            platform.hypervisor.Hypervisor, 'find',
            return_value=self.found).start()
        self.addCleanup(mock.patch.stopall)

    def says(self, stdout, stderr=''):
        self.found.zhcp.run.return_value = types.SimpleNamespace(
            stdout=stdout, stderr=stderr, ok=True)

    def test_nothing_is_asked_before_it_is_needed(self):
        self.find.assert_not_called()

    def test_the_lpar_is_looked_up_once_it_was_found(self):
        self.find.side_effect = [exceptions.MnUnreachable('down'),
                                 self.found]
        self.assertRaises(exceptions.MnUnreachable,
                          lambda: self.platform.hypervisor)
        for _ in range(3):
            self.assertIs(self.found, self.platform.hypervisor)
        self.assertEqual(2, self.find.call_count)

    def test_iucv_alone_needs_a_zhcp_that_can_call(self):
        self.says('ZHCP1    AT HOST1')
        for name, iucv, right in (('iucv', False, False), ('iucv', True, True),
                                  ('auto', False, True), ('ssh', False, True)):
            made = platform.Platform(dataclasses.replace(
                SETTINGS, guest_channel=name), 'compute1')
            with (mock.patch.object(
                    platform.zhcp.Zhcp, 'hello',
                    return_value=types.SimpleNamespace(iucv=iucv)),
                  mock.patch.object(platform.fcp.Devices, 'groups',
                                    return_value=((), {}, True))):
                if right:
                    made.check('host1')
                else:
                    error = self.assertRaises(exceptions.ToolMissing,
                                              made.check, 'host1')
                    self.assertIn('iucvclnt', str(error))
                    self.assertIn('zvm_guest_channel', str(error))

    def test_the_system_of_the_zhcp_must_be_the_connectors(self):
        with (mock.patch.object(platform.zhcp.Zhcp, 'hello'),
              mock.patch.object(platform.fcp.Devices, 'groups',
                                return_value=((), {}, True))):
            self.says('ZHCP1    AT HOST1')
            self.platform.check('host1')
            self.assertRaises(exceptions.ZhcpMismatch, self.platform.check,
                              'HOST2')
            for nonsense in ('', 'AT HOST1', 'HCPCMD001E Unknown CP command'):
                self.says(nonsense)
                self.assertRaises(exceptions.BadAnswer, self.platform.check,
                                  'HOST1')

    def told_of(self, fcp_list, chpids, directory=True):
        """What the log says of these devices at the start."""
        logger = self.useFixture(fixtures.FakeLogger())
        lpar = platform.Platform(dataclasses.replace(
            SETTINGS, fcp_groups=model.DeviceGroups.parse(fcp_list)),
            'compute1')
        self.says('ZHCP1    AT HOST1')
        with (mock.patch.object(platform.zhcp.Zhcp, 'hello'),
              mock.patch.object(platform.fcp.Devices, 'groups',
                                return_value=((), chpids, directory))):
            lpar.check('HOST1')
        return logger.output

    def test_groups_on_one_chpid_are_told(self):
        text = self.told_of('3B00-3B0F,3D00;3C00-3C0F', {
            '3B00': '50', '3C00': '51', '3D00': '51', '3E00': '50'})
        self.assertIn('Groups 3B00-3B0F,3D00 and 3C00-3C0F', text)
        self.assertIn('CHPID 51', text)
        self.assertNotIn('CHPID 50', text)

    def test_a_directory_that_smapi_does_not_show_is_told(self):
        self.assertIn('Query_All_DM', self.told_of('3B00', {}, False))
        self.assertNotIn('Query_All_DM', self.told_of('3B00', {}))
