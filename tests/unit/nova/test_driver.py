# SPDX-License-Identifier: Apache-2.0
"""The compute driver beside the in-tree class that it extends."""

import inspect
import os
from unittest import mock

from nova import conf
from nova import context as nova_context
from nova import exception
from nova import objects
from nova import test
from nova.tests.unit import fake_instance
from nova.virt import driver as virt_driver
from nova.virt.zvm import driver as in_tree
from oslo_utils.fixture import uuidsentinel as uuids

from nova_zvm_volume import opts
from nova_zvm_volume.virt.zvm import driver
from nova_zvm_volume.virt.zvm import ownership
from tests.unit.nova import fakes
from zvm_common import exceptions

CONF = conf.CONF
CONTEXT = nova_context.RequestContext('user', 'project', is_admin=True)


class Base(test.NoDBTestCase):

    def setUp(self):
        super().setUp()
        opts.register(CONF)
        self.images = self.useFixture(test.fixtures.TempDir()).path
        self.flags(host='compute1', instance_name_template='zvm%05x',
                   instances_path=self.images)
        self.flags(group='zvm',
                   cloud_connector_url='http://127.0.0.1:8080',
                   image_tmp_path=os.path.join(self.images, 'new', 'folder'),
                   reachable_timeout=300,
                   zvm_xcat_server='mn.example.com',
                   zvm_xcat_username='admin', zvm_xcat_password='secret',
                   zvm_fcp_list='3B00-3B0F;3C00-3C0F')
        self.lpar = fakes.FakeLpar()
        self.lpar.add_volume()
        self.connector = fakes.FakeConnector()
        for name, value in (
                ('nova.virt.zvm.utils.ConnectorClient',
                 lambda *a, **k: self.connector),
                ('nova_zvm_volume.virt.zvm.platform.Platform',
                 lambda *a, **k: self.lpar),
                ('nova.virt.zvm.utils.generate_configdrive', mock.Mock()),
                ('nova.objects.Instance.save', self._save),
                ('time.sleep', mock.Mock())):
            self.useFixture(test.fixtures.MonkeyPatch(name, value))
        self.saved = []

    def _save(self, *args, **kwargs):
        self.saved.append(len(self.connector.calls))

    def driver(self):
        return driver.ZVMVolumeDriver(mock.MagicMock())

    def instance(self, number=1, **kwargs):
        return fake_instance.fake_instance_obj(
            CONTEXT, id=number, uuid=kwargs.pop('uuid', fakes.INSTANCE),
            system_metadata=kwargs.pop('system_metadata', {}),
            expected_attrs=['system_metadata'], **kwargs)

    def spawn(self, made, instance, *mappings):
        image = objects.ImageMeta.from_dict(
            {'id': uuids.image, 'properties': {'os_distro': 'rhel9'}})
        if mappings:
            made.get_volume_connector(instance)
        made.spawn(CONTEXT, instance, image, [], None, {}, network_info=[],
                   block_device_info={'block_device_mapping':
                                      list(mappings)})

    def mapping(self, **kwargs):
        return dict({'connection_info': fakes.connection_info(),
                     'mount_device': '/dev/sdb', 'boot_index': None},
                    **kwargs)


class TestContract(Base):

    def test_signatures_take_what_nova_passes(self):
        for name, base in inspect.getmembers(virt_driver.ComputeDriver,
                                             inspect.isfunction):
            if name not in vars(driver.ZVMVolumeDriver):
                continue
            ours = inspect.signature(getattr(driver.ZVMVolumeDriver, name))
            if name == '__init__':
                continue
            wanted = inspect.signature(base).parameters
            self.assertEqual([], [p for p in wanted
                                  if p not in ours.parameters], name)
            kwargs = {p: None for p in wanted if p != 'self'}
            ours.bind(None, **kwargs)

    def test_the_in_tree_capabilities_are_copied(self):
        self.assertIsNot(in_tree.ZVMDriver.capabilities,
                         driver.ZVMVolumeDriver.capabilities)
        self.assertNotIn('supports_multiattach',
                         in_tree.ZVMDriver.capabilities)
        self.assertIs(False, driver.ZVMVolumeDriver.capabilities[
            'supports_multiattach'])
        self.assertIs(True, driver.ZVMVolumeDriver.capabilities[
            'supports_image_type_raw'])

    def test_the_node_has_one_uuid(self):
        made = self.driver()
        stats = made.get_available_resource()
        self.assertEqual('HOST1', stats['hypervisor_hostname'])
        with mock.patch('nova.virt.node.get_local_node_uuid',
                        return_value=uuids.node):
            self.assertEqual({uuids.node: 'HOST1'},
                             made.get_nodenames_by_uuid())
        # without one of its own Nova takes the local node's, as above
        self.assertEqual(uuids.node, stats.get('uuid', uuids.node))

    def test_what_it_cannot_do_is_said_so(self):
        made = self.driver()
        for call in (lambda: made.extend_volume(CONTEXT, {}, None, 1),
                     lambda: made.swap_volume(CONTEXT, {}, {}, None, '', 1)):
            self.assertRaises(NotImplementedError, call)


