# SPDX-License-Identifier: Apache-2.0
"""Volumes on the Cinder host itself: who gets them, and who back."""

import errno
import os
import types

from cinder import exception
import fixtures

from cinder_zvm import hostkernel
from cinder_zvm import volumedriver
from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions
from zvm_common import model

SECOND = '22222222-3333-4333-8444-555555555555'


class HostTestCase(base.DriverTestCase):
    """This machine is the Cinder host cinder1; its sysfs is self.root."""

    hostname = 'cinder1'
    machine = 's390x'

    def setUp(self):
        super().setUp()
        self.root = self.useFixture(fixtures.TempDir()).path
        for name, value in (
                ('socket.gethostname', lambda: self.hostname),
                ('platform.machine', lambda: self.machine)):
            self.useFixture(fixtures.MonkeyPatch(name, value))
        self.driver._lending._kernel._root = self.root
        self.volume = fakes.volume(10)
        self.driver.create_volume(self.volume)
        self.pool.change(self.lun, real=model.Capacity.from_gib(10))
        self.pool.calls.clear()

    @property
    def lun(self):
        return self.pool.of(fakes.VOLUME)

    def attribute(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w') as stream:
            stream.write(text + '\n')

    def has_path(self, number=0, lun=None, wwpn=None):
        """The kernel has a SCSI device."""
        folder = 'sys/bus/scsi/devices/0:0:%d:1' % number
        self.attribute(folder + '/fcp_lun', '0x%s' % (lun or self.lun.lun))
        self.attribute(folder + '/wwpn', '0x%s' % (wwpn or fakes.WWPNS[1]))

    def lend(self, **changes):
        return self.driver.initialize_connection(
            self.volume, fakes.host_connector(**changes))

    def end(self, connector=None, force=True, **changes):
        self.driver.terminate_connection(
            self.volume, connector or fakes.host_connector(**changes),
            force=force)


class ConnectorTest(HostTestCase):

    def _refused(self, *words, **changes):
        error = self.assertRaises(
            exception.InvalidConnectorException,
            self.driver.validate_connector, fakes.host_connector(**changes))
        for word in words:
            self.assertIn(word, str(error))
        self.assertEqual([], self.pool.calls)

    def test_a_guest_of_the_lpar_is_accepted(self):
        self.driver.validate_connector(fakes.host_connector())
        self.assertEqual(1, self.asked)
        self.assertEqual([], self.pool.calls)

    def test_another_machine_is_refused_without_a_request(self):
        for platform in ('x86_64', 'ppc64le', None):
            self._refused('s390x', 'host1', 'zpool1', 'upload',
                          platform=platform)
        self.assertEqual(0, self.asked)

    def test_one_without_fcp_devices(self):
        for wwpns in (None, [], 'text'):
            self._refused('cinder1', 'no FCP device online', wwpns=wwpns)

    def test_one_of_another_lpar(self):
        self._refused('c05076ffe5000000', 'no FCP device', 'LPAR host1',
                      wwpns=['c05076ffe5003b0f', 'c05076ffe5000000'])

    def test_a_device_of_the_zhcp(self):
        self._refused('3B0E', 'zvm_zhcp_fcp_list',
                      wwpns=['c05076ffe5003b0e'])

    def test_a_device_for_guests(self):
        self._refused('3B01', 'zvm_fcp_list', wwpns=['c05076ffe5003b01'])

    def test_devices_that_share_a_wwpn(self):
        self.shared = {'3B0F': '20076d8500005181',
                       '3C0F': '20076d8500005181'}
        self._refused('3B0F, 3C0F', 'NPIV', wwpns=['20076d8500005181'])

    def test_values_of_any_kind(self):
        for value in ('', ' ', '; reboot', '$(id)', 'a\nb', '-a', 'a' * 300,
                      7, {}, ['x'], None):
            self._refused(host=value)
            if value is not None:
                self._refused(wwpns=[value])

    def test_a_guests_with_a_key_missing_is_no_hosts(self):
        connector = fakes.host_connector(zvm_userid='LNX00001')
        error = self.assertRaises(
            exception.InvalidConnectorException,
            self.driver.validate_connector, connector)
        self.assertIn('zvm_zhcp', str(error))

    def test_an_mn_that_does_not_answer_is_no_invalid_connector(self):
        def down(_state):
            raise exceptions.MnUnreachable('no connection')
        self.hypervisor.fcp_devices = down
        error = self.assertRaises(
            exception.VolumeBackendAPIException,
            self.driver.validate_connector, fakes.host_connector())
        self.assertIn('no connection', str(error))


class LendTest(HostTestCase):

    def test_connection_info(self):
        data = self.lend()['data']
        self.assertEqual(list(fakes.WWPNS), data['target_wwns'])
        self.assertEqual([0x40114000] * 2, data['target_luns'])
        self.assertEqual({'c05076ffe5003b0f', 'c05076ffe5003c0f'},
                         set(data['initiator_target_map']))
        self.assertEqual(2, data['zvm_generation'])
        self.assertEqual(('used', 'cinder1', ('3B0F', '3C0F')), (
            self.lun.state, self.lun.host, self.lun.devices))

    def test_again_is_the_same(self):
        self.assertEqual(self.lend(), self.lend())

    def test_to_one_host_at_a_time(self):
        self.lend()
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.lend, host='cinder2')
        self.assertIn('Cinder host cinder1', str(error))

    def test_not_what_a_guest_has(self):
        self.pool.change(self.lun, state='used', userid='LNX00009',
                         instance=fakes.INSTANCE, host='compute9')
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.lend)
        self.assertIn('LNX00009', str(error))

    def test_not_in_other_states(self):
        for state in ('preparing', 'copying', 'wiping', 'quarantined'):
            self.pool.change(self.lun, state=state, why='it differs')
            self.assertRaises(exception.VolumeBackendAPIException, self.lend)
        self.pool.change(self.lun, state='ours', readers=(SECOND,))
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.lend)
        self.assertIn('being copied', str(error))

    def test_every_device_must_be_in_the_luns_range(self):
        self.pool.change(self.lun,
                         ranges=model.DeviceRanges.parse('3B00-3B0F'))
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.lend)
        for word in ('3C0F', '3B00-3B0F', 'cinder1'):
            self.assertIn(word, str(error))

    def test_not_to_a_kernel_that_takes_every_lun(self):
        self.attribute('sys/module/zfcp/parameters/allow_lun_scan', 'Y')
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.lend)
        self.assertIn('zfcp.allow_lun_scan=0', str(error))
        self.attribute('sys/module/zfcp/parameters/allow_lun_scan', 'N')
        self.lend()

    def test_an_answer_that_is_lost_leaves_nothing_lent(self):
        self.pool.after['lend'] = [exceptions.OutcomeUnknown('lost')]
        self.assertRaises(exception.VolumeBackendAPIException, self.lend)
        self.assertEqual('ours', self.lun.state)

    def test_nor_does_a_request_that_comes_late(self):
        self.pool.before['lend'] = [exceptions.OutcomeUnknown('lost')]
        late = self.lun
        self.assertRaises(exception.VolumeBackendAPIException, self.lend)
        self.assertGreater(self.lun.generation, late.generation)

    def test_a_fence_that_fails_hides_nothing(self):
        self.pool.after['lend'] = [exceptions.OutcomeUnknown('lost first')]
        self.pool.before['giveback'] = [exceptions.ZhcpDown('down')]
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.lend)
        self.assertIn('lost first', str(error))
        self.assertIn('down', self.log.output)

    def test_a_guest_waits(self):
        self.lend()
        error = self.assertRaises(
            exception.VolumeBackendAPIException,
            self.driver.initialize_connection, self.volume,
            fakes.connector())
        self.assertIn('Cinder host cinder1', str(error))

    def test_what_else_is_refused_meanwhile(self):
        self.lend()
        for call, args in (
                (self.driver.delete_volume, ()),
                (self.driver.extend_volume, (12,)),
                (self.driver.create_snapshot, None)):
            target = self.volume if args is not None else fakes.snapshot(
                self.volume)
            error = self.assertRaises(exception.VolumeIsBusy, call, target,
                                      *args or ())
            self.assertIn('Cinder host cinder1', str(error))


