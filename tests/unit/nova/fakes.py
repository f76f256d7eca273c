# SPDX-License-Identifier: Apache-2.0
"""A z/VM LPAR in memory: ledger, FCP devices, guests.

It behaves as the zHCP and guest programs do, generations included, and can
fail at any call, before or after its effect::

    lpar.fail('devices.attach', exceptions.OutcomeUnknown('504'), after=True)

Names of calls: ``define_node``, ``remove_node``, ``look``, ``hypervisor``,
``devices.hold|release|attach|detach|ipl``, ``guest.attach|detach|hello``.
"""

import collections
import dataclasses
import types

from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import guestdisk
from zvm_common import model
from zvm_common import pool

VOLUME = '5b2c1d0e-7a3f-4c1b-9f60-00000000000a'
OTHER_VOLUME = '5b2c1d0e-7a3f-4c1b-9f60-00000000000b'
INSTANCE = '1d6f0c3a-88aa-4a4e-8a6e-000000000001'
OTHER_INSTANCE = '1d6f0c3a-88aa-4a4e-8a6e-000000000002'
ATTACHMENT = '77777777-0000-4000-8000-000000000001'
WWPNS = ('5005076303000001', '5005076303000002')
WWID = '6005076303ffd1010000000000000001'
GIB = 1 << 30


def instance(name='zvm00001', uuid=INSTANCE):
    """As much of an instance as volumes need."""
    return types.SimpleNamespace(name=name, uuid=uuid)


def connection_info(volume_id=VOLUME, number=0, generation=1, **changed):
    """What Cinder's driver returns; `changed` replaces keys of ``data``."""
    data = {
        'target_discovered': False,
        'target_wwn': list(WWPNS),
        'target_wwns': list(WWPNS),
        'target_lun': 0x40114000 + number,
        'target_luns': [0x40114000 + number] * 2,
        'initiator_target_map': {'c05076ffe5000000': list(WWPNS)},
        'discard': False,
        'zvm_lun': '%08x00000000' % (0x40114000 + number),
        'zvm_pool': 'zpool1',
        'zvm_zhcp': 'zhcp1.example.com',
        'zvm_volume_id': volume_id,
        'zvm_generation': generation,
        'zvm_wwid': WWID[:-1] + '%x' % (number + 1),
        'zvm_bytes': GIB,
    }
    data.update(changed)
    return {'driver_volume_type': 'fibre_channel', 'data': data,
            'attachment_id': ATTACHMENT, 'serial': volume_id}


def other_connection_info(volume_id=VOLUME, **changed):
    """What a driver of another maker returns, as Nova completes it."""
    data = {
        'target_discovered': False,
        'target_wwn': ['500507680b110001', '500507680b120002'],
        'target_lun': 1,
        'volume_id': volume_id,
    }
    data.update(changed)
    return {'driver_volume_type': 'fibre_channel', 'data': data,
            'attachment_id': ATTACHMENT, 'serial': volume_id}


