# SPDX-License-Identifier: Apache-2.0
"""Migration between the pools of one zHCP, and what is no migration."""

import types

from cinder import exception
import fixtures
import testtools

from cinder_zvm import audit
from cinder_zvm import location
from cinder_zvm import records
from cinder_zvm import volumeop
from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions

THERE = location.Location('zhcp1.example.com', fakes.LEDGER, 'zpool2',
                          fakes.OTHER_SCOPE)


def host(where=THERE, name='demo@zvmssio2#zpool2'):
    """A back-end as the scheduler describes it."""
    return {'host': name, 'cluster_name': None,
            'capabilities': {'location_info': str(where)}}


class LocationTest(testtools.TestCase):

    def test_what_is_told_is_read(self):
        for scope in ('cinder:demo@zvmssio2@cloud', 'a:b:c::', 'none'):
            told = location.Location('zhcp1', fakes.LEDGER, 'p', scope)
            self.assertEqual(told, location.Location.parse(str(told)))

    def test_what_is_none_is_refused(self):
        for text in (None, '', 7, 'LVMVolumeDriver:host:vg:thin:0',
                     'ZVMVolumeDriver:zhcp1.example.com:zpool1',
                     'ZVMVolumeDriver:zhcp1:a b:zpool1:cinder',
                     'ZVMVolumeDriver:zhcp1::zpool1:cinder',
                     'ZVMVolumeDriver:zh cp:%s:zpool1:x' % fakes.LEDGER,
                     'ZVMVolumeDriver:zhcp1:%s:../x:x' % fakes.LEDGER,
                     'ZVMVolumeDriver:zhcp1:%s:zpool1:' % fakes.LEDGER,
                     'ZVMVolumeDriver:zhcp1:%s:zpool1:-x' % fakes.LEDGER,
                     'ZVMVolumeDriver:zhcp1:%s:zpool1:%s' % (
                         fakes.LEDGER, 'x' * 65)):
            self.assertRaises(exceptions.InvalidValue,
                              location.Location.parse, text)

    def test_one_zhcp_has_one_name_and_one_ledger(self):
        here = location.Location('ZHCP1.example.com', fakes.LEDGER, 'zpool1',
                                 fakes.SCOPE)
        self.assertTrue(THERE.has_zhcp_of(here))
        for other in (location.Location('zhcp2', fakes.LEDGER, 'p', 's'),
                      location.Location('zhcp1.example.com', 'x', 'p', 's')):
            self.assertFalse(other.has_zhcp_of(here))


class MigrateCase(base.DriverTestCase):
    """The volume, of 12 GiB, and an empty pool on the same zHCP."""

    def setUp(self):
        super().setUp()
        self.there = fakes.pools_of_one_zhcp(self.pool)
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_zvm.backend.Backend.other_pool',
            lambda _, name, scope: self._other(name, scope)))
        self.volume = fakes.volume(11)
        self.volume.provider_id = self.driver.create_volume(
            self.volume)['provider_id']
        self.old = self.pool.change(self.pool.of(fakes.VOLUME), phase='')
        self.pool.calls.clear()

    def _other(self, name, scope):
        self.assertEqual((self.there.name, self.there.zhcp.scope),
                         (name, scope))
        return self.there

    def migrate(self, *args, **kwargs):
        return self.driver.migrate_volume(None, self.volume,
                                          host(*args, **kwargs))

    def lun(self):
        return self.pool.of(fakes.VOLUME)

    def assert_there(self, answer):
        lun = self.lun()
        self.assertEqual((True, {'provider_id': volumeop.provider_id(lun)}),
                         answer)
        self.assertEqual(('zpool2', 'ours', 'current', fakes.OTHER_SCOPE),
                         (lun.pool, lun.state, lun.role, lun.scope))

    def as_before(self):
        self.assertEqual((self.old.lun, 'ours'),
                         (self.lun().lun, self.lun().state))
        self.assertEqual({'free'}, {lun.state for lun in
                                    self.there.luns.values()} - {'wiping'})


