# SPDX-License-Identifier: Apache-2.0
"""z/VM: directory and active configuration, SMAPI's codes, CP's texts."""
import tempfile

import testtools

from xcat_simulator.machine import lpar
from xcat_simulator.machine import model

ENTRY = 'USER %s XXXX 2G 4G G\nINCLUDE LNXDFLT\nMACHINE ESA 32\n'


class LparTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        devices = [model.FcpDevice('3B20', '50', '20076d8500005181',
                                   'c05076ffe5000020'),
                   model.FcpDevice('3B21', '50', '20076d8500005181'),
                   model.FcpDevice('3B22', '50', '20076d8500005181',
                                   status='active'),
                   model.FcpDevice('3B3C', '50', '20076d8500005181',
                                   status='offline')]
        self.lpar = lpar.Lpar('host1', tempfile.gettempdir(), devices, [])
        self.addCleanup(self.lpar.close)
        for userid in ('ZHCP1', 'LNX00001', 'LNX00002', 'LNX00003'):
            guest = self.lpar.define(userid, ENTRY % userid)
            if userid != 'LNX00003':
                guest.power_on()

    def smapi(self, function, userid, *devices, **arguments):
        answer = self.lpar.smapi(function, userid, *devices, **arguments)
        return answer.rc, answer.rs

    def dedicate(self, userid, device='3B20'):
        return [self.smapi(function, userid, device, device)
                for function in ('Image_Device_Dedicate_DM',
                                 'Image_Device_Dedicate')]

    def undedicate(self, userid, device='3B20'):
        return [self.smapi(function, userid, device)
                for function in ('Image_Device_Undedicate_DM',
                                 'Image_Device_Undedicate')]


class Smapi(LparTest):

    def test_dedicate_changes_directory_and_active_configuration(self):
        self.assertEqual([(0, 0), (0, 0)], self.dedicate('LNX00001'))
        guest = self.lpar.guests['LNX00001']
        self.assertTrue(guest.directory.endswith('DEDICATE 3B20 3B20\n'))
        self.assertEqual('LNX00001', self.lpar.devices['3B20'].owner)
        self.assertEqual(['3B20'], list(guest.active_devices))

    def test_a_repeat_is_already_defined(self):
        self.dedicate('LNX00001')
        self.assertEqual([(404, 4), (204, 4)], self.dedicate('LNX00001'))

    def test_a_busy_device_gets_the_directory_half(self):
        self.dedicate('LNX00001')
        self.assertEqual([(0, 0), (204, 8)], self.dedicate('LNX00002'))
        self.assertIn('DEDICATE 3B20 3B20',
                      self.lpar.guests['LNX00002'].directory)

    def test_busy_offline_and_unknown_devices_are_not_available(self):
        for device in ('3B22', '3B3C', '9999'):
            self.assertEqual([(0, 0), (204, 8)],
                             self.dedicate('LNX00001', device))

    def test_a_guest_that_is_off_has_no_active_half(self):
        self.assertEqual([(0, 0), (200, 12)], self.dedicate('LNX00003'))

    def test_an_unknown_user(self):
        self.assertEqual([(400, 4), (400, 4)], self.dedicate('NOBODY'))
        self.assertEqual((400, 4), self.smapi('Image_Query_DM', 'NOBODY'))

    def test_undedicate_and_again(self):
        self.dedicate('LNX00001')
        self.assertEqual([(0, 0), (0, 0)], self.undedicate('LNX00001'))
        self.assertEqual([(404, 8), (204, 8)], self.undedicate('LNX00001'))
        self.assertEqual(model.FREE, self.lpar.devices['3B20'].status)

    def test_texts_are_the_recorded_ones(self):
        self.dedicate('LNX00001')
        answer = self.lpar.smapi('Image_Device_Dedicate', 'LNX00002',
                                 vdev='3B20', rdev='3B20')
        self.assertEqual(
            "Dedicating device 3B20 to LNX00002's active configuration... "
            'Failed\n  Return Code: 204\n  Reason Code: 8\n  Description: '
            'Image device busy or not available\n', answer.text)
        answer = self.lpar.smapi('Image_Device_Undedicate_DM', 'LNX00001',
                                 vdev='3B20')
        self.assertEqual("Deleting dedicated device from LNX00001's "
                         'directory entry... Done\n', answer.text)

    def test_a_function_fails_until_told_otherwise(self):
        self.lpar.smapi_fail('Image_Device_Dedicate_DM', '596', '3619',
                             'Internal directory manager error')
        self.assertEqual([(596, 3619), (0, 0)], self.dedicate('LNX00001'))
        self.lpar.smapi_fail('', 0, 0, '')
        self.assertEqual((0, 0), self.dedicate('LNX00001')[0])

    def test_the_directory_entry_ends_with_an_empty_line(self):
        text = self.lpar.smapi('Image_Query_DM', 'LNX00001').text
        self.assertEqual(ENTRY % 'LNX00001' + '\n', text)

    def test_ipl_and_loaddev_are_replaced(self):
        for target in ('3B20', '3B21'):
            self.smapi('Image_IPL_Set_DM', 'LNX00001', saved=target)
            self.smapi('Image_SCSI_Characteristics_Define_DM', 'LNX00001',
                       portname='5005076303000001', lun='4011400000000000')
        entry = self.lpar.guests['LNX00001'].directory
        self.assertEqual(1, entry.count('IPL 3B21'))
        self.assertNotIn('IPL 3B20', entry)
        self.assertEqual(1, entry.count('LOADDEV PORTNAME 5005076303000001'))

    def test_the_fcp_devices(self):
        text = self.lpar.wwpn_query_text()
        self.assertEqual(20, len(text.splitlines()))
        self.assertIn('FCP device number: 3B21\n  Status: Free\n'
                      '  NPIV world wide port number: NONE\n'
                      '  Channel path ID: 50\n  Physical world wide port '
                      'number: 20076d8500005181\n', text)


