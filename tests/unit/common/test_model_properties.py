# SPDX-License-Identifier: Apache-2.0
"""What holds for every value, not only for the examples."""

import fractions
import re

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import testtools

from zvm_common import exceptions
from zvm_common import model

FEW = settings(max_examples=200, deadline=None, derandomize=True,
               database=None)

HEX = '0123456789abcdefABCDEF'
hex16 = st.text(HEX, min_size=16, max_size=16)
wwpns = hex16.filter(lambda t: t.strip('0')).map(model.Wwpn)
luns = hex16.map(model.Lun)
devices = st.integers(0, 0xffff).map(model.DeviceNumber.from_int)
pairs = st.tuples(st.integers(0, 0xffff), st.integers(0, 0xffff)).map(
    lambda pair: tuple(sorted(pair)))
short_pairs = st.integers(0, 0xff00).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(n, n + 0xff)))
ranges = st.lists(short_pairs, max_size=6).map(
    lambda r: model.DeviceRanges(tuple(r)))
words = st.text('abcXYZ019_.-', max_size=40)
channels = st.one_of(
    st.sampled_from(('', 'auto', '0')),
    st.lists(devices.map(str), min_size=1, max_size=4).map(';'.join))
sizes = st.one_of(
    st.none(), st.integers(1, 2 ** 33).map(
        lambda n: model.Capacity.parse('%dM' % n)),
    st.integers(1, 2 ** 30).map(model.Capacity.from_gib))
lines = st.builds(
    model.PoolLine, st.sampled_from(('free', 'reserved', 'used')),
    st.lists(wwpns, min_size=1, max_size=4, unique=True).map(tuple), luns,
    sizes, ranges, words, channels, words)

# Text near the good ones, so that refusals are not all for the first letter.
near = st.one_of(
    st.text(max_size=40),
    st.text(HEX + 'xX;,-. \n\0\u0661\uff11', max_size=40),
    st.builds(lambda good, bad, where: good[:where] + bad + good[where:],
              hex16, st.text(min_size=1, max_size=3), st.integers(0, 16)))


def accepts(make, text):
    try:
        make(text)
    except exceptions.InvalidValue:
        return False
    return True


class RefusalProperties(testtools.TestCase):
    """A value is taken if and only if an independent rule says so."""

    RULES = (
        (model.Wwpn, r'\A(?!(0[xX])?0{16}\Z)(0[xX])?[0-9a-fA-F]{16}\Z'),
        (model.Lun, r'\A(0[xX])?[0-9a-fA-F]{16}\Z'),
        (model.DeviceNumber, r'\A[0-9a-fA-F]{4}\Z'),
        (model.PoolName, r'\A(?!all\Z|zvm-volume\Z)[a-z0-9_][a-z0-9_-]{0,63}'
                         r'\Z'),
        (model.Userid, r'\A(?!-)[A-Za-z0-9@#$_-]{1,8}\Z'),
        (model.Uuid, r'\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
                     r'\Z'),
    )

    @FEW
    @given(st.sampled_from(RULES), near)
    def test_any_text(self, rule, text):
        kind, pattern = rule
        self.assertEqual(re.match(pattern, text) is not None,
                         accepts(kind, text))

    @FEW
    @given(st.sampled_from(RULES), st.data())
    def test_texts_that_match(self, rule, data):
        kind, pattern = rule
        text = data.draw(st.from_regex(pattern))
        self.assertTrue(accepts(kind, text))

    @FEW
    @given(st.one_of(near, st.from_regex(r'[a-z0-9_.-]{1,70}')))
    def test_a_node_name_can_stand_in_a_url_and_a_shell(self, text):
        if accepts(model.NodeName, text):
            self.assertRegex(text, r'\A[a-z0-9][a-z0-9_.-]{0,63}\Z')
            self.assertNotIn('..', text)

    @FEW
    @given(near)
    def test_what_is_refused_is_refused_by_every_reader(self, text):
        if re.search(r'[^0-9A-Za-z_.:;,@#$ -]|\n', text):
            for make in (model.Path.parse, model.PoolLine.parse,
                         model.Capacity.parse, model.DeviceRanges.parse,
                         model.parse_wwpns, model.HostName):
                self.assertFalse(accepts(make, text))

    @FEW
    @given(near)
    def test_messages_are_ascii_and_bounded(self, text):
        try:
            model.Wwpn(text * 50)
        except exceptions.InvalidValue as e:
            self.assertTrue(str(e).isascii() and str(e).isprintable())
            self.assertTrue(len(str(e)) < 1000)