class GiveBackTest(HostTestCase):

    def setUp(self):
        super().setUp()
        self.lend()
        self.pool.calls.clear()

    def test_it_is_the_volumes_again(self):
        for force in (False, True):
            self.lend()
            self.end(force=force)
            self.assertEqual(('ours', None), (self.lun.state, self.lun.host))

    def test_once_more_is_fine(self):
        self.end()
        self.end()
        self.assertEqual('ours', self.lun.state)

    def test_by_the_host_that_has_it(self):
        self.end(host='cinder2')
        self.assertTrue(self.lun.lent)
        self.assertIn('lent to Cinder host cinder1', self.log.output)

    def test_not_while_this_kernel_has_it(self):
        # os-brick was told to ignore that it could not take it away
        self.has_path()
        self.end()
        self.assertTrue(self.lun.lent)
        self.assertIn('The kernel of host cinder1 still has',
                      self.log.output)
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.end, force=False)
        self.assertIn('unit_remove', str(error))

    def test_other_disks_do_not_matter(self):
        self.has_path(0, lun='4011400100000000')
        self.has_path(1, wwpn='5005076303009999')
        self.end()
        self.assertEqual('ours', self.lun.state)

    def test_another_hosts_kernel_is_believed(self):
        self.hostname = 'controller'
        self.has_path()
        self.end()
        self.assertEqual('ours', self.lun.state)

    def test_a_host_that_could_not_have_it_ends_nothing(self):
        self.end(platform='x86_64')
        self.assertEqual([], self.pool.calls)
        self.assertTrue(self.lun.lent)

    def test_a_name_that_is_none(self):
        self.assertRaises(exception.VolumeBackendAPIException, self.end,
                          host='; reboot')
        self.assertTrue(self.lun.lent)

    def test_a_volume_that_is_gone(self):
        self.volume.name_id = SECOND
        self.end()
        self.assertEqual(['look'], self.pool.calls)

    def test_what_a_guest_has_stays_its(self):
        self.pool.change(self.lun, phase='', host='compute1',
                         instance=fakes.INSTANCE, userid='LNX00001')
        self.end()
        self.assertEqual('used', self.lun.state)
        self.assertIn('LNX00001', self.log.output)

    def test_a_failure_is_told(self):
        self.pool.before['giveback'] = [exceptions.ZhcpDown('down')]
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.end)
        self.assertIn('down', str(error))

    # where nobody says which host

    def _all(self):
        self.driver.terminate_connection(self.volume, None, force=True)

    def test_all_connections_when_this_kernel_has_none(self):
        self._all()
        self.assertEqual('ours', self.lun.state)

    def test_all_connections_when_it_has_one(self):
        self.has_path()
        self._all()
        self.assertTrue(self.lun.lent)
        self.assertIn('stays lent', self.log.output)

    def test_all_connections_when_it_may_be_about_to(self):
        self.pool.lease = True
        self._all()
        self.assertTrue(self.lun.lent)

    def test_all_connections_of_another_host(self):
        self.hostname = 'controller'
        self._all()
        self.assertTrue(self.lun.lent)
        self.assertIn('user:CINDER2', self.log.output)
        self.pool.attached = False
        self._all()
        self.assertEqual('ours', self.lun.state)


