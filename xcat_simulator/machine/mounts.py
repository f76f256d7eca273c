# SPDX-License-Identifier: Apache-2.0
"""Mounts and swap of a node: its files proc/mounts and proc/swaps.

These files are the truth: whoever edits them mounts. What is written below a
mount point lies in the node's folder, not on the disk. etc/fstab is done at
boot, as far as its devices are there.
"""
import os

from xcat_simulator.machine import blocks
from xcat_simulator.machine import process
from xcat_simulator.machine import signatures

MOUNTS, SWAPS, FSTAB = 'proc/mounts', 'proc/swaps', 'etc/fstab'
NO_DISKS = ('bind', 'nfs', 'nfs4', 'proc', 'sysfs', 'tmpfs')


class MountError(Exception):
    """What mount, umount, swapon or swapoff says; `code` is its status."""

    def __init__(self, text, code=32):
        super().__init__(text)
        self.code = code


def table(node, name=MOUNTS):
    """The lines as lists of words, the octal codes of blanks read."""
    try:
        with open(os.path.join(node.folder, name)) as lines:
            found = [line.split() for line in lines]
    except OSError:
        return []
    if name == SWAPS:
        found = found[1:]
    return [[word.replace('\\040', ' ') for word in words]
            for words in found if words and not words[0].startswith('#')]


def _write(node, name, lines, head=''):
    path = os.path.join(node.folder, name)
    text = head + ''.join(' '.join(
        word.replace(' ', '\\040') for word in words) + '\n'
        for words in lines)
    with open(path + '.new', 'w') as new:
        new.write(text)
    os.rename(path + '.new', path)


def mount(node, folder, source, target, kind=None, options='rw,relatime'):
    """Mount a device, or something else of a kind in NO_DISKS."""
    with node.lock:
        place = os.path.realpath(blocks.local(node, folder, target))
        shown = blocks.inside(node, place)
        if not os.path.isdir(place):
            raise MountError('%s: mount point does not exist.' % shown)
        if kind in NO_DISKS:
            name = source
        else:
            name, kind = _device(node, folder, source, shown, kind)
        if [name, shown] in [line[:2] for line in table(node)]:
            raise MountError('%s: %s already mounted on %s.'
                             % (shown, name, shown))
        _write(node, MOUNTS, table(node) + [
            [name, shown, kind, options, '0', '0']])


def _device(node, folder, source, shown, kind):
    block = blocks.find(node, folder, source)
    if block is None:
        text = ("can't find %s." % source if '=' in source
                else 'special device %s does not exist.' % source)
        raise MountError('%s: %s' % (shown, text))
    found = signatures.probe(block.path).get('TYPE')
    if found in (signatures.LVM, signatures.SWAP):
        raise MountError("%s: unknown filesystem type '%s'." % (shown, found))
    if found is None or kind not in (None, 'auto', found):
        raise MountError(
            '%s: wrong fs type, bad option, bad superblock on %s, missing '
            'codepage or helper program, or other error.'
            % (shown, block.shown))
    _not_below(node, block, shown)
    return block.shown, found


def _not_below(node, block, shown):
    """A path of a map, or swap, is held by another."""
    held = [user for user in node.users_of(block.device, {})
            if not user.startswith('mounted')]
    below = any(block.device in found.paths
                for found in node.multipath.maps.values())
    if held or below:
        raise MountError('%s: %s already mounted or mount point busy.'
                         % (shown, block.shown))


def umount(node, folder, name, lazy=False):
    """Unmount what is on a folder, or a device, the last mount first."""
    with node.lock:
        lines, names = table(node), _names(node, folder, name)
        for line in reversed(lines):
            if line[1] in names or line[0] in names:
                break
        else:
            raise MountError('%s: not mounted.' % name)
        if not lazy and _is_busy(node, line[1]):
            raise MountError('%s: target is busy.' % line[1])
        lines.remove(line)
        _write(node, MOUNTS, lines)


def _names(node, folder, name):
    block = blocks.find(node, folder, name)
    path = os.path.realpath(blocks.local(node, folder, name))
    found = {blocks.inside(node, path), name}
    return found | ({block.shown, '/dev/' + block.kernel} if block else set())


def _is_busy(node, target):
    """Has a process a file open below it, or its working directory there?"""
    top = node.folder + target
    for pid in process.of_node(node.folder):
        try:
            names = [os.readlink(entry.path) for entry
                     in os.scandir('/proc/%d/fd' % pid)]
            names.append(os.readlink('/proc/%d/cwd' % pid))
        except OSError:
            continue
        if any((name + '/').startswith(top + '/') for name in names):
            return True
    return False


def swapon(node, folder, name, priority='-2'):
    """Add a device with a swap signature."""
    with node.lock:
        block = blocks.find(node, folder, name)
        if block is None:
            raise MountError('cannot open %s: No such file or directory'
                             % name, 255)
        if signatures.probe(block.path).get('TYPE') != signatures.SWAP:
            raise MountError('%s: read swap header failed' % name, 255)
        if node.is_held(block.device):
            raise MountError('%s: swapon failed: Device or resource busy'
                             % name, 255)
        _swaps(node, table(node, SWAPS) + [[
            '/dev/' + block.kernel, 'partition',
            str(block.size // 1024 - 4), '0', priority]])


def swapoff(node, folder, name):
    """Take a device out again."""
    with node.lock:
        lines, names = table(node, SWAPS), _names(node, folder, name)
        left = [line for line in lines if line[0] not in names]
        if len(left) == len(lines):
            raise MountError('%s: swapoff failed: Invalid argument' % name, 4)
        _swaps(node, left)


def _swaps(node, lines):
    _write(node, SWAPS, lines,
           'Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n')


def boot(node):
    """Do fstab; what is not there is left out."""
    for words in table(node, FSTAB):
        if len(words) < 3 or 'noauto' in (words[3:4] or [''])[0].split(','):
            continue
        try:
            if words[2] == 'swap':
                swapon(node, node.folder, words[0])
            elif words[1] != '/':
                mount(node, node.folder, words[0], words[1], words[2])
        except MountError as error:
            node.kernel.log('mount: %s', error)
