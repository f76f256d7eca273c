# SPDX-License-Identifier: Apache-2.0
"""Reads a subunit stream; prints [test, status, reason, seconds], as JSON.

The reason is that of a skip, or what a failure left: its last traceback.

Run under an environment's Python: the base Python has no subunit.
"""

import json
import sys

import subunit
import testtools


def _reason(test):
    texts = [content.as_text() for name, content in test['details'].items()
             if name.startswith(('reason', 'traceback'))]
    return texts[-1].strip() if texts else ''


def _seconds(timestamps):
    if None in timestamps or len(timestamps) < 2:
        return 0.0
    return (timestamps[-1] - timestamps[0]).total_seconds()


def main():
    tests = []

    def note(test):
        if test['status'] != 'exists':
            tests.append([test['id'], test['status'], _reason(test),
                          _seconds(test['timestamps'])])

    result = testtools.StreamToDict(note)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(
        sys.stdin.buffer, non_subunit_name='stdout').run(result)
    result.stopTestRun()
    print(json.dumps([test for test in tests if test[0] != 'stdout']))


if __name__ == '__main__':
    main()
