# SPDX-License-Identifier: Apache-2.0
"""Cinder's side of service tokens: who may delete an attachment in use."""

import types
from unittest import mock

from cinder.common import config  # noqa: F401 registers Cinder's options
from cinder import context as cinder_context
from cinder import exception
from cinder import objects
import fixtures
from keystonemiddleware import opts as middleware
from oslo_config import cfg
import testtools

from tests import manual

# cinder.volume.api needs them when it is imported.
objects.register_all()
from cinder.volume import api  # noqa: E402

ATTACHMENT = types.SimpleNamespace(
    id='aaaaaaaa-0000-4000-8000-000000000001', volume_id='volume',
    instance_uuid='instance', connection_info={'driver_volume_type': 'x'},
    volume=types.SimpleNamespace(id='volume'))


def _register(configuration):
    for group, options in middleware.list_auth_token_opts():
        configuration.register_opts(options, group=group)


class DeleteTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        _register(cfg.CONF)
        nova = mock.Mock(NotFound=KeyError)
        nova.get_server_volume.return_value.attachment_id = ATTACHMENT.id
        patcher = mock.patch.object(api.compute, 'API', return_value=nova)
        patcher.start()
        self.addCleanup(patcher.stop)

    def delete(self, **context):
        api.API.attachment_deletion_allowed(
            mock.Mock(is_service_request=api.API.is_service_request),
            cinder_context.RequestContext(
                'user', 'project', is_admin=False, **context),
            ATTACHMENT)

    def refused(self, **context):
        error = self.assertRaises(exception.ConflictNovaUsingAttachment,
                                  self.delete, **context)
        self.assertEqual(409, error.code)

    def test_a_user_may_not(self):
        self.refused()

    def test_nor_may_nova_without_a_token_of_its_own(self):
        self.refused(roles=['member', 'service'])

    def test_nor_with_one_whose_user_has_another_role(self):
        self.refused(service_roles=['admin'])

    def test_nova_may(self):
        self.delete(service_roles=['admin', 'service'])

    def test_the_manual_names_what_is_there(self):
        [text] = [block for block in manual.blocks('operation.rst', 'ini')
                  if '[keystone_authtoken]' in block]
        parsed = cfg.ConfigOpts()
        _register(parsed)
        # Cinder's own, as in the other tests: the defaults.
        wanted = cfg.CONF.keystone_authtoken
        parsed([], project='cinder', default_config_files=[
            self.useFixture(manual.File(text)).path])
        for name in manual.sections(text)['keystone_authtoken']:
            self.assertEqual(wanted[name], parsed.keystone_authtoken[name])
        self.assertEqual(['service'], wanted.service_token_roles)
        self.assertTrue(wanted.service_token_roles_required)
