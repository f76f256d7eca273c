# SPDX-License-Identifier: Apache-2.0
"""--copyzfcp: what is told, what stands in the pool, what is on the LUNs."""

import dataclasses
import os

import fixtures
import hypothesis
from hypothesis import strategies as st

from tests.functional.simulator import base
from tests.functional.simulator import mn
from tests import worlds
from xcat_simulator.mn import hop

W1, W2 = '5005076303001001', '5005076303001002'
LUNS = ['40114%03d00000000' % number for number in range(6)]
SOURCE, TARGET, OTHER = LUNS[:3]
RANGE = '3B00-3B03'
DD = ('host1: Copying source disk (%s) to target disk (%s)',
      'host1: Detatching source and target disks')
DONE = 'host1: Copying zFCP device... Done'
COPIED = 'host1: Source disk copied onto zFCP device %s/%s'
NO_SOURCE = 'host1: (Error) Source zFCP device %s/%s cannot be attached'
NO_TARGET = 'host1: (Error) Target zFCP device %s/%s cannot be attached'
MIB = 1 << 20


def describe(world):
    """Six LUNs of 16 MiB, which the lines of a test give any size."""
    world['lpars']['host1']['guests'] = {}
    world['lpars']['host1']['pools'] = {'p': [
        {'wwpns': [W1, W2], 'lun': lun, 'size': '16M', 'masked_to': 'all'}
        for lun in LUNS]}


def line(status, lun, size='1G', wwpn=W1, ranges=RANGE, rest=',,'):
    """A line of the pool; `rest`: owner, channel, tag."""
    return ','.join((status, wwpn, lun, size, ranges, rest))


def between(lun):
    """What the MN says while it restores the source's line."""
    return ['host1: Using given WWPN and LUN',
            'host1: Found FCP device 0x%s/0x%s' % (W1, lun)]


class CopyCase(mn.MNCase):
    """`copy` sends words after --copyzfcp to host1."""

    describe = staticmethod(describe)

    def copy(self, *words):
        return self.texts('chhypervisor', 'host1', '--copyzfcp', *words)

    def contents(self, lun):
        with open(self.lpar.disk(W1, lun).path, 'rb') as disk:
            return disk.read()

    def fill(self, lun, *places):
        """Write bytes at some places of a disk: (offset, bytes)."""
        with open(self.lpar.disk(W1, lun).path, 'r+b') as disk:
            for offset, data in places:
                disk.seek(offset)
                disk.write(data)

    def fill_both(self):
        self.fill(SOURCE, (0, b'first'), (5 * MIB + 1, b'middle'),
                  (16 * MIB - 4, b'last'))
        self.fill(TARGET, (0, b'x' * 100), (9 * MIB, b'old' * 5000))

    def names(self):
        """The disks that the zHCP has."""
        return sorted(disk.lun for disk in
                      self.host.zhcp.linux.kernel.disks())

    def when(self, word, action):
        """Do something just before the first hop that has this word."""
        real, left = hop.ssh, [word]

        def ssh(linux, command, pause=0.0):
            if left and left[0] in command:
                left.clear()
                action()
                if not self.host.reachable:
                    linux = None
            return real(linux, command, pause)
        self.useFixture(fixtures.MonkeyPatch(
            'xcat_simulator.mn.hop.ssh', ssh))

    def down_at(self, word):
        self.when(word, lambda: self.event(zhcp='down'))


