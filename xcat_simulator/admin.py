# SPDX-License-Identifier: Apache-2.0
"""The simulator's own resources, /simulator/...: for tests alone."""

import json
import urllib.parse

from xcat_simulator import editor
from xcat_simulator import events
from xcat_simulator import httpd
from xcat_simulator import recording

ROOT = '/simulator'


class UnknownLpar(Exception):
    """The query names an LPAR that is not in the world."""


class Application:
    """Answers requests below /simulator; who may ask is others' affair."""

    def __init__(self, world, journal, faults):
        self._world = world
        self._journal = journal
        self._faults = faults

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
        except (ValueError, RecursionError) as e:
            return httpd.Response.json({'error': str(e)}, 400)

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
        events.apply(hosts, _object(request))
        return httpd.Response.json({})

    def _fault(self, request):
        return httpd.Response.json({'id': self._faults.add(_object(request))})

    def _all_faults(self, request):
        return httpd.Response.json(self._faults.shown())

    def _no_faults(self, request):
        return httpd.Response.json({'dropped': self._faults.clear()})

    def _open_gate(self, request):
        return httpd.Response.json({'ended': self._faults.open_gate()})

    def _edit(self, request):
        hosts = self._hosts(request)
        if len(hosts) != 1:
            raise editor.BadEdit('say which LPAR: ?lpar=')
        edit = editor.begin(hosts[0], _object(request))
        self._faults.later(edit.write, edit.seconds)
        return httpd.Response.json({})


RESOURCES = {
    ('GET', 'requests'): Application._requests,
    ('DELETE', 'requests'): Application._forget,
    ('GET', 'pools'): Application._pools,
    ('GET', 'world'): Application._state,
    ('POST', 'events'): Application._event,
    ('POST', 'faults'): Application._fault,
    ('GET', 'faults'): Application._all_faults,
    ('DELETE', 'faults'): Application._no_faults,
    ('POST', 'faults/gate'): Application._open_gate,
    ('POST', 'editor'): Application._edit,
}


def _object(request):
    """What the body says in JSON; no key may be there twice."""
    return json.loads(request.body, object_pairs_hook=recording.unique)


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
                'reservations': disk.reservations.state(),
            } for disk in lpar.disks],
            'fcp_devices': {number: {
                'status': device.status, 'owner': device.owner,
                'chpid': device.chpid, 'npiv_wwpn': device.npiv_wwpn,
                'physical_wwpn': device.physical_wwpn,
            } for number, device in sorted(lpar.devices.items())},
            'guests': {userid: {
                'power': guest.power, 'directory': guest.directory,
                'folder': guest.linux.folder if guest.linux else None,
                'root': guest.root and str(guest.root),
                'devices': {virtual: device.number for virtual, device
                            in sorted(guest.active_devices.items())},
            } for userid, guest in sorted(lpar.guests.items())},
        }
