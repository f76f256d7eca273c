# SPDX-License-Identifier: Apache-2.0
"""The driver that Nova loads, called as the compute manager calls it.

Only the image service and the config drive are replaced; management node,
zHCPs, Cloud Connectors and guests are the simulator's.
"""

from concurrent import futures
import contextlib
import os
from unittest import mock

from nova import conf
from nova import context as nova_context
from nova import exception
from nova import objects
from nova import test
from nova.tests.unit import fake_instance
from nova.virt import driver as virt_driver
from oslo_utils.fixture import uuidsentinel as uuids

from nova_zvm_volume import opts
from tests.functional.nova import lpars

CONF = conf.CONF
CONTEXT = nova_context.RequestContext('user', 'project', is_admin=True)
PATTERN = 'a-pattern-of-the-first-guest'


class VirtApi:
    """Nova's side of network events: they come at once."""

    @contextlib.contextmanager
    def wait_for_instance_event(self, instance, events, timeout=300,
                                error_callback=None):
        yield


def fetch(_context, _image, path):
    with open(path, 'wb') as stream:
        stream.write(b'root disk')


class Case(test.NoDBTestCase):

    def setUp(self):
        super().setUp()
        opts.register(CONF)
        self.lpars = self.useFixture(lpars.Lpars())
        self.simulator = self.lpars.simulator
        self.lpar = self.lpars.lpars['host1']
        self.flags(host='compute1', instance_name_template='zvm%05x',
                   instances_path=self.useFixture(
                       test.fixtures.TempDir()).path)
        self.flags(group='zvm', **self.lpars.options('host1'))
        for name, value in (
                ('nova.virt.images.fetch', fetch),
                ('nova.virt.zvm.utils.generate_configdrive',
                 lambda *args: None),
                ('nova.objects.Instance.save', mock.Mock())):
            self.useFixture(test.fixtures.MonkeyPatch(name, value))
        self.driver = self.load()

    def load(self):
        made = virt_driver.load_compute_driver(VirtApi(),
                                               'zvm_volume.ZVMVolumeDriver')
        self.assertEqual('nova_zvm_volume.virt.zvm.driver',
                         type(made).__module__)
        made.init_host(CONF.host)
        return made

    def instance(self, number=1):
        return fake_instance.fake_instance_obj(
            CONTEXT, id=number, uuid=getattr(uuids, 'instance%d' % number),
            vcpus=1, memory_mb=512, root_gb=0, system_metadata={},
            expected_attrs=['system_metadata'])

    def spawn(self, instance, *volumes):
        mappings = []
        if volumes:
            self.driver.get_volume_connector(instance)
        for volume in volumes:
            mappings.append({
                'connection_info': self.lpar.connection_info(volume),
                'mount_device': None, 'boot_index': None})
        image = objects.ImageMeta.from_dict(
            {'id': uuids.image, 'properties': {'os_distro': 'rhel9'}})
        self.driver.spawn(CONTEXT, instance, image, [], None, {},
                          network_info=[], block_device_info={
                              'block_device_mapping': mappings})
        return mappings

    def attach(self, instance, volume):
        self.driver.get_volume_connector(instance)
        info = self.lpar.connection_info(volume)
        self.driver.attach_volume(CONTEXT, info, instance, '/dev/sdb')
        return info

    def detach(self, instance, info):
        self.driver.detach_volume(CONTEXT, info, instance, '/dev/sdb')

    def destroy(self, instance, mappings=()):
        self.driver.destroy(CONTEXT, instance, [], {
            'block_device_mapping': list(mappings)}, destroy_secrets=True)

    def dedicated(self, userid):
        return [line for line in
                self.lpar.guests[userid]['directory'].splitlines()
                if line.strip().startswith('DEDICATE')]


