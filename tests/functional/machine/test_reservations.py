# SPDX-License-Identifier: Apache-2.0
"""Persistent reservations: sg_persist, and what other tools may do then."""
import os

from tests.functional.machine import base
from xcat_simulator.machine import reservation

W1, W2 = base.WWPNS
KEY, OTHER = '0x123abc', '0xfeed'
NO_KEYS = '  PR generation=0x%x, there are NO registered reservation keys\n'


class ReservationCase(base.NodeTest):
    """Two guests with a path each to disk 0, dev/sda."""

    SIZE = 16 << 20

    def setUp(self):
        super().setUp()
        self.ours = self.sees('LNX00001', '3b00', W1)
        self.theirs = self.sees('LNX00002', '3c01', W1)
        self.disk = self.disks[0]

    def sees(self, userid, device, *ports):
        node = self.guest(userid, device, lun_scan=False, multipath=False)
        for port in ports:
            self.sh(node, 'chzdev -q -e zfcp-lun 0.0.%s:0x%s:0x%s' % (
                device, port, base.lun(0)))
        return node

    def out(self, node, words, status=0, device='dev/sda'):
        """What sg_persist --out says, which is nothing when all is well."""
        done = node.run('sg_persist -n -o %s %s' % (words, device))
        self.assertEqual((status, ''), (done.returncode, done.stdout), done)
        return done.stderr

    def conflict(self, node, words):
        self.assertRegex(self.out(node, words, 24),
                         r'^PR out \(.*\): Reservation conflict\n$')

    def register(self, node, key):
        self.out(node, '--register-ignore --param-sark=' + key)

    def reserve(self, node, key, kind):
        self.register(node, key)
        self.out(node, '-R -K %s -T %d' % (key, kind))

    def keys(self, node=None):
        """(generation, keys) as the tool shows them."""
        said = self.sh(node or self.ours, 'sg_persist -n -i -k dev/sda')
        first, *keys = said.splitlines()
        return first.partition('=')[2].partition(',')[0], [
            key.strip() for key in keys]

    def held(self, node=None):
        said = self.sh(node or self.ours, 'sg_persist -n -i -r dev/sda')
        return said.partition(', ')[2].rstrip('\n')


