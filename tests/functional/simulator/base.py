# SPDX-License-Identifier: Apache-2.0
"""A served world and a client for it."""

import requests
import testtools

from tests import nursery
from tests import worlds

HEADERS = {'userName': worlds.USER, 'password': worlds.PASSWORD}


class ServedCase(testtools.TestCase):
    """`self.simulator` serves `world()`; the clients trust its CA alone."""

    @staticmethod
    def world():
        return worlds.small()

    def setUp(self):
        super().setUp()
        self.simulator = self.served()
        self.session = self.client()

    def served(self):
        return self.useFixture(nursery.Simulator(self.world()))

    def client(self):
        session = requests.Session()
        # REQUESTS_CA_BUNDLE would come before session.verify.
        session.trust_env = False
        session.verify = self.simulator.ca_file
        self.addCleanup(session.close)
        return session

    def ask(self, method, path, body=None, headers=HEADERS, session=None,
            query='format=json', **more):
        """Send a request below /xcatws; returns requests.Response."""
        mark = '&' if '?' in path else '?'
        return (session or self.session).request(
            method, '%s/xcatws/%s%s%s' % (self.simulator.url, path, mark,
                                          query),
            json=body, headers=headers, timeout=60, **more)

    def data(self, method, path, body=None, **more):
        """The elements of an answer that must have status 200."""
        answer = self.ask(method, path, body, **more)
        self.assertEqual(200, answer.status_code, answer.text)
        return answer.json()['data']

    def dsh(self, node, command):
        return self.data('PUT', 'nodes/%s/dsh' % node, ['command=' + command])


class SharedCase(ServedCase):
    """One simulator for all tests of the class: they leave it as it is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._shared = nursery.Simulator(cls.world())
        cls._shared.setUp()
        cls.addClassCleanup(cls._shared.cleanUp)

    def served(self):
        return self._shared
