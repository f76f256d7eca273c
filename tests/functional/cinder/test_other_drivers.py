# SPDX-License-Identifier: Apache-2.0
"""Our connector below Cinder's real manager and its own fake FC driver."""

import json

from tests.functional.cinder import base
from tests.functional.cinder import harness
from tests import vendors

# As nova_zvm_volume.virt.zvm.connector makes it; tests/unit/nova/
# test_volumeop.py has the same.
CONNECTOR = {
    'platform': 's390x', 'os_type': 'linux', 'ip': '10.0.0.1',
    'host': 'zvm00001-1d6f0c3a88aa', 'multipath': True,
    'wwpns': ['c05076ffe5003b00', 'c05076ffe5003c00'],
    'wwnns': ['c05076ffe5003b00', 'c05076ffe5003c00'],
    'instance': '1d6f0c3a-88aa-4a4e-8a6e-000000000001',
    'zvm_compute': 'compute1', 'zvm_zhcp': 'zhcp1.example.com',
    'zvm_hypervisor': 'host1', 'zvm_userid': 'ZVM00001',
    'zvm_fcp': ['3B00', '3C00']}


class FakeDriverTest(base.ManagerTestCase):

    eventlet = True     # see otherdriver

    def ask(self, name, **changes):
        connector = {key: value for key, value in dict(
            CONNECTOR, **changes).items() if value is not None}
        status, out, err = self._process('other_maker', {
            'fake': harness.section(
                1, volume_driver='tests.functional.cinder.otherdriver.'
                + name)}, {'backend': 'fake', 'connector': connector})
        self.assertEqual(0, status, err)
        return json.loads(out.splitlines()[-1])['result']

    def test_our_connector_is_one_that_it_takes(self):
        found = self.ask('Mapped')
        self.assertIn('cinder.tests.fake_driver', found['driver'])
        self.assertEqual('fibre_channel',
                         found['info']['driver_volume_type'])
        self.assertEqual(CONNECTOR, {key: found['kept'][key]
                                     for key in CONNECTOR})
        # the very data that tests/functional/nova/test_other.py attaches
        array, = [each for each in vendors.ARRAYS if each.name == 'fake']
        wanted = array.connection_info(CONNECTOR['wwpns'])['data']
        self.assertEqual(wanted, {key: found['info'][key] for key in wanted})

    def test_without_wwnns_or_wwpns_it_refuses(self):
        for key, value in (('wwnns', []), ('wwpns', None)):
            self.assertIn('required information: ' + key, self.ask(
                'Mapped', **{key: value})['error'] or '')

    def test_what_it_gives_by_itself(self):
        """Names that no device has; see the refusal in Nova's tests."""
        self.assertEqual({'fake_wwn': ['fake_wwn2']},
                         self.ask('FakeArray')['info'][
                             'initiator_target_map'])