class DoneTest(CopyCase):

    def test_onto_the_smallest_free_lun(self):
        self.fill_both()
        self.pool('p', line('free', SOURCE), line('free', OTHER, '2G'),
                  line('free', TARGET))
        source = self.contents(SOURCE)
        self.assertEqual(
            ['host1: Found FCP device in p',
             'host1: Device name of 3b00/%s/%s is sda' % (W1, SOURCE),
             'host1: Device name of 3b00/%s/%s is sdb' % (W1, TARGET),
             DD[0] % ('sda', 'sdb'), DD[1], *between(SOURCE), DONE,
             COPIED % (W1, TARGET)], self.copy('auto', W1, SOURCE))
        self.assertEqual(source, self.contents(TARGET))
        self.assertEqual(source, self.contents(SOURCE))
        self.assertEqual(
            [line('free', SOURCE), line('free', OTHER, '2G'),
             line('reserved', TARGET)], self.lines('p'))
        # The recordings' 59 to 68; the device is dedicated on the way.
        self.assertEqual(68, self.hops)

    def test_the_fcp_device_stays_the_zhcps(self):
        self.pool('p', *(line('free', lun) for lun in LUNS))
        self.copy('auto', W1, SOURCE)
        zhcp = self.host.zhcp
        self.assertIn('DEDICATE 3B00 3B00\n', zhcp.directory)
        self.assertIn('3B00', zhcp.active_devices)
        self.assertEqual(COPIED % (W1, OTHER),
                         self.copy('auto', W1, SOURCE)[-1])
        self.assertEqual(60, self.hops)
        self.assertEqual(['free', 'reserved', 'reserved'] + ['free'] * 3,
                         [each.partition(',')[0]
                          for each in self.lines('p')])

    def test_onto_a_lun_that_is_named(self):
        """Sizes in M, for those in G are asked for without their unit."""
        self.fill_both()
        keep = 'vol-a,3B07;3B08,tag'
        self.pool('p', line('reserved', SOURCE, '1024M', rest=keep),
                  line('reserved', TARGET, '1024M', rest='vol-b,3B09,t'))
        texts = self.copy('3b01', W1, SOURCE, '0x' + W1, '0x' + TARGET)
        self.assertEqual(COPIED % (W1, TARGET), texts[-1])
        self.assertIn('host1: Device name of 3b01/%s/%s is sdb'
                      % (W1, TARGET), texts)
        self.assertEqual(self.contents(SOURCE), self.contents(TARGET))
        self.assertEqual(
            [line('reserved', SOURCE, '1024M', rest=keep),
             line('reserved', TARGET, '1024M')], self.lines('p'))

    def test_the_sources_line_tells_the_targets_fcp_device(self):
        self.pool('p', line('free', SOURCE),
                  line('free', TARGET, ranges='3B02-3B02'))
        texts = self.copy('auto', W1, SOURCE)
        self.assertEqual(
            ['host1: Device name of 3b02/%s/%s is sda' % (W1, SOURCE)],
            [text for text in texts if SOURCE in text and 'name' in text])
        self.assertIn('DEDICATE 3B00 3B00\nDEDICATE 3B02 3B02\n',
                      self.host.zhcp.directory)

    def test_by_the_last_wwpn_of_several(self):
        self.fill_both()
        before = line('reserved', SOURCE, wwpn=W1 + ';' + W2, rest='v,auto,')
        self.pool('p', before, line('free', TARGET))
        texts = self.copy('auto', W2, SOURCE)
        self.assertEqual(COPIED % (W1, TARGET), texts[-1])
        self.assertIn('host1: Found FCP device 0x%s;%s/0x%s'
                      % (W1, W2, SOURCE), texts)
        self.assertEqual(self.contents(SOURCE), self.contents(TARGET))
        self.assertEqual([before, line('reserved', TARGET)],
                         self.lines('p'))

    def test_where_only_configured_luns_appear(self):
        self.host.zhcp.linux.kernel.set_lun_scan(False)
        self.pool('p', *(line('free', lun) for lun in LUNS))
        self.assertEqual(COPIED % (W1, TARGET),
                         self.copy('auto', W1, SOURCE)[-1])
        self.assertEqual([], self.names())


class UpperCaseTest(CopyCase):

    def test_texts_are_in_lower_case(self):
        """Links have lower case: so a WWPN is found however it is given."""
        self.pool('p', line('free', SOURCE), line('free', TARGET))
        texts = self.copy('3B00', W1.upper(), SOURCE.upper())
        self.assertEqual(COPIED % (W1, TARGET), texts[-1])


