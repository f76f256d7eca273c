# SPDX-License-Identifier: Apache-2.0
"""Runs Tempest on a cloud that is up, and judges what came of it.

What is run, and what must come of it, is in tests/tempest.
"""

import json
import os
import subprocess

import expectations
from place import ROOT
from place import Stop
from place import words
import tempestconf

_LISTS = ROOT / 'tests' / 'tempest'
_READ = ROOT / 'tools' / 'workbench' / 'read_subunit.py'
WORKERS = 2
# Seconds; a run that takes longer hangs. Whole, on two busy cores.
_LIMIT = 4 * 3600


class Tempest:
    """The program in its own environment, with this cloud's tempest.conf."""

    def __init__(self, place):
        python = os.environ.get('ZVM_TEMPEST_PYTHON')
        if not python:
            raise Stop('start this by tools/cloud test')
        self._python = python
        self._place = place
        self.folder = place.state / 'tempest'
        self._log = place.log / 'tempest-run.log'

    def prepare(self):
        """Makes the folder that Tempest runs in, and its configuration."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tempestconf.make(self._place)
        if not (self.folder / '.stestr').exists():
            # A list of tests is not given without it.
            self._ask(['-m', 'stestr', 'init'])

    def tests(self, file):
        """Names of the tests that a file of regular expressions names."""
        text = self._tempest('--list-tests', '--include-list', file)
        return [line for line in text.decode().splitlines()
                if line.partition('.')[0] in ('tempest',
                                              'cinder_tempest_plugin')]

    def run(self, tests):
        """[(test, status, reason, seconds)] of what the tests told."""
        chosen = self.folder / 'chosen'
        chosen.write_text(''.join(test + '\n' for test in tests))
        stream = self._place.log / 'tempest.subunit'
        with open(stream, 'wb') as file:
            # Its exit status says nothing of the tests.
            self._tempest('--subunit', '--concurrency', str(WORKERS),
                          '--load-list', chosen, stdout=file)
        with open(stream, 'rb') as file:
            return json.loads(self._ask([_READ], stdin=file) or '[]')

    def _tempest(self, *arguments, **options):
        config = self._place.conf('tempest')
        return self._ask(['-m', 'tempest.cmd.main', 'run', '--config-file',
                          config, *arguments], **options)

    def _ask(self, arguments, **options):
        with open(self._log, 'ab') as errors:
            done = subprocess.run(
                [self._python, *arguments], stderr=errors, cwd=self.folder,
                timeout=_LIMIT, **{'stdin': subprocess.DEVNULL,
                                   'stdout': subprocess.PIPE, **options})
        if done.returncode:
            raise Stop('Tempest did not run, from %s:\n%s' % (
                self._log, words.tail(self._log)))
        return done.stdout


def run(place, whole):
    """Runs all of Tempest that concerns volumes, or the subset.

    :returns: [(test, status, reason, seconds)]; the status is success, skip
        or fail. What tests/tempest does not expect has failed.
    """
    lists = expectations.Lists(_LISTS, whole)
    tempest = Tempest(place)
    tempest.prepare()
    chosen, left = lists.split(tempest.tests(lists.file))
    results = lists.judge(chosen, left, tempest.run(chosen))
    _keep(place, lists.name, results)
    return results


def _keep(place, name, results):
    """Writes the results, and the table that is in the docs."""
    (place.log / ('tempest-%s.json' % name)).write_text(
        json.dumps(results, indent=1))
    (place.log / ('tempest-%s.rst' % name)).write_text(
        expectations.written(expectations.table(results)))