class Power(LparTest):

    def test_logon_takes_what_the_directory_dedicates_and_is_free(self):
        self.dedicate('LNX00001', '3B21')
        self.dedicate('LNX00003', '3B20')
        self.dedicate('LNX00003', '3B21')
        guest = self.lpar.guests['LNX00003']
        guest.power_on()
        self.assertEqual(['3B20'], list(guest.active_devices))

    def test_logoff_frees_and_the_directory_keeps(self):
        self.dedicate('LNX00001')
        guest = self.lpar.guests['LNX00001']
        guest.power_off()
        self.assertEqual(model.FREE, self.lpar.devices['3B20'].status)
        self.assertIn('DEDICATE', guest.directory)

    def test_a_pending_logoff_holds_its_devices(self):
        self.dedicate('LNX00001')
        guest = self.lpar.guests['LNX00001']
        guest.power_off(pending=True)
        self.assertEqual('off', guest.power)
        self.assertEqual(361, self.lpar.cp('ZHCP1', 'q user lnx00001')[0])
        self.assertIn('ATTACHED', self.lpar.cp('ZHCP1', 'q 3b20')[1])
        guest.finish_logoff()
        self.assertEqual(45, self.lpar.cp('ZHCP1', 'q user lnx00001')[0])
        self.assertIn('FREE', self.lpar.cp('ZHCP1', 'q 3b20')[1])


class Cp(LparTest):

    def test_devices_as_the_zhcp_sees_them(self):
        self.dedicate('LNX00001')
        for command, code, text in (
                ('q 3b20', 0, 'FCP  3B20 ATTACHED TO LNX00001 3B20 CHPID 50'
                 '\n     WWPN C05076FFE5000020\n'),
                ('q 3b21', 0, 'FCP  3B21 FREE\n'),
                ('query fcp 3b3c', 0, 'FCP  3B3C OFFLINE\n'),
                ('q fcp free', 0, 'FCP  3B21 FREE\n'),
                ('q 9999', 40, 'HCPQDD040E Device 9999 does not exist\n'),
                ('q fcp attached lnx00002', 40,
                 'HCPQDV040E Device FCP does not exist\n')):
            self.assertEqual((code, text), self.lpar.cp('ZHCP1', command))

    def test_users(self):
        self.assertEqual((0, 'LNX00001 - DSC \n'),
                         self.lpar.cp('ZHCP1', 'q user lnx00001'))
        for userid in ('LNX00003', 'NOBODY'):
            self.assertEqual(
                (45, 'HCPCQU045E %s not logged on\n' % userid),
                self.lpar.cp('ZHCP1', 'q user ' + userid))
        self.assertEqual((0, 'ZHCP1    AT HOST1\n'),
                         self.lpar.cp('ZHCP1', 'q userid'))

    def test_a_plain_guest_has_no_right_to_real_devices(self):
        self.assertEqual(3, self.lpar.cp('LNX00001', 'q 3b20')[0])
        self.assertEqual(1, self.lpar.cp('LNX00001', 'xautolog y')[0])
