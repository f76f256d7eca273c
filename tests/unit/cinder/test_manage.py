# SPDX-License-Identifier: Apache-2.0
"""Manage, unmanage and listing, as Cinder asks the driver for them."""

import fixtures

from cinder import exception

from cinder_zvm import audit
from cinder_zvm import listing
from cinder_zvm import records
from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions
from zvm_common import model

LOST = exceptions.OutcomeUnknown('connection lost')


class ManageBase(base.DriverTestCase):
    """LUNs of 10, 10 and 20 GiB; the first is free, the others are his."""

    sizes = (10, 10, 20)

    def setUp(self):
        super().setUp()
        first, self.his, self.large = list(self.pool.luns)
        for lun in self.his, self.large:
            self.pool.change(lun, state='foreign', status='reserved',
                             owner='db2')
        self.volume = fakes.volume(0, status='managing')
        self.reference = self.of(self.his)

    def of(self, lun):
        return listing.reference(self.pool.luns[lun])

    def manage(self, volume=None):
        """Both calls of Cinder's manager; size and update."""
        volume = volume or self.volume
        size = self.driver.manage_existing_get_size(volume, self.reference)
        update = self.driver.manage_existing(volume, self.reference)
        vars(volume).update(update, size=size, status='available')
        return size

    def wrong(self, *words, call='manage_existing_get_size',
              error=exception.ManageExistingInvalidReference):
        found = str(self.assertRaises(error, getattr(self.driver, call),
                                      self.volume, self.reference))
        for word in words:
            self.assertIn(word, found)


