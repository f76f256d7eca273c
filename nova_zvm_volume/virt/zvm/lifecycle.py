# SPDX-License-Identifier: Apache-2.0
"""Guests that start, stop and start again, with their volumes."""

from concurrent import futures
import threading
import time

from oslo_log import log as logging

from nova.compute import power_state
from nova.compute import task_states
from nova.compute import utils as compute_utils
from nova import conf
from nova import context as nova_context
from nova import exception
from nova import objects
from nova import utils
from nova.virt import driver as virt_driver
from nova_zvm_volume.virt.zvm import errors
from nova_zvm_volume.virt.zvm import reconcile
from nova_zvm_volume.virt.zvm import refusals
from nova_zvm_volume.virt.zvm import trying

CONF = conf.CONF
LOG = logging.getLogger(__name__)

# Guests boot side by side; who looks after them need not.
_WATCHERS = 4


class Lifecycle:
    """Reboots and host boots; a mixin of the driver.

    A Linux configures its paths by itself when it boots, and z/VM gives a
    guest that logs on the devices of its directory entry.  So what is done
    here afterwards finds everything in place, unless something is wrong.
    """

    def reboot(self, context, instance, network_info, reboot_type,
               block_device_info=None, bad_volumes_callback=None,
               accel_info=None, share_info=None):
        """Reboot, then see that the guest has the volumes that Nova lists.

        ``bad_volumes_callback`` is not called: it would detach volumes that
        the user wants.  What fails becomes a fault of the instance, which
        Nova leaves active while its guest runs.

        :raises VolumeAttachFailed: the guest runs without a listed volume
        """
        with errors.connecting('Guest %s is not rebooted' % instance.name):
            super().reboot(context, instance, network_info, reboot_type,
                           block_device_info=block_device_info)
        self._settle(instance, block_device_info,
                     CONF.zvm.reachable_timeout)

    def resume_state_on_host_boot(self, context, instance, network_info,
                                  share_info, block_device_info=None):
        """Start the guest; its volumes are looked after when it answers.

        Nova asks for one guest after the other before it serves anything, so
        their boots are not waited for.
        """
        if self.get_info(instance).state == power_state.RUNNING:
            return
        with errors.connecting('Guest %s is not started' % instance.name):
            self._hypervisor.guest_start(instance.name)
        self._watched.append(self._watchers.submit(self._watch,
                                                   instance.uuid))

    def cleanup_host(self, host):
        """nova-compute ends: nobody is waited for any more."""
        self._ending.set()
        self._watchers.shutdown(wait=False, cancel_futures=True)
        super().cleanup_host(host)

    def wait_for_resumed(self):
        """Wait until the guests of :meth:`resume_state_on_host_boot` are
        looked after; for tests.
        """
        while self._watched:
            self._watched.pop().result()

    def power_off(self, instance, timeout=0, retry_interval=0):
        """As the in-tree class, but not where Nova will go on in vain.

        Nova powers off before it asks for what is refused here; so this is
        the last moment at which the guest is still untouched.
        """
        if instance.task_state == task_states.RESIZE_MIGRATING:
            # On this host Nova asks migrate_disk_and_power_off instead.
            raise refusals.elsewhere(instance)
        if instance.task_state == task_states.RESCUING:
            raise exception.InstanceNotRescuable(
                instance_id=instance.uuid,
                reason='rescue is not supported on z/VM. The guest runs on '
                       'as it was; reset the state of the server to active')
        with errors.connecting('Guest %s is not powered off'
                               % instance.name):
            super().power_off(instance, timeout, retry_interval)

    def _settle(self, instance, block_device_info, patience):
        """A guest was started: it has what Nova lists, and nothing else.

        Whoever starts a guest ends here: what was left to be done until it
        runs is completed first, and it never raises.
        """
        if patience:
            self._see_root_up(instance, block_device_info, patience)
        self._pending.complete(instance, block_device_info, patience)
        reconcile.Reconciler(
            self._platform, self._volumes, instance, patience).run(
                virt_driver.block_device_info_get_mapping(block_device_info))

    # after a host boot

    def _prepare_watchers(self):
        self._watchers = futures.ThreadPoolExecutor(
            _WATCHERS, thread_name_prefix='zvm-boot')
        self._watched = []
        self._ending = threading.Event()

    def _watch(self, uuid):
        """Settle a guest that boots, and tell why if it cannot be done.

        Nova's lock of the instance is not held while the guest boots: users
        may delete it meanwhile.
        """
        give_up = time.monotonic() + CONF.zvm.reachable_timeout
        context = nova_context.get_admin_context()
        while not self._ending.is_set():
            is_last = time.monotonic() >= give_up
            try:
                self._settle_fresh(context, uuid, is_last)
                return
            except Exception as err:
                if not reconcile.is_silent(err) or is_last:
                    _add_fault(context, uuid, err)
                    return
            self._ending.wait(trying.BETWEEN_TRIES)

    def _settle_fresh(self, context, uuid, is_last):
        """As Nova knows the instance now, which may have changed.

        :param is_last: a guest that never answered may have nothing to boot
        """
        @utils.synchronized(uuid)
        def settle():
            instance = objects.Instance.get_by_uuid(context, uuid)
            if instance.host != self._platform.host or instance.task_state:
                return
            info = virt_driver.get_block_device_info(
                instance, objects.BlockDeviceMappingList.get_by_instance_uuid(
                    context, uuid))
            info['block_device_mapping'] = [
                mapping for mapping in info['block_device_mapping']
                if mapping.get('connection_info')]
            if is_last:
                self._see_root_up(instance, info, CONF.zvm.reachable_timeout)
            self._settle(instance, info, 0)
        settle()


def _add_fault(context, uuid, error):
    try:
        instance = objects.Instance.get_by_uuid(context, uuid)
        LOG.error('After the boot of the host: %s', error, instance=instance)
        compute_utils.add_instance_fault_from_exc(context, instance, error)
    except exception.InstanceNotFound:
        LOG.debug('Instance %s was deleted while its guest booted', uuid)
