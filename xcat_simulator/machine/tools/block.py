# SPDX-License-Identifier: Apache-2.0
"""blockdev, blkdiscard and lsblk."""
import ctypes
import os
import time

from xcat_simulator.machine import blocks
from xcat_simulator.machine import mounts
from xcat_simulator.machine import signatures
from xcat_simulator.machine.tools import usage

_PUNCH_HOLE_KEEP_SIZE = 0x02 | 0x01
_libc = ctypes.CDLL(None, use_errno=True)
_QUERIES = {'--getss': 512, '--getpbsz': 512, '--getbsz': 4096,
            '--getioopt': 512, '--getro': 0, '--getra': 256,
            '--getdiscardzeroes': 0, '--getalignoff': 0, '--getmaxsect': 2560}
_NOT_ZEROED = ('blkdiscard: %s: BLKZEROOUT ioctl failed: '
               'Input/output error\n')
_CONFLICT = ("dd: error %s '%s': Invalid exchange\n%d+0 records in\n"
             '0+0 records out\n')
_ACTIONS = ('--flushbufs', '--rereadpt', '--setro', '--setrw')


def find(node, request, name):
    """The kernel's size in bytes and the file of a disk named by a path."""
    block = blocks.find(node, request.folder, name)
    if block is None:
        raise usage.Usage('cannot open %s: No such file or directory' % name)
    return block.size, block.path


def blockdev(node, request):
    """--getsize64 --getsz --getsize --getss ... and actions, per device."""
    asked = [word for word in request.arguments
             if word.startswith('-') and word not in ('-q', '-v')]
    names = [word for word in request.arguments if not word.startswith('-')]
    if not asked or not names:
        raise usage.Usage('usage: blockdev COMMAND DEVICE')
    out = ''
    if '--flushbufs' in asked:
        _wait_for_paths(node, request.folder, names)
    with node.lock:
        for name in names:
            size, path = find(node, request, name)
            for query in asked:
                out += _answer(query, size, path)
    return 0, out, ''


def _wait_for_paths(node, folder, names):
    """A map without paths that queues keeps who flushes it."""
    while True:
        with node.lock:
            found = [blocks.find(node, folder, name) for name in names]
            if not node.running or not any(
                    block and block.kind == 'mpath'
                    and block.device.queueing and not block.device.paths
                    for block in found):
                return
        time.sleep(0.05)


