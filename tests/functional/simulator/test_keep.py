# SPDX-License-Identifier: Apache-2.0
"""A world that outlives its process: what is on disks stays, no more."""

import json
import os
import signal
import time

import requests

from tests.functional.simulator import base
from tests.functional.simulator import test_cli
from tests import initials
from tests import nursery
from tests import worlds

WWPN, LUN = '5005076303001001', '4011400000000000'
PORTS = '5005076303001001;5005076303001002'
# Persistent at guest1, with a file system that fstab mounts.
PREPARE = '''cd "$ZVM_ROOT" && chzdev -e zfcp-host 3b00 >/dev/null &&
chzdev -e zfcp-lun 0.0.3b00:0x{0}:0x{1} >/dev/null && udevadm settle &&
mkfs.xfs -f dev/sda >/dev/null && mkdir -p mnt/data &&
echo "/dev/sda /mnt/data xfs defaults 0 0" >>etc/fstab &&
mount dev/sda mnt/data &&
echo the tenant\\'s own | dd of=dev/sda seek=2048 conv=notrunc 2>/dev/null
'''.replace('\n', ' ').format(WWPN, LUN)
LOOK = ('cd "$ZVM_ROOT" && udevadm settle && lszfcp -D && grep -c "^/dev/sda '
        '/mnt/data xfs" proc/mounts && '
        'dd if=dev/sda skip=2048 count=1 2>/dev/null | tr -d "\\0"')
DISK = ('chccwdev -e 3b0e >/dev/null; udevadm settle; '
        'cd "$ZVM_ROOT"/dev/disk/by-path && ')
JOB = ('cd "$ZVM_ROOT"; setsid sleep 1000 >/dev/null 2>&1 </dev/null & '
       'echo $!')


class KeepCase(base.ServedCase):
    """`again` goes down as `down` does it, and serves with --keep."""

    @staticmethod
    def world():
        world = worlds.small()
        guest = world['lpars']['host1']['guests']['guest1']
        guest['linux'] = {'distro': 'rhel9', 'lun_scan': False}
        return world

    def down(self):
        self.simulator.stop()

    def again(self):
        self.down()
        self.simulator.restart()
        self.session = self.client()

    def sh(self, node, command):
        """What a command prints in a node; it must end with 0."""
        answer = self.dsh(node, command)
        self.assertEqual(['0'], answer[-1]['errorcode'], answer)
        return [line.partition(': ')[2] for each in answer
                for text in each.get('data', ()) for line in text.splitlines()]

    def put(self, path, words):
        return str(self.data('PUT', path, [words]))

    def connector(self, method, path, body=None):
        answer = requests.request(
            method, self.simulator.connector_url('host1') + path, json=body,
            timeout=60)
        self.assertEqual(200, answer.status_code, answer.text)
        return answer.json()['output']

    def lpar(self):
        return self.simulator.state()['lpars']['host1']

    def guest(self, userid='LNX00001'):
        return self.lpar()['guests'][userid]


