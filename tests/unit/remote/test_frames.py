# SPDX-License-Identifier: Apache-2.0
"""Frames: what any content becomes on its way, in each shell."""

import hashlib
import os
import random
import shutil
import subprocess

import fixtures
import hypothesis
from hypothesis import strategies as st
import testtools

from tests import streams
from zvm_common.remote import program

MIB = streams.MIB
SETTINGS = hypothesis.settings(
    max_examples=8, deadline=None, database=None,
    suppress_health_check=list(hypothesis.HealthCheck))

# Without its last words the program only has functions
_FUNCTIONS = program.zhcp().text.partition('\nmain "$@"')[0].replace(
    "\nshift 2 2>/dev/null || set --", '')
# A job that fills the disk, or sends it: its state is in a record
_JOB = _FUNCTIONS + """
disk=sda bytes=$(stat -c %s "$ROOT/dev/sda") r_wwpns=w r_lun=l r_limit=600
told=0 job_began=$(date +%s) r_state=$1 r_sbytes=$2
mkdir -p "$LUNS" "$JOBS"
files=$JOBS/$(job_key)
echo "state=$1" >"$(lun_file w l)"
case $1 in
    filling) ( receive ) ;;
    sending)
        FRAME=$3 PART=$4
        ( size_to_send; ( send_frames ); cat "$files.broke" >&2 ) ;;
esac
"""
_BLOCKDEV = '#!/bin/sh\nexit 0\n'


class FramesTest(testtools.TestCase):

    shell = ('dash',)

    def setUp(self):
        super().setUp()
        if not shutil.which(self.shell[0]):
            self.skipTest('%s is not installed' % self.shell[0])
        self.root = self.useFixture(fixtures.TempDir()).path
        for name in ('bin', 'dev'):
            os.mkdir(os.path.join(self.root, name))
        self.disk = os.path.join(self.root, 'dev/sda')
        path = os.path.join(self.root, 'bin/blockdev')
        with open(path, 'w') as file:
            file.write(_BLOCKDEV)
        os.chmod(path, 0o755)
        self.program = os.path.join(self.root, 'program')
        with open(self.program, 'w') as file:
            file.write(_JOB)

    def run_job(self, *words, data=b''):
        shutil.rmtree(os.path.join(self.root, 'var'), ignore_errors=True)
        return subprocess.run(
            [*self.shell, self.program, *map(str, words)], input=data,
            capture_output=True, timeout=120, cwd=self.root,
            env={'ZVM_ROOT': self.root, 'PATH': '%s/bin:/usr/sbin:/usr/bin'
                 ':/sbin:/bin' % self.root})

    def on_disk(self):
        with open(self.disk, 'rb') as file:
            return file.read()

    def format(self, size):
        """A disk of zeros."""
        with open(self.disk, 'wb') as file:
            file.truncate(size)

    def receive(self, body):
        """(exit status, last line) of a fill."""
        done = self.run_job('filling', '', data=body)
        self.assertEqual(b'', done.stderr)
        return done.returncode, (done.stdout.decode().splitlines()
                                 or [''])[-1]

    def send(self, size, frame=streams.FRAME, part=4 * MIB):
        done = self.run_job('sending', size, frame, part)
        self.assertEqual((0, b''), (done.returncode, done.stderr))
        return done.stdout

    def assertReceived(self, body, data):
        self.assertEqual(
            (0, 'ok:%d:%s' % (len(data), hashlib.sha256(data).hexdigest())),
            self.receive(body))
        found = self.on_disk()
        self.assertTrue(found.startswith(data))
        self.assertFalse(found[len(data):].strip(b'\0'))

    def assertSent(self, size, wanted, **kwargs):
        content, extents = streams.decode(self.send(size, **kwargs))
        self.assertTrue(wanted == content, 'other bytes')
        return extents

    @SETTINGS
    @hypothesis.given(st.data())
    def test_any_content_comes(self, draw):
        data, body = draw.draw(contents())
        self.format(-(-len(data) // MIB) * MIB
                    + 512 * draw.draw(st.integers(0, 3)))
        self.assertReceived(body, data)

    @SETTINGS
    @hypothesis.given(st.data())
    def test_any_content_goes(self, draw):
        size = 512 * draw.draw(st.integers(1, 12 * 2048))
        beyond = 512 * draw.draw(st.integers(0, 4 * 2048))
        self.format(size + beyond)
        last = 0
        with open(self.disk, 'r+b') as disk:
            for place, length in draw.draw(st.lists(st.tuples(
                    st.integers(0, size + beyond - 1),
                    st.integers(1, 3 * MIB)), max_size=4)):
                length = min(length, size + beyond - place)
                disk.seek(place)
                disk.write(b'\xa5' * length)
                last = max(last, place + length)
        wanted = size
        if last > size:
            wanted = min(size + beyond, -(-last // MIB) * MIB)
        self.assertSent(size, self.on_disk()[:wanted], frame=4 * MIB, part=MIB)

    @SETTINGS
    @hypothesis.given(st.data())
    def test_no_body_that_was_changed_is_taken_for_whole(self, draw):
        data, body = draw.draw(contents())
        place = draw.draw(st.integers(0, len(body) - 1))
        kind = draw.draw(st.sampled_from(('cut', 'other', 'more', 'less')))
        wrong = {'cut': body[:place],
                 'other': body[:place] + bytes([body[place] ^ 0x41])
                 + body[place + 1:],
                 'more': body[:place] + b'\0' + body[place:],
                 'less': body[:place] + body[place + 1:]}[kind]
        hypothesis.assume(not same(wrong, body))
        self.format(-(-len(data) // MIB) * MIB + MIB)
        status, said = self.receive(wrong)
        self.assertNotEqual(0, status, said)
        self.assertNotIn('ok:', said)

    def test_frames_of_the_largest_size(self):
        data = random.Random(7).randbytes(66 * MIB) + bytes(64 * MIB)
        self.format(len(data) + MIB)
        self.assertReceived(streams.encode(data), data)
        self.assertEqual([(0, 64 * MIB), (64 * MIB, 4 * MIB)],
                         self.assertSent(len(data), data))

    def test_zeros_between_data_are_passed_over(self):
        self.format(140 * MIB)
        with open(self.disk, 'r+b') as disk:
            for place in (0, 8 * MIB, 12 * MIB - 1, 16 * MIB, 139 * MIB):
                disk.seek(place)
                disk.write(b'x')
        extents = self.assertSent(140 * MIB, self.on_disk())
        self.assertEqual([(place * MIB, 4 * MIB) for place in (
            0, 8, 16, 136)], extents)


def same(body, other):
    """Whether they differ only in what pads the blocks."""
    try:
        return streams.decode(body)[0] == streams.decode(other)[0]
    except (streams.Wrong, ValueError, IndexError):
        return False


@st.composite
def contents(draw):
    """(bytes, body): frames need not be as large as they can be."""
    size = 512 * draw(st.integers(1, 10 * 2048))
    data, body, place = bytearray(size), [], 0
    noise = random.Random(draw(st.integers(0, 99)))
    while place < size:
        length = min(size - place, MIB * draw(st.integers(1, 4)))
        if draw(st.booleans()):
            part = noise.randbytes(length)
            data[place:place + length] = part
            body.append(streams.header('zvmdata', place, length) + part)
        place += length
    return bytes(data), b''.join([*body, streams.end(bytes(data))])


class BusyboxFramesTest(FramesTest):
    shell = ('busybox', 'sh')


class BashFramesTest(FramesTest):
    shell = ('bash',)
