# SPDX-License-Identifier: Apache-2.0
"""Extra specs of volume types that the driver obeys.

Cinder tells them as a back-end's vendor properties
(``GET /v3/{project_id}/capabilities/{host}``).
"""

from cinder import exception
from cinder.volume import volume_types

from zvm_common import conf

VENDOR = 'zvm'
COPY_VERIFY = VENDOR + ':copy_verify'

# Extra specs that no LUN of a pool can keep; Cinder's scheduler looks at them
# too, where its filters are as shipped.
_ABSENT = ('multiattach', 'replication_enabled', 'thin_provisioning_support',
           'QoS_support', 'online_extend_support',
           'consistent_group_snapshot_enabled')


def vendor_properties(set_property, default):
    """The properties of a back-end, as ``_init_vendor_properties`` has them.

    :param set_property: the driver's ``_set_property``
    :param default: the back-end's zvm_copy_verify
    :returns: (dict, vendor's name)
    """
    properties = {}
    set_property(
        properties, COPY_VERIFY, 'What of a copy is read back',
        'Snapshots, clones, and volumes that are extended or reverted on '
        'another LUN are compared with their source: every byte (all), or 64 '
        'places of 1 MiB (sampled).', 'string', enum=list(conf.COPY_VERIFY),
        default=default)
    return properties, VENDOR


def copy_verify(type_id, default):
    """What of a copy is read back for volumes of a type.

    :param type_id: None for a volume without type
    :raises VolumeBackendAPIException: the type has another word
    """
    if not type_id:
        return default
    found = volume_types.get_volume_type_extra_specs(type_id).get(
        COPY_VERIFY, default)
    if found not in conf.COPY_VERIFY:
        raise exception.VolumeBackendAPIException(
            message='The volume type has %s = %s, which is one of: %s. '
                    'Correct the type.'
                    % (COPY_VERIFY, found, ', '.join(conf.COPY_VERIFY)))
    return found


def beyond_a_lun(volume_type):
    """What a type asks for that no LUN of a SCSI pool has, in words.

    :param volume_type: VolumeType
    :returns: text, or None when a LUN can have the type
    """
    qos = volume_types.get_volume_type_qos_specs(volume_type.id)['qos_specs']
    if qos and qos['consumer'] != 'front-end':
        return 'QoS specs %s are of consumer %s' % (qos['name'],
                                                    qos['consumer'])
    for name, value in (volume_type.extra_specs or {}).items():
        if name.removeprefix('capabilities:') in _ABSENT and (
                str(value).lower().endswith('true')):
            return '%s = %s' % (name, value)
    return None
