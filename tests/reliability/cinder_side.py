# SPDX-License-Identifier: Apache-2.0
"""cinder-volume with two pools and an array, and Cinder's API beside it.

The VolumeManager is the real one (see tests/functional/cinder/harness.py);
what the API writes to the database before and after it asks the manager is
written here.
"""

import pathlib
import sys

from tests.functional.cinder import harness
from tests.reliability import kill
from tests.reliability import sabotage

BACKEND, OTHER, ARRAY = 'zvmssio1', 'zvmssio2', 'array'


def import_all():
    """All that a process needs, without a thread or a connection."""
    from cinder import monkey_patch
    monkey_patch.patch()        # chooses native threads
    from cinder.common import config  # noqa: F401 registers the options
    from cinder import objects
    objects.register_all()
    from cinder import coordination  # noqa: F401
    from cinder.db import migration  # noqa: F401
    from cinder import rpc  # noqa: F401
    from cinder.volume import manager  # noqa: F401 needs the objects

    from cinder_zvm import volumedriver  # noqa: F401


class Side:
    """cinder-volume with two pools of a zHCP, on a folder of its own.

    :param channel: see channels.Channel
    :param folder: configuration, database, log; what a process before left
        there is found
    :param database: a ready one, copied to begin with; None makes one and
        starts nothing
    :param options: of the back-ends, see harness.section; the second has
        zvm_scsi_pool of `other_pool`
    """

    def __init__(self, channel, folder, database, server=None, ca_file=None,
                 options=None, other_pool=None, sabotaged=False,
                 glance=None):
        if database is None:
            harness.Cinder(folder, {})
            return
        self._killer = kill.Killer(server, ca_file)
        section = harness.section(1, zvm_xcat_server=server,
                                  zvm_ca_file=ca_file, **(options or {}))
        sections = {BACKEND: section}
        if other_pool:
            sections[OTHER] = dict(section, zvm_scsi_pool=other_pool)
            sections[ARRAY] = dict(
                section, volume_driver='tests.reliability.array.ArrayDriver')
        if sabotaged:
            from cinder_zvm import volumedriver
            sabotage.commit(volumedriver.ZVMVolumeDriver)
        self._cinder = harness.Cinder(folder, sections, database, more={
            'DEFAULT': {'auth_strategy': 'noauth',
                        'glance_api_servers': glance}})
        for name in sections:
            found = self._cinder.start(name).driver
            if name != ARRAY:
                _ours(found)

    def arm(self, k=None, moment=None):
        """See kill.Killer."""
        self._killer.arm(k, moment)

    def names(self):
        """The requests since :meth:`arm`."""
        return self._killer.names

    def sweep(self):
        """What the drivers do by themselves from time to time."""
        for name, manager in self._cinder.managers.items():
            if name != ARRAY:
                manager.driver.sweep()

    # volumes

    def order(self, gib, **source):
        """The id of a volume that is to be created.

        :param source: snapshot_id or source_volid
        """
        return self._cinder.order(BACKEND, gib, **source).id

    def order_other(self):
        """The id of a volume that is to be created on the array."""
        return self._cinder.order(ARRAY, 1).id

    def create(self, volume):
        """Its row afterwards."""
        self._cinder.make(self._cinder.volume(volume))
        return self.get(volume)

    def create_from_image(self, volume, image):
        """Its row afterwards."""
        self._cinder.make(self._cinder.volume(volume), image_id=image)
        return self.get(volume)

    def upload(self, volume, image):
        """Its row afterwards."""
        self._cinder.upload(self._cinder.volume(volume), image)
        return self.get(volume)

    def delete(self, volume):
        """Whether the volume is gone from the database."""
        self._cinder.delete(self._cinder.volume(volume))
        return self._is_gone(volume)

    def _is_gone(self, volume):
        from cinder import exception
        try:
            self._cinder.volume(volume)
        except exception.VolumeNotFound:
            return True
        return False

    def order_manage(self):
        """The id of a volume that is to be managed."""
        return self._cinder.order(BACKEND, 0, status='managing').id

    def manage(self, volume, reference):
        """Its row afterwards."""
        self._cinder.manage(self._cinder.volume(volume), reference)
        return self.get(volume)

    def unmanage(self, volume):
        """Whether the volume is gone from the database."""
        self._cinder.unmanage(self._cinder.volume(volume))
        return self._is_gone(volume)

    def extend(self, volume, gib):
        """Its row afterwards."""
        self._cinder.extend(self._cinder.volume(volume), gib)
        return self.get(volume)

    def migrate(self, volume):
        """To the second back-end, as API and scheduler have prepared it; its
        row afterwards.
        """
        found = self._cinder.volume(volume)
        found.migration_status, found.previous_status = (
            'starting', found.status)
        found.save()
        other = self._cinder.managers[OTHER]
        self._cinder.managers[BACKEND].migrate_volume(
            self._cinder.context, found, {
                'host': '%s#%s' % (other.host,
                                   other.driver.get_pool(found)),
                'cluster_name': None, 'capabilities': {
                    'location_info': str(other.driver._location())}})
        return self.get(volume)

    def revert(self, volume, snapshot):
        """Its row afterwards."""
        self._cinder.revert(self._cinder.volume(volume),
                            self._cinder.snapshot(snapshot))
        return self.get(volume)

    # snapshots

    def order_snapshot(self, volume):
        """The id of a snapshot that is to be created."""
        return self._cinder.order_snapshot(self._cinder.volume(volume)).id

    def make_snapshot(self, snapshot):
        """Its status afterwards."""
        found = self._cinder.snapshot(snapshot)
        self._cinder.make_snapshot(found)
        return found.status

    def delete_snapshot(self, snapshot):
        """Whether the snapshot is gone from the database."""
        from cinder import exception
        self._cinder.delete_snapshot(self._cinder.snapshot(snapshot))
        try:
            self._cinder.snapshot(snapshot)
        except exception.SnapshotNotFound:
            return True
        return False

    # the database

    def get(self, volume):
        return _row(self._cinder.volume(volume))

    def set_status(self, volume, status):
        """What begin_detaching, roll_detaching and reserve do."""
        found = self._cinder.volume(volume)
        found.status = status
        found.save()

    # attachments

    def attachment_create(self, volume, instance):
        """Nova's API reserves the volume before it asks nova-compute."""
        from cinder import objects
        self.set_status(volume, 'reserved')
        made = objects.VolumeAttachment(
            self._cinder.context, volume_id=volume, instance_uuid=instance,
            attach_status='reserved')
        made.create()
        return made.id

    def attachment_update(self, attachment, connector):
        """The connection_info."""
        row, volume = self._attachment(attachment)
        info = self._cinder._manager(volume).attachment_update(
            self._cinder.context, volume, connector, row.id)
        # the manager has changed the row, and Cinder's API keeps this in it
        row, _ = self._attachment(attachment)
        row.connection_info = info
        row.save()
        return info

    def attachment_get(self, attachment):
        """The connection_info that was kept."""
        return self._attachment(attachment)[0].connection_info

    def attachment_complete(self, attachment):
        row, volume = self._attachment(attachment)
        self._cinder.complete(volume, row)

    def attachment_delete(self, attachment):
        row, volume = self._attachment(attachment)
        if row.attach_status != 'reserved':
            self._cinder.detach(volume, row)
            return
        row.destroy()
        volume.status, volume.attach_status = 'available', 'detached'
        volume.save()

    def _attachment(self, attachment):
        from cinder import objects
        row = objects.VolumeAttachment.get_by_id(self._cinder.context,
                                                 attachment)
        return row, self._cinder.volume(row.volume_id)

    def records(self):
        """What Cinder knows: volumes, snapshots and attachments."""
        from cinder import objects
        context = self._cinder.context
        return {
            'volumes': [_row(volume) for volume
                        in objects.VolumeList.get_all(context)],
            'snapshots': [
                {'id': row.id, 'volume': row.volume_id, 'status': row.status,
                 'provider_id': row.provider_id}
                for row in objects.SnapshotList.get_all(context, None)],
            'attachments': [
                {'id': row.id, 'volume': row.volume_id,
                 'instance': row.instance_uuid, 'status': row.attach_status}
                for row in objects.VolumeAttachmentList.get_all(context)]}


def _row(volume):
    return {'id': volume.id, 'name_id': volume.name_id, 'size': volume.size,
            'status': volume.status, 'provider_id': volume.provider_id,
            'array': '@%s#' % ARRAY in volume.host,
            'moved': not any('@%s#' % name in volume.host
                             for name in (BACKEND, ARRAY))
            or volume.migration_status is not None}


def _ours(driver):
    """The driver of the installed package, and it works."""
    kind = type(driver)
    where = pathlib.Path(sys.modules[kind.__module__].__file__)
    if ('%s.%s' % (kind.__module__, kind.__name__) != harness.DRIVER
            or 'site-packages' not in where.parts):
        raise RuntimeError('Cinder loaded %s from %s' % (kind, where))
    if not driver.initialized:
        raise RuntimeError('the driver is not initialized')
