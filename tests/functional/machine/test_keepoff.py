# SPDX-License-Identifier: Apache-2.0
"""Disks that a node's files keep from its LVM and multipathd."""
import json
import os

from tests.functional.machine import base
from xcat_simulator.machine import keepoff
from xcat_simulator.machine import rootfs
from xcat_simulator.machine import signatures

W1 = base.WWPNS[0]
_MEMBER = 'aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa'


class KeepOff(base.NodeTest):
    """A tenant's volume group, named as the system's own, on disk 0."""

    def setUp(self):
        super().setUp()
        self.wwid = self.disks[0].wwid
        signatures.write_member(self.disks[0].path, _MEMBER, json.dumps({
            'name': 'rootvg', 'id': _MEMBER, 'seqno': 1, 'members': [_MEMBER],
            'volumes': {'root': {'id': _MEMBER, 'extents': 1}}}))

    def node(self, userid, **files):
        """A node with two devices, and these files in its etc."""
        found = self.guest(userid, '3B01', '3C01', lun_scan=False)
        for name, text in files.items():
            self.put(found, name.replace('__', '.').replace('_', '/'), text)
        return found

    def put(self, node, name, text):
        path = os.path.join(node.folder, 'etc', name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        rootfs.put(node, path, text)

    def attach(self, node, number=0):
        """What dev/mapper has with two paths to a disk, one by one."""
        self.sh(node, ''.join('chzdev -q -e zfcp-lun 0.0.%s:0x%s:0x%s\n' % (
            device, W1, base.lun(number)) for device in ('3b01', '3c01')))
        return self.sh(node, 'ls dev/mapper').split()

    def test_a_guest_takes_what_appears(self):
        node = self.node('LNX00001')
        self.assertEqual(['rootvg-root'], self.attach(node))
        self.assertEqual(['3' + self.disks[1].wwid, 'rootvg-root'],
                         self.attach(node, 1))

    def test_the_zhcp_takes_nothing(self):
        node = self.node(self.lpar.zhcp_userid)
        self.assertEqual([], self.attach(node))
        self.assertEqual([], self.attach(node, 1))
        self.assertEqual('', self.sh(node, 'pvs --noheadings'))
        self.assertEqual('global_filter=["a|^/dev/dasd|","r|.*|"]\n', self.sh(
            node, 'lvmconfig --type full devices/global_filter'))
        self.assertIn('\tdevnode "^sd[a-z]"\n',
                      self.sh(node, 'multipathd show config'))
        # as the tools say, without the files both would
        for name in keepoff.ZHCP_FILES:
            os.unlink(os.path.join(node.folder, name))
        self.assertIn('global_filter=["a|.*|"]', self.sh(
            node, 'lvmconfig --type full'))
        self.assertNotIn('"^sd[a-z]"', self.sh(node, 'multipath -t'))
        self.sh(node, 'multipath; vgchange -ay')
        self.assertIn('rootvg-root', self.sh(node, 'ls dev/mapper'))

    def test_without_event_activation_its_tools_see_it(self):
        node = self.node('LNX00001', lvm_lvm__conf='event_activation = 0\n')
        self.assertEqual(['3' + self.wwid], self.attach(node))
        self.assertIn('rootvg', self.sh(node, 'vgs'))

    def test_a_devices_file_lists_what_lvm_sees(self):
        node = self.node('LNX00001', lvm_devices_system__devices='# none\n')
        self.assertEqual(['3' + self.wwid], self.attach(node))
        self.assertEqual('', self.sh(node, 'vgs --noheadings'))
        self.put(node, 'lvm/devices/system.devices',
                 'IDTYPE=sys_wwid IDNAME=naa.%s DEVNAME=x\n' % self.wwid)
        self.assertIn('rootvg', self.sh(node, 'vgs'))

    def test_exceptions_of_multipath(self):
        wwid = '3' + self.disks[1].wwid
        node = self.node('LNX00001', multipath__conf=(
            'blacklist {\n  wwid ".*"\n}\n'
            'blacklist_exceptions {\n  wwid "%s"\n}\n' % wwid))
        self.assertEqual(['rootvg-root'], self.attach(node))
        self.assertIn(wwid, self.attach(node, 1))

    def test_strict_multipath_takes_what_it_knows(self):
        wwid = '3' + self.disks[1].wwid
        node = self.node(
            'LNX00001', multipath__conf='defaults {\n'
            '  find_multipaths strict\n}\n')
        self.assertNotIn(wwid, self.attach(node, 1))
        self.put(node, 'multipath/wwids', '/%s/\n' % wwid)
        self.sh(node, 'multipath')
        self.assertIn(wwid, self.sh(node, 'ls dev/mapper'))

    def test_lvmconfig_refuses_what_it_does_not_know(self):
        node = self.node('LNX00001')
        done = node.run('lvmconfig devices/nothing')
        self.assertEqual((5, ''), (done.returncode, done.stdout))
        self.assertIn('not found', done.stderr)
