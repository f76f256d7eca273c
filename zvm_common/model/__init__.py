# SPDX-License-Identifier: Apache-2.0
"""Values of this project: immutable, comparable and checked when made.

Whatever comes from outside (options, a connector, a pool file, an answer of
the management node) becomes one of these before it goes anywhere. What is
wrong raises :class:`zvm_common.exceptions.InvalidValue` with the value and
the rule. So none but a :class:`HeaderText` holds a blank, a quote, a line end
or anything else that means something to a shell, a URL or an xCAT node range
(in a :class:`Userid` ``$`` and ``#`` do: quote it).
"""

from zvm_common.model.address import DeviceGroups
from zvm_common.model.address import DeviceNumber
from zvm_common.model.address import DeviceRanges
from zvm_common.model.address import format_wwpns
from zvm_common.model.address import Lun
from zvm_common.model.address import parse_wwpns
from zvm_common.model.address import Path
from zvm_common.model.address import Wwpn
from zvm_common.model.capacity import Capacity
from zvm_common.model.capacity import GIB
from zvm_common.model.capacity import MIB
from zvm_common.model.name import BorrowerName
from zvm_common.model.name import HeaderText
from zvm_common.model.name import HostName
from zvm_common.model.name import NODE_GROUP
from zvm_common.model.name import NodeName
from zvm_common.model.name import OperationId
from zvm_common.model.name import PoolName
from zvm_common.model.name import Server
from zvm_common.model.name import Userid
from zvm_common.model.name import Uuid
from zvm_common.model.network import HostAddress
from zvm_common.model.network import IpAddress
from zvm_common.model.network import parse_ports
from zvm_common.model.poolline import owner_stamp
from zvm_common.model.poolline import POOL_HEADER
from zvm_common.model.poolline import PoolLine
from zvm_common.model.poolline import stamp_owner

__all__ = (
    'BorrowerName', 'Capacity', 'DeviceGroups', 'DeviceNumber',
    'DeviceRanges', 'GIB', 'HeaderText', 'HostAddress', 'HostName',
    'IpAddress', 'Lun', 'MIB', 'NODE_GROUP', 'NodeName', 'OperationId',
    'POOL_HEADER', 'Path', 'PoolLine', 'PoolName', 'Server', 'Userid',
    'Uuid', 'Wwpn', 'format_wwpns', 'owner_stamp', 'parse_ports',
    'parse_wwpns', 'stamp_owner',
)
