# SPDX-License-Identifier: Apache-2.0
"""The verbs of a sweep: leases, scopes, restoring, rebuilding."""

import os

from tests.unit.remote import base
from tests.unit.remote import local
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model
from zvm_common.pool import Pool
from zvm_common import zhcp

LEDGER = 'var/lib/zvm-volume/'
POOL = 'var/opt/zhcp/zfcp/zpool1.conf'
# The clock of the zHCP, so many seconds ahead: $ZVM_ROOT/ahead.
DATE = '''
read -r ahead <"$ZVM_ROOT/ahead"
exec /bin/date -d "+$ahead seconds" "$@"
'''


class Base(base.Base):

    def setUp(self):
        super().setUp()
        self.clock(0)
        self.node.tool('date', DATE)

    def clock(self, ahead):
        self.node.write('ahead', '%d\n' % ahead)

    def reboot(self):
        self.node.write('proc/sys/kernel/random/boot_id', 'another\n')

    def other_scope(self):
        """The same pool for another back-end."""
        return Pool(zhcp.Zhcp(self.node.zhcp.hypervisor, 'other'), 'zpool1')

    def lines(self):
        return self.node.pool_text().splitlines()[1:]

    def line_of(self, lun):
        found = [each for each in self.lines() if str(lun.lun) in each]
        self.assertEqual(1, len(found), self.node.pool_text())
        return found[0].split(',')

    def unlink(self, name):
        os.unlink(os.path.join(self.node.root, name))

    def path(self, name):
        return os.path.join(self.node.root, name)

    def drop_line(self, lun):
        self.node.pool('zpool1', *[each for each in self.lines()
                                   if str(lun.lun) not in each])


class CreateTest(Base):
    """A create that nobody finishes is undone, and no other."""

    def test_not_before_its_lease_is_over(self):
        lun = self.claim()
        self.assertEqual('create', lun.phase)
        self.assertRaises(exceptions.LeaseRuns, self.pool.abandon, lun)
        self.clock(3601)
        self.pool.abandon(lun)
        # the job of this zHCP fails at once: it has no disks
        self.assertIn(self.pool.look(lun.volume_id).state,
                      ('wiping', 'quarantined'))

    def test_a_reboot_of_the_zhcp_begins_the_lease_anew(self):
        lun = self.claim()
        self.clock(3601)
        self.reboot()
        self.assertRaises(exceptions.LeaseRuns, self.pool.abandon, lun)
        self.clock(7100)
        self.assertRaises(exceptions.LeaseRuns, self.pool.abandon, lun)
        self.clock(7300)
        self.pool.abandon(lun)

    def test_not_what_cinder_has(self):
        lun = self.claim()
        self.pool.confirm([lun.volume_id, base.new()])
        self.clock(3601)
        self.assertRaises(exceptions.LunBusy, self.pool.abandon, lun)
        self.assertEqual('', self.pool.look(lun.volume_id).phase)

    def test_not_what_a_guest_has_had(self):
        lun, instance = self.claim(), base.new()
        used = self.attach(lun, instance)
        self.clock(3601)
        self.assertRaises(exceptions.LunBusy, self.pool.abandon, used)
        back, _ = self.devices.detach(lun.volume_id, used.generation,
                                      instance)
        self.assertRaises(exceptions.LunBusy, self.pool.abandon, back)

    def test_not_of_another_scope(self):
        lun = self.claim()
        self.clock(3601)
        other = self.other_scope()
        self.assertRaises(exceptions.NotOurs, other.abandon, lun)
        other.confirm([lun.volume_id])
        self.assertEqual('create', self.pool.look(lun.volume_id).phase)

    def test_not_one_that_moved_on(self):
        lun = self.claim()
        self.clock(3601)
        self.pool.release(lun.volume_id, lun.generation)
        self.assertRaises(exceptions.StaleGeneration, self.pool.abandon, lun)


class AsideTest(Base):

    def test_its_data_stay_and_it_comes_back(self):
        lun = self.claim()
        self.pool.confirm([lun.volume_id])
        self.pool.set_aside(lun)
        aside = self.pool.look(lun.volume_id)
        self.assertEqual(('quarantined', 'unknown'),
                         (aside.state, aside.phase))
        self.assertEqual(['reserved', base.stamp(lun.volume_id)], [
            self.line_of(lun)[column] for column in (0, 5)])
        self.assertNotEqual(lun.lun, self.claim().lun)
        self.pool.readmit(aside)
        self.assertEqual('ours', self.pool.look(lun.volume_id).state)

    def test_a_create_under_way_is_not(self):
        lun = self.claim()
        self.assertRaises(exceptions.LeaseRuns, self.pool.set_aside, lun)

    def test_one_that_a_guest_has_is_not(self):
        lun = self.claim()
        used = self.attach(lun, base.new())
        self.assertRaises(exceptions.LunBusy, self.pool.set_aside, used)

    def test_a_wipe_that_failed_is_not_readmitted(self):
        lun = self.claim()
        self.node.write(LEDGER + 'luns/%s-%s' % (local.PORT, lun.lun),
                        self.record(lun).replace('state=ours',
                                                 'state=quarantined'))
        self.assertRaises(exceptions.LunBusy, self.pool.readmit, lun)


