# SPDX-License-Identifier: Apache-2.0
"""Provider info, and all that is not offered."""

from cinder import exception

from cinder_zvm import opts
from cinder_zvm import unsupported
from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions


class ProviderInfoTest(base.DriverTestCase):

    def test_fills_what_a_killed_create_did_not_save(self):
        update = self.driver.create_volume(fakes.volume(10))
        volumes = [fakes.volume(10), fakes.volume(1, fakes.INSTANCE),
                   fakes.volume(1, 'x', provider_id='there')]
        updates, snapshots = self.driver.update_provider_info(volumes, [])
        self.assertEqual([dict(update, id=volumes[0].id)], updates)
        self.assertIsNone(snapshots)

    def test_nothing_lacking_no_request(self):
        volumes = [fakes.volume(provider_id='there')]
        snapshots = [fakes.snapshot(volumes[0], provider_id='there')]
        for args in ((volumes, []), (volumes, snapshots)):
            self.assertEqual((None, None),
                             self.driver.update_provider_info(*args))
        self.assertEqual([], self.pool.calls)

    def test_of_a_snapshot(self):
        volume = fakes.volume(10)
        self.driver.create_volume(volume)
        snapshot = fakes.snapshot(volume, id=fakes.INSTANCE)
        update = self.driver.create_snapshot(snapshot)
        self.assertEqual(
            [dict(update, id=snapshot.id)],
            self.driver.update_provider_info([], [snapshot])[1])

    def test_never_raises(self):
        for error in (exceptions.ZhcpDown('down'), KeyError('surprise')):
            self.pool.before['view'] = [error]
            self.assertEqual((None, None), self.driver.update_provider_info(
                [fakes.volume()], []))


class NotOfferedTest(base.DriverTestCase):

    def test_each_is_refused_in_words_without_a_request(self):
        volume = fakes.volume(volume_id='v')
        for name, count in (
                ('copy_image_to_encrypted_volume', 4),
                ('create_export_snapshot', 3),
                ('initialize_connection_snapshot', 2)):
            error = self.assertRaises(
                exception.VolumeBackendAPIException,
                getattr(self.driver, name), *[volume] * count)
            self.assertTrue(
                'no encryptor' in str(error)
                or unsupported.NO_HOST_ATTACH in str(error), name)
        self.assertEqual([], self.pool.calls)

    def test_an_image_is_no_clone(self):
        self.assertEqual((None, False), self.driver.clone_image(
            None, None, None, None, None))


class OptionsTest(base.DriverTestCase):

    def test_listed_for_sample_files(self):
        (group, options), = opts.list_opts()
        self.assertEqual('backend_defaults', group)
        self.assertIn('zvm_scsi_pool', [opt.name for opt in options])
