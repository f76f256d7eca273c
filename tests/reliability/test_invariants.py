# SPDX-License-Identifier: Apache-2.0
"""Each invariant sees what it is for, in a view made by hand."""

import copy
import pathlib

import fixtures
import testtools

from tests.reliability import invariants
from tests.reliability import truth

_LUNS = ('4011400000000000', '4011400100000000')
_PATH = ('3B00', '5005076303001001', _LUNS[0])


class Disks:
    """What truth.Truth tells of disks."""

    def __init__(self):
        self.zero = {_LUNS[1]}
        self.texts = {_LUNS[0]: 'kept'}

    def is_zero(self, lun):
        return lun in self.zero

    def has(self, lun, text):
        return self.texts.get(lun) == text


def _view():
    """Volume v1 is attached to server s1, the other LUN is free and clean."""
    view = object.__new__(invariants.View)
    view.volumes = {'v1': {'id': 'v1', 'name_id': 'v1', 'status': 'in-use',
                           'provider_id': 'op:5005:' + _LUNS[0]}}
    view.snapshots = {}
    view.attachments = [{'id': 'a1', 'volume': 'v1', 'instance': 's1',
                         'status': 'attached'}]
    view.servers = {'s1': {'uuid': 's1', 'name': 'zvm00001',
                           'state': 'active', 'task': None}}
    view.mappings = [{'server': 's1', 'volume': 'v1', 'attachment': 'a1',
                      'complete': True}]
    view.truth = Disks()
    view.written = {'v1': 'kept'}
    view.promised = {}
    view.images, view.left = [], {}
    view.luns = [
        {'lun': _LUNS[0], 'wwid': 'a', 'state': 'used', 'volume': 'v1',
         'instance': 's1', 'whole': True},
        {'lun': _LUNS[1], 'wwid': 'b', 'state': 'free', 'clean': 'yes',
         'whole': True}]
    view.others = []
    view.devices = [{'device': '3B00', 'state': 'used', 'instance': 's1',
                     'guest': 'ZVM00001', 'volumes': 'v1', 'whole': True}]
    view.guests = {'ZVM00001': {'active': {'3B00'}, 'directory': {'3B00'},
                                'paths': {_PATH}, 'persistent': {_PATH},
                                'on': True}}
    view.lines = {_LUNS[0]: ['used'], _LUNS[1]: ['free']}
    view.nodes = {'zvm00001'}
    return view


class InvariantsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.view = _view()

    def found(self):
        """Names of the rules that the view breaks."""
        return {rule.__name__ for rule in invariants.SETTLED
                if list(rule(self.view))}

    def test_a_whole_world_is_quiet(self):
        self.assertEqual(set(), self.found())

    def test_a_record_cut_off(self):
        self.view.luns[1]['whole'] = False
        self.assertEqual({'records_are_whole'}, self.found())

    def test_two_luns_of_a_volume(self):
        self.view.luns[1] = dict(copy.copy(self.view.luns[0]),
                                 lun=_LUNS[1], wwid='b')
        self.assertIn('one_volume_on_a_lun', self.found())

    def test_two_volumes_of_a_lun(self):
        self.view.volumes['v2'] = dict(self.view.volumes['v1'], id='v2')
        self.assertIn('one_volume_on_a_lun', self.found())

    def test_a_volume_without_its_lun(self):
        self.view.volumes['v2'] = {'id': 'v2', 'name_id': 'v2',
                                   'status': 'available',
                                   'provider_id': None}
        self.assertEqual({'volumes_have_their_luns'}, self.found())

    def snapshot(self, **values):
        self.view.snapshots['s'] = dict({
            'id': 's', 'volume': 'v1', 'status': 'available',
            'provider_id': 'op:5005:' + _LUNS[1]}, **values)
        self.view.luns[1].update(state='ours', volume='s', role='snapshot')
        self.view.lines[_LUNS[1]] = ['reserved']

    def test_a_snapshot_is_quiet(self):
        self.snapshot()
        self.assertEqual(set(), self.found())

    def test_an_image_of_something_else(self):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'raw')
        truth.make_image(path, 'kept')
        self.view.images = [('i1', path, 'kept')]
        self.assertEqual(set(), self.found())
        self.view.images = [('i1', path, 'else')]
        self.assertEqual({'images_are_whole'}, self.found())

    def test_what_the_operator_has_on_his_lun(self):
        self.view.left = {_LUNS[1]: 'his'}
        self.assertEqual({'operators_data_is_there'}, self.found())
        self.view.truth.texts[_LUNS[1]] = 'his'
        self.assertEqual(set(), self.found())

    def test_a_lun_of_the_operator_that_is_free(self):
        self.view.luns[1]['state'] = 'unmanaged'
        self.assertIn('operators_luns_are_not_free', self.found())
        self.view.lines[_LUNS[1]] = ['reserved']
        self.assertEqual(set(), self.found())

    def test_a_snapshot_without_its_lun(self):
        self.snapshot()
        self.view.luns[1]['role'] = 'current'
        self.assertEqual({'snapshots_have_their_luns'}, self.found())

    def test_a_snapshot_on_the_lun_of_a_volume(self):
        self.snapshot(provider_id='op:5005:' + _LUNS[0])
        self.assertEqual({'one_volume_on_a_lun'}, self.found())

    def test_a_volume_that_is_reverted_has_either_data(self):
        self.view.truth.texts = {_LUNS[0]: 'of the snapshot'}
        self.view.promised = {'v1': 'of the snapshot'}
        self.assertEqual(set(), self.found())
        self.view.truth.texts = {_LUNS[0]: 'of another'}
        self.assertEqual({'data_is_there'}, self.found())

    def test_data_that_is_gone(self):
        self.view.truth.texts.clear()
        self.assertEqual({'data_is_there'}, self.found())

    def test_data_that_the_next_tenant_would_see(self):
        self.view.truth.zero.clear()
        self.assertEqual({'clean_luns_are_zero'}, self.found())
        self.view.luns[1].update(state='ours', volume='v2')
        self.view.volumes['v2'] = {'id': 'v2', 'name_id': 'v2',
                                   'status': 'available',
                                   'provider_id': None}
        self.assertIn('clean_luns_are_zero', self.found())

    def test_a_device_that_no_volume_needs(self):
        self.view.guests['ZVM00001']['directory'].add('3B01')
        self.assertEqual({'devices_belong'}, self.found())
        self.view.devices.append(dict(self.view.devices[0], device='3B01',
                                      instance='s2', volumes=''))
        self.assertIn('devices_are_needed', self.found())

    def test_a_path_to_the_lun_of_another(self):
        for kind in ('paths', 'persistent'):
            self.view = _view()
            self.view.guests['ZVM00001'][kind] = {
                _PATH, _PATH[:2] + (_LUNS[1],)}
            self.assertEqual({'paths_belong'}, self.found())

    def test_a_guest_that_loads_what_is_not_its(self):
        guest, lun = self.view.guests['ZVM00001'], self.view.luns[0]
        guest['loads'], lun['ipl'] = _PATH, '3B00:5005076303001001'
        self.assertEqual(set(), self.found())
        for path in ((*_PATH[:2], _LUNS[1]), ('3B01', *_PATH[1:]),
                     ('3B00', '5005076303001002', _LUNS[0])):
            guest['loads'] = path
            self.assertEqual({'guests_load_what_is_theirs'}, self.found())

    def test_a_volume_in_use_without_a_path(self):
        guest = self.view.guests['ZVM00001']
        guest['paths'] = set()
        self.assertEqual({'attachments_work'}, self.found())
        guest['on'] = False
        self.assertEqual(set(), self.found())
        guest['persistent'] = set()
        self.assertEqual({'attachments_work'}, self.found())

    def test_a_lun_that_is_given_back_and_attached(self):
        self.view.luns[0]['state'] = 'ours'
        self.assertIn('attachments_work', self.found())

    def test_an_attachment_that_nova_does_not_know(self):
        self.view.mappings.clear()
        self.assertEqual({'devices_belong', 'paths_belong',
                          'devices_are_needed', 'used_luns_are_attached'},
                         self.found())

    def test_an_attach_that_is_half_done(self):
        self.view.mappings[0]['complete'] = False
        self.assertEqual({'no_attach_is_half_done'}, self.found())

    def test_a_wipe_that_nobody_ends(self):
        self.view.luns[1]['state'] = 'wiping'
        self.assertEqual({'luns_are_at_rest', 'lines_agree'}, self.found())

    def test_a_lun_of_a_volume_that_cinder_does_not_know(self):
        self.view.luns[1].update(state='ours', volume='v2')
        self.assertEqual({'luns_are_at_rest', 'lines_agree'}, self.found())

    def test_what_is_left_when_all_is_deleted(self):
        self.assertEqual(8, len(list(invariants.nothing_is_left(self.view))))
