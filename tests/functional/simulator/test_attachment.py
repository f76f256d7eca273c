# SPDX-License-Identifier: Apache-2.0
"""chvm --addzfcp and --removezfcp beyond the recordings."""

from unittest import mock

from tests.functional.simulator import mn
from xcat_simulator.mn import onvm

LINE = 'free,%s,%s,10G,3B00-3B3F,,,' % (mn.W1, mn.LUN)
TWO = 'free,%s;%s,%s,10G,3B00-3B3F,,,' % (mn.W1, mn.W2, mn.LUN)
RHEL = 'ID="rhel"\nVERSION="7.2 (Maipo)"\n'
SLES = 'ID="sles"\nVERSION="12-SP4"\n'
UBUNTU = 'ID=ubuntu\nVERSION="22.04.1 LTS (Jammy Jellyfish)"\n'
ENTRY = "%s: Dedicating device %s to %s's directory entry... Done\n"
ACTIVE = "%s: Dedicating device %s to %s's active configuration... Done\n"


def dedicated(node, device, userid):
    """What the client prints for --dedicatedevice."""
    return ''.join(text % (node, device, userid) + '\n'
                   for text in (ENTRY, ACTIVE))


class AttachmentCase(mn.MNCase):
    """guest1 is reached by ssh, as the zvm table says."""

    release = None

    def setUp(self):
        super().setUp()
        self.world.nodes.set_column('guest1', 'status', 'SSH=1')
        if self.release:
            self.world.local.files['/etc/os-release'] = self.release


class HopsTest(AttachmentCase):
    """As many ssh hops as were counted on a real management node."""

    def test_first_volume_second_volume_and_away(self):
        self.pool('p', LINE, LINE.replace(mn.LUN, mn.OTHER))
        self.chvm('guest1', '--addzfcp p auto 0 5G')
        self.assertEqual(25, self.hops)
        self.chvm('guest1', '--addzfcp p auto 0 5G t %s %s'
                  % (mn.W1, mn.OTHER))
        self.assertEqual(17, self.hops)
        self.chvm('guest1', '--removezfcp 3B00 %s %s' % (mn.W1, mn.LUN))
        self.assertEqual(16, self.hops)

    def test_most_hops(self):
        """RHEL, two devices, one of them new, two ports: four paths."""
        self.world.local.files['/etc/os-release'] = RHEL
        self.pool('p', TWO)
        self.chvm('guest1', '--dedicatedevice 3B05 3B05 0')
        self.chvm('guest1', '--addzfcp p 3B05;3B06 0 5G')
        self.assertEqual(45, self.hops)
        self.chvm('guest1', '--removezfcp 3B05;3B06 %s;%s %s'
                  % (mn.W1, mn.W2, mn.LUN))
        self.assertEqual(36, self.hops)

    def test_dedicating(self):
        self.chvm('guest1', '--dedicatedevice 3B05 3B05 0')
        self.assertEqual(4, self.hops)
        self.chvm('guest1', '--undedicatedevice 3B05')
        self.assertEqual(4, self.hops)

    def test_power_and_dsh(self):
        self.texts('rpower', 'guest1', 'stat')
        self.assertEqual(1, self.hops)
        self.elements('xdsh', 'guest1', 'true')
        self.assertEqual(2, self.hops)


