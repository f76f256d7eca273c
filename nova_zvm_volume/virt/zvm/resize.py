# SPDX-License-Identifier: Apache-2.0
"""Resize on the same host: processors and memory.

Nova's resize is a move of the instance to a host that may be the same.  Here
it must be: a z/VM guest keeps its directory entry, its minidisks and its
volumes, and only what the directory says of processors and memory changes.
The Cloud Connector does that (``resize_cpus``, ``resize_mem``), up to the
limits that it wrote into the entry when it made the guest; it counts from
the guest's next logon on.

=============================  =============================================
Nova asks for                  what is done
=============================  =============================================
migrate_disk_and_power_off     checked, directory changed, guest logged off;
                               undone when any of it fails: as before
finish_migration               started, volumes reconciled; the directory
                               is changed back when that fails, as Nova then
                               keeps the old flavor
confirm_migration              nothing
destroy while reverting        logged off, nothing is deleted
finish_revert_migration        directory changed back, started, volumes
                               reconciled; also after nova-compute died in
                               the first step
=============================  =============================================
"""

from oslo_log import log as logging

from nova.compute import power_state
from nova.compute import task_states
from nova import conf
from nova import exception
from nova import objects
from nova.virt import driver as virt_driver
from nova_zvm_volume.virt.zvm import errors
from nova_zvm_volume.virt.zvm import ownership
from nova_zvm_volume.virt.zvm import refusals
from nova_zvm_volume.virt.zvm import rootpaths
from nova_zvm_volume.virt.zvm import undo as undoing

CONF = conf.CONF
LOG = logging.getLogger(__name__)

# What the connector takes for a memory size: a number of four digits.
_MOST = 9999
_DISKS = (('root_gb', 'root disk'), ('ephemeral_gb', 'ephemeral disks'),
          ('swap', 'swap disk'))


class Resize:
    """A mixin of the driver."""

    def get_host_ip_addr(self):
        """Nova keeps it in the record of a migration."""
        return CONF.my_ip

    def migrate_disk_and_power_off(self, context, instance, dest, flavor,
                                   network_info, block_device_info=None,
                                   timeout=0, retry_interval=0):
        """Give the guest its new size and log it off.

        :raises InstanceFaultRollback: refused, or undone; the instance is as
            it was
        """
        try:
            _check(context, instance, flavor, rootpaths.root_of(
                virt_driver.block_device_info_get_mapping(
                    block_device_info)) is not None)
            with undoing.Undo('Resizing %s' % instance.name) as undo:
                undo.by('give it its size back', self._set_size, instance,
                        instance.flavor, flavor)
                self._set_size(instance, flavor, instance.flavor)
                self._stop(instance, undo, timeout, retry_interval)
        except exception.NovaException as err:
            raise exception.InstanceFaultRollback(err) from err
        return ''

    def finish_migration(self, context, migration, instance, disk_info,
                         network_info, image_meta, resize_instance,
                         allocations, block_device_info=None, power_on=True,
                         share_info=None):
        """Start the guest in its new size, with its volumes."""
        with undoing.Undo('Resizing %s' % instance.name) as undo:
            undo.by('give it its size back', self._set_size, instance,
                    instance.old_flavor, instance.flavor)
            self._start_again(instance, block_device_info, power_on)

    def confirm_migration(self, context, migration, instance, network_info):
        """Nothing of the old size is left."""

    def finish_revert_migration(self, context, instance, network_info,
                                migration, block_device_info=None,
                                power_on=True, share_info=None):
        """Give the guest its old size back and start it.

        ``instance.flavor`` is the old one again.
        """
        self._set_size(instance, instance.flavor, instance.new_flavor)
        self._start_again(instance, block_device_info, power_on)

    def _start_again(self, instance, block_device_info, power_on):
        if not power_on:
            return      # what its volumes need is done when it is started
        with errors.connecting('Guest %s is not started' % instance.name):
            self._hypervisor.guest_start(instance.name)
        self._settle(instance, block_device_info,
                     CONF.zvm.reachable_timeout)

    def _stop(self, instance, undo, timeout, retry_interval):
        if self.get_info(instance).state == power_state.SHUTDOWN:
            return
        undo.by('start it again', self._hypervisor.guest_start,
                instance.name)
        with errors.connecting('Guest %s is not powered off'
                               % instance.name):
            # not ours, which knows what Nova wants by the task
            super().power_off(instance, timeout, retry_interval)

    def _set_size(self, instance, flavor, before):
        """Change the directory entry where the flavors differ.

        A guest whose entry has no limits, made by an old connector, cannot
        be changed at all, and need not be when nothing differs.

        :param before: what it may be now; None: not known
        """
        call = self._hypervisor._reqh.call
        with errors.connecting('Guest %s does not get another size'
                               % instance.name):
            if before is None or before.vcpus != flavor.vcpus:
                call('guest_resize_cpus', instance.name, flavor.vcpus)
            if before is None or before.memory_mb != flavor.memory_mb:
                call('guest_resize_mem', instance.name,
                     _memory(flavor.memory_mb))
        LOG.info('The guest has %d processors and %d MiB at its next start',
                 flavor.vcpus, flavor.memory_mb, instance=instance)


def is_reverting(instance):
    """Whether Nova "destroys" a guest that it has resized on this host.

    Nova thinks of the guest of another host and of disks that were copied;
    here it is the only one, with the only root disk.
    """
    return instance.task_state == task_states.RESIZE_REVERTING


def _check(context, instance, flavor, on_volume):
    """Refuse what cannot be done before anything is.

    :param on_volume: its root disk is a volume, of which no flavor knows
    :raises MigrationError: to another host
    :raises ResizeError: other disks, a size that cannot be said, or a guest
        that is not this instance's
    """
    migration = objects.Migration.get_by_id_and_instance(
        context, instance.migration_context.migration_id, instance.uuid)
    if migration.dest_compute != migration.source_compute:
        raise refusals.elsewhere(instance)
    old = instance.flavor
    for name, what in _DISKS:
        if name == 'root_gb' and on_volume:
            continue
        if getattr(old, name) != getattr(flavor, name):
            raise exception.ResizeError(
                reason='the %s of a z/VM guest cannot change its size (%s '
                       'is %s in flavor %s and %s in flavor %s)'
                       % (what, name, getattr(old, name), old.name,
                          getattr(flavor, name), flavor.name))
    for each in (old, flavor):
        _memory(each.memory_mb)
    if not ownership.is_ours(instance):
        raise exception.ResizeError(
            reason='guest %s was not made for this instance'
                   % instance.name.upper())


def _memory(mib):
    """As the connector wants it."""
    if mib <= _MOST:
        return '%dM' % mib
    if mib % 1024 == 0 and mib // 1024 <= _MOST:
        return '%dG' % (mib // 1024)
    raise exception.ResizeError(
        reason='%d MiB of memory: above %d MiB the Cloud Connector takes '
               'whole GiB only' % (mib, _MOST))
