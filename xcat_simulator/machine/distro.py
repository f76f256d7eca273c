# SPDX-License-Identifier: Apache-2.0
"""The distributions: what differs in a node's folder and tools.

A distribution is data: a row of DISTROS. Release files and tools follow from
its family, the rest are its own values.
"""
import dataclasses
import os
import re

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
    """One distribution.

    title: the code name, as release files have it. kernel: what uname -r
    says. chzdev: does it come with an s390-tools that has it. zfcp_conf:
    does etc/zfcp.conf count. suse_tools: has it zfcp_host_configure and
    zfcp_disk_configure. by_path: forms of the names in /dev/disk/by-path.
    scan_parameter: has the kernel allow_lun_scan; without it there is no
    automatic LUN scan. wwid: does a SCSI device tell its WWID in sysfs;
    page83: does it tell its VPD page 0x83 there.
    """

    id: str
    version: str
    kernel: str
    title: str = ''
    chzdev: bool = True
    zfcp_conf: bool = False
    suse_tools: bool = False
    by_path: tuple = (ZFCP_PATHS, FC_PATHS)
    scan_parameter: bool = True
    wwid: bool = True
    page83: bool = True

    @property
    def major(self):
        return int(self.version.partition('.')[0])

    def release_files(self):
        """{path: text} of the files that name the distribution."""
        return _RELEASE_FILES[self.id](self)

    def missing(self):
        """Tools that another distribution has, but not this one."""
        lacking = set()
        for there, names in ((self.chzdev, ('chzdev', 'lszdev')),
                             (self.zfcp_conf, ZFCP_CONF_TOOLS),
                             (self.suse_tools, SUSE_TOOLS)):
            if not there:
                lacking.update(names)
        return lacking


def _os_release(**values):
    return ''.join('%s="%s"\n' % pair for pair in values.items())


def _red_hat(distro):
    server = ' Server' if distro.major < 8 else ''
    name = 'Red Hat Enterprise Linux' + server
    line = '%s release %s (%s)' % (name, distro.version, distro.title)
    found = {'etc/redhat-release': line + '\n',
             'etc/system-release': line + '\n'}
    if distro.major > 6:
        found['etc/os-release'] = _os_release(
            NAME=name, VERSION='%s (%s)' % (distro.version, distro.title),
            ID='rhel', ID_LIKE='fedora', VERSION_ID=distro.version,
            PRETTY_NAME='%s %s (%s)' % (name, distro.version, distro.title))
    return found


def _core_os(distro):
    name = 'Red Hat Enterprise Linux CoreOS'
    line = '%s release %s\n' % (name, distro.version)
    return {'etc/redhat-release': line, 'etc/system-release': line,
            'etc/os-release': _os_release(
                NAME=name, ID='rhcos', ID_LIKE='rhel fedora',
                VERSION=distro.version, VERSION_ID=distro.version,
                PRETTY_NAME='%s %s' % (name, distro.version))}


def _suse(distro):
    major, _, pack = distro.version.partition('.')
    title = 'SUSE Linux Enterprise Server ' + major
    found = {}
    if distro.major < 15:
        found['etc/SuSE-release'] = (
            '%s (s390x)\nVERSION = %s\nPATCHLEVEL = %s\n'
            % (title, major, pack or 0))
    if distro.major > 11:
        packs = '' if pack in ('', '0') else 'SP' + pack
        if distro.major > 15:
            version, title = distro.version, title + '.' + (pack or '0')
        else:
            version = major + ('-' + packs if packs else '')
            title += ' ' + packs if packs else ''
        found['etc/os-release'] = _os_release(
            NAME='SLES', VERSION=version, VERSION_ID=distro.version
            .removesuffix('.0' if distro.major < 16 else ''),
            PRETTY_NAME=title, ID='sles', ID_LIKE='suse')
    return found


def _ubuntu(distro):
    text = 'Ubuntu %s LTS' % distro.version
    return {
        'etc/os-release': _os_release(
            NAME='Ubuntu', VERSION='%s LTS (%s)' % (
                distro.version, distro.title), ID='ubuntu', ID_LIKE='debian',
            PRETTY_NAME=text, VERSION_ID=distro.version),
        'etc/lsb-release':
            'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=%s\nDISTRIB_CODENAME=%s\n'
            'DISTRIB_DESCRIPTION="%s"\n' % (
                distro.version, distro.title.split()[0].lower(), text),
        'etc/issue': text + ' \\n \\l\n\n',
        'etc/debian_version': DEBIAN.get(distro.major, 'sid') + '/sid\n'}


