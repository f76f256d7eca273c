# SPDX-License-Identifier: Apache-2.0
"""Examples of each value: what it reads, what it refuses, what it writes."""

import copy
import dataclasses
import pickle

import testtools
from testtools import matchers

from tests.unit.common import hostile
from zvm_common import exceptions
from zvm_common import model

UUID = '12345678-9abc-def0-1234-56789abcdef0'
W1, W2 = '5005076303000001', '5005076303000002'
L1 = '4011400000000000'
LINE = ('reserved,%s;%s,%s,10.0G,3B00-3B3F;3C00,vm1.a-b_c,F1;F2,tag'
        % (W1, W2, L1))

# class, a good text, its canonical form
GOOD = (
    (model.Wwpn, '0X500507630300ABCD', '500507630300abcd'),
    (model.Lun, '0x4010400B00000000', '4010400b00000000'),
    (model.DeviceNumber, '3b2f', '3B2F'),
    (model.PoolName, 'zpool_1-a', 'zpool_1-a'),
    (model.NodeName, 'vm-1.example_a', 'vm-1.example_a'),
    (model.Userid, 'Lnx@0001', 'LNX@0001'),
    (model.HostName, 'Zhcp1.example.com', 'zhcp1.example.com'),
    (model.HostAddress, 'FD00:0:0::1', 'fd00::1'),
    (model.IpAddress, '::ffff:10.1.0.9', '10.1.0.9'),
    (model.BorrowerName, 'Cinder_1.x', 'cinder_1.x'),
    (model.Server, 'MN.example.com:8443', 'mn.example.com:8443'),
    (model.Uuid, UUID.upper(), UUID),
    (model.OperationId, UUID, UUID),
)
PARSERS = (
    (model.Capacity.parse, '10.5G'),
    (model.DeviceRanges.parse, '3B00-3B3F;3C00'),
    (model.DeviceNumber.from_bus_id, '0.0.3b20'),
    (model.parse_ports, '50000-50063'),
    (model.parse_wwpns, W1 + ';' + W2),
    (model.Path.parse, '0.0.3b20:0x%s:0x%s' % (W1, L1)),
    (model.PoolLine.parse, LINE),
)


class EveryValueTest(testtools.TestCase):

    def test_canonical_form(self):
        for kind, text, canonical in GOOD:
            self.assertEqual(canonical, str(kind(text)))

    def test_equal_texts_make_equal_values_that_hash_alike(self):
        for kind, text, canonical in GOOD:
            self.assertEqual(1, len({kind(text), kind(canonical),
                                     kind(kind(text))}))

    def test_values_of_other_kinds_are_not_equal(self):
        self.assertNotEqual(model.Wwpn(W1), model.Lun(W1))
        self.assertNotEqual(model.Uuid(UUID), model.OperationId(UUID))
        self.assertRaises(exceptions.InvalidValue, model.Wwpn,
                          model.Lun(W1))

    def test_values_cannot_be_changed(self):
        line = model.PoolLine.parse(LINE)
        for value in [kind(text) for kind, text, _ in GOOD] + [line]:
            field = dataclasses.fields(value)[0].name
            self.assertRaises(dataclasses.FrozenInstanceError, setattr,
                              value, field, 'x')
            self.assertFalse(hasattr(value, '__dict__'))

    def test_values_can_be_copied(self):
        for value in [kind(text) for kind, text, _ in GOOD] + [
                parse(text) for parse, text in PARSERS]:
            self.assertEqual(value, copy.deepcopy(value))
            self.assertEqual(value, pickle.loads(pickle.dumps(value)))

    def test_hostile_texts_are_refused(self):
        makers = [(kind, text) for kind, text, _ in GOOD] + list(PARSERS)
        for make, good in makers:
            for bad in hostile.spoilt(good):
                # 1 to 8 of these stand in a userid, quoted by its users.
                if make is model.Userid and set(bad) <= set(good + '$#'):
                    continue
                self.assertRaises(exceptions.InvalidValue, make, bad)

    def test_other_nonsense_is_refused(self):
        makers = [kind for kind, _, _ in GOOD] + [p for p, _ in PARSERS]
        for make in makers:
            for bad in hostile.WHOLE:
                if bad == '' and make == model.DeviceRanges.parse:
                    continue
                if bad == 'all' and make in (model.Userid, model.HostAddress,
                                             model.HostName, model.Server,
                                             model.BorrowerName):
                    continue  # names like any other, to z/VM and DNS
                if bad == '@group' and make is model.Userid:
                    continue
                self.assertRaises(exceptions.InvalidValue, make, bad)

    def test_the_message_shows_value_and_rule_and_is_bounded(self):
        error = self.assertRaises(exceptions.InvalidValue, model.Wwpn,
                                  '\n\x1b[31m' + 'x' * 100000)
        self.assertThat(str(error), matchers.MatchesAll(
            matchers.Contains(r"'\n\x1b[31mxxx"),
            matchers.Contains('16 hex digits'), matchers.Contains('WWPN'),
            matchers.AfterPreprocessing(len, matchers.LessThan(300))))
        self.assertIsInstance(error, ValueError)
        self.assertEqual(model.Wwpn.RULE, error.rule)
        self.assertEqual(100006, len(error.value))