class ManageTest(ManageBase):

    def test_it_is_the_volume_s(self):
        self.assertEqual(10, self.manage())
        lun = self.pool.of(fakes.VOLUME)
        self.assertEqual((self.his, 'ours', 'current'),
                         (lun.lun, lun.state, lun.role))
        self.assertEqual('%s:%s:%s' % (
            lun.operation_id, '+'.join(fakes.WWPNS), self.his),
            self.volume.provider_id)
        self.assertEqual(['measure', 'measure', 'manage'], self.pool.calls)

    def test_a_reference_in_any_form(self):
        lun = str(self.his)
        for wwpn, number in (
                (fakes.WWPNS[1], lun), (list(fakes.WWPNS), lun),
                ('0x%s;%s' % fakes.WWPNS, '0x' + lun.upper())):
            self.reference = {'wwpn': wwpn, 'lun': number}
            self.assertEqual(10, self.driver.manage_existing_get_size(
                self.volume, self.reference))

    def test_a_reference_that_is_none(self):
        whole = self.reference
        for reference in (
                None, 'text', {}, {'source-name': 'x'}, {'lun': whole['lun']},
                dict(whole, more='x'), dict(whole, wwpn=[]),
                dict(whole, wwpn='5'), dict(whole, wwpn=None),
                dict(whole, wwpn=[7]), dict(whole, lun='40'),
                dict(whole, lun=7), dict(whole, wwpn='%s;%s' % (
                    (fakes.WWPNS[0],) * 2))):
            self.reference = reference
            self.wrong('is not valid')
            self.wrong('is not valid', call='manage_existing')
        self.assertEqual([], self.pool.calls)

    def test_by_the_id_of_the_volume_that_it_was(self):
        self.manage()
        self.driver.unmanage(self.volume)
        self.volume = fakes.volume(0, fakes.INSTANCE, status='managing')
        self.reference = {'source-id': fakes.VOLUME}
        self.assertEqual(10, self.manage())
        self.assertEqual(self.his, self.pool.of(fakes.INSTANCE).lun)

    def test_an_id_that_no_lun_had_is_refused(self):
        for reference, words in (
                (fakes.VOLUME, 'no LUNs of pool'), ('7', 'is not valid'),
                (None, 'is not valid')):
            self.reference = {'source-id': reference}
            self.wrong(words)

    def test_an_id_that_two_luns_had_is_refused(self):
        for lun in self.his, self.large:
            self.pool.change(lun, state='unmanaged', was=fakes.VOLUME)
        self.reference = {'source-id': fakes.VOLUME}
        self.wrong('2 LUNs of pool')

    def test_whole_gib_rounded_down(self):
        for size, gib in ((model.GIB, 1), (2 * model.GIB - 512, 1),
                          (2 * model.GIB, 2)):
            self.pool.change(self.his, real=model.Capacity(size))
            self.assertEqual(gib, self.driver.manage_existing_get_size(
                self.volume, self.reference))

    def test_less_than_a_gib_is_refused(self):
        self.pool.change(self.his, real=model.Capacity(model.GIB - 512))
        for call in 'manage_existing_get_size', 'manage_existing':
            self.wrong('1073741312 bytes', 'smallest volume', call=call)
        self.assertNotIn('manage', self.pool.calls)

    def test_what_is_not_the_operator_s_is_refused_in_words(self):
        self.pool.change(self.his, state='quarantined')
        self.wrong('quarantined')

    def test_somebody_else_was_quicker(self):
        self.pool.before['manage'] = [lambda: self.pool.change(
            self.his, state='ours', volume_id=fakes.INSTANCE)]
        self.wrong('is ours', call='manage_existing')
        self.assertIsNone(self.pool.of(fakes.VOLUME))

    def test_a_disk_that_is_not_reached(self):
        self.pool.before['measure'] = [exceptions.PathFailed('no path')]
        self.wrong('cannot be managed', 'no path', 'zoning',
                   error=exception.VolumeBackendAPIException)

    def test_an_answer_that_was_lost(self):
        self.pool.after['manage'] = [LOST]
        self.assertEqual(10, self.manage())
        self.assertEqual(['manage', 'cancel'], self.pool.calls[-2:])

    def test_a_request_that_was_lost(self):
        self.pool.before['manage'] = [LOST]
        self.wrong('connection lost', call='manage_existing',
                   error=exception.VolumeBackendAPIException)
        self.assertEqual('foreign', self.pool.luns[self.his].state)

    def test_nothing_can_be_asked_any_more(self):
        self.pool.after['manage'] = [LOST]
        self.pool.before['cancel'] = [exceptions.ZhcpDown('down')]
        self.wrong('connection lost', call='manage_existing',
                   error=exception.VolumeBackendAPIException)
        self.assertIn('leaves the LUN to the operator', self.log.output)

    def test_a_type_that_promises_what_no_lun_has(self):
        self.volume.volume_type_id = 'type'
        self.useFixture(fixtures.MonkeyPatch(
            'cinder.volume.volume_types.get_volume_type_qos_specs',
            lambda _: {'qos_specs': {'name': 'slow',
                                     'consumer': 'back-end'}}))
        for call in 'manage_existing_get_size', 'manage_existing':
            self.wrong('slow', call=call,
                       error=exception.ManageExistingVolumeTypeMismatch)
        self.assertEqual([], self.pool.calls)


class DeleteTest(ManageBase):
    """Only what Cinder has saved is a volume that its delete wipes."""

    def test_one_that_was_managed_is_wiped_and_free(self):
        self.manage()
        self.driver.delete_volume(self.volume)
        self.assertEqual('free', self.pool.luns[self.his].state)
        self.assertEqual(['look', 'confirm', 'release', 'wait'],
                         self.pool.calls[-4:])

    def test_one_that_was_never_saved_is_the_operator_s(self):
        self.driver.manage_existing(self.volume, self.reference)
        self.volume.status = 'deleting'
        self.driver.delete_volume(self.volume)
        self.assertEqual('unmanaged', self.pool.luns[self.his].state)
        self.assertNotIn('release', self.pool.calls)

    def test_one_whose_manage_failed_in_the_end_is_the_operator_s(self):
        self.manage()
        self.volume.status = 'error_managing_deleting'
        self.driver.delete_volume(self.volume)
        self.assertEqual('unmanaged', self.pool.luns[self.his].state)

    def test_a_snapshot_that_was_never_saved_is_the_operator_s(self):
        snapshot = fakes.snapshot(self.volume)
        self.driver.manage_existing_snapshot(snapshot, self.reference)
        self.driver.delete_snapshot(snapshot)
        self.assertEqual('unmanaged', self.pool.luns[self.his].state)

    def test_start_up_does_not_save_what_cinder_has_not(self):
        self.driver.manage_existing(self.volume, self.reference)
        self.assertEqual((None, None), self.driver.update_provider_info(
            [self.volume], []))


