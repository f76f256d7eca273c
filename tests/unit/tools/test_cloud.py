# SPDX-License-Identifier: Apache-2.0
"""tools/cloud: its folder, its processes, and how the tests count it."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time

import fixtures
import testtools

from tests.unit.tools import base

_CLOUD = base.ROOT / 'tools' / 'cloud.d'
if str(_CLOUD) not in sys.path:
    sys.path.append(str(_CLOUD))

import clouds  # noqa: E402,I100
import configs  # noqa: E402
import counts  # noqa: E402
import lower  # noqa: E402
import place  # noqa: E402
import processes  # noqa: E402


def _wait_until(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError('not within %d s' % seconds)
        time.sleep(0.01)


def _is_gone(pid):
    """A process that nobody has reaped yet is gone as well."""
    return (processes._stat(pid) or 'Z')[0] == 'Z'


class CloudCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.place = place.Place(self.folder / 'cloud', 12000)
        self.place.make()


class PlaceTest(CloudCase):

    def _here(self, **variables):
        for name in ('ZVM_CLOUD_DIR', 'ZVM_CLOUD_PORTS'):
            self.useFixture(fixtures.EnvironmentVariable(
                name, variables.get(name)))
        return place.Place.here()

    def test_folder_and_ports_are_those_that_were_named(self):
        found = self._here(ZVM_CLOUD_DIR=str(self.folder),
                           ZVM_CLOUD_PORTS='20000')
        self.assertEqual(self.folder.resolve(), found.folder)
        self.assertEqual('http://127.0.0.1:25000/v3',
                         found.url('keystone', '/v3'))

    def test_without_words_it_is_below_the_sources(self):
        found = self._here()
        self.assertEqual(base.ROOT / '.zvm' / 'cloud', found.folder)
        self.assertEqual(18776, found.port('cinder'))

    def test_an_offset_that_is_none_is_refused(self):
        for text in ('-1', 'x', '65000', '1e3'):
            error = self.assertRaises(place.Stop, self._here,
                                      ZVM_CLOUD_PORTS=text)
            self.assertIn(repr(text), str(error))

    def test_a_folder_too_deep_for_a_socket_is_refused(self):
        error = self.assertRaises(
            place.Stop, self._here, ZVM_CLOUD_DIR='/tmp/' + 'x' * 100)
        self.assertIn('ZVM_CLOUD_DIR', str(error))

    def test_passwords_are_made_once_and_for_this_user_alone(self):
        first = self.place.passwords
        again = place.Place(self.place.folder, 0).passwords
        self.assertEqual(first, again)
        self.assertEqual(4, len(set(first.values())))
        file = self.place.state / 'passwords.json'
        self.assertEqual(0o600, stat.S_IMODE(file.stat().st_mode))

    def test_no_two_services_share_a_port(self):
        self.assertEqual(len(place.PORTS), len(set(place.PORTS.values())))


class ProcessesTest(CloudCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(self._end)
        self.words = []

    def _end(self):
        processes.stop(self.place, processes.names(self.place),
                       self.words.append)

    def _start(self, script, name='one'):
        return processes.start(self.place, name, ['sh', '-c', script])

    def _said(self, name='one'):
        return processes.log_file(self.place, name).read_text()

    def test_what_runs_is_not_started_twice(self):
        self.assertTrue(self._start('exec sleep 60'))
        pid = processes.pid(self.place, 'one')
        self.assertFalse(self._start('exec sleep 60'))
        self.assertEqual(pid, processes.pid(self.place, 'one'))

    def test_what_ended_has_no_pid_and_is_started_again(self):
        self._start('exit 3')
        _wait_until(lambda: processes.pid(self.place, 'one') is None)
        self.assertTrue(self._start('exec sleep 60'))
        self.assertIsNotNone(processes.pid(self.place, 'one'))

    def test_stop_ends_children_too(self):
        self._start('sleep 60 & echo $!; wait')
        _wait_until(lambda: self._said().strip())
        child = int(self._said())
        processes.stop(self.place, ['one'], self.words.append)
        self.assertTrue(_is_gone(child))
        self.assertEqual([], processes.names(self.place))

    def test_children_of_one_that_died_end_as_well(self):
        self._start('sleep 60 & echo $!')
        _wait_until(lambda: self._said().strip())
        _wait_until(lambda: processes.pid(self.place, 'one') is None)
        processes.stop(self.place, ['one'], self.words.append)
        self.assertTrue(_is_gone(int(self._said())))

    def test_what_will_not_end_is_killed_and_told(self):
        self.useFixture(fixtures.MonkeyPatch('processes.PATIENCE', 1))
        self._start('trap "" TERM; echo ready; while :; do sleep 1; done')
        _wait_until(self._said)
        processes.stop(self.place, ['one'], self.words.append)
        self.assertIn('killed', self.words[0])
        self.assertEqual([], processes.names(self.place))

    def test_a_pid_that_others_have_now_is_left_alone(self):
        other = subprocess.Popen(['sleep', '60'], start_new_session=True)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        place.write(self.place.run / 'one.pid', json.dumps(
            {'pid': other.pid, 'began': processes._stat(other.pid)[1] - 1}))
        self.assertIsNone(processes.pid(self.place, 'one'))
        processes.stop(self.place, ['one'], self.words.append)
        self.assertIsNone(other.poll())
        self.assertEqual([], processes.names(self.place))

    def test_kill_takes_the_whole_group(self):
        self._start('sleep 60 & echo $!; wait')
        _wait_until(lambda: self._said().strip())
        processes.kill(self.place, 'one')
        self.assertTrue(_is_gone(int(self._said())))
        error = self.assertRaises(place.Stop, processes.kill, self.place,
                                  'one')
        self.assertIn('does not run', str(error))

    def test_a_signal_reaches_the_group(self):
        self._start('trap "echo heard" USR1; echo ready; '
                    'while :; do sleep 0.05; done')
        _wait_until(self._said)
        processes.signal_group(self.place, 'one', signal.SIGUSR1)
        _wait_until(lambda: 'heard' in self._said())

    def test_a_command_that_fails_shows_its_last_words(self):
        error = self.assertRaises(
            place.Stop, processes.run, self.place, 'init',
            ['sh', '-c', 'echo the reason; exit 1'])
        self.assertIn('the reason', str(error))
        self.assertIn('init.log', str(error))


class LowerTest(CloudCase):

    def test_missing_programs_are_told_as_packages(self):
        self.useFixture(fixtures.MonkeyPatch('shutil.which',
                                             lambda *a, **k: None))
        error = self.assertRaises(lower.Missing, lower.check)
        self.assertEqual(clouds.MISSING, error.status)
        for package in ('mariadb-server', 'rabbitmq-server', 'qemu-utils'):
            self.assertIn(package, str(error))

    def test_a_port_of_somebody_else_is_told(self):
        taken = self.useFixture(Listener())
        self.place.offset = taken.port - place.PORTS['nova']
        error = self.assertRaises(place.Stop, lower.check_ports, self.place,
                                  ['nova'])
        self.assertIn('port %d' % taken.port, str(error))
        self.assertIn('ZVM_CLOUD_PORTS', str(error))

    def test_a_process_that_ends_early_is_told_with_its_words(self):
        processes.start(self.place, 'nova', ['sh', '-c', 'echo why; exit 1'])
        error = self.assertRaises(place.Stop, lower.wait_for_port, self.place,
                                  'nova')
        self.assertIn('why', str(error))


class Listener(fixtures.Fixture):

    def _setUp(self):
        server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(server.close)
        self.port = server.getsockname()[1]


class ConfigsTest(CloudCase):

    def test_files_are_for_this_user_alone(self):
        place.write(self.place.conf('nova'), 'x')
        mode = self.place.conf('nova').stat().st_mode
        self.assertEqual(0o600, stat.S_IMODE(mode))

    def test_both_services_send_and_want_tokens_of_services(self):
        for service in (configs.cinder, configs.nova):
            found = service(self.place)
            self.assertEqual('true', found['service_user'][
                'send_service_user_token'])
            self.assertEqual('true', found['keystone_authtoken'][
                'service_token_roles_required'])


class Bench:

    def __init__(self, folder):
        self.root = self.work = self.logs = folder
        python = type('Environment', (), {'python': 'python'})
        self.all = dict.fromkeys(clouds.ENVIRONMENTS, python)


class PartTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.calls = []
        self.answers = {}
        self.useFixture(fixtures.MonkeyPatch('subprocess.run', self._run))

    def _run(self, command, **options):
        self.calls.append((command[2], options['env']))
        if command[2] == 'up':
            options['stderr'].write('up was here\n')
            options['stderr'].flush()
        status, text = self.answers.get(command[2], (0, ''))
        return subprocess.CompletedProcess(command, status, text)

    def _part(self):
        return clouds.part(Bench(self.folder), None)

    def test_up_and_the_tests_are_counted(self):
        self.answers['test'] = 0, json.dumps(
            {'passed': 7, 'failed': 0, 'skipped': 2, 'seconds': 3})
        self.assertEqual(counts.Counts(8, 0, 2), self._part())
        self.assertEqual(['reset', 'up', 'test', 'down'],
                         [name for name, _ in self.calls])

    def test_a_cloud_that_does_not_come_up_has_failed_and_is_ended(self):
        self.answers['up'] = 1, ''
        self.assertEqual(counts.Counts(failed=1), self._part())
        self.assertEqual('down', self.calls[-1][0])

    def test_an_answer_that_is_none_has_failed(self):
        for text in ('', '[]', '{"passed": 3}', 'Traceback'):
            self.answers['test'] = 1, text
            self.assertEqual(counts.Counts(1, 1, 0), self._part())

    def test_what_it_said_is_shown_when_it_has_ended(self):
        self._part()
        self.assertEqual(['\nup was here\n'], self.said[-1:])

    def test_it_is_not_the_cloud_of_a_person(self):
        self._part()
        for _, env in self.calls:
            self.assertEqual(str(self.folder / 'run' / 'cloud'),
                             env['ZVM_CLOUD_DIR'])

    def test_without_its_programs_it_is_skipped_in_words(self):
        self.answers['up'] = 3, ''
        self.assertEqual(counts.Counts(skipped=1), self._part())
        self.assertIn('not installed', self.said[0])
        # what it is, tools/cloud up has said
        self.assertIn('up was here', self.said[-1])


class HelpTest(testtools.TestCase):

    def test_what_it_starts_hears_no_proxy(self):
        found = configs.environment(place.Place('/nowhere', 0))
        self.assertIn('127.0.0.1', found['no_proxy'])
        self.assertEqual('zvm', found['OS_CLOUD'])
        self.assertNotIn('OS_PASSWORD', found)
        self.assertTrue(found['PATH'].startswith('/nowhere/bin'), os.sep)
