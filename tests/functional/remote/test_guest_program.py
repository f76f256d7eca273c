# SPDX-License-Identifier: Apache-2.0
"""Paths on and off in a running guest."""

import os

from tests.functional.remote import base
from tests import shells
from tests import worlds
from zvm_common import exceptions
from zvm_common import guestdisk


class GuestProgramTest(base.Base):

    shell = shells.ANY

    def setUp(self):
        super().setUp()
        self.guest = guestdisk.GuestDisk(self.node())
        self.instance = base.new()
        self.used, self.paths = self.use(self.trusted(), self.instance)

    def attach(self, used=None, paths=None, wwid=None, size=None):
        used = used or self.used
        return self.guest.attach(used.volume_id, used.generation,
                                 paths or self.paths, wwid or used.wwid,
                                 size or used.size)

    def detach(self, used=None, paths=None, wwid=None):
        used = used or self.used
        self.guest.detach(used.volume_id, used.generation,
                          paths or self.paths, wwid)

    def run_in_guest(self, command):
        result = self.node().run(command)
        self.assertTrue(result.ok, result)
        return result.stdout.strip()

    def test_exactly_the_paths_come_and_go(self):
        # ten LUNs are masked to these devices, and LUN scan is the default
        disk = self.attach()
        self.assertEqual(4, len(self.scsi()))
        self.assertEqual((4, 0, 0), (len(disk.paths_up), disk.others,
                                     len(disk.paths_missing)))
        self.assertEqual('/dev/disk/by-id/dm-uuid-mpath-3' + disk.wwid,
                         disk.device_path)
        self.detach(wwid=disk.wwid)
        self.assertEqual([], self.scsi())

    def test_repeats_change_nothing(self):
        self.assertEqual(self.attach(), self.attach())
        self.detach()
        self.detach()
        self.assertEqual([], self.scsi())

    def test_the_second_volume_of_the_devices_stays(self):
        self.attach()
        other, paths = self.use(self.trusted(), self.instance)
        disk = self.attach(other, paths)
        self.detach()
        self.assertEqual(4, len(self.scsi()))
        self.run_in_guest('head -c 4096 "$ZVM_ROOT"%s >/dev/null'
                          % disk.device_path)
        self.detach(other, paths)
        self.assertEqual([], self.scsi())

    def test_data_goes_through_the_reported_device(self):
        disk = self.attach()
        self.run_in_guest('echo hello | dd conv=notrunc of="$ZVM_ROOT"%s'
                          % disk.device_path)
        self.assertEqual(b'hello\n',
                         self.disk_file(self.used).read_bytes()[:6])

    def test_a_mounted_disk_stays(self):
        disk = self.attach()
        mounts = self.folder() / 'proc/mounts'
        before = mounts.read_text()
        for name in ('/dev/mapper/3' + disk.wwid, '/dev/dm-0', '/dev/sda'):
            mounts.write_text(before + '%s /data ext4 rw 0 0\n' % name)
            error = self.assertRaises(exceptions.DeviceBusy, self.detach)
            self.assertIn('/data', str(error))
            self.assertEqual(4, len(self.scsi()))
            mounts.write_text(before)
        self.detach()

    def test_another_disk_is_refused_and_undone(self):
        self.assertRaises(exceptions.DiskMismatch, self.attach,
                          wwid='6' + 31 * '0')
        self.assertEqual([], self.scsi())
        disk = self.attach()
        self.assertRaises(exceptions.DiskMismatch, self.detach,
                          wwid='6' + 31 * '0')
        self.assertEqual(4, len(self.scsi()))
        self.detach(wwid=disk.wwid)

    def test_a_smaller_disk_is_refused_and_undone(self):
        self.assertRaises(exceptions.DiskMismatch, self.attach,
                          size=base.GIB(3))
        self.assertEqual([], self.scsi())

    def test_a_late_request_is_refused(self):
        self.attach()
        self.guest.detach(self.used.volume_id, self.used.generation + 1,
                          self.paths, None)
        self.assertRaises(exceptions.StaleGeneration, self.attach)
        self.assertEqual([], self.scsi())

    def test_paths_are_there_again_after_a_restart(self):
        self.attach()
        node = '/xcatws/nodes/guest1/power'
        for state in ('off', 'on'):
            self.session.put(node, [state])
        self.assertEqual(4, len(self.scsi()))
        self.assertEqual('N', self.run_in_guest(
            'cat "$ZVM_ROOT"/sys/module/zfcp/parameters/allow_lun_scan'))
        self.detach()
        for state in ('off', 'on'):
            self.session.put(node, [state])
        self.assertEqual([], self.scsi())

    def test_one_dead_path_does_not_stop_a_detach(self):
        self.attach()
        blockdev = self.run_in_guest('command -v blockdev')
        self.tool('blockdev', """\
case "$*" in
    *flushbufs*/sdb) echo 'No such device or address' >&2; exit 1 ;;
esac
exec %s "$@"
""" % blockdev)
        self.detach()
        self.assertEqual([], self.scsi())

    def test_a_repeat_that_is_refused_does_not_say_nothing_is_left(self):
        remote = self.guest._remote
        run = remote.node.run

        def lossy(command, **options):
            result = run(command, **options)
            if ' ok device' in result.stdout:
                # the answer is lost, and then the disks answer otherwise
                run('for d in "$ZVM_ROOT"/sys/bus/scsi/devices/*; do '
                    'rm "$d/wwid"; echo t10.other >"$d/wwid"; done')
                raise exceptions.OutcomeUnknown('lost')
            return result
        remote.node.run = lossy
        error = self.assertRaises(exceptions.DiskMismatch, self.attach)
        self.assertEqual('unknown', error.fields['undone'])
        self.assertEqual(4, len(self.scsi()))

    def test_luns_left_on_a_device_that_was_offline_stay_away(self):
        other = self.trusted()
        for path in guestdisk.paths_of(self.used.devices, other.wwpns,
                                       other.lun):
            self.run_in_guest('chzdev -e -p zfcp-lun %s --yes --quiet' % path)
        self.assertEqual(0, self.attach().others)
        self.assertEqual(4, len(self.scsi()))
        self.assertNotIn(str(other.lun), self.run_in_guest(
            'lszdev zfcp-lun --configured --columns ID'))
        for state in ('off', 'on'):
            self.session.put('/xcatws/nodes/guest1/power', [state])
        self.assertEqual(4, len(self.scsi()))

    def test_a_missing_tool_is_named(self):
        (self.folder() / 'usr').mkdir(exist_ok=True)
        node = self.node()
        run = node.run
        node.run = lambda command, **options: run(
            'PATH=/usr/bin:/bin; ' + command, **options)
        error = self.assertRaises(
            exceptions.ToolMissing, guestdisk.GuestDisk(node).attach,
            self.used.volume_id, self.used.generation, self.paths, None, None)
        self.assertIn('udevadm', str(error))


