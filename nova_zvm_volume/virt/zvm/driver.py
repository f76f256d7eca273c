# SPDX-License-Identifier: Apache-2.0
"""``compute_driver = zvm_volume.ZVMVolumeDriver``.

Nova's own z/VM driver plus volumes, and without those of its limits that
stand in the way of a production host.
"""

import threading
import time

from oslo_log import log as logging
from oslo_utils import excutils
from oslo_utils import fileutils

from nova.compute import task_states
from nova import conf
from nova import context as nova_context
from nova import exception
from nova import objects
from nova.virt import driver as virt_driver
from nova.virt.zvm import driver as zvm_driver
from nova_zvm_volume import opts
from nova_zvm_volume.virt.zvm import connection
from nova_zvm_volume.virt.zvm import errors
from nova_zvm_volume.virt.zvm import lifecycle
from nova_zvm_volume.virt.zvm import ownership
from nova_zvm_volume.virt.zvm import pending
from nova_zvm_volume.virt.zvm import platform
from nova_zvm_volume.virt.zvm import refusals
from nova_zvm_volume.virt.zvm import resize
from nova_zvm_volume.virt.zvm import rootpaths
from nova_zvm_volume.virt.zvm import rootvolume
from nova_zvm_volume.virt.zvm import snapshot
from nova_zvm_volume.virt.zvm import sweep
from nova_zvm_volume.virt.zvm import volumeop
from zvm_common import conf as zvm_conf
from zvm_common import exceptions

CONF = conf.CONF
LOG = logging.getLogger(__name__)


