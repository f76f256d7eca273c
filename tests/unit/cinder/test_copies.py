# SPDX-License-Identifier: Apache-2.0
"""Snapshots, clones, extending and reverting: copies on LUNs of their own."""

from cinder import exception
import fixtures

from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions

LOST = exceptions.OutcomeUnknown('connection lost')
OTHER = '22222222-2222-4333-8444-555555555555'


class CopyTestCase(base.DriverTestCase):
    """self.volume has 10 GiB on a LUN of its own."""

    def setUp(self):
        super().setUp()
        self.volume = fakes.volume(10)
        self.volume.provider_id = self.driver.create_volume(
            self.volume)['provider_id']
        self.pool.calls.clear()

    def lun(self, volume_id=fakes.VOLUME):
        return self.pool.of(volume_id)

    def attach(self):
        self.pool.change(self.lun(), state='used', userid='LNX00001',
                         host='compute1')

    def clone(self, gib=10):
        made = fakes.volume(gib, OTHER)
        return self.driver.create_cloned_volume(made, self.volume)

    def fails(self, function, *args,
              kind=exception.VolumeBackendAPIException):
        return str(self.assertRaises(kind, function, *args))

    def while_waiting(self, **values):
        """Let the LUN that is copied to be so when it is waited for."""
        def change():
            for lun in list(self.pool.luns.values()):
                if lun.state == 'copying':
                    self.pool.change(lun, **values)
        self.pool.before['wait'] = [change]


class CloneTest(CopyTestCase):

    def test_three_requests(self):
        self.clone()
        self.assertEqual(['look', 'copy', 'wait'], self.pool.calls)

    def test_provider_id_is_of_the_copy(self):
        update = self.clone()
        self.assertIn(str(self.lun(OTHER).lun), update['provider_id'])

    def test_a_larger_one(self):
        self.clone(15)
        self.assertEqual(20, self.lun(OTHER).capacity.gib_floor)

    def test_it_is_not_smaller_than_the_real_size_of_its_source(self):
        self.pool.change(self.lun(), real=fakes.lun_state(9, 11).capacity)
        self.clone()
        self.assertEqual(12, self.lun(OTHER).capacity.gib_floor)

    def test_of_an_attached_volume(self):
        self.attach()
        text = self.fails(self.clone, kind=exception.VolumeIsBusy)
        self.assertIn('LNX00001', text)
        self.assertEqual(['look'], self.pool.calls)

    def test_of_a_volume_without_a_lun(self):
        self.volume.name_id = fakes.INSTANCE
        self.assertIn('knows no LUN', self.fails(self.clone))

    def test_a_failure_leaves_nothing(self):
        self.while_waiting(why='the source cannot be read')
        self.assertIn('cannot be read', self.fails(self.clone))
        self.assertEqual('wiping', self.lun(OTHER).state)
        self.assertEqual((), self.lun().readers)

    def test_a_bad_disk_is_in_quarantine(self):
        self.pool.before['wait'] = [exceptions.WipeFailed('it differs')]
        self.assertIn('it differs', self.fails(self.clone))
        self.assertEqual(0, self.pool.count('release'))

    def test_a_lost_answer(self):
        self.pool.after['copy'] = [LOST]
        self.clone()
        self.assertEqual('ours', self.lun(OTHER).state)
        self.assertEqual(['look', 'copy', 'cancel', 'wait'],
                         self.pool.calls)

    def test_the_time_is_over(self):
        self.driver._volumes.job_timeout = 0
        self.while_waiting(job='slow')
        self.fails(self.clone)
        self.assertEqual('wiping', self.lun(OTHER).state)

    def test_without_a_lun_that_is_large_enough(self):
        self.assertIn('largest free LUN has 20', self.fails(self.clone, 30))

    def test_encrypted(self):
        made = fakes.volume(10, OTHER, encryption_key_id='key')
        self.fails(self.driver.create_cloned_volume, made, self.volume)
        self.assertEqual([], self.pool.calls)


