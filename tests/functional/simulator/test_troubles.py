# SPDX-License-Identifier: Apache-2.0
"""Events that let a node, its tools or its disks fail; an operator's editor.

What happens is seen by commands in the nodes, as clients send them.
"""

import concurrent.futures
import os
import re
import time

from tests.functional.simulator import base
from tests import waits
from tests import worlds

MIB = 1 << 20
ROOT = '"$ZVM_ROOT"'
WWPN, LUNS = '5005076303001001', ['4011400%d00000000' % i for i in range(4)]
LINES = re.compile(r'^(?:\w+: )?(.*)$', re.MULTILINE)


class TroubleCase(base.ServedCase):

    def event(self, **event):
        self.simulator.event(**event)

    def run_in(self, node, command):
        """(exit status, output) of a command."""
        answer = self.dsh(node, '{ %s; } 2>&1; echo rc=$?' % command)
        text = '\n'.join(part for element in answer
                         for part in element.get('data', []))
        found = LINES.findall(text)
        return int(found[-1].removeprefix('rc=')), '\n'.join(found[:-1])

    def zhcp(self, command):
        return self.run_in('zhcp1', command)

    def sd(self, lun):
        """The file of the zHCP's disk for a LUN: $ZVM_ROOT/dev/sdX."""
        found = self.zhcp('readlink -f %s/dev/disk/by-path/*3b0e-fc-*%s*%s'
                          % (ROOT, WWPN, lun))
        self.assertEqual(0, found[0], found)
        return found[1]

    def bytes_of(self, lun):
        with open(self.simulator.disk('host1', WWPN, lun)['path'],
                  'rb') as disk:
            return disk.read(4 * MIB)

    def fill(self, lun):
        """Four MiB of the disk are no zeroes."""
        with open(self.simulator.disk('host1', WWPN, lun)['path'],
                  'rb+') as disk:
            disk.write(b'x' * 4 * MIB)


class ZhcpTest(TroubleCase):

    def test_a_reboot_ends_jobs_and_changes_the_boot_id(self):
        boot = ROOT + '/proc/sys/kernel/random/boot_id'
        _, before = self.zhcp('cat ' + boot)
        self.zhcp('echo kept > %s/var/tmp/kept; '
                  'setsid sleep 1000 >/dev/null 2>&1 & echo $! > %s/var/tmp/p'
                  % (ROOT, ROOT))
        self.assertEqual(0, self.zhcp(
            'kill -0 $(cat %s/var/tmp/p)' % ROOT)[0])
        self.event(zhcp='reboot')
        status, after = self.zhcp('cat ' + boot)
        self.assertEqual(0, status)
        self.assertNotEqual(before, after)
        self.assertNotEqual(0, self.zhcp(
            'kill -0 $(cat %s/var/tmp/p)' % ROOT)[0])
        self.assertEqual((0, 'kept'), self.zhcp(
            'cat %s/var/tmp/kept' % ROOT))
        devices = self.simulator.state()['lpars']['host1']['guests']['ZHCP1']
        self.assertEqual({'3B0E': '3B0E', '3C0E': '3C0E'},
                         devices['devices'])

    def now(self):
        return int(self.zhcp('date +%s')[1])

    def test_the_clock_is_ahead_and_behind(self):
        self.event(clock='7200')
        self.assertLess(abs(self.now() - time.time() - 7200), 60)
        self.assertEqual((0, '2026'), self.zhcp(
            'date -d @1780000000 +%Y'))
        _, other = self.run_in('guest1', 'date +%s')
        self.assertLess(abs(int(other) - time.time()), 60)
        self.event(clock='-7200')
        self.assertLess(abs(self.now() - time.time() + 7200), 60)
        self.assertRegex(self.zhcp('date +%s.%N')[1], r'^\d+\.\d{9}$')
        self.event(clock='0')
        self.assertLess(abs(self.now() - time.time()), 60)

    def test_a_clock_that_is_right_costs_nothing(self):
        for seconds in ('7', '0'):
            self.event(clock=seconds)
        path = os.path.join(self.simulator.node_folder('host1', 'zhcp1'),
                            'usr/bin/date')
        self.assertTrue(os.path.islink(path))


