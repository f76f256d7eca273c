# SPDX-License-Identifier: Apache-2.0
"""The little HTTP of an endpoint: strict, and in bounded time."""

import time

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
import testtools

from zvm_common.stream import wire as wires

HEAD = b'PUT / HTTP/1.1\r\nHost: x\r\nX-Y:  a b \r\n\r\n'


class Socket:
    """Gives a text in portions and knows how long it may take."""

    def __init__(self, text, portion=1 << 20, clock=None):
        self._text = text
        self._portion = portion
        self._clock = clock
        self.waits = []

    def settimeout(self, seconds):
        self.waits.append(seconds)

    def recv_into(self, view):
        if self._clock:
            self._clock()
        count = min(len(view), self._portion, len(self._text))
        view[:count] = self._text[:count]
        self._text = self._text[count:]
        return count


def wire(text, portion=1 << 20):
    return wires.Wire(Socket(text, portion), time.monotonic() + 60)


def body(text, portion=1 << 20):
    """All of a chunked body."""
    view = memoryview(bytearray(len(text) + 1))
    return bytes(view[:wires.Chunked(wire(text, portion)).readinto(view)])


class HeadTest(testtools.TestCase):

    def test_a_head_in_portions_of_any_size(self):
        for portion in (1, 2, 3, 7, len(HEAD), 1000):
            head = wire(HEAD, portion).head()
            self.assertEqual(
                ('PUT', '/', {'host': 'x', 'x-y': 'a b'}),
                (head.method, head.path, head.headers))

    @settings(deadline=None)
    @given(strategies.binary(max_size=200),
           strategies.integers(0, len(HEAD)), strategies.integers(0, 5))
    def test_nonsense_is_refused_or_read_and_nothing_else(self, junk, at,
                                                          count):
        text = HEAD[:at] + junk + HEAD[at + count:]
        try:
            head = wire(text, 3).head()
        except (wires.BadRequest, wires.HungUp):
            return
        for name, value in head.headers.items():
            self.assertNotIn('\r', name + value)
            self.assertNotIn('\n', name + value)

    def test_a_head_without_end_is_refused_at_its_limit(self):
        for text in (b'x' * 10 ** 6, HEAD[:-2] + b'A: ' + b'x' * 10 ** 6,
                     HEAD[:-2] + b''.join(b'X%d: y\r\n' % i
                                          for i in range(10 ** 5))):
            socket = Socket(text, 1000)
            self.assertRaises(wires.BadRequest, wires.Wire(
                socket, time.monotonic() + 60).head)
            self.assertLess(len(socket.waits), 12)

    def test_a_byte_now_and_then_buys_no_time(self):
        now = [time.monotonic()]
        socket = Socket(HEAD, 1, lambda: now.append(now[-1] + 1))
        self.patch(wires.time, 'monotonic', lambda: now[-1])
        self.assertRaises(TimeoutError, wires.Wire(socket, now[0] + 10).head)
        self.assertEqual(10, len(socket.waits))
        self.assertEqual(sorted(socket.waits, reverse=True), socket.waits)

    def test_a_transfer_may_take_its_time_as_long_as_it_moves(self):
        now = [time.monotonic()]
        socket = Socket(HEAD, 1, lambda: now.append(now[-1] + 1))
        self.patch(wires.time, 'monotonic', lambda: now[-1])
        found = wires.Wire(socket, now[0] + 10)
        found.patient(5)
        self.assertEqual('PUT', found.head().method)
        self.assertEqual({5}, set(socket.waits))


class ChunkTest(testtools.TestCase):

    @settings(deadline=None)
    @given(strategies.lists(strategies.binary(min_size=1, max_size=300),
                            max_size=5), strategies.integers(1, 400))
    def test_any_chunks_in_any_portions(self, parts, portion):
        text = b''.join(b'%X\r\n%s\r\n' % (len(part), part)
                        for part in parts) + b'0\r\n\r\n'
        self.assertEqual(b''.join(parts), body(text, portion))

    @settings(deadline=None)
    @given(strategies.data())
    def test_what_is_cut_or_changed_never_ends_well_early(self, data):
        text = b'5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n'
        end = data.draw(strategies.integers(0, len(text) - 1))
        self.assertRaises(wires.HungUp, body, text[:end])

    def test_sizes_have_one_form(self):
        for size in (b'+5', b'-5', b'0x5', b' 5', b'5 ', b'5;x', b'5;x=y',
                     b'', b'g', b'000000005', b'\xef\xbc\x95', b'5_0'):
            self.assertRaises(wires.BadRequest, body,
                              size + b'\r\nhello\r\n0\r\n\r\n')
        for text in (b'5\nhello\n0\n\n', b'5\r\nhellox\r\n0\r\n\r\n',
                     b'5\r\nhell\r\n0\r\n\r\n', b'0\r\nX: y\r\n\r\n'):
            self.assertRaises((wires.BadRequest, wires.HungUp), body, text)
