# SPDX-License-Identifier: Apache-2.0
"""Volume and guest: attach, detach, and letting go of a guest.

An attach is the node definition (once per guest), one request to the zHCP
(swap "ours" to "used", FCP devices dedicated) and one to the guest (paths
configured, disk checked).  A detach is one to the guest and one to the zHCP.
The ledger on the zHCP is the truth; nothing is kept in this process.
"""

import dataclasses

from oslo_log import log as logging

from nova import exception
from nova_zvm_volume.virt.zvm import attachment
from nova_zvm_volume.virt.zvm import connection
from nova_zvm_volume.virt.zvm import connector
from nova_zvm_volume.virt.zvm import errors
from nova_zvm_volume.virt.zvm import ownership
from nova_zvm_volume.virt.zvm import pending
from nova_zvm_volume.virt.zvm import records
from nova_zvm_volume.virt.zvm import undo as undoing
from zvm_common import exceptions
from zvm_common import model

LOG = logging.getLogger(__name__)

_MOST_VOLUMES = 256
_UNKNOWN = (exceptions.OutcomeUnknown, exceptions.BadAnswer)


class VolumeOps:
    """Volumes of this compute host's guests.

    :param platform: :class:`~nova_zvm_volume.virt.zvm.platform.Platform`
    """

    def __init__(self, platform):
        self._platform = platform

    def connector(self, instance):
        """What Cinder needs to know of the guest, as JSON types.

        The FCP devices are held for the instance in the ledger, so they are
        the same at every call, also before the guest exists and after a
        restart, until the last volume is detached or :meth:`let_go`.

        What an earlier instance of this name left is ended, if its guest is
        proven to be gone.

        :raises ZVMDriverException: saying what the FCP devices of each group
            are when there is none for a path; never a connector without
            WWPNs
        """
        with errors.told('No volume connector for %s' % instance.name):
            return connector.of(instance, self._hold(instance),
                                self._platform.hypervisor,
                                self._platform.host)

    def _hold(self, instance):
        who = model.Uuid(instance.uuid), model.Userid(instance.name)
        try:
            return self._platform.devices.hold(*who)
        except exceptions.LunBusy as err:
            if not ownership.is_ours(instance):
                raise
            LOG.warning('What an earlier instance left under the name of '
                        'guest %s is ended: %s', instance.name.upper(),
                        err.message, instance=instance)
            return self._platform.devices.hold(*who, own=True)

    def attach(self, connection_info, instance, patience=0, may_wait=False,
               is_root=False):
        """Bring the volume to a guest and say where it is.

        connection_info is changed only when all went well.  A repeat
        succeeds with the same device path.

        :param patience: seconds to wait for a guest that still boots
        :param may_wait: a guest that is off finds the volume when it next
            runs, see :mod:`nova_zvm_volume.virt.zvm.pending`; so does one
            that does not answer, if zvm_attach_unreachable says so
        :param is_root: the guest runs from it: any path is enough
        :returns: the volume's LunState
        :raises VolumeAttachFailed: all that was done is undone; what could
            not be undone stays recorded in the ledger
        """
        volume = _shown(connection_info)
        with errors.attaching(volume):
            wanted = self._mine(connection_info)
            if wanted.generation is None:
                wanted = dataclasses.replace(
                    wanted, generation=self._platform.devices.other(
                        wanted.volume_id).generation)
            what = 'Attaching volume %s to %s' % (volume, instance.name)
            with undoing.Undo(what) as undo:
                lun, paths, disk = attachment.Attachment(
                    self._platform, wanted, instance, undo, patience,
                    may_wait, is_root).run()
        if disk is None:
            connection.remember_pending(connection_info, lun, paths)
            LOG.warning('Volume %s is attached, and guest %s has it as soon '
                        'as it answers', volume, instance.name.upper(),
                        instance=instance)
            return lun
        connection.remember(connection_info, lun, paths, disk)
        LOG.info('Volume %s is %s', volume, disk.device_path,
                 instance=instance)
        return lun

    def check(self, connection_info):
        """Refuse what could not be attached, before anything is begun.

        :raises VolumeAttachFailed:
        """
        with errors.attaching(_shown(connection_info)):
            self._mine(connection_info)

    def detach(self, connection_info, instance, mountpoint, guest_exists):
        """Take the volume from the guest; a repeat finds nothing to do.

        :param guest_exists: called without arguments, only when the guest
            does not answer
        A guest that is off, or does not answer, may keep the LUN until its
        Linux has forgotten the paths: that is no error, as nobody can hurry
        it, and the ledger has the LUN as used until then.

        :raises DiskNotFound: the ledger says that it is not attached here
        :raises DeviceDetachFailed: the guest uses the disk
        :raises VolumeDetachFailed: it stays attached
        """
        with errors.detaching(_shown(connection_info), mountpoint):
            wanted = self._mine(connection_info)
            if not wanted.paths:
                wanted = self._attached(wanted, instance)
            try:
                self._detach(wanted, instance, guest_exists)
            except exceptions.StaleGeneration:
                wanted = self._attached(wanted, instance)
                self._detach(wanted, instance, guest_exists)

    def let_go(self, instance, mappings):
        """The guest is gone: its volumes and FCP devices become free of it.

        The ledger is asked which volumes there are, as Nova may not know one
        whose attach died half-way.

        :param mappings: Nova's list of the guest's volumes
        :raises ZVMDriverException: something is left; to be repeated
        """
        with errors.told('Guest %s is gone, but not all it held is free'
                         % instance.name):
            cooling = self._cooling(instance, mappings)
            for mapping in mappings:
                self._let_go_of_mapping(mapping, instance, cooling)
            for _attempt in range(_MOST_VOLUMES):
                volumes = self._release(instance, cooling)
                if not volumes:
                    break
                for volume_id in volumes:
                    self._let_go_of(volume_id, instance, cooling)
            self._platform.remove_node(model.NodeName(instance.name.lower()))

    def release_unused(self, instance):
        """FCP devices that no volume of the instance needs become free.

        :raises ZVMDriverException: volumes are attached to the instance
        """
        with errors.told('Releasing FCP devices of %s' % instance.name):
            self._platform.devices.release(model.Uuid(instance.uuid))

    def _cooling(self, instance, mappings):
        """Devices whose WWPNs volumes of other back-ends name.

        Until their attachments are gone, which Nova deletes later, storage
        servers have LUNs masked to these WWPNs: nobody else may get them.
        One that names none is masked to all that the connector has.
        """
        others = [mapping['connection_info'] for mapping in mappings
                  if connection.is_others(mapping.get('connection_info'))]
        if not others:
            return ()
        named = [records.wwpns_of(info['data']) for info in others]
        return tuple(device.number for device in self._platform.devices.ours()
                     if str(device.instance) == str(instance.uuid)
                     and any(not each or str(device.wwpn) in each
                             for each in named))

    def take_back(self, lun, instance):
        """End an attachment that nobody asks for any more.

        Where the guest does not answer, the ledger has it as leaving.

        :param lun: LunState of the used LUN, as just read
        :raises ZvmError: the guest uses the disk; it keeps its volume
        """
        pending.take_back(self._platform, lun, instance)

    def fence(self, volume_id, instance):
        """An attach that was asked for and has not come can come no more."""
        lun = self._platform.look(volume_id)
        if lun is not None and lun.state == 'ours':
            self._platform.devices.detach(volume_id, lun.generation + 1,
                                          model.Uuid(instance.uuid))

    def _mine(self, connection_info):
        wanted = connection.parse(connection_info)
        if wanted.other:
            return wanted
        ours = self._platform.hypervisor.zhcp_hostname
        if str(wanted.zhcp) != str(ours):
            raise exceptions.ZhcpMismatch(
                'The volume is in pool %s of zHCP %s, and the guests of this '
                'host are served by zHCP %s'
                % (wanted.pool, wanted.zhcp, ours))
        return wanted

    def _attached(self, wanted, instance):
        """The attachment as the ledger has it."""
        lun = self._platform.look(wanted.volume_id)
        if not _is_here(lun, instance):
            raise exception.DiskNotFound(
                location='volume %s on %s' % (wanted.volume_id,
                                              instance.name))
        return dataclasses.replace(
            wanted, generation=lun.generation, wwid=lun.wwid or wanted.wwid,
            paths=lun.paths)

    def _detach(self, wanted, instance, guest_exists):
        try:
            self._paths_away(wanted, instance, guest_exists)
        except pending.NO_GUEST as err:
            self._attached(wanted, instance)
            if guest_exists():
                self._leave(wanted, instance, err)
                return
            self._let_go(wanted.volume_id, wanted.generation, instance)
        else:
            self._swap_back(self._platform.devices.detach, wanted.volume_id,
                            wanted.generation, instance)
        LOG.info('Volume %s is detached', wanted.volume_id,
                 instance=instance)

    def _leave(self, wanted, instance, error):
        lun = self._swap_back(self._platform.devices.leave, wanted.volume_id,
                              wanted.generation, instance)
        if _is_here(lun, instance):
            LOG.warning(
                'Volume %s is detached, and its LUN stays used until the '
                'Linux of guest %s has taken the paths away, which it cannot '
                'now (%s). Start or reboot the server, or see that the '
                'management node can log in to it; or delete the server.',
                wanted.volume_id, instance.name.upper(), error.message,
                instance=instance)
        else:
            LOG.info('Volume %s is detached from a guest that is off',
                     wanted.volume_id, instance=instance)

    def _paths_away(self, wanted, instance, guest_exists):
        node = model.NodeName(instance.name.lower())
        # With the next generation: a late attach finds itself stale.
        request = (wanted.volume_id, wanted.generation + 1, wanted.paths,
                   wanted.wwid)
        try:
            self._platform.guest(node).detach(*request)
        except exceptions.UnknownNode:
            if not guest_exists():
                raise
            # The definition was lost on the MN since the attach.
            self._platform.define_node(node, model.Userid(instance.name))
            self._platform.guest(node).detach(*request)

    def _let_go(self, volume_id, generation, instance, cooling=()):
        """The same without a guest; the zHCP proves that it is gone."""
        self._swap_back(self._platform.devices.let_go, volume_id, generation,
                        instance, cooling)

    def _swap_back(self, swap, volume_id, generation, instance, *cooling):
        request = (volume_id, generation, model.Uuid(instance.uuid), *cooling)
        kept = ''
        try:
            lun, kept = swap(*request)
        except _UNKNOWN as err:
            LOG.warning('Looking what became of the detach of volume %s: %s',
                        volume_id, err, instance=instance)
            lun = self._platform.look(volume_id)
            if _is_here(lun, instance):
                lun, kept = swap(*request)
        if kept:
            LOG.error('FCP devices stay out of use after detaching volume '
                      '%s: %s', volume_id, kept, instance=instance)
        return lun

    def _let_go_of_mapping(self, mapping, instance, cooling):
        info = mapping.get('connection_info')
        try:
            wanted = self._mine(info)
        except exceptions.ZvmError as err:
            # Not attached by us, or the ledger knows better.
            LOG.warning('A volume of the deleted guest is passed over: %s',
                        err, instance=instance)
            return
        try:
            if wanted.paths:
                self._let_go(wanted.volume_id, wanted.generation, instance,
                             cooling)
                return
        except exceptions.StaleGeneration as err:
            LOG.debug('%s', err, instance=instance)
        self._let_go_of(wanted.volume_id, instance, cooling)

    def _let_go_of(self, volume_id, instance, cooling):
        lun = self._platform.look(volume_id)
        if _is_here(lun, instance):
            self._let_go(volume_id, lun.generation, instance, cooling)

    def _release(self, instance, cooling):
        """FCP devices freed, or else the volumes that hold one."""
        try:
            self._platform.devices.release(model.Uuid(instance.uuid), cooling,
                                           gone=True)
        except exceptions.LunBusy as err:
            volumes = [model.Uuid(text) for text in
                       err.fields.get('volumes', '').split(';') if text]
            if not volumes:
                raise
            return volumes
        return ()


def _is_here(lun, instance):
    return (lun is not None and lun.state == 'used'
            and str(lun.instance) == str(instance.uuid))


def _shown(connection_info):
    """The volume for messages, whatever was passed."""
    try:
        return str(model.Uuid(connection.volume_of(connection_info)))
    except exceptions.InvalidValue:
        return '(unknown)'
