# SPDX-License-Identifier: Apache-2.0
"""Each trap of the MN's pool commands that the wire document names."""

from tests.functional.agreement import base
from tests.functional.agreement.base import L0
from tests.functional.agreement.base import L1
from tests.functional.agreement.base import L2
from tests.functional.agreement.base import line
from tests.functional.agreement.base import volume
from tests.functional.agreement.base import W1
from tests.functional.agreement.base import W2
from tests.functional.agreement import model
from tests.functional.agreement import stage

BOTH = W1 + ';' + W2


class ReserveTest(base.Story):

    def test_reserved_by_anyone_is_reserved_by_the_next(self):
        self.lay(zpool1=[line(tag='old')])
        self.reserve('vol-a', device='3B05')
        self.reserve('vol-b')
        found = self.line()
        self.assertEqual(('reserved', 'vol-b', '0', ''), tuple(
            found[name] for name in ('status', 'owner', 'channel', 'tag')))

    def test_used_is_refused_and_freed_by_anyone(self):
        self.lay(zpool1=[line(status='used', owner='lnx9')])
        self.assertIn('is in use', self.reserve())
        self.release()
        self.assertEqual([line()], self.lines())

    def test_the_status_is_kept_as_typed_and_only_used_is_used(self):
        self.lay(zpool1=[line()])
        self.reserve('lnx9', status='USED')
        self.assertEqual('USED', self.line()['status'])
        self.assertIn('Done', self.reserve('vol-a'))

    def test_the_same_lun_number_twice_is_done_and_not_written(self):
        files = [line(), line(wwpn=W2)]
        self.lay(zpool1=files)
        self.assertIn(base.DONE % (W1, L0), self.reserve())
        self.assertIn('Failed', self.reserve(wwpn=W2))
        self.assertIn('was released', self.release())
        self.assertEqual(files, self.lines())

    def test_of_several_wwpns_only_the_last_reserves(self):
        self.lay(zpool1=[line(wwpn=BOTH)])
        self.assertIn('return code 127', self.reserve(wwpn=BOTH))
        self.assertIn('return code 1 ', self.reserve(wwpn=W1))
        self.assertIn('Done', self.reserve(wwpn=W2))
        self.assertEqual('vol-a', self.line()['owner'])

    def test_all_wwpns_or_the_last_release(self):
        for wwpn in (BOTH, W2):
            self.lay(zpool1=[line(wwpn=BOTH, status='used', owner='lnx9')])
            self.assertIn('Failed', self.release(wwpn=W1))
            self.assertIn('was released', self.release(wwpn=wwpn))
            self.assertEqual([line(wwpn=BOTH)], self.lines())

    def test_55_gib_are_found_where_there_are_5_5(self):
        self.lay(zpool1=[line(size='5.5G'), line(L1, size='20480M')])
        said = self.both.change('--reservezfcp', 'zpool1', 'reserved', 'vol-a',
                                '0', '40G')
        self.assertIn(base.DONE % (W1, L0), said[-1][1])
        # we read sizes ourselves
        self.release()
        self.assertEqual('nolun', self.both.claim(volume(), least=6,
                                                  most=19)[1])
        self.assertEqual(L0, self.both.claim(volume(), least=2)[0].lun)

    def test_a_reservation_gives_a_lun_without_a_size_the_size_m(self):
        self.lay(zpool1=[line(size='')])
        self.reserve()
        self.assertEqual('M', self.line()['size'])
        self.release()
        self.assertEqual('nolun', self.both.claim(volume())[1])

    def test_a_pool_of_that_name_makes_success_an_error(self):
        self.lay(failedpool=[line()])
        self.assertEqual(
            [('error', 'host1: Adding zFCP device to failedpool pool... '
              'Done')],
            self.both.change('--addzfcp2pool', 'failedpool', 'free', W1, L1,
                             '1G'))
        self.assertEqual(2, len(self.lines('failedpool')))


