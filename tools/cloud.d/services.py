# SPDX-License-Identifier: Apache-2.0
"""The services of OpenStack: their databases, their processes, their health.
"""

import concurrent.futures
import datetime
import time
import urllib.error
import urllib.request

import openstack

import lower
from place import ADDRESS
from place import Stop
import processes

# (name, WSGI module, processes, threads)
_APIS = (('glance', 'glance.wsgi.api', 1, 8),
         ('placement', 'placement.wsgi.api', 1, 8),
         ('cinder', 'cinder.wsgi.api', 1, 8),
         ('nova', 'nova.wsgi.osapi_compute', 2, 4),
         ('neutron', 'neutron.wsgi.api', 1, 8))
_DAEMONS = (('cinder-scheduler', 'cinder'), ('cinder-volume', 'cinder'),
            ('nova-conductor', 'nova'), ('nova-scheduler', 'nova'))
LISTENING = ('epmd', 'rabbitmq', 'mariadb', 'keystone', 'glance', 'placement',
             'cinder', 'nova', 'neutron')
# What must have sent a heartbeat before the cloud is ready.
BACKENDS = ('cinder1@zvmssio1', 'cinder1@zvmssio2', 'cinder1@zvmssio3')
COMPUTES = ('compute1', 'compute2')


def _script(place, name):
    # Named with its Python: an environment that was moved still works.
    return [place.python, place.scripts / name]


def _api(place, name, module, workers, threads):
    """Serves one API under uWSGI.

    Glance gets its images in chunks, hence the options on chunked input.
    """
    command = [*_script(place, 'uwsgi'), '--http-socket',
               '%s:%d' % (ADDRESS, place.port(name)), '--module',
               module + ':application', '--master', '--processes', workers,
               '--threads', threads, '--enable-threads', '--thunder-lock',
               '--die-on-term', '--buffer-size', 65535, '--lazy-apps',
               '--need-app', '--disable-logging', '--chunked-input-limit',
               64 << 20, '--chunked-input-timeout', 120, '--http-raw-body',
               '--add-header', 'Connection: close', '--virtualenv',
               place.scripts.parent]
    # The others take their file from OS_*_CONFIG_DIR.
    files = {'cinder': '--config-file %s' % place.conf('cinder'), 'nova': ''}
    if name in files:
        command += ['--pyargv', '%s --log-file %s' % (
            files[name], place.log / (name + '-api.log'))]
    processes.start(place, name, command)


def start_keystone(place):
    _api(place, 'keystone', 'keystone.wsgi.api', 2, 4)


def init_keystone(place):
    """Keystone's database, keys, administrator and endpoint."""
    manage = [*_script(place, 'keystone-manage'), '--config-file',
              place.conf('keystone')]
    url = place.url('keystone', '/v3')
    env = {'OS_BOOTSTRAP_PASSWORD': place.passwords['admin']}
    for words in (['db_sync'], ['fernet_setup', '--keystone-user', 'root',
                                '--keystone-group', 'root'],
                  ['credential_setup', '--keystone-user', 'root',
                   '--keystone-group', 'root'],
                  ['bootstrap', '--bootstrap-region-id', 'RegionOne',
                   '--bootstrap-admin-url', url, '--bootstrap-public-url',
                   url, '--bootstrap-internal-url', url]):
        processes.run(place, 'init-keystone', [*manage, *words], env)


def _manage(place, service, *words, name=None):
    conf = place.conf(service, 'glance-api.conf' if service == 'glance'
                      else None)
    processes.run(place, 'init-' + service, [
        *_script(place, name or service + '-manage'), '--config-file', conf,
        *words])


def _init_nova(place):
    _manage(place, 'nova', 'api_db', 'sync')
    _manage(place, 'nova', 'cell_v2', 'map_cell0', '--database_connection',
            place.database('nova_cell0'))
    _manage(place, 'nova', 'cell_v2', 'create_cell', '--name', 'cell1')
    _manage(place, 'nova', 'db', 'sync')


