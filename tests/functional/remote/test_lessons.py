# SPDX-License-Identifier: Apache-2.0
"""What went wrong in systems before this one."""

from nova_zvm_volume.virt.zvm import connection
from tests.functional.remote import base
from tests import worlds
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import guestdisk
from zvm_common import model

PHYSICAL, NPIV = '20076d8500001181', 'c05076ffe6001000'


class LessonTest(base.Base):

    def world(self):
        world = worlds.small()
        self.change(world['lpars']['host1'])
        return world

    def change(self, host):
        """Make of this LPAR what the test is about."""

    def hold(self, userid='LNX00001', instance=None):
        return self.devices.hold(instance or base.new(), userid)

    def attach(self, used, paths, name='guest1'):
        return guestdisk.GuestDisk(self.node(name)).attach(
            used.volume_id, used.generation, paths, used.wwid, used.size)

    def detach(self, used, paths, name='guest1'):
        guestdisk.GuestDisk(self.node(name)).detach(
            used.volume_id, used.generation, paths, None)

    def check_data(self, lun, disk, name='guest1'):
        """What the told device reads is what is on that LUN."""
        mark = 'volume %s' % lun.volume_id
        with open(self.disk_file(lun), 'r+b') as file:
            file.write(mark.encode())
        result = self.node(name).run('head -c %d "$ZVM_ROOT"%s' % (
            len(mark), disk.device_path))
        self.assertEqual((mark, ''), (result.stdout, result.stderr))


class WithoutNpivTest(LessonTest):
    """CHPID 50 has no NPIV: its devices have but the CHPID's WWPN."""

    def change(self, host):
        host['fcp_devices'][0]['npiv_wwpn'] = None
        for line in host['pools']['zpool1']:
            line['masked_to'] = [PHYSICAL, NPIV]

    def test_the_physical_wwpn_carries_the_paths(self):
        instance = base.new()
        plain, npiv = self.hold(instance=instance)
        self.assertEqual(('3B00', PHYSICAL, False),
                         (str(plain.number), str(plain.wwpn), plain.npiv))
        self.assertEqual(('3C00', NPIV, True),
                         (str(npiv.number), str(npiv.wwpn), npiv.npiv))
        # held again, with a longer lease
        self.assertEqual(
            [plain.number, npiv.number],
            [held.number for held in self.hold(instance=instance)])
        used, paths = self.use(self.trusted(), instance)
        disk = self.attach(used, paths)
        self.assertEqual((4, 0), (len(disk.paths_up), disk.others))
        self.check_data(used, disk)
        self.detach(used, paths)
        self.assertEqual([], self.scsi())

    def test_two_guests_share_it_and_get_their_own_luns_only(self):
        self.devices = fcp.Devices(
            self.zhcp, model.DeviceRanges.parse('3B00-3B0D'), paths=1,
            compute='compute1')
        for userid, name in (('LNX00001', 'guest1'), ('LNX00002', 'guest2')):
            used, paths = self.use(self.trusted(), base.new(), userid, name)
            disk = self.attach(used, paths, name)
            self.assertEqual((2, 0), (len(disk.paths_up), disk.others))
            self.check_data(used, disk, name)
        self.assertEqual({PHYSICAL},
                         {str(d.wwpn) for d in self.devices.list()})


class OfflineTest(LessonTest):
    """3B00 of zvm_fcp_list is offline."""

    def change(self, host):
        first, second = host['fcp_devices']
        host['fcp_devices'] = [
            dict(first, range='3B00', status='offline'),
            dict(first, range='3B01-3B0F', npiv_wwpn='c05076ffe5001001'),
            second]

    def test_it_is_passed_over_again_and_again(self):
        numbers = [[str(d.number) for d in self.hold(userid)]
                   for userid in ('LNX00001', 'LNX00002', 'LNX00003')]
        self.assertEqual([['3B01', '3C00'], ['3B02', '3C01'],
                          ['3B03', '3C02']], numbers)

    def test_the_next_device_carries_the_paths(self):
        used, paths = self.use(self.trusted(), base.new())
        disk = self.attach(used, paths)
        self.assertEqual(4, len(disk.paths_up))
        self.check_data(used, disk)


class LateNamesTest(LessonTest):
    """Guests in which udev is slow and multipathing not installed."""

    GUESTS = {'rhel9': ('guest1', 'LNX00001'),
              'sles15': ('guest2', 'LNX00002'),
              'ubuntu22.04': ('guest3', 'LNX00003')}

    def change(self, host):
        host['guests'] = {
            name: {'userid': userid, 'linux': {
                'distro': distro, 'multipath': False, 'udev_delay': 0.5,
                'missing': ['multipath']}}
            for distro, (name, userid) in self.GUESTS.items()}

    def test_the_told_name_exists_and_is_this_disk(self):
        for distro, (name, userid) in self.GUESTS.items():
            used, paths = self.use(self.trusted(), base.new(), userid, name)
            disk = self.attach(used, paths, name)
            place = self.folder(userid) / disk.device_path[1:]
            self.assertTrue(place.is_symlink(), (distro, disk))
            self.assertTrue(disk.device_path.startswith(
                '/dev/disk/by-path/ccw-%s-' % paths[0].device.bus_id), disk)
            self.check_data(used, disk, name)
            self.detach(used, paths, name)
            self.assertFalse(place.is_symlink(), (distro, disk))