class StopTest(KeepCase):

    def test_a_persistent_lun_comes_back_when_its_guest_is_started(self):
        self.put('hypervisor/host1', '--reservezfcp zpool1 used guest1 3B00 '
                 '1G')
        self.put('vms/guest1', '--dedicatedevice 3B00 3B00 0')
        self.sh('guest1', PREPARE)
        before = self.simulator.pool_text('host1', 'zpool1')
        self.assertIn('used,%s,%s,' % (PORTS, LUN), before)
        disk = self.simulator.disk('host1', WWPN, LUN)

        self.again()
        self.assertEqual(before, self.simulator.pool_text('host1', 'zpool1'))
        self.assertEqual(disk, self.simulator.disk('host1', WWPN, LUN))
        self.assertEqual('off', self.guest()['power'])
        self.assertIn('DEDICATE 3B00 3B00\n', self.guest()['directory'])
        self.assertEqual('Free', self.lpar()['fcp_devices']['3B00']['status'])
        self.assertFalse(os.path.exists(os.path.join(
            self.guest()['folder'], 'dev/sda')))

        self.put('nodes/guest1/power', 'on')
        self.assertEqual('LNX00001',
                         self.lpar()['fcp_devices']['3B00']['owner'])
        self.assertEqual(
            ['0.0.3b00/0x%s/0x%s 0:0:0:1073758225' % (WWPN, LUN), '1',
             "the tenant's own"], self.sh('guest1', LOOK))

    def test_what_was_in_memory_is_gone(self):
        self.sh('zhcp1', 'cd "$ZVM_ROOT" && mkdir run/ours var/lib/ours && '
                'touch run/ours/x var/lib/ours/x && '
                'smcli Image_Device_Dedicate -T LNX00001 -v 3B05 -r 3B05 -R 0')
        self.assertEqual({'3B05': '3B05'}, self.guest()['devices'])
        jobs = [int(self.sh(node, JOB)[0]) for node in ('zhcp1', 'guest2')]
        boot = self.sh('zhcp1', 'cat "$ZVM_ROOT"/proc/sys/kernel/random/*')

        self.again()
        for number in jobs:
            self.assertFalse(test_cli._runs(number))
        self.assertNotEqual(boot, self.sh(
            'zhcp1', 'cat "$ZVM_ROOT"/proc/sys/kernel/random/*'))
        self.assertEqual(['x'], self.sh(
            'zhcp1', 'cd "$ZVM_ROOT"; ls run | grep ours; ls var/lib/ours'))
        self.assertEqual('Free', self.lpar()['fcp_devices']['3B05']['status'])
        self.assertEqual(['off', 'on'], [
            self.guest(userid)['power'] for userid in ('LNX00002', 'ZHCP1')])
        # what the zHCP's own entry dedicates is active again
        self.assertEqual({'3B0E': '3B0E', '3C0E': '3C0E'},
                         self.guest('ZHCP1')['devices'])
        self.put('nodes/guest1/power', 'on')
        self.assertEqual({}, self.guest()['devices'])

    def test_the_tables_of_the_management_node(self):
        self.ask('POST', 'nodes/made', ['groups=all', 'mgt=zvm',
                                        'hcp=zhcp1.example.com',
                                        'userid=LNX00002'])
        self.ask('DELETE', 'nodes/guest2')
        self.ask('PUT', 'tables/zvm', ['node=guest1', 'zvm.comments=mine'])
        before = [self.data('GET', 'tables/' + name)
                  for name in ('zvm', 'nodelist')]
        self.assertIn('mine', str(before))

        self.again()
        self.assertEqual(before, [self.data('GET', 'tables/' + name)
                                  for name in ('zvm', 'nodelist')])
        self.assertIn('made: off', self.put('nodes/made/power', 'stat'))
        self.assertEqual(403, self.ask('GET', 'nodes/guest2/power'
                                       ).status_code)

    def test_the_user_directory(self):
        self.connector('POST', 'guests', {'guest': {
            'userid': 'CLD00001', 'vcpus': 1, 'memory': 1024,
            'disk_list': [{'size': '1g', 'is_boot_disk': True}]}})
        self.put('vms/guest1', '--setipl 3B00')
        self.data('DELETE', 'vms/guest2')
        before = {userid: guest['directory']
                  for userid, guest in self.lpar()['guests'].items()}
        self.assertIn('MDISK 0100 3390', before['CLD00001'])
        self.assertIn('IPL 3B00', before['LNX00001'])
        self.assertNotIn('LNX00002', before)

        self.again()
        self.assertEqual(before, {
            userid: guest['directory']
            for userid, guest in self.lpar()['guests'].items()})
        self.assertEqual(['CLD00001'], self.connector('GET', 'guests'))

    def test_a_guest_of_the_cloud_connector_starts_with_its_files(self):
        path = os.path.join(self.simulator.dir, 'ca.pem')
        self.connector('POST', 'images', {'image': {
            'image_name': 'golden', 'url': 'file://' + path,
            'image_meta': {'os_version': 'sles15'}}})
        self.connector('POST', 'guests', {'guest': {
            'userid': 'CLD00001', 'vcpus': 1, 'memory': 1024}})
        act = 'guests/CLD00001/action'
        self.connector('POST', act, {'action': 'deploy', 'image': 'golden'})
        self.connector('POST', act, {'action': 'start'})
        self.ask('POST', 'nodes/cld00001', [
            'groups=all', 'mgt=zvm', 'hcp=zhcp1.example.com',
            'userid=CLD00001'])
        self.sh('cld00001', 'cd "$ZVM_ROOT" && echo mine >etc/hostname')
        images = self.connector('GET', 'images')

        self.again()
        self.assertEqual(images, self.connector('GET', 'images'))
        self.assertEqual('off', self.connector(
            'GET', 'guests/CLD00001/power_state'))
        self.connector('POST', act, {'action': 'start'})
        self.assertEqual(['mine', 'sles'], self.sh(
            'cld00001', 'cd "$ZVM_ROOT"; . etc/os-release; cat etc/hostname;'
            ' echo $ID'))

    def test_a_guest_on_a_scsi_disk_boots_what_it_was(self):
        for words in ('--dedicatedevice 3B00 3B00 0', '--setipl 3B00',
                      '--setloaddev %s %s' % (WWPN, LUN)):
            self.put('vms/guest1', words)
        with open(self.simulator.disk('host1', WWPN, LUN)['path'],
                  'r+b') as image:
            image.write(b'zvm-simulator: distro=sles12\n')
        self.put('nodes/guest1/power', 'reset')
        self.sh('guest1', 'cd "$ZVM_ROOT" && echo mine >etc/hostname')

        self.again()
        self.put('nodes/guest1/power', 'on')
        self.assertEqual('3B00:%s:%s' % (WWPN, LUN), self.guest()['root'])
        self.assertEqual(['mine', 'sles'], self.sh(
            'guest1', 'cd "$ZVM_ROOT"; . etc/os-release; cat etc/hostname; '
            'echo $ID'))

    def test_persistent_reservations(self):
        """They are the storage server's, which did not go down."""
        self.simulator.event(reservation='%s %s 7b 5' % (WWPN, LUN))
        self.sh('zhcp1', DISK + 'sg_persist -n -o -I -S 0xfeed -Z '
                '*0x%s:0x%s' % (WWPN, LUN))
        before = self.simulator.disk('host1', WWPN, LUN)['reservations']
        self.assertEqual(2, len(before['keys']))

        self.again()
        self.assertEqual(before, self.simulator.disk(
            'host1', WWPN, LUN)['reservations'])
        self.assertIn('(PTPL_A): 1', str(self.sh(
            'zhcp1', DISK + 'sg_persist -n -i -c *0x%s:0x%s'
            % (WWPN, LUN))))

    def test_events_and_the_journal_begin_anew(self):
        self.simulator.event(smapi_fails='Image_Activate 396 1 no')
        self.simulator.event(dd='fails')
        self.simulator.event(clock='7200')
        self.simulator.event(space='full')
        self.simulator.event(network='down')
        self.simulator.event(guest='LNX00001 ssh refused')
        self.simulator.fault(path='power', status=503)

        self.again()
        self.assertEqual([], self.simulator.requests(None))
        self.assertEqual([], self.simulator.faults())
        self.put('nodes/guest1/power', 'on')
        self.sh('guest1', 'true')
        now = self.sh(
            'zhcp1', 'cd "$ZVM_ROOT" && dd if=dev/zero of=tmp/x count=1 '
            '2>/dev/null && ip -o route get 127.0.0.1 >/dev/null && '
            'date +%s')[0]
        self.assertTrue(abs(int(now) - time.time()) < 3600, now)


