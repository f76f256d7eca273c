# SPDX-License-Identifier: Apache-2.0
"""What sequences have found, one story a test."""

import contextlib
import pathlib

import testtools

from tests.reliability import cloud as clouds
from tests.reliability import crashpoints
from tests.reliability import invariants
from tests.reliability import operations
from tests.reliability import truth


class StoriesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        parents, folder = stack.enter_context(crashpoints.started())
        self.cloud = stack.enter_context(
            clouds.Cloud(parents, folder / 'cloud'))

    def sizes(self):
        """Bytes of all disks that the Linux of the only guest shows."""
        guest, = self.cloud.simulator.state()['lpars'][truth.LPAR][
            'guests'].keys() - {truth.ZHCP}
        folder = pathlib.Path(self.cloud.simulator.node_folder(
            truth.LPAR, guest))
        return {512 * int(path.read_text()) for path
                in folder.glob('sys/block/sd*/size')}

    def test_a_volume_extended_while_detached_is_larger_in_the_guest(self):
        volume = self.cloud.create()
        server = self.cloud.boot(volume)
        self.assertEqual({2 ** 30}, self.sizes())
        self.cloud.detach(server, volume)
        self.cloud.promise(volume, volume)
        row = self.cloud.ask('cinder', 'extend', volume=volume, gib=2)
        self.assertEqual(('available', 2), (row['status'], row['size']))
        self.cloud.attach(server, volume)
        self.assertEqual({2 ** 31}, self.sizes())
        self.assertTrue(self.cloud.truth.has(
            self.cloud.truth.lun_of(volume)['lun'],
            self.cloud.written[volume]))

    def test_a_guest_that_comes_after_its_server_was_deleted(self):
        """It has nothing of ours, is told, and nobody deletes it.

        By then another cloud, or a system programmer, may have made it.
        """
        first = self.cloud.boot()
        names = self.cloud.counted(
            'nova', 'build',
            server=self.cloud.ask('nova', 'new_server')['uuid'])
        late = self.cloud.ask('nova', 'new_server')
        name = late['name'].upper()
        self.assertEqual(-9, self.cloud.killed(
            'nova', 'build', 1 + names.index('POST /guests'), 'late',
            server=late['uuid']))
        self.cloud.restart('nova')
        operations.recover(self.cloud)
        self.assertNotIn(late['uuid'], [
            server['uuid'] for server in self.cloud.records()['servers']])
        self.assertNotIn(name, self.cloud.truth.guests())
        self.cloud.simulator.open_gate()
        self.cloud.truth.rest()
        self.assertIn(name, self.cloud.truth.guests())
        self.cloud.sweep()
        self.cloud.destroy(first)
        self.cloud.clear()
        self.assertEqual([name], list(self.cloud.truth.guests()))
        broken = invariants.broken(invariants.GONE, self.cloud)
        self.assertEqual(1, len(broken), broken)
        self.assertIn('there are guests left', broken[0])
        # as the log has its name
        self.cloud.delete_left_guests()
        self.assertEqual([], invariants.broken(invariants.GONE, self.cloud))
