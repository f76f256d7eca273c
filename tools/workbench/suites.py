# SPDX-License-Identifier: Apache-2.0
"""Runs tests against the installed wheel, from a folder without the sources.

The folder holds links to the tests of one kind for one environment.  So the
packages can only come from site-packages, and no test module of another
environment is imported in the search for tests.
"""

import json
import os
import pathlib
import shutil
import subprocess

import counts
import words

# Those of other kinds (reliability) use all folders of tests.
KINDS = ('unit', 'functional', 'conformance')
# Tests of all other folders need no OpenStack and belong to main.
OPENSTACK = ('cinder', 'nova')
WORKERS = '3'
# Seconds; a suite that takes longer hangs.
LIMIT = 1800

_here = pathlib.Path(__file__).resolve().parent


def _link(source, folder, leave_out=()):
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.name not in leave_out and path.name != '__pycache__':
            (folder / path.name).symlink_to(path)


class Suite:
    """The tests of one kind for one environment.

    :param surroundings: more variables of the environment
    :param workers: how many tests run at the same time
    """

    def __init__(self, root, kind, environment, python, surroundings=(),
                 workers=WORKERS):
        self._root = root
        self._more = dict(surroundings)
        self._workers = str(workers)
        self._environment = environment
        self.kind = kind
        self.python = str(python)
        self.folder = root / '.zvm' / 'run' / ('%s-%s' % (kind, environment))

    @property
    def _tests(self):
        own = self._root / 'tests' / self.kind
        if self._environment in OPENSTACK:
            return [own / self._environment]
        return [path for path in own.glob('*') if path.name not in OPENSTACK]

    def has_tests(self):
        return any(path.match('test_*.py') or any(path.rglob('test_*.py'))
                   for path in self._tests)

    def lay_out(self):
        """Makes the folder anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shared = self.kind not in KINDS
        _link(self._root / 'tests', self.folder / 'tests',
              () if shared else KINDS)
        shutil.copy(self._root / '.stestr.conf', self.folder)
        if not shared:
            self._lay_out_kind()

    def _lay_out_kind(self):
        kind = self.folder / 'tests' / self.kind
        kind.mkdir()
        for path in [self._root / 'tests' / self.kind / '__init__.py',
                     *self._tests]:
            target = kind / path.name
            if path.exists() and not target.is_symlink():
                target.symlink_to(path)

    def _surroundings(self):
        env = {name: value for name, value in os.environ.items()
               if name not in ('PYTHONPATH', 'PYTHONHOME')}
        env['TEST_PATH'] = './tests/' + self.kind
        env['PYTHONNOUSERSITE'] = '1'
        # stestr starts its workers with this one.
        env['PYTHON'] = self.python
        # Console scripts of the environment, zvm-simulator among them.
        env['PATH'] = '%s:%s' % (pathlib.Path(self.python).parent,
                                 env.get('PATH', os.defpath))
        return dict(env, **self._more)

    def start(self, arguments, errors=None, output=None):
        """Starts stestr in the folder, with a process group of its own.

        :param errors: file for what tests and workers write to stderr
        :param output: file for what stestr says; without it what we say to
        """
        command = [self.python, '-m', 'stestr', 'run', '--concurrency',
                   self._workers, '--abbreviate', *arguments]
        return subprocess.Popen(command, cwd=self.folder,
                                env=self._surroundings(),
                                stdin=subprocess.DEVNULL,
                                stdout=output or words.stream, stderr=errors,
                                start_new_session=True)

    def run_module(self, name, arguments):
        """Runs a module of the tests as a program; its exit status."""
        self.lay_out()
        return subprocess.run([self.python, '-m', name, *arguments],
                              cwd=self.folder, stdin=subprocess.DEVNULL,
                              env=self._surroundings()).returncode

    def results(self):
        """[test, status, reason of a skip] of each test of the last run."""
        stream = self._ask(['-m', 'stestr', 'last', '--subunit'])
        answer = self._ask([str(_here / 'read_subunit.py')], input=stream)
        return json.loads(answer or '[]')

    def _ask(self, arguments, **options):
        return subprocess.run([self.python, *arguments], cwd=self.folder,
                              stdout=subprocess.PIPE, **options).stdout


def wait(process):
    """The exit status; None when the limit ran out and it was killed."""
    try:
        return process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        words.say('no end after %d s: killed' % LIMIT)
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()


def run(suite, regex=None, options=()):
    """Runs the suite; returns its counts.

    :param options: further words for stestr run
    Without a regex a suite in which no test ran has failed.
    """
    suite.lay_out()
    log = suite.folder / 'stderr.log'
    with open(log, 'w') as errors:
        status = wait(suite.start(
            [*options, *([regex] if regex else [])], errors))
    results = suite.results()
    found = counts.Counts.from_statuses(result[1] for result in results)
    for reason in sorted({result[2] for result in results
                          if result[1] == 'skip'}):
        words.say('skipped: ' + reason)
    if regex and not found.total:
        return found
    if not found.total:
        words.say('no test ran')
    if status != 0 and not found.failed or not found.total:
        # A worker that died or an import that failed names no test.
        words.say(words.tail(log))
        found += counts.Counts(failed=1)
    return found


def plain(suite, arguments):
    """Runs the suite with stestr's own arguments; its exit status."""
    suite.lay_out()
    status = wait(suite.start(arguments))
    return 1 if status is None else status
