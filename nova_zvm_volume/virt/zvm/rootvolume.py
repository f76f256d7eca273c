# SPDX-License-Identifier: Apache-2.0
"""Servers whose root disk is a volume.

The in-tree class knows guests only that are deployed from an image.  Here the
Cloud Connector defines the guest without a root disk, the FCP devices of the
volume go into its directory entry, and LOADDEV and IPL name one path to the
LUN.  z/VM tries no other: a path by which no Linux comes up is followed by
the next one, each once.  The ledger has the path as ``ipl`` of the LUN, and a
later start begins with it.

How a guest that does not answer is told from one that runs is written on its
console, behind the last message with which CP begins to load from SCSI:

=====================  ======================================================
``HCPGIR450W``         disabled wait: nothing runs, the next path is tried
``Linux version``      it runs, and nobody may log it off for a path's sake
neither                nothing was loaded, once the time is over
no such message        not known: a new guest is taken for not loaded, one
                       that had run before is left alone
=====================  ======================================================
"""

import time

from oslo_log import log as logging
from oslo_utils import excutils

from nova import conf
from nova import exception
from nova.virt import configdrive
from nova.virt import driver as virt_driver
from nova_zvm_volume.virt.zvm import connection
from nova_zvm_volume.virt.zvm import errors
from nova_zvm_volume.virt.zvm import ownership
from nova_zvm_volume.virt.zvm import rootpaths
from nova_zvm_volume.virt.zvm import trying
from zvm_common import exceptions
from zvm_common import model

CONF = conf.CONF
LOG = logging.getLogger(__name__)

_LOADING = 'HCPLDI2816I'
_DEAD = 'HCPGIR450W'
_ALIVE = 'Linux version'
_LOGGING_OFF = 120      # seconds until a guest is given up that does not
UP, RUNS, EMPTY, DEAD, UNKNOWN = 'up', 'runs', 'empty', 'dead', 'unknown'
# What is said by the guest's Linux, or by nobody.
_ANSWERS = (exceptions.Refused, exceptions.ToolMissing,
            exceptions.CommandFailed)
_NO_ANSWER = (exceptions.GuestUnreachable, exceptions.OutcomeUnknown,
              exceptions.BadAnswer)
_CHECK = ('Check that the LUN is masked to the WWPN of each of these FCP '
          'devices and that the ports are zoned, that the volume can be '
          'booted (zipl, and an initramfs that brings the root up by zfcp), '
          'and that the management node can log in to its Linux.')


def check_distro(image_meta, mapping):
    """The volume's image metadata, which Nova passes as that of an image.

    :raises InvalidInput: they do not say what the volume boots
    """
    found = image_meta.properties.get('os_distro')
    if not found:
        volume = connection.volume_of(mapping['connection_info'])
        raise exception.InvalidInput(
            reason='volume %s does not say what it boots: openstack volume '
                   'set --image-property os_distro=rhel9.4 %s (for example)'
                   % (volume, volume))
    return found


class NotBooted(Exception):
    """No path brought the guest up; its text is for users."""