class TestOptions(Base):

    def test_the_image_folder_is_made(self):
        self.driver()
        self.assertTrue(os.path.isdir(CONF.zvm.image_tmp_path))

    def test_no_name_is_taken_twice(self):
        in_nova = {opt.name for opt in conf.zvm.zvm_opts}
        self.assertEqual(set(), in_nova & {opt.name for opt
                                           in opts.zvm_opts()})
        self.assertEqual('zvm', opts.list_opts()[0][0])

    def test_wrong_options_stop_the_start_by_name(self):
        for name, value in (
                ('zvm_xcat_server', None), ('zvm_xcat_username', ''),
                ('zvm_xcat_password', None), ('zvm_fcp_list', ''),
                ('zvm_fcp_list', '3B00-'), ('zvm_fcp_list', '$(id)'),
                ('zvm_xcat_server', 'http://mn'),
                ('zvm_hypervisor', 'a,b'), ('zvm_hypervisor', 'all'),
                ('zvm_ca_file', '/does/not/exist')):
            before = getattr(CONF.zvm, name)
            self.flags(group='zvm', **{name: value})
            error = self.assertRaises(exception.InvalidConfiguration,
                                      self.driver)
            self.assertIn(name, str(error))
            self.flags(group='zvm', **{name: before})
        self.assertEqual([], self.lpar.calls)

    def test_the_password_is_in_no_message(self):
        self.flags(group='zvm', zvm_xcat_password=' s3cr3t')
        error = self.assertRaises(exception.InvalidConfiguration, self.driver)
        self.assertNotIn('s3cr3t', str(error))

    def test_names_that_contain_each_other_are_warned_of(self):
        with mock.patch.object(driver.LOG, 'warning') as warning:
            self.driver()
            warning.assert_not_called()
            self.flags(instance_name_template='vm%x')
            self.driver()
        self.assertEqual('vm%x', warning.call_args.args[1])

    def test_long_names_are_refused(self):
        self.flags(instance_name_template='instance-%08x')
        self.assertRaises(exception.ZVMDriverException, self.driver)

    def test_a_connector_that_does_not_answer_is_named(self):
        def down():
            raise exception.ZVMConnectorError(results={'overallRC': 101})
        self.connector.before['host_get_info'] = down
        error = self.assertRaises(exception.ZVMDriverException, self.driver)
        self.assertIn('http://127.0.0.1:8080', str(error))

    def test_a_wrong_configuration_stops_the_service(self):
        for error in (exceptions.ToolMissing('no vmcp'),
                      exceptions.ZhcpMismatch('no vmcp'),
                      exceptions.LedgerFormat('no vmcp')):
            self.lpar.fail('check', error)
            raised = self.assertRaises(exception.InvalidConfiguration,
                                       self.driver().init_host, 'compute1')
            self.assertIn('no vmcp', str(raised))

    def test_what_passes_does_not(self):
        for error in (exceptions.MnUnreachable('down'),
                      exceptions.OutcomeUnknown('504'),
                      exceptions.BadAnswer('<html>'),
                      exceptions.NoSpace('full')):
            self.lpar.fail('check', error)
            self.driver().init_host('compute1')

    def test_the_connectors_system_is_compared(self):
        self.driver().init_host('compute1')
        self.assertIn(('check', 'HOST1'), self.lpar.calls)


