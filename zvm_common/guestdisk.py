# SPDX-License-Identifier: Apache-2.0
"""Disks inside a guest: the guest program."""

import dataclasses
import re

from zvm_common import exceptions
from zvm_common import model
from zvm_common.remote import call
from zvm_common.remote import program

_DEVICE = re.compile('/dev/(disk/by-(id|path)|mapper)/[A-Za-z0-9_.:-]{1,200}')
_LINK = re.compile('/dev/disk/by-id/zvm-volume-[0-9a-f-]{36}')
_WWID = re.compile('[0-9a-f]{16}|[0-9a-f]{32}')


@dataclasses.dataclass(frozen=True)
class AttachedDisk:
    """A disk as the guest has it.

    ``device_path`` is stable: the multipath map, or the by-path name of a
    single path. ``paths_missing`` are those whose port the FCP device does
    not see (another fabric). ``others`` counts disks on these FCP devices
    that belong to none of these paths. ``link`` is the name by volume id that
    a udev rule in the guest gives the disk, empty where udev made none.
    """

    device_path: str
    wwid: str
    bytes: int
    paths_up: tuple
    paths_missing: tuple
    others: int
    link: str = ''


@dataclasses.dataclass(frozen=True)
class GuestFacts:
    """What the guest program finds in a guest, and chose for it.

    ``persist`` keeps the paths over a restart: chzdev, zfcpconf or udevrules.
    ``missing`` are programs to install before a volume can be attached.
    ``scan`` is the kernel's automatic LUN scan: on, off or none.
    """

    os: str
    kernel: str
    user: str
    persist: str
    scan: str
    multipath: bool
    missing: tuple


class GuestDisk:
    """The guest program in one guest.

    :param node: zvm_common.xcat.guest.Node of the guest, for ssh alone
    :param channel: instead of it, see zvm_common.channel
    """

    def __init__(self, node=None, channel=None):
        self._remote = channel or call.Remote(node, program.guest())

    def attach(self, volume_id, generation, paths, wwid, size):
        """Configure all paths to a LUN, now and for the guest's next start.

        Undone in the guest when it fails. Automatic LUN scan is off in the
        guest from then on.

        :param paths: iterable of model.Path
        :param wwid: what the disk must answer (hex), None if not known
        :param size: Capacity the disk must have at least
        :returns: :class:`AttachedDisk`
        :raises PathFailed: a path, a device or a port does not work
        :raises DiskMismatch: another disk, or a smaller one, is there
        :raises StaleGeneration: the guest has seen a later generation
        """
        fields = self._remote.call(
            'attach', model.Uuid(volume_id), int(generation), _wwid(wwid),
            size.bytes if size else 0, _paths(paths)).fields
        try:
            return _attached(fields)
        except (KeyError, ValueError) as e:
            raise exceptions.BadAnswer(
                'The guest describes a disk as %s'
                % exceptions.excerpt(fields)) from e

    def detach(self, volume_id, generation, paths, wwid, force=False):
        """Remove all paths to a LUN; right too when none is there.

        Other paths to the same disk go too: its WWID decides which they are.

        :param force: also when the disk is in use, cannot be flushed or tells
            no WWID: who uses it loses what was not written
        :returns: text, what was done by force; empty when nothing was
        :raises DeviceBusy: the disk is in use; nothing was removed
        :raises DiskMismatch: another disk is behind a path
        :raises PathFailed: a path did not go away, or is there again
        """
        forced = ('force',) if force else ()
        fields = self._remote.call(
            'detach', model.Uuid(volume_id), int(generation), _wwid(wwid),
            _paths(paths), *forced).fields
        return fields.get('forced', '').replace('~', ' ')

    def hello(self):
        """:class:`GuestFacts`; changes nothing in the guest."""
        fields = self._remote.call('hello').fields
        try:
            return GuestFacts(
                multipath=fields['multipath'] == 'yes',
                missing=tuple(filter(None, fields['missing'].split(';'))),
                **{key: fields[key] for key in (
                    'os', 'kernel', 'user', 'persist', 'scan')})
        except KeyError as e:
            raise exceptions.BadAnswer(
                'The guest describes itself as %s'
                % exceptions.excerpt(fields)) from e

    def prune(self, paths):
        """Remove every path but these; for a guest whose root is a volume.

        Automatic LUN scan is off in the guest from then on.

        :returns: tuple of texts, the paths that are gone (the first of many)
        :raises DeviceBusy: something uses a disk by another path, which stays
        :raises PathFailed: one does not go away
        """
        fields = self._remote.call('prune', _paths(paths)).fields
        return tuple(filter(None, fields.get('pruned', '').split(';')))

    def forget(self, devices, past):
        """Remove what is configured for FCP devices that the guest lost.

        :param devices: iterable of model.DeviceNumber
        :param past: VOLUME:GENERATION texts; requests for these volumes that
            are older are refused from now on
        :returns: tuple of the devices that are online, hence not lost, for
            which nothing was done
        :raises PathFailed: a configuration stays
        """
        fields = self._remote.call(
            'forget', ';'.join(str(device) for device in devices),
            ';'.join(past)).fields
        return tuple(model.DeviceNumber(number) for number
                     in fields.get('kept', '').split(';') if number)


def paths_of(devices, wwpns, lun):
    """Every way to a LUN: each FCP device with each target port."""
    return tuple(model.Path(d, w, lun) for d in devices for w in wwpns)


def _paths(paths):
    return ';'.join('%s:%s:%s' % (p.device, p.wwpn, p.lun) for p in paths)


def _wwid(wwid):
    if wwid is None:
        return '-'
    if not isinstance(wwid, str) or not _WWID.fullmatch(wwid):
        raise exceptions.InvalidValue(wwid, '16 or 32 hex digits', 'WWID')
    return wwid


def _attached(fields):
    if not _DEVICE.fullmatch(fields['device']):
        raise ValueError('device')
    return AttachedDisk(
        device_path=fields['device'], wwid=_wwid(fields['wwid']),
        bytes=int(fields['bytes']), others=int(fields['others']),
        link=_link(fields.get('link', '')),
        paths_up=_parse(fields['up']),
        paths_missing=_parse(fields['missing']))


def _link(link):
    if link and not _LINK.fullmatch(link):
        raise ValueError('link')
    return link


def _parse(text):
    return tuple(model.Path(*part.split(':'))
                 for part in text.split(';') if part)
