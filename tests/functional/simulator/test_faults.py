# SPDX-License-Identifier: Apache-2.0
"""Faults of requests by rules: POST /simulator/faults, as the manual has it.

Whether an effect has happened is told by the directory entry of a guest:
each request dedicates a device.
"""

import concurrent.futures
import json
import time

import requests

from tests.functional.simulator import base
from tests import waits
from tests import worlds


class FaultCase(base.ServedCase):

    def fault(self, **rule):
        return self.simulator.fault(**rule)

    def dedicate(self, device='3B00', session=None):
        """The response, or None when there was none."""
        try:
            return self.ask('PUT', 'vms/guest1', [
                '--dedicatedevice %s %s 0' % (device, device)],
                session=session)
        except requests.ConnectionError:
            return None

    def done(self, device='3B00'):
        """Is the device dedicated?"""
        state = self.simulator.state()['lpars']['host1']['guests']
        return 'DEDICATE ' + device in state['LNX00001']['directory']

    def shown(self, number):
        found, = [each for each in self.simulator.faults()
                  if each['id'] == number]
        return found

    def post(self, name, body, method='POST'):
        return self.session.request(
            method, self.simulator.url + '/simulator/' + name, timeout=60,
            **({'data': body} if isinstance(body, str) else {'json': body}))


