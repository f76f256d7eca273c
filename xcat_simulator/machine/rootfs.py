# SPDX-License-Identifier: Apache-2.0
"""What lies in a node's folder before anybody touched it."""
import os

from xcat_simulator.machine import confine
from xcat_simulator.machine import distro
from xcat_simulator.machine import scripts
from xcat_simulator.machine import tools

FOLDERS = ('boot', 'dev', 'etc/modprobe.d', 'etc/udev/rules.d', 'home', 'mnt',
           'opt', 'proc/sys/kernel/random', 'root', 'run', 'srv', 'sys',
           'tmp', 'usr/bin', 'usr/libexec', 'usr/sbin', 'usr/share',
           'var/lib', 'var/lock', 'var/log', 'var/opt', 'var/run', 'var/tmp')
CLIENT = 'usr/libexec/zvm-tool'
DD_FAILS = 'usr/libexec/dd.fails'
SMCLI = 'opt/zhcp/bin/smcli'
POOLS = 'var/opt/zhcp/zfcp'


def install(node):
    """Make folders, tools and configuration; what is there stays."""
    for name in FOLDERS:
        os.makedirs(os.path.join(node.folder, name), exist_ok=True)
    if node.zhcp:
        for name in (os.path.dirname(SMCLI), POOLS):
            os.makedirs(os.path.join(node.folder, name), exist_ok=True)
    _put(node, 'etc/os-release', node.distro.os_release())
    _put(node, 'etc/hostname', node.vm.userid.lower() + '\n')
    _put(node, 'etc/passwd', 'root:x:0:0:root:/root:/bin/bash\n')
    _put(node, 'etc/fstab', '')
    install_tools(node)


def install_tools(node):
    """The simulated tools in usr/sbin, the host's programs in usr/bin."""
    program, _folders = confine.interpreter()
    _put(node, CLIENT, scripts.CLIENT.replace('@PYTHON@', program), 0o755)
    missing = set(node.options.missing)
    if not node.distro.chzdev:
        missing |= {'chzdev', 'lszdev'}
    if not node.zhcp:
        missing.add('smcli')
    for name in sorted(set(tools.HANDLERS) - missing):
        _link(node, 'usr/sbin/' + name, '../libexec/zvm-tool')
    for name, text in scripts.SCRIPTS.items():
        if name not in missing:
            _put(node, 'usr/sbin/' + name, text, 0o755)
    if 'smcli' not in missing:
        _link(node, SMCLI, '../../../' + CLIENT)
    for name in missing:
        _remove(node, 'usr/sbin/' + name)
        _remove(node, 'usr/bin/' + name)
    for name, path in distro.host_programs(missing).items():
        _link(node, 'usr/bin/' + name, path)


def prepare(node):
    """What is new at each boot: proc, run, tmp."""
    _put(node, 'proc/sys/kernel/random/boot_id', node.boot_id + '\n')
    _put(node, 'proc/mounts', '/dev/dasda1 / xfs rw,relatime 0 0\n'
         'proc /proc proc rw 0 0\nsysfs /sys sysfs rw 0 0\n')
    _put(node, 'proc/swaps',
         'Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n')
    _put(node, 'proc/cmdline', 'root=/dev/dasda1%s\n' % (
        ' cio_ignore=all,!condev' if node.options.cio_ignore else ''))
    _put(node, 'proc/filesystems', 'nodev\tsysfs\nnodev\tproc\n\txfs\n')
    _put(node, 'proc/modules', 'zfcp 180224 0 - Live 0x0\n')
    _put(node, 'proc/cio_settle', '')
    _put(node, 'proc/cio_ignore', node.blacklist.text())
    _put(node, 'proc/sysinfo', 'Manufacturer:         IBM\nLPAR Name:'
         '            %s\nVM00 Name:            %s\nVM00 Control Program: '
         'z/VM    7.3.0\n' % (node.vm.lpar.name.upper(), node.vm.userid))
    for name in ('self', 'uptime', 'meminfo', 'cpuinfo', 'loadavg'):
        _link(node, 'proc/' + name, '/proc/' + name)
    for name in os.listdir(os.path.join(node.folder, 'run')):
        _remove(node, 'run/' + name)


def environment(node):
    """The environment of every command: nothing of the simulator's own."""
    folder, user = node.folder, node.options.user
    paths = [os.path.join(folder, name) for name in ('usr/sbin', 'usr/bin')]
    return {'PATH': ':'.join(paths), 'ZVM_ROOT': folder, 'LC_ALL': 'C',
            'HOME': os.path.join(folder, 'root'), 'SHELL': '/bin/sh',
            'TMPDIR': os.path.join(folder, 'tmp'), 'TERM': 'dumb',
            'USER': user, 'LOGNAME': user,
            'ZVM_UID': '0' if user == 'root' else '1000',
            'ZVM_USER': user, 'ZVM_SUDO': str(int(node.options.sudo))}


def set_dd_fails(node, fails):
    """Let dd fail in this node, or work again."""
    if fails:
        _put(node, DD_FAILS, '')
    else:
        _remove(node, DD_FAILS)


def _put(node, name, text, mode=0o644):
    path = os.path.join(node.folder, name)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, 'w') as target:
        target.write(text)


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
