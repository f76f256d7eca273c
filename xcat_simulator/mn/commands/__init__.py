# SPDX-License-Identifier: Apache-2.0
"""xCAT commands, one function each: (world, daemon.Command) -> elements."""

from xcat_simulator.mn.commands import definitions
from xcat_simulator.mn.commands import dsh
from xcat_simulator.mn.commands import guest
from xcat_simulator.mn.commands import hypervisor
from xcat_simulator.mn.commands import power
from xcat_simulator.mn.commands import removal
from xcat_simulator.mn.commands import tables

HANDLERS = {
    'chhypervisor': hypervisor.chhypervisor,
    'chvm': guest.chvm,
    'execcmdonvm': dsh.execcmdonvm,
    'gettab': tables.gettab,
    'lsdef': definitions.lsdef,
    'lsvm': guest.lsvm,
    'lsxcatd': definitions.lsxcatd,
    'mkdef': definitions.mkdef,
    'rinv': hypervisor.rinv,
    'rmdef': definitions.rmdef,
    'rmvm': removal.rmvm,
    'rpower': power.rpower,
    'tabch': tables.tabch,
    'tabdump': tables.tabdump,
    'xdsh': dsh.xdsh,
}