class WwpnTest(testtools.TestCase):

    def test_no_port_is_no_wwpn(self):
        for bad in ('0' * 16, '0x' + '0' * 16, 'NONE', W1[:-1], W1 + '0'):
            self.assertRaises(exceptions.InvalidValue, model.Wwpn, bad)

    def test_lists(self):
        both = model.parse_wwpns('%s;0x%s' % (W2, W1))
        self.assertEqual((model.Wwpn(W2), model.Wwpn(W1)), both)
        self.assertEqual(W2 + ';' + W1, model.format_wwpns(both))
        for bad in ('', ';', W1 + ';', ';' + W1, W1 + ';' + W1,
                    W1 + ',' + W2, '%s;0x%s' % (W1, W1)):
            self.assertRaises(exceptions.InvalidValue, model.parse_wwpns,
                              bad)


class LunTest(testtools.TestCase):

    def test_the_int_of_os_brick(self):
        for text, number in (('4010400b00000000', 0x4010400b),
                             ('4011000000000000', 0x4011),
                             ('0001000000000000', 1),
                             ('0000000000000000', 0),
                             ('0001000100000000', 0x10001)):
            self.assertEqual(number, model.Lun(text).scsi_int())

    def test_os_brick_gets_back_the_same_lun(self):
        # What os-brick's fibre_channel_s390x makes of the number.
        for text in ('4010400b00000000', '4011000000000000'):
            number = model.Lun(text).scsi_int()
            self.assertEqual(text, '%04x000000000000' % number
                             if number <= 0xffff else
                             '%08x00000000' % number)

    def test_luns_that_os_brick_cannot_be_told(self):
        for text in ('0000000000000001', '4010400b00000001',
                     '0000400b00000000', '4010000000010000'):
            self.assertRaises(exceptions.InvalidValue,
                              model.Lun(text).scsi_int)


class DeviceTest(testtools.TestCase):

    def test_bus_id(self):
        number = model.DeviceNumber('3B2F')
        self.assertEqual('0.0.3b2f', number.bus_id)
        self.assertEqual(number, model.DeviceNumber.from_bus_id('0.0.3b2f'))
        self.assertEqual(0x3b2f, int(number))
        self.assertRaises(exceptions.InvalidValue,
                          model.DeviceNumber.from_bus_id, '0.1.3b2f')

    def test_devices_sort_by_number(self):
        self.assertEqual(['0A00', '3B00', 'FFFF'], [
            str(d) for d in sorted(map(model.DeviceNumber, (
                'ffff', '3b00', '0a00')))])

    def test_ranges_are_normalised(self):
        for text, normal in (('3b00-3b3f;3C00', '3B00-3B3F;3C00'),
                             ('3C00;3B00-3B0F;3B08-3B10;3B11',
                              '3B00-3B11;3C00'),
                             ('0000-FFFF', '0000-FFFF'), ('', ''),
                             ('3B00-3B00', '3B00')):
            self.assertEqual(normal, str(model.DeviceRanges.parse(text)))

    def test_wrong_ranges(self):
        for bad in ('3B0F-3B00', '3B00-', '-3B00', '3B00;', ';3B00', ';',
                    '3B00,3B01', '3B00-3B01-3B02', '3B00 - 3B01', '13B00',
                    '3B0G'):
            error = self.assertRaises(exceptions.InvalidValue,
                                      model.DeviceRanges.parse, bad)
            self.assertIn(bad, str(error))

    def test_membership(self):
        ranges = model.DeviceRanges.parse('3B00-3B01;3C00')
        self.assertTrue(ranges.contains(model.DeviceNumber('3b01')))
        self.assertIn('3c00', ranges)
        self.assertNotIn('3B02', ranges)
        self.assertEqual(['3B00', '3B01', '3C00'],
                         [str(device) for device in ranges])
        self.assertEqual(3, len(ranges))
        self.assertEqual(ranges, model.DeviceRanges.of(ranges))

    def test_sets(self):
        first = model.DeviceRanges.parse('3B00-3B0F;3C00')
        second = model.DeviceRanges.parse('3B08-3C0F')
        self.assertEqual('3B08-3B0F;3C00', str(first & second))
        self.assertEqual('3B00-3C0F', str(first | second))


