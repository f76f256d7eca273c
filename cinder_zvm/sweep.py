# SPDX-License-Identifier: Apache-2.0
"""The ledger beside Cinder's records: what was cut off is finished or undone.

A sweep reads the ledger first and Cinder's database after it.  A volume or
snapshot is in the database before its LUN is claimed and until the LUN is
free, so that one which the ledger has and the database has not is truly
unknown to Cinder.  The copy that takes the place of a volume's LUN has an id
of its own that Cinder never knows: it is a create that nobody has finished.

What the sweep does with a LUN of this back-end:

==================  ======================  =================================
Cinder              ledger                  what is done
==================  ======================  =================================
has it here         a create under way      it is finished
has it on another   the volume's            the provider_id is corrected
LUN
has it here         set aside as unknown    it is the volume's again
has it here         the volume's, in        the provider_id is corrected, and
                    another pool            told: it was being migrated
elsewhere           the volume's            told: it was being migrated
elsewhere or not    a create under way      undone when its lease is over
has saved it        a manage under way      it is finished
not                 a manage under way      given back to the operator when its
                                            lease is over
not                 the volume's            set aside: its data stay
not                 used by a guest         told, nothing is done
has it or not       lent to a Cinder host   the volume's again when that host
                                            cannot have it any more
has it here         nothing                 no volume is created any more
==================  ======================  =================================

A LUN is wiped here only to undo a create, and no guest ever had that one.
While Cinder has the row of a volume whose manage has failed, its LUN stays:
deleting the row gives it back.
"""

import dataclasses
import threading
import time

from oslo_log import log as logging

from zvm_common import exceptions
from zvm_common.pool import managing

from cinder_zvm import volumeop

LOG = logging.getLogger(__name__)

# Of volumes that the pool does not show, so many are looked for elsewhere.
_LOOKED_FOR = 20
_MOST_CONFIRMED = 100

# Somebody else works on the volume: then it is not forgotten.
_MOVED_ON = (exceptions.StaleGeneration, exceptions.LunBusy,
             exceptions.VolumeUnknown, exceptions.NotOurs)

#: What :attr:`Pool.ledger` is while nothing may be claimed.
STOPPED = 'lost'


@dataclasses.dataclass
class Report:
    """What one sweep found; volume ids, or LUNs where it says so.

    ``moved`` are volumes of which Cinder did not know where they are,
    ``given_back`` LUNs that are the operator's, ``left`` volumes that Cinder
    has and whose LUNs were left to him, ``elsewhere`` those that are in the
    pool of another back-end than Cinder says: a migration between the two
    goes on or was cut off, ``waiting`` are creates that may be undone later,
    ``unknown`` volumes that guests use and Cinder does not know, ``lost``
    those that the ledger should have, ``returned`` are volumes that a Cinder
    host had and ``lent`` those that one still has, with the reason, ``drift``
    LUNs whose line differs and could not be mended.
    """

    confirmed: list = dataclasses.field(default_factory=list)
    moved: list = dataclasses.field(default_factory=list)
    undone: list = dataclasses.field(default_factory=list)
    given_back: list = dataclasses.field(default_factory=list)
    left: list = dataclasses.field(default_factory=list)
    waiting: list = dataclasses.field(default_factory=list)
    set_aside: list = dataclasses.field(default_factory=list)
    readmitted: list = dataclasses.field(default_factory=list)
    unknown: list = dataclasses.field(default_factory=list)
    lost: list = dataclasses.field(default_factory=list)
    elsewhere: list = dataclasses.field(default_factory=list)
    returned: list = dataclasses.field(default_factory=list)
    lent: list = dataclasses.field(default_factory=list)
    drift: list = dataclasses.field(default_factory=list)
    mended: list = dataclasses.field(default_factory=list)
    restored: str = ''

    def items(self):
        """(name, value) of what is not empty."""
        return [(field.name, getattr(self, field.name))
                for field in dataclasses.fields(self)
                if getattr(self, field.name)]


