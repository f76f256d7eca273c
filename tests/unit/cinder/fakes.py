# SPDX-License-Identifier: Apache-2.0
"""A pool on a zHCP that needs neither, and the objects around it."""

import dataclasses
import types
import uuid

from zvm_common import exceptions
from zvm_common import model
from zvm_common import pool

SCOPE = 'cinder:demo@zvmssio1'
OTHER_SCOPE = 'cinder:demo@zvmssio2'
LEDGER = '99999999-2222-4333-8444-555555555555'
VOLUME = '11111111-2222-4333-8444-555555555555'
INSTANCE = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
WWPNS = ('5005076303000001', '5005076303000002')


def lun_state(number, gib, **values):
    """A LUN of the pool, behind two ports, for devices on two CHPIDs."""
    fields = {
        'pool': 'zpool1', 'state': 'free', 'generation': 0, 'clean': True,
        'wwpns': tuple(model.Wwpn(wwpn) for wwpn in WWPNS),
        'lun': model.Lun('4011%04x00000000' % (0x4000 + number)),
        'capacity': model.Capacity.from_gib(gib),
        'ranges': model.DeviceRanges.parse('3B00-3B0F;3C00-3C0F')}
    return pool.LunState(**dict(fields, **values))


class FakePool:
    """Stateful: claims, releases and waits change its LUNs.

    ``before[name]`` and ``after[name]`` are lists of exceptions that the
    method of that name raises, one a call, before or after it took effect: an
    exception after it is an answer that was lost.  A function is called
    instead, as another actor that comes between; None means nothing.

    :param first: number of its first LUN; ``beside`` is a pool of the same
        zHCP, whose volumes are found here too
    """

    def __init__(self, sizes=(10, 10, 12, 20), clean=True, name='zpool1',
                 scope=SCOPE, first=0):
        self.name = name
        self.beside = None
        self.zhcp = types.SimpleNamespace(scope=scope, name='zhcp1',
                                          call=self._call)
        self.job_devices = '3B0E;3C0E'
        self.ledger = LEDGER
        self.its_ledger = LEDGER    # the one that is there
        self.restored = ''
        self.lease = False      # of what is lent
        self.attached = True    # FCP devices of hosts, as CP says
        self.luns = {}
        for number, gib in enumerate(sizes, first):
            lun = lun_state(number, gib, clean=clean, pool=name)
            self.luns[lun.lun] = lun
        self.before = {}
        self.after = {}
        self.calls = []
        self.replaced = {}

    # for tests

    def change(self, which, **values):
        """Replace fields of a LUN, given as LunState or Lun."""
        number = getattr(which, 'lun', which)
        if number not in self.luns:
            return self.beside.change(which, **values)
        self.luns[number] = dataclasses.replace(self.luns[number], **values)
        return self.luns[number]

    def of(self, volume_id):
        return next((lun for lun in self._of_zhcp()
                     if lun.volume_id == volume_id), None)

    def _of_zhcp(self):
        return [*self.luns.values(),
                *(self.beside.luns.values() if self.beside else ())]

    def states(self):
        return sorted(lun.state for lun in self.luns.values())

    def count(self, name):
        return sum(call == name for call in self.calls)

    def _enter(self, name):
        self.calls.append(name)
        self._fail(self.before, name)

    def _leave(self, name, value):
        self._fail(self.after, name)
        return value

    @staticmethod
    def _fail(plan, name):
        planned = plan.get(name)
        error = planned.pop(0) if planned else None
        if callable(error):
            error()
        elif error is not None:
            raise error

    # the Pool of zvm_common

    def check(self):
        self._enter('check')

    def view(self):
        self._enter('view')
        return self._seen()

    def _seen(self):
        return pool.PoolView(tuple(self.luns.values()),
                             ledger=self.its_ledger, restored=self.restored)

    def sweep(self):
        self._enter('sweep')
        return self._seen()

    def confirm(self, volume_ids):
        self._enter('confirm')
        for volume_id in volume_ids:
            self.change(self.of(volume_id), phase='')

    def abandon(self, lun):
        """Its lease is over."""
        self._enter('abandon')
        self.change(lun, state='wiping', phase='')

    def set_aside(self, lun):
        self._enter('set_aside')
        self.change(lun, state='quarantined', phase='unknown')

    def readmit(self, lun):
        self._enter('readmit')
        self.change(lun, state='ours', phase='')

    def rebuild(self, volume_id, operation_id, wwpns, lun, user=None,
                role='current'):
        self._enter('rebuild')
        return self.change(
            model.Lun(lun), volume_id=volume_id, operation_id=operation_id,
            state='used' if user else 'ours', scope=self.zhcp.scope,
            role=role)

    def adopt(self):
        self._enter('adopt')
        lost = [lun for lun in self.luns.values() if lun.state == 'lost']
        for lun in lost:
            self.change(lun, state='quarantined')
        return len(lost)

    def cancel(self, volume_id, operation_id):
        self._enter('cancel')
        return self._leave('cancel', self.of(volume_id))

    def look(self, volume_id):
        self._enter('look')
        return self.of(volume_id)

    def claim(self, volume_id, operation_id, minimum, maximum, trust=False):
        self._enter('claim')
        mine = self.of(volume_id)
        if mine is None:
            found = self._choose(minimum, maximum)
            mine = self._take(
                found, volume_id, operation_id,
                'ours' if found.clean or trust else 'preparing')
        elif mine.state not in ('ours', 'preparing'):
            raise exceptions.LunBusy('state=%s' % mine.state)
        return self._leave('claim', mine)

    def copy(self, volume_id, operation_id, minimum, maximum, copy):
        self._enter('copy')
        mine = self.of(volume_id)
        if mine is None:
            source = self.of(copy.source.volume_id)
            if source.state != 'ours':
                raise exceptions.LunBusy('state=%s' % source.state)
            if source.generation != copy.source.generation:
                raise exceptions.StaleGeneration('generation')
            mine = self._take(self._choose(minimum, maximum), volume_id,
                              operation_id, 'copying')
            mine = self.change(
                mine, role=copy.role, source=source.volume_id,
                moves=copy.replaces and copy.replaces.volume_id)
            self.replaced[volume_id] = copy.replaces
            self._read_by(source.volume_id)
        return self._leave('copy', mine)

    def _read_by(self, source_id):
        self.change(self.of(source_id), readers=tuple(
            lun.volume_id for lun in self._of_zhcp()
            if lun.source == source_id))

    def switch(self, copy_id, volume_id):
        self._enter('switch')
        new, old = self.of(copy_id), self.of(volume_id)
        if new.role == 'target':
            if old.generation != self.replaced[copy_id].generation:
                raise exceptions.StaleGeneration('generation')
            if old.readers:
                raise exceptions.LunBusy('read', fields={
                    'readers': ';'.join(old.readers)})
            self.change(old, volume_id=copy_id, role='old', state='wiping',
                        moves=volume_id, generation=old.generation + 1)
            self.change(new, volume_id=volume_id, role='current', phase='',
                        moves=None, generation=1 + max(
                            old.generation, new.generation))
        return self._leave('switch', self.of(volume_id))

    # verbs of zvm_common.pool.managing

    def _call(self, verb, *args, operation=None):
        if verb in ('lend', 'giveback'):
            return self._loan(verb, *args)
        self._enter(verb)
        found = getattr(self, '_' + verb)(*args, operation)
        return types.SimpleNamespace(fields=self._leave(verb, found))

    def _operators(self, lun):
        found = self.luns[model.Lun(lun)]
        if found.state not in ('foreign', 'unmanaged') or (
                found.status != 'reserved'):
            raise exceptions.NotManageable('LUN %s is %s' % (
                found.lun, found.state))
        return found

    def _measure(self, name, wwpns, lun, devices, _operation):
        found = self._operators(lun)
        return {'wwpns': model.format_wwpns(found.wwpns), 'lun': str(lun),
                'bytes': str(found.size.bytes), 'wwid': found.wwid or 'f' * 16}

    def _manage(self, name, volume_id, scope, wwpns, lun, role, size, wwid,
                ledger, operation):
        if self.of(str(volume_id)) is None:
            self.change(self._operators(lun), state='ours', phase='manage',
                        volume_id=str(volume_id), scope=scope, role=role,
                        operation_id=operation, wwid=wwid, was=None,
                        real=model.Capacity(size),
                        generation=self.luns[lun].generation + 1)
        return _fields(self.of(str(volume_id)))

    def _unmanage(self, scope, volume_id, generation, how, _operation):
        lun = self.of(str(volume_id))
        if lun is None:
            raise exceptions.VolumeUnknown('volume=%s' % volume_id)
        if lun.generation != generation:
            raise exceptions.StaleGeneration('generation')
        if lun.state != 'ours' or lun.readers:
            raise exceptions.LunBusy('state=%s' % lun.state)
        return _fields(self.change(
            lun, state='unmanaged', volume_id=None, was=str(volume_id),
            phase='', role='', status='reserved', drift='',
            generation=generation + 1))
    # of zvm_common.pool.loans

    def _loan(self, verb, volume_id, generation, scope, host, *more):
        self._enter(verb)
        lun = self.of(str(volume_id))
        if verb == 'giveback' and lun.state == 'ours':
            lun = self.change(lun, generation=max(lun.generation, generation))
        elif lun.lent and lun.host != str(host) or lun.state != (
                'used' if verb == 'giveback' else 'ours') and not lun.lent:
            raise exceptions.LunBusy('state=%s' % lun.state)
        elif not (verb == 'lend' and lun.lent):
            if lun.generation != generation:
                raise exceptions.StaleGeneration('generation')
            lun = self._lend(lun, host, *more) if verb == 'lend' else (
                self._give_back(lun, *more))
        return self._leave(verb, types.SimpleNamespace(fields=fields(lun)))

    def _lend(self, lun, host, node, devices):
        return self.change(
            lun, state='used', phase='lent', host=str(host), node=str(node),
            devices=tuple(devices.split(';')), generation=lun.generation + 1)

    def _give_back(self, lun, how):
        if how != 'told' and self.lease:
            raise exceptions.LeaseRuns('lease')
        if how == 'off' and self.attached:
            raise exceptions.LunBusy('FCP device is user:CINDER2')
        return self.change(lun, state='ours', phase='', host=None, node=None,
                           devices=(), generation=lun.generation + 1)

    def _choose(self, minimum, maximum):
        fitting = sorted(
            (lun for lun in self.luns.values() if lun.state == 'free'
             and minimum <= lun.capacity <= maximum),
            key=lambda lun: (lun.capacity, not lun.clean))
        if not fitting:
            free = [lun.capacity.bytes for lun in self.luns.values()
                    if lun.state == 'free']
            raise exceptions.NoSuitableLun(
                'none', code='nolun',
                fields={'largest': str(max(free, default=0))})
        return fitting[0]

    def _take(self, found, volume_id, operation_id, state):
        return self.change(
            found, state=state, volume_id=volume_id, clean=False,
            operation_id=operation_id, scope=self.zhcp.scope,
            phase='create', role='current', generation=found.generation + 1)

    def release(self, volume_id, generation):
        self._enter('release')
        lun = self.of(volume_id)
        if lun is None:
            raise exceptions.VolumeUnknown('volume=%s' % volume_id)
        if lun.state == 'used':
            raise exceptions.LunBusy('state=used')
        if lun.readers:
            raise exceptions.LunBusy('readers')
        if lun.state in ('preparing', 'copying'):
            lun = self.change(lun, state='wiping', why=None)  # the same job
        elif lun.state != 'wiping':
            if lun.generation != generation:
                raise exceptions.StaleGeneration('generation')
            lun = self.change(lun, state='wiping',
                              generation=lun.generation + 1)
        return self._leave('release', lun)

    def wait(self, volume_id, timeout):
        self._enter('wait')
        lun = self.of(volume_id)
        if lun is None:
            return None
        if lun.why and lun.state == 'copying':
            self._copied(lun)
            raise exceptions.CopyFailed(lun.why)
        if lun.why:
            # a volume that is still to be made has no LUN then
            self.change(lun, state='quarantined', volume_id=(
                None if lun.state == 'preparing' else volume_id))
            raise exceptions.WipeFailed(lun.why)
        if lun.job == 'slow':
            raise exceptions.OutcomeUnknown('The wipe goes on')
        if lun.state == 'wiping':
            self.change(lun, state='free', volume_id=None, clean=True,
                        operation_id=None, scope='', phase='')
            return self._leave('wait', None)
        self._copied(lun)
        return self._leave('wait', self.change(
            lun, state='ours', source=None, generation=lun.generation + 1))

    def _copied(self, lun):
        """Its job reads the source no more."""
        self.change(lun, source=None)
        if lun.source:
            self._read_by(lun.source)


