# SPDX-License-Identifier: Apache-2.0
"""What the program says of the zHCP, and what is made of it."""

import types

import testtools

from zvm_common import exceptions
from zvm_common import takers
from zvm_common import zhcp

ANSWER = {'user': 'root', 'missing': '', 'boot': 'b00t', 'now': '17',
          'free': '4096', 'scan': 'off', 'userid': 'ZHCP1', 'ledger': 'l1',
          'takers': ''}


class HelloTest(testtools.TestCase):

    def hello(self, **changes):
        """An answer with changes; a field of None is left out."""
        node = types.SimpleNamespace(name='zhcp1')
        found = zhcp.Zhcp(types.SimpleNamespace(
            zhcp=node, zhcp_hostname='zhcp1.example.com'), 'test')
        found.call = lambda verb, *args: types.SimpleNamespace(fields={
            key: value for key, value in dict(ANSWER, **changes).items()
            if value is not None})
        return found.hello()

    def test_all_well(self):
        self.assertEqual(
            zhcp.Hello('ZHCP1', 'root', 'b00t', 17, 4 << 20, 'off', 'l1', ()),
            self.hello())

    def test_takers(self):
        self.assertEqual(('lvm',), self.hello(takers='lvm').takers)
        self.assertEqual(('lvm', 'md', 'multipath'),
                         self.hello(takers='lvm;md;multipath').takers)

    def test_an_answer_that_lacks_something(self):
        for key in ('takers', 'ledger', 'now'):
            error = self.assertRaises(exceptions.BadAnswer, self.hello,
                                      **{key: None})
            self.assertIn('zhcp1.example.com', str(error))

    def test_tools_and_space(self):
        error = self.assertRaises(exceptions.ToolMissing, self.hello,
                                  missing='flock;awk;')
        self.assertIn('lacks flock, awk', str(error))
        self.assertRaises(exceptions.NoSpace, self.hello, free='2047')


class TakersTest(testtools.TestCase):

    def refused(self, *names):
        return str(self.assertRaises(exceptions.ConfigurationError,
                                     takers.check, 'zhcp1.example.com',
                                     names))

    def test_none_is_well(self):
        self.assertIsNone(takers.check('zhcp1.example.com', ()))

    def test_each_has_an_advice_of_its_own(self):
        for name in takers.ADVICE:
            text = self.refused(name)
            self.assertIn('zhcp1.example.com', text)
            self.assertIn('by %s.' % name, text)
            for other in takers.ADVICE:
                self.assertEqual(other == name, takers.ADVICE[other] in text)

    def test_all_and_one_of_a_newer_program(self):
        text = self.refused(*takers.ADVICE, 'bcache')
        self.assertIn('by lvm, md, multipath, bcache.', text)
        for advice in takers.ADVICE.values():
            self.assertIn(advice, text)
