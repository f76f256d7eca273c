# SPDX-License-Identifier: Apache-2.0
"""Processes for scenarios, with native threads or patched for eventlet.

cinder-volume is patched before anything else is imported, so that this takes
a new interpreter.  A native one is forked from the test's process, which has
imported Cinder once and has no threads: that saves two seconds each.

    python -m tests.functional.cinder.child NAME '{"workdir": ...}'
"""

import atexit
import functools
import gc
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

from cinder import monkey_patch

from tests import forked
from tests.functional.cinder import harness

# Links are not resolved: the packages shall come from where this process has
# them from, not from the sources beside the tests.
_TOP = pathlib.Path(__file__).parents[3]
_LIMIT = 300


def interpreter(name, job):
    """Run a scenario under eventlet.

    :returns: (status as of subprocess, stdout, stderr)
    """
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', __name__, name,
         json.dumps(job)],
        cwd=_TOP, env=dict(os.environ,
                           OS_CINDER_DISABLE_EVENTLET_PATCHING='false'),
        capture_output=True, text=True, timeout=_LIMIT)
    return done.returncode, done.stdout, done.stderr


def fork(name, job):
    """Run a scenario with native threads; returns as interpreter() does."""
    _import_all()
    with tempfile.TemporaryFile('w+') as out, \
            tempfile.TemporaryFile('w+') as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _in_child(name, job)
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return (os.waitstatus_to_exitcode(status), out.read(), err.read())


@functools.cache
def database():
    """An empty database of this release, made once for a test process.

    Cinder's migrations take longer than most that a test does.
    """
    _import_all()
    folder = tempfile.mkdtemp(prefix='zvm-cinder-')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pid = os.fork()
    if pid == 0:
        forked.finish(lambda: harness.Cinder(folder, {}) and 0)
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError('no database could be made in ' + folder)
    return os.path.join(folder, 'cinder.sqlite')


@functools.cache
def _import_all():
    os.environ['OS_CINDER_DISABLE_EVENTLET_PATCHING'] = 'true'
    monkey_patch.patch()        # chooses native threads, for good
    from cinder.common import config  # noqa: F401 registers the options
    from cinder.db import migration  # noqa: F401
    from cinder import objects
    objects.register_all()
    from cinder.volume import manager  # noqa: F401 needs the objects
    # what each child would do again
    import oslo_messaging._drivers.impl_fake  # noqa: F401
    import sqlalchemy.dialects.sqlite  # noqa: F401
    from sqlalchemy import orm
    orm.configure_mappers()

    from cinder_zvm import volumedriver  # noqa: F401
    from tests import shortlived
    shortlived.prepare()
    # a child would look through all of it, and copy it thereby
    gc.collect()
    gc.freeze()


def _in_child(name, job):
    """Never returns into the test that has been copied."""
    warnings.simplefilter('ignore')
    sys.stdout = open(1, 'w', closefd=False)
    sys.stderr = open(2, 'w', closefd=False)
    forked.finish(lambda: _run(name, job))


def _run(name, job):
    from tests.functional.cinder import scenarios
    scenarios.run(name, job)


if __name__ == '__main__':
    monkey_patch.patch()
    _run(sys.argv[1], json.loads(sys.argv[2]))
