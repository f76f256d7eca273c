# SPDX-License-Identifier: Apache-2.0
"""mount, umount, findmnt, swapon and swapoff."""
import os

from xcat_simulator.machine import blocks
from xcat_simulator.machine import mounts
from xcat_simulator.machine.tools import usage

_FINDMNT = ('SOURCE', 'TARGET', 'FSTYPE', 'OPTIONS')


def mount(node, request):
    """[-t TYPE] [-o OPTIONS] SOURCE FOLDER; FOLDER of fstab; -a; nothing.

    Exit status 32 when it fails.
    """
    chosen, names = usage.options(
        request.arguments, 't:o:arwvnfFlL:U:B', [
            'types=', 'options=', 'all', 'read-only', 'bind', 'verbose'])
    given = {name.lstrip('-')[0]: value for name, value in chosen
             if name not in ('-B', '--bind')}
    names = ['%s=%s' % (word, given[word[0]]) for word in ('UUID', 'LABEL')
             if word[0] in given] + names
    kind = given.get('t')
    if {'-B', '--bind'} & {name for name, _ in chosen}:
        kind = 'bind'
    if not names and 'a' not in given:
        return 0, ''.join('%s on %s type %s (%s)\n' % tuple(line[:4])
                          for line in mounts.table(node)), ''
    if not request.root:
        return 1, '', 'mount: only root can do that\n'
    options = given.get('o', 'rw,relatime')
    if 'r' in given:
        options = 'ro,relatime'
    if 'remount' in options.split(','):
        return 0, '', ''
    return _each(node, request, 'mount', [
        (source, target, of or kind, options)
        for source, target, of in _wanted(node, names)])


def _wanted(node, names):
    """(source, target, type or None) of the command line or of fstab."""
    if len(names) > 1:
        return [(names[0], names[1], None)]
    lines = [words for words in mounts.table(node, mounts.FSTAB)
             if len(words) > 2 and words[2] != 'swap']
    if not names:
        return [words[:3] for words in lines]
    found = [words[:3] for words in lines if names[0] in words[:2]]
    if not found:
        raise usage.Usage("%s: can't find in /etc/fstab." % names[0])
    return found


def _each(node, request, name, calls):
    work = {'mount': mounts.mount, 'umount': mounts.umount,
            'swapon': mounts.swapon, 'swapoff': mounts.swapoff}[name]
    code, err = 0, ''
    for arguments in calls:
        try:
            work(node, request.folder, *arguments)
        except mounts.MountError as failed:
            code, err = failed.code, err + '%s: %s\n' % (name, failed)
    return code, '', err


def umount(node, request):
    """[-l] [-f] FOLDER or DEVICE...; exit status 32 when it fails."""
    chosen, names = usage.options(request.arguments, 'lfvnrd',
                                  ['lazy', 'force', 'verbose'])
    lazy = bool({'-l', '--lazy'} & {name for name, _value in chosen})
    if not names:
        raise usage.Usage('bad usage')
    return _each(node, request, 'umount', [(name, lazy) for name in names])


def findmnt(node, request):
    """[-n] [-o COLUMNS] [-S SOURCE] [-T PATH] [-M FOLDER] [NAME]."""
    chosen, names = usage.options(
        request.arguments, 'nro:S:T:M:t:f', [
            'noheadings', 'raw', 'output=', 'source=', 'target=',
            'mountpoint=', 'types=', 'first-only'])
    given = {name.lstrip('-') if name.startswith('--') else
             {'n': 'noheadings', 'r': 'raw', 'o': 'output', 'S': 'source',
              'T': 'target', 'M': 'mountpoint', 't': 'types',
              'f': 'first-only'}[name[1]]: value for name, value in chosen}
    columns = given.get('output', ','.join(_FINDMNT)).upper().split(',')
    wanted = [given[key] for key in ('source', 'mountpoint') if key in given]
    lines = mounts.table(node)
    with node.lock:
        for name in wanted + names:
            path = os.path.realpath(blocks.local(node, request.folder, name))
            block = blocks.find(node, request.folder, name)
            good = {name, blocks.inside(node, path)} | (
                {block.shown, '/dev/' + block.kernel} if block else set())
            lines = [line for line in lines if good & set(line[:2])]
    if 'target' in given:
        lines = _holding(node, request, lines, given['target'])
    if not lines or set(columns) - set(_FINDMNT):
        return 1, '', ''
    rows = [' '.join(line[_FINDMNT.index(column)] for column in columns)
            for line in lines]
    head = [] if 'noheadings' in given else [' '.join(columns)]
    return 0, ''.join(row + '\n' for row in head + rows), ''


def _holding(node, request, lines, name):
    """The mount on which a path lies."""
    path = blocks.inside(node, os.path.realpath(
        blocks.local(node, request.folder, name)))
    good = [line for line in lines if line[1] == '/'
            or (path + '/').startswith(line[1] + '/')]
    return sorted(good, key=lambda line: len(line[1]))[-1:]


def swapon(node, request):
    """[-p PRIORITY] DEVICE..., -a, -s, --show [--noheadings]."""
    chosen, names = usage.options(
        request.arguments, 'ap:sve', ['all', 'priority=', 'summary', 'show',
                                      'noheadings', 'verbose'])
    given = {name: value for name, value in chosen}
    if {'-s', '--summary', '--show'} & set(given) or not (names or given):
        rows = [' '.join(line) for line in mounts.table(node, mounts.SWAPS)]
        head = 'NAME TYPE SIZE USED PRIO'
        if rows and '--noheadings' not in given:
            rows.insert(0, head)
        return 0, ''.join(row + '\n' for row in rows), ''
    if {'-a', '--all'} & set(given):
        names += [words[0] for words in mounts.table(node, mounts.FSTAB)
                  if words[2:3] == ['swap']]
    priority = given.get('-p', given.get('--priority', '-2'))
    return _each(node, request, 'swapon',
                 [(name, priority) for name in names])


def swapoff(node, request):
    """DEVICE... or -a; exit status 4 for one that is no swap."""
    chosen, names = usage.options(request.arguments, 'av', ['all'])
    if chosen and not names:
        names = [line[0] for line in mounts.table(node, mounts.SWAPS)]
    return _each(node, request, 'swapoff', [(name,) for name in names])
