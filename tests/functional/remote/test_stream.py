# SPDX-License-Identifier: Apache-2.0
"""Images that come to LUNs and go from them, over TLS."""

import os
import pathlib
import socket
import stat

from tests.functional.remote import base
from tests.functional.remote import copies
from tests.functional.remote import streaming
from tests.functional.remote.streaming import MIB
from tests.functional.remote.streaming import noise
from tests import streams
from tests import waits
from zvm_common import exceptions
from zvm_common import model
from zvm_common.pool import streams as pool_streams

SPARSE = noise(3 * MIB) + bytes(10 * MIB) + noise(2 * MIB + 1536)


class FillTest(streaming.StreamBase):

    def assertFilled(self, lun, data):
        end = self.endpoint(streams.encode(data))
        now, outcome = self.filled(lun, end)
        self.assertEqual((len(data), streams.end(data)[-512:].split()[2][:64]),
                         (outcome.size, outcome.sha256.encode()))
        self.assertEqual(('ours', 'current', ''),
                         (now.state, now.role, now.drift))
        self.assertGreater(now.generation, lun.generation + 1)
        self.assertEqual(lun.operation_id, now.operation_id)
        self.assertHas(lun, data)
        self.assertNothingLeft()
        return now

    def test_contents_of_many_sizes_on_an_empty_lun(self):
        lun = self.fresh()
        for data in (SPARSE, bytes(512), noise(512), b'', noise(33 * MIB),
                     bytes(33 * MIB), noise(MIB), bytes(MIB) + noise(MIB)):
            lun = self.assertFilled(lun, data)

    def test_onto_what_was_there_before(self):
        lun = self.fresh('40M', trust=True)
        self.put(lun, noise(40 * MIB + 3 * 512))
        self.assertFilled(lun, SPARSE)

    def test_what_a_guest_wrote_to_an_empty_lun_does_not_stay(self):
        lun = self.fresh()
        instance = base.new()
        used, _ = self.use(lun, instance)
        self.put(lun, b'secret', 20 * MIB)
        lun, _ = self.devices.detach(used.volume_id, used.generation, instance)
        self.assertFilled(lun, SPARSE)

    def test_an_empty_lun_is_not_wiped_again(self):
        lun = self.fresh()
        self.zhcp_tool('blkdiscard', copies.OWN + 'exit 1\n')
        self.zhcp_tool('dd', copies.OWN + """\
case $* in *if=/dev/zero*of=*) exit 1 ;; esac
exec dd "$@"
""")
        lun = self.assertFilled(lun, SPARSE)
        self.assertRaises(exceptions.WipeFailed, self.filled, lun,
                          self.endpoint(streams.encode(SPARSE)))

    def test_from_an_ipv6_address(self):
        try:
            with socket.create_server(('::1', 0), family=socket.AF_INET6):
                pass
        except OSError:
            self.skipTest('no IPv6 here')
        lun = self.fresh()
        end = self.endpoint(streams.encode(SPARSE), address='::1')
        begun, operation = self.begin(pool_streams.fill, lun, end)
        lun = self.pool.wait(lun.volume_id, 60)
        self.assertEqual(len(SPARSE), pool_streams.outcome(
            lun, operation).size)

    def test_its_token_is_nobody_else_s(self):
        lun = self.fresh()
        body = streaming.Held(b'', streams.encode(SPARSE))
        end = self.endpoint(body)
        begun = pool_streams.fill(self.pool, lun, *end.where, 600, base.new())
        end.token = begun.token
        self.assertEqual('127.0.0.1', begun.address)
        self.assertNotIn(begun.token, repr(begun))
        waits.until(body.waits.is_set)
        for process in pathlib.Path('/proc').glob('[0-9]*'):
            for name in 'cmdline', 'environ':
                try:
                    found = (process / name).read_bytes()
                except OSError:
                    continue
                if int(process.name) != os.getpid():
                    self.assertNotIn(begun.token.encode(), found)
        name = '%s-%s.token' % (lun.lun, lun.wwpns[0])
        file = self.folder('ZHCP1') / 'var/lib/zvm-volume/jobs' / name
        self.assertEqual(0o600, stat.S_IMODE(file.stat().st_mode))
        body.go()
        self.pool.wait(lun.volume_id, 60)
        self.assertNothingLeft()
        self.assertEqual(['GET /'], ['%s %s' % seen[:2] for seen in end.seen])

    def test_progress_is_told(self):
        lun = self.fresh()
        whole = streams.encode(SPARSE)
        body = streaming.Held(whole[:3 * MIB + 512], whole[3 * MIB + 512:])
        self.begin(pool_streams.fill, lun, self.endpoint(body))
        waits.until(lambda: self.pool.look(lun.volume_id).done == 3 * MIB)
        found = self.pool.look(lun.volume_id)
        self.assertEqual(('filling', 'runs'), (found.state, found.job))
        self.assertRaises(exceptions.OutcomeUnknown, self.pool.wait,
                          lun.volume_id, 0)
        body.go()
        self.pool.wait(lun.volume_id, 60)


