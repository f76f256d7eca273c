# SPDX-License-Identifier: Apache-2.0
"""LUNs of the operator as volumes and snapshots, through Cinder's API.

Data are compared byte for byte on the simulated disks.
"""

import json
import pathlib
import shutil
import threading

from tests.functional.cinder import base
from tests.functional.cinder import client
from tests.functional.cinder import copies
from tests.functional.cinder import harness
from tests import waits
from tests import zeros


class ManageTestCase(copies.CopiesTestCase):
    """Six free LUNs of 1 GiB, then the operator's.

    These are: two of 1 GiB that he has reserved, one of 1.5 GiB, one that a
    guest of his uses, and one of less than 1 GiB.
    """

    backends = {'zvmssio1': harness.section(
        1, zvm_trust_free_luns=True, zvm_copy_verify='sampled')}
    shared = False

    def world(self):
        world = super().world()
        pools = world['lpars']['host1']['pools']
        one, two = pools['zpool1']
        his = dict(one, count=1, status='reserved', owner='db2')
        pools['zpool1'] = [
            dict(one, count=6), dict(two, count=3),
            dict(his, lun='4011410000000000', count=2),
            dict(his, lun='4011410200000000', size='1.5G'),
            dict(his, lun='4011410300000000', status='used', owner='lnx9'),
            dict(his, lun='4011410400000000', size='1023M')]
        return world

    def setUp(self):
        super().setUp()
        name, = self.client.pools()
        self.host = name
        self.luns = [lun.ljust(16, '0') for lun in (
            '40114100', '40114101', '40114102', '40114103', '40114104')]
        self.lun = self.luns[0]
        for lun in self.luns:
            zeros.scribble(self.file(lun))
        shutil.copy(self.file(self.lun), self.picture())

    def picture(self):
        return pathlib.Path(self.pictures.name, 'before')

    def wwpns(self, lun=None):
        return self.line(lun)[1]

    def reference(self, lun=None):
        lun = lun or self.lun
        return {'wwpn': self.wwpns(lun).split(';')[0], 'lun': lun}

    def line(self, lun=None):
        line, = (line for line in self.lines()
                 if line[2] == (lun or self.lun))
        return line

    def edit(self, lun, status, owner=''):
        """The operator writes a line anew."""
        path = pathlib.Path(self.simulator.node_folder('host1', 'ZHCP1'),
                            'var/opt/zhcp/zfcp/zpool1.conf')
        lines = []
        for text in path.read_text().splitlines():
            cells = text.split(',')
            if cells[2] == lun:
                cells[0], cells[5] = status, owner
            lines.append(','.join(cells) + '\n')
        path.write_text(''.join(lines))

    def file(self, lun):
        return pathlib.Path(self.simulator.disk(
            'host1', self.wwpns(lun).split(';')[0], lun)['path'])

    def assertKept(self):
        """Every byte of the LUN is as it was at first."""
        self.assertTrue(zeros.begins_with(self.file(self.lun),
                                          self.picture()))

    def ordered(self, lun=None, **fields):
        return self.client.manage(self.host, self.reference(lun),
                                  volume_type='zvmssio1', **fields)

    def managed(self, lun=None, **fields):
        return self.available(self.ordered(lun, **fields))

    def refused(self, reference, *words):
        """It comes to nothing, and the log says why."""
        volume = self.client.manage(self.host, reference,
                                    volume_type='zvmssio1')
        self.client.reached(self.client.volume, volume['id'], 'error')
        for word in words:
            self.assertIn(word, self.log())
        self.deleted(volume)

    def unmanaged(self, volume):
        self.client.unmanage(volume['id'])
        self.client.gone(self.client.volume, volume['id'])

    def listed(self, **query):
        return {each['reference']['lun']: each
                for each in self.client.manageable(self.host, **query)}


