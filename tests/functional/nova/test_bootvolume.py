# SPDX-License-Identifier: Apache-2.0
"""Servers that boot from volumes, on Nova's real ComputeManager."""

import os
from unittest import mock

from nova import objects
from nova.tests.functional.api import client as api_client

from tests.functional.nova import bootvolumes
from zvm_common import exceptions
from zvm_common import fcp


class BootTest(bootvolumes.Case):

    def test_a_server_runs_from_its_volume_and_reads_its_data(self):
        self.boot_from(self.bootable())
        self.assert_runs()
        self.assertEqual(4, len(self._paths(self.server)))
        self.assertIn('dm-uuid-mpath', self._device_path(
            self.server, self.root))
        mounts = self.lpar.run(self._node(self.server),
                               'cat "$ZVM_ROOT"/proc/mounts')
        self.assertIn('/dev/mapper/3%s / ' % self._disk(self.root)['wwid'],
                      mounts)
        self.assertNotIn('MDISK', self.entry())
        self.delete()

    def test_with_further_volumes(self):
        data = self.lpar.claim()
        self.boot_from(self.bootable(), data)
        self.assert_runs()
        self._fill(self.server, data)
        later = self.lpar.claim()
        self._attach(self.server, later)
        self._detach(self.server, later)
        self._assert_kept(self.server, data)
        self.delete()

    def test_what_it_boots_is_what_the_volume_says(self):
        self.boot_from(self.bootable('sles15'))
        self.assert_runs()
        self.assertIn('sles', self.lpar.run(
            self._node(self.server), 'cat "$ZVM_ROOT"/etc/os-release'))

    def test_a_volume_that_says_nothing_is_refused_in_words(self):
        root = self.bootable()
        del self.cinder.volumes[root]['volume_image_metadata']['os_distro']
        with self._untouched('nodes/zhcp1/dsh'):
            self.boot_from(root, expected='ERROR')
        self._assert_fault(self.server, 'openstack volume set '
                           '--image-property os_distro=')
        self.assert_nothing_left()

    def test_the_root_volume_is_not_detached(self):
        self.boot_from(self.bootable())
        self.assertRaises(api_client.OpenStackApiException, self._detach,
                          self.server, self.root)
        self.assert_runs()


class IucvTest(bootvolumes.Case):

    def test_a_linux_that_is_reached_by_iucv_alone(self):
        data = self.lpar.claim()
        self.boot_from(self.bootable(mark='zvm-simulator: iucv'), data)
        self.assertEqual(8, len(self._paths(self.server)))
        self._reboot_server(self.server, hard=True)
        self.assertEqual(('ACTIVE', None), self._state(self.server))
        self.assertEqual(8, len(self._paths(self.server)))
        self.assertEqual({'used'}, self._states(self.volumes))
        self.delete()


class OtherLifeTest(bootvolumes.Case):
    """What a Linux on a root volume brings along."""

    def disks(self):
        """LUNs of which the guest has a disk, and those configured."""
        return self.lpar.run(
            self._node(self.server), 'cat "$ZVM_ROOT"/sys/bus/scsi/devices/*/'
            'fcp_lun | sort -u; ls "$ZVM_ROOT"/etc/udev/rules.d')

    def test_a_lun_scan_of_its_initramfs_is_undone(self):
        self.boot_from(self.bootable())
        lun = str(self.lpar.look(self.root).lun)
        self.assertEqual(['0x' + lun], [
            line for line in self.disks().split() if line[:2] == '0x'])
        # and again after a start, as the parameter is the initramfs's
        os.unlink(os.path.join(self._guest(self.server)['folder'],
                               'etc/modprobe.d/s390x-zfcp.conf'))
        self._reboot_server(self.server, hard=True)
        self.assertEqual(['0x' + lun], [
            line for line in self.disks().split() if line[:2] == '0x'])

    def test_what_was_configured_for_a_volume_that_left_is_forgotten(self):
        data = self.lpar.claim()
        self.boot_from(self.bootable(), data)
        left = self.lpar.look(data)
        with open(os.path.join(
                self._guest(self.server)['folder'],
                'etc/udev/rules.d/51-old.rules'), 'w') as rule:
            rule.write('ATTR{[ccw/0.0.3b05]0x%s/unit_add}="0x%s"\n'
                       % (left.wwpns[0], '4' * 16))
        self._detach(self.server, data)
        self._reboot_server(self.server, hard=True)
        self.assertNotIn('4' * 16, self.lpar.run(
            self._node(self.server), 'cat "$ZVM_ROOT"/etc/udev/rules.d/*'))
        self.assertNotIn(str(left.lun), self.disks())

    def test_a_foreign_disk_in_use_ends_the_build(self):
        root = self.bootable()
        with mock.patch('zvm_common.guestdisk.GuestDisk.prune',
                        side_effect=exceptions.DeviceBusy('lvm:vg0')):
            self.boot_from(root, expected='ERROR')
        self._assert_fault(self.server, 'lvm:vg0')
        self.assert_nothing_left()


