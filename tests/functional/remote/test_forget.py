# SPDX-License-Identifier: Apache-2.0
"""A guest's Linux forgets devices that it lost while off."""

import os

from tests.functional.remote import base
from tests import shells
from zvm_common import exceptions
from zvm_common import guestdisk

USERID = 'LNX00001'


class ForgetTest(base.Base):

    shell = shells.ANY

    def setUp(self):
        super().setUp()
        self.guest = guestdisk.GuestDisk(self.node())
        self.instance = base.new()
        self.used, self.paths = self.use(self.trusted(), self.instance)
        self.attach(self.used, self.paths)
        self.simulator.event('host1', guest=USERID + ' logoff ends')

    def attach(self, used, paths):
        return self.guest.attach(used.volume_id, used.generation, paths,
                                 used.wwid, used.size)

    def leave(self):
        left, _kept = self.devices.leave(
            self.used.volume_id, self.used.generation, self.instance)
        self.waiting = self.devices.waiting(self.instance, USERID)
        return left

    def start(self):
        result = self.zhcp.hypervisor.zhcp.run(
            'PATH=$PATH:/opt/zhcp/bin; smcli Image_Activate -T ' + USERID)
        self.assertIn('Done', result.stdout)

    def forget(self):
        return self.guest.forget(self.waiting.stale, self.waiting.past)

    def configured(self):
        return os.listdir(self.folder() / 'etc/udev/rules.d')

    def test_nothing_is_configured_for_them_any_more(self):
        self.assertEqual('ours', self.leave().state)
        self.start()
        self.assertEqual([], self.scsi())
        self.assertNotEqual([], self.configured())
        self.assertEqual((), self.forget())
        self.assertEqual([], self.configured())
        self.assertEqual((), self.forget())

    def test_a_request_from_before_is_refused_from_then_on(self):
        self.leave()
        self.start()
        self.forget()
        self.assertRaises(exceptions.StaleGeneration, self.attach,
                          self.used, self.paths)
        self.assertEqual([], self.configured())

    def test_one_that_comes_late_takes_nothing_away(self):
        self.leave()
        self.start()
        self.forget()
        self.devices.unstale(self.instance, self.waiting.stale,
                             self.waiting.past)
        used, paths = self.use(self.pool.look(self.used.volume_id),
                               self.instance)
        self.assertEqual({'3B00', '3C00'}, {str(p.device) for p in paths})
        self.attach(used, paths)
        before = self.configured()
        self.assertEqual(('3B00', '3C00'), tuple(map(str, self.forget())))
        self.assertEqual(before, self.configured())
        self.assertEqual(4, len(self.scsi()))