class AnswerTest(FaultCase):

    def test_a_request_takes_time(self):
        self.fault(path='/vms/', latency=0.4)
        started = time.monotonic()
        self.assertIn('Done', self.dedicate().text)
        self.assertGreaterEqual(time.monotonic() - started, 0.4)

    def test_a_request_is_lost(self):
        number = self.fault(path='/vms/', lost=True)
        self.assertIsNone(self.dedicate())
        self.assertFalse(self.done())
        entry, = self.simulator.requests()
        self.assertEqual((None, 0, [number]), (
            entry['status'], entry['hops'], entry['fault']))
        self.assertIn('Done', self.dedicate().text)

    def test_an_answer_is_lost(self):
        self.fault(path='/vms/', answer_lost=True)
        self.assertIsNone(self.dedicate())
        self.assertTrue(self.done())

    def test_the_connection_is_closed_and_another_works(self):
        self.fault(lost=True)
        self.assertRaises(requests.ConnectionError, self.ask, 'GET', 'nodes')
        self.assertEqual(200, self.ask('GET', 'nodes').status_code)

    def test_an_answer_is_cut(self):
        whole = self.ask('GET', 'vms/guest1').content
        self.fault(path='/vms/', truncated=True)
        answer = self.ask('GET', 'vms/guest1')
        self.assertEqual(200, answer.status_code)
        self.assertEqual(len(whole) // 2, len(answer.content))
        self.assertEqual(str(len(whole) // 2),
                         answer.headers['Content-Length'])

    def test_an_answer_is_garbled(self):
        self.fault(path='/vms/', garbled=True)
        answer = self.dedicate()
        self.assertEqual(200, answer.status_code)
        for errors in ('strict', 'replace', 'ignore'):
            self.assertRaises(ValueError, lambda: json.loads(
                answer.content.decode('utf-8', errors)))
        self.assertTrue(self.done())

    def test_html_comes_after_the_effect(self):
        self.fault(path='/vms/', html=502)
        answer = self.dedicate()
        self.assertEqual(502, answer.status_code)
        self.assertIn('<html>', answer.text)
        self.assertTrue(self.done())

    def test_a_status_comes_without_the_effect(self):
        self.fault(path='/vms/', status=503)
        answer = self.dedicate()
        self.assertEqual(503, answer.status_code)
        self.assertIn('text/html', answer.headers['Content-Type'])
        self.assertFalse(self.done())


class LateTest(FaultCase):

    def test_an_effect_comes_seconds_after_a_504(self):
        number = self.fault(path='/vms/',
                            late={'seconds': 0.5, 'answer': '504'})
        self.assertEqual(504, self.dedicate().status_code)
        self.assertFalse(self.done())
        self.assertEqual(1, self.shown(number)['waiting'])
        waits.until(lambda: not self.shown(number)['waiting'])
        self.assertTrue(self.done())
        first, second = self.simulator.requests()
        self.assertEqual((504, 0), (first['status'], first['hops']))
        self.assertNotIn('late', first)
        self.assertEqual((200, 4, True, [number]), tuple(
            second[key] for key in ('status', 'hops', 'late', 'fault')))

    def test_an_effect_waits_for_the_gate_after_a_hangup(self):
        number = self.fault(path='/vms/', late={'gate': True})
        self.assertIsNone(self.dedicate())
        self.session.close()
        self.assertIn('Done', self.dedicate('3B01', self.client()).text)
        self.assertFalse(self.done())
        self.assertEqual(1, self.simulator.open_gate())
        self.assertTrue(self.done())
        self.assertEqual(0, self.shown(number)['waiting'])
        self.assertEqual(0, self.simulator.open_gate())

    def test_the_gate_ends_all_effects_that_wait(self):
        self.fault(path='/vms/', times=0, late={'gate': True})
        for device in ('3B00', '3B01', '3B02'):
            self.assertIsNone(self.dedicate(device))
        self.assertEqual(3, self.simulator.open_gate())
        for device in ('3B00', '3B01', '3B02'):
            self.assertTrue(self.done(device))

    def test_the_gate_is_not_for_what_comes_by_itself(self):
        self.fault(path='/vms/', late={'seconds': 3600})
        self.assertIsNone(self.dedicate())
        self.assertEqual(0, self.simulator.open_gate())
        self.assertEqual(1, self.simulator.forget_faults())

    def test_what_is_dropped_never_happens(self):
        self.fault(path='/vms/', late={'gate': True})
        self.assertIsNone(self.dedicate())
        self.assertEqual(1, self.simulator.forget_faults())
        self.assertEqual(0, self.simulator.open_gate())
        self.assertEqual([], self.simulator.faults())
        self.assertEqual(1, len(self.simulator.requests()))
        self.assertFalse(self.done())

    def test_the_simulator_ends_while_effects_wait(self):
        self.fault(path='/vms/', late={'gate': True})
        self.fault(path='/vms/', late={'seconds': 3600})
        self.assertIsNone(self.dedicate())
        self.simulator.stop()      # kills it when it does not end
        self.assertEqual(0, self.simulator.process.returncode)


class MatchingTest(FaultCase):

    def statuses(self, count=5):
        return [self.ask('GET', 'nodes').status_code for _ in range(count)]

    def test_a_rule_fires_once(self):
        number = self.fault(status=503)
        self.assertEqual([503, 200, 200], self.statuses(3))
        self.assertEqual(
            {'id': number, 'rule': {'status': 503}, 'matched': 3, 'fired': 1,
             'waiting': 0}, self.shown(number))

    def test_a_rule_fires_at_the_nth_and_so_often(self):
        self.fault(status=503, nth=2, times=2)
        self.assertEqual([200, 503, 503, 200, 200], self.statuses())

    def test_a_rule_fires_for_ever_and_is_forgotten(self):
        self.fault(status=503, nth=3, times=0)
        self.assertEqual([200, 200, 503, 503, 503], self.statuses())
        self.assertEqual(0, self.simulator.forget_faults())
        self.assertEqual([200], self.statuses(1))

    def test_threads_count_together(self):
        self.fault(status=503, nth=4, times=5)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: self.ask(
                'GET', 'nodes', session=self.client()).status_code,
                range(24)))
        self.assertEqual([200] * 19 + [503] * 5, sorted(found))

    def test_method_path_and_body_decide(self):
        number = self.fault(method='PUT', path='dsh.*json$', status=503,
                            body=r'x{9000}echo (yes|no)"', times=0)
        long = 'x' * 9000
        self.assertEqual(503, self.ask('PUT', 'nodes/guest1/dsh', [
            'command=%secho no' % long]).status_code)
        for method, path, body in (
                ('GET', 'nodes/guest1/dsh', ['%secho no' % long]),
                ('PUT', 'nodes/guest1/power', ['%secho no' % long]),
                ('PUT', 'nodes/guest1/dsh', ['command=echo no'])):
            self.assertNotEqual(
                503, self.ask(method, path, body).status_code, path)
        self.assertEqual(1, self.shown(number)['matched'])

    def test_rules_that_are_due_at_once_act_together(self):
        self.fault(path='/vms/', html=502)
        self.fault(path='/vms/', hop=2)
        self.assertEqual(502, self.dedicate().status_code)
        self.assertFalse(self.done())

    def test_the_simulators_own_resources_meet_no_rule(self):
        number = self.fault(lost=True, times=0)
        self.assertIn('LNX00001', str(self.simulator.state()))
        self.assertEqual(0, self.shown(number)['matched'])