class TrapTest(CopyCase):
    """What goes wrong without a word, or is told wrongly."""

    def test_dd_that_fails_is_done(self):
        self.fill_both()
        self.event(dd='fails')
        self.pool('p', line('free', SOURCE), line('free', TARGET))
        before = self.contents(TARGET)
        self.assertEqual([DONE, COPIED % (W1, TARGET)],
                         self.copy('auto', W1, SOURCE)[-2:])
        self.assertEqual(before, self.contents(TARGET))
        self.assertEqual([line('free', SOURCE), line('reserved', TARGET)],
                         self.lines('p'))

    def test_a_target_whose_line_has_several_wwpns_is_the_source(self):
        """Its text is not understood: the MN still has the source's names.

        So the source is copied onto itself; the target stays in use.
        """
        self.fill_both()
        several = W1 + ';' + W2
        self.pool('p', line('free', SOURCE),
                  line('free', TARGET, wwpn=several))
        before = self.contents(SOURCE), self.contents(TARGET)
        texts = self.copy('auto', W1, SOURCE)
        self.assertEqual([DONE, COPIED % (W1, SOURCE)], texts[-2:])
        self.assertIn(DD[0] % ('sda', 'sda'), texts)
        self.assertEqual(before, (self.contents(SOURCE),
                                  self.contents(TARGET)))
        self.assertEqual(
            [line('free', SOURCE), line('used', TARGET, wwpn=several,
                                        rest='zhcp1,3B00,')],
            self.lines('p'))

    def test_a_larger_source_fills_the_target(self):
        """5.5G counts as 55G: real sizes are not what lines say."""
        self.fill_both()
        os.truncate(self.lpar.disk(W1, TARGET).path, 8 * MIB)
        self.pool('p', line('free', SOURCE), line('free', TARGET, '5.5G'))
        self.assertEqual(COPIED % (W1, TARGET),
                         self.copy('auto', W1, SOURCE)[-1])
        self.assertEqual(self.contents(SOURCE)[:8 * MIB],
                         self.contents(TARGET))

    def test_a_reservation_is_lost_when_no_target_is_found(self):
        """The source is set free, though it was reserved, and stays there.

        Its removal names `auto`, which is no FCP device.
        """
        self.pool('p', line('reserved', SOURCE, rest='vol-a,3B05,tag'),
                  line('used', TARGET, rest='guest1,3B06,'))
        self.assertEqual(
            ['host1: Found FCP device in p', 'host1: (Error) Cannot find a '
             'suitable target zFCP device'], self.copy('auto', W1, SOURCE))
        self.assertEqual([line('free', SOURCE), line(
            'used', TARGET, rest='guest1,3B06,')], self.lines('p'))
        self.assertIn(SOURCE, self.names())

    def test_a_free_lun_with_an_owner_is_not_restored(self):
        """No line may become so: it stays as the detaching left it."""
        self.pool('p', line('free', SOURCE, rest='v,,'), line('free', TARGET))
        texts = self.copy('auto', W1, SOURCE)
        self.assertEqual(
            ['host1: (Error) Owner must not be specified if status is free.',
             'host1: (Error) Source disk attributes cannot be restored in '
             'table', DONE, COPIED % (W1, TARGET)], texts[-4:])
        self.assertEqual([line('reserved', SOURCE), line('reserved', TARGET)],
                         self.lines('p'))

    def test_a_lun_onto_itself(self):
        self.pool('p', line('reserved', SOURCE, '1024M', rest='v,,'))
        self.assertEqual(
            ['host1: Found FCP device in p', NO_TARGET % (W1, SOURCE)],
            self.copy('auto', W1, SOURCE, W1, SOURCE))
        self.assertEqual([line('free', SOURCE, '1024M')], self.lines('p'))

    def test_a_target_in_use(self):
        used = line('used', TARGET, '1024M', rest='guest1,3B06,')
        self.pool('p', line('free', SOURCE, '1024M'), used)
        self.assertEqual(NO_TARGET % (W1, TARGET), self.copy(
            '3b00', W1, SOURCE, W1, TARGET)[-1])
        self.assertEqual([line('free', SOURCE, '1024M'), used],
                         self.lines('p'))

    def test_a_target_in_g_counts_1024_times_the_source(self):
        """So it is never too small, and never has that size."""
        self.pool('p', line('reserved', SOURCE, '2048M', rest='v,,'),
                  line('free', TARGET, '1G'))
        self.assertEqual(NO_TARGET % (W1, TARGET), self.copy(
            'auto', W1, SOURCE, W1, TARGET)[-1])
        self.assertEqual([line('free', SOURCE, '2048M'),
                          line('free', TARGET, '1G')], self.lines('p'))

    def test_a_zhcp_without_names_of_that_form(self):
        """Newer udev names paths in another way: nothing is copied."""
        linux = self.host.zhcp.linux
        for name in ('3B00', '3B01'):
            self.lpar.smapi('Image_Device_Undedicate', 'ZHCP1', vdev=name)
        linux.udev.path_names = lambda sd: ['ccw-other-' + sd.name]
        before = line('reserved', SOURCE, rest='v,,')
        self.pool('p', before, line('free', TARGET))
        self.assertEqual(
            ['host1: Found FCP device in p',
             'host1: Device name of 3b00/%s/%s is ' % (W1, SOURCE),
             'host1: Device name of 3b00/%s/%s is ' % (W1, TARGET),
             'host1: (Error) Could not find device nodes for source or '
             'target disk.', DD[1], *between(SOURCE),
             'host1: Copying zFCP device... Failed'],
            self.copy('auto', W1, SOURCE))
        self.assertEqual([before, line('free', TARGET)], self.lines('p'))


