# SPDX-License-Identifier: Apache-2.0
"""Requests that are killed in the middle, and what the next one makes of it.

A zHCP that fails, or a management node that gives up, ends the program at any
of its steps.  Whatever it leaves must be finished or undone later.
"""

import itertools
import os

from tests.unit.remote.base import Base
from tests.unit.remote.base import GIB
from tests.unit.remote.base import line
from tests.unit.remote.base import new
from tests.unit.remote.base import stamp
from tests.unit.remote import local
from tests import waits
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common.remote import call
from zvm_common.remote import program

LEDGER = 'var/lib/zvm-volume/'
POOLS = 'var/opt/zhcp/zfcp'


def gone(device):
    return '[ ! -e "$ZVM_ROOT/%sfcp/%s" ]' % (LEDGER, device)


def there(device):
    return '[ -e "$ZVM_ROOT/%sfcp/%s" ]' % (LEDGER, device)


class CutBase(Base):

    pools = ('zpool1',)

    def setUp(self):
        super().setUp()
        self.node.uncut()
        self.node.tool('setsid', local.IDLE)        # jobs need disks
        # an answer that does not come is not asked for again by itself
        self.node.zhcp.call = call.Remote(self.node, program.zhcp(),
                                          attempts=1).call

    def cut(self, condition, function, *args):
        """Kill the program when a condition is true: it was killed."""
        self.node.cut_when(condition)
        self.assertRaises(exceptions.OutcomeUnknown, function, *args)
        self.assertTrue(self.node.uncut())

    def was_cut_at(self, number, function, *args):
        """Kill the program at its n-th step: whether it has so many."""
        self.node.cut_at(number)
        try:
            function(*args)
        except exceptions.OutcomeUnknown:
            self.assertTrue(self.node.uncut())
            return True
        self.assertFalse(self.node.uncut())
        return False

    def request(self, lun, instance, userid='VM00001'):
        return fcp.AttachRequest(
            lun.volume_id, lun.generation, new(), instance, userid,
            userid.lower(), operation_id=new())

    def freed(self, lun):
        """A claim undone, as if a job had wiped the LUN."""
        now = self.pool.release(lun.volume_id, lun.generation)
        self.wiped(now)
        self.assertIsNone(self.pool.wait(lun.volume_id, 1))

    def wiped(self, lun):
        """The record as the job leaves it just before it frees the line."""
        name = LEDGER + 'luns/%s-%s' % (lun.wwpns[0], lun.lun)
        self.node.write(name, self.node.read(name).replace(
            'state=wiping', 'state=freeing').replace('clean=no', 'clean=yes'))

    def assert_agreed(self, users):
        """Ledger, lines, directory and CP say that these use the volumes.

        :param users: {volume id: userid, or None where nobody uses it}
        """
        luns = [r for r in self.records('luns') if r['state'] != 'free']
        self.assertEqual(users, {r['volume']: r.get('guest') for r in luns})
        for record in luns:
            self.assertIn(record['state'],
                          ('ours', 'used', 'copying', 'wiping'))
            self.assertIn(self.expected_line(record), self.lines())
        self.assertEqual(len(users), len(self.lines()) - len(
            [text for text in self.lines() if text.startswith('free,')]))
        self.assertEqual([name + '.conf' for name in self.pools],
                         sorted(os.listdir(os.path.join(self.node.root,
                                                        POOLS))))
        held = {r['device']: r for r in self.records('fcp')}
        for device in self.node.devices:
            self.assert_held(device, held.get(device), users)

    def records(self, kind):
        folder = os.path.join(self.node.root, LEDGER, kind)
        return [dict(row.split('=', 1) for row in self.node.read(
                     os.path.join(folder, name)).splitlines())
                for name in os.listdir(folder) if name != '.new']

    def lines(self):
        return [text for name in self.pools
                for text in self.node.pool_text(name).splitlines()[1:]]

    def expected_line(self, record):
        if record['state'] == 'used':
            cells = 'used', record['node'], '3B00;3C00'
        else:
            cells = 'reserved', stamp(record['volume']), ''
        return '%s,%s,%s,1G,3B00-3B0F;3C00-3C0F,%s,%s,' % (
            cells[0], record['wwpns'], record['lun'], *cells[1:])

    def assert_held(self, device, record, users):
        userid = record['guest'] if record else None
        volumes = {v for v, u in users.items() if u == userid and u}
        if record:
            self.assertIn(record['state'], ('held', 'used'))
            self.assertEqual(';'.join(volumes), record.get('volumes', ''))
        self.assertEqual(userid if volumes else '',
                         self.node.read('cp/' + device).strip())
        for guest in ('VM00001', 'VM00002'):
            self.assertEqual(bool(volumes) and guest == userid,
                             'DEDICATE ' + device in self.directory(guest))