class PathsTest(bootvolumes.Case):
    """Two FCP devices, two ports; 3B00 is the first."""

    def test_the_next_path_is_taken_when_the_first_is_not_masked(self):
        root = self.bootable()
        self.mask(root, '3C00')
        self.boot_from(root)
        self.assert_runs()
        self.assertEqual('3C00', self.path()[0])
        self.assertEqual({'0.0.3c00'}, {path.split(':')[0] for path
                                        in self._paths(self.server)})
        self.delete()

    def test_all_paths_dead_leave_nothing(self):
        data = self.lpar.claim()
        root = self.bootable()
        self.mask(root)
        self.boot_from(root, data, expected='ERROR')
        self._assert_fault(self.server, 'does not boot from volume')
        for device in ('3B00', '3C00'):
            for port in self.lpar.look(root).wwpns:
                self.assertIn('%s:%s' % (device, port),
                              self._fault(self.server))
        self.assert_nothing_left()
        self._delete_server(self.server)

    def test_a_volume_without_a_boot_record_leaves_nothing(self):
        root = self.bootable()
        self._write(root, '\0' * 512)
        self.boot_from(root, expected='ERROR')
        self._assert_fault(self.server, 'disabled wait')
        self.assertEqual('ours', self.lpar.look(root).state)
        self.assertEqual([], self.driver.list_instances())
        self.assertEqual((), self.lpar.devices.list())

    def test_a_linux_that_nobody_can_log_in_to_is_not_tried_again(self):
        root = self.bootable()
        self.flags(group='zvm', reachable_timeout=1)
        with mock.patch('zvm_common.guestdisk.GuestDisk.hello',
                        side_effect=bootvolumes.unreachable):
            self.boot_from(root, expected='ERROR')
        self._assert_fault(self.server, 'its Linux began')
        self.assertEqual(1, self._fault(self.server).count(':5005'))
        self.assert_nothing_left()

    def test_a_device_that_another_guest_takes_leaves_nothing(self):
        root = self.bootable()
        load = fcp.Devices.ipl

        def stolen(devices, *args):
            found = load(devices, *args)
            for function in ('Image_Device_Dedicate_DM',
                             'Image_Device_Dedicate'):
                self.lpar.run('zhcp1', 'smcli %s -T LNX00001 -v 3B00 '
                              '-r 3B00 -R 0; :' % function)
            return found
        with mock.patch.object(fcp.Devices, 'ipl', stolen):
            self.boot_from(root, expected='ERROR')
        self.assert_nothing_left()
        self.assertEqual('3B00', self.lpar.guests['LNX00001']['devices'][
            '3B00'])

    def test_a_later_start_tries_the_next_path(self):
        self.boot_from(self.bootable())
        self._stop_server(self.server)
        self.mask(self.root, '3C00')
        self._start_server(self.server)
        self.assert_runs()
        self.assertEqual('3C00', self.path()[0])
        # and it is the first from then on
        self.mask(self.root, '3B00', '3C00')
        self._reboot_server(self.server, hard=True)
        self.assert_runs()
        self.assertEqual('3C00', self.path()[0])

    def test_so_does_a_reboot(self):
        for hard in (True, False):
            self.boot_from(self.bootable())
            self.mask(self.root, '3C00')
            self._reboot_server(self.server, hard=hard)
            self.assert_runs()
            self.assertEqual('3C00', self.path()[0])
            self.delete()

    def test_a_start_without_any_path_says_which_were_tried(self):
        self.boot_from(self.bootable())
        self._stop_server(self.server)
        self.mask(self.root)
        self.assertRaises(
            api_client.OpenStackApiException, self.api.post_server_action,
            self.server['id'], {'os-start': None})
        self._assert_fault(self.server, ', 3C00:5005')
        self.assertEqual('off', self._guest(self.server)['power'])
        self.assertEqual('used', self.lpar.look(self.root).state)
        self.mask(self.root, '3B00', '3C00')
        self._wait_for_state_change(self.server, 'SHUTOFF')
        self._start_server(self.server)
        self.assert_runs()