class RoundTripProperties(testtools.TestCase):

    @FEW
    @given(st.one_of(wwpns, luns, devices))
    def test_texts(self, value):
        self.assertEqual(value, type(value)(str(value)))
        self.assertEqual(value, type(value)(str(value).upper()))

    @FEW
    @given(st.builds(model.Path, devices, wwpns, luns))
    def test_paths(self, path):
        self.assertEqual(path, model.Path.parse(str(path)))

    @FEW
    @given(lines)
    def test_pool_lines(self, line):
        text = line.format()
        self.assertEqual(line, model.PoolLine.parse(text))
        self.assertEqual(text, model.PoolLine.parse(text).format())
        self.assertEqual(7, text.count(','))

    @FEW
    @given(st.uuids())
    def test_stamps(self, uuid):
        stamp = model.owner_stamp(str(uuid))
        self.assertEqual(str(uuid), str(model.stamp_owner(stamp)))

    @FEW
    @given(st.uuids(), st.from_regex(r'\A[a-z0-9.-]{3,8}\Z'))
    def test_no_node_name_is_found_in_a_stamp(self, uuid, node):
        self.assertNotIn(node, model.owner_stamp(str(uuid)))

    @FEW
    @given(st.one_of(st.tuples(st.integers(1, 0xffff), st.just(0)),
                     st.tuples(st.integers(1, 0xffff),
                               st.integers(0, 0xffff))))
    def test_os_brick_makes_the_same_lun_of_the_int(self, parts):
        lun = model.Lun('%04x%04x00000000' % parts)
        number = lun.scsi_int()
        self.assertEqual(str(lun), '%04x000000000000' % number
                         if number <= 0xffff else '%08x00000000' % number)

    @FEW
    @given(luns)
    def test_a_lun_with_lower_bits_never_becomes_an_int(self, lun):
        if int(str(lun), 16) & 0xffffffff:
            self.assertRaises(exceptions.InvalidValue, lun.scsi_int)


class CapacityProperties(testtools.TestCase):

    @FEW
    @given(st.integers(0, 10 ** 9), st.one_of(
        st.just(''), st.text('0123456789', min_size=1, max_size=12).map(
            lambda digits: '.' + digits)), st.sampled_from('MG'))
    def test_sizes_are_exact_but_for_less_than_a_byte(self, whole, decimals,
                                                      unit):
        text = '%d%s%s' % (whole, decimals, unit)
        exact = fractions.Fraction('%d%s' % (whole, decimals or '.0')) * {
            'M': 2 ** 20, 'G': 2 ** 30}[unit]
        if not 1 <= exact < 2 ** 63:
            self.assertFalse(accepts(model.Capacity.parse, text))
            return
        size = model.Capacity.parse(text)
        self.assertEqual(exact.numerator // exact.denominator, size.bytes)
        self.assertEqual(text, str(size))
        self.assertEqual(size, model.Capacity.parse(str(size)))

    @FEW
    @given(st.integers(2 ** 20, 2 ** 62))
    def test_the_pool_never_promises_more_than_there_is(self, number):
        size = model.Capacity(number)
        written = model.Capacity.parse(size.pool_text)
        self.assertTrue(0 <= number - written.bytes < 2 ** 20)
        self.assertEqual(number // 2 ** 30, size.gib_floor)

    @FEW
    @given(st.integers(0, 2 ** 62), st.integers(0, 2 ** 62))
    def test_order_is_that_of_bytes(self, first, second):
        self.assertEqual(first < second,
                         model.Capacity(first) < model.Capacity(second))


class RangeProperties(testtools.TestCase):
    """Against plain sets of numbers."""

    @staticmethod
    def numbers(value):
        return {n for first, last in value.ranges
                for n in range(first, last + 1)}

    @FEW
    @given(st.lists(short_pairs, max_size=6))
    def test_the_set_is_the_union(self, given_pairs):
        value = model.DeviceRanges(tuple(given_pairs))
        union = {n for first, last in given_pairs
                 for n in range(first, last + 1)}
        self.assertEqual(union, self.numbers(value))
        self.assertEqual(sorted(union), [int(d) for d in value])
        self.assertEqual(len(union), len(value))
        self.assertEqual(value, model.DeviceRanges.parse(str(value)))

    @FEW
    @given(ranges, ranges)
    def test_sets(self, first, second):
        self.assertEqual(self.numbers(first) & self.numbers(second),
                         self.numbers(first & second))
        self.assertEqual(self.numbers(first) | self.numbers(second),
                         self.numbers(first | second))
        self.assertEqual(self.numbers(first) == self.numbers(second),
                         first == second)

    @FEW
    @given(ranges, devices)
    def test_membership(self, value, device):
        self.assertEqual(int(device) in self.numbers(value), device in value)

    @FEW
    @given(pairs.filter(lambda pair: pair[0] < pair[1]))
    def test_reversed_ranges_are_refused(self, pair):
        self.assertFalse(accepts(model.DeviceRanges.parse,
                                 '%04X-%04X' % (pair[1], pair[0])))
