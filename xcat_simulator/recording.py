# SPDX-License-Identifier: Apache-2.0
"""A world from the `initial` object of a recorded scenario."""

from xcat_simulator import checks
from xcat_simulator.connector import images
from xcat_simulator import spec


def parse(initial):
    """A spec.Spec of the recorded server: its one LPAR, its definitions."""
    nodes = initial['nodes']
    zhcp = nodes[initial['zhcp']]
    guests = tuple(_guest(name, nodes[name], each)
                   for name, each in initial['guests'].items())
    devices = tuple(spec.Device(
        number=each['device'], chpid=each['chpid'], status=each['status'],
        physical_wwpn=each['physical_wwpn'],
        npiv_wwpn=_npiv(each['npiv_wwpn']))
        for each in initial['fcp_devices'])
    lpar = spec.Lpar(
        name=initial['hypervisor'], devices=devices, guests=guests,
        zhcp=spec.Zhcp(initial['zhcp'], zhcp['hostnames'], zhcp['userid']),
        pools={name: tuple(_luns(text))
               for name, text in initial['pools'].items()})
    return spec.Spec(
        users={name: spec.User(password)
               for name, password in initial['users'].items()},
        lpars=(lpar,), version='Version ' + initial['version'],
        nodes=nodes, table=tuple(initial['zvm_table'][1:]),
        texts=dict(initial['pools']))


def _npiv(wwpn):
    return None if wwpn in (None, '', 'NONE') else wwpn


def _guest(name, attributes, guest):
    return spec.Guest(
        node=name, userid=attributes['userid'], power=guest['power'],
        linux=spec.Linux(images.distro_for(attributes.get('os'))),
        directory=guest['directory'])


def _luns(text):
    """The disks behind a pool file; a line without a size has none."""
    for line in text.splitlines()[1:]:
        columns = (line.split(',') + [''] * 8)[:8]
        size = checks.SIZE.match(columns[3])
        if size:
            yield spec.Lun(
                wwpns=tuple(columns[1].split(';')), lun=columns[2],
                size=columns[3],
                bytes=checks.size_bytes('size', columns[3]))