class RefusalTest(CopyCase):
    """What ends it before anything has changed."""

    def setUp(self):
        super().setUp()
        several = W1 + ';' + W2
        self.pool('p', line('used', SOURCE, rest='guest1,3B05,'),
                  line('free', TARGET), line('free', OTHER, wwpn=several),
                  line('free', LUNS[3], ranges=''),
                  line('free', LUNS[4], '512M'),
                  line('free', LUNS[5], '1024M'))
        before = self.lines('p')
        self.addCleanup(lambda: self.assertEqual(before, self.lines('p')))

    def refusals(self, *words):
        texts = self.copy(*words)
        self.assertEqual([], self.names())
        return texts[1:] if 'Found FCP' in texts[0] else texts

    def test_the_number_of_words(self):
        for words in ([], ['auto', W1], ['auto', W1, TARGET, W1]):
            self.assertEqual(
                ['host1: (Error) Wrong number of parameters'],
                self.refusals(*words))

    def test_a_lun_in_no_pool(self):
        for wwpn in ('5005076303009999', '0x' + W1):
            self.assertEqual(
                ['(Error) In findzFcpDevicePool(), command to '
                 'zhcp1.example.com failed with return code 1 for: ssh '
                 'root@zhcp1.example.com " grep -i -l \\"%s,%s\\" '
                 '/var/opt/zhcp/zfcp/*.conf"' % (wwpn, TARGET)],
                self.refusals('auto', wwpn, TARGET))

    def test_a_pool_that_looks_like_an_error(self):
        lun = '4011999900000000'
        self.pool('errors', line('free', lun))
        self.assertEqual(['errors'], self.refusals('auto', W1, lun))

    def test_a_source_in_use(self):
        self.assertEqual([NO_SOURCE % (W1, SOURCE)],
                         self.refusals('auto', W1, SOURCE))

    def test_no_fcp_device(self):
        self.assertEqual([NO_SOURCE % (W1, LUNS[3])],
                         self.refusals('auto', W1, LUNS[3]))

    def test_two_fcp_devices(self):
        """The MN's shell ends the command at the semicolon."""
        self.assertEqual([NO_SOURCE % (W1, TARGET)],
                         self.refusals('3B00;3B01', W1, TARGET))

    def test_what_is_no_fcp_device(self):
        for device in ('xyz', '%s', '3B0%d'):
            self.assertEqual([NO_SOURCE % (W1, TARGET)],
                             self.refusals(device, W1, TARGET))

    def test_a_target_that_is_too_small(self):
        self.assertEqual(
            ['host1: (Error) Target zFCP device %s/%s is not large enough'
             % (W1, LUNS[4])],
            self.refusals('auto', W1, TARGET, W1, LUNS[4]))

    def test_a_source_in_g_with_a_target(self):
        self.assertEqual(
            [NO_SOURCE % (W1, TARGET)],
            self.refusals('auto', W1, TARGET, W1, LUNS[5]))

    def test_a_target_that_is_not_there(self):
        texts = self.refusals('auto', W1, TARGET, W1, '4011999900000000')
        self.assertEqual(1, len(texts))
        self.assertIn('(Error) In findzFcpDeviceAttr(), command to', texts[0])

    def test_a_list_of_wwpns(self):
        texts = self.refusals('auto', W1 + ';' + W2, OTHER)
        self.assertEqual(1, len(texts))
        self.assertIn('failed with return code 127 for: ', texts[0])

    def test_the_first_of_several_wwpns(self):
        self.assertIn('(Error) In findzFcpDevicePool(), command to',
                      self.refusals('auto', W1, OTHER)[0])

    def test_the_zhcp_is_down(self):
        self.event(zhcp='down')
        self.addCleanup(self.event, zhcp='up')
        self.assertEqual(
            ['(Error) In findzFcpDevicePool(), SSH communication to '
             'zhcp1.example.com failed for command: ssh '
             'root@zhcp1.example.com " grep -i -l \\"%s,%s\\" '
             '/var/opt/zhcp/zfcp/*.conf"' % (W1, TARGET)],
            self.refusals('auto', W1, TARGET))


