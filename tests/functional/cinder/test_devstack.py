# SPDX-License-Identifier: Apache-2.0
"""What the devstack plugin writes into cinder.conf, Cinder knows."""

from cinder.common import config
from cinder import objects
from keystonemiddleware import opts as middleware
import testtools

from cinder_zvm import opts
from tests import stages


def backend_options():
    """Those that Cinder and our driver have in a back-end's section."""
    # The manager needs the objects.
    objects.register_all()
    from cinder.volume import driver
    from cinder.volume import manager
    return (manager.volume_backend_opts + driver.volume_opts
            + opts.backend_opts())


class NamesTest(testtools.TestCase):

    def test_each_option_exists(self):
        stage = self.useFixture(stages.Stage(**stages.ONE_LPAR))
        stage.stack('pre-install', 'install', 'post-config')
        known = {
            'zvmssio1': {opt.dest for opt in backend_options()},
            'DEFAULT': set(config.CONF),
            'keystone_authtoken': {
                opt.dest for _, found in middleware.list_auth_token_opts()
                for opt in found}}
        written = stages.written(stage.config('cinder'))
        self.assertEqual(set(known), set(written))
        for section, values in written.items():
            self.assertEqual(set(), set(values) - known[section], section)
