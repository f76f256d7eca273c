# SPDX-License-Identifier: Apache-2.0
"""lszdev: a table of FCP devices and LUNs, or the type's parameters."""
from xcat_simulator.machine.tools import select
from xcat_simulator.machine.tools import usage

SHORT = 'tilLhvapPc:nVqs:'
LONG = ('type', 'info', 'list-columns', 'list-types', 'help', 'version',
        'active', 'persistent', 'columns=', 'no-headings', 'base=', 'pairs',
        'shell', 'verbose', 'quiet', 'all', 'online', 'offline', 'existing',
        'configured', 'failed', 'auto-conf', 'site=')
DEFAULT = ('TYPE', 'ID', 'ON', 'PERS', 'NAMES')
EMPTY, UNKNOWN_COLUMN = 8, 13


def lszdev(node, request):
    """[TYPE] [DEVICE] [-c COLUMNS] [-n] [--pairs] [-a] [-p] [-t].

    Columns: TYPE ID ON EXISTS PERS AUTO FAILED NAMES BLOCKDEVS MODULES
    ATTR:online. Exit status 8 when nothing was selected.
    """
    chosen, words = usage.options(request.arguments, SHORT, LONG)
    given = dict(chosen)
    flags = set(given)
    if flags & {'-t', '--type'}:
        return _type(node, words)
    columns = given.get('-c', given.get('--columns', ','.join(DEFAULT)))
    columns = columns.split(',')
    with node.lock:
        named = [word for word in words if word not in select.TYPES]
        if not named and not words:
            flags.add('--all')
        devices = select.devices(node, words, flags)
        rows = [_row(node, device, columns) for device in devices
                if _shown(node, device, flags)]
    if not rows:
        raise usage.Usage('No device was selected!', EMPTY)
    if flags & {'--pairs', '-P'}:
        lines = [' '.join('%s="%s"' % pair for pair in zip(columns, row))
                 for row in rows]
    else:
        quiet = flags & {'-n', '--no-headings'}
        lines = _align(rows if quiet else [columns] + rows)
    return 0, ''.join(line + '\n' for line in lines), ''


def _shown(node, device, flags):
    now = select.state(node, device)
    if flags & {'-a', '--active'} and not flags & {'-p', '--persistent'}:
        return now['exists']
    if flags & {'-p', '--persistent'} and not flags & {'-a', '--active'}:
        return now['configured']
    return now['exists'] or now['configured']


def _row(node, device, columns):
    now = select.state(node, device)
    disk = now['disk'].name if now['disk'] else ''
    values = {'TYPE': device.type, 'ID': device.id,
              'ON': _yes(now['online']), 'EXISTS': _yes(now['exists']),
              'PERS': _yes(now['configured']), 'AUTO': 'no',
              'FAILED': _yes(now['failed']), 'NAMES': disk,
              'BLOCKDEVS': disk, 'CHARDEVS': '', 'NETDEVS': '',
              'MODULES': 'zfcp', 'ATTR:online': str(int(now['online']))}
    try:
        return [values[column] for column in columns]
    except KeyError as error:
        raise usage.Usage('Unknown column specified: %s' % error.args[0],
                          UNKNOWN_COLUMN)


def _yes(value):
    return 'yes' if value else 'no'


def _align(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ['  '.join(cell.ljust(width) for cell, width in zip(row, widths))
            .rstrip() for row in rows]


def _type(node, words):
    if words and words[0] != 'zfcp':
        raise usage.Usage('Unknown device type specified', 2)
    kept = node.persistent.parameter('allow_lun_scan')
    text = 'DEVICE TYPE zfcp\n  Description      : SCSI-over-Fibre Channel ' \
        '(FCP) devices and SCSI devices\n\n  ATTRIBUTE       ACTIVE  ' \
        'PERSISTENT\n  allow_lun_scan  "%d"     %s\n' % (
            node.kernel.lun_scan, '-' if kept is None else '"%s"' % kept)
    return 0, text, ''