class Sweeper:
    """Sweeps of one back-end.

    :param pool: zvm_common.pool.Pool
    :param records: cinder_zvm.records.Records
    :param interval: seconds between two sweeps; 0: only when asked for
    :param lending: lending.Lending of the pool
    """

    def __init__(self, pool, records, interval, lending=None):
        self._pool = pool
        self._lending = lending
        self._records = records
        self._interval = interval
        self._swept = None
        self._waiting = frozenset()
        self._one = threading.Lock()

    def run(self):
        """Sweep now, whatever the interval.

        :returns: :class:`Report`
        :raises ZvmError: the zHCP cannot be asked
        """
        with self._one:
            self._swept = time.monotonic()
            report = self._judge(self._pool.sweep())
        self._tell(report)
        return report

    def after(self, view):
        """What a periodic look at the pool makes necessary.

        :param view: PoolView that was just read
        :returns: Report, or None where nothing was to be done
        """
        if self._is_due(view):
            return self.run()
        if any(self._is_ours(lun) and lun.phase in ('create', 'manage')
               and lun.state == 'ours' and lun.volume_id not in self._waiting
               for lun in view.luns):
            with self._one:
                report = self._judge(view)
            self._tell(report)
            return report
        return None

    def _is_due(self, view):
        if view.ledger != self._pool.ledger or view.restored:
            return True
        if any(self._is_minded(lun) and lun.drift for lun in view.luns):
            return True
        return bool(self._interval) and (
            self._swept is None
            or time.monotonic() - self._swept >= self._interval)

    def _is_ours(self, lun):
        return bool(lun.volume_id) and lun.scope == self._pool.zhcp.scope

    def _is_minded(self, lun):
        return self._is_ours(lun) or (lun.state == 'unmanaged' and
                                      lun.scope == self._pool.zhcp.scope)

    def _judge(self, view):
        known = self._records.volumes()
        report = Report(mended=list(view.mended), restored=view.restored)
        for lun in view.luns:
            if self._is_minded(lun) and lun.drift:
                report.drift.append('%s (%s)' % (lun.lun, lun.drift))
            if self._is_ours(lun):
                self._judge_one(lun, known.get(lun.volume_id), report)
        self._confirm(report)
        self._compare(view, known, report)
        # asked for again by the next whole sweep
        self._waiting = frozenset(report.waiting)
        return report

    def _judge_one(self, lun, known, report):
        if lun.phase == 'manage':
            self._judge_managed(lun, known, report)
        elif lun.lent:
            self._take_back(lun, report)
        elif known is not None and known.here:
            if lun.phase == 'create' and known.made:
                report.confirmed.append(lun.volume_id)
            elif lun.state in ('ours', 'used') and _is_misplaced(known, lun):
                self._correct(lun, known, report)
            elif lun.state == 'quarantined' and lun.phase == 'unknown':
                self._do(self._pool.readmit, lun, report, report.readmitted)
        elif lun.phase == 'create' and lun.state in (
                'ours', 'preparing', 'copying', 'filling', 'sending'):
            self._do(self._pool.abandon, lun, report, report.undone)
        elif known is not None and lun.state in ('ours', 'used'):
            report.elsewhere.append(lun.volume_id)
        elif known is None and lun.state == 'ours':
            self._do(self._pool.set_aside, lun, report, report.set_aside)
        elif known is None and lun.state == 'used':
            report.unknown.append(lun.volume_id)

    def _judge_managed(self, lun, known, report):
        if known is None:
            self._do(self._give_back, lun, report, report.given_back)
        elif known.made:
            report.confirmed.append(lun.volume_id)
        else:
            report.waiting.append(lun.volume_id)

    def _give_back(self, lun):
        managing.give_back(self._pool, lun)

    def _take_back(self, lun, report):
        why = self._lending.take_back(lun) if self._lending else 'lent'
        if why is None:
            report.returned.append(lun.volume_id)
        else:
            report.lent.append('%s (%s)' % (lun.volume_id, why))

    def _correct(self, lun, known, report):
        """The view is older than Cinder's row: it may have moved in between.

        So the LUN is looked at again, and the row changed from what it was.
        """
        now = self._pool.look(lun.volume_id)
        place = now and volumeop.provider_id(now)
        if place and place != known.provider_id and (
                known.save_provider_id(place)):
            report.moved.append(lun.volume_id)

    @staticmethod
    def _do(action, lun, report, done):
        try:
            action(lun)
        except exceptions.LeaseRuns:
            report.waiting.append(lun.volume_id)
        except _MOVED_ON as err:
            LOG.debug('The sweep leaves volume %s: %s', lun.volume_id, err)
        else:
            done.append(lun.volume_id)

    def _confirm(self, report):
        for start in range(0, len(report.confirmed), _MOST_CONFIRMED):
            self._pool.confirm(
                report.confirmed[start:start + _MOST_CONFIRMED])

    def _compare(self, view, known, report):
        """Nothing is claimed from a ledger that does not have our volumes."""
        shown = {lun.volume_id for lun in view.luns}
        was = {lun.was for lun in view.luns if lun.state == 'unmanaged'}
        report.left += sorted(each.volume_id for each in known.values()
                              if each.has_lun and each.volume_id in was)
        shown |= was
        absent = {each.volume_id: each for each in known.values()
                  if each.has_lun and each.volume_id not in shown}
        for volume_id in sorted(absent)[:_LOOKED_FOR]:
            lun = self._pool.look(volume_id)
            if lun is None:
                report.lost.append(volume_id)
            elif lun.pool != self._pool.name:
                report.elsewhere.append(volume_id)
                if _is_misplaced(absent[volume_id], lun):
                    self._correct(lun, absent[volume_id], report)
        self._pool.ledger = STOPPED if report.lost else view.ledger

    def _tell(self, report):
        for name, value in report.items():
            if name in _ALARMING:
                LOG.error('Pool %(pool)s: %(what)s: %(value)s',
                          {'pool': self._pool.name, 'what': _ALARMING[name],
                           'value': value})
            else:
                LOG.info('Pool %(pool)s, sweep: %(what)s %(value)s',
                         {'pool': self._pool.name, 'what': name,
                          'value': value})


def _is_misplaced(known, lun):
    """Cinder's row names another LUN than this one of its volume."""
    return known.made and not known.changing and (
        known.volume_id == lun.volume_id
        and known.provider_id != volumeop.provider_id(lun))


_ALARMING = {
    'left': 'Cinder still has these volumes or snapshots, and their LUNs were '
            'left to the operator. Unmanage them again',
    'unknown': 'guests use volumes that Cinder does not know, and nothing is '
               'done about it. Was its database rolled back?',
    'set_aside': 'Cinder does not know these volumes. Their LUNs are set '
                 'aside with all data, and theirs again when Cinder knows '
                 'them again',
    'lost': 'the ledger on the zHCP does not have these volumes, so nothing '
            'is allocated any more. Restore /var/lib/zvm-volume there, or '
            'run zvm-volume audit --rebuild',
    'drift': "somebody else has changed these LUNs' lines, and they cannot be "
             'written as they should be',
    'restored': 'the pool file was lost or shortened and is restored; look '
                'for who removes it (--zfcppoolnames does)',
}