class DiskCase(TroubleCase):
    """The zHCP has a disk with four MiB on it."""

    def setUp(self):
        super().setUp()
        for command in ('chccwdev -e 0.0.3b0e', 'udevadm settle'):
            self.assertEqual(0, self.zhcp(command)[0])
        self.fill(LUNS[0])
        self.disk = self.sd(LUNS[0])


class DiskTest(DiskCase):

    def check_half(self):
        """The first MiB are zeroes, and no more."""
        self.assertEqual(bytes(MIB) + b'x' * 3 * MIB, self.bytes_of(LUNS[0]))

    def test_dd_fails_in_the_middle(self):
        self.event(dd='fails after %d' % MIB)
        wipe = 'dd if=/dev/zero of=%s bs=65536 count=64' % self.disk
        self.assertEqual(1, self.zhcp(wipe)[0])
        self.check_half()
        self.assertEqual(0, self.zhcp(
            'dd if=/dev/zero of=%s/tmp/file bs=65536 count=32' % ROOT)[0])
        self.event(dd='works')
        self.assertEqual(0, self.zhcp(wipe)[0])
        self.assertEqual(bytes(4 * MIB), self.bytes_of(LUNS[0]))

    def test_a_part_before_the_middle_is_written(self):
        self.event(dd='fails after %d' % MIB)
        for seek, status in ((0, 0), (8, 0), (16, 1)):
            self.assertEqual(status, self.zhcp(
                'dd if=/dev/zero of=%s bs=65536 count=8 seek=%d'
                % (self.disk, seek))[0], seek)
        self.check_half()

    def test_a_copy_fails_in_the_middle(self):
        self.event(dd='fails after %d' % MIB)
        status, text = self.zhcp('dd if=%s of=%s bs=512' % (
            self.sd(LUNS[1]), self.disk))
        self.assertEqual(1, status)
        self.assertIn('Input/output error', text)
        self.check_half()

    def test_blkdiscard_fails_in_the_middle(self):
        self.event(blkdiscard='fails after %d' % MIB)
        self.assertEqual(1, self.zhcp('blkdiscard -z ' + self.disk)[0])
        self.check_half()
        self.assertEqual(0, self.zhcp(
            'blkdiscard -z -l %d %s' % (MIB, self.disk))[0])

    def test_blkdiscard_fails_and_works(self):
        self.event(blkdiscard='fails')
        self.assertEqual(1, self.zhcp('blkdiscard -z ' + self.disk)[0])
        self.assertEqual(b'x' * 4 * MIB, self.bytes_of(LUNS[0]))
        self.event(blkdiscard='works')
        self.assertEqual(0, self.zhcp('blkdiscard -z ' + self.disk)[0])
        self.assertEqual(bytes(4 * MIB), self.bytes_of(LUNS[0]))

    def test_a_disk_is_still_written_when_files_are_not(self):
        self.event(space='full')
        self.assertEqual(0, self.zhcp(
            'dd if=/dev/zero of=%s bs=65536 count=64' % self.disk)[0])
        self.assertEqual(bytes(4 * MIB), self.bytes_of(LUNS[0]))
        self.assertEqual(0, self.zhcp('dd if=%s of=%s bs=512' % (
            self.sd(LUNS[1]), self.disk))[0])


