# SPDX-License-Identifier: Apache-2.0
"""What a node's processes may touch: Landlock (Linux 5.13 and later).

Two layers. The node's layer lets it read and run the host's /usr (shell,
coreutils), read /proc, use /dev/null and its like, and do anything below its
own folder and below folders that it shares; it also keeps its signals inside.
The run's layer takes one right back: to truncate what is in the folder's dev.
A disk there is a file, and `> /dev/sda`, harmless on Linux, would destroy it;
so it is refused ("Permission denied"). Write with dd, or with `1<>`.

Without Landlock a command is refused when its text names an absolute path
outside the folder or goes up by `..`: a guard against mistakes, not against
intent. That is said once on stderr.

Landlock knows no rights for chmod, chown and time stamps: of files that the
simulator's user owns, a node can change these anywhere.
"""
import ctypes
import os
import re
import struct
import sys

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38
_CAPABILITIES_V3 = 0x20080522
_VERSION = 1

EXECUTE, WRITE, READ, READ_DIR = 1, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE = 1 << 13, 1 << 14
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_LOOK = EXECUTE | READ | READ_DIR
_FILE = EXECUTE | WRITE | READ | TRUNCATE
_SCOPE_SIGNAL = 1 << 1
_REFER_ABI, _TRUNCATE_ABI, _SCOPE_ABI = 2, 3, 6

PROGRAMS = ('/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64',
            '/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d',
            '/etc/ld.so.preload', '/etc/alternatives', '/etc/localtime')
DEVICES = ('/dev/null', '/dev/zero', '/dev/full', '/dev/random',
           '/dev/urandom')

_libc = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    _fields_ = [('fs', ctypes.c_uint64), ('net', ctypes.c_uint64),
                ('scoped', ctypes.c_uint64)]


def version():
    """Landlock's ABI version of this kernel; 0 when there is none."""
    found = _libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    return max(0, found)


ABI = version()


def rights():
    """Every file system right that this kernel's Landlock knows."""
    known = (1 << 13) - 1
    if ABI >= _REFER_ABI:
        known |= REFER
    if ABI >= _TRUNCATE_ABI:
        known |= TRUNCATE
    return known


def _ruleset(handled, scoped=0):
    attributes = _Attributes(handled, 0, scoped)
    size = 24 if ABI >= _SCOPE_ABI else 8
    fd = _libc.syscall(_CREATE, ctypes.byref(attributes),
                       ctypes.c_size_t(size), 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), 'landlock_create_ruleset')
    return fd


def _allow(ruleset, path, access):
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not every system has each of them
    try:
        if not os.path.isdir(path):
            access &= _FILE
        # struct landlock_path_beneath_attr: allowed_access, parent_fd
        rule = struct.pack('=Qi', access & rights(), parent)
        if _libc.syscall(_ADD, ruleset, _PATH_BENEATH, rule, 0):
            raise OSError(ctypes.get_errno(), 'landlock_add_rule', path)
    finally:
        os.close(parent)


def node_layer(folder, shares=()):
    """The node's layer: a ruleset's descriptor.

    shares: (path, may it write there) of folders elsewhere.
    """
    scoped = _SCOPE_SIGNAL if ABI >= _SCOPE_ABI else 0
    ruleset = _ruleset(rights(), scoped)
    for path in PROGRAMS + tuple(interpreter()[1]):
        _allow(ruleset, path, _LOOK)
    for path in DEVICES:
        _allow(ruleset, path, READ | WRITE | TRUNCATE)
    _allow(ruleset, '/proc', READ | READ_DIR)
    whole = rights() & ~(_MAKE_CHAR | _MAKE_BLOCK)
    _allow(ruleset, folder, whole)
    for path, writable in shares:
        _allow(ruleset, path, whole if writable else READ | READ_DIR)
    return ruleset


def run_layer(folder, shares=()):
    """The run's layer: truncation everywhere in `folder` but in dev."""
    if ABI < _TRUNCATE_ABI:
        return None
    ruleset = _ruleset(TRUNCATE)
    for entry in os.scandir(folder):
        if entry.name != 'dev' and not entry.is_symlink():
            _allow(ruleset, entry.path, TRUNCATE)
    for path in DEVICES + tuple(path for path, _writable in shares):
        _allow(ruleset, path, TRUNCATE)
    return ruleset


def give_up_privileges():
    """Take every capability from the calling thread and what it starts.

    So a root of a node is no root of the host: he does not read the memory
    of other processes, and a write-only attribute is that for him too.
    """
    if _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), 'prctl')
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), 'capset')


def restrict(ruleset):
    """Put the calling thread, and what it starts, under a ruleset.

    Landlock binds threads, not processes: the simulator's others stay free.
    """
    if _libc.syscall(_RESTRICT, ruleset, 0):
        raise OSError(ctypes.get_errno(), 'landlock_restrict_self')


def interpreter():
    """Python's real path, and the folders it needs for the client."""
    program = os.path.realpath(sys.executable)
    folders = {os.path.dirname(program), sys.base_prefix,
               os.path.dirname(os.__file__)}
    return program, sorted(folders)


# A path after a closing quote or brace ("$ZVM_ROOT"/etc) is not absolute, nor
# after a pattern (sys/*/x), an operator on names (${path%/*}), or a + : the
# base64 in which programs are sent has "+/". But ${name+/etc} and
# ${name:+/etc} are /etc. An absolute pattern (/*) stands for names.
_ABSOLUTE = re.compile(r'(?:(?<![\w.+}"\'/*?\]$%#])|(?<=[\s=(<>|;&]["\'])'
                       r'|(?<=:\+)|(?<=:\+["\']))'
                       r'/[\w.@+*?[-][^\s\'";|&<>()$`]*')
_ALTERNATIVE = re.compile(r'\$\{\w+\+["\']?(/[^\s\'"}]*)')
_TO_THE_TOP = re.compile(r'\bcd\s+["\']?(/)["\']?(?![^\s;|&)])')


def lexical_refusal(command, folder):
    """The path for which `command` is refused without Landlock, or None."""
    if re.search(r'(^|[\s\'"=/;|&<>(])\.\.($|[\s\'"/;|&<>)])', command):
        return '..'
    found = [path for form in (_ABSOLUTE, _ALTERNATIVE, _TO_THE_TOP)
             for path in form.findall(command)]
    for path in found:
        if not _harmless(os.path.normpath(path), folder):
            return path
    return None


def _harmless(path, folder):
    allowed = (folder, '/usr', '/bin', '/sbin', '/proc', '/dev/fd',
               '/dev/stdin', '/dev/stdout', '/dev/stderr') + DEVICES
    return any(path == good or path.startswith(good + '/')
               for good in allowed)


def warn_once():
    """Say, once in this process, that confinement is by text only."""
    if not _said:
        _said.append(True)
        sys.stderr.write(
            'zvm-simulator: this kernel has no Landlock; commands of the '
            'nodes are only checked by their text\n')


_said = []