class FakeLpar:
    """In place of ``nova_zvm_volume.virt.zvm.platform.Platform``."""

    host = 'compute1'

    def __init__(self, free=('3B00', '3C00', '3B01', '3C01'), paths=2):
        self.calls = []
        self.nodes = {}
        self.luns = {}
        self.free = list(free)
        self.paths = paths
        self.held = {}
        self.guests = collections.defaultdict(FakeGuest)
        self.userids = {}
        self.device_states = {}  # number -> other than held
        self.off = set()  # userids of guests that are off
        self.attach_waits = False
        self.stale = collections.defaultdict(dict)  # instance -> number: past
        self.sweep_interval = 600
        self.devices = FakeDevices(self)
        self._failures = collections.defaultdict(list)

    def add_volume(self, volume_id=VOLUME, number=0, generation=1):
        self.luns[volume_id] = pool.LunState(
            pool='zpool1', wwpns=tuple(model.Wwpn(w) for w in WWPNS),
            lun=model.Lun('%08x00000000' % (0x40114000 + number)),
            state='ours', generation=generation, volume_id=volume_id,
            capacity=model.Capacity(GIB),
            wwid=WWID[:-1] + '%x' % (number + 1))

    def fail(self, name, error, after=False, times=1):
        """The next call of that name fails, before or after its effect."""
        self._failures[name] += [(error, after)] * times

    def act(self, name, effect, *args):
        """Record a call, do its effect, or fail as planned."""
        self.calls.append((name,) + tuple(str(arg) for arg in args))
        error, after = (self._failures[name].pop(0)
                        if self._failures[name] else (None, False))
        if error is not None and not after:
            raise error
        result = effect()
        if error is not None:
            raise error
        return result

    def called(self, *names):
        """The calls of these names, in order."""
        return [call[0] for call in self.calls if call[0] in names]

    @property
    def state(self):
        """All that an undo must restore.

        Generations only go up, and the node is the guest's, not the volume's.
        """
        return (
            {volume: (lun.state, lun.instance, lun.devices)
             for volume, lun in self.luns.items()},
            {node: {volume: set(paths)
                    for volume, paths in guest.disks.items()}
             for node, guest in self.guests.items() if guest.disks})

    @property
    def hypervisor(self):
        return self.act('hypervisor', lambda: types.SimpleNamespace(
            name='host1', zhcp_hostname='zhcp1.example.com',
            zhcp_node='zhcp1', zhcp_userid='ZHCP1'))

    def look(self, volume_id):
        return self.act('look', lambda: self.luns.get(str(volume_id)))

    def define_node(self, name, userid):
        def effect():
            self.nodes[str(name)] = str(userid)
        return self.act('define_node', effect, name)

    def remove_node(self, name):
        return self.act('remove_node',
                        lambda: self.nodes.pop(str(name), None), name)

    def guest(self, node, hint=''):
        return FakeGuestDisk(self, str(node))

    def check(self, system):
        self.act('check', lambda: None, system)


@dataclasses.dataclass
class FakeGuest:
    disks: dict = dataclasses.field(default_factory=dict)
    seen: dict = dataclasses.field(default_factory=dict)
    in_use: set = dataclasses.field(default_factory=set)
    silent: int = 0  # so many calls find it unreachable


class FakeGuestDisk:
    """In place of ``zvm_common.guestdisk.GuestDisk``."""

    def __init__(self, lpar, node):
        self._lpar = lpar
        self._node = node

    def _enter(self, volume_id, generation):
        guest = self._lpar.guests[self._node]
        if self._node.upper() in self._lpar.off:
            raise exceptions.GuestUnreachable('no route to ' + self._node)
        if guest.silent:
            guest.silent -= 1
            raise exceptions.GuestUnreachable('no route to ' + self._node)
        if self._node not in self._lpar.nodes:
            raise exceptions.UnknownNode('no node ' + self._node)
        if guest.seen.get(volume_id, 0) > generation:
            raise exceptions.StaleGeneration('guest has seen a later one',
                                             code='stale')
        guest.seen[volume_id] = generation
        return guest

    def attach(self, volume_id, generation, paths, wwid, size):
        assert size is None or isinstance(size, model.Capacity)

        def effect():
            guest = self._enter(str(volume_id), generation)
            guest.disks[str(volume_id)] = tuple(str(p) for p in paths)
            return guestdisk.AttachedDisk(
                '/dev/disk/by-id/dm-uuid-mpath-3' + (wwid or WWID),
                wwid or WWID, size.bytes if size else GIB, tuple(paths), (),
                0)
        return self._lpar.act('guest.attach', effect, volume_id, generation)

    def hello(self):
        def effect():
            guest = self._lpar.guests[self._node]
            if self._node.upper() in self._lpar.off or guest.silent:
                guest.silent = max(0, guest.silent - 1)
                raise exceptions.GuestUnreachable('no route to '
                                                  + self._node)
        return self._lpar.act('guest.hello', effect)

    def detach(self, volume_id, generation, paths, wwid):
        def effect():
            guest = self._enter(str(volume_id), generation)
            if str(volume_id) in guest.in_use:
                raise exceptions.DeviceBusy('mounted on /mnt', code='inuse')
            guest.disks.pop(str(volume_id), None)
        return self._lpar.act('guest.detach', effect, volume_id, generation)

    def prune(self, paths):
        return self._lpar.act('guest.prune', tuple, paths)

    def forget(self, devices, past):
        def effect():
            for each in past:
                volume, _, generation = each.partition(':')
                self._enter(volume, int(generation))
            return ()
        return self._lpar.act('guest.forget', effect, devices, past)