class ReservationTest(DiskCase):
    """A foreign host registers and reserves."""

    def setUp(self):
        super().setUp()
        self.where = '%s %s ' % (WWPN, LUNS[0])
        self.wipe = 'dd if=/dev/zero of=%s bs=65536 count=64' % self.disk

    def state(self):
        return self.simulator.disk('host1', WWPN, LUNS[0])['reservations']

    def test_a_foreign_host_reserves_and_goes(self):
        self.event(reservation=self.where + '0x123abc 5')
        self.assertEqual(5, self.state()['type'])
        self.assertEqual(['0x123abc'], list(self.state()['keys'].values()))
        self.assertIn('Key=0x123abc', self.zhcp(
            'sg_persist -i -r ' + self.disk)[1])
        status, text = self.zhcp(self.wipe)
        self.assertEqual(1, status)
        self.assertIn('Invalid exchange', text)
        self.assertEqual(1, self.zhcp('blkdiscard -z ' + self.disk)[0])
        self.assertEqual(b'x' * 4 * MIB, self.bytes_of(LUNS[0]))
        self.event(reservation=self.where + 'none')
        self.assertEqual({'generation': 2, 'type': 0, 'holder': None,
                          'keys': {}}, self.state())
        self.assertEqual(0, self.zhcp(self.wipe)[0])

    def test_a_zhcp_clears_what_a_foreign_host_left(self):
        self.event(reservation=self.where + '7b')
        self.assertEqual(0, self.zhcp(self.wipe)[0])
        self.event(reservation=self.where + '7b 8')
        self.assertEqual(1, self.zhcp(self.wipe)[0])
        self.assertEqual(24, self.zhcp(
            'sg_persist -n -o -C -K 7b ' + self.disk)[0])
        for words in ('-I -S 1', '-C -K 1'):
            self.assertEqual((0, ''), self.zhcp(
                'sg_persist -n -o %s %s' % (words, self.disk)))
        self.assertEqual(0, self.zhcp(self.wipe)[0])
        self.assertEqual({}, self.state()['keys'])

    def test_other_values_are_refused(self):
        for value in ('', '0', '00 5', '1 2', '1 9', '1 5 5', 'None',
                      '0x', '1' * 17):
            self.assertRaises(RuntimeError, self.event,
                              reservation=self.where + value)
        self.assertRaises(RuntimeError, self.event,
                          reservation=WWPN + ' 4011409900000000 1 5')
        self.assertEqual(0, self.state()['generation'])


class SpaceTest(TroubleCase):

    def test_files_do_not_grow_and_pipes_go_on(self):
        self.zhcp('echo old > %s/tmp/old' % ROOT)
        self.event(space='full')
        for command in ('echo new > %s/tmp/new', 'cp %s/tmp/old %s/tmp/copy',
                        'dd if=/dev/zero of=%s/tmp/new bs=512 count=1',
                        'echo more >> %s/tmp/old'):
            self.assertNotIn(self.zhcp(command.replace('%s', ROOT))[0],
                             (0, 153), command)
        self.assertEqual((0, 'old'), self.zhcp('cat %s/tmp/old | cat' % ROOT))
        self.assertEqual(0, self.zhcp('mv %s/tmp/old %s/tmp/moved' % (
            ROOT, ROOT))[0])
        self.assertEqual(0, self.run_in(
            'guest1', 'echo new > %s/tmp/new' % ROOT)[0])
        self.event(space='free')
        self.assertEqual(0, self.zhcp('echo new > %s/tmp/new' % ROOT)[0])

    def test_df_says_so(self):
        command = 'df -P -k %s | awk \'NR == 2 { print $4, $5 }\'' % ROOT
        before = self.zhcp(command)
        self.event(space='full')
        self.assertEqual((0, '0 100%'), self.zhcp(command))
        self.assertEqual('0', self.zhcp(
            'df --output=avail %s | tail -1' % ROOT)[1].strip())
        self.event(space='free')
        self.assertNotEqual('0 100%', self.zhcp(command)[1])
        self.assertEqual(before[0], self.zhcp(command)[0])

    def test_a_job_that_runs_finds_the_disk_full_and_goes_on(self):
        """It is not killed, and writes again when there is room."""
        self.dsh('zhcp1', (
            'touch %s/tmp/go; ( while [ -e %s/tmp/go ]; do echo x '
            '>> %s/tmp/grows && : || mkdir -p %s/tmp/failed; sleep 0.02;'
            ' done; echo end > %s/tmp/ended ) >/dev/null 2>&1 </dev/null & :'
        ) % ((ROOT,) * 5))
        tmp = os.path.join(self.simulator.node_folder('host1', 'zhcp1'),
                           'tmp')
        grows = os.path.join(tmp, 'grows')
        waits.until(lambda: os.path.exists(grows) and os.stat(grows).st_size)
        self.event(space='full')
        waits.until(lambda: os.path.exists(os.path.join(tmp, 'failed')))
        size = os.stat(grows).st_size
        self.event(space='free')
        waits.until(lambda: os.stat(grows).st_size > size)
        os.unlink(os.path.join(tmp, 'go'))
        waits.until(lambda: os.path.exists(os.path.join(tmp, 'ended')))