class TestMainWay(Case):

    def test_what_one_guest_wrote_the_next_reads(self):
        volume = self.lpar.claim()
        first, second = self.instance(1), self.instance(2)
        self.spawn(first)
        self.spawn(second)

        info = self.attach(first, volume)
        path = info['data']['device_path']
        self.assertIn('mpath', path)
        self.assertEqual(4, len(info['data']['zvm_paths']))
        self.lpar.write('zvm00001', path, PATTERN)
        self.assertEqual(PATTERN.encode(),
                         self.lpar.disk_bytes(volume, len(PATTERN)))
        self.detach(first, info)
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.assertEqual([], self.dedicated('ZVM00001'))

        info = self.attach(second, volume)
        self.assertEqual(PATTERN, self.lpar.read(
            'zvm00002', info['data']['device_path'], len(PATTERN)))
        self.assertEqual('ZVM00002', self.lpar.look(volume).userid)
        self.assertEqual(2, len(self.dedicated('ZVM00002')))

        self.destroy(second, [{'connection_info': info}])
        self.assertNotIn('ZVM00002', self.lpar.guests)
        self.assertNotIn('zvm00002', self.lpar.nodes)
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.destroy(first)
        self.assertEqual((), self.lpar.devices.list())
        self.assertEqual(PATTERN.encode(),
                         self.lpar.disk_bytes(volume, len(PATTERN)))

    def test_two_volumes_share_the_guests_devices(self):
        volumes = [self.lpar.claim(), self.lpar.claim()]
        instance = self.instance()
        self.spawn(instance)
        infos = [self.attach(instance, volume) for volume in volumes]
        self.assertEqual(2, len(self.dedicated('ZVM00001')))
        self.assertEqual(2, len({info['data']['device_path']
                                 for info in infos}))
        self.detach(instance, infos[0])
        self.assertEqual(2, len(self.dedicated('ZVM00001')))
        self.lpar.write('zvm00001', infos[1]['data']['device_path'], PATTERN)
        self.detach(instance, infos[1])
        self.assertEqual([], self.dedicated('ZVM00001'))

    def test_spawn_attaches_every_volume_and_destroy_frees_all(self):
        volumes = [self.lpar.claim(), self.lpar.claim()]
        instance = self.instance()
        mappings = self.spawn(instance, *volumes)
        for mapping in mappings:
            self.lpar.write('zvm00001', mapping['connection_info']['data'][
                'device_path'], PATTERN)
        self.assertEqual({'used'}, {self.lpar.look(volume).state
                                    for volume in volumes})
        self.destroy(instance, mappings)
        self.assertEqual({'ours'}, {self.lpar.look(volume).state
                                    for volume in volumes})
        self.assertEqual((), self.lpar.devices.list())
        self.assertNotIn('ZVM00001', self.lpar.guests)

    def test_requests_are_few(self):
        volume = self.lpar.claim()
        instance = self.instance()
        self.spawn(instance)
        self.detach(instance, self.attach(instance, volume))
        connection = self.lpar.connection_info(volume)
        self.driver.get_volume_connector(instance)
        self.simulator.forget_requests()
        self.driver.attach_volume(CONTEXT, connection, instance, '/dev/sdb')
        # the node (asked for, then read), the zHCP, the guest
        self.assertEqual(
            ['POST nodes/zvm00001', 'GET nodes/zvm00001', 'PUT nodes/'
             'zhcp1/dsh', 'PUT nodes/zvm00001/dsh'], self.asked())
        self.simulator.forget_requests()
        self.detach(instance, connection)
        self.assertEqual(['PUT nodes/zvm00001/dsh', 'PUT nodes/zhcp1/dsh'],
                         self.asked())

    def asked(self):
        paths = [(entry['method'], entry['path'].partition('?')[0])
                 for entry in self.simulator.requests()]
        return ['%s %s' % (method, path.partition('/xcatws/')[2])
                for method, path in paths if '/xcatws/' in path]


