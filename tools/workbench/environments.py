# SPDX-License-Identifier: Apache-2.0
"""Virtual environments under .zvm: made once, marked, made anew on change."""

import concurrent.futures
import configparser
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib

import sources
import words

# The extras that each environment gets beside requirements.txt.  Cinder and
# Nova register the same global options, so each has its own.
EXTRAS = {
    'main': ('test', 'demo', 'pep8', 'docs'),
    'cinder': ('test', 'test_cinder', 'cinder'),
    'nova': ('test', 'test_nova', 'nova'),
    # Whole services, each a process of its own, may share one.
    'cloud': ('test', 'cinder', 'nova', 'cloud'),
    'tempest': ('tempest',),
}
NAMES = ('main', 'cinder', 'nova')


def _lines(text):
    lines = (line.partition('#')[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def requirements(root, name):
    """The requirement lines of one environment, from the project's files."""
    found = _lines((root / 'requirements.txt').read_text())
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(root / 'setup.cfg')
    for extra in EXTRAS[name]:
        found += _lines(parser['extras'][extra])
    if name == 'main':
        project = tomllib.loads((root / 'pyproject.toml').read_text())
        found += project['build-system']['requires']
    return sorted(set(found))


def fingerprint(needed):
    """Names an environment's contents: this Python and the requirements."""
    base = [os.path.realpath(sys.executable), sys.version]
    return hashlib.sha256('\n'.join(base + needed).encode()).hexdigest()


class Environment:
    """One virtual environment; finished when its stamp says so."""

    def __init__(self, root, work, name):
        self.name = name
        self.folder = work / 'env' / name
        self.python = self.folder / 'bin' / 'python'
        self.log = work / 'logs' / ('install-%s.log' % name)
        self._needed = requirements(root, name)
        self._stamp = self.folder / 'finished'
        self._project = self.folder / 'project'

    @staticmethod
    def _read(path):
        try:
            return path.read_text()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def is_finished(self):
        return (self._read(self._stamp) == fingerprint(self._needed)
                and self.python.exists())

    def has_project(self, digest):
        return self._read(self._project) == digest

    def _run(self, *command):
        with open(self.log, 'a') as output:
            output.write('+ %s\n' % ' '.join(command))
            output.flush()
            done = subprocess.run(command, stdout=output, stderr=output,
                                  stdin=subprocess.DEVNULL)
        if done.returncode:
            raise words.Stop('%s failed, from %s:\n%s' % (
                ' '.join(command[:4]), self.log, words.tail(self.log)))

    def clear(self):
        """Removes what cannot be used, and says why."""
        if not self.folder.exists():
            return
        if self._read(self._stamp) is None:
            words.say('removing the half-made environment %s' % self.name)
        else:
            words.say('the requirements of environment %s changed' % self.name)
        # Its stamp goes first: a removal cut short leaves a half-made one.
        self._stamp.unlink(missing_ok=True)
        shutil.rmtree(self.folder)

    def make(self):
        self.clear()
        began = time.monotonic()
        self.log.unlink(missing_ok=True)
        words.say('making the environment %s (log: %s)'
                  % (self.name, self.log))
        self._run(sys.executable, '-m', 'venv', str(self.folder))
        listed = self.folder / 'requirements.txt'
        listed.write_text('\n'.join(self._needed) + '\n')
        # Not compiled beforehand: most of OpenStack is never imported here.
        self._run(str(self.python), '-m', 'pip', 'install', '--no-compile',
                  '--progress-bar', 'off', '--requirement', str(listed))
        self._stamp.write_text(fingerprint(self._needed))
        words.say('environment %s is ready after %d s'
                  % (self.name, time.monotonic() - began))

    def install(self, wheel, digest):
        self._project.unlink(missing_ok=True)
        # The version need not change with the sources, hence --force.
        self._run(str(self.python), '-m', 'pip', 'install', '--quiet',
                  '--force-reinstall', '--no-deps', str(wheel))
        self._project.write_text(digest)


class Bench:
    """The folder .zvm of one source tree."""

    def __init__(self, root):
        self.root = root
        self.work = root / '.zvm'
        self.logs = self.work / 'logs'
        self.logs.mkdir(parents=True, exist_ok=True)
        self.all = {name: Environment(root, self.work, name)
                    for name in EXTRAS}

    @contextlib.contextmanager
    def lock(self, name, holder, shared=False):
        """Waits for a lock of this tree; yields the open lock file."""
        with open(self.work / name, 'a') as file:
            wanted = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            try:
                fcntl.flock(file, wanted | fcntl.LOCK_NB)
            except BlockingIOError:
                words.say('waiting for %s to end' % holder)
                fcntl.flock(file, wanted)
            yield file

    @contextlib.contextmanager
    def ready(self, names):
        """Environments with the project's wheel, kept so until the end.

        Held shared while they are used and alone while they are made.
        """
        if os.environ.get('ZVM_BENCH_IS_READY'):
            yield
            return
        while True:
            with self.lock('environments.lock', 'an installation', True):
                if not self._missing(names)[1]:
                    yield
                    return
            with self.lock('environments.lock', 'other runs'):
                self._make(names)

    def _missing(self, names):
        """The digest of the sources, and what is not as it should be."""
        digest = sources.digest(self.root)
        return digest, [one for name, one in self.all.items()
                        if name in names and not (one.is_finished()
                                                  and one.has_project(digest))]

    def _make(self, names):
        sources.check_version(self.root)
        # The wheel is built with main's pbr.
        unmade = [one for name, one in self.all.items()
                  if name in {*names, 'main'} and not one.is_finished()]
        _each(Environment.make, unmade)
        digest, without = self._missing(names)
        if not without:
            return
        words.say('building and installing the wheel')
        wheel = sources.wheel(self.root, self.all['main'].python,
                              self.work / 'build', self.logs / 'wheel.log')
        _each(lambda one: one.install(wheel, digest), without)


def _each(action, things):
    with concurrent.futures.ThreadPoolExecutor(len(EXTRAS)) as pool:
        running = [pool.submit(action, thing) for thing in things]
        for one in running:
            one.result()
