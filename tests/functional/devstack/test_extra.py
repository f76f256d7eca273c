# SPDX-License-Identifier: Apache-2.0
"""The phase extra: further nova-compute services, types, zones, an image."""

import json
import pathlib

import testtools

from tests.functional.devstack import test_phases
from tests.functional.devstack import test_settings
from tests import stages

DOUBLE = pathlib.Path(__file__).with_name('openstack_double.py')
TYPES = {'zvmssio%d' % number: {'volume_backend_name': 'zvmssio%d' % number,
                                'RESKEY:availability_zones': 'lpar%d' % number}
         for number in (1, 2)}
ZONES = {'lpar%d' % number: {'zone': 'lpar%d' % number,
                             'hosts': ['compute%d' % number]}
         for number in (1, 2)}


class ExtraTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.stage = self.useFixture(stages.Stage(**test_settings.REAL))
        library = self.stage.folder / 'lib'
        library.mkdir()
        (library / 'openstack.py').write_text(DOUBLE.read_text())
        self.cloud = self.stage.folder / 'cloud.json'
        self.begin()
        self.stage.stack(*test_phases.BEFORE_SERVICES)

    def begin(self, **more):
        """What was in the cloud before; both computes have registered."""
        found = {'types': {}, 'aggregates': {}, 'images': {},
                 'hosts': ['compute1', 'compute2'], 'calls': []}
        self.cloud.write_text(json.dumps(dict(found, **more)))

    def state(self):
        return json.loads(self.cloud.read_text())

    def test_types_and_zones_are_made(self):
        self.stage.stack('extra')
        self.assertEqual(TYPES, self.state()['types'])
        self.assertEqual(ZONES, self.state()['aggregates'])
        self.assertEqual(
            '--config-file %s cell_v2 discover_hosts --by-service\n'
            % self.stage.config('nova'),
            (self.stage.folder / 'nova-manage').read_text())

    def test_what_is_there_stays(self):
        self.stage.stack('extra')
        before, files = self.state(), self.stage.contents()
        self.stage.stack('extra')
        self.assertEqual(before, self.state())
        self.assertEqual(files, self.stage.contents())

    def test_types_of_devstack_get_their_zone(self):
        self.begin(types={name: {'volume_backend_name': name, 'mine': 'x'}
                          for name in TYPES})
        self.stage.stack('extra')
        self.assertEqual({name: dict(specs, mine='x')
                          for name, specs in TYPES.items()},
                         self.state()['types'])
        self.assertNotIn('create_type', self.state()['calls'])

    def test_the_second_lpar_has_a_nova_compute_of_its_own(self):
        self.stage.stack('extra')
        first = stages.written(self.stage.config('nova-cpu'))
        second = stages.written(self.stage.config('nova-cpu2'))
        state = self.stage.folder / 'zvm' / 'nova' / 'compute2'
        self.assertEqual(
            {('DEFAULT', 'host'), ('DEFAULT', 'state_path'),
             ('DEFAULT', 'instances_path'), ('DEFAULT', 'log_file'),
             ('oslo_concurrency', 'lock_path'), ('zvm', 'zvm_hypervisor'),
             ('zvm', 'zvm_fcp_list'), ('zvm', 'cloud_connector_url'),
             ('zvm', 'image_tmp_path')},
            {(section, option) for section, values in second.items()
             for option, value in values.items()
             if first.get(section, {}).get(option) != value})
        self.assertEqual('compute2', second['DEFAULT']['host'])
        self.assertEqual('nova-compute-compute2.log',
                         second['DEFAULT']['log_file'])
        self.assertEqual(str(state), second['DEFAULT']['state_path'])
        self.assertEqual('https://zcc2.example.com',
                         second['zvm']['cloud_connector_url'])
        self.assertEqual('%s/bin/nova-compute --config-file %s\n' % (
            self.stage.folder, self.stage.config('nova-cpu2')),
            self.stage.command('n-cpu-2'))
        self.assertTrue(self.stage.runs('n-cpu-2'))
        self.assertEqual(0o640, self.stage.config(
            'nova-cpu2').stat().st_mode & 0o777)

    def test_unstack_and_clean_take_it_away(self):
        self.stage.stack('extra')
        self.assertEqual(0, self.stage.phase('unstack').returncode)
        self.assertFalse(self.stage.runs('n-cpu-2'))
        self.assertEqual(0, self.stage.phase('clean').returncode)
        self.assertFalse(self.stage.config('nova-cpu2').exists())
        self.assertFalse((self.stage.folder / 'zvm').exists())

    def test_an_image_that_can_be_booted_is_made(self):
        image = self.stage.folder / 'guest.raw'
        image.write_bytes(b'x' * 512)
        self.stage.stack('extra', ZVM_IMAGE_NAME='guest',
                         ZVM_IMAGE_FILE=str(image), ZVM_IMAGE_DISTRO='rhel9')
        self.assertEqual({'guest': {
            'disk_format': 'raw', 'container_format': 'bare',
            'visibility': 'public', 'os_distro': 'rhel9', 'wait': True,
            'size': 512}}, self.state()['images'])

    def test_without_a_second_compute_it_fails_with_its_name(self):
        self.begin(hosts=['compute1'])
        done = self.stage.phase('stack', 'extra', ZVM_COMPUTE_WAIT='1')
        self.assertNotEqual(0, done.returncode)
        self.assertIn('no nova-compute registered after 1 s: compute2',
                      done.stdout)