class MultipathTest(AttachmentCase):

    def test_two_devices_and_two_ports_make_four_paths(self):
        self.pool('p', TWO)
        texts = self.chvm('guest1', '--addzfcp p 3B05;3B06 0 5G')
        both = '%s;%s' % (mn.W1, mn.W2)
        self.assertEqual(
            ['guest1: Found FCP device 0x%s/0x%s' % (both, mn.LUN),
             dedicated('guest1', '3B05', 'LNX00001'),
             dedicated('guest1', '3B06', 'LNX00001'),
             'guest1: Configuring FCP device to be persistent... Done',
             'guest1: Adding zFCP device 3B05;3B06/%s/%s... Done'
             % (both, mn.LUN)], texts)
        self.assertEqual(
            ['used,%s,%s,10G,3B00-3B3F,guest1,3B05;3B06,' % (both, mn.LUN)],
            self.lines('p'))
        sent = ['%s/%s' % (device, wwpn) for device in ('3b05', '3b06')
                for wwpn in (mn.W1, mn.W2)]
        self.assertEqual(sent, self.units('add'))

    def units(self, verb):
        """device/WWPN of each write to unit_add or unit_remove."""
        return self.written[verb]

    def setUp(self):
        super().setUp()
        self.written = {'add': [], 'remove': []}
        execute = onvm.Guest.execute

        def noted(guest, command, say=None):
            for verb, found in self.written.items():
                if command.endswith('unit_' + verb):
                    path = command.split('/')
                    found.append('%s/%s' % (path[-3][4:], path[-2][2:]))
            return execute(guest, command, say)
        self.useFixture(mn.fixtures.MonkeyPatch(
            'xcat_simulator.mn.onvm.Guest.execute', noted))

    def test_the_whole_list_goes_away(self):
        self.pool('p', TWO.replace('free', 'used').replace(
            ',,,', ',guest1,3B05;3B06,'))
        texts = self.chvm('guest1', '--removezfcp 3B05;3B06 %s;%s %s'
                          % (mn.W1, mn.W2, mn.LUN))
        self.assertEqual('guest1: De-configuring FCP device on host... Done',
                         texts[-1])
        self.assertEqual(4, len(self.units('remove')))
        self.assertEqual([TWO], self.lines('p'))

    def test_the_last_port_alone_frees_the_line_and_one_path(self):
        self.pool('p', TWO.replace('free', 'used').replace(
            ',,,', ',guest1,3B05,'))
        self.chvm('guest1', '--removezfcp 3B05 0x%s 0x%s 1'
                  % (mn.W2, mn.LUN))
        self.assertEqual(['3b05/' + mn.W2], self.units('remove'))
        self.assertEqual([TWO.replace('free', 'reserved')], self.lines('p'))

    def test_the_explicit_list_is_not_found(self):
        self.pool('p', TWO)
        texts = self.chvm('guest1', '--addzfcp p auto 0 5G t %s;%s %s'
                          % (mn.W1, mn.W2, mn.LUN))
        self.assertEqual(1, len(texts))
        self.assertIn('In findzFcpDeviceAttr(), command to zhcp1.example.com '
                      'failed with return code 127', texts[0])
        self.assertEqual([TWO], self.lines('p'))

    def test_no_ipl_from_a_list(self):
        self.pool('p', TWO)
        self.assertEqual(
            ["guest1: (Error) It's not supported to ipl from a multipath "
             'device'],
            self.chvm('guest1', '--addzfcp p auto 1 5G t %s;%s %s'
                      % (mn.W1, mn.W2, mn.LUN)))


class LoaddevTest(AttachmentCase):

    def entry(self):
        return self.lpar.guests['LNX00001'].directory

    def test_one_path(self):
        self.pool('p', LINE)
        texts = self.chvm('guest1', '--addzfcp p 3B05 1 5G')
        self.assertEqual('guest1: Setting LOADDEV directory statements\n',
                         texts[-2])
        self.assertIn('LOADDEV PORTNAME %s\nLOADDEV LUN %s\n'
                      % (mn.W1, mn.LUN), self.entry())

    def test_of_two_ports_nothing_is_set_and_nothing_said(self):
        """The MN's shell takes the second port for a command."""
        self.pool('p', TWO)
        answer = self.elements('chvm', 'guest1',
                               *'--addzfcp p 3B05 1 5G'.split())
        self.assertEqual({'info': [None]}, answer[-2])
        self.assertEqual('guest1: Adding zFCP device 3B05/%s;%s/%s... Done'
                         % (mn.W1, mn.W2, mn.LUN), answer[-1]['info'][0])
        self.assertNotIn('LOADDEV', self.entry())

    def test_only_0_and_1(self):
        self.assertEqual(['guest1: (Error) The loaddev can be 0 or 1'],
                         self.chvm('guest1', '--addzfcp p auto 2 5G'))

    def test_what_is_no_number_counts_as_0(self):
        self.pool('p', LINE)
        texts = self.chvm('guest1', '--addzfcp p 3B05 yes 5G')
        self.assertIn('... Done', texts[-1])
        self.assertNotIn('LOADDEV', self.entry())