class UnmanageTest(ManageBase):

    def setUp(self):
        super().setUp()
        self.manage()
        self.pool.calls.clear()

    def test_the_lun_is_the_operator_s(self):
        self.driver.unmanage(self.volume)
        lun = self.pool.luns[self.his]
        self.assertEqual(('unmanaged', fakes.VOLUME), (lun.state, lun.was))
        self.assertEqual(['look', 'unmanage'], self.pool.calls)

    def test_again(self):
        self.driver.unmanage(self.volume)
        self.driver.unmanage(self.volume)
        self.assertIn('nothing to unmanage', self.log.output)

    def test_used_is_busy_and_names_guest_and_host(self):
        self.pool.change(self.his, state='used', userid='LNX00001',
                         host='compute1')
        error = self.assertRaises(exception.VolumeIsBusy,
                                  self.driver.unmanage, self.volume)
        self.assertIn('LNX00001', str(error))
        self.assertIn('compute1', str(error))
        self.assertEqual(['look'], self.pool.calls)

    def test_attached_between_look_and_unmanage(self):
        self.pool.before['unmanage'] = [lambda: self.pool.change(
            self.his, state='used', userid='LNX00001', generation=9)]
        self.assertRaises(exception.VolumeIsBusy, self.driver.unmanage,
                          self.volume)

    def test_one_that_changes_again_and_again(self):
        self.pool.before['unmanage'] = [
            exceptions.StaleGeneration('moved')] * 9
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.unmanage, self.volume)
        self.assertEqual(3, self.pool.count('unmanage'))

    def test_gone_between_look_and_unmanage(self):
        self.pool.before['unmanage'] = [exceptions.VolumeUnknown('gone')]
        self.driver.unmanage(self.volume)

    def test_being_copied_is_busy(self):
        self.pool.change(self.his, readers=(fakes.INSTANCE,))
        error = self.assertRaises(exception.VolumeIsBusy,
                                  self.driver.unmanage, self.volume)
        self.assertIn('Unmanage it when that is done', str(error))

    def test_a_snapshot_that_is_being_copied_is_busy(self):
        snapshot = fakes.snapshot(self.volume)
        self.driver.create_snapshot(snapshot)
        self.pool.change(self.pool.of(snapshot.id),
                         readers=(fakes.INSTANCE,))
        self.assertRaises(exception.SnapshotIsBusy,
                          self.driver.unmanage_snapshot, snapshot)
        self.pool.change(self.pool.of(snapshot.id), readers=())
        self.driver.unmanage_snapshot(snapshot)
        self.assertIsNone(self.pool.of(snapshot.id))
        self.driver.unmanage_snapshot(snapshot)

    def test_the_answer_was_lost(self):
        self.pool.after['unmanage'] = [LOST]
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.unmanage, self.volume)
        self.driver.unmanage(self.volume)
        self.assertEqual('unmanaged', self.pool.luns[self.his].state)


class SnapshotTest(ManageBase):

    def setUp(self):
        super().setUp()
        self.volume.size = 12
        self.snapshot = fakes.snapshot(self.volume)

    def size(self, lun):
        return self.driver.manage_existing_snapshot_get_size(
            self.snapshot, self.of(lun))

    def test_a_lun_of_its_own(self):
        update = self.driver.manage_existing_snapshot(self.snapshot,
                                                      self.reference)
        lun = self.pool.of(self.snapshot.id)
        self.assertEqual((self.his, 'snapshot', 'ours'),
                         (lun.lun, lun.role, lun.state))
        self.assertIn(str(self.his), update['provider_id'])

    def test_never_larger_than_its_volume(self):
        self.assertEqual([10, 12], [self.size(self.his),
                                    self.size(self.large)])

    def test_of_another_status_is_refused(self):
        self.pool.change(self.his, status='used')
        self.assertRaises(exception.ManageExistingInvalidReference,
                          self.size, self.his)


