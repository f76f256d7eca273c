# SPDX-License-Identifier: Apache-2.0
"""pvcreate, vgcreate, lvcreate, vgchange and their like; dmsetup.

As small as programs need them: linear volumes in extents of 4 MiB. Exit
status 5 when LVM refuses, 3 for a wrong command line.
"""
import re

from xcat_simulator.machine import blocks
from xcat_simulator.machine import signatures
from xcat_simulator.machine.tools import usage
from xcat_simulator.machine import volumes

REFUSED, WRONG = 5, 3
_UNITS = {'b': 0, 'k': 10, 'm': 20, 'g': 30, 't': 40}
SHORT = 'a:l:L:n:fyvqo:ts:W:Z:'
LONG = ['activate=', 'extents=', 'size=', 'name=', 'force', 'yes', 'quiet',
        'noheadings', 'options=', 'units=', 'nosuffix', 'separator=',
        'cache', 'config=', 'devices=', 'ignorelockingfailure', 'uuid=',
        'reportformat=', 'readonly', 'all', 'aay', 'wipesignatures=']
_WORDS = {'-a': '--activate', '-l': '--extents', '-L': '--size',
          '-n': '--name', '-o': '--options', '-f': '--force', '-y': '--yes'}


class _Call:
    """One command line: `given` options, `words`, and what was said."""

    def __init__(self, node, request):
        self.node = node
        self.folder = request.folder
        chosen, self.words = usage.options(request.arguments, SHORT, LONG,
                                           WRONG)
        self.given = {_WORDS.get(name, name): value for name, value in chosen}

    def blocks(self, words):
        for word in words:
            block = blocks.find(self.node, self.folder, word)
            if block is None or block not in blocks.by_use(self.node):
                raise volumes.VolumeError('  Device %s not found.' % word)
            yield word, block

    def members(self):
        return {member.device: member for member in
                self.node.volumes.members()}

    def group(self, name):
        found = self.node.volumes.groups().get(name)
        if not found:
            raise volumes.VolumeError(
                '  Volume group "%s" not found\n  Cannot process volume '
                'group %s' % (name, name))
        return found


def command(node, request):
    """Whatever of LVM's commands was called."""
    handler = _COMMANDS[request.name]
    call = _Call(node, request)
    with node.lock:
        try:
            return 0, handler(call) or '', ''
        except volumes.VolumeError as refused:
            return REFUSED, '', '  %s\n' % str(refused).lstrip()


def _pvcreate(call):
    out = ''
    for word, block in call.blocks(call.words):
        if call.node.is_held(block.device):
            raise volumes.VolumeError(
                "Can't open %s exclusively.  Mounted filesystem?" % word)
        volumes.check_writable(block.device, word)
        found = call.members().get(block.device)
        if found is not None and found.group:
            raise volumes.VolumeError(
                "Can't initialize physical volume \"%s\" of volume group "
                '"%s" without -ff' % (word, found.group['name']))
        signatures.write_member(block.path, signatures.new_identifier(), '')
        out += '  Physical volume "%s" successfully created.\n' % word
    return out


def _pvremove(call):
    out = ''
    for word, block in call.blocks(call.words):
        volumes.check_writable(block.device, word)
        found = call.members().get(block.device)
        if found is None:
            raise volumes.VolumeError('No PV found on device %s.' % word)
        if found.group:
            raise volumes.VolumeError('PV %s is used by VG %s so please use '
                                      'vgreduce first.' % (
                                          word, found.group['name']))
        signatures.erase(block.path)
        out += '  Labels on physical volume "%s" successfully wiped.\n' % word
    return out


def _vgcreate(call):
    name, words = call.words[0], call.words[1:]
    if name in call.node.volumes.groups():
        raise volumes.VolumeError('A volume group called %s already exists.'
                                  % name)
    group = {'name': name, 'id': signatures.new_identifier(), 'seqno': 1,
             'members': [], 'volumes': {}}
    _extend(call, group, [], words)
    return '  Volume group "%s" successfully created\n' % name


def _vgextend(call):
    members = call.group(call.words[0])
    _extend(call, members[0].group, members, call.words[1:])
    return '  Volume group "%s" successfully extended\n' % call.words[0]


def _extend(call, group, members, words):
    for word, block in call.blocks(words):
        if block.device not in call.members():
            _pvcreate(_with(call, [word]))
        found = call.members()[block.device]
        if found.group:
            raise volumes.VolumeError(
                "Physical volume '%s' is already in volume group '%s'"
                % (word, found.group['name']))
        members = members + [found]
    group['members'] = [member.id for member in members]
    _write(call, group, members)


def _with(call, words):
    other = object.__new__(_Call)
    other.__dict__.update(call.__dict__, words=words)
    return other


def _write(call, group, members):
    group['seqno'] += 1
    call.node.volumes.write(group, members)