class RollBackTest(AttachmentCase):
    """The device belongs to another guest."""

    def setUp(self):
        super().setUp()
        self.world.nodes.set_column('guest2', 'status', 'SSH=1')
        self.chvm('guest2', '--dedicatedevice 3B05 3B05 0')

    def busy(self):
        return (
            "Error: [mn]: guest1: Dedicating device 3B05 to LNX00001's active "
            'configuration... Failed\n  Return Code: 204\n  Reason Code: 8\n'
            '  Description: Image device busy or not available\n\n'
            + ENTRY % ('guest1', '3B05', 'LNX00001') + '\n')

    def test_by_size(self):
        self.pool('p', LINE)
        self.assertEqual(
            ['guest1: Found FCP device 0x%s/0x%s' % (mn.W1, mn.LUN),
             self.busy(), 'guest1: Using given WWPN and LUN',
             'guest1: Found FCP device 0x%s/0x%s' % (mn.W1, mn.LUN)],
            self.chvm('guest1', '--addzfcp p 3B05 0 5G'))
        self.assertEqual([LINE], self.lines('p'))
        self.assertNotIn('DEDICATE',
                         self.lpar.guests['LNX00001'].directory)

    def test_named_the_line_is_as_before(self):
        line = 'reserved,%s,%s,10G,3B00-3B3F,vol-1,auto,old' % (mn.W1, mn.LUN)
        self.pool('p', line)
        texts = self.chvm('guest1', '--addzfcp p 3B05 0 5G new %s %s'
                          % (mn.W1, mn.LUN))
        self.assertEqual(self.busy(), texts[2])
        self.assertEqual([line], self.lines('p'))

    def test_with_a_second_device_the_first_goes_too(self):
        self.pool('p', LINE)
        self.chvm('guest1', '--addzfcp p 3B06;3B05 0 5G')
        self.assertEqual([LINE], self.lines('p'))
        self.assertEqual({}, self.lpar.guests['LNX00001'].active_devices)

    def test_a_device_that_does_not_come_online(self):
        """Fifteen tries, then the roll back."""
        self.pool('p', LINE)
        self.lpar.guests['LNX00001'].directory += 'DEDICATE 3B06 3B06\n'
        execute = onvm.Guest.execute

        def failing(guest, command, say=None):
            text = execute(guest, command, say)
            return 'Failed' if 'chccwdev' in command else text
        with mock.patch.object(onvm.Guest, 'execute', failing):
            texts = self.chvm('guest1', '--addzfcp p 3B06 0 5G')
        self.assertEqual(
            'guest1: Error: failed to ssh root@guest1  /sbin/chccwdev -e '
            '0.0.3B06, Output: Failed', texts[1])
        self.assertEqual([LINE], self.lines('p'))
        # Before: 10. Then 15 tries of two hops, an undedication, five hops
        # on the pool.
        self.assertEqual(9 + 30 + 4 + 5, self.hops)


class ReleaseTest(AttachmentCase):
    """What the MN writes into a guest depends on the MN's own release."""

    def add(self):
        self.pool('p', LINE)
        return self.chvm('guest1', '--addzfcp p 3B05 0 5G')

    def remove(self):
        return self.chvm('guest1', '--removezfcp 3B05 %s %s'
                         % (mn.W1, mn.LUN))

    def test_none_that_it_knows(self):
        self.add()
        self.assertIsNone(self.file('LNX00001', 'etc/zfcp.conf'))

    def test_rhel(self):
        self.world.local.files['/etc/os-release'] = RHEL
        self.add()
        self.assertEqual('0.0.3b05 0x%s 0x%s\n' % (mn.W1, mn.LUN),
                         self.file('LNX00001', 'etc/zfcp.conf'))
        self.remove()
        self.assertEqual('', self.file('LNX00001', 'etc/zfcp.conf'))

    def test_a_file_that_the_guest_lacks_does_not_count(self):
        self.world.local.files = {
            '/etc/redhat-release':
            'Red Hat Enterprise Linux Server release 6.6 (Santiago)\n'}
        open(self.path('LNX00001', 'etc/redhat-release'), 'w').close()
        self.add()
        self.assertIsNotNone(self.file('LNX00001', 'etc/zfcp.conf'))
        self.remove()
        mn.os.unlink(self.path('LNX00001', 'etc/redhat-release'))
        mn.os.unlink(self.path('LNX00001', 'etc/zfcp.conf'))
        self.add()
        self.assertIsNone(self.file('LNX00001', 'etc/zfcp.conf'))

    def test_sles(self):
        self.world.local.files['/etc/os-release'] = SLES
        self.add()
        rules = self.file('LNX00001',
                          'etc/udev/rules.d/51-zfcp-0.0.3b05.rules')
        self.assertIn(
            'ACTION=="add", KERNEL=="rport-*", ATTR{port_name}=="0x%s", '
            'SUBSYSTEMS=="ccw", KERNELS=="0.0.3b05", ATTR{[ccw/0.0.3b05]0x%s/'
            'unit_add}="0x%s"\n' % (mn.W1, mn.W1, mn.LUN), rules)
        self.assertIn('IMPORT{program}="collect 0.0.3b05 %k 0.0.3b05zfcp"',
                      rules)
        self.remove()
        self.assertNotIn(mn.LUN, self.file(
            'LNX00001', 'etc/udev/rules.d/51-zfcp-0.0.3b05.rules'))


