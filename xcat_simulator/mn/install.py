# SPDX-License-Identifier: Apache-2.0
"""The MN's own folder /install, and the tables that describe its images.

Paths come from requests ("../../etc"), and the zHCP writes what lies below:
no path leads out of the simulator's folder, by .. or by a link.
"""

import contextlib
import os
import shutil
import stat
import threading

from xcat_simulator import kept
from xcat_simulator import nodes

ROOT = '/install'
FOLDER = 'mn'                 # below the simulator's own folder
# What the MN exports, and whether the zHCP may write there.
EXPORTS = {'staging': True, 'raw': False}
COLUMNS = {
    'osimage': tuple(
        'imagename groups profile imagetype description provmethod '
        'rootfstype nfsrootopts osdistroname osupdatename cfmdir osname '
        'osvers osarch synclists postscripts postbootscripts serverrole '
        'isdeletable kitcomponents environvar comments disable'.split()),
    'linuximage': tuple(
        'imagename template boottarget addkcmdline pkglist pkgdir '
        'otherpkglist otherpkgdir exlist postinstall rootimgdir kerneldir '
        'nodebootif otherifce netdrivers kernelver krpmver permission dump '
        'crashkernelsize partitionfile driverupdatesrc comments '
        'disable'.split()),
}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Tree:
    """The MN's files below `folder`/mn; paths are as the MN has them.

    `name` is the MN's. What is not there, or behind a link, raises OSError.
    """

    def __init__(self, folder, name):
        self._top = os.path.join(os.path.realpath(folder), FOLDER)
        self._name = name
        os.makedirs(self._top, exist_ok=True)

    def mounted(self, name):
        """Where a zHCP has a folder of /install."""
        return '/mnt/%s%s/%s' % (self._name, ROOT, name)

    def exports(self):
        """{path on the zHCP: (path of the host, may it be written)}."""
        found = {}
        for name, writable in EXPORTS.items():
            self.make('%s/%s' % (ROOT, name))
            found[self.mounted(name)[1:]] = (
                os.path.join(self._top, ROOT[1:], name), writable)
        return found

    @contextlib.contextmanager
    def _open(self, parts, make=False):
        """A descriptor of the folder that is reached by these names."""
        found = os.open(self._top, _FOLDER)
        try:
            for part in parts:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=found)
                inner = os.open(part, _FOLDER, dir_fd=found)
                os.close(found)
                found = inner
            yield found
        finally:
            os.close(found)

    def make(self, path):
        """mkdir -p"""
        with self._open(_parts(path), make=True):
            pass

    def remove(self, path):
        """Remove a folder with all that is in it; one that is not is fine."""
        *parents, name = _parts(path) or ['']
        with contextlib.suppress(FileNotFoundError):
            with self._open(parents) as parent:
                if stat.S_ISLNK(os.lstat(name, dir_fd=parent).st_mode):
                    os.unlink(name, dir_fd=parent)
                else:
                    shutil.rmtree(name, dir_fd=parent)

    def names(self, path, suffix=''):
        """Sorted names in a folder, as a shell's * finds them."""
        try:
            with self._open(_parts(path)) as found:
                return sorted(name for name in os.listdir(found)
                              if name.endswith(suffix)
                              and not name.startswith('.'))
        except OSError:
            return []       # no folder, no names

    def move(self, source, target, name):
        """Move a file from one folder to another, over one of its name."""
        with (self._open(_parts(source)) as here,
              self._open(_parts(target)) as there):
            os.rename(name, name, src_dir_fd=here, dst_dir_fd=there)


def _parts(path):
    """The names of a path from the top: .. never leads above it."""
    path = os.path.normpath('/' + path.partition('\0')[0])
    return [part for part in path.split('/') if part]


class Tables(kept.Kept):
    """xCAT's tables osimage and linuximage: rows by image name."""

    def __init__(self):
        self._lock = threading.Lock()
        self._rows = {name: {} for name in COLUMNS}

    def described(self):
        return self._rows

    def restore(self, found):
        self._rows = found

    def set(self, table, imagename, **values):
        """Add a row, or change these columns of it."""
        with self._lock:
            row = self._rows[table].setdefault(imagename, {})
            row.update(values, imagename=imagename)
            self.changed()

    def rows(self, table):
        with self._lock:
            return [dict(row) for row in self._rows[table].values()]

    def dump(self, table):
        """The table as tabdump prints it: a list of lines."""
        return nodes.dumped(COLUMNS[table], self.rows(table))
