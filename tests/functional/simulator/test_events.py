# SPDX-License-Identifier: Apache-2.0
"""GET /simulator/pools and POST /simulator/events, as the manual has them."""

import os

from tests.functional.simulator import base
from tests import worlds

DEDICATE = ['--dedicatedevice 3B00 3B00 0']
FAILURE = 'Image_Device_Dedicate_DM 596 3619 Internal directory manager error'


class EventCase(base.ServedCase):

    def post(self, event=None, query='', text=None):
        """The status of the answer to an event."""
        given = {'json': event} if text is None else {'data': text}
        answer = self.session.post(
            self.simulator.url + '/simulator/events' + query, timeout=60,
            **given)
        if answer.status_code == 400:
            self.assertNotEqual('', answer.json()['error'])
        elif answer.status_code == 200:
            self.assertEqual({}, answer.json())
        return answer.status_code

    def power(self, node):
        return self.data('GET', 'nodes/%s/power' % node)[0]['info']


class EventTest(EventCase):

    def test_a_zhcp_goes_down_and_comes_up(self):
        self.assertEqual(200, self.post({'zhcp': 'down'}))
        self.assertEqual(['guest1: '], self.power('guest1'))
        self.assertEqual([{'info': [None]}], self.data(
            'GET', 'nodes/host1/inventory?field=--zfcppool&field=zpool1'))
        self.assertEqual(200, self.post({'zhcp': 'up'}))
        self.assertEqual(['guest1: on\n'], self.power('guest1'))

    def test_a_guest_trusts_the_key_no_more_and_again(self):
        self.assertEqual(200, self.post({'guest': 'LNX00001 ssh refused'}))
        self.assertIn('Permission denied', str(self.dsh('guest1', 'true')))
        self.assertEqual(['0'], self.dsh('guest2', 'true')[-1]['errorcode'])
        self.assertEqual(200, self.post({'guest': 'LNX00001 ssh trusted'}))
        self.assertEqual(['0'], self.dsh('guest1', 'true')[-1]['errorcode'])
        self.assertEqual(400, self.post({'guest': 'LNX00001 ssh maybe'}))
        self.assertEqual(400, self.post({'deploys': 'rsh'}))

    def test_dd_on_the_zhcp_fails_and_works(self):
        command = 'dd if=/dev/zero of="$ZVM_ROOT/tmp/x" bs=1 count=1'
        self.assertEqual(200, self.post({'dd': 'fails'}))
        self.assertEqual(['1'], self.dsh('zhcp1', command)[-1]['errorcode'])
        self.assertEqual(['0'], self.dsh('guest1', command)[-1]['errorcode'])
        self.assertEqual(200, self.post({'dd': 'works'}))
        self.assertEqual(['0'], self.dsh('zhcp1', command)[-1]['errorcode'])

    def test_a_function_of_smapi_fails_and_works(self):
        self.assertEqual(200, self.post({'smapi_fails': FAILURE}))
        text = str(self.data('PUT', 'vms/guest1', DEDICATE))
        for part in ('596', '3619', 'Internal directory manager error'):
            self.assertIn(part, text)
        self.assertEqual(200, self.post({'smapi_fails': ''}))
        text = str(self.data('PUT', 'vms/guest2', [
            '--dedicatedevice 3B01 3B01 0']))
        self.assertNotIn('596', text)

    def test_an_empty_text_ends_a_failure_too(self):
        self.post({'smapi_fails': FAILURE})
        self.assertEqual(200, self.post(
            {'smapi_fails': 'Image_Device_Dedicate_DM 596 3619 '}))
        self.assertNotIn('596', str(self.data('PUT', 'vms/guest1', DEDICATE)))

    def test_a_disk_is_masked_and_unmasked(self):
        port, lun = '5005076303001001', '4011400000000000'
        initiators = ['c05076ffe5001000', 'c05076ffe6001000']
        for text, masked_to in ((';'.join(initiators), initiators),
                                ('none', []), ('all', None)):
            self.assertEqual(200, self.post(
                {'mask': '%s %s %s' % (port, lun, text)}, '?lpar=host1'))
            self.assertEqual(masked_to, self.simulator.disk(
                'host1', port, lun)['masked_to'])
        self.assertEqual(400, self.post(
            {'mask': '%s %s all' % (port, '4' * 16)}))

    def test_events_are_no_requests_to_the_management_node(self):
        self.post({'zhcp': 'up'})
        self.assertEqual([], self.simulator.requests(None))


