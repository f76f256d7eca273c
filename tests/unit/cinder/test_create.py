# SPDX-License-Identifier: Apache-2.0
"""Create takes one clean LUN, or none."""

from cinder import exception
import fixtures

from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions
from zvm_common import model

LOST = exceptions.OutcomeUnknown('connection lost')


class CreateTest(base.DriverTestCase):

    def _refused(self, volume):
        return str(self.assertRaises(exception.VolumeBackendAPIException,
                                     self.driver.create_volume, volume))

    def test_takes_the_best_fit(self):
        self.driver.create_volume(fakes.volume(11))
        self.assertEqual(12, self.pool.of(fakes.VOLUME).capacity.gib_floor)

    def test_one_request(self):
        self.driver.create_volume(fakes.volume(10))
        self.assertEqual(['claim'], self.pool.calls)

    def test_provider_id_names_operation_ports_and_lun(self):
        update = self.driver.create_volume(fakes.volume(10))
        lun = self.pool.of(fakes.VOLUME)
        self.assertEqual(
            {'provider_id': '%s:5005076303000001+5005076303000002:%s'
             % (lun.operation_id, lun.lun)}, update)
        model.OperationId(lun.operation_id)

    def test_again_finds_the_same_lun(self):
        volume = fakes.volume(10)
        self.assertEqual(self.driver.create_volume(volume),
                         self.driver.create_volume(volume))
        self.assertEqual(['free', 'free', 'free', 'ours'],
                         self.pool.states())

    def test_by_name_id(self):
        self.driver.create_volume(fakes.volume(id='other'))
        self.assertIsNone(self.pool.of('other'))

    def test_too_large_names_the_largest_free_lun(self):
        text = self._refused(fakes.volume(50))
        for word in ('zpool1', '50.00', '100.00', 'largest free LUN has 20'):
            self.assertIn(word, text)

    def test_too_small_names_the_option(self):
        text = self._refused(fakes.volume(2))
        self.assertIn('zvm_max_oversize_percent is 100', text)
        self.assertEqual(['free'] * 4, self.pool.states())

    def test_encrypted_is_refused_before_any_request(self):
        text = self._refused(fakes.volume(encryption_key_id='key'))
        self.assertIn('encrypt', text.lower())
        self.assertEqual([], self.pool.calls)

    def _typed(self, consumer):
        """A volume whose type has QoS specs; None: it has none."""
        qos = consumer and {'id': 'q', 'name': 'slow', 'consumer': consumer,
                            'specs': {'total_iops_sec': '100'}}
        self.useFixture(fixtures.MonkeyPatch(
            'cinder.volume.volume_types.get_volume_type_qos_specs',
            lambda type_id: {'qos_specs': {'t': qos}[type_id]}))
        return fakes.volume(volume_type_id='t')

    def test_qos_of_the_back_end_is_refused_before_any_request(self):
        for consumer in ('back-end', 'both'):
            text = self._refused(self._typed(consumer))
            for word in ('slow', consumer, 'SCSI pool'):
                self.assertIn(word, text)
        self.assertEqual([], self.pool.calls)

    def test_qos_of_the_front_end_is_none_of_the_drivers_business(self):
        for consumer in (None, 'front-end'):
            self.driver.create_volume(self._typed(consumer))

    # what fails leaves nothing behind

    def test_an_unknown_outcome_that_took_a_lun_keeps_it(self):
        self.pool.after['claim'] = [LOST]
        update = self.driver.create_volume(fakes.volume(10))
        self.assertEqual(['free', 'free', 'free', 'ours'],
                         self.pool.states())
        self.assertIn(str(self.pool.of(fakes.VOLUME).lun),
                      update['provider_id'])
        self.assertEqual(['claim', 'cancel'], self.pool.calls)

    def test_an_answer_that_cannot_be_read_keeps_the_lun_it_took(self):
        self.pool.after['claim'] = [exceptions.BadAnswer('state=?')]
        update = self.driver.create_volume(fakes.volume(10))
        self.assertIn(str(self.pool.of(fakes.VOLUME).lun),
                      update['provider_id'])
        self.assertEqual(['claim', 'cancel'], self.pool.calls)

    def test_answers_that_cannot_be_read_at_all(self):
        self.pool.after['claim'] = [exceptions.BadAnswer('state=?')]
        self.pool.before['cancel'] = [exceptions.BadAnswer('state=!')]
        self.assertIn('state=?', self._refused(fakes.volume(10)))
        for word in ('state=!', fakes.VOLUME, 'owner column'):
            self.assertIn(word, self.log.output)

    def test_an_unknown_outcome_that_took_none(self):
        self.pool.before['claim'] = [LOST]
        self.assertIn('connection lost', self._refused(fakes.volume(10)))
        self.assertEqual(['free'] * 4, self.pool.states())

    def test_an_unknown_outcome_that_cannot_be_found_out(self):
        self.pool.after['claim'] = [LOST]
        self.pool.before['cancel'] = [exceptions.ZhcpDown('zhcp1 is down')]
        self.assertIn('connection lost', self._refused(fakes.volume(10)))
        for word in ('zhcp1 is down', fakes.VOLUME, 'owner column'):
            self.assertIn(word, self.log.output)
        # and the delete, or the next create, finds it
        self.driver.delete_volume(fakes.volume(10))
        self.assertEqual(['free'] * 4, self.pool.states())

    def test_a_refusal_is_not_repeated(self):
        self.pool.before['claim'] = [exceptions.LedgerDamaged('damaged')]
        self.assertIn('backup', self._refused(fakes.volume(10)))
        self.assertEqual(['claim'], self.pool.calls)

    def test_a_lun_found_in_use_is_left_alone(self):
        self.driver.create_volume(fakes.volume(10))
        self.pool.change(self.pool.of(fakes.VOLUME), state='used')
        self._refused(fakes.volume(10))
        self.assertIn('used', self.pool.states())


