# SPDX-License-Identifier: Apache-2.0
"""Images that do not come whole, or do not go."""

import hashlib

from tests.functional.remote import base
from tests.functional.remote import copies
from tests.functional.remote import streaming
from tests.functional.remote.streaming import MIB
from tests.functional.remote.streaming import noise
from tests import streams
from tests import waits
from tests import zeros
from zvm_common import exceptions
from zvm_common.pool import streams as pool_streams

DATA = noise(3 * MIB) + bytes(10 * MIB) + noise(2 * MIB + 1536)
WHOLE = streams.encode(DATA)


def frame(at, data, length=None):
    return streams.header('zvmdata', at,
                          len(data) if length is None else length) + data


BIG = noise(2 * MIB)
NO_FRAME = 'what is no frame'
CANNOT_BE = 'a frame that cannot be'
NO_END = 'an end that cannot be'
CUT = 'ended the transfer before its end'
WRONG = (
    (b'', CUT), (WHOLE[:100], CUT), (WHOLE[:MIB], CUT), (WHOLE[:-512], CUT),
    (WHOLE[:-1], CUT), (frame(0, BIG[:MIB], 2 * MIB) + streams.end(BIG), CUT),
    (bytes(512), NO_FRAME), (noise(1024), NO_FRAME),
    (b'<html>' + b' ' * 1000, NO_FRAME), (b'zvmdata 0 \n' * 100, NO_FRAME),
    (streams.header('zvmdata', 0, 512, 7), NO_FRAME),
    (streams.header('zvmdate', 0, 512) + BIG, NO_FRAME),
    (streams.header(' zvmdata', 0, 512) + BIG, NO_FRAME),
    (b'zvmdata 0 512'.ljust(512, b'\0') + BIG, NO_FRAME),
    (streams.header('zvmdata', 0, MIB)[:-9] + b'x' * 9 + BIG, NO_FRAME),
    (frame(-MIB, BIG), CANNOT_BE), (frame('0x0', BIG), CANNOT_BE),
    (frame('00', BIG), CANNOT_BE), (frame('$(id)', BIG), CANNOT_BE),
    (frame('*', BIG), CANNOT_BE), (frame(512, BIG), CANNOT_BE),
    (frame(0, b''), CANNOT_BE), (frame(0, BIG, 500), CANNOT_BE),
    (frame(0, BIG, 64 * MIB + 512), CANNOT_BE),
    (frame(32 * MIB, BIG), CANNOT_BE), (frame(33 * MIB, BIG), CANNOT_BE),
    (frame(10 ** 17, BIG), CANNOT_BE), (frame(2 ** 63, BIG), CANNOT_BE),
    (frame(2 ** 64, BIG), CANNOT_BE),
    (frame(0, BIG) + frame(MIB, BIG), CANNOT_BE),
    (frame(4 * MIB, BIG) + frame(0, BIG), CANNOT_BE),
    (frame(0, BIG[:512]) + frame(MIB, BIG), CANNOT_BE),
    (frame(0, BIG) + streams.end(BIG, MIB), NO_END),
    (frame(0, BIG) + streams.end(BIG, 34 * MIB), NO_END),
    (frame(0, BIG) + streams.end(BIG, 2 * MIB + 1), NO_END),
    (frame(0, BIG) + streams.end(BIG, '08388608'), NO_END),
    (frame(0, BIG) + streams.end(BIG, sha256='f' * 63), NO_END),
    (frame(0, BIG) + streams.end(BIG, sha256='F' * 64), NO_END),
    (frame(0, BIG[:512]) + streams.end(BIG[:512], 1024), NO_END),
    (WHOLE + b'x', 'more behind the end'),
    (WHOLE + WHOLE, 'more behind the end'),
    (frame(0, BIG) + streams.end(DATA, len(BIG)), 'another checksum'),
    (frame(0, BIG) + streams.end(BIG, 4 * MIB), 'another checksum'),
    (streams.end(BIG), 'another checksum'))


# In a tool that stands before the node's own: what follows is for fills alone
WHILE_FILLED = """\
grep -q state=filling "$ZVM_ROOT"/var/lib/zvm-volume/luns/* || exec %s "$@"
"""


