# SPDX-License-Identifier: Apache-2.0
"""How the MN reads text: its Perl and its shell."""

import hypothesis
from hypothesis import strategies
import testtools

from xcat_simulator.mn import hop
from xcat_simulator.mn import perl
from xcat_simulator.mn import shell


class PerlTest(testtools.TestCase):

    def test_numbers(self):
        for text, value in (('10240M', 10240), ('5.5G', 5.5), ('', 0),
                            ('x1', 0), (' 7', 7), ('.5', 0.5), ('1e2', 100)):
            self.assertEqual(value, perl.number(text), text)

    def test_digits(self):
        for text, value in (('5.5G', 55), ('10G', 10), ('', 0), ('G', 0)):
            self.assertEqual(value, perl.digits(text), text)

    def test_hexadecimal(self):
        for text, value in (('3B00', 0x3b00), ('0x3b', 0x3b), ('', 0),
                            ('(Error)', 0), ('3Bzz', 0x3b)):
            self.assertEqual(value, perl.hexadecimal(text), text)

    def test_split_drops_empty_fields_at_the_end_alone(self):
        self.assertEqual(['', 'a', '', 'b'], perl.split(',a,,b,,', ','))
        self.assertEqual([], perl.split(',,', ','))

    def test_truth(self):
        self.assertEqual([False, False, False, True, True], [
            perl.true(text) for text in (None, '', '0', '0.0', 'a')])

    def test_a_wrong_expression_matches_nothing(self):
        self.assertFalse(perl.matches('(', '('))
        self.assertTrue(perl.matches('AB', 'xab'))


class ShellTest(testtools.TestCase):

    def test_variables_are_empty(self):
        self.assertEqual('a,$', shell.in_double_quotes('a,$root_device$'))
        self.assertEqual('"x"$', shell.in_double_quotes('\\"x\\"\\$'))

    def test_the_limit_of_an_argument(self):
        """Of 128 KiB, the echo, the pattern and a final NUL included."""
        around = len('echo "" | egrep -a -i "x"')
        fits = 'x' * (shell.LONGEST - around - 1)
        self.assertEqual(fits + '\n', shell.egrep(fits, 'x'))
        self.assertEqual('', shell.egrep(fits + 'x', 'x'))

    def test_an_expression_goes_to_grep(self):
        self.assertEqual('ab\n', shell.egrep('ab\nb', 'a+b|zz'))
        self.assertEqual('', shell.egrep('ab', '['))
        self.assertEqual('', shell.egrep('ab', '-x'))

    @hypothesis.given(
        strategies.lists(strategies.text('abAB01,;', max_size=9), max_size=5),
        strategies.text('abAB01,;', min_size=1, max_size=3))
    @hypothesis.settings(max_examples=60, deadline=None)
    def test_simple_expressions_match_as_grep_matches(self, lines, pattern):
        text = '\n'.join(lines)
        # Parentheses keep it from the short cut.
        self.assertEqual(shell.egrep(text, '(%s)' % pattern),
                         shell.egrep(text, pattern))


class PathTest(testtools.TestCase):
    """A node's folder stands for its root: no path of a hop leaves it."""

    def test_paths_and_programs(self):
        for given, expected in (
                ('cat /var/opt/zhcp/zfcp/*.conf',
                 'cat var/opt/zhcp/zfcp/*.conf'),
                ('/sbin/vmcp q userid', 'vmcp q userid'),
                ('/opt/zhcp/bin/smcli X', 'opt/zhcp/bin/smcli X'),
                ("sed -i -e /'a,b'/d /etc/zfcp.conf",
                 "sed -i -e /'a,b'/d etc/zfcp.conf"),
                ('dd if=/dev/sda of=/dev/sdb', 'dd if=dev/sda of=dev/sdb'),
                ('echo 1 >> /tmp/x', 'echo 1 >> tmp/x')):
            self.assertEqual(expected, hop.relative(given))
