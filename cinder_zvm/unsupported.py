# SPDX-License-Identifier: Apache-2.0
"""Operations of Cinder that this version does not offer.

The base class answers them with a bare NotImplementedError, or with a generic
way that attaches the volume to the cinder-volume host.  A LUN of a SCSI pool
is reached by guests and by the zHCP only, so the generic way would fail in
the middle; each is refused here before anything has been changed.
"""

from cinder import exception
from cinder.volume import volume_types

NO_HOST_ATTACH = ('the cinder-volume host has no path to a LUN of a SCSI '
                  'pool, only guests and the zHCP have')


def refusal(operation, why):
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
        raise _encrypted(volume)
    qos = _qos(volume)
    if qos and qos['consumer'] != 'front-end':
        raise refusal(
            'Volume %s with QoS specs %s of consumer %s' % (
                volume.id, qos['name'], qos['consumer']),
            'a SCSI pool cannot limit a LUN; use a volume type without them')


def _encrypted(volume):
    return refusal('Encrypted volume %s' % volume.id,
                   'nova-compute on z/VM has no encryptor; use a volume type '
                   'without encryption')


def _qos(volume):
    if not volume.volume_type_id:
        return None
    return volume_types.get_volume_type_qos_specs(
        volume.volume_type_id)['qos_specs']


class NotOffered:
    """Mixed into the driver in front of Cinder's base class."""

    def copy_image_to_encrypted_volume(self, context, volume, image_service,
                                       image_id, disable_sparse=False):
        """Refused, as the volume was when it was to be created."""
        raise _encrypted(volume)

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
