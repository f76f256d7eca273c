# SPDX-License-Identifier: Apache-2.0
"""Cinder's interface to SCSI pools of z/VM.

A volume is one LUN of the pool that a back-end's section names.  The zHCP's
ledger says which; see doc/source/admin for the way a LUN goes.
"""

from cinder.common import constants
from cinder import exception
from cinder import interface
from cinder.volume import configuration
from cinder.volume import driver
from cinder.volume import volume_utils
from oslo_config import cfg
from oslo_log import log as logging

from zvm_common import exceptions

from cinder_zvm import backend
from cinder_zvm import brick
from cinder_zvm import connection
from cinder_zvm import errors
from cinder_zvm import groupop
from cinder_zvm import hostattach
from cinder_zvm import hostconnector
from cinder_zvm import hostkernel
from cinder_zvm import imageop
from cinder_zvm import lending
from cinder_zvm import manageop
from cinder_zvm import migrateop
from cinder_zvm import opts
from cinder_zvm import records
from cinder_zvm import stats
from cinder_zvm import sweep
from cinder_zvm import typespecs
from cinder_zvm import unsupported
from cinder_zvm import volumeop

LOG = logging.getLogger(__name__)

cfg.CONF.register_opts(opts.backend_opts(),
                       group=configuration.SHARED_CONF_GROUP)


