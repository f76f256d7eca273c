# SPDX-License-Identifier: Apache-2.0
"""What others write into a pool file, and what the zHCP program makes of it.

Foreign hands edit with "sed -i" and ">>" and know of no lock.
"""

import os
import shutil

from tests.unit.remote.base import Base
from tests.unit.remote.base import GIB
from tests.unit.remote.base import line
from tests.unit.remote.base import new
from tests.unit.remote.base import stamp
from tests.unit.remote import local
from zvm_common import exceptions

POOL_FILE = 'var/opt/zhcp/zfcp/zpool1.conf'
OTHER_PORT = '5005076303000002'


class ForeignBase(Base):

    def taken(self, lun):
        """Somebody makes the LUN of a volume of ours used by lnx9."""
        mine = 'reserved,%s,%s,' % (lun.wwpns[0], lun.lun)
        text = self.node.pool_text()
        self.assertIn(mine, text)
        self.node.write(POOL_FILE, text.replace(
            mine, mine.replace('reserved', 'used')).replace(
                stamp(lun.volume_id), 'lnx9'))
        return self.node.pool_text()

    def wiped(self, lun):
        """The ledger as a wipe leaves it that ended this moment."""
        name = 'var/lib/zvm-volume/luns/%s-%s' % (lun.wwpns[0], lun.lun)
        self.node.write(name, self.node.read(name).replace(
            'state=ours', 'state=freeing').replace('end=1',
                                                   'clean=yes\nend=1'))

    def detach_without_line(self, used, instance):
        """Detach while the pool file is away; then it is there as before."""
        text = self.node.pool_text()
        os.remove(os.path.join(self.node.root, POOL_FILE))
        ours, _ = self.devices.detach(used.volume_id, used.generation,
                                      instance)
        self.node.write(POOL_FILE, text)
        return ours


class EditedLineTest(ForeignBase):

    def test_a_lun_whose_ports_change_places_is_not_handed_out(self):
        self.node.pool('zpool1', line(0))
        self.claim()
        self.node.pool('zpool1', line(0, port=OTHER_PORT + ';' + local.PORT))
        self.assertRaises(exceptions.NoSuitableLun, self.claim)
        self.assertRaises(exceptions.DuplicateLun, self.pool.check)

    def test_an_edit_just_before_ours_is_kept(self):
        # the program syncs its copy of the file before it compares
        self.node.tool('sync', '''
case ${1:-} in
    *.zvm-volume.*)
        cd "$ZVM_ROOT/var/opt/zhcp/zfcp"
        sed -i 's/^free,\\(.*40114003.*\\),,,$/used,\\1,lnx9,,/' zpool1.conf ;;
esac
''')
        lun = self.claim()
        self.assertIn('used,%s,4011400300000000,1G,3B00-3B0F;3C00-3C0F,lnx9'
                      % local.PORT, self.node.pool_text())
        self.assertIn(stamp(lun.volume_id), self.node.pool_text())

    def test_an_edit_while_ours_begins_leaves_no_shreds(self):
        # shorter than before: once the end of the longer file was added to it
        self.node.pool('zpool1', line(0), line(1, status='reserved',
                                               owner='somebody-for-long'))
        self.node.tool('cp', r'''
cd "$ZVM_ROOT/var/opt/zhcp/zfcp"
sed -i 's/^reserved,\(.*\),somebody-for-long,/free,\1,,/' zpool1.conf
exec %s "$@"
''' % shutil.which('cp'))
        lun = self.claim()
        self.assertEqual(
            [line(0, status='reserved', owner=stamp(lun.volume_id)), line(1)],
            self.node.pool_text().splitlines()[1:])

    def test_a_repeated_claim_leaves_another_user_in_the_line(self):
        lun = self.claim()
        text = self.taken(lun)
        self.assertEqual('used', self.claim(lun.volume_id).drift)
        self.assertEqual(text, self.node.pool_text())

    def test_the_end_of_a_wipe_leaves_another_user_in_the_line(self):
        lun = self.claim()
        self.wiped(lun)
        text = self.taken(lun)
        error = self.assertRaises(exceptions.PoolDamaged, self.pool.wait,
                                  lun.volume_id, 5)
        self.assertIn('lnx9', str(error))
        self.assertEqual(text, self.node.pool_text())

    def test_attach_and_release_refuse_a_lun_that_another_uses(self):
        lun = self.claim()
        text = self.taken(lun)
        for call in (lambda: self.attach(lun, new()),
                     lambda: self.pool.release(lun.volume_id,
                                               lun.generation)):
            error = self.assertRaises(exceptions.LunBusy, call)
            self.assertIn('lnx9', str(error))
        self.assertEqual(text, self.node.pool_text())

    def test_used_is_used_in_any_case(self):
        lun = self.claim()
        text = self.taken(lun).replace('used,', 'USED,')
        self.node.write(POOL_FILE, text)
        self.assertRaises(exceptions.LunBusy, self.pool.release,
                          lun.volume_id, lun.generation)
        self.assertEqual(text, self.node.pool_text())

    def test_another_owner_is_drift(self):
        lun = self.claim()
        self.assertEqual('', self.pool.look(lun.volume_id).drift)
        self.node.write(POOL_FILE, self.node.pool_text().replace(
            stamp(lun.volume_id), 'somebody'))
        self.assertEqual('owner', self.pool.look(lun.volume_id).drift)
        self.claim(lun.volume_id)
        self.assertIn(stamp(lun.volume_id), self.node.pool_text())

    def test_what_was_away_or_elsewhere_or_twice_is_not_clean(self):
        away, elsewhere, twice = (lambda: self.node.pool('zpool1'),
                                  lambda: self.node.pool('zpool2', line(0)),
                                  lambda: self.node.pool('zpool1', line(0),
                                                         line(0)))
        for change in (away, elsewhere, twice):
            self.node.pool('zpool1', line(0))
            lun = self.clean()
            self.assertEqual([True], [s.clean for s in self.pool.view().luns])
            change()
            self.pool.view()
            self.assertIn('clean=no', self.record(lun))
            self.node.pool('zpool2')

    def clean(self):
        """The first LUN, free again and clean."""
        lun = self.claim()
        self.wiped(lun)
        name = 'var/lib/zvm-volume/luns/%s-%s' % (lun.wwpns[0], lun.lun)
        self.node.write(name, self.node.read(name).replace(
            'state=freeing', 'state=free').replace(
                'volume=%s\n' % lun.volume_id, ''))
        self.node.pool('zpool1', line(0))
        return lun

    def test_what_could_not_be_freed_at_once_is_not_clean(self):
        lun = self.claim()
        self.wiped(lun)
        self.assertIsNone(self.pool.wait(lun.volume_id, 5))
        self.assertIn('clean=no', self.record(lun))

    def test_a_line_that_a_detach_could_not_write_stops_nothing(self):
        instance = new()
        lun = self.attach(self.claim(), instance)
        # detached once more; attached to another guest; released
        ours = self.detach_without_line(lun, instance)
        self.devices.detach(lun.volume_id, lun.generation, instance)
        self.assertIn(stamp(lun.volume_id), self.node.pool_text())
        instance = new()
        used = self.attach(ours, instance, 'VM00002')
        self.assertIn(',vm00002,', self.node.pool_text())
        ours = self.detach_without_line(used, instance)
        instance = new()
        used = self.attach(ours, instance)
        ours = self.detach_without_line(used, instance)
        self.node.tool('setsid', local.IDLE)
        released = self.pool.release(ours.volume_id, ours.generation)
        self.assertEqual(('wiping', ''), (released.state, released.drift))