class Boot:
    """Starts of one guest from its root volume.

    :param platform: :class:`~nova_zvm_volume.virt.zvm.platform.Platform`
    :param hypervisor: the in-tree class's client of the Cloud Connector
    :param patience: seconds, for each path, until its Linux is given up
    """

    def __init__(self, platform, hypervisor, instance, patience):
        self._platform = platform
        self._hypervisor = hypervisor
        self._instance = instance
        self._patience = patience
        self._node = model.NodeName(instance.name.lower())

    def first(self, lun):
        """Start a guest that is off, and was never on.

        :param lun: LunState of the volume, in use by the guest
        :raises NotBooted: with each path that was tried
        :raises ZvmError: the directory entry cannot be written
        """
        self._try(lun, rootpaths.paths_of(lun), [])

    def started(self, lun):
        """The guest was just started by the path that is in its entry.

        :returns: whether its Linux answers
        :raises NotBooted: as :meth:`first`; it is logged off
        """
        self._platform.define_node(self._node,
                                   model.Userid(self._instance.name))
        verdict, words = self._watch()
        if verdict == DEAD:
            paths = rootpaths.paths_of(lun)
            self._stop()
            self._try(lun, paths[1:], [(paths[0], words)])
            return True
        if verdict != UP:
            LOG.warning('Guest %s, whose root is volume %s, is left alone: '
                        '%s', self._instance.name.upper(), lun.volume_id,
                        words, instance=self._instance)
        return verdict == UP

    def _try(self, lun, paths, tried):
        for path in paths:
            self._load(lun, *path)
            verdict, words = self._watch()
            if verdict == UP:
                self._tell(lun, path, tried)
                return
            tried.append((path, words))
            if verdict == RUNS:
                break       # another path would bring the same Linux up
            self._stop()
        raise NotBooted('%s does not boot from volume %s by %s. %s'
                        % (self._instance.name.upper(), lun.volume_id,
                           _told(tried), _CHECK))

    def _tell(self, lun, path, tried):
        LOG.info('Guest %s runs from volume %s by %s:%s',
                 self._instance.name.upper(), lun.volume_id, *path,
                 instance=self._instance)
        if tried:
            LOG.error('Paths to its root did not work: %s', _told(tried),
                      instance=self._instance)

    def _load(self, lun, device, wwpn):
        """Say by which path, and start."""
        give_up = time.monotonic() + _LOGGING_OFF
        trying.when_up(give_up, self._platform.devices.ipl, lun.volume_id,
                       lun.generation, model.Uuid(self._instance.uuid),
                       device, wwpn, until=exceptions.LunBusy)
        with errors.connecting('Guest %s is not started'
                               % self._instance.name):
            self._hypervisor.guest_start(self._instance.name)

    def _stop(self):
        with errors.connecting('Guest %s is not stopped'
                               % self._instance.name):
            self._hypervisor.guest_softstop(self._instance.name)

    def _watch(self):
        """Wait until its Linux answers.

        :returns: (one of the verdicts, what is wrong, in words)
        :raises TryLater: the management node cannot be asked
        """
        give_up = time.monotonic() + self._patience
        while True:
            silent = self._silence()
            if silent is None:
                return UP, ''
            verdict, words = self._console()
            if verdict == DEAD:
                return verdict, words
            if time.monotonic() >= give_up:
                break
            time.sleep(trying.BETWEEN_TRIES)
        if not isinstance(silent, _NO_ANSWER):
            raise silent
        return (DEAD if verdict == EMPTY else verdict,
                words or 'its Linux does not answer after %d s: %s'
                % (self._patience, silent.message))

    def _silence(self):
        """Why its Linux does not answer, None when it does."""
        try:
            self._platform.guest(self._node).hello()
        except _ANSWERS as err:
            LOG.warning('Guest %s answers: %s', self._instance.name, err,
                        instance=self._instance)
        except (exceptions.TryLater, *_NO_ANSWER) as err:
            return err
        return None

    def _console(self):
        """(verdict, what is wrong) as far as z/VM knows."""
        try:
            if (self._hypervisor.guest_get_power_state(self._instance.name)
                    == 'off'):
                return DEAD, 'it is logged off'
            text = self._hypervisor.guest_get_console_output(
                self._instance.name)
        except exception.NovaException as err:
            LOG.debug('No console: %s', err, instance=self._instance)
            return UNKNOWN, ''
        _before, begun, said = (text or '').rpartition(_LOADING)
        if not begun:
            return UNKNOWN, ''
        if said.rfind(_DEAD) > said.rfind(_ALIVE):
            return DEAD, 'it is in a disabled wait'
        if _ALIVE in said:
            return RUNS, ('its Linux began, and does not answer: can the '
                          'management node log in to it?')
        return EMPTY, ''


def _told(tried):
    """Short: Nova shows users 255 characters of a fault."""
    found = {}
    for path, words in tried:
        found.setdefault(words, []).append('%s:%s' % path)
    return '; '.join('%s (%s)' % (', '.join(paths), words)
                     for words, paths in found.items())


