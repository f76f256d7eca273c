# SPDX-License-Identifier: Apache-2.0
"""Copies on the zHCP: a pool of small LUNs, and jobs that can be held."""

from tests.functional.remote import base
from tests.functional.remote import test_wipe
from tests import gates
from tests import waits
from tests import worlds
from tests import zeros
from zvm_common import model
from zvm_common import pool

MIB = 2 ** 20
# Of a tool that stands before the node's own of the same name.
OWN = 'PATH=${PATH#*:}\n'
GATED = OWN + gates.BEFORE_A_DISK + 'exec dd "$@"\n'


def size(text):
    return model.Capacity.parse(text)


class CopyBase(base.Base):
    """LUNs of 33M, and of 40M whose disks are a bit larger."""

    def world(self):
        world = worlds.small()
        line = world['lpars']['host1']['pools']['zpool1'][0]
        world['lpars']['host1']['pools']['zpool1'] = [
            dict(line, count=6, size='33M', real_size=33 * MIB),
            dict(line, lun='4011400800000000', count=3, size='40M',
                 real_size=40 * MIB + 3 * 512)]
        return world

    def source(self, text='33M', trust=True):
        """A volume with a tenant's data."""
        lun = self.pool.claim(base.new(), base.new(), size(text), size(text),
                              trust=trust)
        lun = self.pool.wait(lun.volume_id, 60)
        zeros.scribble(self.disk_file(lun))
        return lun

    def copy(self, source, text='33M', role='current', verify='all',
             seconds=600, replaces=None):
        """Begin a copy; its LunState."""
        return self.pool.copy(
            base.new(), base.new(), size(text), size(text),
            pool.Copy(source, role, verify, seconds, replaces))

    def copied(self, *args, **kwargs):
        return self.pool.wait(self.copy(*args, **kwargs).volume_id, 60)

    def assertCopy(self, source, copy):
        """Byte for byte, and zeros behind the source's end."""
        data = self.disk_file(source).read_bytes()
        found = self.disk_file(copy).read_bytes()
        self.assertTrue(found.startswith(data), 'the copy differs')
        self.assertFalse(found[len(data):].strip(b'\0'))
        self.assertTrue(zeros.is_scribbled(self.disk_file(source)))

    def open_gate(self):
        (self.folder('ZHCP1') / 'tmp/open').touch()

    def at_work(self):
        return (self.folder('ZHCP1') / 'tmp/at_work').exists()

    def gated(self, *args, **kwargs):
        """A copy whose job stands before its first write."""
        self.zhcp_tool('dd', GATED)
        copy = self.copy(*args, **kwargs)
        waits.until(self.at_work, 60)
        return copy

    def soil(self, source):
        """Old data on every LUN that is free, and their records gone."""
        for lun in self.pool.view().luns:
            if lun.state == 'free':
                path = self.disk_file(lun)
                path.write_bytes(b'old!' * (path.stat().st_size // 4))

    def clean_one(self, text):
        """A LUN of this size whose wipe was seen."""
        lun = self.source(text)
        self.pool.release(lun.volume_id, lun.generation)
        self.assertIsNone(self.pool.wait(lun.volume_id, 60))

    def kill(self, copy):
        """SIGKILL to the job and to the dd that it waits for."""
        while self.pool.look(copy.volume_id).job != 'dead':
            test_wipe.kill_jobs(self.folder('ZHCP1'), b'job',
                                b'conv=notrunc,fsync')
