# SPDX-License-Identifier: Apache-2.0
"""The ledger beside Nova's records: what was cut off is finished or undone.

A sweep reads the ledger first and Nova's database after it, and looks only at
records of this compute host.  Nobody's LUN is freed or wiped: one that a guest
had becomes its volume's again.

=====================================  =====================================
what Nova has                          what is done
=====================================  =====================================
instance here, no volume               devices held are given back when
                                       their lease is over
instance here, an attach cut off       at the start: undone, in the guest
(a mapping without connection_info)    too, and its mapping removed
instance here, a detach cut off        at the start: finished
instance here, a volume or FCP device  done, if the guest runs now: see the
that waits for its guest to run        module pending
instance here, volume not its          told, nothing is done; an attach that
                                       waits for the guest is undone
instance deleted here                  all it left is let go, once its guest
                                       is proven off, or proven to be another
                                       instance's of that name
FCP device that did not come off       tried again
instance on another host               devices held are given back when
                                       their lease is over
no such instance                       told, nothing is done
=====================================  =====================================
"""

import types

from oslo_log import log as logging

from nova.compute import vm_states
from nova import exception
from nova import utils
from nova.volume import cinder
from nova_zvm_volume.virt.zvm import ownership
from nova_zvm_volume.virt.zvm import pending
from nova_zvm_volume.virt.zvm import records as nova_records
from zvm_common import exceptions

LOG = logging.getLogger(__name__)

_CONNECTING = ('pending', 'connect')
_WAITING = _CONNECTING + ('leaving',)


