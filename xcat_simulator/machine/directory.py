# SPDX-License-Identifier: Apache-2.0
"""The user directory: entries as text, edited line by line."""
import re

DEDICATE = re.compile(r'^DEDICATE\s+(\S+)\s+(\S+)', re.IGNORECASE)


def hex4(text):
    """A device number as z/VM writes it: four digits, upper case."""
    return text.upper().removeprefix('0X').zfill(4)


def dedicated(entry):
    """The DEDICATE statements: list of (virtual, real) device numbers."""
    found = (DEDICATE.match(line) for line in entry.splitlines())
    return [(hex4(m.group(1)), hex4(m.group(2))) for m in found if m]


def add_dedicate(entry, virtual, real, read_only=False):
    """The entry with one more DEDICATE statement at its end."""
    line = 'DEDICATE %s %s' % (hex4(virtual), hex4(real))
    return _ended(entry) + line + (' R/O' if read_only else '') + '\n'


def remove_dedicate(entry, virtual):
    """The entry without the DEDICATE statements of that virtual device."""
    def keep(line):
        found = DEDICATE.match(line)
        return not found or hex4(found.group(1)) != hex4(virtual)
    return _without(entry, keep)


def set_ipl(entry, target, loadparm='', parameters=''):
    """The entry with this IPL statement instead of any other."""
    line = 'IPL ' + target
    if loadparm:
        line += ' LOADPARM ' + loadparm
    if parameters:
        line += ' PARM ' + parameters
    return _ended(remove_ipl(entry)) + line + '\n'


def remove_ipl(entry):
    return _without(entry, lambda line: not re.match(r'IPL\s', line))


def set_loaddev(entry, portname, lun, scp_type='', scp_data=''):
    """The entry with LOADDEV statements; it holds one path only."""
    lines = ['LOADDEV PORTNAME ' + portname, 'LOADDEV LUN ' + lun]
    if scp_data:
        kind = 'HEX' if scp_type == '3' else 'EBCDIC'
        lines.append("LOADDEV SCPDATA %s '%s'" % (kind, scp_data))
    entry = _without(entry, lambda line: not line.startswith('LOADDEV'))
    return _ended(entry) + '\n'.join(lines) + '\n'


def definitions(entry, keywords):
    """Statements as Image_Definition_Query_DM has them; NICDEF alone.

    NICDEF 0600 TYPE QDIO LAN SYSTEM VSW1 is
    NICDEF=VDEV=0600 TYPE=QDIO LAN=SYSTEM SWITCHNAME=VSW1
    """
    found = []
    for words in map(str.split, entry.splitlines()):
        if words[:1] != ['NICDEF'] or 'NICDEF' not in keywords:
            continue
        pairs = ['VDEV=' + ''.join(words[1:2])]
        rest = iter(words[2:])
        for word in rest:
            pairs.append('%s=%s' % (word.upper(), next(rest, '')))
            if pairs[-1] == 'LAN=SYSTEM':
                pairs.append('SWITCHNAME=' + next(rest, ''))
        found.append('NICDEF=' + ' '.join(pairs))
    return '\n'.join(found)


def _without(entry, keep):
    return ''.join(line for line in entry.splitlines(True) if keep(line))


def _ended(entry):
    return entry if not entry or entry.endswith('\n') else entry + '\n'