class TestConnector(Case):

    def test_is_stable_before_a_guest_and_after_a_restart(self):
        instance = self.instance()
        before = self.driver.get_volume_connector(instance)
        self.spawn(instance)
        self.driver = self.load()
        self.assertEqual(before, self.driver.get_volume_connector(instance))
        self.assertEqual(('host1', 'zhcp1.example.com', 'ZVM00001', 2), (
            before['zvm_hypervisor'], before['zvm_zhcp'],
            before['zvm_userid'], len(set(before['wwpns']))))
        held = self.lpar.devices.list()
        self.assertEqual({instance.uuid}, {str(d.instance) for d in held})
        self.assertEqual(2, len({d.chpid for d in held}))
        self.destroy(instance)
        self.assertEqual((), self.lpar.devices.list())
        self.assertEqual(2, len(self.driver.get_volume_connector(instance)
                                ['wwpns']))

    def test_devices_are_freed_without_a_guest(self):
        instance = self.instance()
        self.driver.get_volume_connector(instance)
        self.destroy(instance)
        self.assertEqual((), self.lpar.devices.list())
        self.driver.get_volume_connector(instance)
        self.driver.failed_spawn_cleanup(instance)
        self.assertEqual((), self.lpar.devices.list())

    def test_exhausted_ranges_are_named(self):
        self.flags(group='zvm', zvm_fcp_list='3B00;3C00')
        self.driver = self.load()
        self.driver.get_volume_connector(self.instance(1))
        error = self.assertRaises(
            exception.ZVMDriverException, self.driver.get_volume_connector,
            self.instance(2))
        self.assertIn('3B00 has none of 1 free (1 held); 3C00 has none',
                      str(error))


class TestThreads(Case):

    def test_guests_at_the_same_time_share_nothing(self):
        instances = [self.instance(number) for number in (1, 2, 3)]
        volumes = [self.lpar.claim() for _ in instances]

        def life(pair):
            instance, volume = pair
            self.spawn(instance)
            info = self.attach(instance, volume)
            self.lpar.write(instance.name, info['data']['device_path'],
                            instance.name)
            return info

        with futures.ThreadPoolExecutor(3) as pool:
            infos = list(pool.map(life, zip(instances, volumes)))
        devices = [device for volume in volumes
                   for device in self.lpar.look(volume).devices]
        self.assertEqual(6, len(set(devices)))
        for instance, volume in zip(instances, volumes):
            self.assertEqual(instance.name.encode(),
                             self.lpar.disk_bytes(volume, 8))
        with futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(self.detach, instances, infos))
        self.assertEqual((), self.lpar.devices.list())


class TestRepeats(Case):

    def setUp(self):
        super().setUp()
        self.volume = self.lpar.claim()
        self.inst = self.instance()
        self.spawn(self.inst)

    def test_attach_twice_is_attached_once(self):
        first = self.attach(self.inst, self.volume)
        generation = self.lpar.look(self.volume).generation
        again = self.attach(self.inst, self.volume)
        self.assertEqual(first['data']['device_path'],
                         again['data']['device_path'])
        self.assertEqual(generation, self.lpar.look(self.volume).generation)

    def test_detach_twice_is_detached(self):
        info = self.attach(self.inst, self.volume)
        self.detach(self.inst, info)
        self.detach(self.inst, info)
        self.assertRaises(exception.DiskNotFound, self.detach, self.inst,
                          self.lpar.connection_info(self.volume))

    def test_a_mounted_disk_stays(self):
        info = self.attach(self.inst, self.volume)
        self.lpar.run('zvm00001', 'echo "%s /mnt ext4 rw 0 0" >>'
                      '"$ZVM_ROOT/proc/mounts"' % os.path.join(
                          '/dev/mapper', '3' + info['data']['zvm_wwid']))
        error = self.assertRaises(exception.DeviceDetachFailed, self.detach,
                                  self.inst, info)
        self.assertIn('/mnt', str(error))
        self.assertEqual('used', self.lpar.look(self.volume).state)

    def test_another_zhcps_volume_is_refused_in_words(self):
        other = self.lpars.lpars['host2']
        info = other.connection_info(other.claim())
        error = self.assertRaises(
            exception.VolumeAttachFailed, self.driver.attach_volume, CONTEXT,
            info, self.inst, '/dev/sdb')
        self.assertIn('zhcp2.example.com', str(error))

    def test_a_zhcp_that_is_down_changes_nothing(self):
        info = self.attach(self.inst, self.volume)
        self.simulator.event(zhcp='down')
        self.assertRaises(exception.VolumeDetachFailed, self.detach,
                          self.inst, dict(info))
        self.assertRaises(exception.ZVMDriverException,
                          self.driver.get_volume_connector, self.inst)
        self.simulator.event(zhcp='up')
        self.assertEqual('used', self.lpar.look(self.volume).state)
        self.detach(self.inst, info)
        self.assertEqual('ours', self.lpar.look(self.volume).state)

    def test_a_dedicate_that_fails_is_undone_and_told(self):
        self.simulator.event(
            smapi_fails='Image_Device_Dedicate 204 8 HELD BY OTHER')
        error = self.assertRaises(exception.VolumeAttachFailed, self.attach,
                                  self.inst, self.volume)
        self.assertIn('204', str(error))
        self.assertEqual('ours', self.lpar.look(self.volume).state)
        self.assertEqual([], self.dedicated('ZVM00001'))
        self.simulator.event(smapi_fails='Image_Device_Dedicate 0 0 ')
        self.attach(self.inst, self.volume)
        self.assertEqual('used', self.lpar.look(self.volume).state)


