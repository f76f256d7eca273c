# SPDX-License-Identifier: Apache-2.0
"""What a detach asks, and in which order it takes a disk away."""
import os
import time

from tests.functional.machine import base
from tests.functional.machine import guests
from tests import shells
from xcat_simulator.machine import rootfs

W1, W2 = base.WWPNS
ORDER = '''
case "${0##*/} $*" in
    *flushbufs*/dev/dm-*) echo flush-map ;;
    *flushbufs*) echo flush-disk ;;
    *disablequeueing*) echo queueing-off ;;
    *'multipath -f'*) echo map-away ;;
    *' -d zfcp-lun'*) echo configuration-away ;;
    *' -d zfcp-host'*) echo device-away ;;
esac >>"$ZVM_ROOT/tmp/order"
exec "$real" "$@"
'''


class InUseTest(guests.GuestTest):
    """Refused with the name of who uses it, and nothing changed."""

    shell = shells.ANY

    def setUp(self):
        super().setUp()
        self.boot()
        self.device = self.attach()['device'].lstrip('/')

    def check(self, prepare, user, release):
        self.sh(self.node, prepare % {'d': self.device})
        text = self.refused('detach', self.disk.wwid, self.PATHS)
        self.assertIn('no inuse user=' + user, text)
        self.assertEqual(4, len(self.scsi()))
        self.assertIn(self.disk.wwid, self.node.multipath.maps)
        self.assertTrue(self.node.multipath.maps[self.disk.wwid].queueing)
        self.sh(self.node, release % {'d': self.device})
        self.detach()
        self.assertEqual(([], []), (self.scsi(), self.kept()))

    def test_a_mount_by_any_name(self):
        self.sh(self.node, 'mkfs.xfs -f ' + self.device)
        self.check('mount %(d)s mnt', 'mount:/mnt', 'umount mnt')

    def test_a_mount_that_the_table_shows_by_a_link(self):
        self.mount(self.node, '/' + self.link)
        self.check(':', 'mount:/mnt', ": > proc/mounts")

    def test_a_mount_in_another_namespace(self):
        number = self.sh(self.node, 'cat sys/block/dm-0/dev').strip()
        self.check(
            "mkdir -p proc/4711; echo '99 1 %s / /in/container rw - xfs x rw'"
            " > proc/4711/mountinfo" % number,
            'mount:/in/container', 'rm proc/4711/mountinfo')

    def test_a_partition_that_is_mounted(self):
        self.sh(self.node, 'mkdir sys/block/sda/sda1')
        self.mount(self.node, '/dev/sda1', '/part')
        self.check(':', 'mount:/part',
                   ': > proc/mounts; rmdir sys/block/sda/sda1')

    def test_swap(self):
        self.check('mkswap %(d)s; swapon %(d)s', 'swap', 'swapoff %(d)s')

    def test_a_logical_volume_names_itself_and_its_mount(self):
        self.check(
            'vgcreate vg0 %(d)s; lvcreate -n data -l 3 vg0\n'
            'mkfs.ext4 dev/vg0/data; mount dev/vg0/data mnt',
            'holder:dm-1 (logical volume vg0-data, mount:/mnt)',
            'umount mnt; vgremove -y vg0; pvremove %(d)s')

    def test_a_logical_volume_on_a_partition(self):
        self.check(
            'mkdir -p sys/block/sda/sda1/holders/dm-7 sys/block/dm-7/dm\n'
            'echo LVM-x > sys/block/dm-7/dm/uuid\n'
            'echo vg1-a > sys/block/dm-7/dm/name',
            'holder:dm-7 (logical volume vg1-a)',
            'rm -r sys/block/sda/sda1 sys/block/dm-7')

    def test_md(self):
        self.check('mkdir sys/block/dm-0/holders/md127',
                   'holder:md127 (RAID md127)',
                   'rmdir sys/block/dm-0/holders/md127')

    def test_encryption(self):
        self.check(
            'mkdir -p sys/block/dm-0/holders/dm-9 sys/block/dm-9/dm\n'
            'echo CRYPT-LUKS2-x > sys/block/dm-9/dm/uuid\n'
            'echo secret > sys/block/dm-9/dm/name',
            'holder:dm-9 (encrypted secret)',
            'rm -r sys/block/dm-0/holders/dm-9 sys/block/dm-9')

    def test_another_disk_of_a_btrfs(self):
        self.check(
            'mkdir -p sys/fs/btrfs/4a-11/devices\n'
            'ln -s ../../../../block/dm-0 sys/fs/btrfs/4a-11/devices/dm-0',
            'btrfs:4a-11', 'rm -r sys/fs')

    def test_who_reads_it_just_now_keeps_the_map_and_its_queueing(self):
        reader = self.node.spawn('exec sleep 60 <' + self.device)
        self.addCleanup(reader.wait)
        self.addCleanup(reader.kill)
        name = os.path.realpath(os.path.join(self.node.folder, self.device))
        while name not in self.node.open_files():
            time.sleep(0.01)
        text = self.refused('detach', self.disk.wwid, self.PATHS)
        self.assertIn('no inuse user=map', text)
        self.assertIn('end what has it open', text)
        self.assertEqual(4, len(self.scsi()))
        self.assertTrue(self.node.multipath.maps[self.disk.wwid].queueing)


