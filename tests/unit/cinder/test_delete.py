# SPDX-License-Identifier: Apache-2.0
"""Delete ends with a wiped, free LUN, or says why not."""

from cinder import exception

from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions

LOST = exceptions.OutcomeUnknown('connection lost')


class DeleteTest(base.DriverTestCase):

    sizes = (10,)

    def setUp(self):
        super().setUp()
        self.volume = fakes.volume(10)
        self.driver.create_volume(self.volume)
        self.pool.calls.clear()

    def _refused(self):
        return str(self.assertRaises(exception.VolumeBackendAPIException,
                                     self.driver.delete_volume, self.volume))

    def _lun(self):
        return self.pool.of(fakes.VOLUME)

    def test_wiped_and_free(self):
        self.driver.delete_volume(self.volume)
        self.assertEqual(['free'], self.pool.states())
        self.assertEqual(['look', 'release', 'wait'], self.pool.calls)

    def test_again(self):
        self.driver.delete_volume(self.volume)
        self.driver.delete_volume(self.volume)
        self.assertIn('nothing to delete', self.log.output)

    def test_without_a_lun(self):
        self.driver.delete_volume(fakes.volume(1, fakes.INSTANCE))
        self.assertEqual(['look'], self.pool.calls)
        self.assertEqual(['ours'], self.pool.states())

    def test_used_is_busy_and_names_guest_and_host(self):
        self.pool.change(self._lun(), state='used', userid='LNX00001',
                         instance=fakes.INSTANCE, host='compute1')
        error = self.assertRaises(exception.VolumeIsBusy,
                                  self.driver.delete_volume, self.volume)
        for word in ('LNX00001', 'compute1', fakes.INSTANCE):
            self.assertIn(word, str(error))
        self.assertEqual(['used'], self.pool.states())

    def test_one_that_its_guest_has_not_let_go_of_is_busy(self):
        self.pool.change(self._lun(), state='used', userid='LNX00001',
                         phase='leaving', instance=fakes.INSTANCE,
                         host='compute1')
        error = self.assertRaises(exception.VolumeIsBusy,
                                  self.driver.delete_volume, self.volume)
        for word in ('LNX00001', 'was off or did not answer', 'Start'):
            self.assertIn(word, str(error))

    def test_attached_between_look_and_release(self):
        def attach():
            self.pool.change(self._lun(), state='used', userid='LNX00001',
                             generation=9)
        self.pool.before['release'] = [attach]
        self.assertRaises(exception.VolumeIsBusy,
                          self.driver.delete_volume, self.volume)
        self.assertEqual(['used'], self.pool.states())

    def test_a_stale_generation_is_read_again(self):
        self.pool.before['release'] = [exceptions.StaleGeneration('old')] * 2
        self.driver.delete_volume(self.volume)
        self.assertEqual(['free'], self.pool.states())

    def test_but_not_for_ever(self):
        self.pool.before['release'] = [exceptions.StaleGeneration('old')] * 9
        self.assertIn('old', self._refused())
        self.assertEqual(3, self.pool.count('release'))

    def test_a_lost_answer_of_the_release(self):
        self.pool.after['release'] = [LOST]
        self.driver.delete_volume(self.volume)
        self.assertEqual(['free'], self.pool.states())

    def test_a_lost_answer_after_the_wipe_had_ended(self):
        def vanish(*args):
            self.pool.change(self._lun(), state='free', volume_id=None)
            raise LOST
        self.pool.release = vanish
        self.driver.delete_volume(self.volume)
        self.assertEqual(['free'], self.pool.states())

    def test_adopts_a_running_wipe_after_a_restart(self):
        self.pool.change(self._lun(), state='wiping', generation=7)
        self.driver.delete_volume(self.volume)
        self.assertEqual(['free'], self.pool.states())
        self.assertEqual(['look', 'wait'], self.pool.calls)

    def test_a_create_that_was_killed_while_the_lun_was_prepared(self):
        self.pool.change(self._lun(), state='preparing')
        self.driver.delete_volume(self.volume)
        self.assertEqual(['free'], self.pool.states())

    def test_a_failed_wipe(self):
        self.pool.change(self._lun(), why='write error at 4 MiB')
        self.assertIn('write error at 4 MiB', self._refused())
        self.assertEqual(['quarantined'], self.pool.states())

    def test_a_quarantined_lun_is_wiped_again(self):
        self.pool.change(self._lun(), state='quarantined', why='WWID')
        self.assertIn('WWID', self._refused())
        self.assertEqual(['quarantined'], self.pool.states())
        self.pool.change(self._lun(), why=None)
        self.driver.delete_volume(self.volume)
        self.assertEqual(['free'], self.pool.states())

    def test_a_wipe_that_takes_too_long(self):
        self.driver._volumes.job_timeout = 0
        self.pool.change(self._lun(), job='slow')
        self.assertIn('The wipe goes on', self._refused())
        self.pool.change(self._lun(), job='')
        self.driver.delete_volume(self.volume)
        self.assertEqual(['free'], self.pool.states())

    def test_an_outage_during_the_wipe_is_sat_out(self):
        self.pool.before['wait'] = [
            exceptions.MnUnreachable('mn'), exceptions.ZhcpDown('zhcp1'),
            LOST]
        self.driver.delete_volume(self.volume)
        self.assertEqual(['free'], self.pool.states())

    def test_the_zhcp_is_down(self):
        self.pool.before['look'] = [exceptions.ZhcpDown('zhcp1 is down')]
        self.assertIn('zhcp1 is down', self._refused())
        self.assertEqual(['ours'], self.pool.states())
