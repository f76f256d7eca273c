# SPDX-License-Identifier: Apache-2.0
"""connection_info: what is right is read, what is wrong is refused."""

import copy

from hypothesis import given
from hypothesis import strategies as st
import testtools

from nova_zvm_volume.virt.zvm import connection
from tests.unit.nova import fakes
from zvm_common import exceptions
from zvm_common import guestdisk
from zvm_common import model

HOSTILE = ('', ' ', 'all', 'a,b', 'zpool1;id', '$(id)', '`id`', "x'y", 'x"y',
           'x\ny', '../x', '-x', 'x' * 5000, 'ä', '\x00', None, True, 0, -1,
           1.5, [], {}, ['x'], {'a': 1}, b'x')
# Hostile elsewhere, but right here; that another zHCP is refused is tested
# with the attach.
RIGHT = (('zvm_zhcp', "'all'"), ('zvm_generation', '0'), ('zvm_wwid', 'None'))
READ = ('zvm_lun', 'zvm_pool', 'zvm_zhcp', 'zvm_volume_id', 'zvm_generation',
        'zvm_wwid', 'zvm_bytes', 'target_wwns')


class TestParse(testtools.TestCase):

    def test_reads_what_cinder_writes(self):
        found = connection.parse(fakes.connection_info())
        self.assertEqual(model.Uuid(fakes.VOLUME), found.volume_id)
        self.assertEqual(model.Uuid(fakes.ATTACHMENT), found.attachment_id)
        self.assertEqual(model.Lun('4011400000000000'), found.lun)
        self.assertEqual(fakes.WWPNS, tuple(str(w) for w in found.wwpns))
        self.assertEqual((1, fakes.GIB, fakes.WWID, ()), (
            found.generation, found.size.bytes, found.wwid, found.paths))

    def test_reads_back_what_it_remembers(self):
        info = fakes.connection_info()
        lun = model.Lun('4011400000000000')
        paths = guestdisk.paths_of(
            [model.DeviceNumber('3B00')], [model.Wwpn(fakes.WWPNS[0])], lun)
        disk = guestdisk.AttachedDisk('/dev/disk/by-path/x', fakes.WWID, 1,
                                      paths, (), 0)

        class State:
            generation = 2

        connection.remember(info, State, paths, disk)
        found = connection.parse(info)
        self.assertEqual((2, paths), (found.generation, found.paths))
        self.assertEqual('/dev/disk/by-path/x', info['data']['device_path'])

    def test_a_volume_without_wwid_or_attachment_id_is_right(self):
        info = fakes.connection_info(zvm_wwid=None)
        del info['attachment_id']
        found = connection.parse(info)
        self.assertIsNone(found.wwid)
        self.assertIsNone(found.attachment_id)

    def test_attachment_id_may_stand_in_data(self):
        info = fakes.connection_info(attachment_id=fakes.ATTACHMENT)
        del info['attachment_id']
        self.assertEqual(fakes.ATTACHMENT,
                         str(connection.parse(info).attachment_id))

    def test_every_missing_key_is_named(self):
        for key in READ:
            if key == 'zvm_wwid':
                continue
            info = fakes.connection_info()
            del info['data'][key]
            info['data'].pop('target_wwn')
            error = self.assertRaises(exceptions.InvalidValue,
                                      connection.parse, info)
            self.assertIn(key[:10], str(error))

    def test_hostile_values_of_every_key_are_refused(self):
        for key in READ:
            for value in HOSTILE:
                if (key, repr(value)) in RIGHT:
                    continue
                info = fakes.connection_info(**{key: value})
                error = self.assertRaises(
                    exceptions.InvalidValue, connection.parse, info)
                self.assertIn(key, str(error))
                self.assertLess(len(str(error)), 600)

    def test_hostile_list_members_are_refused(self):
        for value in HOSTILE:
            for key in ('target_wwns', 'zvm_paths'):
                info = fakes.connection_info(**{key: [value]})
                self.assertRaises(exceptions.InvalidValue, connection.parse,
                                  info)

    def test_hostile_attachment_ids_are_refused(self):
        for value in HOSTILE:
            if value is None:
                continue
            info = dict(fakes.connection_info(), attachment_id=value)
            self.assertRaises(exceptions.InvalidValue, connection.parse, info)

    def test_other_shapes_are_refused(self):
        for info in (None, [], 'x', {}, {'driver_volume_type': 'iscsi'},
                     {'driver_volume_type': 'fibre_channel'},
                     {'driver_volume_type': 'fibre_channel', 'data': []},
                     {'driver_volume_type': ['fibre_channel'], 'data': {}}):
            self.assertRaises(exceptions.InvalidValue, connection.parse, info)

    def test_another_volume_type_is_named_with_the_rule(self):
        info = dict(fakes.connection_info(), driver_volume_type='iscsi')
        error = self.assertRaises(exceptions.InvalidValue, connection.parse,
                                  info)
        self.assertIn('iscsi', str(error))
        self.assertIn('fibre_channel', str(error))

    def test_a_target_lun_of_another_lun_is_refused(self):
        for number in (0, 1, 0x40114001, '1074872320', 16401.0, True):
            info = fakes.connection_info(target_lun=number)
            self.assertRaises(exceptions.InvalidValue, connection.parse, info)

    def test_a_read_only_volume_is_refused(self):
        for mode in ('ro', '', 1, [], {}):
            info = fakes.connection_info(access_mode=mode)
            self.assertRaises(exceptions.InvalidValue, connection.parse, info)
        connection.parse(fakes.connection_info(access_mode='rw'))

    def test_a_port_named_twice_is_refused(self):
        info = fakes.connection_info(target_wwns=[fakes.WWPNS[0]] * 2)
        self.assertRaises(exceptions.InvalidValue, connection.parse, info)

    def test_paths_to_another_lun_are_refused(self):
        info = fakes.connection_info(zvm_paths=[
            '0.0.3b00:0x5005076303000001:0x4011400100000000'])
        self.assertRaises(exceptions.InvalidValue, connection.parse, info)

    def test_more_paths_than_anyone_has_are_refused(self):
        info = fakes.connection_info(zvm_paths=[
            '0.0.%04x:0x5005076303000001:0x4011400000000000' % n
            for n in range(65)])
        self.assertRaises(exceptions.InvalidValue, connection.parse, info)

    def test_nothing_is_changed_by_reading(self):
        info = fakes.connection_info()
        before = copy.deepcopy(info)
        connection.parse(info)
        self.assertEqual(before, info)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(max_size=5), inner, max_size=3), max_leaves=5)


class TestAnyJson(testtools.TestCase):

    @given(st.sampled_from(READ + ('zvm_paths', 'target_lun')), JSON)
    def test_any_value_is_read_or_refused(self, key, value):
        info = fakes.connection_info(**{key: value})
        try:
            found = connection.parse(info)
        except exceptions.InvalidValue:
            return
        self.assertIsInstance(found, connection.Connection)

    @given(JSON)
    def test_any_connection_info_is_read_or_refused(self, value):
        self.assertRaises(exceptions.InvalidValue, connection.parse, value)
