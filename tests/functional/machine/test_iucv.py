# SPDX-License-Identifier: Apache-2.0
"""Commands and files into guests over IUCV, and why they do not come."""
from concurrent import futures
import os
import threading

from tests.functional.machine import base
from tests import waits

IUCVCLNT = 'opt/zhcp/bin/IUCV/iucvclnt '


class IucvTest(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.zhcp = self.guest('ZHCP1')
        self.lpar.guests['ZHCP1'].directory += 'IUCV ANY\n'

    def call(self, arguments):
        done = self.zhcp.run(IUCVCLNT + arguments)
        self.assertEqual('', done.stderr)
        return done.returncode, done.stdout

    def wait_for(self, condition):
        waits.until(condition, 10)


class Commands(IucvTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', iucv=True)

    def test_a_command_runs_in_the_guest(self):
        self.assertEqual((0, 'lnx00001\n'),
                         self.call("LNX00001 'hostname; touch var/lib/here'"))
        self.assertTrue(os.path.exists(self.node.folder + '/var/lib/here'))

    def test_words_are_joined_and_the_user_id_may_be_lower_case(self):
        self.assertEqual((0, 'a b\n'), self.call('lnx00001 echo a b'))

    def test_it_runs_as_root_whoever_logs_in_by_ssh(self):
        node = self.guest('LNX00002', iucv=True, user='xcat', sudo=False)
        self.assertEqual('1000\n', self.sh(node, 'id -u'))
        self.assertEqual((0, '0 root\n'), self.call(
            "LNX00002 'echo $(id -u) $USER'"))

    def test_the_error_output_of_the_last_command_comes_along(self):
        code, out = self.call("LNX00001 'ls no1; ls no2'")
        self.assertEqual(8, code)
        self.assertIn("'no2': No such file", out)
        self.assertNotIn('no1', out)

    def test_a_command_that_fails_is_8_and_tells_its_status(self):
        self.assertEqual(
            (8, 'ERROR: no\n\nReturn code 8, Reason code 3.\n'),
            self.call("LNX00001 'echo no; (exit 3)'"))

    def test_a_long_answer_comes_whole(self):
        code, out = self.call("LNX00001 'seq 1 5000'")
        self.assertEqual(0, code)
        self.assertEqual([str(i) for i in range(1, 5001)], out.split())

    def test_of_a_long_answer_only_the_last_block_is_the_error(self):
        code, out = self.call("LNX00001 'seq 1 500; false'")
        self.assertEqual(8, code)
        self.assertTrue(out.startswith('1\n2\n'))
        self.assertLess(out.index('ERROR: '), out.index('\n500\n'))

    def test_no_output_and_no_last_line_feed(self):
        self.assertEqual((0, ''), self.call('LNX00001 true'))
        self.assertEqual((0, 'x'), self.call("LNX00001 'printf x'"))

    def test_a_command_has_at_most_900_bytes(self):
        self.assertEqual(0, self.call("LNX00001 ': %s'" % ('x' * 898))[0])
        code, out = self.call("LNX00001 ': %s'" % ('x' * 899))
        self.assertEqual(2, code)
        self.assertIn('Return code 2', out)

    def test_a_path_that_the_zhcps_shell_expanded_means_the_guests(self):
        self.assertEqual((0, 'lnx00001\n'), self.call(
            'LNX00001 "cat $ZVM_ROOT/etc/hostname"'))

    @base.needs_landlock
    def test_the_guest_stays_confined(self):
        code, out = self.call("LNX00001 'cat %s/etc/hostname'"
                              % self.lpar.folder)
        self.assertEqual(8, code)
        code, _out = self.call("LNX00001 'cat /etc/passwd'")
        self.assertEqual(8, code)

    def test_a_job_in_the_background_lives_on(self):
        self.assertEqual(0, self.call(
            "LNX00001 'setsid sh -c \"sleep 0.3; touch run/done\" "
            ">/dev/null 2>&1 </dev/null &'")[0])
        self.wait_for(lambda: os.path.exists(self.node.folder + '/run/done'))


class Refusals(IucvTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', iucv=True)

    def refused(self, reason, text, userid='LNX00001'):
        self.assertEqual(
            (4, 'ERROR: ERROR connecting socket:\n%s\nReturn code 4, Reason '
                'code %d.\n' % (text, reason)), self.call(userid + ' true'))

    def test_usage(self):
        for arguments in ('', 'LNX00001', 'LNX00001 iucv_file_transport x'):
            code, out = self.call(arguments)
            self.assertEqual(2, code)
            self.assertIn('Usage:', out)
        self.assertEqual((0, '0.0.0.1'), self.call('--version'))

    def test_a_guest_without_the_agent(self):
        self.guest('LNX00002')
        self.refused(111, 'Connection refused', 'LNX00002')

    def test_a_guest_that_is_off_or_not_there(self):
        self.refused(101, 'Network is unreachable', 'NOBODY')
        self.lpar.guests['LNX00001'].power_off()
        self.refused(101, 'Network is unreachable')

    def test_a_zhcp_without_iucv_any(self):
        zhcp = self.lpar.guests['ZHCP1']
        zhcp.directory = zhcp.directory.replace('IUCV ANY\n', '')
        self.refused(13, 'Permission denied')
        zhcp.directory += 'IUCV LNX00001\n'
        self.assertEqual(0, self.call('LNX00001 true')[0])

    def test_a_guest_that_lets_all_call(self):
        zhcp, guest = (self.lpar.guests[u] for u in ('ZHCP1', 'LNX00001'))
        zhcp.directory = zhcp.directory.replace('IUCV ANY\n', '')
        guest.directory += 'IUCV ALLOW\n'
        self.assertEqual(0, self.call('LNX00001 true')[0])

    def test_a_guest_that_names_another_user_id(self):
        self.guest('LNX00002', iucv='OPNCLOUD')
        self.assertEqual(
            (1, 'ERROR: UNAUTHORIZED_ERROR: Userid ZHCP1 is not authorized, '
                'IUCV agent only can communicate with specified open cloud '
                'user!\nReturn code 1, Reason code 0.\n'),
            self.call('LNX00002 touch var/x'))
        self.assertFalse(os.path.exists(
            self.lpar.node_folder('LNX00002') + '/var/x'))

    def test_a_guest_that_names_nobody(self):
        self.sh(self.node, 'rm etc/iucv_authorized_userid')
        self.assertEqual(
            (1, 'ERROR: UNAUTHORIZED_ERROR: Authorized path '
                "/etc/iucv_authorized_userid doesn't exist on iucv server.\n"
                'Return code 1, Reason code 2.\n'), self.call('LNX00001 true'))

    def test_case_and_blanks_of_the_name_do_not_matter(self):
        self.sh(self.node, 'echo "zhcp1 " > etc/iucv_authorized_userid')
        self.assertEqual(0, self.call('LNX00001 true')[0])
        self.sh(self.node, 'echo ZHCP1 and also ZHCP2 > '
                           'etc/iucv_authorized_userid')
        self.assertEqual(1, self.call('LNX00001 true')[0])

    def test_a_zhcp_without_the_agents_program(self):
        self.sh(self.zhcp, 'rm opt/zhcp/bin/IUCV/iucvserv')
        self.assertEqual(32, self.call('LNX00001 true')[0])

    def test_only_the_zhcp_has_the_client_and_not_by_name(self):
        self.assertEqual('', self.zhcp.run('command -v iucvclnt').stdout)
        self.assertEqual('', self.sh(self.node, 'ls opt'))


class Service(IucvTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', iucv=True)

    def status(self):
        return self.call('LNX00001 true')[0]

    def test_the_agent_is_a_process_that_can_be_killed(self):
        # the processes of other worlds on this host are seen as well
        self.sh(self.node, 'pkill -x -P %d iucvserv' % os.getpid())
        self.wait_for(lambda: not self.node.iucv.running)
        self.assertEqual(4, self.status())
        self.sh(self.node, 'systemctl start iucvserd')
        self.assertEqual(0, self.status())

    def test_the_service_can_be_stopped_and_left_out_at_boot(self):
        self.assertEqual('active\nenabled\n', self.sh(
            self.node, 'systemctl is-active iucvserd; '
                       'systemctl is-enabled iucvserd.service'))
        self.sh(self.node, 'systemctl stop iucvserd')
        self.assertEqual(4, self.status())
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual(0, self.status())
        self.sh(self.node, 'systemctl disable --now iucvserd')
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual(4, self.status())

    def test_a_guest_gets_the_agent_by_copies_of_its_files(self):
        node = self.guest('LNX00002')
        self.assertEqual(5, node.run('systemctl start iucvserd').returncode)
        for name, target in (('iucvserv', 'usr/bin/'),
                             ('iucvserd.service', 'lib/systemd/system/')):
            data, mode = self.zhcp.read_file(
                self.zhcp.folder + '/opt/zhcp/bin/IUCV/' + name)
            path = '%s/%s%s' % (node.folder, target, name)
            with open(path, 'wb') as copy:
                copy.write(data)
            os.chmod(path, mode)
        self.sh(node, 'printf ZHCP1 > etc/iucv_authorized_userid\n'
                      'systemctl enable iucvserd.service\n'
                      'systemctl start iucvserd.service')
        self.assertEqual((0, 'lnx00002\n'), self.call('LNX00002 hostname'))

    def test_one_command_at_a_time(self):
        with futures.ThreadPoolExecutor(8) as pool:
            done = list(pool.map(self.call, [
                "LNX00001 'mkdir run/alone && sleep 0.05 && rmdir "
                "run/alone'"] * 8))
        self.assertEqual([(0, '')] * 8, done)

    def test_more_than_twenty_that_wait_are_refused(self):
        threads = []

        def call():
            threads.append(self.call(
                "LNX00001 'while [ ! -e run/go ]; do sleep 0.02; done'")[0])
        with futures.ThreadPoolExecutor(30) as pool:
            for _ in range(21):
                pool.submit(call)
            self.wait_for(lambda: self.node.iucv.callers == 21)
            self.assertEqual(4, self.status())
            self.sh(self.node, 'touch run/go')
        self.assertEqual([0] * 21, threads)

    def during(self, change):
        """Start a command, do `change`, and return what the client got."""
        answer = []
        caller = threading.Thread(target=lambda: answer.append(self.call(
            "LNX00001 'echo begun; touch run/begun; sleep 60'")))
        caller.start()
        self.wait_for(lambda: os.path.exists(
            self.node.folder + '/run/begun'))
        change()
        caller.join(10)
        return answer

    def test_a_guest_that_goes_off_in_the_middle_looks_like_done(self):
        self.assertEqual([(0, '')], self.during(
            self.lpar.guests['LNX00001'].power_off))
        self.lpar.guests['LNX00001'].power_on()
        self.assertEqual(0, self.status())

    def test_so_does_a_service_that_is_stopped(self):
        self.assertEqual([(0, '')], self.during(self.node.iucv.stop))


class Files(IucvTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001', iucv=True)
        self.sh(self.zhcp, 'head -c 300000 /dev/urandom > tmp/x; '
                           'chmod 750 tmp/x')

    def send(self, source, destination):
        return self.call('LNX00001 iucv_file_transport %s "$ZVM_ROOT/%s"'
                         % (source, destination))

    def test_a_file_comes_with_its_mode(self):
        self.assertEqual((0, ''), self.send('tmp/x', 'var/lib/y'))
        target = self.node.folder + '/var/lib/y'
        with open(self.zhcp.folder + '/tmp/x', 'rb') as one, \
                open(target, 'rb') as other:
            self.assertEqual(one.read(), other.read())
        self.assertEqual(0o750, os.stat(target).st_mode & 0o777)

    def test_paths_that_the_shell_expanded_mean_the_same(self):
        self.assertEqual((0, ''), self.send(
            '"$ZVM_ROOT/tmp/x"', 'var/lib/y'))
        self.sh(self.node, '[ -s var/lib/y ]')

    @base.needs_landlock
    def test_absolute_paths_are_the_nodes(self):
        self.assertEqual((0, ''), self.call(
            'LNX00001 iucv_file_transport /tmp/x /var/lib/y'))
        self.sh(self.node, '[ -s var/lib/y ]')

    def test_what_is_there_is_kept_under_another_name(self):
        self.sh(self.node, 'echo old > var/lib/y')
        self.send('tmp/x', 'var/lib/y')
        self.assertEqual('old\n', self.sh(
            self.node, 'cat var/lib/y.iucvold'))

    def test_no_source_is_16(self):
        code, out = self.send('tmp/none', 'var/lib/y')
        self.assertEqual(16, code)
        self.assertIn('failed to open file tmp/none for read.\nNo such file '
                      'or directory\nReturn code 16, Reason code 2.', out)
        self.assertEqual(16, self.send('tmp', 'var/lib/y')[0])

    def test_the_destination_must_be_a_file_in_a_folder(self):
        for target, text in (('var/lib', 'should include the file name'),
                             ('no/where', 'Failed to open file')):
            code, out = self.send('tmp/x', target)
            self.assertEqual(4, code)
            self.assertIn("Server can't receive file.", out)
            self.assertIn(text, out)

    @base.needs_landlock
    def test_nothing_outside_is_read_or_written(self):
        secret = os.path.join(self.folder, 'secret')
        with open(secret, 'w') as outside:
            outside.write('x')
        self.sh(self.zhcp, 'ln -s %s tmp/link' % secret)
        self.assertEqual(16, self.send('tmp/link', 'var/lib/y')[0])
        self.sh(self.node, 'ln -s %s var/lib/link' % secret)
        self.send('tmp/x', 'var/lib/link')
        self.assertEqual(1, os.path.getsize(secret))

    def test_the_right_to_call_is_needed_for_files_too(self):
        self.sh(self.node, 'echo OTHER > etc/iucv_authorized_userid')
        self.assertEqual(1, self.send('tmp/x', 'var/lib/y')[0])
        self.assertFalse(os.path.exists(self.node.folder + '/var/lib/y'))
