# SPDX-License-Identifier: Apache-2.0
"""What becomes of a LUN when Cinder creates, copies or deletes a volume.

The zHCP's ledger decides; here is what Cinder's driver asks of it and in
which order.  Nothing is kept in memory between two calls: a cinder-volume
that was killed finds everything in the ledger again.
"""

import time
import uuid

from oslo_log import log as logging

from zvm_common import exceptions
from zvm_common import model
from zvm_common import pool as scsi_pool
from zvm_common.pool import managing
from zvm_common.pool import moves

from cinder_zvm import errors

LOG = logging.getLogger(__name__)

# How often an operation reads the state anew after somebody else changed it
# or an answer was lost.  Every further try costs round trips of seconds.
_TRIES = 3

# A wipe may take hours; the MN or the zHCP may be away for as long as this
# in all before waiting for it is given up.  The wipe goes on meanwhile.
_OUTAGES = 20
_PAUSE = 30


def provider_id(lun):
    """What Cinder's database keeps of a LUN.

    It serves humans and audits.  The driver itself finds a LUN by the
    volume's id, so that a create that died before it was saved is found too.

    :param lun: LunState
    :returns: ``OPERATION-ID:WWPN+WWPN:LUN``
    """
    return '%s:%s:%s' % (lun.operation_id,
                         '+'.join(str(wwpn) for wwpn in lun.wwpns), lun.lun)


def cancelled(pool, volume_id, operation, what, then):
    """The LUN that a volume has, after an operation whose answer was lost.

    The operation cannot take effect later. Failing to find out must not hide
    that the answer was lost.

    :param what: would have been done
    :param then: what becomes of it
    :returns: LunState; None where the volume has none, or nobody knows
    """
    try:
        return pool.cancel(volume_id, operation)
    except exceptions.ZvmError as err:
        LOG.error('Whether %(what)s in pool %(pool)s for volume %(volume)s is '
                  'not known: %(error)s %(then)s',
                  {'what': what, 'pool': pool.name, 'volume': volume_id,
                   'error': err, 'then': then})
        return None


