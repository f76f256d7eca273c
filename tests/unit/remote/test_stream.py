# SPDX-License-Identifier: Apache-2.0
"""Images on their way: requests that are cut off, late, or wrong.

The jobs themselves need disks, which the simulator has; frames have tests of
their own.
"""

import itertools
import os

from tests.unit.remote.base import new
from tests.unit.remote import test_copy
from tests.unit.remote.test_cut_off import LEDGER
from zvm_common import exceptions
from zvm_common.pool import streams

PIN = 'a-_0' * 10 + 'xyz'
WHERE = ('192.0.2.1', 4711, PIN)
IP = 'echo "192.0.2.1 dev enc600 src 192.0.2.9 uid 0 \\\\    cache "\n'


class StreamBase(test_copy.CopyBase):

    def setUp(self):
        super().setUp()
        self.node.tool('ip', IP)
        self.node.tool('curl', 'echo "curl 7.61.1 (s390x-ibm-linux-gnu)"\n')
        self.lun = self.claim()
        self.keep()

    def fill(self, operation, lun=None):
        return streams.fill(self.pool, lun or self.lun, *WHERE, 600, operation)

    def send(self, operation, lun=None):
        return streams.send(self.pool, lun or self.lun, 512, *WHERE, 600,
                            operation)

    def token(self):
        """What lies there for curl, or None."""
        name = '%sjobs/%s-%s.token' % (LEDGER, self.lun.lun,
                                       self.lun.wwpns[0])
        if not os.path.exists(os.path.join(self.node.root, name)):
            return None
        return self.node.read(name)

    def now(self):
        return self.pool.look(self.lun.volume_id)

    def ran(self, lun, **changes):
        """The record and files as the job leaves them when it has ended."""
        self.rewrite(lun, self.record_of(lun), state='ours',
                     gen=lun.generation + 1, **changes)
        os.unlink(os.path.join(
            self.node.root, '%sjobs/%s-%s.token' % (
                LEDGER, lun.lun, lun.wwpns[0])))

    def at_work(self, lun):
        """A job of it has begun, and died."""
        self.node.write('%sjobs/%s-%s.run' % (
            LEDGER, lun.lun, lun.wwpns[0]), 'generation=1\n')


class CutTest(StreamBase):
    """A request that is killed at each of its steps."""

    verbs = (('fill', 'filling'), ('send', 'sending'))

    def cut(self):
        """Yield (verb, state, operation) of requests cut off."""
        for name, state in self.verbs:
            for step in itertools.count(1):
                self.anew()
                operation = new()
                verb = getattr(self, name)
                if not self.was_cut_at(step, verb, operation):
                    break
                yield verb, state, operation
            self.assertLess(2, step)

    def assertBegun(self, state, operation):
        now = self.now()
        self.assertEqual((state, operation, None, ''),
                         (now.state, now.sop, now.said, now.drift))
        self.assertEqual(self.lun.operation_id, now.operation_id)
        self.assertEqual(self.lun.generation + 1, now.generation)
        self.assertEqual((test_copy.name_of(now), str(now.generation)),
                         self.begun()[-1])
        return now

    def test_repeated(self):
        for verb, state, operation in self.cut():
            begun = verb(operation)
            self.assertBegun(state, operation)
            self.assertIn(begun.token, self.token())
            self.assertEqual('192.0.2.9', begun.address)

    def test_swept(self):
        for _, state, operation in self.cut():
            begun = self.now().state == state
            self.pool.sweep()
            if begun:
                self.assertBegun(state, operation)
                self.assertTrue(self.token())
            else:
                self.assertEqual(self.lun, self.now())

    def test_deleted(self):
        for verb, state, operation in self.cut():
            now = self.now()
            self.pool.release(now.volume_id, now.generation)
            self.assertEqual('wiping', self.now().state)
            self.ended(self.now())
            with self.nothing_changes():
                self.assertRaises(exceptions.VolumeUnknown, verb, operation)


