# SPDX-License-Identifier: Apache-2.0
"""Where the simulated tools of a node ask: a socket in its run folder.

A request is eight digits of length, then words with NUL between: the tool's
name, its working directory, the user's number, the arguments. The answer is
a line "exit-status length-of-stdout", then stdout, then stderr.
"""
import dataclasses
import os
import socket
import threading
import time
import traceback

from xcat_simulator.machine import tools
from xcat_simulator.machine import trouble

# How often a tool that hangs looks whether it still shall.
HANG_SECONDS = 0.05


@dataclasses.dataclass
class Request:
    """One call of a tool: `arguments` are what follows its name."""

    name: str
    folder: str
    root: bool
    arguments: list


class ToolServer:
    """Listens in the engine's thread, answers each call in one of its own."""

    def __init__(self, node):
        self._node = node
        run = os.path.join(node.folder, 'run')
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        folder = os.open(run, os.O_PATH)
        try:
            self._socket.bind('/proc/self/fd/%d/zvm.sock' % folder)
        finally:
            os.close(folder)
        self._socket.listen(128)
        node.engine.listen(self._socket.fileno(), self._accept)

    def close(self):
        self._node.engine.forget(self._socket.fileno())
        self._socket.close()

    def _accept(self):
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        threading.Thread(target=self._serve, args=(connection,),
                         daemon=True).start()

    def _serve(self, connection):
        with connection:
            connection.settimeout(60)
            try:
                request = _read(connection)
                connection.settimeout(None)
                self._hang(request, connection)
                code, out, err = self._answer(request)
                out, err = _bytes(out), _bytes(err)
                connection.sendall(
                    b'%d %d\n' % (code, len(out)) + out + err)
            except (OSError, ValueError):
                return  # the caller is gone

    def _hang(self, request, connection):
        """Wait while the tool is to hang; ValueError: its caller is dead."""
        states = self._node.trouble.tools
        while states.get(request.name) == trouble.HANGS:
            if _is_gone(connection):
                raise ValueError('killed')
            time.sleep(HANG_SECONDS)

    def _answer(self, request):
        handler = tools.HANDLERS.get(
            request.name, tools.INNER.get(request.name))
        if handler is None:
            return 127, '', '%s: not found\n' % request.name
        if request.name in tools.ROOT_ONLY and not request.root:
            return 1, '', '%s: Permission denied (must be root)\n' % (
                request.name)
        if self._node.trouble.tools.get(request.name) == trouble.FAILS:
            return 1, '', '%s: Input/output error\n' % request.name
        try:
            self._node.engine.poll()
            answer = handler(self._node, request)
            self._node.engine.poll()
        except tools.Usage as wrong:
            return wrong.code, '', '%s: %s\n' % (request.name, wrong)
        except Exception:
            return 99, '', 'zvm-simulator: %s\n' % traceback.format_exc()
        return answer


def _is_gone(connection):
    """Has the process at the other end been killed?"""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def _read(connection):
    size = int(_exactly(connection, 8))
    words = _exactly(connection, size).decode(
        'utf-8', 'surrogateescape').split('\0')
    return Request(words[0], words[1], words[2] == '0', words[3:])


def _exactly(connection, size):
    data = b''
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ValueError('truncated request')
        data += part
    return data


def _bytes(text):
    if isinstance(text, bytes):
        return text
    return text.encode('utf-8', 'surrogateescape')
