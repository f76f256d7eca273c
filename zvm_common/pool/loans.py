# SPDX-License-Identifier: Apache-2.0
"""LUNs that are lent to a Cinder host, which copies their data itself."""

from zvm_common import model
from zvm_common.pool import state

#: How it is known that the host does not use the LUN any more: it says so,
#: its kernel has no such LUN, or nobody has the host's FCP devices.
TOLD, UNSEEN, OFF = 'told', 'unseen', 'off'


def lend(pool, lun, host, devices):
    """Let a Cinder host use a volume's LUN; again for the same host is fine.

    :param pool: zvm_common.pool.Pool
    :param lun: LunState of the volume
    :param host: model.BorrowerName
    :param devices: numbers of the host's FCP devices
    :returns: its LunState, with a new generation
    :raises LunBusy: a guest or another host has it, or it is being copied
    :raises StaleGeneration: it has changed since it was looked at
    :raises NoFcpDevice: a device is a guest's, or may not carry the LUN
    """
    answer = pool.zhcp.call(
        'lend', model.Uuid(lun.volume_id), int(lun.generation),
        pool.zhcp.scope, host, model.NodeName(host.owner),
        ';'.join(str(model.DeviceNumber(d)) for d in devices))
    return state.lun_state(answer.fields)


def give_back(pool, volume_id, generation, host, how):
    """Make sure that a Cinder host does not use a volume's LUN any more.

    A loan of this generation that was asked for and has not come yet can come
    no more.

    :param generation: of the lent volume, as :func:`lend` gave it
    :param host: model.BorrowerName
    :param how: :data:`TOLD`, or after ten minutes :data:`UNSEEN` or
        :data:`OFF`, which the zHCP proves
    :returns: its LunState
    :raises LunBusy: a guest or another host has it; one of the host's FCP
        devices is somebody's
    :raises StaleGeneration: it has been lent anew since
    :raises LeaseRuns: the host may be about to use it
    """
    answer = pool.zhcp.call('giveback', model.Uuid(volume_id),
                            int(generation), pool.zhcp.scope, host, how)
    return state.lun_state(answer.fields)
