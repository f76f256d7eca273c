# SPDX-License-Identifier: Apache-2.0
"""What waits for a guest to run.

A guest that is off gets and loses its FCP devices in its directory entry
only, and only its own Linux can configure a path or forget one.  What is left
for it to do stands in the ledger, and is done as soon as the guest answers:

============  ===============================================================
``leaving``   a volume that was detached: its paths are taken away
stale         FCP devices that the guest lost while it was off: what its Linux
              has configured for them is removed
``pending``,  volumes that were attached: their paths are configured
``connect``
============  ===============================================================
"""

import time

from oslo_log import log as logging

from nova_zvm_volume.virt.zvm import connection
from nova_zvm_volume.virt.zvm import trying
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model

LOG = logging.getLogger(__name__)

NO_GUEST = (exceptions.GuestUnreachable, exceptions.UnknownNode)


def take_back(platform, lun, instance, ask=None):
    """End an attachment that nobody asks for any more.

    :param lun: LunState of the used LUN, as just read
    :param ask: calls its first argument, a method of the guest's, with the
        others; :data:`silent` for a guest that is off
    :returns: LunState then, which is still used, in phase ``leaving``, when
        the guest does not answer and its Linux may have the paths
    :raises ZvmError: the guest uses the disk, or it is not known; it keeps
        its volume
    """
    node = model.NodeName(instance.name.lower())
    platform.define_node(node, model.Userid(instance.name))
    try:
        (ask or _once)(
            platform.guest(node, lun.channel).detach, lun.volume_id,
            lun.generation + 1, lun.paths, lun.wwid)
        swap = platform.devices.detach
    except NO_GUEST as err:
        LOG.info('Volume %s: %s', lun.volume_id, err, instance=instance)
        swap = platform.devices.leave
    left, kept = swap(lun.volume_id, lun.generation,
                      model.Uuid(instance.uuid))
    if kept:
        LOG.error('FCP devices stay out of use after detaching volume %s: %s',
                  lun.volume_id, kept, instance=instance)
    return left


def works(platform, lun, instance_uuid, disk):
    """The guest has the disk: the ledger says so, and by which WWID.

    :raises DiskMismatch: it is a LUN of a pool, by another address
    """
    try:
        platform.devices.pend(lun.volume_id, lun.generation, instance_uuid,
                              'works', wwid=disk.wwid if lun.other else '')
    except exceptions.DiskMismatch as err:
        err.fields['undone'] = 'no'     # the guest has its paths
        raise


def _once(function, *args):
    return function(*args)


def silent(function, *args):
    """For a guest that is off: it is not asked."""
    raise exceptions.GuestUnreachable('The guest is not logged on')


class Pending:
    """Finishes what waits for a guest.

    :param platform: :class:`~nova_zvm_volume.virt.zvm.platform.Platform`
    """

    def __init__(self, platform):
        self._platform = platform

    def complete(self, instance, block_device_info=None, patience=0):
        """Finish what waits for this guest.

        Called when it was just started, and by sweeps.  Never raises: a guest
        runs on whatever became of its volumes, the ledger says what is left,
        and the next sweep tries again.

        :param block_device_info: Nova's; device paths are saved in its
            mappings
        :param patience: seconds to wait for a guest that still boots; 0: one
            that is off is not asked
        """
        mappings = (block_device_info or {}).get('block_device_mapping') or ()
        try:
            waiting = self._platform.devices.waiting(
                model.Uuid(instance.uuid), model.Userid(instance.name))
            if waiting:
                _Completion(self._platform, instance, mappings, patience,
                            waiting.guest_off).run(waiting)
        except exceptions.ZvmError as err:
            LOG.warning('What waits for guest %s is left for the next sweep: '
                        '%s', instance.name.upper(), err, instance=instance)
        except Exception:
            # A start must not fail for what the next sweep can do.
            LOG.exception('What waits for guest %s is left for the next sweep',
                          instance.name.upper(), instance=instance)

    def connect(self, instance, lun, mapping):
        """Configure one volume that is attached, as :meth:`complete` does."""
        _Completion(self._platform, instance, (mapping,)).connect(lun)


