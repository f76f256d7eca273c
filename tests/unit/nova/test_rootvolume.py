# SPDX-License-Identifier: Apache-2.0
"""Starts of a guest from its root volume, path by path."""

import dataclasses
from unittest import mock

from nova import exception
from nova import objects
from nova import test

from nova_zvm_volume.virt.zvm import rootpaths
from nova_zvm_volume.virt.zvm import rootvolume
from tests.unit.nova import fakes
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import guestdisk
from zvm_common import model

USERID, NODE = 'ZVM00001', 'zvm00001'
LOADING = 'HCPLDI2816I Acquiring the machine loader\n'
DEAD = 'HCPGIR450W CP entered; disabled wait PSW\n'
ALIVE = 'Linux version 5.14.0\n'
CONSOLES = {'up': LOADING + ALIVE, 'dead': LOADING + DEAD,
            'panic': LOADING + ALIVE + DEAD, 'runs': LOADING + ALIVE,
            'empty': LOADING, 'unknown': 'nothing of interest'}


class Zvm:
    """The Cloud Connector of a z/VM that obeys the ledger's ``ipl``.

    :param outcomes: 'DEVICE:PORT' -> one of CONSOLES, or 'off'
    """

    def __init__(self, lpar, outcomes):
        self._lpar = lpar
        self._outcomes = outcomes
        self.started = []
        self.console = ALIVE    # of a life before
        self.power = 'off'

    def guest_start(self, name):
        path = '%s:%s' % self._lpar.luns[fakes.VOLUME].ipl
        self.started.append(path)
        self.become(self._outcomes.get(path, 'up'))

    def become(self, outcome):
        self.power = 'off' if outcome == 'off' else 'on'
        self._lpar.off.discard(USERID)
        self._lpar.guests[NODE].silent = 0 if outcome == 'up' else 1 << 30
        self.console += CONSOLES.get(outcome, '')

    def guest_softstop(self, name):
        self._lpar.off.add(USERID)
        self.power = 'off'

    def guest_get_power_state(self, name):
        return self.power

    def guest_get_console_output(self, name):
        return self.console


class Case(test.NoDBTestCase):

    def setUp(self):
        super().setUp()
        self.lpar = fakes.FakeLpar()
        self.lpar.add_volume()
        self.lpar.off.add(USERID)
        self.instance = fakes.instance()
        self.lpar.define_node(NODE, USERID)
        self.lpar.devices.hold(self.instance.uuid, USERID)
        self.lun = self.lpar.devices.attach(fcp.AttachRequest(
            fakes.VOLUME, 1, fakes.ATTACHMENT, self.instance.uuid, USERID,
            NODE, off=True))
        self.now = 0
        for name in ('time.sleep', 'time.monotonic'):
            self.useFixture(test.fixtures.MonkeyPatch(name, self._pass))

    def _pass(self, seconds=0):
        self.now += seconds
        return self.now

    def boot(self, **outcomes):
        self.zvm = Zvm(self.lpar, {
            self.path(name): outcome for name, outcome in outcomes.items()})
        return rootvolume.Boot(self.lpar, self.zvm, self.instance, 60)

    @staticmethod
    def path(name):
        """b1 -> 3B00:5005..1."""
        return '3%s00:%s' % (name[0].upper(), fakes.WWPNS[int(name[1]) - 1])

    def assert_started(self, *names):
        self.assertEqual([self.path(name) for name in names],
                         self.zvm.started)


class OrderTest(Case):

    def test_another_device_and_port_come_first(self):
        self.assertEqual(
            [self.path(name) for name in ('b1', 'c2', 'b2', 'c1')],
            ['%s:%s' % path for path in rootpaths.paths_of(self.lun)])

    def test_what_was_loaded_last_comes_before_all(self):
        lun = dataclasses.replace(self.lun, ipl=(
            model.DeviceNumber('3B00'), model.Wwpn(fakes.WWPNS[1])))
        self.assertEqual(
            [self.path(name) for name in ('b2', 'c1', 'b1', 'c2')],
            ['%s:%s' % path for path in rootpaths.paths_of(lun)])

    def test_more_devices_than_ports(self):
        lun = dataclasses.replace(
            self.lun, wwpns=self.lun.wwpns[:1],
            devices=(*self.lun.devices, model.DeviceNumber('3D00')))
        self.assertEqual(['3B00', '3C00', '3D00'], [
            str(device) for device, _ in rootpaths.paths_of(lun)])