def _vgremove(call):
    name = call.words[0]
    members = call.group(name)
    if members[0].group['volumes'] and not {'--force', '--yes'} & set(
            call.given):
        raise volumes.VolumeError(
            'Volume group "%s" still contains logical volumes' % name)
    _deactivate(call, name)
    call.node.volumes.write({}, members)
    return '  Volume group "%s" successfully removed\n' % name


def _deactivate(call, group, only=None):
    found = [volume for volume in call.node.volumes.active
             if volume.group == group and only in (None, volume.name)]
    for volume in found:
        call.node.volumes.deactivate(volume)
    return len(found)


def _vgchange(call):
    """-ay or -an, of one group or of all."""
    out = ''
    for name in call.words or sorted(
            {*call.node.volumes.groups(),
             *(volume.group for volume in call.node.volumes.active)}):
        if call.given.get('--activate', 'y').endswith('n'):
            _deactivate(call, name)
            count = 0
        else:
            count = call.node.volumes.activate(name)
        out += '  %d logical volume(s) in volume group "%s" now active\n' % (
            count, name)
    return out


def _lvchange(call):
    for word in call.words:
        group, name = _split(word)
        if call.given.get('--activate', 'y').endswith('n'):
            _deactivate(call, group, name)
        else:
            call.node.volumes.activate(group, name)


def _split(word):
    group, _, name = word.removeprefix('/dev/').rpartition('/')
    return group.rpartition('/')[2] if group else name, name if group else None


def _lvcreate(call):
    members = call.group(call.words[-1])
    group = members[0].group
    used = sum(each['extents'] for each in group['volumes'].values())
    free = sum(member.extents for member in members) - used
    extents = _extents(call, free, free + used)
    name = call.given.get('--name', 'lvol%d' % len(group['volumes']))
    if name in group['volumes']:
        raise volumes.VolumeError(
            'Logical Volume "%s" already exists in volume group "%s"'
            % (name, group['name']))
    if not 0 < extents <= free:
        raise volumes.VolumeError(
            'Volume group "%s" has insufficient free space (%d extents): %d '
            'required.' % (group['name'], free, extents))
    group['volumes'][name] = {'id': signatures.new_identifier(),
                              'extents': extents}
    _write(call, group, members)
    if not call.given.get('--activate', 'y').endswith('n'):
        call.node.volumes.activate(group['name'], name)
    return '  Logical volume "%s" created.\n' % name