class SendTest(streaming.StreamBase):

    def assertSent(self, lun, size, wanted=None):
        wanted = self.content(lun)[:size] if wanted is None else wanted
        before = self.content(lun)
        end = self.endpoint()
        now, outcome = self.sent(lun, size, end)
        content, extents = streams.decode(end.received[0])
        self.assertTrue(wanted == content, 'other bytes')
        self.assertEqual(len(wanted), outcome.size)
        self.assertEqual(('ours', ''), (now.state, now.drift))
        self.assertTrue(before == self.content(lun))
        self.assertNothingLeft()
        return now, extents

    def test_what_is_zero_is_not_sent(self):
        lun = self.fresh()
        self.put(lun, noise(5000), 9 * MIB)
        lun, extents = self.assertSent(lun, 33 * MIB)
        self.assertEqual([(8 * MIB, 4 * MIB)], extents)

    def test_contents_of_many_kinds(self):
        lun = self.fresh()
        for data in (b'', SPARSE, noise(33 * MIB), bytes(33 * MIB)):
            self.put(lun, data)
            lun, _ = self.assertSent(lun, 33 * MIB)

    def test_what_a_guest_wrote_behind_the_volume_s_end(self):
        lun = self.fresh('40M')
        self.put(lun, SPARSE)
        whole = 40 * MIB + 3 * 512
        for place, size in ((whole - 1, whole), (35 * MIB, 36 * MIB),
                            (36 * MIB - 1, 36 * MIB), (5, 33 * MIB)):
            self.put(lun, bytes(whole - 33 * MIB), 33 * MIB)
            self.put(lun, b'x', place)
            lun, _ = self.assertSent(lun, 33 * MIB,
                                     self.content(lun)[:size])

    def test_of_a_size_that_is_no_whole_mib(self):
        lun = self.fresh('40M')
        self.put(lun, noise(40 * MIB))
        self.put(lun, bytes(33 * MIB), 7 * MIB + 512)
        self.assertSent(lun, 7 * MIB + 512)

    def test_of_a_snapshot(self):
        lun = self.source()
        copy = self.copied(lun, role='snapshot')
        self.assertSent(copy, 33 * MIB)

    def test_a_disk_of_zeros_shows_that_it_lives(self):
        """However long that takes."""
        lun = self.fresh()
        self.zhcp_tool('date', copies.OWN + """\
read -r now 2>/dev/null <"$ZVM_ROOT/tmp/now" || now=$(date +%s)
echo $((now + 7)) >"$ZVM_ROOT/tmp/now"
echo "$now"
""")
        lun, extents = self.assertSent(lun, 33 * MIB)
        self.assertEqual([(0, MIB)], extents)

    def test_the_disk_is_read_only_meanwhile(self):
        self.zhcp_tool('blockdev', copies.OWN + """\
echo "$*" >>"$ZVM_ROOT/tmp/blockdev"
exec blockdev "$@"
""")
        self.assertSent(self.source(), 33 * MIB)
        said = (self.folder('ZHCP1') / 'tmp/blockdev').read_text()
        self.assertIn('--setro', said)
        self.assertNotIn('--setrw', said)

    def test_what_is_no_endpoint_is_refused_before_it_is_asked(self):
        lun = self.fresh()
        self.assertRaises(exceptions.InvalidValue, pool_streams.send,
                          self.pool, lun, 33 * MIB + 1, '::1', 1, 43 * 'x',
                          60, base.new())
        for address, port, pin in (
                ('localhost', 1, 43 * 'x'), ('fe80::1%eth0', 1, 43 * 'x'),
                ('::1', 0, 43 * 'x'), ('::1', 1, 42 * 'x' + '$'),
                ('::1', 1, '')):
            self.assertRaises(
                exceptions.InvalidValue, pool_streams.probe, self.pool,
                address, port, pin, base.new())