class MigrateTest(MigrateCase):

    def test_to_another_pool_of_the_zhcp(self):
        self.assert_there(self.migrate())
        # large enough for the whole LUN, not for the volume only
        self.assertEqual(12, self.lun().size.bytes / 2 ** 30)
        self.assertEqual('wiping', self.pool.luns[self.old.lun].state)
        self.assertEqual(fakes.SCOPE, self.pool.luns[self.old.lun].scope)
        self.assertEqual(['look', 'copy', 'wait', 'switch'],
                         self.there.calls)
        self.assertEqual([], self.pool.calls)

    def test_elsewhere_nothing_is_done_and_it_is_told_why(self):
        for where, why in (
                (location.Location('zhcp2.example.com', fakes.LEDGER,
                                   'zpool2', fakes.OTHER_SCOPE),
                 'its zHCP is zhcp2.example.com'),
                (location.Location('zhcp1.example.com', 'another', 'zpool2',
                                   fakes.OTHER_SCOPE), 'ledger another'),
                ('LVMVolumeDriver:demo:vg:thin:0', 'LVMVolumeDriver'),
                ('ZVMVolumeDriver:zhcp1.example.com:zpool2', 'LEDGER')):
            self.assertEqual((False, None), self.migrate(where))
            self.assertIn('not copied to back-end demo@zvmssio2#zpool2',
                          self.log.output)
            self.assertIn(why, self.log.output)
        self.assertEqual((False, None), self.driver.migrate_volume(
            None, self.volume, {'host': 'a@b', 'capabilities': {}}))
        self.assertEqual([], self.pool.calls + self.there.calls)

    def test_done_already_no_request_but_a_look(self):
        self.assert_there(self.migrate())
        for pool in self.pool, self.there:
            pool.calls.clear()
        self.assert_there(self.migrate())
        self.assertEqual(['look'], self.pool.calls + self.there.calls)

    def test_attached(self):
        self.pool.change(self.old, state='used', userid='LNX00001',
                         host='compute1')
        error = self.assertRaises(exception.VolumeIsBusy, self.migrate)
        self.assertIn('LNX00001', error.msg)
        self.assertEqual([], [call for call in self.there.calls
                              if call != 'look'])

    def test_no_lun_is_large_enough(self):
        for lun in list(self.there.luns.values())[2:]:
            self.there.change(lun, state='foreign')
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.migrate)
        self.assertIn('Pool zpool2 has no free LUN of 12.00 to', error.msg)
        self.assertIn('largest free LUN has 10.00', error.msg)
        self.assertEqual((self.old.lun, 'ours'),
                         (self.lun().lun, self.lun().state))

    def test_the_copy_fails(self):
        def fail():
            target, = (lun for lun in self.there.luns.values()
                       if lun.state == 'copying')
            self.there.change(target, why='no path')
        self.there.before['wait'] = [fail]
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.migrate)
        self.assertIn('no path', error.msg)
        self.as_before()

    def test_attached_meanwhile(self):
        self.there.before['switch'] = [lambda: self.pool.change(
            self.old, state='used', generation=self.old.generation + 1)]
        self.assertRaises(exception.VolumeBackendAPIException, self.migrate)
        self.assertEqual((self.old.lun, 'used'),
                         (self.lun().lun, self.lun().state))

    def test_answers_that_were_lost(self):
        for name in 'copy', 'switch':
            self.there.after[name] = [exceptions.OutcomeUnknown('lost')]
        self.assert_there(self.migrate())

    def test_a_back_end_that_has_the_same_pool(self):
        self.there = fakes.FakePool(scope=fakes.OTHER_SCOPE)
        self.there.luns = self.pool.luns
        entrusted = []

        def entrust(pool, lun, scope):
            entrusted.append((pool, lun.scope, scope))
            return self.pool.change(lun, scope=scope)
        self.useFixture(fixtures.MonkeyPatch(
            'zvm_common.pool.moves.entrust', entrust))
        where = location.Location('zhcp1.example.com', fakes.LEDGER,
                                  'zpool1', fakes.OTHER_SCOPE)
        for _ in range(2):
            self.assertEqual(
                (True, {'provider_id': self.volume.provider_id}),
                self.migrate(where))
        self.assertEqual([(self.there, fakes.SCOPE, fakes.OTHER_SCOPE)],
                         entrusted)
        self.assertEqual(self.old.lun, self.lun().lun)

    def test_a_ledger_that_lacks_volumes_takes_none(self):
        self.pool.ledger = 'lost'
        self.assertEqual((False, None), self.migrate())
        self.assertEqual([], self.there.calls)


