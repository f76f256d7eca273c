# SPDX-License-Identifier: Apache-2.0
"""The zHCP program with a pool, two guests and four FCP devices."""

import shutil
import uuid

from tests import shells
from tests.unit.remote import local
from zvm_common import fcp
from zvm_common import model
from zvm_common.pool import Pool

GIB = model.Capacity.from_gib


def new():
    return str(uuid.uuid4())


def line(number, size='1G', status='free', owner='', port=local.PORT,
         ranges='3B00-3B0F;3C00-3C0F'):
    return '%s,%s,4011%04x00000000,%s,%s,%s,,' % (
        status, port, 0x4000 + number, size, ranges, owner)


def stamp(volume):
    """A volume as the owner of a line."""
    digits = volume.replace('-', '')
    return '_'.join(digits[i:i + 2] for i in range(0, 32, 2))


class Base(shells.ShellTestCase):

    shell = shells.ANY

    def setUp(self):
        super().setUp()
        words = shells.WORDS[self.shell]
        if not shutil.which(words[0]):
            self.skipTest('%s is not installed' % words[0])
        self.node = self.useFixture(local.LocalZhcp(words))
        self.node.pool('zpool1', *[line(i) for i in range(4)])
        self.node.guest_on('VM00001')
        self.node.guest_on('VM00002')
        self.pool = Pool(self.node.zhcp, 'zpool1')
        self.devices = fcp.Devices(
            self.node.zhcp, model.DeviceRanges.parse('3B00-3B0F;3C00-3C0F'),
            compute='compute1')

    def claim(self, volume=None, least=1, most=2):
        return self.pool.claim(volume or new(), new(), GIB(least), GIB(most),
                               trust=True)

    def attach(self, lun, instance, userid='VM00001', **changes):
        held = self.devices.hold(instance, userid)
        values = dict(
            volume_id=lun.volume_id, generation=lun.generation,
            attachment_id=new(), instance_uuid=instance, userid=userid,
            node=userid.lower(), devices=tuple(d.number for d in held))
        values.update(changes)
        return self.devices.attach(fcp.AttachRequest(**values))

    def directory(self, userid='VM00001'):
        return self.node.read('directory/' + userid)

    def record(self, lun):
        name = '%s-%s' % (lun.wwpns[0], lun.lun)
        return self.node.read('var/lib/zvm-volume/luns/' + name)
