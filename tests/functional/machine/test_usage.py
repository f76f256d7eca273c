# SPDX-License-Identifier: Apache-2.0
"""A disk in use by a mount, by swap, by a volume manager, by a program."""
import os

from tests.functional.machine import base

W1, W2 = base.WWPNS
LUN = '0.0.3b00:0x%s:0x%s'
D = '"$ZVM_ROOT"/'


class UsageTest(base.NodeTest):
    """One path to disk 0 (sda) and one to disk 1 (sdb)."""

    OPTIONS = {'lun_scan': False, 'multipath': False}

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', '3B00', **self.OPTIONS)
        for number in (0, 1):
            self.sh(self.node, 'chzdev -q -e zfcp-lun '
                    + LUN % (W1, base.lun(number)))

    def run_on(self, command, code=0):
        """The standard output and error of a command with that status."""
        done = self.node.run(command)
        self.assertEqual(code, done.returncode, done)
        return done.stdout + done.stderr

    def reboot(self):
        self.lpar.guests['LNX00001'].reset()

    def read(self, name):
        with open(os.path.join(self.node.folder, name)) as text:
            return text.read()


class Mounts(UsageTest):

    def mounted(self):
        self.sh(self.node, 'mkdir -p mnt/a; mkfs.xfs -L data dev/sda >run/x; '
                           'mount dev/sda mnt/a')

    def test_proc_mounts_and_lsblk_and_findmnt_show_it(self):
        self.mounted()
        self.assertIn('/dev/sda /mnt/a xfs rw,relatime 0 0\n',
                      self.read('proc/mounts'))
        self.assertEqual('sda xfs data /mnt/a\n', self.sh(
            self.node, 'lsblk -n -o NAME,FSTYPE,LABEL,MOUNTPOINT dev/sda'))
        self.assertEqual('/dev/sda\n', self.sh(
            self.node, 'findmnt -n -o SOURCE ' + D + 'mnt/a'))
        self.assertEqual('/mnt/a\n', self.sh(
            self.node, 'findmnt -n -o TARGET -S ' + D + 'dev/sda'))
        self.assertIn('/dev/sda on /mnt/a type xfs', self.sh(
            self.node, 'mount'))
        self.run_on('findmnt mnt/b', 1)

    @base.needs_landlock
    def test_absolute_paths_and_by_path_names_are_the_nodes(self):
        self.sh(self.node, 'mkdir mnt/a; mkfs.ext4 -q %sdev/sda >run/x\n'
                'mount dev/disk/by-path/ccw-0.0.3b00-zfcp-0x%s:0x%s /mnt/a'
                % (D, W1, base.lun(0)))
        self.assertIn('/dev/sda /mnt/a ext4 ', self.read('proc/mounts'))
        self.sh(self.node, 'umount /dev/sda')
        self.assertNotIn('/dev/sda', self.read('proc/mounts'))

    def test_uuid_and_label_find_the_disk(self):
        self.sh(self.node, 'mkdir mnt/a mnt/b; mkfs.xfs -L data dev/sda; '
                'mkfs.ext4 dev/sdb')
        self.sh(self.node, 'mount LABEL=data mnt/a\n'
                'mount UUID=$(blkid -s UUID -o value dev/sdb) mnt/b')
        self.assertIn('/dev/sda /mnt/a', self.read('proc/mounts'))
        self.assertIn('/dev/sdb /mnt/b', self.read('proc/mounts'))

    def test_what_mount_and_umount_refuse(self):
        self.sh(self.node, 'mkdir mnt/a; mkswap dev/sdb')
        for command, text in (
                ('mount dev/sda mnt/a', 'wrong fs type'),
                ('mount dev/sdb mnt/a', "unknown filesystem type 'swap'"),
                ('mount dev/sdc mnt/a', 'special device dev/sdc does not'),
                ('mount dev/sda mnt/b', 'mount point does not exist'),
                ('mount UUID=x mnt/a', "can't find UUID=x"),
                ('umount mnt/a', 'not mounted')):
            self.assertIn(text, self.run_on(command, 32), command)
        self.sh(self.node, 'mkfs.ext4 dev/sda; mount dev/sda mnt/a')
        self.assertIn('already mounted on /mnt/a', self.run_on(
            'mount dev/sda mnt/a', 32))
        self.assertIn('is mounted', self.run_on('mkfs.xfs -f dev/sda', 1))
        self.assertIn('is mounted', self.run_on('mkswap dev/sda', 1))
        self.assertIn('busy', self.run_on('wipefs -a dev/sda', 1))

    def test_an_open_file_keeps_a_mount_busy(self):
        self.mounted()
        self.assertIn('target is busy', self.run_on(
            'exec 5>mnt/a/file; umount mnt/a', 32))
        self.run_on('cd mnt/a; exec umount -l "$ZVM_ROOT"/mnt/a')
        self.run_on('mount dev/sda mnt/a')
        self.run_on('umount mnt/a')

    def test_the_file_system_survives_a_reboot_and_the_mount_does_not(self):
        self.mounted()
        self.reboot()
        self.assertNotIn('/dev/sda', self.read('proc/mounts'))
        self.assertIn('LABEL="data"', self.sh(self.node, 'blkid dev/sda'))

    @base.needs_landlock
    def test_fstab_is_done_at_boot_as_far_as_its_devices_are_there(self):
        self.sh(self.node, '''
            mkdir mnt/a mnt/b mnt/c
            mkfs.xfs -L data dev/sda; mkswap dev/sdb
            echo "LABEL=data /mnt/a xfs defaults 0 0" >> etc/fstab
            echo "/dev/sdb none swap sw 0 0" >> etc/fstab
            echo "LABEL=none /mnt/b xfs nofail 0 0" >> etc/fstab
            echo "LABEL=data /mnt/c xfs noauto 0 0" >> etc/fstab''')
        self.reboot()
        self.assertIn('/dev/sda /mnt/a xfs', self.read('proc/mounts'))
        self.assertNotIn('/mnt/b', self.read('proc/mounts'))
        self.assertNotIn('/mnt/c', self.read('proc/mounts'))
        self.assertIn('/dev/sdb', self.read('proc/swaps'))
        self.sh(self.node, 'umount /mnt/a; mount /mnt/a')

    def test_another_guest_finds_what_the_first_made(self):
        self.mounted()
        self.sh(self.node, 'umount mnt/a')
        other = self.guest('LNX00002', '3C01', **self.OPTIONS)
        self.sh(other, 'chzdev -q -e zfcp-lun 0.0.3c01:0x%s:0x%s'
                % (W2, base.lun(0)))
        self.assertIn('LABEL="data"', self.sh(other, 'blkid dev/sda'))
        self.sh(other, 'mount dev/sda mnt')

    def test_a_wipe_takes_the_file_system(self):
        self.mounted()
        self.sh(self.node, 'umount mnt/a; blkdiscard -z dev/sda')
        self.run_on('blkid dev/sda', 2)
        self.mounted()
        self.sh(self.node, 'umount mnt/a; wipefs -a dev/sda')
        self.run_on('blkid dev/sda', 2)