class ZVMVolumeDriver(lifecycle.Lifecycle, rootvolume.BootFromVolume,
                      resize.Resize, snapshot.Snapshot,
                      refusals.NotOffered, zvm_driver.ZVMDriver):
    """z/VM guests through the Cloud Connector, volumes through xCAT."""

    capabilities = dict(
        zvm_driver.ZVMDriver.capabilities,
        has_imagecache=False,
        supports_attach_interface=False,
        supports_device_tagging=False,
        supports_evacuate=False,
        supports_extend_volume=False,
        supports_migrate_to_same_host=False,
        supports_multiattach=False,
        supports_tagged_attach_volume=False)

    def __init__(self, virtapi):
        opts.register(CONF)
        fileutils.ensure_tree(CONF.zvm.image_tmp_path)
        try:
            super().__init__(virtapi)
        except KeyError as err:
            # What the class does without an answer to its first request.
            raise exception.ZVMDriverException(
                error='The z/VM Cloud Connector at [zvm] cloud_connector_url '
                      '= %s does not answer (%s)'
                      % (CONF.zvm.cloud_connector_url, err)) from err
        self._sweeping = threading.Lock()
        self._swept = None
        self._platform = platform.Platform(_settings(), CONF.host)
        self._volumes = volumeop.VolumeOps(self._platform)
        self._pending = pending.Pending(self._platform)
        self._prepare_watchers()

    @staticmethod
    def _validate_options():
        zvm_driver.ZVMDriver._validate_options()
        _check_names()
        _settings()

    def init_host(self, host):
        """Check what the options name; only what an operator mends stops us.

        A management node or zHCP that is down does not: guests run on, and
        nova-compute serves all that needs no volume.
        """
        super().init_host(host)
        try:
            with errors.configuring():
                self._platform.check(self.get_available_nodes()[0])
        except exceptions.ZvmError as err:
            LOG.error('Volumes cannot be attached now: %s', err)

    def process_instances_at_startup(self, context, instances):
        """Set right what an earlier life of this service left.

        Nothing of this host can be under way now: attaches and detaches that
        were cut off are undone or finished, and what deleted guests held and
        Nova never names again is let go.
        """
        self.sweep(context, starting=True)
        return instances

    def sweep(self, context, starting=False):
        """Compare the ledger with Nova's records; see the module sweep.

        Never raises: what this one could not do the next one can.

        :param starting: no attach of this host can be under way
        """
        with self._sweeping:
            self._swept = time.monotonic()
            try:
                sweep.Sweep(self._platform, self._volumes, context,
                            set(self.list_instances())).run(starting)
            except Exception as err:
                # A start must not fail for what the next sweep can do.
                LOG.warning('The ledger on the zHCP could not be swept: %s',
                            err)

    def get_available_resource(self, nodename=None):
        """As the in-tree class; Nova asks every minute, so sweeps begin here.
        """
        self._sweep_when_due()
        return super().get_available_resource(nodename)

    def _sweep_when_due(self):
        interval = self._platform.sweep_interval
        # the first one is that of the start
        if (self._swept is None or not interval
                or time.monotonic() - self._swept < interval):
            return
        self._swept = time.monotonic()
        # A zHCP that hangs must not delay the resource tracker.
        threading.Thread(target=self.sweep, name='zvm-sweep', daemon=True,
                         args=(nova_context.get_admin_context(),)).start()

    def list_instance_uuids(self):
        """This host's instances that the connector lists, as uuids.

        The in-tree class has none of it, so that nova-compute cannot start
        with it on a new host.  Instances deleted in the database count only
        when the connector lists a guest that no other instance explains:
        that is one deleted while this service was down.
        """
        listed = set(self.list_instances())
        if not listed:
            return []
        context = nova_context.get_admin_context()
        found = _named(listed, objects.InstanceList.get_by_host(
            context, CONF.host, expected_attrs=[]))
        if listed - found.keys():
            found = {**_named(listed, objects.InstanceList.get_by_filters(
                context, {'host': CONF.host, 'deleted': True,
                          'soft_deleted': False},
                expected_attrs=[])), **found}
        return list(found.values())

    def get_volume_connector(self, instance):
        return self._volumes.connector(instance)

    def attach_volume(self, context, connection_info, instance, mountpoint,
                      disk_bus=None, device_type=None, encryption=None):
        """Attach to a guest; one that is off has it when it next runs.

        ``connection_info['data']['device_path']`` says where it really is:
        the kernel of the guest chooses names, so `mountpoint` is not obeyed.
        It is missing until a guest that is off has seen the disk.
        """
        _refuse_encryption(connection_info, encryption)
        self._volumes.attach(connection_info, instance, may_wait=True)

    def detach_volume(self, context, connection_info, instance, mountpoint,
                      encryption=None):
        self._volumes.detach(
            connection_info, instance, mountpoint,
            lambda: self._hypervisor.guest_exists(instance))

    def power_on(self, context, instance, network_info,
                 block_device_info=None, accel_info=None, share_info=None):
        """Start the guest, then finish what waited for that."""
        super().power_on(context, instance, network_info, block_device_info,
                         accel_info, share_info)
        self._see_root_up(instance, block_device_info,
                          CONF.zvm.reachable_timeout)
        self._complete(instance, block_device_info)

    def unpause(self, instance):
        super().unpause(instance)
        self._complete(instance)

    def _complete(self, instance, block_device_info=None):
        self._pending.complete(instance, block_device_info,
                               CONF.zvm.reachable_timeout)

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        mappings = virt_driver.block_device_info_get_mapping(
            block_device_info)
        root = rootpaths.root_of(mappings)
        if root is not None:
            rootvolume.check_distro(image_meta, root)
        self._check_mappings(mappings)
        ownership.disclaim(instance)
        if root is not None:
            self._spawn_from_volume(context, instance, image_meta,
                                    network_info, block_device_info)
            return
        super().spawn(context, instance, image_meta, injected_files,
                      admin_password, allocations,
                      network_info=network_info,
                      block_device_info=block_device_info,
                      power_on=power_on, accel_info=accel_info)
        try:
            for mapping in mappings:
                self._attach_mapping(mapping, instance)
        except Exception:
            with excutils.save_and_reraise_exception():
                self._destroy_failed(context, instance, network_info,
                                     block_device_info)

    def rebuild(self, context, instance, image_meta, injected_files,
                admin_password, allocations, bdms, detach_block_devices,
                attach_block_devices, network_info=None, evacuate=False,
                block_device_info=None, preserve_ephemeral=False,
                accel_uuids=None, reimage_boot_volume=False):
        """As Nova's default, but the guest goes before its volumes.

        Nova would detach them from a guest that is powered off, whose own
        Linux keeps the paths (see :meth:`detach_volume`). Here the guest is
        deleted with them; detaching then finds them detached.
        reimage_boot_volume comes with every request of a new API version, and
        is refused for a guest that boots from a volume.
        """
        rootvolume.refuse_reimage(instance, block_device_info,
                                  reimage_boot_volume)
        if evacuate or preserve_ephemeral:
            raise NotImplementedError()
        self.power_off(instance, CONF.shutdown_timeout,
                       CONF.compute.shutdown_retry_interval)
        self.destroy(context, instance, network_info, block_device_info)
        detach_block_devices(context, bdms)
        _next_task(instance, task_states.REBUILDING,
                   task_states.REBUILD_BLOCK_DEVICE_MAPPING)
        mappings = attach_block_devices(context, instance, bdms)
        _next_task(instance, task_states.REBUILD_BLOCK_DEVICE_MAPPING,
                   task_states.REBUILD_SPAWNING)
        self.spawn(context, instance, image_meta, injected_files,
                   admin_password, allocations, network_info=network_info,
                   block_device_info=mappings)

    def _set_disk_list(self, instance, image_name, block_device_info):
        """The in-tree spawn's last step before the guest is created.

        Importing the image can have taken minutes since it looked whether a
        guest of this name exists.
        """
        disks = super()._set_disk_list(instance, image_name,
                                       block_device_info)
        if self._hypervisor.guest_exists(instance):
            raise exception.InstanceExists(name=instance.name)
        ownership.claim(instance)
        return disks

    def _check_mappings(self, mappings):
        """Refuse what cannot be attached before a guest is made for it."""
        for mapping in mappings:
            _refuse_encryption(mapping['connection_info'], None)
            self._volumes.check(mapping['connection_info'])

    def _attach_mapping(self, mapping, instance):
        """As libvirt's driver does it: what attach learned is saved."""
        info = mapping['connection_info']
        self._volumes.attach(info, instance,
                             patience=CONF.zvm.reachable_timeout,
                             is_root=rootpaths.is_root(mapping))
        mapping['connection_info'] = info
        if hasattr(mapping, 'save'):
            mapping.save()

    def _destroy_failed(self, context, instance, network_info,
                        block_device_info):
        try:
            self.destroy(context, instance, network_info, block_device_info)
        except Exception:
            LOG.exception('The guest of a failed spawn is not destroyed',
                          instance=instance)

    def destroy(self, context, instance, network_info=None,
                block_device_info=None, destroy_disks=True,
                destroy_secrets=True):
        """Delete the guest, then free what it held.

        Nova deletes Cinder's attachments after this returns and keeps the
        volumes in-use when it raises, so it raises while the ledger on the
        zHCP knows anything as held.  A guest that is not proven to be this
        instance's (see :mod:`nova_zvm_volume.virt.zvm.ownership`) is left
        alone: only FCP devices that no volume uses are freed then.

        While a resize is reverted the guest is only logged off, see
        :mod:`nova_zvm_volume.virt.zvm.resize`.

        :raises ZVMDriverException: the disks of the guest were to stay, which
            a guest of z/VM cannot lose alone; nothing was changed
        """
        if resize.is_reverting(instance):
            self.power_off(instance, CONF.shutdown_timeout,
                           CONF.compute.shutdown_retry_interval)
            return
        if not destroy_disks:
            raise exception.ZVMDriverException(
                error='A guest cannot be removed without its minidisks')
        if (not ownership.is_ours(instance)
                and self._hypervisor.guest_exists(instance)):
            LOG.error('Guest %s is left alone: it was not made for this '
                      'instance on this host', instance.name.upper(),
                      instance=instance)
            self._volumes.release_unused(instance)
            return
        super().destroy(context, instance, network_info, block_device_info,
                        destroy_disks)
        ownership.disclaim(instance)
        self._volumes.let_go(instance, virt_driver.
                             block_device_info_get_mapping(block_device_info))

    def failed_spawn_cleanup(self, instance):
        """Nova calls no destroy when only preparing the volumes failed."""
        try:
            self._volumes.release_unused(instance)
        except exception.NovaException as err:
            LOG.warning('FCP devices stay held until the next attempt: %s',
                        err, instance=instance)


