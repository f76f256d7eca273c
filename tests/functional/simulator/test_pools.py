# SPDX-License-Identifier: Apache-2.0
"""The MN's commands on pools: what recordings do not show, hop by hop."""

from concurrent import futures
import os

from tests.functional.simulator import base
from tests import worlds

HEADER = '#status,wwpn,lun,size,range,owner,channel,tag\n'
W1, W2, W3 = ('5005076303%06d' % number for number in (1, 2, 3))
LUN, OTHER = '4011400000000000', '4011400100000000'
RESERVED = '%s: FCP device 0x%s/0x%s was reserved... Done'


class PoolCase(base.SharedCase):
    """`file` is the folder's pool `p`; its lines are set by a test."""

    @staticmethod
    def world():
        world = worlds.small()
        world['lpars']['host1']['fcp_devices'][0]['range'] = '3B00-3B0F'
        return world

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(
            self.simulator.node_folder('host1', 'ZHCP1'),
            'var/opt/zhcp/zfcp')
        for name in os.listdir(self.folder):
            if not name.startswith('zpool'):
                os.unlink(os.path.join(self.folder, name))
        self.simulator.event(zhcp='up')
        self.simulator.forget_requests()

    def write(self, *lines, pool='p'):
        with open(os.path.join(self.folder, pool + '.conf'), 'w') as stream:
            stream.write(HEADER + ''.join(line + '\n' for line in lines))

    def lines(self, pool='p'):
        return self.simulator.pool_text('host1', pool).splitlines()[1:]

    def change(self, words, node='host1'):
        """The texts that chhypervisor answers, errors as they are."""
        return [element.get('info', element.get('error'))[0] for element
                in self.data('PUT', 'hypervisor/' + node, [words])]

    def show(self, *fields):
        return [element.get('info', element.get('error'))[0] for element
                in self.data('GET', 'nodes/host1/inventory?' + '&'.join(
                    'field=' + field for field in fields))]

    def hops(self):
        return [entry['hops'] for entry in self.simulator.requests()]


class HopsTest(PoolCase):
    """As many ssh hops as were counted on a real management node."""

    def test_listing(self):
        self.write()
        self.show('--zfcppool', 'p')
        self.show('--zfcppool', 'p', 'free')
        self.show('--fcpdevices', 'free')
        self.assertEqual([3, 3, 3], self.hops())

    def test_reserving(self):
        self.write(*('free,%s,401140%02d00000000,1G,3B00-3B0F,,,'
                     % (W1, number) for number in range(3)))
        self.change('--reservezfcp p reserved v 0 1M %s 4011400000000000'
                    % W1)
        self.change('--reservezfcp p reserved v auto 1G')
        self.change('--reservezfcp p used guest1 auto 1G')
        self.assertEqual([7, 6, 10], self.hops())
        self.assertEqual(['reserved', 'reserved', 'used'],
                         [line.split(',')[0] for line in self.lines()])

    def test_releasing(self):
        self.write('used,%s,%s,1G,,a,,' % (W1, LUN),
                   'used,%s,%s,1G,,a,,' % (W1, OTHER))
        self.change('--releasezfcp p %s %s' % (W1, LUN))
        self.change('--releasezfcp p %s %s,%s' % (W1, LUN, OTHER))
        self.assertEqual([6, 11], self.hops())

    def test_adding(self):
        self.write('used,%s,%s,1G,,a,,' % (W1, LUN))
        self.change('--addzfcp2pool p free %s %s 1G' % (W1, OTHER))
        self.assertEqual([5], self.hops())


class NoLockTest(PoolCase):

    def test_requests_in_parallel_get_the_same_luns(self):
        """All are told Done; on the real one 3 to 5 of 20 LUNs were given."""
        self.write(*('free,%s,40%014d,1G,,,,' % (W1, number)
                     for number in range(20)))
        with futures.ThreadPoolExecutor(20) as pool:
            told = list(pool.map(self.reserve, range(20)))
        self.assertEqual([True] * 20,
                         [text.endswith('was reserved... Done')
                          for text in told])
        given = [line for line in self.lines() if line[:4] != 'free']
        self.assertTrue(0 < len(given) < 20, given)

    def reserve(self, number):
        return self.change('--reservezfcp p reserved v%d auto 1G'
                           % number)[-1]


