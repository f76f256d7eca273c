# SPDX-License-Identifier: Apache-2.0
"""Volumes that change their type or their back-end.

Between the pools of one zHCP a volume goes by a copy there, no byte of it
leaves the zHCP.  Everything else is left to Cinder's host-assisted way.
"""

from cinder.volume import volume_utils
from oslo_log import log as logging

from zvm_common import exceptions

from cinder_zvm import errors
from cinder_zvm import location
from cinder_zvm import typespecs
from cinder_zvm import volumeop

LOG = logging.getLogger(__name__)


class Migration:
    """Mixed into the driver: migrate_volume, retype and what belongs to it."""

    def _location(self):
        """Where this back-end's volumes lie."""
        return location.Location(
            str(self._backend.hypervisor.zhcp_hostname),
            self._backend.pool.ledger or '',
            str(self._backend.settings.pool), self._backend.pool.zhcp.scope)

    @volume_utils.trace
    def migrate_volume(self, context, volume, host):
        """Copy the volume to another pool of the zHCP, where it is then.

        Killed before it is there, the volume is as before. Killed before
        Cinder knows, it is found by its id as ever, and a further migration
        to the same back-end is done at once.

        :param host: dict of the other back-end, with its capabilities
        :returns: (True, model update), or (False, None) where the volume
            cannot be copied on the zHCP: nothing was done, Cinder goes on
        :raises VolumeIsBusy: the volume is attached
        """
        there = self._within_reach(volume, host)
        if there is None:
            return False, None
        with errors.told('Volume %s cannot be migrated to pool %s of zHCP %s'
                         % (volume.id, there.pool, there.zhcp)):
            lun = self._volumes.beside(
                self._backend.other_pool(there.pool, there.scope)).bring(
                    volume.name_id, self._verify(volume))
        LOG.info('Volume %(volume)s is %(lun)s now, of back-end %(host)s.',
                 {'volume': volume.id, 'lun': errors.place(lun),
                  'host': host['host']})
        return True, {'provider_id': volumeop.provider_id(lun)}

    def _within_reach(self, volume, host):
        """Location of a back-end of the same zHCP, or None and a word why."""
        here = self._location()
        try:
            there = location.Location.parse(
                host.get('capabilities', {}).get('location_info'))
        except exceptions.InvalidValue as err:
            why = str(err)
        else:
            if there.has_zhcp_of(here):
                return there
            why = 'its zHCP is %s with ledger %s, and ours %s with %s' % (
                there.zhcp, there.ledger, here.zhcp, here.ledger)
        LOG.info('Volume %(volume)s is not copied to back-end %(host)s on the '
                 'zHCP: %(why)s', {'volume': volume.id, 'host': host['host'],
                                   'why': why})
        return None

    @volume_utils.trace
    def retype(self, context, volume, new_type, diff, host):
        """Let a volume have another type, where its LUN may stay as it is.

        :param new_type: VolumeType
        :returns: (True, None), or (False, None) for a type that asks for what
            this back-end has not: Cinder may migrate the volume then
        :raises VolumeBackendAPIException: the type has a zvm: extra spec with
            a word that is none
        """
        why = self._not_here(host) or typespecs.beyond_a_lun(new_type)
        if why:
            LOG.info('Volume %(volume)s cannot have type %(type)s where it '
                     'is: %(why)s', {'volume': volume.id, 'why': why,
                                     'type': new_type.name})
            return False, None
        typespecs.copy_verify(new_type.id,
                              self._backend.settings.copy_verify)
        return True, None

    def _not_here(self, host):
        wanted = volume_utils.extract_host(host.get('cluster_name')
                                           or host['host'])
        if wanted in (self.cluster_name, self.host):
            return None
        return 'back-end %s is another one' % wanted

    def update_migrated_volume(self, context, volume, new_volume,
                               original_volume_status):
        """Let the migrated volume keep the new LUN, known by its name_id.

        The provider_ids are not named: the manager swaps those of both rows
        by itself, and would swap them back.
        """
        return {'_name_id': new_volume.name_id,
                'provider_location': new_volume.provider_location}
