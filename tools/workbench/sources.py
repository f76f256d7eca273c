# SPDX-License-Identifier: Apache-2.0
"""The project's files: which they are, their hash, the wheel made of them."""

import hashlib
import os
import pathlib
import shutil
import subprocess

import words

PACKAGES = ('cinder_zvm', 'nova_zvm_volume', 'nova', 'zvm_common',
            'xcat_simulator')
BUILD_FILES = ('LICENSE', 'README.rst', 'pyproject.toml', 'requirements.txt',
               'setup.cfg', 'setup.py')


def _git(root, *arguments, **options):
    return subprocess.run(('git', *arguments), cwd=root, check=True,
                          capture_output=True, text=True, **options).stdout


def is_clone(root):
    return (root / '.git').exists()


def listing(root):
    """Relative paths of all files that belong to the project, sorted.

    In a clone those that git tracks and new ones it does not ignore; in an
    unpacked tarball whatever is there except dot-folders.
    """
    if is_clone(root):
        try:
            text = _git(root, 'ls-files', '-z', '--cached', '--others',
                        '--exclude-standard')
        except subprocess.CalledProcessError as error:
            raise words.Stop('git ls-files failed: %s'
                             % error.stderr.strip()) from error
        found = {name for name in text.split('\0') if name}
    else:
        found = {str(path.relative_to(root)) for path in root.rglob('*')}
        found = {name for name in found if '__pycache__' not in name
                 and not (name.startswith('.') and '/' in name)}
    return sorted(name for name in found if (root / name).is_file())


def packaged(root):
    """Those of the files that shape the wheel."""
    return [name for name in listing(root)
            if name in BUILD_FILES or name.split('/')[0] in PACKAGES]


def digest(root):
    """A hash over names, modes and contents of the packaged files."""
    total = hashlib.sha256()
    for name in packaged(root):
        path = root / name
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        runs = os.access(path, os.X_OK)
        total.update(('%s %d %s\n' % (name, runs, content)).encode())
    return total.hexdigest()[:16]


def check_version(root):
    """Refuses a tree whose version nobody knows."""
    if not is_clone(root) and not os.environ.get('PBR_VERSION'):
        raise words.Stop('this is no git clone, so the version is unknown: '
                         'set PBR_VERSION, such as PBR_VERSION=0.1.0')


def _stage(root, folder):
    """Copies the packaged files: a build leaves its traces in the copy.

    pbr takes data files and the version from git; the copy points it to the
    clone's own repository, which the build only reads.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for name in packaged(root):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)
    if is_clone(root):
        where = _git(root, 'rev-parse', '--absolute-git-dir').strip()
        (folder / '.git').write_text('gitdir: %s\n' % where)
        return
    _git(folder, 'init', '--quiet')
    _git(folder, 'add', '--all', '--force')


def wheel(root, python, folder, log):
    """Builds the wheel with the given Python's pbr; returns its path."""
    source = folder / 'source'
    _stage(root, source)
    target = folder / 'wheel'
    shutil.rmtree(target, ignore_errors=True)
    command = [str(python), '-m', 'pip', 'wheel', '--no-deps',
               '--no-build-isolation', '--wheel-dir', str(target),
               str(source)]
    with open(log, 'a') as output:
        done = subprocess.run(command, stdout=output, stderr=output,
                              stdin=subprocess.DEVNULL)
    found = list(pathlib.Path(target).glob('zvm_volume-*.whl'))
    if done.returncode or len(found) != 1:
        raise words.Stop('building the wheel failed, from %s:\n%s'
                         % (log, words.tail(log)))
    return found[0]
