# SPDX-License-Identifier: Apache-2.0
"""Backup and host-assisted migration by a Cinder that runs in a guest.

Cinder's managers, os-brick and the driver are real, and so are the bytes; the
guest, its kernel and CP are simulated.
"""

import os
import pathlib
import re

from tests.functional.cinder import api
from tests.functional.cinder import harness
from tests import waits
from tests import worlds
from tests import zeros

MODULE = 'tests.functional.cinder.hosting.'
DEVICES = ('3b0f', '3c0f')
POOLS = ('zvmssio1', 'zpool1'), ('zvmssio2', 'zpool2')


class HostingTestCase(api.ApiTestCase):
    """Two pools of one zHCP; the guest cinder1 with FCP devices of its own."""

    backends = {name: harness.section(1, zvm_scsi_pool=pool)
                for name, pool in POOLS}
    machine = 's390x'

    def world(self):
        world = worlds.small()
        lpar = world['lpars']['host1']
        one, two = lpar['pools']['zpool1']
        lpar['pools'] = {
            'zpool1': [dict(one, count=3), dict(two, count=1)],
            'zpool2': [dict(one, lun='4021400000000000', count=3)]}
        lpar['guests']['cinder1'] = {
            'userid': 'CINDER1', 'power': 'on', 'node': True,
            'linux': {'distro': 'rhel9', 'lun_scan': False},
            'directory': 'USER CINDER1 XXXX 2G 4G G\n' + ''.join(
                'DEDICATE %s %s\n' % (each, each)
                for each in map(str.upper, DEVICES))}
        return world

    def setUp(self):
        super().setUp()
        self.client.create_type('any')
        self.folder = self.simulator.node_folder('host1', 'CINDER1')
        for device in DEVICES:
            pathlib.Path(self.folder, 'sys/bus/ccw/devices/0.0.' + device,
                         'online').write_text('1\n')
        hosts = pathlib.Path(self.folder, 'sys/class/fc_host')
        waits.until(lambda: len(list(hosts.iterdir())) == len(DEVICES))
        self.ask('become', folder=self.folder, name='cinder1',
                 machine=self.machine)
        self.ask('set_up')

    def ask(self, call, **args):
        return self.cloud.ask(MODULE + call, **args)

    def filled(self, volume_type='zvmssio1'):
        """A volume with data."""
        volume = self.created(volume_type=volume_type)
        self.scribble(self.provider_id(volume))
        return volume

    def bytes_of(self, provider_id):
        return self.disk(provider_id)[0]

    def paths(self):
        """SCSI devices of the guest."""
        return sorted(each.name for each in pathlib.Path(
            self.folder, 'sys/bus/scsi/devices').iterdir())

    def states(self):
        return {key: state for name, _ in POOLS for key, state in
                self.ask('states', backend=name).items()}

    def lent(self):
        return [state for state in self.states().values()
                if state[0] == 'used']

    def assertNothingLeft(self):
        """Neither a path nor a loan."""
        self.assertEqual([], self.paths())
        self.assertEqual([], self.lent())

    def backup(self, volume, **fields):
        return self.client.ask('POST', '/backups', {'backup': dict(
            fields, volume_id=volume['id'])})['backup']

    def show(self, backup_id):
        return self.client.ask('GET', '/backups/' + backup_id)['backup']

    def migrate(self, volume):
        """To the other pool, by the host; where that is."""
        here = volume['os-vol-host-attr:host']
        there, = ({'demo@%s#%s' % each for each in POOLS} - {here})
        self.client._action('/volumes/' + volume['id'], 'os-migrate_volume',
                            host=there, force_host_copy=True)
        return there

    def migrated(self, volume, status):
        found = {}

        def ended():
            found.update(self.client.volume(volume['id']))
            return (found['migration_status'], found['status']) == (
                status, 'available')
        waits.until(ended, 60, 0.1)
        return found

    def units(self, action):
        """What os-brick wrote to unit_add or unit_remove."""
        return [word for command in self.ask('commands') for word in command
                if word.endswith('unit_' + action)]


class MigrationTest(HostingTestCase):

    def test_a_volume_is_copied_by_the_host(self):
        volume = self.filled('any')
        old = self.provider_id(volume)
        kept = pathlib.Path(self.workdir, 'kept')
        kept.touch()
        os.truncate(kept, 2 ** 30)
        zeros.scribble(kept)
        there = self.migrate(volume)
        found = self.migrated(volume, 'success')
        self.assertEqual(there, found['os-vol-host-attr:host'])
        waits.until(lambda: list(self.states().values()) == [
            ['ours', '', None]], 60, 0.1)
        name = there.partition('@')[2].partition('#')[0]
        new, = self.ask('places', backend=name).values()
        self.assertNotEqual(old, new)
        self.assertTrue(zeros.begins_with(self.bytes_of(new), kept))
        self.assertZero(old)
        self.assertNothingLeft()
        # each path was added and taken away, of each LUN
        self.assertEqual({'%s/%s' % (device, number) for device in DEVICES
                          for number in ('1001', '1002')},
                         {'%s/%s' % (word.split('/')[6][4:],
                                     word.split('/')[7][-4:])
                          for word in self.units('remove')})


