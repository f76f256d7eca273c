# SPDX-License-Identifier: Apache-2.0
"""The steps of the demo and what each of them must leave behind."""

import dataclasses
import hashlib
import time
import uuid

from truth import check

_PATTERN_MIB = 8
_DRIVER = 'nova_zvm_volume.virt.zvm.driver.ZVMVolumeDriver'


class Demo:
    """The state between the steps.

    Volume 1 lies in zpool1 on LPAR host1, where both guests run, volume 2 in
    zpool2 on host2. Volume 3 is a clone of volume 1.
    """

    def __init__(self, world, cinder, nova):
        self.world = world
        self.cinder = cinder
        self.nova = nova
        self.volumes = {}
        self.guests = {}
        self.attached = {}
        self.written = None

    def create(self, number):
        name = 'zvmssio%d' % number
        module, up = self.cinder.ask('drivers')[name]
        check(module == 'cinder_zvm.volumedriver' and up,
              'Cinder loaded %s (started: %s)', module, up)
        volume = self.cinder.ask('create', backend=name, gib=1)
        check(volume['status'] == 'available', 'the volume is %s',
              volume['status'])
        self.volumes[number] = volume
        lun = _lun(volume)
        line = self.world.line(number, lun)
        check(line[0] == 'reserved' and line[5] == _stamp(volume['id']),
              'its pool line is %s', line)
        check(self.world.zero(number, lun), 'LUN %s is not wiped', lun)
        return '%s is LUN %s, wiped and ours' % (volume['id'], lun)

    def boot(self, number):
        driver = self.nova.ask('driver')
        check(driver['class'] == _DRIVER and 'site-packages' in driver['file'],
              'Nova loaded %s from %s', driver['class'], driver['file'])
        guest = self.nova.ask('boot')
        self.guests[number] = guest
        check(guest['name'].upper() in self.nova.ask('driver')['guests'],
              'the connector does not list %s', guest['name'])
        return 'guest %s runs' % guest['name'].upper()

    def refuse(self):
        guest = self.guests[1]
        words = self.cinder.ask(
            'refusal', volume=self.volumes[2]['id'], instance=guest['uuid'],
            connector=self.nova.ask('connector', instance=guest['uuid']))
        check('zhcp1' in words and 'zhcp2' in words,
              'the refusal does not name both zHCPs: "%s"', words)
        return 'refused: the guest is served by zhcp1, the LUN by zhcp2'

    def attach(self, number):
        guest, volume = self.guests[number], self.volumes[1]
        connector = self.nova.ask('connector', instance=guest['uuid'])
        made = self.cinder.ask('attach', volume=volume['id'],
                               connector=connector, instance=guest['uuid'])
        data = self.nova.ask('attach', instance=guest['uuid'],
                             info=made['info'])
        self.cinder.ask('complete', volume=volume['id'],
                        attachment=made['attachment'])
        self.attached[number] = (made['attachment'], data['device_path'])
        line = self.world.line(1, _lun(volume))
        check(line[0] == 'used' and line[5] == guest['name'].lower(),
              'the pool line is %s', line)
        seen = self._disks(guest)
        check(len(seen) == 2, 'the guest has %d paths: %s', len(seen), seen)
        return '%s over %s' % (data['device_path'], ' and '.join(seen))

    def write(self):
        guest, (_, path) = self.guests[1], self.attached[1]
        word = 'volume %s ' % uuid.uuid4()
        text = (word * (2 ** 20 // len(word) + 1))[:2 ** 20] * _PATTERN_MIB
        self.written = hashlib.sha256(text.encode()).hexdigest()
        self.world.run(
            guest['name'].lower(),
            'yes "%s" | tr -d "\\n" | head -c 1048576 >mib && i=0; '
            'while [ $i -lt %d ]; do cat mib; i=$((i+1)); done | '
            'dd of="$ZVM_ROOT"%s bs=1048576 iflag=fullblock '
            'conv=notrunc,fsync && rm mib' % (word, _PATTERN_MIB, path))
        return '%d MiB, SHA-256 %s...' % (_PATTERN_MIB, self.written[:16])

    def clone(self):
        volume = self.cinder.ask('create', backend='zvmssio1', gib=1,
                                 source_volid=self.volumes[1]['id'])
        check(volume['status'] == 'available', 'the clone is %s',
              volume['status'])
        self.volumes[3] = volume
        lun = _lun(volume)
        check(self.world.same(1, _lun(self.volumes[1]), lun),
              'LUN %s is no copy', lun)
        return '%s is LUN %s, with every byte of volume 1' % (
            volume['id'], lun)

    def detach(self, number):
        guest, volume = self.guests[number], self.volumes[1]
        attachment, _ = self.attached.pop(number)
        self.nova.ask('detach', instance=guest['uuid'])
        self.cinder.ask('detach', volume=volume['id'], attachment=attachment)
        seen = self._disks(guest)
        check(not seen, 'the guest still has %s', seen)
        line = self.world.line(1, _lun(volume))
        check(line[0] == 'reserved' and line[5] == _stamp(volume['id']),
              'the pool line is %s', line)
        check('fcp/' not in self.world.ledger(1), 'FCP devices stay held: %s',
              self.world.ledger(1))
        return 'no path is left, its FCP devices are free'

    def read(self):
        guest, (_, path) = self.guests[2], self.attached[2]
        found = self.world.run(
            guest['name'].lower(),
            'head -c %d "$ZVM_ROOT"%s | sha256sum'
            % (_PATTERN_MIB * 2 ** 20, path)).split()[0]
        check(found == self.written, 'SHA-256 is %s, written was %s', found,
              self.written)
        return 'the same %d MiB, SHA-256 %s...' % (_PATTERN_MIB, found[:16])

    def delete_guests(self):
        for number in (1, 2):
            left = self.nova.ask('delete',
                                 instance=self.guests[number]['uuid'])
            check(self.guests[number]['name'].upper() not in left,
                  'the connector still lists it: %s', left)
        return 'both are gone'

    def delete(self, number, lpar=1):
        volume = self.volumes[number]
        lun = _lun(volume)
        check(self.cinder.ask('delete', volume=volume['id']),
              'the volume is still in the database')
        line = self.world.line(lpar, lun)
        check(line[0] == 'free' and not line[5] and not line[6],
              'its pool line is %s', line)
        check(self.world.zero(lpar, lun), 'LUN %s is not zero', lun)
        return 'LUN %s is zero and its line is free' % lun

    def state(self):
        """Pool files and ledgers, by what they are."""
        return {'%s of zhcp%d' % (what, number): read(number)
                for number in (1, 2)
                for what, read in (('pool file', self.world.pool),
                                   ('ledger', self.world.ledger))}

    def _disks(self, guest):
        """FCP device/port of each path to a disk that the guest has."""
        return self.world.run(
            guest['name'].lower(),
            'for d in "$ZVM_ROOT"/sys/bus/scsi/devices/*:*:*:*; do '
            '[ -r "$d/hba_id" ] && echo "$(cat "$d/hba_id")/'
            '$(cat "$d/wwpn")"; done; true').split()


def _lun(volume):
    return volume['provider_id'].split(':')[2]


def _stamp(volume_id):
    """The owner column of a volume's LUN: its uuid, two digits at a time."""
    digits = volume_id.replace('-', '')
    return '_'.join(digits[i:i + 2] for i in range(0, 32, 2))


STEPS = (
    ('create volume 1 on zvmssio1', lambda demo: demo.create(1)),
    ('create volume 2 on zvmssio2', lambda demo: demo.create(2)),
    ('boot guest 1', lambda demo: demo.boot(1)),
    ('boot guest 2', lambda demo: demo.boot(2)),
    ('attach volume 2 across zHCPs', lambda demo: demo.refuse()),
    ('attach volume 1 to guest 1', lambda demo: demo.attach(1)),
    ('write a pattern in guest 1', lambda demo: demo.write()),
    ('detach volume 1 from guest 1', lambda demo: demo.detach(1)),
    ('create volume 3 from volume 1', lambda demo: demo.clone()),
    ('attach volume 1 to guest 2', lambda demo: demo.attach(2)),
    ('read the pattern in guest 2', lambda demo: demo.read()),
    ('detach volume 1 from guest 2', lambda demo: demo.detach(2)),
    ('delete the guests', lambda demo: demo.delete_guests()),
    ('delete volume 1', lambda demo: demo.delete(1)),
    ('delete volume 2', lambda demo: demo.delete(2, lpar=2)),
    ('delete volume 3', lambda demo: demo.delete(3)),
)


@dataclasses.dataclass
class Taken:
    """What is known so far; filled while the steps are taken.

    ``steps`` are dicts: name, ok, seconds, requests (None when they cannot be
    counted), result; ``before`` and ``after`` are as Demo.state() has them.
    """

    steps: list = dataclasses.field(default_factory=list)
    before: dict = dataclasses.field(default_factory=dict)
    after: dict = dataclasses.field(default_factory=dict)

    @property
    def ok(self):
        return (len(self.steps) == len(STEPS)
                and all(step['ok'] for step in self.steps))


def run(demo, shown, taken):
    """Take the steps, up to the first that fails.

    :param taken: Taken; keeps what was done also when this raises
    :raises Exception: the state before or after cannot be read
    """
    taken.before = demo.state()
    for name, step in STEPS:
        taken.steps.append(_take(demo, name, step, shown))
        shown.done(taken.steps[-1])
        if not taken.steps[-1]['ok']:
            break
    taken.after = demo.state()


def _take(demo, name, step, shown):
    # Whatever a step meets is its failure: the steps before it are kept.
    started, counted = time.monotonic(), _requests(demo.world)
    try:
        with shown.running(name):
            result, ok = step(demo), True
    except Exception as error:
        result, ok = told(error), False
    seconds = round(time.monotonic() - started, 3)
    now = _requests(demo.world)
    return {'name': name, 'ok': ok, 'result': result, 'seconds': seconds,
            'requests': None if None in (counted, now) else now - counted}


def _requests(world):
    """How many so far, or None from a world that does not answer."""
    try:
        return world.requests()
    except Exception:
        return None


def told(error):
    """An exception in words."""
    return '%s: %s' % (type(error).__name__, error)