class ProbeTest(streaming.StreamBase):

    def probe(self, end, operation=None):
        operation = operation or base.new()
        return pool_streams.probe(self.pool, *end.where, operation)

    def test_the_zhcp_says_where_it_comes_from(self):
        end = self.endpoint(b'zvm-volume\n')
        operation = base.new()
        end.token = pool_streams.trial_token(operation)
        self.assertEqual('127.0.0.1', self.probe(end, operation))
        self.assertEqual('Bearer ' + end.token,
                         end.seen[0].headers['Authorization'])

    def refused(self, end, kind=exceptions.StreamFailed):
        return str(self.assertRaises(kind, self.probe, end))

    def test_who_is_not_reached(self):
        end = self.endpoint(b'zvm-volume\n')
        self.simulator.event(network='down')
        said = self.refused(end)
        self.assertIn('Network is unreachable', said)
        self.assertIn('firewall', said)
        self.simulator.event(network='up')
        self.assertEqual('127.0.0.1', self.probe(end))

    def test_who_is_somebody_else(self):
        self.assertIn('is not cinder-volume', self.refused(
            self.endpoint(b'It works!\n')))
        end = self.endpoint(b'zvm-volume\n')
        end.pin = self.endpoint().pin
        self.assertIn('pinned public key', self.refused(end))
        end = self.endpoint(b'zvm-volume\n')
        end.token = 'other'
        self.assertIn('403', self.refused(end))
        self.assertIn('SSL', self.refused(self.endpoint(tls=False)))

    def test_a_curl_that_is_too_old(self):
        for words, said in (('curl 7.29.0 (s390x)', '7.29.0'),
                            ('curl 7.43.0 (s390x)', '7.43.0'),
                            ('curl 6.99 (s390x)', '6.99'),
                            ('', 'of unknown version')):
            self.zhcp_tool('curl', 'echo "%s"\n' % words)
            error = self.refused(self.endpoint(), exceptions.ToolMissing)
            self.assertIn('the curl there is ' + said, error)
        for words in 'curl 7.44.0 (s390x)', 'curl 8.0.1 (s390x)':
            self.zhcp_tool('curl', 'case $* in *--version*) echo "%s" ;; '
                           '*) echo zvm-volume ;; esac\n' % words)
            self.assertEqual('127.0.0.1', self.probe(self.endpoint()))


class WithoutCurlTest(streaming.StreamBase):

    def world(self):
        world = super().world()
        world['lpars']['host1']['zhcp']['linux'] = {
            'distro': 'rhel9', 'missing': ['curl', 'ip']}
        return world

    def test_images_are_refused_and_all_else_works(self):
        self.zhcp.hello()
        lun = self.fresh()
        for verb, more in (pool_streams.fill, ()), (pool_streams.send, (512,)):
            error = self.assertRaises(
                exceptions.ToolMissing, verb, self.pool, lun, *more,
                '127.0.0.1', 1, 43 * 'x', 60, base.new())
            self.assertIn('curl;ip', str(error))
        self.assertEqual(lun, self.pool.look(lun.volume_id))


