# SPDX-License-Identifier: Apache-2.0
"""What recordings do not show: policies, several LPARs, journal, events."""

import json

from tests.functional.simulator import base
from tests import worlds

POOL = 'nodes/host1/inventory?field=--zfcppool&field=zpool1'


class CredentialsTest(base.SharedCase):

    @staticmethod
    def world():
        world = worlds.small()
        world['users']['reader'] = {
            'password': 'only-reads',
            'policy': ['lsdef', 'rinv', 'tabdump', 'lsvm']}
        return world

    def test_a_policy_limits_the_commands(self):
        reader = {'userName': 'reader', 'password': 'only-reads'}
        self.data('GET', POOL, headers=reader)
        for method, path, body in (
                ('PUT', 'nodes/guest1/dsh', ['command=true']),
                ('PUT', 'hypervisor/host1/xdsh', ['true']),
                ('POST', 'nodes/new', ['groups=all']),
                ('PUT', 'vms/guest1', ['--undedicatedevice 3B00'])):
            answer = self.ask(method, path, body, headers=reader)
            self.assertEqual(
                (401, '<p>Permission denied for request</p>'),
                (answer.status_code, answer.text))
        self.assertNotIn('new', self.simulator.state()['nodes'])

    def test_the_query_comes_before_the_headers(self):
        answer = self.ask('GET', 'version', query='format=json&userName=admin'
                          '&password=wrong')
        self.assertEqual(401, answer.status_code)

    def test_a_wrong_body_is_told_before_a_wrong_password(self):
        answer = self.ask('PUT', 'hypervisor/host1', [], headers={})
        self.assertEqual((400, 'No set attribute was supplied.'),
                         (answer.status_code, answer.text))

    def test_no_password_gets_into_the_journal(self):
        secrets = ('Wr0ngPassw0rd', worlds.PASSWORD)
        for secret in secrets:
            self.ask('GET', 'nodes', headers={},
                     query='userName=admin&password=' + secret)
            self.ask('GET', 'nodes', headers={'userName': 'admin',
                                              'password': secret})
        text = json.dumps(self.simulator.requests(None))
        for secret in secrets:
            self.assertNotIn(secret, text)
            self.assertNotIn(secret, self.simulator.log())
        self.assertIn('userName=admin&password=***', text)


class PoolTest(base.ServedCase):

    def test_a_filter_matches_anywhere_in_a_line(self):
        """Text of the range, not only the status."""
        text, = self.data('GET', POOL + '&field=3C00')[0]['info']
        self.assertEqual(11, text.count('\n'))

    def test_a_filter_finds_the_header_too(self):
        text, = self.data('GET', POOL + '&field=status')[0]['info']
        self.assertEqual(2, text.count('#status'))

    def test_a_pool_name_is_lower_cased(self):
        path = POOL.replace('zpool1', 'ZPOOL1')
        self.assertEqual(self.data('GET', POOL), self.data('GET', path))

    def test_a_long_pool_is_empty_through_a_filter(self):
        folder = self.simulator.node_folder('host1', 'ZHCP1')
        with open(folder + '/var/opt/zhcp/zfcp/zpool1.conf', 'a') as stream:
            stream.write('free,5005076303009001,4099400000000000,1G,,,,\n'
                         * 3000)
        self.assertEqual(1, self.data('GET', POOL + '&field=free')[0]['info']
                         [0].count('\n'))
        self.assertEqual(3011, self.data('GET', POOL)[0]['info'][0]
                         .count('\n'))

    def test_a_zhcp_that_is_down_looks_like_an_empty_pool(self):
        self.simulator.event(zhcp='down')
        self.assertEqual([{'info': [None]}], self.data('GET', POOL))
        text, = self.data('GET', POOL + '&field=free')[0]['error']
        self.assertIn('SSH communication to zhcp1.example.com failed', text)
        self.assertEqual([{'info': ['guest1: ']}],
                         self.data('GET', 'nodes/guest1/power'))
        self.assertIn('No route to host',
                      self.dsh('zhcp1', 'true')[0]['error'][0])

        self.simulator.event(zhcp='up')
        self.assertEqual(11, self.data('GET', POOL)[0]['info'][0]
                         .count('\n'))


