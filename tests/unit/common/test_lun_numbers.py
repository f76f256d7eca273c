# SPDX-License-Identifier: Apache-2.0
"""The LUN that other makers' Cinder drivers mean by a number."""

import hypothesis
from hypothesis import strategies as st
import testtools

from zvm_common import exceptions
from zvm_common import model


def lun(number, mode=None):
    return str(model.Lun.of_number(number, mode))


class NumberTest(testtools.TestCase):

    def test_the_first_level_as_linux_writes_it(self):
        for number, text in ((0, '0000000000000000'),
                             (1, '0001000000000000'),
                             (255, '00ff000000000000'),
                             (256, '0100000000000000'),
                             (0x4001, '4001000000000000'),
                             (0xffff, 'ffff000000000000')):
            self.assertEqual(text, lun(number))
            self.assertEqual(text, lun(str(number)))

    def test_two_levels_as_zfcp_writes_them(self):
        self.assertEqual('4010400b00000000', lun(0x4010400b))
        self.assertEqual('4010400b00000000', lun('0x4010400b'))
        self.assertEqual('4010400b00000000', lun(str(0x4010400b)))

    def test_all_64_bits(self):
        self.assertEqual('4010400300000000', lun(0x4010400300000000))
        self.assertEqual('4010400340054006', lun(0x4010400340054006))
        self.assertEqual('4010400340054006', lun('0x4010400340054006'))
        self.assertEqual('4010400340054006', lun('4010400340054006'))

    def test_70000_does_not_become_17_digits(self):
        self.assertEqual('0001117000000000', lun(70000))

    def test_flat_space_where_the_driver_says_so(self):
        self.assertEqual('00ff000000000000', lun(255, 'SAM2'))
        self.assertEqual('4100000000000000', lun(256, 'SAM2'))
        self.assertEqual('4001000000000000', lun(1, 'SAM3-flat'))
        for mode in ('SAM', 'transparent'):
            self.assertEqual('0100000000000000', lun(256, mode))
        for mode, number in (('SAM2', 16384), ('SAM3-flat', 70000),
                             ('SAM4', 1), ('', 1), (True, 1)):
            self.assertRaises(exceptions.InvalidValue, lun, number, mode)

    def test_what_is_no_number_is_refused(self):
        for bad in (None, True, 1.0, -1, 1 << 64, '', ' 1', '-1', '1;id',
                    '0x', '0xg', '1e3', '١', 'x' * 5000, b'1', [1], {},
                    '40104003400540060'):
            self.assertRaises(exceptions.InvalidValue, lun, bad)

    @hypothesis.given(st.integers(0, (1 << 64) - 1))
    def test_nothing_of_a_number_is_lost(self, number):
        digits = lun(number)
        self.assertEqual(16, len(digits))
        self.assertEqual(('%x' % number).rstrip('0'), digits.strip('0'))

    @hypothesis.given(st.builds(lambda top: '%08x00000000' % top,
                                st.integers(0, 0xffffffff)))
    def test_what_os_brick_can_be_told_comes_back(self, text):
        try:
            number = model.Lun(text).scsi_int()
        except exceptions.InvalidValue:
            hypothesis.reject()
        self.assertEqual(text, lun(number))
