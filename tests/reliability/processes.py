# SPDX-License-Identifier: Apache-2.0
"""Processes of Cinder and Nova from outside: start, ask, wait for the end."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading

# Links are not resolved: the packages come from site-packages, not from the
# sources beside the tests.
_TOP = pathlib.Path(os.path.abspath(__file__)).parents[2]


class SideError(Exception):
    """The service raised an exception of class ``kind``."""

    def __init__(self, kind, text):
        super().__init__('%s: %s' % (kind, text))
        self.kind = kind


class Died(Exception):
    """The process ended before it answered."""


class Parent:
    """The parent of all processes of one service; may be used by threads.

    :param name: cinder or nova
    :param python: the Python of its environment
    """

    def __init__(self, name, python):
        self.name = name
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [str(python), '-W', 'ignore', '-m', 'tests.reliability.server',
                 name], stdin=theirs, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, cwd=_TOP, start_new_session=True,
                env=_environment())
        self._answers = self._control.makefile('r')

    def ready(self):
        """Wait until it has imported everything; once, before any fork."""
        if self._answers.readline() != 'ready\n':
            raise Died('the parent of %s does not start' % self.name)

    def fork(self, log):
        """A new process that writes to the file `log`: :class:`Process`."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            socket.send_fds(self._control, [json.dumps(
                {'fork': str(log)}).encode()], [theirs.fileno()])
            return Process(self, int(self._answers.readline()), ours, log)

    def wait(self, pid):
        """How a child ended; only to be asked of one that is ending."""
        with self._lock:
            self._control.sendall(json.dumps({'wait': pid}).encode())
            return int(self._answers.readline())

    def close(self):
        self._control.close()
        self._answers.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _environment():
    env = {name: value for name, value in os.environ.items()
           if name not in ('PYTHONPATH', 'PYTHONHOME')}
    return dict(env, PYTHONNOUSERSITE='1',
                OS_CINDER_DISABLE_EVENTLET_PATCHING='true',
                OS_NOVA_DISABLE_EVENTLET_PATCHING='true')


class Process:
    """One process of a service.

    ``answers`` is called with (name, args) for what this service asks of
    the other one; it returns the result or raises SideError.
    """

    def __init__(self, parent, pid, channel, log):
        self.pid = pid
        self.answers = None
        self._parent = parent
        self._log = pathlib.Path(log)
        self._socket = channel
        self._lines = channel.makefile('r', encoding='utf-8')
        self.exit = None

    def start(self, **args):
        """Make the side; the first message of all."""
        return self._exchange(args)

    def ask(self, name, **args):
        """Call a method of the side.

        :raises SideError: what it raised
        :raises Died: it was killed; ``exit`` says how it ended
        """
        return self._exchange({'do': name, 'with': args})

    def _exchange(self, message):
        self._write(message)
        while True:
            line = self._lines.readline()
            if not line:
                self._reap()
                raise Died('%s ended with %s:\n%s' % (
                    self._parent.name, self.exit, self.log()))
            answer = json.loads(line)
            if 'call' not in answer:
                break
            self._write(self._answer(answer))
        if 'error' in answer:
            raise SideError(answer['error'], answer['text'])
        return answer['result']

    def _write(self, message):
        try:
            self._socket.sendall(json.dumps(message).encode() + b'\n')
        except BrokenPipeError:
            pass            # reading tells that it has ended

    def _answer(self, question):
        try:
            return {'result': self.answers(question['call'],
                                           question['with'])}
        except SideError as err:
            return {'error': err.kind, 'text': str(err)}

    def kill(self):
        """SIGKILL, if it still runs; how it ended."""
        if self.exit is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap()
        return self.exit

    def _reap(self):
        self._lines.close()
        self._socket.close()
        self.exit = self._parent.wait(self.pid)

    def log(self, length=4000):
        """The end of what it has printed and logged."""
        return self._log.read_text(errors='replace')[-length:]