class LineTest(Base):
    """What others did to lines of ours."""

    def test_a_line_that_was_freed_is_taken_back(self):
        lun = self.claim()
        self.node.write(POOL, self.node.pool_text().replace(
            'reserved', 'free').replace(base.stamp(lun.volume_id), ''))
        self.assertNotEqual(lun.lun, self.claim().lun)
        self.assertEqual('free', self.line_of(lun)[0])
        view = self.pool.sweep()
        self.assertEqual((str(lun.lun),), view.mended)
        self.assertEqual('reserved', self.line_of(lun)[0])

    def test_not_one_of_another_scope(self):
        lun = self.claim()
        self.node.write(POOL, self.node.pool_text().replace('reserved',
                                                            'free'))
        self.assertEqual((), self.other_scope().sweep().mended)
        self.assertEqual('free', self.line_of(lun)[0])

    def test_nor_one_that_somebody_uses(self):
        lun = self.claim()
        self.node.write(POOL, self.node.pool_text().replace(
            'reserved,', 'used,').replace(base.stamp(lun.volume_id), 'vm7'))
        view = self.pool.sweep()
        self.assertEqual((), view.mended)
        self.assertEqual('used', self.line_of(lun)[0])
        self.assertEqual(['used'], [each.drift for each in view.luns
                                    if each.volume_id])

    def test_a_line_that_an_old_edit_brings_back_stops_nothing(self):
        lun = self.claim()
        name = LEDGER + 'luns/%s-%s' % (local.PORT, lun.lun)
        before = self.node.pool_text()
        self.node.write(name, self.node.read(name).replace('state=ours',
                                                           'state=freeing'))
        self.assertIsNone(self.pool.wait(lun.volume_id, 1))
        self.node.write(POOL, before)
        self.pool.check()
        seen, = [each for each in self.pool.view().luns
                 if each.lun == lun.lun]
        self.assertEqual(('free', 'reserved'), (seen.state, seen.drift))
        self.assertEqual((str(lun.lun),), self.other_scope().sweep().mended)
        self.assertEqual('free', self.line_of(lun)[0])
        self.node.write(POOL, before)
        self.assertEqual(lun.lun, self.claim().lun)

    def test_another_stamp_on_a_free_lun_still_tells_of_a_lost_ledger(self):
        lun = self.claim()
        name = LEDGER + 'luns/%s-%s' % (local.PORT, lun.lun)
        before = self.node.pool_text()
        self.node.write(name, self.node.read(name).replace('state=ours',
                                                           'state=freeing'))
        self.pool.wait(lun.volume_id, 1)
        self.node.write(POOL, before.replace(
            base.stamp(lun.volume_id), base.stamp(base.new())))
        self.assertRaises(exceptions.LedgerDamaged, self.claim)

    def test_a_line_that_is_gone_comes_back(self):
        lun = self.claim()
        self.pool.view()
        self.drop_line(lun)
        view = self.pool.view()
        self.assertEqual('zpool1', view.restored)
        self.assertEqual(['reserved', '3B00-3B0F;3C00-3C0F',
                          base.stamp(lun.volume_id)], [
            self.line_of(lun)[column] for column in (0, 4, 5)])
        self.assertEqual([''], [each.drift for each in view.luns
                                if each.volume_id])

    def test_a_line_that_nobody_has_seen_is_told(self):
        lun = self.claim()
        self.pool.view()
        self.unlink(LEDGER + 'pools/zpool1')
        self.drop_line(lun)
        self.assertEqual(['gone'], [each.drift for each
                                    in self.pool.view().luns
                                    if each.volume_id])

    def test_a_free_line_that_the_operator_removed_stays_away(self):
        self.pool.view()
        self.node.pool('zpool1', *self.lines()[:2])
        self.assertEqual(2, len(self.pool.view().luns))
        self.assertEqual('', self.pool.view().restored)

    def test_a_dead_wipe_begins_anew(self):
        lun = self.claim()
        self.pool.release(lun.volume_id, lun.generation)
        # the job of this zHCP fails at once: it has no disks
        self.assertRaises(exceptions.WipeFailed, self.pool.wait,
                          lun.volume_id, 5)
        self.node.write(LEDGER + 'luns/%s-%s' % (local.PORT, lun.lun),
                        self.record(lun).replace('state=quarantined',
                                                 'state=wiping'))
        self.assertEqual((str(lun.lun),), self.pool.sweep().mended)
        self.assertRaises(exceptions.WipeFailed, self.pool.wait,
                          lun.volume_id, 5)

    def test_a_line_that_could_not_be_freed_is_free(self):
        lun = self.claim()
        self.node.write(LEDGER + 'luns/%s-%s' % (local.PORT, lun.lun),
                        self.record(lun).replace('state=ours',
                                                 'state=freeing'))
        self.pool.sweep()
        self.assertIsNone(self.pool.look(lun.volume_id))
        self.assertEqual('free', self.line_of(lun)[0])


