# SPDX-License-Identifier: Apache-2.0
"""LPARs and their zHCPs, over recorded answers."""

from tests.unit.common import hostile
from tests.unit.common import mn
from tests.unit.common import test_guest
from zvm_common import exceptions
from zvm_common import model
from zvm_common.xcat import hypervisor

HEADER = '#node,hcp,userid,nodetype,parent,comments,disable,discovered,status'
ZHCP1 = '"zhcp1","zhcp1.example.com","ZHCP1","vm","host1",,,,'
HOST1 = '"host1","zhcp1.example.com",,"zvm","lpar1",,,,'
GUEST1 = '"guest1","zhcp1.example.com","LNX00001","vm","host1",,,,"SSH=1"'
IUCV = '"zhcp1.example.com",,,,,,,,"IUCVANY=1"'
ZHCP2 = '"zhcp2","zhcp2.example.com","ZHCP2","vm","host2",,,,'
HOST2 = '"host2","zhcp2.example.com",,"zvm","lpar2",,,,'


def table(*rows, header=HEADER):
    return mn.elements({'data': [header, *rows]})


def node(name, hostnames, userid='ZHCP1'):
    return mn.elements({'info': [
        'Object name: ' + name, '    groups=all',
        '    hcp=zhcp1.example.com', '    hostnames=' + hostnames,
        '    mgt=zvm', '    userid=' + userid]})


ZHCP_UP = mn.elements({'errorcode': ['0']})
ZHCP_DOWN = mn.elements(
    {'NoErrorPrefix': ['1'], 'errorcode': ['0'],
     'error': ['zhcp1: ssh: connect to host zhcp1 port 22: No route to '
               'host']}, {'errorcode': ['1']})
NULL = mn.elements({'info': [None]})


class FindTest(test_guest.NodeTest):

    def find(self, *answers, name=None):
        self.mn.answers(*answers)
        return hypervisor.Hypervisor.find(self.session, name)

    def test_the_only_one_in_two_requests(self):
        found = self.find(table(ZHCP1, HOST1, GUEST1, IUCV),
                          node('zhcp1', 'zhcp1.example.com'))
        self.assertEqual(
            ('host1', 'zhcp1', 'zhcp1.example.com', 'ZHCP1'),
            tuple(map(str, (found.name, found.zhcp_node,
                            found.zhcp_hostname, found.zhcp_userid))))
        self.assertEqual([('GET', '/xcatws/tables/zvm', None),
                          ('GET', '/xcatws/nodes/zhcp1', None)], self.sent())

    def test_one_of_several_by_name(self):
        found = self.find(table(ZHCP1, HOST1, ZHCP2, HOST2),
                          node('zhcp2', 'zhcp2.example.com', 'ZHCP2'),
                          name='host2')
        self.assertEqual(('host2', 'zhcp2', 'ZHCP2'), tuple(map(str, (
            found.name, found.zhcp_node, found.zhcp_userid))))

    def test_several_and_no_name(self):
        error = self.assertRaises(
            exceptions.HypervisorUnknown, self.find,
            table(ZHCP1, HOST1, ZHCP2, HOST2))
        self.assertIn('host1, host2', str(error))
        self.assertIn('zvm_hypervisor', str(error))

    def test_none_at_all(self):
        error = self.assertRaises(exceptions.HypervisorUnknown, self.find,
                                  table(ZHCP1, GUEST1))
        self.assertIn('none', str(error))

    def test_another_name_and_a_guests_name(self):
        for name in ('host9', 'guest1', 'host'):
            error = self.assertRaises(
                exceptions.HypervisorUnknown, self.find,
                table(ZHCP1, HOST1, GUEST1), name=name)
            self.assertIn('only: host1', str(error))

    def test_hostile_names(self):
        for bad in list(hostile.spoilt('host1')) + ['all', 'a,b', '../x']:
            self.assertRaises(exceptions.InvalidValue, self.find,
                              table(ZHCP1, HOST1), name=bad)

    def test_rows_out_of_force_do_not_count(self):
        off = '"host2","zhcp2.example.com",,"zvm","lpar2",,"1",,'
        self.assertEqual('host1', str(self.find(
            table(ZHCP1, HOST1, off),
            node('zhcp1', 'zhcp1.example.com')).name))

    def test_a_zhcp_node_of_another_name(self):
        hcp = '"hcpnode","zhcp1.example.com","ZHCP1","vm","host1",,,,'
        found = self.find(
            table(GUEST1, HOST1, hcp), node('guest1', 'guest1.example.com'),
            node('hcpnode', 'other,zhcp1.example.com'))
        self.assertEqual('hcpnode', str(found.zhcp_node))

    def test_no_node_is_the_zhcp(self):
        error = self.assertRaises(
            exceptions.ConfigurationError, self.find, table(GUEST1, HOST1),
            node('guest1', 'guest1.example.com'))
        self.assertIn('zhcp1.example.com', str(error))

    def test_no_zhcp_or_several(self):
        for hcp in ('', '"zhcp1,zhcp2"', '";id"'):
            error = self.assertRaises(
                exceptions.ConfigurationError, self.find,
                table('"host1",%s,,"zvm",,,,,' % hcp))
            self.assertIn('host1', str(error))

    def test_quotes_and_commas_in_a_comment(self):
        row = '"guest2","zhcp1.example.com","L2","vm","host1","a ""b"", c",,,'
        self.find(table(row, HOST1, ZHCP1),
                  node('zhcp1', 'zhcp1.example.com'))

    def test_tables_that_cannot_be_read(self):
        for act in (mn.elements(), table(HOST1, header='x'),
                    table(HOST1, header='#node,hcp'), table('"host1'),
                    table('"host1","x"'), table(HOST1 + ',,'),
                    mn.elements({'data': [None]})):
            self.assertRaises(exceptions.BadAnswer, self.find, act)
        self.assertRaises(exceptions.CommandFailed, self.find, mn.elements(
            {'error': ['No table named zvm exists'], 'errorcode': ['1']}))