class FenceTest(streaming.StreamBase):
    """What nobody may do meanwhile."""

    def setUp(self):
        super().setUp()
        self.lun = self.source()
        self.instance = base.new()
        self.body = streaming.Held(b'', streams.encode(SPARSE))
        self.end = self.endpoint(self.body)
        self.end.answer = lambda body: self._gate() or self.end.agree(body)
        self.addCleanup(self.body.go)

    def _gate(self):
        list(self.body())

    def assertFenced(self, begun):
        now = self.pool.look(begun.volume_id)
        for busy in (
                lambda: self.use(now, self.instance),
                lambda: self.copy(now),
                lambda: self.pool.set_aside(now),
                lambda: self.begin(pool_streams.fill, now, self.end),
                lambda: self.begin(pool_streams.send, now, 512, self.end),
                lambda: self.pool.rebuild(
                    base.new(), base.new(), now.wwpns, now.lun)):
            self.assertRaises(exceptions.LunBusy, busy)
        self.assertEqual(now.generation,
                         self.pool.look(begun.volume_id).generation)

    def test_a_lun_that_is_filled(self):
        begun, _ = self.begin(pool_streams.fill, self.lun, self.end)
        waits.until(self.body.waits.is_set)
        self.assertFenced(begun)
        self.body.go()
        self.pool.wait(begun.volume_id, 60)
        self.assertHas(begun, SPARSE)

    def test_a_lun_of_which_an_image_is_made(self):
        begun, operation = self.begin(pool_streams.send, self.lun, 33 * MIB,
                                      self.end)
        waits.until(self.body.waits.is_set)
        self.assertFenced(begun)
        self.assertRaises(exceptions.LunBusy, self.pool.release,
                          begun.volume_id, begun.generation)
        self.body.go()
        lun = self.pool.wait(begun.volume_id, 60)
        pool_streams.outcome(lun, operation)
        used, _ = self.use(lun, self.instance)
        self.assertEqual('used', used.state)

    def test_a_volume_that_moves_meanwhile_keeps_its_lun(self):
        target = self.copied(self.lun, '40M', role='target',
                             replaces=self.lun)
        self.begin(pool_streams.send, self.lun, 33 * MIB, self.end)
        self.assertRaises(exceptions.StaleGeneration, self.pool.switch,
                          target.volume_id, self.lun.volume_id)
        self.body.go()
        self.pool.wait(self.lun.volume_id, 60)
        self.assertRaises(exceptions.StaleGeneration, self.pool.switch,
                          target.volume_id, self.lun.volume_id)

    def test_a_lun_that_is_copied_or_used(self):
        copy = self.gated(self.lun)
        for verb in ((pool_streams.fill, self.lun),
                     (pool_streams.send, self.lun, 512)):
            error = self.assertRaises(exceptions.LunBusy, self.begin, *verb,
                                      self.end)
            self.assertIn('being copied to ' + copy.volume_id, str(error))
        self.open_gate()
        self.pool.wait(copy.volume_id, 60)
        used, _ = self.use(self.lun, base.new())
        for verb in ((pool_streams.fill, used),
                     (pool_streams.send, used, 512)):
            self.assertRaises(exceptions.LunBusy, self.begin, *verb, self.end)

    def test_a_lun_of_no_volume(self):
        copy = self.copied(self.lun, role='snapshot')
        self.assertRaises(exceptions.LunBusy, self.begin, pool_streams.fill,
                          copy, self.end)
        target = self.copied(self.lun, role='target', replaces=self.lun)
        for verb in ((pool_streams.fill, target),
                     (pool_streams.send, target, 512)):
            self.assertRaises(exceptions.LunBusy, self.begin, *verb, self.end)

    def test_another_service_s_lun(self):
        self.zhcp.scope = 'other'
        self.assertRaises(exceptions.NotOurs, self.begin, pool_streams.fill,
                          self.lun, self.end)

    def test_an_unknown_volume(self):
        lun = self.lun.__class__(**dict(
            vars(self.lun), volume_id=str(model.Uuid(base.new()))))
        self.assertRaises(exceptions.VolumeUnknown, self.begin,
                          pool_streams.fill, lun, self.end)


