# SPDX-License-Identifier: Apache-2.0
"""World files: what is read, and how a mistake is told."""

import os

import fixtures
import testtools
import yaml

from tests import worlds
from xcat_simulator import checks
from xcat_simulator import worldfile

HOST = 'world.lpars.host1'


class WorldFileTest(testtools.TestCase):

    def refused(self, world):
        return self.assertRaises(checks.WorldError, worldfile.parse, world)

    def test_the_ready_worlds_are_right(self):
        for world in (worlds.small(), worlds.two()):
            worldfile.parse(world)

    def test_a_file_is_read_as_the_same_world(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'w')
        with open(path, 'w') as stream:
            yaml.safe_dump(worlds.two(), stream)

        self.assertEqual(worldfile.parse(worlds.two()), worldfile.load(path))

    def refused_file(self, text):
        """The rule that a file with this text breaks as a whole."""
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'w')
        with open(path, 'wb') as stream:
            stream.write(text)

        error = self.assertRaises(checks.WorldError, worldfile.load, path)
        self.assertEqual(path, error.key)
        return error.rule

    def test_text_that_is_no_yaml_is_refused_with_the_file(self):
        for text in (b'users: [', b'\xff', b'a: *b', b'? [a]\n: b',
                     b'!!python/name:os.system', b'a: &a {<<: *a}'
                     b'[' * 5000):
            self.assertIn('is not YAML', self.refused_file(text))

    def test_a_key_stands_once(self):
        self.assertIn('the key lpars is there twice', self.refused_file(
            b'users: {a: {password: b}}\nlpars: {}\nlpars: {}\n'))

    def test_an_alias_may_be_used_and_may_not_contain_itself(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'w')
        with open(path, 'w') as stream:
            stream.write('users: &u {a: {password: b}}\nlpars: &l [*l, *u]')

        error = self.assertRaises(checks.WorldError, worldfile.load, path)
        self.assertEqual(('world.lpars[0]', 'contains itself'),
                         (error.key, error.rule))

    def test_all_mistakes_that_the_schema_finds_are_told(self):
        world = worlds.small()
        world['colour'] = 'blue'
        world['lpars']['host1']['zhcp'] = {'node': 5}
        error = self.refused(world)
        self.assertEqual(
            ['world.colour', 'world.lpars.host1.zhcp.hostname',
             'world.lpars.host1.zhcp.node', 'world.lpars.host1.zhcp.userid'],
            [key for key, _ in error.problems])
        self.assertEqual(4, len(str(error).splitlines()))

    def test_a_pool_may_be_given_as_the_text_of_its_file(self):
        text = '#status\nfree,5005076303001001,4011400000000000,1G,,,,\nx'
        world = worlds.small()
        world['lpars']['host1']['pools']['zpool1'] = text
        lpar = worldfile.parse(world).lpars[0]
        self.assertEqual({'zpool1': text}, lpar.texts)
        self.assertEqual(['4011400000000000'],
                         [lun.lun for lun in lpar.pools['zpool1']])

    def test_lines_of_one_disk_have_one_lun_number(self):
        world = worlds.small()
        lines = world['lpars']['host1']['pools']['zpool1']
        for line in lines:
            line.update(wwid='6' + '0' * 31, count=1)
        self.assertIn('cannot have the same wwid', self.refused(world).rule)

    def test_one_connector_on_the_port_of_the_management_node(self):
        world = worlds.two()
        for lpar in world['lpars'].values():
            lpar['connector_port'] = 'same'
        self.assertEqual('world.lpars.host2.connector_port',
                         self.refused(world).key)

    def test_count_makes_consecutive_luns(self):
        pool = worldfile.parse(worlds.small()).lpars[0].pools['zpool1']

        self.assertEqual(
            ['%08x00000000' % (0x40114000 + n) for n in range(10)],
            [lun.lun for lun in pool])
        self.assertEqual([1 << 30] * 8 + [2 << 30] * 2,
                         [lun.bytes for lun in pool])

    def test_a_lun_has_its_line(self):
        pool = worldfile.parse(worlds.small()).lpars[0].pools['zpool1']

        self.assertEqual(
            'free,5005076303001001;5005076303001002,4011400000000000,1G,'
            '3B00-3B0F;3C00-3C0F,,,', pool[0].line())

    def test_npiv_wwpns_count_up_with_the_devices(self):
        devices = worldfile.parse(worlds.small()).lpars[0].devices

        self.assertEqual(32, len(devices))
        self.assertEqual(('3B0F', 'c05076ffe500100f'),
                         (devices[15].number, devices[15].npiv_wwpn))

    def test_without_npiv_there_is_no_wwpn(self):
        world = worlds.small()
        world['lpars']['host1']['fcp_devices'][0]['npiv_wwpn'] = None

        self.assertIsNone(worldfile.parse(world).lpars[0].devices[0].npiv_wwpn)

    def test_yaml_on_and_off_mean_power(self):
        world = worlds.small()
        world['lpars']['host1']['guests']['guest1']['power'] = False

        self.assertEqual('off', worldfile.parse(world).lpars[0].guests[0]
                         .power)

    def test_decimals_of_a_size_count(self):
        self.assertEqual(int(5.5 * (1 << 30)), checks.size_bytes('5.5G'))
        self.assertEqual(20 << 30, checks.size_bytes('20480M'))

    def test_real_size_may_differ_from_the_line(self):
        world = worlds.small()
        lines = world['lpars']['host1']['pools']['zpool1']
        lines[0]['real_size'] = 3 << 20

        lun = worldfile.parse(world).lpars[0].pools['zpool1'][0]
        self.assertEqual(('1G', 3 << 20), (lun.size, lun.bytes))

    def test_a_linux_may_be_told_in_full(self):
        world = worlds.small()
        world['lpars']['host1']['guests']['guest1']['linux'] = {
            'distro': 'sles15', 'lun_scan': False, 'missing': ['chzdev'],
            'udev_delay': 0.5}

        linux = worldfile.parse(world).lpars[0].guests[0].linux
        self.assertEqual(('sles15', False, ('chzdev',), 0.5, 'root'), (
            linux.distro, linux.lun_scan, linux.missing, linux.udev_delay,
            linux.user))