class HopTest(FaultCase):

    def test_one_hop_of_a_command_is_refused(self):
        """The last of four changes the active configuration."""
        self.fault(path='/vms/', hop=4)
        self.assertNotIn('configuration... Done', self.dedicate().text)
        guest = self.simulator.state()['lpars']['host1']['guests'][
            'LNX00001']
        self.assertTrue(self.done())
        self.assertEqual({}, guest['devices'])

    def test_xdsh_is_refused(self):
        for number in (1, 2):
            self.fault(path='dsh', hop=number)
            answer = self.dsh('guest1', 'echo > "$ZVM_ROOT/tmp/came"')
            self.assertIn('Connection refused', str(answer))
            self.assertEqual(['1'], answer[-1]['errorcode'])
        self.assertEqual(['1'], self.dsh(
            'guest1', 'test -e "$ZVM_ROOT/tmp/came"')[-1]['errorcode'])

    def test_a_hop_that_is_not_made_cannot_be_refused(self):
        self.fault(path='dsh', hop=3)
        self.assertEqual(['0'], self.dsh('guest1', 'true')[-1]['errorcode'])

    def test_a_refused_hop_of_poolnames_deletes_a_full_pool(self):
        """A file that could not be read is taken for an empty one."""
        for number in (3, 4):      # vmcp, modprobe, ls, and cat
            self.assertIn('zpool1', self.pools())
            self.fault(path='/rinv', hop=number)
            self.assertEqual(200, self.ask(
                'PUT', 'hypervisor/host1/rinv',
                ['--zfcppoolnames']).status_code)
        self.assertEqual({}, self.pools())

    def pools(self):
        return self.session.get(
            self.simulator.url + '/simulator/pools', timeout=60).json()


class RefusedTest(base.SharedCase):

    def test_what_is_no_rule_is_refused_and_changes_nothing(self):
        url = self.simulator.url + '/simulator/faults'
        for text in ('', '{', '[]', '{}', '"lost"', '{"lost": false}',
                     '{"lost": true, "html": 502}',
                     '{"lost": true, "lost": true}', '[' * 90000,
                     '{"lost": true, "path": "("}',
                     '{"lost": true, "server": "nosuch"}'):
            answer = self.session.post(url, data=text, timeout=60)
            self.assertEqual(400, answer.status_code, text[:30])
            self.assertNotEqual('', answer.json()['error'])
        self.assertEqual([], self.simulator.faults())

    def test_methods(self):
        for method, name, status in (
                ('PUT', 'faults', 405), ('GET', 'faults/gate', 405),
                ('POST', 'faults/x', 404), ('GET', 'editor', 405)):
            self.assertEqual(status, self.session.request(
                method, '%s/simulator/%s' % (self.simulator.url, name),
                timeout=60).status_code)


class ServerTest(FaultCase):

    @staticmethod
    def world():
        return worlds.two()

    def test_a_rule_may_be_for_one_server(self):
        self.fault(server='connector host2', status=503, times=0)
        self.assertEqual(200, self.ask('GET', 'nodes').status_code)
        found = [self.session.get(
            self.simulator.connector_url(name) + 'host',
            timeout=60).status_code for name in ('host1', 'host2')]
        self.assertEqual([200, 503], found)

    def test_a_connector_hangs_up_too(self):
        self.fault(server='connector host2', lost=True)
        self.assertRaises(
            requests.ConnectionError, self.session.get,
            self.simulator.connector_url('host2') + 'host', timeout=60)
