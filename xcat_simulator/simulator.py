# SPDX-License-Identifier: Apache-2.0
"""A running simulator: world, journal and servers together."""

import dataclasses
import fcntl
import hmac
import ipaddress
import json
import os
import secrets
import shutil

from xcat_simulator import admin
from xcat_simulator import certificates
from xcat_simulator import connector
from xcat_simulator import faults
from xcat_simulator import httpd
from xcat_simulator import journal
from xcat_simulator import kept
from xcat_simulator.machine import whole
from xcat_simulator.mn import daemon
from xcat_simulator.mn import wsapi
from xcat_simulator import spec
from xcat_simulator import world

LOOPBACK = '127.0.0.1'
MARKER = '.zvm-simulator'
READY = 'ports.json'
PASSWORD = 'password'
ANEW = ('ca.pem', READY)
MADE = ANEW + (PASSWORD, 'luns', 'mn', 'nodes', kept.FOLDER)


class FolderError(Exception):
    """The folder for the state cannot be used; the message says why."""


class Folder:
    """The state folder, emptied of an earlier run and locked for this one.

    Only a folder that was empty or that a simulator marked is touched.
    keep: a world that an earlier run has finished is left in it.
    """

    def __init__(self, path, keep=False):
        self.path = os.path.realpath(path)
        os.makedirs(self.path, exist_ok=True)
        marker = os.path.join(self.path, MARKER)
        if os.listdir(self.path) and not os.path.exists(marker):
            raise FolderError('%s is not empty and not of a simulator'
                              % self.path)
        self._lock = open(marker, 'w', encoding='ascii')
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            self._lock.close()
            raise FolderError('another simulator uses %s'
                              % self.path) from e
        for name in ANEW if keep and kept.is_whole(self.path) else MADE:
            self.remove(name)

    def write(self, name, text, mode=0o644):
        whole.write(os.path.join(self.path, name), text.encode(), mode)

    def read(self, name):
        """A file's text, None when it is not there."""
        try:
            with open(os.path.join(self.path, name),
                      encoding='utf-8') as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    def remove(self, name):
        _remove(os.path.join(self.path, name))

    def close(self):
        self._lock.close()


def _remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def is_loopback(address):
    """Does a server on that address serve this machine alone?"""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == 'localhost'


class Simulator:
    """Serves a spec.Spec until `stop`.

    `password` is None on a loopback address; elsewhere it is the generated
    one, which every user has instead of the world file's. With `keep` the
    world that an earlier run has left in the folder goes on.
    """

    def __init__(self, wanted, folder, port, address=LOOPBACK, keep=False):
        self.password = None
        self._servers = []
        self._faults = None
        self._folder = Folder(folder, keep)
        self._world = None
        try:
            if not is_loopback(address):
                wanted = self._with_password(wanted)
            self._world = world.World(wanted, self._folder.path)
            if self.password is None:
                self._folder.remove(PASSWORD)
            self._open(port, address)
        except BaseException:
            self.stop()
            raise

    def _with_password(self, wanted):
        self.password = (self._folder.read(PASSWORD) or '').strip() or (
            secrets.token_urlsafe(18))
        self._folder.write(PASSWORD, self.password + '\n', 0o600)
        return dataclasses.replace(wanted, users={
            name: dataclasses.replace(user, password=self.password)
            for name, user in wanted.users.items()})

    def _open(self, port, address):
        self.journal = journal.Journal()
        self._faults = faults.Faults(self.journal, ['mn'] + [
            'connector ' + name for name in self._world.hosts])
        connectors = {
            host: self._recording(
                connector.Application(host, self._world.store),
                'connector ' + host.name)
            for host in self._world.hosts.values()
            if host.connector_port is not None}
        names = certificates.names_for(address)
        server = httpd.Server(address, port, self._application(connectors),
                              certificates.make(self._folder.path, names))
        self._servers.append(server)
        self.port = server.port
        self.connectors = {}
        for host, application in connectors.items():
            if host.connector_port != spec.SAME:
                # It knows no credentials: never on another address.
                server = httpd.Server(LOOPBACK, host.connector_port,
                                      application)
                self._servers.append(server)
                self.connectors[host.name] = server.port
            else:
                self.connectors[host.name] = self.port

    def _application(self, connectors):
        """What answers on the MN's port: the first part of a path decides."""
        answering = {
            wsapi.ROOT: self._recording(
                wsapi.Application(daemon.Daemon(self._world)), 'mn'),
            admin.ROOT: self._guarded(admin.Application(
                self._world, self.journal, self._faults))}
        for host, application in connectors.items():
            if host.connector_port == spec.SAME:
                answering.update(dict.fromkeys(
                    connector.ROOTS, self._guarded(application)))

        def application(request):
            top = '/' + request.path.lstrip('/').partition('/')[0]
            if top not in answering:
                return httpd.Response.page(404)
            return answering[top](request)
        return application

    def _recording(self, application, server):
        """The application with its faults, all that it is asked noted."""
        return self.journal.recording(
            self._faults.around(application, server), server)

    def _guarded(self, application):
        """The application, for this machine or with a user's credentials."""
        def guarded(request):
            if not (is_loopback(request.client) or self._may_ask(
                    request.headers.get('userName'),
                    request.headers.get('password'))):
                return httpd.Response.page(401)
            return application(request)
        return guarded

    def _may_ask(self, username, password):
        user = self._world.users.get(username or '')
        return user is not None and hmac.compare_digest(
            (password or '').encode('utf-8', 'replace'),
            user.password.encode())

    @property
    def goes_on(self):
        """Is the world that of an earlier run?"""
        return self._world.goes_on

    def start(self):
        """Begin to serve, then say in ports.json where."""
        for server in self._servers:
            server.start()
        self._folder.write(READY, json.dumps(
            {'mn': self.port, 'connectors': self.connectors}) + '\n')

    def stop(self):
        """Stop serving and end everything that runs in the world."""
        for server in self._servers:
            server.stop()
        if self._faults is not None:
            self._faults.stop()
        if self._world is not None:
            self._world.stop()
        self._folder.remove(READY)
        self._folder.close()
