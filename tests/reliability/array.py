# SPDX-License-Identifier: Apache-2.0
"""A storage server that is no pool's, with a Cinder driver of its own.

Cinder's Fibre Channel class on LUNs that the simulator has beside its pools.
Which of them a volume has stands in its provider_id; it is masked to all.
"""

from cinder import objects
from cinder.volume import driver

from tests.reliability import truth


class ArrayDriver(driver.FibreChannelDriver):
    """What a manager asks for, without a storage server."""

    def do_setup(self, context):
        self._context = context
        self._stats = {'volume_backend_name': 'array',
                       'storage_protocol': 'FC', 'driver_version': '1',
                       'vendor_name': 'none', 'pools': []}

    def check_for_setup_error(self):
        """It is there."""

    def _update_volume_stats(self):
        """They never change."""

    def create_volume(self, volume):
        taken = {each.provider_id for each
                 in objects.VolumeList.get_all(self._context)}
        return {'provider_id': next(lun for lun in truth.ARRAY_LUNS
                                    if lun not in taken)}

    def delete_volume(self, volume):
        """Its LUN is free as soon as the row is gone."""

    def create_export(self, context, volume, connector):
        """Nothing is to be done before a connection."""

    def ensure_export(self, context, volume):
        """Nothing either."""

    def remove_export(self, context, volume):
        """Nor afterwards."""

    def initialize_connection(self, volume, connector):
        return {'driver_volume_type': 'fibre_channel', 'data': {
            'target_discovered': False,
            'target_wwn': [truth.ARRAY_PORT],
            'target_lun': int(volume.provider_id[:4], 16),
            'initiator_target_map': {wwpn: [truth.ARRAY_PORT]
                                     for wwpn in connector['wwpns']}}}

    def terminate_connection(self, volume, connector, **kwargs):
        """It is masked to all."""
