# SPDX-License-Identifier: Apache-2.0
"""What a stream of an image costs on the Cinder host.

    python -m tests.benchmarks.streams [MIB ...]

For images of these sizes, all of them data, and one of 2 GiB that is a hole:
seconds until the endpoint listens, MiB in a second to and from curl on this
host, and the peak of memory of the endpoint's process, which must be the same
for all.
"""

import os
import subprocess
import sys
import tempfile
import time

from tests.functional.stream import base
from zvm_common import stream

MIB = base.MIB
_ROW = '%-6s %6s %6s %9s %9s %12s'


def _peak(pid):
    """Peak of memory in KiB."""
    with open('/proc/%d/status' % pid) as file:
        for line in file:
            if line.startswith('VmHWM'):
                return int(line.split()[1])
    return 0


def _serve(end, arguments, source):
    """Run curl; the peak in KiB of the endpoint's process meanwhile."""
    peak = 0
    with open(source, 'rb') as file:
        curl = subprocess.Popen(base.curl_command(end, *arguments),
                                stdin=file, stdout=subprocess.DEVNULL)
    while curl.poll() is None:
        try:
            peak = max(peak, _peak(end._process.pid))
        except OSError:
            pass  # it has ended
        time.sleep(0.01)
    if curl.returncode:
        raise SystemExit('curl ended with status %d' % curl.returncode)
    return peak


def _measured(kind, path, text, **options):
    """Seconds to start, seconds to serve one curl, peak in KiB."""
    arguments, source = {
        'fill': (['--output', text], os.devnull),
        'send': (['--upload-file', '-'], text)}[kind]
    begin = time.monotonic()
    with stream.Endpoint(kind, path, '127.0.0.1', seconds=3600,
                         **options) as end:
        ready = time.monotonic()
        end.admit(base.TOKEN, '127.0.0.1')
        peak = _serve(end, arguments, source)
        end.result(3600)
        return ready - begin, time.monotonic() - ready, peak


def _rows(folder, size, content):
    path, text = (os.path.join(folder, name) for name in ('image', 'text'))
    with open(path, 'wb') as file:
        file.truncate(size * MIB)
        for at in range(size if content else 0):
            os.pwrite(file.fileno(), content, at * MIB)
    limit = {'fill': {}, 'send': {'limit': size * MIB}}
    for kind, more in limit.items():
        start, seconds, peak = _measured(kind, path, text, **more)
        print(_ROW % (kind, size, 'data' if content else 'hole',
                      '%.2f' % start, '%.0f' % (size / seconds),
                      '%.1f' % (peak / 1024)), flush=True)


def main():
    sizes = [int(word) for word in sys.argv[1:]] or [64, 512, 2048]
    print(_ROW % ('kind', 'MiB', '', 'start s', 'MiB/s', 'peak MiB'))
    with tempfile.TemporaryDirectory(prefix='zvm-streams-') as folder:
        for size in sizes:
            _rows(folder, size, os.urandom(MIB))
        _rows(folder, 2048, b'')


if __name__ == '__main__':
    main()
