# SPDX-License-Identifier: Apache-2.0
"""A user of the MN who knows nothing of our program."""

import urllib.parse

import requests

from tests import worlds

HEADERS = {'userName': worlds.USER, 'password': worlds.PASSWORD}


class User:
    """Commands of the MN; what they print as (kind, text) pairs.

    For one thread. A context manager.
    """

    def __init__(self, url, ca_file):
        self._url = url
        self._session = requests.Session()
        # REQUESTS_CA_BUNDLE would come before session.verify
        self._session.trust_env = False
        self._session.verify = ca_file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session.close()

    def change(self, *words):
        """chhypervisor."""
        return self._said('PUT', 'hypervisor/host1', [' '.join(words)])

    def change_guest(self, node, *words):
        """chvm."""
        return self._said('PUT', 'vms/' + node, [' '.join(words)])

    def directory(self, node):
        return self._said('GET', 'vms/' + node)[0][1]

    def define(self, node, hostname, userid):
        self._ask('POST', 'nodes/' + node, [
            'groups=all', 'mgt=zvm', 'hcp=' + hostname, 'userid=' + userid])

    def rmvm(self, node):
        return self._said('DELETE', 'vms/' + node)

    def listing(self, pool, wanted='all'):
        return self._said('GET', 'nodes/host1/inventory', None, '--zfcppool',
                          pool, wanted)

    def names(self):
        return self._said('GET', 'nodes/host1/inventory', None,
                          '--zfcppoolnames')

    def _said(self, method, path, body=None, *fields):
        return [(kind, text)
                for each in self._ask(method, path, body, *fields)['data']
                for kind in ('info', 'data', 'error') if kind in each
                for text in each[kind]]

    def _ask(self, method, path, body=None, *fields):
        query = urllib.parse.urlencode(
            [('format', 'json')] + [('field', each) for each in fields])
        answer = self._session.request(
            method, '%s/xcatws/%s?%s' % (self._url, path, query), json=body,
            headers=HEADERS, timeout=60)
        if answer.status_code not in (200, 201):
            raise AssertionError(answer.text)
        return answer.json()