class CapacityTest(testtools.TestCase):

    def test_sizes_as_pools_have_them(self):
        for text, size in (('10G', 10 * 2 ** 30), ('20480M', 20 * 2 ** 30),
                           ('10.0G', 10 * 2 ** 30), ('5.5G', 5905580032),
                           ('0.1M', 104857), ('1g', 2 ** 30),
                           ('512m', 2 ** 29), ('0.000000001G', 1)):
            self.assertEqual(size, model.Capacity.parse(text).bytes)

    def test_wrong_sizes(self):
        for bad in ('', '10', 'G', '10T', '10GB', '10 G', '-1G', '+1G',
                    '1e3G', '.5G', '5.G', '5,5G', '0G', '0.0M', '0x1G',
                    '1.2.3G', '0.0000000001G', '9999999999999G',
                    '999999999999G', '\u0661G', 'infG'):
            self.assertRaises(exceptions.InvalidValue, model.Capacity.parse,
                              bad)

    def test_equal_sizes_are_equal_however_they_are_written(self):
        self.assertEqual(model.Capacity.parse('10G'),
                         model.Capacity.parse('10240M'))
        self.assertEqual(model.Capacity.from_gib(10),
                         model.Capacity.parse('10.0G'))
        self.assertLess(model.Capacity.parse('5.5G'), model.Capacity.parse(
            '10G'))

    def test_texts(self):
        for size, pool, shown in ((10 * 2 ** 30, '10G', '10G'),
                                  (5905580032, '5632M', '5632M'),
                                  (2 ** 30 + 1, '1024M', '1073741825 bytes'),
                                  (0, '0G', '0 bytes')):
            self.assertEqual(pool, model.Capacity(size).pool_text)
            self.assertEqual(shown, str(model.Capacity(size)))
        self.assertEqual('10.0G', model.Capacity.parse('10.0G').pool_text)

    def test_whole_gib(self):
        self.assertEqual(5, model.Capacity.parse('5.9G').gib_floor)

    def test_wrong_numbers(self):
        for bad in (-1, 2 ** 63, 1.5, '1', None, True):
            self.assertRaises(exceptions.InvalidValue, model.Capacity, bad)
        for bad in (-1, 1.5, True, None, '1', 2 ** 40):
            self.assertRaises(exceptions.InvalidValue,
                              model.Capacity.from_gib, bad)


class NameTest(testtools.TestCase):

    def test_a_node_name_is_exactly_one_node(self):
        for bad in ('vm1-vm5', 'vm[1-5]', 'a1-a1', 'a-a', 'vm1:vm5', 'VM1',
                    '-vm1', 'vm1-', '.vm', 'vm.', 'a..b', 'zvm-volume',
                    'x' * 65, 'web1-db2-web5-db9'):
            self.assertRaises(exceptions.InvalidValue, model.NodeName, bad)
        for good in ('vm1', 'a', '1', 'my-node', 'zhcp1-prod2', 'a-b-c',
                     'vm1-vm2-vm3', 'x' * 64, 'zhcp1.example.com'):
            self.assertEqual(good, str(model.NodeName(good)))

    def test_pools(self):
        for bad in ('Zpool', '-p', 'a.b', 'a b', 'x' * 65):
            self.assertRaises(exceptions.InvalidValue, model.PoolName, bad)

    def test_userids(self):
        for bad in ('LNX000012', '-LNX', 'LNX.1', 'LNX+1', 'L\xd6X'):
            self.assertRaises(exceptions.InvalidValue, model.Userid, bad)

    def test_host_names(self):
        for bad in ('a..b', '.a', 'a.', '-a', 'a-', 'a_b', 'x' * 64,
                    '.'.join(['x' * 60] * 5), 'a:1', '[::1]'):
            self.assertRaises(exceptions.InvalidValue, model.HostName, bad)

    def test_uuids(self):
        for bad in (UUID.replace('-', ''), '{%s}' % UUID, UUID[:-1],
                    'urn:uuid:' + UUID):
            self.assertRaises(exceptions.InvalidValue, model.Uuid, bad)

    def test_servers(self):
        for text, host, port in (('mn', 'mn', 443),
                                 ('192.0.2.1:1', '192.0.2.1', 1),
                                 ('[2001:DB8::1]:8443', '2001:db8::1', 8443),
                                 ('[::1]', '::1', 443)):
            server = model.Server(text)
            self.assertEqual((host, port), (server.host, server.port))
        for bad in ('mn:', ':443', 'mn:0', 'mn:65536', 'mn:x', '::1',
                    '[::1', '[1:2]', '[mn]',
                    '[::1%eth0]', 'https://mn', 'mn/xcatws',
                    'admin@mn', 'mn:443:443', 'mn..x'):
            self.assertRaises(exceptions.InvalidValue, model.Server, bad)

    def test_a_server_with_a_password_is_not_shown(self):
        error = self.assertRaises(exceptions.InvalidValue, model.Server,
                                  'https://admin:s3cret@mn:443')
        self.assertNotIn('s3cret', str(error) + repr(error.value))
        self.assertIn('mn:443', str(error))


