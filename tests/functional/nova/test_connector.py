# SPDX-License-Identifier: Apache-2.0
"""The simulated Cloud Connector under its real clients.

They are the zvmconnector package and Nova's unmodified in-tree driver; only
the image service and the config drive are replaced.
"""

import contextlib
import os
from unittest import mock

import fixtures
from nova.compute import power_state
from nova import conf
from nova import context
from nova import exception
from nova import objects
from nova.virt.zvm import driver
from nova.virt.zvm import utils
import requests
import testtools
from zvmconnector import connector

from tests import nursery
from tests import worlds

CONF = conf.CONF
IMAGE = '3d7f2f5c-0d1f-4d5e-9d0a-6d6ab1b7f6a1'


class VirtApi:
    """Nova's side of the events: they come at once."""

    @contextlib.contextmanager
    def wait_for_instance_event(self, instance, events, timeout=300,
                                error_callback=None):
        yield


class ConnectorCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        self.simulator = self.useFixture(nursery.Simulator(worlds.small()))
        self.url = self.simulator.connector_url('host1')

    def guest(self, userid):
        return self.simulator.state()['lpars']['host1']['guests'].get(userid)


class PackageTest(ConnectorCase):
    """zvmconnector itself, call by call."""

    def setUp(self):
        super().setUp()
        port = self.simulator.ports['connectors']['host1']
        self.client = connector.ZVMConnector('127.0.0.1', port)

    def call(self, *args, **kwargs):
        answer = self.client.send_request(*args, **kwargs)
        self.assertEqual({'overallRC', 'modID', 'rc', 'rs', 'errmsg',
                          'output'}, set(answer))
        return answer

    def output(self, *args, **kwargs):
        answer = self.call(*args, **kwargs)
        self.assertEqual((0, ''), (answer['overallRC'], answer['errmsg']))
        return answer['output']

    def image(self, version='sles15.5'):
        folder = self.useFixture(fixtures.TempDir()).path
        path = os.path.join(folder, 'image')
        with open(path, 'wb') as stream:
            stream.write(b'root disk')
        self.output('image_import', IMAGE, 'file://' + path,
                    {'os_version': version}, remote_host='nova@127.0.0.1')

    def create(self, name='vm000001'):
        self.output('guest_create', name, 2, 1024, disk_list=[
            {'size': '1g', 'is_boot_disk': True}])

    def test_the_host_has_what_nova_asks_for(self):
        host = self.output('host_get_info')

        for key in ('vcpus', 'vcpus_used', 'memory_mb', 'memory_mb_used',
                    'disk_total', 'disk_used', 'disk_available',
                    'hypervisor_version'):
            self.assertIsInstance(host[key], int)
        self.assertEqual(('HOST1', 'zvm', 's390x'), (
            host['hypervisor_hostname'], host['hypervisor_type'],
            host['cpu_info']['architecture']))

    def test_guests_of_others_are_not_there(self):
        self.assertEqual([], self.output('guest_list'))
        for call in ('guest_get_power_state', 'guest_start', 'guest_delete'):
            self.assertEqual(404, self.call(call, 'lnx00001')['overallRC'])
        self.assertEqual('on', self.guest('LNX00001')['power'])

    def test_a_new_guest_is_a_directory_entry_that_is_off(self):
        self.create()

        guest = self.guest('VM000001')
        self.assertEqual('off', guest['power'])
        self.assertIn('USER VM000001 LBYONLY 1024M', guest['directory'])
        self.assertEqual(['VM000001'], self.output('guest_list'))
        self.assertNotIn('vm000001', self.simulator.state()['nodes'])

    def test_a_name_that_is_taken_is_refused(self):
        self.assertEqual(409, self.call('guest_create', 'lnx00001', 1, 512,
                                        disk_list=[])['overallRC'])

    def test_a_deployed_guest_has_a_linux_once_started(self):
        self.image()
        self.create()
        self.output('guest_deploy', 'vm000001', IMAGE,
                    transportfiles=None, remotehost='nova@127.0.0.1')
        self.output('guest_start', 'vm000001')

        self.assertEqual('on', self.output('guest_get_power_state',
                                           'vm000001'))
        folder = self.simulator.node_folder('host1', 'VM000001')
        with open(os.path.join(folder, 'etc/os-release')) as stream:
            self.assertIn('sles', stream.read().lower())

    def test_an_unknown_image_is_told_by_404(self):
        self.create()

        self.assertEqual(404, self.call('image_query',
                                        imagename=IMAGE)['overallRC'])
        self.assertEqual(404, self.call('guest_deploy', 'vm000001',
                                        IMAGE)['overallRC'])

    def test_an_image_has_a_root_disk_size_in_cylinders(self):
        self.image()

        found, = self.output('image_query', imagename=IMAGE)
        self.assertEqual((IMAGE, 'sles15.5', '3338:CYL', '9'), (
            found['imagename'], found['imageosdistro'],
            found['disk_size_units'], found['image_size_in_bytes']))
        self.assertEqual('3338', self.output('image_get_root_disk_size',
                                             IMAGE))

    def test_power_actions(self):
        self.create()
        for action, state in (('start', 'on'), ('pause', 'on'),
                              ('unpause', 'on'), ('reboot', 'on'),
                              ('reset', 'on'), ('softstop', 'off')):
            self.output('guest_' + action, 'vm000001')
            self.assertEqual(state, self.output('guest_get_power_state',
                                                'vm000001'))

    def test_a_reboot_needs_a_guest_that_is_on(self):
        self.create()
        self.assertEqual(409, self.call('guest_reboot',
                                        'vm000001')['overallRC'])

    def sizes(self):
        lines = self.guest('VM000001')['directory'].splitlines()
        return ([line.split()[1] for line in lines
                 if line.startswith('CPU ')],
                [line for line in lines if 'RESERVED' in line],
                lines[0].split()[3])

    def test_processors_and_memory_change_in_the_directory(self):
        self.create()
        before = self.sizes()
        self.assertEqual(['COMMAND DEF STOR RESERVED 64512M'], before[1])
        for count, cpus in ((3, ['00', '01', '02']), (1, ['00']),
                            (1, ['00'])):
            self.output('guest_resize_cpus', 'vm000001', count)
            self.assertEqual(cpus, self.sizes()[0])
        for size, mib in (('512m', 512), ('2G', 2048), ('1024M', 1024)):
            self.output('guest_resize_mem', 'vm000001', size)
            self.assertEqual((['COMMAND DEF STOR RESERVED %dM'
                               % (65536 - mib)], '%dM' % mib),
                             self.sizes()[1:])

    def test_sizes_beyond_the_entry_are_refused_as_the_sdk_does(self):
        self.create()
        before = self.sizes()
        for call, value, code, reason in (
                ('guest_resize_cpus', 33, 409, 4),
                ('guest_resize_cpus', 65, 400, 1),
                ('guest_resize_cpus', '2', 400, 1),
                ('guest_resize_mem', '65G', 409, 20),
                ('guest_resize_mem', '10240M', 400, 1),
                ('guest_resize_mem', 512, 400, 1)):
            answer = self.call(call, 'vm000001', value)
            self.assertEqual((code, reason),
                             (answer['overallRC'], answer['rs']), value)
        self.assertEqual(404, self.call('guest_resize_cpus', 'nobody',
                                        2)['overallRC'])
        self.assertEqual(before, self.sizes())

    def test_a_capture_is_exported_to_a_new_file_only(self):
        self.create()
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'new')
        self.output('guest_capture', 'vm000001', IMAGE)

        exported = self.output('image_export', IMAGE, 'file://' + path,
                               remote_host='nova@127.0.0.1')

        self.assertEqual(IMAGE, exported['image_name'])
        self.assertTrue(os.path.exists(path))
        again = self.call('image_export', IMAGE, 'file://' + path)
        self.assertNotEqual(0, again['overallRC'])
        self.output('image_delete', IMAGE)

    def test_a_deleted_guest_leaves_nothing(self):
        self.create()
        self.output('guest_start', 'vm000001')
        self.output('guest_delete', 'vm000001')

        self.assertIsNone(self.guest('VM000001'))
        self.assertEqual([], self.output('guest_list'))
        self.assertEqual(404, self.call('guest_delete',
                                        'vm000001')['overallRC'])


