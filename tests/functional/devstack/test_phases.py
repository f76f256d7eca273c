# SPDX-License-Identifier: Apache-2.0
"""The plugin's phases in devstack's order, with the simulator."""

import os
import stat
import subprocess
import sys

from oslo_config import cfg
import requests
import testtools

from cinder_zvm import opts as cinder_opts
from nova_zvm_volume import opts as nova_opts
from tests import stages
from zvm_common import conf

BEFORE_SERVICES = ('pre-install', 'install', 'post-config')
LPARS = {
    1: {'host': 'compute1', 'zvm_hypervisor': 'host1',
        'zvm_fcp_list': '3B00-3B63;3C00-3C63'},
    2: {'host': 'compute2', 'zvm_hypervisor': 'host2',
        'zvm_fcp_list': '4B00-4B63;4C00-4C63'}}


def options(path, group, opts):
    """A section as a service reads it; names of options of ours must exist."""
    found = cfg.ConfigOpts()
    found.register_opts(opts, group=group)
    found(['--config-file', str(path)], default_config_dirs=[])
    return found[group]


class StackedTest(testtools.TestCase):
    """One stack for all: tests look at what it has left."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage = stages.Stage()
        cls.stage.setUp()
        cls.addClassCleanup(cls.stage.cleanUp)
        cls.output = cls.stage.stack(*BEFORE_SERVICES)
        cls.first = cls.stage.contents()
        cls.output += cls.stage.stack('test-config')

    def test_each_back_end_has_a_section_that_the_driver_takes(self):
        found = stages.written(self.stage.config('cinder'))
        self.assertEqual('zvmssio1,zvmssio2',
                         found['DEFAULT']['enabled_backends'])
        self.assertEqual('zvmssio1', found['DEFAULT']['default_volume_type'])
        for number in (1, 2):
            name = 'zvmssio%d' % number
            settings = conf.settings(options(
                self.stage.config('cinder'), name, cinder_opts.backend_opts()))
            self.assertEqual('zpool%d' % number, str(settings.pool))
            self.assertEqual('host%d' % number, str(settings.hypervisor))
            self.assertEqual('simulated', settings.password)
            self.assertEqual(2, len(settings.fcp_groups.groups))
            self.assertEqual(4, len(settings.zhcp_fcp_list))
            self.assertEqual(name, found[name]['volume_backend_name'])
            self.assertEqual('lpar%d' % number,
                             found[name]['backend_availability_zone'])

    def test_options_of_ours_exist(self):
        known = {opt.dest for opt in cinder_opts.backend_opts()}
        for name in ('zvmssio1', 'zvmssio2'):
            section = stages.written(self.stage.config('cinder'))[name]
            self.assertEqual(set(), {
                each for each in section if each.startswith('zvm_')} - known)
        known = {opt.dest for opt in nova_opts.zvm_opts()}
        section = stages.written(self.stage.config('nova'))['zvm']
        self.assertEqual(set(), {
            each for each in section if each.startswith('zvm_')} - known)

    def test_server_and_volume_meet_in_one_zone(self):
        cinder = stages.written(self.stage.config('cinder'))
        nova = stages.written(self.stage.config('nova'))
        self.assertEqual('lpar1',
                         cinder['DEFAULT']['default_availability_zone'])
        self.assertEqual('lpar1', nova['DEFAULT']['default_schedule_zone'])
        self.assertEqual('False', nova['cinder']['cross_az_attach'])

    def test_service_tokens_are_sent_and_wanted(self):
        self.assertEqual('True', stages.written(self.stage.config('cinder'))[
            'keystone_authtoken']['service_token_roles_required'])
        self.assertEqual('True', stages.written(self.stage.config('nova'))[
            'service_user']['send_service_user_token'])

    def test_nova_has_the_driver_and_its_first_lpar(self):
        found = stages.written(self.stage.config('nova'))
        self.assertEqual('zvm_volume.ZVMVolumeDriver',
                         found['DEFAULT']['compute_driver'])
        self.assertEqual('zvm%05x', found['DEFAULT']['instance_name_template'])
        self.assert_lpar(1, 'nova')
        self.assertTrue(os.path.isdir(found['zvm']['image_tmp_path']))

    def assert_lpar(self, number, name):
        found = stages.written(self.stage.config(name))
        port = self.stage.environment['ZVM_CONNECTOR_PORTS'].split()[
            number - 1]
        self.assertEqual('http://127.0.0.1:%s' % port,
                         found['zvm']['cloud_connector_url'])
        self.assertEqual(LPARS[number], {
            option: found['DEFAULT' if option == 'host' else 'zvm'][option]
            for option in LPARS[number]})
        conf.settings(options(self.stage.config(name), 'zvm',
                              nova_opts.zvm_opts()))

    def test_nova_compute_knows_no_database(self):
        found = stages.written(self.stage.config('nova-cpu'))
        self.assertNotIn('connection', found['database'])
        self.assertNotIn('connection', found['api_database'])
        self.assertEqual(stages.written(self.stage.config('nova'))['zvm'],
                         found['zvm'])

    def test_tempest_knows_what_is_refused(self):
        found = stages.written(self.stage.config('tempest'))
        compute = found['compute-feature-enabled']
        self.assertEqual(('True', 'True', 'False', 'False'), tuple(
            compute[name] for name in ('resize', 'pause', 'rescue',
                                       'live_migration')))
        volume = found['volume-feature-enabled']
        self.assertEqual(('True', 'False', 'False', 'False'), tuple(
            volume[name] for name in ('volume_revert', 'multi_backend',
                                      'extend_attached_volume', 'backup')))
        self.assertEqual('lpar1',
                         found['compute']['compute_volume_common_az'])

    def test_the_simulator_answers(self):
        answer = requests.get(
            'https://127.0.0.1:%s/xcatws/nodes/host1'
            % self.stage.environment['ZVM_SIMULATOR_PORT'], timeout=60,
            verify=str(self.stage.folder / 'zvm' / 'simulator' / 'ca.pem'),
            headers={'userName': 'openstack', 'password': 'simulated'},
            params={'format': 'json'})
        self.assertEqual(200, answer.status_code)
        self.assertIn('Object name: host1', answer.text)
        for port in self.stage.environment['ZVM_CONNECTOR_PORTS'].split():
            answer = requests.get('http://127.0.0.1:%s/guests' % port,
                                  timeout=60)
            self.assertEqual([], answer.json()['output'])

    def test_files_with_a_password_are_private(self):
        for name in ('cinder', 'nova', 'nova-cpu'):
            mode = stat.S_IMODE(self.stage.config(name).stat().st_mode)
            self.assertEqual(0o640, mode, name)
        zvm = self.stage.folder / 'zvm'
        self.assertEqual(0o700, stat.S_IMODE(zvm.stat().st_mode))

    def test_each_phase_may_be_repeated(self):
        self.stage.stack(*BEFORE_SERVICES)
        self.assertEqual(
            self.first, {name: text for name, text
                         in self.stage.contents().items()
                         if name != 'tempest.conf'})
        tempest = self.stage.config('tempest').read_bytes()
        self.stage.stack('test-config')
        self.assertEqual(tempest, self.stage.config('tempest').read_bytes())

    def test_a_value_of_the_user_stays(self):
        path = self.stage.config('tempest')
        before = path.read_text()
        self.addCleanup(path.write_text, before)
        path.write_text('[compute]\nimage_ref = 1234\n# resize = off\n')
        self.stage.stack('test-config')
        self.assertTrue(path.read_text().startswith(
            '[compute]\ncompute_volume_common_az = lpar1\nimage_ref = 1234\n'
            '# resize = off\n'), path.read_text())


class EndTest(testtools.TestCase):

    def test_unstack_stops_what_stack_started_and_keeps_the_world(self):
        stage = self.useFixture(stages.Stage())
        stage.stack(*BEFORE_SERVICES)
        note = self._pool_folder(stage) / 'note'
        note.write_text('kept')
        self.assertTrue(stage.runs('zvm-simulator'))

        self._succeeds(stage, 'unstack')
        self.assertFalse(stage.runs('zvm-simulator'))
        # Whatever does not run is no error.
        self._succeeds(stage, 'unstack')

        stage.stack('post-config')
        self.assertEqual('kept', note.read_text())

        self._succeeds(stage, 'unstack')
        self._succeeds(stage, 'clean')
        self.assertFalse((stage.folder / 'zvm').exists())
        self._succeeds(stage, 'clean')

    def _pool_folder(self, stage):
        return (stage.folder / 'zvm' / 'simulator' / 'nodes' / 'host1'
                / 'ZHCP1' / 'var' / 'opt' / 'zhcp' / 'zfcp')

    def _succeeds(self, stage, *words):
        done = stage.phase(*words)
        self.assertEqual(0, done.returncode, done.stdout)

    def test_a_simulator_that_cannot_start_is_told(self):
        stage = self.useFixture(stages.Stage())
        stage.stack('pre-install', 'install')
        # In its place is a program that ends at once.
        program = stage.folder / 'bin' / 'zvm-simulator'
        program.write_text('#!/bin/sh\nexit 1\n')
        done = stage.phase('stack', 'post-config', ZVM_SIMULATOR_WAIT='1')
        self.assertNotEqual(0, done.returncode)
        self.assertIn('zvm-simulator does not answer on port %s'
                      % stage.environment['ZVM_SIMULATOR_PORT'], done.stdout)


class EditableNovaTest(testtools.TestCase):
    """devstack's Nova is no wheel: the driver must lie in its sources."""

    FIND = ('import importlib.util, sys; '
            'print(importlib.util.find_spec("nova.virt.zvm_volume").origin)')

    def setUp(self):
        super().setUp()
        self.stage = self.useFixture(stages.Stage(**stages.ONE_LPAR))
        # It comes before what is installed, as in devstack.
        self.nova = self.stage.folder / 'lib'
        self.virt = self.nova / 'nova' / 'virt'
        self.virt.mkdir(parents=True)
        for folder in (self.virt.parent, self.virt):
            (folder / '__init__.py').write_text('')

    def phase(self, *words):
        done = self.stage.phase(*words, NOVA_DIR=str(self.nova))
        self.assertEqual(0, done.returncode, done.stdout)

    def found(self):
        return subprocess.run(
            [sys.executable, '-c', self.FIND], text=True,
            capture_output=True, env=self.stage.environment).stdout.strip()

    def test_the_driver_is_linked_and_unlinked(self):
        self.assertEqual('', self.found())
        for _ in range(2):
            self.phase('stack', 'install')
            self.assertEqual(str(self.virt / 'zvm_volume' / '__init__.py'),
                             self.found())
        self.phase('clean')
        self.assertFalse(os.path.lexists(self.virt / 'zvm_volume'))
