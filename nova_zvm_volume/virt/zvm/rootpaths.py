# SPDX-License-Identifier: Apache-2.0
"""The volume that a server boots from, and the paths to it."""

from oslo_log import log as logging

from zvm_common import exceptions

LOG = logging.getLogger(__name__)


def root_of(mappings):
    """The mapping of the volume that a server boots from, None if none."""
    for mapping in mappings or ():
        if is_root(mapping):
            return mapping
    return None


def is_root(mapping):
    return mapping.get('boot_index') == 0


def paths_of(lun):
    """The order in which paths are tried: tuples (FCP device, port).

    Another device and another port come first, as both may be of a fabric
    that is down. The first one is that by which it was loaded last.
    """
    found = [(device, lun.wwpns[(at + shift) % len(lun.wwpns)])
             for shift in range(len(lun.wwpns))
             for at, device in enumerate(lun.devices)]
    there = {(path.device, path.wwpn) for path in lun.paths}
    found = [pair for pair in found if pair in there]
    at = found.index(lun.ipl) if lun.ipl in found else 0
    return found[at:] + found[:at]


def attach_some(guest, error, volume_id, generation, paths, *rest):
    """Configure those paths to a root disk that work.

    A guest that runs by one of them is worth more than one that does not.

    :param error: why not all of them could be configured
    :returns: :class:`zvm_common.guestdisk.AttachedDisk`
    """
    good, lost = [], []
    for path in paths:
        try:
            guest.attach(volume_id, generation, (path,), *rest)
            good.append(path)
        except exceptions.PathFailed as err:
            lost.append('%s (%s)' % (path, err.message))
    if not good:
        raise error
    LOG.error('The root volume %s does not have all its paths: %s', volume_id,
              '; '.join(lost))
    return guest.attach(volume_id, generation, tuple(good), *rest)
