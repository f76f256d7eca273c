# SPDX-License-Identifier: Apache-2.0
"""Backup and host-assisted migration: data that the Cinder host copies.

Cinder attaches the volume to the host that copies.  That host must be a guest
of the LPAR, and the copy must be whole: Cinder moves volume.size GiB, and a
guest may have written to all of a LUN that is larger.
"""

import contextlib
import platform

from cinder import objects
from cinder.objects import fields
from cinder.volume import volume_utils
from oslo_log import log as logging

from zvm_common import exceptions
from zvm_common import model

from cinder_zvm import connection
from cinder_zvm import errors
from cinder_zvm import hostconnector
from cinder_zvm import unsupported

LOG = logging.getLogger(__name__)


class HostAttach:
    """Mixed into the driver in front of Cinder's base class."""

    # migration

    def before_volume_copy(self, context, src_vol, dest_vol, remote=None):
        """Refuse a copy that could not be made or would not be whole.

        The manager deletes the new volume then, and keeps the old one.
        """
        what = 'Host-assisted migration of volume %s' % src_vol.id
        self._need_s390x(what)
        with errors.told(what):
            self._check_whole(src_vol.name_id, src_vol.size)

    def after_volume_copy(self, context, src_vol, dest_vol, remote=None):
        """Nothing: a new LUN was zero, and so is what no copy reached."""

    @staticmethod
    def _is_s390x():
        return platform.machine() == hostconnector.PLATFORM

    def _need_s390x(self, what):
        if not self._is_s390x():
            raise unsupported.refusal(what, 'this Cinder host is %s. %s' % (
                platform.machine() or 'unknown',
                hostconnector.needed(self._backend)))

    def _check_whole(self, volume_id, gib):
        lun = self._volumes.find(volume_id)
        if lun.real is None:
            raise exceptions.LunBusy(
                'How large the disk of %s is nobody has measured, and Cinder '
                'copies %d GiB' % (errors.place(lun), gib),
                advice='Clone the volume, and take the clone.')
        if lun.real != model.Capacity.from_gib(gib):
            raise exceptions.LunBusy(
                '%s has %d bytes and Cinder copies %d GiB, while a guest may '
                'have written to all of it'
                % (errors.place(lun), lun.real.bytes, gib),
                advice=_advice(lun.real.bytes, gib))

    # backup

    def get_backup_device(self, context, backup):
        """The volume, or a temporary one made of the snapshot.

        Nobody waits for the answer of this call: what comes of a refusal is
        seen to here.
        """
        what = 'Backup of volume %s' % backup.volume_id
        with self._undone(context, backup), errors.told(what):
            if self._is_our_backup(backup):
                self._need_s390x(what)
            self._check_backup(context, backup, what)
            device, is_snapshot = super().get_backup_device(context, backup)
            if backup.temp_volume_id:
                self._check_whole(device.name_id, device.size)
            return device, is_snapshot

    def create_volume_from_backup(self, volume, backup):
        """Cinder's own way, or refused before a LUN is taken."""
        if self._is_our_backup(backup):
            self._need_s390x('Volume from backup %s' % backup.id)
        _leave_to_cinder()

    def _is_our_backup(self, backup):
        """Whether cinder-backup runs on this host, as far as is known."""
        return not backup.host or backup.host == volume_utils.extract_host(
            self.host, 'host')

    def _check_backup(self, context, backup, what):
        if backup.snapshot_id:
            snapshot = objects.Snapshot.get_by_id(context, backup.snapshot_id)
            self._check_whole(snapshot.id, snapshot.volume_size)
            return
        volume = objects.Volume.get_by_id(context, backup.volume_id)
        if volume.previous_status == 'in-use':
            raise unsupported.refusal(
                what, 'its guest writes to it, and only a LUN at rest can be '
                'copied; detach the volume first, or back up a snapshot')
        self._check_whole(volume.name_id, volume.size)

    @contextlib.contextmanager
    def _undone(self, context, backup):
        """What cinder-backup would do, if it were told."""
        try:
            yield
        except Exception as err:
            self._drop_temporary(context, backup)
            if backup.snapshot_id:
                row = objects.Snapshot.get_by_id(context, backup.snapshot_id)
                row.status = fields.SnapshotStatus.AVAILABLE
            else:
                row = objects.Volume.get_by_id(context, backup.volume_id)
                row.status = row.previous_status or 'available'
                row.previous_status = 'error_backing-up'
            row.save()
            volume_utils.update_backup_error(backup, str(err))
            raise

    def _drop_temporary(self, context, backup):
        """Its failure must not hide the first one."""
        if not backup.temp_volume_id:
            return
        try:
            made = objects.Volume.get_by_id(context, backup.temp_volume_id)
            self.delete_volume(made)
            made.destroy()
            backup.temp_volume_id = None
            backup.save()
        except Exception as err:
            LOG.error('Temporary volume %(volume)s of backup %(backup)s stays '
                      'and has to be deleted: %(error)s',
                      {'volume': backup.temp_volume_id, 'backup': backup.id,
                       'error': err})

    # connections

    def _lent(self, host, lun):
        """Lend a LUN to a host; connection_info."""
        hostconnector.check_lun(host, lun)
        lun = self._lending.lend(host, lun)
        LOG.info('%(lun)s of volume %(volume)s is lent to host %(host)s.',
                 {'lun': errors.place(lun), 'volume': lun.volume_id,
                  'host': host.name})
        return connection.connection_info(lun, host,
                                          self._backend.hypervisor)

    def _given_back(self, volume, connector, force):
        """What a host's connector ends; one that never had a LUN ends none.

        :raises VolumeBackendAPIException: the LUN stays lent
        """
        if hostconnector.is_s390x(connector):
            with errors.told('Volume %s stays lent' % volume.id):
                self._lending.give_back(
                    volume.name_id, hostconnector.name_of(connector), force)

    def _taken_back(self, lun):
        """Of a volume that is lent, where the host says nothing."""
        why = self._lending.take_back(lun)
        if why:
            LOG.warning('Volume %(volume)s stays lent: %(why)s',
                        {'volume': lun.volume_id, 'why': why})


def _advice(size, gib):
    larger, rest = divmod(size, model.GIB)
    if rest or larger < gib:
        return ('Clone the volume to a LUN of exactly a whole number of GiB, '
                'extend that to its size, and take the clone.')
    return ('Extend the volume to %d GiB first: its LUN has them, and nothing '
            'is moved.' % larger)


def _leave_to_cinder():
    """Make a volume and let cinder-backup fill it."""
    raise NotImplementedError()