class ForcedTest(guests.GuestTest):

    shell = shells.ANY

    def test_a_disk_in_use_goes_and_the_answer_names_who_lost_it(self):
        self.boot()
        device = self.attach()['device'].lstrip('/')
        self.sh(self.node, 'mkfs.xfs -f %s; mount %s mnt' % (device, device))
        told = self.detach(None, None, 'force')
        self.assertIn('used~by~mount:/mnt', told['forced'])
        self.assertIn('stays~until', told['forced'])
        self.assertEqual(([], []), (self.scsi(), self.kept()))

    def test_another_word_is_none(self):
        self.boot()
        self.assertIn('no usage', self.refused(
            'detach', self.disk.wwid, self.PATHS, 'yes'))


class OrderTest(guests.GuestTest):

    shell = shells.ANY

    def record(self):
        for name in ('blockdev', 'multipathd', 'multipath', 'chzdev'):
            self.tool(name, ORDER)

    def order(self):
        """What was done, each once."""
        return list(dict.fromkeys(self.sh(
            self.node, 'cat tmp/order').split()))

    def test_nothing_goes_before_what_was_written_is_safe(self):
        self.boot()
        self.attach()
        self.record()
        self.detach()
        self.assertEqual(
            ['flush-map', 'flush-disk', 'queueing-off', 'map-away',
             'configuration-away', 'device-away'], self.order())

    def test_a_map_that_cannot_write_is_refused_at_once(self):
        self.boot()
        device = self.attach()['device'].lstrip('/')
        # while it is mounted all paths are lost; then it is unmounted
        self.sh(self.node, '''
            mkfs.xfs -f %s; mount %s mnt
            for d in sys/bus/scsi/devices/*; do echo 1 >$d/delete; done
            udevadm settle; umount mnt''' % (device, device))
        self.node.kernel.lost.clear()
        text = self.refused('detach', self.disk.wwid, self.PATHS)
        self.assertIn('cannot be flushed: see that a path to it works', text)
        self.assertIn(self.disk.wwid, self.node.multipath.maps)
        told = self.detach(None, None, 'force')
        self.assertIn('not~flushed', told['forced'])
        self.assertEqual(({}, []), (self.node.multipath.maps, self.kept()))