class DownTest(CopyCase):
    """The zHCP goes down on the way, and does not come back."""

    def setUp(self):
        super().setUp()
        self.pool('p', line('reserved', SOURCE, rest='v,,'),
                  line('free', TARGET))

    def down(self, word):
        self.down_at(word)
        return self.copy('auto', W1, SOURCE)

    def statuses(self):
        return [tuple(each.split(',')[i] for i in (0, 5))
                for each in self.lines('p')]

    def test_before_the_first_line_is_looked_for(self):
        self.assertEqual(NO_SOURCE % (W1, SOURCE),
                         self.down('test -e')[-1])
        self.assertEqual([('reserved', 'v'), ('free', '')], self.statuses())

    def test_before_the_first_line_is_changed(self):
        """Nobody looks whether it was, and a guest may well be off."""
        self.assertEqual('host1: (Error) Cannot find a suitable target zFCP '
                         'device', self.down('sed --in-place')[-1])
        self.assertEqual([('reserved', 'v'), ('free', '')], self.statuses())

    def test_before_the_names_are_known(self):
        texts = self.down('readlink')
        self.assertIn('host1: (Error) Could not find device nodes for source '
                      'or target disk.', texts)
        self.assertEqual(
            ['host1: Using given WWPN and LUN',
             'host1: (Error) FCP storage pool does not exist',
             'host1: (Error) Source disk attributes cannot be restored in '
             'table', 'host1: Copying zFCP device... Failed'], texts[-4:])
        self.assertEqual([('used', 'zhcp1')] * 2, self.statuses())

    def test_before_the_data_is_copied(self):
        """It is told that it was copied."""
        self.fill_both()
        before = self.contents(TARGET)
        texts = self.down('/bin/dd')
        self.assertEqual([DONE, COPIED % (W1, TARGET)], texts[-2:])
        self.assertEqual([('used', 'zhcp1')] * 2, self.statuses())
        self.assertEqual(before, self.contents(TARGET))

    def test_before_the_line_is_restored(self):
        self.down('unit_remove')
        self.assertEqual([('reserved', ''), ('used', 'zhcp1')],
                         self.statuses())


@dataclasses.dataclass
class Request:
    """Lines of the pool, and a copy from one of its LUNs."""

    lines: list
    words: list
    source: int