class SweepTest(HostTestCase):
    """What a host that died has left."""

    def setUp(self):
        super().setUp()
        self.lend()

    def test_at_the_start_it_comes_back(self):
        self.driver.check_for_setup_error()
        self.assertEqual('ours', self.lun.state)

    def test_what_the_kernel_has_is_told(self):
        self.has_path()
        self.driver.check_for_setup_error()
        self.assertTrue(self.lun.lent)
        self.assertIn('The kernel of host cinder1 still has',
                      self.log.output)

    def test_what_cannot_be_told_is_left(self):
        def unreadable(_self, _lun):
            raise OSError(errno.EIO, 'Input/output error')
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_zvm.hostkernel.Kernel.has', unreadable))
        report = self.driver.sweep()
        self.assertIn('Input/output error', report.lent[0])
        self.assertTrue(self.lun.lent)

    def test_of_another_host_when_nobody_has_its_devices(self):
        self.hostname = 'cinder2'
        self.assertEqual(1, len(self.driver.sweep().lent))
        self.pool.attached = False
        self.assertEqual([fakes.VOLUME], self.driver.sweep().returned)

    def test_it_is_no_guests(self):
        self.has_path()
        report = self.driver.sweep()
        self.assertEqual([], report.unknown + report.set_aside)


class KernelTest(HostTestCase):

    def test_of_this_machine(self):
        kernel = hostkernel.Kernel(self.root)
        self.assertTrue(kernel.is_of('cinder1'))
        self.assertTrue(kernel.is_of(model.BorrowerName('CINDER1')))
        self.assertFalse(kernel.is_of('cinder10'))
        self.hostname = 'no name; at all'
        self.assertFalse(kernel.is_of('cinder1'))

    def test_without_zfcp(self):
        kernel = hostkernel.Kernel(self.root)
        self.assertFalse(kernel.scans())
        self.assertFalse(kernel.has(self.lun))

    def test_a_disk_of_another_kind(self):
        self.attribute('sys/bus/scsi/devices/0:0:0:0/vendor', 'ATA')
        self.assertFalse(hostkernel.Kernel(self.root).has(self.lun))