class RepeatTest(streaming.StreamBase):

    def setUp(self):
        super().setUp()
        self.lun = self.fresh()
        self.operation = base.new()
        self.body = streaming.Held(b'', streams.encode(SPARSE))
        self.end = self.endpoint(self.body)
        self.addCleanup(self.body.go)

    def fill(self):
        begun = pool_streams.fill(self.pool, self.lun, *self.end.where, 600,
                                  self.operation)
        self.end.token = begun.token
        return begun

    def test_the_same_request_has_the_same_answer(self):
        tokens = {self.fill().token for _ in range(3)}
        self.assertEqual(1, len(tokens))
        self.body.go()
        lun = self.pool.wait(self.lun.volume_id, 60)
        self.assertEqual(len(SPARSE),
                         pool_streams.outcome(lun, self.operation).size)
        self.assertHas(lun, SPARSE)

    def test_when_it_is_over_it_is_past(self):
        self.fill()
        self.body.go()
        lun = self.pool.wait(self.lun.volume_id, 60)
        self.assertRaises(exceptions.StaleGeneration, self.fill)
        self.assertEqual(lun, self.pool.look(lun.volume_id))
        self.assertNothingLeft()
        self.assertRaises(exceptions.OutcomeUnknown, pool_streams.outcome,
                          lun, base.new())

    def test_another_request_is_refused(self):
        self.fill()
        self.assertRaises(exceptions.StaleGeneration, self.begin,
                          pool_streams.fill, self.lun, self.end)
        self.assertRaises(exceptions.OutcomeUnknown, pool_streams.outcome,
                          self.pool.look(self.lun.volume_id), self.operation)
        self.body.go()
        self.pool.wait(self.lun.volume_id, 60)

    def test_the_second_transfer_is_told_and_not_the_first(self):
        self.fill()
        self.body.go()
        lun = self.pool.wait(self.lun.volume_id, 60)
        lun, outcome = self.sent(lun, 33 * MIB, self.endpoint())
        self.assertEqual(33 * MIB, outcome.size)
        self.assertRaises(exceptions.OutcomeUnknown, pool_streams.outcome,
                          lun, self.operation)


class BashTest(streaming.StreamBase):
    """Both ways, onto what was there before, and what a cut-off leaves."""

    shell = 'bash'

    def test_to_and_from_a_lun(self):
        lun = self.fresh('40M', trust=True)
        self.put(lun, noise(40 * MIB + 3 * 512))
        lun, outcome = self.filled(lun, self.endpoint(streams.encode(SPARSE)))
        self.assertHas(lun, SPARSE)
        self.put(lun, b'x', 38 * MIB)
        end = self.endpoint()
        lun, outcome = self.sent(lun, 33 * MIB, end)
        self.assertTrue(streams.decode(end.received[0])[0]
                        == self.content(lun)[:39 * MIB])
        self.assertEqual(39 * MIB, outcome.size)
        self.assertNothingLeft()

    def test_one_that_is_cut_off(self):
        lun = self.fresh()
        self.simulator.event(network='cuts after 1048576')
        self.assertIn('reset by peer', self.failed(
            lun, self.endpoint(streams.encode(SPARSE))))

    def test_garbage(self):
        lun = self.fresh()
        for data in (noise(600), bytes(1024), b'x', b'*' * 600 + b'\n' * 512,
                     bytes(range(256)) * 4):
            self.failed(lun, self.endpoint(data))
            lun = self.pool.look(lun.volume_id)


class DashTest(BashTest):
    shell = 'dash'


class BusyboxTest(BashTest):
    shell = 'busybox'
