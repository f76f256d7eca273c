# SPDX-License-Identifier: Apache-2.0
"""Runs tools/cloud, and a cloud of their own for the tests."""

import json
import os
import subprocess

import counts
import words

ENVIRONMENTS = ('cloud', 'tempest')
# Seconds; a run of the cloud's tests that takes longer hangs.
LIMIT = 1800
# The exit status of tools/cloud up where a program is not installed.
MISSING = 3
# The tests' cloud stands beside one that a person works with.
_PORTS = '15000'


def program(bench, arguments, surroundings=(), **options):
    """Runs tools/cloud's Python in the environment of the services."""
    env = dict(os.environ, PYTHONNOUSERSITE='1',
               ZVM_TEMPEST_PYTHON=str(bench.all['tempest'].python))
    env.update(surroundings)
    env.pop('PYTHONPATH', None)
    command = [str(bench.all['cloud'].python),
               str(bench.root / 'tools' / 'cloud.d'), *arguments]
    return subprocess.run(command, env=env, **options)


def _counted(text):
    """The counts in the answer of tools/cloud test --json."""
    try:
        found = json.loads(text)
        return counts.Counts(found['passed'], found['failed'],
                             found['skipped'])
    except (ValueError, KeyError, TypeError) as error:
        words.say('not the promised JSON object: %r, %s' % (error, text))
        return counts.Counts(failed=1)


def part(bench, regex):
    """A cloud from nothing, its scenarios and the subset of Tempest.

    Other parts run meanwhile: what it says is shown when it has ended.
    """
    folder = bench.work / 'run' / 'cloud'
    log = bench.logs / 'cloud.log'
    with open(log, 'w') as output:
        options = {'surroundings': {'ZVM_CLOUD_DIR': str(folder),
                                    'ZVM_CLOUD_PORTS': _PORTS},
                   'timeout': LIMIT, 'stdin': subprocess.DEVNULL,
                   'stderr': output}
        try:
            return _tests(bench, options)
        except subprocess.TimeoutExpired:
            words.say('no end after %d s: killed' % LIMIT)
            return counts.Counts(failed=1)
        finally:
            # Its files stay for those who look why something failed.
            program(bench, ['down'], **options)
            words.say('\n%s' % log.read_text())


def _tests(bench, options):
    program(bench, ['reset'], **options)
    status = program(bench, ['up'], **options).returncode
    if status == MISSING:
        words.say('skipped: a program is not installed')
        return counts.Counts(skipped=1)
    found = counts.Counts.of(status == 0)
    if not found.ok:
        return found
    done = program(bench, ['test', '--json'], stdout=subprocess.PIPE,
                   text=True, **options)
    return found + _counted(done.stdout)