class Persist(ReservationCase):

    def test_what_it_prints(self):
        self.assertEqual(
            '  IBM       2107900           .278\n'
            '  Peripheral device type: disk\n' + NO_KEYS % 0,
            self.sh(self.ours, 'sg_persist --in --read-keys dev/sda'))
        self.register(self.ours, KEY)
        self.assertEqual(
            '  PR generation=0x1, 1 registered reservation key follows:\n'
            '    0x123abc\n', self.sh(self.ours, 'sg_persist -n dev/sda'))
        self.register(self.theirs, 'feed')
        self.assertEqual(
            '  PR generation=0x2, 2 registered reservation keys follow:\n'
            '    0x123abc\n    0xfeed\n',
            self.sh(self.theirs, 'sg_persist -nik --device=dev/sda'))
        self.assertEqual('there is NO reservation held', self.held())
        self.out(self.ours, '--reserve --param-rk=%s --prout-type=5' % KEY)
        self.assertEqual(
            '  PR generation=0x2, Reservation follows:\n    Key=0x123abc\n'
            '    scope: LU_SCOPE,  type: Write Exclusive, registrants only\n',
            self.sh(self.theirs, 'sg_persist -n -r dev/sda'))
        said = self.sh(self.ours, 'sg_persist -n -c dev/sda')
        self.assertIn('  Type Mask Valid(TMV): 1\n', said)
        self.assertIn('      Exclusive Access, all registrants: 1\n', said)

    def test_who_may_use_it_and_where_it_is(self):
        for zhcp in (False, True):
            if zhcp:
                self.lpar.zhcp_userid = 'LNX00003'
            node = self.guest('LNX0000%d' % (3 + zhcp), user='xcat')
            self.assertEqual(node.folder + '/usr/bin/sg_persist\n', self.sh(
                node, 'PATH=$ZVM_ROOT/usr/bin; command -v sg_persist'))
            self.assertEqual(1, node.run('sg_persist dev/sda').returncode)
            self.assertEqual(15, node.run(
                'sudo -n sg_persist dev/sda').returncode)
        node = self.guest('LNX00005', missing=('sg_persist',))
        self.assertEqual(127, node.run('sg_persist dev/sda').returncode)

    def test_what_it_refuses(self):
        for words in ('', '-i', '-n -o dev/sda', '-n -G -S 1 dev/sda',
                      '-i -o -G -S 1 dev/sda', '-o -G -C dev/sda',
                      '-k -r dev/sda', '-o -G -k dev/sda', '-k dev/sda x',
                      '-o -G -S xyz dev/sda', '-o -M dev/sda',
                      '-o -G -S 1' + 16 * '0' + ' dev/sda'):
            done = self.ours.run('sg_persist ' + words)
            self.assertEqual(1, done.returncode, (words, done))
        self.assertIn('No such file', self.out(
            self.ours, '-I -S 1', 15, 'dev/sdq'))
        self.register(self.ours, KEY)
        for words in ('-R -T 2', '-R', '-P -T 5', '-I -S 1 -Y'):
            self.assertIn('bad field', self.out(
                self.ours, '%s -K %s' % (words, KEY), 5))

    def test_a_map_is_its_first_path(self):
        node = self.guest('LNX00003', '3B02', lun_scan=False)
        for port in (W1, W2):
            self.sh(node, 'chzdev -q -e zfcp-lun 0.0.3b02:0x%s:0x%s' % (
                port, base.lun(0)))
        name = 'dev/mapper/3' + self.disk.wwid
        self.out(node, '-I -S ' + KEY, device=name)
        self.assertEqual({('c05076ffe5000002', W1): 0x123abc},
                         self.disk.reservations.keys)
        self.sh(node, 'pvcreate %s; vgcreate vg0 %s; lvcreate -l 1 -n a vg0'
                .replace('%s', name))
        self.assertIn('INQUIRY', self.out(node, '-I -S 1', 99, 'dev/vg0/a'))