class TestAmbiguity(Case):
    """Operations at once with themselves, and answers that do not come."""

    def setUp(self):
        super().setUp()
        self.volume = self.lpar.claim()
        self.inst = self.instance()
        self.spawn(self.inst)

    def twice(self, function, *args):
        """What it returns or raises, two at the same time."""
        with futures.ThreadPoolExecutor(2) as pool:
            both = [pool.submit(function, *args) for _ in range(2)]
        return [each.exception() or each.result() for each in both]

    def test_attach_against_itself(self):
        first, second = self.twice(self.attach, self.inst, self.volume)
        self.assertEqual(first['data']['device_path'],
                         second['data']['device_path'])
        self.assertEqual('used', self.lpar.look(self.volume).state)
        self.assertEqual(2, len(self.dedicated('ZVM00001')))

    def test_detach_against_itself(self):
        info = self.attach(self.inst, self.volume)
        for each in self.twice(self.detach, self.inst, info):
            # the later one may find it detached
            self.assertIsInstance(each, (type(None), exception.DiskNotFound))
        self.assertEqual('ours', self.lpar.look(self.volume).state)
        self.assertEqual([], self.dedicated('ZVM00001'))
        self.assertEqual((), self.lpar.devices.list())

    def test_destroy_against_itself(self):
        self.attach(self.inst, self.volume)
        self.twice(self.destroy, self.inst)
        self.destroy(self.inst)
        self.assertEqual('ours', self.lpar.look(self.volume).state)
        self.assertEqual((), self.lpar.devices.list())

    def test_attach_after_lost_answers(self):
        # three times it asks; of the zHCP it looks then, and asks once more
        for node, times in (('zhcp1', 3), ('zvm00001', 2)):
            self.simulator.fault(path='nodes/%s/dsh' % node, body=' attach ',
                                 answer_lost=True, times=times)
            info = self.attach(self.inst, self.volume)
            self.assertEqual('used', self.lpar.look(self.volume).state)
            self.lpar.write('zvm00001', info['data']['device_path'], PATTERN)
            self.detach(self.inst, info)
            self.assertEqual(times, self.simulator.faults()[-1]['fired'])

    def test_detach_after_lost_answers(self):
        info = self.attach(self.inst, self.volume)
        self.simulator.fault(path='/dsh', body=' detach ', answer_lost=True,
                             times=2)
        self.detach(self.inst, info)
        self.assertEqual(2, self.simulator.faults()[-1]['fired'])
        self.assertEqual('ours', self.lpar.look(self.volume).state)
        self.assertEqual((), self.lpar.devices.list())