class VolumeOperations:
    """LUN operations of one back-end.

    :param pool: zvm_common.pool.Pool
    :param oversize_percent: how much larger than asked a LUN may be
    :param job_timeout: seconds that one wipe or copy may take
    :param trust: hand out free LUNs without wiping them first
    """

    def __init__(self, pool, oversize_percent, job_timeout, trust=False):
        self.pool = pool
        self.oversize_percent = oversize_percent
        self.job_timeout = job_timeout
        self.trust = trust

    # create

    def create(self, volume_id, gib):
        """Claim the best fitting LUN, clean and ours when this returns.

        :param volume_id: the volume's name_id
        :param gib: size in GiB
        :returns: LunState
        :raises ZvmError: nothing is left behind: Cinder reschedules a failed
            create without a delete
        :raises WipeFailed: the LUN could not be made clean; in quarantine
        """
        minimum = model.Capacity.from_gib(gib)
        return self._finished(volume_id, self._claim(volume_id, minimum))

    def _finished(self, volume_id, lun):
        """The LUN when its wipe or copy is done, or nothing is left of it."""
        try:
            return self._prepared(lun)
        except exceptions.WipeFailed:
            # It is in quarantine.  No other one is tried: where the zHCP's
            # devices are at fault, that would set aside LUN after LUN.
            raise
        except Exception:
            self._give_back(volume_id)
            raise

    def _claim(self, volume_id, minimum, copy=None):
        """A LUN, to be empty or to become a copy; its LunState."""
        maximum = model.Capacity(
            minimum.bytes * (100 + self.oversize_percent) // 100)
        operation = str(uuid.uuid4())
        try:
            if copy is not None:
                return self.pool.copy(volume_id, operation, minimum, maximum,
                                      copy)
            return self.pool.claim(volume_id, operation, minimum, maximum,
                                   trust=self.trust)
        except exceptions.NoSuitableLun as err:
            raise self._none_fits(err, minimum, maximum) from err
        except (exceptions.OutcomeUnknown, exceptions.BadAnswer):
            # an answer that cannot be read may be that of a claim done
            lun = cancelled(
                self.pool, volume_id, operation, 'a LUN was taken',
                'Deleting the volume frees it; if Cinder creates it '
                'elsewhere, it stays reserved, with the volume in its owner '
                'column.')
            if lun is None:
                raise
            return lun

    def _none_fits(self, err, minimum, maximum):
        """The refusal, with the figures an operator needs."""
        try:
            largest = _gib(model.Capacity(int(err.fields['largest'])))
        except (KeyError, ValueError):
            largest = '?'
        return exceptions.NoSuitableLun(
            'Pool %s has no free LUN of %s to %s GiB '
            '(zvm_max_oversize_percent is %s); its largest free LUN has %s '
            'GiB' % (self.pool.name, _gib(minimum), _gib(maximum),
                     self.oversize_percent, largest),
            code=err.code, fields=err.fields)

    def _prepared(self, lun):
        if lun.state == 'preparing':
            LOG.info('%(lun)s is wiped before volume %(volume)s gets it.',
                     {'lun': errors.place(lun), 'volume': lun.volume_id})
            lun = self.wait(lun.volume_id)
        elif lun.state == 'copying':
            LOG.info('%(lun)s becomes a copy of volume %(source)s for '
                     '%(volume)s.',
                     {'lun': errors.place(lun), 'source': lun.source,
                      'volume': lun.volume_id})
            lun = self.wait(lun.volume_id)
        if lun is None or lun.state != 'ours':
            raise exceptions.LunBusy(
                'The LUN is %s and not ready for the volume'
                % (lun.state if lun else 'gone'),
                advice='Create the volume again.')
        return lun

    def _give_back(self, volume_id):
        """Undo a create; its own failure must not hide the first one."""
        try:
            self._release(volume_id)
        except Exception as err:
            LOG.error('The LUN taken for volume %(volume)s could not be '
                      'given back to pool %(pool)s: %(error)s Deleting the '
                      'volume tries again; if Cinder creates it elsewhere, '
                      'the LUN stays reserved, with the volume in its owner '
                      'column.',
                      {'volume': volume_id, 'pool': self.pool.name,
                       'error': err})

    # delete

    def delete(self, volume_id, saved=True):
        """Wipe the volume's LUN and free it.

        Finds a wipe that a killed cinder-volume had started and waits for it.
        A LUN in quarantine is wiped again: its disk is checked anew, and the
        operator may have mended what was wrong.  One that was the operator's,
        and of which Cinder has never saved that it manages it, is left to him.

        :param volume_id: the volume's name_id
        :param saved: whether Cinder has saved that the LUN is the volume's
        :returns: False when the ledger knew no such volume
        :raises VolumeIsBusy: a guest holds it
        :raises ZvmError: the LUN is not free: wiping, quarantined or unknown
        """
        lun = self.pool.look(volume_id)
        if lun is None:
            return False
        if lun.phase == 'manage' and not saved:
            self.unmanage(volume_id, lun)
            return True
        if lun.phase == 'manage':
            self.pool.confirm([volume_id])
        if self._release(volume_id, lun) is not None:
            self.wait(volume_id)
        return True

    def unmanage(self, volume_id, lun=None):
        """Leave the LUN to the operator, with all its data.

        :param lun: its LunState when just read
        :returns: False when the ledger knew no such volume (any more)
        :raises VolumeIsBusy: a guest holds it, or it is being copied
        """
        for left in reversed(range(_TRIES)):
            lun = lun or self.pool.look(volume_id)
            if lun is None:
                return False
            if lun.state == 'used':
                raise errors.busy(lun)
            if lun.readers:
                raise errors.read(lun, 'Unmanage it')
            try:
                found = managing.unmanage(self.pool, lun)
            except exceptions.VolumeUnknown:
                return False
            except (exceptions.StaleGeneration, exceptions.LunBusy):
                if not left:
                    raise
                lun = None
            else:
                LOG.info('Volume %(volume)s was %(lun)s, which is the '
                         'operator\'s from here on.',
                         {'volume': volume_id, 'lun': errors.place(found)})
                return True

    def _release(self, volume_id, lun=None):
        """See that a wipe runs, after which the LUN is free.

        :param lun: its LunState when just read
        :returns: LunState, or None when nothing is left to release
        """
        for left in reversed(range(_TRIES)):
            lun = lun or self.pool.look(volume_id)
            if lun is None:
                return None
            if lun.state == 'used':
                raise errors.busy(lun)
            if lun.readers:
                raise errors.read(lun)
            if lun.state in ('wiping', 'freeing'):
                return lun
            try:
                return self.pool.release(volume_id, lun.generation)
            except exceptions.VolumeUnknown:
                return None
            except (exceptions.StaleGeneration, exceptions.LunBusy,
                    exceptions.OutcomeUnknown) as err:
                LOG.warning('Release of volume %(volume)s: %(error)s',
                            {'volume': volume_id, 'error': err})
                if not left:
                    raise
                lun = None

    def wait(self, volume_id):
        """Wait for the job, through outages of the MN and the zHCP.

        :returns: LunState when the LUN is ours, None when it was freed
        :raises WipeFailed: it is in quarantine
        :raises CopyFailed: it is no copy
        :raises OutcomeUnknown: the time is over and the job goes on
        """
        end = time.monotonic() + self.job_timeout
        for left in reversed(range(_OUTAGES)):
            seconds = max(1, int(end - time.monotonic()))
            try:
                return self.pool.wait(volume_id, seconds)
            except (exceptions.TryLater, exceptions.OutcomeUnknown) as err:
                if not left or time.monotonic() >= end:
                    raise
                LOG.warning('Waiting for the job of volume %(volume)s: '
                            '%(error)s',
                            {'volume': volume_id, 'error': err})
                time.sleep(_PAUSE)

    # look

    def find(self, volume_id):
        """The LUN of a volume.

        :raises VolumeUnknown: the ledger knows none
        """
        lun = self.pool.look(volume_id)
        if lun is None:
            raise exceptions.VolumeUnknown(
                'The ledger knows no LUN of volume %s in pool %s'
                % (volume_id, self.pool.name))
        return lun

    # copies

    def copy(self, volume_id, source_id, gib, verify, role='current'):
        """A LUN that has the bytes of another one's whole real size.

        :param volume_id: of the volume (name_id) or snapshot that is made
        :param source_id: of the volume (name_id) or snapshot that is copied
        :param gib: size in GiB; the LUN is at least as large as its source's
        :param verify: ``all`` or ``sampled``: what is read back
        :param role: ``current`` for a volume, ``snapshot`` for a snapshot
        :returns: LunState
        :raises ZvmError: nothing is left behind, as with :meth:`create`
        :raises VolumeIsBusy: the source is attached
        """
        source = self.at_rest(source_id)
        copy = scsi_pool.Copy(source, role, verify, self.job_timeout)
        return self._finished(volume_id, self._claim(
            volume_id, max(model.Capacity.from_gib(gib), source.size), copy))

    def at_rest(self, volume_id):
        """The LUN of a volume that nobody uses or works on.

        :returns: LunState
        :raises VolumeIsBusy: a guest has it
        :raises LunBusy, VolumeUnknown: a job has it, or there is none
        """
        lun = self.find(volume_id)
        if lun.state == 'used':
            raise errors.attached(lun)
        if lun.state != 'ours':
            raise exceptions.LunBusy(
                'The LUN of volume %s is %s' % (volume_id, lun.state),
                advice='Wait until the running operation has ended.')
        return lun

    def extend(self, volume_id, gib, verify):
        """Let the volume have a new size, on a larger LUN where need be.

        :param gib: new size in GiB
        :param verify: as of :meth:`copy`
        :returns: LunState; another LUN than before when its data have moved
        :raises VolumeIsBusy: the volume is attached
        :raises ZvmError: the volume is as it was
        """
        lun = self.at_rest(volume_id)
        wanted = model.Capacity.from_gib(gib)
        if lun.size >= wanted:
            return lun
        return self._move(lun, lun, wanted, verify)

    def revert(self, volume_id, snapshot_id, verify):
        """Let the volume have the snapshot's bytes, on another LUN.

        The old LUN is wiped when the new one has taken its place, so that
        whatever dies in between leaves the volume as it was, or as wanted.

        :returns: LunState of the new LUN
        :raises VolumeIsBusy: the volume is attached
        :raises ZvmError: the volume is as it was
        """
        lun = self.at_rest(volume_id)
        snapshot = self.at_rest(snapshot_id)
        return self._move(lun, snapshot, max(lun.size, snapshot.size),
                          verify)

    def beside(self, pool):
        """The same operations on another pool of the zHCP."""
        return VolumeOperations(pool, self.oversize_percent,
                                self.job_timeout, self.trust)

    def bring(self, volume_id, verify):
        """Let a volume of another pool of the zHCP be in this one.

        :param verify: as of :meth:`copy`
        :returns: LunState; as it is when the volume is here already
        :raises VolumeIsBusy: the volume is attached
        :raises ZvmError: the volume is as it was
        """
        lun = self.at_rest(volume_id)
        if lun.pool != self.pool.name:
            return self._move(lun, lun, lun.size, verify)
        if lun.scope != self.pool.zhcp.scope:
            # two back-ends have this pool
            return moves.entrust(self.pool, lun, self.pool.zhcp.scope)
        return lun

    def _move(self, lun, source, minimum, verify):
        """Let a copy of the source take the place of a volume's LUN."""
        move_id = str(uuid.uuid4())
        copy = scsi_pool.Copy(source, 'target', verify, self.job_timeout,
                              replaces=lun)
        target = self._finished(move_id, self._claim(
            move_id, max(minimum, source.size), copy))
        try:
            return self._switch(target, lun.volume_id)
        except Exception:
            # after a switch this is the old LUN, which is wiped anyway
            self._give_back(move_id)
            raise

    def _switch(self, target, volume_id):
        """The volume's LUN is the target now, through outages and clones.

        A repeated switch answers what is so; one whose old LUN is wiped and
        free already is refused, and has been done.
        """
        end = time.monotonic() + self.job_timeout
        for left in reversed(range(_OUTAGES)):
            try:
                return self._when_not_read(target.volume_id, volume_id, end)
            except exceptions.ZvmError as err:
                passing = isinstance(err, (exceptions.TryLater,
                                           exceptions.OutcomeUnknown))
                if not (passing and left and time.monotonic() < end):
                    found = self._is_moved(target, volume_id)
                    if found is None:
                        raise
                    return found
                LOG.warning('Volume %(volume)s is about to move: %(error)s',
                            {'volume': volume_id, 'error': err})
                time.sleep(_PAUSE)

    def _when_not_read(self, move_id, volume_id, end):
        while True:
            try:
                return self.pool.switch(move_id, volume_id)
            except exceptions.LunBusy as err:
                # a clone that began meanwhile reads the old LUN
                if not err.fields.get('readers') or time.monotonic() >= end:
                    raise
                LOG.info('Volume %(volume)s: %(error)s',
                         {'volume': volume_id, 'error': err})
                time.sleep(_PAUSE)

    def _is_moved(self, target, volume_id):
        """LunState of the volume if it has the target's LUN, or None.

        Failing to find out must not hide the first error.
        """
        try:
            found = self.pool.look(volume_id)
        except exceptions.ZvmError as err:
            LOG.error('Whether volume %(volume)s has moved is not known: '
                      '%(error)s', {'volume': volume_id, 'error': err})
            return None
        if found and (found.wwpns, found.lun) == (target.wwpns, target.lun):
            return found
        return None


def _gib(capacity):
    return '%.2f' % (capacity.bytes / 1024 ** 3)
