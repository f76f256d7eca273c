# SPDX-License-Identifier: Apache-2.0
"""What the tests of copies do with a real VolumeManager (see scenarios)."""

from tests.functional.cinder import scenarios


def _row(made):
    return {'id': made.id, 'status': made.status,
            'provider_id': made.provider_id}


def _snapshot_gone(cinder, snapshot_id):
    from cinder import exception
    try:
        cinder.snapshot(snapshot_id)
    except exception.SnapshotNotFound:
        return True
    return False


def snapshot(cinder, volume_id):
    made = cinder.order_snapshot(cinder.volume(volume_id))
    error = scenarios._error(cinder.make_snapshot, made)
    return dict(_row(made), error=error)


def delete_snapshot(cinder, snapshot_id):
    error = scenarios._error(cinder.delete_snapshot,
                             cinder.snapshot(snapshot_id))
    gone = _snapshot_gone(cinder, snapshot_id)
    return {'error': error, 'gone': gone,
            'status': None if gone else cinder.snapshot(snapshot_id).status}


def copy(cinder, backend, gib, **source):
    """A volume from source_volid or snapshot_id."""
    volume = cinder.order(backend, gib, **source)
    error = scenarios._error(cinder.make, volume)
    return dict(_row(volume), error=error)


def extend(cinder, volume_id, gib):
    volume = cinder.volume(volume_id)
    cinder.extend(volume, gib)
    return dict(_row(volume), size=volume.size)


def revert(cinder, volume_id, snapshot_id):
    volume = cinder.volume(volume_id)
    error = scenarios._error(cinder.revert, volume,
                             cinder.snapshot(snapshot_id))
    return dict(_row(volume), error=error)


def die_in(cinder, backend, method, when, what, **args):
    """See scenarios.make_deadly.

    :param what: name of a function of this module
    """
    scenarios.make_deadly(cinder, backend, method, when)
    globals()[what](cinder, **args)


def roles(cinder, backend):
    """State and role of each record of the pool by its id."""
    view = scenarios._backend(cinder, backend).pool.view()
    return {lun.volume_id: [lun.state, lun.role] for lun in view.luns
            if lun.volume_id}


def rows(cinder):
    """What Cinder has: status and provider_id of volumes and snapshots."""
    from cinder import objects
    return {each.id: [each.status, each.provider_id] for each in [
        *objects.VolumeList.get_all(cinder.context),
        *objects.SnapshotList.get_all(cinder.context, None)]}
