# SPDX-License-Identifier: Apache-2.0
"""How the MN finds and changes lines of a zHCP's pool files.

A line: status,wwpn,lun,size,range,owner,channel,tag. It is looked for,
read again and changed in separate hops, by patterns that match text
anywhere; what that does to lines of other LUNs is the MN's way.

The generators yield what the MN prints.
"""

import dataclasses
import re

from xcat_simulator.mn import hop
from xcat_simulator.mn import perl
from xcat_simulator.mn import shell

FILE = hop.POOLS + '/%s.conf'
COLUMNS = ('status', 'wwpn', 'lun', 'size', 'range', 'owner', 'fcp', 'tag')
STATUS = re.compile(r'(free|used|reserved)\n?\Z', re.IGNORECASE)
BAD_STATUS = ('(Error) Status not recognized. Status can be free, used, or '
              'reserved.')
BAD_SIZE = ('(Error) Size not recognized. Size can be M(egabytes) or '
            'G(igabytes).')
NO_OWNER = '(Error) Owner must be specified if status is used.'
OWNER = '(Error) Owner must not be specified if status is free.'


@dataclasses.dataclass(frozen=True)
class Found:
    """The line that was changed: FCP devices, WWPNs, LUN."""

    fcp: str
    wwpn: str
    lun: str


@dataclasses.dataclass(frozen=True)
class _Disk:
    """A LUN that suits, as its line has it."""

    wwpn: str
    lun: str
    range: str


def exists(hops, pool):
    return bool(hops.run('test -e %s && echo Exists' % FILE % pool).text)


def make_folder(hops):
    if not hops.run('test -d %s && echo Exists' % hop.POOLS).text:
        hops.run('mkdir -p %s' % hop.POOLS)


def attributes(hops, pool, wwpn, lun):
    """({column: text} of the line of this path and LUN, what went wrong).

    The first line that the hop finds. WWPN and LUN stand outside of quotes
    in the MN's shell: it ends a command at each ; of a list of WWPNs, and
    what follows the last one is no program.
    """
    command = 'grep -i "%s,%s" %s' % (wwpn, lun, FILE % pool)
    parts = ('%s,%s' % (wwpn, lun)).split(';')
    if len(parts) > 1:
        hops.run('grep -i ' + parts[0])
        answer = hop.Answer(127, '')
    else:
        answer = hops.run('grep -i %s %s' % (parts[0], FILE % pool))
    problem = hops.failure(answer, hops.shown(command), 'findzFcpDeviceAttr')
    if problem:
        return {}, problem
    first = (hop.lines(answer) or [''])[0]
    return dict(zip(COLUMNS, perl.split(first, ','))), ''


def pool_of(hops, wwpn, lun):
    """(name of the pool that has this path and LUN, what went wrong).

    The first in the alphabet of those that have it.
    """
    command = r'grep -i -l \"%s,%s\" %s/*.conf' % (wwpn, lun, hop.POOLS)
    answer = hops.run(command)
    problem = hops.failure(answer, hops.shown(command), 'findzFcpDevicePool')
    if problem:
        return '', problem
    first = (hop.lines(answer) or [''])[0]
    return re.sub(r'\.[^.]+\Z', '', first.rpartition('/')[2]), ''


def read(hops, pool, function, node=None):
    """(text of the pool file, what went wrong)."""
    answer = hops.run('cat ' + FILE % pool)
    problem = hops.failure(answer, hops.shown('cat ' + FILE % pool),
                           function, node)
    return answer.text, problem


class _Refused(Exception):
    """What the MN prints of a line that it will not change."""


