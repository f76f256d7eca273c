# SPDX-License-Identifier: Apache-2.0
"""Envelopes, as recorded and as they never should be."""

import json

import testtools

from zvm_common import exceptions
from zvm_common.xcat import reply
from zvm_common.xcat import session


def response(body, status=200, method='GET', path='/xcatws/nodes/guest1',
             content_type='application/json', location=''):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return session.Response(method, path + '?format=json', status,
                            content_type, location, body, lambda text: text)


def parse(*elements):
    return reply.parse(response({'data': list(elements)}))


class ElementTest(testtools.TestCase):

    def test_texts_of_all_kinds(self):
        found = parse({'info': ['a', 'b'], 'numofnodes': ['2']},
                      {'data': ['c'], 'warning': ['w']},
                      {'error': ['d'], 'errorcode': ['1']},
                      {'info': ['e'], 'xcatdsource': ['mn']})
        self.assertEqual((('a', 'b', 'e'), ('c',), ('w',), ('d',), 1),
                         (found.info, found.data, found.warnings,
                          found.errors, found.errorcode))

    def test_success_and_error_in_one_answer(self):
        found = parse({'info': ['guest2: Dedicating device... Done\n']},
                      {'error': ['guest2: Dedicating device... Failed\n'],
                       'errorcode': ['1']})
        self.assertEqual(('Dedicating device... Done',),
                         found.info_lines('guest2'))
        self.assertIn('Failed', str(found.failed()))
        self.assertIsInstance(found.failed(), exceptions.CommandFailed)

    def test_the_last_errorcode_decides(self):
        self.assertEqual(1, parse({'errorcode': ['0']},
                                  {'errorcode': ['0', '1']}).errorcode)
        self.assertEqual(0, parse({'errorcode': ['1']},
                                  {'errorcode': ['0']}).errorcode)
        self.assertIsNone(parse({'info': ['x']}).errorcode)
        self.assertIsNone(parse().errorcode)

    def test_stderr_is_no_error_of_the_management_node(self):
        found = parse({'NoErrorPrefix': ['1'], 'error': ['guest1: err'],
                       'errorcode': ['0']}, {'errorcode': ['1']})
        self.assertEqual((), found.errors)
        self.assertEqual(('err',), found.stderr_lines('guest1'))

    def test_a_null_listing(self):
        found = parse({'info': [None]})
        self.assertTrue(found.info_is_null)
        self.assertEqual(((), ()), (found.info, found.info_lines('host1')))
        self.assertFalse(parse({'info': ['x']}, {}).info_is_null)

    def test_nested_node_lists(self):
        found = parse({'node': [{'name': ['guest1'], 'error': ['broken'],
                                 'errorcode': ['1']}]})
        self.assertEqual((('broken',), 1), (found.errors, found.errorcode))


class LineTest(testtools.TestCase):

    def test_the_prefix_goes_and_nothing_else(self):
        found = parse({'info': ['host1: #a\nhost1:   b: c\nhost1: \n']})
        self.assertEqual(('#a', '  b: c', ''), found.info_lines('host1'))

    def test_only_line_feeds_end_lines(self):
        text = 'a\r\x0b\x0c\x1c\x85\u2028b'
        found = parse({'data': ['n1: %s\nn1: c' % text]})
        self.assertEqual((text, 'c'), found.data_lines('n1'))

    def test_a_line_without_its_prefix(self):
        for text in ('a', 'guest10: a', 'guest1:a', ' guest1: a',
                     'guest1: a\nb', 'guest1: a\n\nguest1: b', ''):
            self.assertRaises(exceptions.BadAnswer,
                              parse({'data': [text]}).data_lines, 'guest1')


class SurpriseTest(testtools.TestCase):

    def test_elements_that_were_never_seen(self):
        for raw in (None, 'x', [], 1, {'unknown': ['x']}, {'info': 'x'},
                    {'info': None}, {'info': [1]}, {'info': ['x', None]},
                    {'info': [None, None]}, {'data': [None]},
                    {'error': [None]}, {'error': {}}, {'errorcode': []},
                    {'errorcode': ['x']}, {'errorcode': [0]},
                    {'errorcode': '0'}, {'errorcode': ['0\n']},
                    {'errorcode': ['\u0661']}, {'node': 'x'},
                    {'node': [None]}, {'node': [{'node': []}]},
                    {'node': [{'unknown': 1}]}):
            error = self.assertRaises(exceptions.BadAnswer, parse, raw)
            self.assertIn('GET /xcatws/nodes/guest1', str(error))

    def test_envelopes_that_were_never_seen(self):
        for body in (None, [], 'x', {}, {'data': None}, {'data': {}},
                     {'data': [], 'more': []}):
            self.assertRaises(exceptions.BadAnswer, reply.parse,
                              response(body))

    def test_the_excerpt_is_bounded_and_printable(self):
        error = self.assertRaises(
            exceptions.BadAnswer, reply.parse,
            response(b'<html>\x1b[31m\n' + b'x' * 10 ** 6))
        self.assertTrue(str(error).isprintable())
        self.assertTrue(len(str(error)) < 700)

    def test_bytes_that_are_no_utf8_within_a_text(self):
        found = reply.parse(response(b'{"data": [{"data": ["n1: \xe9"]}]}'))
        self.assertEqual(('\ufffd',), found.data_lines('n1'))


class PolicyTest(testtools.TestCase):

    def test_a_missing_policy_names_the_command_of_the_policy_table(self):
        for method, path, command in (
                ('PUT', 'nodes/zhcp1/dsh', 'xdsh'),
                ('GET', 'nodes/host1/inventory', 'rinv'),
                ('GET', 'nodes/guest1/power', 'rpower'),
                ('GET', 'nodes/guest1', 'lsdef'),
                ('POST', 'nodes/guest1', 'mkdef'),
                ('DELETE', 'nodes/guest1', 'rmdef'),
                ('GET', 'tables/zvm', 'tabdump'),
                ('GET', 'vms/guest1', 'lsvm')):
            error = self.assertRaises(
                exceptions.NotPermitted, reply.parse,
                response(b'<p>Permission denied for request</p>', 401,
                         method, '/xcatws/' + path))
            self.assertEqual(command, error.command)

    def test_a_wrong_password_is_something_else(self):
        error = self.assertRaises(
            exceptions.AuthenticationFailed, reply.parse,
            response(b'<p>Authentication failure</p>', 401))
        self.assertIn('zvm_xcat_password', str(error))

    def test_an_unknown_node_is_named(self):
        error = self.assertRaises(
            exceptions.UnknownNode, reply.parse,
            response(b'<p>Invalid nodes and/or groups in noderange: nosuch'
                     b'</p>', 403))
        self.assertIn("'nosuch'", str(error))
