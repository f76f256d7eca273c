# SPDX-License-Identifier: Apache-2.0
"""SCSI pools: whose a LUN is."""

from zvm_common.pool.claims import Copy
from zvm_common.pool.claims import Pool
from zvm_common.pool.managing import Measured
from zvm_common.pool.managing import Reference
from zvm_common.pool.state import LunState
from zvm_common.pool.state import PoolView

__all__ = ('Copy', 'LunState', 'Measured', 'Pool', 'PoolView', 'Reference')