class MultipathTest(PoolCase):
    """A line with several WWPNs is known by the last one alone."""

    def setUp(self):
        super().setUp()
        self.write('free,%s;%s,%s,10G,3B00-3B0F,,,' % (W1, W2, LUN))

    def reserve(self, wwpn):
        return self.change('--reservezfcp p reserved v 0 1M %s %s'
                           % (wwpn, LUN))

    def test_by_the_last(self):
        self.assertEqual(RESERVED % ('host1', W2, LUN),
                         self.reserve(W2)[-1])
        self.assertEqual(
            ['reserved,%s;%s,%s,10G,3B00-3B0F,v,0,' % (W1, W2, LUN)],
            self.lines())

    def test_not_by_the_first(self):
        before = self.lines()
        self.assertEqual(
            ['(Error) In findzFcpDeviceAttr(), command to zhcp1.example.com '
             'failed with return code 1 for: ssh root@zhcp1.example.com " '
             'grep -i "%s,%s" /var/opt/zhcp/zfcp/p.conf"' % (W1, LUN)],
            self.reserve(W1))
        self.assertEqual(before, self.lines())

    def test_not_by_the_list(self):
        """The MN's shell ends the command at the semicolon."""
        before = self.lines()
        self.assertEqual(
            ['(Error) In findzFcpDeviceAttr(), command to zhcp1.example.com '
             'failed with return code 127 for: ssh root@zhcp1.example.com " '
             'grep -i "%s;%s,%s" /var/opt/zhcp/zfcp/p.conf"'
             % (W1, W2, LUN)], self.reserve(W1 + ';' + W2))
        self.assertEqual(before, self.lines())

    def test_it_is_released_by_the_list_and_by_the_last(self):
        free = self.lines()
        for wwpn in (W1 + ';' + W2, W2):
            self.reserve(W2)
            self.assertNotEqual(free, self.lines())
            self.assertIn('was released', self.change(
                '--releasezfcp p %s %s' % (wwpn, LUN))[-1])
            self.assertEqual(free, self.lines())

    def test_it_can_be_added_twice(self):
        """The search for a known path begins it with a comma."""
        self.change('--addzfcp2pool p free %s;%s %s 10G' % (W1, W2, LUN))
        self.change('--addzfcp2pool p free %s %s 10G' % (W2, LUN))
        self.assertEqual(3, len(self.lines()))

    def test_it_is_removed_by_any_part_of_the_list(self):
        self.write('free,%s;%s,%s,10G,,,,' % (W1, W2, LUN),
                   'used,%s,%s,10G,,a,,' % (W3, OTHER))
        self.change('--removezfcpfrompool p %s %s' % (LUN, W1))
        self.assertEqual(['used,%s,%s,10G,,a,,' % (W3, OTHER)],
                         self.lines())


class ChannelTest(PoolCase):
    """Which FCP device `auto` gives to a line that becomes used."""

    def use(self, ranges, owner='guest1', *others):
        self.write('free,%s,%s,10G,%s,,,' % (W1, LUN, ranges), *others)
        texts = self.change('--reservezfcp p used %s auto 1M %s %s'
                            % (owner, W1, LUN))
        return texts[-1], self.lines()[0].split(',')[6]

    def test_the_first_free_one_of_any_part_of_the_range(self):
        _, channel = self.use('3C05-3C07;3C01-3C02')
        self.assertEqual('3C01', channel)

    def test_one_that_a_line_of_another_pool_names_is_passed_over(self):
        self.write('used,%s,%s,1G,,x,3B04,' % (W2, OTHER), pool='other')
        _, channel = self.use('3B04-3B05')
        self.assertEqual('3B05', channel)

    def test_one_of_two_in_a_line_is_not_passed_over(self):
        self.write('used,%s,%s,1G,,x,3B04;3B05,' % (W2, OTHER), pool='other')
        _, channel = self.use('3B04-3B05')
        self.assertEqual('3B04', channel)

    def test_one_that_the_guest_has_comes_first(self):
        self.data('PUT', 'vms/guest2', ['--dedicatedevice 3B07 3B07 0'])
        self.addCleanup(self.data, 'PUT', 'vms/guest2',
                        ['--undedicatedevice 3B07'])
        self.assertEqual('3B07', self.use('3B04-3B09', 'guest2')[1])
        self.assertEqual('3B08', self.use('3B08-3B09', 'guest2')[1])

    def test_the_end_of_the_range_belongs_to_it(self):
        self.assertEqual('3B0F', self.use('3B0F-3B0F')[1])

    def test_the_zhcps_own_is_not_free(self):
        answer, channel = self.use('3B0E-3B0E')
        self.assertEqual('host1: (Error) Reserving FCP device... Failed',
                         answer)
        self.assertEqual('', channel)

    def test_without_a_range_none_is_found(self):
        self.write('free,%s,%s,10G,,,,' % (W1, LUN))
        self.assertEqual(
            'host1: (Error) A suitable FCP channel could not be found',
            self.change('--reservezfcp p used guest1 auto 1M %s %s'
                        % (W1, LUN))[2])

    def test_a_single_number_is_no_range(self):
        self.assertEqual('', self.use('3B05')[1])


