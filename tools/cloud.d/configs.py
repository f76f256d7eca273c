# SPDX-License-Identifier: Apache-2.0
"""The configuration files of OpenStack's services, less our drivers' part.

What makes a cloud of z/VM of this one (back-ends, the compute driver, the
switches of Tempest) is written into these files by the devstack plugin.
"""

import configparser
import io
import os

from place import ADDRESS
from place import REGION
from place import write

_LOCKS = 'oslo_concurrency'


def _identity(place, user):
    """Where Keystone is and who asks: for the services among themselves."""
    return {'auth_url': place.url('keystone', '/v3'),
            'auth_type': 'password', 'username': user,
            'password': place.passwords['service'],
            'project_name': 'service', 'user_domain_id': 'default',
            'project_domain_id': 'default'}


def _client(place, user, **more):
    return dict(_identity(place, user), region_name=REGION, **more)


def _token(place, user):
    """How a service checks its users' tokens, those of services too."""
    return dict(_identity(place, user),
                www_authenticate_uri=place.url('keystone', '/v3'),
                service_token_roles='service',
                service_token_roles_required='true')


def _locks(place, service):
    return {'lock_path': place.state / service / 'locks'}


def keystone(place):
    return {
        'DEFAULT': {'log_file': place.log / 'keystone.log'},
        'database': {'connection': place.database('keystone')},
        # A whole run of Tempest takes longer than the hour of the default.
        'token': {'provider': 'fernet', 'expiration': 86400},
        # Tempest makes users by the hundred; the default takes a quarter of a
        # second of a core for each of their tokens.
        'identity': {'password_hash_rounds': 4},
        'fernet_tokens': {'key_repository': place.state / 'fernet'},
        'credential': {'key_repository': place.state / 'credential'}}


def glance(place):
    store = place.state / 'glance'
    return {
        'DEFAULT': {'log_file': place.log / 'glance-api.log',
                    'enabled_backends': 'file:file',
                    'transport_url': place.queue},
        'glance_store': {'default_backend': 'file'},
        'file': {'filesystem_store_datadir': store / 'images'},
        'os_glance_staging_store': {
            'filesystem_store_datadir': store / 'staging'},
        'os_glance_tasks_store': {'filesystem_store_datadir': store / 'tasks'},
        'database': {'connection': place.database('glance')},
        'paste_deploy': {
            'flavor': 'keystone',
            'config_file': place.data / 'glance' / 'glance-api-paste.ini'},
        _LOCKS: _locks(place, 'glance'),
        'keystone_authtoken': _token(place, 'glance')}


def placement(place):
    return {
        'DEFAULT': {'log_file': place.log / 'placement.log'},
        'api': {'auth_strategy': 'keystone'},
        'placement_database': {'connection': place.database('placement')},
        'keystone_authtoken': _token(place, 'placement')}


def cinder(place):
    return {
        'DEFAULT': {
            'log_dir': place.log, 'my_ip': ADDRESS, 'host': 'cinder1',
            'transport_url': place.queue, 'auth_strategy': 'keystone',
            'state_path': place.state / 'cinder',
            'api_paste_config': place.data / 'cinder' / 'api-paste.ini',
            'resource_query_filters_file':
                place.data / 'cinder' / 'resource_filters.json',
            'rootwrap_config': place.conf('cinder', 'rootwrap.conf'),
            'glance_api_servers': place.url('glance'),
            # Who waits for a back-end to be down or up waits less.
            'backend_stats_polling_interval': 10,
            # As devstack sets it: images are made of volumes' bytes alone.
            'allowed_direct_url_schemes': ''},
        'database': {'connection': place.database('cinder')},
        _LOCKS: _locks(place, 'cinder'),
        'coordination': {
            'backend_url': 'file://%s' % (place.state / 'cinder' / 'tooz')},
        'nova': _client(place, 'nova', interface='public'),
        'service_user': dict(_identity(place, 'cinder'),
                             send_service_user_token='true'),
        'keystone_authtoken': _token(place, 'cinder')}


def nova(place):
    return {
        'DEFAULT': {
            'log_dir': place.log, 'my_ip': ADDRESS, 'host': 'compute1',
            'transport_url': place.queue,
            'state_path': place.state / 'nova',
            'rootwrap_config': place.conf('nova', 'rootwrap.conf'),
            'instances_path': place.state / 'nova' / 'instances',
            # There are no agents that plug a port.
            'vif_plugging_is_fatal': 'false', 'vif_plugging_timeout': 0},
        'api': {'auth_strategy': 'keystone'},
        'wsgi': {'api_paste_config': place.data / 'nova' / 'api-paste.ini'},
        'api_database': {'connection': place.database('nova_api')},
        'database': {'connection': place.database('nova')},
        'conductor': {'workers': 1},
        'scheduler': {'workers': 1},
        _LOCKS: _locks(place, 'nova'),
        'glance': {'region_name': REGION},
        'cinder': _client(place, 'nova', os_region_name=REGION,
                          catalog_info='block-storage::publicURL'),
        'placement': _client(place, 'nova'),
        'neutron': _client(place, 'nova'),
        'service_user': dict(_identity(place, 'nova'),
                             send_service_user_token='true'),
        'vnc': {'enabled': 'false'},
        'keystone_authtoken': _token(place, 'nova')}


