# SPDX-License-Identifier: Apache-2.0
"""Operations of Cinder that this version does not offer.

The base class answers them with a bare NotImplementedError, or with a generic
way that attaches the volume to the cinder-volume host.  A LUN of a SCSI pool
is reached by guests and by the zHCP only, so the generic way would fail in
the middle; each is refused here before anything has been changed.
"""

from cinder import exception
from cinder.volume import volume_types
from cinder.volume import volume_utils

NO_HOST_ATTACH = ('the cinder-volume host has no path to a LUN of a SCSI '
                  'pool, only guests and the zHCP have')


def refusal(operation, why='not supported by this version of the driver'):
    """The exception for an operation that is not offered."""
    return exception.VolumeBackendAPIException(
        message='%s: %s.' % (operation, why))


def refuse_features(volume):
    """Refuse a new volume that its type promises what no LUN here has.

    The scheduler looks at neither: it would choose this back-end.

    :raises VolumeBackendAPIException: encryption; QoS that the back-end
        would have to keep
    """
    if volume.encryption_key_id:
        raise refusal(
            'Encrypted volume %s' % volume.id,
            'nova-compute on z/VM has no encryptor; use a volume type '
            'without encryption')
    qos = _qos(volume)
    if qos and qos['consumer'] != 'front-end':
        raise refusal(
            'Volume %s with QoS specs %s of consumer %s' % (
                volume.id, qos['name'], qos['consumer']),
            'a SCSI pool cannot limit a LUN; use a volume type without them')


def _qos(volume):
    if not volume.volume_type_id:
        return None
    return volume_types.get_volume_type_qos_specs(
        volume.volume_type_id)['qos_specs']


def _leave_group(group):
    """Leave a group to Cinder, which takes volume after volume.

    :raises VolumeBackendAPIException: a group whose snapshots must be
        consistent, as those that Cinder makes would not be
    :raises NotImplementedError: the answer that the manager waits for
    """
    if volume_utils.is_group_a_cg_snapshot_type(group):
        raise refusal(
            'Group type %s' % group.group_type_id,
            'consistent_group_snapshot_enabled asks for snapshots of one '
            'moment, and LUNs are copied one after the other')
    raise NotImplementedError()


class NotOffered:
    """Mixed into the driver in front of Cinder's base class."""

    def copy_image_to_volume(self, context, volume, image_service, image_id,
                             disable_sparse=False):
        """Refused: the base class would attach the LUN to this host."""
        raise refusal('Volume from image %s' % image_id, NO_HOST_ATTACH)

    def copy_image_to_encrypted_volume(self, context, volume, image_service,
                                       image_id, disable_sparse=False):
        """Refused: the base class would attach the LUN to this host."""
        raise refusal('Volume from image %s' % image_id, NO_HOST_ATTACH)

    def copy_volume_to_image(self, context, volume, image_service,
                             image_meta):
        """Refused: the base class would attach the LUN to this host."""
        raise refusal('Image from volume %s' % volume.id, NO_HOST_ATTACH)

    def manage_existing(self, volume, existing_ref):
        """Refused: this version only knows LUNs it has claimed itself."""
        raise refusal('Managing an existing LUN')

    def manage_existing_get_size(self, volume, existing_ref):
        """Refused: this version only knows LUNs it has claimed itself."""
        raise refusal('Managing an existing LUN')

    def get_manageable_volumes(self, cinder_volumes, marker, limit, offset,
                               sort_keys, sort_dirs):
        """Refused: this version only knows LUNs it has claimed itself."""
        raise refusal('Listing manageable LUNs')

    def unmanage(self, volume):
        """Refused: the ledger would keep a LUN that Cinder has forgotten."""
        raise refusal('Unmanaging volume %s' % volume.id)

    def manage_existing_snapshot(self, snapshot, existing_ref):
        """Refused: this version only knows LUNs it has claimed itself."""
        raise refusal('Managing an existing snapshot')

    def manage_existing_snapshot_get_size(self, snapshot, existing_ref):
        """Refused: this version only knows LUNs it has claimed itself."""
        raise refusal('Managing an existing snapshot')

    def get_manageable_snapshots(self, cinder_snapshots, marker, limit,
                                 offset, sort_keys, sort_dirs):
        """Refused: this version only knows LUNs it has claimed itself."""
        raise refusal('Listing manageable snapshots')

    def unmanage_snapshot(self, snapshot):
        """Refused: the ledger would keep a LUN that Cinder has forgotten."""
        raise refusal('Unmanaging a snapshot')

    def create_export_snapshot(self, context, snapshot, connector):
        """Refused: no host but the zHCP has a path to a snapshot."""
        raise refusal('Export of a snapshot', NO_HOST_ATTACH)

    def remove_export_snapshot(self, context, snapshot):
        """Nothing was exported."""

    def initialize_connection_snapshot(self, snapshot, connector, **kwargs):
        """Refused: a guest would write to it; make a volume from it."""
        raise refusal('Attaching a snapshot', NO_HOST_ATTACH)

    def terminate_connection_snapshot(self, snapshot, connector, **kwargs):
        """Nothing was connected."""

    def create_group(self, context, group):
        """Cinder's generic group, or refused."""
        _leave_group(group)

    def create_group_from_src(self, context, group, volumes,
                              group_snapshot=None, snapshots=None,
                              source_group=None, source_vols=None):
        """Cinder's generic group, or refused before a LUN is taken."""
        _leave_group(group)

    def create_group_snapshot(self, context, group_snapshot, snapshots):
        """Cinder's snapshots one by one, or refused."""
        _leave_group(group_snapshot)
