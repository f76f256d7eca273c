# SPDX-License-Identifier: Apache-2.0
"""xCAT's node definitions and its zvm table."""

import csv
import threading

from xcat_simulator import kept

ZVM = 'zvm'
COLUMNS = ('node', 'hcp', 'userid', 'nodetype', 'parent', 'comments',
           'disable', 'discovered', 'status')
# The tables whose rows are nodes, with their columns.
TABLES = {
    'hosts': ('node', 'ip', 'hostnames', 'otherinterfaces', 'comments',
              'disable'),
    'hypervisor': ('node', 'type', 'mgr', 'interface', 'netmap', 'defaultnet',
                   'cluster', 'datacenter', 'preferdirect', 'comments',
                   'disable'),
    'nodehm': ('node', 'power', 'mgt', 'cons', 'termserver', 'termport',
               'conserver', 'serialport', 'serialspeed', 'serialflow',
               'getmac', 'cmdmapping', 'consoleondemand', 'consoleenabled',
               'comments', 'disable'),
    'nodelist': ('node', 'groups', 'status', 'statustime', 'appstatus',
                 'appstatustime', 'primarysn', 'hidden', 'updatestatus',
                 'updatestatustime', 'zonename', 'comments', 'disable'),
    'nodetype': ('node', 'os', 'arch', 'profile', 'provmethod',
                 'supportedarchs', 'nodetype', 'comments', 'disable'),
    ZVM: COLUMNS}
# Of other tables than zvm: column -> attribute of a definition. Of other
# columns nothing is kept.
ATTRIBUTES = {
    'hosts': {'ip': 'ip', 'hostnames': 'hostnames',
              'otherinterfaces': 'otherinterfaces'},
    'hypervisor': {'type': 'hosttype'},
    'nodehm': {'power': 'power', 'mgt': 'mgt', 'cons': 'cons'},
    'nodelist': {'groups': 'groups', 'status': 'status'},
    'nodetype': {'os': 'os', 'arch': 'arch', 'profile': 'profile',
                 'provmethod': 'provmethod'}}
# Attributes of a node definition that live in the zvm table.
IN_TABLE = ('hcp', 'userid', 'nodetype', 'parent', 'discovered')


class UnknownNodes(Exception):
    """A noderange names what is neither node nor group; `.missed` names."""

    def __init__(self, missed):
        super().__init__(', '.join(missed))
        self.missed = missed


class NodeTable(kept.Kept):
    """Definitions by name, and the rows of the zvm table in their order."""

    def __init__(self, definitions=(), rows=()):
        self.lock = threading.RLock()
        self.restore({'definitions': dict(definitions), 'rows': rows})

    def described(self):
        return {'definitions': self._definitions, 'rows': self._rows}

    def restore(self, found):
        self._definitions = {
            name: dict(attributes)
            for name, attributes in found['definitions'].items()}
        self._rows = [dict(row) for row in found['rows']]

    def names(self):
        with self.lock:
            return sorted(self._definitions)

    def get(self, name):
        """The attributes of a node, None if it is not defined."""
        with self.lock:
            found = self._definitions.get(name)
            return None if found is None else dict(found)

    def define(self, name, attributes, row=None):
        """Add a node; False when it is there already.

        `row` has columns of the zvm table that lsdef does not show.
        """
        with self.lock:
            if name in self._definitions:
                return False
            self._definitions[name] = dict(attributes)
            columns = {key: attributes[key] for key in IN_TABLE
                       if key in attributes}
            columns.update(row or {})
            if columns:
                self._rows.append(dict(columns, node=name))
            self.changed()
            return True

    def remove(self, name):
        """Remove a node's definition; False when there is none."""
        with self.lock:
            if self._definitions.pop(name, None) is None:
                return False
            self._rows = [row for row in self._rows if row['node'] != name]
            self.changed()
            return True

    def rows(self, table=ZVM):
        """The rows of a table: {column: value}, without empty ones."""
        with self.lock:
            if table == ZVM:
                return [dict(row) for row in self._rows]
            known = ATTRIBUTES[table]
            rows = [dict({column: attributes[name] for column, name
                          in known.items() if attributes.get(name)},
                         node=node)
                    for node, attributes in self._definitions.items()]
        return [row for row in rows if len(row) > 1]

    def dump(self, table=ZVM):
        """A table as tabdump prints it: a list of lines."""
        return dumped(TABLES[table], self.rows(table))

    def change(self, table, name, values):
        """Set columns of a name's row of a table: {column: value}."""
        for column, value in values.items():
            if table == ZVM and column in COLUMNS:
                self.set_column(name, column, value)
            elif column in ATTRIBUTES.get(table, ()):
                with self.lock:
                    attributes = self._definitions.get(name, {})
                    attributes[ATTRIBUTES[table][column]] = value
                    self.changed()

    def drop(self, table, names):
        """Remove the rows of these names from a table."""
        with self.lock:
            if table == ZVM:
                self._rows = [row for row in self._rows
                              if row['node'] not in names]
            attributes = IN_TABLE if table == ZVM else ATTRIBUTES[
                table].values()
            for name in names:
                for attribute in attributes:
                    self._definitions.get(name, {}).pop(attribute, None)
            self.changed()

    def row(self, name):
        """The columns of a name's row of the zvm table, {} without one."""
        with self.lock:
            return next((dict(row) for row in self._rows
                         if row['node'] == name), {})

    def set_column(self, name, column, value):
        """Set a column of a name's row of the zvm table; '' empties it.

        A name without a row gets one, whether it is a node or not.
        """
        with self.lock:
            row = next((row for row in self._rows if row['node'] == name),
                       None)
            if row is None:
                row = {'node': name}
                self._rows.append(row)
            row[column] = value
            if column in IN_TABLE and name in self._definitions:
                self._definitions[name][column] = value
            self.changed()

    def definitions(self):
        """{node: its attributes}, in the order of their definition."""
        with self.lock:
            return {name: dict(attributes) for name, attributes
                    in self._definitions.items()}

    def expand(self, noderange):
        """The nodes of a noderange, sorted: names and groups, joined by ,.

        Raises UnknownNodes. Of xCAT's richer grammar only this is known.
        """
        found, missed = set(), []
        with self.lock:
            for name in filter(None, noderange.split(',')):
                members = self._members(name)
                if not members:
                    missed.append(name)
                found.update(members)
        if missed or not found:
            raise UnknownNodes(missed or [noderange])
        return sorted(found)

    def _members(self, name):
        if name in self._definitions:
            return [name]
        return [node for node, attributes in self._definitions.items()
                if name in attributes.get('groups', '').split(',')]


def dumped(columns, rows):
    """A table as tabdump prints it: a list of lines."""
    return ['#' + ','.join(columns)] + [
        ','.join(_quoted(row.get(column)) for column in columns)
        for row in rows]


def _quoted(value):
    if not value:
        return ''
    return '"%s"' % str(value).replace('"', '""')


def parse_row(line):
    """A row of the table from the text that `dump` gives for it."""
    values = next(csv.reader([line]))
    return {column: value for column, value in zip(COLUMNS, values) if value}
