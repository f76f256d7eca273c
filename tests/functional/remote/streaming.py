# SPDX-License-Identifier: Apache-2.0
"""Images between an endpoint and the LUNs of a zHCP."""

import os
import random
import threading

from tests.functional.remote import base
from tests.functional.remote import copies
from tests.functional.remote import test_wipe
from tests import streams
from tests import zeros
from zvm_common import exceptions
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

    def kill(self, lun):
        """SIGKILL to the job and to all that it has started."""
        while self.pool.look(lun.volume_id).job != 'dead':
            test_wipe.kill_jobs(self.folder('ZHCP1'), b'job',
                                b'--pinnedpubkey', b'iflag=fullblock',
                                b'sha256sum', b'tee')

    def assertHas(self, lun, data):
        """The disk has these bytes and zeros behind them."""
        found = self.content(lun)
        self.assertTrue(found.startswith(data), 'other bytes')
        self.assertFalse(found[len(data):].strip(b'\0'))

    def assertNothingLeft(self):
        self.assertEqual(set(), self.left())
        self.assertEqual([], self.scsi('ZHCP1'))

    def failed(self, lun, end, **kwargs):
        """The words of a fill that fails; the LUN is the volume's and zero."""
        error = self.assertRaises(exceptions.StreamFailed, self.filled, lun,
                                  end, **kwargs)
        self.assertEmpty(lun)
        return str(error)

    def assertEmpty(self, lun):
        now = self.pool.look(lun.volume_id)
        self.assertEqual(('ours', ''), (now.state, now.drift))
        self.assertTrue(zeros.is_zero(self.disk_file(lun)))
        self.assertNothingLeft()


class Held:
    """A body whose second part comes when it is let go."""

    def __init__(self, *parts):
        self._parts = parts
        self._go = threading.Event()
        self.waits = threading.Event()

    def go(self):
        self._go.set()

    def __call__(self):
        yield self._parts[0]
        self.waits.set()
        self._go.wait(60)
        yield from self._parts[1:]