class Swap(UsageTest):

    def test_swap_comes_and_goes(self):
        self.assertIn('read swap header failed',
                      self.run_on('swapon dev/sda', 255))
        self.sh(self.node, 'mkswap dev/sda; swapon dev/sda')
        self.assertIn('/dev/sda partition', self.read('proc/swaps'))
        self.assertEqual('[SWAP]\n', self.sh(
            self.node, 'lsblk -n -o MOUNTPOINT dev/sda'))
        self.assertIn('busy', self.run_on('swapon dev/sda', 255))
        self.assertIn('in use', self.run_on('mkfs.ext4 dev/sda', 1))
        self.sh(self.node, 'swapoff dev/sda')
        self.assertNotIn('sda', self.read('proc/swaps'))
        self.assertIn('Invalid argument', self.run_on('swapoff dev/sda', 4))

    def test_chzdev_tells_of_it(self):
        self.sh(self.node, 'mkswap dev/sda; swapon -a dev/sda')
        out = self.run_on('chzdev -d ' + LUN % (W1, base.lun(0)), 16)
        self.assertIn('- Swap device sda', out)


class VolumeManager(UsageTest):

    MAKE = ('pvcreate dev/sda dev/sdb; vgcreate vg0 dev/sda dev/sdb\n'
            'lvcreate -n data -L 100M vg0\n')

    def make(self):
        self.sh(self.node, self.MAKE)

    def test_a_volume_is_a_device_on_its_disks(self):
        self.make()
        out = self.sh(self.node, '''
            ls sys/block/sda/holders sys/block/sdb/holders
            ls sys/block/dm-0/slaves
            cat sys/block/dm-0/dm/name
            readlink -f dev/mapper/vg0-data dev/vg0/data
            blockdev --getsize64 dev/vg0/data
            lsblk -n -o NAME,TYPE,FSTYPE''')
        self.assertEqual([
            'sys/block/sda/holders:', 'dm-0', '', 'sys/block/sdb/holders:',
            'dm-0', 'sda', 'sdb', 'vg0-data', self.node.folder + '/dev/dm-0',
            self.node.folder + '/dev/dm-0', str(100 << 20),
            'sda disk LVM2_member', 'vg0-data lvm', 'sdb disk LVM2_member',
            'vg0-data lvm'],
            out.splitlines())

    def test_data_can_be_written_and_mounted(self):
        self.make()
        self.sh(self.node, 'mkfs.ext4 dev/vg0/data; mount dev/vg0/data mnt')
        self.assertIn('/dev/mapper/vg0-data /mnt ext4',
                      self.read('proc/mounts'))
        self.assertIn('Mount point /mnt', self.run_on(
            'chzdev -d ' + LUN % (W1, base.lun(0)), 16))
        self.assertIn('in use', self.run_on('vgchange -an vg0', 5))
        self.assertIn('in use', self.run_on('lvremove -y vg0/data', 5))
        self.assertIn('wz', self.sh(self.node, 'vgs'))
        self.assertEqual('-wi-ao----\n', self.sh(
            self.node, 'lvs --noheadings -o lv_attr vg0').lstrip())

    def test_it_is_there_again_after_a_reboot(self):
        self.make()
        self.sh(self.node, 'echo kept | dd of=dev/vg0/data conv=notrunc '
                           '2>/dev/null')
        self.reboot()
        self.assertEqual('kept\n', self.sh(
            self.node, 'head -n 1 dev/vg0/data'))

    def test_another_guest_has_it_when_its_last_disk_is_there(self):
        self.make()
        self.sh(self.node, 'vgchange -an vg0')
        self.assertFalse(os.path.exists(self.node.folder + '/dev/vg0'))
        other = self.guest('LNX00002', '3C01', **self.OPTIONS)
        self.sh(other, 'chzdev -q -e zfcp-lun 0.0.3c01:0x%s:0x%s\n'
                '[ ! -e dev/vg0 ]' % (W2, base.lun(0)))
        self.assertEqual(5, other.run('vgchange -ay vg0').returncode)
        self.sh(other, 'chzdev -q -e zfcp-lun 0.0.3c01:0x%s:0x%s\n'
                '[ -e dev/vg0/data ]' % (W2, base.lun(1)))

    def test_what_lvm_refuses(self):
        self.make()
        for command, text in (
                ('pvcreate dev/sda', 'exclusively'),
                ('pvcreate dev/sdz', 'not found'),
                ('vgcreate vg0 dev/sda', 'already exists'),
                ('lvcreate -n data -L 4M vg0', 'already exists'),
                ('lvcreate -n more -L 100G vg0', 'insufficient free space'),
                ('vgremove vg0', 'still contains'),
                ('vgchange -ay vg1', 'not found'),
                ('pvremove dev/sda', 'vgreduce')):
            self.assertIn(text, self.run_on(command, 5), command)
        self.assertIn('unknown filesystem', self.run_on(
            'mount dev/sda mnt', 32))
        self.run_on('lvcreate -n x vg0', 3)

    def test_all_of_it_goes_away(self):
        self.make()
        self.sh(self.node, 'lvcreate -n rest -l 100%FREE vg0; lvs; pvs; vgs\n'
                'lvremove -y vg0/data vg0/rest; vgremove vg0\n'
                'pvremove dev/sda dev/sdb')
        self.assertEqual('sda\nsdb\n', self.sh(
            self.node, 'ls sys/block; ls dev/mapper'))
        self.run_on('blkid', 2)

    def test_names_with_dashes(self):
        self.sh(self.node, 'vgcreate vg-a dev/sda; lvcreate -n b-c -l 1 vg-a')
        self.assertEqual('vg--a-b--c\n', self.sh(
            self.node, 'ls dev/mapper'))
        self.sh(self.node, 'lvchange -an vg-a/b-c; lvchange -ay vg-a/b-c\n'
                'dmsetup remove vg--a-b--c')
        self.assertEqual('', self.sh(self.node, 'ls dev/mapper'))

    def test_a_volume_outlives_its_disk_and_the_name_is_not_reused(self):
        self.make()
        self.sh(self.node, 'echo 1 > sys/block/sda/device/delete\n'
                'udevadm settle')
        self.assertEqual(['sda'], self.node.kernel.lost)
        self.assertEqual('sdb\n', self.sh(
            self.node, 'ls sys/block/dm-0/slaves'))
        self.sh(self.node, '[ -e dev/vg0/data ]\n'
                'echo 1 > sys/bus/ccw/devices/0.0.3b00/port_rescan\n'
                'udevadm settle; [ -e dev/sda ]')


