# SPDX-License-Identifier: Apache-2.0
"""A z/VM LPAR and its zHCP, as the management node knows them."""

import csv
import dataclasses
import re

from zvm_common import exceptions
from zvm_common import model
from zvm_common.xcat import guest
from zvm_common.xcat import reply
from zvm_common.xcat import session as xcat_session

_COLUMNS = ('node', 'hcp', 'userid', 'nodetype')


@dataclasses.dataclass(frozen=True, slots=True)
class FcpDevice:
    """An FCP device of the LPAR.

    ``status`` is as the listing has it: Active, Free or Offline. A WWPN is
    None where there is none (``NONE``: no NPIV).
    """

    number: model.DeviceNumber
    status: str
    npiv_wwpn: model.Wwpn | None
    chpid: str
    physical_wwpn: model.Wwpn | None

    @property
    def wwpn(self):
        """The port name it logs in to the fabric with."""
        return self.npiv_wwpn or self.physical_wwpn


class Hypervisor:
    """One z/VM LPAR; made by :meth:`find`.

    ``name`` its xCAT node, ``zhcp_hostname`` the host name of its zHCP as
    the MN has it, ``zhcp_node`` the zHCP's own xCAT node, ``zhcp_userid`` its
    virtual machine.
    """

    def __init__(self, session, name, zhcp_node, zhcp_hostname, zhcp_userid):
        self.session = session
        self.name = model.NodeName(name)
        self.zhcp_node = model.NodeName(zhcp_node)
        self.zhcp_hostname = model.HostName(zhcp_hostname)
        self.zhcp_userid = model.Userid(zhcp_userid)

    def __repr__(self):
        return '<Hypervisor %s, zHCP %s>' % (self.name, self.zhcp_node)

    @classmethod
    def find(cls, session, name=None):
        """Find the LPAR, and its zHCP, in the tables of the MN.

        :param name: xCAT node of the LPAR; None when there is only one
        :raises HypervisorUnknown: no such LPAR, or several and no name;
            lists those that there are
        :raises ConfigurationError: it has no zHCP, or its zHCP no node
        """
        rows = _zvm_table(session)
        row = _choose(rows, name)
        node = model.NodeName(row['node'])
        try:
            hostname = model.HostName(row['hcp'])
        except exceptions.InvalidValue:
            raise exceptions.ConfigurationError(
                'The hypervisor %s has no single zHCP: its hcp is %s'
                % (node, exceptions.excerpt(row['hcp'], 80)),
                advice='Set hcp of that node to the host name of its zHCP '
                '(chdef).') from None
        zhcp = _zhcp(session, rows, hostname)
        return cls(session, node, zhcp.name, hostname, zhcp.userid)

    @property
    def zhcp(self):
        """The zHCP as a :class:`~zvm_common.xcat.guest.Node`."""
        return guest.Node(self.session, self.zhcp_node,
                          unreachable=exceptions.ZhcpDown)

    def fcp_devices(self, state):
        """The FCP devices in a state.

        Cinder's set-up asks for the active ones: those of the zHCP must be
        among them.

        :param state: 'active', 'free' or 'offline'
        :returns: tuple of :class:`FcpDevice`
        :raises ZhcpDown: when nothing is listed because of that
        """
        if state not in ('active', 'free', 'offline'):
            raise exceptions.InvalidValue(
                state, 'active, free or offline', 'State of FCP devices')
        answer = self._inventory('--fcpdevices', state, 'details')
        lines = answer.info_lines(self.name)
        if not any(lines):
            self._check_zhcp()
        return tuple(_fcp_devices(answer, [line for line in lines if line]))

    def pool_lines(self, pool):
        """The lines of a SCSI pool, as the MN lists them; changes nothing.

        What other users of xCAT see, for tools and tests that compare it. The
        drivers don't use it: they see pool and ledger together, under one
        lock (:class:`zvm_common.pool.Pool`).

        :returns: tuple of :class:`zvm_common.model.PoolLine`
        :raises PoolMissing: no such pool
        :raises PoolDamaged: naming line and rule
        :raises ZhcpDown: the MN cannot read it
        """
        pool = model.PoolName(pool)
        answer = self._inventory('--zfcppool', pool, 'all')
        lines = answer.info_lines(self.name)
        if not any(lines):
            self._check_zhcp()
            raise exceptions.PoolMissing(
                'The zHCP %s has no SCSI pool %s' % (self.zhcp_node, pool))
        return tuple(_pool_lines(self.zhcp_node, pool, lines))

    def _inventory(self, *fields):
        answer = reply.parse(self.session.get(xcat_session.resource(
            'nodes', self.name, 'inventory', fields=fields)))
        if answer.errors:
            raise answer.failed()
        return answer

    def _check_zhcp(self):
        """Tell an empty listing from a zHCP that is down.

        :raises ZhcpDown: the latter
        """
        self.zhcp.run('true', idempotent=True)


