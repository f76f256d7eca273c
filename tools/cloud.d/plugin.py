# SPDX-License-Identifier: Apache-2.0
"""Runs the devstack plugin's phases, with this cloud in devstack's place.

stage.sh beside this file has the functions of devstack that the plugin
calls.  So the plugin writes our part of cinder.conf, nova.conf and
tempest.conf here as it does there.
"""

import os
import pathlib
import subprocess
import sys

import configs
from place import ROOT
from place import Stop
from place import words

_HERE = pathlib.Path(__file__).resolve().parent


def _environment(place):
    found = dict(os.environ, **configs.environment(place))
    found.update({
        'DEST': ROOT, 'CINDER_CONF': place.conf('cinder'),
        'NOVA_CONF': place.conf('nova'),
        'NOVA_CPU_CONF': place.conf('nova', 'nova-cpu.conf'),
        'TEMPEST_CONFIG': place.conf('tempest'),
        'ZVM_DIR': place.state / 'zvm',
        # The third is the first LPAR's as well: volumes move within one.
        'ZVM_SCSI_POOLS': 'zpool1 zpool2 zpool3', 'ZVM_POOL_LPARS': '1 2 1',
        'ZVM_SIMULATOR_PORT': place.port('simulator'),
        'ZVM_CONNECTOR_PORTS': '%d %d' % (place.port('connector1'),
                                          place.port('connector2')),
        'STAGE_RUN': '%s %s spawn' % (sys.executable, _HERE),
        'STAGE_STOP': '%s %s end' % (sys.executable, _HERE)})
    return {name: str(value) for name, value in found.items()}


def phase(place, *names):
    """Runs one phase, such as ('stack', 'post-config').

    Raises Stop with the last lines of its log when it fails.
    """
    log = place.log / 'plugin.log'
    place.conf('tempest').parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'ab') as output:
        output.write(b'== %s\n' % ' '.join(names).encode())
        output.flush()
        done = subprocess.run(
            ['bash', _HERE / 'stage.sh', *names], stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, env=_environment(place))
    if done.returncode:
        raise Stop('the devstack plugin failed at %s, from %s:\n%s' % (
            ' '.join(names), log, words.tail(log)))