class ListTest(ManageBase):

    def listed(self, rows=(), kind='volumes', marker=None, limit=1000,
               offset=0, keys=('reference',), dirs=('asc',)):
        return getattr(self.driver, 'get_manageable_' + kind)(
            rows, marker, limit, offset, list(keys), list(dirs))

    def entry(self, lun, **args):
        return next(each for each in self.listed(**args)
                    if each['reference'] == self.of(lun))

    def test_of_the_operator(self):
        first, second = self.listed()
        self.assertEqual({
            'reference': self.of(self.his), 'size': 10,
            'safe_to_manage': True, 'reason_not_safe': None,
            'cinder_id': None,
            'extra_info': {'state': 'foreign', 'owner': 'db2'}}, first)
        self.assertEqual((self.of(self.large), 20),
                         (second['reference'], second['size']))
        self.assertEqual(['view'], self.pool.calls)

    def test_the_reference_can_be_managed(self):
        self.reference = self.listed()[0]['reference']
        self.assertEqual(10, self.manage())

    def test_of_a_volume(self):
        self.manage()
        entry = self.entry(self.his, rows=[self.volume])
        self.assertEqual((False, self.volume.id), (entry['safe_to_manage'],
                                                   entry['cinder_id']))
        self.assertIn('already managed as volume ' + fakes.VOLUME,
                      entry['reason_not_safe'])

    def test_why_not(self):
        for values, words in (
                ({'state': 'used', 'volume_id': fakes.VOLUME,
                  'userid': 'LNX1'}, 'used by guest LNX1'),
                ({'status': 'used'}, 'used by guest db2'),
                ({'status': 'broken'}, 'its line says broken'),
                ({'state': 'unmanaged', 'status': 'free', 'drift': 'free'},
                 'its line says free'),
                ({'state': 'unmanaged', 'drift': 'owner'}, 'stamp'),
                ({'twice': True}, 'two lines'),
                ({'state': 'lost'}, 'stamp'),
                ({'state': 'quarantined', 'why': 'no path'}, 'no path'),
                ({'state': 'preparing', 'volume_id': 'v'}, 'wiped for'),
                ({'state': 'copying', 'volume_id': 'v'}, 'copy volume v'),
                ({'state': 'wiping', 'volume_id': 'v'}, 'being wiped'),
                ({'state': 'freeing', 'volume_id': 'v'}, 'about to be free')):
            lun = self.pool.luns[self.his]
            self.pool.change(self.his, **values)
            entry = self.entry(self.his)
            self.assertFalse(entry['safe_to_manage'])
            self.assertIn(words, entry['reason_not_safe'])
            self.pool.luns[self.his] = lun

    def test_sorted_and_in_pages(self):
        sizes = [each['size'] for each in self.listed(
            keys=('size',), dirs=('desc',))]
        self.assertEqual([20, 10], sizes)
        page = self.listed(limit=1)
        self.assertEqual([self.of(self.his)], [e['reference'] for e in page])
        page = self.listed(limit=1, marker=page[-1]['reference'])
        self.assertEqual([self.of(self.large)], [e['reference'] for e in page])
        self.assertEqual([], self.listed(offset=2))

    def test_snapshots(self):
        self.manage()
        snapshot = fakes.snapshot(self.volume)
        self.driver.manage_existing_snapshot(snapshot, self.of(self.large))
        entry, = self.listed([snapshot], 'snapshots')
        self.assertEqual(
            (self.of(self.large), self.of(self.his), snapshot.id, False),
            tuple(entry[key] for key in ('reference', 'source_reference',
                                         'cinder_id', 'safe_to_manage')))
        # it is no volume
        self.assertEqual([self.of(self.his)], [
            each['reference'] for each in self.listed([self.volume])])
        self.driver.unmanage_snapshot(snapshot)
        entry, = self.listed([], 'snapshots')
        self.assertEqual(
            (True, {}, snapshot.id),
            (entry['safe_to_manage'], entry['source_reference'],
             entry['extra_info']['was']))

    def test_when_nobody_answers(self):
        self.pool.before['view'] = [exceptions.ZhcpDown('down')]
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.listed)
        self.assertIn('cannot be listed', str(error))


