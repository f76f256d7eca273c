# SPDX-License-Identifier: Apache-2.0
"""Commands in Linux systems: xdsh, execcmdonvm.

xdsh tells a command's end by a line that it adds to the command: a shell
that leaves by itself (`exit 0`) never prints it.
"""

import concurrent.futures
import getopt
import re
import subprocess

from xcat_simulator import machine
from xcat_simulator.machine import model
from xcat_simulator.mn import hop
from xcat_simulator.mn import onvm
from xcat_simulator.mn import reach
from xcat_simulator.mn import reply

SHORT = 'f:l:o:r:i:t:E:I:S:X:ehmqsvzBcKLQTV'
LONG = ['devicetype=', 'nodestatus', 'sudo', 'user=', 'timeout=', 'fanout=']
AFTER = '; export DSH_TARGET_RC=$?; echo ":DSH_TARGET_RC=${DSH_TARGET_RC}:"'
MARK = re.compile(r':DSH_TARGET_RC=([0-9]*):\n')
# The kernel takes no longer argument for a program (MAX_ARG_STRLEN).
LONGEST = 131072
# xdsh reads that much at once; longer output becomes several strings.
BLOCK = 4096
LOST = ' A return code for the command run on the host %s was not received.'
FANOUT = 16
# What one node costs a real management node.
HOPS = 2


def xdsh(world, command):
    try:
        options, rest = getopt.getopt(command.args, SHORT, LONG)
    except getopt.GetoptError as e:
        return [reply.error('Usage: xdsh: %s' % e)]
    text = ' '.join(rest)
    timeout = dict(options).get('-t')
    timeout = int(timeout) if timeout and timeout.isdigit() else None
    if not text.strip():
        return [reply.error('xdsh: there is no command to run')]

    # Counted here: hops belong to the thread that answers the request.
    let_in = {node: _hops(world, node) for node in command.nodes}

    def run(node):
        return _one(world, node, text, timeout, let_in[node])

    if len(command.nodes) == 1:
        results = [run(command.nodes[0])]
    else:
        with concurrent.futures.ThreadPoolExecutor(FANOUT) as pool:
            results = list(pool.map(run, command.nodes))
    answer = [element for elements, _ in results for element in elements]
    return answer + [{'errorcode': [str(sum(failed
                                            for _, failed in results))]}]


def execcmdonvm(world, command):
    """Runs the first string on each node and tells nothing about it."""
    for node in command.nodes:
        onvm.Guest(world, node).execute(''.join(command.args[:1]))
    return []


def _hops(world, node):
    """Make the hops to a node; returns whether each was let in."""
    pause = getattr(world.host_of(node), 'pause', 0.0)
    return all([hop.take(pause) for _ in range(HOPS)])


def _one(world, node, text, timeout, let_in):
    """The elements of one node, and whether it failed."""
    problem = reach.refusal(world, node)
    if not (problem or let_in):
        problem = reach.REFUSED % node
    if problem:
        return [_stderr(node, problem + '\n')], True
    text = re.sub(r';\Z', '', text.rstrip())
    background = text.endswith('&')
    whole = 'export NODE=%s; %s%s' % (node, text, '' if background else AFTER)
    if len(whole.encode('utf-8', 'replace')) >= LONGEST:
        return [reply.error('%s could not execute this command /usr/bin/ssh '
                            '- %s ,  Argument list too long ' % (
                                node, text[:100]))], True
    done = _run(world, node, whole, timeout)
    if done is None:
        return [reply.error(' Timed out waiting for response from child '
                            'processes for the following nodes. Terminating '
                            'the child processes.  %s' % node)], True
    return _elements(node, done, background)


def _run(world, node, text, timeout):
    """machine.Completed, or None after a time-out."""
    linux = world.machine_of(node).linux
    try:
        return linux.run(text, timeout=timeout)
    except subprocess.TimeoutExpired:
        return None
    except model.NodeDown:
        # It went down after it was asked.
        return machine.Completed(
            255, '', 'Connection to %s closed by remote host.\n' % node)


def _elements(node, done, background):
    stdout, mark = _split_mark(done.stdout)
    answer = []
    if stdout:
        answer.append({'data': _blocks(node, stdout)})
    if '\n' in done.stderr:
        answer.append(_stderr(node, done.stderr))
    if done.returncode == 0 and mark is None and not background:
        return answer + [reply.error(LOST % node)], True
    return answer, done.returncode != 0 or mark not in (None, 0)


def _split_mark(stdout):
    """The output, and the status that the mark after it tells.

    Without a mark a last line that has no end gets lost.
    """
    found = MARK.search(stdout)
    if found:
        return MARK.sub('', stdout), int(found[1] or 255)
    return stdout[:stdout.rfind('\n') + 1], None


def _blocks(node, text):
    """Strings of labelled lines, a new one after each block that is read."""
    found, current, size = [], [], 0
    for each in text.removesuffix('\n').split('\n'):
        current.append('%s: %s' % (node, each))
        size += len(each) + 1
        if size >= BLOCK:
            found.append('\n'.join(current))
            current, size = [], 0
    if current:
        found.append('\n'.join(current))
    return found


def _stderr(node, text):
    whole = text[:text.rfind('\n')]
    return {'error': _blocks(node, whole), 'errorcode': ['0'],
            'NoErrorPrefix': ['1']}
