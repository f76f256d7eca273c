# SPDX-License-Identifier: Apache-2.0
"""Volumes that go from one back-end to another one of the same zHCP."""

from zvm_common import model
from zvm_common.pool import state
from zvm_common import zhcp


def other(pool, name, scope, devices):
    """A pool of the same zHCP, as another back-end has it.

    What is claimed there is that back-end's, whose sweeps undo what is cut
    off.

    :param pool: Pool of this back-end; its ledger counts for both
    :param name: of the other pool
    :param scope: of the other back-end in the ledger's records
    :param devices: DeviceRanges of the zHCP's own FCP devices, over which the
        LUNs of both pools are reached
    :returns: Pool
    """
    found = type(pool)(zhcp.Zhcp(pool.zhcp.hypervisor, scope), name, devices)
    found.ledger = pool.ledger
    return found


def entrust(pool, lun, scope):
    """Let a volume be another back-end's that has the same pool.

    :param lun: its LunState
    :param scope: of the other back-end
    :returns: the LunState
    :raises StaleGeneration, LunBusy, VolumeUnknown: it has moved on
    """
    answer = pool.zhcp.call('entrust', lun.scope, model.Uuid(lun.volume_id),
                            lun.generation,
                            zhcp.Zhcp.scope_name(scope))
    return state.lun_state(answer.fields)