class FakeDevices:
    """In place of ``zvm_common.fcp.Devices``."""

    def __init__(self, lpar):
        self._lpar = lpar

    def groups(self):
        return (), {}, True

    def succeed(self, instance_uuid, userid):
        return self._lpar.act('devices.succeed', lambda: None, instance_uuid,
                              userid)

    def hold(self, instance_uuid, userid, own=False):
        self._lpar.held_as_own = own
        return self._lpar.act('devices.hold', lambda: self._hold(
            str(instance_uuid), str(userid)), instance_uuid)

    def _hold(self, instance_uuid, userid):
        held = self._lpar.held
        self._lpar.userids[instance_uuid] = userid
        if instance_uuid not in held:
            if len(self._lpar.free) < self._lpar.paths:
                raise exceptions.NoFcpDevice(
                    'No FCP device (ranges 3B00-3B01;3C00-3C01)')
            held[instance_uuid] = [self._lpar.free.pop(0)
                                   for _ in range(self._lpar.paths)]
        return self._held(instance_uuid)

    def _held(self, instance_uuid):
        lpar = self._lpar
        return tuple(fcp.FcpDevice(
            model.DeviceNumber(number), model.Wwpn('c05076ffe500' + number),
            number[:2], True, lpar.device_states.get(number, 'held'),
            instance_uuid, lpar.userids[instance_uuid], 'scope', 0,
            frozenset(self._users(instance_uuid)))
            for number in lpar.held[instance_uuid])

    def ours(self):
        return tuple(device for uuid in sorted(self._lpar.held)
                     for device in self._held(uuid))

    def used(self):
        return tuple(lun for lun in self._lpar.luns.values()
                     if lun.state == 'used')

    def reap(self, instance_uuid, devices):
        """Every lease is over."""
        numbers = tuple(str(device) for device in devices)
        self._lpar.act('devices.reap', lambda: None, instance_uuid, numbers)
        held = self._lpar.held[instance_uuid]
        self._lpar.held[instance_uuid] = [
            number for number in held if number not in numbers]
        self._lpar.free += numbers
        return numbers, ()

    def release(self, instance_uuid, cooling=(), gone=False):
        return self._lpar.act('devices.release', lambda: self._release(
            str(instance_uuid), cooling, gone), instance_uuid)

    def _users(self, instance_uuid):
        return [volume for volume, lun in self._lpar.luns.items()
                if lun.instance == instance_uuid]

    def _release(self, instance_uuid, cooling=(), gone=False):
        volumes = self._users(instance_uuid)
        if volumes:
            raise exceptions.LunBusy('in use', code='busy', fields={
                'volumes': ';'.join(volumes)})
        self._give_back(instance_uuid, cooling)
        if gone:
            self._lpar.stale.pop(instance_uuid, None)

    def _give_back(self, instance_uuid, cooling):
        held = self._lpar.held.pop(instance_uuid, [])
        warm = [number for number in held
                if model.DeviceNumber(number) in cooling]
        if warm:
            self._lpar.held[instance_uuid] = warm
            self._lpar.device_states.update(dict.fromkeys(warm, 'cooling'))
        self._lpar.free += [number for number in held if number not in warm]

    def attach(self, request):
        return self._lpar.act('devices.attach', lambda: self._attach(
            request), request.volume_id, request.generation)

    def _attach(self, request):
        volume = str(request.volume_id)
        if volume not in self._lpar.luns:
            raise exceptions.VolumeUnknown('unknown', code='unknown')
        self._see(volume, request)
        lun = self._lpar.luns[volume]
        off = str(request.userid) in self._lpar.off
        if off and not request.off:
            raise exceptions.GuestUnreachable('not logged on', code='off')
        if lun.state == 'used' and lun.instance == str(request.instance_uuid):
            return self._again(lun, request, off)
        if lun.state != 'ours':
            raise exceptions.LunBusy('used by %s' % lun.node, code='busy')
        if lun.generation != request.generation:
            raise exceptions.StaleGeneration('stale', code='stale')
        held = self._lpar.held.get(str(request.instance_uuid))
        if not held:
            raise exceptions.NoFcpDevice('none is held for this instance')
        self._lpar.luns[volume] = dataclasses.replace(
            lun, state='used', generation=lun.generation + 1,
            operation_id=str(request.operation_id),
            instance=str(request.instance_uuid), node=str(request.node),
            userid=str(request.userid),
            devices=tuple(model.DeviceNumber(number) for number in held),
            attachment=str(request.attachment_id),
            phase='pending' if off else '', guest_off=off)
        return self._lpar.luns[volume]

    def _see(self, volume, request):
        """Where another back-end's volume is, for who asks for it so."""
        lun = self._lpar.luns[volume]
        if not request.targets or lun.state == 'used':
            return
        self._lpar.luns[volume] = dataclasses.replace(
            lun, lun=request.targets[0].lun,
            wwpns=tuple(dict.fromkeys(t.wwpn for t in request.targets)),
            ways=tuple(model.Path(d.number, t.wwpn, t.lun)
                       for d in self._held(str(request.instance_uuid))
                       for t in request.targets
                       if t.initiator in (None, d.wwpn)))

    def other(self, volume_id):
        def effect():
            return self._lpar.luns.setdefault(str(volume_id), pool.LunState(
                pool='', wwpns=(), lun=None, state='ours', generation=1000,
                volume_id=str(volume_id), role='other'))
        return self._lpar.act('devices.other', effect, volume_id)

    def _again(self, lun, request, off):
        if lun.phase == 'leaving':
            if lun.generation != request.generation:
                raise exceptions.StaleGeneration('stale', code='stale')
            lun = dataclasses.replace(
                lun, generation=lun.generation + 1, phase='connect',
                operation_id=str(request.operation_id),
                attachment=str(request.attachment_id))
        elif off:
            lun = dataclasses.replace(lun, phase=lun.phase or 'connect')
        elif lun.phase:
            lun = dataclasses.replace(lun, phase='connect')
        self._lpar.luns[str(lun.volume_id)] = dataclasses.replace(
            lun, guest_off=off)
        return self._lpar.luns[str(lun.volume_id)]

    def leave(self, volume_id, generation, instance_uuid):
        return self._lpar.act('devices.leave', lambda: self._leave(
            str(volume_id), generation, str(instance_uuid)),
            volume_id, generation)

    def _leave(self, volume, generation, instance_uuid):
        lun = self._lpar.luns.get(volume)
        if (lun is None or lun.instance != instance_uuid
                or lun.generation != generation or lun.phase == 'pending'):
            return self._detach(volume, generation, instance_uuid, ())
        self._lpar.luns[volume] = dataclasses.replace(lun, phase='leaving')
        mine = [each for each in self._lpar.luns.values()
                if each.instance == instance_uuid]
        if (lun.userid in self._lpar.off
                and all(each.phase == 'leaving' for each in mine)):
            for each in mine:
                for number in each.devices:
                    self._lpar.stale[instance_uuid][str(number)] = (
                        '%s:%d' % (each.volume_id, each.generation + 1))
                self._detach(each.volume_id, each.generation, instance_uuid,
                             ())
        return self._lpar.luns[volume], ''

    def waiting(self, instance_uuid, userid):
        return self._lpar.act('devices.waiting', lambda: self._waiting(
            str(instance_uuid), str(userid)), instance_uuid)

    def _waiting(self, instance_uuid, userid):
        stale = self._lpar.stale.get(instance_uuid, {})
        return fcp.Waiting(
            tuple(lun for lun in self._lpar.luns.values()
                  if lun.instance == instance_uuid and lun.phase in (
                      'pending', 'connect', 'leaving')),
            tuple(model.DeviceNumber(number) for number in sorted(stale)),
            tuple(sorted(set(stale.values()))), userid in self._lpar.off)

    def ipl(self, volume_id, generation, instance_uuid, device, wwpn):
        def effect():
            lun = self._lpar.luns[str(volume_id)]
            if lun.userid not in self._lpar.off:
                raise exceptions.LunBusy('not logged off', code='busy')
            self._lpar.luns[str(volume_id)] = dataclasses.replace(
                lun, ipl=(device, wwpn))
            return self._lpar.luns[str(volume_id)]
        return self._lpar.act('devices.ipl', effect, device, wwpn)

    def pend(self, volume_id, generation, instance_uuid, phase, why='',
             wwid=''):
        def effect():
            lun = self._lpar.luns[str(volume_id)]
            if lun.generation != generation or lun.phase == 'leaving':
                raise exceptions.StaleGeneration('stale', code='stale')
            self._lpar.luns[str(volume_id)] = dataclasses.replace(
                lun, phase='' if phase == 'works' else phase,
                why=why or None, wwid=wwid or lun.wwid)
        self._lpar.act('devices.pend', effect, volume_id, phase)

    def unstale(self, instance_uuid, devices, past):
        def effect():
            for number in devices:
                self._lpar.stale[str(instance_uuid)].pop(str(number), None)
        self._lpar.act('devices.unstale', effect, instance_uuid)

    def stale_instances(self):
        return frozenset(uuid for uuid, found in self._lpar.stale.items()
                         if found)

    def detach(self, volume_id, generation, instance_uuid, cooling=()):
        return self._lpar.act('devices.detach', lambda: self._detach(
            str(volume_id), generation, str(instance_uuid), cooling),
            volume_id, generation)

    def let_go(self, volume_id, generation, instance_uuid, cooling=()):
        return self._lpar.act('devices.let_go', lambda: self._detach(
            str(volume_id), generation, str(instance_uuid), cooling),
            volume_id, generation)

    def _detach(self, volume, generation, instance_uuid, cooling):
        lun = self._lpar.luns.get(volume)
        if lun is None:
            return None, ''
        if lun.state == 'used' and lun.instance == instance_uuid:
            if lun.generation != generation:
                raise exceptions.StaleGeneration('stale', code='stale')
            lun = dataclasses.replace(
                lun, state='ours', generation=generation + 1, instance=None,
                node=None, userid=None, devices=(), attachment=None, phase='',
                why=None, ipl=None)
        elif lun.state == 'ours' and lun.generation < generation:
            lun = dataclasses.replace(lun, generation=generation)
        self._lpar.luns[volume] = lun
        if not self._users(instance_uuid):
            self._give_back(instance_uuid, cooling)
        return lun, ''


