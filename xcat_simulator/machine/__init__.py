# SPDX-License-Identifier: Apache-2.0
"""The machine under the management node: z/VM, its disks and its Linuxes.

`Lpar` is one z/VM system: guests with directory entries, FCP devices, SMAPI
and CP. `Linux` is what runs in a guest: a real folder as its root, in which
real shell commands run, confined, beside simulated device tools and a kernel
that knows zfcp. Disks are sparse files shared by all nodes.
"""
from xcat_simulator.machine.linux import Linux
from xcat_simulator.machine.linux import LinuxOptions
from xcat_simulator.machine.lpar import Lpar
from xcat_simulator.machine.lpar import VirtualMachine
from xcat_simulator.machine.model import Completed
from xcat_simulator.machine.model import Disk
from xcat_simulator.machine.model import FcpDevice
from xcat_simulator.machine.model import Result

__all__ = ['Completed', 'Disk', 'FcpDevice', 'Linux', 'LinuxOptions', 'Lpar',
           'Result', 'VirtualMachine']
