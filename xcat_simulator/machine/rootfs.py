# SPDX-License-Identifier: Apache-2.0
"""What lies in a node's folder before anybody touched it."""
import inspect
import os
import shutil

from xcat_simulator.machine import confine
from xcat_simulator.machine import copydisk
from xcat_simulator.machine import distro
from xcat_simulator.machine import iucv
from xcat_simulator.machine import keepoff
from xcat_simulator.machine import scripts
from xcat_simulator.machine import tools

FOLDERS = ('boot', 'dev', 'etc/modprobe.d', 'etc/udev/rules.d', 'home', 'mnt',
           'opt', 'proc/sys/kernel/random', 'root', 'run', 'srv', 'sys',
           'tmp', 'usr/bin', 'usr/libexec', 'usr/sbin', 'usr/share',
           'usr/lib/systemd/system', 'usr/lib/udev',
           'etc/systemd/system/multi-user.target.wants',
           'var/lib', 'var/lock', 'var/log', 'var/opt', 'var/run', 'var/tmp')
MERGED = ('bin', 'lib', 'sbin')
VOLATILE = ('run', 'var/lock', 'var/run')
# With it a system is whole: what is killed before makes it anew.
LAST = 'etc/fstab'
CLIENT = 'usr/libexec/zvm-tool'
COPYDISK = 'usr/libexec/copydisk'
DD_FAILS = 'usr/libexec/dd.fails'
POOLS = 'var/opt/zhcp/zfcp'
# Where the zHCP's own tools are; smcli alone is also found by its name.
ZHCP = {'creatediskimage': 'opt/zhcp/bin', 'iucvclnt': 'opt/zhcp/bin/IUCV',
        'smcli': 'opt/zhcp/bin', 'unpackdiskimage': 'opt/zhcp/bin'}
ALSO_BY_NAME = ('smcli',)
# Tools that live in /usr/bin; the others live in /usr/sbin.
IN_BIN = ('findmnt', 'lsblk', 'mount', 'sg_persist', 'systemctl', 'udevadm',
          'umount')
# Where udev keeps its own: not found by its name.
UDEV = {'scsi_id': 'usr/lib/udev'}
UNITS, WANTED = 'lib/systemd/system', (
    'etc/systemd/system/multi-user.target.wants')
# What a service has instead of the user's who logs in.
ROOT = {'ZVM_UID': '0', 'ZVM_USER': 'root', 'USER': 'root',
        'LOGNAME': 'root'}


def install(node):
    """Make folders, tools and, on a fresh disk, the system's files."""
    for name in FOLDERS:
        os.makedirs(os.path.join(node.folder, name), exist_ok=True)
    for name in MERGED:
        _link(node, name, 'usr/' + name)
    if node.zhcp:
        for name in {*ZHCP.values(), POOLS}:
            os.makedirs(os.path.join(node.folder, name), exist_ok=True)
    install_tools(node)
    if not os.path.lexists(os.path.join(node.folder, LAST)):
        _install_system(node)


def _install_system(node):
    """The files of a system as it was installed: its own from then on."""
    if node.zhcp:
        for name, text in keepoff.ZHCP_FILES.items():
            _put_new(node, name, text)
    for name, text in node.distro.release_files().items():
        put(node, name, text)
    put(node, 'etc/hostname', node.vm.userid.lower() + '\n')
    put(node, 'etc/passwd', 'root:x:0:0:root:/root:/bin/bash\n')
    _install_iucv(node)
    put(node, LAST, '')


def _install_iucv(node):
    """The agent's program on the zHCP; the service where it is wanted."""
    if node.zhcp and 'iucvclnt' not in node.options.missing:
        put(node, ZHCP['iucvclnt'] + '/iucvserv', scripts.IUCVSERV, 0o755)
        put(node, ZHCP['iucvclnt'] + '/iucvserd.service', scripts.IUCVSERD)
    if not node.options.iucv:
        return
    put(node, iucv.PROGRAM, scripts.IUCVSERV, 0o755)
    put(node, UNITS + '/iucvserd.service', scripts.IUCVSERD)
    put(node, iucv.AUTHORIZED, node.vm.lpar.zhcp_userid
        if node.options.iucv is True else node.options.iucv)
    set_enabled(node, 'iucvserd', True)


def is_enabled(node, service):
    """Does a service start at boot?"""
    return os.path.lexists(os.path.join(
        node.folder, WANTED, service + '.service'))


def set_enabled(node, service, enabled):
    """Let a service start at boot, or no longer."""
    name = '%s/%s.service' % (WANTED, service)
    if enabled:
        _link(node, name, '/usr/%s/%s.service' % (UNITS, service))
    else:
        _remove(node, name)


def has_unit(node, service):
    """Is there a unit file for a service?"""
    return os.path.exists(os.path.join(
        node.folder, UNITS, service + '.service'))


def install_tools(node):
    """The simulated tools, the scripts, and the host's programs."""
    program, _folders = confine.interpreter()
    put(node, CLIENT, _client(program), 0o755)
    put(node, COPYDISK, '#!%s -IS\n%s' % (
        program, inspect.getsource(copydisk)), 0o755)
    for name in tools.INNER:
        _link(node, 'usr/libexec/' + name, 'zvm-tool')
    missing = set(node.options.missing) | node.distro.missing()
    if not node.zhcp:
        missing |= set(ZHCP)
    for name in sorted(set(tools.HANDLERS) - missing):
        _install_tool(node, name)
    for name, text in scripts.SCRIPTS.items():
        if name not in missing:
            put(node, 'usr/bin/' + name,
                text.replace('@KERNEL@', node.distro.kernel), 0o755)
    for name in missing:
        for folder in ('usr/sbin/', 'usr/bin/', UDEV['scsi_id'] + '/'):
            _remove(node, folder + name)
    for name, path in distro.host_programs(missing).items():
        if name not in scripts.SCRIPTS:
            _link(node, 'usr/bin/' + name, path)


