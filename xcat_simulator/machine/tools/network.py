# SPDX-License-Identifier: Apache-2.0
"""ip: which way packets of a node go, which is the machine's own way."""
import ipaddress
import socket

from xcat_simulator.machine.tools import usage
from xcat_simulator.machine import trouble

_NOBODY_LISTENS = 9      # a port for UDP: nothing is sent
_INTERFACE = 'enc600'
_V4 = '%s%s dev %s src %s uid 0 \\    cache \n'
_V6 = '%s%s from :: dev %s src %s metric 1024 pref medium\n'


def ip(node, request):
    """[-o] [-4] [-6] route get ADDRESS, as iproute2 answers it on one line.

    Exit status 2 when there is no way, as when the node's network is down.
    """
    words = [word for word in request.arguments if not word.startswith('-')]
    if len(words) != 3 or words[0] not in ('r', 'ro', 'route') \
            or words[1] not in ('g', 'get'):
        raise usage.Usage('only "ip route get ADDRESS" is imitated')
    try:
        address = ipaddress.ip_address(words[2])
    except ValueError:
        return 1, '', ('Error: any valid prefix is expected rather than '
                       '"%s".\n' % words[2])
    try:
        source = None if node.trouble.network == trouble.DOWN else (
            _source(address))
    except OSError:
        source = None
    if source is None:
        return 2, '', 'RTNETLINK answers: Network is unreachable\n'
    local = str(address) == source
    return 0, (_V4 if address.version == 4 else _V6) % (
        'local ' if local else '', address, 'lo' if local else _INTERFACE,
        source), ''


def _source(address):
    """The address that packets to another one leave this machine with."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((str(address), _NOBODY_LISTENS))
        return probe.getsockname()[0].partition('%')[0]