class OwnDistroTest(AttachmentCase):
    """The world says what the management node runs on."""

    @staticmethod
    def describe(world):
        world.update(distro='rhel7.2', name='xcat1')
        world['lpars']['host1']['guests']['guest1']['linux'] = 'rhel7.2'

    def test_it_decides_what_is_written_in_guests(self):
        self.pool('p', LINE)
        self.chvm('guest1', '--addzfcp p 3B05 0 5G')
        self.assertIn('0.0.3b05 0x%s 0x%s\n' % (mn.W1, mn.LUN),
                      self.file('LNX00001', 'etc/zfcp.conf'))

    def test_its_name_is_in_errors(self):
        self.pool('p', LINE)
        self.event(smapi_fails='Image_Device_Dedicate 204 8 Busy')
        texts = self.chvm('guest1', '--addzfcp p 3B05 0 5G')
        self.assertIn('Error: [xcat1]: guest1: ', texts[1])


class UbuntuTest(AttachmentCase):

    release = UBUNTU

    @staticmethod
    def describe(world):
        world['lpars']['host1']['guests']['guest1']['linux'] = 'ubuntu22'

    def test_chzdev_instead_of_chccwdev(self):
        """On a port that is there: chzdev looks for it."""
        port = '5005076303001001'
        self.pool('p', LINE.replace(mn.W1, port))
        self.chvm('guest1', '--addzfcp p 3B05 0 5G')
        self.assertEqual([('0.0.3b05', port, mn.LUN)], self.configured())
        self.chvm('guest1', '--removezfcp 3B05 %s %s' % (port, mn.LUN))
        self.assertEqual([], self.configured())

    def configured(self):
        luns = self.lpar.guests['LNX00001'].linux.persistent.luns()
        return [tuple(word.removeprefix('0x') for word in each)
                for each in luns]


class OffTest(AttachmentCase):
    """A guest that is off, or goes off."""

    @staticmethod
    def describe(world):
        world['lpars']['host1']['guests']['guest3'] = {
            'userid': 'LNX00003', 'power': 'off', 'linux': 'rhel9',
            'node': True}

    def test_the_line_and_the_directory_entry_are_done(self):
        self.pool('p', LINE)
        self.assertEqual(
            ['guest3: Found FCP device 0x%s/0x%s' % (mn.W1, mn.LUN),
             'guest3: Found FCP channel within acceptable range 3B00',
             ENTRY % ('guest3', '3B00', 'LNX00003') + '\n',
             'guest3: Adding zFCP device 3B00/%s/%s... Done'
             % (mn.W1, mn.LUN)],
            self.chvm('guest3', '--addzfcp p auto 0 5G'))
        self.assertEqual(
            ['used,%s,%s,10G,3B00-3B3F,guest3,3B00,' % (mn.W1, mn.LUN)],
            self.lines('p'))
        self.assertEqual('', self.status('guest3'))

    def test_only_the_line_changes(self):
        self.pool('p', LINE.replace('free', 'used').replace(
            ',,,', ',guest3,3B00,'))
        self.assertEqual(
            ['guest3: Found FCP device in p',
             'guest3: Using given WWPN and LUN',
             'guest3: Found FCP device 0x%s/0x%s' % (mn.W1, mn.LUN)],
            self.chvm('guest3', '--removezfcp 3B00 %s %s'
                      % (mn.W1, mn.LUN)))
        self.assertEqual([LINE], self.lines('p'))

    def test_it_logs_off_in_the_middle(self):
        """The first half of the dedication is there, and all say Done."""
        self.pool('p', LINE)
        run = self.lpar.smapi

        def smapi(function, userid, **arguments):
            result = run(function, userid, **arguments)
            if function == 'Image_Device_Dedicate_DM':
                self.lpar.guests['LNX00001'].power_off()
            return result
        with mock.patch.object(self.lpar, 'smapi', smapi):
            texts = self.chvm('guest1', '--addzfcp p 3B05 0 5G')
        self.assertEqual(
            [ENTRY % ('guest1', '3B05', 'LNX00001') + '\n',
             'guest1: Adding zFCP device 3B05/%s/%s... Done'
             % (mn.W1, mn.LUN)], texts[1:])