ZFCP_CONF_TOOLS = ('zfcpconf.sh', 'zfcp_cio_free')
SUSE_TOOLS = ('zfcp_host_configure', 'zfcp_disk_configure')
DEBIAN = {16: 'stretch', 18: 'buster', 20: 'bullseye', 22: 'bookworm',
          24: 'trixie', 26: 'forky'}
_RELEASE_FILES = {'rhel': _red_hat, 'rhcos': _core_os, 'sles': _suse,
                  'ubuntu': _ubuntu}
_OLD = {'chzdev': False, 'by_path': (ZFCP_PATHS,)}
_FC = {'by_path': (FC_PATHS,)}
_BLIND = {'wwid': False, 'page83': False}
DISTROS = {
    'rhel6': Distro('rhel', '6.10', '2.6.32-754.el6.s390x', 'Santiago',
                    zfcp_conf=True, scan_parameter=False, **_BLIND, **_OLD),
    # Since 7.6 udev makes names of both forms.
    'rhel7': Distro('rhel', '7.9', '3.10.0-1160.el7.s390x', 'Maipo',
                    chzdev=False, zfcp_conf=True),
    'rhel8': Distro('rhel', '8.10', '4.18.0-553.el8_10.s390x', 'Ootpa',
                    zfcp_conf=True),
    'rhel9': Distro('rhel', '9.4', '5.14.0-427.13.1.el9_4.s390x', 'Plow',
                    zfcp_conf=True),
    'rhel10': Distro('rhel', '10.0', '6.12.0-55.9.1.el10_0.s390x',
                     'Coughlan'),
    'rhcos4': Distro('rhcos', '4.16', '5.14.0-427.13.1.el9_4.s390x'),
    'sles11': Distro('sles', '11.4', '3.0.101-63-default', suse_tools=True,
                     **_BLIND, **_OLD),
    'sles12': Distro('sles', '12.5', '4.12.14-120-default', suse_tools=True,
                     **_OLD),
    'sles15': Distro('sles', '15.6', '6.4.0-150600.21-default',
                     suse_tools=True),
    'sles16': Distro('sles', '16.0', '6.12.0-160000.5-default'),
    'ubuntu16': Distro('ubuntu', '16.04', '4.4.0-210-generic',
                       'Xenial Xerus', wwid=False, **_FC),
    'ubuntu18': Distro('ubuntu', '18.04', '4.15.0-213-generic',
                       'Bionic Beaver', **_FC),
    'ubuntu20': Distro('ubuntu', '20.04', '5.4.0-182-generic', 'Focal Fossa',
                       **_FC),
    'ubuntu22': Distro('ubuntu', '22.04', '5.15.0-107-generic',
                       'Jammy Jellyfish', **_FC),
    'ubuntu24': Distro('ubuntu', '24.04', '6.8.0-31-generic', 'Noble Numbat',
                       **_FC),
    'ubuntu26': Distro('ubuntu', '26.04', '7.0.0-14-generic',
                       'Resolute Raccoon', **_FC),
}
_RELEASE = re.compile(r'[a-z]+(\d+)(?:\.|sp)(\d+)', re.IGNORECASE)
# The WWID came to sysfs after the first kernels of SLES 12.
_WITHOUT_WWID = {('sles', version): kernel for version, kernel in (
    ('12.0', '3.12.28-4-default'), ('12.1', '3.12.49-11-default'),
    ('12.2', '4.4.21-69-default'), ('12.3', '4.4.73-5-default'))}


def find(name):
    """The Distro of a name such as rhel9, rhel9.4, sles12sp3, ubuntu22.04.

    A release in the name counts for the release files.
    """
    key = name.lower()
    while key and key not in DISTROS:
        key = key[:-1]
    if not key:
        raise ValueError('unknown Linux %r; known: %s'
                         % (name, ' '.join(DISTROS)))
    found, release = DISTROS[key], _RELEASE.match(name)
    if release and found.id != 'ubuntu':
        found = dataclasses.replace(found, version='.'.join(release.groups()))
    kernel = _WITHOUT_WWID.get((found.id, found.version))
    if kernel:
        found = dataclasses.replace(found, kernel=kernel, **_BLIND)
    return found


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