class GuestToolsTest(LessonTest):
    """What guests' tools and kernels did to systems before this one."""

    KINDS = {'rhel7.9': ('guest1', 'LNX00001'),
             'sles12': ('guest2', 'LNX00002'),
             'ubuntu22.04': ('guest3', 'LNX00003')}

    def change(self, host):
        host['guests'] = {
            name: {'userid': userid, 'linux': {
                'distro': distro, 'port_delay': 0.5}}
            for distro, (name, userid) in self.KINDS.items()}

    def attached(self):
        """Each guest in turn: its names, LUN, paths, disk."""
        for name, userid in self.KINDS.values():
            self.instance = base.new()
            used, paths = self.use(self.trusted(), self.instance, userid,
                                   name)
            yield name, userid, used, paths, self.attach(used, paths, name)

    def in_guest(self, name, command):
        result = self.node(name).run('cd "$ZVM_ROOT"; ' + command)
        self.assertTrue(result.ok, result)
        return result.stdout

    def test_lszfcp_is_empty_at_first(self):
        # the device is online, and its link comes up half a second later
        for name, userid, used, paths, disk in self.attached():
            self.assertEqual(4, len(disk.paths_up), name)
            self.check_data(used, disk, name)
            self.assertEqual(
                4, len(self.in_guest(name, 'lszfcp -D').splitlines()))

    def test_a_detach_while_mounted_changes_nothing(self):
        for name, userid, used, paths, disk in self.attached():
            self.in_guest(name, 'mkfs.xfs -f .%s; mount .%s mnt' % (
                disk.device_path, disk.device_path))
            error = self.assertRaises(exceptions.DeviceBusy, self.detach,
                                      used, paths, name)
            self.assertIn('mount:/mnt', str(error))
            self.assertEqual(4, len(self.scsi(userid)), name)
            self.check_data(used, disk, name)
            self.in_guest(name, 'umount mnt')
            self.detach(used, paths, name)

    def test_a_detached_lun_stays_away_though_lun_scan_is_on(self):
        for name, userid, used, paths, disk in self.attached():
            # another volume keeps the devices online
            kept, others = self.use(self.trusted(), self.instance, userid,
                                    name)
            self.attach(kept, others, name)
            self.in_guest(
                name, 'echo Y >sys/module/zfcp/parameters/allow_lun_scan')
            self.detach(used, paths, name)
            self.in_guest(name, 'for d in sys/class/scsi_host/*; do '
                          'echo "- - -" >$d/scan; done; udevadm settle')
            self.assertEqual(4, len(self.scsi(userid)), name)
            for state in ('off', 'on'):
                self.session.put('/xcatws/nodes/%s/power' % name, [state])
            self.in_guest(name, 'until [ "$(ls sys/bus/scsi/devices | wc -l)"'
                          ' -ge 4 ]; do sleep 0.1; done; udevadm settle')
            self.assertEqual(4, len(self.scsi(userid)), name)
            self.assertNotIn(disk.link.rpartition('/')[2], self.in_guest(
                name, 'ls dev/disk/by-id'))


class LunNumberTest(LessonTest):
    """LUNs that need more than 16 bits, and one of another form."""

    LUNS = {'4010400300000000': 0x40104003, '0001117000000000': 70000,
            '0011000000000000': 17}

    def change(self, host):
        pools = host['pools']
        pools['zpool1'] = [dict(pools['zpool1'][0], lun=lun, count=1)
                           for lun in self.LUNS]

    def test_they_arrive_unchanged(self):
        instance, attached = base.new(), {}
        for _ in self.LUNS:
            used, paths = self.use(self.trusted(), instance)
            attached[str(used.lun)] = used, paths, self.attach(used, paths)
        self.assertEqual(set(self.LUNS), set(attached))
        for lun, (used, paths, disk) in attached.items():
            self.assertEqual(self.LUNS[lun], used.lun.scsi_int())
            self.assertEqual(lun, str(self.told(used).lun))
            self.assertEqual({lun}, {str(p.lun) for p in disk.paths_up})
            self.check_data(used, disk)
            self.assertIn(lun, self.simulator.pool_text('host1', 'zpool1'))
        for used, paths, _ in attached.values():
            self.detach(used, paths)
        self.assertEqual([], self.scsi())

    def told(self, used):
        """What Nova reads of the data that other drivers read too."""
        return connection.parse({
            'driver_volume_type': 'fibre_channel', 'data': {
                'target_wwns': [str(w) for w in used.wwpns],
                'target_lun': used.lun.scsi_int(), 'zvm_lun': str(used.lun),
                'zvm_volume_id': used.volume_id, 'zvm_pool': used.pool,
                'zvm_zhcp': self.zhcp.name, 'zvm_wwid': used.wwid,
                'zvm_generation': used.generation,
                'zvm_bytes': used.size.bytes}})


class TooFewTest(LessonTest):
    """Every device but the zHCP's 3C0E is on one CHPID."""

    def change(self, host):
        host['fcp_devices'][1]['chpid'] = '50'

    def test_two_paths_over_one_chpid_are_none(self):
        for _ in range(2):
            error = self.assertRaises(exceptions.NoFcpDevice, self.hold)
            for word in ('3B00-3B0D has 14 of 14 free', '2 paths',
                         '3C00-3C0D has 14 of 14 free', 'all on CHPID 50',
                         'zvm_fcp_list'):
                self.assertIn(word, str(error))
            self.assertEqual((), self.devices.list())
        self.devices = fcp.Devices(self.zhcp, base.RANGES, paths=1,
                                   compute='compute1')
        self.assertEqual(['3B00'], [str(d.number) for d in self.hold()])
