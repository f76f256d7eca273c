# SPDX-License-Identifier: Apache-2.0
"""Generic volume groups: volume after volume.

NotImplementedError is what the manager waits for where it does a group
itself.  Where it would go on after a failure, and take a volume without a LUN
for one that is made, or forget one whose LUN is still there, it is done here.
"""

from cinder import exception
from cinder.volume import volume_utils
from oslo_log import log as logging

from zvm_common import exceptions

from cinder_zvm import unsupported

LOG = logging.getLogger(__name__)


def _refuse_consistent(group):
    """Refuse a group whose snapshots must be consistent.

    :raises VolumeBackendAPIException: those that are made here are not
    """
    if volume_utils.is_group_a_cg_snapshot_type(group):
        raise unsupported.refusal(
            'Group type %s' % group.group_type_id,
            'consistent_group_snapshot_enabled asks for snapshots of one '
            'moment, and LUNs are copied one after the other')


class Groups:
    """Mixed into the driver."""

    def create_group(self, context, group):
        """Left to the manager, or refused."""
        _refuse_consistent(group)
        raise NotImplementedError()

    def update_group(self, context, group, add_volumes=None,
                     remove_volumes=None):
        """Left to the manager: a LUN knows of no group."""
        raise NotImplementedError()

    def delete_group(self, context, group, volumes):
        """Delete volume after volume.

        :returns: (model update of the group, those of its volumes); the
            group is in error when a volume is still there, so that Cinder
            forgets neither
        """
        statuses = {volume.id: self._deleted(self.delete_volume, volume)
                    for volume in volumes}
        return _what_became(statuses)

    def create_group_snapshot(self, context, group_snapshot, snapshots):
        """Left to the manager, or refused."""
        _refuse_consistent(group_snapshot)
        raise NotImplementedError()

    def delete_group_snapshot(self, context, group_snapshot, snapshots):
        """Delete snapshot after snapshot.

        :returns: as of :meth:`delete_group`
        """
        statuses = {snapshot.id: self._deleted(self.delete_snapshot, snapshot)
                    for snapshot in snapshots}
        return _what_became(statuses)

    @staticmethod
    def _deleted(delete, row):
        """The status that a volume or snapshot has then."""
        try:
            delete(row)
        except (exception.VolumeIsBusy, exception.SnapshotIsBusy) as err:
            LOG.error('%s', err.msg)
            return 'available'
        except Exception as err:
            LOG.error('%s', err)
            return 'error_deleting'
        return 'deleted'

    def create_group_from_src(self, context, group, volumes,
                              group_snapshot=None, snapshots=None,
                              source_group=None, source_vols=None):
        """Copy volume after volume; all of them, or none.

        :param snapshots: those of the group snapshot, or None
        :param source_vols: the volumes of the source group, or None
        :returns: (None, model updates of the volumes)
        :raises VolumeBackendAPIException: no LUN was left taken; Cinder has
            the group and its volumes in error
        """
        _refuse_consistent(group)
        if snapshots:
            create, key, sources = (self.create_volume_from_snapshot,
                                    'snapshot_id', snapshots)
        else:
            create, key, sources = (self.create_cloned_volume,
                                    'source_volid', source_vols or ())
        of = {source.id: source for source in sources}
        made = []
        try:
            for volume in volumes:
                update = create(volume, of[getattr(volume, key)])
                made.append((volume, update))
        except Exception:
            for volume, _ in made:
                self._give_back(volume)
            raise
        return None, [dict(update, id=volume.id, status='available')
                      for volume, update in made]

    def _give_back(self, volume):
        """Its own failure must not hide the first one."""
        try:
            self._volumes.delete(volume.name_id)
        except (exceptions.ZvmError, exception.CinderException) as err:
            LOG.error('The LUN of volume %(volume)s could not be given back: '
                      '%(error)s Deleting the volume tries again.',
                      {'volume': volume.id, 'error': err})


def _what_became(statuses):
    """Model updates of a group, or a group snapshot, and of what it has."""
    left = any(status != 'deleted' for status in statuses.values())
    return ({'status': 'error' if left else 'deleted'},
            [{'id': each, 'status': status}
             for each, status in statuses.items()])