class KillTest(StopTest):
    """The same, after all that was answered before a SIGKILL."""

    def down(self):
        self.simulator.kill()


class LinesTest(KeepCase):
    """Of a recording: a line that is added to a pool brings its disk."""

    def served(self):
        return self.useFixture(nursery.Simulator(initial=initials.plain(
            users={worlds.USER: worlds.PASSWORD})))

    def test_a_disk_of_a_line_that_was_added(self):
        lun = '4099400000000000'
        self.put('hypervisor/host1',
                 '--addzfcp2pool pool1 free %s %s 1G' % (WWPN, lun))
        path = self.simulator.disk('host1', WWPN, lun)['path']
        with open(path, 'r+b') as image:
            image.write(b'mine')
        self.again()
        self.assertEqual(path, self.simulator.disk('host1', WWPN, lun)['path'])
        with open(path, 'rb') as image:
            self.assertEqual(b'mine', image.read(4))


class CommandTest(test_cli.CommandCase):

    def serve_kept(self, *more):
        return self.serve('--keep', *more)

    def test_a_zhcp_that_was_deleted_is_told(self):
        self.end(self.serve_kept())
        path = os.path.join(self.state, 'kept', 'lpar-host1.json')
        with open(path) as stream:
            found = json.load(stream)
        del found['guests']['ZHCP1']
        with open(path, 'w') as stream:
            json.dump(found, stream)
        self.assertIn('host1 has no zHCP ZHCP1', self.fails('--keep'))

    def marked(self):
        """A file of the zHCP's Linux; it is made when it is not there."""
        path = os.path.join(self.state, 'nodes/host1/ZHCP1/root/marked')
        there = os.path.exists(path)
        with open(path, 'w') as stream:
            stream.write('here')
        return there

    def test_without_it_the_folder_is_emptied(self):
        self.end(self.serve_kept())
        self.marked()
        self.end(self.serve())
        self.assertFalse(self.marked())
        # however that one was started, it can go on
        process = self.serve_kept()
        self.assertTrue(self.marked())
        self.end(process)
        self.assertIn('goes on', process.stdout.read())

    def test_a_world_that_was_not_finished_is_made_anew(self):
        process = self.serve_kept()
        self.marked()
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.unlink(os.path.join(self.state, 'ports.json'))
        os.unlink(os.path.join(self.state, 'kept', 'world.json'))
        self.serve_kept()
        self.assertFalse(self.marked())

    def test_another_world_is_refused_and_the_kept_one_stays(self):
        self.end(self.serve_kept())
        self.marked()
        world = worlds.small()
        world['lpars']['host1']['guests']['guest2']['linux'] = 'sles15'
        self.write(world)
        self.assertIn('lpars.host1.guests.guest2.linux.distro',
                      self.fails('--keep'))
        del world['lpars']['host1']['guests']['guest2']
        self.write(world)
        self.assertIn('lpars.host1.guests.guest2 is not as it was',
                      self.fails('--keep'))

        world = worlds.small()
        world['users']['another'] = {'password': 'word'}
        world['lpars']['host1']['connector_port'] = 'same'
        self.write(world)
        self.serve_kept()
        self.assertTrue(self.marked())

    def test_a_file_that_is_broken_is_told(self):
        self.end(self.serve_kept())
        with open(os.path.join(self.state, 'kept', 'world.json'), 'w'):
            pass
        self.assertIn('world.json', self.fails('--keep'))

    def test_the_generated_password_stays(self):
        path = os.path.join(self.state, 'password')
        found = []
        for _ in range(2):
            process = self.serve_kept('--listen', '0.0.0.0')
            with open(path) as stream:
                found.append(stream.read())
            self.end(process)
        self.assertEqual(found[0], found[1])
        self.serve_kept()
        self.assertFalse(os.path.exists(path))
