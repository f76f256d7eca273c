# SPDX-License-Identifier: Apache-2.0
"""One thread that watches what programs write and when things are due.

Programs in a node write plain `echo X > file`. Attributes that can be read
are regular files in watched folders (inotify); those whose every write
counts are FIFOs that the engine keeps open for reading and writing, so that
a writer never waits and never fails. Lock order: engine, then node.
"""
import heapq
import itertools
import os
import selectors
import sys
import threading
import time
import traceback

import inotify_simple

WRITTEN = inotify_simple.flags.CLOSE_WRITE


class Fifo:
    """A FIFO whose lines go to `callback`; close() removes nothing."""

    def __init__(self, engine, path, callback):
        os.mkfifo(path, 0o600)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        os.chmod(path, 0o200)
        self._engine = engine
        self._callback = callback
        engine.listen(self.fd, self._ready)

    def _ready(self):
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return  # another thread was quicker
        for line in data.decode('ascii', 'replace').splitlines():
            self._callback(line.strip())

    def close(self):
        self._engine.forget(self.fd)
        os.close(self.fd)


class Engine:
    """Watches folders, FIFOs and sockets, and runs what is due."""

    def __init__(self):
        self.lock = threading.RLock()
        self._tables = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._inotify = inotify_simple.INotify(nonblocking=True)
        self._watches = {}
        self._timers = []
        self._serial = itertools.count()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closed = False
        self.listen(self._inotify.fileno(), self._written)
        self.listen(self._wake, self._woken)
        self._thread = threading.Thread(
            target=self._loop, name='zvm-engine', daemon=True)
        self._thread.start()

    def close(self):
        """Stop the thread; watched folders and FIFOs are let go."""
        if self._closed:
            return
        self._closed = True
        os.eventfd_write(self._wake, 1)
        self._thread.join(5)
        self._inotify.close()
        self._selector.close()
        os.close(self._wake)

    def listen(self, fd, callback):
        """Call `callback()` whenever `fd` can be read."""
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def forget(self, fd):
        self._selector.unregister(fd)

    def watch(self, folder, callback):
        """Call `callback(name)` after a file in `folder` was written."""
        with self._tables:
            handle = self._inotify.add_watch(folder, WRITTEN)
            self._watches[handle] = callback
        return handle

    def unwatch(self, handle):
        with self._tables:
            if self._watches.pop(handle, None) is None:
                return
        try:
            self._inotify.rm_watch(handle)
        except OSError:
            pass  # its folder is gone, and the watch with it

    def later(self, seconds, callback):
        """Call `callback()` in `seconds`, in the engine's thread."""
        with self._tables:
            entry = (time.monotonic() + seconds, next(self._serial), callback)
            heapq.heappush(self._timers, entry)
        os.eventfd_write(self._wake, 1)

    def poll(self):
        """Deal with everything written until now, before returning."""
        with self.lock:
            self._dispatch(0)

    def _loop(self):
        while not self._closed:
            ready = self._selector.select(self._patience())
            if not ready or self._closed:
                self._due()
                continue
            with self.lock:
                self._serve(ready)
            self._due()

    def _dispatch(self, timeout):
        while True:
            ready = [pair for pair in self._selector.select(timeout)
                     if pair[0].fd != self._wake]
            if not ready:
                return
            self._serve(ready)

    @staticmethod
    def _serve(ready):
        for key, _events in ready:
            _safely(key.data)

    def _patience(self):
        with self._tables:
            if not self._timers:
                return None
            return max(0.0, self._timers[0][0] - time.monotonic())

    def _due(self):
        while True:
            with self._tables:
                if (not self._timers
                        or self._timers[0][0] > time.monotonic()):
                    return
                callback = heapq.heappop(self._timers)[2]
            with self.lock:
                _safely(callback)

    def _woken(self):
        os.eventfd_read(self._wake)

    def _written(self):
        try:
            events = self._inotify.read(timeout=0)
        except BlockingIOError:
            return
        for event in events:
            with self._tables:
                callback = self._watches.get(event.wd)
            if callback is not None and event.name:
                callback(event.name)


def _safely(callback):
    """One failing callback must not end the thread for all nodes."""
    try:
        callback()
    except OSError:
        pass  # closed by an earlier event of this round
    except Exception:
        sys.stderr.write('zvm-simulator: %s' % traceback.format_exc())