class TestSpawn(Base):

    def test_attaches_every_mapping_and_saves_where_it_is(self):
        self.lpar.add_volume(fakes.OTHER_VOLUME, number=1)

        class Mapping(dict):
            save = mock.Mock()

        first = Mapping(self.mapping())
        second = self.mapping(connection_info=fakes.connection_info(
            fakes.OTHER_VOLUME, number=1))
        self.spawn(self.driver(), self.instance(), first, second)
        self.assertEqual({'used'}, {lun.state for lun
                                    in self.lpar.luns.values()})
        first.save.assert_called_once_with()
        for mapping in (first, second):
            self.assertIn('device_path', mapping['connection_info']['data'])

    def test_a_guest_that_boots_is_waited_for(self):
        self.lpar.guests['zvm00001'].silent = 2
        self.spawn(self.driver(), self.instance(), self.mapping())
        self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)

    def test_an_attach_that_fails_leaves_nothing(self):
        self.lpar.fail('guest.attach', exceptions.PathFailed('no path'))
        error = self.assertRaises(exception.VolumeAttachFailed, self.spawn,
                                  self.driver(), self.instance(),
                                  self.mapping())
        self.assertIn('no path', str(error))
        self.assertEqual(set(), self.connector.guests)
        self.assertEqual('ours', self.lpar.luns[fakes.VOLUME].state)
        self.assertEqual(({}, {}), (self.lpar.held, self.lpar.nodes))

    def test_what_cannot_be_attached_is_refused_before_a_guest_is_made(self):
        for mapping, error in (
                (self.mapping(connection_info=fakes.connection_info(
                    zvm_zhcp='zhcp2.example.com')),
                 exception.VolumeAttachFailed),
                (self.mapping(connection_info={}),
                 exception.VolumeAttachFailed),
                (self.mapping(connection_info=fakes.connection_info(
                    encrypted=True)),
                 exception.VolumeEncryptionNotSupported)):
            self.assertRaises(error, self.spawn, self.driver(),
                              self.instance(), mapping)
        self.assertNotIn('guest_create', self.connector.calls)

    def test_the_record_is_written_right_before_the_guest_is_made(self):
        instance = self.instance()
        self.spawn(self.driver(), instance)
        self.assertEqual('ZVM00001@compute1',
                         instance.system_metadata[ownership.KEY])
        calls = self.connector.calls
        self.assertEqual([calls.index('guest_create')], self.saved)
        self.assertEqual(['guest_list', 'guest_create'],
                         calls[self.saved[0] - 1:self.saved[0] + 1])


class TestWhoseGuest(Base):

    def test_a_guest_that_was_there_is_never_destroyed(self):
        self.connector.guests.add('ZVM00001')
        made, instance = self.driver(), self.instance()
        self.assertRaises(exception.InstanceExists, self.spawn, made,
                          instance)
        made.destroy(CONTEXT, instance, [], {})
        self.assertEqual({'ZVM00001'}, self.connector.guests)

    def test_nor_one_that_came_while_the_image_was_imported(self):
        self.connector.before['image_query'] = (
            lambda: self.connector.guests.add('ZVM00001'))
        made, instance = self.driver(), self.instance()
        self.assertRaises(exception.InstanceExists, self.spawn, made,
                          instance)
        made.destroy(CONTEXT, instance, [], {})
        self.assertEqual({'ZVM00001'}, self.connector.guests)

    def test_nor_one_on_the_host_an_instance_came_to(self):
        for metadata in ({}, {ownership.KEY: 'ZVM00001@other'},
                         {ownership.KEY: ownership.NOBODY}):
            self.connector.guests = {'ZVM00001'}
            made = self.driver()
            instance = self.instance(launched_at='2026-01-01T00:00:00Z',
                                     system_metadata=metadata)
            self.assertRaises(exception.InstanceExists, self.spawn, made,
                              instance)
            made.destroy(CONTEXT, instance, [], {})
            self.assertEqual({'ZVM00001'}, self.connector.guests)

    def test_its_volumes_and_devices_stay(self):
        instance = self.instance()
        made = self.driver()
        info = fakes.connection_info()
        made.get_volume_connector(instance)
        made.attach_volume(CONTEXT, info, instance, '/dev/sdb')
        self.connector.guests.add('ZVM00001')
        self.assertRaises(
            exception.ZVMDriverException, made.destroy, CONTEXT, instance,
            [], {'block_device_mapping': [{'connection_info': info}]})
        self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)
        self.assertEqual({'ZVM00001'}, self.connector.guests)

    def test_its_own_is_destroyed_once(self):
        made, instance = self.driver(), self.instance()
        self.spawn(made, instance)
        made.destroy(CONTEXT, instance, [], {})
        self.assertEqual(set(), self.connector.guests)
        self.connector.guests.add('ZVM00001')  # somebody else's, later
        made.destroy(CONTEXT, instance, [], {})
        self.assertEqual({'ZVM00001'}, self.connector.guests)

    def test_after_a_restart_too(self):
        instance = self.instance()
        self.spawn(self.driver(), instance)
        self.driver().destroy(CONTEXT, instance, [], {})
        self.assertEqual(set(), self.connector.guests)

    def test_one_that_the_in_tree_class_made_is_destroyed(self):
        self.connector.guests.add('ZVM00001')
        self.driver().destroy(
            CONTEXT, self.instance(launched_at='2026-01-01T00:00:00Z'),
            [], {})
        self.assertEqual(set(), self.connector.guests)

    def test_one_whose_creation_failed_half_way_is_destroyed(self):
        def half_way():
            self.connector.guests.add('ZVM00001')
            raise exception.ZVMConnectorError(results={'overallRC': 300})
        self.connector.before['guest_create'] = half_way
        self.assertRaises(exception.ZVMConnectorError, self.spawn,
                          self.driver(), self.instance())
        self.assertEqual(set(), self.connector.guests)

    def test_an_instance_deleted_meanwhile_has_no_record_to_clear(self):
        made, instance = self.driver(), self.instance()
        self.spawn(made, instance)
        with mock.patch('nova.objects.Instance.save',
                        side_effect=exception.InstanceNotFound(
                            instance_id=instance.uuid)):
            made.destroy(CONTEXT, instance, [], {})
        self.assertEqual(set(), self.connector.guests)


