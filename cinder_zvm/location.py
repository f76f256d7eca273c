# SPDX-License-Identifier: Apache-2.0
"""Where a back-end's volumes lie, as another back-end is told.

Cinder's scheduler shows a driver the capabilities of the back-end to which a
volume is to be migrated, and nothing else of it.
"""

import dataclasses
import re

from zvm_common import exceptions
from zvm_common import model
from zvm_common import zhcp as zhcp_program

DRIVER = 'ZVMVolumeDriver'

_LEDGER = re.compile(r'[A-Za-z0-9-]{1,64}')


@dataclasses.dataclass(frozen=True)
class Location:
    """A pool as a back-end has it: ``location_info`` in words.

    ``zhcp`` is the host name of the zHCP. A name may be that of two machines:
    ``ledger``, which is random, tells whether two back-ends have one zHCP.
    ``scope`` is the back-end's in that ledger.
    """

    zhcp: str
    ledger: str
    pool: str
    scope: str

    def __str__(self):
        return ':'.join((DRIVER, self.zhcp, self.ledger or 'unknown',
                         self.pool, self.scope))

    @classmethod
    def parse(cls, text):
        """Read what another back-end has told.

        :param text: ``ZVMVolumeDriver:ZHCP:LEDGER:POOL:SCOPE``; the scope may
            have colons
        :raises InvalidValue: it is another driver's, or an older version's
        """
        rule = '%s:ZHCP:LEDGER:POOL:SCOPE' % DRIVER
        words = text.split(':', 4) if isinstance(text, str) else ()
        if len(words) != 5 or words[0] != DRIVER or (
                not _LEDGER.fullmatch(words[2])
                or zhcp_program.Zhcp.scope_name(words[4]) != words[4]):
            raise exceptions.InvalidValue(text, rule, what='location_info')
        return cls(str(model.HostName(words[1])), words[2],
                   str(model.PoolName(words[3])), words[4])

    def has_zhcp_of(self, other):
        """Whether both lie on one zHCP, with one ledger."""
        return (self.zhcp.lower() == other.zhcp.lower()
                and self.ledger == other.ledger)
