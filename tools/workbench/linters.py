# SPDX-License-Identifier: Apache-2.0
"""Style and security checks; each counts as one test."""

import subprocess

import counts
import sources
import words

_SHELLS = ('sh', 'bash', 'dash')


def step(root, name, command):
    """Runs one command in the source tree; shows its output if it fails."""
    done = subprocess.run(command, cwd=root, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    words.say('%-32s %s' % (name, 'FAILED' if done.returncode else 'ok'))
    if done.returncode:
        words.say(done.stdout)
    return counts.Counts.of(done.returncode == 0)


def interpreter(path):
    """The program that a script's first line names, without its folder."""
    with open(path, 'rb') as file:
        first = file.readline(200)
    if not first.startswith(b'#!'):
        return ''
    named = first[2:].decode(errors='replace').split()
    named = [word for word in named if not word.endswith('/env')]
    return named[0].rpartition('/')[2] if named else ''


def programs(root):
    """All Python and all shell programs of the project, as two lists."""
    python, shell = [], []
    for name in sources.listing(root):
        runs_in = interpreter(root / name)
        if name.endswith('.py') or runs_in.startswith('python'):
            python.append(name)
        elif name.endswith('.sh') or runs_in in _SHELLS:
            shell.append(name)
    return python, shell


def run(root, binaries):
    """Lints the whole tree with the programs in the folder binaries."""
    python, shell = programs(root)
    shipped = [name for name in python
               if name.split('/')[0] in sources.PACKAGES]
    found = step(root, 'hacking', [binaries / 'flake8', *python])
    if shipped:
        # From medium severity on: the low ones are every use of subprocess.
        found += step(root, 'bandit', [
            binaries / 'bandit', '--quiet', '--severity-level', 'medium',
            *shipped])
    shellcheck = [binaries / 'shellcheck', '--external-sources']
    whole = [name for name in shell if interpreter(root / name)]
    # A part without a first line of its own is read by another program:
    # that one uses its variables.
    pieces = [name for name in shell if name not in whole]
    found += step(root, 'shellcheck, programs', [*shellcheck, *whole])
    if pieces:
        found += step(root, 'shellcheck, parts of programs',
                      [*shellcheck, '--exclude=SC2034', *pieces])
    bash = [name for name in shell if interpreter(root / name) == 'bash']
    if bash:
        # The style of devstack, whose plugin they are.
        found += step(root, 'bashate', [binaries / 'bashate', *bash])
    return found
