# SPDX-License-Identifier: Apache-2.0
"""Starts the cloud's processes and ends them, by the pids it wrote down.

Each is the leader of a session of its own, so what it starts (workers, one
child per back-end) is in its process group.  A record has the time at which
the process began: a pid that the kernel gave to somebody else is not ours.
"""

import json
import os
import signal
import subprocess
import time

from place import Stop
from place import words
from place import write

# Seconds until a process that was asked to end is killed.
PATIENCE = 20


def _stat(pid):
    """State and start time (clock ticks since boot) of proc(5), or None."""
    try:
        with open('/proc/%d/stat' % pid) as file:
            words = file.read().rpartition(')')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return words[0], int(words[19])


def _file(place, name):
    return place.run / (name + '.pid')


def _record(place, name):
    try:
        return json.loads(_file(place, name).read_text())
    except (FileNotFoundError, ValueError):
        return None


def pid(place, name):
    """The pid of a process of ours that runs, or None."""
    known = _record(place, name)
    if known is None:
        return None
    _reap(known['pid'])
    found = _stat(known['pid'])
    if found is None or found[0] == 'Z' or found[1] != known['began']:
        return None
    return known['pid']


def _reap(number):
    try:
        os.waitpid(number, os.WNOHANG)
    except ChildProcessError:
        # Started by an earlier call of tools/cloud: it is init's child.
        pass


def names(place):
    """All that were started and not ended, in the order of their start."""
    files = sorted(place.run.glob('*.pid'),
                   key=lambda file: file.stat().st_mtime_ns)
    return [file.stem for file in files]


def log_file(place, name):
    """What a process writes to standard output and error."""
    return place.log / (name + '.out')


def start(place, name, command, env=None, folder=None):
    """Starts a process, unless it runs; returns whether it did.

    :param command: list of words
    :param env: variables beside those of this process
    """
    if pid(place, name) is not None:
        return False
    with open(log_file(place, name), 'ab') as output:
        child = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
            cwd=folder or place.state, env=dict(os.environ, **(env or {})))
    began = _stat(child.pid)
    write(_file(place, name), json.dumps(
        {'pid': child.pid, 'began': began[1] if began else 0}))
    return True


def signal_group(place, name, number):
    """Sends a signal to a process and all that it started.

    Raises Stop when it does not run.
    """
    found = pid(place, name)
    if found is None:
        raise Stop('%s does not run' % name)
    os.killpg(found, number)


def _members(group):
    """The living processes of a process group."""
    found = []
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        try:
            with open('/proc/%s/stat' % entry) as file:
                words = file.read().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(words[2]) == group and words[0] != 'Z':
            found.append(int(entry))
    return found


def _wait_for_end(group, until):
    """Whether all members end in time; those without a leader are asked."""
    asked = False
    while time.monotonic() < until:
        _reap(group)
        living = _members(group)
        if not living:
            return True
        if not asked and group not in living:
            _signal_group(group, signal.SIGTERM)
            asked = True
        time.sleep(0.05)
    return False


def _signal_group(group, number):
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        # All of them ended meanwhile.
        pass


def stop(place, wanted, say=print):
    """Ends processes, all at once: asked first, killed when they stay.

    A process that died before may have left children; they end as well.
    """
    groups = {}
    for name in wanted:
        known = _record(place, name)
        if known is None:
            continue
        groups[name] = known['pid'] if _ours(known) else None
        if groups[name] is not None and pid(place, name) is not None:
            os.kill(known['pid'], signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    for name, group in groups.items():
        if group is not None:
            _end(name, group, until, say)
        _file(place, name).unlink(missing_ok=True)


def _ours(known):
    """Whether the process group is still the one that was started."""
    found = _stat(known['pid'])
    # Without its leader a group keeps its number: no new process gets it.
    return (found[1] == known['began'] if found
            else bool(_members(known['pid'])))


def _end(name, group, until, say):
    if _wait_for_end(group, until):
        return
    say('%s (%d) did not end when asked: killed' % (name, group))
    _signal_group(group, signal.SIGKILL)
    if not _wait_for_end(group, time.monotonic() + PATIENCE):
        raise Stop('%s (%d) cannot be killed' % (name, group))


def kill(place, name):
    """SIGKILL to a process and all that it started; waits for their end."""
    found = pid(place, name)
    if found is None:
        raise Stop('%s does not run' % name)
    os.killpg(found, signal.SIGKILL)
    if not _wait_for_end(found, time.monotonic() + PATIENCE):
        raise Stop('%s (%d) cannot be killed' % (name, found))
    _file(place, name).unlink(missing_ok=True)


def run(place, name, command, env=None, timeout=300):
    """Runs a command to its end with its output in a log.

    Raises Stop with the last lines when it fails.
    """
    log = place.log / (name + '.log')
    with open(log, 'ab') as output:
        try:
            done = subprocess.run([str(word) for word in command],
                                  stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=output, timeout=timeout,
                                  env=dict(os.environ, **(env or {})))
        except subprocess.TimeoutExpired:
            raise Stop('%s: no end after %d s, see %s' % (name, timeout, log))
    if done.returncode:
        raise Stop('%s failed, from %s:\n%s' % (
            name, log, words.tail(log, 12)))
