# SPDX-License-Identifier: Apache-2.0
"""Which way is tried, what is remembered, and what is said of failures."""

import testtools

from zvm_common import channel
from zvm_common import exceptions
from zvm_common.remote import call

OP = '11111111-1111-4111-8111-111111111111'
DONE = call.Answer({'a': '1'})


def nobody(text):
    return exceptions.GuestUnreachable(text)


def doubt(text, cause=None):
    error = exceptions.OutcomeUnknown(text)
    error.__cause__ = cause
    return error


class Way:
    """Answers or fails as it was told, one after the other."""

    def __init__(self, *results):
        self.results = list(results)
        self.operations = []

    def call(self, verb, *args, operation=None):
        self.operations.append(operation)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


class ChannelTest(testtools.TestCase):

    def ways(self, mode='auto', **ways):
        channels = channel.Channels(None, None, mode)
        channels.open = lambda node, name: ways[name]
        return channels.to('vm00001', '')

    def test_one_way_alone_fails_as_itself(self):
        for mode in ('ssh', 'iucv'):
            error = nobody('no login')
            way = self.ways(mode, **{mode: Way(error)})
            self.assertIs(error, self.assertRaises(
                exceptions.GuestUnreachable, way.call, 'attach'))

    def test_it_is_the_same_operation_each_way(self):
        ssh, iucv = Way(nobody('no')), Way(DONE)
        self.assertIs(DONE, self.ways(ssh=ssh, iucv=iucv).call('attach'))
        self.assertEqual(ssh.operations, iucv.operations)
        self.assertIsNotNone(ssh.operations[0])

    def test_what_may_have_run_is_looked_at_the_other_way(self):
        ssh = Way(doubt('the connection broke', nobody('no login')))
        self.assertIs(DONE, self.ways(ssh=ssh, iucv=Way(DONE)).call('attach'))

    def test_after_it_a_refusal_says_nothing_of_what_was_undone(self):
        ssh = Way(doubt('the connection broke', nobody('no login')))
        refusal = exceptions.PathFailed('no disk', fields={'undone': 'yes'})
        error = self.assertRaises(
            exceptions.PathFailed,
            self.ways(ssh=ssh, iucv=Way(refusal)).call, 'attach')
        self.assertEqual('unknown', error.fields['undone'])

    def test_and_failing_again_it_stays_unknown(self):
        ssh = Way(doubt('the connection broke', nobody('no login')))
        error = self.assertRaises(
            exceptions.OutcomeUnknown,
            self.ways(ssh=ssh, iucv=Way(nobody('no agent'))).call, 'attach')
        self.assertIn('the connection broke', str(error))
        self.assertIn('no agent', str(error))

    def test_a_doubt_without_a_reason_is_not_repeated(self):
        ssh = Way(doubt('504'))
        self.assertRaises(exceptions.OutcomeUnknown, self.ways(
            ssh=ssh, iucv=Way()).call, 'attach')

    def test_other_errors_are_no_reason_to_try_another_way(self):
        for error in (exceptions.MnUnreachable('down'),
                      exceptions.UnknownNode('no node'),
                      exceptions.PathFailed('no disk')):
            self.assertRaises(type(error), self.ways(
                ssh=Way(error), iucv=Way()).call, 'attach')

    def test_a_refusal_shows_that_the_way_works(self):
        iucv = Way(exceptions.DeviceBusy('mounted'), DONE)
        way = self.ways(ssh=Way(nobody('no')), iucv=iucv)
        self.assertRaises(exceptions.DeviceBusy, way.call, 'detach')
        self.assertIs(DONE, way.call('detach'))

    def test_a_zhcp_that_is_down_is_told_with_the_login(self):
        error = self.assertRaises(
            exceptions.GuestUnreachable, self.ways(
                ssh=Way(nobody('no login')),
                iucv=Way(exceptions.ZhcpDown('no zHCP'))).call, 'attach')
        self.assertIn('no login', str(error))
        self.assertIn('no zHCP', str(error))
        self.assertIn('authorized_keys', str(error))