class NotSavedTest(MigrateCase):
    """cinder-volume died when the volume was there and Cinder not told."""

    def setUp(self):
        super().setUp()
        self.migrate()
        self.driver._sweeper._interval = 0
        row = self.volume
        self.known[fakes.VOLUME] = records.Known(
            fakes.VOLUME, True, 'available', row.provider_id, row, row)

    def test_the_sweep_of_its_back_end_tells_and_corrects(self):
        report = self.driver.sweep()
        self.assertEqual([fakes.VOLUME], report.elsewhere)
        self.assertEqual([], report.lost)
        self.assertEqual(fakes.LEDGER, self.pool.ledger)
        self.assertEqual(volumeop.provider_id(self.lun()),
                         self.volume.provider_id)

    def test_an_audit_tells_where_it_is(self):
        finding, = audit.find(self.pool._seen(), self.known, self.pool.look)
        self.assertEqual(
            ('elsewhere', str(self.lun().lun), fakes.VOLUME,
             'zpool2 ' + fakes.OTHER_SCOPE),
            (finding.kind, finding.lun, finding.volume, finding.detail))

    def test_it_is_deleted(self):
        self.driver.delete_volume(self.volume)
        self.assertIsNone(self.lun())

    def test_it_is_attached(self):
        info = self.driver.initialize_connection(self.volume,
                                                 fakes.connector())
        self.assertEqual('zpool2', info['data']['zvm_pool'])
        self.assertEqual(str(self.lun().lun), info['data']['zvm_lun'])

    def test_it_is_copied_to_its_back_end(self):
        clone = fakes.volume(11, fakes.INSTANCE)
        self.driver.create_cloned_volume(clone, self.volume)
        self.assertEqual(('zpool1', fakes.SCOPE), (
            self.pool.of(fakes.INSTANCE).pool,
            self.pool.of(fakes.INSTANCE).scope))

    def test_one_that_is_extended_comes_back(self):
        self.driver.extend_volume(self.volume, 20)
        self.assertEqual(('zpool1', fakes.SCOPE, 20), (
            self.lun().pool, self.lun().scope,
            self.lun().size.bytes / 2 ** 30))

    def test_one_that_is_large_enough_stays(self):
        self.driver.extend_volume(self.volume, 12)
        self.assertEqual('zpool2', self.lun().pool)


class RetypeTest(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.qos = None
        for name, answer in (
                ('qos_specs', lambda _: {'qos_specs': self.qos}),
                ('extra_specs', lambda _: self.specs)):
            self.useFixture(fixtures.MonkeyPatch(
                'cinder.volume.volume_types.get_volume_type_' + name,
                answer))

    def retype(self, name='demo@zvmssio1#zpool1', cluster=None, **specs):
        self.specs = {key.replace('__', ':'): value
                      for key, value in specs.items()}
        return self.driver.retype(
            None, fakes.volume(), types.SimpleNamespace(
                id='t', name='new', extra_specs=self.specs), {},
            {'host': name, 'cluster_name': cluster})

    def test_what_changes_nothing_on_the_lun(self):
        for specs in ({}, {'zvm__copy_verify': 'sampled'},
                      {'multiattach': '<is> False'},
                      {'volume_backend_name': 'x', 'other__key': 'True'}):
            self.assertEqual((True, None), self.retype(**specs), specs)
        self.qos = {'name': 'slow', 'consumer': 'front-end'}
        self.assertEqual((True, None), self.retype())
        self.assertEqual([], self.pool.calls)

    def test_what_no_lun_has_is_left_to_the_manager(self):
        for name in ('multiattach', 'replication_enabled',
                     'thin_provisioning_support', 'QoS_support',
                     'capabilities__replication_enabled'):
            self.assertEqual((False, None),
                             self.retype(**{name: '<is> True'}))
            self.assertIn(name.replace('__', ':') + ' = <is> True',
                          self.log.output)
        for consumer in 'back-end', 'both':
            self.qos = {'name': 'slow', 'consumer': consumer}
            self.assertEqual((False, None), self.retype())
            self.assertIn('QoS specs slow are of consumer ' + consumer,
                          self.log.output)

    def test_another_back_end(self):
        self.assertEqual((False, None), self.retype('demo@zvmssio2#zpool2'))
        self.assertEqual((False, None), self.retype(
            'demo2@zvmssio1#zpool1', 'west@zvmssio1#zpool1'))

    def test_a_word_that_is_none_is_refused(self):
        error = self.assertRaises(
            exception.VolumeBackendAPIException, self.retype,
            zvm__copy_verify='perhaps')
        self.assertIn('zvm:copy_verify = perhaps', error.msg)


class MigratedTest(base.DriverTestCase):

    def test_the_volume_keeps_the_new_lun(self):
        # provider_ids are swapped by the manager itself
        new = fakes.volume(10, fakes.INSTANCE, provider_id='p')
        self.assertEqual(
            {'_name_id': fakes.INSTANCE, 'provider_location': None},
            self.driver.update_migrated_volume(None, fakes.volume(), new,
                                               'available'))