class WrongTest(streaming.StreamBase):
    """What a Cinder host may not send."""

    def test_everything_strange_fails_and_is_wiped(self):
        lun = self.fresh()
        for body, said in WRONG:
            self.assertIn(said, self.failed(lun, self.endpoint(body)),
                          body[:80])
            lun = self.pool.look(lun.volume_id)
        lun, _ = self.filled(lun, self.endpoint(WHOLE))
        self.assertHas(lun, DATA)


class PeerTest(streaming.StreamBase):
    """Whom the zHCP asks, and who it is not."""

    def setUp(self):
        super().setUp()
        self.lun = self.fresh()

    def test_another_key(self):
        end = self.endpoint(WHOLE)
        end.pin = self.endpoint().pin
        self.assertIn('pinned public key', self.failed(self.lun, end))
        self.assertEqual([], end.seen)

    def test_no_tls(self):
        end = self.endpoint(WHOLE, tls=False)
        self.assertIn('SSL', self.failed(self.lun, end))
        self.assertEqual([], end.seen)

    def test_another_token(self):
        end = self.endpoint(WHOLE)
        end.token = 'f' * 64
        self.assertIn('403', self.failed(self.lun, end))

    def test_nobody_listens(self):
        end = self.endpoint(WHOLE)
        end.close()
        self.assertIn('Failed to connect', self.failed(self.lun, end))

    def test_no_way_there(self):
        self.simulator.event(network='down')
        self.assertRaises(exceptions.StreamFailed, self.begin,
                          pool_streams.fill, self.lun, self.endpoint(WHOLE))
        self.assertEqual(self.lun, self.pool.look(self.lun.volume_id))
        self.assertNothingLeft()

    def test_cut_in_the_middle(self):
        self.simulator.event(network='cuts after %d' % (2 * MIB + 7))
        self.assertIn('reset by peer',
                      self.failed(self.lun, self.endpoint(WHOLE)))

    def test_the_network_fails_in_the_middle(self):
        body = streaming.Held(WHOLE[:MIB], WHOLE[MIB:])
        self.addCleanup(body.go)
        _, operation = self.begin(pool_streams.fill, self.lun,
                                  self.endpoint(body))
        waits.until(body.waits.is_set)
        self.simulator.event(network='down')
        lun = self.pool.wait(self.lun.volume_id, 60)
        self.assertRaises(exceptions.StreamFailed, pool_streams.outcome, lun,
                          operation)
        self.assertEmpty(lun)

    def test_what_curl_is_told_elsewhere_does_not_count(self):
        (self.folder('ZHCP1') / 'root/.curlrc').write_text(
            'proxy = "http://127.0.0.1:1"\nurl = "http://127.0.0.1:1"\n')
        self.zhcp_tool('curl', copies.OWN + """\
https_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1
export https_proxy ALL_PROXY
exec curl "$@"
""")
        lun, _ = self.filled(self.lun, self.endpoint(WHOLE))
        self.assertHas(lun, DATA)


