# SPDX-License-Identifier: Apache-2.0
"""What the zHCP program says of LUNs, as typed values."""

import collections
import dataclasses

from zvm_common import exceptions
from zvm_common import model

#: Lives of a LUN.  ``lost`` is a line with a volume's stamp and no record,
#: ``foreign`` one that somebody else has reserved or uses, ``freeing`` one
#: whose wipe is done and whose line is about to say so, ``copying`` one that
#: becomes a copy of another (``why`` says that it failed), ``filling`` and
#: ``sending`` ones to which or from which an image is on its way,
#: ``unmanaged`` one that was a volume's and is left to the operator.
STATES = ('free', 'preparing', 'copying', 'filling', 'ours', 'sending', 'used',
          'wiping', 'freeing', 'quarantined', 'lost', 'foreign', 'unmanaged')

#: The role of a volume that is in no pool of ours.
OTHER = 'other'

# Of these no volume is made: they are nobody's business here.
_NOT_OURS = ('foreign', 'unmanaged')


@dataclasses.dataclass(frozen=True)
class LunState:
    """One LUN: its pool line and its record in the ledger.

    ``capacity`` is what the line says, ``real`` what the disk itself said (or
    None); ``userid``, ``node``, ``instance``, ``attachment``, ``host`` and
    ``devices`` are set while it is used. ``operation_id`` is that of the claim
    or attach that made it what it is. ``drift`` says how the line differs
    from the record ('gone': there is none), '' when it does not. ``job`` is
    '', 'runs' or 'dead', ``done`` what a job that runs has wiped or copied
    and compared (bytes, whole GiB of them until the end), ``beat`` the seconds
    since it last said so. ``scope`` says whose record it is, ``phase`` what is
    not finished: ``create`` until Cinder's record is known to have the volume,
    ``manage`` likewise of one whose LUN was the operator's, ``dedicate`` and
    ``detach``, ``pending``, ``connect`` and ``leaving`` while it waits for
    its guest to run (not configured in it yet, perhaps so, or not wanted
    there any more), ``lent`` while a Cinder host and no guest uses it (see
    :attr:`lent`), ``switch`` while it takes the place of another
    LUN, ``unknown`` while it is set aside as Cinder does not know it.
    ``ipl`` is the path by which the guest loads its Linux from this LUN, as
    (FCP device, target port); None where it is no root disk.
    ``channel`` is iucv when that was the last way to its guest that worked
    (see :mod:`zvm_common.channel`).
    ``guest_off`` is true in the answer to an attach to a guest that is off.
    ``role`` is ``current``, ``snapshot``, ``other`` for a volume of another
    back-end, which is in no pool (``pool`` is '') and whose ``wwpns``, ``lun``
    (None) and ``ways`` are known while it is used, or of a volume that moves
    (``moves``) from one LUN to another ``target`` and ``old``; those have an
    id of their own as ``volume_id``. ``source`` is the volume that it is being
    copied from, ``readers`` are those that are copied from this one.
    ``sop`` is the operation of the last image transfer (kept until the next
    one), ``said`` what became of it: ``ok:SIZE:SHA256``, ``no:REASON`` (blanks
    as ``~``), or None (see :mod:`zvm_common.pool.streams`).
    ``status`` and ``owner`` are what the line says, ``was`` the volume that an
    unmanaged LUN was.
    """

    pool: str
    wwpns: tuple
    lun: model.Lun | None
    state: str
    generation: int
    capacity: model.Capacity | None = None
    real: model.Capacity | None = None
    ranges: model.DeviceRanges = model.DeviceRanges()
    volume_id: str | None = None
    operation_id: str | None = None
    userid: str | None = None
    node: str | None = None
    instance: str | None = None
    attachment: str | None = None
    host: str | None = None
    devices: tuple = ()
    wwid: str | None = None
    clean: bool = False
    twice: bool = False
    drift: str = ''
    job: str = ''
    done: int = 0
    beat: int = 0
    role: str = ''
    source: str | None = None
    moves: str | None = None
    readers: tuple = ()
    scope: str = ''
    phase: str = ''
    why: str | None = None
    sop: str | None = None
    said: str | None = None
    status: str = ''
    owner: str = ''
    was: str | None = None
    guest_off: bool = False
    ways: tuple = ()
    ipl: tuple | None = None
    channel: str = ''

    @property
    def paths(self):
        """Every :class:`~zvm_common.model.Path` that its guest has to it."""
        return self.ways or tuple(
            model.Path(device, wwpn, self.lun)
            for device in self.devices for wwpn in self.wwpns)

    @property
    def other(self):
        """A volume of another Fibre Channel back-end."""
        return self.role == OTHER

    @property
    def size(self):
        """The :class:`Capacity` that counts: the disk's own, if known."""
        return self.real or self.capacity

    @property
    def lent(self):
        """Used by the Cinder host ``host``, not by a guest of Nova's."""
        return self.state == 'used' and self.phase == 'lent'

    @property
    def claimable(self):
        """Free, of known size and not on two lines."""
        return (self.state == 'free' and not self.twice
                and self.capacity is not None)


