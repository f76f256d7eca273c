# SPDX-License-Identifier: Apache-2.0
"""Processes that race: with native threads, or patched for eventlet.

Each is an interpreter of its own, started as ``python -m MODULE``, that reads
one line of JSON after the other: a list of jobs ``[operation, arguments]``,
which it does all at once, each in a thread.  Those that are idle wait for the
next line, so that all begin together when they are written.
"""

import concurrent.futures
import json
import os
import pathlib
import select
import subprocess
import sys
import time
import traceback

import fixtures

# Links are not resolved: the packages shall come from where this process has
# them from, not from the sources beside the tests.
_TOP = pathlib.Path(__file__).parents[2]
#: In refusals of a swap that foreign writers, or the wait for them, starved
STARVED = ('does not stay as written', "the ledger's lock")
#: Seconds for a start, and for one line of jobs
LIMIT = 240


def is_starved(text):
    return any(words in text for words in STARVED)


class Racer:
    """One process.

    :param variable: of the environment that forbids eventlet
    :param setup: JSON for the process, which adds `process` and `eventlet`
    """

    def __init__(self, module, name, variable, eventlet, folder, setup):
        self._log = pathlib.Path(folder) / (name + '.stderr')
        self.name = name
        environment = dict(os.environ,
                           **{variable: str(not eventlet).lower()})
        with open(self._log, 'wb') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-m', module], cwd=_TOP,
                env=environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                bufsize=0)
        self._left = b''
        self.send(dict(setup, process=name, eventlet=eventlet))

    def send(self, thing):
        self.process.stdin.write(json.dumps(thing).encode() + b'\n')

    def receive(self, seconds=LIMIT):
        end = time.monotonic() + seconds
        while b'\n' not in self._left:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, end - time.monotonic()))
            block = os.read(self.process.stdout.fileno(),
                            1 << 20) if ready else b''
            if not block:
                raise AssertionError('%s gives no answer: %s' % (
                    self.name, self.log()[-5000:]))
            self._left += block
        line, _, self._left = self._left.partition(b'\n')
        return json.loads(line)

    def log(self):
        return self._log.read_text(errors='replace')

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Racers(fixtures.Fixture):
    """Two processes with native threads and two with eventlet.

    :param module: calls :func:`serve`
    :param setup: what its `prepare` gets, JSON; `folder` for logs among it
    """

    kinds = (False, False, True, True)

    def __init__(self, module, variable, **setup):
        super().__init__()
        self._args = module, variable, setup

    def _setUp(self):
        module, variable, setup = self._args
        self.all = []
        for number, eventlet in enumerate(self.kinds):
            racer = Racer(module, 'p%d' % number, variable, eventlet,
                          setup['folder'], setup)
            self.addCleanup(racer.end)
            self.all.append(racer)
        told = [racer.receive() for racer in self.all]
        if [each['eventlet'] for each in told] != list(self.kinds):
            raise AssertionError(told)

    def run(self, *jobs):
        """Do jobs (operation, arguments) at once, dealt out in turn.

        :returns: result of each: ``{'result': ...}``, or ``{'error': class,
            'text': ...}``
        """
        count = len(self.all)
        for number, racer in enumerate(self.all):
            racer.send(jobs[number::count])
        answers = [racer.receive() for racer in self.all]
        return [answers[number % count][number // count]
                for number in range(len(jobs))]


def serve(prepare):
    """The other side, until its standard input ends.

    :param prepare: makes of the set-up (whether eventlet is patched in, dict
        of operations)
    """
    # what is printed here and there must not get between the answers
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    eventlet, operations = prepare(json.loads(sys.stdin.readline()))
    _answer(answers, {'eventlet': eventlet})
    for line in sys.stdin:
        jobs = json.loads(line)
        with concurrent.futures.ThreadPoolExecutor(len(jobs) or 1) as pool:
            _answer(answers, list(pool.map(
                lambda job: _do(operations, *job), jobs)))


def _answer(stream, thing):
    stream.write(json.dumps(thing) + '\n')
    stream.flush()


def _do(operations, name, arguments):
    try:
        return {'result': operations[name](**arguments)}
    except Exception as error:
        traceback.print_exc()
        return {'error': type(error).__name__, 'text': str(error)}
