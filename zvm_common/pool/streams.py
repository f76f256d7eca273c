# SPDX-License-Identifier: Apache-2.0
"""Images on their way between the Cinder host and a LUN, as the zHCP has them.

The Cinder host serves one TLS connection, to which the zHCP connects. A
transfer is a job of the zHCP: :meth:`Pool.wait` waits for its end, and
:func:`outcome` tells what became of it.
"""

import dataclasses
import hashlib
import ipaddress
import re

from zvm_common import exceptions
from zvm_common import model
from zvm_common.pool import state
from zvm_common import stream

_PIN = re.compile('[A-Za-z0-9_-]{43}')
_TOKEN = re.compile('[0-9a-f]{64}')
_SUM = re.compile('[0-9a-f]{64}')
_SECTOR = 512


@dataclasses.dataclass(frozen=True)
class Begun:
    """A transfer that the zHCP has begun.

    :param lun: its LunState, ``filling`` or ``sending``
    :param token: which the zHCP will show; a secret of these two
    :param address: from which it will come
    """

    lun: state.LunState
    token: str = dataclasses.field(repr=False)
    address: str


def probe(pool, address, port, pin, operation):
    """Let the zHCP connect to an endpoint.

    The token that it shows is :func:`trial_token` of the operation.

    :param address: IPv4 or IPv6 address of this host, as text
    :param pin: SHA-256 of the endpoint's public key, base64url, 43 digits
    :returns: the address from which the zHCP comes
    :raises StreamFailed: it does not reach the endpoint, in curl's words
    :raises ToolMissing: it has no curl, or one that is too old
    """
    answer = pool.zhcp.call('probe', *_checked(address, port, pin),
                            operation=str(model.OperationId(operation)))
    return _address(answer.fields.get('address', ''))


def trial_token(operation):
    """The token of a :func:`probe`."""
    return hashlib.sha256(str(operation).encode()).hexdigest()


def fill(pool, lun, address, port, pin, seconds, operation):
    """Let a LUN get the content that an endpoint sends; the rest is zero.

    What it has had is lost. Repeated with the same operation it tells the same
    token as long as the transfer runs.

    :param lun: LunState of a volume that is ours
    :param address, port, pin: of the endpoint, as in :func:`probe`
    :param seconds: after which the zHCP gives up
    :returns: :class:`Begun`
    :raises StaleGeneration: the LUN has changed since it was looked at, or
        the transfer of this operation is over
    :raises LunBusy: it is used, or another job works on it or reads it
    :raises StreamFailed: the zHCP knows no way to the endpoint
    :raises ToolMissing: it has no curl, or one that is too old
    """
    return _begin(pool, 'fill', lun, (address, port, pin), seconds, operation)


def send(pool, lun, size, address, port, pin, seconds, operation):
    """Let a LUN's content go to an endpoint, which then is an image.

    :param size: bytes of it that count at least: the volume's size. What a
        guest wrote behind it, where the LUN is larger, is sent too.

    Else as :func:`fill`; the LUN may also be a snapshot's, and keeps what it
    has.
    """
    if size <= 0 or size % _SECTOR:
        raise exceptions.InvalidValue(size, 'a multiple of 512', 'Size')
    return _begin(pool, 'send', lun, (address, port, pin), seconds, operation,
                  int(size))


def outcome(lun, operation):
    """What became of the transfer of an operation.

    :param lun: LunState as :meth:`Pool.wait` tells it, no longer at work
    :returns: :class:`zvm_common.stream.Outcome`, of the content as it is on
        the disk, zeros included
    :raises StreamFailed: it failed, in the zHCP's words
    :raises OutcomeUnknown: it is not over, or another one came after it
    """
    operation = str(model.OperationId(operation))
    if lun.state in ('filling', 'sending') or lun.sop != operation:
        raise exceptions.OutcomeUnknown(
            'The zHCP does not tell what became of the image transfer %s of '
            'volume %s' % (operation, lun.volume_id))
    kind, _, rest = (lun.said or '').partition(':')
    if kind == 'no':
        raise exceptions.StreamFailed(
            'The image transfer of LUN %s of pool %s failed on the zHCP: %s'
            % (lun.lun, lun.pool, rest.replace('~', ' ')))
    size, _, found = rest.partition(':')
    if kind != 'ok' or not size.isdecimal() or not _SUM.fullmatch(found):
        raise exceptions.BadAnswer(
            'The zHCP tells of an image transfer: '
            + exceptions.excerpt(lun.said))
    return stream.Outcome(int(size), found)


def _begin(pool, verb, lun, endpoint, seconds, operation, *more):
    answer = pool.zhcp.call(
        verb, model.Uuid(lun.volume_id), lun.generation, pool.zhcp.scope,
        pool.job_devices, *_checked(*endpoint), max(0, int(seconds)), *more,
        operation=str(model.OperationId(operation)))
    token = answer.fields.get('token', '')
    if not _TOKEN.fullmatch(token):
        raise exceptions.BadAnswer('The zHCP tells no token for an image')
    return Begun(state.lun_state(answer.fields), token,
                 _address(answer.fields.get('address', '')))


def _checked(address, port, pin):
    """The words of an endpoint.

    :raises InvalidValue: for what is none
    """
    try:
        found = ipaddress.ip_address(str(address))
    except ValueError:
        found = None
    if found is None or getattr(found, 'scope_id', None):
        raise exceptions.InvalidValue(
            address, 'an IPv4 or IPv6 address without a zone', 'Address')
    if not 0 < int(port) < 65536:
        raise exceptions.InvalidValue(port, '1 to 65535', 'Port')
    if not _PIN.fullmatch(pin):
        raise exceptions.InvalidValue(
            pin, '43 digits of base64url', 'Hash of a public key')
    return str(found), int(port), pin


def _address(text):
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as e:
        raise exceptions.BadAnswer(
            'The zHCP tells an address: ' + exceptions.excerpt(text)) from e
