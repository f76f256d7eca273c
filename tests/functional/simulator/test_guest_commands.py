# SPDX-License-Identifier: Apache-2.0
"""Power, directory entries and deletion beyond the recordings."""

from tests.functional.simulator import mn

OFF = {'userid': 'LNX00003', 'power': 'off', 'linux': 'rhel9', 'node': True}
DOWN = '(Error) Failed to communicate with the zhcp system: zhcp1.example.com'
FAILED = ('%s Failed\n  Return Code: 396\n  Reason Code: 1234\n'
          '  Description: Internal error\n')
INTERNAL = ' 396 1234 Internal error'


class GuestCase(mn.MNCase):
    """guest1 and guest2 are on and reached by ssh, guest3 is off."""

    @staticmethod
    def describe(world):
        world['lpars']['host1']['guests']['guest3'] = dict(OFF)

    def setUp(self):
        super().setUp()
        for name in ('guest1', 'guest2'):
            self.world.nodes.set_column(name, 'status', 'SSH=1')

    def rpower(self, node, action):
        return self.texts('rpower', node, action)

    def entry(self, userid='LNX00001'):
        return self.lpar.guests[userid].directory


class PowerTest(GuestCase):

    def test_on_and_off(self):
        self.assertEqual(['guest3: Activating LNX00003... Done'],
                         self.rpower('guest3', 'on'))
        self.assertEqual(
            ['guest3: Activating LNX00003... Failed\n  Return Code: 200\n'
             '  Reason Code: 8\n  Description: Image already active'],
            self.rpower('guest3', 'on'))
        self.assertEqual(['guest3: Stopping LNX00003... Done\n'],
                         self.rpower('guest3', 'off'))
        self.assertEqual(['guest3: LNX00003 already logged off.'],
                         self.rpower('guest3', 'off'))

    def test_a_logoff_that_does_not_end_reads_as_off(self):
        self.lpar.guests['LNX00001'].power_off(pending=True)
        self.assertEqual(['guest1: off\n'], self.rpower('guest1', 'stat'))

    def test_of_a_hypervisor_it_is_that_of_its_zhcp(self):
        self.assertEqual(['host1: on\n'], self.rpower('host1', 'stat'))
        self.assertEqual(['host1: (Error) Missing user ID'],
                         self.rpower('host1', 'on'))

    def test_softoff_tells_the_guest_first(self):
        self.assertEqual(['guest1: Stopping LNX00001... Done\n'],
                         self.rpower('guest1', 'softoff'))
        self.assertEqual(3, self.hops)

    def test_reset(self):
        boot = self.lpar.guests['LNX00001'].linux.boot_id
        self.assertEqual(['guest1: Stopping LNX00001... Done\n',
                          'guest1: Activating LNX00001... Done\n'],
                         self.rpower('guest1', 'reset'))
        self.assertNotEqual(boot, self.lpar.guests['LNX00001'].linux.boot_id)

    def test_reset_of_a_guest_that_is_off(self):
        self.assertEqual(['guest3: LNX00003 already logged off.',
                          'guest3: Activating LNX00003... Done\n'],
                         self.rpower('guest3', 'reset'))

    def test_reboot(self):
        boot = self.lpar.guests['LNX00001'].linux.boot_id
        self.assertEqual(['guest1: Shutting down LNX00001... Done\n',
                          'guest1: Rebooting LNX00001... Done\n'],
                         self.rpower('guest1', 'reboot'))
        self.assertNotEqual(boot, self.lpar.guests['LNX00001'].linux.boot_id)

    def test_reboot_of_a_guest_that_is_off(self):
        self.world.nodes.set_column('guest3', 'status', 'SSH=1')
        self.assertEqual(['guest3: Shutting down LNX00003... Done\n',
                          'guest3: Rebooting LNX00003... Failed\n'],
                         self.rpower('guest3', 'reboot'))

    def test_pause(self):
        self.assertEqual(['guest1: Halting processing on LNX00001... Done\n'],
                         self.rpower('guest1', 'pause'))
        self.assertEqual(['guest1: Resuming processing on LNX00001... Done\n'],
                         self.rpower('guest1', 'unpause'))

    def test_what_is_no_action(self):
        self.assertEqual(['guest1: (Error) Option not supported'],
                         self.rpower('guest1', 'state'))

    def test_a_zhcp_that_switches_itself_off(self):
        self.assertEqual([DOWN], self.rpower('zhcp1', 'off'))

    def test_with_the_zhcp_down(self):
        self.event(zhcp='down')
        for action, wanted in (
                ('stat', ['guest1: ']), ('on', []), ('off', [DOWN]),
                ('softoff', [DOWN]), ('reset', [DOWN]),
                ('pause', ['guest1: ']),
                ('isreachable', ['guest1: unreachable']),
                ('reboot', ['guest1: Shutting down LNX00001... Failed\n'])):
            self.assertEqual(wanted, self.rpower('guest1', action), action)

    def test_without_an_answer_power_is_asked_for_ten_times(self):
        """Then the guest is off; not for a command with quotes in it."""
        self.event(zhcp='down')
        self.elements('execcmdonvm', 'guest1', 'touch /tmp/a')
        self.assertEqual(10, self.hops)
        self.elements('execcmdonvm', 'guest1', 'touch "/tmp/b"')
        self.assertEqual(11, self.hops)
        self.assertEqual([None, ''], [self.file('LNX00001', 'tmp/' + name)
                                      for name in 'ab'])

    def test_smapi_fails(self):
        for function, action, title in (
                ('Image_Activate', 'on', 'Activating LNX00001...'),
                ('Image_Deactivate', 'off', 'Stopping LNX00001...'),
                ('Image_Deactivate', 'reset', 'Stopping LNX00001...'),
                ('Image_Pause', 'pause', 'Halting processing on '
                 'LNX00001...')):
            self.event(smapi_fails=function + INTERNAL)
            wanted = 'guest1: ' + FAILED % title
            self.assertEqual(
                [wanted.rstrip('\n') if action == 'on' else wanted],
                self.rpower('guest1', action))
            self.event(smapi_fails='')


