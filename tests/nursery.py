# SPDX-License-Identifier: Apache-2.0
"""Simulators that need no half second of imports each.

    python -m tests.nursery

imports the simulator once and forks a process for each line of its standard
input, a JSON list: ``["start", LOG, ARGUMENT...]`` is answered with the id of
a process that runs zvm-simulator, ``["poll", PID]`` with how it ended, or with
null. It has no threads. :class:`Simulator` is the fixture of
xcat_simulator.fixture, with processes from there.
"""

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from tests import forked
from tests import worlds
from xcat_simulator import fixture

_TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Simulator(fixture.Simulator):
    """Its `process` is a :class:`Child`."""

    def _start(self, *arguments):
        return Child(self._log, *arguments)


class Child:
    """As subprocess.Popen."""

    returncode = None

    def __init__(self, log, *arguments):
        self.args = arguments
        self.pid = _ask('start', log, *arguments)

    def poll(self):
        if self.returncode is None:
            self.returncode = _ask('poll', self.pid)
        return self.returncode

    def wait(self, timeout=None):
        end = time.monotonic() + (timeout or 3600)
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.01)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)


# process id -> the nursery of this process: a fork must not use its parent's
_nurseries = {}
_lock = threading.Lock()


def _ask(*question):
    with _lock:
        nursery = _nurseries.get(os.getpid())
        if nursery is None:
            nursery = _nurseries[os.getpid()] = subprocess.Popen(
                [sys.executable, '-m', 'tests.nursery'], cwd=_TOP, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)
        nursery.stdin.write(json.dumps(question) + '\n')
        return json.loads(nursery.stdout.readline())


def _become(run, log, arguments):
    """Never returns into the process that has been copied."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, target),
                         (2, target)):
        os.dup2(file, number)
    forked.finish(lambda: run(arguments))


def _obey(run, verb, first, *arguments):
    if verb == 'start':
        return os.fork() or _become(run, first, list(arguments))
    found, status = os.waitpid(first, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _prepare():
    """What each simulator would do first: read schemas, load libraries."""
    with tempfile.TemporaryDirectory() as folder:
        world = os.path.join(folder, 'world')
        with open(world, 'w', encoding='utf-8') as stream:
            json.dump(worlds.small(), stream)
        importlib.import_module('xcat_simulator.worldfile').load(world)
        importlib.import_module('xcat_simulator.certificates').make(folder)


def main():
    # It ends when its standard input does, not before.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Here alone: tests with green threads cannot import all of it.
    run = importlib.import_module('xcat_simulator.cli').main
    _prepare()
    gc.collect()
    gc.freeze()
    for line in iter(sys.stdin.readline, ''):
        print(json.dumps(_obey(run, *json.loads(line))), flush=True)


if __name__ == '__main__':
    main()
