# SPDX-License-Identifier: Apache-2.0
"""The cloud's processes, killed and started as its harness starts them.

``place`` and its neighbours are tools/cloud.d, which tools/cloud puts into
the search path.
"""

import os
import signal

import configs
from place import Place
import plugin
import processes
import services

_HOSTS = {'cinder-volume': [('cinder-volume', host)
                            for host in services.BACKENDS],
          'nova-compute': [('nova-compute', services.COMPUTES[0])],
          'n-cpu-2': [('nova-compute', services.COMPUTES[1])]}
_STARTS = {'cinder-volume': services.start_volume,
           'nova-compute': lambda place: services.start_compute(place, 1),
           'n-cpu-2': lambda place: services.start_compute(place, 2)}
SIMULATOR = 'zvm-simulator'


class Services:
    """The processes of the cloud that the variables of tools/cloud name."""

    def __init__(self):
        self.place = Place.here()
        os.environ.update(configs.environment(self.place))
        self.cinder_conf = self.place.conf('cinder')
        self.nova_conf = self.place.conf('nova', 'nova-cpu.conf')

    def log(self, name):
        """What a service has logged."""
        return (self.place.log / (name + '.log')).read_text(errors='replace')

    def kill(self, *names):
        """SIGKILL to each and to the children that it has."""
        for name in names:
            processes.kill(self.place, name)

    def start(self, cloud, *names):
        """Starts them, and waits until they serve."""
        since = services.now()
        for name in names:
            _STARTS[name](self.place)
        services.wait_for_heartbeats(
            cloud, since, [host for name in names for host in _HOSTS[name]])

    def started(self, cloud):
        """Starts those of ours that do not run, for the tests that follow."""
        dead = [name for name in _STARTS
                if processes.pid(self.place, name) is None]
        self.start(cloud, *dead)

    def end_simulator(self):
        """The management node and all LPARs are switched off."""
        processes.stop(self.place, [SIMULATOR])

    def start_simulator(self):
        """They come up again, unless they are: the world goes on."""
        plugin.phase(self.place, 'stack', 'post-config')

    def halt(self):
        """The management node stands still, and whoever asks it waits."""
        processes.signal_group(self.place, SIMULATOR, signal.SIGSTOP)

    def go_on(self):
        processes.signal_group(self.place, SIMULATOR, signal.SIGCONT)
