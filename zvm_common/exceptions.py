# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, split by what the caller can do about it.

========================  ==================================================
:class:`InvalidValue`     the caller passed nonsense; nothing was sent
:class:`ConfigurationError`  an operator changes the configuration
:class:`TryLater`         nothing happened; the same call may work later
:class:`OutcomeUnknown`   it may have happened: re-read the truth first
:class:`BadAnswer`        the management node answered nonsense: likewise
:class:`CommandFailed`    the management node said no
:class:`Refused`          our program on a zHCP or in a guest said no
:class:`StreamFailed`     an image did not get through between the hosts
========================  ==================================================

A message says what was found; :attr:`ZvmError.advice` says what to do about
it and ends the text of the exception.
"""

import functools

_LONGEST = 300


def excerpt(value, longest=_LONGEST):
    """A bounded ASCII ``repr`` for messages: no control characters, no flood.

    For text (and bytes) only the first ``longest`` characters are looked at.
    """
    if isinstance(value, (str, bytes)) and len(value) > longest:
        return '%s... (%d in all)' % (ascii(value[:longest]), len(value))
    shown = ascii(value)
    return shown if len(shown) <= longest else shown[:longest] + '...'


class ZvmError(Exception):
    """Base of all: ``message`` (what was found) and ``advice`` (what to do).

    ``code`` and ``fields`` are what a refusing program answered, or None and
    an empty dict.
    """

    advice = ''

    def __init__(self, message, *, advice=None, code=None, fields=None):
        super().__init__(message)
        self.message = message
        self.code = code
        self.fields = dict(fields or {})
        if advice is not None:
            self.advice = advice

    def __str__(self):
        if not self.advice:
            return self.message
        return '%s %s' % (_sentence(self.message), self.advice)

    def __reduce__(self):
        # Subclasses have constructors of their own: copy the finished object.
        return _restore, (type(self), self.args, self.__dict__)


def _sentence(text):
    return text if text.endswith(('.', '!', '?', ':')) else text + '.'


def _restore(cls, args, state):
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class InvalidValue(ZvmError, ValueError):
    """A value that breaks its rule; refused before any request.

    ``value`` is what was passed, ``rule`` what would be right, ``what`` names
    the thing. Never raised with a secret.
    """

    def __init__(self, value, rule, what='Value'):
        self.value = value
        self.rule = rule
        self.what = what
        super().__init__('%s %s is not valid: %s'
                         % (what, excerpt(value, 80), rule))


# An operator changes something.

class ConfigurationError(ZvmError):
    """Stays wrong until somebody changes the configuration."""


class CertificateError(ConfigurationError):
    """The management node's certificate or its host name was not accepted."""


class AuthenticationFailed(ConfigurationError):
    """Wrong user name or password on the management node."""

    advice = ('Check zvm_xcat_username and zvm_xcat_password against the '
              'passwd table (key xcat) of the management node.')


class NotPermitted(ConfigurationError):
    """The user lacks a policy for ``command``."""

    def __init__(self, command, message=None, *, advice=None, **kwargs):
        self.command = command
        super().__init__(
            message or "The management node does not let this user run '%s'"
            % command,
            advice=advice or
            ("Add a row for this user and '%s' to the policy table of the "
             'management node, and check zvm_xcat_username.' % command),
            **kwargs)


class UnknownNode(ConfigurationError):
    """No such node on the management node."""

    advice = ('Define the node on the management node (mkdef), or correct '
              'the name.')


class HypervisorUnknown(ConfigurationError):
    """Which z/VM LPAR is meant cannot be told, or it is not there."""

    advice = ('Set zvm_hypervisor to the xCAT node of the z/VM LPAR '
              '(tabdump zvm on the management node shows them).')


class PoolMissing(ConfigurationError):
    """The SCSI pool has no file on the zHCP."""

    advice = ('Correct zvm_scsi_pool, or fill the pool on the zHCP '
              '(chhypervisor NODE --addzfcp2pool).')


class PoolDamaged(ConfigurationError):
    """The pool file holds a line that nobody can read safely."""

    advice = ('Correct the pool file on the zHCP; nothing is allocated from '
              'it before.')


class DuplicateLun(ConfigurationError):
    """One LUN stands on two pool lines: it would be given out twice."""

    advice = ('Leave one line of the LUN in the pool files of the zHCP (its '
              'WWPNs joined with ;).')


class ToolMissing(ConfigurationError):
    """A program that ours needs is not installed on the zHCP or guest."""

    advice = 'Install what is missing there, or let the user run it by sudo.'


class ZhcpMismatch(ConfigurationError):
    """Two parties talk about different zHCPs, hence different z/VM LPARs."""

    advice = ('A volume can be attached only to a guest of the z/VM LPAR '
              'whose zHCP holds its pool.')


# Nothing happened.

class TryLater(ZvmError):
    """Nothing happened; the same call may succeed later."""


class MnUnreachable(TryLater):
    """No connection to the management node, or its daemon is down."""

    advice = ('Check zvm_xcat_server, the network, and that httpd and xcatd '
              'run on the management node.')


class ZhcpDown(TryLater):
    """The management node cannot log in to the zHCP."""

    advice = ('Start the zHCP and check that root on the management node can '
              'ssh to it.')


class GuestUnreachable(TryLater):
    """The management node cannot log in to the guest."""

    advice = ('Check that the guest is on and holds the ssh key of the '
              'management node.')


class LockTimeout(TryLater):
    """Another operation held the lock on the zHCP for too long."""

    advice = 'Try again; if it stays so look for a hanging process there.'


class EndpointFailed(TryLater):
    """This host cannot offer the zHCP a place for an image's stream."""

    advice = ('Check zvm_stream_address (an address of this host) and '
              'zvm_stream_ports.')