class WhichDiskTest(guests.GuestTest):
    """VPD page 0x83 decides, never a name."""

    shell = shells.ANY

    def test_a_by_path_name_that_lies_selects_nothing(self):
        self.boot()
        self.attach()
        other = guests.paths(*self.DEVICES, lun=base.lun(1))
        theirs, self.volume = self.volume, 'f' * 8 + self.volume[8:]
        self.attach(other, self.disks[1].wwid)
        wrong = self.sh(self.node, 'readlink dev/disk/by-path/*%s' %
                        base.lun(1)).split()[0]
        # udev is late: the names of ours lead to the other disk
        self.sh(self.node, '''
            for l in dev/disk/by-path/*%s; do ln -sfn %s $l; done'''
                % (base.lun(0), wrong))
        self.volume = theirs
        self.detach()
        self.assertEqual([self.disks[1].wwid],
                         list(self.node.multipath.maps))
        self.assertEqual(4, len(self.scsi()))

    def test_a_path_that_nobody_named_goes_too(self):
        self.boot()
        self.attach(guests.paths('3B01', '3C01', ports=(W1,)))
        self.sh(self.node, '''
            chzdev -e zfcp-lun 0.0.3b01:0x%s:0x%s -y -q''' % (
                W2, base.lun(0)))
        self.assertEqual(3, len(self.scsi()))
        self.detach(guests.paths('3B01', '3C01', ports=(W1,)))
        self.assertEqual(([], []), (self.scsi(), self.kept()))

    def test_another_disk_at_the_paths_is_refused(self):
        self.boot()
        self.attach()
        text = self.refused('detach', '6' + 31 * '0', self.PATHS)
        self.assertIn('no mismatch', text)
        self.assertEqual(4, len(self.scsi()))

    def test_a_disk_without_wwid_is_refused_but_for_force(self):
        self.boot(multipath=False)
        self.attach(wwid='-')
        self.sh(self.node, '''
            for d in sys/bus/scsi/devices/*; do
                rm $d/wwid; echo t10.other >$d/wwid
            done''')
        text = self.refused('detach', '-', self.PATHS)
        self.assertIn('then force the detach', text)
        told = self.detach(None, '-', 'force')
        self.assertIn('without~WWID,~not~flushed', told['forced'])
        self.assertEqual([], self.scsi())

    def test_each_kernel_tells_it_in_its_own_way(self):
        for release, sysfs in (('rhel9', ['vpd_pg83', 'wwid']),
                               ('ubuntu16', ['vpd_pg83']), ('sles12sp3', [])):
            self.boot(release)
            self.assertEqual(self.disk.wwid, self.attach(wwid='-')['wwid'])
            self.assertEqual(sysfs, self.sh(
                self.node, 'cd sys/block/sda/device/; '
                'ls | grep -x -e wwid -e vpd_pg83 || :').split())
            self.detach()
            self.lpar.delete('LNX00001')

    def test_of_several_designators_the_longest_naa_of_the_unit_counts(self):
        self.boot('ubuntu16')
        self.attach()
        page = bytes.fromhex(
            '0083 003c'.replace(' ', '')
            + '02010008' + b'IBM     '.hex()      # T10 vendor
            + '01930008' + '5005076303000001'     # NAA of the target port
            + '01030008' + '5005076303ffd000'     # NAA, short
            + '01030010' + self.disk.wwid
            + '01140004' + '00000001')            # relative port
        for name in self.scsi():
            path = os.path.join(self.node.folder, 'sys/bus/scsi/devices',
                                name, 'vpd_pg83')
            os.unlink(path)
            with open(path, 'wb') as attribute:
                attribute.write(page)
        self.detach()
        self.assertEqual([], self.scsi())


