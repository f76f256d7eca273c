# SPDX-License-Identifier: Apache-2.0
"""The command: its folder, its errors, its end, other addresses."""

import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request

import fixtures
import testtools
import yaml

from tests import initials
from tests import worlds
from xcat_simulator import fixture

COMMAND = [sys.executable, '-m', 'xcat_simulator.cli', 'serve']


def _runs(number):
    """Is there such a process that has not ended (and waits for init)?"""
    try:
        with open('/proc/%d/stat' % number) as stream:
            return stream.read().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


class CommandCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.state = os.path.join(self.folder, 'state')
        self.world = self.write(worlds.small())

    def write(self, world):
        path = os.path.join(self.folder, 'world.yaml')
        with open(path, 'w') as stream:
            yaml.safe_dump(world, stream)
        return path

    def fails(self, *more, world=None, port='0'):
        done = subprocess.run(
            COMMAND + ['--world', world or self.world, '--port', port,
                       '--dir', self.state, *more],
            capture_output=True, text=True, timeout=60)
        self.assertNotEqual(0, done.returncode)
        self.assertNotIn('Traceback', done.stderr)
        return done.stderr

    def serve(self, *more):
        """Start it; returns the process when it is ready."""
        process = subprocess.Popen(
            COMMAND + ['--world', self.world, '--port', '0', '--dir',
                       self.state, *more],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(self.end, process)
        ready = os.path.join(self.state, 'ports.json')
        deadline = time.monotonic() + 60
        while not os.path.exists(ready):
            if process.poll() is not None or time.monotonic() > deadline:
                self.fail('not ready: ' + process.stdout.read())
            time.sleep(0.02)
        with open(ready) as stream:
            self.ports = json.load(stream)
        return process

    def end(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


class ErrorTest(CommandCase):

    def test_a_mistake_in_the_world_is_told_with_its_key(self):
        world = worlds.small()
        world['lpars']['host1']['zhcp']['userid'] = 'TOOLONGUSERID'
        self.assertIn('world.lpars.host1.zhcp.userid',
                      self.fails(world=self.write(world)))
        self.assertFalse(os.path.exists(self.state))

    def test_a_missing_world_is_told(self):
        self.assertIn('No such file', self.fails(world='/nonexistent'))

    def test_a_wrong_port_is_told(self):
        self.assertIn('0 to 65535', self.fails(port='x'))

    def test_a_port_in_use_is_told(self):
        with socket.create_server(('127.0.0.1', 0)) as taken:
            port = str(taken.getsockname()[1])
            self.assertIn('in use', self.fails(port=port).lower())

    def test_a_folder_of_others_is_left_alone(self):
        os.mkdir(self.state)
        with open(os.path.join(self.state, 'precious'), 'w') as stream:
            stream.write('data')
        self.assertIn('not empty', self.fails())
        self.assertEqual(['precious'], os.listdir(self.state))


class CheckTest(CommandCase):
    """`check` and `schema`, which serve nothing."""

    def run_with(self, *arguments):
        done = subprocess.run(COMMAND[:-1] + list(arguments),
                              capture_output=True, text=True, timeout=60)
        self.assertNotIn('Traceback', done.stderr)
        return done

    def test_a_good_world_is_told_in_short(self):
        done = self.run_with('check', self.world)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertEqual("""\
users: admin
LPAR host1: zHCP zhcp1 (ZHCP1), 32 FCP devices, Cloud Connector on any free \
port
  pool zpool1: 10 LUNs, 12 GiB
  guest guest1: LNX00001, on, rhel9
  guest guest2: LNX00002, on, rhel9
""", done.stdout)

    def test_each_mistake_is_told_with_status_1(self):
        world = worlds.small()
        world['lpars']['host1']['colour'] = 'blue'
        del world['lpars']['host1']['zhcp']['node']
        done = self.run_with('check', self.write(world))
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertEqual(
            ['zvm-simulator: world.lpars.host1.colour: unknown key; known: '
             'connector_port, disks, fcp_devices, guests, pools, targets, '
             'zhcp',
             'zvm-simulator: world.lpars.host1.zhcp.node: is missing'],
            done.stderr.splitlines())

    def test_an_initial_object_is_checked_too(self):
        path = os.path.join(self.folder, 'initial.json')
        with open(path, 'w') as stream:
            json.dump(initials.plain(), stream)
        done = self.run_with('check', '--initial', path)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("Cloud Connector on the management node's port",
                      done.stdout)
        self.assertIn('  pool pool1: 2 LUNs, 20 GiB\n', done.stdout)

        done = self.run_with('check', '--initial', self.world)
        self.assertEqual(1, done.returncode)
        self.assertIn('is not JSON', done.stderr)

    def test_the_schemas_are_printed(self):
        for arguments, title in (
                ((), 'a world of zvm-simulator'),
                (('--initial',), 'the initial object of a recording')):
            done = self.run_with('schema', *arguments)
            self.assertEqual(0, done.returncode)
            self.assertEqual(title, json.loads(done.stdout)['title'])

    def test_wrong_use_has_status_2(self):
        for arguments in ((), ('check',), ('serve',), ('nosuch',),
                          ('check', self.world, '--initial', self.world)):
            self.assertEqual(2, self.run_with(*arguments).returncode)


class RunTest(CommandCase):

    def test_it_stops_cleanly_and_starts_anew_in_its_folder(self):
        process = self.serve()
        self.end(process)
        self.assertEqual(0, process.returncode)

        again = self.serve()
        self.end(again)
        self.assertEqual(0, again.returncode)

    def test_one_simulator_a_folder(self):
        self.serve()
        self.assertIn('another simulator', self.fails())

    def test_a_stop_ends_what_runs_in_the_nodes(self):
        process = self.serve()
        number = self.start_on_guest()
        self.assertTrue(_runs(number))
        self.end(process)
        deadline = time.monotonic() + 10
        while _runs(number):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def start_on_guest(self):
        """The process id of a program that guest1 runs in the background."""
        context = ssl.create_default_context(
            cafile=os.path.join(self.state, 'ca.pem'))
        request = urllib.request.Request(
            'https://localhost:%d/xcatws/nodes/guest1/dsh?format=json'
            % self.ports['mn'], method='PUT', data=json.dumps(
                ['command=setsid sleep 1000 >/dev/null 2>&1 </dev/null & '
                 'echo $!']).encode(),
            headers={'userName': worlds.USER, 'password': worlds.PASSWORD,
                     'Content-Type': 'application/json'})
        with urllib.request.urlopen(request, context=context,
                                    timeout=60) as answer:
            elements = json.loads(answer.read())['data']
        return int(elements[0]['data'][0].partition(': ')[2])


class ListenTest(CommandCase):

    def ask(self, password, path='xcatws/version?format=json'):
        context = ssl.create_default_context(
            cafile=os.path.join(self.state, 'ca.pem'))
        request = urllib.request.Request(
            'https://127.0.0.1:%d/%s' % (self.ports['mn'], path),
            headers={'userName': worlds.USER, 'password': password})
        try:
            with urllib.request.urlopen(request, context=context,
                                        timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code

    def test_elsewhere_only_a_generated_password_is_good(self):
        process = self.serve('--listen', '0.0.0.0')
        path = os.path.join(self.state, 'password')
        with open(path) as stream:
            password = stream.read().strip()
        self.assertEqual(0o600, stat.S_IMODE(os.stat(path).st_mode))
        self.assertEqual(401, self.ask(worlds.PASSWORD))
        self.assertEqual(200, self.ask(password))
        self.end(process)
        self.assertEqual(1, process.stdout.read().count(password))

    def test_on_a_loopback_address_the_worlds_password_is_good(self):
        self.serve('--listen', '127.0.0.2')
        self.assertFalse(os.path.exists(os.path.join(self.state,
                                                     'password')))


class FixtureTest(testtools.TestCase):

    def test_a_world_that_is_wrong_is_told_with_its_error(self):
        world = worlds.small()
        del world['users']
        simulator = fixture.Simulator(world)
        error = self.assertRaises(fixtures.MultipleExceptions,
                                  simulator.setUp)
        self.assertIn('world.users: is missing', str(error))

    def test_it_leaves_nothing_behind(self):
        simulator = fixture.Simulator(worlds.small())
        with simulator:
            process, folder = simulator.process, simulator.dir
            self.assertTrue(os.path.isdir(simulator.node_folder(
                'host1', 'lnx00001')))
        self.assertEqual(0, process.returncode)
        self.assertFalse(os.path.exists(folder))

    def test_a_disk_is_found_behind_each_of_its_ports(self):
        with fixture.Simulator(worlds.small()) as simulator:
            disks = [simulator.disk('host1', '500507630300100%d' % number,
                                    '4011400800000000') for number in (1, 2)]
        self.assertEqual(disks[0], disks[1])
        self.assertEqual(2 << 30, disks[0]['size'])
