# SPDX-License-Identifier: Apache-2.0
"""Who uses a block device of a node: mounts, swap, holders, open files."""
import os
import signal

from xcat_simulator.machine import process

SHELLS = ('bash', 'busybox', 'dash', 'sh')
TABLES = (('proc/mounts', 'mounted on %s', 1), ('proc/swaps', 'swap', 0))


def users(folder, device, sysfs_path, ignore=(), opened=None):
    """Reasons why dev/<device> is in use, as texts; empty when it is not.

    ignore: names of holders that do not count. opened: what
    process.open_files said, when it is known already.
    """
    found = []
    for table, text, column in TABLES:
        found += [text % words[column] if '%s' in text else text
                  for words in _table(folder, table)
                  if _names(folder, words[0], device)]
    found += _holders(folder, sysfs_path, ignore)
    if opened is None:
        opened = process.open_files(folder)
    node = os.path.join(folder, 'dev', device)
    return found + ['process %d' % pid for pid in opened.get(node, ())]


def held_names(folder, names, opened):
    """Those of these device names that something still holds."""
    return {name for name in names
            if users(folder, name, 'none', opened=opened)
            or folder + '/dev/%s (deleted)' % name in opened}


def break_off(folder, device, opened):
    """End the programs that read or write a disk that is gone.

    Linux gives them I/O errors. Here they would go on, for the disk's file
    is still there; a shell that merely has it open may live.
    """
    for pid in opened.get(os.path.join(folder, 'dev', device), ()):
        try:
            with open('/proc/%d/comm' % pid) as name:
                if name.read().strip() not in SHELLS:
                    os.kill(pid, signal.SIGBUS)
        except OSError:
            continue  # it has ended


def _table(folder, name):
    try:
        with open(os.path.join(folder, name)) as table:
            lines = [line.split() for line in table]
    except OSError:
        return []
    return [words for words in lines if len(words) > 1]


def _names(folder, source, device):
    """Does the first field of a mount table mean this device?"""
    if not source.startswith('/'):
        return False
    source = source.removeprefix(folder)
    real = os.path.realpath(folder + source)
    name = os.path.basename(real)
    # A partition's node need not exist: sda1 uses sda.
    return real.startswith(folder + '/dev/') and (
        name == device or (device.startswith('sd')
                           and name.rstrip('0123456789') == device))


def _holders(folder, sysfs_path, ignore):
    try:
        names = os.listdir(os.path.join(folder, sysfs_path, 'holders'))
    except OSError:
        return []
    return ['holder ' + name for name in names if name not in ignore]
