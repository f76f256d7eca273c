# SPDX-License-Identifier: Apache-2.0
"""LOADDEV and IPL of a guest whose root is a LUN, in three shells."""

from tests.unit.remote import base
from tests.unit.remote import local
from tests.unit.remote import test_cut_off
from zvm_common import exceptions

GUEST = 'VM00001'
OTHER_PORT = '5005076303000002'
BOTH = local.PORT + ';' + OTHER_PORT


class IplTest(test_cut_off.CutBase):

    def setUp(self):
        super().setUp()
        self.instance = base.new()
        # between two questions to CP
        self.node.tool('sleep', local.IDLE)
        self.node.pool('zpool1', base.line(0, port=BOTH))
        self.node.guest_off(GUEST)
        self.lun = self.attach(self.claim(), self.instance, off=True)
        self.held = [str(device) for device in self.lun.devices]

    def ipl(self, device='3B00', port=local.PORT, **changes):
        given = dict(volume_id=self.lun.volume_id, device=device, wwpn=port,
                     generation=self.lun.generation,
                     instance_uuid=self.instance)
        given.update(changes)
        return self.devices.ipl(**given)

    def statements(self):
        return [text for text in self.directory().splitlines()
                if text.startswith(('IPL', 'LOADDEV'))]

    def expected(self, device, port):
        return ['LOADDEV PORTNAME ' + port,
                'LOADDEV LUN %s' % self.lun.lun, 'IPL ' + device]

    def look(self):
        return self.pool.look(self.lun.volume_id)

    def smapi_lies(self, function):
        """It says Done, and does nothing."""
        self.node.tool('smcli', 'case $1 in %s) echo "$1... Done"; exit ;; '
                       'esac\n%s' % (function, local.SMCLI))

    def test_both_statements_are_written_and_remembered(self):
        lun = self.ipl()
        self.assertEqual(self.expected('3B00', local.PORT),
                         self.statements())
        self.assertEqual(('3B00', local.PORT), tuple(map(str, lun.ipl)))
        self.assertEqual(lun.ipl, self.look().ipl)
        self.assertEqual(self.lun.generation, lun.generation)

    def test_the_next_path_takes_the_place_of_the_first(self):
        self.ipl()
        lun = self.ipl('3C00', OTHER_PORT)
        self.assertEqual(self.expected('3C00', OTHER_PORT),
                         self.statements())
        self.assertEqual(('3C00', OTHER_PORT), tuple(map(str, lun.ipl)))

    def test_what_is_right_is_left_alone(self):
        self.ipl()
        for function in ('IPL_Set_DM', 'SCSI_Characteristics_Define_DM'):
            self.node.write('fail/Image_' + function, '400 4\n')
        self.ipl()

    def test_other_ways_to_write_it_are_known(self):
        entry = 'USER VM00001 XXX\nIPL 0x3b00 PARM x\n%s' % ''.join(
            'DEDICATE %s %s\n' % (d, d) for d in self.held)
        lun = str(self.lun.lun)
        for text in ('LOADDEV PORTNAME %s LUN %s' % (local.PORT, lun.upper()),
                     'LOADDEV PORT 0x%s\nLOADDEV BOOTPROG 0 LUN %s %s'
                     % (local.PORT, lun[:8], lun[8:])):
            self.node.write('directory/' + GUEST, entry + text + '\n')
            self.node.write('fail/Image_IPL_Set_DM', '400 4\n')
            self.ipl()

    def test_a_guest_that_runs_is_refused(self):
        self.node.guest_back(GUEST)
        error = self.assertRaises(exceptions.LunBusy, self.ipl)
        self.assertIn('not logged off', str(error))
        self.assertEqual([], self.statements())
        self.assertIsNone(self.look().ipl)

    def test_another_attachment_is_refused(self):
        self.assertRaises(exceptions.StaleGeneration, self.ipl,
                          generation=self.lun.generation - 1)
        self.assertRaises(exceptions.StaleGeneration, self.ipl,
                          instance_uuid=base.new())
        self.assertRaises(exceptions.VolumeUnknown, self.ipl,
                          volume_id=base.new())
        self.assertEqual([], self.statements())

    def test_a_path_that_it_does_not_have_is_refused(self):
        self.assertRaises(exceptions.NoFcpDevice, self.ipl, '3B01')
        self.assertRaises(exceptions.NoFcpDevice, self.ipl,
                          port='5005076303000009')
        self.node.write('directory/' + GUEST, 'USER VM00001 XXX\n')
        error = self.assertRaises(exceptions.NoFcpDevice, self.ipl)
        self.assertIn('not in the directory entry', str(error))
        self.assertIsNone(self.look().ipl)

    def test_two_devices_joined_are_none(self):
        self.assertRaises(exceptions.InvalidValue, self.ipl, '3B00;3C00')
        self.assertRaises(exceptions.InvalidValue, self.ipl, port=BOTH)
        for device, port in (('3B00;3C00', local.PORT), ('3B00', BOTH)):
            self.assertRaises(
                exceptions.ZvmError, self.node.zhcp.call, 'ipl',
                self.lun.volume_id, self.lun.generation, self.instance,
                device, port)
        self.assertEqual([], self.statements())

    def test_what_smapi_refuses_is_told(self):
        for function in ('SCSI_Characteristics_Define_DM', 'IPL_Set_DM'):
            self.node.write('fail/Image_' + function, '400 8\n')
            error = self.assertRaises(exceptions.SmapiFailed, self.ipl)
            self.assertIn(function, str(error))
            self.node.write('fail/Image_' + function, '0 0\n')
            self.node.tool('smcli', local.SMCLI)
            self.unfail(function)

    def unfail(self, function):
        self.node.run('rm "$ZVM_ROOT/fail/Image_%s"' % function)

    def test_what_smapi_says_is_not_believed(self):
        for function, device in (
                ('Image_SCSI_Characteristics_Define_DM', '3B00'),
                ('Image_IPL_Set_DM', '3C00')):
            self.smapi_lies(function)
            error = self.assertRaises(exceptions.SmapiFailed, self.ipl,
                                      device)
            self.assertIn('after SMAPI said so', str(error))
        self.node.tool('smcli', local.SMCLI)
        self.ipl()

    def test_cut_off_anywhere_it_is_done_by_the_next_one(self):
        for number in range(1, 20):
            self.ipl('3C00', OTHER_PORT)
            cut = self.was_cut_at(number, self.ipl)
            self.ipl()
            self.assertEqual(self.expected('3B00', local.PORT),
                             self.statements())
            if not cut:
                return
        self.fail('it never ends')

    def test_a_volume_that_leaves_a_guest_is_not_loaded_any_more(self):
        self.ipl()
        self.devices.detach(self.lun.volume_id, self.lun.generation,
                            self.instance)
        self.assertNotIn('IPL 3B00', self.statements())
        self.assertEqual(('ours', None), (self.look().state, self.look().ipl))

    def test_what_else_the_guest_loads_stays(self):
        self.ipl()
        entry = self.directory().replace('IPL 3B00', 'IPL 0100')
        self.node.write('directory/' + GUEST, entry)
        self.devices.detach(self.lun.volume_id, self.lun.generation,
                            self.instance)
        self.assertIn('IPL 0100', self.statements())

    def test_with_the_guest_all_is_gone(self):
        self.ipl()
        self.node.run('rm "$ZVM_ROOT/directory/%s"' % GUEST)
        self.devices.let_go(self.lun.volume_id, self.lun.generation,
                            self.instance)
        self.assertEqual(('ours', None), (self.look().state, self.look().ipl))