@dataclasses.dataclass(frozen=True)
class PoolView:
    """All LUNs of a pool at one moment.

    ``bad`` are the numbers (from 1) of the LUN lines that nobody can read.
    ``ledger`` identifies the ledger, ``restored`` names the pool when its file
    had to be restored, ``mended`` are LUNs that a sweep has set right.
    """

    luns: tuple
    bad: tuple = ()
    ledger: str = ''
    restored: str = ''
    mended: tuple = ()

    def stats(self):
        """Sizes in GiB (floats) and ``counts`` of LUNs by state."""
        free = [s.capacity.bytes for s in self.luns if s.claimable]
        total = [s.size.bytes for s in self.luns
                 if s.size and s.state not in _NOT_OURS]
        counts = collections.Counter({state: 0 for state in STATES})
        counts.update(s.state for s in self.luns)
        counts['drift'] = sum(1 for s in self.luns if s.drift)
        counts['twice'] = sum(1 for s in self.luns if s.twice)
        return {'total_gib': sum(total) / model.GIB,
                'free_gib': sum(free) / model.GIB,
                'largest_free_gib': max(free, default=0) / model.GIB,
                'counts': dict(counts)}


def pool_view(answer):
    """A :class:`PoolView` from the answer to ``view`` or ``sweep``."""
    return PoolView(
        tuple(lun_state(row) for row in answer.rows if 'bad' not in row),
        tuple(row['bad'] for row in answer.rows if 'bad' in row),
        ledger=answer.fields.get('ledger', ''),
        restored=answer.fields.get('restored', ''),
        mended=tuple(lun for lun in
                     answer.fields.get('mended', '').split(';') if lun))


def lun_state(fields):
    """A :class:`LunState` from the fields of a row.

    :raises BadAnswer: for what no zHCP program writes
    """
    try:
        return _lun_state(fields)
    except (KeyError, ValueError) as e:
        raise exceptions.BadAnswer(
            'The zHCP describes a LUN as %s: %s'
            % (exceptions.excerpt(fields), e)) from e


def _lun_state(fields):
    get = fields.get
    if fields['state'] not in STATES:
        raise ValueError('unknown state')
    return LunState(
        **_place(fields),
        state=fields['state'],
        generation=int(get('gen') or 0),
        capacity=_bytes(get('bytes')),
        real=_bytes(get('real')),
        ranges=_ranges(get('range')),
        volume_id=_maybe(model.Uuid, get('volume')),
        operation_id=_maybe(model.OperationId, get('op')),
        userid=_maybe(model.Userid, get('guest')),
        node=_maybe(model.NodeName, get('node')),
        instance=_maybe(model.Uuid, get('instance')),
        attachment=_maybe(model.Uuid, get('attachment')),
        host=get('host') or None,
        devices=tuple(model.DeviceNumber(d)
                      for d in (get('fcp') or '').split(';') if d),
        wwid=get('wwid') or None,
        clean=get('clean') == 'yes',
        twice=bool(get('dup')),
        drift=get('drift') or '',
        job=get('job') or '',
        done=int(get('done') or 0),
        beat=int(get('beat') or 0),
        role=get('role') or '',
        source=_maybe(model.Uuid, get('source')),
        moves=_maybe(model.Uuid, get('moves')),
        readers=tuple(str(model.Uuid(v)) for v
                      in (get('readers') or '').split(';') if v),
        scope=get('scope') or '',
        phase=get('phase') or '',
        why=(get('why') or '').replace('~', ' ').strip() or None,
        guest_off=get('off') == 'yes',
        channel=get('way') or '',
        sop=_maybe(model.OperationId, get('sop')),
        said=get('said') or None,
        status=get('status') or '',
        owner=get('owner') or '',
        was=_maybe(model.Uuid, get('was')),
        ipl=_ipl(get('ipl')))


def _place(fields):
    if fields.get('role') != OTHER:
        return {'pool': str(model.PoolName(fields['pool'])),
                'wwpns': model.parse_wwpns(fields['wwpns']),
                'lun': model.Lun(fields['lun'])}
    if not fields.get('paths'):
        return {'pool': '', 'wwpns': (), 'lun': None}
    return {'pool': '', 'wwpns': model.parse_wwpns(fields['wwpns']),
            'lun': model.Lun(fields['lun']),
            'ways': tuple(model.Path(*path.split(':'))
                          for path in fields['paths'].split(';'))}


def _maybe(kind, text):
    return str(kind(text)) if text else None


def _ipl(text):
    device, _, port = (text or '').partition(':')
    return (model.DeviceNumber(device), model.Wwpn(port)) if text else None


def _bytes(text):
    return model.Capacity(int(text)) if text and int(text) else None


def _ranges(text):
    # a range column that nobody can read allows no device, and stops nothing
    try:
        return model.DeviceRanges.parse(text or '')
    except exceptions.InvalidValue:
        return model.DeviceRanges()