class Sweep:
    """One sweep.

    :param platform: :class:`~nova_zvm_volume.virt.zvm.platform.Platform`
    :param volumes: :class:`~nova_zvm_volume.virt.zvm.volumeop.VolumeOps`
    :param context: of an administrator
    :param listed: userids of the guests that the Cloud Connector lists
    """

    def __init__(self, platform, volumes, context, listed):
        self._platform = platform
        self._volumes = volumes
        self._pending = pending.Pending(platform)
        self._context = context
        self._listed = listed
        self._records = None

    def run(self, starting=False):
        """Sweep.

        :param starting: no attach of this host can be under way
        :raises ZvmError: the zHCP cannot be asked
        """
        devices = self._platform.devices.ours()
        used = self._platform.devices.used()
        self._records = nova_records.Records(self._context)
        if starting:
            self._attaches_cut_off(used)
            for lun in used:
                self._guarded(self._judge_lun, lun)
        self._what_waits()
        for uuid in sorted({str(device.instance) for device in devices}):
            self._guarded(self._judge_instance, uuid, [
                device for device in devices if str(device.instance) == uuid])

    @staticmethod
    def _guarded(judge, *args):
        """One that fails does not stop the others."""
        try:
            judge(*args)
        except (exceptions.ZvmError, exception.NovaException) as err:
            LOG.warning('The sweep leaves something for the next one: %s',
                        err)

    # devices

    def _judge_instance(self, uuid, devices):
        if uuid in self._records.alive:
            self._reap(uuid, [d for d in devices
                              if self._is_unneeded(uuid, d)])
            return
        known = self._records.past(uuid)
        if known is None:
            LOG.error('FCP devices %s are held for instance %s, which Nova '
                      'does not know. Was its database rolled back or '
                      'archived? They stay as they are.',
                      ', '.join(str(d.number) for d in devices), uuid)
        elif not known.deleted:
            self._reap(uuid, [d for d in devices if not d.volumes])
        elif devices[0].userid not in self._listed:
            gone = types.SimpleNamespace(
                uuid=uuid, name=devices[0].userid.lower())
            self._volumes.let_go(gone, ())
            LOG.info('What instance %s (guest %s) left is free', uuid,
                     devices[0].userid)
        else:
            self._end_past(uuid, devices[0].userid)

    def _end_past(self, uuid, userid):
        """A guest of this name is there: an heir's, or its own still."""
        for heir in self._records.alive.values():
            if heir.name.upper() == userid and ownership.is_ours(heir):
                self._platform.devices.succeed(heir.uuid, userid)
                LOG.info('What instance %s left under the name of guest %s is '
                         'free: the guest is another one now', uuid, userid,
                         instance=heir)

    def _is_unneeded(self, uuid, device):
        if device.volumes:
            return False
        if device.state in ('releasing', 'quarantined'):
            return True     # its release is tried again
        if device.state == 'cooling':
            return str(device.wwpn) not in self._records.named_wwpns(uuid)
        return not self._records.volumes(uuid)

    def _reap(self, uuid, devices):
        if not devices:
            return
        reaped, _kept = self._platform.devices.reap(
            uuid, [device.number for device in devices])
        if reaped:
            LOG.info('FCP devices %s, held for instance %s, are free: it '
                     'uses no volume', ', '.join(reaped), uuid)

    # what waits for a guest to run

    def _what_waits(self):
        stale = self._platform.devices.stale_instances()
        used = self._platform.devices.used()
        waiting = {str(lun.instance) for lun in used if lun.phase in _WAITING}
        for uuid in sorted(stale | waiting | {
                str(lun.instance) for lun in used
                if self._is_unfinished(lun)}):
            if uuid in self._records.alive:
                self._guarded(self._finish, uuid)
            elif uuid in stale:
                self._guarded(self._forget, uuid)

    def _is_unfinished(self, lun):
        """It works, and Nova does not know where it is."""
        bdm = self._records.mapping_of(lun)
        return bool(bdm is not None and not lun.phase
                    and nova_records.data_of(bdm).get('zvm_pending'))

    def _finish(self, uuid):
        """With Nova's lock: no attach or detach of it is under way."""
        @utils.synchronized(uuid)
        def finish(instance):
            self._records.read_again(uuid)
            for lun in self._platform.devices.used():
                if str(lun.instance) == uuid:
                    self._finish_lun(lun, instance)
            self._pending.complete(instance, {'block_device_mapping': [
                nova_records.Mapping(bdm)
                for bdm in self._records.volumes(uuid)
                if bdm.connection_info]})
        finish(self._records.alive[uuid])

    def _finish_lun(self, lun, instance):
        bdm = self._records.mapping_of(lun)
        if bdm is None and lun.phase in _CONNECTING:
            LOG.info('Volume %s waits for its guest, and Nova does not have '
                     'it there', lun.volume_id, instance=instance)
            self._volumes.take_back(lun, instance)
        elif self._is_unfinished(lun):
            self._pending.connect(instance, lun, nova_records.Mapping(bdm))

    def _forget(self, uuid):
        """Devices are stale for a guest that was deleted."""
        known = self._records.past(uuid)
        if (known is not None and known.deleted
                and known.name.upper() not in self._listed):
            self._platform.devices.release(uuid, gone=True)

    # volumes

    def _attaches_cut_off(self, used):
        """Attaches that died before Nova kept their connection_info."""
        for instance in self._records.alive.values():
            if (instance.vm_state == vm_states.BUILDING
                    or instance.launched_at is None):
                continue    # a boot that was cut off ends with its delete
            for bdm in self._records.volumes(instance.uuid):
                if bdm.connection_info is None:
                    self._guarded(self._undo_attach, instance, bdm, used)

    def _undo_attach(self, instance, bdm, used):
        for lun in used:
            if (str(lun.instance) == instance.uuid
                    and self._records.mapping_of(lun) is bdm):
                self._volumes.take_back(lun, instance)
                break
        else:
            self._volumes.fence(bdm.volume_id, instance)
        self._forget_mapping(instance, bdm)

    def _forget_mapping(self, instance, bdm):
        """As the manager does when an attach fails."""
        LOG.warning('The attach of volume %s was cut off and is undone',
                    bdm.volume_id, instance=instance)
        if bdm.attachment_id:
            try:
                cinder.API().attachment_delete(self._context,
                                               bdm.attachment_id)
            except exception.VolumeAttachmentNotFound:
                LOG.debug('Attachment %s is gone', bdm.attachment_id)
        bdm.destroy()

    def _judge_lun(self, lun):
        instance = self._records.alive.get(str(lun.instance))
        if instance is None:
            return
        bdm = self._records.mapping_of(lun)
        if bdm is not None and bdm.connection_info is None:
            return      # undone before, or tried
        if lun.phase in _WAITING:
            return      # comes later
        if lun.phase == 'detach' or (bdm is None
                                     and lun.phase == 'dedicate'):
            LOG.info('Volume %s: its %s was cut off', lun.volume_id,
                     lun.phase, instance=instance)
            self._volumes.take_back(lun, instance)
        elif bdm is None:
            LOG.error('Guest %s uses volume %s, which Nova does not have '
                      'attached to it. Nothing is done about it: detach it '
                      'in the guest and on the zHCP when it is unwanted.',
                      lun.userid, lun.volume_id, instance=instance)
