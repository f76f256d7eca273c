# SPDX-License-Identifier: Apache-2.0
"""Tables over REST, and what the web part makes of vms' parameters."""

import email.message
import json

from tests.functional.simulator import mn
from xcat_simulator import httpd
from xcat_simulator.mn import daemon
from xcat_simulator.mn import wsapi


class TableCase(mn.MNCase):

    def ask(self, method, path, body=b''):
        """The response to a request, as the server would give it."""
        headers = email.message.Message()
        headers['Content-Type'] = 'application/json'
        headers['userName'], headers['password'] = 'admin', 'secret'
        mark = '&' if '?' in path else '?'
        return wsapi.Application(daemon.Daemon(self.world))(httpd.Request(
            method, '/xcatws/%s%sformat=json' % (path, mark), headers, body,
            '127.0.0.1'))

    def data(self, *request):
        answer = self.ask(*request)
        self.assertEqual(200, answer.status, answer.body)
        return json.loads(answer.body)['data']


class DumpTest(TableCase):

    def test_tables_of_nodes(self):
        for name, header, row in (
                ('hosts', '#node,ip,hostnames,otherinterfaces,comments,'
                 'disable', '"guest1",,"guest1.example.com",,,'),
                ('nodehm', None, '"guest1",,"zvm",,,,,,,,,,,,,'),
                ('nodelist', None, '"guest1","all",,,,,,,,,,,'),
                ('nodetype', None, '"guest1","rhel9","s390x",,,,,,'),
                ('hypervisor', None, '"host1","zvm",,,,,,,,,')):
            lines = self.data('GET', 'tables/' + name)[0]['data']
            self.assertIn(row, lines)
            if header:
                self.assertEqual(header, lines[0])

    def test_one_that_is_not_there(self):
        self.assertEqual([{'error': ['No such table: no'],
                           'errorcode': ['1']}],
                         self.data('GET', 'tables/no'))

    def test_one_value(self):
        query = 'tables/zvm?col=userid&value=LNX00002&attribute='
        self.assertEqual([{'data': ['guest2']}],
                         self.data('GET', query + 'node'))
        self.assertEqual(
            [{'data': ['zvm.node: guest2']},
             {'data': ['zvm.hcp: zhcp1.example.com']}],
            self.data('GET', query + 'node&attribute=hcp'))
        self.assertEqual([], self.data('GET', query.replace(
            'LNX00002', 'none') + 'node'))
        self.assertEqual(
            [{'error': ['Unknown key no to zvm'], 'errorcode': ['1']}],
            self.data('GET', 'tables/zvm?col=no&value=1&attribute=node'))


class ChangeTest(TableCase):

    def test_a_condition_in_the_query(self):
        self.assertEqual([], self.data(
            'PUT', 'tables/zvm?putData=condition%3Dnode%3Dguest1'
            '&putData=value%3Dzvm.status%3DSSH%3D1'
            '&putData=value%3Dzvm.comments%3Dx'))
        self.assertEqual('SSH=1', self.status('guest1'))
        self.assertEqual('x', self.world.nodes.row('guest1')['comments'])

    def test_words_in_the_body(self):
        self.data('PUT', 'tables/zvm', b'["node=guest1 zvm.userid=NEW"]')
        self.assertEqual('NEW', self.world.nodes.row('guest1')['userid'])
        self.assertEqual('NEW', self.world.nodes.get('guest1')['userid'])

    def test_by_the_node(self):
        self.data('PUT', 'nodes/guest1', b'["hosts.ip=192.0.2.9"]')
        self.assertEqual('192.0.2.9',
                         self.world.nodes.get('guest1')['ip'])

    def test_more_of_a_list(self):
        self.data('PUT', 'nodes/guest1', b'["nodelist.groups+=all,new"]')
        self.assertEqual('all,new',
                         self.world.nodes.get('guest1')['groups'])

    def test_a_row_goes(self):
        self.data('PUT', 'tables/zvm?putData=condition%3Dnode%3Dguest1'
                  '&putData=delete%3D1')
        self.assertEqual({}, self.world.nodes.row('guest1'))
        self.assertEqual(['guest1: (Error) Missing node HCP'],
                         self.texts('lsvm', 'guest1'))

    def test_refusals(self):
        self.assertEqual(500, self.ask('PUT', 'tables/zvm').status)
        self.assertEqual(500, self.ask(
            'PUT', 'tables/zvm?condition=node%3Dguest1&delete=1').status)
        self.assertEqual(403, self.ask(
            'PUT', 'nodes/no', b'["hosts.ip=192.0.2.9"]').status)
        self.assertEqual(400, self.ask('PUT', 'tables/zvm', b'[]').status)
        for words, wanted in (
                (b'["node=guest1 zvm.xyz=1"]',
                 {'error': ['zvm.xyz not a valid table.column description'],
                  'errorcode': ['1']}),
                (b'["node=guest1 zvm.[a=1"]',
                 {'error': ['zvm.[a not a valid table.column description'],
                  'errorcode': ['1']}),
                (b'["no=1 zvm.status=1"]',
                 {'error': ['No column "no" in table "zvm"'],
                  'errorcode': ['1']}),
                (b'["node=guest1 no.status=1"]',
                 {'data': ['Table no does not exist.\n'],
                  'errorcode': ['1']})):
            self.assertEqual([wanted], self.data('PUT', 'tables/zvm', words))


class VmsTest(TableCase):

    def test_an_object_id_is_two_words_too_many(self):
        self.assertEqual(
            [{'error': ['guest1: (Error) Wrong number of parameters'],
              'errorcode': ['1']}],
            self.data('PUT', 'vms/guest1?objectid=x',
                      b'["--undedicatedevice 3B05"]'))
        self.assertEqual(
            [{'error': ['guest1: guest1: (Error) Option not supported\n'],
              'errorcode': ['1']}],
            self.data('GET', 'vms/guest1?requestid=x'))

    def test_rmvm_takes_them(self):
        answer = self.data('DELETE', 'vms/guest1?requestid=x&retain=1')
        self.assertEqual('guest1: Deleting LNX00001 from the directory... '
                         'Done\n', answer[0]['info'][0])

    def test_mkvm_is_not_imitated(self):
        self.assertEqual(400, self.ask('POST', 'vms/guest1').status)
        self.assertEqual(400, self.ask('POST', 'vms/guest1', b'[]').status)
        self.assertEqual(403, self.ask('POST', 'vms/guest1',
                                       b'["size=1"]').status)
