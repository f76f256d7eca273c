# SPDX-License-Identifier: Apache-2.0
"""Runs the scenarios, tests/cloud, on a cloud that is up.

One after the other: some of them kill services.
"""

import importlib
import subprocess
import sys

from place import ROOT
from place import words

suites = importlib.import_module('suites')

_KIND = 'cloud'


def _suite(place):
    # This Python is that of the environment with OpenStack and our wheel.
    suite = suites.Suite(
        ROOT, _KIND, _KIND, sys.executable, workers=1, surroundings={
            'PYTHONPATH': str(ROOT / 'tools' / 'cloud.d'),
            'ZVM_CLOUD_DIR': str(place.folder),
            'ZVM_CLOUD_PORTS': str(place.offset)})
    # Several clouds may be tested at once.
    suite.folder = place.state / 'scenarios'
    return suite


def run(place, regex=None):
    """[(test, status, reason, seconds)] of each scenario.

    The status is subunit's. Where nothing ran, or a worker died, the last
    one has failed and says so.

    :param regex: of the names of tests that are wanted
    """
    suite = _suite(place)
    suite.lay_out()
    log = place.log / 'scenarios.log'
    with open(log, 'w') as errors:
        process = suite.start([regex] if regex else [], errors,
                              output=subprocess.DEVNULL)
        status = suites.wait(process)
    found = [tuple(result) for result in suite.results()]
    well = all(result[1] in ('success', 'skip', 'xfail') for result in found)
    if not found or (status != 0 and well):
        found.append(('tests.cloud', 'fail', words.tail(log), 0.0))
    return found