class DriverTest(ConnectorCase):
    """nova.virt.zvm.driver.ZVMDriver, called as the manager calls it."""

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.folder = self.useFixture(fixtures.TempDir()).path
        for name, value, group in (
                ('cloud_connector_url', self.url, 'zvm'),
                ('image_tmp_path', self.folder, 'zvm'),
                ('instances_path', self.folder, None),
                ('my_ip', '127.0.0.1', None),
                ('instance_name_template', 'nv%06x', None)):
            CONF.set_override(name, value, group)
            self.addCleanup(CONF.clear_override, name, group)
        self.driver = driver.ZVMDriver(VirtApi())
        self.instance = objects.Instance(
            id=0x2a, uuid='e5a5ff39-9a52-4f6e-9c2e-b1c2a1a8e0d1', vcpus=1,
            memory_mb=512, root_gb=0, ephemeral_gb=0)
        self.image = objects.ImageMeta.from_dict({
            'id': IMAGE, 'properties': {'os_distro': 'ubuntu22.04'}})

    def spawn(self):
        def fetch(unused_context, unused_image, path):
            with open(path, 'wb') as stream:
                stream.write(b'root disk')

        with mock.patch('nova.virt.images.fetch', fetch), \
                mock.patch.object(utils, 'generate_configdrive',
                                  return_value=None):
            self.driver.spawn(context.get_admin_context(), self.instance,
                              self.image, [], None, {}, network_info=[])

    def test_resources_are_those_of_the_lpar(self):
        resources = self.driver.get_available_resource('HOST1')

        self.assertEqual('HOST1', resources['hypervisor_hostname'])
        self.assertEqual(['HOST1'], self.driver.get_available_nodes())
        self.assertGreater(resources['memory_mb'], 0)
        self.assertIn('IPL', self.driver.get_host_uptime())

    def test_an_instance_lives_and_goes(self):
        self.spawn()

        self.assertEqual(['NV00002A'], self.driver.list_instances())
        self.assertTrue(self.driver.instance_exists(self.instance))
        self.assertEqual(power_state.RUNNING,
                         self.driver.get_info(self.instance).state)
        self.assertEqual('on', self.guest('NV00002A')['power'])

        self.driver.power_off(self.instance)
        self.assertEqual(power_state.SHUTDOWN,
                         self.driver.get_info(self.instance).state)

        self.driver.destroy(context.get_admin_context(), self.instance)
        self.assertEqual([], self.driver.list_instances())
        self.assertRaises(exception.InstanceNotFound,
                          self.driver.get_info, self.instance)
        seen = self.simulator.requests('connector host1')
        self.assertIn(('DELETE', '/guests/nv00002a'),
                      [(entry['method'], entry['path']) for entry in seen])

    def test_an_instance_is_no_node_until_it_is_defined(self):
        self.spawn()
        self.assertEqual(403, self.ask('GET', 'vms/nv00002a').status_code)

        self.ask('POST', 'nodes/nv00002a', [
            'groups=all', 'mgt=zvm', 'hcp=zhcp1.example.com',
            'userid=NV00002A'])

        self.assertIn('USER NV00002A',
                      self.ask('GET', 'vms/nv00002a').text)
        answer = self.ask('PUT', 'nodes/nv00002a/dsh', ['command=echo here'])
        self.assertEqual({'data': ['nv00002a: here']},
                         answer.json()['data'][0])

    def ask(self, method, path, body=None):
        return requests.request(
            method, '%s/xcatws/%s?format=json' % (self.simulator.url, path),
            json=body, verify=self.simulator.ca_file, timeout=60,
            headers={'userName': worlds.USER, 'password': worlds.PASSWORD})
