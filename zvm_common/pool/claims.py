# SPDX-License-Identifier: Apache-2.0
"""Claims on the LUNs of one SCSI pool."""

import dataclasses
import itertools
import logging
import time

from zvm_common import exceptions
from zvm_common import model
from zvm_common.pool import state

LOG = logging.getLogger(__name__)

# The first request waits so long on the zHCP, as most wipes by the storage
# server's own means end soon.  Later ones ask and go: a request that waits
# holds a connection, and many wipes at once must leave some to others.
_WAIT = 5
_PAUSES = (2, 5, 10, 20)

# More devices than these are not tried for one job.
_JOB_DEVICES = 8


# A job says how far it is after each GiB; one that is silent for so long (s)
# is told of.
_SILENT = 600


@dataclasses.dataclass(frozen=True)
class Copy:
    """What a claimed LUN is to become a copy of.

    :param source: LunState of a volume or snapshot that is ours
    :param role: ``current``, ``snapshot``, or ``target`` for a LUN that is
        to take the place of another
    :param replaces: LunState of the volume whose LUN it is to become
    :param verify: ``all`` or ``sampled``: what is read back
    :param seconds: after which the job gives up
    """

    source: object
    role: str
    verify: str
    seconds: int
    replaces: object = None

    def arguments(self):
        """Of the verb, in its order."""
        if self.replaces is None:
            moves = ('none', 0)
        else:
            moves = (model.Uuid(self.replaces.volume_id),
                     self.replaces.generation)
        return (model.Uuid(self.source.volume_id), self.source.generation,
                self.role, *moves, self.verify, int(self.seconds),
                self.source.scope)