class TestDestroy(Base):

    def setUp(self):
        super().setUp()
        self.made, self.inst = self.driver(), self.instance()
        self.map = self.mapping()
        self.spawn(self.made, self.inst, self.map)
        self.bdi = {'block_device_mapping': [self.map]}

    def test_with_volumes_attached_frees_all(self):
        self.made.destroy(CONTEXT, self.inst, [], self.bdi,
                          destroy_disks=True, destroy_secrets=True)
        self.assertEqual(set(), self.connector.guests)
        self.assertEqual('ours', self.lpar.luns[fakes.VOLUME].state)
        self.assertEqual(({}, {}), (self.lpar.held, self.lpar.nodes))

    def test_disks_that_shall_stay_are_refused_before_anything(self):
        self.assertRaises(exception.ZVMDriverException, self.made.destroy,
                          CONTEXT, self.inst, [], self.bdi,
                          destroy_disks=False)
        self.assertNotEqual(set(), self.connector.guests)
        self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)

    def test_the_guest_is_gone_before_its_volume_is_free(self):
        def check():
            self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)
        self.connector.before['guest_delete'] = check
        self.made.destroy(CONTEXT, self.inst, [], self.bdi)
        self.assertEqual('ours', self.lpar.luns[fakes.VOLUME].state)

    def test_a_guest_that_is_not_deleted_keeps_its_volume(self):
        def refuse():
            raise exception.ZVMConnectorError(results={'overallRC': 300})
        self.connector.before['guest_delete'] = refuse
        self.assertRaises(exception.ZVMConnectorError, self.made.destroy,
                          CONTEXT, self.inst, [], self.bdi)
        self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)

    def test_raises_while_the_ledger_holds_anything_and_may_be_repeated(self):
        self.lpar.fail('devices.let_go', exceptions.MnUnreachable('down'))
        self.assertRaises(exception.ZVMDriverException, self.made.destroy,
                          CONTEXT, self.inst, [], self.bdi)
        self.made.destroy(CONTEXT, self.inst, [], self.bdi)
        self.assertEqual('ours', self.lpar.luns[fakes.VOLUME].state)

    def test_without_a_guest_frees_what_the_connector_took(self):
        other = self.instance(2, uuid=fakes.OTHER_INSTANCE)
        self.made.get_volume_connector(other)
        self.made.destroy(CONTEXT, other, [], {})
        self.assertEqual([fakes.INSTANCE], list(self.lpar.held))

    def test_a_connector_after_it_is_still_given(self):
        self.made.destroy(CONTEXT, self.inst, [], self.bdi)
        self.assertEqual(2, len(self.made.get_volume_connector(self.inst)
                                ['wwpns']))

    def test_cleanup_of_a_failed_preparation_frees_devices(self):
        other = self.instance(2, uuid=fakes.OTHER_INSTANCE)
        self.made.get_volume_connector(other)
        self.made.failed_spawn_cleanup(other)
        self.assertNotIn(fakes.OTHER_INSTANCE, self.lpar.held)
        self.lpar.fail('devices.release', exceptions.MnUnreachable('down'))
        self.made.failed_spawn_cleanup(other)

    def test_cleanup_takes_nothing_from_a_live_volume(self):
        self.made.failed_spawn_cleanup(self.inst)
        self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)
        self.assertEqual([fakes.INSTANCE], list(self.lpar.held))