def _fields(lun):
    """As a verb answers; what tests of Cinder's side look at."""
    found = {'pool': lun.pool, 'wwpns': model.format_wwpns(lun.wwpns),
             'lun': str(lun.lun), 'state': lun.state,
             'gen': str(lun.generation), 'bytes': str(lun.capacity.bytes),
             'real': str(lun.real.bytes) if lun.real else '',
             'volume': lun.volume_id, 'op': lun.operation_id,
             'role': lun.role, 'phase': lun.phase, 'was': lun.was,
             'scope': lun.scope}
    return {key: value for key, value in found.items() if value}


def pools_of_one_zhcp(first):
    """A pool beside another one: of a second back-end on its zHCP."""
    second = FakePool(name='zpool2', scope=OTHER_SCOPE, first=20)
    first.beside, second.beside = second, first
    return second


def fields(lun):
    """What the zHCP says of a LUN, as far as it matters for a loan."""
    found = {
        'pool': lun.pool, 'wwpns': ';'.join(map(str, lun.wwpns)),
        'lun': str(lun.lun), 'state': lun.state, 'gen': str(lun.generation),
        'bytes': str(lun.capacity.bytes), 'range': str(lun.ranges),
        'volume': lun.volume_id, 'op': lun.operation_id, 'host': lun.host,
        'node': lun.node, 'fcp': ';'.join(map(str, lun.devices)),
        'real': lun.real and str(lun.real.bytes), 'wwid': lun.wwid,
        'scope': lun.scope, 'phase': lun.phase, 'role': lun.role}
    return {key: value or '' for key, value in found.items()}


