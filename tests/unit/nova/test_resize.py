# SPDX-License-Identifier: Apache-2.0
"""Processors and memory change, and all is undone when that fails."""

import types
from unittest import mock

from nova.compute import task_states
from nova import exception
from nova import objects

from nova_zvm_volume.virt.zvm import ownership
from tests.unit.nova import fakes
from tests.unit.nova import test_driver
from zvm_common import exceptions

CONTEXT = test_driver.CONTEXT


def flavor(name='small', vcpus=1, memory_mb=512, **kwargs):
    return objects.Flavor(**dict(
        dict(name=name, vcpus=vcpus, memory_mb=memory_mb, root_gb=1,
             ephemeral_gb=0, swap=0), **kwargs))


LARGE = flavor('large', 4, 2048)


class TestResize(test_driver.Base):

    def setUp(self):
        super().setUp()
        self.made = self.driver()
        self.inst = self.instance()
        self.spawn(self.made, self.inst, self.mapping())
        self.inst.flavor = flavor()
        self.inst.new_flavor = LARGE
        self.inst.old_flavor = None
        self.inst.migration_context = objects.MigrationContext(migration_id=7)
        self.migration = types.SimpleNamespace(
            source_compute='compute1', dest_compute='compute1')
        self.useFixture(test_driver.test.fixtures.MonkeyPatch(
            'nova.objects.Migration.get_by_id_and_instance',
            lambda *args: self.migration))
        self.connector.asked.clear()

    def mappings(self):
        return {'block_device_mapping': [self.mapping()]}

    def migrate(self, to=LARGE):
        return self.made.migrate_disk_and_power_off(
            CONTEXT, self.inst, '127.0.0.1', to, [], self.mappings(), 60, 10)

    def finish(self, power_on=True):
        self.inst.old_flavor, self.inst.flavor = self.inst.flavor, LARGE
        self.made.finish_migration(
            CONTEXT, self.migration, self.inst, '', [], None, False, {},
            self.mappings(), power_on)

    def refused(self, kind, *words, to=LARGE):
        error = self.assertRaises(exception.InstanceFaultRollback,
                                  self.migrate, to).inner_exception
        self.assertIsInstance(error, kind)
        for word in words:
            self.assertIn(word, str(error))

    @property
    def changes(self):
        return [each for each in self.connector.asked if each[0] in (
            'guest_resize_cpus', 'guest_resize_mem', 'guest_softstop',
            'guest_start', 'guest_delete', 'guest_reset')]

    def test_sizes_change_before_the_guest_stops(self):
        self.assertEqual('', self.migrate())
        self.assertEqual([
            ('guest_resize_cpus', 'zvm00001', 4),
            ('guest_resize_mem', 'zvm00001', '2048M'),
            ('guest_softstop', 'zvm00001')], self.changes)
        self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)

    def test_only_what_differs_is_changed(self):
        self.migrate(flavor(memory_mb=10240))
        self.assertEqual([('guest_resize_mem', 'zvm00001', '10G'),
                          ('guest_softstop', 'zvm00001')], self.changes)

    def test_a_guest_that_is_off_is_not_stopped(self):
        self.connector.off.add('ZVM00001')
        self.migrate()
        self.assertNotIn('guest_softstop', self.connector.calls)

    def test_refused_before_anything(self):
        for to, words in (
                (flavor(root_gb=2), ('root disk', 'root_gb')),
                (flavor(ephemeral_gb=2), ('ephemeral',)),
                (flavor(swap=2), ('swap',)),
                (flavor(memory_mb=10000), ('10000 MiB',))):
            self.refused(exception.ResizeError, *words, to=to)
        self.inst.system_metadata[ownership.KEY] = ownership.NOBODY
        self.refused(exception.ResizeError, 'was not made for this')
        self.migration.dest_compute = 'compute2'
        self.refused(exception.MigrationError, 'another host')
        self.assertEqual([], self.changes)

    def test_what_was_changed_is_changed_back(self):
        def fail():
            del self.connector.before['guest_resize_mem']
            raise exception.ZVMConnectorError(results={'errmsg': 'too much'})
        self.connector.before['guest_resize_mem'] = fail
        self.refused(exception.ZVMDriverException, 'too much')
        self.assertEqual([
            ('guest_resize_cpus', 'zvm00001', 4),
            ('guest_resize_mem', 'zvm00001', '2048M'),
            ('guest_resize_cpus', 'zvm00001', 1),
            ('guest_resize_mem', 'zvm00001', '512M')], self.changes)

    def test_a_guest_that_stopped_and_said_no_is_started_again(self):
        def fail():
            self.connector.off.add('ZVM00001')
            raise exception.ZVMConnectorError(results={'errmsg': 'timeout'})
        self.connector.before['guest_softstop'] = fail
        self.refused(exception.ZVMDriverException, 'timeout')
        self.assertEqual(set(), self.connector.off)
        self.assertEqual(('guest_resize_mem', 'zvm00001', '512M'),
                         self.changes[-1])

    def test_the_connectors_words_are_told(self):
        def fail():
            raise exception.ZVMConnectorError(results={
                'errmsg': 'exceeds the maximum', 'output': '', 'rc': 409})
        self.connector.before['guest_resize_cpus'] = fail
        self.refused(exception.ZVMDriverException, 'exceeds the maximum')
        error = self.assertRaises(exception.InstanceFaultRollback,
                                  self.migrate).inner_exception
        self.assertNotIn('409', str(error))

    def test_finish_starts_and_attaches_with_fresh_connections(self):
        self.migrate()
        self.finish()
        self.assertEqual(set(), self.connector.off)
        self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)

    def test_finish_of_a_stopped_server_starts_nothing(self):
        self.connector.off.add('ZVM00001')
        self.migrate()
        self.finish(power_on=False)
        self.assertEqual({'ZVM00001'}, self.connector.off)

    def test_a_finish_that_fails_gives_the_size_back(self):
        self.migrate()
        self.lpar.fail('guest.attach', exceptions.PathFailed('no path'))
        self.assertRaises(exception.VolumeAttachFailed, self.finish)
        self.assertEqual([('guest_resize_cpus', 'zvm00001', 1),
                          ('guest_resize_mem', 'zvm00001', '512M')],
                         self.changes[-2:])
        self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)

    def test_reverting_deletes_nothing(self):
        self.migrate()
        self.finish()
        self.inst.task_state = task_states.RESIZE_REVERTING
        for disks in (True, False):
            self.made.destroy(CONTEXT, self.inst, [], self.mappings(), disks)
        self.assertNotIn('guest_delete', self.connector.calls)
        self.assertEqual({'ZVM00001'}, self.connector.off)
        self.assertEqual('used', self.lpar.luns[fakes.VOLUME].state)
        self.inst.flavor = flavor()
        self.made.finish_revert_migration(CONTEXT, self.inst, [],
                                          self.migration, self.mappings())
        self.assertEqual([('guest_resize_cpus', 'zvm00001', 1),
                          ('guest_resize_mem', 'zvm00001', '512M'),
                          ('guest_start', 'zvm00001')], self.changes[-3:])

    def test_a_revert_that_knows_no_other_flavor_sets_all(self):
        self.inst.new_flavor = None
        self.made.finish_revert_migration(CONTEXT, self.inst, [],
                                          self.migration, {}, False)
        self.assertEqual([('guest_resize_cpus', 'zvm00001', 1),
                          ('guest_resize_mem', 'zvm00001', '512M')],
                         self.changes)

    def test_confirm_does_nothing(self):
        self.made.confirm_migration(CONTEXT, self.migration, self.inst, [])
        self.assertEqual([], self.changes)

    def test_a_move_of_another_cell_stops_before_the_guest(self):
        self.inst.task_state = task_states.RESIZE_MIGRATING
        self.assertRaises(exception.MigrationError, self.made.power_off,
                          self.inst, 60, 10)
        self.assertEqual([], self.changes)

    def test_nova_is_told_an_address(self):
        self.flags(my_ip='192.0.2.7')
        self.assertEqual('192.0.2.7', self.made.get_host_ip_addr())


