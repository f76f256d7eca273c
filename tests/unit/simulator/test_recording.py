# SPDX-License-Identifier: Apache-2.0
"""Worlds of recordings: served as they were, whatever they were."""

import json
import os
import tempfile

import fixtures
import hypothesis
import testtools

from tests import initials
from tests.unit.simulator import mutations
from xcat_simulator import build
from xcat_simulator import checks
from xcat_simulator.machine import directory
from xcat_simulator import recording
from xcat_simulator import spec

ONE, TWO = '5005076303000001', '5005076303000002'
LUN = '4011400000000000'


class ReadTest(testtools.TestCase):

    def pool(self, *lines):
        text = initials.HEADER + ''.join(line + '\n' for line in lines)
        return recording.parse(initials.plain(
            pools={'pool1': text})).lpars[0]

    def disks(self, *lines):
        lpar = self.pool(*lines)
        found = build.Disks(self.useFixture(fixtures.TempDir()).path, [lpar])
        return [found.of(lun) for lun in lpar.pools['pool1']]

    def test_nothing_is_masked_and_every_port_is_seen(self):
        lpar = recording.parse(initials.plain()).lpars[0]
        self.assertIsNone(lpar.targets)
        self.assertEqual({None},
                         {lun.masked_to for lun in lpar.pools['pool1']})

    def test_the_connector_answers_on_the_port_of_the_node(self):
        lpar = recording.parse(initials.plain()).lpars[0]
        self.assertEqual(spec.SAME, lpar.connector_port)

    def test_sizes_are_read_as_they_are_meant(self):
        """Not as the MN reads them, which takes 5.5G for 55G."""
        sizes = [disk.size for disk in self.disks(
            'free,%s,4011400000000000,5.5G,,,,' % ONE,
            'free,%s,4011400100000000,10.0G,,,,' % ONE,
            'free,%s,4011400200000000,20480M,,,,' % ONE)]
        self.assertEqual([5.5 * 2 ** 30, 10 * 2 ** 30, 20 * 2 ** 30], sizes)

    def test_a_line_without_a_size_has_no_disk(self):
        for size in ('', 'x', '0G', '10', '10T', '2000000G', '-1G'):
            self.assertEqual([], self.disks(
                'free,%s,%s,%s,,,,' % (ONE, LUN, size)), size)

    def test_a_line_of_several_ports_is_one_disk(self):
        disk, = self.disks('free,%s;%s,%s,1G,,,,' % (ONE, TWO, LUN))
        self.assertEqual((ONE, TWO), disk.wwpns)

    def test_two_lines_of_one_lun_number_are_two_disks(self):
        disk, other = self.disks('free,%s,%s,1G,,,,' % (ONE, LUN),
                                 'free,%s,%s,1G,,,,' % (TWO, LUN))
        self.assertNotEqual(disk.wwid, other.wwid)

    def test_two_lines_of_one_port_and_lun_are_one_disk(self):
        disk, other = self.disks('free,%s,%s,1G,,,,' % (ONE, LUN),
                                 'free,%s;%s,%s,1G,,,,' % (TWO, ONE, LUN))
        self.assertIs(disk, other)

    def test_a_pool_without_header_and_with_nonsense_is_kept(self):
        text = 'free,%s,%s,1G\r\nnonsense\n\n,,,\n#' % (ONE, LUN)
        lpar = recording.parse(initials.plain(pools={'x.y': text})).lpars[0]
        self.assertEqual({'x.y': text}, lpar.texts)
        self.assertEqual([LUN], [lun.lun for lun in lpar.pools['x.y']])

    def test_an_active_device_is_its_running_guests(self):
        initial = initials.plain(fcp_devices=[
            initials.device('3B00', 'Active'),
            initials.device('3B01', 'Free'),
            initials.device('3B02', 'Active')])
        initial['guests']['guest1']['directory'] += (
            'DEDICATE 3B00 3B00\nDEDICATE 3B01 3B01\n')
        initial['guests']['guest2']['directory'] += 'DEDICATE 3B02 3B02\n'
        lpar = recording.parse(initial).lpars[0]
        self.assertEqual({'3B00': 'Free', '3B01': 'Free', '3B02': 'Active'},
                         {each.number: each.status for each in lpar.devices})
        self.assertEqual({'3B01'}, lpar.guests[0].inactive)

    @hypothesis.given(initials.made())
    def test_any_recorded_world_is_read(self, initial):
        found = recording.parse(initial)
        lpar, = found.lpars
        self.assertEqual(initial['pools'], lpar.texts)
        self.assertEqual(set(initial['guests']),
                         {guest.node for guest in lpar.guests})
        running = {real for guest in lpar.guests if guest.power == 'on'
                   for _, real in directory.dedicated(guest.directory)}
        for device, each in zip(lpar.devices, initial['fcp_devices']):
            was = each['status']
            if was == 'Active' and device.number in running:
                was = 'Free'
            self.assertEqual(was, device.status)
        self._check_disks(lpar)

    def _check_disks(self, lpar):
        """Each address leads to one disk, of which there is one file."""
        addresses = {}
        with tempfile.TemporaryDirectory() as folder:
            disks = build.Disks(folder, [lpar])
            for lun in (lun for pool in lpar.pools.values() for lun in pool):
                disk = disks.of(lun)
                self.assertGreater(disk.size, 0)
                for wwpn in lun.wwpns:
                    self.assertIn(wwpn, disk.wwpns)
                    self.assertIs(disk, addresses.setdefault(
                        (wwpn, lun.lun), disk))
            self.assertEqual(len({disk.path for disk in addresses.values()}),
                             len(os.listdir(folder)))


