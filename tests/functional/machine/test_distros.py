# SPDX-License-Identifier: Apache-2.0
"""How each distribution keeps its devices, and what its kernel can."""
from tests.functional.machine import base

W1, W2 = base.WWPNS
FC_NAME = 'ccw-0.0.3b00-fc-0x%s-lun-0x%s' % (W1, base.lun(0))
NAME = 'ccw-0.0.3b00-zfcp-0x%s:0x%s' % (W1, base.lun(0))
ADD = 'echo 0x%s > sys/bus/ccw/drivers/zfcp/0.0.3b00/0x%s/unit_add\n' % (
    base.lun(0), W1)


class RedHat(base.NodeTest):
    """zfcp.conf, and the event that makes it act."""

    LINE = 'echo "0.0.3b00 0x%s 0x%s" >> etc/zfcp.conf\n' % (W1, base.lun(0))

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', '3B00', distro='rhel7',
                               lun_scan=False)

    def test_an_add_event_does_what_the_file_says(self):
        self.sh(self.node, self.LINE)
        self.assertEqual([], self.by_path(self.node))
        self.sh(self.node, 'echo add > sys/bus/ccw/devices/0.0.3b00/uevent\n'
                           'udevadm settle')
        self.assertEqual([FC_NAME, NAME], self.by_path(self.node))
        self.sh(self.node, 'echo add > sys/bus/ccw/devices/0.0.3b00/uevent\n'
                           'udevadm settle')
        self.assertEqual([FC_NAME, NAME], self.by_path(self.node))

    def test_so_does_the_script(self):
        self.sh(self.node, self.LINE + 'sbin/zfcpconf.sh')
        self.assertEqual([FC_NAME, NAME], self.by_path(self.node))

    def test_an_event_of_another_kind_does_nothing(self):
        self.sh(self.node, self.LINE + 'echo change > '
                'sys/bus/ccw/devices/0.0.3b00/uevent; udevadm settle')
        self.assertEqual([], self.by_path(self.node))

    def test_comments_old_lines_and_devices_alone(self):
        self.sh(self.node, '''
            echo "#0.0.3b00 0x%s 0x%s" > etc/zfcp.conf
            echo "nonsense" >> etc/zfcp.conf
            echo "0.0.3B00 0x01 0x%s 0x00 0x%s" >> etc/zfcp.conf
            zfcpconf.sh''' % (W1, base.lun(1), W2, base.lun(0)))
        self.assertEqual([name.replace(W1, W2) for name in (FC_NAME, NAME)],
                         self.by_path(self.node))
        node = self.guest('LNX00002', '3B01', distro='rhel9')
        self.sh(node, 'echo 0.0.3b01 > etc/zfcp.conf; zfcpconf.sh')
        self.assertEqual('1\n', self.sh(
            node, 'cat sys/bus/ccw/devices/0.0.3b01/online'))

    def test_listed_devices_are_not_ignored_after_a_reboot(self):
        node = self.guest('LNX00002', '3B01', distro='rhel7',
                          cio_ignore=True)
        self.sh(node, 'echo "0.0.3b01 0x%s 0x%s" > etc/zfcp.conf\n'
                      '[ ! -e sys/bus/ccw/devices/0.0.3b01 ]\n'
                      'zfcp_cio_free; [ -e sys/bus/ccw/devices/0.0.3b01 ]'
                % (W1, base.lun(0)))
        self.lpar.guests['LNX00002'].reset()
        self.assertEqual('1\n', self.sh(
            node, 'cat sys/bus/ccw/devices/0.0.3b01/online'))

    def test_chzdev_does_not_know_of_the_file(self):
        node = self.guest('LNX00002', '3B01', distro='rhel8', lun_scan=False)
        self.sh(node, 'echo "0.0.3b01 0x%s 0x%s" > etc/zfcp.conf\n'
                      'zfcpconf.sh' % (W1, base.lun(0)))
        self.assertEqual(['yes', 'no', 'yes', 'no'], self.sh(
            node, 'lszdev -n -c ON,PERS').split())

    def test_the_file_counts_no_longer(self):
        for distro in ('rhel10', 'sles15', 'ubuntu24'):
            node = self.guest(distro.upper(), '3B01', distro=distro)
            self.sh(node, 'echo "0.0.3b01 0x%s 0x%s" > etc/zfcp.conf\n'
                    'echo add > sys/bus/ccw/devices/0.0.3b01/uevent\n'
                    'udevadm settle' % (W1, base.lun(0)))
            self.assertEqual('0\n', self.sh(
                node, 'cat sys/bus/ccw/devices/0.0.3b01/online'))
            self.lpar.delete(distro.upper())


