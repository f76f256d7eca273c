# SPDX-License-Identifier: Apache-2.0
"""Processes of a node: started under confinement, found, killed."""
import os
import queue
import signal
import subprocess
import threading
import time

from xcat_simulator.machine import confine
from xcat_simulator.machine import model

# The command runs in a shell of its own, as ssh runs it. SIGXFSZ is ignored
# from the beginning: the disk may get full later (machine.trouble).
_ROOM = 'trap "" XFSZ; exec /bin/sh -c "$1"'
_FULL = 'trap "" XFSZ; ulimit -S -f 0; exec /bin/sh -c "$1"'


class Keeper:
    """A thread under the node's layer, from which its processes come.

    All commands of one boot share that layer, so that a later command can
    signal a job that an earlier one left behind, but nobody else's.
    """

    def __init__(self, folder, shares=()):
        self._folder = folder
        self._shares = shares
        self._jobs = queue.SimpleQueue()
        layer = confine.node_layer(folder, shares) if confine.ABI else None
        started = queue.SimpleQueue()
        threading.Thread(target=self._keep, args=(layer, started),
                         name='zvm-keeper', daemon=True).start()
        error = started.get()
        if layer is None:
            confine.warn_once()
        else:
            os.close(layer)
        if error:
            raise error

    def _keep(self, layer, started):
        try:
            confine.give_up_privileges()
            if layer is not None:
                confine.restrict(layer)
        except OSError as error:
            started.put(error)
            return
        started.put(None)
        while (job := self._jobs.get()) is not None:
            threading.Thread(target=_start, args=job, daemon=True).start()

    def close(self):
        """End the thread; its processes live until killed."""
        self._jobs.put(None)

    def popen(self, command, environment, stdin=subprocess.DEVNULL,
              full=False):
        """Start /bin/sh -c command; returns the Popen.

        full: no file may grow.

        Raises PermissionError for what the text alone forbids.
        """
        if not confine.ABI:
            refused = confine.lexical_refusal(command, self._folder)
            if refused:
                raise PermissionError(13, 'Permission denied', refused)
        answer = queue.SimpleQueue()
        self._jobs.put((
            confine.run_layer(self._folder, self._shares), answer,
            ['/bin/sh', '-c', _FULL if full else _ROOM, 'sh', command],
            self._folder, environment, stdin))
        process = answer.get()
        if isinstance(process, Exception):
            raise process
        return process


def _start(layer, answer, argv, folder, environment, stdin):
    try:
        if layer is not None:
            confine.restrict(layer)
        answer.put(subprocess.Popen(
            argv, cwd=folder, env=environment, stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True))
    except Exception as error:
        answer.put(error)
    finally:
        if layer is not None:
            os.close(layer)


def finish(process, timeout=None, data=None):
    """Wait for its end and collect its output; on time-out kill its group.

    data: bytes for a standard input that is a pipe.
    """
    try:
        out, err = process.communicate(data, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return model.Completed(process.returncode, out.decode('utf-8', 'replace'),
                           err.decode('utf-8', 'replace'))


def of_node(folder):
    """Process ids whose environment names this folder as ZVM_ROOT.

    Those too that live in the folder under our confinement: one can lose
    its environment, but not that.
    """
    mark = b'ZVM_ROOT=' + os.fsencode(folder) + b'\0'
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open('/proc/%s/environ' % name, 'rb') as environ:
                    if mark in environ.read() or _lives_in(name, folder):
                        found.append(int(name))
            except OSError:
                continue  # gone, or not ours to see
    return found


def _lives_in(name, folder):
    where = os.readlink('/proc/%s/cwd' % name)
    if where != folder and not where.startswith(folder + '/'):
        return False
    with open('/proc/%s/status' % name) as status:
        return '\nNoNewPrivs:\t1' in status.read()


def kill_all(folder, patience=5.0):
    """Kill the node's processes, those too that they start meanwhile."""
    end = time.monotonic() + patience
    while (found := of_node(folder)) and time.monotonic() < end:
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.005)


def open_files(folder):
    """What the node's processes have open: {path: {process id, ...}}."""
    found = {}
    for pid in of_node(folder):
        try:
            for entry in os.scandir('/proc/%d/fd' % pid):
                found.setdefault(os.readlink(entry.path), set()).add(pid)
        except OSError:
            continue  # gone meanwhile
    return found