class EveryStepTest(CutBase):
    """Killed at each step once, then repeated."""

    def test_attach_repeated(self):
        instance, lun = new(), self.claim()
        for step in itertools.count(1):
            request = self.held(lun, instance)
            cut = self.was_cut_at(step, self.devices.attach, request)
            used = self.devices.attach(request)
            self.assert_agreed({lun.volume_id: 'VM00001'})
            lun = self.left(used, instance)
            if not cut:
                break
        self.assertLess(15, step)

    def test_attach_given_up(self):
        instance, lun = new(), self.claim()
        for step in itertools.count(1):
            request = self.held(lun, instance)
            cut = self.was_cut_at(step, self.devices.attach, request)
            now = self.pool.look(lun.volume_id)
            if now.state == 'ours':
                now, _ = self.devices.detach(lun.volume_id,
                                             lun.generation + 1, instance)
                self.assertRaises(exceptions.StaleGeneration,
                                  self.devices.attach, request)
            lun = self.left(now, instance)
            if not cut:
                break
        self.assertLess(15, step)

    def test_detach_repeated(self):
        instance, lun = new(), self.claim()
        for step in itertools.count(1):
            used = self.devices.attach(self.held(lun, instance))
            cut = self.was_cut_at(step, self.devices.detach, used.volume_id,
                                  used.generation, instance)
            lun = self.left(used, instance)
            if not cut:
                break
        self.assertLess(15, step)

    def held(self, lun, instance):
        self.devices.hold(instance, 'VM00001')
        return self.request(lun, instance)

    def left(self, used, instance):
        """Detach and drop: nothing is left."""
        ours, kept = self.devices.detach(used.volume_id, used.generation,
                                         instance)
        self.assertEqual(('ours', ''), (ours.state, kept))
        self.devices.release(instance)
        self.assert_agreed({used.volume_id: None})
        self.assertEqual([], self.records('fcp'))
        return ours

    def test_hold_and_drop_repeated(self):
        instance = new()
        for step in itertools.count(1):
            cut = [self.was_cut_at(step, self.devices.hold, instance,
                                   'VM00001')]
            held = self.devices.hold(instance, 'VM00001')
            self.assertEqual(['3b', '3c'], sorted(d.chpid for d in held))
            self.assertEqual(held, self.devices.list())
            cut.append(self.was_cut_at(step, self.devices.release, instance))
            self.devices.release(instance)
            self.assertEqual((), self.devices.list())
            if not any(cut):
                break
        self.assertLess(4, step)

    def test_claim_repeated(self):
        for step in itertools.count(1):
            args = 'zpool1', new(), GIB(1).bytes, GIB(2).bytes, 'test', \
                'trust', 'none', 'any'
            claim = new()
            cut = self.was_cut_at(step, self.again, claim, args)
            try:
                self.again(claim, args)
            except exceptions.StaleGeneration:
                # cut off before it had a LUN: it does not get one any more
                self.assert_agreed({})
            else:
                self.assert_agreed({args[1]: None})
                self.freed(self.pool.look(args[1]))
            self.assert_agreed({})
            if not cut:
                break
        self.assertLess(5, step)

    def again(self, operation, args):
        self.node.zhcp.call('claim', *args, operation=operation)

    def test_release_and_the_end_of_a_wipe_repeated(self):
        for step in itertools.count(1):
            lun = self.claim()
            cut = [self.was_cut_at(step, self.pool.release, lun.volume_id,
                                   lun.generation)]
            now = self.pool.look(lun.volume_id)
            now = self.pool.release(lun.volume_id, now.generation)
            self.assertEqual('wiping', now.state)
            # what stands for the job may be about to end
            waits.until(lambda: self.pool.look(lun.volume_id).job == 'dead',
                        20)
            self.assert_agreed({lun.volume_id: None})
            self.wiped(now)
            cut.append(self.was_cut_at(step, self.pool.wait, lun.volume_id,
                                       1))
            self.assertIsNone(self.pool.wait(lun.volume_id, 1))
            self.assert_agreed({})
            if not any(cut):
                break
        self.assertLess(5, step)