class Suse(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', '3B00', distro='sles12',
                               lun_scan=False)

    def configure(self, online=1):
        self.sh(self.node, 'zfcp_host_configure 0.0.3b00 1\n'
                'zfcp_disk_configure 0.0.3b00 %s %s %d'
                % (W1, base.lun(0), online))

    def test_the_tools_act_and_keep(self):
        self.configure()
        self.assertEqual([NAME], self.by_path(self.node))
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual([NAME], self.by_path(self.node))
        self.configure(0)
        self.assertEqual([], self.by_path(self.node))
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual([], self.by_path(self.node))
        self.assertEqual('1\n', self.sh(
            self.node, 'cat sys/bus/ccw/devices/0.0.3b00/online'))
        self.sh(self.node, 'zfcp_host_configure 0.0.3b00 0')
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual('0\n', self.sh(
            self.node, 'cat sys/bus/ccw/devices/0.0.3b00/online'))

    def test_a_line_that_others_add_to_the_rules_counts_too(self):
        self.sh(self.node, r"""
            f=etc/udev/rules.d/51-zfcp-0.0.3b00.rules
            echo 'ACTION=="add", ENV{COLLECT_0.0.3b00}=="0", '\
'ATTR{[ccw/0.0.3b00]online}="1"' >> $f
            echo 'ACTION=="add", KERNEL=="rport-*", '\
'ATTR{port_name}=="0x%s", SUBSYSTEMS=="ccw", KERNELS=="0.0.3b00", '\
'ATTR{[ccw/0.0.3b00]0x%s/unit_add}="0x%s"' >> $f""" % (
            W1, W1, base.lun(0)))
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual([NAME], self.by_path(self.node))
        self.sh(self.node, 'sed -i -e "\\,%s,d" etc/udev/rules.d/51-*.rules'
                % base.lun(0))
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual([], self.by_path(self.node))

    def test_what_they_refuse(self):
        for command, code in (
                ('zfcp_host_configure 0.0.3b00', 2),
                ('zfcp_host_configure 0.0.3b09 1', 3),
                ('zfcp_disk_configure 0.0.3b00 %s %s 1' % (
                    W1, base.lun(0)), 4),
                ('zfcp_host_configure 0.0.3b00 1', 0),
                ('zfcp_disk_configure 0.0.3b00 %s %s 1' % (
                    W1, base.lun(3)), 5)):
            self.assertEqual(code, self.node.run(command).returncode,
                             command)

    def test_later_ones_call_chzdev(self):
        node = self.guest('LNX00002', '3B01', distro='sles15',
                          lun_scan=False)
        self.sh(node, 'zfcp_host_configure 0.0.3b01 1\n'
                'zfcp_disk_configure 0.0.3b01 0x%s 0x%s 1\n' % (
                    W1, base.lun(0)))
        self.assertEqual(['0.0.3b01', '0.0.3b01:0x%s:0x%s' % (
            W1, base.lun(0))], self.sh(
                node, 'lszdev --configured -n -c ID').split())


