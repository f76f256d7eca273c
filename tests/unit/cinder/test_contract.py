# SPDX-License-Identifier: Apache-2.0
"""The driver offers all that Cinder calls; and the test can tell."""

from cinder import interface
from cinder.volume import driver
import testtools

from cinder_zvm import volumedriver
from tests.unit.cinder import contract


class DriverTest(testtools.TestCase):

    def test_keeps_the_contract(self):
        self.assertEqual([], contract.faults(volumedriver.ZVMVolumeDriver))

    def test_is_registered_and_documented(self):
        cls = volumedriver.ZVMVolumeDriver
        self.assertIn(cls, interface._volume_register)
        self.assertRegex(cls.VERSION, r'^\d+\.\d+\.\d+$')
        self.assertTrue(cls.CI_WIKI_NAME)
        self.assertIn(cls.VERSION, cls.__doc__)

    def test_options_are_told_without_an_instance(self):
        names = {opt.name: opt for opt in
                 volumedriver.ZVMVolumeDriver.get_driver_options()}
        for name in ('zvm_xcat_server', 'zvm_xcat_username', 'zvm_scsi_pool',
                     'zvm_hypervisor', 'zvm_ca_file', 'zvm_fcp_list',
                     'zvm_zhcp_fcp_list', 'zvm_max_oversize_percent',
                     'zvm_job_timeout', 'zvm_trust_free_luns'):
            self.assertIn(name, names)
        self.assertTrue(names['zvm_xcat_password'].secret)

    def test_no_default_filter_function(self):
        self.assertIs(driver.BaseVD.get_default_filter_function,
                      volumedriver.ZVMVolumeDriver
                      .get_default_filter_function)


class TheTestCanFailTest(testtools.TestCase):
    """Deficient classes, each of which must be found out."""

    def _faults(self, **members):
        deficient = type('Deficient', (volumedriver.ZVMVolumeDriver,),
                         members)
        return contract.faults(deficient)

    def test_the_base_class_fails(self):
        stubs = ' '.join(contract.base_stubs())
        for name in ('create_volume', 'delete_volume', 'extend_volume',
                     'initialize_connection', 'create_snapshot',
                     'create_cloned_volume', 'ensure_export',
                     'update_migrated_volume', 'revert_to_snapshot'):
            self.assertIn(name + ' is a NotImplementedError stub', stubs)

    def test_a_missing_function(self):
        class Empty:
            pass
        found = contract.faults(Empty)
        for name in ('do_setup', 'create_volume', 'create_cloned_volume',
                     'create_export', 'validate_connector',
                     'manage_existing', 'get_pool'):
            self.assertIn(name + ' is missing', found)

    def test_a_stub(self):
        def create_snapshot(self, snapshot):
            """Later."""
            message = 'not yet'
            raise NotImplementedError(message)
        self.assertEqual(1, len(self._faults(
            create_snapshot=create_snapshot)))

    def test_a_listing_without_its_order(self):
        def get_manageable_snapshots(self, cinder_snapshots, marker, limit,
                                     offset):
            return []
        self.assertTrue(self._faults(
            get_manageable_snapshots=get_manageable_snapshots))

    def test_a_stub_behind_a_decorator(self):
        from cinder.volume import volume_utils

        @volume_utils.trace
        def extend_volume(self, volume, new_size):
            raise NotImplementedError()
        self.assertEqual(1, len(self._faults(extend_volume=extend_volume)))

    def test_terminate_connection_without_force(self):
        def terminate_connection(self, volume, connector):
            pass
        found = self._faults(terminate_connection=terminate_connection)
        self.assertTrue(found and all('force' in fault for fault in found))

    def test_an_argument_too_few(self):
        def retype(self, context, volume, new_type, diff):
            return False, None
        self.assertTrue(self._faults(retype=retype))

    def test_an_argument_too_many(self):
        def create_export(self, context, volume, connector, target):
            pass
        self.assertTrue(self._faults(create_export=create_export))

    def test_a_keyword_of_another_name(self):
        def manage_existing(self, volume, reference):
            pass
        found = self._faults(manage_existing=manage_existing)
        self.assertIn('existing_ref', ' '.join(found))

    def test_the_managers_source_is_really_read(self):
        calls = contract.manager_calls()
        self.assertGreater(len(calls), 60)
        self.assertIn(('terminate_connection', 2, ('force',)), calls)
        self.assertIn(('ensure_export', 2, ()), calls)
        self.assertIn(('initialize_connection', 2, ()), calls)
        self.assertIn(('update_group', 2,
                       ('add_volumes', 'remove_volumes')), calls)

    def test_the_interface_is_really_read(self):
        self.assertGreater(len(contract.interface_functions()), 25)
        self.assertIn('get_manageable_volumes', set().union(
            *map(contract.interface_functions, contract.MORE)))
