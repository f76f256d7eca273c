# SPDX-License-Identifier: Apache-2.0
"""connection_info of other makers: what os-brick takes is read, no more."""

import copy

import testtools

from nova_zvm_volume.virt.zvm import connection
from tests.unit.nova import fakes
from zvm_common import exceptions
from zvm_common import guestdisk
from zvm_common import model

ONE, TWO = '500507680b110001', '500507680b120002'
FIRST, SECOND = 'c05076ffe5003b00', 'c05076ffe5003c00'
HOSTILE = ('', ' ', 'all', 'a,b', '$(id)', '`id`', "x'y", 'x;y', 'x\ny',
           '../x', '-x', 'x' * 5000, 'ä', '\x00', True, -1, 1.5, {'a': 1},
           b'x', 'any', [[]], [None], ['x'], 1 << 64)


def parse(**changed):
    return connection.parse(fakes.other_connection_info(**changed))


def targets(**changed):
    return {str(each) for each in parse(**changed).targets}


class ShapeTest(testtools.TestCase):

    def test_a_list_of_ports_with_one_lun(self):
        found = parse()
        self.assertTrue(found.other)
        self.assertEqual(fakes.VOLUME, str(found.volume_id))
        self.assertEqual((None, None, None, None, ()), (
            found.pool, found.zhcp, found.size, found.generation,
            found.paths))
        self.assertEqual({'any:%s:0001000000000000' % port
                          for port in (ONE, TWO)}, targets())

    def test_one_port_as_a_text(self):
        for port in (ONE, ONE.upper(), '0x' + ONE,
                     '50:05:07:68:0b:11:00:01'):
            self.assertEqual({'any:%s:0001000000000000' % ONE},
                             targets(target_wwn=port))

    def test_a_lun_for_each_port(self):
        self.assertEqual(
            {'any:%s:0001000000000000' % ONE,
             'any:%s:4010400340054006' % TWO},
            targets(target_luns=[1, '0x4010400340054006']))

    def test_the_lists_count_where_both_are_there(self):
        self.assertEqual({'any:%s:0002000000000000' % TWO},
                         targets(target_wwns=[TWO], target_luns=[2]))

    def test_a_port_named_twice_counts_once(self):
        self.assertEqual(1, len(parse(target_wwn=[ONE, ONE]).targets))
        self.assertRaises(exceptions.InvalidValue, parse,
                          target_wwn=[ONE, ONE], target_luns=[1, 2])

    def test_the_map_says_which_device_sees_which_port(self):
        self.assertEqual(
            {'%s:%s:0001000000000000' % pair
             for pair in ((FIRST, ONE), (SECOND, TWO))},
            targets(initiator_target_map={FIRST: [ONE.upper()],
                                          SECOND: [TWO, TWO]}))

    def test_ports_of_the_map_alone_are_passed_over(self):
        self.assertEqual(
            {'%s:%s:0001000000000000' % (FIRST, ONE)},
            targets(initiator_target_map={FIRST: [ONE, '5' * 16]}))
        self.assertRaises(exceptions.InvalidValue, parse,
                          initiator_target_map={FIRST: ['5' * 16]})

    def test_an_empty_map_says_nothing(self):
        for empty in (None, {}, {FIRST: []}):
            self.assertEqual(2, len(parse(
                initiator_target_map=empty).targets))

    def test_numbers_that_do_not_fit_are_refused(self):
        for luns in ([1, 2, 3], [1] * 65):
            self.assertRaises(exceptions.InvalidValue, parse,
                              target_luns=luns)

    def test_the_volume_is_that_of_nova_or_else_of_the_driver(self):
        info = fakes.other_connection_info()
        info['serial'] = fakes.OTHER_VOLUME
        self.assertEqual(fakes.OTHER_VOLUME,
                         str(connection.parse(info).volume_id))
        self.assertEqual(fakes.OTHER_VOLUME, connection.volume_of(info))
        del info['serial']
        self.assertEqual(fakes.VOLUME, str(connection.parse(info).volume_id))
        del info['data']['volume_id']
        self.assertRaises(exceptions.InvalidValue, connection.parse, info)

    def test_storwizes_zvm_fcp_makes_it_none_of_ours(self):
        self.assertTrue(parse(zvm_fcp=['3B00']).other)

    def test_one_key_of_ours_makes_it_ours(self):
        for key in ('zvm_lun', 'zvm_pool', 'zvm_volume_id', 'zvm_zhcp'):
            self.assertRaises(exceptions.InvalidValue, parse, **{key: 'x'})

    def test_cinders_own_fake_driver_is_refused_in_words(self):
        error = self.assertRaises(
            exceptions.InvalidValue, connection.parse,
            {'driver_volume_type': 'fibre_channel', 'serial': fakes.VOLUME,
             'data': {'initiator_target_map': {'fake_wwn': ['fake_wwn2']}}})
        self.assertIn('target_wwn', str(error))


class RefusalTest(testtools.TestCase):

    def test_read_only_and_encrypted_are_refused(self):
        for key, value in (('access_mode', 'ro'), ('encrypted', True)):
            error = self.assertRaises(exceptions.InvalidValue, parse,
                                      **{key: value})
            self.assertIn(key, str(error))

    def test_hostile_values_of_every_key_are_refused(self):
        for key in ('target_wwn', 'target_wwns', 'target_lun', 'target_luns',
                    'initiator_target_map', 'addressing_mode', 'zvm_wwid',
                    'zvm_paths'):
            for value in HOSTILE:
                if key[-1] == 's' and value == '':
                    continue        # as if it were not there
                self.assertRaises(exceptions.InvalidValue, parse,
                                  **{key: value})

    def test_hostile_values_of_the_map_are_refused(self):
        for value in HOSTILE:
            for bad in ({FIRST: value}, {FIRST: [value]}):
                self.assertRaises(exceptions.InvalidValue, parse,
                                  initiator_target_map=bad)
            if value.__hash__:
                self.assertRaises(exceptions.InvalidValue, parse,
                                  initiator_target_map={value: [ONE]})

    def test_other_kinds_of_volumes_are_refused(self):
        for kind in ('iscsi', 'nvmeof', 'rbd', None):
            info = dict(fakes.other_connection_info(),
                        driver_volume_type=kind)
            self.assertRaises(exceptions.InvalidValue, connection.parse,
                              info)


class RememberTest(testtools.TestCase):

    def remembered(self):
        info = fakes.other_connection_info()
        paths = guestdisk.paths_of(
            [model.DeviceNumber('3B00')], [model.Wwpn(ONE), model.Wwpn(TWO)],
            model.Lun('0001000000000000'))

        class State:
            generation = 1001

        connection.remember(info, State, paths, guestdisk.AttachedDisk(
            '/dev/disk/by-path/x', fakes.WWID, 1, paths, (), 0))
        return info, paths

    def test_what_is_remembered_is_read_back(self):
        info, paths = self.remembered()
        found = connection.parse(copy.deepcopy(info))
        self.assertEqual((1001, paths, fakes.WWID), (
            found.generation, found.paths, found.wwid))
        self.assertTrue(found.other)
        self.assertEqual('/dev/disk/by-path/x', info['data']['device_path'])

    def test_paths_to_anything_else_are_refused(self):
        for old, new in ((ONE, '5' * 16), ('0001000000000000', '1' * 16)):
            info, _paths = self.remembered()
            info['data']['zvm_paths'] = [
                path.replace(old, new) for path in info['data']['zvm_paths']]
            self.assertRaises(exceptions.InvalidValue, connection.parse, info)
