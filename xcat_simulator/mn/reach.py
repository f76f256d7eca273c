# SPDX-License-Identifier: Apache-2.0
"""Who answers the MN: ping and ssh by a node's name."""

UNKNOWN = 'ssh: Could not resolve hostname %s: Name or service not known'
REFUSED = 'ssh: connect to host %s port 22: Connection refused'
NO_ROUTE = 'ssh: connect to host %s port 22: No route to host'
TIMED_OUT = 'ssh: connect to host %s port 22: Connection timed out'
NO_TRUST = 'root@%s: Permission denied (publickey,password).'


def refusal(world, name):
    """What ssh says when it cannot log in; None when it can."""
    problem = _unreached(world, name)
    if problem is None and world.ssh_target(name) is None:
        problem = NO_TRUST
    return problem and problem % name


def pings(world, name):
    """Does a ping of this name come back?"""
    return _unreached(world, name) is None


def _unreached(world, name):
    host = world.host_of(name)
    if not world.local.resolves(name):
        return UNKNOWN
    if any(name == each.zhcp_hostname for each in world.hosts.values()):
        return None if world.ssh_target(name) else NO_ROUTE
    if host is not None and name == host.name:
        return REFUSED
    guest = world.machine_of(name)
    if guest is None:
        return UNKNOWN
    if guest.paused:
        return TIMED_OUT
    down = guest is host.zhcp and not host.reachable
    if down or guest.power != 'on' or (
            guest.linux is None or not guest.loaded):
        return NO_ROUTE
    return None
