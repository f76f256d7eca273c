# SPDX-License-Identifier: Apache-2.0
"""Where the tests keep their temporary files.

A ledger is synced to its disk at every step, as it must be, and the disks of
simulated LUNs are files: in memory the tests take a third less time.
"""

import contextlib
import os
import shutil
import tempfile

_MEMORY = '/dev/shm'
# Bytes; all that one run keeps at the same time is below 2 GiB.
_ENOUGH = 4 << 30


def _suits(folder):
    """Has it room, and may programs there run?  Not in every container."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return (found.f_bavail * found.f_frsize >= _ENOUGH
            and not found.f_flag & os.ST_NOEXEC
            and os.access(folder, os.W_OK | os.X_OK))


@contextlib.contextmanager
def in_memory():
    """TMPDIR is a folder in memory where that can be; one given stays."""
    if os.environ.get('TMPDIR') or not _suits(_MEMORY):
        yield
        return
    folder = tempfile.mkdtemp(prefix='zvm-tests-', dir=_MEMORY)
    os.environ['TMPDIR'] = folder
    try:
        yield
    finally:
        del os.environ['TMPDIR']
        shutil.rmtree(folder, ignore_errors=True)