class EntryTest(GuestCase):

    def test_ipl(self):
        self.assertEqual([], self.chvm('guest1', '--setipl 3B05 AUTO'))
        self.assertIn('IPL 3B05 LOADPARM AUTO\n', self.entry())
        self.assertEqual([], self.chvm('guest1', '--deleteipl'))
        self.assertNotIn('IPL', self.entry())

    def test_loaddev(self):
        setting = ['guest1: Setting LOADDEV directory statements']
        self.assertEqual(setting, self.chvm(
            'guest1', '--setloaddev 0x%s 0x%s' % (mn.W1, mn.LUN)))
        self.assertIn('LOADDEV PORTNAME %s\nLOADDEV LUN %s\n'
                      % (mn.W1, mn.LUN), self.entry())
        for words, line in (('0 root=x', "EBCDIC 'root=x'"),
                            ('1 C1C2', "HEX 'C1C2'")):
            self.assertEqual(setting, self.chvm(
                'guest1', '--setloaddev %s %s %s'
                % (mn.W1, mn.LUN, words)))
            self.assertIn('LOADDEV SCPDATA %s\n' % line, self.entry())
        self.assertEqual(['guest1: (Error) Wrong number of parameters'],
                         self.chvm('guest1', '--setloaddev ' + mn.W1))

    def test_loaddev_away(self):
        before = self.entry()
        self.chvm('guest1', '--setloaddev %s %s' % (mn.W1, mn.LUN))
        answer = self.elements('chvm', 'guest1', '--removeloaddev',
                               mn.W2, mn.OTHER)
        self.assertEqual(['No changes required in the directory entry'],
                         [answer[1]['info'][0].partition(': ')[2]])
        answer = self.elements('chvm', 'guest1', '--removeloaddev', mn.W1,
                               mn.LUN)
        self.assertEqual(
            [{'info': ['guest1: Removing LOADDEV directory statements']},
             {'info': [None]}], answer)
        self.assertEqual(before, self.entry())

    def test_replacing_wants_a_file_of_the_mn(self):
        self.assertEqual(['guest1: (Error) File does not exist'],
                         self.chvm('guest1', '--replacevs /tmp/none'))
        self.assertEqual(
            ['guest1: (Error) No directory entry file specified',
             'guest1: (Solution) Specify a text file containing the updated '
             'directory entry'], self.chvm('guest1', '--replacevs'))
        text = "USER LNX00001 XXXX 1G 1G G\nLOADDEV SCPDATA '$a'\n"
        self.world.local.files['/tmp/entry'] = text
        self.assertEqual([], self.chvm('guest1', '--replacevs /tmp/entry'))
        self.assertEqual(text, self.entry())

    def test_smcli_says_nothing(self):
        self.assertEqual([], self.chvm(
            'guest1', '--smcli Image_IPL_Set_DM -T %userid% -s CMS'))
        self.assertIn('IPL CMS\n', self.entry())
        self.assertEqual(['guest1: (Error) Wrong number of parameters'],
                         self.chvm('guest1', '--smcli'))
        self.event(zhcp='down')
        self.assertEqual(
            ['guest1: (Error) unable to communicate with the zhcp system: '
             'zhcp1.example.com'], self.chvm('guest1', '--smcli Foo'))

    def test_what_is_no_option(self):
        self.assertEqual(
            ["guest1: (Error) Option '--no' not supported on chvm"],
            self.chvm('guest1', '--no'))
        self.assertEqual(['guest1: guest1: (Error) Option not supported\n'],
                         self.texts('lsvm', 'guest1', '--no'))

    def test_pools_through_a_guest(self):
        self.pool('p', 'free,%s,%s,1G,,,,' % (mn.W1, mn.LUN))
        self.assertEqual(
            ['guest1: Adding zFCP device to p pool... Done'], self.chvm(
                'guest1', '--addzfcp2pool p free %s %s 1G'
                % (mn.W1, mn.OTHER)))
        answer = self.elements('lsvm', 'guest1', '--zfcppool', 'p', 'free')
        self.assertEqual(
            ['guest1: %sguest1: free,%s,%s,1G,,,,\n'
             'guest1: free,%s,%s,1G,,,,\n' % (mn.HEADER, mn.W1, mn.LUN,
                                              mn.W1, mn.OTHER), None],
            [each['info'][0] for each in answer])

    def test_dedicating_a_second_time_does_nothing(self):
        self.chvm('guest1', '--dedicatedevice 3B05 3B05 0')
        self.assertEqual(
            ["guest1: Dedicating device 3B05 to LNX00001's directory entry... "
             'Done'], self.chvm('guest1', '--dedicatedevice 3B05 3B05 0'))
        self.assertEqual(3, self.hops)

    def test_a_device_that_is_not_there(self):
        self.assertEqual(
            ["guest1: Deleting dedicated device from LNX00001's directory "
             'entry... Failed\n  Return Code: 404\n  Reason Code: 8\n'
             '  Description: Image device not defined\n',
             "guest1: Deleting dedicated device from LNX00001's active "
             'configuration... Failed\n  Return Code: 204\n  Reason Code: 8\n'
             '  Description: Image device not found\n'],
            self.chvm('guest1', '--undedicatedevice 3B05'))

    def test_a_guest_that_is_off_gets_the_entry(self):
        self.assertEqual(
            ["guest3: Dedicating device 3B05 to LNX00003's directory entry... "
             'Done\n'], self.chvm('guest3', '--dedicatedevice 3B05 3B05 0'))
        self.assertIn('DEDICATE 3B05 3B05\n', self.entry('LNX00003'))

    def test_with_the_zhcp_down(self):
        self.event(zhcp='down')
        for words, wanted in (
                ('--dedicatedevice 3B05 3B05 0', ['guest1: ']),
                ('--undedicatedevice 3B05', ['guest1: ']),
                ('--setipl 3B05', []), ('--deleteipl', []),
                ('--setloaddev a b', ['guest1: Setting LOADDEV directory '
                                      'statements'])):
            self.assertEqual(wanted, self.chvm('guest1', words), words)
        self.assertEqual(
            ['guest1: (Error) unable to communicate with the zhcp system: '
             'zhcp1.example.com'], self.texts('lsvm', 'guest1'))

    def test_smapi_fails_halfway(self):
        self.event(smapi_fails='Image_Device_Dedicate_DM' + INTERNAL)
        titles = ["Dedicating device 3B05 to LNX00001's directory entry...",
                  "Dedicating device 3B05 to LNX00001's active "
                  'configuration...']
        self.assertEqual(
            ['guest1: ' + FAILED % titles[0],
             'guest1: %s Done\n' % titles[1]],
            self.chvm('guest1', '--dedicatedevice 3B05 3B05 0'))


