# SPDX-License-Identifier: Apache-2.0
"""Brings a cloud up, tells how it is, takes it down, forgets it."""

import shutil
import time

import catalog
import configs
import lower
from place import Stop
import plugin
import processes
import services

_PORTS = (*services.LISTENING, 'simulator', 'connector1', 'connector2')
# In which order what is left ends: those that use others first.
_LAST = (('rabbitmq', 'mariadb'), ('epmd',))


class Lap:
    """Says what was done, with the seconds since the start."""

    def __init__(self, say):
        self._say = say
        self._began = time.monotonic()

    def __call__(self, text):
        self._say('%6.1f s  %s' % (time.monotonic() - self._began, text))


def up(place, say=print):
    """Starts what does not run; the first time it makes all databases.

    Raises Stop with what is missing or failed.
    """
    lower.check()
    place.make()
    if not processes.names(place):
        lower.check_ports(place, _PORTS)
    lap = Lap(say)
    since = services.now() if _runs_nothing(place) else ''
    configs.make(place)
    lower.start_queue(place)
    lower.start_database(place)
    first = not place.initialised.exists()
    if first:
        lower.make_databases(place)
    lap('MariaDB runs')
    _identity(place, first, lap)
    _plugin(place, lap)
    services.start(place)
    lap('OpenStack\'s services run')
    _finish(place, first, since, lap)


def _runs_nothing(place):
    return not any(processes.pid(place, name) for name in ('nova-compute',
                                                           'cinder-volume'))


def _identity(place, first, lap):
    if first:
        services.init_keystone(place)
        lap('Keystone has its database')
    services.start_keystone(place)
    if first:
        services.init(place)
        lap('all have their databases')
    lower.wait_for_port(place, 'rabbitmq')
    services.wait_for_api(place, 'keystone')
    if first:
        catalog.make(place, services.connect(place))
    lap('RabbitMQ and Keystone run')


def _plugin(place, lap):
    for name in ('pre-install', 'install', 'post-config'):
        plugin.phase(place, 'stack', name)
    lap('the devstack plugin has configured the drivers')


def _finish(place, first, since, lap):
    cloud = services.connect(place)
    plugin.phase(place, 'stack', 'extra')
    lap('the devstack plugin has made volume types and zones')
    services.wait_for_heartbeats(cloud, since)
    if first:
        services.discover(place)
    catalog.prepare_networks(cloud)
    place.initialised.touch()
    lap('the cloud is ready: OS_CLOUD=zvm OS_CLIENT_CONFIG_FILE=%s'
        % place.clouds)


def status(place, say=print):
    """Says of each process whether it runs; whether all do."""
    names = processes.names(place)
    if not names:
        say('nothing runs in %s' % place.folder)
        return False
    well = place.initialised.exists()
    for name in names:
        pid = processes.pid(place, name)
        well = well and pid is not None
        say('%-18s %s' % (name, pid or 'ended, see %s' % place.log))
    if well:
        well = _services(place, say)
    return well


def _services(place, say):
    well = True
    for (binary, host), (state, when) in sorted(services.heartbeats(
            services.connect(place)).items()):
        well = well and state == 'up'
        say('%-18s %-22s %-5s %s' % (binary, host, state, when))
    return well


def down(place, say=print):
    """Ends all processes that were started; those alone."""
    names = processes.names(place)
    last = [name for step in _LAST for name in step]
    simulated = [name for name in names if name.startswith('zvm-')]
    services_ = [name for name in names
                 if name not in last and name not in simulated]
    for step in (services_[::-1], simulated, *_LAST):
        processes.stop(place, [name for name in step if name in names], say)
    say('%d processes ended' % len(names))


def reset(place, say=print):
    """Forgets everything: databases, the simulated z/VM, logs."""
    down(place, say)
    if not place.folder.exists():
        return
    if not (place.state / 'passwords.json').exists() and any(
            place.folder.iterdir()):
        raise Stop('%s is not a folder of tools/cloud' % place.folder)
    shutil.rmtree(place.folder)
    say('%s is gone' % place.folder)