def find_and_update(hops, header, pool, status, fcp='', wwpn='', lun='',
                    size='', owner='', tag=''):
    """Give a line another status, owner, channel and tag.

    With WWPN and LUN that line, without them the smallest free LUN that is
    large enough. Returns a Found, None when it came to nothing.
    """
    try:
        _check_attributes(header, status, fcp, owner)
        size = _megabytes(header, size)
        disk = yield from _find(hops, header, pool, wwpn, lun, size)
        yield '%s: Found FCP device 0x%s/0x%s' % (header, disk.wwpn, disk.lun)
        if re.search('used', status, re.I) and re.match('auto', fcp, re.I):
            fcp = yield from select_device(hops, header, disk.range, owner)
            if not perl.true(fcp):
                return None
        elif re.search('free', status, re.I):
            fcp = owner = ''
        _change(hops, header, pool, disk, size,
                status=status, owner=owner, fcp=fcp, tag=tag)
    except _Refused as refused:
        yield str(refused)
        return None
    return Found(fcp, disk.wwpn, disk.lun)


def _check_attributes(header, status, fcp, owner):
    problem = ''
    if not STATUS.match(status):
        problem = BAD_STATUS
    elif (perl.true(fcp) and not re.match('auto', fcp, re.I)
          and re.search('[^0-9a-f;]', fcp, re.I)):
        problem = '(Error) Invalid FCP channel address %s.' % fcp
    elif re.search('used', status, re.I) and not perl.true(owner):
        problem = NO_OWNER
    elif re.search('free', status, re.I) and perl.true(owner):
        problem = OWNER
    if problem:
        raise _Refused('%s: %s' % (header, problem))


def _megabytes(header, size):
    """The size in MB; a size in M is left as it is."""
    if perl.true(size) and re.search('G', size, re.I):
        return str(perl.digits(size) * 1024)
    if perl.true(size) and not re.search('M', size, re.I):
        raise _Refused('%s: %s' % (header, BAD_SIZE))
    return size


def _find(hops, header, pool, wwpn, lun, size):
    """The LUN that is named, or one that fits."""
    explicit = perl.true(wwpn) and perl.true(lun)
    if explicit:
        yield '%s: Using given WWPN and LUN' % header
        wwpn, lun = wwpn.replace('0x', ''), lun.replace('0x', '')
        _check_path(header, wwpn, lun)
    make_folder(hops)
    if not exists(hops, pool):
        raise _Refused('%s: (Error) FCP storage pool does not exist' % header)
    text = _read_again(hops, pool)
    if explicit:
        return _named(header, text, pool, wwpn, lun, size)
    return _fitting(header, text, size)


def _read_again(hops, pool):
    text, problem = read(hops, pool, 'findAndUpdatezFcpPool')
    if problem:
        raise _Refused(problem)
    return text


def _check_path(header, wwpn, lun):
    if re.search('[^0-9a-f;]', wwpn, re.I):
        raise _Refused('%s: (Error) Invalid world wide portname %s.'
                       % (header, wwpn))
    if re.search('[^0-9a-f]', lun, re.I):
        raise _Refused('%s: (Error) Invalid logical unit number %s.'
                       % (header, lun))


def _column(columns, index):
    return columns[index] if index < len(columns) else ''


def _line_size(text, only_units):
    """A line's size in MB; None where only sizes with a unit count."""
    if re.search('G', text, re.I):
        return perl.digits(text) * 1024
    if only_units and not re.search('M', text, re.I):
        return None
    return perl.digits(text)


def _fitting(header, text, size):
    """The smallest free LUN of at least this size."""
    best, disk = 0, _Disk('', '', '')
    wanted = perl.number(size)
    for line in perl.split(shell.egrep(text, '^free'), '\n'):
        columns = perl.split(line, ',')
        found = _line_size(_column(columns, 3), True)
        if found is None or found < wanted:
            continue
        if not best or found < best:
            best = found
            disk = _Disk(*(_column(columns, i) for i in (1, 2, 4)))
    if not (perl.true(disk.wwpn) and perl.true(disk.lun)):
        raise _Refused('%s: (Error) A suitable device of %sM or larger could '
                       'not be found' % (header, size))
    return disk


