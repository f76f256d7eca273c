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

    def test_credentials_of_the_query_go_first_and_keep_their_semicolon(self):
        self.ask('GET', 'nodes', query='format=json&userName=u&password=a;b',
                 userName='other', password='other')
        self.assertEqual(('u', 'a;b'), self.daemon.asked[-1][1:])

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
        self.crashed('PUT', 'nodes/a/dsh', {'command': 'x'})

    def test_bodies_of_a_guest(self):
        text = 'No Field and Value map was supplied.'
        self.refused(400, text, 'PUT', 'vms/a')
        self.refused(400, text, 'PUT', 'vms/a', [])
        self.crashed('PUT', 'vms/a', b'[')

    def test_bodies_of_a_hypervisor(self):
        self.refused(400, 'No set attribute was supplied.', 'PUT',
                     'hypervisor/h', [])
        self.crashed('PUT', 'hypervisor/h')
        self.crashed('PUT', 'hypervisor/h', ['x'],
                     Content_Type='multipart/form-data; boundary=x')
        self.crashed('GET', 'hypervisor/h')

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
        self.assertIn(answer.status, (200, 400, 500))

    @given(strategies.text(strategies.characters(codec='latin-1')))
    def test_no_path_gets_past_the_forms_of_refusal(self, path):
        self.assertIn(self.ask('GET', path).status,
                      (200, 400, 404, 405, 500))


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