def _answer(query, size, path):
    if query == '--getsize64':
        return '%d\n' % size
    if query in ('--getsz', '--getsize'):
        return '%d\n' % (size // 512)
    if query in _QUERIES:
        return '%d\n' % _QUERIES[query]
    if query not in _ACTIONS:
        raise usage.Usage('Unknown command: %s' % query)
    if query == '--flushbufs':
        fd = os.open(path, os.O_RDONLY)
        os.fdatasync(fd)
        os.close(fd)
    return ''


def blkdiscard(node, request):
    """[-z] [-s] [-f] [-o OFFSET] [-l LENGTH] DEVICE: zeroes by holes."""
    chosen, names = usage.options(
        request.arguments, 'zsfvo:l:p:',
        ['zeroout', 'secure', 'force', 'verbose', 'offset=', 'length=',
         'step='])
    if len(names) != 1:
        raise usage.Usage('no device specified')
    given = {name.lstrip('-')[0]: value for name, value in chosen}
    with node.lock:
        size, path = find(node, request, names[0])
        reserved = _refuses(node, request, names[0], True)
    offset = _bytes(given.get('o', '0'))
    length = _bytes(given['l']) if 'l' in given else size - offset
    _check_range(names[0], size, offset, length)
    end = min(offset + length, size)
    good = end if node.trouble.discard is None else min(
        end, node.trouble.discard)
    if reserved:
        return 1, '', _NOT_ZEROED % names[0]
    _punch(path, offset, max(0, good - offset))
    return (0, '', '') if good == end else (1, '', _NOT_ZEROED % names[0])


def _check_range(name, size, offset, length):
    if offset % 512 or length % 512:
        raise usage.Usage('%s: length or offset is not aligned to sector '
                          'size 512' % name)
    if offset > size:
        raise usage.Usage('%s: offset is greater than device size' % name)


def _refuses(node, request, name, write):
    found = blocks.find(node, request.folder, name)
    return found is not None and blocks.conflict(found.device, write)


def dd_reserved(node, request):
    """IN OUT: what dd says when a reservation refuses it to read or write.

    Either may be empty. A program of the simulator's own.
    """
    source, target = request.arguments
    with node.lock:
        if source and _refuses(node, request, source, False):
            return 1, '', _CONFLICT % ('reading', source, 0)
        if target and _refuses(node, request, target, True):
            return 1, '', _CONFLICT % ('writing', target, 1)
    return 0, '', ''


def _punch(path, offset, length):
    fd = os.open(path, os.O_RDWR)
    try:
        failed = length and _libc.fallocate(
            fd, _PUNCH_HOLE_KEEP_SIZE, ctypes.c_int64(offset),
            ctypes.c_int64(length))
        if failed:
            _overwrite(fd, offset, length)
    finally:
        os.close(fd)


def _overwrite(fd, offset, length):
    zeroes = bytes(1 << 20)
    while length:
        length_now = min(length, len(zeroes))
        os.pwrite(fd, zeroes[:length_now], offset)
        offset, length = offset + length_now, length - length_now


def _bytes(text):
    units = {'K': 10, 'M': 20, 'G': 30, 'T': 40}
    text = text.upper().removesuffix('IB')
    try:
        if text and text[-1] in units:
            return int(text[:-1]) << units[text[-1]]
        return int(text, 0)
    except ValueError:
        raise usage.Usage('failed to parse number: %s' % text)


def lsblk(node, request):
    """[-b] [-n] [-d] [-r] [-P] [-o COLUMNS] [-f] [DEVICE]: with what is on it.

    Columns: NAME KNAME PATH SIZE TYPE MAJ:MIN RM RO FSTYPE UUID LABEL
    MOUNTPOINT MOUNTPOINTS PKNAME WWN SERIAL. Sizes are in bytes.
    """
    chosen, names = usage.options(
        request.arguments, 'bndrlpPfo:s', ['bytes', 'noheadings', 'nodeps',
                                           'raw', 'list', 'paths', 'pairs',
                                           'output=', 'inverse', 'fs'])
    given = {name.lstrip('-')[0] if name != '--pairs' else 'P': value
             for name, value in chosen}
    columns = given.get('o', 'NAME,FSTYPE,LABEL,UUID,MOUNTPOINT' if 'f' in
                        given else 'NAME,MAJ:MIN,RM,SIZE,RO,TYPE,MOUNTPOINT')
    columns = columns.upper().split(',')
    with node.lock:
        rows = _rows(node, None, _tops(node), 'd' not in given)
        if names:
            wanted = [blocks.find(node, request.folder, name)
                      for name in names]
            if None in wanted:
                return 32, '', 'lsblk: %s: not a block device\n' % names[
                    wanted.index(None)]
            rows = _rows(node, None, wanted, 'd' not in given)
    return 0, _printed(rows, columns, given), ''


def _printed(rows, columns, given):
    if 'P' in given:
        lines = [' '.join('%s="%s"' % (c, row.get(c, '')) for c in columns)
                 for row in rows]
    else:
        lines = [' '.join(row.get(c, '') for c in columns).rstrip()
                 for row in rows]
        if 'n' not in given:
            lines.insert(0, ' '.join(columns))
    return ''.join(line + '\n' for line in lines)


def _tops(node):
    """What lies on no other device that is there."""
    every = list(blocks.every(node))
    below = {id(above) for block in every
             for above in _above(node, block.device)}
    return [block for block in every if id(block.device) not in below]


def _above(node, device):
    return [found for found in node.multipath.maps.values()
            if device in found.paths] + node.volumes.above(device)


def _rows(node, parent, wanted, deeper):
    rows = []
    for block in wanted:
        rows.append(_row(node, block, parent))
        above = _above(node, block.device) if deeper else []
        rows += _rows(node, block, [each for each in blocks.every(node)
                                    if each.device in above], deeper)
    return [row for i, row in enumerate(rows) if row not in rows[:i]]


def _row(node, block, parent):
    found = signatures.probe(block.path)
    where = [line[1] for line in mounts.table(node)
             if line[0] in (block.shown, '/dev/' + block.kernel)]
    where += ['[SWAP]' for line in mounts.table(node, mounts.SWAPS)
              if line[0] in (block.shown, '/dev/' + block.kernel)]
    row = {'NAME': block.name, 'KNAME': block.kernel, 'PATH': block.shown,
           'SIZE': str(block.size), 'TYPE': block.kind,
           'MAJ:MIN': block.number, 'RO': '0', 'RM': '0',
           'FSTYPE': found.get('TYPE', ''), 'UUID': found.get('UUID', ''),
           'LABEL': found.get('LABEL', ''), 'MOUNTPOINT': ''.join(where[:1]),
           'MOUNTPOINTS': ','.join(where),
           'PKNAME': parent.kernel if parent else ''}
    if block.kind != 'lvm':
        row.update(WWN='0x' + block.device.disk.wwid,
                   SERIAL='3' + block.device.disk.wwid)
    if block.device in [sd for found in node.multipath.maps.values()
                        for sd in found.paths]:
        row['FSTYPE'] = 'mpath_member'
    return row
