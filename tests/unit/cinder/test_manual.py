# SPDX-License-Identifier: Apache-2.0
"""The manual's examples of cinder.conf and of our commands."""

import contextlib
import io

from cinder.common import config as cinder_config
from cinder import context
from cinder import coordination
from cinder import objects
from keystonemiddleware import opts as middleware
from oslo_config import cfg
import testtools

from cinder_zvm import audit
from cinder_zvm import opts
from tests import manual
from zvm_common import conf

# Modules of cinder.volume need them when they are imported.
objects.register_all()
from cinder.volume import driver  # noqa: E402
from cinder.volume import manager  # noqa: E402

# cinder.opts has all options, and imports what no back-end here needs.
_KNOWN = {
    'DEFAULT': [*cinder_config.global_opts, *manager.volume_manager_opts,
                *context.context_opts,
                # of cinder.cmd.volume, which starts a service when imported
                cfg.StrOpt('cluster')],
    'coordination': coordination.coordination_opts,
    'keystone_authtoken': [option for _, options in
                           middleware.list_auth_token_opts()
                           for option in options],
}
_BACKEND = [*driver.volume_opts, *driver.image_opts,
            *manager.volume_backend_opts,
            *opts.backend_opts()]


class ConfigurationTest(testtools.TestCase):

    def parsed(self, block):
        """The configuration of a block, with the options that it may have."""
        config = cfg.ConfigOpts()
        for section in manual.sections(block):
            group = None if section == 'DEFAULT' else section
            config.register_opts(_KNOWN.get(section, _BACKEND), group=group)
        config([], project='cinder', default_config_files=[
            self.useFixture(manual.File(block)).path])
        return config

    def test_each_option_is_one_and_has_a_value_that_it_may_have(self):
        seen = 0
        for page, block in manual.configurations('cinder'):
            config = self.parsed(block)
            for section, options in manual.sections(block).items():
                group = config if section == 'DEFAULT' else config[section]
                for name in options:
                    self.assertIn(name, group, page)
                    group[name]
                    seen += 1
        self.assertGreater(seen, 50)

    def test_what_we_check_at_the_start_is_right(self):
        seen = set()
        for page, block in manual.configurations('cinder'):
            config = self.parsed(block)
            for section, options in manual.sections(block).items():
                if 'zvm_scsi_pool' in options:
                    config.set_override('zvm_ca_file', None, group=section)
                    conf.settings(config[section])
                    seen.add((page, section))
        self.assertGreaterEqual(len(seen), 4)


class CommandTest(testtools.TestCase):

    def test_each_of_ours_has_options_that_are_there(self):
        seen = list(manual.commands('zvm-volume'))
        for page, words in seen:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    audit._arguments(words)
            except SystemExit as end:
                self.assertEqual(0, end.code, (page, words))
        self.assertGreater(len(seen), 5)
