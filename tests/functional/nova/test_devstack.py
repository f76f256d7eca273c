# SPDX-License-Identifier: Apache-2.0
"""What the devstack plugin writes into nova.conf, Nova knows."""

import nova.conf
import testtools

from nova_zvm_volume import opts
from tests import stages


class NamesTest(testtools.TestCase):

    def test_each_option_exists(self):
        stage = self.useFixture(stages.Stage(**stages.ONE_LPAR))
        stage.config('nova').write_text('[service_user]\nauth_type = none\n')
        stage.stack('pre-install', 'install', 'post-config')
        opts.register(nova.conf.CONF)
        written = stages.written(stage.config('nova'))
        self.assertEqual({'DEFAULT', 'cinder', 'service_user', 'zvm'},
                         set(written))
        for section, values in written.items():
            found = (nova.conf.CONF if section == 'DEFAULT'
                     else nova.conf.CONF[section])
            # auth_type is of keystoneauth, registered when it is used.
            self.assertEqual(
                set(), set(values) - set(found) - {'auth_type'}, section)