class FileTest(Base):
    """The pool file itself is lost or shortened."""

    def setUp(self):
        super().setUp()
        self.lun = self.claim()
        self.pool.view()
        self.before = self.node.pool_text()

    def restored(self):
        """What any next request makes of the file."""
        view = self.pool.view()
        self.assertEqual('zpool1', view.restored)
        return self.node.pool_text()

    def test_one_that_was_deleted(self):
        self.unlink(POOL)
        self.assertEqual(self.before, self.restored())
        self.assertEqual(0o644, os.stat(self.path(POOL)).st_mode & 0o777)
        self.assertEqual('', self.pool.view().restored)

    def test_an_empty_one(self):
        self.node.write(POOL, '')
        self.assertEqual(self.before, self.restored())

    def test_one_that_was_cut(self):
        self.node.write(POOL, self.before[:150])
        self.assertEqual(sorted(self.before), sorted(self.restored()))

    def test_what_is_left_counts_more_than_the_copy(self):
        lines = self.before.splitlines(keepends=True)
        other = next(each for each in lines if each.startswith('free'))
        changed = other.replace('free,', 'reserved,').replace(',,,', ',X,,')
        self.node.write(POOL, lines[0] + changed + lines[3][:40])
        self.assertIn(changed, self.restored())
        self.assertEqual(4, len(self.lines()))

    def test_a_change_after_the_copy_is_not_forgotten(self):
        released = self.claim()
        self.pool.view()
        self.node.write(LEDGER + 'luns/%s-%s' % (local.PORT, released.lun),
                        self.record(released).replace('state=ours',
                                                      'state=freeing'))
        self.pool.wait(released.volume_id, 1)
        self.unlink(POOL)
        self.restored()
        self.assertEqual('free', self.line_of(released)[0])
        self.assertEqual('reserved', self.line_of(self.lun)[0])

    def test_what_was_free_long_ago_waits_for_an_operator(self):
        self.unlink(POOL)
        os.utime(self.path(LEDGER + 'pools/zpool1'), (1, 1))
        self.restored()
        self.assertEqual(
            [['reserved', base.stamp(self.lun.volume_id)]]
            + [['reserved', 'restored']] * 3,
            sorted([each.split(',')[0], each.split(',')[5]]
                   for each in self.lines()))
        self.assertRaises(exceptions.NoSuitableLun, self.claim)

    def test_one_that_was_never_seen_is_missing(self):
        self.assertRaises(exceptions.PoolMissing,
                          Pool(self.node.zhcp, 'never').view)

    def test_by_a_claim_too(self):
        self.unlink(POOL)
        self.assertNotEqual(self.lun.lun, self.claim().lun)

    def test_cut_off_at_every_step(self):
        for step in range(1, 30):
            self.unlink(POOL)
            self.node.cut_at(step)
            try:
                self.pool.view()
            except exceptions.ZvmError:
                continue    # the next one finds what is left
            finally:
                done = not self.node.uncut()
            self.assertEqual(self.before, self.node.pool_text())
            if done:
                break
        self.assertLess(1, step)


