# SPDX-License-Identifier: Apache-2.0
"""Settings of local.conf: a real management node, and what is wrong."""

import testtools

from cinder_zvm import opts as cinder_opts
from nova_zvm_volume import opts as nova_opts
from tests.functional.devstack import test_phases
from tests import stages
from zvm_common import conf

PASSWORD = 's3cr$t/&*x'
REAL = {
    'ZVM_XCAT_SERVER': 'mn.example.com:8443',
    'ZVM_XCAT_USERNAME': 'cloud', 'ZVM_XCAT_PASSWORD': PASSWORD,
    'ZVM_HYPERVISORS': 'pok1 pok2',
    'ZVM_FCP_LISTS': '1A00-1A1F;1B00-1B1F 2A00-2A1F;2B00-2B1F',
    'ZVM_ZHCP_FCP_LISTS': '1AFE;1BFE 2AFE;2BFE',
    'ZVM_SCSI_POOLS': 'gold silver',
    'ZVM_CONNECTOR_URLS': 'https://zcc1.example.com https://zcc2.example.com',
}


class RealTest(testtools.TestCase):
    """ZVM_XCAT_SERVER is set: nothing is simulated."""

    def stage(self, **settings):
        made = self.useFixture(stages.Stage(**dict(REAL, **settings)))
        for name in ('ZVM_SIMULATOR_PORT', 'ZVM_CONNECTOR_PORTS'):
            del made.environment[name]
        return made

    def section(self, stage, name, group, opts):
        return conf.settings(test_phases.options(stage.config(name), group,
                                                 opts))

    def test_the_settings_are_used(self):
        stage = self.stage()
        stage.stack(*test_phases.BEFORE_SERVICES)
        for number, (name, pool) in enumerate(
                [('pok1', 'gold'), ('pok2', 'silver')], 1):
            found = self.section(stage, 'cinder', 'zvmssio%d' % number,
                                 cinder_opts.backend_opts())
            self.assertEqual(
                ('mn.example.com:8443', 'cloud', PASSWORD, name, pool, None),
                (str(found.server), found.username, found.password,
                 str(found.hypervisor), str(found.pool), found.ca_file))
            self.assertIsNone(found.stream_address)
        found = self.section(stage, 'nova', 'zvm', nova_opts.zvm_opts())
        self.assertEqual((PASSWORD, 'pok1'),
                         (found.password, str(found.hypervisor)))
        self.assertEqual('https://zcc1.example.com', stages.written(
            stage.config('nova'))['zvm']['cloud_connector_url'])

    def test_nothing_is_started(self):
        stage = self.stage()
        stage.stack(*test_phases.BEFORE_SERVICES)
        self.assertEqual([], list((stage.folder / 'run').iterdir()))
        self.assertFalse((stage.folder / 'zvm' / 'world.yaml').exists())

    def test_the_password_is_in_no_output(self):
        stage = self.stage()
        output = stage.stack(*test_phases.BEFORE_SERVICES)
        output += stage.phase('unstack').stdout + stage.phase('clean').stdout
        # Everything is traced.
        self.assertIn('+ iniset ', output)
        self.assertNotIn(PASSWORD, output)
        self.assertNotIn(PASSWORD.replace('$', '$$'), output)

    def test_the_password_may_stand_in_a_file(self):
        stage = self.stage(ZVM_XCAT_PASSWORD='')
        secret = stage.folder / 'secret'
        secret.write_text('from a file\n')
        output = stage.stack(*test_phases.BEFORE_SERVICES,
                             ZVM_XCAT_PASSWORD_FILE=str(secret))
        self.assertEqual('from a file', self.section(
            stage, 'cinder', 'zvmssio2', cinder_opts.backend_opts()).password)
        self.assertNotIn('from a file', output)

    def test_one_lpar_with_two_pools(self):
        stage = self.stage(
            ZVM_HYPERVISORS='pok1', ZVM_FCP_LISTS='1A00-1A1F;1B00-1B1F',
            ZVM_ZHCP_FCP_LISTS='1AFE;1BFE', ZVM_POOL_LPARS='1 1',
            ZVM_CONNECTOR_URLS='http://zcc1.example.com',
            CINDER_ENABLED_BACKENDS='lvm:lvmdriver-1,zvm:fast,zvm:slow')
        stage.stack(*test_phases.BEFORE_SERVICES, 'test-config')
        found = stages.written(stage.config('cinder'))
        self.assertEqual('lvmdriver-1,fast,slow',
                         found['DEFAULT']['enabled_backends'])
        self.assertEqual(['gold', 'silver'], [
            found[name]['zvm_scsi_pool'] for name in ('fast', 'slow')])
        self.assertEqual({'lpar1'}, {
            found[name]['backend_availability_zone']
            for name in ('fast', 'slow')})
        found = stages.written(stage.config('tempest'))
        self.assertEqual('True',
                         found['volume-feature-enabled']['multi_backend'])
        self.assertEqual('fast,slow', found['volume']['backend_names'])


