# SPDX-License-Identifier: Apache-2.0
"""Serving the initial object of a recording, as replay.py starts it."""

import json
import os
import subprocess
import sys

import fixtures
import hypothesis
import requests
import testtools

from tests import initials
from tests import nursery

ADMIN = {'userName': 'admin', 'password': 'admin'}
COMMAND = [sys.executable, '-m', 'xcat_simulator.cli']
HEADER = initials.HEADER
ONE, TWO = '5005076303000001', '5005076303000002'


class Served(nursery.Simulator):
    """A served initial object, and a client that verifies it."""

    def __init__(self, initial):
        super().__init__(initial=initial)

    def _setUp(self):
        super()._setUp()
        self.session = requests.Session()
        self.addCleanup(self.session.close)
        # REQUESTS_CA_BUNDLE would come before session.verify.
        self.session.trust_env = False
        self.session.verify = self.ca_file

    def ask(self, path, method='GET', body=None, headers=ADMIN):
        return self.session.request(method, self.url + path, json=body,
                                    headers=headers, timeout=60)

    def data(self, path, **more):
        mark = '&' if '?' in path else '?'
        answer = self.ask('/xcatws/%s%sformat=json' % (path, mark), **more)
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
        return answer.json()['data']

    def lpar(self):
        return self.ask('/simulator/world').json()['lpars']['host1']


