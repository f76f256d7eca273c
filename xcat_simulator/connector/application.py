# SPDX-License-Identifier: Apache-2.0
"""The connector's resources."""

import json
import urllib.parse

from xcat_simulator.connector import envelope
from xcat_simulator.connector import guests
from xcat_simulator.connector import images

VCPUS, MEMORY_MB, DISK_GB = 64, 262144, 4096


class Application:
    """Answers the requests of the Cloud Connector of one LPAR."""

    def __init__(self, host, store):
        self._host = host
        self.images = images.Images()
        self.images.keep(store, 'connector-' + host.name)
        self.guests = guests.Guests(host, self.images)

    def __call__(self, request):
        try:
            return envelope.success(self._output(request))
        except envelope.Refusal as e:
            return envelope.failure(e)

    def _output(self, request):
        path = urllib.parse.unquote(request.path, errors='replace')
        parts = [part for part in path.split('/') if part]
        shape = tuple('NAME' if number == 1 else part
                      for number, part in enumerate(parts))
        handler = ROUTES.get((request.method,) + shape)
        if handler is None:
            raise envelope.Refusal(envelope.MISSING, 'Not found: %s %s'
                                   % (request.method, path))
        body = _body(request) if request.method in ('POST', 'PUT') else None
        name = parts[1] if len(parts) > 1 else None
        return handler(self, name, body, request)

    def host(self, *_):
        """GET /host: sizes in MiB and GiB, as Nova wants them."""
        disk = 10 * len(self.guests.names())
        return {
            'hypervisor_hostname': self._host.name.upper()[:8],
            'zvm_host': self._host.name.upper()[:8],
            'zcc_userid': self._host.lpar.zhcp_userid,
            'hypervisor_type': 'zvm', 'hypervisor_version': 730,
            'vcpus': VCPUS, 'vcpus_used': len(self.guests.names()),
            'memory_mb': MEMORY_MB,
            'memory_mb_used': 2048 * len(self.guests.names()),
            'disk_total': DISK_GB, 'disk_used': disk,
            'disk_available': DISK_GB - disk,
            'cpu_info': {'architecture': 's390x', 'cec_model': '3906'},
            'ipl_time': 'IPL at 01/01/26 00:00:00 EST',
        }

    def query(self, name, body, request):
        values = urllib.parse.parse_qs(request.query).get('imagename')
        return self.images.query(values[-1] if values else None)


def _body(request):
    try:
        return json.loads(request.body or b'{}')
    except (ValueError, RecursionError) as e:
        raise envelope.Refusal(envelope.BAD_REQUEST,
                               'Invalid JSON: %s' % e) from e


# Method and path, the second part of the path being a name.
ROUTES = {
    ('GET', 'host'): Application.host,
    ('GET', 'guests'): lambda self, name, body, _: self.guests.names(),
    ('POST', 'guests'): lambda self, name, body, _: self.guests.create(body),
    ('DELETE', 'guests', 'NAME'):
        lambda self, name, body, _: self.guests.delete(name),
    ('GET', 'guests', 'NAME', 'power_state'):
        lambda self, name, body, _: self.guests.power_state(name),
    ('POST', 'guests', 'NAME', 'action'):
        lambda self, name, body, _: self.guests.act(name, body),
    ('PUT', 'guests', 'NAME', 'disks'):
        lambda self, name, body, _: self.guests.add_disks(name, body),
    ('POST', 'guests', 'NAME', 'interface'):
        lambda self, name, body, _: self.guests.add_interface(name, body),
    ('GET', 'images'): Application.query,
    ('POST', 'images'): lambda self, name, body, _: self.images.load(body),
    ('GET', 'images', 'NAME', 'root_disk_size'):
        lambda self, name, body, _: self.images.root_disk_size(name),
    ('PUT', 'images', 'NAME'):
        lambda self, name, body, _: self.images.export(name, body),
    ('DELETE', 'images', 'NAME'):
        lambda self, name, body, _: self.images.delete(name),
}
ROOTS = tuple(sorted({'/' + first for _, first, *_ in ROUTES}))
