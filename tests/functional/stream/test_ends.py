# SPDX-License-Identifier: Apache-2.0
"""However it ends: the reason is told, and no process stays."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys

from tests.functional.stream import base
from tests import waits
from zvm_common import exceptions
from zvm_common import stream

MIB = base.MIB
PUT = ('PUT', base.TOKEN, 'Transfer-Encoding: chunked')


def reset(sock):
    """Hang up as a host that crashed and came back."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack('ii', 1, 0))
    sock.close()


class CutTest(base.StreamTest):

    def full(self, mib=64):
        return self.file(mib * MIB, *((i * MIB, b'x') for i in range(mib)))

    def test_the_zhcp_hangs_up_while_it_reads(self):
        for hang_up in (reset, socket.socket.close):
            end = self.endpoint('fill', self.full())
            peer = self.peer(end)
            peer.send(base.request())
            peer.sock.recv(1000)
            hang_up(peer.sock)
            self.assertIn('the connection broke', self.failed(end))

    def test_the_zhcp_dies_before_it_has_read_the_end(self):
        end = self.endpoint('fill', self.full(1))
        peer = self.peer(end)
        peer.send(base.request())
        waits.until(lambda: end.done == MIB)
        reset(peer.sock)
        self.assertIn('the connection broke', self.failed(end))

    def test_the_zhcp_hangs_up_while_it_sends(self):
        text = base.chunked(base.one_frame(b'x' * MIB))
        for hang_up in (reset, socket.socket.close):
            for count in (0, 3, 1000, 600000, len(text) - 5, len(text) - 1):
                end = self.endpoint('send')
                peer = self.peer(end)
                peer.send(base.request(*PUT, 'Expect: 100-continue'))
                self.assertIn(b'100', peer.sock.recv(99))
                peer.send(text[:count])
                hang_up(peer.sock)
                self.assertRegex(self.failed(end),
                                 'hung up in the middle|connection broke')

    def test_a_curl_that_is_killed(self):
        end = self.endpoint('fill', self.full())
        process = subprocess.Popen(
            base.curl_command(end, '--limit-rate', '1M', '--output',
                              '/dev/null'), stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        waits.until(lambda: end.done)
        process.kill()
        self.assertIn('the connection broke', self.failed(end))

    def test_the_message_has_place_progress_and_advice(self):
        end = self.endpoint('send')
        peer = self.peer(end)
        peer.send(base.request(*PUT),
                  base.chunked(base.one_frame(b'x' * 4 * MIB))[:2 * MIB])
        waits.until(lambda: end.done == MIB)
        peer.sock.close()
        text = self.failed(end)
        for words in ('127.0.0.1 port %d' % end.port, 'after 1048576 bytes',
                      'hung up', 'zvm_stream_address'):
            self.assertIn(words, text)


class TimeTest(base.StreamTest):

    def test_a_reader_that_stops(self):
        end = self.endpoint('fill', self.file(64 * MIB, *(
            (i * MIB, b'x') for i in range(64))), stall=1)
        self.peer(end).send(base.request())
        self.assertIn('nothing moved for 1 seconds', self.failed(end))

    def test_a_reader_that_does_not_hang_up(self):
        end = self.endpoint('fill', self.file(MIB), stall=1)
        self.peer(end).send(base.request())
        self.assertIn('nothing moved for 1 seconds', self.failed(end))

    def test_a_writer_that_stops(self):
        end = self.endpoint('send', stall=1)
        peer = self.peer(end)
        peer.send(base.request(*PUT), base.chunked(base.one_frame())[:100])
        text = peer.receive()
        self.assertIn(b'500', text)
        self.assertIn(b'nothing moved for 1 seconds', text)
        self.assertIn('nothing moved for 1 seconds', self.failed(end))

    def test_one_that_moves_and_is_never_done(self):
        end = self.endpoint('send', seconds=2)
        peer = self.peer(end)
        peer.send(base.request(*PUT), b'fffffff\r\n')
        piece = base.block('zvmdata 0 67108864\n')
        try:
            peer.send(piece)
            while end.result(0.1) is None:
                peer.send(b'x')
        except exceptions.StreamFailed as e:
            self.assertIn('not done after 2 seconds', str(e))
            self.assertIn('zvm_job_timeout', str(e))
            return
        except OSError:
            pass  # it was faster than the report
        self.assertIn('not done after 2 seconds', self.failed(end))

    def test_nobody_comes(self):
        end = self.endpoint('probe', seconds=1)
        text = self.failed(end)
        for words in ('nobody came', 'no connection at all',
                      'zvm_stream_ports', 'zvm_zhcp_address', 'firewall'):
            self.assertIn(words, text)

    def test_only_the_wrong_ones_come(self):
        end = self.endpoint('probe', seconds=4)
        self.assertClosed(self.connect(end, '127.0.0.2'))
        self.assertEqual(403, self.ask(end, base.request(
            'GET', base.OTHER))[0])
        text = self.failed(end)
        self.assertIn('came from 127.0.0.2 and not from 127.0.0.1', text)
        self.assertIn('403', text)

    def test_the_caller_may_wait_for_a_while_only(self):
        end = self.endpoint('probe')
        self.assertIsNone(end.result(0.1))
        self.assertFree(end)


class DiskTest(base.StreamTest):

    def test_no_room_for_the_volume(self):
        self.useFixture(base.SmallFiles(MIB))
        end = self.endpoint('send')
        status, text = self.ask(end, base.request(*PUT),
                                base.chunked(base.one_frame(b'x' * 4 * MIB)))
        self.assertEqual(500, status)
        for found in (text.decode(), self.failed(end)):
            self.assertIn('no room for it in ' + self.folder, found)
        self.assertIn('image_conversion_dir', self.failed(end))

    def test_an_image_that_shrinks(self):
        image = self.file(64 * MIB, *((i * MIB, b'x') for i in range(64)))
        end = self.endpoint('fill', image)
        peer = self.peer(end)
        peer.send(base.request())
        waits.until(lambda: end.done)
        os.truncate(image, MIB)
        self.assertNotIn(b'zvmend', peer.receive())
        self.assertIn('became shorter', self.failed(end))


class ProcessTest(base.StreamTest):

    def gone(self, pid):
        def condition():
            try:
                with open('/proc/%d/stat' % pid) as file:
                    return ' Z ' in file.read()
            except (FileNotFoundError, ProcessLookupError):
                return True
        waits.until(condition)

    def test_a_process_that_is_killed_is_told(self):
        end = self.endpoint('send')
        os.kill(end._process.pid, signal.SIGKILL)
        self.assertIn('ended with status -9', self.failed(end))

    def test_leaving_kills_and_reaps_even_one_that_hangs(self):
        end = self.endpoint('probe')
        os.kill(end._process.pid, signal.SIGSTOP)
        end.__exit__()
        self.assertFalse(os.path.exists('/proc/%d' % end._process.pid))
        self.assertIn('given up', self.failed(end))

    def test_leaving_by_an_exception_kills_too(self):
        def fail():
            with stream.Endpoint('probe', None, '127.0.0.1',
                                 seconds=base.LIMIT) as end:
                seen.append(end._process.pid)
                raise KeyError
        seen = []
        self.assertRaises(KeyError, fail)
        self.assertFalse(os.path.exists('/proc/%d' % seen[0]))

    def test_no_descriptor_stays_open(self):
        with stream.Endpoint('probe', None, '127.0.0.1', seconds=9):
            pass
        before = os.listdir('/proc/self/fd')
        for _ in range(3):
            with stream.Endpoint('probe', None, '127.0.0.1', seconds=9):
                pass
            self.assertRaises(
                exceptions.EndpointFailed,
                stream.Endpoint('fill', '/', '127.0.0.1',
                                seconds=9).__enter__)
        self.assertEqual(before, os.listdir('/proc/self/fd'))

    def parent(self, more):
        """A process with an endpoint; it and the endpoint's process id."""
        program = ('import json, os, sys, time\n'
                   'from zvm_common import stream\n'
                   'end = stream.Endpoint("probe", None, "127.0.0.1", '
                   'seconds=600).__enter__()\n%s'
                   'print(json.dumps(end._process.pid), flush=True)\n'
                   'time.sleep(600)\n' % more)
        process = subprocess.Popen(
            [sys.executable, '-c', program], stdout=subprocess.PIPE,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, json.loads(process.stdout.readline())

    def test_it_ends_with_a_parent_that_is_killed(self):
        process, pid = self.parent('')
        process.kill()
        self.gone(pid)

    def test_also_when_another_child_holds_its_stdin(self):
        process, pid = self.parent(
            'if os.fork() == 0:\n    os.close(1)\n    sys.stdin.read()\n'
            '    os._exit(0)\n')
        process.kill()
        self.gone(pid)

    def test_it_is_found_from_any_folder(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        for name in ('json.py', 'zvm_common.py', 'ssl.py'):
            with open(self.path(name), 'w') as file:
                file.write('raise SystemExit("not this one")\n')
        self.assertFree(self.endpoint('probe'))