class Kernels(base.NodeTest):

    def test_an_old_kernel_neither_scans_nor_has_the_parameter(self):
        node = self.guest('LNX00001', '3B00', distro='rhel6')
        out = self.sh(node, 'chccwdev -e 0.0.3b00\n'
                      'ls sys/module/zfcp/parameters; uname -r')
        self.assertNotIn('allow_lun_scan', out)
        self.assertIn('2.6.32', out)
        self.assertEqual([], self.by_path(node))
        self.sh(node, ADD + 'udevadm settle')
        self.assertEqual([NAME], self.by_path(node))

    def test_options_of_uname_may_be_joined(self):
        node = self.guest('LNX00001', '3B00', distro='rhel6')
        release = self.sh(node, 'uname -r').strip()
        self.assertTrue(release.startswith('2.6.32'), release)
        for options, expected in (
                ('', 'Linux'), ('-m', 's390x'), ('-rm', release + ' s390x'),
                ('-m -s', 'Linux s390x'), ('--machine', 's390x'),
                ('-a', 'Linux lnx00001 %s #1 SMP s390x GNU/Linux' % release)):
            self.assertEqual(expected + '\n',
                             self.sh(node, 'uname ' + options), options)

    def test_an_old_kernel_shows_no_wwid(self):
        node = self.guest('LNX00001', '3B00', distro='sles12sp2',
                          lun_scan=False)
        self.sh(node, 'chccwdev -e 0.0.3b00 >/dev/null\n' + ADD + '''
            udevadm settle
            [ ! -e sys/block/sda/device/wwid ]
            [ ! -e sys/block/sda/device/vpd_pg83 ]
            [ -e sys/block/sda/device/fcp_lun ]''')

    def test_a_port_without_luns_can_be_removed_and_is_found_again(self):
        node = self.guest('LNX00001', '3B00', lun_scan=False)
        out = self.sh(node, 'chccwdev -e 0.0.3b00 >/dev/null\n' + ADD + '''
            cd sys/bus/ccw/devices/0.0.3b00
            udevadm settle
            echo 0x%s > port_remove; echo 0x%s > port_remove
            udevadm settle
            ls -d 0x*
            ls "$ZVM_ROOT"/sys/class/fc_remote_ports
            echo 1 > port_rescan
            udevadm settle
            ls -d 0x* | wc -l''' % (W1, W2))
        self.assertEqual(['0x' + W1, 'rport-0:0-0', '2'], out.split())

    def a_failed_unit(self):
        """A guest, the file of a unit that nothing answers, its making."""
        node = self.guest('LNX00001', '3B00', lun_scan=False)
        unit = 'sys/bus/ccw/devices/0.0.3b00/0x%s/0x%s/failed' % (
            W1, base.lun(3))
        return node, unit, ('chccwdev -e 0.0.3b00 >/dev/null\n'
                            + ADD.replace(base.lun(0), base.lun(3)))

    def test_a_failed_unit_recovers_when_told(self):
        node, unit, add = self.a_failed_unit()
        self.assertEqual('1\n', self.sh(
            node, add
            + 'udevadm settle\ncat ' + unit))
        self.disks[3].masked_to = None
        self.assertEqual('0\nsda\n', self.sh(
            node, 'echo 0 > %s; udevadm settle; cat %s; ls sys/block'
            % (unit, unit)))

    def test_a_failed_unit_stays_failed_as_long_as_nothing_answers(self):
        node, unit, add = self.a_failed_unit()
        self.assertEqual('1\n', self.sh(
            node, add
            + 'udevadm settle; echo 0 > %s; udevadm settle; cat %s'
            % (unit, unit)))

    def test_modules_that_are_there(self):
        node = self.guest('LNX00001')
        self.sh(node, 'modprobe zfcp; modprobe -a dm-multipath vmcp')
        self.assertEqual(1, node.run('modprobe nosuch').returncode)

    def test_tools_are_found_where_distributions_have_them(self):
        node = self.guest('LNX00001', distro='rhel7')
        self.sh(node, 'for t in sbin/chccwdev sbin/vmcp bin/dd bin/sync '
                'usr/bin/readlink sbin/multipath usr/sbin/multipath '
                'sbin/cio_ignore bin/lsblk usr/bin/udevadm sbin/udevadm; do '
                '[ -x $t ] || echo $t; done')
        self.assertEqual('', self.sh(node, 'ls usr/sbin | grep chzdev || :'))

    def test_names_for_the_volume_by_rules_go_to_the_map_first(self):
        node = self.guest('LNX00001', '3B00', lun_scan=False)
        wwid = self.disks[0].wwid
        self.sh(node, """
            cat >etc/udev/rules.d/70-names.rules <<'END'
# ATTRS{wwid}=="naa.x", SYMLINK+="never"
SUBSYSTEM=="block", KERNEL=="sd*", ATTRS{wwid}=="naa.%s", SYMLINK+="disk/my"
SUBSYSTEM=="block", ENV{DM_UUID}=="mpath-3%s", SYMLINK+="disk/my disk/map"
SUBSYSTEM=="block", ATTRS{colour}=="blue", SYMLINK+="disk/blue"
SUBSYSTEM=="block", KERNEL=="sd*", GOTO="end", SYMLINK+="disk/goto"
END
            chccwdev -e 0.0.3b00 >/dev/null
""" % (wwid, wwid) + ADD)
        self.assertEqual('../../dev/sda\n', self.sh(
            node, 'udevadm settle; readlink dev/disk/my'))
        self.sh(node, ADD.replace(W1, W2) + 'udevadm settle')
        self.assertEqual(2 * '../../dev/dm-0\n', self.sh(
            node, 'readlink dev/disk/my; readlink dev/disk/map; '
            '[ ! -e dev/disk/blue ]; [ ! -e dev/disk/goto ]'))
        self.sh(node, 'rm etc/udev/rules.d/70-*; udevadm control --reload\n'
                'udevadm trigger; udevadm settle; [ ! -L dev/disk/my ]')

    def test_ports_may_come_late(self):
        node = self.guest('LNX00001', '3B00', lun_scan=False, port_delay=0.3)
        out = self.sh(node, """
            chccwdev -e 0.0.3b00 >/dev/null
            ls -d sys/bus/ccw/devices/0.0.3b00/0x* 2>/dev/null | wc -l
            until [ -e sys/bus/ccw/devices/0.0.3b00/0x%s ]; do
                sleep 0.05
            done""" % W1)
        self.assertEqual('0\n', out)

    def test_a_queueing_map_without_paths_is_not_removed(self):
        node = self.guest('LNX00001', '3B00', lun_scan=False)
        self.sh(node, 'chccwdev -e 0.0.3b00 >/dev/null\n' + ADD
                + ADD.replace(W1, W2) + """
            udevadm settle; mkfs.xfs -f dev/dm-0; mount dev/dm-0 mnt
            for d in sys/bus/scsi/devices/*; do echo 1 >$d/delete; done
            udevadm settle; umount mnt; [ -e dev/dm-0 ]
            ! multipath -f 3%(w)s 2>/dev/null
            multipathd disablequeueing map 3%(w)s >/dev/null
            multipathd restorequeueing map 3%(w)s >/dev/null
            ! multipath -f 3%(w)s 2>/dev/null
            dmsetup message 3%(w)s 0 fail_if_no_path
            multipath -f 3%(w)s; [ ! -e dev/dm-0 ]"""
                % {'w': self.disks[0].wwid})
