# SPDX-License-Identifier: Apache-2.0
"""The operations that are killed: one line each at the end.

An operation is prepared in a cloud that others have used: what is there and
whole is taken again, as making a volume or a server costs most of the time.
"""

import dataclasses
import typing

from tests.reliability import truth

ALL = {}


@dataclasses.dataclass(frozen=True)
class Operation:
    """``prepare(cloud)`` returns the arguments of ``call`` on ``side``.

    The state that it needs is there then, and what was promised about
    volumes that the operation deletes is forgotten.
    """

    name: str
    side: str
    call: str
    prepare: typing.Callable


def register(name, side, call, prepare):
    ALL[name] = Operation(name, side, call, prepare)


# parts of a state


def volumes(cloud, count):
    """Volumes that are attached to nothing and have no snapshot."""
    known = cloud.records()
    leaving = {lun.get('volume') for lun in cloud.truth.luns()
               if lun.get('phase') == 'leaving'}
    taken = {each['volume'] for each in known['mappings']
             + known['snapshots']}
    found = [each['id'] for each in known['volumes']
             if each['status'] == 'available' and each['id'] in cloud.written
             and each['id'] not in taken | leaving and not each['array']]
    return (found + [cloud.create() for _ in range(count - len(found))])[
        :count]


def other(cloud):
    """A volume of the array that is attached to nothing."""
    known = cloud.records()
    taken = {each['volume'] for each in known['mappings']}
    for each in known['volumes']:
        if each['array'] and each['id'] not in taken:
            return each['id']
    return cloud.create_other()


def server(cloud, count):
    """A server with so many volumes, and these.

    It has had one before: what is sent to a guest once is there.
    """
    no_roots(cloud)
    known = cloud.records()
    if known['servers']:
        made = known['servers'][0]['uuid']
        if known['servers'][0]['state'] == 'stopped':
            cloud.start(made)
        attached = [mapping['volume'] for mapping in known['mappings']
                    if mapping['server'] == made]
    else:
        attached = volumes(cloud, max(count, 1))
        made = cloud.boot(*attached)
    while len(attached) > count:
        cloud.detach(made, attached.pop())
    while len(attached) < count:
        attached += volumes(cloud, 1)
        cloud.attach(made, attached[-1])
    return made, attached


def no_roots(cloud):
    """Servers that boot from volumes are deleted: those stay attached."""
    for each in cloud.records()['mappings']:
        if each['root']:
            cloud.destroy(each['server'])


def snapshot(cloud):
    """A snapshot, with its volume."""
    known = cloud.records()
    for each in known['snapshots']:
        if each['id'] in cloud.written:
            return each['id'], each['volume']
    volume, = volumes(cloud, 1)
    return cloud.snapshot(volume), volume


def recover(cloud):
    """What users and operators do after a failure: delete what is not whole.

    A server with volumes in use stays, running or stopped, and so do volumes
    that are available, and their snapshots.
    """
    known = cloud.records()
    cloud.keep_promises(known)
    states = {each['id']: each['status'] for each in known['volumes']}
    for each in known['servers']:
        attached = [mapping for mapping in known['mappings']
                    if mapping['server'] == each['uuid']]
        whole = all(mapping['complete'] and states.get(mapping['volume'])
                    == 'in-use' for mapping in attached)
        rests = each['state'] in ('active', 'stopped') and not each['task']
        if not rests or not whole or each['uuid'] in cloud.over_iucv:
            cloud.destroy(each['uuid'])
    known = cloud.records()
    mapped = {each['attachment'] for each in known['mappings']}
    for each in known['attachments']:
        if each['id'] not in mapped:
            cloud.ask('cinder', 'attachment_delete', attachment=each['id'])
    known = cloud.records()
    bad = {each['id'] for each in known['volumes']
           if each['status'] not in ('available', 'in-use')
           or each['id'] not in cloud.written or each['size'] != 1
           or each['moved']}
    for each in known['snapshots']:
        if (each['status'] != 'available' or each['volume'] in bad
                or each['id'] not in cloud.written):
            cloud.delete_snapshot(each['id'])
    for volume in bad:
        # who wants to keep the data of a LUN does not delete its volume
        if states[volume] in ('unmanaging', 'error_unmanaging'):
            cloud.unmanage(volume)
        else:
            cloud.delete(volume)
    cloud.take_back()
    cloud.simulator.event(smapi_fails='')
    cloud.truth.readmit()
    cloud.truth.rest()


