# SPDX-License-Identifier: Apache-2.0
"""The first command in a guest whose way is not known yet.

xCAT tries IUCV; with no agent in the guest it puts one there over ssh. When
that fails it takes its agent out again and decides for ssh, if the guest
answers a ping.
"""

import re

from xcat_simulator.mn import hop
from xcat_simulator.mn import reach
from xcat_simulator.mn import release
from xcat_simulator.mn import reply

SOURCE = '/opt/zhcp/bin/IUCV'
FILES = ('iucvserv', 'iucvserd', 'iucvserd.service')
PROGRAM = '/usr/bin/iucvserv'
AUTHORIZED = '/etc/iucv_authorized_userid'
INIT = '/etc/init.d/iucvserd'
# Where the service of an agent goes, by what the distribution's name has.
SERVICES = (('sles11', INIT), ('rhel6', INIT),
            ('sles12', '/usr/lib/systemd/system/iucvserd.service'),
            ('rhel7', '/lib/systemd/system/iucvserd.service'),
            ('ubuntu16', '/lib/systemd/system/iucvserd.service'))
START = ('chkconfig --add iucvserd && service iucvserd start 2>&1',
         'systemctl enable iucvserd.service && '
         'systemctl start iucvserd.service 2>&1')
STOP = ('chkconfig --del iucvserd && service iucvserd stop 2>&1',
        'systemctl disable iucvserd.service && '
        'systemctl stop iucvserd.service 2>&1')
# scp, as a command on the side that sends: a line a file, name and content.
SEND = (r'cd %s && for f in iucvser*; do test -f \$f || exit 1; '
        r'echo \$f \$(base64 -w0 \$f); done')
PLACE = r'\$ZVM_ROOT'
RECEIVE = 'echo %s | base64 -d > {0}%s && chmod 755 {0}%s'.format(PLACE)
REMOVE = 'rm -rf {0}%s 2>&1'.format(PLACE)


class _Failed(Exception):
    """A step failed: what xCAT says when ssh does not work either."""


def first_command(guest, command, say):
    """Run it, and write down in the zvm table how; returns its output."""
    text = guest.hops.on(guest.node, "%s ls /dev/null %s 2>/dev/null | xargs "
                         "grep ''" % (guest.hops.sudo, release.FILES)).text
    if hop.failed(text):
        return text
    system = release.name(re.sub('^etc/', '/etc/', text, flags=re.M))
    try:
        _fetch(guest)
        return _over_iucv(guest, system, command, say)
    except _Failed as failed:
        return _fall_back(guest, system, command, str(failed), say)


def _fetch(guest):
    """Have the agent's files on the MN: they come from the zHCP."""
    local = guest.world.local
    if all('%s/%s' % (SOURCE, name) in local.files for name in FILES):
        return
    answer = guest.hops.run(SEND % SOURCE)
    origin = '%s@%s:%s/iucvser*' % (guest.hops.user, guest.hcp, SOURCE)
    if answer.status:
        raise _Failed('Failed to copy %s to %s. %s' % (
            origin, SOURCE, _scp_error(guest, guest.hcp)))
    for line in answer.text.splitlines():
        name, _, content = line.partition(' ')
        local.add_file('%s/%s' % (SOURCE, name), content)


def _scp_error(guest, name):
    problem = reach.refusal(guest.world, name)
    if problem is None:
        return 'scp: %s/iucvser*: No such file or directory\n' % SOURCE
    return problem + '\nlost connection\n'


def _over_iucv(guest, system, command, say):
    status, text = guest.iucv(command, say)
    if not status:
        guest.add_status('IUCV=1')
        return text
    if 'ERROR connecting socket' in text:
        return _install(guest, system, command, say)
    if 'Command executed failed' in text:
        return text
    raise _Failed('%s: IUCV server on VM got another error that is not a '
                  'socket error, result is %s' % (guest.node, text))


def _install(guest, system, command, say):
    """Put the agent into the guest, then use it."""
    target = '%s@%s' % (guest.hops.user, guest.node)
    _copy(guest, 'iucvserv', PROGRAM, 'Failed to copy %s/iucvserv to %s:%s. '
          % (SOURCE, target, PROGRAM))
    service = _service(system)
    if service:
        _copy(guest, 'iucvserd' if service == INIT else 'iucvserd.service',
              service, 'Failed to copy iucvservice file. ')
    userid = guest.hops.userid()
    problem = ('echo -n %s >%s, failed to create authorized userid for %s. '
               'return %%d %%s' % (guest.hcp, AUTHORIZED, guest.node))
    _step(guest, 'echo -n %s >%s' % (userid, AUTHORIZED), ' 2>&1', problem,
          say)
    _step(guest, START[service != INIT], '', problem, say)
    status, text = guest.iucv('date', say)
    if status:
        raise _Failed('%s: Failed to start iucvserver, result is %s'
                      % (guest.node, text))
    if say:
        say('%s: successfully initialized IUCV, Set IUCV=1 for %s'
            % (guest.node, guest.hops.user))
    guest.add_status('IUCV=1')
    return guest.iucv(command, say)[1]


def _service(system):
    return next((path for name, path in SERVICES if name in system), None)


def _copy(guest, name, path, problem):
    content = guest.world.local.files['%s/%s' % (SOURCE, name)]
    answer = guest.hops.on(guest.node, RECEIVE % (content, path, path))
    if answer.status:
        text = reach.refusal(guest.world, guest.node)
        raise _Failed(problem + (text + '\nlost connection\n' if text
                                 else answer.text))


def _step(guest, command, after, problem, say):
    answer = guest.hops.on(guest.node, command + ' 2>&1')
    if answer.status:
        if say:
            say(guest.failure(answer, command, 'execcmdonVM', after))
        raise _Failed(problem % (answer.status, answer.text))
    return answer.text


def _fall_back(guest, system, command, problem, say):
    """setsshforvm: the agent out again, then ssh for ever."""
    service = _service(system)
    guest.hops.on(guest.node, REMOVE % PROGRAM)
    if service:
        guest.hops.on(guest.node, REMOVE % service)
    guest.hops.on(guest.node, REMOVE % PROGRAM)
    guest.hops.on(guest.node, STOP[service != INIT])
    if not reach.pings(guest.world, guest.node):
        if say:
            say(reply.error(problem))
        return problem
    text = guest.ssh(command, say, 'setsshforvm')
    guest.add_status('SSH=1')
    if say:
        say('%s: Set SSH=1 for node %s.' % (guest.node, guest.node))
    return text
