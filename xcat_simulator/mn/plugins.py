# SPDX-License-Identifier: Apache-2.0
"""Which nodes the z/VM plugin of xcatd is responsible for.

By the tables nodehm (mgt), for chhypervisor hypervisor (type) or nodetype
(os). For a node of nobody's the answer names all tables that any plugin of
xCAT would look at.
"""

import re

PROBLEM = ('Unable to identify plugin for this command, check relevant '
           'tables: ')
MANAGED = ('power', 'mgt')
CHANGED = 'nodehm.mgt;nodehm.power,mgt'
# Command: the attributes that decide, and what the answer names.
COMMANDS = {
    'chhypervisor': (
        ('hosttype', 'os'), 'hypervisor.type;nodetype.os=(esx.*);nodetype.os='
        '(rhev.*);nodetype.os=(zvm.*)'),
    'chvm': (('mgt',), CHANGED),
    'execcmdonvm': (('mgt',), 'nodehm.mgt'),
    'lsvm': (('mgt',), 'hypervisor.type;nodetype.os=(esx.*);nodehm.mgt;'
             'nodehm.mgt=ipmi;nodehm.mgt=kvm;hypervisor.type=(rhev.*)'),
    'rinv': (('mgt',), CHANGED + ';nodehm.mgt=openbmc'),
    'rmvm': (('mgt',), CHANGED),
    'rpower': (MANAGED, 'nodehm.power,mgt;nodehm.mgt;nodehm.mgt=openbmc;'
               'pduoutlet.pdu=.*')}


def sort_out(table, name, names):
    """(nodes for the command, elements for the others) of a nodes table."""
    if name not in COMMANDS:
        return names, []
    attributes, tables = COMMANDS[name]
    ours = [node for node in names if _is_ours(table.get(node), attributes)]
    return tuple(ours), [
        {'node': [{'name': [node], 'error': [PROBLEM + tables],
                   'errorcode': ['1']}]}
        for node in names if node not in ours]


def _is_ours(node, attributes):
    return any(re.search('zvm', (node or {}).get(each, ''))
               for each in attributes)