class Pool:
    """The LUNs of a pool, as the zHCP program keeps them.

    All volume ids and operation ids are uuids.

    :param zhcp: zvm_common.zhcp.Zhcp
    :param name: of the pool
    :param zhcp_devices: DeviceRanges of the FCP devices dedicated to the
        zHCP, over which its jobs reach the LUNs

    ``ledger`` is the only ledger from which :meth:`claim` takes LUNs, as
    :meth:`view` and :meth:`zvm_common.zhcp.Zhcp.hello` tell it; None: any.
    """

    def __init__(self, zhcp, name, zhcp_devices=model.DeviceRanges()):
        self.zhcp = zhcp
        self.name = str(model.PoolName(name))
        self.ledger = None
        #: some of the zHCP's devices, in the words of its verbs
        self.job_devices = ';'.join(
            str(d) for _, d in zip(range(_JOB_DEVICES), zhcp_devices)
        ) or 'none'

    def check(self):
        """Refuse a pool from which nothing may be handed out.

        :raises PoolMissing, PoolDamaged, LedgerDamaged: see the message
        :raises DuplicateLun: naming LUNs that stand on two lines
        """
        view = self.view()
        luns = view.luns
        if view.bad:
            raise exceptions.PoolDamaged(
                'Pool %s on zHCP %s: no WWPN and LUN can be read from LUN '
                'line %s' % (self.name, self.zhcp.name, ', '.join(view.bad)))
        twice = sorted({str(s.lun) for s in luns if s.twice})
        if twice:
            raise exceptions.DuplicateLun(
                'On two lines of the pools of zHCP %s: LUN %s'
                % (self.zhcp.name, ', '.join(twice)))
        lost = [s for s in luns if s.state == 'lost']
        if lost:
            raise exceptions.LedgerDamaged(
                '%d LUNs of pool %s carry a volume\'s stamp and have no '
                'record on zHCP %s' % (len(lost), self.name, self.zhcp.name))

    def view(self):
        """All LUNs: a :class:`PoolView`."""
        return state.pool_view(self.zhcp.call('view', self.name))

    def sweep(self):
        """Mend what needs no knowledge of Cinder's records; a PoolView.

        Lines of our scope are written as the records say, a lost or shortened
        pool file is restored, wipes whose job died begin anew.
        """
        return state.pool_view(self.zhcp.call('sweep', self.name,
                                              self.zhcp.scope))

    def confirm(self, volume_ids):
        """Cinder's records have these volumes: their creates are finished."""
        self.zhcp.call('confirm', self.zhcp.scope,
                       *(model.Uuid(v) for v in volume_ids))

    def abandon(self, lun):
        """Undo a create that nobody finishes: wipe its LUN, then free it.

        :param lun: its LunState
        :raises LeaseRuns: it may still be under way
        :raises StaleGeneration, LunBusy, VolumeUnknown: it has moved on
        """
        self._swap('abandon', lun, self.job_devices)

    def set_aside(self, lun):
        """Keep a LUN with its data from everybody: Cinder does not know it.

        :raises StaleGeneration, LunBusy, VolumeUnknown: it has moved on
        """
        self._swap('aside', lun)

    def readmit(self, lun):
        """Undo :meth:`set_aside`: Cinder knows the volume again."""
        self._swap('readmit', lun)

    def _swap(self, verb, lun, *more):
        self.zhcp.call(verb, self.zhcp.scope, model.Uuid(lun.volume_id),
                       lun.generation, *more)

    def rebuild(self, volume_id, operation_id, wwpns, lun, user=None,
                role='current'):
        """Make a record that was lost from what Cinder has.

        :param user: None, or (userid, node, instance uuid, attachment id,
            compute host) of the guest that has it
        :param role: ``current`` for a volume, ``snapshot`` for a snapshot
        :returns: the LunState
        :raises NoSuitableLun: the pool has no such line
        :raises LunBusy: the LUN is another volume's, or a guest's that is none
            of ours
        """
        answer = self.zhcp.call(
            'rebuild', self.name, self.zhcp.scope, model.Uuid(volume_id),
            model.OperationId(operation_id), ';'.join(map(str, wwpns)), lun,
            *_checked_user(user), role)
        return state.lun_state(answer.fields)

    def adopt(self):
        """Set lines aside that bear a stamp, and no record explains.

        :returns: how many
        """
        return int(self.zhcp.call('adopt', self.name,
                                  self.zhcp.scope).fields['adopted'])

    def claim(self, volume_id, operation_id, minimum, maximum, trust=False):
        """Make a free LUN this volume's: the smallest from minimum to maximum.

        A LUN that is not known to be empty comes in state ``preparing`` and
        is wiped first: :meth:`wait`. A repeated claim finds its LUN again.

        :param minimum: Capacity
        :param maximum: Capacity
        :param trust: take what the pool calls free for empty
        :raises NoSuitableLun: naming the largest that is free
        :raises LedgerDamaged: when stamped lines have no record, or the ledger
            is another than :attr:`ledger`
        """
        answer = self.zhcp.call(
            'claim', self.name, model.Uuid(volume_id), minimum.bytes,
            maximum.bytes, self.zhcp.scope, 'trust' if trust else 'wipe',
            self.job_devices, self.ledger or 'any',
            operation=str(model.OperationId(operation_id)))
        return state.lun_state(answer.fields)

    def copy(self, volume_id, operation_id, minimum, maximum, copy):
        """Claim a LUN, which becomes a copy of another one: :meth:`wait`.

        :param copy: a :class:`Copy`; minimum is not less than the real size
            of its source
        :raises LunBusy: the source is not a volume that nobody uses
        :raises StaleGeneration: it has changed since it was looked at
        :raises NoSuitableLun, LedgerDamaged: as :meth:`claim`
        """
        answer = self.zhcp.call(
            'copy', self.name, model.Uuid(volume_id), minimum.bytes,
            maximum.bytes, self.zhcp.scope, self.job_devices,
            self.ledger or 'any', *copy.arguments(),
            operation=str(model.OperationId(operation_id)))
        return state.lun_state(answer.fields)

    def switch(self, copy_id, volume_id):
        """Let a copy be the volume's LUN; the one that it had is wiped.

        :param copy_id: of the claim in role ``target``
        :returns: LunState of the volume
        :raises StaleGeneration: something happened to the volume meanwhile
        :raises LunBusy: it is used, or being copied
        """
        answer = self.zhcp.call('switch', self.zhcp.scope,
                                model.Uuid(copy_id), model.Uuid(volume_id),
                                self.job_devices)
        return state.lun_state(answer.fields)

    def cancel(self, volume_id, operation_id):
        """End the doubt about a claim whose outcome is not known.

        :param operation_id: of the claim; it takes effect no more from here
        :returns: the :class:`LunState` that it has claimed, or None
        """
        try:
            answer = self.zhcp.call('cancel', model.Uuid(volume_id),
                                    model.OperationId(operation_id))
        except exceptions.VolumeUnknown:
            return None
        return state.lun_state(answer.fields)

    def look(self, volume_id):
        """The volume's :class:`LunState`, or None if the ledger has none."""
        try:
            answer = self.zhcp.call('look', model.Uuid(volume_id))
        except exceptions.VolumeUnknown:
            return None
        return state.lun_state(answer.fields)

    def release(self, volume_id, generation):
        """Begin to wipe a volume's LUN; it is free when that is done.

        A wipe that runs is adopted, one that died is begun anew.

        :raises LunBusy: a guest holds the LUN
        :raises StaleGeneration: the volume is not as the caller saw it
        :raises VolumeUnknown: there is nothing to release (any more)
        """
        answer = self.zhcp.call('release', model.Uuid(volume_id),
                                int(generation), self.job_devices)
        return state.lun_state(answer.fields)

    def wait(self, volume_id, timeout):
        """Wait until no job runs for the volume.

        :param timeout: seconds
        :returns: its LunState when it is ours, None when it was freed
        :raises WipeFailed: the LUN is in quarantine
        :raises CopyFailed: it did not become the copy that it was to be
        :raises OutcomeUnknown: the time is over and the job goes on
        """
        end = time.monotonic() + timeout
        waiting, told = _WAIT, _Told()
        for pause in itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1])):
            found = self._ask(volume_id, max(1, min(timeout, waiting)))
            if found is None or found.state not in _AT_WORK:
                return found
            if found.job == 'dead':
                self._again(found)
            told.tell(found)
            left = end - time.monotonic()
            if left <= 0:
                raise exceptions.OutcomeUnknown(
                    'The %s of LUN %s of pool %s is not done after %d '
                    'seconds (%s) and goes on on the zHCP'
                    % (_work(found), found.lun, found.pool, timeout,
                       _progress(found)))
            time.sleep(min(pause, left))
            waiting = 1

    def _ask(self, volume_id, seconds):
        try:
            answer = self.zhcp.call('wait', model.Uuid(volume_id),
                                    int(seconds))
        except exceptions.VolumeUnknown:
            return None
        found = state.lun_state(answer.fields)
        if found.state == 'quarantined':
            raise exceptions.WipeFailed(
                'LUN %s of pool %s could not be wiped: %s'
                % (found.lun, found.pool, found.why))
        if found.state == 'copying' and found.why:
            raise exceptions.CopyFailed(
                'LUN %s of pool %s did not become a copy: %s'
                % (found.lun, found.pool, found.why))
        return found

    def _again(self, found):
        # the job died with its zHCP or was killed: its intent is recorded
        if found.state == 'wiping':
            self.release(found.volume_id, found.generation)
        else:
            self.zhcp.call('claim', found.pool, found.volume_id, 0, 0,
                           self.zhcp.scope, 'wipe', self.job_devices,
                           'any', operation=found.operation_id)


