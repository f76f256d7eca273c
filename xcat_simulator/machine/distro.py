# SPDX-License-Identifier: Apache-2.0
"""The distributions: what differs in a node's folder and tools."""
import dataclasses
import os

ZFCP_PATHS, FC_PATHS = 'zfcp', 'fc'

# The host's programs that a node finds on its PATH; all else is "not
# installed". They run from the host's own /usr/bin.
COREUTILS = """
[ arch awk base32 base64 basename bash busybox bzip2 cat chgrp chmod chown
cksum cmp comm cp csplit cut dash date df diff dir dirname du echo egrep env
expand expr factor false fgrep find flock fmt fold gawk getopt grep groups
gunzip gzip head hexdump hostname iconv install join kill link ln logger
logname ls mawk md5sum mkdir mkfifo mknod mktemp more mv nice nl nohup nproc
numfmt od openssl paste pathchk pgrep pidof pinky pkill pr printenv printf ps
ptx pwd readlink realpath rm rmdir sed seq setsid sh sha1sum sha224sum
sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty
sum sync tac tail tar tee test timeout touch tr true truncate tsort tty uname
unexpand uniq unlink uptime users uuidgen vdir wc which xargs xxd xz yes zcat
zstd
""".split()

HOST_FOLDERS = ('/usr/bin', '/bin', '/usr/sbin', '/sbin')


@dataclasses.dataclass(frozen=True)
class Distro:
    """One distribution. chzdev: does it come with s390-tools that have it.

    by_path: forms of the names in /dev/disk/by-path.
    """

    id: str
    version: str
    name: str
    chzdev: bool = True
    by_path: tuple = (ZFCP_PATHS, FC_PATHS)

    def os_release(self):
        return ('NAME="%s"\nVERSION="%s"\nID="%s"\nVERSION_ID="%s"\n'
                'PRETTY_NAME="%s %s"\n' % (
                    self.name, self.version, self.id, self.version,
                    self.name, self.version))


_RHEL, _SLES, _UBUNTU = ('Red Hat Enterprise Linux', 'SLES', 'Ubuntu')
DISTROS = {
    'rhel7': Distro('rhel', '7.9', _RHEL, False, (ZFCP_PATHS,)),
    'rhel8': Distro('rhel', '8.10', _RHEL),
    'rhel9': Distro('rhel', '9.4', _RHEL),
    'rhel10': Distro('rhel', '10.0', _RHEL),
    'sles12': Distro('sles', '12.5', _SLES, False, (ZFCP_PATHS,)),
    'sles15': Distro('sles', '15.6', _SLES),
    'ubuntu20': Distro('ubuntu', '20.04', _UBUNTU, True, (FC_PATHS,)),
    'ubuntu22': Distro('ubuntu', '22.04', _UBUNTU, True, (FC_PATHS,)),
    'ubuntu24': Distro('ubuntu', '24.04', _UBUNTU, True, (FC_PATHS,)),
}


def find(name):
    """The Distro of a name such as rhel9, rhel9.4 or ubuntu22.04."""
    key = name.lower()
    while key and key not in DISTROS:
        key = key[:-1]
    if not key:
        raise ValueError('unknown Linux %r; known: %s'
                         % (name, ' '.join(DISTROS)))
    return DISTROS[key]


def host_programs(missing=()):
    """{name: real path} of the host's programs that a node shall find."""
    found = {}
    for name in COREUTILS:
        if name in missing:
            continue
        for folder in HOST_FOLDERS:
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                found[name] = path
                break
    return found
