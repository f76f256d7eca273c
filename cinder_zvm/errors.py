# SPDX-License-Identifier: Apache-2.0
"""What went wrong on the way to the LUN, told to Cinder.

Cinder decides by the class of an exception what becomes of a volume, and
shows its text to the operator.  The texts of ``zvm_common.exceptions`` say
what to do, so they are kept whole.
"""

import contextlib

from cinder import exception

from zvm_common import exceptions


#: What ends a detach that waits for its guest.
LET_LEAVE = ('Start or reboot that server, or see that the management node '
             'can log in to it, or delete it; attaching the volume to it '
             'again is possible too.')


def leaving(lun):
    """Why a volume that Cinder calls available is not."""
    return ('%s was detached from instance %s (guest %s) on host %s, which '
            'was off or did not answer, and has not let go of it yet'
            % (place(lun), lun.instance, lun.userid or lun.node, lun.host))


def busy(lun):
    """A volume that a guest holds: Cinder makes it available again.

    :param lun: LunState of the volume
    :returns: a VolumeIsBusy that names guest and host
    """
    if lun.lent:
        return exception.VolumeIsBusy(message=lent(lun))
    if lun.phase == 'leaving':
        return exception.VolumeIsBusy(message='Volume %s: %s. %s' % (
            lun.volume_id, leaving(lun), LET_LEAVE))
    return exception.VolumeIsBusy(
        message='Volume %s (%s) is still used by guest %s (instance %s) on '
                'host %s. Detach it there first; a detach that died half-way '
                'is finished by that host\'s nova-compute.'
                % (lun.volume_id, place(lun), lun.userid or lun.node,
                   lun.instance, lun.host))


def attached(lun):
    """A copy or move of a volume that a guest has."""
    if lun.lent:
        return exception.VolumeIsBusy(message=lent(lun))
    if lun.phase == 'leaving':
        return busy(lun)
    return exception.VolumeIsBusy(
        message='Volume %s (%s) is attached to guest %s on host %s: its guest '
                'writes to it, and only a LUN at rest can be copied or moved. '
                'Detach the volume first.'
                % (lun.volume_id, place(lun), lun.userid or lun.node,
                   lun.host))


def lent(lun):
    """Why nobody gets a volume that a Cinder host has."""
    return ('Volume %s (%s) is lent to Cinder host %s for a backup or a '
            'migration. It comes back when that has ended; one that died is '
            'given back by the sweep of cinder-volume on that host.'
            % (lun.volume_id, place(lun), lun.host))


def read(lun, then='Delete it'):
    """A volume or snapshot that is being copied: it stays available."""
    return exception.VolumeIsBusy(
        message='Volume %s (%s) is being copied to %s. %s when that is done.'
                % (lun.volume_id, place(lun), ', '.join(lun.readers), then))


def place(lun):
    """Where a LUN is found, for messages."""
    return 'LUN %s in pool %s' % (lun.lun, lun.pool)


def failure(what, why):
    """VolumeBackendAPIException without Cinder's misleading prefix.

    The class's own text speaks of a "bad or unexpected response", which
    most of our refusals are not.
    """
    return exception.VolumeBackendAPIException(message='%s: %s' % (what, why))


@contextlib.contextmanager
def told(what):
    """Turn errors of zvm_common into Cinder's, keeping their text.

    :param what: what was being done, the beginning of the message
    :raises VolumeBackendAPIException: for every ZvmError
    """
    try:
        yield
    except exceptions.ZvmError as err:
        raise failure(what, err) from err