class GoneForGoodTest(guests.GuestTest):

    shell = shells.ANY

    def check(self, release, before, after=''):
        """What others have left goes with the volume."""
        self.boot(release, lun_scan=False)
        self.sh(self.node, before)
        self.attach()
        self.sh(self.node, after or ':')
        self.detach()
        self.reboot()
        self.assertEqual(([], []), (self.scsi(), self.kept()))

    def lines(self):
        return ''.join(
            'echo "0.0.3b01 0x%s 0x%s" >>etc/zfcp.conf\n' % (port, base.lun(0))
            for port in base.WWPNS)

    def test_lines_of_zfcp_conf_from_before_an_upgrade(self):
        self.check('rhel8', ':', self.lines())

    def test_old_lines_of_five_words_and_in_capitals(self):
        self.check('rhel7.9', ':', 'echo "0.0.3B01 0x01 0x%s 0x00 0x%s" '
                   '>>etc/zfcp.conf' % (W1.upper(), base.lun(0)))

    def test_rules_that_suse_has_written(self):
        self.check('sles15', ':', '''
            echo 'ACTION=="add", KERNEL=="rport-*", ATTR{port_name}=="0x%s",\
 SUBSYSTEMS=="ccw", KERNELS=="0.0.3b01", ATTR{[ccw/0.0.3b01]0x%s/unit_add}=\
"0x%s"' >etc/udev/rules.d/51-zfcp-0.0.3b01.rules''' % (W1, W1, base.lun(0)))

    def test_rules_of_chzdev_that_is_no_longer_there(self):
        self.boot('rhel9')
        self.attach()
        self.node.options.missing = ('chzdev', 'lszdev')
        rootfs.install_tools(self.node)
        self.detach()
        self.reboot()
        self.assertEqual(([], []), (self.scsi(), self.kept()))

    def test_lines_of_other_luns_and_comments_stay(self):
        for release in ('rhel7.9', 'sles12'):
            self.boot(release, lun_scan=False)
            other = guests.paths(*self.DEVICES, lun=base.lun(1))
            self.attach(other, self.disks[1].wwid)
            self.sh(self.node, '''
                echo "# 0.0.3b01 0x%s 0x%s" >>etc/zfcp.conf''' % (
                    W1, base.lun(0)))
            self.attach()
            self.detach()
            self.assertEqual(['etc/zfcp.conf'], self.kept())
            self.reboot()
            self.assertEqual(4, len(self.scsi()))
            self.detach(other, self.disks[1].wwid)
            self.lpar.delete('LNX00001')

    def test_lun_scan_that_was_switched_on_again_brings_nothing_back(self):
        for release in ('rhel7.9', 'rhel9', 'sles12'):
            self.boot(release)
            self.attach()
            self.sh(self.node, '''
                echo Y >sys/module/zfcp/parameters/allow_lun_scan''')
            self.detach()
            self.sh(self.node, '''
                for d in 0.0.3b01 0.0.3c01; do
                    chccwdev -e $d >/dev/null
                    echo 1 >sys/bus/ccw/devices/$d/port_rescan
                done
                udevadm settle''')
            self.assertEqual([], self.scsi())
            self.lpar.delete('LNX00001')

    def test_what_comes_back_after_a_rescan_is_no_detach(self):
        self.boot(lun_scan=False)
        self.attach()
        other = guests.paths(*self.DEVICES, lun=base.lun(1))
        self.volume, first = 'e' * 8 + self.volume[8:], self.volume
        self.attach(other, self.disks[1].wwid)
        self.volume = first
        # something in the guest adds it whenever events are waited for
        self.tool('udevadm', '''
[ "$1" != settle ] || [ ! -e "$ZVM_ROOT/tmp/busy" ] ||
    echo 0x%s >"$ZVM_ROOT"/sys/bus/ccw/devices/0.0.3b01/0x%s/unit_add
exec $real "$@"
''' % (base.lun(0), W1))
        self.sh(self.node, 'touch tmp/busy')
        text = self.refused('detach', self.disk.wwid, self.PATHS)
        self.assertIn('there again after a rescan: see what else', text)
        self.sh(self.node, 'rm tmp/busy')
        self.detach()
        self.assertEqual(4, len(self.scsi()))
