# SPDX-License-Identifier: Apache-2.0
"""The end of a process that was forked from a test or its helper."""

import os
import sys
import traceback


def finish(work):
    """Do the work and end; never returns into what has been copied.

    :param work: without parameters; returns the exit status, None for 0
    """
    status = 1
    try:
        status = work() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