class TrapTest(PoolCase):

    def test_a_size_in_m_is_shown_with_its_unit_twice(self):
        self.write()
        self.assertEqual(
            'host1: (Error) A suitable device of 99MM or larger could not '
            'be found', self.change('--reservezfcp p reserved v auto 99M')[0])

    def test_an_explicit_reservation_gives_an_empty_size_an_m(self):
        self.write('free,%s,%s,,3B00-3B0F,,,' % (W1, LUN))
        self.change('--reservezfcp p reserved v 0 1M %s %s' % (W1, LUN))
        self.assertEqual(['reserved,%s,%s,M,3B00-3B0F,v,0,' % (W1, LUN)],
                         self.lines())

    def test_a_variable_in_a_tag_hides_the_line_from_sed(self):
        before = 'free,%s,%s,1G,,,,$root_device$' % (W1, LUN)
        self.write(before)
        texts = self.change('--reservezfcp p reserved v 0 1M %s %s'
                            % (W1, LUN))
        self.assertEqual(RESERVED % ('host1', W1, LUN), texts[-1])
        self.assertEqual([before], self.lines())

    def test_an_owner_that_holds_the_lun_number_is_matched(self):
        """The line to change is looked for by its LUN, anywhere."""
        before = ['free,%s,%s,1G,,,,' % (W1, LUN),
                  'used,%s,%s,1G,,v-%s,,' % (W1, OTHER, LUN)]
        self.write(*before)
        texts = self.change('--reservezfcp p reserved v 0 1M %s %s'
                            % (W1, LUN))
        self.assertEqual(RESERVED % ('host1', W1, LUN), texts[-1])
        self.assertEqual(before, self.lines())

    def test_a_node_that_is_no_hypervisor_is_nobodys(self):
        """xcatd finds no plugin for it; zvm.pm would not mind."""
        line = 'free,%s,%s,1G,,,,' % (W1, LUN)
        self.write(line)
        answer = self.data('PUT', 'hypervisor/guest1', [
            '--reservezfcp p reserved v 0 1M %s %s' % (W1, LUN)])
        self.assertEqual(
            [{'node': [{'name': ['guest1'], 'errorcode': ['1'], 'error': [
                'Unable to identify plugin for this command, check relevant '
                'tables: hypervisor.type;nodetype.os=(esx.*);nodetype.os='
                '(rhev.*);nodetype.os=(zvm.*)']}]}], answer)
        self.assertEqual([line], self.lines())

    def test_a_failure_of_one_hop_deletes_no_longer_visible_pools(self):
        """--zfcppoolnames counts lines: of a file that it cannot read, 0."""
        self.write('used,%s,%s,1G,,v,,' % (W1, LUN))
        os.mkdir(os.path.join(self.folder, 'folder'))
        self.addCleanup(os.rmdir, os.path.join(self.folder, 'folder'))
        for name in ('empty.conf', 'lock', '.hidden'):
            with open(os.path.join(self.folder, name), 'w') as stream:
                stream.write('one line\n')
        self.addCleanup(os.unlink, os.path.join(self.folder, '.hidden'))
        self.assertEqual(['host1: p\nhost1: zpool1\n'],
                         self.show('--zfcppoolnames'))
        self.assertEqual(
            ['.hidden', 'folder', 'p.conf', 'zpool1.conf'],
            sorted(os.listdir(self.folder)))

    def test_luns_are_listed_with_a_decimal_size(self):
        texts = self.show('--luns', '3b00')
        self.assertEqual(HEADER.strip(), texts[0])
        self.assertIn('unknown,5005076303001001,4011400800000000,2.0G,,,,',
                      texts)