_AT_WORK = {'preparing': 'wipe', 'wiping': 'wipe', 'copying': 'copy',
            'filling': 'image download', 'sending': 'image upload'}
# What the bytes of a job are that is not done when the disk's size is reached.
_DONE = {'copying': 'copied and read back', 'filling': 'written and read back'}


def _work(found):
    return _AT_WORK[found.state]


def _progress(found):
    done = '%.1f' % (found.done / model.GIB)
    if found.state in _DONE:
        return '%s GiB %s' % (done, _DONE[found.state])
    whole = '%.1f' % (found.size.bytes / model.GIB) if found.size else '?'
    return '%s of %s GiB' % (done, whole)


class _Told:
    """What the log has of one job: each tenth, and when it says nothing."""

    def __init__(self):
        self._tenth = 0
        self._silent = 0

    def tell(self, found):
        tenth = found.done * 10 // found.size.bytes if found.size else 0
        if tenth > self._tenth:
            self._tenth, self._silent = tenth, 0
            LOG.info('%s of LUN %s of pool %s: %s',
                     _work(found).capitalize(), found.lun, found.pool,
                     _progress(found))
        if found.beat >= self._silent + _SILENT:
            self._silent = found.beat
            LOG.warning('The %s of LUN %s of pool %s has told nothing for %d '
                        'seconds (%s). Look on the zHCP at its process, '
                        '/var/lib/zvm-volume/jobs/%s-%s.run, and at the paths '
                        'of its disk.', _work(found), found.lun, found.pool,
                        found.beat, _progress(found), found.lun,
                        found.wwpns[0])


def _checked_user(user):
    if user is None:
        return ('',) * 5
    userid, node, instance, attachment, host = user
    return (model.Userid(userid), model.NodeName(node), model.Uuid(instance),
            model.Uuid(attachment), host)