DEVICE = ('host1: FCP device number: 3B00\nhost1:   Status: Active\n'
          'host1:   NPIV world wide port number: %s\n'
          'host1:   Channel path ID: 5a\n'
          'host1:   Physical world wide port number: 20076d8500005181\n')
LISTED = 'c05076ffe5000000'


class ListingTest(test_guest.NodeTest):

    def setUp(self):
        super().setUp()
        self.host = hypervisor.Hypervisor(self.session, 'host1', 'zhcp1',
                                          'zhcp1.example.com', 'ZHCP1')

    def devices(self, *answers, state='active'):
        self.mn.answers(*answers)
        return self.host.fcp_devices(state)

    def lines(self, *answers, pool='pool1'):
        self.mn.answers(*answers)
        return self.host.pool_lines(pool)

    def test_devices(self):
        found = self.devices(mn.elements({'info': [
            DEVICE % LISTED + DEVICE.replace('3B00', '3B01') % 'NONE']}))
        self.assertEqual(hypervisor.FcpDevice(
            model.DeviceNumber('3B00'), 'Active', model.Wwpn(LISTED), '5A',
            model.Wwpn('20076d8500005181')), found[0])
        self.assertEqual(model.Wwpn(LISTED), found[0].wwpn)
        self.assertIsNone(found[1].npiv_wwpn)
        self.assertEqual(found[1].physical_wwpn, found[1].wwpn)
        self.assertEqual(
            '/xcatws/nodes/host1/inventory?field=--fcpdevices&field=active'
            '&field=details&format=json', self.mn.requests[0][1])

    def test_no_devices_and_a_zhcp_that_is_down(self):
        self.assertEqual((), self.devices(NULL, ZHCP_UP))
        self.assertRaises(exceptions.ZhcpDown, self.devices, NULL, ZHCP_DOWN)

    def test_devices_that_cannot_be_read(self):
        good = DEVICE % LISTED
        for bad in (good.replace('3B00', '3B00;id'), good * 2 + 'host1: x',
                    good.replace('5a', '$5'), DEVICE % 'c050',
                    good.partition('host1:   Channel')[0],
                    good.replace('host1: ', '')):
            self.assertRaises(exceptions.BadAnswer, self.devices,
                              mn.elements({'info': [bad]}))

    def test_a_state_that_there_is_not(self):
        self.assertRaises(exceptions.InvalidValue, self.devices, NULL,
                          state='bogus')

    def test_lines_of_a_pool(self):
        found = self.lines(mn.elements({'info': [
            'host1: #status,wwpn,lun,size,range,owner,channel,tag\n'
            'host1: used,5005076303000001,4011400000000000,30G,3B00-3B3F,'
            'guest1,3B02,\n'
            'host1: free,5005076303000001,4011400400000000,,,,,\n']}))
        self.assertEqual(['used', 'free'], [line.status for line in found])
        self.assertEqual(
            '/xcatws/nodes/host1/inventory?field=--zfcppool&field=pool1'
            '&field=all&format=json', self.mn.requests[0][1])

    def test_an_empty_pool(self):
        self.assertEqual((), self.lines(mn.elements({'info': [
            'host1: %s\n' % model.POOL_HEADER]})))

    def test_a_pool_that_there_is_not_and_a_zhcp_that_is_down(self):
        error = self.assertRaises(exceptions.PoolMissing, self.lines, NULL,
                                  ZHCP_UP)
        self.assertIn('pool1', str(error))
        self.assertRaises(exceptions.ZhcpDown, self.lines, NULL, ZHCP_DOWN)

    def test_an_error_of_the_management_node(self):
        self.assertRaises(exceptions.CommandFailed, self.lines, mn.elements(
            {'error': ['host1: (Error) x'], 'errorcode': ['1']}))

    def test_a_damaged_line_is_named(self):
        error = self.assertRaises(exceptions.PoolDamaged, self.lines,
                                  mn.elements({'info': [
                                      'host1: %s\nhost1: free,x,y\n'
                                      % model.POOL_HEADER]}))
        self.assertIn('Line 2 of SCSI pool pool1', str(error))

    def test_hostile_pools(self):
        for bad in list(hostile.spoilt('pool1')) + list(hostile.WHOLE):
            self.assertRaises(exceptions.InvalidValue, self.lines, NULL,
                              pool=bad)
        self.assertEqual([], self.mn.requests)
