# SPDX-License-Identifier: Apache-2.0
"""The samples of local.conf in the manual, and its table of settings."""

import re

import testtools

from tests import stages

MANUAL = stages.ROOT / 'doc' / 'source' / 'contributor' / 'devstack.rst'
PLUGIN = stages.ROOT / 'devstack'


def sample(name):
    """The text of a code block, without its indentation."""
    found = re.search(r'   :name: %s\n\n((?:   .*\n|\n)+)' % name,
                      MANUAL.read_text())
    return re.sub('^   ', '', found[1], flags=re.MULTILINE)


class SampleTest(testtools.TestCase):

    def stacked(self, text):
        """A stage whose only settings are those of that local.conf."""
        stage = self.useFixture(stages.Stage())
        local = stage.folder / 'local.conf'
        local.write_text(text)
        stage.stack('pre-install', 'install', 'post-config',
                    STAGE_LOCAL_CONF=str(local))
        return stage

    def test_with_the_simulator(self):
        # The ports are the test's own: others may run on this machine.
        stage = self.stacked(sample('local-conf-simulated'))
        self.assertTrue(stage.runs('zvm-simulator'))
        self.assertEqual('zvmssio1,zvmssio2', stages.written(
            stage.config('cinder'))['DEFAULT']['enabled_backends'])

    def test_with_a_real_management_node(self):
        text = sample('local-conf-real')
        files = self.useFixture(stages.fixtures.TempDir())
        for name in ('mn.password', 'mn-ca.pem', 'rhel9.raw'):
            with open(files.join(name), 'w') as stream:
                stream.write('of the file\n')
        stage = self.stacked(text.replace('/opt/stack', files.path))
        found = stages.written(stage.config('cinder'))
        self.assertEqual(('mn.example.com', 'openstack', 'of the file'),
                         tuple(found['zvmssio2'][name] for name in (
                             'zvm_xcat_server', 'zvm_xcat_username',
                             'zvm_xcat_password')))
        self.assertEqual('https://zcc1.example.com', stages.written(
            stage.config('nova'))['zvm']['cloud_connector_url'])
        self.assertFalse(stage.runs('zvm-simulator'))


class SettingsTest(testtools.TestCase):

    def test_each_setting_is_in_the_table(self):
        used = set()
        for path in PLUGIN.rglob('*'):
            if path.is_file() and path.suffix in ('', '.sh'):
                used |= set(re.findall(r'\bZVM_[A-Z_]+', path.read_text()))
        told = set(re.findall(r'^``(ZVM_[A-Z_]+)``', MANUAL.read_text(),
                              re.MULTILINE))
        # Where the plugin is says its own path.
        self.assertEqual(used - {'ZVM_PLUGIN_DIR'}, told)
