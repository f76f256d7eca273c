# SPDX-License-Identifier: Apache-2.0
"""Commands in a node: their world, their limits, their jobs."""
import base64
from concurrent import futures
import os
import subprocess
import time
import unittest

from tests.functional.machine import base
from xcat_simulator.machine import confine
from xcat_simulator.machine import model
from zvm_common.remote import program

needs_scopes = unittest.skipUnless(
    confine.ABI >= 6, 'signals are not kept inside before version 6 of '
    'Landlock: this has %d' % confine.ABI)


class Commands(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001')

    def test_the_folder_is_the_working_directory(self):
        out = self.sh(self.node, 'pwd; echo "$ZVM_ROOT"; id -u')
        self.assertEqual([self.node.folder, self.node.folder, '0'],
                         out.split())

    def test_the_environment_is_clean(self):
        os.environ['SECRET_OF_THE_SIMULATOR'] = 'x'
        self.addCleanup(os.environ.pop, 'SECRET_OF_THE_SIMULATOR')
        self.assertNotIn('SECRET', self.sh(self.node, 'env'))

    def test_output_and_status_come_apart(self):
        done = self.node.run('echo out; echo err >&2; exit 3')
        self.assertEqual(model.Completed(3, 'out\n', 'err\n'), done)

    def test_five_megabytes_come_back(self):
        out = self.sh(self.node, 'yes 0123456789 | head -c 5000000')
        self.assertEqual(5000000, len(out))

    def test_a_script_can_come_as_base64(self):
        script = base64.b64encode(b'printf "%s|" "$@"\necho "it\'s \\"q\\""')
        out = self.sh(self.node, "echo %s | base64 -d | sh -s -- 'a b' c; "
                                 'echo rc=$?' % script.decode())
        self.assertEqual('a b|c|it\'s "q"\nrc=0\n', out)

    def test_a_command_can_have_131071_bytes_and_no_more(self):
        self.assertEqual(0, self.node.run('#' * 131071).returncode)
        done = self.node.run('#' * 131072)
        self.assertEqual(126, done.returncode)
        self.assertIn('Argument list too long', done.stderr)

    def test_a_time_out_kills(self):
        self.assertRaises(subprocess.TimeoutExpired, self.node.run,
                          'sleep 60', 0.2)

    def test_a_node_that_is_off_does_not_answer(self):
        self.lpar.guests['LNX00001'].power_off()
        self.assertRaises(model.NodeDown, self.node.run, 'true')

    def test_files_survive_a_reboot_and_run_does_not(self):
        self.sh(self.node, 'echo kept > var/lib/x; touch run/y')
        self.lpar.guests['LNX00001'].reset()
        self.assertEqual('kept\n', self.sh(
            self.node, 'cat var/lib/x; [ ! -e run/y ]'))

    def test_a_new_system_has_nothing_of_the_old(self):
        self.sh(self.node, 'echo kept > var/lib/x')
        guest = self.lpar.guests['LNX00001']
        guest.install('sles15')
        self.assertIn('ID="sles"', self.sh(
            guest.linux, 'cat etc/os-release; [ ! -e var/lib/x ]'))

    def test_a_user_that_is_not_root_needs_sudo(self):
        node = self.guest('LNX00002', '3B00', user='xcat')
        self.assertEqual('1000\nxcat\n', self.sh(node, 'id -u; whoami'))
        self.assertEqual(1, node.run('chzdev -e 3b00').returncode)
        self.sh(node, 'sudo -n chzdev -q -e 3b00')
        self.assertEqual('0\n', self.sh(node, 'sudo -n sh -c "id -u"'))

    def test_sudo_can_be_refused(self):
        node = self.guest('LNX00002', user='xcat', sudo=False)
        done = node.run('sudo -n id')
        self.assertIn('a password is required', done.stderr)
        self.assertEqual(1, done.returncode)


class Jobs(base.NodeTest):

    JOB = ('setsid sh -c \'echo $$ > run/pid; while :; do sleep 0.1; '
           'echo x >> var/lib/ticks; done\' >/dev/null 2>&1 </dev/null &')

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001')

    def start(self):
        before = time.monotonic()
        self.sh(self.node, self.JOB)
        self.assertLess(time.monotonic() - before, 5)
        return int(self.sh(self.node, '''
            while [ ! -s run/pid ]; do sleep 0.05; done; cat run/pid'''))

    def test_a_job_outlives_the_command_that_started_it(self):
        self.start()
        self.sh(self.node, 'kill -0 $(cat run/pid); sleep 0.3; '
                           'kill -0 $(cat run/pid); [ -s var/lib/ticks ]')

    def test_a_later_command_can_kill_a_job(self):
        pid = self.start()
        self.sh(self.node, 'kill -9 $(cat run/pid)')
        self.gone(pid)

    def test_a_job_dies_at_shutdown(self):
        pid = self.start()
        self.lpar.guests['LNX00001'].power_off()
        self.gone(pid)

    def test_a_job_without_environment_dies_too(self):
        self.sh(self.node, 'setsid env -i /bin/sleep 60 >/dev/null 2>&1 & '
                           'echo $! > run/pid')
        pid = int(self.sh(self.node, 'cat run/pid'))
        self.lpar.guests['LNX00001'].power_off()
        self.gone(pid)

    def test_twenty_commands_at_once(self):
        with futures.ThreadPoolExecutor(20) as pool:
            done = list(pool.map(self.node.run, ['vmcp q userid'] * 20))
        self.assertEqual({'LNX00001 AT HOST1\n'}, {d.stdout for d in done})

    def gone(self, pid):
        end = time.monotonic() + 5
        while os.path.exists('/proc/%d' % pid):
            if self.zombie(pid):
                break
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    @staticmethod
    def zombie(pid):
        try:
            with open('/proc/%d/stat' % pid) as stat:
                return stat.read().rpartition(')')[2].split()[0] == 'Z'
        except OSError:
            return True


class Confinement(base.NodeTest):

    def setUp(self):
        super().setUp()
        self.node = self.guest('LNX00001')
        self.outside = os.path.join(self.folder, 'outside')
        with open(self.outside, 'w') as secret:
            secret.write('secret')

    def refused(self, command, why='Permission denied'):
        done = self.node.run(command)
        self.assertNotEqual(0, done.returncode, done)
        self.assertIn(why, done.stderr)
        self.assertNotIn('secret', done.stdout)

    def test_nothing_outside_can_be_read(self):
        self.refused('cat /etc/passwd')
        self.refused('ls /root')
        self.refused('cat ' + self.outside)
        self.refused('cat ../../../outside')

    def test_nothing_outside_can_be_written(self):
        name = 'zvm-machine-test-%d' % os.getpid()
        self.refused('echo x > /tmp/' + name)
        self.refused('cd /; touch ' + name)
        self.refused('echo x > ' + self.outside)
        self.refused('cd / && cp /bin/true ' + name)
        self.assertEqual([False, False], [
            os.path.exists('/' + name), os.path.exists('/tmp/' + name)])
        with open(self.outside) as secret:
            self.assertEqual('secret', secret.read())

    @base.needs_landlock
    def test_links_lead_nowhere(self):
        self.refused('ln -s /etc/passwd p; cat p')
        self.refused('ln -s %s o; echo x > o' % self.outside)
        self.refused('ln %s hard; cat hard' % self.outside,
                     'Invalid cross-device link')
        self.refused('mv %s .' % self.outside)
        self.refused('cat /proc/self/root/etc/passwd')
        self.refused('cat /proc/%d/environ' % os.getpid())

    @base.needs_landlock
    def test_other_nodes_and_their_disks_are_outside(self):
        self.guest('LNX00002')
        self.refused('ls ../LNX00002')
        self.refused('head -c 1 ' + self.disks[0].path)

    @needs_scopes
    def test_no_signal_reaches_a_process_outside(self):
        victim = subprocess.Popen(['sleep', '30'])
        self.addCleanup(victim.wait)
        self.addCleanup(victim.kill)
        done = self.node.run('kill %d' % victim.pid)
        self.assertNotEqual(0, done.returncode)
        self.assertIsNone(victim.poll())

    @base.needs_landlock
    def test_what_scripts_need_is_allowed(self):
        out = self.sh(self.node, '''
            d=$(mktemp -d); cd "$d"
            echo a > f; echo b > f; echo c >> f; cat f > /dev/null
            mv f g; ln g h; rm g; mkdir -p x/y; rmdir x/y
            : > h; [ ! -s h ]
            exec 9> lock; flock -n 9
            head -c 4 /dev/urandom > r; head -c 4 /dev/zero >> r
            echo err 2> e > /dev/stderr
            mkfifo p; (echo through > p) & cat p; wait
            cat <<END
here
END
            ''')
        self.assertEqual('through\nhere\n', out)


class TextOnly(base.NodeTest):
    """Without Landlock a command is looked at, no more."""

    def test_a_node_without_landlock_refuses_by_text(self):
        abi, confine.ABI = confine.ABI, 0
        self.addCleanup(setattr, confine, 'ABI', abi)
        node = self.guest('LNX00001')
        done = node.run('cat /etc/passwd')
        self.assertEqual(126, done.returncode)
        self.assertIn('/etc/passwd: Permission denied', done.stderr)
        self.assertEqual('x\n', self.sh(node, 'echo x > var/x; cat var/x'))

    def test_absolute_paths_and_parents_are_refused(self):
        for command in ('cat /etc/passwd', 'touch /tmp/x', 'cat ../x',
                        'cat "/root/x"', 'cd /; touch x', 'cd "/" && ls',
                        'cd /', '(cd /)', 'rm -r /*', 'cat </etc/shadow',
                        'cat -- /etc/x', 'x=/etc/passwd', 'dd of=/root/x',
                        'echo + /etc/x', 'cat "x"+ "/etc/x"',
                        'cat ${x+/etc/x}', 'cat ${x:+/etc/x}',
                        'cat "${x:+"/etc/x"}"', 'cat "${x+"/etc/x"}"',
                        'cat ${x:-/etc/x}', 'cat ${x-/etc/x}'):
            self.assertIsNotNone(
                confine.lexical_refusal(command, '/d/n'), command)

    def test_what_programs_do_is_not(self):
        for command in ('echo a/b', '/bin/sh -c true', 'ls >/dev/null 2>&1',
                        'cat "$ZVM_ROOT/etc/x"', 'cat ${ZVM_ROOT:-}/etc/x',
                        'ls /d/n/etc', 'echo a..b', 'sed s/a/b/',
                        'cd "$ZVM_ROOT"/etc', 'cd sys/block/', 'cd ${d}/',
                        'ls sys/*/x sys/?/x sys/[ab]/x', 'ls proc/$$/fd',
                        'echo ${x%/*} ${x##*/} ${x%/y} ${x#/y}',
                        'case $x in */*) ;; esac', 'cat ${x:+/d/n/etc}',
                        'echo $((4096 / 512))',
                        'echo aGk+/2Nk+//x/Y+/A== | base64 -d | sh -s -- a'):
            self.assertIsNone(
                confine.lexical_refusal(command, '/d/n'), command)

    def test_every_byte_can_be_sent_as_base64(self):
        for shift in range(3):
            script = b'#' + shift * b'x' + bytes(range(256))
            text = base64.b64encode(script).decode()
            self.assertIn('/', text)
            self.assertIsNone(confine.lexical_refusal(
                'echo %s | base64 -d | sh -s --' % text, '/d/n'), text)

    def test_the_programs_of_this_software_are_not(self):
        for sent in (program.zhcp(), program.guest()):
            for command in (sent.call_command, sent.send_command):
                self.assertIsNone(confine.lexical_refusal(
                    command('1', 'hold', ['3B00-3B3F;3C00', 'it\'s']),
                    '/d/n'), sent.name)
