# SPDX-License-Identifier: Apache-2.0
"""FCP devices that are unfit, refused or left, through Nova's own manager."""

import uuid

from nova.tests.functional.api import client as api_client

from tests.functional.nova import manager

UNDEDICATE = 'Image_Device_Undedicate_DM*1 596 3619 DIRMAINT IS BUSY'


class Case(manager.ManagerCase):

    def devices(self, volume):
        return sorted(str(each) for each in self.lpar.look(volume).devices)

    def states(self):
        return {str(each.number): each.state
                for each in self.lpar.devices.list()}

    def event(self, text):
        self.lpars.simulator.event(smapi_fails=text)

    def works(self, server, volume):
        self._fill(server, volume)
        self._assert_kept(server, volume)

    def dedicated(self, server):
        return [line.split()[1] for line in
                self._guest(server)['directory'].splitlines()
                if line.startswith('DEDICATE')]


class UnfitTest(Case):
    """3B00 to 3B03 are unfit, each in its way."""

    def world(self):
        world = super().world()
        host = world['lpars']['host1']
        first, second = host['fcp_devices']
        host['fcp_devices'] = [
            dict(first, range='3B00', status='active'),
            dict(first, range='3B01', status='offline'),
            dict(first, range='3B02', npiv_wwpn=None,
                 physical_wwpn='0' * 16),
            dict(first, range='3B03-3B0F', npiv_wwpn='c05076ffe5001003'),
            second]
        host['guests']['stopped'] = {
            'userid': 'LNX00009', 'power': 'off', 'node': True,
            'directory': 'USER LNX00009 XXX 1G 1G G\nDEDICATE 3B03 3B03\n'}
        return world

    def test_a_server_gets_none_of_them(self):
        volume = self.lpar.claim()
        server = self._boot(volume)
        self.assertEqual(['3B04', '3C00'], self.devices(volume))
        self.works(server, volume)
        # a stopped guest of others finds its device when it starts
        self.assertIn('DEDICATE 3B03', self.lpar.guests['LNX00009'][
            'directory'])
        self.assertEqual({'3B04': 'used', '3C00': 'used'}, self.states())
        self._saw_requests()


class ExhaustedTest(UnfitTest):

    options = {'zvm_fcp_list': '3B00-3B04;3C00-3C03'}

    def test_a_server_gets_none_of_them(self):
        first, second = self.lpar.claim(), self.lpar.claim()
        self._boot(first)
        server = self._boot()
        self.assertRaises(api_client.OpenStackApiException, self._attach,
                          server, second)
        self._assert_fault(
            server, "No FCP device for each of 2 paths: 3B00-3B04 has none "
            "of 5 free (1 in use, 1 used by others, 1 in others' directory, "
            '1 offline, 1 without WWPN); 3C00-3C03 has 3 of 4 free')
        self.assertEqual(set(), self._attached(server))


class RefusedTest(Case):

    def test_the_next_device_is_taken_in_the_same_request(self):
        volume = self.lpar.claim()
        server = self._boot()
        self.event('Image_Device_Dedicate*1 204 8 HELD BY OTHER')
        self._attach(server, volume)
        self.assertEqual(['3B01', '3C00'], self.devices(volume))
        self.assertEqual('quarantined', self.states()['3B00'])
        self.assertEqual({'3B01', '3C00'}, set(self.dedicated(server)))
        self.works(server, volume)
        # in quarantine it is nobody's, and an operator gives it back
        second = self.lpar.claim()
        other = self._boot(second)
        self.assertNotIn('3B00', self.devices(second))
        self._delete_server(server)
        self._delete_server(other)
        self.assertEqual({'3B00': 'quarantined'}, self.states())
        self.lpar.devices.admit('3B00')
        self.assertEqual({}, self.states())

    def test_a_failed_release_keeps_it_out_until_a_sweep(self):
        volume = self.lpar.claim()
        server = self._boot(volume)
        kept, _ = self.devices(volume)
        self.event(UNDEDICATE)
        self._detach(server, volume)
        self.assertEqual({kept: 'releasing'}, self.states())
        self.assertEqual('ours', self.lpar.look(volume).state)
        self._attach(server, volume)
        self.assertEqual('3B01', self.devices(volume)[0])
        self.works(server, volume)
        # though the server has a volume now
        self.driver.sweep(self.context)
        self.assertEqual({'3B01': 'used', '3C00': 'used'}, self.states())
        self.assertEqual({'3B01', '3C00'}, set(self.dedicated(server)))


class OldNameTest(Case):
    """Instances before had the userid ZVM00001."""

    def plant(self):
        """What an earlier instance holds."""
        past = str(uuid.uuid4())
        self.lpar.devices.hold(past, 'ZVM00001')
        return past

    def instances(self):
        return {each.instance for each in self.lpar.devices.list()}

    def test_what_it_held_is_ended_when_there_is_no_guest(self):
        self.plant()
        volume = self.lpar.claim()
        server = self._boot(volume)
        self.assertEqual('ZVM00001', self._userid(server))
        self.assertEqual({server['id']}, self.instances())
        self.works(server, volume)

    def test_what_it_held_is_ended_when_the_guest_is_the_heirs(self):
        server = self._boot()
        self.plant()
        volume = self.lpar.claim()
        self._attach(server, volume)
        self.assertEqual({server['id']}, self.instances())
        self.works(server, volume)

    def test_a_guest_that_is_not_proven_to_be_its_own_keeps_all(self):
        self.driver._hypervisor.guest_create('zvm00001', 1, 512, [])
        past = self.plant()
        volume = self.lpar.claim()
        server = self._boot(volume, expected='ERROR')
        self._assert_fault(server, 'not proven')
        self.assertEqual({past}, self.instances())


class SetUpTest(Case):

    options = {'zvm_fcp_list': '3B00-3B03;3B04-3B0D'}

    def test_two_groups_on_one_chpid_are_told_at_the_start(self):
        self.assertIn('are both on CHPID 50', self.stdlog.logger.output)
        server = self._boot()
        self.assertRaises(api_client.OpenStackApiException, self._attach,
                          server, self.lpar.claim())
        self._assert_fault(server, 'all on CHPID 50')
