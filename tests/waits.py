# SPDX-License-Identifier: Apache-2.0
"""Waiting on conditions."""

import time


def until(condition, seconds=30, pause=0.02):
    """Wait for it; a test that waits in vain fails.

    :param pause: seconds between two looks
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError('it never happened')
        time.sleep(pause)
