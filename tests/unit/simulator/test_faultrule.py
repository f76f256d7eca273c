# SPDX-License-Identifier: Apache-2.0
"""What a rule of a fault may say."""

import math

import testtools

from xcat_simulator import faultrule
from xcat_simulator import httpd

SERVERS = ('mn', 'connector host1')


def request(method='PUT', target='/xcatws/vms/a?format=json', body=b''):
    return httpd.Request(method, target, {}, body, '127.0.0.1')


def parse(**given):
    return faultrule.parse(given, SERVERS)


class ParseTest(testtools.TestCase):

    def test_defaults(self):
        rule = parse(lost=True)
        self.assertEqual(('lost', True, 1, 1, None, None), (
            rule.action, rule.value, rule.nth, rule.times, rule.server,
            rule.method))
        self.assertEqual({'lost': True}, rule.given)

    def test_each_action_is_taken(self):
        for given in (
                {'latency': 0}, {'latency': 1.5}, {'lost': True},
                {'answer_lost': True}, {'late': {'seconds': 3}},
                {'late': {'gate': True}}, {'truncated': True},
                {'late': {'seconds': 0.1, 'answer': '504'}},
                {'late': {'gate': True, 'answer': 'hangup'}},
                {'garbled': True}, {'html': 200}, {'html': 504},
                {'status': 503}, {'hop': 1}, {'hop': 45}):
            self.assertEqual(list(given), [parse(**given).action])

    def test_what_is_no_action_is_refused(self):
        for given in (
                {}, {'lost': 1}, {'lost': False}, {'lost': None},
                {'latency': -1}, {'latency': True}, {'latency': '1'},
                {'latency': math.nan}, {'latency': math.inf},
                {'latency': 1e9}, {'late': True}, {'late': {}},
                {'late': {'seconds': 1, 'gate': True}},
                {'late': {'gate': False}}, {'late': {'seconds': 'x'}},
                {'late': {'seconds': 1, 'answer': 504}},
                {'late': {'seconds': 1, 'x': 1}}, {'answer_lost': 'yes'},
                {'truncated': {}}, {'garbled': 0}, {'html': 199},
                {'html': '502'}, {'status': 204}, {'status': 304},
                {'status': 600}, {'status': True}, {'status': 499},
                {'hop': 0}, {'hop': True}, {'hop': 1.0}, {'hop': '1'},
                {'lost': True, 'hop': 1}, {'nosuch': True},
                {'lost': True, 'nosuch': 1}):
            self.assertRaises(faultrule.BadRule, parse, **given)
        for given in (None, [], 'lost', 7):
            self.assertRaises(faultrule.BadRule, faultrule.parse, given,
                              SERVERS)

    def test_what_cannot_match_or_count_is_refused(self):
        for given in (
                {'path': '('}, {'body': '['}, {'path': 7}, {'body': None},
                {'method': ['PUT']}, {'server': 'nosuch'}, {'server': None},
                {'nth': 0}, {'nth': '1'}, {'nth': True}, {'times': -1},
                {'times': None}, {'times': 1.0}):
            self.assertRaises(faultrule.BadRule, parse, lost=True, **given)


class MatchTest(testtools.TestCase):

    def check(self, wanted, at='mn', asked=None, **given):
        self.assertEqual(wanted, bool(parse(lost=True, **given).matches(
            at, asked or request())), given)

    def test_a_rule_without_conditions_matches_all(self):
        self.check(True)
        self.check(True, at='connector host1')

    def test_server_and_method_are_exact(self):
        self.check(True, server='mn', method='PUT')
        self.check(False, server='mn', at='connector host1')
        self.check(True, server='connector host1', at='connector host1')
        self.check(False, method='PU')
        self.check(False, method='put')

    def test_the_path_is_searched_with_its_query(self):
        self.check(True, path='vms/a')
        self.check(True, path=r'^/xcatws/vms/a\?format')
        self.check(False, path='vms/a$')

    def test_the_whole_body_is_searched(self):
        asked = request(body=b'x' * 300000 + b'end' + b'\xff')
        self.check(True, asked=asked, body='xend')
        self.check(True, asked=asked, body='\ufffd$')
        self.check(False, asked=asked, body='xxend$')

    def test_every_condition_has_to_hold(self):
        self.check(True, method='PUT', path='vms', body='^$')
        self.check(False, method='PUT', path='vms', body='x')
        self.check(False, method='GET', path='vms', body='^$')