class SnapshotTest(CopyTestCase):

    def setUp(self):
        super().setUp()
        self.snapshot = fakes.snapshot(self.volume)

    def create(self):
        return self.driver.create_snapshot(self.snapshot)

    def test_it_is_a_copy(self):
        update = self.create()
        found = self.lun(self.snapshot.id)
        self.assertEqual(('ours', 'snapshot'), (found.state, found.role))
        self.assertIn(str(found.lun), update['provider_id'])

    def test_of_an_attached_volume(self):
        self.attach()
        self.fails(self.create, kind=exception.VolumeIsBusy)

    def test_a_volume_from_it_may_be_larger(self):
        self.create()
        self.driver.create_volume_from_snapshot(fakes.volume(12, OTHER),
                                                self.snapshot)
        self.assertEqual(12, self.lun(OTHER).capacity.gib_floor)

    def test_deleted(self):
        self.create()
        self.driver.delete_snapshot(self.snapshot)
        self.assertIsNone(self.lun(self.snapshot.id))

    def test_deleted_when_it_was_never_made(self):
        self.assertIsNone(self.driver.delete_snapshot(self.snapshot))

    def test_it_is_not_deleted_while_a_volume_is_made_from_it(self):
        self.create()
        self.pool.change(self.lun(self.snapshot.id), readers=(OTHER,))
        text = self.fails(self.driver.delete_snapshot, self.snapshot,
                          kind=exception.SnapshotIsBusy)
        self.assertIn(OTHER, text)

    def test_a_volume_is_not_deleted_while_it_is_copied(self):
        self.pool.change(self.lun(), readers=(OTHER,))
        self.fails(self.driver.delete_volume, self.volume,
                   kind=exception.VolumeIsBusy)


class ExtendTest(CopyTestCase):

    def extend(self, gib):
        self.driver.extend_volume(self.volume, gib)

    def test_within_the_lun(self):
        before = self.lun()
        self.extend(10)
        self.assertEqual(['look'], self.pool.calls)
        self.assertEqual((before, 0), (self.lun(), self.volume.saved))

    def test_beyond_the_lun_it_moves(self):
        before = self.lun()
        self.extend(11)
        self.assertEqual(['look', 'copy', 'wait', 'switch'],
                         self.pool.calls)
        self.assertEqual(12, self.lun().capacity.gib_floor)
        self.assertGreater(self.lun().generation, before.generation)
        self.assertEqual('wiping', self.pool.luns[before.lun].state)

    def test_the_new_place_is_saved(self):
        self.extend(11)
        self.assertEqual(1, self.volume.saved)
        self.assertIn(str(self.lun().lun), self.volume.provider_id)

    def test_an_attached_volume(self):
        self.attach()
        for gib in (10, 11):
            self.fails(self.extend, gib, kind=exception.VolumeIsBusy)
        self.assertEqual(0, self.volume.saved)

    def test_without_a_larger_lun(self):
        before = self.lun()
        self.assertIn('largest free LUN', self.fails(self.extend, 30))
        self.assertEqual(before, self.lun())

    def test_a_volume_that_was_changed_meanwhile_stays(self):
        before = self.lun()
        self.pool.before['switch'] = [lambda: self.pool.change(
            self.lun(), generation=self.lun().generation + 2)]
        self.fails(self.extend, 11)
        self.assertEqual(before.lun, self.lun().lun)
        self.assertEqual(['free', 'free', 'ours', 'wiping'],
                         self.pool.states())

    def test_a_lost_answer_of_the_switch(self):
        self.pool.after['switch'] = [LOST]
        self.extend(11)
        self.assertEqual(12, self.lun().capacity.gib_floor)
        self.assertIn(str(self.lun().lun), self.volume.provider_id)

    def test_an_outage_before_the_switch(self):
        self.pool.before['switch'] = [exceptions.ZhcpDown('down'), LOST]
        self.extend(11)
        self.assertEqual(3, self.pool.count('switch'))
        self.assertEqual(12, self.lun().capacity.gib_floor)

    def test_a_repeat_when_the_old_lun_is_free_already(self):
        """The first answer was lost, and its wipe was quick."""
        really = self.pool.switch

        def switched(copy_id, volume_id):
            really(copy_id, volume_id)
            self.pool.wait(copy_id, 1)
            raise exceptions.VolumeUnknown('volume=%s' % copy_id)
        self.pool.switch = switched
        self.extend(11)
        self.assertEqual(['free', 'free', 'free', 'ours'],
                         self.pool.states())
        self.assertIn(str(self.lun().lun), self.volume.provider_id)

    def test_a_switch_that_never_happened(self):
        before = self.lun()
        self.pool.before['switch'] = [LOST] * 20
        self.fails(self.extend, 11)
        self.assertEqual(before.lun, self.lun().lun)
        self.assertEqual(['free', 'free', 'ours', 'wiping'],
                         self.pool.states())

    def test_it_waits_for_a_clone_that_reads_the_volume(self):
        self.pool.before['switch'] = [
            lambda: self.pool.change(self.lun(), readers=(OTHER,)),
            lambda: self.pool.change(self.lun(), readers=())]
        self.extend(11)
        self.assertEqual(2, self.pool.count('switch'))
        self.assertEqual(12, self.lun().capacity.gib_floor)


