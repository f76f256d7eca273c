# SPDX-License-Identifier: Apache-2.0
"""Images between an endpoint and the LUNs of a zHCP."""

import os
import random

from tests.functional.remote import base
from tests.functional.remote import copies
from tests import streams
from zvm_common.pool import streams as pool_streams

MIB = 2 ** 20


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


class StreamBase(copies.CopyBase):
    """LUNs of 33M, and of 40M whose disks are a bit larger."""

    def endpoint(self, *args, **kwargs):
        return self.useFixture(streams.Endpoint(*args, **kwargs))

    def fresh(self, text='33M', trust=False):
        """A volume of which nothing is known but that it is ours."""
        lun = self.pool.claim(base.new(), base.new(), copies.size(text),
                              copies.size(text), trust=trust)
        return self.pool.wait(lun.volume_id, 60)

    def begin(self, verb, lun, *where, seconds=600, operation=None):
        """(LunState, operation) of a transfer that has begun."""
        operation = operation or base.new()
        end = where[-1]
        begun = verb(self.pool, lun, *where[:-1], *end.where, seconds,
                     operation)
        end.token = end.token or begun.token
        return begun.lun, operation

    def filled(self, lun, end, **kwargs):
        """The LunState and Outcome of a fill."""
        begun, operation = self.begin(pool_streams.fill, lun, end, **kwargs)
        lun = self.pool.wait(begun.volume_id, 60)
        return lun, pool_streams.outcome(lun, operation)

    def sent(self, lun, size, end, **kwargs):
        begun, operation = self.begin(pool_streams.send, lun, size, end,
                                      **kwargs)
        lun = self.pool.wait(begun.volume_id, 60)
        return lun, pool_streams.outcome(lun, operation)

    def content(self, lun):
        return self.disk_file(lun).read_bytes()

    def put(self, lun, data, at=0):
        """What a guest has written."""
        with open(self.disk_file(lun), 'r+b') as disk:
            disk.seek(at)
            disk.write(data)

    def left(self):
        """What is left of transfers in the zHCP's folder of jobs."""
        folder = self.folder('ZHCP1') / 'var/lib/zvm-volume/jobs'
        return {name for name in os.listdir(folder) if name.endswith((
            '.token', '.curl', '.broke', '.dd', '.fifo', '.sums', '.sum'))}