class MissingTest(GuestCase):
    """Definitions that lack something."""

    def setUp(self):
        super().setUp()
        define = self.world.nodes.define
        define('nohcp', {'groups': 'all', 'userid': 'NOHCP'})
        define('nouser', {'groups': 'all', 'hcp': 'zhcp1.example.com'})
        define('lost', {'groups': 'all', 'hcp': 'nowhere.example.com',
                        'userid': 'LOST'})

    def test_hcp_and_user_id(self):
        for name, words in (('chvm', ['--deleteipl']), ('lsvm', []),
                            ('rmvm', []), ('rpower', ['on'])):
            self.assertEqual(['nohcp: (Error) Missing node HCP'],
                             self.texts(name, 'nohcp', *words))
            self.assertEqual(['nouser: (Error) Missing user ID'],
                             self.texts(name, 'nouser', *words))

    def test_a_zhcp_that_does_not_exist_is_like_one_that_is_down(self):
        self.assertEqual(['lost: '], self.rpower('lost', 'stat'))
        self.assertEqual(
            ['lost: (Error) Unable to look up zhcp node for nowhere'],
            [text.partition('.')[0] for text in self.no_user('lost')])

    def no_user(self, name):
        self.world.nodes.set_column(name, 'userid', '')
        return self.rpower(name, 'stat')

    def test_a_node_that_is_being_cloned_is_left_alone(self):
        self.world.nodes.set_column('guest1', 'status',
                                    'CLONING=1;CLONE_ONLY=1')
        self.assertEqual([], self.chvm('guest1', '--deleteipl'))


