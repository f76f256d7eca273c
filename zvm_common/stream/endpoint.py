# SPDX-License-Identifier: Apache-2.0
"""The endpoint of an image's stream, as cinder-volume sees it.

The work is done by a process of its own (see :mod:`zvm_common.stream.server`).
Nothing here blocks in a call of C: it is the same with native threads and
under eventlet.
"""

import dataclasses
import fcntl
import json
import os
import struct
import subprocess
import sys
import sysconfig
import termios
import threading
import time

import zvm_common
from zvm_common import exceptions
from zvm_common import model

KINDS = ('fill', 'send', 'probe')

# Seconds: for a name to be resolved and a key to be made on a busy host.
_READY = 120
# Seconds to wait for the end of a process that was killed.
_KILLED = 10
_PAUSE = 0.05
_LONGEST_ERROR = 2000

# What a Python of its own needs; no credentials of the service are in it.
_KEPT = ('PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR')
_KEPT_PREFIXES = ('LC_', 'LD_', 'PYTHON', 'OPENSSL_')

_SPACE = ('Make room there: it is the folder for images of this host '
          '(image_conversion_dir).')
_ADVICE = {
    'time': 'Look why the way between the zHCP and this host is slow, or '
            'raise zvm_job_timeout.',
    'nobody': 'Check that the zHCP reaches this host: zvm_stream_address, a '
              'firewall before zvm_stream_ports, and zvm_zhcp_address where '
              'addresses are translated.',
    'space': _SPACE,
    'file': 'Check this host\'s folder for images (image_conversion_dir) and '
            'its rights.',
    'data': 'Try again; if it stays so check that Cinder and the zHCP run the '
            'same version of this software.',
    'own': 'See the log of this host (out of memory?) and that the packages '
           'this software needs are installed.',
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a transfer moved: ``size`` in bytes (a multiple of 512) and the
    SHA-256 of the content, lower hex; 0 and '' of a probe.
    """

    size: int
    sha256: str


class Endpoint:
    """Offers one transfer to the zHCP, for as long as the context lasts.

    :param kind: ``fill`` (the file goes to the zHCP), ``send`` (the zHCP's
        stream becomes the file) or ``probe`` (a connection is all)
    :param path: the raw file; None for a probe. ``send`` makes it, or
        empties it
    :param address: of this host: IP address or name
    :param ports: (low, high), both included; (0, 0) for any
    :param seconds: that all of it may take
    :param stall: seconds in which something must move
    :param limit: the largest size in bytes that ``send`` takes; it must be
        given there
    :param peer: IP address of the zHCP where it is known before the token:
        then nobody else's connection is even kept waiting

    ``address`` (an IP address), ``port`` and ``pin`` are known within the
    context.
    """

    def __init__(self, kind, path, address, ports=(0, 0), *, seconds,
                 stall=60, limit=None, peer=None):
        if kind not in KINDS or (kind == 'send') != (limit is not None):
            raise ValueError('a kind of %s, with a limit for send alone'
                             % (KINDS,))
        low, high = ports
        self._job = {
            'kind': kind, 'path': path and os.path.abspath(path),
            'address': str(address), 'ports': [low, high],
            'seconds': seconds, 'stall': stall, 'limit': limit,
            'peer': peer and str(model.IpAddress(peer))}
        self._where = '%s, %s' % (address, 'any port' if not low else
                                  'ports %d to %d' % (low, high))
        self._lock = threading.Lock()
        self._process = None
        self._pipes = {}
        self._text = {'out': b'', 'err': b''}
        self._done = 0
        self._ready = None
        self._result = None
        self._admitted = None

    def __enter__(self):
        """Start the process and wait until it listens.

        :raises EndpointFailed: it does not: address or ports cannot be had,
            or the file cannot be opened
        """
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        self._stop()

    @property
    def address(self):
        """IP address at which the zHCP finds it."""
        return self._ready[0]

    @property
    def port(self):
        return self._ready[1]

    @property
    def pin(self):
        """SHA-256 of its public key, base64url without padding."""
        return self._ready[2]

    def admit(self, token, peer):
        """Let the zHCP in; may be repeated with the same values.

        :param token: 64 hex digits in lower case, as the zHCP told
        :param peer: IP address that the zHCP comes from; None lets a trial
            connection come from anywhere
        """
        if len(token) != 64 or set(token) - set('0123456789abcdef'):
            raise ValueError('no token')  # and never shown
        if peer is None and self._job['kind'] != 'probe':
            raise ValueError('an image is for one peer only')
        admitted = (token, peer and str(model.IpAddress(peer)))
        if self._admitted not in (None, admitted):
            raise ValueError('another one has been admitted')
        self._admitted = admitted
        self._send({'token': admitted[0], 'peer': admitted[1]})

    @property
    def done(self):
        """Bytes of content so far, holes included."""
        self._look()
        return self._done

    def result(self, timeout=None):
        """Wait for the end.

        :param timeout: seconds to wait; by default until the endpoint itself
            gives up
        :returns: Outcome; None when `timeout` is over and it goes on
        :raises StreamFailed: with the reason
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self._look():
            if end is not None and time.monotonic() >= end:
                return None
            time.sleep(_PAUSE)
        if 'failed' in self._result:
            raise self._failure()
        return Outcome(self._result['size'], self._result['sha256'])

    # The process.

    def _start(self):
        # Pipes of our own: those of a patched subprocess are not plain ones.
        ours, theirs = {}, {}
        theirs['stdin'], ours['in'] = os.pipe()
        ours['out'], theirs['stdout'] = os.pipe()
        ours['err'], theirs['stderr'] = os.pipe()
        self._pipes = ours
        try:
            self._process = subprocess.Popen(
                [sys.executable, '-P', '-m', 'zvm_common.stream'],
                env=_environment(), cwd='/', start_new_session=True, **theirs)
        except OSError as e:
            raise self._no_endpoint('no process can be started: %s'
                                    % e.strerror, 'own') from e
        finally:
            for fd in theirs.values():
                os.close(fd)
        self._send(dict(self._job, parent=os.getpid()))

    def _send(self, message):
        try:
            os.write(self._pipes['in'], json.dumps(message).encode() + b'\n')
        except BrokenPipeError:
            pass  # it has ended: that is told by the next look

    def _wait_until_ready(self):
        end = time.monotonic() + _READY
        while not self._look() and self._ready is None:
            if time.monotonic() > end:
                raise self._no_endpoint('nothing listens after %d seconds'
                                        % _READY, 'own')
            time.sleep(_PAUSE / 5)
        if self._ready is None:
            raise self._no_endpoint(self._result['failed'],
                                    self._result['cause'])

    def _look(self):
        """Read what the process has said; whether there is a result."""
        with self._lock:
            if self._result is None and self._process is not None:
                # What it said before its end is there once it has ended.
                ended = self._process.poll() is not None
                self._read('out')
                self._read('err')
                *lines, self._text['out'] = self._text['out'].split(b'\n')
                for line in lines:
                    # What some package prints when it is imported is not
                    # ours.
                    if line.startswith(b'{'):
                        self._note(json.loads(line))
                if ended and self._result is None:
                    self._result = {'failed': self._last_words(),
                                    'cause': 'own'}
            return self._result is not None

    def _note(self, words):
        self._done = words.get('done', self._done)
        if 'ready' in words:
            self._ready = words['ready']
        elif 'failed' in words or 'size' in words:
            self._result = words
            self._done = words.get('size', self._done)

    def _read(self, name):
        """Take what lies in a pipe, and never wait for more.

        A patched os.read waits even where the descriptor does not block.
        """
        fd = self._pipes[name]
        while count := _waiting(fd):
            self._text[name] += os.read(fd, count)
        self._text['err'] = self._text['err'][-_LONGEST_ERROR:]

    def _last_words(self):
        lines = self._text['err'].decode(errors='replace').split('\n')
        said = [line for line in lines if line.strip()][-1:]
        return ('the process of the endpoint ended with status %s%s'
                % (self._process.returncode,
                   ': ' + exceptions.excerpt(said[0]) if said else ''))

    def _stop(self):
        """Kill the process, whatever it does, and reap it."""
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            end = time.monotonic() + _KILLED
            # One in an uninterruptible write ends when the write does; poll()
            # of the next subprocess reaps it then.
            while process.poll() is None and time.monotonic() < end:
                time.sleep(_PAUSE / 5)
        with self._lock:
            if self._result is None:
                self._result = {'failed': 'it was given up', 'cause': 'net'}
            for fd in self._pipes.values():
                os.close(fd)
            self._pipes = {}

    # What went wrong.

    def _no_endpoint(self, why, cause):
        return exceptions.EndpointFailed(
            'No endpoint for images at %s: %s' % (self._where, why),
            advice=None if cause == 'bind' else _ADVICE[cause])

    def _failure(self):
        what = {'fill': 'The stream of the image to the zHCP',
                'send': "The stream of the volume's content from the zHCP",
                'probe': 'The trial connection of the zHCP'}
        return exceptions.StreamFailed(
            '%s at %s port %s failed after %d bytes: %s' % (
                what[self._job['kind']], *self._ready[:2], self._done,
                self._result['failed']),
            advice=_ADVICE.get(self._result['cause']))


def _waiting(fd):
    """Bytes that can be read at once."""
    return struct.unpack('i', fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]


def _environment():
    """For a Python that finds the same packages from any folder."""
    kept = {name: value for name, value in os.environ.items()
            if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    # Where a relative one was meant to lead nobody knows any more.
    paths = [path for path in kept.pop('PYTHONPATH', '').split(os.pathsep)
             if os.path.isabs(path)]
    top = os.path.dirname(os.path.dirname(
        os.path.abspath(zvm_common.__file__)))
    # Put before the standard library, site-packages could hide parts of it.
    if top not in (sysconfig.get_path('purelib'),
                   sysconfig.get_path('platlib')):
        paths.append(top)
    if paths:
        kept['PYTHONPATH'] = os.pathsep.join(paths)
    return kept
