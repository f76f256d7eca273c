# SPDX-License-Identifier: Apache-2.0
"""vmcp and smcli of the zHCP, as programs use them."""
from tests.functional.machine import base


class Zhcp(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('ZHCP1', '3B03')
        self.other = self.guest('LNX00001')

    def test_dedicate_from_the_shell_acts_on_the_running_guest(self):
        out = self.sh(self.node, '''
            PATH=$PATH:$ZVM_ROOT/opt/zhcp/bin
            smcli Image_Device_Dedicate_DM -T LNX00001 -v 3B01 -r 3B01 -R 0
            smcli Image_Device_Dedicate -T LNX00001 -v 3B01 -r 3B01 -R 0
            vmcp q 3b01
            smcli Image_Query_DM -T LNX00001 | grep DEDICATE''')
        self.assertIn("Dedicating device 3B01 to LNX00001's active "
                      'configuration... Done\n', out)
        self.assertIn('FCP  3B01 ATTACHED TO LNX00001 3B01', out)
        self.assertIn('DEDICATE 3B01 3B01\n', out)
        self.assertEqual('0.0.3b01\n', self.sh(
            self.other, 'ls sys/bus/ccw/devices'))

    def test_a_failure_has_status_1_and_codes_in_its_text(self):
        done = self.node.run('smcli Image_Device_Undedicate -T LNX00001 '
                             '-v 3B01')
        self.assertEqual(1, done.returncode)
        self.assertIn('  Return Code: 204\n  Reason Code: 8\n', done.stdout)

    def test_the_whole_directory_in_one_call(self):
        self.other.run('true')
        out = self.sh(self.node, 'smcli Query_All_DM -T ZHCP1 -k FORMAT=NO')
        entries = out.split('Directory Entry ID: ')[1:]
        self.assertEqual(['LNX00001', 'ZHCP1'],
                         [entry.split()[0] for entry in entries])
        self.assertIn('DEDICATE 3B03 3B03', entries[1])
        self.assertNotIn('DEDICATE', entries[0])

    def test_who_is_logged_on(self):
        self.lpar.guests['LNX00001'].power_off()
        done = self.node.run('vmcp q user LNX00001')
        self.assertEqual(1, done.returncode)
        self.assertEqual('HCPCQU045E LNX00001 not logged on\n', done.stdout)
        self.assertEqual('Error: non-zero CP response for command '
                         "'Q USER LNX00001': #45\n", done.stderr)
        self.assertIn('ZHCP1    - DSC', self.sh(
            self.node, 'vmcp q user zhcp1'))

    def test_a_plain_guest_sees_its_own_devices_only(self):
        self.assertEqual(1, self.other.run('vmcp q 3b03').returncode)
        self.assertEqual(1, self.other.run('vmcp q v fcp').returncode)
        self.assertIn('FCP  3B03 ON FCP   3B03 CHPID 50', self.sh(
            self.node, 'vmcp q v fcp'))
        self.assertEqual(127, self.other.run('smcli Image_Query_DM -T X')
                         .returncode)
