# SPDX-License-Identifier: Apache-2.0
"""An endpoint in a process that eventlet has patched, as cinder-volume is."""

import json
import os
import pathlib
import subprocess
import sys

import testtools

# Links are not resolved: the packages come from beside the tests.
_TOP = pathlib.Path(__file__).parents[3]


def _patched():
    """In the patched process: an endpoint, and a greenthread beside it."""
    import tempfile
    import time

    import eventlet

    from zvm_common import stream
    ticks = []

    def tick():
        while True:
            ticks.append(1)
            time.sleep(0.01)

    token = 'a' * 64
    eventlet.spawn(tick)
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(1 << 30)
        with stream.Endpoint('fill', file.name, '127.0.0.1',
                             seconds=60) as end:
            end.admit(token, '127.0.0.1')
            before = end.result(0.2)
            url = 'https://127.0.0.1:%d/' % end.port
            curl = subprocess.Popen(
                ['curl', '--silent', '--insecure', '--noproxy', '*', '-H',
                 'Authorization: Bearer ' + token, '-o', '/dev/null', url])
            outcome = end.result(60)
            done = end.done
            pid = end._process.pid
        status = curl.wait()
    print(json.dumps({
        'before': before, 'size': outcome.size, 'done': done,
        'curl': status, 'gone': not os.path.exists('/proc/%d' % pid),
        'ticks': len(ticks)}))


class PatchedTest(testtools.TestCase):

    def test_it_serves_and_blocks_no_greenthread(self):
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c',
             'import eventlet\neventlet.monkey_patch()\n'
             'from tests.functional.cinder import test_stream\n'
             'test_stream._patched()\n'],
            cwd=_TOP, env=dict(os.environ,
                               OS_CINDER_DISABLE_EVENTLET_PATCHING='false'),
            capture_output=True, text=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr)
        found = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(
            (None, 1 << 30, 1 << 30, 0, True),
            tuple(found[name] for name in ('before', 'size', 'done', 'curl',
                                           'gone')))
        # A wait that blocks would leave one, before it began.
        self.assertLess(3, found['ticks'])