class RemovalTest(GuestCase):

    def test_all_that_has_the_name_is_freed(self):
        self.world.nodes.define('db01', {
            'groups': 'all', 'hcp': 'zhcp1.example.com',
            'userid': 'LNX00002'})
        lines = ['used,%s,40114000db010000,1G,,other,3B05,t' % mn.W1,
                 'reserved,%s,%s,1G,,vol-DB01-data,,' % (mn.W1, mn.LUN),
                 'used,%s,%s,1G,,other,,' % (mn.W1, mn.OTHER)]
        self.pool('p', *lines)
        self.pool('q', lines[2])
        self.assertEqual(
            ['db01: Deleting LNX00002 from the directory... Done\n',
             'db01: Updating FCP device pool p... Done'],
            self.texts('rmvm', 'db01'))
        self.assertEqual(['free,%s,40114000db010000,1G,,,,' % mn.W1,
                          'free,%s,%s,1G,,,,' % (mn.W1, mn.LUN), lines[2]],
                         self.lines('p'))

    def test_guest_and_node_are_gone(self):
        self.texts('rmvm', 'guest1')
        self.assertIsNone(self.world.nodes.get('guest1'))
        self.assertNotIn('LNX00001', self.lpar.guests)
        self.assertNotIn('"guest1"', ''.join(self.world.nodes.dump()))

    def test_ssh_no_longer_finds_those_whose_names_begin_so(self):
        self.world.nodes.define('guest', {
            'groups': 'all', 'hcp': 'zhcp1.example.com',
            'userid': 'LNX00003'})
        self.texts('rmvm', 'guest')
        self.assertEqual(
            'guest1: ssh: Could not resolve hostname guest1: Name or service '
            'not known', self.elements('xdsh', 'guest1', 'true')[0]
            ['error'][0])

    def test_a_discovered_node_loses_its_definition_alone(self):
        self.pool('p', 'used,%s,%s,1G,,guest1,,' % (mn.W1, mn.LUN))
        self.world.nodes.set_column('guest1', 'discovered', '1')
        self.assertEqual(
            ["guest1: 'discovered' property in zvm table is 1.  Node is "
             'removed only from xCAT.  Virtual machine was not deleted.'],
            self.texts('rmvm', 'guest1'))
        self.assertIn('LNX00001', self.lpar.guests)
        self.assertEqual('used', self.lines('p')[0][:4])

    def test_an_unknown_user_id_stops_it(self):
        self.world.nodes.set_column('guest1', 'userid', 'NOBODY')
        text, = self.texts('rmvm', 'guest1')
        self.assertTrue(text.startswith(
            '(Error) In getVswitchIdsFromDirectory(), command to '
            'zhcp1.example.com failed with return code 1 for: ssh '
            'root@zhcp1.example.com " /opt/zhcp/bin/smcli '
            'Image_Definition_Query_DM -T NOBODY -k NICDEF"'), text)
        self.assertIsNotNone(self.world.nodes.get('guest1'))

    def test_switches_are_revoked_first(self):
        self.lpar.guests['LNX00001'].directory += (
            'NICDEF 0600 TYPE QDIO LAN SYSTEM VSW1\n'
            'NICDEF 0700 TYPE QDIO LAN SYSTEM VSW1\n')
        self.texts('rmvm', 'guest1')
        revoked = self.hops
        self.texts('rmvm', 'guest2')
        self.assertEqual(1, revoked - self.hops)

    def test_smapi_fails(self):
        for function, title in (
                ('Image_Deactivate', 'Stopping LNX00001...'),
                ('Image_Delete_DM', 'Deleting LNX00001 from the '
                 'directory...')):
            self.event(smapi_fails=function + INTERNAL)
            self.assertEqual(['guest1: ' + FAILED % title],
                             self.texts('rmvm', 'guest1'))
            self.event(smapi_fails='')
        self.assertIsNotNone(self.world.nodes.get('guest1'))

    def test_a_folder_among_the_pools_stops_it_halfway(self):
        """The guest is deleted, its node and its LUNs stay."""
        mn.os.mkdir(mn.os.path.join(self.host.pool_folder, 'a'))
        self.pool('p', 'used,%s,%s,1G,,guest1,,' % (mn.W1, mn.LUN))
        texts = self.texts('rmvm', 'guest1')
        self.assertEqual(
            'Node: guest1 (Error) In removeVM(), command to '
            'zhcp1.example.com failed with return code 1 for: ssh '
            'root@zhcp1.example.com " cat /var/opt/zhcp/zfcp/a"', texts[1])
        self.assertIsNotNone(self.world.nodes.get('guest1'))
        self.assertEqual('used', self.lines('p')[0][:4])

    def test_with_the_zhcp_down(self):
        self.event(zhcp='down')
        text, = self.texts('rmvm', 'guest1')
        self.assertIn('SSH communication to zhcp1.example.com failed', text)
        self.assertIsNotNone(self.world.nodes.get('guest1'))
