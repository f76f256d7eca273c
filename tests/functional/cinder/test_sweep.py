# SPDX-License-Identifier: Apache-2.0
"""Sweeps beside Cinder's real database: nothing of others is touched."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from tests.functional.cinder import base
from tests.functional.cinder import harness
from tests import worlds
from tests import zeros

TRUSTING = harness.section(1, zvm_trust_free_luns=True)
MODULE = 'tests.functional.cinder.sweeping.'


class SweepCase(base.ManagerTestCase):

    backends = {'zvmssio1': TRUSTING}

    def sweeping(self, name, backends=None, ready=True, **args):
        return self.run_scenario(MODULE + name, backends, ready,
                                 backend='zvmssio1', **args)

    def create(self, count=1):
        return self.run_scenario('create', backend='zvmssio1',
                                 sizes=[1] * count)['volumes']

    def zhcp(self, name=''):
        return pathlib.Path(self.simulator.node_folder('host1', 'ZHCP1'),
                            name)

    @property
    def file(self):
        return self.zhcp('var/opt/zhcp/zfcp/zpool1.conf')

    def records(self):
        """All records of the ledger as texts, and the pool file."""
        folder = self.zhcp('var/lib/zvm-volume')
        return {str(path): path.read_text()
                for name in ('luns', 'fcp')
                for path in sorted((folder / name).iterdir())
                if not path.name.startswith('.')}


class RecordsTest(SweepCase):

    def test_the_whole_list_is_asked_for_in_batches(self):
        made = self.create(5)
        report = self.sweeping('sweep')
        self.assertEqual([2, 2, 1], report['batches'])
        # by the sweep of this process's start
        self.assertEqual({volume['id']: ['ours', '', ''] for volume in made},
                         self.sweeping('states'))

    def test_a_create_that_cinder_forgot_waits_for_its_lease(self):
        self.sweeping('abandon', count=2)
        report = self.sweeping('sweep')
        self.assertEqual([2, 0], [len(report['waiting']),
                                  len(report['undone'])])
        self.assertEqual(2, self.statuses().count('reserved'))


class RolledBackTest(SweepCase):
    """Cinder's database is yesterday's."""

    def test_nothing_is_touched_and_all_comes_back(self):
        yesterday, = self.create()
        database = os.path.join(self.workdir, 'cinder.sqlite')
        shutil.copy(database, database + '.old')
        written, attached = self.create(2)
        self.sweeping('sweep')
        for volume, node, userid in ((written, 'guest1', 'LNX00001'),
                                     (attached, 'guest2', 'LNX00002')):
            self.sweeping('use', volume_id=volume['id'], node=node,
                          userid=userid, instance=base.INSTANCE[:-1]
                          + node[-1])
        self.scribble(written['provider_id'])
        self.sweeping('unuse', volume_id=written['id'],
                      instance=base.INSTANCE[:-1] + '1')
        shutil.copy(database, database + '.new')

        shutil.copy(database + '.old', database)
        self.sweeping('sweep')
        self.assertEqual({
            yesterday['id']: ['ours', '', ''],
            written['id']: ['quarantined', 'unknown', ''],
            attached['id']: ['used', '', '']}, self.sweeping('states'))
        path, _ = self.disk(written['provider_id'])
        self.assertTrue(zeros.is_scribbled(path))

        shutil.copy(database + '.new', database)
        self.sweeping('sweep')
        self.assertEqual({
            yesterday['id']: ['ours', '', ''],
            written['id']: ['ours', '', ''],
            attached['id']: ['used', '', '']}, self.sweeping('states'))
        self.assertTrue(zeros.is_scribbled(path))


class OtherCloudTest(SweepCase):
    """A second OpenStack on the same zHCP, with the same names."""

    def _cloud(self, name):
        return {'zvmssio1': dict(TRUSTING, zvm_cloud=name)}

    def test_nothing_of_theirs_is_touched(self):
        made = self.run_scenario('create', self._cloud('east'),
                                 backend='zvmssio1', sizes=[1, 1])
        self.sweeping('abandon', self._cloud('east'))
        before = self.records()
        other = os.path.join(self.workdir, 'west')
        ours, self.workdir = self.workdir, other
        report = self.sweeping('sweep', self._cloud('west'))
        self.assertEqual([], [name for name, value in report.items()
                              if value and name != 'batches'])
        self.assertEqual(before, self.records())
        mine = self.run_scenario('create', self._cloud('west'),
                                 backend='zvmssio1', sizes=[1])
        self.workdir = ours
        self.assertEqual(3, len({volume['provider_id'] for volume in
                                 made['volumes'] + mine['volumes']}))


class ForeignHandTest(SweepCase):

    def _rest(self, method, path, body=None):
        import requests
        answer = requests.request(
            method, '%s/xcatws/%s' % (self.simulator.url, path), json=body,
            verify=self.simulator.ca_file, timeout=60,
            params={'format': 'json'}, headers={
                'userName': worlds.USER, 'password': worlds.PASSWORD})
        self.assertEqual(200, answer.status_code, answer.text)

    def test_a_lun_that_was_released_is_taken_back(self):
        volume, = self.create()
        line = self.line_of(volume['provider_id'])
        self._rest('PUT', 'hypervisor/host1', [
            '--releasezfcp zpool1 %s %s' % (line[1].split(';')[-1],
                                            line[2])])
        self.assertEqual('free', self.line_of(volume['provider_id'])[0])
        taken = self.create(7)
        self.assertNotIn(volume['provider_id'].split(':')[2], [
            each['provider_id'].split(':')[2] for each in taken])
        # the start of the process that created them has swept
        self.assertEqual(line, self.line_of(volume['provider_id']))

    def test_a_pool_file_that_a_listing_deleted_comes_back(self):
        volume, = self.create()
        self.sweeping('sweep')
        text = self.file.read_text()
        # as --zfcppoolnames does when its one hop fails
        self.file.unlink()
        report = self.sweeping('sweep')
        self.assertEqual(text, self.file.read_text())
        self.assertEqual({volume['id']: ['ours', '', '']},
                         self.sweeping('states'))
        self.assertEqual('', report['restored'])    # by the start's sweep


class ClusterTest(SweepCase):
    """Two cinder-volume of one cluster on one pool, active both."""

    def _on(self, host, name, **args):
        self.service = {'host': host, 'cluster': 'west'}
        return self.run_scenario(name, backend='zvmssio1', **args)

    def test_each_serves_and_sweeps_for_both(self):
        first, = self._on('one', 'create', sizes=[1])['volumes']
        second, = self._on('two', 'create', sizes=[1])['volumes']
        self.assertNotEqual(first['provider_id'], second['provider_id'])
        for host in ('one', 'two'):
            report = self._on(host, MODULE + 'sweep')
            self.assertEqual([[], []], [report['set_aside'],
                                        report['lost']])
        # what the other made is confirmed, and deleted
        self.assertEqual({first['id']: ['ours', '', ''],
                          second['id']: ['ours', '', '']},
                         self._on('one', MODULE + 'states'))
        for host, volume in (('one', second), ('two', first)):
            self.service = {'host': host, 'cluster': 'west'}
            self.assertEqual('gone', self.run_scenario(
                MODULE + 'delete_here', backend='zvmssio1',
                volume_id=volume['id']))
        self.assertEqual(['free'] * 10, self.statuses())

    def test_a_process_that_died_is_swept_by_the_other(self):
        self.service = {'host': 'one', 'cluster': 'west'}
        self.run_and_die('die_in', backend='zvmssio1', method='claim',
                         when='after')
        report = self._on('two', MODULE + 'sweep')
        # Cinder has the volume, so its create is nobody's to undo
        self.assertEqual([[], [], []], [
            report[name] for name in ('undone', 'waiting', 'set_aside')])
        self.assertEqual(1, self.statuses().count('reserved'))


class AuditTest(SweepCase):
    """zvm-volume audit, in a process of its own."""

    def audit(self, *options, status=0):
        script = os.path.join(os.path.dirname(sys.executable), 'zvm-volume')
        done = subprocess.run(
            [sys.executable, script, 'audit', '--config-file',
             os.path.join(self.workdir, 'cinder.conf'), '--backend',
             'zvmssio1', '--json', *options], capture_output=True, text=True,
            timeout=120, cwd=self.workdir)
        self.assertEqual(status, done.returncode, done.stderr)
        answer = json.loads(done.stdout.splitlines()[-1])
        return answer, {(each['kind'], each['volume']) for each
                        in answer['findings']}

    def test_nothing_to_tell(self):
        self.create()
        self.assertEqual(set(), self.audit()[1])

    def test_a_lost_ledger_is_rebuilt(self):
        volumes = self.create(3)
        self.scribble(volumes[0]['provider_id'])
        self.sweeping('use', volume_id=volumes[1]['id'], node='guest1',
                      userid='LNX00001', instance=base.INSTANCE)
        self.sweeping('abandon')
        before = self.file.read_text()
        shutil.rmtree(self.zhcp('var/lib/zvm-volume'))

        _, found = self.audit(status=1)
        self.assertEqual({('lost', volume['id']) for volume in volumes}
                         | {('stamped', '')}, found)
        refused = self.sweeping('create_refused', ready=False)
        self.assertIsNotNone(refused)

        answer, found = self.audit('--rebuild', status=1)
        self.assertEqual([{volume['id'] for volume in volumes}, 1, []], [
            set(answer['rebuilt']), answer['set_aside'], answer['failed']])
        self.assertEqual({'quarantined'}, {kind for kind, _ in found})
        self.assertEqual(before, self.file.read_text())
        states = self.sweeping('states')
        self.assertEqual(['ours', 'used', 'ours'], [
            states[volume['id']][0] for volume in volumes])
        path, _ = self.disk(volumes[0]['provider_id'])
        self.assertTrue(zeros.is_scribbled(path))

        back = self.sweeping('unuse', volume_id=volumes[1]['id'],
                             instance=base.INSTANCE)
        self.assertEqual({'state': 'ours', 'kept': ''}, back)
        # the one between is attached, as Cinder's own rows say
        for volume in (volumes[0], volumes[2]):
            self.assertTrue(self.run_scenario(
                'delete', volume_id=volume['id'])['gone'])
            self.assertZero(volume['provider_id'])
        self.assertNotEqual([], self.create())

    def test_a_ledger_lost_behind_freed_lines_stops_creates_too(self):
        """No stamp tells of it: only Cinder's records do."""
        volume, = self.create()
        shutil.rmtree(self.zhcp('var/lib/zvm-volume'))
        text = self.file.read_text().splitlines(keepends=True)
        self.file.write_text(''.join(
            'free,' + ','.join(line.split(',')[1:5]) + ',,,\n'
            if line.startswith('reserved') else line for line in text))
        refused = self.sweeping('create_refused')
        self.assertIn('zvm-volume audit', refused['text'])
        self.assertEqual([volume['id']], self.audit(
            '--rebuild', status=0)[0]['rebuilt'])
        self.assertIsNone(self.sweeping('create_refused'))
        self.assertEqual('reserved', self.line_of(volume['provider_id'])[0])