class TightTest(base.DriverTestCase):

    options = {'zvm_max_oversize_percent': 0}

    def test_exact_only(self):
        self.driver.create_volume(fakes.volume(20))
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.create_volume,
                          fakes.volume(11, fakes.INSTANCE))


class DirtyTest(base.DriverTestCase):

    sizes = (10, 10)
    clean = False

    def test_waits_until_the_lun_is_wiped(self):
        update = self.driver.create_volume(fakes.volume(10))
        self.assertEqual(['claim', 'wait'], self.pool.calls)
        self.assertIn(str(self.pool.of(fakes.VOLUME).lun),
                      update['provider_id'])

    def test_trusted_luns_are_not_wiped(self):
        driver = self.make_driver(zvm_trust_free_luns=True)
        driver.do_setup(None)
        driver.create_volume(fakes.volume(10))
        self.assertEqual(['claim'], self.pool.calls)

    def test_a_failed_wipe_sets_one_lun_aside(self):
        for lun in list(self.pool.luns):
            self.pool.change(lun, why='write error')
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.driver.create_volume,
                                  fakes.volume(10))
        self.assertIn('write error', str(error))
        self.assertEqual(['free', 'quarantined'], self.pool.states())
        self.assertEqual(['claim', 'wait'], self.pool.calls)
        # and the volume in error can be deleted
        self.driver.delete_volume(fakes.volume(10))
        self.assertEqual(['free', 'quarantined'], self.pool.states())

    def test_an_outage_while_waiting_is_sat_out(self):
        self.pool.before['wait'] = [exceptions.ZhcpDown('down')] * 5
        self.driver.create_volume(fakes.volume(10))
        self.assertEqual(['free', 'ours'], self.pool.states())
        self.assertEqual(6, self.pool.count('wait'))

    def test_an_outage_without_end_gives_the_lun_back(self):
        self.pool.before['wait'] = [exceptions.ZhcpDown('down')] * 20
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.create_volume, fakes.volume(10))
        self.assertEqual(['free', 'wiping'], self.pool.states())

    def test_the_first_error_is_told_when_giving_back_fails_too(self):
        self.pool.before['wait'] = [exceptions.LedgerDamaged('first')]
        self.pool.before['look'] = [exceptions.ZhcpDown('second')]
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.driver.create_volume,
                                  fakes.volume(10))
        self.assertIn('first', str(error))
        self.assertIn('second', self.log.output)
        self.assertIn('owner column', self.log.output)
