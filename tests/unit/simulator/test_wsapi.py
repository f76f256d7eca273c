# SPDX-License-Identifier: Apache-2.0
"""From HTTP requests to xCAT commands, and the forms of refusals."""

import email.message
import json

from hypothesis import given
from hypothesis import strategies
import testtools

from xcat_simulator import httpd
from xcat_simulator.mn import daemon
from xcat_simulator.mn import reply
from xcat_simulator.mn import wsapi


class Daemon:
    """Notes what it is asked; answers or raises what it is told."""

    def __init__(self):
        self.asked = []
        self.answer = []

    def run(self, command, username, password):
        self.asked.append((command, username, password))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class WsapiCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.daemon = Daemon()
        self.application = wsapi.Application(self.daemon)

    def ask(self, method, path, body=b'', query='format=json', **headers):
        message = email.message.Message()
        headers.setdefault('Content_Type', 'application/json')
        for name, value in headers.items():
            message[name.replace('_', '-')] = value
        mark = '&' if '?' in path else '?'
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.application(httpd.Request(
            method, '/xcatws/' + path + mark + query, message, body,
            '127.0.0.1'))

    def command(self, *args, **kwargs):
        """Name, noderange and arguments of the command that is made."""
        self.ask(*args, **kwargs)
        command, _, _ = self.daemon.asked[-1]
        return command.name, command.noderange, command.args


class CommandTest(WsapiCase):

    def test_each_resource_has_its_command(self):
        for method, path, body, command in (
                ('GET', 'version', b'', ('lsxcatd', None, ['-v'])),
                ('GET', 'nodes', b'', ('lsdef', None, ['-t', 'node'])),
                ('GET', 'nodes/a?field=x&field=y', b'',
                 ('lsdef', None, ['-t', 'node', '-o', 'a', '-i', 'x,y'])),
                ('POST', 'nodes/a', ['b=c'],
                 ('mkdef', None, ['-t', 'node', '-o', 'a', 'b=c'])),
                ('DELETE', 'nodes/a', b'',
                 ('rmdef', None, ['-t', 'node', '-o', 'a'])),
                ('GET', 'nodes/a/power', b'', ('rpower', 'a', ['stat'])),
                ('GET', 'nodes/a/inventory?field=--x;field=y', b'',
                 ('rinv', 'a', ['--x', 'y'])),
                ('PUT', 'nodes/a/power', ['on'], ('rpower', 'a', ['on'])),
                ('PUT', 'nodes/a/dsh', ['timeout=5', 'command=x  y'],
                 ('xdsh', 'a', ['-t', '5', 'x  y'])),
                ('PUT', 'nodes/a/execcmdonvm', ['x y'],
                 ('execcmdonvm', 'a', ['x y'])),
                ('GET', 'vms/a', b'', ('lsvm', 'a', [])),
                ('DELETE', 'vms/a', b'', ('rmvm', 'a', [])),
                ('PUT', 'vms/a', ['--x  y', ' z'],
                 ('chvm', 'a', ['--x', 'y', 'z'])),
                ('PUT', 'hypervisor/h', ['--x a  b', '', 'c'],
                 ('chhypervisor', 'h', ['--x', 'a', 'b', 'c'])),
                ('PUT', 'hypervisor/h/rinv', ['--x'],
                 ('rinv', 'h', ['--x'])),
                ('GET', 'tables/zvm', b'', ('tabdump', None, ['zvm']))):
            self.assertEqual(command, self.command(method, path, body))

    def test_a_semicolon_splits_parameters_unless_it_is_escaped(self):
        self.assertEqual(['3B00-3B3F', '3C00'], self.command(
            'GET', 'nodes/h/inventory?field=3B00-3B3F;field=3C00')[2])
        self.assertEqual(['3B00-3B3F;3C00'], self.command(
            'GET', 'nodes/h/inventory?field=3B00-3B3F%3B3C00')[2])

    def test_a_body_leaves_no_parameters_in_the_query(self):
        self.assertEqual(('tabch', None, ['a=b', 'zvm.c=d']), self.command(
            'PUT', 'tables/zvm?condition=x%3Dy&delete=1', ['a=b zvm.c=d']))
        self.assertEqual(('tabch', None, ['-d', 'x=y', 'zvm']), self.command(
            'PUT', 'tables/zvm', b'condition=x%3Dy&delete=',
            Content_Type='application/x-www-form-urlencoded'))

    def test_a_body_of_a_form_or_of_no_type(self):
        for kind in ('application/x-www-form-urlencoded', ''):
            self.assertEqual(('chvm', 'a', ['--x']), self.command(
                'PUT', 'vms/a', b'PUTDATA=["--x"]', Content_Type=kind))
            self.assertEqual(400, self.ask(
                'PUT', 'vms/a', ['--x'], Content_Type=kind).status)
        self.assertEqual(('chvm', 'a', ['--x']), self.command(
            'PUT', 'vms/a', ['--x'],
            Content_Type='Application/X-WWW-Form-Urlencoded'))

    def test_put_data_in_the_query(self):
        self.assertEqual(('execcmdonvm', 'a', ['x y', 'z']), self.command(
            'PUT', 'nodes/a/execcmdonvm?putData=field=x+y&putData=field=z'))
        self.assertEqual(('xdsh', 'a', []), self.command(
            'PUT', 'nodes/a/dsh?putData=x'))
        self.assertEqual(
            ('tabch', None, ['a=b', 'zvm.c=d']), self.command(
                'PUT', 'tables/zvm?putData=condition=a=b'
                '&putData=value=zvm.c=d'))

    def test_a_node_is_changed_by_pairs(self):
        self.assertEqual(
            ('tabch', 'a', ['node=a', 'b.c=1', 'd.e=f=g']),
            self.command('PUT', 'nodes/a', ['b.c', 'd.e=x', 'd.e=f=g']))

    def test_what_perl_makes_of_other_values(self):
        self.assertEqual(['1', '1000', '0.5', '1', '0'], self.command(
            'PUT', 'vms/a', b'[1, 1e3, 0.50, true, false, null]')[2])

    def test_what_vanishes_on_the_way_to_the_daemon(self):
        self.assertEqual(['x', 'y\nz'], self.command(
            'PUT', 'nodes/a/execcmdonvm', ['', ' \n', 'x', 'y\r\nz'])[2])
        self.assertEqual(['--x', 'y'], self.command(
            'GET', 'nodes/a/inventory?field=--x&field=&field=y')[2])

    def test_credentials_of_the_query_go_first_and_keep_their_semicolon(self):
        self.ask('GET', 'nodes', query='format=json&userName=u&password=a;b',
                 userName='other', password='other')
        self.assertEqual(('u', 'a;b'), self.daemon.asked[-1][1:])

    def test_the_first_of_several_users_counts(self):
        self.ask('GET', 'nodes', query='format=json&userName=u&userName=v'
                 '&password=p&password=q')
        self.assertEqual(('u', 'p'), self.daemon.asked[-1][1:])

    def test_header_names_have_no_case(self):
        self.ask('GET', 'nodes', USERNAME='u', Password='p')
        self.assertEqual(('u', 'p'), self.daemon.asked[-1][1:])