class BackupTest(HostingTestCase):

    def test_a_backup_and_its_restore(self):
        self.ask('start_backup', folder=str(
            pathlib.Path(self.workdir, 'backups')))
        volume = self.filled()
        backup = self.backup(volume)
        self.client.reached(self.show, backup['id'], 'available')
        self.available(volume)
        self.assertNothingLeft()
        restored = self.available(self.client.create(
            1, volume_type='zvmssio2', backup_id=backup['id']))
        self.assertTrue(zeros.begins_with(
            *(self.bytes_of(self.provider_id(each))
              for each in (volume, restored))))
        self.assertNothingLeft()


class FailureTest(HostingTestCase):

    def died(self):
        """A volume that cinder-volume had attached when it died."""
        volume = self.filled()
        self.ask('connect_by_hand', backend='zvmssio1',
                 volume_id=volume['id'])
        self.assertEqual([['used', 'lent', 'cinder1']], self.lent())
        self.assertEqual(4, len(self.paths()))
        return volume

    def lease_is_over(self):
        """The zHCP's clock goes on by hours."""
        records = pathlib.Path(self.simulator.node_folder('host1', 'ZHCP1'),
                               'var/lib/zvm-volume/luns')
        for path in records.iterdir():
            path.write_text(re.sub('^lease=.*', 'lease=1', path.read_text(),
                                   flags=re.MULTILINE))

    def test_a_start_gives_back_what_the_kernel_does_not_have(self):
        volume = self.died()
        self.lease_is_over()
        self.ask('set_up')
        self.assertIn('The kernel of host cinder1 still has', self.log())
        self.assertEqual([['used', 'lent', 'cinder1']], self.lent())
        # nobody gets it meanwhile
        self.client.delete(volume['id'])
        self.client.reached(self.client.volume, volume['id'], 'available')
        self.assertIn('lent to Cinder host cinder1', self.log())
        for path in self.paths():
            pathlib.Path(self.folder, 'sys/bus/scsi/devices', path,
                         'delete').write_text('1\n')
        waits.until(lambda: self.paths() == [], 20)
        self.ask('set_up')
        self.assertNothingLeft()
        self.assertTrue(zeros.is_scribbled(
            self.bytes_of(self.provider_id(volume))))
        self.deleted(volume)

    def test_but_not_while_another_process_may_be_about_to_use_it(self):
        self.died()
        for path in self.paths():
            pathlib.Path(self.folder, 'sys/bus/scsi/devices', path,
                         'delete').write_text('1\n')
        waits.until(lambda: self.paths() == [], 20)
        self.ask('set_up')
        self.assertEqual([['used', 'lent', 'cinder1']], self.lent())

    def test_a_path_that_does_not_go_keeps_the_volume(self):
        self.ask('start_backup', folder=str(
            pathlib.Path(self.workdir, 'backups')))
        volume = self.filled()
        # os-brick only logs what it could not write there
        self.ask('deny', text='unit_remove')
        backup = self.backup(volume)
        self.client.reached(self.show, backup['id'], 'available')
        self.assertEqual([['used', 'lent', 'cinder1']], self.lent())
        self.assertIn('The kernel of host cinder1 still has', self.log())
        self.assertTrue(self.paths())


class ElsewhereTest(HostingTestCase):
    """A Cinder host that is no guest."""

    machine = 'x86_64'

    def test_all_is_refused_and_nothing_changes(self):
        self.ask('start_backup', folder=str(
            pathlib.Path(self.workdir, 'backups')))
        volume = self.filled('any')
        before = self.lines()
        self.migrate(volume)
        self.migrated(volume, 'error')
        self.assertIn('Host-assisted migration of volume %s: this Cinder host '
                      'is x86_64' % volume['id'], self.log())
        waits.until(lambda: len(self.client.volumes()) == 1, 60)
        backup = self.backup(volume)
        waits.until(lambda: self.show(backup['id'])['status'] == 'error', 60)
        reason = self.show(backup['id'])['fail_reason']
        self.assertIn('s390x Linux guest of z/VM LPAR host1', reason)
        self.assertNotIn('Traceback', reason)
        self.available(volume)
        self.assertEqual(before, self.lines())
        self.assertNothingLeft()
