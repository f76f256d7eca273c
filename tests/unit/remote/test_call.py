# SPDX-License-Identifier: Apache-2.0
"""Answers of programs: read strictly, repeated when they are not whole."""

import re

import hypothesis
from hypothesis import strategies as st
import testtools

from zvm_common import exceptions
from zvm_common.remote import call
from zvm_common.remote import program
from zvm_common.xcat import guest

OP = '11111111-1111-4111-8111-111111111111'


class ParseTest(testtools.TestCase):

    def test_fields_rows_and_banners(self):
        answer = call.parse('Welcome!\nzvmv1 %s row a=1 .\n'
                            'zvmv1 %s ok rows=1 text=a~b .\n' % (OP, OP), OP)
        self.assertEqual(({'a': '1'},), answer.rows)
        self.assertEqual('a b', answer.fields['text'])

    def test_absent(self):
        self.assertIsNone(call.parse('zvmv1 %s absent .' % OP, OP))

    def test_what_is_not_whole_is_no_answer(self):
        for text in ('', 'zvmv1 %s ok a=1' % OP, 'zvmv1 %s ok a=1 . x' % OP,
                     'zvmv1 other ok .', 'zvmv1 %s ok a .' % OP,
                     'zvmv1 %s ok a=1 a=2 .' % OP,
                     'zvmv1 %s maybe .' % OP, 'zvmv1 %s no ; .' % OP,
                     'zvmv1 %s row a=1 .\nzvmv1 %s ok rows=2 .' % (OP, OP),
                     'zvmv1 %s row a=1 .' % OP, '<html>ok .</html>'):
            self.assertRaises(exceptions.BadAnswer, call.parse, text, OP)

    def test_refusals_name_what_was_found(self):
        error = self.assertRaises(
            exceptions.StaleGeneration, call.parse,
            'zvmv1 %s no stale volume=v gen=7 .' % OP, OP)
        self.assertIn('generation 7', str(error))
        error = self.assertRaises(
            exceptions.SmapiFailed, call.parse,
            'zvmv1 %s no smapi device=3B00 rc=204 rs=8 text=busy~now .' % OP,
            OP)
        self.assertEqual(('204', '8'), (error.rc, error.rs))
        self.assertIn('busy now', str(error))

    def test_unknown_codes_are_refusals(self):
        self.assertRaises(exceptions.Refused, call.parse,
                          'zvmv1 %s no whatever text=so .' % OP, OP)

    @hypothesis.given(st.text(), st.sampled_from(
        ['%s', 'zvmv1 ' + OP + ' ok %s .', 'zvmv1 ' + OP + ' no %s .',
         'zvmv1 ' + OP + ' row %s .']))
    def test_any_text_is_an_answer_or_a_clear_exception(self, text, form):
        try:
            call.parse(form % text, OP)
        except exceptions.ZvmError:
            pass


class FakeNode:
    name = 'zhcp1'

    def __init__(self, *results):
        self.results = list(results)
        self.commands = []

    def run(self, command, read_timeout=None):
        self.commands.append(command)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return guest.CommandResult(result, '', True)


class RemoteTest(testtools.TestCase):

    def test_an_unknown_outcome_is_asked_again(self):
        node = FakeNode(exceptions.OutcomeUnknown('gone'),
                        'zvmv1 %s ok a=' % OP, 'zvmv1 %s ok a=1 .' % OP)
        answer = call.Remote(node, program.zhcp()).call('look', 'v',
                                                        operation=OP)
        self.assertEqual('1', answer.fields['a'])
        self.assertEqual(1, len(set(node.commands)))

    def test_it_stays_unknown(self):
        node = FakeNode(*['garbage'] * 3)
        self.assertRaises(exceptions.OutcomeUnknown,
                          call.Remote(node, program.zhcp()).call, 'look')

    def test_unreachable_now_says_nothing_of_the_attempt_before(self):
        for error in (exceptions.MnUnreachable('down'),
                      exceptions.GuestUnreachable('no login'),
                      exceptions.NotPermitted('xdsh'),
                      'zvmv1 %s no lock text=busy .' % OP):
            node = FakeNode(exceptions.OutcomeUnknown('gone'), error)
            found = self.assertRaises(
                exceptions.OutcomeUnknown,
                call.Remote(node, program.zhcp()).call, 'attach',
                operation=OP)
            self.assertIn('gone', str(found))
            first = FakeNode(error)
            self.assertIsNot(exceptions.OutcomeUnknown, type(
                self.assertRaises(
                    exceptions.ZvmError,
                    call.Remote(first, program.zhcp()).call, 'attach',
                    operation=OP)))

    def test_refusals_are_not_repeated(self):
        node = FakeNode('zvmv1 %s no unknown volume=v .' % OP)
        self.assertRaises(exceptions.VolumeUnknown,
                          call.Remote(node, program.zhcp()).call, 'look',
                          operation=OP)

    def test_arguments_are_quoted(self):
        node = FakeNode('zvmv1 %s ok .' % OP)
        call.Remote(node, program.guest()).call('x', 'a;b', '$(x)', "'",
                                                operation=OP)
        self.assertTrue(node.commands[0].endswith(
            " x a,b '$(x)' ''\"'\"''"))

    def test_no_part_redefines_what_another_one_has(self):
        for text in (program.zhcp().text, program.guest().text):
            names = re.findall(r'^(\w+)\(\)', text, re.MULTILINE)
            self.assertEqual([], [
                name for name in set(names) if names.count(name) > 1])

    def test_programs_fit_into_one_request(self):
        for text in (program.zhcp(), program.guest()):
            self.assertLess(len(text.send_command(OP, 'look', [])), 100000)
            self.assertLess(len(text.call_command(OP, 'look', [])), 700)