class MistakeTest(testtools.TestCase):
    """Each is told before anything is installed, by the setting's name."""

    def refused(self, text, phase='pre-install', **settings):
        stage = self.useFixture(stages.Stage(**settings))
        before = stage.contents()
        done = stage.phase('stack', phase)
        self.assertNotEqual(0, done.returncode)
        self.assertIn(text, done.stdout.splitlines()[-1])
        self.assertEqual(before, stage.contents())
        return done.stdout

    def test_what_a_real_management_node_needs(self):
        for name in ('ZVM_XCAT_USERNAME', 'ZVM_HYPERVISORS', 'ZVM_FCP_LISTS',
                     'ZVM_ZHCP_FCP_LISTS', 'ZVM_SCSI_POOLS',
                     'ZVM_CONNECTOR_URLS'):
            self.refused('ZVM_XCAT_SERVER is set, so %s must be' % name,
                         **dict(REAL, **{name: ''}))

    def test_no_password(self):
        self.refused('ZVM_XCAT_PASSWORD_FILE or ZVM_XCAT_PASSWORD must be',
                     **dict(REAL, ZVM_XCAT_PASSWORD=''))

    def test_files_that_cannot_be_read(self):
        more = {'ZVM_IMAGE_NAME': 'one', 'ZVM_IMAGE_DISTRO': 'rhel9'}
        for name in ('ZVM_XCAT_PASSWORD_FILE', 'ZVM_CA_FILE',
                     'ZVM_IMAGE_FILE'):
            self.refused('%s: /nonexistent cannot be read' % name,
                         **dict(REAL, **more, **{name: '/nonexistent'}))

    def test_an_image_without_its_distribution(self):
        self.refused('ZVM_IMAGE_FILE is set, so ZVM_IMAGE_DISTRO must be',
                     **dict(REAL, ZVM_IMAGE_FILE='/nonexistent',
                            ZVM_IMAGE_NAME='one'))

    def test_passwords_that_devstack_cannot_write(self):
        for password in ('one1  two', ' one2', 'one3 ', '-nee'):
            output = self.refused('cannot be written by devstack',
                                  **dict(REAL, ZVM_XCAT_PASSWORD=password))
            self.assertNotIn(password.split()[0], output)

    def test_lists_of_different_length(self):
        for name in ('ZVM_FCP_LISTS', 'ZVM_ZHCP_FCP_LISTS',
                     'ZVM_COMPUTE_HOSTS', 'ZVM_ZONES', 'ZVM_CONNECTOR_URLS'):
            self.refused('%s has 1 words, and must have one for each LPAR in '
                         'ZVM_HYPERVISORS: 2' % name,
                         **dict(REAL, **{name: 'one'}))
        self.refused('ZVM_POOL_LPARS has 3 words', ZVM_POOL_LPARS='1 2 1')
        self.refused('ZVM_CONNECTOR_PORTS has 1 words',
                     ZVM_CONNECTOR_PORTS='9081')

    def test_an_lpar_that_is_not_there(self):
        for number in ('3', '0', 'x'):
            self.refused('ZVM_POOL_LPARS: there is no LPAR ' + number,
                         ZVM_POOL_LPARS='1 ' + number)

    def test_another_number_of_back_ends(self):
        self.refused('CINDER_ENABLED_BACKENDS has 1 back-ends',
                     CINDER_ENABLED_BACKENDS='zvm:zvmssio1,lvm:lvmdriver-1')

    def test_one_identity_for_all_computes(self):
        self.refused('NOVA_CPU_UUID', NOVA_CPU_UUID='1234')

    def test_nova_without_service_tokens(self):
        stage = self.useFixture(stages.Stage(**REAL))
        stage.config('nova').write_text('[DEFAULT]\n')
        stage.stack('pre-install', 'install')
        done = stage.phase('stack', 'post-config')
        self.assertNotEqual(0, done.returncode)
        self.assertIn('NOVA_USE_SERVICE_TOKEN must be True',
                      done.stdout.splitlines()[-1])

    def test_the_package_is_not_installed(self):
        stage = self.useFixture(stages.Stage(**REAL))
        # A Python that has nothing but itself.
        program = stage.folder / 'bin' / 'python3'
        program.write_text(program.read_text().replace('"$@"', '-IS "$@"'))
        done = stage.phase('stack', 'install')
        self.assertNotEqual(0, done.returncode)
        self.assertIn('zvm-volume is not installed',
                      done.stdout.splitlines()[-1])