class FillEndTest(streaming.StreamBase):

    def setUp(self):
        super().setUp()
        self.lun = self.fresh()

    def held(self):
        """A fill that stands in its middle: (LunState, operation)."""
        self.body = streaming.Held(WHOLE[:2 * MIB], WHOLE[2 * MIB:])
        self.addCleanup(self.body.go)
        begun, operation = self.begin(pool_streams.fill, self.lun,
                                      self.endpoint(self.body))
        waits.until(self.body.waits.is_set)
        return begun, operation

    def assertCutOff(self, operation):
        lun = self.pool.wait(self.lun.volume_id, 60)
        error = self.assertRaises(exceptions.StreamFailed,
                                  pool_streams.outcome, lun, operation)
        self.assertIn('its job was cut off', str(error))
        self.assertEmpty(lun)

    def test_not_done_in_its_time(self):
        self.assertIn('not done within 0 seconds', self.failed(
            self.lun, self.endpoint(WHOLE), seconds=0))

    def test_a_time_that_ends_in_the_middle(self):
        body = streaming.Held(WHOLE[:2 * MIB], WHOLE[2 * MIB:])
        self.addCleanup(body.go)
        self.assertIn('timed out', self.failed(
            self.lun, self.endpoint(body), seconds=3))

    def test_cancelled(self):
        begun, _ = self.held()
        now = self.pool.release(begun.volume_id, begun.generation)
        self.assertEqual(('wiping', 'runs'), (now.state, now.job))
        self.body.go()
        self.assertIsNone(self.pool.wait(begun.volume_id, 60))
        self.assertTrue(zeros.is_zero(self.disk_file(begun)))
        self.assertNothingLeft()
        record = (self.folder('ZHCP1') / 'var/lib/zvm-volume/luns'
                  / ('%s-%s' % (begun.wwpns[0], begun.lun))).read_text()
        self.assertNotIn('sop=', record)
        self.assertNotIn('peer=', record)

    def test_cancelled_while_it_is_emptied_first(self):
        self.lun = self.fresh('40M', trust=True)
        self.zhcp_tool('blkdiscard', copies.OWN + """\
echo x >>"$ZVM_ROOT/tmp/at_work"
until [ -e "$ZVM_ROOT/tmp/open" ]; do sleep 0.05; done
exec blkdiscard "$@"
""")
        begun, _ = self.begin(pool_streams.fill, self.lun,
                              self.endpoint(WHOLE))
        waits.until(self.at_work)
        self.pool.release(begun.volume_id, begun.generation)
        self.open_gate()
        self.assertIsNone(self.pool.wait(begun.volume_id, 60))
        self.assertNothingLeft()

    def test_killed_and_swept(self):
        begun, operation = self.held()
        self.kill(begun)
        self.assertEqual('filling', self.pool.look(begun.volume_id).state)
        self.assertEqual((str(begun.lun),), self.pool.sweep().mended)
        self.assertCutOff(operation)

    def test_killed_and_waited_for(self):
        begun, operation = self.held()
        self.kill(begun)
        self.assertCutOff(operation)

    def test_killed_and_asked_for_again(self):
        begun, operation = self.held()
        self.kill(begun)
        try:
            pool_streams.fill(self.pool, self.lun, '127.0.0.1', 1, 43 * 'x',
                              60, operation)
        except exceptions.Refused:
            pass
        self.assertCutOff(operation)

    def test_killed_and_deleted(self):
        begun, _ = self.held()
        self.kill(begun)
        self.pool.release(begun.volume_id, begun.generation)
        self.assertIsNone(self.pool.wait(begun.volume_id, 60))
        self.assertTrue(zeros.is_zero(self.disk_file(begun)))
        self.assertNothingLeft()

    def test_the_zhcp_starts_anew(self):
        begun, operation = self.held()
        self.simulator.event(zhcp='reboot')
        self.assertCutOff(operation)

    def test_one_that_has_not_begun_does_so_when_it_is_found_dead(self):
        """Its endpoint has not been asked, and may still be there."""
        self.zhcp_tool('setsid', 'exit 1\n')
        begun, operation = self.begin(pool_streams.fill, self.lun,
                                      self.endpoint(WHOLE))
        self.assertEqual('dead', self.pool.look(begun.volume_id).job)
        self.zhcp_tool('setsid', copies.OWN + 'exec setsid "$@"\n')
        self.pool.sweep()
        lun = self.pool.wait(begun.volume_id, 60)
        self.assertEqual(len(DATA), pool_streams.outcome(lun, operation).size)
        self.assertHas(lun, DATA)

    def test_of_a_create_that_nobody_knows(self):
        begun, _ = self.held()
        self.simulator.event(clock='7200')
        error = self.assertRaises(exceptions.LeaseRuns, self.pool.abandon,
                                  begun)
        self.assertIn('an image still comes', str(error))
        self.kill(begun)
        self.pool.abandon(begun)
        self.assertIsNone(self.pool.wait(begun.volume_id, 60))
        self.assertTrue(zeros.is_zero(self.disk_file(begun)))

    def test_a_disk_that_cannot_be_written(self):
        self.simulator.event(dd='fails after %d' % MIB)
        self.assertIn('writing failed at byte 0', self.failed(
            self.lun, self.endpoint(WHOLE)))

    def test_what_cannot_be_read_back_is_no_difference(self):
        for tool, text, said in (
                ('dd', 'case $* in *if=*/dev/sd*) echo "dd: error reading" '
                 '>&2; exit 1 ;; esac\nexec dd "$@"\n',
                 'reading failed at byte 0: dd: error reading'),
                ('dd', 'case $* in *if=*/dev/sd*) exit 0 ;; esac\n'
                 'exec dd "$@"\n', 'reading failed at byte 0'),
                ('cmp', 'exit 2\n', 'reading back failed at byte 15730176')):
            failing = self.zhcp_tool(tool, copies.OWN + WHILE_FILLED % tool
                                     + text)
            self.assertIn(said, self.failed(self.lun, self.endpoint(WHOLE)))
            failing.unlink()
            self.lun = self.pool.look(self.lun.volume_id)

    def spoiled(self, place, of='*of=*/dev/sd*'):
        """A disk that changes a byte of what is written."""
        self.zhcp_tool('dd', copies.OWN + """\
dd "$@"
code=$?
case $* in
    *if=/dev/zero*) ;;
    %s)
        out=${*#*of=}
        printf x | dd of="${out%%%% *}" bs=1 seek=%d conv=notrunc ;;
esac 2>/dev/null
exit $code
""" % (of, place))

    def test_a_disk_that_does_not_give_back_what_was_written(self):
        for place, at in ((2 * MIB + 5, 0), (5 * MIB, 3 * MIB),
                          (14 * MIB, 13 * MIB), (15 * MIB, 15 * MIB),
                          (20 * MIB, 20 * MIB)):
            if place == 20 * MIB:
                place = 33 * MIB - 1        # of the samples
            self.spoiled(place)
            lun = self.fresh()
            error = self.assertRaises(
                exceptions.WipeFailed, self.filled, lun, self.endpoint(WHOLE))
            self.assertIn('does not give back what was written', str(error))
            self.assertIsNone(self.pool.look(lun.volume_id))
            found, = (each for each in self.pool.view().luns
                      if each.lun == lun.lun)
            self.assertEqual('quarantined', found.state)
            self.assertNothingLeft()
            self.assertRaises(exceptions.WipeFailed, self.pool.wait,
                              lun.volume_id, 1)
            if place < 32 * MIB:
                self.assertIn('at byte %d' % at, found.why)

    def test_what_was_wrong_when_it_came_is_no_disk_s_fault(self):
        end = self.endpoint(streams.encode(DATA)[:-512]
                            + streams.end(DATA, sha256='0' * 64))
        self.assertIn('another checksum', self.failed(self.lun, end))

    def test_a_wipe_that_fails_after_it(self):
        self.zhcp_tool('blkdiscard', copies.OWN + 'exit 1\n')
        self.zhcp_tool('dd', copies.OWN + """\
case $* in *if=/dev/zero*of=*) exit 1 ;; esac
exec dd "$@"
""")
        self.assertRaises(exceptions.WipeFailed, self.filled, self.lun,
                          self.endpoint(WHOLE[:MIB]))


