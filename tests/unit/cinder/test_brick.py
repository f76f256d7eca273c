# SPDX-License-Identifier: Apache-2.0
"""os-brick's own connector for s390x, with and without the repair."""

import contextlib
import os

import fixtures
from os_brick.initiator.connectors import fibre_channel
from os_brick.initiator.connectors import fibre_channel_s390x
from os_brick.initiator import linuxfc
from oslo_concurrency.fixture import lockutils
import testtools

from cinder_zvm import brick

WWPNS = ['5005076303000001', '5005076303000002']
LUN = '0x4011400b00000000'
ZFCP = '/sys/bus/ccw/drivers/zfcp'
HBAS = [{'port_name': 'c05076ffe5000000', 'node_name': '5005076400c1b2b0',
         'host_device': 'host%d' % number,
         'device_path': '/sys/devices/css0/0.0.000%d/0.0.%s/host%d/fc_host/'
                        'host%d' % (number, device, number, number)}
        for number, device in enumerate(('3b00', '3c00'))]


class Fixed(fibre_channel_s390x.FibreChannelConnectorS390X):
    """As os-brick will be one day."""

    def _get_host_devices(self, possible_devs):
        return ['%s-%s' % (device, wwn)
                for _platform, device, wwn, lun in possible_devs]


class BrickTestCase(testtools.TestCase):
    """self.connector is os-brick's, of a class of its own for each test."""

    def setUp(self):
        super().setUp()
        self.useFixture(lockutils.ExternalLockFixture())
        self.written, self.there = [], set()
        self.kind = type('Connector', (
            fibre_channel_s390x.FibreChannelConnectorS390X,), {})
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick.initiator.linuxfc.LinuxFibreChannelS390X.'
            'get_fc_hbas_info', lambda _self: list(HBAS)))
        self.useFixture(fixtures.MonkeyPatch(
            'os.path.exists', lambda path: path in self.there))
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick.initiator.linuxscsi.LinuxSCSI.get_scsi_wwn',
            lambda _self, path: '3' + '6' * 32))

    def connector(self, kind=None):
        made = (kind or self.kind)(None, execute=self._execute)
        made.check_valid_device = lambda path, run_as_root=True: True
        return made

    def _execute(self, *command, process_input=None, **_kwargs):
        self.written.append((command[-1], process_input))
        # each path has its disk once its unit is there
        self.there.update(
            name for name in self.names
            if command[-1].endswith('unit_add') and name.split(
                'zfcp-')[1].split(':')[0] in command[-1]
            and name.split('ccw-')[1][:8] in command[-1])
        return '', ''

    @property
    def names(self):
        return ['/dev/disk/by-path/ccw-0.0.%s-zfcp-0x%s:%s'
                % (device, wwpn, LUN) for device in ('3b00', '3c00')
                for wwpn in WWPNS]

    def properties(self):
        return {'target_wwn': list(WWPNS), 'target_wwns': list(WWPNS),
                'target_lun': 0x4011400b, 'target_luns': [0x4011400b] * 2,
                'target_discovered': False}

    def units(self, action):
        return [('%s/0.0.%s/0x%s/unit_%s' % (ZFCP, device, wwpn, action), LUN)
                for device in ('3b00', '3c00') for wwpn in WWPNS]

    def attributes(self, action):
        return [each for each in self.written
                if each[0].endswith('unit_' + action)]


class BrokenTest(BrickTestCase):
    """Why there is a repair.  Where this fails, os-brick is mended."""

    def test_every_call_ends_in_a_value_error(self):
        if not brick.is_broken(self.kind):
            self.skipTest('os-brick is whole')
        connector = self.connector()
        for call in (connector.connect_volume, connector.extend_volume,
                     connector.get_volume_paths):
            properties = self.properties()
            properties['targets'] = [(wwpn, 0x4011400b) for wwpn in WWPNS]
            self.assertRaises(ValueError, call, properties)
        self.assertRaises(ValueError, connector.disconnect_volume,
                          self.properties(), {'path': '/dev/sda'})
        self.assertEqual([], self.written)


