# SPDX-License-Identifier: Apache-2.0
"""What the tests of sweeps do with a real VolumeManager (see scenarios)."""

import dataclasses
import uuid

from tests.functional.cinder import scenarios

BATCHES = []


def _batches_of_two():
    """Cinder's whole list in many queries, each noted."""
    from cinder import objects

    from cinder_zvm import records
    really = objects.VolumeList.get_all.__func__
    records._BATCH = 2

    def get_all(cls, *args, **kwargs):
        found = really(cls, *args, **kwargs)
        BATCHES.append(len(found))
        return found
    objects.VolumeList.get_all = classmethod(get_all)


def sweep(cinder, backend):
    """One sweep, with Cinder's records in batches of two."""
    _batches_of_two()
    report = cinder.managers[backend].driver.sweep()
    return dict(dataclasses.asdict(report), batches=BATCHES)


def abandon(cinder, backend, count=1):
    """Claims whose volumes Cinder does not have."""
    pool = scenarios._backend(cinder, backend).pool
    from zvm_common import model
    size = model.Capacity.from_gib(1)
    return [str(pool.claim(str(uuid.uuid4()), str(uuid.uuid4()), size, size,
                           trust=True).lun) for _ in range(count)]


def use(cinder, backend, instance, userid, node, volume_id):
    """A guest gets the volume; Cinder records the attachment."""
    from zvm_common import fcp
    volume = cinder.volume(volume_id)
    devices, held, connector = scenarios.connector_of(
        scenarios._backend(cinder, backend), instance, userid)
    attachment, info = cinder.attach(volume, connector, instance)
    devices.attach(fcp.AttachRequest(
        volume_id=volume.name_id, generation=info['zvm_generation'],
        attachment_id=attachment.id, instance_uuid=instance, userid=userid,
        node=node, devices=tuple(device.number for device in held)))
    cinder.complete(volume, attachment)
    return attachment.id


def unuse(cinder, backend, instance, volume_id):
    """The guest gives it back."""
    from zvm_common import fcp
    found = scenarios._backend(cinder, backend)
    lun = found.pool.look(volume_id)
    lun, kept = fcp.Devices(found.zhcp, found.settings.fcp_list).detach(
        volume_id, lun.generation, instance)
    return {'state': lun.state, 'kept': kept}


def states(cinder, backend):
    """LUN state, phase and drift of each volume in the pool."""
    view = scenarios._backend(cinder, backend).pool.view()
    return {lun.volume_id: [lun.state, lun.phase, lun.drift]
            for lun in view.luns if lun.volume_id}


def create_refused(cinder, backend):
    return scenarios._error(cinder.create, backend, 1)


def delete_here(cinder, backend, volume_id):
    """Deleted by this process's manager, whoever made it."""
    volume = cinder.volume(volume_id)
    volume.status = 'deleting'
    volume.save()
    cinder.managers[backend].delete_volume(cinder.context, volume)
    return 'gone' if scenarios._gone(cinder, volume_id) else 'there'


def newer_format(cinder, backend, path):
    """The ledger is taken over by a newer version while this one runs.

    :param path: of the ledger's file ``format``
    :returns: (state of the back-end, what a new volume fails with)
    """
    with open(path, 'w') as stream:
        stream.write('5\n')
    error = scenarios._error(cinder.create, backend, 1)
    return cinder.stats(backend)['backend_state'], error['text']
