# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to a node, its files stay in step with its state."""
import os
import random

from tests.functional.machine import base

W = base.WWPNS


class Consistency(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001')
        self.kernel = self.node.kernel

    def test_no_sequence_of_events_leaves_wrong_names(self):
        for seed in range(6):
            chance = random.Random(seed)
            for _step in range(25):
                with self.node.lock:
                    self.step(chance)
                    self.check()
            self.lpar.guests['LNX00001'].reset()
            with self.node.lock:
                self.check()

    def step(self, chance):
        chance.choice((self.dedicate, self.undedicate, self.online,
                       self.online, self.scan, self.unit, self.unit,
                       self.delete, self.rescan, self.flush))(chance)

    def dedicate(self, chance):
        device = chance.choice(('3B00', '3B01', '3C01', '3D00'))
        self.lpar.smapi('Image_Device_Dedicate', 'LNX00001', device, device)

    def undedicate(self, chance):
        device = chance.choice(('3B00', '3B01', '3C01', '3D00'))
        self.lpar.smapi('Image_Device_Undedicate', 'LNX00001', device)

    def online(self, chance):
        for adapter in self.some(chance, self.kernel.adapters.values()):
            self.kernel.set_online(adapter, chance.random() < 0.7)

    def scan(self, chance):
        self.kernel.set_lun_scan(chance.random() < 0.5)

    def unit(self, chance):
        for adapter in self.some(chance, self.kernel.adapters.values()):
            for port in self.some(chance, adapter.ports.values()):
                change = chance.choice((self.kernel.unit_add,
                                        self.kernel.unit_remove))
                change(port, base.lun(chance.randrange(5)))

    def delete(self, chance):
        for sd in self.some(chance, self.kernel.disks()):
            self.kernel.delete(sd)

    def rescan(self, chance):
        for adapter in self.some(chance, self.kernel.adapters.values()):
            self.kernel.rescan(adapter)

    def flush(self, chance):
        for found in self.some(chance, self.node.multipath.maps.values()):
            self.node.multipath.flush(found)

    @staticmethod
    def some(chance, things):
        things = list(things)
        return [chance.choice(things)] if things else []

    def check(self):
        """Names in dev and sys are those of the state, and lead somewhere."""
        sds = {sd.name: sd for sd in self.kernel.disks()}
        maps = {m.device: m for m in self.node.multipath.maps.values()}
        self.assertEqual(len(sds), len(self.kernel.disks()))
        self.assertEqual(sorted([*sds, *maps]), self.names('sys/block'))
        self.assertEqual(
            sorted([*sds, *maps]), [n for n in self.names('dev')
                                    if n.startswith(('sd', 'dm-'))])
        self.assertEqual(sorted(name for sd in sds.values()
                                for name in self.node.udev.path_names(sd)),
                         self.names('dev/disk/by-path'))
        wwids = {sd.disk.wwid for sd in sds.values()} | {
            m.disk.wwid for m in maps.values()}
        self.assertEqual(
            sorted(wwids), [name[6:] for name in self.names('dev/disk/by-id')
                            if name.startswith('scsi-')])
        for sd in sds.values():
            self.assertTrue(os.path.samefile(
                self.kernel.tree.full('dev/' + sd.name), sd.disk.path))
        self.no_dangling_links()

    def names(self, folder):
        return sorted(os.listdir(self.kernel.tree.full(folder)))

    def no_dangling_links(self):
        for top in ('sys', 'dev/disk', 'dev/mapper'):
            for folder, folders, files in os.walk(
                    self.kernel.tree.full(top)):
                for name in folders + files:
                    path = os.path.join(folder, name)
                    self.assertTrue(os.path.exists(path), path)