class DshTest(base.SharedCase):

    def test_blanks_of_a_command_stay(self):
        self.assertEqual(['guest1: a  b'],
                         self.dsh('guest1', "printf '%s\\n' 'a  b'")[0]
                         ['data'])

    def test_empty_lines_are_labelled(self):
        self.assertEqual(['guest1: \nguest1: x\nguest1: '],
                         self.dsh('guest1', 'printf "\\nx\\n\\n"')[0]['data'])

    def test_a_last_line_without_end_is_there(self):
        self.assertEqual(['guest1: x'],
                         self.dsh('guest1', 'printf x')[0]['data'])

    def test_a_shell_that_leaves_by_itself_gives_no_return_code(self):
        answer = self.dsh('guest1', 'echo x; exit 0')
        self.assertEqual(['guest1: x'], answer[0]['data'])
        self.assertIn('was not received', answer[1]['error'][0])
        self.assertEqual({'errorcode': ['1']}, answer[-1])

    def test_long_output_comes_whole_in_several_strings(self):
        lines = [line for text in self.dsh('guest1', 'seq 1 20000')[0]['data']
                 for line in text.split('\n')]
        self.assertEqual(['guest1: %d' % n for n in range(1, 20001)], lines)

    def test_a_command_may_be_nearly_128_kib_long(self):
        self.assertEqual(['guest1: 1'], self.dsh(
            'guest1', 'echo 1 #%s\n' % ('x' * 130032))[0]['data'])
        answer = self.dsh('guest1', 'echo 1 #%s' % ('x' * 132072))
        self.assertIn('Argument list too long', answer[0]['error'][0])

    def test_several_nodes_answer_each_with_its_name(self):
        answer = self.dsh('guest2,guest1', 'echo x')
        self.assertEqual([['guest1: x'], ['guest2: x']],
                         [element['data'] for element in answer[:-1]])

    def test_the_hypervisor_is_no_linux(self):
        self.assertIn('Connection refused',
                      self.dsh('host1', 'true')[0]['error'][0])

    def test_a_passed_on_command_is_split_and_joined_by_one_blank(self):
        answer = self.data('PUT', 'hypervisor/guest1/xdsh',
                           ["printf '%s\\n'  'a   b'"])
        self.assertEqual(['guest1: a b'], answer[0]['data'])

    def test_an_unknown_command_is_forbidden(self):
        answer = self.ask('PUT', 'hypervisor/host1/nosuch', ['x'])
        self.assertEqual((403, '<p>Unsupported request</p>'),
                         (answer.status_code, answer.text))


class PowerTest(base.ServedCase):

    def power(self, body=None, node='guest1'):
        method = 'PUT' if body else 'GET'
        return self.data(method, 'nodes/%s/power' % node, body)

    def test_off_and_on(self):
        self.assertEqual(['guest1: on\n'], self.power()[0]['info'])
        self.power(['off'])
        self.assertEqual(['guest1: off\n'], self.power(['stat'])[0]['info'])
        self.assertIn('already logged off', self.power(['off'])[0]['info'][0])
        self.assertIn('No route', self.dsh('guest1', 'true')[0]['error'][0])
        self.power(['on'])
        self.assertEqual(['guest1: reachable'],
                         self.power(['isreachable'])[0]['info'])

    def test_a_hypervisor_is_as_its_zhcp(self):
        self.assertEqual(['host1: on\n'], self.power(node='host1')[0]['info'])

    def test_an_unknown_action(self):
        self.assertEqual(['guest1: (Error) Option not supported'],
                         self.power(['dance'])[0]['error'])


class TwoLparsTest(base.ServedCase):

    @staticmethod
    def world():
        return worlds.two()

    def test_each_hypervisor_shows_its_own_devices(self):
        for number in (1, 2):
            text = self.data('GET', 'nodes/host%d/inventory?field=--fcpdevices'
                             '&field=active&field=details' % number)[0]['info']
            self.assertIn('c05076ffe500%d00e' % number, text[0])

    def test_pools_of_several_lpars_are_prefixed(self):
        answer = self.session.get(self.simulator.url + '/simulator/pools',
                                  timeout=60).json()
        self.assertEqual(['host1/zpool1', 'host2/zpool2'], sorted(answer))
        self.assertEqual(answer['host2/zpool2'],
                         self.simulator.pool_text('host2', 'zpool2'))

    def test_an_event_may_mean_one_lpar(self):
        self.simulator.event(lpar='host2', zhcp='down')
        self.assertEqual('on\n', self.data('GET', 'nodes/guest1/power')
                         [0]['info'][0].partition(': ')[2])
        self.assertEqual(['guest3: '], self.data('GET', 'nodes/guest3/power')
                         [0]['info'])


class NodesTest(base.ServedCase):

    def test_groups_of_a_definition_are_kept(self):
        answer = self.ask('POST', 'nodes/new', [
            'groups=all,zvm-volume', 'mgt=zvm', 'hcp=zhcp1.example.com',
            'userid=LNX00001'])
        self.assertEqual(201, answer.status_code)
        self.assertIn('    groups=all,zvm-volume',
                      self.data('GET', 'nodes/new')[0]['info'])
        self.assertIn('USER LNX00001',
                      self.data('GET', 'vms/new')[0]['info'][0])

    def test_some_attributes(self):
        self.assertEqual(['Object name: guest1', '    hcp=zhcp1.example.com',
                          '    userid=LNX00001'],
                         self.data('GET', 'nodes/guest1?field=hcp'
                                   '&field=userid')[0]['info'])

    def test_a_definition_needs_groups_and_a_good_name(self):
        for name, body in (('new', ['mgt=zvm']), ('a.b', ['groups=all'])):
            answer = self.ask('POST', 'nodes/' + name, body).json()['data']
            self.assertIn('error', answer[0])
            self.assertEqual(['0'], answer[-1]['numofnodes'])

    def test_removing_a_definition_leaves_the_guest(self):
        self.data('DELETE', 'nodes/guest1')
        self.assertEqual(403, self.ask('GET', 'vms/guest1').status_code)
        guests = self.simulator.state()['lpars']['host1']['guests']
        self.assertEqual('on', guests['LNX00001']['power'])

    def test_without_a_format_the_answer_is_html(self):
        answer = self.ask('GET', 'nodes', query='')
        self.assertIn('text/html', answer.headers['Content-Type'])
        self.assertEqual(400, self.ask('GET', 'nodes', query='format=yaml')
                         .status_code)