# Something may have happened.

class OutcomeUnknown(ZvmError):
    """The request was sent and its answer was not seen.

    The management node goes on after a time-out, so that the effect may
    come even later: whoever catches this reads the truth again.
    """


class BadAnswer(ZvmError):
    """The management node answered something that has no meaning here."""

    advice = ('Check that zvm_xcat_server is an xCAT management node and see '
              'its log (/var/log/xcat, /var/log/httpd).')


class CommandFailed(ZvmError):
    """The management node refused or failed, in its own words."""


# Our program said no.

class Refused(ZvmError):
    """Our program on the zHCP or in the guest said no: nothing was changed.

    ``code`` is the program's word for it and ``fields`` what it told.
    """


class StaleGeneration(Refused):
    """The volume has moved on since the caller looked."""

    advice = 'Read the state of the volume again.'


class LunBusy(Refused):
    """A guest holds the LUN, or another operation works on it."""

    advice = 'Detach the volume first.'


class NoSuitableLun(Refused):
    """No free LUN of the asked size."""

    advice = ('Add LUNs of this size to the pool, or raise '
              'zvm_max_oversize_percent.')


class VolumeUnknown(Refused):
    """The ledger on the zHCP knows no such volume."""


class NoFcpDevice(Refused):
    """No free FCP device for this guest."""

    advice = ('Free FCP devices of these ranges or add more to zvm_fcp_list '
              'and to the pool lines.')


class SmapiFailed(Refused):
    """A z/VM systems management call failed: ``rc``, ``rs`` and ``text``."""

    def __init__(self, rc, rs, text, **kwargs):
        self.rc = rc
        self.rs = rs
        self.text = text
        super().__init__(
            'z/VM systems management failed with return code %s, reason code '
            '%s: %s' % (rc, rs, text), **kwargs)


class Quarantined(Refused):
    """The LUN or FCP device is set aside until somebody looked at it."""

    advice = ('Mend the cause that the message names; a LUN is wiped again '
              'when its volume is deleted again.')


class LedgerDamaged(Refused):
    """The ledger on the zHCP is missing or unreadable while in use."""

    advice = ('Nothing is allocated until /var/lib/zvm-volume on the zHCP is '
              "restored from a backup, or rebuilt from Cinder's records: "
              'zvm-volume audit --rebuild.')


class NotOurs(Refused):
    """The record belongs to another back-end, compute host or cloud."""


class LeaseRuns(Refused):
    """An operation may still be under way: nothing is undone yet."""

    advice = 'The next sweep looks again.'


class LedgerFormat(Refused):
    """The ledger was written by another version of this software."""

    advice = 'Run the same version on every host that uses this zHCP.'


class NoSpace(Refused):
    """The zHCP's file system is full."""

    advice = 'Make room below /var on the zHCP.'


class DeviceBusy(Refused):
    """The disk is in use inside the guest."""

    advice = 'Unmount it and stop what uses it inside the guest first.'


class DiskMismatch(Refused):
    """The disk behind a path is not the one that was expected."""

    advice = 'Check masking and the pool lines: WWID or size differ.'


class PathFailed(Refused):
    """A path did not come up, or did not go away."""

    advice = ('Check zoning and masking between these FCP devices and the '
              'storage ports.')


class WipeFailed(Refused):
    """The LUN could not be wiped; it is not free again."""

    advice = 'The LUN is in quarantine: check it on the storage server.'


class CopyFailed(Refused):
    """A LUN did not become a copy of another one, which is unchanged."""

    advice = ('Mend the cause that the message names and try again; what was '
              'copied is wiped.')


class StreamFailed(Refused):
    """An image did not come to its LUN, or from it, whole and unchanged."""

    advice = ('Mend the cause that the message names and try again; check '
              'the network and firewall between the zHCP and the Cinder host '
              '(zvm_stream_address, zvm_stream_ports), and see "Images" in '
              'the manual.')


class NotManageable(Refused):
    """A LUN that cannot become a volume with what is on it."""


_BY_CODE = {
    'stale': StaleGeneration,
    'busy': LunBusy,
    'nolun': NoSuitableLun,
    'nopool': PoolMissing,
    'badpool': PoolDamaged,
    'duplicate': DuplicateLun,
    'unknown': VolumeUnknown,
    'nofcp': NoFcpDevice,
    'quarantined': Quarantined,
    'ledger': LedgerDamaged,
    'format': LedgerFormat,
    'space': NoSpace,
    'inuse': DeviceBusy,
    'mismatch': DiskMismatch,
    'path': PathFailed,
    'wipe': WipeFailed,
    'net': StreamFailed,
    'tool': ToolMissing,
    'lock': LockTimeout,
    'usage': Refused,
    'scope': NotOurs,
    'lease': LeaseRuns,
    'off': GuestUnreachable,
    'channel': functools.partial(GuestUnreachable, advice=(
        'See "How guests come to trust" in the manual; zvm_guest_channel '
        'says which ways are tried.')),
    'unfit': NotManageable,
}


def refusal(code, fields, text):
    """The exception for what a program refused.

    :param code: the program's word (``stale``, ``busy``, ``nolun`` ...)
    :param fields: dict of what it told; of ``smapi`` also ``rc`` and ``rs``
    :param text: its sentence for humans
    :returns: an exception to raise; :class:`Refused` itself for a code that
        is not known here
    """
    fields = dict(fields or {})
    text = text or "The program refused with '%s'" % code
    if code == 'smapi':
        make = functools.partial(SmapiFailed, fields.get('rc'),
                                 fields.get('rs'))
    else:
        make = _BY_CODE.get(code, Refused)
    return make(text, code=code, fields=fields)