class OwnerTest(base.Story):
    """Owners that the MN takes and cannot write."""

    def reserved_by(self, owner):
        self.lay(zpool1=[line()])
        self.assertIn(base.DONE % (W1, L0), self.reserve(owner))
        return self.lines()

    def test_a_number_sign_skips_the_write(self):
        self.assertEqual([line()], self.reserved_by('a#b'))

    def test_a_quote_skips_the_write(self):
        self.assertEqual([line()], self.reserved_by("it's"))

    def test_an_ampersand_writes_the_old_line_into_the_new(self):
        self.assertEqual(
            [line(status='reserved', owner='a%sb' % line(), channel='0')],
            self.reserved_by('a&b'))
        self.assertEqual(('foreign', ''), self.state())
        self.release()
        self.assertEqual([line()], self.lines())

    def test_a_comma_shifts_the_columns(self):
        self.reserved_by('a,b')
        self.assertEqual(('a', 'b', '0'), tuple(
            self.line()[name] for name in ('owner', 'channel', 'tag')))

    def test_an_added_number_sign_cannot_be_changed_any_more(self):
        self.lay(zpool1=[line(L1)])
        self.both.change('--addzfcp2pool', 'zpool1', 'reserved', W1, L0, '1G',
                         base.RANGE, 'a#b')
        self.assertIn('was released', self.release())
        self.assertEqual('a#b', self.line(1)['owner'])

    def test_an_added_quote_leaves_a_header_alone(self):
        self.lay(zpool1=[line()])
        self.both.change('--addzfcp2pool', 'new', 'reserved', W1, L1, '1G',
                         base.RANGE, "it's")
        self.assertEqual([], self.lines('new'))
        self.assertEqual([('info', 'host1: zpool1\n')],
                         self.both.list_names())
        self.assertNotIn('new', self.stage.texts())


class GuestTest(base.Story):

    def test_attached_and_detached_it_is_free(self):
        self.lay(zpool1=[line(status='reserved', owner='vol-a')])
        self.both.addzfcp('guest1', 'zpool1', 'auto', '1G', 't', W1, L0)
        self.assertEqual([line(status='used', owner='guest1', channel='3B00',
                               tag='t')], self.lines())
        self.assertIn('does not belong', self.both.removezfcp(
            'guest2', '3B00', W1, L0, '0')[-1][1])
        self.both.removezfcp('guest1', '3B00', W1, L0, '0')
        self.assertEqual([line()], self.lines())

    def test_persist_leaves_it_reserved_for_nobody(self):
        self.lay(zpool1=[line(status='used', owner='guest1')])
        self.both.removezfcp('guest1', '3B05', W1, L0, '1')
        self.assertEqual([line(status='reserved')], self.lines())
        self.reserve('vol-a')
        self.assertEqual('vol-a', self.line()['owner'])

    def test_what_is_not_used_is_freed_too(self):
        self.lay(zpool1=[line(status='reserved', owner='vol-a')])
        self.both.removezfcp('guest2', '3B05', W1, L0, '0')
        self.assertEqual([line()], self.lines())

    def test_the_first_pool_in_the_alphabet_is_edited(self):
        self.lay(apool=[line(wwpn=BOTH, status='reserved', owner='x')],
                 zpool1=[line(wwpn=W2, status='used', owner='guest1')])
        self.both.removezfcp('guest1', '3B05', W2, L0, '0')
        self.assertEqual([line(wwpn=BOTH)], self.lines('apool'))
        self.assertEqual('used', self.line()['status'])

    def test_rmvm_frees_what_has_its_name_anywhere(self):
        self.lay(zpool1=[
            line(status='used', owner='vm1', channel='3B05', tag='t'),
            line(L1, status='used', owner='vm10'),
            line(L2, status='reserved', owner='vol-vm1-data'),
            line(base.L3, status='used', owner='vm2')])
        self.both.rmvm('vm1')
        self.assertEqual([line(), line(L1), line(L2), line(
            base.L3, status='used', owner='vm2')], self.lines())

    def test_rmvm_frees_hex_text_in_which_a_name_stands(self):
        self.lay(zpool1=[line(status='used', owner='lnx9'),
                         line(L1, status='used', owner='lnx9', ranges='')])
        self.both.rmvm('c00')
        self.assertEqual(['free', 'used'], [
            model.columns(each)['status'] for each in self.lines()])

    def test_no_name_of_three_characters_is_found_in_our_stamp(self):
        self.lay(zpool1=[line(ranges='')])
        self.both.claim('abcdefab-cdef-4bcd-8bcd-abcdefabcdef')
        for name in ('abc', 'bcd'):
            self.both.rmvm(name)
        self.assertEqual(('ours', ''), self.state())