# (change to the plain initial object, key in the error, part of the rule)
MISTAKES = {
    'no users': ({'users': None}, 'initial.users', 'a mapping'),
    'password': ({'users': {'a': 1}}, 'initial.users.a', 'quotes'),
    'no such node': ({'hypervisor': 'host9'}, 'initial.nodes.host9',
                     'is missing'),
    'a path': ({'hypervisor': '..'}, 'initial.nodes...', 'a node name'),
    'zhcp': ({'zhcp': 'host1'}, 'initial.nodes.host1.userid', 'is missing'),
    'guest': ({'guests': {'guest9': {'power': 'on', 'directory': ''}}},
              'initial.nodes.guest9', 'is missing'),
    'power': ({'guests': {'guest1': {'power': 'up', 'directory': ''}}},
              'initial.guests.guest1.power', 'on, off'),
    'table': ({'zvm_table': ['#node', ',,,']}, 'initial.zvm_table[1]',
              'as tabdump prints it'),
    'odd table': ({'zvm_table': ['a\rb']}, 'initial.zvm_table[0]',
                  'as tabdump prints it'),
    'device': ({'fcp_devices': [initials.device('3B0', 'Free')]},
               'initial.fcp_devices[0].device', '4 hex digits'),
    'twice': ({'fcp_devices': 2 * [initials.device('3B00', 'Free')]},
              'initial.fcp_devices[1].device', 'there twice'),
    'status': ({'fcp_devices': [initials.device('3B00', 'Lost')]},
               'initial.fcp_devices[0].status', 'Free, Active'),
    'npiv': ({'fcp_devices': [initials.device('3B00', 'Free', 'x')]},
             'initial.fcp_devices[0].npiv_wwpn', 'NONE'),
    'pool': ({'pools': {'../x': ''}}, 'initial.pools.../x', 'without /'),
    'pool text': ({'pools': {'x': ['a']}}, 'initial.pools.x', 'be text'),
    'surrogate': ({'pools': {'x': '\ud800'}}, 'initial.pools.x', 'Unicode'),
    'nodes': ({'nodes': {'host1': {'hcp': 5}}}, 'initial.nodes.host1.hcp',
              'must be text'),
}


class MistakeTest(testtools.TestCase):

    def test_each_is_told_with_its_key(self):
        for name, (change, key, rule) in MISTAKES.items():
            error = self.assertRaises(checks.WorldError, recording.parse,
                                      initials.plain(**change))
            self.assertEqual(key, error.key, name)
            self.assertIn(rule, error.rule, name)

    def test_every_key_is_needed(self):
        for key in initials.plain():
            initial = initials.plain()
            del initial[key]
            error = self.assertRaises(checks.WorldError, recording.parse,
                                      initial)
            self.assertEqual(('initial.' + key, 'is missing'),
                             (error.key, error.rule))

    def test_two_guests_have_two_user_ids(self):
        initial = initials.plain()
        initial['nodes']['guest2']['userid'] = 'zhcp1'
        error = self.assertRaises(checks.WorldError, recording.parse, initial)
        self.assertIn('ZHCP1 is taken by zhcp1', error.rule)

    def test_a_file_that_is_no_json_is_told(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x')
        for text in (b'', b'{', b'\xff', b'{"a": 1, "a": 2}', b'[' * 90000,
                     b'[' + b'1' * 9000 + b']'):
            with open(path, 'wb') as stream:
                stream.write(text)
            error = self.assertRaises(checks.WorldError, recording.load, path)
            self.assertEqual(path, error.key)

    def test_unknown_keys_are_left_alone(self):
        recording.parse(initials.plain(more={'of': 'it'}))

    @hypothesis.given(mutations.harmed(initials.plain()))
    def test_a_harmed_one_is_good_or_told_with_its_key(self, value):
        try:
            recording.parse(json.loads(json.dumps(value)))
        except checks.WorldError as e:
            self.assertEqual('initial', e.key[:7])
