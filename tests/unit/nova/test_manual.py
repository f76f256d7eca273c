# SPDX-License-Identifier: Apache-2.0
"""The manual's examples of nova.conf."""

from keystoneauth1 import loading
from nova import conf
from nova import test

from nova_zvm_volume import opts
from tests import manual
from zvm_common import conf as zvm_conf

CONF = conf.CONF
PASSWORD = [each.dest for each in
            loading.get_auth_plugin_conf_options('password')]


class ConfigurationTest(test.NoDBTestCase):

    def setUp(self):
        super().setUp()
        opts.register(CONF)
        self.addCleanup(CONF.reset)

    def test_each_option_is_one_and_has_a_value_that_it_may_have(self):
        seen = 0
        for page, block in manual.configurations('nova'):
            self._load(block)
            for section, options in manual.sections(block).items():
                group = CONF if section == 'DEFAULT' else CONF[section]
                for name in options:
                    seen += 1
                    if section == 'service_user' and name in PASSWORD:
                        continue
                    self.assertIn(name, group, page)
                    group[name]
        self.assertGreater(seen, 25)

    def test_what_we_check_at_the_start_is_right(self):
        seen = set()
        for page, block in manual.configurations('nova'):
            if 'zvm_xcat_server' in block:
                self._load(block)
                CONF.set_override('zvm_ca_file', None, group='zvm')
                zvm_conf.settings(CONF.zvm)
                seen.add(page)
        self.assertEqual({'configuration.rst', 'containers.rst'},
                         seen & {'configuration.rst', 'containers.rst'})

    def _load(self, block):
        CONF([], project='nova', default_config_files=[
            self.useFixture(manual.File(block)).path])