class _Completion:
    """For one guest, once."""

    def __init__(self, platform, instance, mappings, patience=0, off=False):
        self._platform = platform
        self._instance = instance
        self._mappings = mappings
        self._is_off = off and not patience
        self._give_up = time.monotonic() + patience
        self._uuid = model.Uuid(instance.uuid)
        self._userid = model.Userid(instance.name)
        self._node = model.NodeName(instance.name.lower())
        self._guest = platform.guest(self._node)

    def run(self, waiting):
        self._platform.define_node(self._node, self._userid)
        for lun in waiting.luns:
            if lun.phase == 'leaving':
                self._leave(lun)
        if waiting.stale and not self._is_off:
            self._forget(waiting)
        for lun in waiting.luns:
            if lun.phase != 'leaving' and not self._is_off:
                self.connect(lun)

    def _when_up(self, function, *args):
        return trying.when_up(self._give_up, function, *args)

    def _leave(self, lun):
        try:
            left = take_back(self._platform, lun, self._instance,
                             silent if self._is_off else self._when_up)
        except exceptions.ZvmError as err:
            LOG.error('Volume %s, which was detached, stays with its guest '
                      'until that lets go of it: %s', lun.volume_id, err,
                      instance=self._instance)
            return
        if left is None or left.phase != 'leaving':
            LOG.info('Volume %s, detached before, has left its guest',
                     lun.volume_id, instance=self._instance)

    def _forget(self, waiting):
        try:
            kept = self._when_up(self._guest.forget, waiting.stale,
                                 waiting.past)
            self._platform.devices.unstale(
                self._uuid, [number for number in waiting.stale
                             if number not in kept], waiting.past)
        except exceptions.ZvmError as err:
            LOG.warning('FCP devices %s cannot be given to guest %s yet: %s',
                        ', '.join(map(str, waiting.stale)), self._userid,
                        err, instance=self._instance)

    def connect(self, lun):
        """Configure its paths, or say in the ledger why that cannot be."""
        was = lun.phase or 'connect'
        try:
            lun = self._take(lun)
            if lun.guest_off:
                return
            disk = self._when_up(
                self._guest.attach, lun.volume_id, lun.generation,
                lun.paths, lun.wwid, self._size(lun))
            works(self._platform, lun, self._uuid, disk)
        except exceptions.GuestUnreachable as err:
            LOG.warning('Volume %s waits for its guest: %s', lun.volume_id,
                        err, instance=self._instance)
        except exceptions.StaleGeneration as err:
            LOG.info('Volume %s has moved on: %s', lun.volume_id, err,
                     instance=self._instance)
        except exceptions.ZvmError as err:
            self._failed(lun, was, err)
        else:
            self._works(lun, disk)

    def _take(self, lun):
        """Both halves of the dedicates, now that the guest runs."""
        return self._platform.devices.attach(fcp.AttachRequest(
            volume_id=lun.volume_id, generation=lun.generation,
            attachment_id=lun.attachment, instance_uuid=self._uuid,
            userid=self._userid, node=self._node, off=True))

    def _failed(self, lun, was, error):
        """Nothing is taken away: Nova has the volume attached.

        What the guest program undid is as before; else its Linux may have
        paths.
        """
        LOG.error('Volume %s does not work in its guest, and is tried again '
                  'by each sweep until it is detached: %s', lun.volume_id,
                  error, instance=self._instance)
        undone = (isinstance(error, exceptions.Refused)
                  and error.fields.get('undone', 'yes') == 'yes')
        try:
            self._platform.devices.pend(
                lun.volume_id, lun.generation, self._uuid,
                was if undone else 'connect', error.message)
        except exceptions.ZvmError as err:
            LOG.warning('The ledger does not say so: %s', err,
                        instance=self._instance)

    def _works(self, lun, disk):
        LOG.info('Volume %s is %s', lun.volume_id, disk.device_path,
                 instance=self._instance)
        for mapping in self._mappings:
            info = mapping['connection_info']
            if connection.volume_of(info) == lun.volume_id:
                connection.remember(info, lun, lun.paths, disk)
                mapping['connection_info'] = info
                if hasattr(mapping, 'save'):
                    mapping.save()

    def _size(self, lun):
        for mapping in self._mappings:
            info = mapping['connection_info']
            if connection.volume_of(info) == lun.volume_id:
                return connection.parse(info).size
        return lun.size