class StrangeLineTest(ForeignBase):

    def test_strange_ranges_allow_no_device(self):
        for ranges in ('auto', '3B00-3B0F 3C00-3C0F', '3B00-3C0F-', '-',
                       '3B00-$(touch x)'):
            self.node.pool('zpool1', line(0, ranges=ranges))
            volume = new()
            lun = self.claim(volume)
            self.assertRaises(exceptions.NoFcpDevice, self.attach, lun, new())
            self.forget(lun)

    def test_an_open_end_of_a_range_is_passed_over(self):
        self.node.pool('zpool1', line(0, ranges='3B00-3B0F;3c00-3c0f;'))
        self.assertEqual('used', self.attach(self.claim(), new()).state)

    def test_lines_without_a_right_port_are_told(self):
        for ports in ('0000000000000000', '%s;%s' % (local.PORT, local.PORT),
                      local.PORT + ';', '', '50050763', '*', '../../x'):
            self.node.pool('zpool1', line(0, port=ports), line(1))
            self.assertEqual(('1',), self.pool.view().bad)
            error = self.assertRaises(exceptions.PoolDamaged,
                                      self.pool.check)
            self.assertIn('LUN line 1', str(error))
            self.assertEqual('4011400100000000',
                             str(self.pool.view().luns[0].lun))

    def test_sizes_beyond_reason_are_unknown(self):
        for size in ('99999999999999999999G', '9e9G', '-1G', '1T', '0G',
                     '1G1G', '0x10G'):
            self.node.pool('zpool1', line(0, size), line(1))
            seen = self.pool.view().luns
            self.assertEqual((None, GIB(1)),
                             (seen[0].capacity, seen[1].capacity))
            error = self.assertRaises(exceptions.NoSuitableLun, self.claim,
                                      least=2, most=10 ** 6)
            self.assertIn('the largest has 1073741824 bytes', str(error))

    def test_any_number_of_ports_makes_a_lun(self):
        ports = ';'.join('50050763030000%02x' % i for i in range(1, 65))
        self.node.pool('zpool1', line(0, port=ports))
        self.assertEqual(64, len(self.claim().wwpns))

    def forget(self, lun):
        os.remove(os.path.join(self.node.root, 'var/lib/zvm-volume/luns',
                               '%s-%s' % (lun.wwpns[0], lun.lun)))
        for device in self.devices.list():
            self.devices.release(device.instance)