class TestRefusals(test_driver.Base):

    def test_in_words(self):
        made = self.driver()
        with mock.patch.object(self.connector, 'call') as call:
            for method, count in (
                    ('suspend', 2), ('resume', 3), ('rescue', 7),
                    ('unrescue', 2), ('swap_volume', 6),
                    ('extend_volume', 4)):
                error = self.assertRaises(
                    NotImplementedError, getattr(made, method),
                    *[None] * count)
                self.assertNotEqual('', str(error))
            self.assertRaises(
                exception.MigrationPreCheckError,
                made.check_can_live_migrate_destination, *[None] * 4)
            self.assertRaises(
                exception.MigrationPreCheckError,
                made.check_can_live_migrate_source, *[None] * 3)
        call.assert_not_called()
        self.assertEqual([], self.lpar.calls)

    def test_rescue_stops_before_the_guest(self):
        made, instance = self.driver(), self.instance()
        instance.task_state = task_states.RESCUING
        self.assertRaises(exception.InstanceNotRescuable, made.power_off,
                          instance, 60, 10)
        self.assertNotIn('guest_softstop', self.connector.calls)


class TestHostBoot(test_driver.Base):

    def test_a_guest_that_runs_is_left_alone(self):
        made = self.driver()
        made.resume_state_on_host_boot(CONTEXT, self.instance(), [], [])
        self.assertNotIn('guest_start', self.connector.calls)

    def test_one_that_is_off_is_started_and_looked_after(self):
        made = self.driver()
        self.connector.off.add('ZVM00001')
        with mock.patch.object(made, '_settle_fresh') as settle:
            made.resume_state_on_host_boot(CONTEXT, self.instance(), [], [])
            made.wait_for_resumed()
        self.assertEqual(set(), self.connector.off)
        self.assertEqual(fakes.INSTANCE, settle.call_args.args[1])

    def test_a_service_that_ends_waits_for_nobody(self):
        made = self.driver()
        made.cleanup_host('compute1')
        with mock.patch.object(made, '_settle_fresh') as settle:
            made._watch(fakes.INSTANCE)
        settle.assert_not_called()
