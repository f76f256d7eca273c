# SPDX-License-Identifier: Apache-2.0
"""Processors and memory of a guest, as its directory entry has them.

What the SDK 1.6.3 does for the actions resize_cpus and resize_mem: it changes
the entry only, within the limits that stand in it since the guest was made;
what runs has it from its next logon on.  The texts and numbers of refusals are
the SDK's.
"""

import re

from xcat_simulator.connector import envelope

MOST_CPUS, MOST_MIB = 32, 64 << 10
# modID of the SDK's guest module
GUEST = 10
_MEMORY = re.compile(r'([1-9][0-9]{0,3})([mMgG])\Z')
_MIB = {'M': 1, 'G': 1 << 10}
_RESERVED = 'COMMAND DEF STOR RESERVED '


def statements(userid, vcpus, memory):
    """The first statements of an entry: memory in MiB."""
    return (['USER %s LBYONLY %dM %dG G' % (userid, memory, MOST_MIB >> 10),
             'INCLUDE OSDFLT', 'COMMAND SET VCONFIG MODE LINUX',
             _RESERVED + '%dM' % (MOST_MIB - memory),
             'MACHINE ESA %d' % MOST_CPUS]
            + ['CPU %02X%s' % (number, '' if number else ' BASE')
               for number in range(vcpus)])


def resize_cpus(userid, entry, count):
    """The entry with so many processors, the last ones gone or new."""
    if isinstance(count, bool) or not isinstance(count, int) \
            or not 1 <= count <= 64:
        raise envelope.Refusal(envelope.BAD_REQUEST,
                               'Invalid input for field cpu_cnt')
    lines = entry.splitlines()
    most = next((int(line.split()[2]) for line in lines
                 if line.startswith('MACHINE ESA')), 0)
    if not most:
        raise _conflict(3, "Failed to resize cpus of guest: '%s', error: "
                        'maximum number of cpus is not defined in user '
                        'directory.' % userid)
    if count > most:
        raise _conflict(4, "Failed to resize cpus of guest: '%s', error: the "
                        "requested number of cpus: '%d' exceeds the maximum "
                        "number of cpus allowed: '%d'."
                        % (userid, count, most))
    defined = sorted(line.split()[1] for line in lines if _is_cpu(line))
    free = sorted({'%02X' % n for n in range(most)} - set(defined))
    gone = set(defined[count:])
    kept = [line for line in lines
            if not _is_cpu(line) or line.split()[1] not in gone]
    new = ['CPU ' + address for address in free[:count - len(defined)]
           ] if count > len(defined) else []
    return _text(kept + new)


def resize_memory(userid, entry, size):
    """The entry with this storage; what is reserved follows."""
    match = _MEMORY.match(size) if isinstance(size, str) else None
    if not match:
        raise envelope.Refusal(envelope.BAD_REQUEST,
                               'Invalid input for field size')
    wanted = int(match[1]) * _MIB[match[2].upper()]
    lines = entry.splitlines()
    user = next((line.split() for line in lines
                 if line.startswith('USER ')), [])
    if len(user) < 6 or not any(line.startswith(_RESERVED)
                                for line in lines):
        raise _conflict(19, "Failed to resize memory of guest: '%s', error: "
                        "user definition is not in expected format, cann't "
                        'get the defined/max/reserved storage.' % userid)
    most = _mib(user[4])
    if wanted > most:
        raise _conflict(20, "Failed to resize memory of guest: '%s', error: "
                        "the requested memory size: '%dm' exceeds the "
                        "maximum memory size defined: '%dm'."
                        % (userid, wanted, most))
    return _text([_with_memory(line, wanted, most) for line in lines])


def _with_memory(line, wanted, most):
    if line.startswith('USER '):
        words = line.split(' ')
        words[3] = '%dM' % wanted
        return ' '.join(words)
    if line.startswith(_RESERVED):
        return _RESERVED + '%dM' % (most - wanted)
    return line


def _is_cpu(line):
    return line.startswith('CPU ')


def _mib(text):
    return int(text[:-1]) * _MIB[text[-1].upper()]


def _text(lines):
    return '\n'.join(lines) + '\n'


def _conflict(reason, text):
    return envelope.Refusal(envelope.CONFLICT, text, GUEST, reason)
