# SPDX-License-Identifier: Apache-2.0
"""Runs scenarios and Tempest on a cloud that is up, and counts."""

import importlib
import json
import time

import life
from place import Stop
import scenarios
import tempestrun

# Of the tools' shared modules, which are found since place was imported.
counts = importlib.import_module('counts')


def _say_failures(results, say):
    for result in results:
        if counts.Counts.from_statuses([result[1]]).failed:
            say('%s: %s\n%s' % (result[1], result[0], result[2]))


def _kinds(arguments):
    wanted = {'scenarios': lambda place: scenarios.run(place),
              'tempest': lambda place: tempestrun.run(place, arguments.all)}
    if arguments.what:
        return {arguments.what: wanted[arguments.what]}
    return wanted


def _run(place, name, call, say):
    began = time.monotonic()
    results = call(place)
    _say_failures(results, say)
    found = counts.Counts.from_statuses(result[1] for result in results)
    if not found.total:
        say('%s: no test ran' % name)
        found = counts.Counts(failed=1)
    say('%-10s %s, %d s' % (name, found, time.monotonic() - began))
    return found


def run(place, arguments, say):
    """The exit status: 0 when something ran and nothing failed."""
    if not life.status(place, say):
        raise Stop('the cloud is not up: tools/cloud up')
    began = time.monotonic()
    total = sum((_run(place, name, call, say)
                 for name, call in _kinds(arguments).items()),
                counts.Counts())
    if arguments.json:
        print(json.dumps({
            'passed': total.passed, 'failed': total.failed,
            'skipped': total.skipped,
            'seconds': round(time.monotonic() - began)}))
    else:
        print(total)
    return 0 if total.ok else 1