def detach_others(cloud):
    """Volumes of the array: what is prepared next counts those of pools."""
    known = cloud.records()
    ours = {each['id'] for each in known['volumes'] if each['array']}
    for each in known['mappings']:
        if each['volume'] in ours:
            cloud.detach(each['server'], each['volume'])


# the states before


def _new_lun(cloud):
    """See that there is a free one that is clean."""
    for each in cloud.truth.luns():
        if (each['state'] == 'free' and each.get('clean') == 'yes'
                and each['pool'] == truth.POOL):
            break
    else:
        cloud.delete(cloud.create())


def _new_volume(cloud):
    _new_lun(cloud)
    return {'volume': cloud.ask('cinder', 'order', gib=1)}


def _volume_to_wipe(cloud):
    for lun, size in cloud.truth.free():
        if size == 2:
            cloud.truth.soil(lun)
    return {'volume': cloud.ask('cinder', 'order', gib=2)}


def _old_volume(cloud):
    volume, = volumes(cloud, 1)
    del cloud.written[volume]
    return {'volume': volume}


def _snapshot(cloud):
    volume, = volumes(cloud, 1)
    return {'snapshot': cloud.order_snapshot(volume)}


def _old_snapshot(cloud):
    found, _ = snapshot(cloud)
    del cloud.written[found]
    return {'snapshot': found}


def _from_snapshot(cloud):
    found, _ = snapshot(cloud)
    return {'volume': cloud.order_copy(found, snapshot_id=found)}


def _clone(cloud):
    volume, = volumes(cloud, 1)
    return {'volume': cloud.order_copy(volume, source_volid=volume)}


def _from_image(cloud):
    _new_lun(cloud)
    return cloud.order_of_image()


def _to_image(cloud):
    volume, = volumes(cloud, 1)
    return {'volume': volume, 'image': cloud.order_image(volume)}


def _extend(cloud):
    volume, = volumes(cloud, 1)
    return {'volume': volume, 'gib': 2}


def _migrate(cloud):
    volume, = volumes(cloud, 1)
    return {'volume': volume}


def _revert(cloud):
    found, volume = snapshot(cloud)
    cloud.write(volume)
    cloud.promise(volume, found)
    return {'volume': volume, 'snapshot': found}


def _manage(cloud):
    volume, = volumes(cloud, 1)
    place = cloud.truth.lun_of(volume)
    cloud.unmanage(**cloud.leave(volume))
    return cloud.order_manage(place)


def _unmanage(cloud):
    volume, = volumes(cloud, 1)
    return cloud.leave(volume)


def _attach(count):
    def prepare(cloud):
        made, _ = server(cloud, count)
        volume = next(iter(volumes(cloud, 1)))
        cloud.ask('nova', 'reserve', server=made, volume=volume)
        return {'server': made, 'volume': volume}
    return prepare


def _attach_other(cloud):
    """Beside a volume of a pool, over the same device."""
    made, _ = server(cloud, 1)
    volume = other(cloud)
    cloud.ask('nova', 'reserve', server=made, volume=volume)
    return {'server': made, 'volume': volume}


def _detach_other(cloud):
    """The only one, so that its device cools."""
    args = _attach_other(cloud)
    cloud.ask('nova', 'attach', **args)
    for each in cloud.records()['mappings']:
        if each['volume'] != args['volume']:
            cloud.detach(each['server'], each['volume'])
    return args


def _over_iucv(prepare):
    """With a server that the management node cannot log in to."""
    def prepared(cloud):
        for each in cloud.records()['servers']:
            cloud.destroy(each['uuid'])
        cloud.simulator.event(truth.LPAR, deploys='iucv')
        try:
            args = prepare(cloud)
        finally:
            cloud.simulator.event(truth.LPAR, deploys='ssh')
        cloud.over_iucv.add(args['server'])
        return args
    return prepared


def _refused(cloud):
    """z/VM refuses its first device, and another one takes its place."""
    args = _attach(0)(cloud)
    cloud.simulator.event(
        smapi_fails='Image_Device_Dedicate*1 204 8 by intention')
    return args


def _detach(count):
    def prepare(cloud):
        made, attached = server(cloud, count)
        return {'server': made, 'volume': attached[0]}
    return prepare


