# SPDX-License-Identifier: Apache-2.0
"""The world that the simulator serves: LPARs, nodes, users."""

import os

from xcat_simulator import build
from xcat_simulator import kept
from xcat_simulator.mn import install
from xcat_simulator.mn import local
from xcat_simulator import nodes

POOLS = 'var/opt/zhcp/zfcp'
KEPT_LPAR = 'lpar-'
HEADER = '#status,wwpn,lun,size,range,owner,channel,tag'


class Host(kept.Kept):
    """An LPAR as the MN knows it: the machine and its zHCP's names."""

    def __init__(self, spec, lpar):
        self.name = spec.name
        self.lpar = lpar
        self.zhcp_node = spec.zhcp.node
        self.zhcp_hostname = spec.zhcp.hostname
        self.zhcp_up = True       # False: no ssh hop to it succeeds
        self.pause = 0.0          # seconds between two ssh hops
        # Do guests that the Cloud Connector deploys trust the MN's ssh key,
        # do they run iucvserd for the zHCP?
        self.deploys_ssh, self.deploys_iucv = True, False
        self.connector_port = spec.connector_port
        # User IDs that the Cloud Connector made and answers for.
        self.managed = {guest.userid for guest in spec.guests
                        if not guest.is_node}
        lpar.changed = self.changed

    def described(self):
        """The user directory: the guests, also those that the MN forgot."""
        with self.lpar.lock:
            return {'guests': {userid: guest.described() for userid, guest
                               in self.lpar.guests.items()},
                    'managed': sorted(self.managed)}

    def restore(self, found):
        """The guests are there already: build.lpar has defined them."""
        self.managed = set(found['managed'])

    @property
    def zhcp(self):
        """The zHCP's virtual machine."""
        return self.lpar.guests[self.lpar.zhcp_userid]

    @property
    def reachable(self):
        return self.zhcp_up and self.zhcp.power == 'on'

    @property
    def pool_folder(self):
        return os.path.join(self.zhcp.linux.folder, POOLS)

    def pool_text(self, name):
        """The text of a pool file, None when there is no such file."""
        try:
            with open(os.path.join(self.pool_folder, name + '.conf'),
                      encoding='utf-8', errors='surrogateescape',
                      newline='') as stream:
                return stream.read()
        except OSError:
            return None

    def pool_texts(self):
        """Pool name -> text of each *.conf file; dot-files are temporary."""
        try:
            names = sorted(os.listdir(self.pool_folder))
        except OSError:
            names = []
        texts = {name[:-5]: self.pool_text(name[:-5]) for name in names
                 if name.endswith('.conf') and not name.startswith('.')}
        return {name: text for name, text in texts.items()
                if text is not None}


class World:
    """Everything that is served; made from a spec.Spec in `folder`.

    A whole world of an earlier run that is there goes on: `goes_on`.
    """

    def __init__(self, spec, folder):
        self.folder = folder
        self.store = kept.Store(folder)
        origin = kept.origin(spec)
        self.goes_on = self.store.goes_on(origin)
        self.version = spec.version
        self.sudoer = spec.sudoer
        self.users = dict(spec.users)
        self.nodes = _node_table(spec)
        self.local = local.Local(local.hosts(self.nodes.definitions()),
                                 spec.name, spec.distro)
        self.install = install.Tree(folder, self.local.name)
        self.images = install.Tables()
        self.hosts = {}
        disks = build.Disks(os.path.join(folder, 'luns'), spec.lpars)
        try:
            for each in spec.lpars:
                self._add(each, disks)
            self._keep(origin)
        except BaseException:
            self.stop()
            raise

    def _add(self, spec, disks):
        """An LPAR comes up: its zHCP; of a new world the guests too."""
        found = self.store.read(KEPT_LPAR + spec.name) or {}
        lpar = build.lpar(spec, self.folder, disks, self.install.exports(),
                          found.get('guests'))
        host = self.hosts[spec.name] = Host(spec, lpar)
        if not self.goes_on:
            _write_pools(host, spec)
        if spec.grows:
            lpar.storage.more = build.Added(host, disks.folder)
        host.zhcp.power_on()
        if not self.goes_on:
            build.power_guests(spec, lpar)

    def _keep(self, origin):
        """Take what was written down, and write each change from now on."""
        self.nodes.keep(self.store, 'nodes')
        self.local.keep(self.store, 'local')
        self.images.keep(self.store, 'images')
        for name, host in self.hosts.items():
            host.keep(self.store, KEPT_LPAR + name)
        self.store.write(kept.ORIGIN, origin)

    def host_of(self, node):
        """The Host that manages a node, None when its hcp is unknown."""
        attributes = self.nodes.get(node) or {}
        for host in self.hosts.values():
            if host.zhcp_hostname == attributes.get('hcp'):
                return host
        return None

    def machine_of(self, node):
        """The virtual machine behind a node; None when there is none."""
        host = self.host_of(node)
        userid = (self.nodes.get(node) or {}).get('userid')
        if host is None or not userid:
            return None
        return host.lpar.guests.get(userid.upper())

    def ssh_target(self, name):
        """The Linux that ssh reaches by a node's or zHCP's name, or None."""
        for host in self.hosts.values():
            if name == host.zhcp_hostname:
                return host.zhcp.linux if host.reachable else None
        host, guest = self.host_of(name), self.machine_of(name)
        if guest is None or guest.power != 'on' or (
                guest.linux is None or not guest.loaded):
            return None
        if guest is host.zhcp and not host.reachable:
            return None
        known = self.local.resolves(name) and guest.linux.options.ssh
        return guest.linux if known and guest.linux.trouble.ssh else None

    def stop(self):
        """End whatever runs in the Linux systems."""
        for host in self.hosts.values():
            host.lpar.close()


def _write_pools(host, spec):
    folder = host.pool_folder
    os.makedirs(folder, exist_ok=True)
    for name, luns in spec.pools.items():
        text = spec.texts.get(name)
        if text is None:
            text = '\n'.join([HEADER] + [lun.line() for lun in luns]) + '\n'
        with open(os.path.join(folder, name + '.conf'), 'w',
                  encoding='utf-8', newline='') as stream:
            stream.write(text)


def _node_table(spec):
    if spec.nodes is not None:
        return nodes.NodeTable(spec.nodes,
                               [nodes.parse_row(line) for line in spec.table])
    table = nodes.NodeTable()
    for number, lpar in enumerate(spec.lpars, 1):
        _define(table, number, lpar)
    return table


def _define(table, number, lpar):
    """The definitions of one LPAR, shaped like those of the recordings."""
    hcp = lpar.zhcp.hostname
    domain = hcp.partition('.')[2] or 'example.com'
    common = {'groups': 'all', 'hcp': hcp, 'mgt': 'zvm'}
    table.define(lpar.zhcp.node, dict(
        common, hostnames=hcp, ip='192.0.2.%d' % number,
        userid=lpar.zhcp.userid), {'nodetype': 'vm', 'parent': lpar.name})
    table.define(lpar.name, dict(
        common, arch='s390x', hosttype='zvm', os='zvm7.3'),
        {'nodetype': 'zvm', 'parent': 'lpar%d' % number})
    for guest in lpar.guests:
        if guest.is_node:
            table.define(guest.node, dict(
                common, arch='s390x', os=guest.linux.distro,
                userid=guest.userid,
                hostnames='%s.%s' % (guest.node, domain)),
                {'nodetype': 'vm', 'parent': lpar.name})