class GuestTest(TroubleCase):

    def test_a_tool_fails_and_works(self):
        self.event(guest='LNX00001 tool multipath fails')
        self.assertEqual(1, self.run_in('guest1', 'multipath -ll')[0])
        self.assertEqual(0, self.run_in('guest2', 'multipath -ll')[0])
        self.event(guest='LNX00001 tool multipath works')
        self.assertEqual(0, self.run_in('guest1', 'multipath -ll')[0])

    def test_a_tool_hangs_until_it_is_killed(self):
        self.event(guest='LNX00001 tool chccwdev hangs')
        status, text = self.run_in(
            'guest1', 'timeout -s KILL 0.5 chccwdev -e 0.0.3b00; echo ended')
        self.assertIn('ended', text)
        self.event(guest='LNX00001 tool chccwdev works')

    def test_a_tool_goes_on_when_it_works_again(self):
        self.event(guest='LNX00001 tool lszfcp hangs')
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(
                self.run_in, 'guest1',
                'echo > %s/tmp/begun; lszfcp; echo went on' % ROOT)
            begun = os.path.join(self.simulator.node_folder(
                'host1', 'LNX00001'), 'tmp/begun')
            waits.until(lambda: os.path.exists(begun))
            self.assertFalse(answer.done())
            self.event(guest='LNX00001 tool lszfcp works')
            self.assertIn('went on', answer.result(30)[1])

    def disks(self):
        return self.run_in('guest1', 'chccwdev -e 0.0.3b00 >/dev/null; '
                           'udevadm settle; ls %s/dev | grep -c "^sd"'
                           % ROOT)[1]

    def test_no_disk_is_seen_though_it_is_masked(self):
        self.assertEqual(200, self.ask('PUT', 'vms/guest1', [
            '--dedicatedevice 3B00 3B00 0']).status_code)
        self.event(guest='LNX00001 disks none')
        self.assertEqual('0', self.disks())
        self.event(guest='LNX00001 disks seen')
        self.run_in('guest1', 'chccwdev -d 0.0.3b00')
        self.assertNotEqual('0', self.disks())

    def test_what_is_no_guest_or_tool_is_refused(self):
        for value in ('LNX00001', 'LNX00009 disks none', 'lnx00001 disks no',
                      'LNX00001 tool nosuch fails', 'LNX00001 disks some',
                      'LNX00001 tool multipath breaks', 'LNX00001 disks none '
                      'now'):
            self.assertRaises(RuntimeError, self.event, guest=value)
        self.assertEqual(0, self.run_in('guest1', 'multipath -ll')[0])


class SmapiTest(TroubleCase):

    def halves(self):
        """Of device 3B00: (in the directory entry, active)."""
        guest = self.simulator.state()['lpars']['host1']['guests'][
            'LNX00001']
        return 'DEDICATE 3B00' in guest['directory'], '3B00' in guest[
            'devices']

    def dedicate(self, word='--dedicatedevice 3B00 3B00 0'):
        return str(self.data('PUT', 'vms/guest1', [word]))

    def test_the_directory_half_fails(self):
        self.event(smapi_fails='Image_Device_Dedicate_DM 596 3619 Broken')
        self.dedicate()
        self.assertEqual((False, True), self.halves())

    def test_the_active_half_fails(self):
        self.event(smapi_fails='Image_Device_Dedicate 204 8 Busy')
        self.assertIn('204', self.dedicate())
        self.assertEqual((True, False), self.halves())

    def test_both_fail_and_one_so_often(self):
        self.event(smapi_fails='Image_Device_Dedicate_DM*2 596 3619 Broken')
        self.event(smapi_fails='Image_Device_Dedicate 204 8 Busy')
        for _ in range(2):
            self.dedicate()
            self.assertEqual((False, False), self.halves())
        self.dedicate()
        self.assertEqual((True, False), self.halves())

    def test_undedication_fails_in_halves(self):
        self.dedicate()
        self.event(smapi_fails='Image_Device_Undedicate_DM 596 1 Broken')
        self.dedicate('--undedicatedevice 3B00')
        self.assertEqual((True, False), self.halves())


