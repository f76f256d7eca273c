# SPDX-License-Identifier: Apache-2.0
"""What may be managed, as Cinder's API lists it.

Free LUNs are not listed: they belong to the pool, and any volume may get one
at any moment.  All others are, and those that cannot be managed say why.
"""

from zvm_common import model

# Of a LUN that is a volume's or a snapshot's.
_WHY = {
    'preparing': 'it is being wiped for %s',
    'copying': 'it becomes the copy %s',
    'ours': 'already managed as %s',
    'wiping': 'it was %s and is being wiped',
    'freeing': 'it was %s and is about to be free',
}


def volumes(view, known):
    """Entries of the LUNs that are volumes, or might become some.

    :param view: PoolView
    :param known: {name_id: id} of the volumes that Cinder has here
    """
    return [_entry(lun, known.get(lun.volume_id)) for lun in view.luns
            if lun.state != 'free' and lun.role != 'snapshot']


def snapshots(view, known):
    """Entries of the LUNs that are snapshots, or might become some.

    ``source_reference`` is the LUN of a snapshot's volume; empty where there
    is none, as a LUN that might become a snapshot has no volume yet.

    :param known: {id: snapshot} of the snapshots that Cinder has here
    """
    places = {lun.volume_id: reference(lun) for lun in view.luns
              if lun.volume_id}
    found = []
    for lun in view.luns:
        if lun.role == 'snapshot' or not lun.volume_id and (
                lun.state in ('foreign', 'unmanaged')):
            row = known.get(lun.volume_id)
            source = row and row.volume and places.get(row.volume.name_id)
            found.append(dict(_entry(lun, row and row.id),
                              source_reference=source or {}))
    return found


def reference(lun):
    """By which a LUN is managed."""
    return {'wwpn': model.format_wwpns(lun.wwpns), 'lun': str(lun.lun)}


def _entry(lun, cinder_id):
    why = _why_not(lun)
    return {'reference': reference(lun),
            'size': lun.size.bytes // model.GIB if lun.size else 0,
            'safe_to_manage': why is None, 'reason_not_safe': why,
            'cinder_id': cinder_id, 'extra_info': _more(lun)}


def _more(lun):
    """What helps an operator to tell one LUN from another; texts only."""
    found = {'state': lun.state, 'owner': lun.owner, 'wwid': lun.wwid,
             'was': lun.was}
    return {key: str(value) for key, value in found.items() if value}


def _why_not(lun):
    """Why a LUN cannot be managed, or None."""
    if lun.twice:
        return 'it stands on two lines of the pools'
    if lun.state in ('foreign', 'unmanaged'):
        return _why_not_his(lun)
    if lun.state == 'used':
        return 'volume %s, used by guest %s' % (lun.volume_id,
                                                lun.userid or lun.node)
    if lun.state == 'lost':
        return ('its line bears the stamp of a volume that the ledger does '
                'not have')
    if lun.state == 'quarantined':
        return 'in quarantine: %s' % lun.why
    what = 'snapshot' if lun.role == 'snapshot' else 'volume'
    return _WHY[lun.state] % ('%s %s' % (what, lun.volume_id))


def _why_not_his(lun):
    if lun.status.lower() == 'used':
        return 'used by guest %s, as its line says' % (lun.owner or '?')
    if lun.status != 'reserved':
        return 'its line says %s, not reserved' % (lun.status or 'nothing')
    if lun.drift:
        return 'its line bears the stamp of a volume that left it'
    return None
