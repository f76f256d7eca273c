# SPDX-License-Identifier: Apache-2.0
"""A zHCP and the network of the cloud's hosts: ip, curl, and its faults."""

import os
import socket
import threading

from tests.functional.simulator import test_troubles
from tests import streams
from tests import waits

MIB = 1 << 20


class NetworkCase(test_troubles.TroubleCase):

    def setUp(self):
        super().setUp()
        self.end = self.useFixture(streams.Endpoint(b'x' * MIB))

    def curl(self, more=''):
        """(exit status, output) of curl on the zHCP; the body is in tmp."""
        return self.zhcp(
            'cd "$ZVM_ROOT/tmp" && curl -q -sS --insecure --pinnedpubkey '
            'sha256//%s= %s -o body https://127.0.0.1:%d/' % (
                self.end.pin.translate({45: '+', 95: '/'}), more,
                self.end.port))

    def body(self):
        with open(os.path.join(self.simulator.node_folder('host1', 'ZHCP1'),
                               'tmp/body'), 'rb') as file:
            return file.read()


class CurlTest(NetworkCase):

    def test_it_reaches_the_machine_over_tls(self):
        self.assertEqual((0, ''), self.curl())
        self.assertEqual(MIB, len(self.body()))
        self.end.pin = self.useFixture(streams.Endpoint()).pin
        status, said = self.curl()
        self.assertEqual(90, status)
        self.assertIn('pinned public key', said)

    def test_a_network_that_is_down(self):
        self.event(network='down')
        status, said = self.curl()
        self.assertEqual((7, 'curl: (7) Failed to connect: Network is '
                          'unreachable'), (status, said))
        self.assertEqual([], self.end.seen)
        self.assertEqual(0, self.zhcp('curl --version')[0])
        # the ssh hops are another network, and guests are not meant
        self.assertIn('curl: (35)', self.run_in(
            'guest1', 'curl -sS --http0.9 -k https://127.0.0.1:%d'
            % self.useFixture(streams.Endpoint(tls=False)).port)[1])
        self.event(network='up')
        self.assertEqual(0, self.curl()[0])

    def test_a_connection_breaks_when_the_network_goes(self):
        go = threading.Event()
        self.addCleanup(go.set)

        def slowly():
            yield b'x'
            go.wait(60)
        self.end.body = slowly
        self.zhcp('setsid sh -c \'curl -q -sS -k https://127.0.0.1:%d/ '
                  '2>"$ZVM_ROOT/tmp/said" >/dev/null; echo $? '
                  '>>"$ZVM_ROOT/tmp/said"\' >/dev/null 2>&1 & true'
                  % self.end.port)
        waits.until(lambda: self.end.progress)
        self.event(network='down')
        said = os.path.join(self.simulator.node_folder('host1', 'ZHCP1'),
                            'tmp/said')

        def ended():
            with open(said) as file:
                return file.read().endswith('56\n')
        waits.until(ended)
        with open(said) as file:
            self.assertIn('reset by peer', file.read())

    def test_an_answer_is_cut(self):
        for after, status in ((MIB, 0), (MIB + 1, 0), (MIB - 1, 56), (0, 56)):
            self.event(network='cuts after %d' % after)
            found, said = self.zhcp(
                'cd "$ZVM_ROOT/tmp"; curl -q -sS -k https://127.0.0.1:%d/ '
                '>body' % self.end.port)
            self.assertEqual(status, found, said)
            self.assertEqual(min(after, MIB), len(self.body()))
            self.assertEqual(bool(status), 'reset by peer' in said)

    def test_an_upload_is_cut(self):
        whole = streams.encode(b'y' * MIB)
        with open(os.path.join(self.simulator.node_folder('host1', 'ZHCP1'),
                               'tmp/whole'), 'wb') as file:
            file.write(whole)
        for after, status in ((len(whole), 0), (len(whole) - 1, 56), (0, 56)):
            self.event(network='cuts after %d' % after)
            found, said = self.curl('-T - <whole')
            self.assertEqual(status, found, said)
        self.assertEqual([whole], self.end.received)


class IpTest(NetworkCase):

    def test_it_tells_the_source_address(self):
        self.assertEqual(
            (0, 'local 127.0.0.1 dev lo src 127.0.0.1 uid 0 \\    cache '),
            self.zhcp('ip -o route get 127.0.0.1'))

    def test_it_tells_the_machine_s_own_way(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(('192.0.2.1', 9))
            except OSError:
                self.skipTest('no way to other networks here')
            wanted = probe.getsockname()[0]
        status, said = self.zhcp('ip route get 192.0.2.1')
        self.assertEqual(0, status)
        self.assertIn(' src %s ' % wanted, said)
        self.assertTrue(said.startswith('192.0.2.1 dev enc600 '), said)

    def test_what_it_refuses(self):
        self.assertEqual(1, self.zhcp('ip -o route get nonsense')[0])
        self.assertEqual(1, self.zhcp('ip addr')[0])
        self.event(network='down')
        self.assertEqual(
            (2, 'RTNETLINK answers: Network is unreachable'),
            self.zhcp('ip -o route get 127.0.0.1'))


class RefusedTest(NetworkCase):

    def test_other_values_are_refused(self):
        for value in ('', 'down ', 'cuts', 'cuts after', 'cuts after x',
                      'cuts after -1', 'off', None, 7):
            self.assertRaises(RuntimeError, self.event, network=value)
        self.assertEqual(0, self.curl()[0])
