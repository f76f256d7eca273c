# SPDX-License-Identifier: Apache-2.0
"""The simulator's own resources, /simulator/...: for tests alone."""

import json
import re
import urllib.parse

from xcat_simulator import httpd
from xcat_simulator import recording

ROOT = '/simulator'


class BadEvent(ValueError):
    """An event that is none of those that the simulator knows."""


class UnknownLpar(Exception):
    """The query names an LPAR that is not in the world."""


class Application:
    """Answers requests below /simulator; who may ask is others' affair."""

    def __init__(self, world, journal):
        self._world = world
        self._journal = journal

    def __call__(self, request):
        name = request.path[len(ROOT):].strip('/')
        handler = RESOURCES.get((request.method, name))
        if handler is None:
            known = any(path == name for _, path in RESOURCES)
            return httpd.Response.page(405 if known else 404)
        try:
            return handler(self, request)
        except UnknownLpar:
            return httpd.Response.page(404)

    def _hosts(self, request):
        """The LPARs that a request is about: the one of ?lpar=, or all."""
        wanted = urllib.parse.parse_qs(
            request.query, keep_blank_values=True).get('lpar')
        if not wanted:
            return list(self._world.hosts.values())
        if wanted[-1] not in self._world.hosts:
            raise UnknownLpar(wanted[-1])
        return [self._world.hosts[wanted[-1]]]

    def _requests(self, request):
        return httpd.Response.json(self._journal.entries())

    def _forget(self, request):
        self._journal.clear()
        return httpd.Response.json({})

    def _pools(self, request):
        """Pool files; with several LPARs and no ?lpar= as lpar/pool."""
        hosts = self._hosts(request)
        texts = {}
        for host in hosts:
            for name, text in host.pool_texts().items():
                key = name if len(hosts) == 1 else host.name + '/' + name
                texts[key] = text
        return httpd.Response.json(texts)

    def _state(self, request):
        return httpd.Response.json({
            'lpars': {host.name: _lpar_state(host)
                      for host in self._world.hosts.values()},
            'nodes': {name: self._world.nodes.get(name)
                      for name in self._world.nodes.names()},
        })

    def _event(self, request):
        hosts = self._hosts(request)
        try:
            apply_event(hosts, json.loads(
                request.body, object_pairs_hook=recording.unique))
        except (ValueError, RecursionError) as e:
            return httpd.Response.json({'error': str(e)}, 400)
        return httpd.Response.json({})


RESOURCES = {
    ('GET', 'requests'): Application._requests,
    ('DELETE', 'requests'): Application._forget,
    ('GET', 'pools'): Application._pools,
    ('GET', 'world'): Application._state,
    ('POST', 'events'): Application._event,
}


def _lpar_state(host):
    lpar = host.lpar
    with lpar.lock:
        return {
            'zhcp': {'node': host.zhcp_node, 'hostname': host.zhcp_hostname,
                     'userid': lpar.zhcp_userid, 'reachable': host.reachable},
            'disks': [{
                'wwid': disk.wwid, 'size': disk.size, 'lun': disk.lun,
                'wwpns': list(disk.wwpns), 'path': disk.path,
                'masked_to': (None if disk.masked_to is None
                              else sorted(disk.masked_to)),
            } for disk in lpar.disks],
            'fcp_devices': {number: {
                'status': device.status, 'owner': device.owner,
                'chpid': device.chpid, 'npiv_wwpn': device.npiv_wwpn,
                'physical_wwpn': device.physical_wwpn,
            } for number, device in sorted(lpar.devices.items())},
            'guests': {userid: {
                'power': guest.power, 'directory': guest.directory,
                'folder': guest.linux.folder if guest.linux else None,
                'devices': {virtual: device.number for virtual, device
                            in sorted(guest.active_devices.items())},
            } for userid, guest in sorted(lpar.guests.items())},
        }


def apply_event(hosts, event):
    """Make something fail or work on these LPARs; BadEvent for what is none.

    An event is a dict of one key. Nothing is done of one that is refused.
    """
    if not isinstance(event, dict) or len(event) != 1:
        raise BadEvent('an event is a JSON object of one key')
    (key, value), = event.items()
    if key not in EVENTS:
        raise BadEvent('unknown event; known: ' + ', '.join(sorted(EVENTS)))
    pattern, rule, function = EVENTS[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadEvent('%s is %s' % (key, rule))
    for host in hosts:
        function(host, value)


def _zhcp(host, value):
    host.zhcp_up = value == 'up'


def _dd(host, value):
    host.zhcp.linux.set_dd_fails(value == 'fails')


def _smapi_fails(host, value):
    name, code, reason, text = (value or ' 0 0 ').split(' ', 3)
    host.lpar.smapi_fail(name, int(code), int(reason), text)


# Key: what its value may be, as a pattern and in words, and what it does.
EVENTS = {
    'zhcp': (re.compile('up|down'), 'up or down', _zhcp),
    'dd': (re.compile('fails|works'), 'fails or works', _dd),
    'smapi_fails': (
        re.compile(r'|[A-Z][A-Za-z0-9_]* [0-9]{1,5} [0-9]{1,5} .*',
                   re.DOTALL),
        'FUNCTION RC RS TEXT, or empty', _smapi_fails),
}
