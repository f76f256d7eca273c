# SPDX-License-Identifier: Apache-2.0
"""LUNs of the operator that become volumes, and volumes that become his.

A reference is ``{'wwpn': W, 'lun': L}``: any port of the LUN's pool line, or
several of them (joined by ``;``, or a list), and the LUN's number; or
``{'source-id': ID}``: the LUN that was that volume or snapshot until it was
unmanaged.

A volume is never larger than its LUN, so its size is that of the disk in whole
GiB, rounded down: a guest would otherwise be told of bytes that are not there.
What is behind the last whole GiB is not lost, as copies and moves are of the
LUN's real size.
"""

import contextlib
import uuid

from cinder import exception
from cinder.volume import volume_utils
from oslo_log import log as logging

from zvm_common import exceptions
from zvm_common import model
from zvm_common.pool import managing

from cinder_zvm import errors
from cinder_zvm import listing
from cinder_zvm import unsupported
from cinder_zvm import volumeop

LOG = logging.getLogger(__name__)


class Managing:
    """Mixed into the driver, whose ``_backend`` and ``_volumes`` it uses."""

    # volumes

    @volume_utils.trace
    def manage_existing_get_size(self, volume, existing_ref):
        """Size of the LUN's disk in whole GiB, rounded down.

        :raises ManageExistingInvalidReference: whose the LUN is, or what is
            wrong with it
        :raises ManageExistingVolumeTypeMismatch: the type promises what no LUN
            here has
        """
        _refuse_type(volume)
        return _gib(self._measured(existing_ref, 'Volume', volume),
                    existing_ref)

    @volume_utils.trace
    def manage_existing(self, volume, existing_ref):
        """Let the LUN be the volume's, with every byte that is on it.

        :returns: the model update with provider_id
        :raises ManageExistingInvalidReference: as above, also when somebody
            else was quicker
        """
        _refuse_type(volume)
        return self._managed('Volume', volume, volume.name_id, existing_ref,
                             'current')

    @volume_utils.trace
    def unmanage(self, volume):
        """Leave the LUN to the operator with every byte; it is never free.

        :raises VolumeIsBusy: names the guest that holds it
        """
        with errors.told('Volume %s cannot be unmanaged' % volume.id):
            left = self._volumes.unmanage(volume.name_id)
        self._tell_left('Volume', volume, left)

    def get_manageable_volumes(self, cinder_volumes, marker, limit, offset,
                               sort_keys, sort_dirs):
        """The pool's LUNs that are not free: see :mod:`cinder_zvm.listing`."""
        entries = listing.volumes(
            self._seen(), {each.name_id: each.id for each in cinder_volumes})
        return volume_utils.paginate_entries_list(
            entries, marker, limit, offset, sort_keys, sort_dirs)

    # snapshots

    @volume_utils.trace
    def manage_existing_snapshot_get_size(self, snapshot, existing_ref):
        """As that of a volume, but no more than the volume's own size.

        The LUN of a snapshot is independent of the volume's and may have any
        size. Cinder reverts only to a snapshot of the volume's size though,
        and the LUN of one that was unmanaged may be larger than the volume:
        so a larger one counts as that. Copies are of the LUN's real size.

        :raises ManageExistingInvalidReference: as for a volume
        """
        found = _gib(self._measured(existing_ref, 'Snapshot', snapshot),
                     existing_ref)
        return min(found, snapshot.volume_size or found)

    @volume_utils.trace
    def manage_existing_snapshot(self, snapshot, existing_ref):
        """Let the LUN be the snapshot's, with every byte that is on it.

        :returns: the model update with provider_id
        """
        return self._managed('Snapshot', snapshot, snapshot.id, existing_ref,
                             'snapshot')

    @volume_utils.trace
    def unmanage_snapshot(self, snapshot):
        """Leave the LUN to the operator with every byte; it is never free.

        :raises SnapshotIsBusy: a volume is being made from it
        """
        try:
            with errors.told('Snapshot %s cannot be unmanaged' % snapshot.id):
                left = self._volumes.unmanage(snapshot.id)
        except exception.VolumeIsBusy as err:
            raise exception.SnapshotIsBusy(message=err.msg) from err
        self._tell_left('Snapshot', snapshot, left)

    def get_manageable_snapshots(self, cinder_snapshots, marker, limit,
                                 offset, sort_keys, sort_dirs):
        """The pool's LUNs that are snapshots, or might become one."""
        entries = listing.snapshots(
            self._seen(), {each.id: each for each in cinder_snapshots})
        return volume_utils.paginate_entries_list(
            entries, marker, limit, offset, sort_keys, sort_dirs)

    # both

    def _tell_left(self, what, row, left):
        if not left:
            LOG.info('%(what)s %(id)s has no LUN in pool %(pool)s: nothing '
                     'to unmanage.', {'what': what, 'id': row.id,
                                      'pool': self._backend.settings.pool})

    def _seen(self):
        with errors.told('The LUNs of pool %s cannot be listed'
                         % self._backend.settings.pool):
            return self._backend.pool.view()

    def _measured(self, existing_ref, what, row):
        with _told(what, row, existing_ref):
            pool = self._backend.pool
            return managing.measure(pool, managing.find(pool, existing_ref))

    def _managed(self, what, row, volume_id, existing_ref, role):
        measured = self._measured(existing_ref, what, row)
        _gib(measured, existing_ref)
        with _told(what, row, existing_ref):
            lun = self._manage(volume_id, measured, role)
        return self._made(what, row, lun)

    def _manage(self, volume_id, measured, role):
        operation = str(uuid.uuid4())
        pool = self._backend.pool
        try:
            return managing.manage(pool, volume_id, operation, measured, role)
        except (exceptions.OutcomeUnknown, exceptions.BadAnswer):
            # from here on it takes effect no more, or has done so
            lun = volumeop.cancelled(
                pool, volume_id, operation, 'a LUN was managed',
                'Deleting it leaves the LUN to the operator.')
            if lun is None:
                raise
            return lun


def is_saved(row):
    """Whether Cinder has saved that a LUN is this volume's or snapshot's.

    One whose manage has failed, or was cut off, has a row without it; it may
    be deleted to be rid of it, and its LUN is the operator's.
    """
    return bool(row.provider_id) and row.status != 'error_managing_deleting'


def _refuse_type(volume):
    try:
        unsupported.refuse_features(volume)
    except exception.VolumeBackendAPIException as err:
        raise exception.ManageExistingVolumeTypeMismatch(
            reason=err.msg) from err


def _refused(existing_ref, why):
    return exception.ManageExistingInvalidReference(
        existing_ref=existing_ref, reason=why)


@contextlib.contextmanager
def _told(what, row, existing_ref):
    """What is wrong with the LUN, or with its reference, or else."""
    with errors.told('%s %s cannot be managed' % (what, row.id)):
        try:
            yield
        except (exceptions.NotManageable, exceptions.InvalidValue) as err:
            raise _refused(existing_ref, str(err)) from err


def _gib(measured, existing_ref):
    """Whole GiB of a LUN."""
    found = measured.size.bytes // model.GIB
    if not found:
        raise _refused(existing_ref, 'LUN %s has %d bytes, and the smallest '
                       'volume is of 1 GiB'
                       % (measured.lun, measured.size.bytes))
    return found
