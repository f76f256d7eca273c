# SPDX-License-Identifier: Apache-2.0
"""Service users and the catalogue of endpoints in Keystone."""

from place import REGION

_USERS = ('glance', 'placement', 'cinder', 'nova', 'neutron')
_SERVICES = (('glance', 'image', ''), ('placement', 'placement', ''),
             ('cinder', 'block-storage', '/v3'),
             ('nova', 'compute', '/v2.1'), ('neutron', 'network', ''))


def make(place, cloud):
    """Makes what is missing; may be called again."""
    identity = cloud.identity
    _users(place, identity)
    for name, kind, path in _SERVICES:
        _endpoints(identity, name, kind, place.url(name, path))


def _users(place, identity):
    project = (identity.find_project('service')
               or identity.create_project(name='service',
                                          domain_id='default'))
    # "service" makes their tokens service tokens (CVE-2023-2088).
    roles = [role for role in identity.roles()
             if role.name in ('admin', 'service')]
    for name in _USERS:
        user = identity.find_user(name) or identity.create_user(
            name=name, password=place.passwords['service'],
            default_project_id=project.id, domain_id='default')
        for role in roles:
            identity.assign_project_role_to_user(project, user, role)


def _endpoints(identity, name, kind, url):
    service = (next(identity.services(type=kind), None)
               or identity.create_service(name=name, type=kind))
    known = {endpoint.interface
             for endpoint in identity.endpoints(service_id=service.id)}
    for interface in {'public', 'internal', 'admin'} - known:
        identity.create_endpoint(service_id=service.id, interface=interface,
                                 url=url, region_id=REGION)


def prepare_networks(cloud):
    """Asks Neutron for networks once.

    Until some query has configured its database mappers, Neutron 29
    answers a list of ports with 500.
    """
    list(cloud.network.networks())
    list(cloud.network.ports())