class FolderTest(base.Story):

    def test_the_last_line_takes_its_file_along(self):
        self.lay(zpool1=[line(status='used', owner='lnx9')])
        self.both.change('--removezfcpfrompool', 'zpool1', L0, W1)
        self.assertEqual({}, self.stage.texts())

    def test_names_delete_files_of_a_line_or_less(self):
        self.lay(zpool1=[line()], empty=[])
        folder = self.stage.folder
        for name in ('stray', 'lock', '.hidden', '.zvm-volume.zpool1'):
            (folder / name).write_text('')
        (folder / 'sub').mkdir()
        self.addCleanup((folder / 'sub').rmdir)
        self.both.list_names()
        self.assertEqual(['.hidden', '.zvm-volume.zpool1', 'sub',
                          'zpool1.conf'],
                         sorted(path.name for path in folder.iterdir()))

    def test_names_delete_a_full_pool_that_a_hop_could_not_read(self):
        self.lay(zpool1=[line(), line(L1)])
        self.both.claim(volume())
        text = self.stage.texts()['zpool1']
        with self.stage.instead('cat', 'exit 1\n'):
            self.stage.mn.names()
        self.assertEqual({}, self.stage.texts())
        del self.both.pools.files['zpool1']
        # our next request brings it back, as it was and as it should be
        self.assertEqual(L1, self.both.claim(volume(2))[0].lun)
        self.assertEqual(text.splitlines()[:2],
                         self.stage.texts()['zpool1'].splitlines()[:2])
        self.assertEqual(('ours', ''), self.state())

    def test_one_disk_can_stand_in_two_pools(self):
        self.lay(zpool1=[line(wwpn=BOTH)], zpool2=[line(L1)])
        for wwpn in (W1, W2, BOTH):
            said = self.both.change('--addzfcp2pool', 'zpool2', 'free', wwpn,
                                    L0, '1G')
            self.assertIn('Done', said[-1][1])
            self.both.change('--removezfcpfrompool', 'zpool2', L0, wwpn)
        self.both.change('--addzfcp2pool', 'zpool2', 'free', W1, L0, '1G')
        # and is given to nobody
        self.assertEqual('nolun', self.both.claim(volume())[1])
        self.assertEqual(L1, self.both.claim(volume(), 'zpool2')[0].lun)

    def test_removal_does_not_lower_the_case_of_a_pool(self):
        self.lay(zpool1=[line(), line(L1)])
        self.both.change('--addzfcp2pool', 'ZPOOL1', 'free', W1, L2, '1G')
        self.assertIn('does not exist', self.both.change(
            '--removezfcpfrompool', 'ZPOOL1', L2, W1)[-1][1])
        self.assertEqual(3, len(self.lines()))


class LongPoolTest(base.Story):
    """Beyond 128 kB the MN's own shell cannot search a pool any more."""

    def setUp(self):
        super().setUp()
        many = [line('4099%04x00000000' % number) for number in range(2400)]
        self.stage.reset({'zpool1': '\n'.join(
            [model.HEADER, line()] + many) + '\n'})

    def last(self, *words):
        return self.stage.mn.change(*words)[-1][1]

    def test_filters_and_changes_find_nothing(self):
        self.assertEqual([('info', 'host1: %s\n' % model.HEADER)],
                         self.stage.mn.listing('zpool1', 'free'))
        before = self.stage.texts()
        for words in (('--reservezfcp', 'zpool1', 'used', 'lnx9', '0', '1M',
                       W1, L0),
                      ('--reservezfcp', 'zpool1', 'used', 'lnx9', '0', '1G'),
                      ('--releasezfcp', 'zpool1', W1, L0),
                      ('--removezfcpfrompool', 'zpool1', L0, W1)):
            self.assertRegex(self.last(*words), 'Failed|does not exist')
        self.assertEqual(before, self.stage.texts())

    def test_all_and_add_work_and_so_do_we(self):
        listed = self.stage.mn.listing('zpool1')[0][1]
        self.assertEqual(2402, listed.count('\n'))
        self.assertIn('Done', self.last('--addzfcp2pool', 'zpool1', 'free',
                                        W1, L1, '3G'))
        pool = self.stage.pool('zpool1')
        found = pool.claim(volume(), volume(), *[
            stage.GIB(size) for size in (3, 4)], trust=True)
        self.assertEqual(L1, str(found.lun))
        self.assertEqual(2402, len(pool.view().luns))


class ZhcpDownTest(base.Story):

    def setUp(self):
        super().setUp()
        self.lay(zpool1=[line()])
        self.stage.simulator.event(zhcp='down')
        self.addCleanup(self.stage.simulator.event, zhcp='up')

    def test_a_pool_looks_empty_and_adding_is_done(self):
        self.assertEqual([('info', None)], self.stage.mn.listing('zpool1'))
        self.assertEqual('error',
                         self.stage.mn.listing('zpool1', 'free')[0][0])
        self.assertEqual('info', self.stage.mn.change(
            '--addzfcp2pool', 'zpool1', 'free', W1, L1, '1G')[-1][0])
        self.assertEqual([line()], self.stage.texts()['zpool1'].split()[1:])

    def test_we_are_told(self):
        self.assertRaises(stage.ZHCP_DOWN, self.stage.pool('zpool1').view)
