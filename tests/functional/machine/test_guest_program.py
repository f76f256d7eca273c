# SPDX-License-Identifier: Apache-2.0
"""What the guest program makes of a disk that is in use, and over IUCV."""
import uuid

from tests.functional.machine import base
from zvm_common.remote import program

W1, W2 = base.WWPNS
ONE = '3B00:%s:%s' % (W1, base.lun(0))
TWO = '%s;3B00:%s:%s' % (ONE, W2, base.lun(0))


class GuestProgram(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', '3B00', iucv=True)
        self.volume = str(uuid.uuid4())
        self.generation = 0

    def call(self, verb, *arguments):
        self.generation += 1
        done = self.node.run(program.guest().send_command(
            'op', verb, [self.volume, self.generation, *arguments]), 120)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout

    def attach(self, paths):
        out = self.call('attach', self.disks[0].wwid, base.GIB, paths)
        self.assertIn(' ok device=', out)

    def detach(self, paths):
        return self.call('detach', self.disks[0].wwid, paths)

    def in_use(self, paths, user):
        out = self.detach(paths)
        self.assertIn(' no inuse ', out)
        self.assertIn('user=' + user, out)
        self.assertEqual([], self.node.kernel.lost)

    def check(self, paths, device, prepare, release, user):
        self.attach(paths)
        self.sh(self.node, prepare % {'d': device})
        self.in_use(paths, user)
        self.sh(self.node, release % {'d': device})
        self.assertIn(' ok .', self.detach(paths))
        self.assertEqual('', self.sh(self.node, 'ls sys/block'))

    def on_both(self, prepare, release, user, user_of_map=None):
        self.check(ONE, 'dev/sda', prepare, release, user)
        self.sh(self.node, ':')
        self.check(TWO, 'dev/mapper/3' + self.disks[0].wwid, prepare,
                   release, user_of_map or user)

    def test_a_mount(self):
        self.on_both('mkfs.xfs -f %(d)s; mount %(d)s mnt', 'umount mnt',
                     'mount:/mnt')

    def test_swap(self):
        self.on_both('mkswap %(d)s; swapon %(d)s', 'swapoff %(d)s', 'swap')

    def test_a_volume_of_lvm(self):
        self.on_both(
            'vgcreate vg0 %(d)s; lvcreate -n data -l 3 vg0; '
            'mkfs.ext4 dev/vg0/data; mount dev/vg0/data mnt',
            'umount mnt; vgremove -y vg0; pvremove %(d)s', 'holder:dm-')

    def test_a_volume_that_is_not_active_is_no_user(self):
        self.attach(ONE)
        self.sh(self.node, 'vgcreate vg0 dev/sda; lvcreate -n data -l 3 vg0\n'
                           'vgchange -an vg0')
        self.assertIn(' ok .', self.detach(ONE))

    def test_a_volume_that_became_active_by_itself_is_one(self):
        self.attach(ONE)
        self.sh(self.node, 'vgcreate vg0 dev/sda; lvcreate -n data -l 3 vg0\n'
                           'vgchange -an vg0')
        self.detach(ONE)
        self.attach(ONE)
        self.in_use(ONE, 'holder:dm-')

    def test_it_comes_as_a_file_over_iucv_and_answers_there(self):
        zhcp = self.guest('ZHCP1')
        self.lpar.guests['ZHCP1'].directory += 'IUCV ANY\n'
        with open(zhcp.folder + '/tmp/guest.sh', 'w') as text:
            text.write(program.guest().text)
        out = self.sh(zhcp, '''
            c="opt/zhcp/bin/IUCV/iucvclnt LNX00001"
            $c iucv_file_transport tmp/guest.sh "$ZVM_ROOT/var/lib/guest.sh"
            $c 'sh "${ZVM_ROOT:-}"/var/lib/guest.sh op hello'
            $c 'cd "${ZVM_ROOT:-}"/var/lib; setsid sh guest.sh op attach %s \
1 %s %d %s >answer.new 2>&1 </dev/null && mv answer.new answer &'
            until $c 'cat "${ZVM_ROOT:-}"/var/lib/answer' >tmp/answer; do
                sleep 0.1
            done
            cat tmp/answer
            ''' % (self.volume, self.disks[0].wwid, base.GIB,
                   TWO.replace(';', ',')))
        self.assertIn('zvmv1 op ok user=root missing= persist=chzdev '
                      'os=rhel-9.4 ', out)
        self.assertIn('zvmv1 op ok device=/dev/disk/by-id/dm-uuid-mpath-3'
                      + self.disks[0].wwid, out)
