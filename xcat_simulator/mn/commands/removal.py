# SPDX-License-Identifier: Apache-2.0
"""rmvm: deletes the guest, frees LUNs, and forgets the node.

The LUNs are those of every line in which the node's name stands, as text:
those of other nodes whose names begin so, too.
"""

import re

from xcat_simulator.mn.commands import guest as guests
from xcat_simulator.mn import hop
from xcat_simulator.mn import onvm
from xcat_simulator.mn import perl
from xcat_simulator.mn import reply
from xcat_simulator.mn import shell

DISCOVERED = ("%s: 'discovered' property in zvm table is 1.  Node is removed "
              'only from xCAT.  Virtual machine was not deleted.')
UNREACHED = '(Error) Failed to communicate with the zhcp system: %s'
REVOKE = ("Virtual_Network_Vswitch_Set_Extended -T SYSTEM -k 'switch_name='%s "
          "-k 'revoke_userid='%s -k 'persist=YES'")
FREED = '%s: Updating FCP device pool %s... Done'


class _Stop(Exception):
    """Leaves rmvm before the node is forgotten."""


def rmvm(world, command):
    return [reply.line(text) for node in command.nodes
            for text in _remove(onvm.Guest(world, node))]


def _remove(guest):
    problem = guests.missing(guest)
    if problem:
        yield problem
        return
    row = guest.world.nodes.row(guest.node)
    try:
        if perl.number(row.get('discovered', '')):
            yield DISCOVERED % guest.node
        else:
            yield from _revoke_switches(guest)
            yield from _deactivate(guest)
            yield from _delete(guest)
            yield from _free_luns(guest)
    except _Stop:
        return
    guest.world.nodes.remove(guest.node)
    guest.world.local.forget(guest.node)


def _revoke_switches(guest):
    query = ('%s/smcli Image_Definition_Query_DM -T %s -k NICDEF'
             % (hop.BIN, guest.userid))
    answer = guest.hops.run(query)
    problem = guest.hops.failure(answer, guest.hops.shown(query),
                                 'getVswitchIdsFromDirectory')
    if problem:
        yield problem
        raise _Stop
    lines = perl.split(shell.egrep(answer.text, 'SWITCHNAME'), '\n')
    words = [line.split() for line in lines]
    names = [each[3].partition('=')[2] if len(each) > 3 else ''
             for each in words]
    if names and hop.failed(names[0]):
        yield names[0]
        raise _Stop
    for name in filter(None, dict.fromkeys(names)):
        guest.hops.smcli(REVOKE % (name, guest.userid))


def _deactivate(guest):
    answer = guest.hops.smcli('Image_Deactivate -T %s -f IMMED'
                              % guest.userid)
    if answer.status == hop.NO_SSH:
        yield UNREACHED % guest.hcp
        raise _Stop
    if hop.failed(answer.text) and not logged_off(answer.text, guest.userid):
        yield '%s: %s' % (guest.node, answer.text)
        raise _Stop


def logged_off(text, userid):
    """What a refused logoff means when it is off, or nearly; else ''."""
    if re.search('Return Code: 200', text, re.I):
        if re.search('Reason Code: 12', text, re.I):
            return '%s already logged off.' % userid
        if re.search('Reason Code: 16', text, re.I):
            return '%s in process of logging off.' % userid
    return ''


def _delete(guest):
    answer = guest.hops.smcli('Image_Delete_DM -T %s -e 0' % guest.userid)
    if answer.status == hop.NO_SSH:
        yield UNREACHED % guest.hcp
        raise _Stop
    yield '%s: %s' % (guest.node, answer.text)
    if hop.failed(answer.text):
        raise _Stop


def _free_luns(guest):
    names = hop.lines(guest.hops.run('ls ' + hop.POOLS))
    for name in filter(None, names):
        path = '%s/%s' % (hop.POOLS, name)
        answer = guest.hops.run('cat ' + path)
        problem = guest.hops.failure(answer, guest.hops.shown('cat ' + path),
                                     'removeVM', guest.node)
        if problem:
            yield problem
            raise _Stop
        pool = re.sub('.conf', '', name)
        lines = perl.split(shell.egrep(answer.text, guest.node), '\n')
        for line in filter(None, lines):
            columns = (line.split(',') + [''] * 5)[1:5]
            guest.hops.run("sed -i -e 's#%s#free,%s,,,#i' %s/%s.conf" % (
                line, ','.join(columns), hop.POOLS, pool))
        if lines:
            yield FREED % (guest.node, pool)
