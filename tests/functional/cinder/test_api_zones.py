# SPDX-License-Identifier: Apache-2.0
"""Each back-end in the availability zone of its LPAR, as in the manual.

Without the type's own zone a volume of the second back-end is asked for in the
default zone, where no back-end has its type.
"""

from tests.functional.cinder import api
from tests.functional.cinder import client

ZONE = 'RESKEY:availability_zones'


class ZonesTest(api.TrustingTestCase):

    options = {'default_availability_zone': 'lpar1'}
    backends = {
        name: dict(options, backend_availability_zone='lpar' + name[-1])
        for name, options in api.TrustingTestCase.backends.items()}

    def tied(self):
        """A volume type that belongs to the second back-end's zone."""
        self.client.create_type('tied', volume_backend_name='zvmssio2',
                                **{ZONE: 'lpar2'})
        return 'tied'

    def test_who_names_no_zone_is_in_the_default_one(self):
        volume = self.created(1, volume_type='zvmssio1')
        self.assertEqual('lpar1', volume['availability_zone'])
        self.deleted(volume)

    def test_a_type_without_its_zone_is_not_found_there(self):
        volume = self.client.create(1, volume_type='zvmssio2')
        self.unschedulable(volume)
        self.deleted(volume)

    def test_a_type_with_its_zone_is_enough(self):
        volume = self.created(1, volume_type=self.tied())
        self.assertEqual('lpar2', volume['availability_zone'])
        self.deleted(volume)

    def test_another_zone_than_the_types_is_refused(self):
        refused = self.assertRaises(
            client.Refused, self.client.create, 1, volume_type=self.tied(),
            availability_zone='lpar1')
        self.assertIn("Availability zone 'lpar1' is invalid", str(refused))
