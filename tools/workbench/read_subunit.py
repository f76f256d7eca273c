# SPDX-License-Identifier: Apache-2.0
"""Prints [test, status] for each test of a subunit stream, as one JSON list.

Run under an environment's Python: the base Python has no subunit.
"""

import json
import sys

import subunit
import testtools


def main(path):
    tests = []

    def note(test):
        if test['status'] != 'exists':
            tests.append([test['id'], test['status']])

    result = testtools.StreamToDict(note)
    result.startTestRun()
    with open(path, 'rb') as stream:
        subunit.ByteStreamToStreamResult(
            stream, non_subunit_name='stdout').run(result)
    result.stopTestRun()
    print(json.dumps([test for test in tests if test[0] != 'stdout']))


if __name__ == '__main__':
    main(sys.argv[1])