class MigrationTest(HostTestCase):

    def copy(self):
        self.driver.before_volume_copy(None, self.volume, fakes.volume(),
                                       remote='dest')

    def refused(self, *words):
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.copy)
        for word in (self.volume.id, *words):
            self.assertIn(word, str(error))

    def test_a_whole_copy_may_be_made(self):
        self.copy()
        self.driver.after_volume_copy(None, self.volume, fakes.volume())
        self.assertEqual(['look'], self.pool.calls)

    def test_not_by_another_machine(self):
        self.machine = 'x86_64'
        self.refused('x86_64', 's390x Linux guest of z/VM LPAR host1',
                     'zpool1', 'migrated between pools of one zHCP', 'image')
        self.assertEqual([], self.pool.calls)

    def test_not_what_would_be_cut_off(self):
        self.pool.change(self.lun, real=model.Capacity.from_gib(12))
        self.refused('12884901888 bytes', '10 GiB', 'Extend the volume to 12')
        self.volume.size = 12
        self.copy()

    def test_not_what_cannot_be_extended_to_it(self):
        for size in (10 * 2 ** 30 + 512, 9 * 2 ** 30):
            self.pool.change(self.lun, real=model.Capacity(size))
            self.refused('Clone')

    def test_not_a_disk_of_unknown_size(self):
        self.pool.change(self.lun, real=None)
        self.refused('nobody has measured', 'Clone')


