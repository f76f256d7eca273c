# SPDX-License-Identifier: Apache-2.0
"""sg_persist: persistent reservations of a disk (sg3_utils).

The nexus is that of the path that the device is; of a map its first path's.
Exit statuses: 0, 1 wrong arguments, 5 a field that the disk refuses, 15 no
such device, 24 reservation conflict, 99 no SCSI device.
"""

from xcat_simulator.machine import blocks
from xcat_simulator.machine import reservation
from xcat_simulator.machine.tools import usage

_REFUSED, _NO_FILE, _CONFLICT, _OTHER = 5, 15, 24, 99
_LONG = {
    'clear': 'C', 'device=': 'd', 'in': 'i', 'no-inquiry': 'n', 'out': 'o',
    'param-alltgpt': 'Y', 'param-aptpl': 'Z', 'param-rk=': 'K',
    'param-sark=': 'S', 'preempt': 'P', 'preempt-abort': 'A',
    'prout-type=': 'T', 'read-keys': 'k', 'read-reservation': 'r',
    'readonly': 'y', 'register': 'G', 'register-ignore': 'I',
    'release': 'L', 'report-capabilities': 'c', 'reserve': 'R',
    'verbose': 'v'}
_OUT = {'A': 'Preempt and abort', 'C': 'Clear', 'G': 'Register',
        'I': 'Register and ignore existing key', 'L': 'Release',
        'P': 'Preempt', 'R': 'Reserve'}
_INQUIRY = ('  %-8s  %-16s  %-4s\n  Peripheral device type: disk\n'
            % ('IBM', '2107900', '.278'))
_BAD_FIELD = ('bad field in cdb or parameter list (perhaps unsupported '
              'service action)')


def sg_persist(node, request):
    """[-i] -k | -r | -c, or -o -G | -I | -R | -L | -C | -P | -A; DEVICE."""
    given, name = _given(request)
    action = _action(given)
    numbers = [_hex(given.get(letter, '0')) for letter in 'KST']
    with node.lock:
        block = blocks.find(node, request.folder, name)
        routes = block.device.routes if block else []
    if block is None:
        return _NO_FILE, '', 'sg_persist: error opening file (rw): %s: ' \
            'No such file or directory\n' % name
    if block.kind == 'lvm' or not routes:
        return _OTHER, '', "sg_persist: %s doesn't respond to a SCSI " \
            'INQUIRY\n' % name
    before = '' if 'n' in given else _INQUIRY
    if action in _READ:
        return 0, before + _READ[action](routes[0].disk.reservations), ''
    code, said = _change(routes[0], action, numbers, given)
    return code, before, said and 'PR out (%s): %s\n' % (_OUT[action], said)


def _given(request):
    """({letter: value} of the options, the device's name)."""
    chosen, names = usage.options(
        request.arguments, 'AcCd:GiIkK:LnoPrRS:T:vyYZ', list(_LONG))
    long = {'--' + name.rstrip('='): letter for name, letter in _LONG.items()}
    given = {long.get(name, name[-1]): value for name, value in chosen}
    if 'd' in given:
        names.append(given['d'])
    if len(names) != 1:
        raise usage.Usage('one device must be named')
    return given, names[0]


def _action(given):
    """The letter of what is asked; Usage when it is not one."""
    out = [letter for letter in given if letter in _OUT]
    read = [letter for letter in given if letter in _READ]
    if 'i' in given and 'o' in given:
        raise usage.Usage("choose '--in' or '--out', not both")
    if 'o' in given and (len(out) != 1 or read):
        raise usage.Usage("'--out' needs exactly one of its actions")
    if 'o' not in given and out:
        raise usage.Usage("an action of '--out' needs '--out'")
    if len(read) > 1:
        raise usage.Usage('more than one action')
    return (out + read + ['k'])[0]


def _hex(text):
    try:
        number = int(text, 16)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 64:
        raise usage.Usage('bad number: %s' % text)
    return number


def _change(sd, action, numbers, given):
    """(exit status, what is said of a failure) of PERSISTENT RESERVE OUT."""
    found = sd.disk.reservations
    try:
        if 'Y' in given:      # all target ports: its server does not do that
            raise reservation.Invalid()
        found.out(_OUT[action], sd.nexus, *numbers, aptpl='Z' in given)
    except reservation.Conflict:
        return _CONFLICT, 'Reservation conflict'
    except reservation.Invalid:
        return _REFUSED, _BAD_FIELD
    return 0, ''


def _keys(found):
    keys = list(found.keys.values())
    count = 'there are NO' if not keys else str(len(keys))
    return '  PR generation=0x%x, %s registered reservation %s%s\n%s' % (
        found.generation, count, 'key' if len(keys) == 1 else 'keys',
        {0: '', 1: ' follows:'}.get(len(keys), ' follow:'),
        ''.join('    0x%x\n' % key for key in keys))


def _reservation(found):
    lead = '  PR generation=0x%x, ' % found.generation
    if not found.type:
        return lead + 'there is NO reservation held\n'
    return lead + (
        'Reservation follows:\n    Key=0x%x\n    scope: LU_SCOPE,  type: %s\n'
        % (found.reserved_by(), reservation.TYPES[found.type]))


def _capabilities(found):
    able = (('Compatible Reservation Handling(CRH)', 0),
            ('Specify Initiator Ports Capable(SIP_C)', 0),
            ('All Target Ports Capable(ATP_C)', 0),
            ('Persist Through Power Loss Capable(PTPL_C)', 1),
            ('Type Mask Valid(TMV)', 1), ('Allow Commands', 1),
            ('Persist Through Power Loss Active(PTPL_A)', found.aptpl))
    return 'Report capabilities response:\n%s%s%s' % (
        ''.join('  %s: %d\n' % pair for pair in able),
        '    Support indicated in Type mask:\n',
        ''.join('      %s: 1\n' % reservation.TYPES[kind]
                for kind in (7, 6, 5, 3, 1, 8)))


_READ = {'k': _keys, 'r': _reservation, 'c': _capabilities}
