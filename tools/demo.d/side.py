# SPDX-License-Identifier: Apache-2.0
"""A process of Cinder or Nova: one JSON object a line in both directions."""

import contextlib
import json
import pathlib
import subprocess

import truth

_HERE = pathlib.Path(__file__).resolve().parent


class Side:
    """Runs a script under another Python; what it logs is in the folder.

    The script gets the folder and the description of the simulated world as
    JSON in its first line, then requests ``{"do": NAME, "with": {...}}``, and
    answers each with ``{"result": ...}`` or ``{"error": TEXT}``.
    """

    def __init__(self, python, script, folder, world):
        self.name = script.partition('_')[0]
        self._command = [python, '-W', 'ignore', str(_HERE / script)]
        self._log = folder / (self.name + '.log')
        self._first = dict(world.description(),
                           folder=str(folder / self.name))

    def __enter__(self):
        with open(self._log, 'wb') as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stderr=log,
                stdout=subprocess.PIPE, text=True, cwd='/')
        try:
            self._exchange(self._first)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # what was not written for a process that died is written here again
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def ask(self, name, **args):
        """What the request gave.

        :raises CheckFailed: with the error that the other side told
        """
        return self._exchange({'do': name, 'with': args})

    def _exchange(self, message):
        line = ''
        try:
            self._process.stdin.write(json.dumps(message) + '\n')
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            answer = json.loads(line)
        except (OSError, ValueError) as error:
            raise truth.CheckFailed(
                'the %s process answers %r (%s); it logged:\n%s'
                % (self.name, line, error, self._tail())) from error
        if 'error' in answer:
            raise truth.CheckFailed('%s: %s' % (self.name, answer['error']))
        return answer['result']

    def _tail(self):
        return self._log.read_text(errors='replace')[-3000:]