class RefusalTest(WsapiCase):

    def refused(self, status, text, *args, **kwargs):
        answer = self.ask(*args, **kwargs)
        self.assertEqual((status, text),
                         (answer.status, answer.body.decode()))
        self.assertIn('application/json', answer.content_type)
        self.assertEqual([], self.daemon.asked)

    def crashed(self, *args, **kwargs):
        answer = self.ask(*args, **kwargs)
        self.assertEqual(500, answer.status)
        self.assertIn('text/html', answer.content_type)

    def test_bodies_of_a_node(self):
        text = 'No set attribute was supplied.'
        self.refused(400, text, 'PUT', 'nodes/a/dsh')
        self.refused(400, text, 'PUT', 'nodes/a/dsh', ['command=x'],
                     Content_Type='application/x-www-form-urlencoded')
        self.refused(400, 'No power operands were supplied.', 'PUT',
                     'nodes/a/power', [])
        self.refused(400, text, 'PUT', 'nodes/a/power', b'0')
        self.crashed('PUT', 'nodes/a/dsh', {'command': 'x'})
        self.crashed('PUT', 'nodes/a/power?putData=field=on')
        self.crashed('PUT', 'nodes/a/power', b'[NaN]')
        self.crashed('PUT', 'nodes/a/power', b'["\\ud800"]')
        self.crashed('PUT', 'nodes/a/power', b'["\xff"]')

    def test_bodies_of_a_guest(self):
        text = 'No Field and Value map was supplied.'
        self.refused(400, text, 'PUT', 'vms/a')
        self.refused(400, text, 'PUT', 'vms/a', [])
        self.crashed('PUT', 'vms/a', b'[')

    def test_bodies_of_a_hypervisor(self):
        self.refused(400, 'No set attribute was supplied.', 'PUT',
                     'hypervisor/h', [])
        self.refused(400, 'Invalid nodes and/or groups in node in noderange',
                     'PUT', 'hypervisor', ['x'])
        self.crashed('PUT', 'hypervisor/h')
        self.crashed('PUT', 'hypervisor/h', ['x'],
                     Content_Type='multipart/form-data; boundary=x')
        self.crashed('GET', 'hypervisor/h')

    def test_bodies_of_a_table(self):
        self.refused(400, 'No set attribute was supplied.', 'PUT',
                     'tables/zvm', [])
        self.crashed('PUT', 'tables/zvm')
        self.crashed('PUT', 'tables?putData=condition=a=b')

    def test_what_no_xml_can_hold(self):
        for path, body in (('vms/a', ['a\0b']), ('vms/a', ['\x1b']),
                           ('vms/%1b', ['x']), ('hypervisor/h/%01', ['x'])):
            self.refused(503, 'ERROR/WARNING: communication with the xCAT '
                         'server seems to have been ended prematurely',
                         'PUT', path, body)

    def test_the_root_page_names_each_resource(self):
        text = self.ask('GET', '').body.decode()
        self.assertTrue(text.startswith(
            '<p>This is the root page for the xCAT Rest Web Service.  '
            'Available resources are:</p><p>accounts</p><p>debug</p>'))
        self.assertTrue(text.endswith('<p>version</p><p>vms</p>'))

    def test_what_is_not_there(self):
        self.refused(404, "Resource 'nosuch' does not exist", 'GET',
                     'nosuch/a')
        self.refused(405, "request method 'PATCH' is not supported on "
                     "resource 'nodes'", 'PATCH', 'nodes/a')
        self.refused(400, 'Unspported operation on nodes object.', 'GET',
                     'nodes/a/nosuch')

    def test_refusals_of_the_daemon(self):
        for error, status in ((daemon.Denied('no'), 401),
                              (daemon.Forbidden('no'), 403)):
            self.daemon.answer = error
            answer = self.ask('GET', 'nodes')
            self.assertEqual((status, b'<p>no</p>'),
                             (answer.status, answer.body))

    def test_a_definition_is_created_whatever_it_says(self):
        self.daemon.answer = [reply.error('no')]
        self.assertEqual(201, self.ask('POST', 'nodes/a', ['b=c']).status)

    @given(strategies.binary(), strategies.sampled_from(
        ['nodes/a/dsh', 'vms/a', 'hypervisor/h', 'nodes/a', 'nodes']))
    def test_no_body_gets_past_the_forms_of_refusal(self, body, path):
        answer = self.ask('PUT', path, body)
        self.assertIn(answer.status, (200, 400, 500, 503))

    @given(strategies.text(strategies.characters(codec='latin-1')))
    def test_no_path_gets_past_the_forms_of_refusal(self, path):
        self.assertIn(self.ask('GET', path).status,
                      (200, 400, 404, 405, 500, 503))