class Multipath(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', '3B00', lun_scan=False)
        self.name = '3' + self.disks[0].wwid
        self.attach()

    def attach(self, *ports):
        for wwpn in ports or (W1, W2):
            self.sh(self.node, 'chzdev -q -e zfcp-lun '
                    + LUN % (wwpn, base.lun(0)))

    def test_a_mounted_map_is_not_flushed_and_its_paths_not_mounted(self):
        self.sh(self.node, 'mkfs.xfs dev/mapper/%s; mount dev/mapper/%s mnt'
                % (self.name, self.name))
        done = self.node.run('multipath -f ' + self.name)
        self.assertEqual((1, '%s: map in use\n' % self.name),
                         (done.returncode, done.stderr))
        done = self.node.run('mount dev/sda srv')
        self.assertEqual(32, done.returncode)
        self.assertIn('busy', done.stderr)
        self.assertIn('in use', self.node.run('mkfs.ext4 dev/sdb').stderr)
        self.assertIn('Mount point /mnt', self.node.run(
            'chzdev -d ' + LUN % (W1, base.lun(0))).stderr)

    def test_a_volume_on_a_map_holds_it(self):
        self.sh(self.node, 'vgcreate vg0 dev/mapper/%s\n'
                'lvcreate -n data -l 5 vg0' % self.name)
        self.assertEqual('dm-1\n', self.sh(
            self.node, 'ls sys/block/dm-0/holders'))
        self.assertIn('map in use', self.node.run(
            'multipath -f ' + self.name).stderr)
        self.assertEqual('/dev/mapper/%s\n' % self.name, self.sh(
            self.node, 'pvs --noheadings -o pv_name').lstrip())
        self.sh(self.node, 'vgchange -an vg0; multipath -f ' + self.name)

    def test_after_a_reboot_the_volume_waits_for_the_map(self):
        self.sh(self.node, 'vgcreate vg0 dev/mapper/%s\n'
                'lvcreate -n data -l 5 vg0' % self.name)
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual('dm-0\n', self.sh(
            self.node, 'ls sys/block/dm-1/slaves'))

    def test_a_foreign_volume_on_the_first_path_keeps_the_map_away(self):
        self.sh(self.node, 'vgcreate vg0 dev/mapper/%s\n'
                'lvcreate -n data -l 5 vg0; vgchange -an vg0' % self.name)
        other = self.guest('LNX00002', '3C01', lun_scan=False)
        for wwpn in (W1, W2):
            self.sh(other, 'chzdev -q -e zfcp-lun 0.0.3c01:0x%s:0x%s' % (
                wwpn, base.lun(0)))
        self.assertEqual('sda\n', self.sh(
            other, 'ls sys/block/dm-0/slaves'))
        self.assertEqual('vg0-data\n', self.sh(other, 'ls dev/mapper'))
        self.sh(other, 'vgchange -an vg0; multipath')
        self.assertEqual(self.name + '\n', self.sh(other, 'ls dev/mapper'))


class Takeaway(UsageTest):
    """What happens to who uses a disk that is taken away."""

    def mount_sda(self):
        self.sh(self.node, 'mkfs.xfs dev/sda; mount dev/sda mnt')

    def gone(self):
        self.assertEqual(['sda'], self.node.kernel.lost)
        self.assertFalse(os.path.exists(self.node.folder + '/dev/sda'))
        self.assertIn('/dev/sda /mnt', self.read('proc/mounts'))
        self.assertIn('removed while in use by mounted on /mnt',
                      self.read('var/log/kern.log'))

    def test_the_kernel_removes_a_unit_whoever_uses_it(self):
        self.mount_sda()
        self.sh(self.node, 'echo 0x%s > sys/bus/ccw/drivers/zfcp/0.0.3b00/'
                '0x%s/unit_remove; udevadm settle' % (base.lun(0), W1))
        self.gone()

    def test_and_a_scsi_device(self):
        self.mount_sda()
        self.sh(self.node, 'echo 1 > sys/block/sda/device/delete\n'
                           'udevadm settle')
        self.gone()

    def test_and_all_of_an_adapter_that_goes_offline(self):
        self.mount_sda()
        self.sh(self.node, 'chccwdev -d 0.0.3b00')
        self.gone()

    def test_so_does_z_vm(self):
        self.mount_sda()
        self.lpar.smapi('Image_Device_Undedicate', 'LNX00001', '3B00')
        self.gone()

    def test_the_name_stays_taken_until_the_mount_is_gone(self):
        self.mount_sda()
        back = ('echo 1 > sys/block/%s/device/delete; udevadm settle\n'
                'echo 1 > sys/bus/ccw/devices/0.0.3b00/port_rescan\n'
                'udevadm settle; readlink -f dev/disk/by-path/ccw-0.0.3b00-'
                'zfcp-0x%s:0x%s')
        self.assertTrue(self.sh(self.node, back % (
            'sda', W1, base.lun(0))).endswith('/dev/sdc\n'))
        self.sh(self.node, 'umount mnt')
        self.assertTrue(self.sh(self.node, back % (
            'sdc', W1, base.lun(0))).endswith('/dev/sda\n'))

    def test_a_program_that_writes_ends_with_an_error(self):
        done = self.node.run('''
            { dd if=/dev/zero of=dev/sda bs=1 count=100000000; echo rc=$?; } &
            until [ -n "$(dd if=dev/sda bs=1 count=1 2>/dev/null | od -An \\
                -tx1)" ]; do :; done
            until ls -l /proc/*/fd 2>/dev/null | grep -q dev/sda; do :; done
            echo 1 > sys/block/sda/device/delete
            wait''', 60)
        self.assertRegex(done.stdout, r'rc=[1-9]')

    def test_a_shell_that_has_it_open_lives(self):
        done = self.node.run('''
            exec 3<>dev/sda
            echo 1 > sys/block/sda/device/delete
            udevadm settle
            echo alive''')
        self.assertEqual('alive\n', done.stdout)
        self.assertEqual(['sda'], self.node.kernel.lost)
