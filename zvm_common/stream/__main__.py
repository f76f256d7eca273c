# SPDX-License-Identifier: Apache-2.0
"""The endpoint's process: ``python -m zvm_common.stream``.

Started by :class:`zvm_common.stream.endpoint.Endpoint` alone. Its job, and
later the token, come on stdin as lines of JSON; it answers on stdout likewise,
and ends when stdin does. No secret is in its arguments, its environment, or
what it prints.
"""

import json
import os
import resource
import select

from zvm_common.stream import server
from zvm_common.stream import transfer

_STDIN, _STDOUT = 0, 1


def _say(message, wait=True):
    """A line for the parent; one of those not waited for may be lost.

    A line is shorter than PIPE_BUF, so it is written whole or not at all.
    """
    line = json.dumps(message).encode() + b'\n'
    while True:
        try:
            os.write(_STDOUT, line)
            return
        except BlockingIOError:
            if not wait:
                return
            select.select([], [_STDOUT], [])


def _job():
    """The job from the first line, and what came behind it."""
    text = b''
    while b'\n' not in text:
        more = os.read(_STDIN, 65536)
        if not more:
            raise SystemExit('no job came')
        text += more
    line, _, rest = text.partition(b'\n')
    return server.Job(**json.loads(line)), rest


def _work():
    job, rest = _job()
    running = server.start(
        job, _STDIN, rest,
        lambda address, port, pin: _say({'ready': [address, port, pin]}))
    result = running.run(lambda done: _say({'done': done}, wait=False))
    if result is not None:
        _say(result)


def main():
    """Do the job; threads of peers that hang do not delay the end."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.set_blocking(_STDOUT, False)
    try:
        _work()
    except transfer.Failed as e:
        _say({'failed': str(e), 'cause': e.cause})
    except BrokenPipeError:
        pass  # the parent is gone
    except Exception as e:
        _say({'failed': '%s: %s' % (type(e).__name__, e), 'cause': 'own'})
    os._exit(0)


if __name__ == '__main__':
    main()
