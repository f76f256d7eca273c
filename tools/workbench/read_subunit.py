# SPDX-License-Identifier: Apache-2.0
"""Reads a subunit stream; prints [test, status, reason of a skip], as JSON.

Run under an environment's Python: the base Python has no subunit.
"""

import json
import sys

import subunit
import testtools


def main():
    tests = []

    def note(test):
        if test['status'] != 'exists':
            reason = test['details'].get('reason')
            tests.append([test['id'], test['status'],
                          reason.as_text() if reason else ''])

    result = testtools.StreamToDict(note)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(
        sys.stdin.buffer, non_subunit_name='stdout').run(result)
    result.stopTestRun()
    print(json.dumps([test for test in tests if test[0] != 'stdout']))


if __name__ == '__main__':
    main()
