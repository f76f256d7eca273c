# SPDX-License-Identifier: Apache-2.0
"""What the scheduler is told about a back-end."""

from cinder.common import constants

# The scheduler compares the requested size with the *total* of the free LUNs.
# The largest single one is reported besides; filter functions of Cinder can
# name it, as its name holds no digit:
#   filter_function = "volume.size <= capabilities.zvm_largest_free_gb"

# Of a LUN in the pool, in the order in which an operator looks for them.
_COUNTS = ('free', 'preparing', 'copying', 'filling', 'ours', 'sending',
           'used', 'wiping', 'freeing', 'quarantined', 'foreign', 'unmanaged',
           'lost', 'drift', 'twice')


def report(identity, pool_name, view, reserved_percentage):
    """The stats of a back-end and its one pool.

    :param identity: dict of what never changes: names, version, zHCP
    :param pool_name: the SCSI pool
    :param view: PoolView, or None when the MN or the zHCP does not answer
    :param reserved_percentage: of the total, kept from the scheduler
    :returns: a new dict; sizes in GiB
    """
    pool = _pool(view)
    pool.update(pool_name=str(pool_name), zvm_zhcp=identity['zvm_zhcp'],
                location_info=identity['location_info'],
                reserved_percentage=reserved_percentage)
    return dict(identity, backend_state=pool['backend_state'], pools=[pool],
                multiattach=False, shared_targets=False)


def _pool(view):
    # Without free space the scheduler chooses another back-end; it does not
    # look at backend_state.
    figures = {'total_gib': 0, 'free_gib': 0, 'largest_free_gib': 0,
               'counts': {}} if view is None else view.stats()
    total, free, largest = (round(figures[name], 2) for name in (
        'total_gib', 'free_gib', 'largest_free_gib'))
    pool = {
        'backend_state': 'down' if view is None else 'up',
        'total_capacity_gb': total,
        'free_capacity_gb': free,
        'provisioned_capacity_gb': round(total - free, 2),
        'max_over_subscription_ratio': 1.0,
        'thin_provisioning_support': False,
        'thick_provisioning_support': True,
        'multiattach': False,
        'QoS_support': False,
        'online_extend_support': False,
        'consistent_group_snapshot_enabled': False,
        'replication_enabled': False,
        'storage_protocol': constants.FC,
        'zvm_largest_free_gb': largest,
    }
    for state in _COUNTS:
        pool['zvm_luns_' + state] = figures['counts'].get(state, 0)
    return pool
