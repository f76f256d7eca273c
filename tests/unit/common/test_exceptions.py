# SPDX-License-Identifier: Apache-2.0
"""The tree of exceptions: who is whose kin, and what they say."""

import copy
import pickle

import testtools

from zvm_common import exceptions

CODES = {
    'stale': exceptions.StaleGeneration, 'busy': exceptions.LunBusy,
    'nolun': exceptions.NoSuitableLun, 'nopool': exceptions.PoolMissing,
    'badpool': exceptions.PoolDamaged, 'duplicate': exceptions.DuplicateLun,
    'unknown': exceptions.VolumeUnknown, 'nofcp': exceptions.NoFcpDevice,
    'smapi': exceptions.SmapiFailed, 'quarantined': exceptions.Quarantined,
    'ledger': exceptions.LedgerDamaged, 'format': exceptions.LedgerFormat,
    'space': exceptions.NoSpace, 'inuse': exceptions.DeviceBusy,
    'mismatch': exceptions.DiskMismatch, 'path': exceptions.PathFailed,
    'wipe': exceptions.WipeFailed, 'tool': exceptions.ToolMissing,
    'lock': exceptions.LockTimeout, 'usage': exceptions.Refused,
    'off': exceptions.GuestUnreachable,
}


class TreeTest(testtools.TestCase):

    def test_kinds_by_what_the_caller_can_do(self):
        for kind, kin in (
                (exceptions.ConfigurationError,
                 'CertificateError AuthenticationFailed NotPermitted '
                 'UnknownNode HypervisorUnknown PoolMissing PoolDamaged '
                 'DuplicateLun ToolMissing ZhcpMismatch'),
                (exceptions.TryLater,
                 'MnUnreachable ZhcpDown GuestUnreachable LockTimeout '
                 'EndpointFailed'),
                (exceptions.Refused,
                 'StaleGeneration LunBusy NoSuitableLun VolumeUnknown '
                 'NoFcpDevice SmapiFailed Quarantined LedgerDamaged '
                 'LedgerFormat NoSpace DeviceBusy DiskMismatch PathFailed '
                 'WipeFailed StreamFailed NotManageable'),
                (exceptions.ZvmError,
                 'InvalidValue ConfigurationError TryLater OutcomeUnknown '
                 'BadAnswer CommandFailed Refused')):
            for name in kin.split():
                self.assertEqual(kind, getattr(exceptions, name).__mro__[1])

    def test_the_advice_ends_the_message(self):
        error = exceptions.ToolMissing('zhcp1 lacks jq')
        self.assertEqual('zhcp1 lacks jq. ' + exceptions.ToolMissing.advice,
                         str(error))
        self.assertEqual('zhcp1 lacks jq', error.message)
        self.assertEqual('Gone! Run.',
                         str(exceptions.ZvmError('Gone!', advice='Run.')))
        self.assertEqual('Gone', str(exceptions.ToolMissing('Gone',
                                                            advice='')))

    def test_whoever_must_act_is_told_what_to_do(self):
        for name, kind in vars(exceptions).items():
            if (isinstance(kind, type) and kind is not
                    exceptions.ConfigurationError and issubclass(
                        kind, exceptions.ConfigurationError)
                    and kind is not exceptions.CertificateError
                    and kind is not exceptions.NotPermitted):
                self.assertNotEqual('', kind.advice, name)

    def test_a_missing_policy_names_the_command(self):
        error = exceptions.NotPermitted('xdsh')
        self.assertEqual('xdsh', error.command)
        self.assertIn("'xdsh' to the policy table", str(error))

    def test_all_survive_a_copy(self):
        for error in [exceptions.refusal(code, {'rc': '8'}, 'text')
                      for code in CODES] + [
                exceptions.InvalidValue('x', 'y', 'Z'),
                exceptions.NotPermitted('xdsh')]:
            for other in (copy.copy(error), copy.deepcopy(error),
                          pickle.loads(pickle.dumps(error))):
                self.assertEqual((str(error), vars(error), type(error)),
                                 (str(other), vars(other), type(other)))


class RefusalTest(testtools.TestCase):

    def test_every_code_has_its_class(self):
        for code, kind in CODES.items():
            error = exceptions.refusal(code, {'k': 'v'}, 'what it said')
            self.assertIs(kind, type(error))
            self.assertEqual((code, {'k': 'v'}), (error.code, error.fields))
            self.assertIn('what it said', str(error))

    def test_an_unknown_code_is_a_refusal(self):
        for code in ('new', '', None):
            error = exceptions.refusal(code, None, '')
            self.assertIs(exceptions.Refused, type(error))
            self.assertEqual({}, error.fields)
            self.assertIn(repr(code).strip("'"), str(error))

    def test_smapi_keeps_return_and_reason_code(self):
        error = exceptions.refusal('smapi', {'rc': '204', 'rs': '8'}, 'busy')
        self.assertEqual(('204', '8', 'busy'),
                         (error.rc, error.rs, error.text))
        self.assertIn('204', str(error))


class ExcerptTest(testtools.TestCase):

    def test_it_is_ascii_printable_and_bounded(self):
        for value in ('\x1b[31m\n\u2028' * 1000, b'\xff' * 1000,
                      ['x' * 100] * 100, None, {'a': '\u20ac'}):
            text = exceptions.excerpt(value, 100)
            self.assertTrue(text.isascii() and text.isprintable())
            self.assertTrue(len(text) < 1300)

    def test_short_values_stay(self):
        self.assertEqual("'guest1'", exceptions.excerpt('guest1'))
