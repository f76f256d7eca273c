# SPDX-License-Identifier: Apache-2.0
"""tempest.conf, and what must be in the cloud for it.

Here is what a cloud has anyway: who the administrator is, images, flavors.
What our drivers can do is written into the file by the devstack plugin.
"""

import configs
from place import REGION
from place import write
import plugin
import services

# Seconds that a server or volume may take: two busy cores run the cloud,
# the simulator and the tests.
_PATIENCE = 300
# The image of the devstack plugin, and a copy: tests rebuild with another.
_IMAGES = ('zvm-guest', 'zvm-guest-alt')
# Name -> MiB. Of one disk: no guest is resized to another.
_FLAVORS = {'zvm-small': 512, 'zvm-large': 1024}
_DISK = 3


def _flavor(cloud, name):
    return (cloud.compute.find_flavor(name)
            or cloud.compute.create_flavor(name=name, ram=_FLAVORS[name],
                                           vcpus=1, disk=_DISK)).id


def _images(cloud):
    """Ids of both images."""
    first = cloud.image.find_image(_IMAGES[0], ignore_missing=False)
    second = cloud.image.find_image(_IMAGES[1])
    if second is None:
        second = cloud.create_image(
            _IMAGES[1], filename=None, wait=True, visibility='public',
            data=cloud.image.download_image(first).content,
            disk_format=first.disk_format,
            container_format=first.container_format,
            os_distro=first.os_distro)
    return first.id, second.id


def _sections(place, cloud):
    image, other = _images(cloud)
    small, large = (_flavor(cloud, name) for name in _FLAVORS)
    patience = {'build_timeout': _PATIENCE, 'build_interval': 1}
    return {
        'DEFAULT': {'log_file': place.log / 'tempest.log'},
        'oslo_concurrency': {'lock_path': place.state / 'tempest' / 'locks'},
        'auth': {
            'use_dynamic_credentials': True, 'admin_username': 'admin',
            'admin_password': place.passwords['admin'],
            'admin_project_name': 'admin', 'admin_domain_name': 'Default',
            # Networks are rows of Neutron's database: none needs a router.
            'create_isolated_networks': False},
        'identity': {
            'uri_v3': place.url('keystone', '/v3'), 'auth_version': 'v3',
            'region': REGION, 'v3_endpoint_type': 'public'},
        'service_available': {'cinder': True, 'nova': True, 'glance': True,
                              'neutron': True, 'swift': False},
        'enforce_scope': {'cinder': True, 'nova': True},
        'compute': dict(
            patience, image_ref=image, image_ref_alt=other, flavor_ref=small,
            flavor_ref_alt=large, max_microversion='latest',
            endpoint_type='publicURL',
            # Servers and volumes meet in one LPAR, that is, on one host.
            min_compute_nodes=1),
        'image': {'build_timeout': _PATIENCE},
        'service-clients': {'http_timeout': 180},
        'volume': dict(
            patience, catalog_type='block-storage', endpoint_type='publicURL',
            min_microversion='3.0', max_microversion='latest'),
        # Nobody can log in: there is no wire behind Neutron's networks.
        'validation': {'run_validation': False}}


def make(place):
    """Makes flavors and images, and writes tempest.conf; may run again."""
    (place.state / 'tempest' / 'locks').mkdir(parents=True, exist_ok=True)
    cloud = services.connect(place)
    write(place.conf('tempest'), configs.text(_sections(place, cloud)))
    plugin.phase(place, 'stack', 'test-config')
