# SPDX-License-Identifier: Apache-2.0
"""Where a cloud keeps its files, and on which ports its services listen."""

import functools
import importlib
import json
import os
import pathlib
import secrets
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What all tools share, after this folder's own modules.
sys.path.append(str(ROOT / 'tools' / 'workbench'))
words = importlib.import_module('words')
# What the person who called must read; its text is all there is.
Stop = words.Stop
ADDRESS = '127.0.0.1'
REGION = 'RegionOne'
# The usual port of each; the cloud's own offset is added. Erlang's is 25672
# elsewhere: with an offset that is one which the kernel gives to connections.
PORTS = {'mariadb': 3306, 'epmd': 4369, 'keystone': 5000, 'rabbitmq': 5672,
         'simulator': 8443, 'nova': 8774, 'cinder': 8776, 'placement': 8778,
         'connector1': 9081, 'connector2': 9082, 'glance': 9292,
         'neutron': 9696, 'erlang': 5673}
# mariadbd refuses a socket whose path is longer (sun_path of unix(7)).
_SOCKET_LENGTH = 107


class Place:
    """One cloud: everything below one folder, all ports by one offset.

    :param folder: path of the folder; it need not exist
    :param offset: what is added to the usual port of each service
    """

    def __init__(self, folder, offset):
        self.folder = pathlib.Path(folder).resolve()
        self.offset = offset
        self.etc = self.folder / 'etc'
        self.log = self.folder / 'log'
        self.run = self.folder / 'run'
        self.state = self.folder / 'state'
        self.bin = self.folder / 'bin'
        # The virtual environment that all of OpenStack runs in.
        self.python = pathlib.Path(sys.executable)
        self.scripts = self.python.parent
        self.data = pathlib.Path(sys.prefix) / 'etc'

    @classmethod
    def here(cls):
        """The one that ZVM_CLOUD_DIR and ZVM_CLOUD_PORTS name."""
        folder = os.environ.get('ZVM_CLOUD_DIR') or ROOT / '.zvm' / 'cloud'
        text = os.environ.get('ZVM_CLOUD_PORTS') or '10000'
        if not text.isdigit() or not 0 <= int(text) <= 39000:
            raise Stop('ZVM_CLOUD_PORTS is what is added to the usual ports, '
                       '0 to 39000, not %r' % text)
        found = cls(folder, int(text))
        if len(str(found.socket)) > _SOCKET_LENGTH:
            raise Stop('%s is too long for a socket of MariaDB: name a '
                       'shorter folder in ZVM_CLOUD_DIR' % found.socket)
        return found

    @property
    def socket(self):
        return self.run / 'mysql.sock'

    @property
    def clouds(self):
        """clouds.yaml for the openstack client and openstacksdk."""
        return self.etc / 'clouds.yaml'

    def make(self):
        """Makes the folders, for this user alone: they hold passwords."""
        for folder in (self.folder, self.etc, self.log, self.run, self.state,
                       self.bin):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)

    def port(self, name):
        return PORTS[name] + self.offset

    def url(self, name, path=''):
        return 'http://%s:%d%s' % (ADDRESS, self.port(name), path)

    def conf(self, service, name=None):
        """Path of a configuration file, such as etc/cinder/cinder.conf."""
        return self.etc / service / (name or service + '.conf')

    @functools.cached_property
    def passwords(self):
        """{what: password}, made once for each cloud."""
        file = self.state / 'passwords.json'
        if not file.exists():
            made = {name: secrets.token_hex(16)
                    for name in ('admin', 'service', 'database', 'queue')}
            with open(file, 'x', opener=_private) as output:
                json.dump(made, output)
        return json.loads(file.read_text())

    def database(self, name):
        return 'mysql+pymysql://root:%s@%s:%d/%s' % (
            self.passwords['database'], ADDRESS, self.port('mariadb'), name)

    @property
    def queue(self):
        return 'rabbit://zvm:%s@%s:%d/' % (
            self.passwords['queue'], ADDRESS, self.port('rabbitmq'))

    @property
    def initialised(self):
        """A file that is there when databases and users are made."""
        return self.state / 'initialised'


def _private(path, flags):
    return os.open(path, flags, 0o600)


def write(path, text):
    """Writes a file for this user alone, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + '.new')
    new.unlink(missing_ok=True)
    with open(new, 'x', opener=_private) as output:
        output.write(text)
    new.rename(path)