@st.composite
def requests(draw):
    several = draw(st.lists(st.booleans(), min_size=3, max_size=3))
    lines = []
    for lun, two in zip(LUNS, several):
        status, rest = draw(st.sampled_from([
            ('free', ',,'), ('free', ',,'), ('used', 'guest1,3B09,'),
            ('reserved', 'v,3B09,t'), ('reserved', ',auto,')]))
        lines.append(line(
            status, lun,
            draw(st.sampled_from(['1G', '1024M', '2048M', '5.5G'])),
            W1 + ';' + W2 if two else W1,
            draw(st.sampled_from([RANGE, RANGE, '3B01-3B02'])), rest))
    source = draw(st.integers(0, 2))
    words = [draw(st.sampled_from(['auto', 'auto', '3B02']))]
    paths = [[W2 if several[number] else W1, LUNS[number]] for number in
             [source] + draw(st.lists(st.integers(0, 2), max_size=1))]
    return Request(lines, words + sum(paths, []), source)


class PropertyTest(CopyCase):

    @hypothesis.given(requests())
    @hypothesis.settings(max_examples=15, deadline=None)
    def test_what_a_copy_may_change(self, request):
        """Data only where Done says; of lines three columns and the status.

        After Done the source's line is as it was.
        """
        for number, lun in enumerate(LUNS[:3]):
            self.fill(lun, (MIB, b'disk%d' % number))
        before = [self.contents(lun) for lun in LUNS[:3]]
        self.pool('p', *request.lines)
        texts = self.copy(*request.words)
        after, lines = self.lines('p'), list(request.lines)
        self.assertEqual([each.split(',')[1:5] for each in lines],
                         [each.split(',')[1:5] for each in after])
        if texts[-2:-1] == [DONE]:
            told = texts[-1].rpartition('/')[2]
            before[LUNS.index(told)] = before[request.source]
            self.assertEqual(lines[request.source], after[request.source])
        for lun, content in zip(LUNS, before):
            self.assertTrue(content == self.contents(lun), (lun, texts))


class SudoTest(CopyCase):

    @staticmethod
    def describe(world):
        describe(world)
        world['sudoer'] = 'xcat'
        world['lpars']['host1']['zhcp']['linux'] = {'user': 'xcat'}

    def test_another_user(self):
        self.fill_both()
        self.pool('p', line('free', SOURCE), line('free', TARGET))
        self.assertEqual(COPIED % (W1, TARGET),
                         self.copy('auto', W1, SOURCE)[-1])
        self.assertEqual(self.contents(SOURCE), self.contents(TARGET))


class OtherNameTest(CopyCase):
    """The MN asks the node that is called as the zHCP's host."""

    @staticmethod
    def describe(world):
        describe(world)
        world['lpars']['host1']['zhcp']['node'] = 'zhcpnode'

    def test_no_such_node(self):
        self.pool('p', line('free', SOURCE), line('free', TARGET))
        self.assertEqual(
            ['host1: Found FCP device in p', NO_SOURCE % (W1, SOURCE)],
            self.copy('auto', W1, SOURCE))


class HttpsTest(base.ServedCase):
    """The whole way, with LUNs as large as those of recordings."""

    @staticmethod
    def world():
        world = worlds.small()
        describe(world)
        luns = world['lpars']['host1']['pools']['p']
        for lun in luns[:2]:
            lun.update(size='500G', range=RANGE, contents='random')
        return world

    def test_a_large_lun_is_copied_in_time(self):
        elements = self.data('PUT', 'hypervisor/host1',
                             ['--copyzfcp', 'auto', W2, SOURCE])
        self.assertEqual({'info': [DONE]}, elements[-2])
        entry = self.simulator.requests()[-1]
        self.assertTrue(59 <= entry['hops'] <= 70, entry)
        self.assertTrue(entry['duration'] < 30, entry)

    def test_events_reach_it(self):
        self.simulator.event(zhcp='down')
        element, = self.data('PUT', 'hypervisor/host1',
                             ['--copyzfcp auto %s %s' % (W2, SOURCE)])
        self.assertEqual(['1'], element['errorcode'])
        self.assertIn('SSH communication to zhcp1.example.com failed',
                      element['error'][0])