class LimitTest(PoolCase):
    """A pool too long for one argument of a command."""

    def setUp(self):
        super().setUp()
        self.write(*('free,%s,40%014d,10G,3B00-3B0F,,,' % (W1, number)
                     for number in range(2400)))

    def test_only_listing_all_and_adding_work(self):
        before = self.lines()
        lun = '40%014d' % 7
        listed = self.show('--zfcppool', 'p', 'all')[0]
        self.assertEqual(2401, listed.count('\n'))
        self.assertEqual(['host1: ' + HEADER],
                         self.show('--zfcppool', 'p', 'free'))
        for words in ('--reservezfcp p reserved v 0 1M %s %s' % (W1, lun),
                      '--releasezfcp p %s %s' % (W1, lun)):
            self.assertIn(
                'host1: (Error) zFCP device 0x%s/0x%s could not be found in '
                'zFCP pool p' % (W1, lun), self.change(words))
        self.assertEqual(
            ['host1: (Error) zFCP device %s does not exist' % lun],
            self.change('--removezfcpfrompool p %s %s' % (lun, W1)))
        self.assertEqual(before, self.lines())
        self.change('--addzfcp2pool p free %s %s 1G' % (W1, LUN))
        self.assertEqual(2401, len(self.lines()))

    def test_auto_gives_out_channels_in_use(self):
        self.write('used,%s,%s,1G,,x,3B04,' % (W1, OTHER), pool='used')
        self.write('free,%s,%s,1G,3B04-3B05,,,' % (W1, LUN), pool='small')
        self.change('--reservezfcp small used guest1 auto 1M %s %s'
                    % (W1, LUN))
        self.assertEqual('3B04', self.lines('small')[0].split(',')[6])


class DownTest(PoolCase):
    """A zHCP that is not reached looks like one without pools."""

    def setUp(self):
        super().setUp()
        self.write('used,%s,%s,1G,,a,,' % (W1, LUN))
        self.before = self.lines()
        self.simulator.event(zhcp='down')

    def tearDown(self):
        self.simulator.event(zhcp='up')
        self.assertEqual(self.before, self.lines())
        super().tearDown()

    def test_listing(self):
        self.assertEqual([None], self.show('--zfcppool', 'p'))
        self.assertEqual([None], self.show('--zfcppoolnames'))
        self.assertEqual(
            ['Node: host1 (Error) In inventoryHypervisor(), SSH '
             'communication to zhcp1.example.com failed for command: ssh '
             'root@zhcp1.example.com " cat /var/opt/zhcp/zfcp/p.conf"'],
            self.show('--zfcppool', 'p', 'used'))

    def test_changing(self):
        self.assertEqual(
            ['host1: New zFCP device pool p created',
             'host1: Adding zFCP device to p pool... Done'],
            self.change('--addzfcp2pool p free %s %s 1G' % (W1, OTHER)))
        self.assertEqual(
            ['host1: (Error) FCP storage pool does not exist',
             'host1: (Error) Reserving FCP device... Failed'],
            self.change('--reservezfcp p reserved v auto 1G'))
        self.assertEqual(
            ['host1: (Error) zFCP pool does not exist'],
            self.change('--removezfcpfrompool p %s %s' % (LUN, W1)))
        self.assertEqual(
            ['host1: Using given WWPN and LUN',
             'host1: (Error) FCP storage pool does not exist',
             'host1: Releasing FCP device... Failed'],
            self.change('--releasezfcp p %s %s' % (W1, LUN)))


class SudoerTest(PoolCase):
    """A management node whose hops log in as somebody who uses sudo."""

    @staticmethod
    def world():
        return dict(PoolCase.world(), sudoer='nobody')

    def test_it_works_as_with_root(self):
        self.write()
        self.change('--addzfcp2pool p free %s %s 1G' % (W1, LUN))
        self.change('--reservezfcp p reserved v 0 1M %s %s' % (W1, LUN))
        self.assertEqual(['reserved,%s,%s,1G,,v,0,' % (W1, LUN)],
                         self.lines())
        self.change('--removezfcpfrompool p %s %s' % (LUN, W1))
        self.assertNotIn('p.conf', os.listdir(self.folder))

    def test_messages_show_it(self):
        self.assertEqual(
            ['Node: host1 (Error) In inventoryHypervisor(), command to '
             'zhcp1.example.com failed with return code 1 for: ssh '
             'nobody@zhcp1.example.com "sudo cat /var/opt/zhcp/zfcp/q.conf"'],
            self.show('--zfcppool', 'q', 'free'))

    def test_adding_asks_whose_the_folder_is_and_takes_it(self):
        self.write()
        self.change('--addzfcp2pool p free %s %s 1G' % (W1, LUN))
        self.assertEqual([7], self.hops())