def host_connector(**changes):
    """What os-brick on a Cinder host sends; None removes a key."""
    found = {
        'platform': 's390x', 'os_type': 'linux', 'host': 'cinder1',
        'ip': '10.0.0.2', 'multipath': False, 'initiator': None,
        'wwpns': ['c05076ffe5003b0f', 'c05076ffe5003c0f'],
        'wwnns': ['5005076400c1b2b0'] * 2}
    found.update(changes)
    return {key: value for key, value in found.items() if value is not None}


def volume(size=10, name_id=VOLUME, **values):
    """A volume as a driver sees it; its id is never the LUN's name."""
    fields = {'id': str(uuid.uuid4()), 'name_id': name_id, 'size': size,
              'encryption_key_id': None, 'volume_type_id': None,
              'provider_id': None, 'provider_location': None,
              'status': 'available'}
    return Row(**dict(fields, **values))


class Row(types.SimpleNamespace):
    """What can be saved."""

    saved = 0

    def save(self):
        self.saved += 1

    def conditional_update(self, values, expected):
        """As Cinder's objects: whether the row was as expected."""
        if any(getattr(self, key) != value
               for key, value in expected.items()):
            return 0
        vars(self).update(values)
        return 1


def snapshot(of, **values):
    """A snapshot of a volume, as a driver sees it."""
    return Row(**dict({
        'id': str(uuid.uuid4()), 'volume_id': of.id, 'volume': of,
        'volume_size': of.size, 'provider_id': None, 'status': 'available',
        'volume_type_id': of.volume_type_id}, **values))


def connector(**changes):
    """What the Nova extension sends; None removes a key."""
    found = {
        'platform': 's390x', 'os_type': 'linux', 'host': 'compute1',
        'ip': '10.0.0.1', 'multipath': True,
        'wwpns': ['c05076ffe5000000', 'c05076ffe5000010'], 'wwnns': [],
        'instance': INSTANCE, 'zvm_zhcp': 'zhcp1.example.com',
        'zvm_hypervisor': 'host1', 'zvm_userid': 'LNX00001',
        'zvm_fcp': ['3B00', '3C00']}
    found.update(changes)
    return {key: value for key, value in found.items() if value is not None}