def _init_others(place):
    _manage(place, 'glance', 'db_sync')
    _manage(place, 'placement', 'db', 'sync')
    _manage(place, 'cinder', 'db', 'sync')
    _manage(place, 'neutron', 'upgrade', 'head', name='neutron-db-manage')


def init(place):
    """The databases of all others, two at a time: there are two cores."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(call, place)
                    for call in (_init_nova, _init_others)]:
            one.result()


def discover(place):
    """Lets Nova's API know its compute hosts, as devstack does at its end."""
    _manage(place, 'nova', 'cell_v2', 'discover_hosts', '--by-service')


def start_volume(place):
    """cinder-volume, which has a child for each back-end."""
    _daemon(place, 'cinder-volume', 'cinder')


def start_compute(place, number):
    """nova-compute of one LPAR."""
    names = {1: ('nova-compute', 'nova-cpu.conf'),
             # As the devstack plugin names and starts it.
             2: ('n-cpu-2', 'nova-cpu2.conf')}
    name, conf = names[number]
    processes.start(place, name, [
        *_script(place, 'nova-compute'), '--config-file',
        place.conf('nova', conf)])


def _daemon(place, name, service):
    processes.start(place, name, [*_script(place, name), '--config-file',
                                  place.conf(service)])


def start(place):
    """Starts all but Keystone, and waits until the APIs answer."""
    for api in _APIS:
        _api(place, *api)
    for daemon in _DAEMONS:
        _daemon(place, *daemon)
    wait_for_api(place, 'placement')
    start_compute(place, 1)
    for name, *_ in _APIS:
        wait_for_api(place, name)


def wait_for_api(place, name, seconds=90):
    """Waits until an API answers; Stop with its log's end if it does not."""
    until = time.monotonic() + seconds
    lower.wait_for_port(place, name, seconds)
    answer = None
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(place.url(name, '/'), timeout=10):
                return
        except urllib.error.HTTPError as error:
            if error.code in (300, 401):
                return
            answer = error
        except OSError as error:
            answer = error
        time.sleep(0.2)
    raise Stop('%s does not answer as it should: %s, see %s'
               % (name, answer, place.log))


def connect(place):
    """An openstacksdk connection as administrator."""
    loader = openstack.config.OpenStackConfig(
        config_files=[str(place.clouds)], secure_files=[], vendor_files=[],
        load_envvars=False, app_name='zvm-cloud')
    return openstack.connection.Connection(config=loader.get_one('zvm'))


def heartbeats(cloud):
    """{(binary, host): (state, time of the last heartbeat, as text)}."""
    found = list(cloud.block_storage.services())
    found += list(cloud.compute.services())
    return {(one.binary, one.host): (one.state, one.updated_at or '')
            for one in found}


def _wanted():
    return ({('cinder-volume', host) for host in BACKENDS}
            | {('nova-compute', host) for host in COMPUTES}
            | {('cinder-scheduler', 'cinder1'),
               ('nova-conductor', 'compute1'),
               ('nova-scheduler', 'compute1')})


def now():
    """The time as services write it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime(
        '%Y-%m-%dT%H:%M:%S')


def wait_for_heartbeats(cloud, since, wanted=None, seconds=120):
    """Waits until each service has reported itself up.

    "Up" alone may be a heartbeat from before a restart, hence since.
    Raises Stop with those that did not.
    """
    wanted = _wanted() if wanted is None else set(wanted)
    until = time.monotonic() + seconds
    while True:
        found = heartbeats(cloud)
        down = {one for one in wanted
                if found.get(one, ('', ''))[0] != 'up'
                or found[one][1] < since}
        if not down:
            return
        if time.monotonic() > until:
            raise Stop('not up after %d s: %s' % (seconds, ', '.join(
                sorted('%s on %s' % one for one in down))))
        time.sleep(0.5)
