# SPDX-License-Identifier: Apache-2.0
"""The MN's own machine: its name, its files, the names that it resolves."""

import re
import threading

from xcat_simulator import kept
from xcat_simulator.machine import distro

RELEASE = '/etc/os-release'
# That of the recordings. Where the MN's release is none that xCAT knows,
# it configures nothing in a guest that would outlive a reboot.
DEBIAN = {RELEASE: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
                   'NAME="Debian GNU/Linux"\nVERSION_ID="12"\n'
                   'VERSION="12 (bookworm)"\nID=debian\n',
          '/etc/debian_version': '12.5\n',
          '/etc/issue': 'Debian GNU/Linux 12 \\n \\l\n\n'}


class Local(kept.Kept):
    """The MN itself. `files` maps an absolute path to a text.

    Names come from etc/hosts, which has a line for each node that is there
    at the start, and from a name server that knows all nodes. What xCAT
    takes out of etc/hosts is not resolved until it is defined anew.
    """

    def __init__(self, hosts=(), name='mn', system=None):
        self.name = name
        self.files = _release(system)
        self._hosts = [' '.join(words) for words in hosts]
        self._lost = set()
        self._lock = threading.Lock()

    def described(self):
        return {'files': dict(self.files), 'hosts': self._hosts,
                'lost': sorted(self._lost)}

    def restore(self, found):
        self.files, self._hosts = found['files'], found['hosts']
        self._lost = set(found['lost'])

    def add_file(self, path, text):
        """Write a file that stays."""
        with self._lock:
            self.files[path] = text
            self.changed()

    def resolves(self, name):
        with self._lock:
            return name not in self._lost

    def learn(self, name):
        """A node of that name is defined anew."""
        with self._lock:
            self._lost.discard(name)
            self.changed()

    def forget(self, name):
        """sed -i /NAME./d /etc/hosts: also NAME1, and what contains it."""
        pattern = re.compile(re.escape(name) + '.')
        with self._lock:
            for line in filter(pattern.search, list(self._hosts)):
                self._hosts.remove(line)
                self._lost.update(line.split()[1:])
            self.changed()


def _release(system):
    """The release files of a distribution by its name; None: Debian."""
    if system is None:
        return dict(DEBIAN)
    return {'/' + path: text for path, text
            in distro.find(system).release_files().items()}


def hosts(definitions):
    """The words of the lines of etc/hosts for {node: its attributes}."""
    for name, attributes in definitions.items():
        yield [attributes.get('ip') or '192.0.2.254', name] + (
            attributes.get('hostnames') or name).split(',')