class DevicesTest(SweepCase):
    """zvm-volume devices, in a process of its own."""

    ASIDE = ('device=3B05\nstate=quarantined\nchpid=50\n'
             'wwpn=c05076ffe5001005\nnpiv=yes\nscope=nova:compute\n'
             'why=204~HELD~BY~OTHER\nretry=99999999999\ntries=1\nend=1\n')

    def devices(self, *options, status=0):
        script = os.path.join(os.path.dirname(sys.executable), 'zvm-volume')
        done = subprocess.run(
            [sys.executable, script, 'devices', '--config-file',
             os.path.join(self.workdir, 'cinder.conf'), '--backend',
             'zvmssio1', *options], capture_output=True, text=True,
            timeout=120, cwd=self.workdir)
        self.assertEqual(status, done.returncode, done.stderr)
        return done.stderr if status else done.stdout

    def test_devices_are_shown_and_given_back(self):
        volume, = self.create()
        self.sweeping('use', volume_id=volume['id'], node='guest1',
                      userid='LNX00001', instance=base.INSTANCE)
        self.zhcp('var/lib/zvm-volume/fcp/3B05').write_text(self.ASIDE)
        text = self.devices()
        self.assertIn('3B00 used        CHPID 50 LNX00001', text)
        self.assertIn('204 HELD BY OTHER (until', text)
        self.assertIn('3C00-3C0D has 13 of 14 free (1 in use)', text)
        found = json.loads(self.devices('--json').splitlines()[-1])
        self.assertEqual({'3B00', '3B05', '3C00'}, {
            each['device'] for each in found['devices']})
        self.assertNotIn('3B05', self.devices('--admit', '3b05'))
        self.assertIn('is taken', self.devices('--admit', '3B00', status=2))