class LostLedgerTest(Base):

    def setUp(self):
        super().setUp()
        self.luns = [self.claim() for _ in range(3)]
        self.instance = base.new()
        self.used = self.attach(self.luns[2], self.instance)
        self.known = self.pool.view().ledger
        os.rename(self.path(LEDGER), self.path('lost'))

    def rebuild(self, lun, user=None):
        return self.pool.rebuild(lun.volume_id, lun.operation_id, lun.wwpns,
                                 lun.lun, user)

    def test_nothing_is_claimed_from_another_ledger(self):
        self.pool.ledger = self.known
        self.assertRaises(exceptions.LedgerDamaged, self.claim)
        self.assertNotEqual(self.known, self.pool.view().ledger)

    def test_it_is_rebuilt(self):
        self.assertRaises(exceptions.LedgerDamaged, self.claim)
        for lun in self.luns[:1]:
            self.assertEqual('ours', self.rebuild(lun).state)
        again = self.rebuild(self.luns[2], (
            'VM00001', 'vm00001', self.instance, base.new(), 'compute1'))
        self.assertEqual(('used', self.used.devices, ''),
                         (again.state, again.devices, again.drift))
        self.assertLess(self.used.generation, again.generation)
        self.assertEqual(
            [(self.instance, 'VM00001', {again.volume_id},
              'nova:compute1')] * 2,
            [(d.instance, d.userid, set(d.volumes), d.scope)
             for d in self.devices.list()])
        # one is not in Cinder's records
        self.assertRaises(exceptions.LedgerDamaged, self.claim)
        self.assertEqual(1, self.pool.adopt())
        aside = self.pool.look(self.luns[1].volume_id)
        self.assertEqual(('quarantined', 'unknown'),
                         (aside.state, aside.phase))
        self.assertNotIn(self.claim().lun, [each.lun for each in self.luns])
        back, kept = self.devices.detach(
            again.volume_id, again.generation, self.instance)
        self.assertEqual(('ours', ''), (back.state, kept))
        self.assertEqual((), self.devices.list())
        self.assertNotIn('DEDICATE', self.directory())

    def test_of_a_lun_that_has_another_volume(self):
        self.rebuild(self.luns[0])
        error = self.assertRaises(
            exceptions.LunBusy, self.pool.rebuild, base.new(), base.new(),
            self.luns[0].wwpns, self.luns[0].lun)
        self.assertIn(self.luns[0].volume_id, str(error))

    def test_of_a_lun_that_a_guest_uses_which_is_none_of_ours(self):
        self.assertRaises(exceptions.LunBusy, self.rebuild, self.luns[2])
        self.assertIsNone(self.pool.look(self.luns[2].volume_id))

    def test_of_a_lun_whose_line_has_another_volume_s_stamp(self):
        """Cinder has missed that its volume has moved from there."""
        error = self.assertRaises(
            exceptions.LunBusy, self.pool.rebuild, base.new(), base.new(),
            self.luns[0].wwpns, self.luns[0].lun)
        self.assertIn('is reserved for ' + base.stamp(
            self.luns[0].volume_id), str(error))
        self.assertEqual('ours', self.rebuild(self.luns[0]).state)

    def test_of_a_volume_whose_stamp_is_on_another_line(self):
        free = next(lun for lun in self.pool.view().luns
                    if lun.state == 'free')
        error = self.assertRaises(
            exceptions.LunBusy, self.pool.rebuild, self.luns[0].volume_id,
            base.new(), free.wwpns, free.lun)
        self.assertIn('is on LUN %s' % self.luns[0].lun, str(error))

    def test_as_a_snapshot(self):
        lun = self.luns[0]
        self.assertEqual('snapshot', self.pool.rebuild(
            lun.volume_id, lun.operation_id, lun.wwpns, lun.lun,
            role='snapshot').role)

    def test_of_a_lun_without_a_line(self):
        self.drop_line(self.luns[0])
        self.assertRaises(exceptions.NoSuitableLun, self.rebuild,
                          self.luns[0])


class FormatTest(Base):

    def test_one_of_format_1_with_volumes_in_use_goes_on(self):
        lun, instance = self.claim(), base.new()
        used = self.attach(lun, instance)
        free = self.claim()
        for each in (lun, free):
            name = LEDGER + 'luns/%s-%s' % (local.PORT, each.lun)
            old = [row for row in self.node.read(name).splitlines()
                   if not row.startswith(('lease=', 'boot=', 'phase='))]
            self.node.write(name, '\n'.join(old) + '\n')
        self.node.write(LEDGER + 'format', '1\n')
        self.unlink(LEDGER + 'id')
        self.assertEqual(('used', ''), (
            self.pool.look(lun.volume_id).state,
            self.pool.look(lun.volume_id).drift))
        self.assertEqual('4\n', self.node.read(LEDGER + 'format'))
        self.devices.detach(lun.volume_id, used.generation, instance)
        self.assertEqual('ours', self.pool.look(lun.volume_id).state)
        # made by an old program: nobody's create under way
        self.clock(9999)
        self.assertRaises(exceptions.LunBusy, self.pool.abandon, free)

    def test_what_a_newer_program_noted_is_kept(self):
        lun = self.claim()
        name = LEDGER + 'luns/%s-%s' % (local.PORT, lun.lun)
        self.node.write(name, self.node.read(name).replace(
            'end=1', 'colour=blue=1\nend=1'))
        self.pool.confirm([lun.volume_id])
        self.assertIn('\ncolour=blue=1\nend=1\n', self.node.read(name))
        self.assertNotIn('colour', self.record(self.claim()))

    def test_a_newer_format_is_refused(self):
        self.claim()
        self.node.write(LEDGER + 'format', '5\n')
        error = self.assertRaises(exceptions.LedgerFormat, self.pool.sweep)
        self.assertIn('4', str(error))