class FabricTest(base.Base):
    """Guests whose devices do not see all ports, or not the LUN."""

    def world(self):
        world = worlds.small()
        lpar = world['lpars']['host1']
        lpar['targets'] = {'50': ['5005076303001001'],
                           '51': ['5005076303001002']}
        lines = lpar['pools']['zpool1']
        lines.append(dict(lines[1], lun='4011401000000000', count=1,
                          size='5G', masked_to=['c05076ffe5001000']))
        lpar['guests']['guest2']['linux'] = {'distro': 'sles15',
                                             'multipath': False}
        return world

    def attach(self, used, paths, name='guest1'):
        return guestdisk.GuestDisk(self.node(name)).attach(
            used.volume_id, used.generation, paths, None, used.size)

    def test_ports_of_the_other_fabric_are_no_failure(self):
        disk = self.attach(*self.use(self.trusted(), base.new()))
        self.assertEqual((2, 2), (len(disk.paths_up),
                                  len(disk.paths_missing)))

    def test_a_device_without_a_path_is_a_failure(self):
        lun = self.pool.claim(base.new(), base.new(), base.GIB(5),
                              base.GIB(5), trust=True)
        error = self.assertRaises(exceptions.PathFailed, self.attach,
                                  *self.use(lun, base.new()))
        self.assertIn('3C00', str(error))
        self.assertEqual([], self.scsi())

    def test_without_multipathing_a_by_path_name_is_told(self):
        used, paths = self.use(self.trusted(), base.new(), 'LNX00002',
                               'guest2')
        disk = self.attach(used, paths, 'guest2')
        self.assertIn('/dev/disk/by-path/ccw-0.0.3b00-', disk.device_path)


class MaskedTest(base.Base):
    """A LUN that is masked to the first of two devices only."""

    def world(self):
        world = worlds.small()
        lines = world['lpars']['host1']['pools']['zpool1']
        lines[:] = [dict(lines[0], count=1,
                         masked_to=['c05076ffe5001000'])]
        return world

    def test_undo_leaves_the_map_of_before(self):
        guest = guestdisk.GuestDisk(self.node())
        used, paths = self.use(self.trusted(), base.new())
        first = [p for p in paths if str(p.device) == '3B00']

        def attach(some):
            return guest.attach(used.volume_id, used.generation, some, None,
                                used.size)
        disk = attach(first)
        self.assertIn('mpath', disk.device_path)
        # the map is down to one path, and only the other one is undone
        self.node().run('chzdev -d zfcp-lun %s --yes --quiet' % first[1])
        left = self.scsi()
        self.assertEqual(1, len(left))
        self.assertRaises(exceptions.PathFailed, attach, paths)
        self.assertEqual(left, self.scsi())
        self.assertTrue(os.path.lexists(
            str(self.folder()) + disk.device_path))


class ToldTest(base.Base):
    """What Python callers get."""

    def setUp(self):
        super().setUp()
        self.guest = guestdisk.GuestDisk(self.node())

    def test_a_guest_tells_what_was_chosen_for_it(self):
        self.assertEqual(guestdisk.GuestFacts(
            os='rhel-9.4', kernel='5.14.0-427.13.1.el9_4.s390x', user='root',
            persist='chzdev', scan='on', multipath=True, missing=()),
            self.guest.hello())

    def test_the_link_by_volume_id_and_what_force_did(self):
        used, paths = self.use(self.trusted(), base.new())
        what = used.volume_id, used.generation, paths, used.wwid
        disk = self.guest.attach(*what, used.size)
        self.assertEqual('/dev/disk/by-id/zvm-volume-%s' % used.volume_id,
                         disk.link)
        (self.folder() / 'proc/mounts').open('a').write(
            '%s /data ext4 rw 0 0\n' % disk.link)
        error = self.assertRaises(exceptions.DeviceBusy, self.guest.detach,
                                  *what)
        self.assertIn('/data', str(error))
        self.assertIn('used by mount:/data',
                      self.guest.detach(*what, force=True))
        self.assertEqual([], self.scsi())
        self.assertEqual('', self.guest.detach(*what))