class RefusedTest(EventCase):

    def test_what_is_no_event_is_refused_and_does_nothing(self):
        for event in (
                {}, [], None, True, 'zhcp', 7, [{'zhcp': 'down'}],
                {'nosuch': 'x'}, {'': ''}, {'ZHCP': 'down'},
                {'zhcp': 'down', 'dd': 'fails'}, {'zhcp': 'down', 'x': 1},
                {'zhcp': 'sideways'}, {'zhcp': ''}, {'zhcp': 'Down'},
                {'zhcp': 'down\n'}, {'zhcp': ' down'}, {'zhcp': None},
                {'zhcp': False}, {'zhcp': ['down']}, {'zhcp': {}},
                {'dd': 'fail'}, {'dd': 0}, {'dd': None},
                {'smapi_fails': 'Image_Query_DM'},
                {'smapi_fails': 'Image_Query_DM 1 2'},
                {'smapi_fails': 'Image_Query_DM x 1 text'},
                {'smapi_fails': 'Image_Query_DM -1 1 text'},
                {'smapi_fails': 'Image_Query_DM 1 \u00b2 text'},
                {'smapi_fails': ' 1 2 text'}, {'smapi_fails': ' '},
                {'smapi_fails': None}, {'smapi_fails': {}}):
            self.assertEqual(400, self.post(event), event)
        self.assertEqual(['guest1: on\n'], self.power('guest1'))
        self.assertIn('USER', self.data('GET', 'vms/guest1')[0]['info'][0])

    def test_what_is_no_json_is_refused(self):
        for text in ('', '{', 'zhcp=down', b'\xff', '{"zhcp": "down"} x',
                     '{"zhcp": "up", "zhcp": "down"}', '[' * 90000,
                     "{'zhcp': 'down'}"):
            self.assertEqual(400, self.post(text=text), text[:20])
        self.assertEqual(['guest1: on\n'], self.power('guest1'))

    def test_other_methods_and_resources(self):
        for method, path, status in (
                ('GET', 'events', 405), ('PUT', 'events', 405),
                ('POST', 'pools', 405), ('GET', 'event', 404),
                ('GET', '', 404), ('POST', 'events/x', 404)):
            answer = self.session.request(
                method, '%s/simulator/%s' % (self.simulator.url, path),
                timeout=60)
            self.assertEqual(status, answer.status_code, path)


class TwoLparsTest(EventCase):

    @staticmethod
    def world():
        return worlds.two()

    def test_an_event_means_all_or_one(self):
        self.assertEqual(200, self.post({'zhcp': 'down'}, '?lpar=host2'))
        self.assertEqual(['guest1: on\n'], self.power('guest1'))
        self.assertEqual(['guest3: '], self.power('guest3'))
        self.assertEqual(200, self.post({'zhcp': 'down'}))
        self.assertEqual(['guest1: '], self.power('guest1'))
        for query in ('?lpar=nosuch', '?lpar='):
            self.assertEqual(404, self.post({'zhcp': 'up'}, query))
        self.assertEqual(['guest1: '], self.power('guest1'))


class PoolsTest(EventCase):

    def pools(self, query=''):
        return self.session.get(
            self.simulator.url + '/simulator/pools' + query, timeout=60)

    def folder(self):
        return os.path.join(self.simulator.node_folder('host1', 'ZHCP1'),
                            'var/opt/zhcp/zfcp')

    def write(self, name, data):
        with open(os.path.join(self.folder(), name), 'wb') as stream:
            stream.write(data)

    def test_what_is_in_the_folder_is_shown(self):
        self.write('other.conf', b'x\r\n\xff\xc3\xa4\n')
        self.write('.hidden.conf', b'x')
        self.write('notes.txt', b'x')
        os.mkdir(os.path.join(self.folder(), 'folder.conf'))
        found = self.pools().json()
        self.assertEqual(['other', 'zpool1'], sorted(found))
        self.assertEqual(b'x\r\n\xff\xc3\xa4\n',
                         found['other'].encode('utf-8', 'surrogateescape'))

    def test_no_pool_is_no_error(self):
        os.unlink(os.path.join(self.folder(), 'zpool1.conf'))
        self.assertEqual({}, self.pools().json())
        os.rmdir(self.folder())
        self.assertEqual({}, self.pools().json())

    def test_a_zhcp_that_is_down_hides_nothing(self):
        before = self.pools().json()
        self.simulator.event(zhcp='down')
        self.assertEqual(before, self.pools().json())

    def test_an_lpar_may_be_chosen(self):
        self.assertEqual(['zpool1'], list(self.pools('?lpar=host1').json()))
        self.assertEqual(404, self.pools('?lpar=nosuch').status_code)


class ConnectorTest(EventCase):

    @staticmethod
    def world():
        world = worlds.two()
        world['lpars']['host1']['connector_port'] = 'same'
        return world

    def test_one_connector_may_be_on_the_port_of_the_management_node(self):
        self.assertEqual(self.simulator.url + '/',
                         self.simulator.connector_url('host1'))
        for lpar in ('host1', 'host2'):
            answer = self.session.get(
                self.simulator.connector_url(lpar) + 'host', timeout=60)
            self.assertEqual(lpar.upper(), answer.json()['output']
                             ['hypervisor_hostname'])
            self.assertEqual(1, len(self.simulator.requests(
                'connector ' + lpar)))
