# SPDX-License-Identifier: Apache-2.0
"""Maps over several paths to a disk."""
import os
import unittest

from tests.functional.machine import base
from xcat_simulator.machine import confine

W1, W2 = base.WWPNS


class Multipath(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', '3B01', '3C02', lun_scan=False)
        self.wwid = '3' + self.disks[0].wwid
        self.paths = ['0.0.%s:0x%s:0x%s' % (device, wwpn, base.lun(0))
                      for device in ('3b01', '3c02') for wwpn in (W1, W2)]

    def attach(self):
        self.sh(self.node, ''.join('chzdev -q -e zfcp-lun %s\n' % path
                                   for path in self.paths))

    def test_two_devices_and_two_ports_make_one_map_of_four(self):
        self.attach()
        out = self.sh(self.node, '''
            cat sys/block/dm-0/dm/uuid sys/block/dm-0/size
            ls sys/block/dm-0/slaves
            readlink -f dev/mapper/%s dev/disk/by-id/dm-uuid-mpath-%s \
                dev/disk/by-id/scsi-%s
            ls sys/block/sda/holders
            multipath -ll %s | grep -c 'active ready running'
            ''' % ((self.wwid,) * 4)).split()
        node = self.node.folder + '/dev/dm-0'
        self.assertEqual(
            ['mpath-' + self.wwid, str(base.GIB // 512), 'sda', 'sdb', 'sdc',
             'sdd', node, node, node, 'dm-0', '4'], out)

    def test_its_file_of_wwids_remembers_and_forgets(self):
        self.attach()
        file = self.node.folder + '/etc/multipath/wwids'
        self.sh(self.node, 'multipath -f ' + self.wwid)
        with open(file) as known:
            self.assertEqual('/%s/\n' % self.wwid, known.read())
        self.sh(self.node, 'multipath -w ' + self.wwid)
        self.assertEqual(0, os.path.getsize(file))
        self.sh(self.node, 'multipath; multipath -W')
        with open(file) as known:
            self.assertEqual('/%s/\n' % self.wwid, known.read())
        self.sh(self.node, 'multipath -F; multipath -W')
        self.assertEqual(0, os.path.getsize(file))

    def test_one_path_makes_no_map(self):
        self.sh(self.node, 'chzdev -q -e zfcp-lun ' + self.paths[0])
        self.assertEqual('', self.sh(self.node, 'ls dev/mapper'))

    def test_no_maps_without_multipathd(self):
        node = self.guest('LNX00002', '3B00', multipath=False)
        self.sh(node, 'chzdev -q -e zfcp-host 0.0.3b00')
        self.assertEqual('', self.sh(node, 'ls dev/mapper'))

    def test_flush_then_paths_leaves_nothing(self):
        self.attach()
        out = self.sh(self.node, 'multipath -f %s\n' % self.wwid
                      + ''.join('chzdev -q -d zfcp-lun %s\n' % path
                                for path in self.paths)
                      + 'ls dev dev/disk/* sys/block dev/mapper')
        self.assertNotIn('sd', out)
        self.assertNotIn('dm', out)
        self.assertNotIn(self.wwid, out)

    def test_the_last_path_takes_an_unused_map_along(self):
        self.attach()
        out = self.sh(self.node, ''.join(
            'chzdev -q -d zfcp-lun %s\nls dev/mapper | wc -l\n' % path
            for path in self.paths))
        self.assertEqual(['1', '1', '1', '0'], out.split())

    def test_a_map_in_use_is_not_flushed(self):
        self.attach()
        self.mount(self.node, '/dev/mapper/' + self.wwid)
        done = self.node.run('multipath -f ' + self.wwid)
        self.assertEqual(1, done.returncode)
        self.assertIn('map in use', done.stderr)

    def test_a_map_that_a_process_has_open_is_not_flushed(self):
        self.attach()
        done = self.node.run('exec 3<> dev/mapper/%s\nmultipath -f %s'
                             % (self.wwid, self.wwid))
        self.assertEqual(1, done.returncode)
        self.assertIn('map in use', done.stderr)

    def test_a_used_map_survives_the_loss_of_its_paths(self):
        self.attach()
        self.mount(self.node, '/dev/dm-0')
        for device in ('3B01', '3C02'):
            self.lpar.smapi('Image_Device_Undedicate', 'LNX00001', device)
        self.assertEqual(self.wwid, self.sh(
            self.node, 'ls dev/mapper; ls sys/block/dm-0/slaves').strip())


class Data(base.NodeTest):

    def test_what_one_guest_writes_another_reads(self):
        first = self.guest('LNX00001', '3B01', '3C02')
        second = self.guest('LNX00002', '3B02', '3C01')
        for node, devices in ((first, '3b01 3c02'), (second, '3b02 3c01')):
            self.sh(node, 'for d in %s; do chzdev -q -e zfcp-host $d; done'
                    % devices)
        name = '3' + self.disks[1].wwid
        self.sh(first, '''
            seq 1 100000 > tmp/pattern
            dd if=tmp/pattern of=dev/mapper/%s bs=64k conv=fsync 2>/dev/null
            ''' % name)
        out = self.sh(second, 'head -c 588895 dev/mapper/%s | tail -n 1'
                      % name)
        self.assertEqual('100000\n', out)
        self.assertEqual(2 * base.GIB, os.path.getsize(self.disks[1].path))

    def test_writing_never_changes_the_size_of_a_disk(self):
        node = self.guest('LNX00001', '3B00')
        self.sh(node, 'chzdev -q -e zfcp-host 3b00')
        done = node.run('''
            dd if=/dev/zero of=dev/sda bs=1M seek=1020
            echo rc=$?
            echo data 1<> dev/sda
            head -c 4 dev/sda
            ''')
        self.assertIn('rc=1', done.stdout)
        self.assertIn('data', done.stdout)
        self.assertEqual(base.GIB, os.path.getsize(self.disks[0].path))

    @unittest.skipUnless(confine.ABI >= 3, 'truncation is not refused before '
                         'version 3 of Landlock: this has %d' % confine.ABI)
    def test_a_redirection_that_would_truncate_is_refused(self):
        node = self.guest('LNX00001', '3B00')
        self.sh(node, 'chzdev -q -e zfcp-host 3b00')
        done = node.run('echo data > dev/sda')
        self.assertIn('Permission denied', done.stderr)
        self.assertEqual(base.GIB, os.path.getsize(self.disks[0].path))

    def test_blkdiscard_zeroes(self):
        node = self.guest('LNX00001', '3B00')
        out = self.sh(node, '''
            chzdev -q -e zfcp-host 3b00
            dd if=/dev/urandom of=dev/sda bs=1M count=3 2>/dev/null
            blkdiscard -z -o 1M -l 1M dev/sda
            cmp -n 1048576 -i 1048576:0 dev/sda /dev/zero && echo middle
            blkdiscard -z dev/sda
            cmp -n 3145728 dev/sda /dev/zero && echo all
            blockdev --getsize64 dev/sda''')
        self.assertEqual(['middle', 'all', str(base.GIB)], out.split())

    def test_a_missing_tool_is_missing(self):
        node = self.guest('LNX00001', missing=('blkdiscard', 'dd'))
        self.assertEqual('', node.run('command -v blkdiscard dd').stdout)

    def test_dd_fails_when_told_to(self):
        node = self.guest('LNX00001')
        node.set_dd_fails(True)
        self.assertEqual(1, node.run('dd if=/dev/zero of=x count=1')
                         .returncode)
        node.set_dd_fails(False)
        self.assertEqual(0, node.run('dd if=/dev/zero of=x count=1')
                         .returncode)
