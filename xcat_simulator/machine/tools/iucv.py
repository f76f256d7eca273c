# SPDX-License-Identifier: Apache-2.0
"""iucvclnt: commands and files from the zHCP into a guest over IUCV.

    iucvclnt USERID COMMAND [PARAMETER ...]
    iucvclnt USERID iucv_file_transport SOURCE DESTINATION

Exit statuses: 0 done, 1 not authorised, 2 usage, 4 socket, 8 the command
failed (its own status is the reason code in the text), 16 and 32 file
transport. The agent's part is in machine.iucv.

What a client that checks only the status should know: when the guest goes
away in the middle, it gets 0 and the part of the answer that was sent.
"""
import errno
import os
import re
import time

from xcat_simulator.machine import iucv

UNAUTHORIZED, USAGE, SOCKET, FAILED = 1, 2, 4, 8
TRANSPORT, NO_FILE = 16, 32
TRANSPORT_WORD = 'iucv_file_transport'
SERVER = 'opt/zhcp/bin/IUCV/iucvserv'
# The client's buffer has 1024 bytes for user ID, version and command; what
# a longer one does there is undefined, so that less is allowed here.
LONGEST = 900
_RC = re.compile(r'iucvcmdrc=(-?\d+)')
_USAGE = '''Usage:
iucvclnt [--version]
iucvclnt server_userid iucv_file_transport src_file_path/filename \
dst_file_path/filename
iucvclnt server_userid command [command_parm2, ...]'''


class Failed(Exception):
    """Ends the call: exit status, reason code and text."""

    def __init__(self, code, reason, text, explain=False):
        lines = ['ERROR: ' + text]
        if explain and reason:
            lines.append(os.strerror(reason))
        lines.append('Return code %d, Reason code %d.\n' % (code, reason))
        super().__init__('\n'.join(lines))
        self.code = code


def iucvclnt(node, request):
    """See the module."""
    words = request.arguments
    if words == ['--version']:
        return 0, iucv.VERSION, ''
    try:
        _check(node, words)
        if words[1] == TRANSPORT_WORD:
            return 0, _transport(node, request, *words[2:4]), ''
        return 0, _command(node, words[0], ' '.join(words[1:])), ''
    except Failed as failed:
        return failed.code, str(failed), ''


def _check(node, words):
    transport = words[1:2] == [TRANSPORT_WORD]
    if len(words) < (4 if transport else 2):
        raise Failed(USAGE, 1, _USAGE)
    if len(os.fsencode(' '.join(words[1:]))) > LONGEST:
        raise Failed(USAGE, errno.E2BIG, 'ERROR: the command is longer than '
                     '%d bytes' % LONGEST, True)
    if not os.path.exists(os.path.join(node.folder, SERVER)):
        raise Failed(NO_FILE, errno.ENOENT, "ERROR: can't find IUCV server in "
                     'path /%s, please copy file to the path and try again.'
                     % SERVER, True)


def _agent(node, userid):
    """The agent of a user ID, as CP and its Linux let us connect to it."""
    guest = node.vm.lpar.guests.get(userid.upper())
    if guest is None or guest.power != 'on':
        raise iucv.Refused(errno.ENETUNREACH)
    if not _may_connect(node.vm, guest):
        raise iucv.Refused(errno.EACCES)
    while guest.paused and guest.power == 'on':
        time.sleep(0.05)    # nobody takes the connection
    if guest.linux is None:
        raise iucv.Refused(errno.ECONNREFUSED)
    return guest.linux.iucv


def _may_connect(source, target):
    """CP: the one may call any or this one, or the other allows all."""
    return bool(
        re.search(r'^IUCV\s+(ANY|%s)\b' % re.escape(target.userid),
                  source.directory, re.M | re.I)
        or re.search(r'^IUCV\s+ALLOW\b', target.directory, re.M | re.I))


def _serve(node, userid, work):
    """`work(agent)` for a caller whose turn it is and who may call."""
    try:
        agent = _agent(node, userid)
        with agent.connect():
            agent.authorize(node.vm.userid)
            return work(agent)
    except iucv.Refused as refused:
        raise Failed(SOCKET, refused.errno, 'ERROR connecting socket:', True)
    except iucv.Unauthorized as refused:
        raise Failed(UNAUTHORIZED, refused.errno, str(refused))


def _command(node, userid, command):
    def work(agent):
        return agent.run(_theirs(node, userid, command))
    try:
        blocks = _serve(node, userid, work)
    except iucv.Lost:
        return ''
    out = ''
    for block in blocks:
        found = _RC.search(block)
        text = block if found is None else block[:found.start()]
        if found and int(found[1]):
            failed = Failed(FAILED, int(found[1]), text)
            failed.args = (out + str(failed),)
            raise failed
        out += text
    return out


def _theirs(node, userid, text):
    """A path of this system that the shell has expanded means the guest's."""
    theirs = node.vm.lpar.guests[userid.upper()].linux.folder
    return text.replace(node.folder, theirs)


def _transport(node, request, source, destination):
    data, mode = _read(node, request, source)

    def work(agent):
        path = _theirs(node, userid, destination)
        if not path.startswith(agent.folder + '/'):
            path = os.path.join(agent.folder, path.lstrip('/'))
        return agent.receive(path, data, mode)
    userid = request.arguments[0]
    try:
        code = _serve(node, userid, work)
    except iucv.Lost:
        raise _not_sent(source, '')
    if code == iucv.NO_FOLDER:
        raise _not_received('The destination path %s should include the file '
                            'name.' % destination)
    if code == iucv.NOT_OPENED:
        raise _not_received('Failed to open file %s for write' % destination)
    if code:
        raise _not_sent(source, 'FILE_RECEIVED_FAILED')
    return ''


def _not_received(reason):
    return Failed(SOCKET, 0, "ERROR: Server can't receive file. Reason: "
                  'ERROR: %s.' % reason)


def _not_sent(source, reason):
    return Failed(TRANSPORT, TRANSPORT, 'ERROR: Transport file %s failed. %s.'
                  % (source, reason))


def _read(node, request, source):
    """The bytes and the mode of a file of this system, read confined."""
    path = os.path.join(request.folder, source)
    if source.startswith('/') and not source.startswith(node.folder + '/'):
        path = os.path.join(node.folder, source.lstrip('/'))
    try:
        return node.read_file(path, request.root)
    except OSError as error:
        if error.errno == errno.EISDIR:
            raise Failed(TRANSPORT, 1, 'The source path %s should include the '
                         'file name.' % source)
        raise Failed(TRANSPORT, error.errno, 'ERROR: In pre_check, failed to '
                     'open file %s for read.' % source, True)