def _client(python):
    """The program that all simulated tools are."""
    perl = shutil.which('perl', path=os.pathsep.join(distro.HOST_FOLDERS))
    if perl:
        return scripts.PERL_CLIENT.replace('@PERL@', perl)
    return scripts.CLIENT.replace('@PYTHON@', python)


def _install_tool(node, name):
    where = ZHCP.get(name) or UDEV.get(name)
    if where:
        up = '../' * (where.count('/') + 1)
        _link(node, '%s/%s' % (where, name), up + CLIENT)
        if name not in ALSO_BY_NAME:
            return
    _link(node, 'usr/sbin/' + name, '../libexec/zvm-tool')
    if name in IN_BIN:
        _link(node, 'usr/bin/' + name, '../libexec/zvm-tool')


def prepare(node):
    """What is new at each boot: proc, run."""
    put(node, 'proc/sys/kernel/random/boot_id', node.boot_id + '\n')
    put(node, 'proc/mounts', '/dev/dasda1 / xfs rw,relatime 0 0\n'
        'proc /proc proc rw 0 0\nsysfs /sys sysfs rw 0 0\n')
    put(node, 'proc/swaps',
        'Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n')
    put(node, 'proc/cmdline', 'root=/dev/dasda1%s%s\n' % (
        ' cio_ignore=all,!condev' if node.options.cio_ignore else '',
        '' if node.options.lun_scan or not node.distro.scan_parameter
        else ' zfcp.allow_lun_scan=0'))
    put(node, 'proc/filesystems', 'nodev\tsysfs\nnodev\tproc\n\txfs\n')
    put(node, 'proc/modules', 'zfcp 180224 0 - Live 0x0\n')
    put(node, 'proc/cio_settle', '')
    put(node, 'proc/cio_ignore', node.blacklist.text())
    put(node, 'proc/sysinfo', 'Manufacturer:         IBM\nLPAR Name:'
        '            %s\nVM00 Name:            %s\nVM00 Control Program: '
        'z/VM    7.3.0\n' % (node.vm.lpar.name.upper(), node.vm.userid))
    for name in ('self', 'uptime', 'meminfo', 'cpuinfo', 'loadavg'):
        _link(node, 'proc/' + name, '/proc/' + name)
    for name in VOLATILE:
        _empty(node, name)
    for name, (path, _writable) in node.shares.items():
        _share(node, name, path)


def _share(node, name, path):
    """Mount a folder of another machine; where something is, do not."""
    link = os.path.join(node.folder, name)
    if not os.path.lexists(link):
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(path, link)


def environment(node):
    """The environment of every command: nothing of the simulator's own."""
    folder, user = node.folder, node.options.user
    paths = [os.path.join(folder, name) for name in ('usr/sbin', 'usr/bin')]
    return {'PATH': ':'.join(paths), 'ZVM_ROOT': folder, 'LC_ALL': 'C',
            'HOME': os.path.join(folder, 'root'), 'SHELL': '/bin/sh',
            'TMPDIR': os.path.join(folder, 'tmp'), 'TERM': 'dumb',
            'PERL_BADLANG': '0', 'USER': user, 'LOGNAME': user,
            'ZVM_UID': '0' if user == 'root' else '1000',
            'ZVM_USER': user, 'ZVM_SUDO': str(int(node.options.sudo))}


def set_dd_fails(node, fails, after=None):
    """Let dd fail in this node, or work again: see Linux.set_dd_fails."""
    if fails:
        put(node, DD_FAILS, '' if after is None else '%d\n' % after)
    else:
        _remove(node, DD_FAILS)


def dd_fails(node):
    """Does dd fail, and where on a disk: True, False or a number of bytes."""
    try:
        with open(os.path.join(node.folder, DD_FAILS)) as said:
            text = said.read()
    except FileNotFoundError:
        return False
    return int(text) if text else True


def replace_program(node, name, text):
    """Put a script into the place of one of the host's programs.

    None: the program again. The place is never empty.
    """
    path = os.path.join(node.folder, 'usr/bin', name)
    if not os.path.lexists(path):
        return                    # it is missing in this node
    new = 'usr/bin/.' + name
    _remove(node, new)            # never write through a link
    if text is not None:
        put(node, new, text, 0o755)
    else:
        _link(node, new, distro.host_programs()[name])
    os.replace(os.path.join(node.folder, new), path)


def put(node, name, text, mode=0o644):
    """Write a file of the node."""
    path = os.path.join(node.folder, name)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, 'w') as target:
        target.write(text)


def _put_new(node, name, text):
    """Write a file that is not there yet, in a folder of its own or not."""
    path = os.path.join(node.folder, name)
    if not os.path.lexists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        put(node, name, text)


def _empty(node, name):
    for entry in os.scandir(os.path.join(node.folder, name)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def _link(node, name, target):
    path = os.path.join(node.folder, name)
    if not os.path.islink(path):
        _remove(node, name)
        os.symlink(target, path)


def _remove(node, name):
    path = os.path.join(node.folder, name)
    if os.path.lexists(path) and (
            os.path.islink(path) or not os.path.isdir(path)):
        os.unlink(path)
