# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a node when it is told to.

A full disk: every regular file of the node is a file of the host, its disks
too. So the limit for a file's size (RLIMIT_FSIZE) is nothing for its
processes, SIGXFSZ ignored: a write fails, with EFBIG where a full disk has
ENOSPC, and pipes go on. dd raises the limit for a disk (machine.scripts).

A network that is down is so for curl alone (machine.scripts), and for ip.
"""
import contextlib
import os
import resource
import signal

from xcat_simulator.machine import process
from xcat_simulator.machine import rootfs
from xcat_simulator.machine import scripts

AHEAD = 'usr/libexec/clock.ahead'
NETWORK = 'usr/libexec/network'
UP, DOWN, CUTS = 'up', 'down', 'cuts'
FAILS, HANGS, WORKS = 'fails', 'hangs', 'works'
_NO_LIMIT = resource.RLIM_INFINITY


class Trouble:
    """The troubles of one Linux; they outlive its reboots.

    tools: {name: FAILS or HANGS}; discard: the byte of a disk where
    blkdiscard fails, None when it works; no_disks: no LUN answers behind the
    FCP devices, masked or not; full: no file can grow; network: UP, DOWN or
    CUTS; ssh: False when it trusts the MN's key no more.
    """

    def __init__(self, node):
        self._node = node
        self._forget()
        self.tools = {}
        self.discard = None
        self.no_disks = False
        self.full = False
        self.network = UP
        self.ssh = True

    def _forget(self):
        """What an earlier simulator has left in the node's files."""
        for name in (rootfs.DD_FAILS, AHEAD, NETWORK):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self._node.folder, name))

    def set_tool(self, name, state):
        if state == WORKS:
            self.tools.pop(name, None)
        else:
            self.tools[name] = state

    def set_clock(self, seconds):
        """Let `date` be that many seconds ahead.

        Its place is taken by a script while there is a difference alone:
        programs ask for the time in loops.
        """
        rootfs.put(self._node, AHEAD, '%d\n' % seconds)
        rootfs.replace_program(self._node, 'date',
                               scripts.DATE if seconds else None)

    def set_network(self, state, after=0):
        """Take the node from the network that clouds are in, or bring it back.

        UP; DOWN, which also breaks the connections that there are; CUTS: each
        breaks when that many bytes of its content have passed.
        """
        self.network = state
        rootfs.put(self._node, NETWORK, '%s %d\n' % (state, after))
        if state == DOWN:
            for pid in process.of_node(self._node.folder):
                with contextlib.suppress(OSError):
                    if os.path.basename(
                            os.readlink('/proc/%d/exe' % pid)) == 'curl':
                        os.kill(pid, signal.SIGKILL)

    def set_full(self, full):
        """Fill the disk with the node's files, or make room on it."""
        self.full = full
        rootfs.replace_program(self._node, 'df',
                               scripts.DF if full else None)
        before, after = (_NO_LIMIT, 0) if full else (0, _NO_LIMIT)
        for pid in process.of_node(self._node.folder):
            try:
                soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                # Another limit than these is a dd's, for its disk.
                if soft == before:
                    resource.prlimit(pid, resource.RLIMIT_FSIZE,
                                     (after, hard))
            except OSError:
                continue    # it has ended
