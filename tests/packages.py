# SPDX-License-Identifier: Apache-2.0
"""Packages of a distribution, made of the wheel that is installed here.

The wheel is packed again from its files, so that no test needs what builds
it, and the packages have what the other tests have tested.
"""

import importlib.metadata
import os
import pathlib
import subprocess
import sys
import zipfile

import fixtures

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = str(TOP / 'packaging/build')


def wheel(folder):
    """The installed wheel, as a file in the folder."""
    found = importlib.metadata.distribution('zvm-volume')
    path = pathlib.Path(folder) / ('zvm_volume-%s-py3-none-any.whl'
                                   % found.version)
    with zipfile.ZipFile(path, 'w') as packed:
        for each in found.files:
            if each.parts[0] != '..' and each.suffix != '.pyc':
                packed.write(found.locate_file(each), each)
    return path


class Package(fixtures.Fixture):
    """A package of one kind; ``path`` is its file.

    :param kind: deb or rpm
    :param site: where the distribution has Python's packages, if it is not
        where the kind usually has them
    """

    def __init__(self, kind, site=None):
        super().__init__()
        self._kind = kind
        self._more = {'ZVM_SITE': site} if site else {}

    def _setUp(self):
        folder = self.useFixture(fixtures.TempDir()).path
        done = subprocess.run(
            [BUILD, self._kind, str(wheel(folder)), folder],
            env=dict(os.environ, **self._more), capture_output=True,
            text=True)
        if done.returncode:
            raise AssertionError(done.stderr)
        [self.path] = pathlib.Path(folder).glob('*.' + self._kind)


def program(site, names):
    """Begin of a program that imports from a root's folder and nothing else.

    It is for ``python -I -S``. The folder is filled with links to what this
    environment has except our own, as a distribution would fill it; of the
    packages ``names`` each file is a link, for ours lies among them.
    """
    found = importlib.metadata.distribution('zvm-volume')
    own = {each.parts[0] for each in found.files}
    here = pathlib.Path(found.locate_file(''))
    for path in here.iterdir():
        if path.name in names:
            _link_all(path, site / path.name)
        elif path.name not in own:
            (site / path.name).symlink_to(path)
    return 'import sys; sys.path.insert(0, %r)\n' % str(site)


def _link_all(source, target):
    for folder, _, files in os.walk(source):
        if folder.endswith(('zvm_volume', '__pycache__')):
            continue
        made = target / os.path.relpath(folder, source)
        made.mkdir(parents=True, exist_ok=True)
        for name in files:
            (made / name).symlink_to(os.path.join(folder, name))


def run(text, **options):
    """Runs a program of :func:`program`; its output, with status 0."""
    done = subprocess.run([sys.executable, '-I', '-S', '-c', text],
                          capture_output=True, text=True, timeout=120,
                          **options)
    if done.returncode:
        raise AssertionError(done.stderr[-3000:])
    return done.stdout