class PauseTest(TroubleCase):

    def test_time_passes_between_two_hops(self):
        self.event(pause='0.3')
        for path, body, hops in (
                ('vms/guest1', ['--dedicatedevice 3B00 3B00 0'], 4),
                ('nodes/guest1/dsh', ['command=true'], 2)):
            started = time.monotonic()
            self.data('PUT', path, body)
            self.assertGreaterEqual(time.monotonic() - started,
                                    0.3 * (hops - 1))
            self.assertEqual(hops, self.simulator.requests()[-1]['hops'])

    def test_one_hop_has_no_pause(self):
        self.event(pause='60')
        self.assertEqual(['guest1: on\n'], self.data(
            'GET', 'nodes/guest1/power')[0]['info'])


class RefusedTest(TroubleCase):

    def test_other_values_are_refused(self):
        for event in ({'zhcp': 'boots'}, {'clock': '1.5'}, {'clock': ''},
                      {'clock': 'now'}, {'dd': 'fails after'},
                      {'dd': 'fails after -1'}, {'blkdiscard': 'hangs'},
                      {'space': 'half'}, {'pause': '-1'}, {'pause': 'x'},
                      {'pause': 1}, {'guest': 'LNX00001 disks'},
                      {'smapi_fails': 'Image_Query_DM*0 1 2 x'}):
            self.assertRaises(RuntimeError, self.event, **event)


class EditorTest(TroubleCase):

    @staticmethod
    def world():
        return worlds.two()

    def edit(self, **edit):
        edit.setdefault('pool', 'zpool1')
        edit.setdefault('replace', ['^free', 'reserved'])
        self.simulator.edit(lpar='host1', **edit)

    def pool(self):
        return self.simulator.pool_text('host1', 'zpool1')

    def path(self):
        return os.path.join(self.simulator.node_folder('host1', 'ZHCP1'),
                            'var/opt/zhcp/zfcp/zpool1.conf')

    def check(self, how, replaced):
        """What was written while the editor was open is lost."""
        before, inode = self.pool(), os.stat(self.path()).st_ino
        os.chmod(self.path(), 0o640)
        self.edit(gate=True, how=how)
        with open(self.path(), 'a', encoding='ascii') as file:
            file.write('free,%s,0000000000000000,1G,,,,\n' % WWPN)
        self.assertIn('0000000000000000,1G', self.pool())
        self.assertEqual(1, self.simulator.open_gate())
        self.assertEqual(re.sub('(?m)^free', 'reserved', before), self.pool())
        found = os.stat(self.path())
        self.assertEqual(0o640, found.st_mode & 0o777)
        self.assertEqual(replaced, inode != found.st_ino)
        self.assertEqual(['zpool1.conf'],
                         os.listdir(os.path.dirname(self.path())))

    def test_a_new_file_takes_the_place_of_the_old_one(self):
        self.check('rename', True)

    def test_the_old_file_is_written_in_place(self):
        self.check('in place', False)

    def test_an_edit_ends_by_itself(self):
        self.edit(seconds=0.2)
        waits.until(lambda: 'reserved,' in self.pool())

    def test_an_edit_can_be_dropped(self):
        before = self.pool()
        self.edit(gate=True)
        self.assertEqual(1, self.simulator.forget_faults())
        self.assertEqual(0, self.simulator.open_gate())
        self.assertEqual(before, self.pool())

    def test_what_is_no_edit_is_refused(self):
        for edit in ({}, {'seconds': 1, 'gate': True}, {'seconds': -1},
                     {'gate': True, 'pool': 'nosuch'}, {'gate': 1},
                     {'gate': True, 'pool': '../zpool1'},
                     {'gate': True, 'replace': ['(', '']},
                     {'gate': True, 'replace': ['free', r'\9']},
                     {'gate': True, 'replace': ['free']},
                     {'gate': True, 'how': 'ed'},
                     {'gate': True, 'more': 1}):
            self.assertRaises(RuntimeError, self.edit, **edit)
        self.assertRaises(RuntimeError, self.simulator.edit, pool='zpool1',
                          gate=True, replace=['a', 'b'])
        self.assertEqual(0, self.simulator.open_gate())