class FirstTest(Case):

    def test_the_first_path_that_works_is_enough(self):
        self.boot().first(self.lun)
        self.assert_started('b1')

    def test_one_in_a_disabled_wait_is_not_waited_for(self):
        self.boot(b1='dead').first(self.lun)
        self.assert_started('b1', 'c2')
        self.assertEqual(0, self.now)

    def test_neither_is_a_linux_that_has_died_or_a_guest_that_is_off(self):
        self.boot(b1='panic', c2='off').first(self.lun)
        self.assert_started('b1', 'c2', 'b2')
        self.assertEqual(0, self.now)

    def test_one_of_which_nothing_is_seen_is_given_up(self):
        self.boot(b1='empty', c2='unknown').first(self.lun)
        self.assert_started('b1', 'c2', 'b2')
        self.assertGreaterEqual(self.now, 120)

    def test_each_is_tried_once_and_told(self):
        error = self.assertRaises(
            rootvolume.NotBooted,
            self.boot(b1='dead', c2='empty', b2='dead', c1='off').first,
            self.lun)
        self.assert_started('b1', 'c2', 'b2', 'c1')
        for name in ('b1', 'c2', 'b2', 'c1'):
            self.assertEqual(1, str(error).count(self.path(name)))
        self.assertIn('disabled wait', str(error))
        self.assertIn(USERID, self.lpar.off)

    def test_a_linux_that_runs_is_not_loaded_by_another_path(self):
        error = self.assertRaises(rootvolume.NotBooted,
                                  self.boot(b1='runs').first, self.lun)
        self.assert_started('b1')
        self.assertIn('can the management node log in', str(error))

    def test_one_that_answers_anything_is_up(self):
        for answer in (exceptions.ToolMissing('no flock'),
                       exceptions.CommandFailed('no sh')):
            self.lpar.off.add(USERID)
            self.lpar.fail('guest.hello', answer)
            self.boot().first(self.lun)
            self.assert_started('b1')

    def test_a_management_node_that_is_away_says_nothing_of_a_path(self):
        self.lpar.fail('guest.hello', exceptions.MnUnreachable('away'),
                       times=100)
        self.assertRaises(exceptions.MnUnreachable, self.boot().first,
                          self.lun)
        self.assert_started('b1')

    def test_it_comes_back_in_time(self):
        self.lpar.fail('guest.hello', exceptions.MnUnreachable('away'),
                       times=3)
        self.boot().first(self.lun)
        self.assert_started('b1')

    def test_a_logoff_that_lasts_is_waited_for(self):
        self.lpar.fail('devices.ipl', exceptions.LunBusy('on', code='busy'),
                       times=5)
        self.boot().first(self.lun)
        self.assert_started('b1')

    def test_but_not_for_ever(self):
        self.lpar.fail('devices.ipl', exceptions.LunBusy('on', code='busy'),
                       times=100)
        self.assertRaises(exceptions.LunBusy, self.boot().first, self.lun)
        self.assert_started()

    def test_a_directory_that_cannot_be_written_starts_nothing(self):
        self.lpar.fail('devices.ipl', exceptions.SmapiFailed(
            '596', '0', 'internal error'))
        self.assertRaises(exceptions.SmapiFailed, self.boot().first,
                          self.lun)
        self.assert_started()


class StartedTest(Case):
    """Nova has started it as ever; it loaded b1."""

    def setUp(self):
        super().setUp()
        self.lun = self.lpar.devices.ipl(
            fakes.VOLUME, self.lun.generation, self.instance.uuid,
            *rootpaths.paths_of(self.lun)[0])

    def started(self, outcome, **outcomes):
        boot = self.boot(**outcomes)
        self.zvm.become(outcome)
        boot.started(self.lun)

    def test_one_that_is_up_is_not_touched(self):
        self.started('up')
        self.assert_started()

    def test_one_that_loaded_nothing_is_started_by_the_next_path(self):
        for outcome in ('dead', 'panic', 'empty', 'off'):
            self.started(outcome)
            self.assert_started('c2')

    def test_one_that_may_run_is_never_logged_off(self):
        for outcome in ('runs', 'unknown'):
            self.started(outcome)
            self.assert_started()
            self.assertEqual('on', self.zvm.power)

    def test_without_a_path_each_is_told(self):
        error = self.assertRaises(rootvolume.NotBooted, self.started, 'dead',
                                  c2='dead', b2='dead', c1='dead')
        self.assert_started('c2', 'b2', 'c1')
        self.assertIn(self.path('b1'), str(error))

    def test_without_a_console_it_is_left_alone(self):
        boot = self.boot()
        self.zvm.become('dead')
        with mock.patch.object(
                self.zvm, 'guest_get_console_output',
                side_effect=exception.ZVMConnectorError({'errmsg': 'no'})):
            boot.started(self.lun)
        self.assert_started()


class SomePathsTest(Case):

    def setUp(self):
        super().setUp()
        self.paths = guestdisk.paths_of(self.lun.devices, self.lun.wwpns,
                                        self.lun.lun)
        self.guest = mock.Mock()

    def attach(self, *good):
        def only(_volume, _generation, paths, *_rest):
            if set(map(str, paths)) - set(map(str, good)):
                raise exceptions.PathFailed('no disk')
            return paths
        self.guest.attach = only
        return rootpaths.attach_some(
            self.guest, exceptions.PathFailed('not all'), fakes.VOLUME, 2,
            self.paths, fakes.WWID, self.lun.size)

    def test_those_that_work_are_configured(self):
        self.assertEqual(self.paths[1:3], self.attach(*self.paths[1:3]))

    def test_without_one_it_has_failed(self):
        error = self.assertRaises(exceptions.PathFailed, self.attach)
        self.assertIn('not all', str(error))


class DistroTest(test.NoDBTestCase):

    mapping = {'connection_info': fakes.connection_info(), 'boot_index': 0}

    def check(self, **properties):
        return rootvolume.check_distro(objects.ImageMeta.from_dict(
            {'properties': properties}), self.mapping)

    def test_it_is_that_of_the_volume(self):
        self.assertEqual('sles15', self.check(os_distro='sles15'))

    def test_without_one_the_operator_is_told_what_to_do(self):
        error = self.assertRaises(exception.InvalidInput, self.check)
        self.assertIn('openstack volume set --image-property os_distro=',
                      str(error))
        self.assertIn(fakes.VOLUME, str(error))