def _next_task(instance, before, after):
    instance.task_state = after
    instance.save(expected_task_state=[before])


def _named(listed, instances):
    return {instance.name.upper(): instance.uuid for instance in instances
            if instance.name.upper() in listed}


def _refuse_encryption(connection_info, encryption):
    data = connection_info.get('data') if isinstance(
        connection_info, dict) else None
    if encryption or isinstance(data, dict) and data.get('encrypted'):
        raise exception.VolumeEncryptionNotSupported(
            volume_type='z/VM SCSI',
            volume_id=connection.volume_of(connection_info))


def _settings():
    with errors.configuring():
        settings = zvm_conf.settings(CONF.zvm)
        if not settings.fcp_list:
            raise exceptions.ConfigurationError(
                'zvm_fcp_list in [zvm] is not set: it names the FCP devices '
                'that guests may get')
        return settings


def _check_names():
    """Guests are named by number; no name may contain another.

    xCAT's rmvm of vm1 frees every pool line that matches vm1 anywhere, so
    vm10's too.
    """
    template = CONF.instance_name_template
    if len(template % 1) != len(template % 0x1000):
        LOG.warning("instance_name_template = '%s' makes names that begin "
                    "with another guest's name, which xCAT's rmvm confuses. "
                    "Use zeros, such as 'zvm%%05x'", template)