class CutOffTest(CutBase):

    def test_a_hold_is_topped_up(self):
        instance = new()
        self.cut(there('3B00'), self.devices.hold, instance, 'VM00001')
        self.assertEqual(1, len(self.devices.list()))
        held = self.devices.hold(instance, 'VM00001')
        self.assertEqual(['3B00', '3C00'], [str(d.number) for d in held])

    def test_devices_of_an_attach_without_devices_yet_are_not_dropped(self):
        instance, lun = new(), self.claim()
        self.devices.hold(instance, 'VM00001')
        self.cut('case $0 in *smcli) ;; *) false ;; esac',
                 self.devices.attach, self.request(lun, instance))
        used = self.pool.look(lun.volume_id)
        self.assertEqual('used', used.state)
        error = self.assertRaises(exceptions.LunBusy, self.devices.release,
                                  instance)
        self.assertEqual(lun.volume_id, error.fields['volumes'])
        self.devices.detach(lun.volume_id, used.generation, instance)
        self.assertEqual(2, len(self.devices.hold(instance, 'VM00001')))

    def test_a_repeat_takes_no_device_that_is_another_instances_now(self):
        instance, other = new(), new()
        used = self.attach(self.claim(), instance)
        self.cut(gone('3C00'), self.devices.detach, used.volume_id,
                 used.generation, instance)
        self.assertEqual('used', self.pool.look(used.volume_id).state)
        self.devices.hold(other, 'VM00002')
        error = self.assertRaises(
            exceptions.LunBusy, self.devices.attach,
            self.request(used, instance))
        self.assertEqual('detach', error.fields['phase'])
        self.assertNotIn('DEDICATE', self.directory('VM00002'))
        self.devices.detach(used.volume_id, used.generation, instance)
        self.assert_agreed({used.volume_id: None})
        self.assertEqual({other}, {d.instance for d in self.devices.list()})

    def test_an_attach_that_its_repeat_cannot_finish_is_undone(self):
        instance, lun = new(), self.claim()
        self.devices.hold(instance, 'VM00001')
        request = self.request(lun, instance)
        self.cut('[ -s "$ZVM_ROOT/cp/3B00" ]', self.devices.attach, request)
        self.node.write('fail/Image_Device_Dedicate_DM', '596 3619')
        error = self.assertRaises(exceptions.SmapiFailed,
                                  self.devices.attach, request)
        self.assertEqual('yes', error.fields['undone'])
        self.assert_agreed({lun.volume_id: None})

    def test_a_late_claim_of_a_deleted_volume_comes_to_nothing(self):
        volume, claim = new(), new()
        lun = self.pool.claim(volume, claim, GIB(1), GIB(2), trust=True)
        self.freed(lun)
        self.assertRaises(exceptions.StaleGeneration, self.pool.claim,
                          volume, claim, GIB(1), GIB(2), trust=True)
        self.assert_agreed({})


class AppendedLineTest(CutBase):
    """A foreign ">>" has the pool file open while the program replaces it."""

    def append(self, number, name='.zvm-volume.zpool1.was'):
        return 'echo "%s" >>"$ZVM_ROOT/%s/%s"\n' % (line(number), POOLS, name)

    def killed_after_rename(self):
        self.node.tool('mv', '''
/bin/mv "$@" || exit 1
for to; do :; done
case $to in *zpool1.conf) %s%s ;; esac
''' % (self.append(7), local.KILL))
        self.assertRaises(exceptions.OutcomeUnknown, self.claim)
        os.remove(os.path.join(self.node.root, 'bin/mv'))
        self.assertNotIn(line(7), self.node.pool_text())

    def assert_once(self, *numbers):
        lines = self.node.pool_text().splitlines()
        self.assertEqual([1 for _ in numbers],
                         [lines.count(line(n)) for n in numbers])
        self.assertEqual([name + '.conf' for name in self.pools],
                         sorted(os.listdir(os.path.join(self.node.root,
                                                        POOLS))))

    def test_it_is_carried_over_after_a_kill(self):
        self.killed_after_rename()
        self.claim()
        self.assert_once(7)

    def test_it_is_carried_over_once_when_that_is_killed(self):
        self.killed_after_rename()
        added = '[ -e "$ZVM_ROOT/%s/.zvm-volume.zpool1.add" ]' % POOLS
        self.cut(added, self.claim)
        self.assertIn(line(7), self.node.pool_text())
        self.claim()
        self.assert_once(7)

    def test_it_is_carried_over_once_with_another_line_behind_it(self):
        self.killed_after_rename()
        added = '[ -e "$ZVM_ROOT/%s/.zvm-volume.zpool1.add" ]' % POOLS
        self.cut(added, self.claim)
        self.node.write(POOLS + '/zpool1.conf',
                        self.node.pool_text() + line(8) + '\n')
        self.claim()
        self.assert_once(7, 8)

    def test_nothing_is_carried_over_from_a_swap_that_did_not_happen(self):
        volume = new()
        self.cut('case ${1:-} in *.zvm-volume.zpool1) ;; *) false ;; esac',
                 self.claim, volume)
        with open(os.path.join(self.node.root, POOLS, 'zpool1.conf'),
                  'a') as f:
            f.write(line(7) + '\n')
        # "sed -i" makes another file of it
        used = self.node.pool_text().replace(
            line(7), line(7, status='used', owner='lnx9'))
        self.node.write(POOLS + '/zpool1.conf', used)
        self.claim(volume)
        self.assertEqual(1, self.node.pool_text().count('40114007'))
        self.assert_once()