def neutron(place):
    """Networks in the database alone: no agent, no wire."""
    return {
        'DEFAULT': {
            'log_file': place.log / 'neutron-api.log', 'core_plugin': 'ml2',
            'transport_url': place.queue, 'service_plugins': 'router',
            'state_path': place.state / 'neutron',
            'api_paste_config': place.data / 'neutron' / 'api-paste.ini',
            'auth_strategy': 'keystone', 'api_workers': 1, 'rpc_workers': 0,
            'notify_nova_on_port_status_changes': 'false',
            'notify_nova_on_port_data_changes': 'false'},
        'database': {'connection': place.database('neutron')},
        _LOCKS: _locks(place, 'neutron'),
        'ml2': {'type_drivers': 'local,flat', 'tenant_network_types': 'local',
                'mechanism_drivers': '', 'extension_drivers': ''},
        'nova': _client(place, 'nova'),
        'keystone_authtoken': _token(place, 'neutron')}


def text(sections):
    """The text of a configuration file from {section: {option: value}}."""
    return '\n'.join(
        '[%s]\n%s' % (name, ''.join('%s = %s\n' % pair
                                    for pair in options.items()))
        for name, options in sections.items())


def read(path):
    """A configuration file as configparser has it, options as written."""
    parser = configparser.RawConfigParser(default_section='none',
                                          strict=False)
    parser.optionxform = str
    parser.read(path)
    return parser


def rootwrap(place, service):
    """Lets the service's filters be found in the environment."""
    parser = read(place.data / service / 'rootwrap.conf')
    parser['DEFAULT']['filters_path'] = '%s,%s' % (
        place.data / service / 'rootwrap.d',
        place.data / 'os-brick' / 'rootwrap.d')
    parser['DEFAULT']['exec_dirs'] = '%s,%s' % (
        place.scripts, parser['DEFAULT']['exec_dirs'])
    return _as_text(parser)


def _as_text(parser):
    output = io.StringIO()
    parser.write(output)
    return output.getvalue()


def clouds(place):
    """For the openstack client, openstacksdk and people."""
    return """\
clouds:
  zvm:
    auth:
      auth_url: %s
      username: admin
      password: %s
      project_name: admin
      user_domain_id: default
      project_domain_id: default
    region_name: %s
    identity_api_version: 3
""" % (place.url('keystone', '/v3'), place.passwords['admin'], REGION)


def client(place):
    """The variables with which clients find this cloud, and no other."""
    return {'OS_CLOUD': 'zvm', 'OS_CLIENT_CONFIG_FILE': str(place.clouds)}


def environment(place):
    """The variables that all of the cloud's processes and clients need."""
    found = {'PATH': '%s:%s:%s' % (place.bin, place.scripts,
                                   os.environ.get('PATH', os.defpath)
                                   + ':/usr/sbin:/sbin'),
             'no_proxy': '127.0.0.1,localhost',
             'NO_PROXY': '127.0.0.1,localhost',
             'PYTHONWARNINGS': 'ignore', 'PYTHONNOUSERSITE': '1',
             'OS_NEUTRON_CONFIG_FILES': 'neutron.conf'}
    for name in ('keystone', 'glance', 'placement', 'nova', 'neutron'):
        found['OS_%s_CONFIG_DIR' % name.upper()] = str(place.etc / name)
    return dict(found, **client(place))


def make(place):
    """Writes all files anew, as they are before the plugin comes."""
    for service in (keystone, glance, placement, cinder, nova, neutron):
        name = service.__name__
        (place.state / name / 'locks').mkdir(parents=True, exist_ok=True)
        file = 'glance-api.conf' if name == 'glance' else None
        write(place.conf(name, file), text(service(place)))
    for name in ('cinder', 'nova'):
        write(place.conf(name, 'rootwrap.conf'), rootwrap(place, name))
    # Nova and Neutron look for it beside their configuration.
    for name in ('nova', 'neutron'):
        paste = (place.data / name / 'api-paste.ini').read_text()
        write(place.conf(name, 'api-paste.ini'), paste)
    write(place.clouds, clouds(place))
    _without_sudo(place)


def _without_sudo(place):
    """Root needs none, and small machines have none."""
    program = place.bin / 'sudo'
    if os.geteuid() == 0:
        program.write_text('#!/bin/sh\nexec "$@"\n')
        program.chmod(0o755)