def _extents(call, free, total):
    if '--extents' in call.given:
        text = call.given['--extents'].upper()
        number, _, of = text.partition('%')
        whole = {'FREE': free, 'VG': total, 'PVS': total}
        return (int(number) * whole.get(of, free) // 100 if of
                else int(number))
    found = re.fullmatch(r'(\d+(?:\.\d+)?)([bkmgt]?)', call.given.get(
        '--size', '').lower())
    if not found:
        raise usage.Usage('Invalid argument for --size', WRONG)
    size = float(found[1]) * (1 << _UNITS[found[2] or 'm'])
    return -int(-size // volumes.EXTENT)


def _lvremove(call):
    out = ''
    for word in call.words:
        group_name, name = _split(word)
        members = call.group(group_name)
        group = members[0].group
        if name is not None and name not in group['volumes']:
            raise volumes.VolumeError('Failed to find logical volume "%s/%s"'
                                      % (group_name, name))
        for each in [name] if name else list(group['volumes']):
            _deactivate(call, group_name, each)
            del group['volumes'][each]
            out += '  Logical volume "%s" successfully removed.\n' % each
        _write(call, group, members)
    return out


def _nothing(call):
    """pvscan and vgscan: the simulated ones see all at any time."""
    if call.given.get('--activate', '').endswith('y'):
        for name in call.node.volumes.groups():
            call.node.volumes.activate(name)


def _pvs(call):
    rows = []
    for member in call.node.volumes.members():
        block = next(each for each in blocks.every(call.node)
                     if each.device is member.device)
        used = sum(v['extents'] for v in member.group.get(
            'volumes', {}).values())
        rows.append({
            'pv_name': block.shown, 'vg_name': member.group.get('name', ''),
            'pv_fmt': 'lvm2', 'pv_attr': 'a--' if member.group else '---',
            'pv_size': member.extents * volumes.EXTENT, 'pv_uuid': member.id,
            'pv_free': max(0, member.extents - used) * volumes.EXTENT})
    return _table(call, rows, 'pv_name,vg_name,pv_fmt,pv_attr,pv_size,pv_free')


def _vgs(call):
    rows = []
    for name, members in sorted(call.node.volumes.groups().items()):
        group = members[0].group
        total = sum(member.extents for member in members)
        used = sum(v['extents'] for v in group['volumes'].values())
        partial = len(members) < len(group['members'])
        rows.append({
            'vg_name': name, 'pv_count': len(group['members']),
            'lv_count': len(group['volumes']), 'snap_count': 0,
            'vg_attr': 'wz-p' + 'n-' if partial else 'wz--n-',
            'vg_size': total * volumes.EXTENT, 'vg_uuid': group['id'],
            'vg_free': (total - used) * volumes.EXTENT,
            'vg_missing_pv_count': len(group['members']) - len(members)})
    return _table(call, rows,
                  'vg_name,pv_count,lv_count,snap_count,vg_attr,vg_size,'
                  'vg_free')


def _lvs(call):
    rows = []
    for group_name, members in sorted(call.node.volumes.groups().items()):
        for name, values in sorted(members[0].group['volumes'].items()):
            active = [v for v in call.node.volumes.active
                      if (v.group, v.name) == (group_name, name)]
            used = any(call.node.users_of(v, {}) for v in active)
            rows.append({
                'lv_name': name, 'vg_name': group_name,
                'lv_attr': '-wi-%s%s----' % ('a' if active else '-',
                                             'o' if used else '-'),
                'lv_size': values['extents'] * volumes.EXTENT,
                'lv_uuid': values['id'],
                'lv_active': 'active' if active else '',
                'lv_path': '/dev/%s/%s' % (group_name, name),
                'lv_dm_path': '/dev/mapper/' + active[0].mapped
                if active else ''})
    return _table(call, rows, 'lv_name,vg_name,lv_attr,lv_size')


def _table(call, rows, columns):
    wanted = call.given.get('--options', columns)
    if wanted.startswith('+'):
        wanted = columns + ',' + wanted[1:]
    columns = [column.strip() for column in wanted.split(',')]
    names = {word.removeprefix('/dev/') for word in call.words}
    lines = [] if '--noheadings' in call.given else [columns]
    for row in rows:
        keys = {row.get('pv_name', '').removeprefix('/dev/'),
                row.get('vg_name'), '%s/%s' % (
                    row.get('vg_name'), row.get('lv_name'))}
        if names and not names & keys:
            continue
        unknown = set(columns) - set(row)
        if unknown:
            raise usage.Usage('Unrecognised field: %s' % unknown.pop(), WRONG)
        lines.append([_shown(call, column, row[column])
                      for column in columns])
    separator = call.given.get('--separator', ' ')
    return ''.join('  ' + separator.join(line) + '\n' for line in lines)


def _shown(call, column, value):
    if not column.endswith(('_size', '_free')):
        return str(value)
    unit = call.given.get('--units', 'm').lower()[:1]
    suffix = '' if '--nosuffix' in call.given else (
        'B' if unit == 'b' else unit)
    if unit == 'b':
        return '%d%s' % (value, suffix)
    return '%.2f%s' % (value / (1 << _UNITS.get(unit, 20)), suffix)


_COMMANDS = {
    'lvchange': _lvchange, 'lvcreate': _lvcreate, 'lvremove': _lvremove,
    'lvs': _lvs, 'pvcreate': _pvcreate, 'pvremove': _pvremove, 'pvs': _pvs,
    'pvscan': _nothing, 'vgchange': _vgchange, 'vgcreate': _vgcreate,
    'vgextend': _vgextend, 'vgremove': _vgremove, 'vgs': _vgs,
    'vgscan': _nothing}
COMMANDS = tuple(_COMMANDS)


def dmsetup(node, request):
    """ls, info -c -o name, remove [--force --deferred] NAME, message NAME 0
    fail_if_no_path|queue_if_no_path: maps and volumes.
    """
    words = [word for word in request.arguments if not word.startswith('-')]
    with node.lock:
        found = [block for block in blocks.every(node) if block.kind != 'disk']
        if words[:1] in (['ls'], ['info']):
            return 0, ''.join('%s\t(%s)\n' % (block.name, block.number)
                              for block in found) or 'No devices found\n', ''
        if words[:1] not in (['remove'], ['message']) or len(words) < 2:
            raise usage.Usage('usage: dmsetup ls | remove NAME')
        for block in found:
            if words[1].rpartition('/')[2] in (block.name, block.kernel):
                return (_remove(node, block, '--force' in request.arguments)
                        if words[0] == 'remove' else _message(block, words))
    return 1, '', 'Device %s not found\nCommand failed.\n' % words[1]


def _message(block, words):
    if block.kind != 'mpath' or words[2:] not in (
            ['0', 'fail_if_no_path'], ['0', 'queue_if_no_path']):
        return 1, '', 'device-mapper: message ioctl on %s  failed: Invalid ' \
            'argument\nCommand failed.\n' % block.name
    block.device.queueing = words[3] == 'queue_if_no_path'
    return 0, '', ''


def _remove(node, block, force):
    """force: errors for who uses it, who has it until they let go."""
    if force and block.kind == 'mpath':
        block.device.queueing = False
    try:
        if block.kind == 'lvm':
            node.volumes.deactivate(block.device)
        elif not node.multipath.flush(block.device):
            raise volumes.VolumeError()
    except volumes.VolumeError:
        return 1, '', 'device-mapper: remove ioctl on %s  failed: Device or ' \
            'resource busy\nCommand failed.\n' % block.name
    return 0, '', ''