def _zvm_table(session):
    """The rows of the zvm table that are in force, as dicts."""
    answer = reply.parse(session.get(xcat_session.resource('tables', 'zvm')))
    if answer.errors:
        raise answer.failed()
    lines = [line for text in answer.data for line in text.split('\n')
             if line]
    if not lines or not lines[0].startswith('#'):
        raise answer.surprise('no zvm table', '\n'.join(lines[:3]))
    header = lines[0][1:].split(',')
    if not set(_COLUMNS) <= set(header):
        raise answer.surprise('a zvm table without %s'
                              % ', '.join(_COLUMNS), lines[0])
    try:
        rows = [dict(zip(header, row, strict=True))
                for row in csv.reader(lines[1:], strict=True)]
    except (csv.Error, ValueError) as e:
        raise answer.surprise('a zvm table that cannot be read (%s)' % e,
                              '\n'.join(lines[:3])) from None
    return [row for row in rows
            if row.get('disable', '').lower() not in ('1', 'yes')]


def _choose(rows, name):
    rows = [row for row in rows if row['nodetype'] == 'zvm']
    known = ', '.join(sorted(row['node'] for row in rows)) or 'none'
    if name is None and len(rows) != 1:
        raise exceptions.HypervisorUnknown(
            'Which hypervisor is meant? The management node knows: %s'
            % known)
    if name is not None:
        wanted = str(model.NodeName(name))
        rows = [row for row in rows if row['node'] == wanted]
        if len(rows) != 1:
            raise exceptions.HypervisorUnknown(
                'The management node knows no hypervisor %s, only: %s'
                % (wanted, known))
    return rows[0]


def _zhcp(session, rows, hostname):
    """The definition of the zHCP's own node.

    The hcp attribute is a host name, and dsh wants the node that has it. One
    of the guests behind this zHCP is the zHCP itself: try the likely name
    first, for each try is a request.
    """
    nodes = sorted({row['node'] for row in rows
                    if row['hcp'].lower() == str(hostname)
                    and row['nodetype'] != 'zvm'})
    label = str(hostname).partition('.')[0]
    nodes.sort(key=lambda node: node not in (label, str(hostname)))
    for node in nodes:
        definition = guest.get_node(session, node)
        if definition is not None and _is_host(definition, hostname):
            return definition
    raise exceptions.ConfigurationError(
        'No xCAT node has the host name %s of the zHCP' % hostname,
        advice='Define the node of the zHCP with mgt=zvm, hcp, userid and '
        'hostnames (chdef).')


def _is_host(definition, hostname):
    names = [str(definition.name), *definition.list_of('hostnames'),
             *definition.list_of('ip')]
    return str(hostname) in [name.lower() for name in names]


_FCP_FIELDS = re.compile(
    'FCP device number: (?P<number>[^\n]*)\n'
    ' *Status: (?P<status>[^\n]*)\n'
    ' *NPIV world wide port number: (?P<npiv>[^\n]*)\n'
    ' *Channel path ID: (?P<chpid>[0-9A-Fa-f]{2})\n'
    ' *Physical world wide port number: (?P<physical>[^\n]*)\n')


def _fcp_devices(answer, lines):
    text = ''.join(line.rstrip() + '\n' for line in lines)
    position = 0
    while position < len(text):
        match = _FCP_FIELDS.match(text, position)
        if not match:
            raise answer.surprise('an FCP device that cannot be read',
                                  text[position:])
        try:
            yield FcpDevice(
                model.DeviceNumber(match['number']), match['status'],
                _wwpn(match['npiv']), match['chpid'].upper(),
                _wwpn(match['physical']))
        except exceptions.InvalidValue as e:
            raise answer.surprise(e.message, match[0]) from None
        position = match.end()


def _wwpn(text):
    if text.upper() in ('', 'NONE'):
        return None
    return model.Wwpn(text)


def _pool_lines(zhcp, pool, lines):
    for number, line in enumerate(lines, 1):
        if number == 1 and line == model.POOL_HEADER:
            continue
        try:
            yield model.PoolLine.parse(line)
        except exceptions.InvalidValue as e:
            raise exceptions.PoolDamaged(
                'Line %d of SCSI pool %s on zHCP %s: %s'
                % (number, pool, zhcp, e.message)) from None