class Rules(ReservationCase):

    def test_registering(self):
        self.conflict(self.ours, '-G -K %s -S 1' % KEY)
        self.out(self.ours, '-G -S ' + KEY)
        self.conflict(self.ours, '-G -S 1')
        self.out(self.ours, '-G -K %s -S %s -Z' % (KEY, OTHER))
        self.assertEqual(('0x2', [OTHER]), self.keys())
        self.out(self.ours, '-G -K %s' % OTHER)
        self.out(self.ours, '-G')
        self.out(self.ours, '-I')
        self.assertEqual(('0x3', []), self.keys())

    def test_a_nexus_is_initiator_and_target(self):
        node = self.sees('LNX00003', '3b01', W1, W2)
        self.register(node, KEY)
        self.conflict(node, '-C -K 1')
        done = node.run('sg_persist -n -o -C -K %s dev/sdb' % KEY)
        self.assertEqual(24, done.returncode, done)

    def test_who_may_reserve(self):
        self.conflict(self.ours, '-R -K %s -T 5' % KEY)
        self.reserve(self.ours, KEY, 5)
        self.out(self.ours, '-R -K %s -T 5' % KEY)
        self.conflict(self.ours, '-R -K %s -T 1' % KEY)
        self.register(self.theirs, OTHER)
        self.conflict(self.theirs, '-R -K %s -T 5' % KEY)
        self.conflict(self.theirs, '-R -K %s -T 5' % OTHER)
        self.assertEqual(('0x2', [KEY, OTHER]), self.keys())

    def test_who_may_release(self):
        self.reserve(self.ours, KEY, 5)
        self.register(self.theirs, OTHER)
        self.out(self.theirs, '-L -K %s -T 5' % OTHER)
        self.assertIn(KEY, self.held())
        self.assertIn('bad field', self.out(
            self.ours, '-L -K %s -T 1' % KEY, 5))
        self.conflict(self.ours, '-L -K %s -T 5' % OTHER)
        self.out(self.ours, '-L -K %s -T 5' % KEY)
        self.assertIn('NO reservation', self.held())
        self.assertEqual(('0x2', [KEY, OTHER]), self.keys())

    def test_a_reservation_goes_with_its_holders_registration(self):
        self.reserve(self.ours, KEY, 5)
        self.register(self.theirs, OTHER)
        self.out(self.ours, '-I')
        self.assertEqual('there is NO reservation held', self.held())
        self.assertEqual(('0x3', [OTHER]), self.keys())

    def test_one_of_all_registrants_stays_with_the_last(self):
        self.reserve(self.ours, KEY, 7)
        self.register(self.theirs, OTHER)
        self.out(self.theirs, '-R -K %s -T 7' % OTHER)
        self.out(self.ours, '-I')
        self.assertIn('Key=0x0\n', self.held())
        self.out(self.theirs, '-I')
        self.assertIn('NO reservation', self.held())

    def test_clearing(self):
        self.conflict(self.ours, '-C')
        self.reserve(self.theirs, OTHER, 1)
        self.conflict(self.ours, '-C -K ' + OTHER)
        self.register(self.ours, KEY)
        self.conflict(self.ours, '-C -K ' + OTHER)
        self.out(self.ours, '--clear --param-rk=' + KEY)
        self.assertEqual(('0x3', []), self.keys())
        self.assertEqual('there is NO reservation held', self.held())

    def test_preempting_a_holder(self):
        self.reserve(self.theirs, OTHER, 1)
        self.conflict(self.ours, '-P -K %s -S %s -T 5' % (KEY, OTHER))
        self.register(self.ours, KEY)
        self.out(self.ours, '-A -K %s -S %s -T 5' % (KEY, OTHER))
        self.assertEqual(('0x3', [KEY]), self.keys())
        self.assertIn('Key=%s\n' % KEY, self.held())
        self.assertIn('Write Exclusive, registrants only', self.held())

    def test_preempting_others_takes_no_reservation(self):
        self.reserve(self.ours, KEY, 5)
        self.register(self.theirs, OTHER)
        self.conflict(self.ours, '-P -K %s -S 1 -T 5' % KEY)
        self.out(self.theirs, '-P -K %s -S %s -T 5' % (OTHER, OTHER))
        self.assertEqual(('0x3', [KEY]), self.keys())
        self.assertIn('Key=%s\n' % KEY, self.held())

    def test_preempting_all_registrants(self):
        self.reserve(self.ours, KEY, 8)
        self.register(self.theirs, OTHER)
        self.out(self.theirs, '-P -K %s -T 1' % OTHER)
        self.assertEqual(('0x3', [OTHER]), self.keys())
        self.assertEqual('Reservation follows:\n    Key=0xfeed\n    scope: '
                         'LU_SCOPE,  type: Write Exclusive', self.held())

    def test_it_outlives_reboots_and_is_seen_by_others(self):
        self.reserve(self.ours, KEY, 1)
        self.lpar.guests['LNX00001'].reset()
        for node in (self.ours, self.theirs):
            self.assertEqual(('0x1', [KEY]), self.keys(node))
            self.assertIn('Key=' + KEY, self.held(node))
        self.out(self.ours, '-C -K ' + KEY)


