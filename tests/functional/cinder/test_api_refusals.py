# SPDX-License-Identifier: Apache-2.0
"""What Cinder's API offers and the driver does not.

Nothing hangs, no LUN is taken, and it is told in words.
"""

from tests.functional.cinder import api
from tests import waits


class TypesTest(api.TrustingTestCase):
    """Volume types that ask for more than a LUN of a pool has."""

    def refused(self, volume_type, *words):
        """No volume of a type is made: the driver says these words."""
        volume = self.client.create(1, volume_type=volume_type)
        self.client.reached(self.client.volume, volume['id'], 'error')
        self.assertIn('Driver failed to create the volume',
                      ''.join(self.client.messages(volume['id'])))
        for word in words:
            self.assertIn(word, self.log())
        self.assertFree()
        self.deleted(volume)

    def test_no_back_end_is_chosen_for_what_none_reports(self):
        for spec in ('multiattach', 'replication_enabled', 'QoS_support',
                     'thin_provisioning_support',
                     'consistent_group_snapshot_enabled'):
            self.client.create_type('with ' + spec, **{spec: '<is> True'})
            volume = self.client.create(1, volume_type='with ' + spec)
            self.unschedulable(volume)
            self.deleted(volume)
        self.assertFree()

    def test_qos_that_the_back_end_would_keep_is_refused(self):
        for consumer in ('back-end', 'both'):
            made = self.client.create_type(consumer)
            self.client.create_qos(made['id'], 'slow ' + consumer, consumer,
                                   total_iops_sec='100')
            self.refused(consumer, 'with QoS specs slow %s of consumer %s: a '
                         'SCSI pool cannot limit a LUN' % (consumer,
                                                           consumer))

    def test_qos_of_the_front_end_is_novas_business(self):
        made = self.client.create_type('front-end')
        self.client.create_qos(made['id'], 'slow', 'front-end',
                               total_iops_sec='100')
        self.created(volume_type='front-end')

    def test_encryption_is_refused(self):
        made = self.client.create_type('secret',
                                       volume_backend_name='zvmssio1')
        self.client.encrypt(made['id'])
        self.refused('secret', 'Encrypted volume', 'has no encryptor')

    def test_a_size_that_no_lun_has_is_refused(self):
        self.unschedulable(self.client.create(50, volume_type='zvmssio1'))
        # the scheduler knows the sum, the driver each LUN
        volume = self.client.create(5, volume_type='zvmssio1')
        self.client.reached(self.client.volume, volume['id'], 'error')
        self.assertIn('largest free LUN has 2.00', self.log())
        self.assertFree()


class MovesTest(api.TrustingTestCase):
    """To another zHCP a volume cannot go: nothing copies it there."""

    def _refused(self, volume, call, *args):
        provider_id = self.provider_id(volume)
        call(volume['id'], *args)
        found = {}

        def ended():
            found.update(self.client.volume(volume['id']))
            return (found['migration_status'], found['status']) == (
                'error', 'available')
        waits.until(ended)
        for name in ('os-vol-host-attr:host', 'volume_type', 'size'):
            self.assertEqual(volume[name], found[name])
        self.assertEqual(provider_id, self.provider_id(volume))
        self.assertIn('Host-assisted migration of volume', self.log())
        # the new volume, which could not be filled, goes
        waits.until(lambda: len(self.client.volumes()) == 1)
        waits.until(lambda: sorted(self.statuses(1) + self.statuses(2)) == [
            'free'] * 19 + ['reserved'])

    def test_migrating_is_refused_and_leaves_the_volume_as_it_was(self):
        self.client.create_type('of any back-end')
        volume = self.created(volume_type='of any back-end')
        one, two = 'demo@zvmssio1#zpool1', 'demo@zvmssio2#zpool2'
        self._refused(volume, self.client.migrate,
                      two if volume['os-vol-host-attr:host'] == one else one)

    def test_retyping_is_refused_and_leaves_the_volume_as_it_was(self):
        self._refused(self.created(), self.client.retype, 'zvmssio2')
