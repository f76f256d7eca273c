# SPDX-License-Identifier: Apache-2.0
"""A guest has what Nova lists, and nothing else."""

import dataclasses
from unittest import mock

from nova import exception
from nova import test

from nova_zvm_volume.virt.zvm import reconcile
from nova_zvm_volume.virt.zvm import volumeop
from tests.unit.nova import fakes
from zvm_common import exceptions
from zvm_common import model

NODE = 'zvm00001'
SECOND = '77777777-0000-4000-8000-00000000000b'


class TestReconciler(test.NoDBTestCase):

    def setUp(self):
        super().setUp()
        self.sleep = self.useFixture(test.fixtures.MockPatch(
            'time.sleep')).mock
        self.lpar = fakes.FakeLpar()
        self.lpar.add_volume()
        self.lpar.add_volume(fakes.OTHER_VOLUME, number=1)
        self.volumes = volumeop.VolumeOps(self.lpar)
        self.inst = fakes.instance()
        self.mappings = [
            {'connection_info': fakes.connection_info()},
            {'connection_info': fakes.connection_info(fakes.OTHER_VOLUME,
                                                      number=1)}]
        self.mappings[1]['connection_info']['attachment_id'] = SECOND
        self.volumes.connector(self.inst)
        for mapping in self.mappings:
            self.volumes.attach(mapping['connection_info'], self.inst)
        self.lpar.calls.clear()

    def run_it(self, *mappings, patience=0):
        reconcile.Reconciler(self.lpar, self.volumes, self.inst,
                             patience).run(list(mappings))

    @property
    def disks(self):
        return set(self.lpar.guests[NODE].disks)

    def state(self, volume):
        return self.lpar.luns[volume].state

    def test_what_is_there_stays(self):
        before = self.lpar.state
        self.run_it(*self.mappings)
        self.assertEqual(before, self.lpar.state)
        self.assertEqual([], self.lpar.called('guest.detach'))

    def test_a_disk_that_the_guest_lost_comes_back(self):
        self.lpar.guests[NODE].disks.clear()
        self.run_it(*self.mappings)
        self.assertEqual({fakes.VOLUME, fakes.OTHER_VOLUME}, self.disks)

    def test_where_it_is_is_saved(self):
        class Mapping(dict):
            save = mock.Mock()
        # as Cinder gives it anew in a resize
        fresh = Mapping(connection_info=fakes.connection_info())
        self.run_it(fresh, self.mappings[1])
        fresh.save.assert_called_once_with()
        self.assertIn('device_path', fresh['connection_info']['data'])
        self.assertEqual(self.lpar.luns[fakes.VOLUME].generation,
                         fresh['connection_info']['data']['zvm_generation'])

    def test_what_is_not_listed_goes_and_keeps_its_lun(self):
        self.run_it(self.mappings[0])
        self.assertEqual({fakes.VOLUME}, self.disks)
        self.assertEqual('ours', self.state(fakes.OTHER_VOLUME))
        self.run_it()
        self.assertEqual(set(), self.disks)
        self.assertEqual('ours', self.state(fakes.VOLUME))

    def test_unless_the_guest_uses_it(self):
        self.lpar.guests[NODE].in_use.add(fakes.OTHER_VOLUME)
        self.run_it(self.mappings[0])
        self.assertEqual('used', self.state(fakes.OTHER_VOLUME))

    def test_a_volume_is_listed_by_any_of_its_names(self):
        for extra in ({'volume_id': fakes.OTHER_VOLUME},
                      {'attachment_id': SECOND}):
            self.run_it(dict(self.mappings[0], **extra))
            self.assertEqual('used', self.state(fakes.OTHER_VOLUME))

    def test_other_instances_keep_theirs(self):
        other = fakes.instance('zvm00002', fakes.OTHER_INSTANCE)
        reconcile.Reconciler(self.lpar, self.volumes, other, 0).run([])
        self.assertEqual({fakes.VOLUME, fakes.OTHER_VOLUME}, self.disks)

    def test_a_listed_one_that_was_taken_away_is_attached(self):
        self.volumes.take_back(self.lpar.luns[fakes.VOLUME], self.inst)
        self.run_it(*self.mappings)
        self.assertEqual('used', self.state(fakes.VOLUME))
        self.assertEqual({fakes.VOLUME, fakes.OTHER_VOLUME}, self.disks)

    def test_but_not_another_lun_of_it(self):
        self.volumes.take_back(self.lpar.luns[fakes.VOLUME], self.inst)
        self.lpar.luns[fakes.VOLUME] = dataclasses.replace(
            self.lpar.luns[fakes.VOLUME], lun=model.Lun('4011400700000000'))
        error = self.assertRaises(exception.VolumeAttachFailed, self.run_it,
                                  *self.mappings)
        self.assertIn('stale', str(error))
        self.assertEqual('ours', self.state(fakes.VOLUME))

    def test_nor_one_that_another_guest_has(self):
        self.volumes.take_back(self.lpar.luns[fakes.VOLUME], self.inst)
        other = fakes.instance('zvm00002', fakes.OTHER_INSTANCE)
        info = fakes.connection_info(
            generation=self.lpar.luns[fakes.VOLUME].generation)
        self.volumes.connector(other)
        self.volumes.attach(info, other)
        self.assertRaises(exception.VolumeAttachFailed, self.run_it,
                          *self.mappings)
        self.assertEqual(fakes.OTHER_INSTANCE,
                         self.lpar.luns[fakes.VOLUME].instance)

    def test_one_that_fails_does_not_stop_the_others(self):
        self.lpar.guests[NODE].disks.clear()
        self.lpar.fail('guest.attach', exceptions.PathFailed('no path'))
        error = self.assertRaises(exception.VolumeAttachFailed, self.run_it,
                                  *self.mappings)
        self.assertIn('no path', str(error))
        self.assertEqual({fakes.OTHER_VOLUME}, self.disks)
        self.assertEqual('used', self.state(fakes.VOLUME))

    def test_nothing_is_taken_away_then(self):
        self.lpar.fail('guest.attach', exceptions.PathFailed('no path'))
        self.assertRaises(exception.VolumeAttachFailed, self.run_it,
                          self.mappings[0])
        self.assertEqual('used', self.state(fakes.OTHER_VOLUME))

    def test_a_mapping_that_nobody_understands_keeps_all(self):
        self.assertRaises(exception.VolumeAttachFailed, self.run_it,
                          {'connection_info': {'data': None}})
        self.assertEqual({fakes.VOLUME, fakes.OTHER_VOLUME}, self.disks)

    def test_a_guest_that_boots_is_waited_for(self):
        self.lpar.guests[NODE].silent = 2
        self.run_it(*self.mappings, patience=60)
        self.assertEqual(2, self.sleep.call_count)

    def test_what_a_silent_guest_must_let_go_of_waits_for_it(self):
        self.lpar.guests[NODE].silent = 2
        self.run_it()
        self.assertEqual({'leaving'}, {
            self.lpar.luns[volume].phase
            for volume in (fakes.VOLUME, fakes.OTHER_VOLUME)})

    def test_one_that_stays_silent_is_asked_once(self):
        self.lpar.guests[NODE].silent = 99
        error = self.assertRaises(exception.VolumeAttachFailed, self.run_it,
                                  *self.mappings)
        self.assertTrue(reconcile.is_silent(error))
        self.assertEqual(98, self.lpar.guests[NODE].silent)
        self.assertEqual({fakes.VOLUME, fakes.OTHER_VOLUME}, self.disks)

    def test_a_zhcp_that_is_away_matters_where_something_is_listed(self):
        with mock.patch.object(self.lpar.devices, 'used',
                               side_effect=exceptions.ZhcpDown('down')):
            self.run_it()
            self.assertRaises(exception.ZVMDriverException, self.run_it,
                              *self.mappings)