class Refused(ReservationCase):
    """What a nexus that is not entitled may do no more."""

    WRITES = ('dd if=dev/zero of=dev/sda bs=512 count=1 conv=notrunc,fsync',
              'echo x | dd of=dev/sda conv=notrunc',
              'dd if=dev/sda of=dev/sda bs=512 count=1 conv=notrunc')
    READS = ('dd if=dev/sda of=run/x bs=512 count=1',
             'dd if=dev/sda bs=512 count=1 >run/x',
             'dd if=dev/sda of=dev/sda bs=512 count=1')

    def check(self, node, commands, status, text):
        for command in commands:
            done = node.run(command)
            self.assertEqual(status, done.returncode, (command, done))
            self.assertIn(text, done.stderr, command)

    def reads(self, node, allowed=True):
        text = '1+0 records out' if allowed else (
            "dd: error reading 'dev/sda': Invalid exchange\n0+0 records in")
        commands = self.READS[:2] if allowed else self.READS
        self.check(node, commands, int(not allowed), text)

    def writes(self, node, allowed=True):
        text = 'records out' if allowed else (
            "dd: error writing 'dev/sda': Invalid exchange\n")
        commands = self.WRITES if allowed else self.WRITES[:2]
        self.check(node, commands, int(not allowed), text)

    def test_by_type(self):
        for kind, registered in ((1, False), (3, False), (5, True),
                                 (6, True), (7, True), (8, True)):
            self.reserve(self.ours, KEY, kind)
            self.writes(self.ours)
            self.writes(self.theirs, False)
            self.reads(self.theirs, kind in (1, 5, 7))
            self.register(self.theirs, OTHER)
            self.writes(self.theirs, registered)
            self.reads(self.theirs, registered or kind == 1)
            self.out(self.ours, '-C -K ' + KEY)
            self.writes(self.theirs)

    def test_nothing_is_asked_of_a_disk_that_is_not_reserved(self):
        self.register(self.ours, KEY)
        asked = os.path.join(self.theirs.folder, 'usr/libexec/dd.reserved')
        os.rename(asked, asked + '.not')
        self.writes(self.theirs)
        self.reads(self.theirs)
        self.out(self.ours, '-R -K %s -T 1' % KEY)
        self.assertNotEqual(0, self.theirs.run(self.WRITES[0]).returncode)

    def test_other_tools_cannot_write(self):
        self.sh(self.ours, 'mkfs.ext4 -L mine dev/sda')
        self.reserve(self.ours, KEY, 1)
        before = self.content()
        self.check(self.theirs, ('blkdiscard -z dev/sda', 'mkfs.xfs dev/sda',
                                 'mkfs.ext4 dev/sda', 'mkswap dev/sda',
                                 'wipefs -a dev/sda'),
                   1, 'Input/output error')
        self.check(self.theirs, ('pvcreate dev/sda', 'vgcreate a dev/sda'),
                   5, 'Error writing device')
        self.assertEqual(before, self.content())
        self.assertIn('mine', self.sh(self.theirs, 'blkid dev/sda'))
        self.sh(self.ours, 'wipefs -a dev/sda; blkdiscard -z dev/sda')

    def test_other_tools_cannot_read_where_that_is_refused(self):
        self.sh(self.ours, 'mkfs.ext4 dev/sda')
        self.reserve(self.ours, KEY, 3)
        self.check(self.theirs, ('wipefs dev/sda',), 1, 'Input/output error')
        self.assertEqual(2, self.theirs.run('blkid dev/sda').returncode)
        self.sh(self.ours, 'blkid dev/sda')

    def test_a_host_that_is_none_of_ours(self):
        found = self.disk.reservations
        found.place((reservation.FOREIGN, W1), 0x77, 1)
        self.assertEqual(('0x1', ['0x77']), self.keys())
        self.writes(self.ours, False)
        self.conflict(self.ours, '-R -K 1 -T 1')
        self.register(self.ours, KEY)
        self.out(self.ours, '-P -K %s -S 0x77 -T 1' % KEY)
        self.writes(self.ours)
        found.place((reservation.FOREIGN, W1), 0x77, 3)
        self.reads(self.ours, False)
        found.place((reservation.FOREIGN, W1), 0)
        self.assertEqual([KEY], self.keys()[1])
        self.writes(self.theirs)

    def content(self):
        with open(self.disk.path, 'rb') as disk:
            return disk.read()