class BackupTest(HostTestCase):
    """get_backup_device, of which cinder-backup does not wait for an end."""

    def setUp(self):
        super().setUp()
        self.told = []
        self.rows = {}
        self.row(self.volume, status='backing-up',
                 previous_status='available')
        for kind in ('Volume', 'Snapshot'):
            self.useFixture(fixtures.MonkeyPatch(
                'cinder.objects.%s' % kind, types.SimpleNamespace(
                    get_by_id=lambda _context, row_id: self.rows[row_id])))
        self.useFixture(fixtures.MonkeyPatch(
            'cinder.volume.volume_utils.update_backup_error',
            lambda backup, text: self.told.append(text)))
        self.useFixture(fixtures.MonkeyPatch(
            'cinder.volume.driver.BaseVD.get_backup_device',
            lambda _self, context, backup: self.base(backup)))
        self.backup = fakes.Row(id='b', volume_id=self.volume.id, host='demo',
                                snapshot_id=None, temp_volume_id=None)
        self.base = lambda backup: (self.volume, False)

    def row(self, row, **values):
        vars(row).update(values)
        self.rows[row.id] = row
        return row

    def refused(self, *words):
        error = self.assertRaises(
            exception.VolumeBackendAPIException,
            self.driver.get_backup_device, None, self.backup)
        for word in words:
            self.assertIn(word, str(error))
        self.assertEqual([str(error)], self.told)

    def test_the_volume_itself(self):
        self.assertEqual((self.volume, False),
                         self.driver.get_backup_device(None, self.backup))
        self.assertEqual('backing-up', self.volume.status)
        self.assertEqual([], self.told)

    def test_not_by_another_machine(self):
        self.machine = 'x86_64'
        for host in ('demo', None):
            self.backup.host, self.told = host, []
            self.refused('x86_64', 'z/VM LPAR host1')
            self.assertEqual(('available', 'error_backing-up'), (
                self.volume.status, self.volume.previous_status))
            self.volume.previous_status = 'available'
        self.assertEqual([], self.pool.calls)

    def test_another_host_may_be_one_that_can(self):
        self.machine = 'x86_64'
        self.backup.host = 'backup1'
        self.driver.get_backup_device(None, self.backup)

    def test_not_what_does_not_fit(self):
        self.pool.change(self.lun, real=model.Capacity.from_gib(12))
        self.refused('Extend the volume to 12 GiB')
        self.assertEqual('available', self.volume.status)

    def test_not_what_a_guest_has(self):
        self.volume.previous_status = 'in-use'
        self.refused('its guest writes to it')
        self.assertEqual('in-use', self.volume.status)
        self.assertEqual([], self.pool.calls)

    def of_snapshot(self, gib):
        """A snapshot, and a temporary volume on a LUN of so many GiB."""
        snapshot = self.row(fakes.snapshot(self.volume), status='backing-up')
        self.driver.create_snapshot(snapshot)
        self.pool.change(self.pool.of(snapshot.id),
                         real=model.Capacity.from_gib(10))
        made = self.row(fakes.volume(10, SECOND, destroyed=0))
        made.destroy = lambda: setattr(made, 'destroyed', 1)

        def base(backup):
            self.driver.create_volume_from_snapshot(made, snapshot)
            self.pool.change(self.pool.of(SECOND),
                             real=model.Capacity.from_gib(gib))
            backup.temp_volume_id = made.id
            return made, False
        self.base = base
        self.backup.snapshot_id = snapshot.id
        return snapshot, made

    def test_a_snapshot_is_copied_first(self):
        snapshot, made = self.of_snapshot(10)
        self.assertEqual((made, False),
                         self.driver.get_backup_device(None, self.backup))
        self.assertEqual('backing-up', snapshot.status)

    def test_to_a_lun_of_its_size(self):
        # cinder-backup reads it whole, and it could not be restored
        snapshot, made = self.of_snapshot(12)
        self.refused('12884901888 bytes')
        self.assertEqual('available', snapshot.status)
        self.assertEqual((1, None), (made.destroyed,
                                     self.backup.temp_volume_id))
        self.assertIsNone(self.pool.of(SECOND))

    def test_one_that_cannot_be_copied(self):
        snapshot, _ = self.of_snapshot(10)

        def base(backup):
            raise exception.VolumeBackendAPIException(message='no LUN')
        self.base = base
        self.refused('no LUN')
        self.assertEqual('available', snapshot.status)

    def test_a_temporary_volume_that_cannot_be_deleted(self):
        self.of_snapshot(12)
        self.pool.before['release'] = [exceptions.ZhcpDown('down')] * 9
        self.refused('12884901888 bytes')
        self.assertIsNotNone(self.backup.temp_volume_id)
        self.assertIn('has to be deleted', self.log.output)

    def test_a_volume_from_a_backup_is_cinders_business(self):
        self.pool.calls.clear()
        self.assertRaises(NotImplementedError,
                          self.driver.create_volume_from_backup,
                          self.volume, self.backup)
        self.machine = 'x86_64'
        error = self.assertRaises(
            exception.VolumeBackendAPIException,
            self.driver.create_volume_from_backup, self.volume, self.backup)
        self.assertIn('z/VM LPAR host1', str(error))
        self.assertEqual([], self.pool.calls)


class SetUpTest(base.DriverTestCase):

    def test_os_brick_is_repaired_on_s390x_alone(self):
        repaired = []
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_zvm.brick.repair', lambda: repaired.append(1)))
        for machine, count in (('x86_64', 0), ('s390x', 1)):
            self.useFixture(fixtures.MonkeyPatch('platform.machine',
                                                 lambda: machine))
            self.driver.do_setup(None)
            self.assertEqual(count, len(repaired))

    def test_the_mixin_is_in_front(self):
        kinds = volumedriver.ZVMVolumeDriver.__mro__
        self.assertLess(kinds.index(volumedriver.hostattach.HostAttach),
                        kinds.index(volumedriver.driver.VolumeDriver))
