# SPDX-License-Identifier: Apache-2.0
"""The simulator's own resources, /simulator/...: for tests, not for clients.

Whoever asks from this machine (a loopback address) needs no credentials.
"""

import ipaddress
import json
import urllib.parse

from xcat_simulator import httpd

ROOT = '/simulator'


class BadEvent(ValueError):
    """An event that is none of those that the simulator knows."""


class Application:
    """`check(username, password)` says whether a remote client may ask."""

    def __init__(self, world, journal, check):
        self._world = world
        self._journal = journal
        self._check = check

    def __call__(self, request):
        if not (ipaddress.ip_address(request.client).is_loopback
                or self._check(request.headers.get('userName'),
                               request.headers.get('password'))):
            return httpd.Response.page(401)
        name = request.path[len(ROOT):].strip('/')
        handler = RESOURCES.get((request.method, name))
        if handler is None:
            known = any(path == name for _, path in RESOURCES)
            return httpd.Response.page(405 if known else 404)
        return handler(self, request)

    def _requests(self, request):
        return httpd.Response.json(self._journal.entries())

    def _forget(self, request):
        self._journal.clear()
        return httpd.Response.json({})

    def _pools(self, request):
        """Pool files; with several LPARs and no ?lpar= as lpar/pool."""
        wanted = urllib.parse.parse_qs(request.query).get('lpar')
        hosts = self._world.hosts
        if wanted and wanted[-1] not in hosts:
            return httpd.Response.page(404)
        if wanted:
            hosts = {wanted[-1]: hosts[wanted[-1]]}
        texts = {}
        for host in hosts.values():
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
        try:
            apply_event(self._world, json.loads(request.body))
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


def apply_event(world, event):
    """Change what works: one key, and `lpar` where only one is meant.

    Raises BadEvent for anything else.
    """
    if not isinstance(event, dict):
        raise BadEvent('an event is a JSON object')
    event = dict(event)
    name = event.pop('lpar', None)
    if name is not None and name not in world.hosts:
        raise BadEvent('unknown lpar')
    hosts = [world.hosts[name]] if name else list(world.hosts.values())
    if len(event) != 1:
        raise BadEvent('an event has one key')
    key, value = event.popitem()
    if key not in EVENTS or not isinstance(value, str):
        raise BadEvent('known events: %s' % ', '.join(sorted(EVENTS)))
    for host in hosts:
        EVENTS[key](host, value)


def _zhcp(host, value):
    if value not in ('up', 'down'):
        raise BadEvent('zhcp is up or down')
    host.zhcp_up = value == 'up'


def _smapi_fails(host, value):
    if not value:
        host.lpar.smapi_fail('', 0, 0, '')
        return
    words = value.split(' ', 3)
    if len(words) != 4 or not (words[1].isdigit() and words[2].isdigit()):
        raise BadEvent('smapi_fails is FUNCTION RC RS TEXT')
    host.lpar.smapi_fail(words[0], int(words[1]), int(words[2]), words[3])


def _dd(host, value):
    if value not in ('fails', 'works'):
        raise BadEvent('dd fails or works')
    host.zhcp.linux.set_dd_fails(value == 'fails')


EVENTS = {'zhcp': _zhcp, 'dd': _dd, 'smapi_fails': _smapi_fails}