# (path into lpars.host1, wrong value, key in the error, a part of the rule)
MISTAKES = (
    (('connector_port',), 70000, '.connector_port', 'from 0 to 65535'),
    (('colour',), 'blue', '.colour', 'known: connector_port'),
    (('zhcp',), {'node': 'zhcp1', 'userid': 'ZHCP1'}, '.zhcp.hostname',
     'is missing'),
    (('zhcp', 'userid'), 'TOOLONGUSER', '.zhcp.userid', '1 to 8'),
    (('zhcp', 'devices'), ['4000'], '.zhcp.devices[0]', 'not one of'),
    (('fcp_devices', 0, 'range'), '3B0F-3B00', '.fcp_devices[0].range',
     'end before'),
    (('fcp_devices', 1, 'range'), '3B0F-3C0F', '.fcp_devices[1].range',
     '3B0F is there twice'),
    (('fcp_devices', 0, 'chpid'), 50, '.fcp_devices[0].chpid', 'quotes'),
    (('fcp_devices', 0, 'npiv_wwpn'), 'NONE', '.fcp_devices[0].npiv_wwpn',
     '16 hex digits'),
    (('fcp_devices', 0, 'status'), 'busy', '.fcp_devices[0].status',
     'free, active, offline'),
    (('pools', 'zpool1', 0, 'lun'), '4011', '.pools.zpool1[0].lun',
     "'4011' must be 16 hex digits"),
    (('pools', 'zpool1', 0, 'lun'), 4011400000000000,
     '.pools.zpool1[0].lun', 'quotes'),
    (('pools', 'zpool1', 0, 'size'), '1T', '.pools.zpool1[0].size',
     'M or G'),
    (('pools', 'zpool1', 0, 'wwpns'), [], '.pools.zpool1[0].wwpns',
     'one or more'),
    (('pools', 'zpool1', 0, 'count'), True, '.pools.zpool1[0].count',
     'whole number'),
    (('pools', 'zpool1', 0, 'owner'), 'a,b', '.pools.zpool1[0].owner',
     'without ,'),
    (('pools', 'zpool1', 0, 'wwid'), '6' + '0' * 31,
     '.pools.zpool1[0].count', '1 where wwid is given'),
    (('pools', 'zpool1', 0, 'lun'), '4011400000000001',
     '.pools.zpool1[0].lun', '8 zeros'),
    (('pools', 'zpool1', 0, 'count'), 65537, '.pools.zpool1[0].count',
     'from 1 to 65536'),
    (('pools', 'zpool1', 0, 'lun'), 'ffffffff00000000',
     '.pools.zpool1[0].count', 'beyond the last'),
    (('pools', 'zpool1', 0, 'size'), '0G', '.pools.zpool1[0].size',
     'more than a block'),
    (('pools', 'zpool1', 0, 'size'), '2000000G', '.pools.zpool1[0].size',
     'at most 1 PiB'),
    (('pools', 'zpool1', 0, 'wwpns'), ['500507630300100a',
                                       '500507630300100A'],
     '.pools.zpool1[0].wwpns', 'different WWPNs'),
    (('pools', 'zpool1', 0, 'tag'), 'a\n', '.pools.zpool1[0].tag',
     'without ,'),
    (('pools', 'zpool1'), 3, '.pools.zpool1', 'a list of lines, or the text'),
    (('guests', 'guest1', 'linux'), {'udev_delay': float('nan')},
     '.guests.guest1.linux.udev_delay', 'a number'),
    (('guests', 'guest1', 'linux'), {'user': 'Root'},
     '.guests.guest1.linux.user', 'a user name'),
    (('guests', 'guest1', 'linux'), 9, '.guests.guest1.linux', 'quotes'),
    (('targets',), {50: []}, '.targets.50', 'the key must be text'),
    (('zhcp',), None, '.zhcp', 'must be a mapping'),
    (('pools', '../etc'), [], '.pools.../etc', 'lower case'),
    (('guests', 'guest1', 'linux'), 'plan9', '.guests.guest1.linux', 'rhel9'),
    (('guests', 'guest1', 'linux'), {'distro': 'rhel99'},
     '.guests.guest1.linux.distro', 'rhel9'),
    (('guests', 'guest1', 'power'), 'maybe', '.guests.guest1.power',
     'on, off'),
    (('guests', 'guest1', 'userid'), 'ZHCP1', '', 'taken'),
    (('guests', 'zhcp1'), {'userid': 'OTHER'}, '', 'taken'),
    (('targets',), {'50': ['nonsense']}, '.targets.50[0]',
     '16 hex digits'),
    (('guests',), [], '.guests', 'mapping'),
)


class MistakeTest(testtools.TestCase):
    """Each mistake is told with its key and the rule."""


def _mistake(path, value, key, rule):
    def test(self):
        world = worlds.small()
        place = world['lpars']['host1']
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        error = self.assertRaises(checks.WorldError, worldfile.parse, world)
        self.assertIn(rule, error.rule)
        if key:
            self.assertEqual(HOST + key, error.key)
        self.assertIn(error.key, str(error))
    return test


for _number, _case in enumerate(MISTAKES):
    setattr(MistakeTest, 'test_%02d_%s' % (_number, _case[0][-1]),
            _mistake(*_case))
