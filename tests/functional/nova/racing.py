# SPDX-License-Identifier: Apache-2.0
"""Four nova-computes that race with each other; see racer.py."""

from tests.racing import case
from tests.racing import world
from tests import worlds


class ComputesCase(case.RaceTestCase):

    module = 'tests.functional.nova.racer'
    variable = 'OS_NOVA_DISABLE_EVENTLET_PATCHING'
    guests = world.GUESTS

    @classmethod
    def setup(cls):
        return {'options': {
            'cloud_connector_url': cls.simulator.connector_url('host1'),
            'reachable_timeout': 60, 'zvm_hypervisor': 'host1',
            'zvm_xcat_username': worlds.USER,
            'zvm_xcat_password': worlds.PASSWORD}}

    def use(self, fcp_list, volumes):
        """Devices for guests, and {volume: LUN}."""
        for answer in self.everywhere('load', fcp_list=fcp_list):
            self.assertNotIn('error', answer)
        answers = self.racers.run(*[('claim', {})] * volumes)
        return dict(each['result'] for each in answers)