class SendEndTest(streaming.StreamBase):

    def setUp(self):
        super().setUp()
        self.lun = self.source()
        self.data = self.content(self.lun)

    def unsent(self, end=None, size=33 * MIB, **kwargs):
        """The words of a send that fails; nothing has changed."""
        error = self.assertRaises(exceptions.StreamFailed, self.sent, self.lun,
                                  size, end or self.endpoint(), **kwargs)
        self.assertWhole()
        return str(error)

    def assertWhole(self):
        self.lun = self.pool.look(self.lun.volume_id)
        self.assertEqual(('ours', ''), (self.lun.state, self.lun.drift))
        self.assertTrue(self.data == self.content(self.lun))
        self.assertNothingLeft()

    def test_a_host_that_got_something_else(self):
        for status, answer, said in (
                (200, 'f' * 64 + ' %d\n' % len(self.data), 'other data'),
                (200, hashlib.sha256(self.data).hexdigest() + ' 512\n',
                 'other data'),
                (200, '', 'other data'), (422, 'no', '422'),
                (507, 'full', '507')):
            end = self.endpoint()
            end.status, end.answer = status, lambda body, text=answer: text
            self.assertIn(said, self.unsent(end))
        self.sent(self.lun, 33 * MIB, self.endpoint())

    def test_who_is_not_reached_or_is_another(self):
        end = self.endpoint()
        end.pin = self.endpoint().pin
        self.assertIn('pinned public key', self.unsent(end))
        self.assertIn('SSL', self.unsent(self.endpoint(tls=False)))
        end = self.endpoint()
        end.close()
        self.assertIn('Failed to connect', self.unsent(end))

    def test_another_token(self):
        end = self.endpoint()
        end.token = 'f' * 64
        self.unsent(end)
        self.assertEqual([], end.received)

    def test_cut_in_the_middle(self):
        self.simulator.event(network='cuts after %d' % MIB)
        end = self.endpoint()
        self.assertIn('reset by peer', self.unsent(end))
        self.assertEqual([], end.received)

    def test_not_done_in_its_time(self):
        self.assertIn('not done within 0 seconds', self.unsent(seconds=0))

    def test_a_disk_that_is_smaller(self):
        self.assertIn('were to be sent', self.unsent(size=33 * MIB + 512))

    def test_a_disk_that_cannot_be_read(self):
        for tool, text, said in (
                ('dd', 'case $* in *if=*/dev/sd*) echo "dd: error reading" '
                 '>&2; exit 1 ;; esac\nexec dd "$@"\n', 'error reading'),
                ('dd', 'case $* in *if=*/dev/sd*) set -- "$@" count=1 ;; '
                 'esac\nexec dd "$@"\n', 'reading failed at byte 0'),
                ('cmp', 'exit 2\n', 'failed at byte 0')):
            end = self.endpoint()
            failing = self.zhcp_tool(tool, copies.OWN + text)
            self.assertIn(said, self.unsent(end))
            failing.unlink()
            for body in end.received:
                self.assertRaises(streams.Wrong, streams.decode, body)

    def test_a_disk_that_is_reserved(self):
        self.reserve(self.lun)
        self.unsent()
        self.assertEqual(8, self.reservations(self.lun)['type'])

    def test_a_zhcp_that_would_take_the_disk_does_not_get_it(self):
        (self.folder('ZHCP1') / 'etc/lvm/lvmlocal.conf').unlink()
        self.assertIn('would-take:lvm', self.unsent())

    def held(self):
        body = streaming.Held(b'')
        self.addCleanup(body.go)
        end = self.endpoint()
        end.answer = lambda data: list(body()) and end.agree(data)
        begun, operation = self.begin(pool_streams.send, self.lun, 33 * MIB,
                                      end)
        waits.until(body.waits.is_set)
        self.body = body
        return begun, operation

    def assertCutOff(self, operation):
        lun = self.pool.wait(self.lun.volume_id, 60)
        error = self.assertRaises(exceptions.StreamFailed,
                                  pool_streams.outcome, lun, operation)
        self.assertIn('its job was cut off', str(error))
        self.assertWhole()

    def test_killed_and_swept(self):
        begun, operation = self.held()
        self.kill(begun)
        self.pool.sweep()
        self.assertCutOff(operation)

    def test_killed_and_waited_for(self):
        begun, operation = self.held()
        self.kill(begun)
        self.assertCutOff(operation)

    def test_the_zhcp_starts_anew(self):
        begun, operation = self.held()
        self.simulator.event(zhcp='reboot')
        self.assertCutOff(operation)

    def test_killed_and_deleted(self):
        begun, operation = self.held()
        self.kill(begun)
        self.assertRaises(exceptions.LunBusy, self.use, begun, base.new())
        self.pool.release(begun.volume_id, begun.generation)
        self.assertIsNone(self.pool.wait(begun.volume_id, 60))
        self.assertTrue(zeros.is_zero(self.disk_file(begun)))
        self.assertNothingLeft()

    def test_somebody_else_uses_the_lun_meanwhile(self):
        begun, operation = self.held()
        path = self.folder('ZHCP1') / 'var/opt/zhcp/zfcp/zpool1.conf'
        lines = path.read_text().splitlines()
        place, = (number for number, line in enumerate(lines)
                  if str(begun.lun) in line)
        cells = lines[place].split(',')
        lines[place] = ','.join(['used', *cells[1:5], 'lnx9', '3B00', ''])
        path.write_text('\n'.join(lines) + '\n')
        self.body.go()
        lun = self.pool.wait(begun.volume_id, 60)
        error = self.assertRaises(exceptions.StreamFailed,
                                  pool_streams.outcome, lun, operation)
        self.assertIn('somebody else uses the LUN', str(error))
