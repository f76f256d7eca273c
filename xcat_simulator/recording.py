# SPDX-License-Identifier: Apache-2.0
"""A world from the `initial` object of a recorded scenario.

initial.schema.json says what it may be. It is a state in which a management
node was, however odd: its definitions and pool files are served word by word.
"""

import csv
import json
import re

from xcat_simulator import checks
from xcat_simulator.connector import images
from xcat_simulator.machine import directory
from xcat_simulator import nodes
from xcat_simulator import poolfile
from xcat_simulator import spec

TOP = 'initial'
USERID = re.compile(r'[A-Z0-9@#$_+:-]{1,8}\Z')
NODE = re.compile(r'[^\s/,.\x00-\x1f][^\s/,\x00-\x1f]{0,62}\Z')


def load(path):
    """Read and check a file (JSON); raises WorldError, OSError."""
    return parse(read(path))


def read(path):
    """The file as Python values; raises WorldError when it is no JSON."""
    with open(path, encoding='utf-8') as stream:
        try:
            return json.load(stream, object_pairs_hook=unique)
        except (ValueError, RecursionError) as e:
            raise checks.WorldError(path, 'is not JSON: %s' % e) from e


def unique(pairs):
    """A dict of a JSON object's pairs; ValueError for a key that is twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError('the key %s is there twice' % next(
            key for key in keys if keys.count(key) > 1))
    return found


def parse(initial):
    """A spec.Spec of the recorded server: its one LPAR, its definitions.

    Raises checks.WorldError.
    """
    checks.validate(TOP, initial)
    for name in (initial['hypervisor'], initial['zhcp'], *initial['guests']):
        if not NODE.match(name):
            raise checks.WorldError('%s.nodes.%s' % (TOP, name),
                                    'must be a node name')
    lpar = spec.Lpar(
        name=initial['hypervisor'], connector_port=spec.SAME, grows=True,
        zhcp=_zhcp(initial), devices=_devices(initial),
        guests=_guests(initial), texts=initial['pools'],
        pools={name: tuple(poolfile.luns(text))
               for name, text in initial['pools'].items()})
    return spec.Spec(
        users={name: spec.User(password)
               for name, password in initial['users'].items()},
        lpars=(lpar,), version='Version ' + initial['version'],
        nodes=initial['nodes'], table=tuple(_rows(initial)))


def _attribute(initial, name, attribute):
    """An attribute of a node that must be there."""
    key = '%s.nodes.%s' % (TOP, name)
    if name not in initial['nodes']:
        raise checks.WorldError(key, 'is missing')
    if not initial['nodes'][name].get(attribute):
        raise checks.WorldError('%s.%s' % (key, attribute), 'is missing')
    return initial['nodes'][name][attribute]


def _userid(initial, name):
    userid = _attribute(initial, name, 'userid').upper()
    if not USERID.match(userid):
        raise checks.WorldError(
            '%s.nodes.%s.userid' % (TOP, name),
            '%r must be a user ID of 1 to 8 characters' % userid)
    return userid


def _zhcp(initial):
    """Without IUCV: where the recorded MN had to choose, it was ssh."""
    return spec.Zhcp(
        linux=spec.Linux(missing=('iucvclnt',)),
        node=initial['zhcp'], userid=_userid(initial, initial['zhcp']),
        hostname=_attribute(initial, initial['hypervisor'], 'hcp'))


def _devices(initial):
    """The devices; one that a running guest holds is free to be taken."""
    held = {real for guest in initial['guests'].values()
            if guest['power'] == 'on'
            for _, real in directory.dedicated(guest['directory'])}
    found = {}
    for i, each in enumerate(initial['fcp_devices']):
        number, status = each['device'].upper(), each['status'].capitalize()
        if number in found:
            raise checks.WorldError('%s.fcp_devices[%d].device' % (TOP, i),
                                    '%s is there twice' % number)
        if status == 'Active' and number in held:
            status = 'Free'
        npiv = each['npiv_wwpn']
        found[number] = spec.Device(
            number=number, chpid=each['chpid'].upper(), status=status,
            physical_wwpn=each['physical_wwpn'].lower(),
            npiv_wwpn=None if npiv in (None, '', 'NONE') else npiv.lower())
    return tuple(found.values())


def _guests(initial):
    free = frozenset(each['device'].upper()
                     for each in initial['fcp_devices']
                     if each['status'].capitalize() == 'Free')
    taken = {_userid(initial, initial['zhcp']): initial['zhcp']}
    found = []
    for name, guest in initial['guests'].items():
        userid = _userid(initial, name)
        if userid in taken:
            raise checks.WorldError(
                '%s.nodes.%s.userid' % (TOP, name),
                '%s is taken by %s' % (userid, taken[userid]))
        taken[userid] = name
        system = images.distro_for(initial['nodes'][name].get('os'))
        found.append(spec.Guest(
            node=name, userid=userid, power=guest['power'], inactive=free,
            linux=spec.Linux(system), directory=guest['directory']))
    return tuple(found)


def _rows(initial):
    for i, line in enumerate(initial['zvm_table']):
        if not line or line.startswith('#'):
            continue
        try:
            known = 'node' in nodes.parse_row(line)
        except csv.Error:
            known = False
        if not known:
            raise checks.WorldError(
                '%s.zvm_table[%d]' % (TOP, i),
                'must be a row of the table as tabdump prints it')
        yield line
