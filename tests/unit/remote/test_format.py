# SPDX-License-Identifier: Apache-2.0
"""A ledger that a newer version has taken over: nothing is changed in it."""

import pathlib

from tests.unit.remote import base
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model

NEWER = '5'


class NewerFormatTest(base.Base):

    def setUp(self):
        super().setUp()
        self.instance = base.new()
        self.used = self.claim()
        self.attached = self.attach(self.used, self.instance)
        self.idle = self.claim()
        self.node.write('var/lib/zvm-volume/format', NEWER + '\n')
        self.before = self._all()

    def _all(self):
        """All of ledger, pools and directory entries."""
        root = pathlib.Path(self.node.root)
        return {str(path.relative_to(root)): path.read_bytes()
                for folder in ('var', 'directory', 'cp')
                for path in (root / folder).rglob('*') if path.is_file()}

    def _requests(self):
        """What an older cinder-volume and nova-compute may come with."""
        volume, gen = self.idle.volume_id, self.idle.generation
        yield self.pool.view, ()
        yield self.pool.check, ()
        yield self.pool.sweep, ()
        yield self.claim, ()
        yield self.pool.look, (volume,)
        yield self.pool.release, (volume, gen)
        yield self.pool.abandon, (self.idle,)
        yield self.pool.confirm, ([volume],)
        yield self.devices.hold, (base.new(), 'VM00002')
        yield self.devices.list, ()
        yield self.devices.attach, (fcp.AttachRequest(
            volume_id=volume, generation=gen, attachment_id=base.new(),
            instance_uuid=self.instance, userid='VM00001', node='vm00001',
            devices=(model.DeviceNumber('3B00'), model.DeviceNumber('3C00'))),)
        yield self.devices.detach, (self.used.volume_id,
                                    self.attached.generation, self.instance)

    def test_every_request_is_refused_and_changes_nothing(self):
        for call, arguments in self._requests():
            error = self.assertRaises(exceptions.LedgerFormat, call,
                                      *arguments)
            self.assertIn('The ledger has format 5, this software knows 4',
                          str(error))
            self.assertEqual(self.before, self._all(), call)


class OlderFormatTest(base.Base):

    def test_each_is_taken_over(self):
        lun = self.claim()
        for older in ('1', '2', '3'):
            self.node.write('var/lib/zvm-volume/format', older + '\n')
            self.assertEqual('ours', self.pool.look(lun.volume_id).state)
            self.assertEqual('4\n', self.node.read(
                'var/lib/zvm-volume/format'))