class BootFromVolume:
    """A mixin of the driver."""

    def _spawn_from_volume(self, context, instance, image_meta, network_info,
                           block_device_info):
        """Define a guest, let it load its Linux from the volume.

        :raises BuildAbortException: it does not come up; nothing is left
        """
        mappings = virt_driver.block_device_info_get_mapping(
            block_device_info)
        root = rootpaths.root_of(mappings)
        distro = check_distro(image_meta, root)
        if self._hypervisor.guest_exists(instance):
            raise exception.InstanceExists(name=instance.name)
        try:
            self._define_guest(instance, block_device_info)
            self._wait_vif_plug_events(instance.name, distro, network_info,
                                       instance)
            self._boot_first(instance, root)
            for mapping in sorted(mappings, key=rootpaths.is_root,
                                  reverse=True):
                self._attach_mapping(mapping, instance)
        except Exception:
            with excutils.save_and_reraise_exception():
                self._destroy_failed(context, instance, network_info,
                                     block_device_info)

    def _define_guest(self, instance, block_device_info):
        if configdrive.required_by(instance):
            LOG.warning('A server that boots from a volume gets no '
                        'configuration drive: nothing is deployed to it',
                        instance=instance)
        disks = [{'size': '%ig' % each['size'],
                  'format': CONF.default_ephemeral_format or 'ext3'}
                 for each in virt_driver.block_device_info_get_ephemerals(
                     block_device_info)]
        ownership.claim(instance)
        self._hypervisor.guest_create(instance.name, instance.vcpus,
                                      instance.memory_mb, disks)
        if disks:
            self._hypervisor.guest_config_minidisks(instance.name, disks)

    def _boot_first(self, instance, root):
        info = root['connection_info']
        lun = self._volumes.attach(info, instance, may_wait=True)
        root['connection_info'] = info
        try:
            self._boot(instance, CONF.zvm.reachable_timeout).first(lun)
            self._prune(instance, [lun])
        except (NotBooted, exceptions.ZvmError) as err:
            raise exception.BuildAbortException(
                instance_uuid=instance.uuid, reason=str(err)) from err

    def _prune(self, instance, luns):
        """Its Linux has paths from another life, or from a LUN scan.

        :raises DeviceBusy: it uses a disk that is not its server's
        """
        gone = self._platform.guest(model.NodeName(
            instance.name.lower())).prune([
                path for lun in luns for path in lun.paths])
        if gone:
            LOG.warning('The Linux of %s had paths that are not its: %s',
                        instance.name.upper(), ', '.join(gone),
                        instance=instance)

    def _boot(self, instance, patience):
        return Boot(self._platform, self._hypervisor, instance, patience)

    def _see_root_up(self, instance, block_device_info, patience):
        """A guest was started: by another path when nothing came of it.

        :raises ZVMDriverException: no path brought it up
        """
        root = rootpaths.root_of(virt_driver.block_device_info_get_mapping(
            block_device_info))
        if root is None:
            return
        try:
            lun = self._platform.look(model.Uuid(
                connection.volume_of(root['connection_info'])))
            if (lun is not None and lun.ipl and lun.state == 'used'
                    and lun.instance == str(instance.uuid)):
                if self._boot(instance, patience).started(lun):
                    self._prune(instance, [
                        each for each in self._platform.devices.used()
                        if each.instance == lun.instance])
        except exceptions.ZvmError as err:
            # It was started, and nothing can be done about it now.
            LOG.error('Guest %s was started: %s', instance.name.upper(), err,
                      instance=instance)
        except NotBooted as err:
            raise exception.ZVMDriverException(error=str(err)) from err


def refuse_reimage(instance, block_device_info, reimage):
    """Nova leaves the instance as it was.

    :raises InstanceFaultRollback: the root volume was to get another image
    """
    if reimage and rootpaths.root_of(virt_driver.block_device_info_get_mapping(
            block_device_info)):
        raise exception.InstanceFaultRollback(exception.BuildAbortException(
            instance_uuid=instance.uuid,
            reason='the volume that a server on z/VM boots from is not given '
                   'another image: delete the server and boot from a new '
                   'volume'))