@interface.volumedriver
class ZVMVolumeDriver(imageop.Images, manageop.Managing, migrateop.Migration,
                      groupop.Groups, hostattach.HostAttach,
                      unsupported.NotOffered,
                      driver.VolumeDriver):
    """LUNs of one SCSI pool on one zHCP, for guests of its z/VM LPAR.

    Version history::

        0.1.0 - create, delete, attach and detach of single volumes
        0.2.0 - snapshots, clones, extending by moving, revert
        0.3.0 - images, manage, migration, host-assisted operations
    """

    VERSION = '0.3.0'
    CI_WIKI_NAME = 'zVM_Volume_CI'
    # All state is on the zHCP, changed under one lock there.
    SUPPORTS_ACTIVE_ACTIVE = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(opts.backend_opts())
        self._backend = None
        self._volumes = None
        self._transfers = None
        self._sweeper = None
        self._lending = None

    @staticmethod
    def get_driver_options():
        """The options of a back-end's section."""
        return opts.backend_opts()

    # set-up

    def do_setup(self, context):
        """Check the options and find the zHCP.

        :raises InvalidConfigurationValue: names the option
        :raises VolumeBackendAPIException: MN or zHCP cannot be used
        """
        try:
            settings = backend.settings(self.configuration)
        except exceptions.ConfigurationError as err:
            raise exception.InvalidConfigurationValue(
                message='Section [%s]: %s'
                % (self.configuration.config_group, err)) from err
        self._warn_about_volume_clear()
        self._warn_about_start()
        brick.repair_here()
        with errors.told('Back-end %s' % self._name()):
            # the processes of a cluster are one
            self._backend = backend.connect(
                settings, 'cinder:%s' % (self.cluster_name or self.host))
        self._lending = lending.Lending(self._backend.pool,
                                        hostkernel.Kernel())
        self._sweeper = sweep.Sweeper(
            self._backend.pool,
            records.Records(self.host, self.cluster_name),
            settings.sweep_interval, self._lending)
        self._volumes = volumeop.VolumeOperations(
            self._backend.pool,
            oversize_percent=settings.max_oversize_percent,
            job_timeout=settings.job_timeout,
            trust=settings.trust_free_luns)
        self._transfers = imageop.Transfers(self._volumes, settings)

    def check_for_setup_error(self):
        """Run the program on the zHCP and read the pool.

        :raises VolumeBackendAPIException: with one text for each mistake
        """
        with errors.told('Back-end %s, zHCP %s' % (
                self._name(), self._backend.hypervisor.zhcp_hostname)):
            self._backend.check()
        self._tell_of_loans(self.sweep())
        self._warn_if_not_reached()

    def _tell_of_loans(self, report):
        """What was lent before this start nothing here copies any more."""
        for text in report.lent if report else ():
            LOG.warning('Back-end %(name)s: volume %(text)s',
                        {'name': self._name(), 'text': text})

    def sweep(self):
        """Finish or undo what was cut off; see :mod:`cinder_zvm.sweep`.

        Never raises: what this one could not do the next one can.
        """
        try:
            return self._sweeper.run()
        except Exception as err:
            LOG.error('Back-end %(name)s could not be swept: %(error)s',
                      {'name': self._name(), 'error': err})

    def _warn_about_volume_clear(self):
        if (self.configuration.safe_get('volume_clear') == 'none'
                or self.configuration.safe_get('volume_clear_size')):
            LOG.warning('Back-end %s: volume_clear and volume_clear_size are '
                        'not obeyed. A LUN goes to another tenant whole, so '
                        'it is always wiped whole.', self._name())

    @staticmethod
    def _warn_about_start():
        # an option of cinder.volume.manager, which loads drivers
        name = 'volume_service_inithost_offload'
        if name in cfg.CONF and not cfg.CONF[name]:
            LOG.warning('volume_service_inithost_offload is off: a '
                        'cinder-volume that is restarted while a LUN is wiped '
                        'serves nothing until the wipe is done.')

    def _name(self):
        return (self.configuration.safe_get('volume_backend_name')
                or self.configuration.config_group)

    # create, delete

    @volume_utils.trace
    def create_volume(self, volume):
        """Take the best fitting LUN; it is clean when this returns.

        :returns: the model update with provider_id
        """
        unsupported.refuse_features(volume)
        with errors.told('Volume %s cannot be created' % volume.id):
            lun = self._volumes.create(volume.name_id, volume.size)
        return self._made('Volume', volume, lun)

    @volume_utils.trace
    def create_volume_from_snapshot(self, volume, snapshot):
        """Copy the snapshot's LUN to one that is large enough for both.

        :returns: the model update with provider_id
        """
        return self._copied(volume, snapshot.id, 'snapshot')

    @volume_utils.trace
    def create_cloned_volume(self, volume, src_vref):
        """Copy the source's LUN to one that is large enough for both.

        :returns: the model update with provider_id
        :raises VolumeIsBusy: the source is attached
        """
        return self._copied(volume, src_vref.name_id, 'volume')

    def _copied(self, volume, source_id, what):
        unsupported.refuse_features(volume)
        with errors.told('Volume %s cannot be created from %s %s'
                         % (volume.id, what, source_id)):
            lun = self._volumes.copy(volume.name_id, source_id, volume.size,
                                     self._verify(volume))
        return self._made('Volume', volume, lun)

    def _verify(self, volume):
        return typespecs.copy_verify(volume.volume_type_id,
                                     self._backend.settings.copy_verify)

    @staticmethod
    def _made(what, made, lun):
        LOG.info('%(what)s %(id)s is %(lun)s (%(capacity)s).',
                 {'what': what, 'id': made.id, 'lun': errors.place(lun),
                  'capacity': lun.capacity})
        return {'provider_id': volumeop.provider_id(lun)}

    @volume_utils.trace
    def delete_volume(self, volume):
        """Wipe the LUN and free it.

        :raises VolumeIsBusy: names the guest that holds it
        """
        with errors.told('Volume %s cannot be deleted' % volume.id):
            freed = self._volumes.delete(volume.name_id,
                                         manageop.is_saved(volume))
        if not freed:
            LOG.info('Volume %(volume)s has no LUN in pool %(pool)s: nothing '
                     'to delete.', {'volume': volume.id,
                                    'pool': self._backend.settings.pool})

    @volume_utils.trace
    def extend_volume(self, volume, new_size):
        """Nothing, if the LUN is large enough; else move to a larger one.

        :param new_size: GiB
        :raises VolumeIsBusy: the volume is attached
        """
        with errors.told('Volume %s cannot be extended' % volume.id):
            lun = self._volumes.extend(volume.name_id, new_size,
                                       self._verify(volume))
        self._save(volume, lun)

    @staticmethod
    def _save(volume, lun):
        """What extend and revert return nobody looks at."""
        found = volumeop.provider_id(lun)
        if volume.provider_id != found:
            volume.provider_id = found
            volume.save()
            LOG.info('Volume %(volume)s is %(lun)s now.',
                     {'volume': volume.id, 'lun': errors.place(lun)})

    # snapshots

    @volume_utils.trace
    def create_snapshot(self, snapshot):
        """Copy the volume's LUN to one that is the snapshot's.

        :returns: the model update with provider_id
        :raises VolumeIsBusy: the volume is attached
        """
        with errors.told('Snapshot %s cannot be created' % snapshot.id):
            lun = self._volumes.copy(snapshot.id, snapshot.volume.name_id,
                                     snapshot.volume_size,
                                     self._verify(snapshot), role='snapshot')
        return self._made('Snapshot', snapshot, lun)

    @volume_utils.trace
    def delete_snapshot(self, snapshot):
        """Wipe the LUN and free it; no volume depends on it.

        :raises SnapshotIsBusy: a volume is being made from it
        """
        try:
            with errors.told('Snapshot %s cannot be deleted' % snapshot.id):
                self._volumes.delete(snapshot.id, manageop.is_saved(snapshot))
        except exception.VolumeIsBusy as err:
            raise exception.SnapshotIsBusy(message=err.msg) from err

    @volume_utils.trace
    def revert_to_snapshot(self, context, volume, snapshot):
        """Let a copy of the snapshot take the place of the volume's LUN.

        :raises VolumeIsBusy: the volume is attached
        """
        with errors.told('Volume %s cannot be reverted to snapshot %s'
                         % (volume.id, snapshot.id)):
            lun = self._volumes.revert(volume.name_id, snapshot.id,
                                       self._verify(volume))
        self._save(volume, lun)

    def snapshot_revert_use_temp_snapshot(self):
        """No: until the copy is whole the volume keeps its own LUN."""
        return False

    # stats

    def _update_volume_stats(self):
        """Read the pool; never raises, a back-end may be down for a while."""
        view = None
        try:
            view = self._backend.pool.view()
        except Exception as err:
            # Not only ZvmError: whatever comes out of here would stop the
            # periodic report, and the scheduler keeps its last, stale one.
            LOG.error('Back-end %(name)s is down: %(error)s',
                      {'name': self._name(), 'error': err})
        else:
            self._sweep_after(view)
        self._stats = stats.report(
            self._identity(), self._backend.settings.pool, view,
            self.configuration.safe_get('reserved_percentage') or 0)

    def _sweep_after(self, view):
        try:
            self._sweeper.after(view)
        except Exception as err:
            LOG.error('Back-end %(name)s could not be swept: %(error)s',
                      {'name': self._name(), 'error': err})

    def _identity(self):
        zhcp = str(self._backend.hypervisor.zhcp_hostname)
        return {
            'volume_backend_name': self._name(),
            'vendor_name': 'Open Source',
            'driver_version': self.VERSION,
            'storage_protocol': constants.FC,
            'zvm_zhcp': zhcp,
            'location_info': str(self._location()),
        }

    def _init_vendor_properties(self):
        """The extra specs that this driver obeys."""
        return typespecs.vendor_properties(
            self._set_property, self._backend.settings.copy_verify)

    def get_pool(self, volume):
        """The only pool of this back-end."""
        return str(self._backend.settings.pool)

    # attach, detach

    def validate_connector(self, connector):
        """Accept guests of this back-end's z/VM LPAR only.

        A Cinder host, which copies data itself, must be one as well.

        :raises InvalidConnectorException: says what is missing or wrong; the
            API answers 400 with it
        :raises VolumeBackendAPIException: the MN cannot be asked about it
        """
        try:
            with errors.told('The connector cannot be checked'):
                self._connector(connector)
        except exception.VolumeBackendAPIException as err:
            if not isinstance(err.__cause__, (exceptions.InvalidValue,
                                              exceptions.ZhcpMismatch)):
                raise
            raise exception.InvalidConnectorException(
                message=str(err.__cause__)) from err

    def _connector(self, connector):
        if hostconnector.is_host(connector):
            return hostconnector.HostConnector.read(connector, self._backend)
        absent = connection.missing_keys(connector)
        if absent:
            raise exception.InvalidConnectorException(message=absent)
        guest = connection.Connector.parse(connector)
        connection.check_zhcp(guest, self._backend.hypervisor)
        return guest

    def create_export(self, context, volume, connector):
        """Nothing to do: the array masks the pool's LUNs beforehand."""

    def ensure_export(self, context, volume):
        """Nothing to do, and no request that could fail at start-up."""

    def remove_export(self, context, volume):
        """Nothing to do."""

    @volume_utils.trace
    def initialize_connection(self, volume, connector, initiator_data=None,
                              **kwargs):
        """Tell Nova where the LUN is; changes nothing, may be repeated.

        The attaching itself (ours -> used, dedicating) is Nova's swap on the
        zHCP, which names the generation told here.  To a Cinder host the LUN
        is lent here, as nobody else would say that it is in use.

        :returns: connection_info, JSON types only
        """
        with errors.told('Volume %s cannot be attached' % volume.id):
            guest = self._connector(connector)
            lun = self._volumes.find(volume.name_id)
            if isinstance(guest, hostconnector.HostConnector):
                return self._lent(guest, lun)
            connection.check_state(guest, lun)
            settings = self._backend.settings
            connection.check_devices(guest, lun, settings.fcp_list,
                                     settings.zhcp_fcp_list)
            return connection.connection_info(lun, guest,
                                              self._backend.hypervisor)

    @volume_utils.trace
    def terminate_connection(self, volume, connector, force=False, **kwargs):
        """Nothing to undo here: nova-compute gave the LUN back before.

        A LUN that is still used stays so, forced or not: the guest's kernel
        may write to it.  Only the compute host that holds it, or an operator
        who has proved the guest logged off, takes it away.

        What was lent to a Cinder host is given back.

        :param connector: None means all connections
        """
        if connector and hostconnector.is_host(connector):
            self._given_back(volume, connector, force)
        elif connector is None or force:
            self._see_if_used(volume)

    def _see_if_used(self, volume):
        try:
            lun = self._volumes.find(volume.name_id)
        except Exception as err:
            LOG.warning('Volume %(volume)s: whether a guest still uses its '
                        'LUN is not known: %(error)s',
                        {'volume': volume.id, 'error': err})
            return
        if lun.lent:
            self._taken_back(lun)
        elif lun.state == 'used':
            LOG.warning('Forced detach: %s', errors.busy(lun).msg)

    # start-up

    def update_provider_info(self, volumes, snapshots):
        """Fill provider_ids that a killed create did not save.

        Those of volumes that have moved are corrected by the sweep. An
        exception here would stop cinder-volume.

        :returns: (list of updates or None, the same for snapshots)
        """
        volumes, snapshots = ([row for row in rows if not row.provider_id]
                              for rows in (volumes, snapshots))
        if not volumes and not snapshots:
            return None, None
        try:
            known = {str(lun.volume_id): volumeop.provider_id(lun)
                     for lun in self._backend.pool.view().luns
                     if lun.volume_id and lun.state in ('ours', 'used')
                     and lun.phase != 'manage'}
        except Exception as err:
            LOG.warning('provider_ids are not filled in: %s', err)
            return None, None
        return (_updates(known, [(each, each.name_id) for each in volumes]),
                _updates(known, [(each, each.id) for each in snapshots]))


def _updates(known, rows):
    """Of rows that the ledger knows, or None."""
    return [{'id': row.id, 'provider_id': known[key]} for row, key in rows
            if key in known] or None
