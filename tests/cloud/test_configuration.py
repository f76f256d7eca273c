# SPDX-License-Identifier: Apache-2.0
"""What runs is ours, and is configured as our manual says."""

from tests.cloud import case
from tests.cloud import world

_DRIVER = 'cinder_zvm.volumedriver.ZVMVolumeDriver'


class ConfigurationTest(case.CloudCase):

    def test_each_back_end_has_the_options_that_the_manual_shows(self):
        self.assertEqual(case.ZONES.keys(), self.world.backends.keys())
        for name, section in self.world.backends.items():
            self.assertEqual((_DRIVER, name), (
                section['volume_driver'], section['volume_backend_name']))
            for option in ('server', 'username', 'password'):
                self.assertTrue(section['zvm_xcat_' + option])
        self.assertEqual(len(case.ZONES), len({
            section['zvm_scsi_pool']
            for section in self.world.backends.values()}))

    def test_cinder_has_loaded_our_driver_for_each_back_end(self):
        pools = {pool.name.partition('@')[2].partition('#')[0]:
                 pool.capabilities for pool
                 in self.cloud.block_storage.backend_pools()}
        for name, section in self.world.backends.items():
            self.assertEqual('up', pools[name]['backend_state'])
            self.assertEqual(section['zvm_scsi_pool'],
                             pools[name]['pool_name'])
            luns = self.world.lines(name).values()
            self.assertEqual(len([line for line in luns
                                  if line[0] == 'free']),
                             pools[name]['zvm_luns_free'])
        found = self.cloud.block_storage.get_capabilities(
            'cinder1@zvmssio1')
        self.assertIn('zvm:copy_verify', found.properties)

    def test_nova_has_loaded_our_driver_for_each_lpar(self):
        conf = world.read_conf(self.services.nova_conf)
        self.assertEqual('zvm_volume.ZVMVolumeDriver',
                         conf['DEFAULT']['compute_driver'])
        found = {each.name: (each.hypervisor_type, each.state) for each
                 in self.cloud.compute.hypervisors(details=True)}
        self.assertEqual({('zvm', 'up')}, set(found.values()))
        self.assertEqual(2, len(found), found)

    def test_a_volume_type_leads_to_its_back_end(self):
        types = {each['Name']: each['Properties'] for each
                 in self.openstack('volume', 'type', 'list', '--long')}
        for name in self.world.backends:
            self.assertEqual(name, types[name]['volume_backend_name'])
        made = self.reached('available', *map(self.order,
                                              self.world.backends))
        luns = self.world.luns()
        self.assertEqual(list(self.world.backends),
                         [luns[volume.id][0] for volume in made])
        self.assertEqual(list(self.world.backends), [
            volume.host.partition('@')[2].partition('#')[0]
            for volume in made])
        for volume in made:
            self.assertTrue(self.world.is_empty(volume.id))
