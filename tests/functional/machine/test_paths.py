# SPDX-License-Identifier: Apache-2.0
"""How paths to disks come and go in a node."""
import os

from tests.functional.machine import base

W1, W2 = base.WWPNS
ONLINE = 'chzdev -q -e zfcp-host 0.0.3b00\n'
NO_SCAN = 'chzdev -q zfcp --type allow_lun_scan=0\n'


class AutomaticScan(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', '3B00', '3D00')

    def test_online_brings_every_lun_masked_to_the_device(self):
        self.sh(self.node, 'echo 1 > sys/bus/ccw/devices/0.0.3b00/online\n'
                           'udevadm settle')
        names = [name for name in self.by_path(self.node) if 'zfcp' in name]
        self.assertEqual(
            ['ccw-0.0.3b00-zfcp-0x%s:0x%s' % (wwpn, base.lun(i))
             for wwpn in (W1, W2) for i in (0, 1, 2)], names)

    def test_without_npiv_no_lun_comes_by_itself(self):
        out = self.sh(self.node, 'chzdev -q -e zfcp-host 0.0.3d00\n'
                                 'lszfcp -P; lszfcp -D')
        self.assertEqual(2, len(out.splitlines()))

    def test_without_npiv_a_lun_added_by_hand_comes(self):
        out = self.sh(self.node,
                      'chzdev -q -e zfcp-lun 0.0.3d00:0x%s:0x%s\n'
                      'lszfcp -D' % (W1, base.lun(0)))
        self.assertIn('0.0.3d00/0x%s/0x%s ' % (W1, base.lun(0)), out)

    def test_a_deleted_disk_comes_back_at_a_rescan(self):
        out = self.sh(self.node, ONLINE + '''
            link=dev/disk/by-path/ccw-0.0.3b00-zfcp-0x%s:0x%s
            sd=$(readlink -f $link); sd=${sd##*/}
            echo 1 > sys/block/$sd/device/delete
            udevadm settle
            [ ! -e $link ] || echo still there
            echo 1 > sys/bus/ccw/devices/0.0.3b00/port_rescan
            udevadm settle
            [ -e $link ] && [ -e dev/$sd ] && echo back
            ''' % (W1, base.lun(1)))
        self.assertEqual('back\n', out)

    def test_a_disk_stays_until_its_delete_is_written_to(self):
        out = self.sh(self.node, ONLINE + '''
            link=dev/disk/by-path/ccw-0.0.3b00-zfcp-0x%s:0x%s
            sd=$(readlink -f $link); sd=${sd##*/}
            : >> sys/block/$sd/device/delete
            udevadm settle
            [ -e $link ] && [ -e dev/$sd ] && echo there
            ''' % (W1, base.lun(1)))
        self.assertEqual('there\n', out)

    def test_chzdev_refuses_to_remove_a_scanned_lun_for_good(self):
        done = self.node.run(ONLINE + 'chzdev -d zfcp-lun 0.0.3b00:0x%s:0x%s'
                             % (W1, base.lun(0)))
        self.assertEqual(9, done.returncode)
        self.assertIn('Auto LUN scan enabled', done.stderr)

    def test_scan_switched_off_acts_at_the_next_scan_only(self):
        out = self.sh(self.node, ONLINE + 'lszfcp -D | wc -l\n' + NO_SCAN + '''
            lszfcp -D | wc -l
            for sd in sys/bus/scsi/devices/*; do echo 1 > $sd/delete; done
            udevadm settle
            echo 1 > sys/bus/ccw/devices/0.0.3b00/port_rescan
            udevadm settle
            lszfcp -D | wc -l''')
        self.assertEqual(['6', '6', '0'], out.split())


class ByHand(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', '3B00', lun_scan=False)
        self.sh(self.node, ONLINE)

    def test_unit_add_brings_exactly_one(self):
        out = self.sh(self.node, '''
            cd sys/bus/ccw/drivers/zfcp/0.0.3b00
            echo 0x%s > 0x%s/unit_add
            udevadm settle
            cat 0x%s/0x%s/failed
            lszfcp -D
            ''' % (base.lun(1), W2, W2, base.lun(1)))
        self.assertEqual(
            ['0', '0.0.3b00/0x%s/0x%s' % (W2, base.lun(1))],
            out.split()[:2])
        self.assertEqual(2, len(out.splitlines()))

    def test_the_disk_is_described(self):
        out = self.sh(self.node, '''
            chzdev -q -e zfcp-lun 0.0.3b00:0x%s:0x%s
            cat sys/block/sda/size sys/block/sda/device/wwid \
                sys/block/sda/device/fcp_lun sys/block/sda/device/wwpn \
                sys/block/sda/device/hba_id
            cat sys/class/fc_host/host0/port_type
            blockdev --getsize64 dev/sda
            readlink -f dev/disk/by-id/wwn-0x%s
            ''' % (W1, base.lun(1), self.disks[1].wwid))
        self.assertEqual([
            str(2 * base.GIB // 512), 'naa.' + self.disks[1].wwid,
            '0x' + base.lun(1), '0x' + W1, '0.0.3b00', 'NPIV VPORT',
            str(2 * base.GIB), self.node.folder + '/dev/sda'],
            out.splitlines())

    def test_a_lun_that_is_not_masked_brings_no_disk(self):
        out = self.sh(self.node, '''
            cd sys/bus/ccw/drivers/zfcp/0.0.3b00
            echo 0x%s > 0x%s/unit_add
            udevadm settle
            cat 0x%s/0x%s/failed
            ls "$ZVM_ROOT"/sys/block
            ''' % (base.lun(3), W1, W1, base.lun(3)))
        self.assertEqual('1\n', out)

    def test_chzdev_says_that_no_disk_is_there_and_undoes_the_unit(self):
        name = '0.0.3b00:0x%s:0x%s' % (W1, base.lun(3))
        done = self.node.run('chzdev -e zfcp-lun ' + name)
        self.assertEqual(27, done.returncode)
        self.assertEqual('', self.sh(
            self.node, 'lszdev zfcp-lun --configured || :\n'
            'ls sys/bus/ccw/devices/0.0.3b00/0x%s | grep ^0x || :' % W1
        ).replace('lszdev: No device was selected!\n', ''))

    def sh(self, node, script, timeout=60):
        done = node.run('set -eu\n' + script, timeout)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_wrong_writes_have_no_effect_and_are_logged(self):
        out = self.sh(self.node, '''
            cd sys/bus/ccw/drivers/zfcp/0.0.3b00
            echo nonsense > 0x%s/unit_add
            echo 0x4011999900000000 > 0x%s/unit_remove
            echo 7 > online
            udevadm settle
            cat online
            ls 0x%s | grep ^0x || :
            cat "$ZVM_ROOT/var/log/kern.log"
            ''' % (W1, W1, W1))
        self.assertEqual('1', out.split()[0])
        self.assertIn('invalid LUN', out)
        self.assertIn('no unit 0x4011999900000000', out)

    def test_what_is_write_only_cannot_be_read(self):
        done = self.node.run('cd sys/bus/ccw/drivers/zfcp/0.0.3b00\n'
                             'grep -rl x . | head -n 1; cat 0x%s/unit_add'
                             % W1, timeout=10)
        self.assertIn('unit_add: Permission denied', done.stderr)

    def test_no_write_into_unit_add_is_lost(self):
        out = self.sh(self.node, '''
            cd sys/bus/ccw/drivers/zfcp/0.0.3b00
            i=0
            while [ $i -lt 50 ]; do
                printf 0x4098%%04x00000000 $i > 0x%s/unit_add &
                echo 0x4099$(printf %%04x $i)00000000 > 0x%s/unit_add &
                i=$((i + 1))
            done
            wait
            udevadm settle
            ls -d 0x%s/0x409[89]* | wc -l
            ''' % (W1, W1, W1))
        self.assertEqual('100', out.strip())

    def test_chzdev_is_idempotent(self):
        name = '0.0.3b00:0x%s:0x%s' % (W1, base.lun(0))
        out = self.sh(self.node, 'chzdev -e %s; chzdev -e %s\n'
                                 'chzdev -d %s\n'
                                 'chzdev -d %s -p' % ((name,) * 4))
        self.assertEqual(['zFCP LUN %s configured' % name,
                          'zFCP LUN %s already configured' % name,
                          'zFCP LUN %s deconfigured' % name,
                          'zFCP LUN %s already deconfigured' % name],
                         out.splitlines())

    def test_offline_removes_disks_and_online_brings_units_back(self):
        out = self.sh(self.node, '''
            chzdev -q -a -e zfcp-lun 0.0.3b00:0x%s:0x%s
            chccwdev -d 0.0.3b00 >/dev/null
            ls sys/block dev | grep -c sd || :
            chccwdev -e 0.0.3b00 >/dev/null
            ls sys/block
            ''' % (W1, base.lun(0)))
        self.assertEqual(['0', 'sda'], out.split())

    def test_a_mounted_disk_is_not_deconfigured_without_yes(self):
        name = '0.0.3b00:0x%s:0x%s' % (W1, base.lun(0))
        self.sh(self.node, 'chzdev -q -e zfcp-lun ' + name)
        self.mount(self.node, '/dev/sda')
        done = self.node.run('chzdev -d zfcp-lun ' + name)
        self.assertEqual(16, done.returncode)
        self.assertIn('Mount point /mnt', done.stderr)
        self.sh(self.node, 'chzdev -q -y -d zfcp-lun ' + name)
        self.assertEqual(['sda'], self.node.kernel.lost)

    def test_a_disk_that_grew_shows_its_size_after_a_rescan(self):
        name = '0.0.3b00:0x%s:0x%s' % (W1, base.lun(0))
        self.sh(self.node, 'chzdev -q -e zfcp-lun ' + name)
        os.truncate(self.disks[0].path, 3 * base.GIB)
        self.disks[0].size = 3 * base.GIB
        out = self.sh(self.node, 'cat sys/block/sda/size\n'
                      'echo 1 > sys/block/sda/device/rescan\n'
                      'udevadm settle; cat sys/block/sda/size')
        self.assertEqual([str(base.GIB // 512), str(3 * base.GIB // 512)],
                         out.split())


class Devices(base.NodeTest):

    def test_a_device_that_is_not_dedicated_is_not_found(self):
        node = self.guest('LNX00001')
        done = node.run('chzdev -e zfcp-host 0.0.3b00')
        self.assertEqual(3, done.returncode)
        done = node.run('chzdev -e zfcp-lun 0.0.3b00:0x%s:0x%s'
                        % (W1, base.lun(0)))
        self.assertEqual(23, done.returncode)

    def test_a_device_comes_and_goes_under_a_running_guest(self):
        node = self.guest('LNX00001')
        self.lpar.smapi('Image_Device_Dedicate', 'LNX00001', '3B00', '3B00')
        self.sh(node, ONLINE)
        self.assertEqual(12, len(self.by_path(node)))
        self.lpar.smapi('Image_Device_Undedicate', 'LNX00001', '3B00')
        out = self.sh(node, 'ls sys/bus/ccw/devices sys/block dev')
        self.assertNotIn('3b00', out)
        self.assertNotIn('sd', out)
        self.assertEqual([], self.by_path(node))

    def test_an_offline_device_never_appears(self):
        node = self.guest('LNX00001', '3D01')
        self.assertEqual('', self.sh(node, 'ls sys/bus/ccw/devices'))

    def test_an_ignored_device_appears_when_it_is_freed(self):
        node = self.guest('LNX00001', '3B00', cio_ignore=True)
        out = self.sh(node, 'ls sys/bus/ccw/devices\n'
                            'cio_ignore -r 0.0.3b00\n'
                            'ls sys/bus/ccw/devices')
        self.assertEqual('0.0.3b00\n', out)

    def test_proc_cio_ignore_takes_commands(self):
        node = self.guest('LNX00001', '3B00', cio_ignore=True)
        out = self.sh(node, 'echo free 0.0.3b00-0.0.3b0f > proc/cio_ignore\n'
                            'udevadm settle\nls sys/bus/ccw/devices\n'
                            'cat proc/cio_ignore')
        self.assertEqual(['0.0.3b00', '0.0.0000-0.0.3aff',
                          '0.0.3b10-0.0.ffff'], out.split())

    def test_no_fcp_target_beyond_its_zone(self):
        self.lpar.storage.targets = {'50': [W2]}
        node = self.guest('LNX00001', '3B00')
        out = self.sh(node, ONLINE + 'lszfcp -P')
        self.assertEqual('0.0.3b00/0x%s rport-0:0-0\n' % W2, out)


class Persistence(base.NodeTest):

    def test_what_chzdev_kept_is_there_after_a_reboot(self):
        node = self.guest('LNX00001', '3B00')
        self.sh(node, NO_SCAN + 'chzdev -q -e zfcp-lun 0.0.3b00:0x%s:0x%s'
                % (W1, base.lun(1)))
        before = self.sh(node, 'cat proc/sys/kernel/random/boot_id')
        self.lpar.guests['LNX00001'].reset()
        out = self.sh(node, 'lszdev -n -c ID,ON,PERS\n'
                      'cat sys/module/zfcp/parameters/allow_lun_scan')
        self.assertEqual(
            ['0.0.3b00', 'yes', 'yes',
             '0.0.3b00:0x%s:0x%s' % (W1, base.lun(1)), 'yes', 'yes', 'N'],
            out.split())
        self.assertNotEqual(
            before, self.sh(node, 'cat proc/sys/kernel/random/boot_id'))

    def test_what_was_only_active_is_gone_after_a_reboot(self):
        node = self.guest('LNX00001', '3B00')
        self.sh(node, 'chzdev -q -a -e zfcp-host 0.0.3b00')
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual('0', self.sh(
            node, 'cat sys/bus/ccw/devices/0.0.3b00/online').strip())

    def test_a_device_that_returns_is_configured_again(self):
        node = self.guest('LNX00001', '3B00', lun_scan=False)
        self.sh(node, 'chzdev -q -e zfcp-lun 0.0.3b00:0x%s:0x%s'
                % (W1, base.lun(1)))
        self.lpar.smapi('Image_Device_Undedicate', 'LNX00001', '3B00')
        self.lpar.smapi('Image_Device_Dedicate', 'LNX00001', '3B00', '3B00')
        self.assertEqual(2, len(self.by_path(node)))

    def test_the_rules_are_as_chzdev_writes_them(self):
        node = self.guest('LNX00001', '3B00')
        name = '0.0.3b00:0x%s:0x%s' % (W1, base.lun(1))
        out = self.sh(node, 'chzdev -q -p -e zfcp-lun %s\n'
                      'cd etc/udev/rules.d; ls; cat 41-zfcp-lun-%s.rules'
                      % (name, name))
        self.assertIn('ATTR{[ccw/0.0.3b00]0x%s/unit_add}="0x%s"\n'
                      % (W1, base.lun(1)), out)
        self.assertIn('41-zfcp-host-0.0.3b00.rules\n', out)

    def test_without_chzdev_zfcp_conf_counts(self):
        node = self.guest('LNX00001', '3B00', distro='rhel7', lun_scan=False)
        self.assertNotEqual(0, node.run('command -v chzdev').returncode)
        self.sh(node, 'echo 0.0.3b00 0x%s 0x%s > etc/zfcp.conf'
                % (W1, base.lun(0)))
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual(
            ['ccw-0.0.3b00-fc-0x%s-lun-0x%s' % (W1, base.lun(0)),
             'ccw-0.0.3b00-zfcp-0x%s:0x%s' % (W1, base.lun(0))],
            self.by_path(node))


class Links(base.NodeTest):

    def test_links_appear_after_the_delay_and_settle_waits(self):
        node = self.guest('LNX00001', '3B00', udev_delay=0.3)
        out = self.sh(node, '''
            chzdev -q -e --no-settle zfcp-host 0.0.3b00
            ls dev/disk/by-path | wc -l
            udevadm settle --timeout=0.05 || echo late
            udevadm settle
            ls dev/disk/by-path | wc -l''')
        self.assertEqual(['0', 'late', '12'], out.split())

    def test_each_distribution_has_its_names(self):
        for distro, count in (('rhel7', 12), ('sles12', 6), ('ubuntu22', 6),
                              ('sles15', 12)):
            node = self.guest(distro.upper(), '3B00', distro=distro)
            self.sh(node, 'chccwdev -e 0.0.3b00 > /dev/null')
            self.assertEqual(count, len(self.by_path(node)), distro)
            self.lpar.delete(distro.upper())

    def test_a_deleted_guest_leaves_the_disks_alone(self):
        node = self.guest('LNX00001', '3B00')
        self.sh(node, ONLINE)
        self.lpar.delete('LNX00001')
        self.assertFalse(os.path.exists(node.folder))
        self.assertEqual(base.GIB, os.path.getsize(self.disks[0].path))