class SweepTest(ManageBase):

    def setUp(self):
        super().setUp()
        self.manage()
        self.pool.calls.clear()

    def know(self, status='available', provider_id='p', here=True):
        self.known[fakes.VOLUME] = records.Known(
            fakes.VOLUME, here, status, provider_id, self.volume, self.volume)

    def phase(self):
        return self.pool.luns[self.his].phase

    def test_one_that_cinder_has_saved_is_finished(self):
        self.know()
        report = self.driver.sweep()
        self.assertEqual([fakes.VOLUME], report.confirmed)
        self.assertEqual('', self.phase())

    def test_also_by_the_look_each_minute(self):
        self.pool.change(self.his, phase='')
        self.know()
        self.driver.sweep()
        self.pool.calls.clear()
        self.pool.change(self.his, phase='manage')
        self.driver._update_volume_stats()
        self.assertEqual(['view', 'confirm'], self.pool.calls)

    def test_one_on_its_way_or_failed_stays(self):
        for status in ('managing', 'error_managing',
                       'error_managing_deleting'):
            self.know(status)
            report = self.driver.sweep()
            self.assertEqual([fakes.VOLUME], report.waiting)
            self.assertEqual('manage', self.phase())
        self.know('creating', '')       # a snapshot
        self.driver.sweep()
        self.know('managing', '', here=False)
        self.driver.sweep()
        self.assertEqual('manage', self.phase())

    def test_one_that_cinder_does_not_have_is_given_back(self):
        report = self.driver.sweep()
        self.assertEqual([fakes.VOLUME], report.given_back)
        self.assertEqual('unmanaged', self.pool.luns[self.his].state)
        self.assertNotIn('abandon', self.pool.calls)
        self.assertNotIn('set_aside', self.pool.calls)

    def test_not_before_its_lease_is_over(self):
        self.pool.before['unmanage'] = [exceptions.LeaseRuns('runs')]
        self.assertEqual([fakes.VOLUME], self.driver.sweep().waiting)
        self.assertEqual('manage', self.phase())

    def test_an_unmanage_that_cinder_has_not_saved(self):
        self.driver.unmanage(self.volume)
        for status in 'unmanaging', 'error_unmanaging':
            self.know(status)
            report = self.driver.sweep()
            self.assertEqual(([], []), (report.lost, report.left))
        self.know()
        report = self.driver.sweep()
        self.assertEqual(([], [fakes.VOLUME]), (report.lost, report.left))
        self.assertIn('Unmanage them again', self.log.output)
        self.assertEqual(fakes.LEDGER, self.pool.ledger)

    def test_a_line_that_was_set_free_is_swept_at_once(self):
        self.driver.unmanage(self.volume)
        self.driver.sweep()
        self.pool.calls.clear()
        self.driver._update_volume_stats()
        self.assertEqual(['view'], self.pool.calls)
        self.pool.change(self.his, drift='free', scope=fakes.SCOPE)
        self.driver._update_volume_stats()
        self.assertIn('sweep', self.pool.calls)
        self.pool.change(self.his, scope='other')
        self.pool.calls.clear()
        self.driver._update_volume_stats()
        self.assertNotIn('sweep', self.pool.calls)

    def find(self):
        return [(each.kind, each.volume)
                for each in audit.find(self.pool.view(), self.known)]

    def test_an_audit_finds_nothing_wrong_with_either(self):
        self.know()
        self.assertEqual([], self.find())
        self.driver.unmanage(self.volume)
        self.known.clear()
        self.assertEqual([], self.find())

    def test_an_audit_tells_of_one_that_cinder_still_has(self):
        self.driver.unmanage(self.volume)
        self.know(provider_id='op:w:l')
        self.assertEqual([('unmanaged', fakes.VOLUME)], self.find())
        made, _, failed = audit.rebuild(self.pool, None, self.known)
        self.assertEqual(([], []), (made, failed))

    def test_counted(self):
        self.driver.unmanage(self.volume)
        stats = self.driver.get_volume_stats(refresh=True)['pools'][0]
        self.assertEqual((1, 1, 10), (
            stats['zvm_luns_unmanaged'], stats['zvm_luns_foreign'],
            stats['total_capacity_gb']))