class LifeTest(bootvolumes.Case):

    def test_reboots_and_stops_keep_it(self):
        self.boot_from(self.bootable())
        for hard in (True, False):
            self._reboot_server(self.server, hard=hard)
            self.assert_runs()
        self._stop_server(self.server)
        self._start_server(self.server)
        self.assert_runs()
        self.delete()

    def test_a_stopped_server_is_deleted(self):
        self.boot_from(self.bootable())
        self._stop_server(self.server)
        self.delete()

    def test_shelved_it_is_free_and_unshelved_it_runs_again(self):
        self.flags(shelved_offload_time=0)
        self.boot_from(self.bootable())
        self.api.post_server_action(self.server['id'], {'shelve': None})
        self._wait_for_state_change(self.server, 'SHELVED_OFFLOADED')
        self.assert_nothing_left()
        self.api.post_server_action(self.server['id'], {'unshelve': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assert_runs()
        self.delete()

    def test_a_resize_keeps_the_ipl(self):
        self.boot_from(self.bootable())
        old = self.api.get_server(self.server['id'])['flavor']
        flavor = self._create_flavor(vcpu=2, memory_mb=old['ram'] * 2,
                                     disk=old['disk'] + 1,
                                     ephemeral=old['ephemeral'])
        self.flags(allow_resize_to_same_host=True)
        self.api.post_server_action(self.server['id'], {
            'resize': {'flavorRef': flavor}})
        self._wait_for_state_change(self.server, 'VERIFY_RESIZE')
        self.api.post_server_action(self.server['id'],
                                    {'confirmResize': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assert_runs()
        self.delete()

    def test_rebuilt_with_its_own_image_it_keeps_its_volume(self):
        self.boot_from(self.bootable(image_id=bootvolumes.manager.IMAGE))
        with mock.patch.object(self.api, 'microversion', '2.92'):
            self.api.post_server_action(self.server['id'], {
                'rebuild': {'imageRef': bootvolumes.manager.IMAGE}})
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assert_runs()
        self.delete()

    def test_another_image_on_its_volume_is_refused(self):
        self.boot_from(self.bootable())
        with self._untouched('dsh'):
            self.assertRaises(
                api_client.OpenStackApiException,
                self.api.post_server_action, self.server['id'],
                {'rebuild': {'imageRef': bootvolumes.manager.IMAGE}})
            self._assert_fault(self.server, 'not given another image')
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assert_runs()

    def test_after_a_host_boot_it_runs(self):
        self.boot_from(self.bootable())
        self.driver._hypervisor.guest_softstop(self._node(self.server))
        instance = objects.Instance.get_by_uuid(self.context,
                                                self.server['id'])
        self.mask(self.root, '3C00')
        self.flags(group='zvm', reachable_timeout=1)
        self.driver.resume_state_on_host_boot(self.context, instance, [],
                                              None)
        self.driver.wait_for_resumed()
        self.assertEqual('3C00', self.path()[0])
        self.assert_runs()