class TestVolumes(Base):

    def test_attach_and_detach(self):
        made, instance = self.driver(), self.instance()
        info = fakes.connection_info()
        made.get_volume_connector(instance)
        made.attach_volume(CONTEXT, info, instance, '/dev/sdb',
                           disk_bus='scsi', device_type='disk')
        self.assertIn('device_path', info['data'])
        made.detach_volume(CONTEXT, info, instance, '/dev/sdb',
                           encryption=None)
        self.assertEqual('ours', self.lpar.luns[fakes.VOLUME].state)

    def test_encryption_is_refused(self):
        for info, encryption in (
                (fakes.connection_info(), {'provider': 'luks'}),
                (fakes.connection_info(encrypted=True), None),
                (None, {'provider': 'luks'})):
            self.assertRaises(
                exception.VolumeEncryptionNotSupported,
                self.driver().attach_volume, CONTEXT, info, self.instance(),
                '/dev/sdb', encryption=encryption)
        self.assertEqual([], self.lpar.calls)

    def test_detach_asks_the_connector_whether_a_silent_guest_exists(self):
        made, instance = self.driver(), self.instance()
        info = fakes.connection_info()
        made.get_volume_connector(instance)
        made.attach_volume(CONTEXT, info, instance, '/dev/sdb')
        self.connector.guests.add('ZVM00001')
        self.lpar.guests['zvm00001'].silent = 1
        made.detach_volume(CONTEXT, info, instance, '/dev/sdb')
        self.assertEqual('leaving', self.lpar.luns[fakes.VOLUME].phase)
        self.connector.guests.clear()
        self.lpar.guests['zvm00001'].silent = 1
        made.detach_volume(CONTEXT, info, instance, '/dev/sdb')
        self.assertEqual('ours', self.lpar.luns[fakes.VOLUME].state)


class TestList(Base):

    def _list(self, live, deleted=()):
        made = self.driver()
        with mock.patch.object(objects.InstanceList, 'get_by_host',
                               return_value=live) as by_host, \
                mock.patch.object(objects.InstanceList, 'get_by_filters',
                                  return_value=deleted) as by_filters:
            found = made.list_instance_uuids()
        return found, by_host, by_filters

    def test_a_new_host_has_none_and_asks_no_database(self):
        found, by_host, by_filters = self._list([])
        self.assertEqual([], found)
        by_host.assert_not_called()
        by_filters.assert_not_called()

    def test_this_hosts_instances_that_the_connector_lists(self):
        self.connector.guests = {'ZVM00001'}
        live = [self.instance(1), self.instance(2, uuid=uuids.two)]
        found, by_host, by_filters = self._list(live)
        self.assertEqual([fakes.INSTANCE], found)
        self.assertEqual('compute1', by_host.call_args.args[1])
        by_filters.assert_not_called()

    def test_one_deleted_while_we_were_down_is_among_them(self):
        self.connector.guests = {'ZVM00001', 'ZVM00002'}
        found, _by_host, by_filters = self._list(
            [self.instance(1)], [self.instance(2, uuid=uuids.two)])
        self.assertEqual({fakes.INSTANCE, uuids.two}, set(found))
        self.assertEqual({'host': 'compute1', 'deleted': True,
                          'soft_deleted': False},
                         by_filters.call_args.args[1])

    def test_guests_of_others_are_not(self):
        self.connector.guests = {'MAINT', 'ZVM00009'}
        self.assertEqual([], self._list([self.instance(1)])[0])
