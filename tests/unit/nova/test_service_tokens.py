# SPDX-License-Identifier: Apache-2.0
"""Nova sends a token of its own with what the manual says.

Each configuration is read by a process of its own, as options of a way to
authenticate stay registered once one was loaded.
"""

import json
import subprocess
import sys

import testtools

from tests import manual

SCRIPT = '''
import json, sys
from nova import monkey_patch
monkey_patch.patch(backend='threading')
from nova.cmd import status
from nova import conf, context, service_auth
conf.CONF([], project='nova', default_config_files=sys.argv[1:])
said = []
service_auth.LOG.warning = said.append
auth = service_auth.get_service_user_token_auth_plugin(
    context.RequestContext('user', 'project'))
checks = {str(name): check
          for name, check in status.UpgradeCommands._upgrade_checks}
check = checks['Service User Token Configuration']
print(json.dumps([type(auth).__name__, ' '.join(said),
                  check(status.UpgradeCommands()).code.name]))
'''
BOTH = 'ServiceTokenAuthWrapper'


class ServiceTokenTest(testtools.TestCase):

    def asked(self, block):
        """What a request to Cinder bears, what Nova's log and check say."""
        path = self.useFixture(manual.File(block)).path
        done = subprocess.run([sys.executable, '-c', SCRIPT, path],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr[-2000:])
        return json.loads(done.stdout.splitlines()[-1])

    def manual(self, page):
        [block] = [block for block in manual.blocks(page, 'ini')
                   if 'send_service_user_token' in block]
        return block

    def test_what_the_manual_says_sends_one(self):
        for page in ('operation.rst', 'configuration.rst'):
            self.assertEqual([BOTH, '', 'SUCCESS'],
                             self.asked(self.manual(page)))

    def test_nothing_sends_none_and_the_check_of_nova_says_so(self):
        kind, _, check = self.asked('[DEFAULT]\n')
        self.assertNotEqual(BOTH, kind)
        self.assertEqual('FAILURE', check)

    def test_so_does_one_without_a_type_and_only_the_log_says_so(self):
        kind, said, check = self.asked(
            self.manual('operation.rst').replace('auth_type', '#'))
        self.assertNotEqual(BOTH, kind)
        self.assertIn('Unable to load auth from [service_user] '
                      'configuration', said)
        self.assertEqual('SUCCESS', check)
