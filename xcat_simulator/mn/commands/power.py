# SPDX-License-Identifier: Apache-2.0
"""rpower."""

from xcat_simulator.mn.commands import zhcp
from xcat_simulator.mn import reply


def rpower(world, command):
    action = command.args[0] if command.args else ''
    return [reply.line(text) for node in command.nodes
            for text in _act(world, node, action)]


def _act(world, node, action):
    host = world.host_of(node)
    if host is None:
        return ['%s: (Error) Missing node HCP' % node]
    userid = (world.nodes.get(node) or {}).get('userid', '').upper()
    if not userid and action == 'stat':
        userid = host.lpar.zhcp_userid    # a hypervisor: that of its zHCP
    if not userid:
        return ['%s: (Error) Missing user ID' % node]
    handler = ACTIONS.get(action)
    if handler is None:
        return ['%s: (Error) Option not supported' % node]
    return ['%s: %s' % (node, text)
            for text in handler(world, host, node, userid)]


def _stat(world, host, node, userid):
    text = zhcp.cp(host, 'QUERY USER ' + userid)
    if 'HCPCQU045E' in text or 'HCPCQU361E' in text:
        return ['off\n']
    return ['on\n' if text.startswith(userid) else text]


def _isreachable(world, host, node, userid):
    guest = host.lpar.guests.get(userid)
    up = guest is not None and guest.power == 'on' and guest.linux
    return ['reachable' if up else 'unreachable']


def _on(world, host, node, userid):
    status, text = zhcp.smapi(host, 'Image_Activate', userid)
    return [] if status == zhcp.NO_SSH else [text.strip()]


def _off(world, host, node, userid):
    status, text = zhcp.smapi(host, 'Image_Deactivate', userid)
    if status == zhcp.NO_SSH:
        return ['(Error) Failed to communicate with the zhcp system: %s'
                % host.zhcp_hostname]
    if 'Return Code: 200' in text and 'Reason Code: 12' in text:
        text = '%s already logged off.' % userid
    return [text]


def _reset(world, host, node, userid):
    texts = _off(world, host, node, userid)
    if 'failed' in texts[0].lower():
        return texts
    return texts + [zhcp.smapi(host, 'Image_Activate', userid)[1]]


def _reboot(world, host, node, userid):
    guest = host.lpar.guests.get(userid)
    if guest is None or guest.power != 'on':
        return ['Shutting down %s... Failed\n' % userid]
    guest.reset()
    return ['Shutting down %s... Done\n' % userid,
            'Rebooting %s... Done\n' % userid]


ACTIONS = {'stat': _stat, 'isreachable': _isreachable, 'on': _on,
           'off': _off, 'softoff': _off, 'reset': _reset, 'reboot': _reboot}
