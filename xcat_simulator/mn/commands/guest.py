# SPDX-License-Identifier: Apache-2.0
"""A guest's directory entry and devices: lsvm, chvm."""

import re

from xcat_simulator.mn.commands import power
from xcat_simulator.mn.commands import zhcp
from xcat_simulator.mn import reply


def lsvm(world, command):
    return [element for node in command.nodes
            for element in _with_guest(world, node, command.args, _show)]


def chvm(world, command):
    name = command.args[0] if command.args else ''
    handler = OPTIONS.get(name, _unknown)
    return [element for node in command.nodes
            for element in _with_guest(world, node, command.args, handler)]


def _with_guest(world, node, args, handler):
    host = world.host_of(node)
    if host is None:
        return [reply.line('%s: (Error) Missing node HCP' % node)]
    userid = (world.nodes.get(node) or {}).get('userid', '').upper()
    if not userid:
        return [reply.line('%s: (Error) Missing user ID' % node)]
    return [reply.line(text)
            for text in handler(world, host, node, userid, args)]


def _unknown(world, host, node, userid, args):
    yield '%s: (Error) Option not supported' % node


def _show(world, host, node, userid, args):
    status, text = zhcp.smapi(host, 'Image_Query_DM', userid)
    if status == zhcp.NO_SSH:
        yield ('%s: (Error) unable to communicate with the zhcp system: %s'
               % (node, host.zhcp_hostname))
    elif status:
        yield '%s: (Error) calling smcli Image_Query_DM -T %s' % (node, userid)
    else:
        text = re.sub(r'\*DVHOPT.*', '', text, flags=re.DOTALL)
        yield reply.labelled(node, text)


def _dedicate(world, host, node, userid, args):
    """Both halves; a repeat sees the entry alone and says Done.

    So a half that failed is not tried again, whatever is active.
    """
    if len(args) != 4:
        yield '%s: (Error) Wrong number of parameters' % node
        return
    arguments = dict(zip(('vdev', 'rdev', 'readonly'), args[1:]))
    _, text = zhcp.smapi(host, 'Image_Device_Dedicate_DM', userid,
                         **arguments)
    known = 'Return Code: 404' in text and 'Reason Code: 4' in text
    if known:
        text = ("Dedicating device %s to %s's directory entry... Done"
                % (args[2], userid))
    yield '%s: %s' % (node, text)
    if not known and _is_on(world, host, node, userid):
        _, text = zhcp.smapi(host, 'Image_Device_Dedicate', userid,
                             **arguments)
        yield '%s: %s' % (node, text)


def _undedicate(world, host, node, userid, args):
    if len(args) != 2:
        yield '%s: (Error) Wrong number of parameters' % node
        return
    _, text = zhcp.smapi(host, 'Image_Device_Undedicate_DM', userid,
                         vdev=args[1])
    yield '%s: %s' % (node, text)
    if _is_on(world, host, node, userid):
        _, text = zhcp.smapi(host, 'Image_Device_Undedicate', userid,
                             vdev=args[1])
        yield '%s: %s' % (node, text)


def _is_on(world, host, node, userid):
    return power.ACTIONS['stat'](world, host, node, userid) == ['on\n']


OPTIONS = {'--dedicatedevice': _dedicate, '--undedicatedevice': _undedicate}