class PoolLineTest(testtools.TestCase):

    def test_columns(self):
        line = model.PoolLine.parse(LINE)
        self.assertEqual(
            ('reserved', (model.Wwpn(W1), model.Wwpn(W2)), model.Lun(L1),
             model.Capacity.from_gib(10),
             model.DeviceRanges.parse('3C00;3B00-3B3F'), 'vm1.a-b_c',
             'F1;F2', 'tag'),
            (line.status, line.wwpns, line.lun, line.size, line.ranges,
             line.owner, line.channel, line.tag))
        self.assertEqual(LINE, line.format())
        self.assertEqual(LINE, str(line))

    def test_empty_columns(self):
        line = model.PoolLine.parse('free,%s,%s,,,,,' % (W1, L1))
        self.assertIsNone(line.size)
        self.assertEqual(0, len(line.ranges))
        self.assertEqual('free,%s,%s,,,,,' % (W1, L1), line.format())

    def test_recorded_lines(self):
        for text in ('used,5005076303000001,4011400000000000,30G,3B00-3B3F,'
                     'guest1,3B02,',
                     'reserved,5005076303000001,4011400300000000,20480M,'
                     '3B00-3B3F,vol-c,auto,',
                     'reserved,5005076303000001,4011400900000000,10G,'
                     '3B00-3B3F,vol-b,0,'):
            self.assertEqual(text, model.PoolLine.parse(text).format())

    def test_damaged_lines(self):
        for bad in (model.POOL_HEADER, '', 'free', LINE + ',', LINE + '\n',
                    'free,%s,%s,10G,3B00-3B3F,,' % (W1, L1),
                    'spare,%s,%s,10G,,,,' % (W1, L1),
                    'free,,%s,10G,,,,' % L1, 'free,%s,,10G,,,,' % W1,
                    'free,%s,%s,10,,,,' % (W1, L1),
                    'free,%s,%s,10G,3B00-,,,' % (W1, L1),
                    'free,%s,%s,10G,,a b,,' % (W1, L1),
                    'free,%s,%s,10G,,a&b,,' % (W1, L1),
                    'free,%s,%s,10G,,,;,' % (W1, L1),
                    'free,%s,%s,10G,,,,$(id)' % (W1, L1),
                    # recorded: what an ampersand in an owner leaves
                    'reserved,5005076303000001,4011400900000000,10G,'
                    '3B00-3B3F,afree,5005076303000001,4011400900000000,10G,'
                    '3B00-3B3F,,,b,0,'):
            self.assertRaises(exceptions.InvalidValue, model.PoolLine.parse,
                              bad)

    def test_only_free_is_free(self):
        for status, free in (('free', True), ('FREE', False),
                             ('used', False)):
            line = model.PoolLine.parse('%s,%s,%s,1G,,,,'
                                        % (status, W1, L1))
            self.assertEqual(free, line.is_free)
            self.assertEqual(status, line.status)

    def test_stamp(self):
        stamp = '12_34_56_78_9a_bc_de_f0_12_34_56_78_9a_bc_de_f0'
        self.assertEqual(stamp, model.owner_stamp(UUID))
        self.assertEqual(model.Uuid(UUID), model.stamp_owner(stamp))
        line = model.PoolLine('reserved', [W1], L1, owner=stamp)
        self.assertEqual(model.Uuid(UUID), line.volume_id)

    def test_other_owners_are_no_stamp(self):
        stamp = model.owner_stamp(UUID)
        for text in ('', 'guest1', UUID, stamp[:-1], stamp + '_00',
                     stamp.upper(), stamp + '\n', None):
            self.assertIsNone(model.stamp_owner(text))


class BorrowerTest(testtools.TestCase):
    """The owner column of a line that is lent."""

    def test_no_node_of_three_characters_is_found_in_it(self):
        for name, owner in (
                ('cinder1', 'ci_nd_er_1'), ('a', 'a'), ('ab-c.d_e', 'ab_cd_e'),
                ('X' * 253, '_'.join(['xx'] * 20))):
            found = model.BorrowerName(name).owner
            self.assertEqual(owner, found)
            self.assertEqual(found, str(model.NodeName(found)))
            self.assertLessEqual(max(map(len, found.split('_'))), 2)
