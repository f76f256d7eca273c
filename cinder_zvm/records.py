# SPDX-License-Identifier: Apache-2.0
"""What Cinder knows of volumes and snapshots, for sweeps and audits.

Cinder hands a driver the volumes of its own host only.  A volume that was
created elsewhere after this back-end had failed must not be taken for a
forgotten one, so the whole list is asked for.
"""

import dataclasses

from cinder import context
from cinder import objects
from cinder.volume import volume_utils

# Rows of one query.
_BATCH = 500

# The volume has no LUN yet, or maybe none any more.  'deleted' is what is left
# of a group of which not all could be deleted.
_WITHOUT = frozenset(('creating', 'deleting', 'error_deleting', 'error',
                      'managing', 'error_managing', 'error_managing_deleting',
                      'unmanaging', 'error_unmanaging', 'deleted'))

# It is being made, or that has failed.
_UNMADE = frozenset(('creating', 'managing', 'error_managing',
                     'error_managing_deleting'))


@dataclasses.dataclass(frozen=True)
class Known:
    """A volume or snapshot of Cinder's database.

    ``volume_id`` is its name_id, or the snapshot's id, by which the ledger
    knows it, ``here`` says whether it is on this back-end, ``provider_id`` is
    ours or ''. ``volume`` is the row of the volume, None for a snapshot, and
    ``row`` that of either. ``changing`` says that Cinder is about to give its
    row another LUN and another back-end, one after the other.
    """

    volume_id: str
    here: bool
    status: str
    provider_id: str
    volume: object = dataclasses.field(default=None, repr=False,
                                       compare=False)
    row: object = dataclasses.field(default=None, repr=False, compare=False)
    changing: bool = False

    @property
    def made(self):
        """Its create is over, and saved."""
        return self.here and bool(self.provider_id) and (
            self.status not in _UNMADE)

    def save_provider_id(self, provider_id):
        """Say in Cinder's database where it is; whether that was done.

        Nothing is, when somebody else has said so meanwhile.
        """
        return bool(self.row.conditional_update(
            {'provider_id': provider_id}, {'provider_id': self.provider_id}))

    @property
    def has_lun(self):
        """Cinder expects that its data are here."""
        return self.here and bool(self.provider_id) and not (
            self.changing or self.status in _WITHOUT)


class Records:
    """All volumes and snapshots of the cloud.

    :param host: of the back-end, host@backend
    :param cluster: of the back-end, None without
    """

    def __init__(self, host, cluster=None):
        self._host = host
        self._cluster = cluster

    def volumes(self):
        """Each volume and snapshot by its id in the ledger: {uuid: Known}.

        A volume that is migrated is found by both of its ids.  Snapshots are
        where their volume is: Cinder migrates no volume that has some.
        """
        found, here = {}, {}
        for volume in _rows('VolumeList'):
            known = Known(volume.name_id, self._is_here(volume),
                          volume.status, volume.provider_id or '', volume,
                          volume, volume.migration_status == 'completing')
            found.setdefault(volume.id, known)
            found[volume.name_id] = known
            here[volume.id] = known.here
        for each in _rows('SnapshotList'):
            found[each.id] = Known(each.id, here.get(each.volume_id, False),
                                   each.status, each.provider_id or '',
                                   row=each)
        return found

    def _is_here(self, volume):
        if self._cluster and volume.cluster_name:
            return self._cluster == volume_utils.extract_host(
                volume.cluster_name)
        return bool(volume.host) and self._host == volume_utils.extract_host(
            volume.host)


def _rows(kind):
    """All rows of a VolumeList or SnapshotList, in batches."""
    marker = None
    while True:
        # the objects are registered by then
        rows = getattr(objects, kind).get_all(
            context.get_admin_context(), filters=None, marker=marker,
            limit=_BATCH,
            sort_keys=['created_at', 'id'], sort_dirs=['asc', 'asc'])
        yield from rows
        if len(rows) < _BATCH:
            return
        marker = rows[-1].id