class FormatTest(WsapiCase):

    def shown(self, kind, *elements, path='nodes'):
        self.daemon.answer = list(elements)
        answer = self.ask('GET', path, query=kind)
        self.assertEqual(200, answer.status)
        return answer.content_type.partition(';')[0], answer.body.decode()

    def test_html_is_tables(self):
        self.assertEqual(
            ('text/html', '<table border=1><tr><td>Object name</td>'
             '<td> a</td></tr>\n<tr><td>b</td><td>c=d</td></tr>\n'
             '<tr><td></td></tr>\n</table><table border=1>'
             '<tr><td><e></td></tr></table>'),
            self.shown('format=html', {'info': [
                'Object name: a', '    b=c=d', None]}, {'error': ['<e>']}))
        self.assertEqual(
            '<table border=1><tr><td>"a"</td><td>b</td><td></td></tr>\n'
            '<tr></tr>\n</table>', self.shown(
                '', {'data': ['"a",b,', None]}, path='tables/zvm')[1])
        self.assertEqual(
            '<table border=1><tr><td>"a",b</td><td>c:d</td></tr>\n</table>',
            self.shown('desc=1', {'data': ['"a",b:c:d']},
                       path='tables/zvm')[1])
        self.assertEqual(
            '<table border=1><tr><td>n</td><td>no</td></tr></table>',
            self.shown('', {'node': [{'name': ['n'], 'error': ['no']}]})[1])

    def test_xml_is_tags(self):
        self.assertEqual(
            ('text/xml', '  <info>a&lt;&amp;&quot;</info>\n  <info></info>\n'
             '  <numofnodes>1</numofnodes>\n  <node>\n    <error>no</error>'
             '\n    <name>n</name>\n  </node>\n'),
            self.shown('format=xml', {'numofnodes': ['1'],
                                      'info': ['a<&"', None]},
                       {'node': [{'name': ['n'], 'error': ['no']}]}))

    def test_others_are_refused(self):
        for query in ('format=', 'format', 'format=JSON', 'format=0'):
            answer = self.ask('GET', 'nodes', query=query)
            self.assertEqual(400, answer.status)
            self.assertIn('text/html', answer.content_type)


class ReplyTest(testtools.TestCase):

    def test_text_decides_what_is_an_error(self):
        for text in ('a: (Error) x', 'a: (ERROR) x', 'x... Failed\n',
                     'pool failedpool... Done'):
            self.assertEqual({'error': [text], 'errorcode': ['1']},
                             reply.line(text))
        self.assertEqual({'info': ['Error']}, reply.line('Error'))

    def test_no_text_is_null(self):
        self.assertEqual({'info': [None]}, reply.line(''))

    def test_lines_are_labelled(self):
        self.assertEqual('n: a\nn: \nn: b\n', reply.labelled('n', 'a\n\nb\n'))
        self.assertEqual('', reply.labelled('n', '\n'))
