# SPDX-License-Identifier: Apache-2.0
"""mkfs, mkswap, wipefs and blkid: signatures on disks."""
import os

from xcat_simulator.machine import blocks
from xcat_simulator.machine import signatures
from xcat_simulator.machine.tools import usage

_CONFLICT = '%s: %s: Input/output error\n'


def mkfs(node, request):
    """mkfs [-t TYPE] DEVICE, mkfs.ext4, mkfs.xfs: -L LABEL, -U UUID."""
    kind = request.name.partition('.')[2] or 'ext4'
    chosen, names = usage.options(
        request.arguments, 't:L:U:qFfKEb:m:n:s:d:i:', ['type=', 'quiet'])
    given = dict(chosen)
    kind = given.get('-t', given.get('--type', kind))
    if kind not in (signatures.EXT, signatures.XFS) or not names:
        raise usage.Usage('usage: mkfs [-t ext4 | -t xfs] DEVICE')
    return _make(node, request, names[0], kind, given)


def mkswap(node, request):
    """[-L LABEL] [-U UUID] DEVICE"""
    chosen, names = usage.options(request.arguments, 'L:U:fp:v:',
                                  ['label=', 'uuid=', 'force'])
    given = {{'--label': '-L', '--uuid': '-U'}.get(name, name): value
             for name, value in chosen}
    if not names:
        raise usage.Usage('no device specified')
    return _make(node, request, names[0], signatures.SWAP, given)


def _make(node, request, name, kind, given):
    with node.lock:
        block = _block(node, request, name)
        refused = _in_use(node, block)
        if refused:
            return 1, '', '%s: %s\n' % (request.name, refused)
        if blocks.conflict(block.device, True):
            return 1, '', _CONFLICT % (request.name, name)
        before = signatures.probe(block.path).get('TYPE')
        if (kind == signatures.XFS and before
                and not {'-f', '-F'} & set(given)):
            return 1, '', '%s: %s appears to contain an existing filesystem ' \
                '(%s).\n%s: Use the -f option to force overwrite.\n' % (
                    request.name, name, before, request.name)
        found = signatures.make(block.path, kind, given.get('-L', ''),
                                given.get('-U'))
    return 0, '%s: UUID=%s\n' % (name, found), ''


def _block(node, request, name):
    block = blocks.find(node, request.folder, name)
    if block is None:
        raise usage.Usage('%s: No such file or directory' % name)
    return block


def _in_use(node, block):
    users = node.users_of(block.device, {})
    if any(block.device in found.paths
           for found in node.multipath.maps.values()):
        users.append('multipath')
    if any(user.startswith('mounted') for user in users):
        return '%s is mounted; will not make a filesystem here!' % block.shown
    if users:
        return '%s is apparently in use by the system; will not make a ' \
            'filesystem here!' % block.shown
    return None


def wipefs(node, request):
    """DEVICE: what stands there; -a DEVICE...: remove it."""
    chosen, names = usage.options(
        request.arguments, 'afnqo:t:', ['all', 'force', 'no-act', 'quiet'])
    flags = {name for name, _value in chosen}
    out = ''
    with node.lock:
        for name in names:
            block = _block(node, request, name)
            if blocks.conflict(block.device, bool({'-a', '--all'} & flags)):
                return 1, out, _CONFLICT % ('wipefs: error', name)
            if not {'-a', '--all'} & flags:
                found = signatures.probe(block.path)
                out += '%s %s\n' % (name, ' '.join(
                    found.values())) if found else ''
                continue
            if (_in_use(node, block)
                    and not {'-f', '--force'} & flags):
                return 1, out, 'wipefs: error: %s: probing initialization ' \
                    'failed: Device or resource busy\n' % name
            signatures.erase(block.path)
    return 0, out, ''


def blkid(node, request):
    """[-s TAG] [-o value | export | full] [-L LABEL | -U UUID] [DEVICE...]

    Exit status 2 when nothing is found.
    """
    chosen, names = usage.options(request.arguments, 's:o:L:U:pc:gilt:',
                                  ['match-tag=', 'output=', 'probe'])
    tags = [value for name, value in chosen if name in ('-s', '--match-tag')]
    given = {{'--output': '-o'}.get(name, name): value
             for name, value in chosen}
    with node.lock:
        if given.keys() & {'-L', '-U'}:
            key = 'LABEL' if '-L' in given else 'UUID'
            block = blocks.find(node, request.folder, '%s=%s' % (
                key, given['-' + key[0]]))
            return (0, block.shown + '\n', '') if block else (2, '', '')
        chosen = ([_block(node, request, name) for name in names]
                  or blocks.by_use(node))
        found = [(names[i] if names else block.shown, signatures.probe(
            block.path)) for i, block in enumerate(chosen)
            if not blocks.conflict(block.device, False)]
    out = ''.join(_line(name, values, tags, given.get('-o', 'full'))
                  for name, values in found)
    return (0, out, '') if out else (2, '', '')


def _line(name, values, tags, form):
    shown = {key: value for key, value in values.items()
             if not tags or key in tags}
    if not shown:
        return ''
    if form == 'value':
        return ''.join(value + '\n' for value in shown.values())
    if form in ('export', 'udev'):
        lead = 'ID_FS_' if form == 'udev' else ''
        head = '' if form == 'udev' else 'DEVNAME=%s\n' % os.path.normpath(
            name)
        return head + ''.join('%s%s=%s\n' % (lead, *item)
                              for item in shown.items())
    order = [key for key in ('LABEL', 'UUID', 'TYPE', 'PTTYPE')
             if key in shown]
    return '%s: %s\n' % (name, ' '.join(
        '%s="%s"' % (key, shown[key]) for key in order))
