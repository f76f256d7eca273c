# SPDX-License-Identifier: Apache-2.0
"""A guest's directory entry and devices: lsvm, chvm."""

import re

from xcat_simulator.mn.commands import attachment
from xcat_simulator.mn.commands import entry
from xcat_simulator.mn.commands import hypervisor
from xcat_simulator.mn import hop
from xcat_simulator.mn import onvm
from xcat_simulator.mn import reply

UNSUPPORTED = "%s: (Error) Option '%s' not supported on chvm"
CLONED = ('CLONING=1', 'CLONE_ONLY=1')
# lsvm's options that are rinv's.
LISTS = ('--zfcppool', '--zfcppoolnames')
# chvm's options that are chhypervisor's.
OF_POOLS = ('--addzfcp2pool', '--removezfcpfrompool')


def lsvm(world, command):
    return [reply.line(text) for node in command.nodes
            for text in _list(onvm.Guest(world, node), command.args)]


def chvm(world, command):
    return [reply.line(text) for node in command.nodes
            for text in _change(onvm.Guest(world, node), command.args)]


def missing(guest):
    """What a node's definition lacks for commands on a guest, or None."""
    if not guest.hcp:
        return '%s: (Error) Missing node HCP' % guest.node
    if not guest.userid:
        return '%s: (Error) Missing user ID' % guest.node
    return None


def _change(guest, args):
    if all(flag in guest.status for flag in CLONED):
        return
    problem = missing(guest)
    if problem:
        yield problem
        return
    guest.hops.userid()
    name = args[0] if args else ''
    if name in OF_POOLS:
        yield from hypervisor.change(guest.world, guest.node, args)
    elif name in OPTIONS:
        yield from OPTIONS[name](guest, args)
    else:
        yield UNSUPPORTED % (guest.node, name)


def _list(guest, args):
    problem = missing(guest)
    if problem:
        yield problem
        return
    name = args[0] if args else ''
    text = ''
    if name in LISTS:
        yield from hypervisor.inventory(guest.world, guest.node, args)
    elif name:
        text = '%s: (Error) Option not supported' % guest.node
    else:
        query = 'Image_Query_DM -T ' + guest.userid
        answer = guest.hops.smcli(query)
        if answer.status == hop.NO_SSH:
            yield ('%s: (Error) unable to communicate with the zhcp system: '
                   '%s' % (guest.node, guest.hcp))
            return
        if answer.status:
            yield '%s: (Error) calling smcli %s' % (guest.node, query)
            return
        text = re.sub(r'\*DVHOPT.*', '', answer.text, flags=re.DOTALL)
    yield reply.labelled(guest.node, text)


OPTIONS = {**attachment.OPTIONS, **entry.OPTIONS}
