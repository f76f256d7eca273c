# SPDX-License-Identifier: Apache-2.0
"""Makes the cloud's resources that the plugin needs; may be run again.

Where a server and its volume must meet in one z/VM LPAR, each LPAR is an
availability zone: an aggregate of one compute host in Nova, and volume types
that belong to the zone in Cinder.
"""

import argparse
import subprocess
import sys
import time

import openstack

# Cinder's own name for a type's zones.
ZONES = 'RESKEY:availability_zones'


def make_type(cloud, name, zone):
    """The type of one back-end; devstack may have made it, without zone."""
    storage = cloud.block_storage
    kind = storage.find_type(name)
    if kind is None:
        kind = storage.create_type(name=name)
    wanted = {'volume_backend_name': name, ZONES: zone}
    if wanted.items() - dict(kind.extra_specs or {}).items():
        storage.update_type_extra_specs(kind, **wanted)


def wait_for_hosts(cloud, hosts, seconds):
    """Waits until each has a nova-compute; SystemExit names the others."""
    until = time.monotonic() + seconds
    while True:
        missing = set(hosts) - {
            service.host for service
            in cloud.compute.services(binary='nova-compute')}
        if not missing:
            return
        if time.monotonic() > until:
            raise SystemExit('no nova-compute registered after %d s: %s'
                             % (seconds, ', '.join(sorted(missing))))
        time.sleep(0.5)


def make_zone(cloud, zone, host, discover):
    """An aggregate of one host, named as its zone."""
    compute = cloud.compute
    aggregate = compute.find_aggregate(zone) or compute.create_aggregate(
        name=zone, availability_zone=zone)
    if host in (aggregate.hosts or ()):
        return
    try:
        compute.add_host_to_aggregate(aggregate, host)
    except openstack.exceptions.NotFoundException:
        # Nova's API knows a new host only when it was looked for.
        discover()
        compute.add_host_to_aggregate(aggregate, host)


def make_image(cloud, name, path, distro):
    """An image with what Nova's z/VM driver asks for."""
    if cloud.image.find_image(name) is None:
        cloud.create_image(name, filename=path, disk_format='raw',
                           container_format='bare', visibility='public',
                           os_distro=distro, wait=True)


def _arguments(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument('--type', nargs=2, action='append', default=[])
    parser.add_argument('--zone', nargs=2, action='append', default=[])
    parser.add_argument('--image', nargs=3)
    parser.add_argument('--wait', type=int, default=120)
    parser.add_argument('manage', nargs='+', help='nova-manage, with options')
    return parser.parse_args(argv)


def main(argv):
    arguments = _arguments(argv)
    cloud = openstack.connect()

    def discover():
        subprocess.run([*arguments.manage, 'cell_v2', 'discover_hosts',
                        '--by-service'], check=True)

    for name, zone in arguments.type:
        make_type(cloud, name, zone)
    if arguments.image:
        make_image(cloud, *arguments.image)
    wait_for_hosts(cloud, [host for _, host in arguments.zone],
                   arguments.wait)
    for zone, host in arguments.zone:
        make_zone(cloud, zone, host, discover)


if __name__ == '__main__':
    main(sys.argv[1:])