def _named(header, text, pool, wwpn, lun, size):
    """The LUN that was named, if it is there and large enough."""
    select = shell.egrep(text, '%s,%s' % (wwpn, lun)).removesuffix('\n')
    if not perl.true(select):
        raise _Refused('%s: (Error) zFCP device 0x%s/0x%s could not be found '
                       'in zFCP pool %s' % (header, wwpn, lun, pool))
    columns = perl.split(select, ',')
    if perl.true(size):
        if _line_size(_column(columns, 3), False) < perl.number(size):
            raise _Refused('%s: (Error) FCP device %s/%s is not large enough'
                           % (header, wwpn, lun))
    return _Disk(wwpn, lun, _column(columns, 4))


def _change(hops, header, pool, disk, size, status, owner, fcp, tag):
    """Read again, and replace what has the LUN.

    Two lines that have the LUN make a pattern of two lines: sed refuses it
    and nobody looks at its exit status.
    """
    text = _read_again(hops, pool)
    select = shell.egrep(text, disk.lun).removesuffix('\n')
    size = size + 'M'
    if not perl.true(select):
        hops.run('echo %s >> %s' % (','.join(
            (status, disk.wwpn, disk.lun, size, '', owner, fcp, tag)),
            FILE % pool))
        return
    columns = perl.split(select, ',')
    known = [_column(columns, i) for i in range(1, 5)]
    if not perl.true(known[2]):
        known[2] = size
    if not perl.matches(disk.wwpn, known[0]):
        raise _Refused('%s: (Error) FCP device %s/%s does not exists'
                       % (header, disk.wwpn, disk.lun))
    update = ','.join([status] + known + [owner, fcp, tag])
    hops.run("sed --in-place -e 's#%s#%s#i' %s"
             % (select, update, FILE % pool))


def select_device(hops, header, ranges, owner):
    """An FCP device within the ranges for that owner; '' if there is none.

    One that the owner's directory entry has, else a free one that no pool
    line names.
    """
    limits = [_limits(each) for each in
              (perl.split(ranges, ';') if ';' in ranges else [ranges])]
    for words in map(str.split, hops.dedicates(owner)):
        number = _column(words, 2)
        if _within(number, limits):
            number = number.upper()
            yield '%s: Found eligible FCP channel %s' % (header, number)
            return number.rjust(4, '0')
    used, problem = _used_devices(hops)
    if problem:
        yield '%s: %s' % (header, problem)
        return ''
    query = '%s/smcli System_WWPN_Query -T %s' % (hop.BIN, hops.userid())
    answer = hops.run(query)
    problem = hops.failure(answer, hops.shown(query), 'selectFcpDevice')
    if problem:
        yield problem
        return ''
    for number, status in device_states(answer.text):
        if (re.search('free', status, re.I) and _within(number, limits)
                and number.upper() not in used):
            number = number.upper()
            yield ('%s: Found FCP channel within acceptable range %s'
                   % (header, number))
            return number.rjust(4, '0')
    yield '%s: (Error) A suitable FCP channel could not be found' % header
    return ''


def _limits(text):
    """(first, last) of a range; what is not there counts as 0."""
    ends = perl.split(text, '-')
    return (perl.hexadecimal(_column(ends, 0)),
            perl.hexadecimal(_column(ends, 1)))


def _within(number, limits):
    value = perl.hexadecimal(number)
    return any(low <= value <= high for low, high in limits)


def device_states(text):
    """(number, status line) of each FCP device that smcli shows."""
    kept = perl.split(shell.egrep(text, 'FCP device number|Status'), '\n')
    for first, second in zip(kept[::2], kept[1::2] + ['']):
        number = re.sub('^FCP device number:', '', first).strip()
        yield number, re.sub('^Status:', '', second).strip()


def _used_devices(hops):
    """(channels of used lines of all pools, what went wrong).

    A line with two channels is one text: neither of them counts as used.
    """
    command = 'cat %s/*.conf' % hop.POOLS
    answer = hops.run(command)
    problem = hops.failure(answer, hops.shown(command), 'getUsedFcpDevices')
    found = set()
    for line in perl.split(shell.egrep(answer.text, 'used|allocated'), '\n'):
        channel = _column(perl.split(line, ','), 6).strip()
        if perl.true(channel):
            found.add(channel.upper())
    return found, problem
