# SPDX-License-Identifier: Apache-2.0
"""The fakes have the shape of what they stand for."""

import inspect

import testtools

from cinder_zvm import backend
from tests.unit.cinder import fakes
from zvm_common import pool
from zvm_common import zhcp


class ShapeTest(testtools.TestCase):

    def test_of_the_pool(self):
        for name, method in inspect.getmembers(pool.Pool,
                                               inspect.isfunction):
            if not name.startswith('_'):
                self.assertEqual(
                    list(inspect.signature(method).parameters),
                    list(inspect.signature(
                        getattr(fakes.FakePool, name)).parameters), name)

    def test_of_what_the_backend_calls(self):
        self.assertTrue(callable(zhcp.Zhcp.hello))
        self.assertTrue(callable(
            backend.xcat_hypervisor.Hypervisor.fcp_devices))
        inspect.signature(backend.xcat_session.Session).bind(
            'mn', 'user', 'password', ca_file=None, connect_timeout=1,
            read_timeout=1)