class FakeConnector:
    """In place of ``nova.virt.zvm.utils.ConnectorClient``.

    ``guests`` are the userids it lists, ``off`` those that are logged off,
    ``calls`` what it was asked, and ``asked`` the same with its arguments.
    """

    def __init__(self, url=None, ca_file=None):
        self.guests = set()
        self.off = set()
        self.calls = []
        self.asked = []
        self.before = {}  # name of a call -> function run first

    def call(self, name, *args, **kwargs):
        self.calls.append(name)
        self.asked.append((name,) + args)
        if name in self.before:
            self.before[name]()
        return getattr(self, '_' + name, lambda *a, **k: None)(*args,
                                                               **kwargs)

    def _host_get_info(self):
        return {'hypervisor_hostname': 'HOST1', 'vcpus': 8, 'vcpus_used': 0,
                'memory_mb': 16384, 'memory_mb_used': 0, 'disk_total': 100,
                'disk_used': 0, 'disk_available': 100, 'cpu_info': {},
                'hypervisor_type': 'zvm', 'hypervisor_version': 730,
                'ipl_time': 'IPL at 03/13/26'}

    def _guest_list(self):
        return sorted(self.guests)

    def _guest_get_power_state(self, name):
        return 'off' if name.upper() in self.off else 'on'

    def _guest_start(self, name):
        self.off.discard(name.upper())

    def _guest_softstop(self, name, **kwargs):
        self.off.add(name.upper())

    def _image_query(self, imagename):
        return [{'imagename': imagename}]

    def _image_get_root_disk_size(self, name):
        return '3338'

    def _guest_create(self, name, vcpus, memory, disk_list):
        self.guests.add(name.upper())

    def _guest_delete(self, name):
        self.guests.remove(name.upper())