def _stopped(count):
    """As the others, and then the server is stopped."""
    def prepared(prepare):
        def stop(cloud):
            args = prepare(count)(cloud)
            cloud.stop(args['server'])
            return args
        return stop
    return prepared


def _start_pending(cloud):
    """One volume is to come, one to go, and one was always there."""
    made, attached = server(cloud, 2)
    new = next(iter(volumes(cloud, 1)))
    cloud.stop(made)
    cloud.attach(made, new)
    cloud.detach(made, attached[0])
    return {'server': made}


def _start_stale(cloud):
    """Its Linux has paths over devices that it has no more."""
    made, attached = server(cloud, 1)
    cloud.stop(made)
    cloud.detach(made, attached[0])
    return {'server': made}


def _boot(cloud):
    """The first server of its image."""
    cloud.forget_images()
    return {'server': cloud.ask('nova', 'new_server',
                                volumes=volumes(cloud, 1))['uuid']}


def _boot_from_volume(cloud):
    """What a tenant has written to it stands for an image."""
    no_roots(cloud)
    root, data = volumes(cloud, 2)
    return {'server': cloud.ask('nova', 'new_server', root=root,
                                volumes=[data])['uuid']}


def _rooted(cloud):
    return {'server': cloud.build_of(**_boot_from_volume(cloud))}


def _reboot(cloud):
    return {'server': server(cloud, 2)[0]}


def _resize(cloud):
    """Of a server that was not resized before."""
    for each in cloud.records()['servers']:
        cloud.destroy(each['uuid'])
    return {'server': server(cloud, 1)[0]}


def _rebuild(cloud):
    return {'server': server(cloud, 2)[0]}


def _unshelve(cloud):
    made, _ = server(cloud, 1)
    cloud.ask('nova', 'shelve', server=made)
    return {'server': made}


def _destroy(cloud):
    return {'server': server(cloud, 1)[0]}


register('create', 'cinder', 'create', _new_volume)
register('create_wiped', 'cinder', 'create', _volume_to_wipe)
register('delete', 'cinder', 'delete', _old_volume)
register('snapshot', 'cinder', 'make_snapshot', _snapshot)
register('delete_snapshot', 'cinder', 'delete_snapshot', _old_snapshot)
register('from_snapshot', 'cinder', 'create', _from_snapshot)
register('clone', 'cinder', 'create', _clone)
register('from_image', 'cinder', 'create_from_image', _from_image)
register('to_image', 'cinder', 'upload', _to_image)
register('extend', 'cinder', 'extend', _extend)
register('revert', 'cinder', 'revert', _revert)
register('manage', 'cinder', 'manage', _manage)
register('unmanage', 'cinder', 'unmanage', _unmanage)
register('migrate', 'cinder', 'migrate', _migrate)
register('attach_first', 'nova', 'attach', _attach(0))
register('attach_refused', 'nova', 'attach', _refused)
register('attach_next', 'nova', 'attach', _attach(1))
register('detach_next', 'nova', 'detach', _detach(2))
register('detach_last', 'nova', 'detach', _detach(1))
register('attach_other', 'nova', 'attach', _attach_other)
register('detach_other', 'nova', 'detach', _detach_other)
register('attach_iucv', 'nova', 'attach', _over_iucv(_attach(1)))
register('detach_iucv', 'nova', 'detach', _over_iucv(_detach(2)))
register('attach_off', 'nova', 'attach', _stopped(0)(_attach))
register('detach_off', 'nova', 'detach', _stopped(1)(_detach))
register('detach_shared_off', 'nova', 'detach', _stopped(2)(_detach))
register('power_on_pending', 'nova', 'start', _start_pending)
register('power_on_stale', 'nova', 'start', _start_stale)
register('boot', 'nova', 'build', _boot)
register('boot_from_volume', 'nova', 'build', _boot_from_volume)
register('destroy_with_root', 'nova', 'destroy', _rooted)
register('reboot_hard', 'nova', 'reboot', _reboot)
register('resize', 'nova', 'resize', _resize)
register('rebuild', 'nova', 'rebuild', _rebuild)
register('shelve', 'nova', 'shelve', _destroy)
register('unshelve', 'nova', 'unshelve', _unshelve)
register('destroy', 'nova', 'destroy', _destroy)