class LateTest(StreamBase):

    def test_a_request_that_lands_once_more_is_past(self):
        for verb in self.fill, self.send:
            operation, lun = new(), self.now()
            begun = verb(operation, lun)
            self.ran(begun.lun, said='ok:512:' + 64 * '0')
            with self.nothing_changes():
                self.assertRaises(exceptions.StaleGeneration, verb, operation,
                                  lun)
            self.assertIsNone(self.token())
            self.assertEqual(512, streams.outcome(self.now(), operation).size)

    def test_one_that_was_given_up_before_it_landed(self):
        for verb in self.fill, self.send:
            operation = new()
            self.assertEqual('ours', self.pool.cancel(self.lun.volume_id,
                                                      operation).state)
            with self.nothing_changes():
                self.assertRaises(exceptions.StaleGeneration, verb, operation)
            self.assertIsNone(self.token())
        self.assertEqual('filling', self.fill(new()).lun.state)

    def test_one_that_lands_while_its_failure_is_wiped_is_past(self):
        operation = new()
        begun = self.fill(operation).lun
        self.rewrite(begun, self.record_of(begun), state='preparing',
                     said='no~way')
        with self.nothing_changes():
            self.assertRaises(exceptions.StaleGeneration, self.fill, operation)

    def test_one_whose_token_is_gone_gets_no_other(self):
        operation = new()
        begun = self.fill(operation).lun
        os.unlink(os.path.join(self.node.root, '%sjobs/%s-%s.token' % (
            LEDGER, begun.lun, begun.wwpns[0])))
        with self.nothing_changes():
            self.assertRaises(exceptions.LunBusy, self.fill, operation)
        self.assertIsNone(self.token())

    def test_each_request_has_a_token_of_its_own(self):
        tokens = set()
        for _ in range(3):
            operation = new()
            begun = self.send(operation, self.now())
            self.assertEqual(begun.token,
                             self.send(operation, self.now()).token)
            tokens.add(begun.token)
            self.ran(begun.lun)
        self.assertEqual(3, len(tokens))

    def test_one_that_had_begun_when_it_died_is_marked_before_it_ends(self):
        for verb in self.fill, self.send:
            self.anew()
            operation = new()
            begun = verb(operation).lun
            self.at_work(begun)
            self.pool.sweep()
            self.assertEqual('no:cut~off', self.now().said)
            self.assertEqual(2, len(self.begun()))

    def test_the_end_of_an_owner_leaves_nothing_of_it(self):
        begun = self.fill(new()).lun
        self.pool.release(begun.volume_id, begun.generation)
        self.ended(self.now())
        record = self.record_of(self.lun)
        for key in 'sop', 'said', 'peer', 'pin', 'zgen', 'sbytes', 'limit':
            self.assertNotIn(key, record)


class RefusedTest(StreamBase):

    def call(self, verb, *changes):
        words = [self.lun.volume_id, self.lun.generation, 'test', 'none',
                 *WHERE, 60, 512]
        if verb == 'probe':
            words = list(WHERE)
        for place, word in changes:
            words[place] = word
        self.node.zhcp.call(verb, *words)

    def test_words_that_are_none(self):
        wrong = {4: ('', 'localhost', '1.2.3', '1.2.3.4%x', 'a:b', '-1.2.3.4',
                     '1.2.3.4/' + 50 * '1'),
                 5: ('', '0', '65536', '0x50', '080', '-1'),
                 6: ('', PIN[1:], PIN + 'x', PIN[:-1] + '=', PIN[:-1] + '$'),
                 7: ('', '08', '-1', 'x'), 8: ('', '0512', 'x'),
                 0: ('', 'x'), 1: ('', '-1'), 2: ('', 'a b'), 3: ('',)}
        for place, words in wrong.items():
            for word in words:
                with self.nothing_changes():
                    error = self.assertRaises(exceptions.Refused, self.call,
                                              'send', (place, word))
                self.assertEqual('usage', error.code, word)
        for place in 4, 5, 6:
            for word in wrong[place]:
                error = self.assertRaises(exceptions.Refused, self.call,
                                          'probe', (place - 4, word))
                self.assertEqual('usage', error.code, word)

    def test_a_zhcp_without_what_it_needs(self):
        for tool, text, kind in (
                ('curl', 'echo "curl 7.43.9 (x)"\n', exceptions.ToolMissing),
                ('curl', 'exit 1\n', exceptions.ToolMissing),
                ('ip', 'echo "RTNETLINK answers: No route" >&2; exit 2\n',
                 exceptions.StreamFailed),
                ('ip', 'echo strange\n', exceptions.StreamFailed)):
            self.node.tool(tool, text)
            for verb in self.fill, self.send:
                with self.nothing_changes():
                    self.assertRaises(kind, verb, new())
            self.assertIsNone(self.token())
            self.node.tool('curl', 'echo "curl 10.1 (x)"\n')
        self.assertRaises(exceptions.StreamFailed, streams.probe, self.pool,
                          *WHERE, new())

    def test_others_are_refused_meanwhile(self):
        for verb in self.fill, self.send:
            now = verb(new(), self.claim()).lun
            for busy in (lambda: self.attach(now, new()),
                         lambda: self.copy(now),
                         lambda: self.pool.set_aside(now),
                         lambda: self.fill(new(), now),
                         lambda: self.send(new(), now)):
                self.assertRaises(exceptions.LunBusy, busy)
            self.assertEqual(now.generation,
                             self.pool.look(now.volume_id).generation)

    def test_a_quarantined_one_tells_why(self):
        begun = self.fill(new()).lun
        record = self.record_of(begun)
        del record['volume']
        self.rewrite(begun, record, state='quarantined', phase='filling',
                     was=begun.volume_id, why='differs')
        error = self.assertRaises(exceptions.WipeFailed, self.pool.wait,
                                  begun.volume_id, 1)
        self.assertIn('does not keep what is written', str(error))


class OutcomeTest(StreamBase):

    def test_what_the_zhcp_says_strangely(self):
        operation = new()
        begun = self.fill(operation).lun
        for said in ('yes', 'ok:', 'ok:1', 'ok:x:' + 64 * '0',
                     'ok:512:' + 63 * '0'):
            self.rewrite(begun, self.record_of(begun), state='ours', said=said)
            self.assertRaises(exceptions.BadAnswer, streams.outcome,
                              self.now(), operation)
        self.rewrite(begun, self.record_of(begun), state='ours',
                     said='no:it~was~cut')
        error = self.assertRaises(exceptions.StreamFailed, streams.outcome,
                                  self.now(), operation)
        self.assertIn('it was cut', str(error))
