# SPDX-License-Identifier: Apache-2.0
"""Images between the Cinder host and the zHCP: one hop, over TLS.

    with stream.Endpoint('fill', path, address, seconds=3600) as end:
        ...             # the zHCP is told end.address, end.port and end.pin
        end.admit(token, peer)
        outcome = end.result()
"""

from zvm_common.stream.endpoint import Endpoint
from zvm_common.stream.endpoint import Outcome

__all__ = ('Endpoint', 'Outcome')