class ZhcpDownTest(AttachmentCase):

    def setUp(self):
        super().setUp()
        self.pool('p', LINE)
        self.event(zhcp='down')

    def test_by_size_the_pool_is_missing(self):
        self.assertEqual(
            ['guest1: (Error) FCP storage pool does not exist',
             'guest1: (Error) Failed to add zFCP device'],
            self.chvm('guest1', '--addzfcp p auto 0 5G'))

    def test_named(self):
        self.assertEqual(
            ['(Error) In findzFcpDeviceAttr(), SSH communication to '
             'zhcp1.example.com failed for command: ssh '
             'root@zhcp1.example.com " grep -i "%s,%s" '
             '/var/opt/zhcp/zfcp/p.conf"' % (mn.W1, mn.LUN)],
            self.chvm('guest1', '--addzfcp p auto 0 5G t %s %s'
                      % (mn.W1, mn.LUN)))

    def test_removal(self):
        self.assertEqual(
            ['(Error) In findzFcpDevicePool(), SSH communication to '
             'zhcp1.example.com failed for command: ssh '
             'root@zhcp1.example.com " grep -i -l \\"%s,%s\\" '
             '/var/opt/zhcp/zfcp/*.conf"' % (mn.W1, mn.LUN)],
            self.chvm('guest1', '--removezfcp 3B05 %s %s'
                      % (mn.W1, mn.LUN)))


class ZhcpLostTest(AttachmentCase):
    """The zHCP goes down after the pool file is changed."""

    def lose(self, words):
        ping = onvm.Guest.ping

        def lost(guest):
            self.event(zhcp='down')
            return ping(guest)
        with mock.patch.object(onvm.Guest, 'ping', lost):
            return self.chvm('guest1', words)

    def test_adding_takes_the_guest_for_off(self):
        self.pool('p', LINE)
        self.lpar.guests['LNX00001'].directory += 'DEDICATE 3B05 3B05\n'
        texts = self.lose('--addzfcp p 3B05 0 5G')
        off = 'guest1: (Error) VM LNX00001 is powered off'
        self.assertEqual(
            'guest1: Error: failed to ssh root@guest1  /sbin/chccwdev -e '
            '0.0.3B05, Output: ' + off, texts[1])
        self.assertEqual('guest1: (Error) FCP storage pool does not exist',
                         texts[-1])
        self.event(zhcp='up')
        self.assertEqual(['used'], [line[:4] for line in self.lines('p')])

    def test_removing_goes_on_in_the_guest(self):
        self.pool('p', LINE.replace('free', 'used').replace(
            ',,,', ',guest1,3B05,'))
        self.assertEqual('guest1: De-configuring FCP device on host... Done',
                         self.lose('--removezfcp 3B05 %s %s'
                                   % (mn.W1, mn.LUN))[-1])


class RemovalTest(AttachmentCase):

    def test_the_first_pool_in_the_alphabet(self):
        used = LINE.replace('free', 'used').replace(',,,', ',guest1,3B05,')
        self.pool('b', used)
        self.pool('a', used)
        texts = self.chvm('guest1', '--removezfcp 3B05 %s %s'
                          % (mn.W1, mn.LUN))
        self.assertEqual('guest1: Found FCP device in a', texts[0])
        self.assertEqual([LINE], self.lines('a'))
        self.assertEqual([used], self.lines('b'))

    def test_a_line_that_is_not_used_is_freed_too(self):
        self.pool('p', LINE.replace('free', 'reserved').replace(
            ',,,', ',vol-1,,'))
        self.chvm('guest1', '--removezfcp 3B05 %s %s' % (mn.W1, mn.LUN))
        self.assertEqual([LINE], self.lines('p'))

    def test_a_pool_named_so_is_taken_for_an_error(self):
        self.pool('failedpool', LINE)
        answer = self.elements('chvm', 'guest1', '--removezfcp', '3B05',
                               mn.W1, mn.LUN)
        self.assertEqual([{'error': ['failedpool'], 'errorcode': ['1']}],
                         answer)

    def test_the_channel_of_the_line_when_none_is_known(self):
        self.pool('p', LINE.replace('free', 'used').replace(
            ',,,', ',guest1,3B05,'))
        with mock.patch.object(onvm.Guest, 'execute',
                               return_value='') as execute:
            self.chvm('guest1', '--removezfcp unknown %s %s'
                      % (mn.W1, mn.LUN))
        self.assertIn('/0.0.3b05/0x%s/unit_remove' % mn.W1,
                      execute.call_args_list[0].args[0])

    def test_wrong_words(self):
        self.assertEqual(['guest1: (Error) Wrong number of parameters'],
                         self.chvm('guest1', '--removezfcp 3B05'))
        self.assertEqual(['guest1: (Error) Persist can only be 0 or 1'],
                         self.chvm('guest1', '--removezfcp 3B05 a b yes'))
