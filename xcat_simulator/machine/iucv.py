# SPDX-License-Identifier: Apache-2.0
"""iucvserd: the agent in a guest that takes commands over IUCV.

Facts (the agent's and its client's source):

- One connection is served at a time. Up to BACKLOG others wait until it is
  done; the next one is refused.
- The agent believes the user ID that the client sends, if it is the one in
  etc/iucv_authorized_userid (at most 16 bytes, in any case).
- It runs as root and adds "2>&1; echo iucvcmdrc=$?" to a command, so stderr
  of the last command only is part of the answer, and a child in the
  background that keeps the output open keeps the connection.
- Answers come in blocks of at most BLOCK bytes, whole lines each.
- A file is written under its own name; one that is there is kept as
  NAME.iucvold and put back when the transport fails.

The agent is a process of the guest (`iucvserv start`): with it dead, or the
service stopped, nobody answers.
"""
import collections
import errno
import os
import shlex
import signal
import subprocess
import threading

from xcat_simulator.machine import model
from xcat_simulator.machine import process

VERSION = '0.0.0.1'
BACKLOG, BLOCK = 20, 1024
AUTHORIZED = 'etc/iucv_authorized_userid'
PROGRAM = 'usr/bin/iucvserv'
NO_FOLDER, NOT_OPENED, NOT_WRITTEN = 3, 4, 5

_RECEIVE = '''d=%s
[ ! -d "$d" ] || exit 3
[ ! -e "$d" ] || mv -f "$d" "$d.iucvold"
true 2>/dev/null >"$d" || code=4
[ -n "${code:-}" ] || cat >"$d" || code=5
[ -n "${code:-}" ] || chmod %o "$d" || code=5
[ -n "${code:-}" ] || exit 0
[ ! -e "$d.iucvold" ] || mv -f "$d.iucvold" "$d"
exit $code
'''


class Refused(Exception):
    """The connection is not made; `errno` as connect() has it."""

    def __init__(self, code):
        super().__init__(os.strerror(code))
        self.errno = code


class Unauthorized(Exception):
    """The agent's reason, and the errno that it sends along."""

    def __init__(self, text, code=0):
        super().__init__('UNAUTHORIZED_ERROR: ' + text)
        self.errno = code


class Lost(Exception):
    """The agent or its guest went away while it worked."""


class Agent:
    """iucvserd of one node. `node` gives folder and spawn()."""

    def __init__(self, node):
        self._node = node
        self._process = None
        self._work = None
        self._turns = collections.deque()
        self._changed = threading.Condition()

    @property
    def folder(self):
        return self._node.folder

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def callers(self):
        """How many are served or wait."""
        return len(self._turns)

    def start(self):
        """Start the service; returns whether its program is there."""
        program = os.path.join(self._node.folder, PROGRAM)
        if self.running:
            return True
        if not os.access(program, os.X_OK):
            return False
        self._process = self._node.spawn(
            'exec %s start >/dev/null 2>&1' % shlex.quote(program), root=True)
        for pipe in (self._process.stdout, self._process.stderr):
            pipe.close()
        return True

    def stop(self):
        """End the service and the command that it runs."""
        found, self._process = self._process, None
        for each in (found, self._work):
            if each is not None and each.poll() is None:
                _kill(each)
                each.wait()

    def connect(self):
        """A context in which this caller alone is served.

        Raises Refused when no agent listens or too many callers wait.
        """
        return _Turn(self)

    def enter(self, turn):
        with self._changed:
            if not self.running or len(self._turns) > BACKLOG:
                raise Refused(errno.ECONNREFUSED)
            self._turns.append(turn)
            while self._turns[0] is not turn:
                self._changed.wait()

    def leave(self, turn):
        with self._changed:
            self._turns.remove(turn)
            self._changed.notify_all()

    def authorize(self, userid):
        """Raises Unauthorized unless the file names this user ID."""
        path = '/' + AUTHORIZED
        found = self._do('cat -- "$ZVM_ROOT%s"' % path)
        if found.returncode:
            raise Unauthorized("Authorized path %s doesn't exist on iucv "
                               'server.' % path, errno.ENOENT)
        if len(found.stdout) > 16:
            raise Unauthorized('Userid in authorized file %s is not correct.'
                               % path)
        known = found.stdout.split('\n')[0].split(' ')[0].rstrip('\r')
        if known.upper() != userid.upper():
            raise Unauthorized(
                'Userid %s is not authorized, IUCV agent only can communicate '
                'with specified open cloud user!' % userid)

    def run(self, command):
        """What the agent sends back: blocks of text. Raises Lost."""
        done = self._do(command + '  2>&1; echo iucvcmdrc=$?')
        if done.returncode < 0 or not self.running:
            raise Lost()
        return _blocks(done.stdout)

    def receive(self, path, data, mode):
        """Write a file; returns 0, NO_FOLDER (a folder has that name),
        NOT_OPENED or NOT_WRITTEN. Raises Lost.
        """
        done = self._do(_RECEIVE % (shlex.quote(path), mode), data)
        if done.returncode < 0 or not self.running:
            raise Lost()
        return done.returncode

    def _do(self, command, data=None):
        if not self.running:
            raise Lost()
        try:
            self._work = self._node.spawn(
                command, root=True, stdin=subprocess.PIPE if data is not None
                else subprocess.DEVNULL)
        except model.NodeDown:
            raise Lost()
        except PermissionError as refused:
            return model.Completed(126, 'sh: %s: %s\niucvcmdrc=126\n' % (
                refused.filename, refused.strerror), '')
        try:
            return process.finish(self._work, data=data)
        except BrokenPipeError:
            raise Lost()


class _Turn:
    def __init__(self, agent):
        self._agent = agent

    def __enter__(self):
        self._agent.enter(self)
        return self._agent

    def __exit__(self, *_error):
        self._agent.leave(self)


def _kill(found):
    try:
        os.killpg(found.pid, signal.SIGKILL)
    except ProcessLookupError:
        found.kill()


def _blocks(text):
    """Whole lines together as long as BLOCK bytes hold them."""
    found, current = [], ''
    for line in text.splitlines(True):
        if current and len(current) + len(line) > BLOCK:
            found.append(current)
            current = ''
        current += line
    return found + [current]
