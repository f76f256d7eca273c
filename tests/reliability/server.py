# SPDX-License-Identifier: Apache-2.0
"""The parent of all processes of Cinder, or of Nova.

    python -W ignore -m tests.reliability.server cinder|nova

It imports everything once and has neither threads nor connections, so that a
fork of it is a new process of the service within milliseconds.  Its standard
input is a socket:

* ``{"fork": LOG}`` with one end of a socket: a child serves that end (see
  :func:`_serve`) and writes what is printed to the file LOG; the answer is
  its process id,
* ``{"wait": PID}`` is answered with how the child ended, as subprocess tells
  it: -9 for one that was killed.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback

from tests.reliability import channels


def main(name):
    side = importlib.import_module('tests.reliability.%s_side' % name)
    side.import_all()
    _prepare()
    with socket.socket(fileno=os.dup(0)) as control:
        control.sendall(b'ready\n')
        while True:
            text, files, _, _ = socket.recv_fds(control, 65536, 1)
            if not text:
                return
            control.sendall(b'%d\n' % _obey(json.loads(text), files, control,
                                            side.Side))


def _prepare():
    """What each process would do first, the database's mappers above all."""
    importlib.import_module('oslo_messaging._drivers.impl_fake')
    importlib.import_module('sqlalchemy.dialects.sqlite')
    importlib.import_module('sqlalchemy.orm').configure_mappers()
    importlib.import_module('tests.shortlived').prepare()
    # pages that the collector does not touch stay shared
    gc.collect()
    gc.freeze()


def _obey(message, files, control, make):
    if 'wait' in message:
        _, status = os.waitpid(message['wait'], 0)
        return os.waitstatus_to_exitcode(status)
    child = os.fork()
    if child == 0:
        control.close()
        _become(files[0], message['fork'], make)
    os.close(files[0])
    return child


def _become(file, log, make):
    """Never returns into the parent that has been copied."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(target, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout = open(1, 'w', buffering=1, closefd=False)
    sys.stderr = open(2, 'w', buffering=1, closefd=False)
    try:
        _serve(channels.Channel(file), make)
    except BaseException:
        traceback.print_exc()
    finally:
        # what a service does at its end is not what is tested
        os._exit(0)


def _serve(channel, make):
    """Answer ``{"do": METHOD, "with": {...}}`` until the end is closed.

    The first line is what the side is made with.  An answer is ``{"result":
    ...}`` or ``{"error": CLASS, "text": TEXT}``.
    """
    side = None
    while (message := channel.read()) is not None:
        try:
            if side is None:
                side = make(channel, **message)
                result = None
            else:
                result = getattr(side, message['do'])(**message['with'])
            answer = {'result': result}
        except Exception as err:
            traceback.print_exc()
            answer = {'error': type(err).__name__, 'text': str(err)}
        channel.write(answer)


if __name__ == '__main__':
    main(sys.argv[1])
