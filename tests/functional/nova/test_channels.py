# SPDX-License-Identifier: Apache-2.0
"""Guests that the management node cannot log in to, under Nova."""

from concurrent import futures
import pathlib

from nova import exception

from tests.functional.nova import manager
from tests.functional.nova import test_driver


class ManagerTest(manager.ManagerCase):
    """Nova's own manager; its guests run iucvserd and know no ssh key."""

    def _setup_services(self):
        super()._setup_services()
        self.lpars.simulator.event('host1', deploys='iucv')

    def _fill_file(self, server, volume):
        """As a tenant does, in the guest: nobody else can log in."""
        disk = pathlib.Path(self._guest(server)['folder'], self._device_path(
            server, volume)[1:])
        with open(disk, 'r+b') as stream:
            stream.write(volume.encode())

    def test_volumes_come_and_go_over_iucv(self):
        first, second = self.lpar.claim(), self.lpar.claim()
        server = self._boot(first)
        self._attach(server, second)
        self.assertEqual({first, second}, self._attached(server))
        self.assertEqual(8, len(self._paths(server)))
        for volume in first, second:
            self._fill_file(server, volume)
        self._detach(server, second)
        self.assertEqual('ours', self.lpar.look(second).state)
        other = self._boot(second)
        disk = pathlib.Path(self._guest(other)['folder'], self._device_path(
            other, second)[1:])
        with open(disk, 'rb') as stream:
            self.assertEqual(second.encode(), stream.read(len(second)))
        for each in server, other:
            self._delete_server(each)
        self.assertEqual({'ours'}, self._states([first, second]))
        self.assertEqual((), self.lpar.devices.list())
        for volume in first, second:
            self.assertEqual(volume.encode(),
                             self.lpar.disk_bytes(volume, len(volume)))

    def test_a_reboot_and_a_stopped_server(self):
        volumes = [self.lpar.claim(), self.lpar.claim()]
        server = self._boot(volumes[0])
        self._reboot_server(server, hard=True)
        self.stop(server)
        self._attach(server, volumes[1])
        self.assertEqual('pending', self.lpar.look(volumes[1]).phase)
        self.start(server)
        self.assertEqual(8, len(self._paths(server)))
        self.assertEqual('', self.lpar.look(volumes[1]).phase)

    def test_who_trusts_nobody_any_more_lets_go_when_he_does_again(self):
        volume = self.lpar.claim()
        server = self._boot(volume)
        trust = pathlib.Path(self._guest(server)['folder'],
                             'etc/iucv_authorized_userid')
        known = trust.read_text()
        trust.unlink()
        self._detach(server, volume)
        lun = self.lpar.look(volume)
        self.assertEqual(('used', 'leaving'), (lun.state, lun.phase))
        trust.write_text(known)
        self.driver.sweep(self.context)
        self.assertEqual({'ours'}, self._states([volume]))
        self.assertEqual(set(), self._paths(server))


class DriverCase(test_driver.Case):

    deploys = 'iucv'

    def setUp(self):
        super().setUp()
        self.simulator.event('host1', deploys=self.deploys)
        self.one = self.instance()
        self.spawn(self.one)
        self.simulator.forget_requests()

    def requests_to(self, node):
        return [each for each in self.simulator.requests()
                if 'nodes/%s/dsh' % node in each['path']]

    def guest_file(self, name):
        return pathlib.Path(self.lpar.guests['ZVM00001']['folder'], name)


class IucvTest(DriverCase):

    def test_a_compute_service_that_starts_knows_what_worked(self):
        volume = self.lpar.claim()
        self.detach(self.one, self.attach(self.one, volume))
        self.assertEqual(1, len(self.requests_to('zvm00001')))
        self.driver = self.load()
        self.simulator.forget_requests()
        self.attach(self.one, volume)
        self.assertEqual([], self.requests_to('zvm00001'))

    def test_two_attaches_at_once(self):
        volumes = [self.lpar.claim(), self.lpar.claim()]
        with futures.ThreadPoolExecutor(2) as pool:
            infos = list(pool.map(lambda volume: self.attach(
                self.one, volume), volumes))
        self.assertEqual(2, len({info['data']['device_path']
                                 for info in infos}))
        with futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda info: self.detach(self.one, info), infos))
        self.assertEqual([], self.dedicated('ZVM00001'))

    def test_a_paused_guest_is_unreachable_and_gets_nothing_later(self):
        volume = self.lpar.claim()
        self.driver.pause(self.one)
        error = self.assertRaises(exception.NovaException, self.attach,
                                  self.one, volume)
        self.assertIn('it does not answer', str(error))
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.driver.unpause(self.one)
        self.assertEqual([], self.dedicated('ZVM00001'))
        self.detach(self.one, self.attach(self.one, volume))

    def test_the_zhcps_user_id_is_taken_out_of_the_guest(self):
        volume = self.lpar.claim()
        self.guest_file('etc/iucv_authorized_userid').write_text('OPNCLOUD')
        error = self.assertRaises(exception.NovaException, self.attach,
                                  self.one, volume)
        for part in ('neither by ssh (', 'Permission denied', 'nor by IUCV (',
                     'is not authorized', 'authorized_keys',
                     'write ZHCP1 into /etc/iucv_authorized_userid'):
            self.assertIn(part, str(error))
        self.assertEqual('ours', self.lpar.look(volume).state)
        self.assertEqual([], self.dedicated('ZVM00001'))

    def test_with_ssh_alone_iucv_is_not_tried(self):
        self.flags(group='zvm', zvm_guest_channel='ssh')
        self.driver = self.load()
        error = self.assertRaises(exception.NovaException, self.attach,
                                  self.one, self.lpar.claim())
        self.assertIn('Permission denied', str(error))
        self.assertNotIn('IUCV (', str(error))


class BothTest(DriverCase):
    """Guests that are reached both ways."""

    deploys = 'both'

    def test_iucv_takes_over_when_ssh_stops_working(self):
        volumes = [self.lpar.claim(), self.lpar.claim()]
        first = self.attach(self.one, volumes[0])
        self.simulator.event('host1', guest='ZVM00001 ssh refused')
        second = self.attach(self.one, volumes[1])
        self.detach(self.one, first)
        self.detach(self.one, second)
        self.assertEqual([], self.dedicated('ZVM00001'))
        self.simulator.event('host1', guest='ZVM00001 ssh trusted')
        self.guest_file('etc/iucv_authorized_userid').unlink()
        self.detach(self.one, self.attach(self.one, volumes[0]))

    def test_with_iucv_alone_ssh_is_not_tried(self):
        self.flags(group='zvm', zvm_guest_channel='iucv')
        self.driver = self.load()
        self.simulator.forget_requests()
        self.detach(self.one, self.attach(self.one, self.lpar.claim()))
        self.assertEqual([], self.requests_to('zvm00001'))