class InitialTest(testtools.TestCase):

    def serve(self, **changes):
        return self.useFixture(Served(initials.plain(**changes)))

    def test_the_connector_answers_on_the_same_port(self):
        served = self.serve()
        self.assertEqual({'host1': served.ports['mn']},
                         served.ports['connectors'])
        host = served.ask('/host', headers={}).json()
        self.assertEqual((0, 'HOST1'), (
            host['overallRC'], host['output']['hypervisor_hostname']))
        guest = {'guest': {'userid': 'new00001', 'vcpus': 1, 'memory': 1024,
                           'disk_list': [{'size': '1g'}]}}
        served.ask('/guests', 'POST', guest, headers={})
        self.assertEqual(['NEW00001'], served.ask(
            '/guests', headers={}).json()['output'])
        self.assertEqual('off', served.ask(
            '/guests/new00001/power_state', headers={}).json()['output'])
        self.assertEqual(404, served.ask('/guests/nosuch/power_state',
                                         headers={}).status_code)
        self.assertEqual(404, served.ask('/tables').status_code)
        self.assertEqual(
            {'connector host1'}, {each['server'] for each in served.ask(
                '/simulator/requests').json()})

    def test_users_and_definitions_are_those_of_the_recording(self):
        initial = initials.plain(users={'a': 'b', 'Ä b': 'c d'})
        served = self.useFixture(Served(initial))
        self.assertEqual(401, served.ask('/xcatws/nodes').status_code)
        table = served.data('tables/zvm?userName=%C3%84%20b&password=c%20d',
                            headers={})
        self.assertEqual(initial['zvm_table'], table[0]['data'])

    def test_a_disk_is_behind_each_line_and_a_guest_reaches_it(self):
        text = (HEADER + 'free,%s;%s,4011400000000000,5.5G,3B00-3B3F,,,\n'
                'free,%s,4011400100000000,,3B00-3B3F,,,\n'
                'free,%s,4011400200000000,3G,3B00-3B3F,,,\n'
                'nonsense\n' % (ONE, TWO, ONE, TWO))
        served = self.serve(pools={'pool1': text})
        self.assertEqual({'pool1': text},
                         served.ask('/simulator/pools').json())
        self.assertEqual(
            [('4011400000000000', [ONE, TWO], 11 << 29),
             ('4011400200000000', [TWO], 3 << 30)],
            sorted((disk['lun'], disk['wwpns'], disk['size'])
                   for disk in served.lpar()['disks']))
        served.data('vms/guest1', method='PUT',
                    body=['--dedicatedevice 3B00 3B00 0'])
        answer = served.data(
            'nodes/guest1/dsh', method='PUT', body=[
                'command=chccwdev -e 0.0.3b00 >/dev/null && lszfcp -D | '
                'grep -c 0x5005'])
        self.assertEqual({'errorcode': ['0']}, answer[-1])
        # No zoning and no mask: each port shows what is behind it.
        self.assertEqual(['guest1: 3'], answer[0]['data'])

    def test_a_line_that_is_added_brings_its_disk(self):
        """What a storage server has is not in a recording."""
        served = self.serve(pools={'pool1': HEADER})
        served.data('hypervisor/host1', method='PUT', body=[
            '--addzfcp2pool pool1 free %s 4011400000000000 2G 3B00-3B3F'
            % ONE])
        served.data('vms/guest1', method='PUT',
                    body=['--addzfcp pool1 auto 0 1G'])
        self.assertEqual([2 << 30], [
            disk['size'] for disk in served.lpar()['disks']])
        self.assertEqual(
            ['guest1: 2147483648'], served.data(
                'nodes/guest1/dsh', method='PUT',
                body=['command=lsblk -bdno SIZE'])[0]['data'])

    def test_a_pool_of_more_than_128_kib(self):
        text = HEADER + ''.join(
            'free,%s,%08x00000000,10G,3B00-3B3F,,,\n' % (ONE, 0x40110000 + n)
            for n in range(3000))
        served = self.serve(pools={'pool1': text})
        self.assertEqual(text, served.ask('/simulator/pools').json()['pool1'])
        self.assertEqual(3000, len(served.lpar()['disks']))

    def test_line_ends_and_bytes_of_a_pool_file_stay(self):
        text = HEADER[:-1] + '\r\n\tä,\x00,\x0b\n\n'
        served = self.serve(pools={'pool1': text})
        self.assertEqual({'pool1': text},
                         served.ask('/simulator/pools').json())

    def test_a_dedicate_without_its_active_half(self):
        initial = initials.plain(fcp_devices=[
            initials.device('3B00', 'Active'),
            initials.device('3B01', 'Free', 'NONE'),
            initials.device('3B02', 'Active'),
            initials.device('3B03', 'Offline')])
        initial['guests']['guest1']['directory'] += (
            'DEDICATE 3B00 3B00\nDEDICATE 3B01 3B01\nDEDICATE 3B03 3B03\n')
        served = self.useFixture(Served(initial))
        for state, numbers in (('active', ['3B00', '3B02']),
                               ('free', ['3B01']), ('offline', ['3B03'])):
            answer = served.data('nodes/host1/inventory?field=--fcpdevices'
                                 '&field=' + state)
            self.assertEqual(
                ''.join('host1: %s\n' % each for each in numbers),
                answer[0]['info'][0])
        self.assertEqual({'3B00': '3B00'},
                         served.lpar()['guests']['LNX1']['devices'])
        self.assertIn('DEDICATE 3B01 3B01',
                      served.data('vms/guest1')[0]['info'][0])

    def test_events_work(self):
        served = self.serve()
        self.assertEqual(200, served.ask(
            '/simulator/events', 'POST', {'zhcp': 'down'}).status_code)
        self.assertEqual([{'info': ['guest1: ']}],
                         served.data('nodes/guest1/power'))

    @hypothesis.settings(max_examples=8, deadline=None)
    @hypothesis.given(initials.made())
    def test_any_recorded_world_is_served(self, initial):
        with Served(initial) as served:
            self.assertEqual(initial['pools'],
                             served.ask('/simulator/pools').json())
            user, password = next(iter(initial['users'].items()))
            who = {'userName': user, 'password': password}
            for name, guest in initial['guests'].items():
                self.assertEqual(
                    [{'info': ['%s: %s\n' % (name, guest['power'])]}],
                    served.data('nodes/%s/power' % name, headers=who))
            for pool in initial['pools']:
                served.data('nodes/host1/inventory?field=--zfcppool&field='
                            + pool, headers=who)
            self.assertNotIn('Traceback', served.log())


class BrokenTest(testtools.TestCase):
    """Told with its key and status 1, and nothing is left."""

    def refused(self, text):
        folder = self.useFixture(fixtures.TempDir()).path
        path = os.path.join(folder, 'initial.json')
        with open(path, 'w', encoding='utf-8') as stream:
            stream.write(text)
        state = os.path.join(folder, 'state')
        done = subprocess.run(
            COMMAND + ['serve', '--initial', path, '--port', '0', '--dir',
                       state], capture_output=True, text=True, timeout=60)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertNotIn('Traceback', done.stderr)
        self.assertFalse(os.path.exists(state))
        return done.stderr

    def test_a_missing_key(self):
        initial = initials.plain()
        del initial['nodes']['host1']['hcp']
        self.assertIn('initial.nodes.host1.hcp: is missing',
                      self.refused(json.dumps(initial)))

    def test_several_mistakes(self):
        text = self.refused(json.dumps(initials.plain(
            users={'a': None}, pools=[])))
        self.assertEqual(['zvm-simulator: initial.pools: must be a mapping',
                          'zvm-simulator: initial.users.a: must be text'],
                         text.splitlines())

    def test_other_files(self):
        for text in ('', '[]', 'null', '{}', '{"a": NaN}', '"x"'):
            self.assertIn('zvm-simulator: ', self.refused(text))
