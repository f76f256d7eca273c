# SPDX-License-Identifier: Apache-2.0
"""LUNs of the operator that become volumes, and those that are left to him."""

import dataclasses

from zvm_common import exceptions
from zvm_common import model
from zvm_common.pool import state

_RULE = ('wwpn and lun and nothing else: a WWPN or several (joined by ; or as '
         'a list), and the LUN, each of 16 hex digits; or source-id alone, of '
         'a volume or snapshot that was unmanaged')


@dataclasses.dataclass(frozen=True)
class Reference:
    """How an operator names a LUN: one or more of its ports, and its number.

    ``wwpns`` is a tuple of Wwpn, ``lun`` a Lun.
    """

    wwpns: tuple
    lun: model.Lun

    @classmethod
    def parse(cls, value):
        """Read ``{'wwpn': W or 'W;W' or [W, W], 'lun': L}``.

        :raises InvalidValue: for anything else
        """
        if not isinstance(value, dict) or set(value) != {'wwpn', 'lun'}:
            raise exceptions.InvalidValue(value, _RULE, 'Reference')
        ports = value['wwpn']
        if isinstance(ports, (list, tuple)):
            ports = ';'.join(str(port) for port in ports)
        return cls(model.parse_wwpns(ports), model.Lun(value['lun']))

    def __str__(self):
        return 'LUN %s behind %s' % (self.lun, model.format_wwpns(self.wwpns))


@dataclasses.dataclass(frozen=True)
class Measured:
    """A LUN of the operator: all ports of its line, and what its disk says.

    ``size`` is a Capacity.
    """

    wwpns: tuple
    lun: model.Lun
    size: model.Capacity
    wwid: str


def find(pool, value):
    """The Reference that an operator gives, in either way.

    ``{'source-id': ID}`` is the LUN that was volume or snapshot ID until it
    was left to him, as the ledger knows; anything else see
    :meth:`Reference.parse`.

    :raises InvalidValue: for neither
    :raises NotManageable: there is no such LUN in the pool
    """
    if not isinstance(value, dict) or set(value) != {'source-id'}:
        return Reference.parse(value)
    was = str(model.Uuid(value['source-id']))
    found = [lun for lun in pool.view().luns
             if lun.state == 'unmanaged' and lun.was == was]
    if len(found) != 1:
        raise exceptions.NotManageable(
            '%s LUNs of pool %s were %s until they were unmanaged'
            % (len(found) or 'no', pool.name, was))
    return Reference(found[0].wwpns, found[0].lun)


def measure(pool, reference):
    """Look which disk a reference names, and how large it is.

    Its path comes and goes on the zHCP; nothing of it is read or written.

    :param pool: zvm_common.pool.Pool
    :returns: :class:`Measured`
    :raises NotManageable: whose it is, or what is wrong with it
    :raises PathFailed: the zHCP cannot reach it, or somebody there has it
    """
    fields = pool.zhcp.call('measure', pool.name,
                            model.format_wwpns(reference.wwpns),
                            reference.lun, pool.job_devices).fields
    try:
        return Measured(model.parse_wwpns(fields['wwpns']),
                        model.Lun(fields['lun']),
                        model.Capacity(int(fields['bytes'])), fields['wwid'])
    except (KeyError, ValueError) as err:
        raise exceptions.BadAnswer(
            'The zHCP describes a disk as %s: %s'
            % (exceptions.excerpt(fields), err)) from err


def manage(pool, volume_id, operation_id, measured, role='current'):
    """Make a LUN of the operator this volume's, with all that is on it.

    Repeated for the same volume it answers what is so.  An operation that was
    cancelled (:meth:`Pool.cancel`) takes effect no more.

    :param measured: the :class:`Measured`
    :param role: ``current`` for a volume, ``snapshot`` for a snapshot
    :returns: LunState
    :raises NotManageable: it is not the operator's any more
    :raises LedgerDamaged: the ledger is another than :attr:`Pool.ledger`
    """
    answer = pool.zhcp.call(
        'manage', pool.name, model.Uuid(volume_id), pool.zhcp.scope,
        model.format_wwpns(measured.wwpns), measured.lun, role,
        measured.size.bytes, measured.wwid, pool.ledger or 'any',
        operation=str(model.OperationId(operation_id)))
    return state.lun_state(answer.fields)


def unmanage(pool, lun):
    """Leave a volume's LUN to the operator; it is never free by itself.

    :param lun: its LunState
    :raises LunBusy: a guest has it, or it is being copied
    :raises StaleGeneration: it is not as the caller saw it
    :raises VolumeUnknown: the ledger has no such volume
    """
    return _leave(pool, lun, 'now')


def give_back(pool, lun):
    """Leave a LUN to the operator whose manage nobody has finished.

    :raises LeaseRuns: it may still be under way
    :raises StaleGeneration, LunBusy, VolumeUnknown: it has moved on
    """
    return _leave(pool, lun, 'lease')


def _leave(pool, lun, how):
    answer = pool.zhcp.call('unmanage', pool.zhcp.scope,
                            model.Uuid(lun.volume_id), lun.generation, how)
    return state.lun_state(answer.fields)