class ManageTest(ManageTestCase):

    def test_it_comes_back_by_the_id_that_it_had(self):
        first = self.managed()
        self.unmanaged(first)
        second = self.available(self.client.manage(
            self.host, {'source-id': first['id']}, volume_type='zvmssio1'))
        self.assertIn(self.lun, self.provider_id(second))
        self.assertKept()
        self.deleted(second)

    def test_a_lun_comes_with_its_data_and_goes_with_them(self):
        volume = self.managed(name='old', bootable=True)
        self.assertEqual([1, 'true'], [volume['size'], volume['bootable']])
        self.assertIn(self.lun, self.provider_id(volume))
        self.assertEqual('reserved', self.line()[0])
        self.assertKept()
        self.assertCounted(1, 0, 1)
        clone = self.available(self.client.create(
            source_volid=volume['id']))
        self.assertTrue(zeros.begins_with(self.disk_of(clone),
                                          self.picture()))
        self.unmanaged(volume)
        self.assertKept()
        self.assertEqual(['reserved', 'db2'], [self.line()[0],
                                               self.line()[5]])
        self.assertCounted(1, 0, 1)
        # once more, by another port
        self.simulator.forget_requests()
        again = self.available(self.client.manage(
            self.host, {'wwpn': self.wwpns(), 'lun': '0x' + self.lun},
            volume_type='zvmssio1'))
        self.assertKept()
        self.deleted(again)
        self.assertTrue(zeros.is_zero(self.file(self.lun)))
        self.assertEqual('free', self.line()[0])
        self.deleted(clone)
        self.assertCounted(0, 0, 0)

    def test_the_size_is_rounded_down_and_nothing_is_cut_off(self):
        volume = self.managed(self.luns[2])
        self.assertEqual(1, volume['size'])
        clone = self.available(self.client.create(source_volid=volume['id']))
        self.assertEqual(2, self.size_of(clone))
        self.assertTrue(zeros.begins_with(self.disk_of(clone),
                                          self.file(self.luns[2])))
        self.client.extend(volume['id'], 2)
        self.available(volume)
        self.assertTrue(zeros.begins_with(self.disk_of(volume),
                                          self.disk_of(clone)))

    def test_what_cannot_be_managed_says_why(self):
        volume = self.created()
        own = self.provider_id(volume).split(':')
        free = next(line for line in self.lines() if line[0] == 'free')
        for reference, words in (
                (self.reference(self.luns[3]), 'guest lnx9 uses it'),
                (self.reference(self.luns[4]), 'smallest volume is of 1 GiB'),
                ({'wwpn': free[1], 'lun': free[2]}, 'any volume may get it'),
                ({'wwpn': own[1].split('+')[0], 'lun': own[2]},
                 'the LUN of volume ' + volume['id']),
                (dict(self.reference(), lun='40' * 8), 'no line of it'),
                ({'source-name': 'x'}, 'wwpn and lun and nothing else')):
            self.refused(reference, words)
        self.assertEqual(['used', 'lnx9'], [self.line(self.luns[3])[0],
                                            self.line(self.luns[3])[5]])
        self.assertKept()
        self.deleted(volume)

    def test_two_of_one_lun_have_one_winner(self):
        made = []
        threads = [threading.Thread(target=lambda: made.append(
            self.ordered())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ends = {}
        for volume in made:
            try:
                self.available(volume)
            except client.Failed:
                ends.setdefault('error', []).append(volume)
            else:
                ends.setdefault('available', []).append(volume)
        self.assertEqual([1, 3], [len(ends['available']),
                                  len(ends['error'])])
        for volume in ends['error']:
            self.deleted(volume)
        self.assertKept()
        winner, = ends['available']
        self.assertIn(self.lun, self.provider_id(winner))
        self.unmanaged(winner)

    def test_one_that_was_unmanaged_is_handed_out_to_nobody(self):
        self.unmanaged(self.managed())
        for lun in self.luns[1:]:
            self.edit(lun, 'reserved')
        self.edit(self.lun, 'free')
        made = [self.created() for _ in range(6)]
        self.assertNotIn(self.lun, ' '.join(
            self.provider_id(volume) for volume in made))
        self.cloud.ask('report')
        self.assertEqual('reserved', self.line()[0])
        self.assertKept()

    def test_not_unmanaged_while_a_guest_has_it(self):
        volume = self.managed()
        connector = self.connector()
        made = self.client.attach(volume['id'], base.INSTANCE)
        attachment = dict(self.client.connect(made['id'], connector),
                          connector=connector)
        self.cloud.ask('use', backend='zvmssio1', attachment=attachment,
                       userid='LNX00001', node='guest1')
        self.client.complete(attachment['id'])
        status, text = self.status_of(self.client.unmanage, volume['id'])
        self.assertEqual(400, status)
        # Cinder was told that it is detached, and it is not
        self.client.reset(volume['id'], status='available',
                          attach_status='detached')
        self.client.unmanage(volume['id'])
        waits.until(lambda: 'still used by guest LNX00001' in self.log(), 60)
        self.client.reached(self.client.volume, volume['id'], 'available')
        self.assertEqual('used', self.line()[0])
        self.cloud.ask('unuse', backend='zvmssio1', attachment=attachment)
        self.unmanaged(volume)
        self.assertKept()

    def test_a_manage_that_cinder_did_not_finish_is_not_wiped(self):
        volume = self.managed()
        self.cloud.ask('forget_manage', volume_id=volume['id'],
                       backend='zvmssio1')
        self.client.reset(volume['id'], status='error')
        self.deleted(volume)
        self.assertKept()
        self.assertEqual(['reserved', 'db2'], [self.line()[0],
                                               self.line()[5]])


class ListTest(ManageTestCase):

    def test_all_that_is_not_free(self):
        volume = self.managed()
        snapshot = self.snapshot(volume)
        self.managed(self.luns[1])
        found = self.listed()
        self.assertEqual(set(self.luns), set(found))
        first = found[self.lun]
        self.assertEqual(
            [{'wwpn': self.wwpns(), 'lun': self.lun}, 1, False, volume['id']],
            [first[key] for key in ('reference', 'size', 'safe_to_manage',
                                    'cinder_id')])
        self.assertIn('already managed', first['reason_not_safe'])
        self.assertEqual([True, None, None], [found[self.luns[2]][key]
                         for key in ('safe_to_manage', 'reason_not_safe',
                                     'cinder_id')])
        self.assertIn('lnx9', found[self.luns[3]]['reason_not_safe'])
        snapshots = self.client.manageable_snapshots(self.host)
        entry = next(each for each in snapshots
                     if each['cinder_id'] == snapshot['id'])
        self.assertEqual(first['reference'], entry['source_reference'])
        self.assertEqual(
            {self.luns[2], self.luns[4]},
            {each['reference']['lun'] for each in snapshots
             if each['safe_to_manage']})

    def test_in_pages_and_sorted(self):
        whole = self.client.manageable(self.host, sort='reference:asc')
        pages, marker = [], {}
        while True:
            page = self.client.manageable(self.host, sort='reference:asc',
                                          limit=2, **marker)
            if not page:
                break
            pages += page
            marker = {'marker': json.dumps(page[-1]['reference'])}
        self.assertEqual(whole, pages)
        self.assertEqual(5, len(whole))
        sizes = [each['size'] for each in self.client.manageable(
            self.host, sort='size:desc')]
        self.assertEqual(sorted(sizes, reverse=True), sizes)
        self.assertEqual(whole[3:], self.client.manageable(
            self.host, sort='reference:asc', offset=3))

    def test_what_is_listed_as_safe_can_be_managed(self):
        found = self.listed()[self.lun]
        self.available(self.client.manage(self.host, found['reference'],
                                          volume_type='zvmssio1'))
        self.assertKept()


class SnapshotTest(ManageTestCase):

    def managed_snapshot(self, volume, lun=None):
        made = self.client.manage_snapshot(volume['id'], self.reference(lun))
        return self.client.reached(self.client.snapshot, made['id'],
                                   'available')

    def test_a_lun_as_a_snapshot(self):
        volume = self.filled()
        snapshot = self.managed_snapshot(volume)
        self.assertEqual(1, snapshot['size'])
        self.assertKept()
        made = self.available(self.client.create(
            snapshot_id=snapshot['id']))
        self.assertTrue(zeros.begins_with(self.disk_of(made),
                                          self.picture()))
        self.client.revert(volume['id'], snapshot['id'])
        self.available(volume)
        self.assertTrue(zeros.begins_with(self.disk_of(volume),
                                          self.picture()))
        self.client.unmanage_snapshot(snapshot['id'])
        self.client.gone(self.client.snapshot, snapshot['id'])
        self.assertKept()
        self.assertEqual(['reserved', 'db2'], [self.line()[0],
                                               self.line()[5]])
        snapshot = self.managed_snapshot(volume)
        self.snapshot_deleted(snapshot)
        self.assertTrue(zeros.is_zero(self.file(self.lun)))
        self.assertEqual('free', self.line()[0])
        self.assertCounted(2, 0, 2)

    def test_a_larger_lun_counts_as_the_volume_s_size(self):
        volume = self.created()
        self.assertEqual(1, self.managed_snapshot(volume,
                                                  self.luns[2])['size'])

    def test_one_that_cannot_be_managed(self):
        volume = self.created()
        made = self.client.manage_snapshot(volume['id'],
                                           self.reference(self.luns[3]))
        self.client.reached(self.client.snapshot, made['id'], 'error')
        self.assertIn('guest lnx9 uses it', self.log())
        self.snapshot_deleted(made)
        self.assertEqual('used', self.line(self.luns[3])[0])
        self.assertCounted(1, 0, 1)