class TestGuestGone(Case):

    def setUp(self):
        super().setUp()
        self.volume = self.lpar.claim()
        self.inst = self.instance()
        self.spawn(self.inst)
        self.info = self.attach(self.inst, self.volume)

    def test_a_guest_that_is_off_loses_its_devices_with_the_volume(self):
        # its Linux configures the paths again when it sees the devices
        self.driver.power_off(self.inst)
        self.detach(self.inst, self.info)
        self.assertEqual('ours', self.lpar.look(self.volume).state)
        self.assertEqual([], self.dedicated('ZVM00001'))
        other = self.instance(2)
        self.spawn(other)
        self.attach(other, self.volume)
        self.driver.power_on(None, self.inst, None)
        self.assertEqual('', self.lpar.run(
            'zvm00001', 'ls "$ZVM_ROOT/etc/udev/rules.d"'))

    def test_one_that_hangs_while_it_logs_off_keeps_it(self):
        self.simulator.event(guest='ZVM00001 logoff hangs')
        self.detach(self.inst, self.info)
        self.assertEqual(('used', 'leaving'), (
            self.lpar.look(self.volume).state,
            self.lpar.look(self.volume).phase))
        self.assertEqual(2, len(self.dedicated('ZVM00001')))
        self.simulator.event(guest='ZVM00001 logoff ends')
        self.driver.power_on(None, self.inst, None)
        self.assertEqual('ours', self.lpar.look(self.volume).state)

    def test_attaches_and_starts_at_once_end_in_a_volume_that_works(self):
        self.detach(self.inst, self.info)
        self.driver.power_off(self.inst)
        with futures.ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(self.attach, self.inst, self.volume)
                    for _ in range(2)]
            jobs.append(pool.submit(self.driver.power_on, None, self.inst,
                                    None))
        for job in jobs:
            job.result()
        self.driver._pending.complete(self.inst)
        found = self.lpar.look(self.volume)
        self.assertEqual(('used', '', str(self.inst.uuid)),
                         (found.state, found.phase, found.instance))
        self.assertEqual(2, len(self.dedicated('ZVM00001')))
        self.assertEqual('4', self.lpar.run(
            'zvm00001', 'ls "$ZVM_ROOT/sys/bus/scsi/devices" | wc -l'
        ).strip())

    def test_a_detach_and_a_start_at_once_end_in_a_lun_that_is_ours(self):
        self.driver.power_off(self.inst)
        with futures.ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(self.detach, self.inst, self.info),
                    pool.submit(self.driver.power_on, None, self.inst, None)]
        for job in jobs:
            job.result()
        self.driver._pending.complete(self.inst)
        self.assertEqual('ours', self.lpar.look(self.volume).state)
        self.assertEqual([], self.dedicated('ZVM00001'))
        self.assertEqual('', self.lpar.run(
            'zvm00001', 'ls "$ZVM_ROOT/sys/bus/scsi/devices"'))

    def test_detach_from_a_guest_that_was_deleted_beside_us(self):
        self.driver._hypervisor.guest_delete('zvm00001')
        self.detach(self.inst, self.info)
        self.assertEqual('ours', self.lpar.look(self.volume).state)

    def test_attach_to_a_guest_that_is_off_waits(self):
        self.detach(self.inst, self.info)
        self.driver.power_off(self.inst)
        info = self.attach(self.inst, self.volume)
        self.assertNotIn('device_path', info['data'])
        self.assertEqual('pending', self.lpar.look(self.volume).phase)
        self.driver.power_on(None, self.inst, None, {
            'block_device_mapping': [{'connection_info': info}]})
        self.assertIn('mpath', info['data']['device_path'])

    def test_destroy_does_not_need_what_nova_knows(self):
        self.destroy(self.inst)
        self.assertEqual('ours', self.lpar.look(self.volume).state)
        self.assertEqual((), self.lpar.devices.list())

    def test_a_guest_of_this_name_that_is_not_ours_is_left_alone(self):
        twin = self.instance()
        twin.uuid = uuids.twin
        self.assertRaises(exception.InstanceExists, self.spawn, twin)
        self.destroy(twin)
        self.assertIn('ZVM00001', self.lpar.guests)
        self.assertEqual('used', self.lpar.look(self.volume).state)
        self.detach(self.inst, self.info)


class TestStart(Case):

    def test_a_wrong_password_and_an_unknown_lpar_stop_the_start(self):
        for option, value, word in (
                ('zvm_xcat_password', 'wrong', 'zvm_xcat_password'),
                ('zvm_hypervisor', 'host7', 'host1, host2')):
            before = getattr(CONF.zvm, option)
            self.flags(group='zvm', **{option: value})
            error = self.assertRaises(exception.InvalidConfiguration,
                                      self.load)
            self.assertIn(word, str(error))
            self.flags(group='zvm', **{option: before})

    def test_a_connector_of_another_lpar_stops_the_start(self):
        self.flags(group='zvm', zvm_hypervisor='host2')
        error = self.assertRaises(exception.InvalidConfiguration, self.load)
        for word in ('HOST1', 'HOST2', 'cloud_connector_url'):
            self.assertIn(word, str(error))

    def test_a_zhcp_that_is_down_does_not(self):
        self.simulator.event(zhcp='down')
        made = self.load()
        self.simulator.event(zhcp='up')
        self.assertEqual(2, len(made.get_volume_connector(
            self.instance())['wwpns']))