class RepairedTest(BrickTestCase):

    def setUp(self):
        super().setUp()
        brick.repair(self.kind)

    def test_paths_are_configured_in_order(self):
        device = self.connector().connect_volume(self.properties())
        self.assertEqual(self.units('add'), self.attributes('add'))
        self.assertEqual(self.names[0], device['path'])
        # the port is looked for first, as it is not there
        self.assertEqual((ZFCP + '/0.0.3b00/port_rescan', '1'),
                         self.written[0])

    def test_all_paths_are_taken_away(self):
        connector = self.connector()
        device = connector.connect_volume(self.properties())
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick.initiator.linuxscsi.LinuxSCSI.get_name_from_path',
            lambda _self, path: '/dev/sda'))
        connector.disconnect_volume(self.properties(), device, force=True)
        self.assertEqual(self.units('remove'), self.attributes('remove'))

    def test_the_names_of_its_disks(self):
        properties = self.properties()
        properties['targets'] = [(wwpn, 0x4011400b) for wwpn in WWPNS]
        self.assertEqual(self.names, self.connector().get_volume_paths(
            properties))

    def test_a_new_size_is_asked_of_all_paths(self):
        asked = []
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick.initiator.linuxscsi.LinuxSCSI.extend_volume',
            lambda _self, paths, use_multipath: asked.extend(paths)))
        self.connector().extend_volume(self.properties())
        self.assertEqual(self.names, asked)

    def test_once_is_enough(self):
        repaired = self.kind._get_host_devices
        self.assertFalse(brick.repair(self.kind))
        self.assertIs(repaired, self.kind._get_host_devices)

    def test_the_base_class_is_as_it_was(self):
        self.assertNotIn('takes_four', str(
            fibre_channel.FibreChannelConnector._get_host_devices))


class GuardTest(BrickTestCase):

    def test_nothing_is_changed_where_nothing_is_wrong(self):
        method = Fixed._get_host_devices
        self.assertFalse(brick.repair(Fixed))
        self.assertIs(method, Fixed._get_host_devices)
        self.assertEqual(['0.0.3b00-0x1'], Fixed._get_host_devices(
            None, [(None, '0.0.3b00', '0x1', 0)]))

    def test_nor_where_something_else_is_wrong(self):
        class Otherwise:
            def _get_host_devices(self):
                """Other arguments."""
        method = Otherwise._get_host_devices
        self.assertFalse(brick.repair(Otherwise))
        self.assertIs(method, Otherwise._get_host_devices)

    def test_trying_it_touches_nothing(self):
        def touched(*_args, **_kwargs):
            raise AssertionError('something was run')
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick.initiator.linuxfc.LinuxFibreChannelS390X.'
            'configure_scsi_device', touched))
        brick.is_broken(self.kind)
        brick.is_broken(Fixed)
        self.assertEqual([], self.written)

    def test_on_s390x_alone(self):
        real = fibre_channel_s390x.FibreChannelConnectorS390X
        method = real._get_host_devices
        self.useFixture(fixtures.MonkeyPatch(
            'platform.machine', lambda: 'x86_64'))
        self.assertFalse(brick.repair_here())
        self.assertIs(method, real._get_host_devices)
        self.addCleanup(setattr, real, '_get_host_devices', method)
        broken = brick.is_broken(real)
        self.useFixture(fixtures.MonkeyPatch('platform.machine',
                                             lambda: 's390x'))
        self.assertEqual([broken, False],
                         [brick.repair_here(), brick.repair_here()])
        self.assertFalse(brick.is_broken(real))

    def test_without_os_bricks_class(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(fixtures.MonkeyPatch(
                'cinder_zvm.brick._MODULE', 'os_brick.no_such_module'))
            self.assertFalse(brick.repair())


class FactsTest(testtools.TestCase):
    """What the manual tells of os-brick."""

    def test_it_calls_an_adapter_by_its_bus_id(self):
        connector = fibre_channel_s390x.FibreChannelConnectorS390X(
            None, execute=None)
        self.assertEqual((None, '0.0.3b00'), connector._get_pci_num(HBAS[0]))

    def test_more_than_32_bits_of_a_lun_are_lun_0(self):
        connector = fibre_channel_s390x.FibreChannelConnectorS390X(
            None, execute=None)
        self.assertEqual(0, connector._get_lun_string(0x4011400b00000000))
        self.assertEqual(LUN, connector._get_lun_string(0x4011400b))

    def test_where_it_reads_and_writes(self):
        self.assertEqual('/sys/class/fc_host',
                         linuxfc.LinuxFibreChannel.FC_HOST_SYSFS_PATH)
        self.assertEqual('sys', ZFCP.split(os.sep)[1])