class HeldTest(Base):
    """FCP devices that nobody needs."""

    def setUp(self):
        super().setUp()
        self.instance = base.new()
        self.held = [d.number for d in self.devices.hold(self.instance,
                                                         'VM00001')]

    def names(self):
        return tuple(str(number) for number in self.held)

    def test_not_before_their_lease_is_over(self):
        self.assertEqual(((), self.names()), self.devices.reap(
            self.instance, self.held))
        self.clock(3601)
        self.assertEqual((self.names(), ()), self.devices.reap(
            self.instance, self.held))
        self.assertEqual((), self.devices.list())

    def test_asking_for_them_again_begins_the_lease_anew(self):
        self.clock(3000)
        self.devices.hold(self.instance, 'VM00001')
        self.clock(4000)
        self.assertEqual(((), self.names()), self.devices.reap(
            self.instance, self.held))

    def test_a_reboot_of_the_zhcp_begins_the_lease_anew(self):
        self.clock(3601)
        self.reboot()
        self.assertEqual(((), self.names()), self.devices.reap(
            self.instance, self.held))
        self.clock(7300)
        self.assertEqual((self.names(), ()), self.devices.reap(
            self.instance, self.held))

    def test_not_those_of_another_host_or_instance(self):
        self.clock(3601)
        other = fcp.Devices(zhcp.Zhcp(self.node.zhcp.hypervisor, 'other'),
                            model.DeviceRanges())
        self.assertEqual(((), self.names()), other.reap(self.instance,
                                                        self.held))
        self.assertEqual(((), self.names()), self.devices.reap(
            base.new(), self.held))
        self.assertEqual((), other.ours())

    def test_not_what_a_volume_uses(self):
        self.attach(self.claim(), self.instance)
        self.clock(3601)
        self.assertEqual(((), self.names()), self.devices.reap(
            self.instance, self.held))

    def test_one_that_did_not_come_off_is_tried_again(self):
        used = self.attach(self.claim(), self.instance)
        self.node.write('fail/Image_Device_Undedicate', '204 8')
        self.devices.detach(used.volume_id, used.generation, self.instance)
        self.assertEqual({'releasing'}, {d.state for d
                                         in self.devices.list()})
        self.assertEqual(((), self.names()), self.devices.reap(
            self.instance, self.held))
        self.unlink('fail/Image_Device_Undedicate')
        self.assertEqual((self.names(), ()), self.devices.reap(
            self.instance, self.held))
        self.assertNotIn('DEDICATE', self.directory())

    def test_one_whose_wwpn_is_named_elsewhere_cools(self):
        used = self.attach(self.claim(), self.instance)
        self.devices.detach(used.volume_id, used.generation, self.instance,
                            cooling=self.held[:1])
        device, = self.devices.list()
        self.assertEqual((self.held[0], 'cooling'),
                         (device.number, device.state))
        self.assertNotIn('DEDICATE', self.directory())
        other = self.devices.hold(base.new(), 'VM00002')
        self.assertNotIn(self.held[0], [d.number for d in other])
        self.assertEqual(((), self.names()[:1]), self.devices.reap(
            self.instance, self.held[:1]))
        self.clock(601)
        self.assertEqual((self.names()[:1], ()), self.devices.reap(
            self.instance, self.held[:1]))

    def test_one_that_cools_is_its_instances_again(self):
        self.devices.release(self.instance, cooling=self.held)
        self.assertEqual({'cooling'}, {d.state for d in self.devices.list()})
        self.assertEqual(
            [(number, 'held') for number in self.held],
            [(d.number, d.state) for d in self.devices.hold(
                self.instance, 'VM00001')])

    def test_used_luns_are_listed_by_host(self):
        used = self.attach(self.claim(), self.instance)
        listed, = self.devices.used()
        self.assertEqual((used.volume_id, self.instance, ''),
                         (listed.volume_id, listed.instance, listed.phase))
        other = fcp.Devices(self.node.zhcp, model.DeviceRanges(),
                            compute='compute2')
        self.assertEqual((), other.used())