class RevertTest(CopyTestCase):

    def setUp(self):
        super().setUp()
        self.snapshot = fakes.snapshot(self.volume)
        self.driver.create_snapshot(self.snapshot)
        self.pool.calls.clear()

    def revert(self):
        self.driver.revert_to_snapshot(None, self.volume, self.snapshot)

    def test_a_copy_takes_the_place_of_the_lun(self):
        before = self.lun()
        self.revert()
        self.assertEqual(['look', 'look', 'copy', 'wait', 'switch'],
                         self.pool.calls)
        self.assertNotEqual(before.lun, self.lun().lun)
        self.assertIn(str(self.lun().lun), self.volume.provider_id)
        self.assertEqual('ours', self.lun(self.snapshot.id).state)

    def test_the_lun_is_not_smaller_than_before(self):
        self.pool.change(self.lun(), real=fakes.lun_state(9, 15).capacity)
        self.revert()
        self.assertEqual(20, self.lun().capacity.gib_floor)

    def test_an_attached_volume(self):
        self.attach()
        self.fails(self.revert, kind=exception.VolumeIsBusy)

    def test_no_temporary_snapshot(self):
        self.assertFalse(self.driver.snapshot_revert_use_temp_snapshot())


class VerifyTest(CopyTestCase):
    """What a volume type says of reading copies back."""

    options = {'zvm_copy_verify': 'sampled'}

    def setUp(self):
        super().setUp()
        self.specs = {}
        self.useFixture(fixtures.MonkeyPatch(
            'cinder.volume.volume_types.get_volume_type_extra_specs',
            lambda type_id: self.specs))
        self.verified = []
        copy = self.pool.copy

        def noting(*args):
            self.verified.append(args[-1].verify)
            return copy(*args)
        self.pool.copy = noting

    def typed(self):
        """A clone with a type, and an extension of the volume."""
        self.volume.volume_type_id = 'type'
        self.driver.create_cloned_volume(
            fakes.volume(10, OTHER), self.volume)
        self.driver.extend_volume(self.volume, 11)
        return self.verified

    def test_without_a_word_the_option_counts(self):
        self.assertEqual(['sampled', 'sampled'], self.typed())

    def test_the_type_counts_more(self):
        self.specs['zvm:copy_verify'] = 'all'
        self.assertEqual(['sampled', 'all'], self.typed())

    def test_another_word_is_refused_before_anything_is_copied(self):
        self.specs['zvm:copy_verify'] = 'some'
        self.volume.volume_type_id = 'type'
        text = self.fails(self.driver.extend_volume, self.volume, 11)
        self.assertIn('one of: all, sampled', text)
        self.assertEqual([], self.pool.calls)

    def test_it_is_a_vendor_property(self):
        self.driver.init_capabilities()
        found = self.driver.capabilities
        self.assertEqual('zvm', found['vendor_prefix'])
        self.assertEqual(
            (['all', 'sampled'], 'sampled'),
            (found['properties']['zvm:copy_verify']['enum'],
             found['properties']['zvm:copy_verify']['default']))


class AttachTest(CopyTestCase):

    def test_what_is_being_copied_is_not_attached(self):
        self.pool.change(self.lun(), readers=(OTHER,))
        text = self.fails(self.driver.initialize_connection, self.volume,
                          fakes.connector())
        self.assertIn('being copied to ' + OTHER, text)
