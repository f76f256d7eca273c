# SPDX-License-Identifier: Apache-2.0
"""rpower. What waits on a real MN (for a shutdown, a boot) takes no time."""

import re

from xcat_simulator.mn.commands import removal
from xcat_simulator.mn import hop
from xcat_simulator.mn import onvm
from xcat_simulator.mn import perl
from xcat_simulator.mn import reply

NO_ZHCP_NODE = '%s: (Error) Unable to look up zhcp node for %s'
NO_USERID = '%s: (Error) Missing user ID on zhcp node %s'
# A reset asks for ever whether the guest is logged off; here so often.
LOGOFF_QUERIES = 10


def rpower(world, command):
    action = command.args[0] if command.args else ''
    return [reply.line(text) for node in command.nodes
            for text in _act(onvm.Guest(world, node), action)]


def _act(guest, action):
    problem = _missing(guest, action)
    if problem:
        return [problem]
    handler = ACTIONS.get(action)
    if handler is None:
        return ['%s: (Error) Option not supported' % guest.node]
    return handler(guest)


def _missing(guest, action):
    """What is missing; a hypervisor's power is that of its zHCP."""
    if not guest.hcp:
        return '%s: (Error) Missing node HCP' % guest.node
    if guest.userid:
        return None
    if action != 'stat':
        return '%s: (Error) Missing user ID' % guest.node
    known = guest.world.nodes.definitions()
    node = next((name for name, attributes in known.items()
                 if attributes.get('hostnames') == guest.hcp), None)
    if node is None:
        return NO_ZHCP_NODE % (guest.node, guest.hcp)
    guest.userid = guest.world.nodes.row(node).get('userid', '').upper()
    return None if guest.userid else NO_USERID % (guest.node, node)


def _stat(guest):
    text = guest.power_text()
    for pattern, word in (('HCPCQU045E.*', 'off'), ('HCPCQU361E.*', 'off'),
                          (re.escape(guest.userid) + '.*', 'on')):
        text = re.sub(pattern, word, text)
    yield '%s: %s' % (guest.node, text)


def _is_reachable(guest):
    text = guest.execute('%s date' % guest.hops.sudo)
    up = not hop.failed(text) and perl.true(text)
    yield '%s: %sreachable' % (guest.node, '' if up else 'un')


def _on(guest):
    answer = guest.hops.smcli('Image_Activate -T ' + guest.userid)
    if answer.status != hop.NO_SSH:
        yield '%s: %s' % (guest.node, answer.text.strip())
        _restart_flags(guest, cloned=True)


def _restart_flags(guest, cloned=False):
    """Of a node that was cloned: its address is to be looked up again."""
    status = guest.status
    if cloned:
        status = status.replace('CLONING=1', 'CLONING=0')
    if 'CLONE_ONLY=1' in status:
        if 'POWER_UP=' in status:
            status = status.replace('POWER_UP=0', 'POWER_UP=1')
        else:
            status += ';POWER_UP=1'
        guest.set_status(status)


def _off(guest):
    yield from _deactivate(guest, ' -f IMMED')


def _deactivate(guest, force=''):
    """Returns whether it is off, or will be."""
    answer = guest.hops.smcli('Image_Deactivate -T %s%s'
                              % (guest.userid, force))
    if answer.status == hop.NO_SSH:
        yield removal.UNREACHED % guest.hcp
        return False
    meaning = removal.logged_off(answer.text, guest.userid)
    yield '%s: %s' % (guest.node, meaning or answer.text)
    return bool(meaning) or not hop.failed(answer.text)


def _softoff(guest):
    if guest.ping() == onvm.PING:
        guest.execute('%s shutdown -h now' % guest.hops.sudo)
    yield from _deactivate(guest)


def _reset(guest):
    done = yield from _deactivate(guest)
    if not done:
        return
    for _ in range(LOGOFF_QUERIES):
        if re.search('HCPCQU045E|Done', guest.power_text()):
            break
    else:
        return
    answer = guest.hops.smcli('Image_Activate -T ' + guest.userid)
    yield '%s: %s' % (guest.node, answer.text)
    _restart_flags(guest)


def _reboot(guest):
    """The shutdown that a guest is told takes effect here at once."""
    guest.execute('%s shutdown -r now &>/dev/null' % guest.hops.sudo)
    answers = guest.ping() == onvm.PING
    if answers and guest.delivered:
        guest.machine.reset()
    elif answers:
        yield '%s: Shutting down %s... Failed\n' % (guest.node, guest.userid)
        return
    yield '%s: Shutting down %s... Done\n' % (guest.node, guest.userid)
    if guest.ping() == 'noping':
        yield '%s: Rebooting %s... Failed\n' % (guest.node, guest.userid)
        return
    _restart_flags(guest)
    yield '%s: Rebooting %s... Done\n' % (guest.node, guest.userid)


def _pause(guest):
    answer = guest.hops.smcli('Image_Pause -T %s -k PAUSE=YES' % guest.userid)
    yield '%s: %s' % (guest.node, answer.text)


def _unpause(guest):
    answer = guest.hops.smcli('Image_Pause -T %s -k PAUSE=NO' % guest.userid)
    yield '%s: %s' % (guest.node, answer.text)


ACTIONS = {'stat': _stat, 'isreachable': _is_reachable, 'on': _on,
           'off': _off, 'softoff': _softoff, 'reset': _reset,
           'reboot': _reboot, 'pause': _pause, 'unpause': _unpause}
