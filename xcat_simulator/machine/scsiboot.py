# SPDX-License-Identifier: Apache-2.0
"""IPL of a guest from a SCSI disk, as its directory entry says.

``IPL 3B00`` names the virtual number of a dedicated FCP device, LOADDEV the
target port and the LUN. z/VM knows one path only: nothing is tried when it
does not work, and the guest stays logged on in a disabled wait.

A disk can be booted when its first 512 bytes are not all zero. A line
``zvm-simulator: distro=sles15`` among them says what it boots, else it is
rhel9; with a line ``zvm-simulator: iucv`` it runs iucvserd for the zHCP and
knows no ssh key. What the Linux keeps in its files is lost with its guest: the
disk has only what was written to it.

Console texts are those of CP and of the machine loader; "Linux version" stands
behind them once a kernel has begun.
"""
import dataclasses
import re

from xcat_simulator.machine import directory
from xcat_simulator.machine import distro

SECTOR = 512
ACQUIRING = ('HCPLDI2816I Acquiring the machine loader from the processor '
             'controller.\n'
             'HCPLDI2817I Load completed from the processor controller.\n'
             'MLOEVL012I: Machine loader up and running.\n')
MOVING = ('MLOPDM003I: Machine loader finished, moving data to final storage '
          'location.\n')
WAITING = 'HCPGIR450W CP entered; disabled wait PSW 00020001 80000000\n'
# Of zipl's loader on a DASD.
FROM_MINIDISK = 'Booting default (linux)\n'
_IPL = re.compile(r'^\s*IPL\s+(?:0X)?0*([0-9A-F]{1,4})\b', re.I | re.M)
_MARK = re.compile(rb'^zvm-simulator: distro=([a-z0-9.]+)$', re.M)
_IUCV = re.compile(rb'^zvm-simulator: iucv$', re.M)
_WORDS = ('PORTNAME', 'LUN', 'BOOTPROG', 'BR_LBA', 'SCPDATA')


class NotLoaded(Exception):
    """Why nothing was loaded, as the console says it."""


@dataclasses.dataclass(frozen=True)
class Root:
    """The disk that was loaded, and by which path."""

    virtual: str
    wwpn: str
    lun: str
    disk: object

    def __str__(self):
        return ':'.join((self.virtual, self.wwpn, self.lun))


def device(entry):
    """The FCP device that an entry IPLs; None for anything else."""
    found = _IPL.search(entry)
    if not found:
        return None
    number = directory.hex4(found[1])
    return number if number in dict(directory.dedicated(entry)) else None


def loaddev(entry):
    """{'PORTNAME': 16 digits, 'LUN': 16 digits} of an entry, lower case."""
    found = {}
    for words in map(str.split, entry.splitlines()):
        name = None
        for word in words[1:] if words[:1] == ['LOADDEV'] else ():
            if word.upper() in _WORDS:
                name = word.upper()
                found[name] = ''
            elif name:
                found[name] += word.lower().removeprefix('0x')
    return found


def find(vm, virtual):
    """The :class:`Root` that a guest loads; raises NotLoaded."""
    wanted = loaddev(vm.directory)
    wwpn, lun = wanted.get('PORTNAME', ''), wanted.get('LUN', '')
    held = vm.active_devices.get(virtual)
    if held is None:
        raise NotLoaded('HCPLDI2812E Device %s does not exist' % virtual)
    storage = vm.lpar.storage
    if wwpn not in storage.ports(held):
        raise NotLoaded('MLOLOA510E: Target port %s is not reached' % wwpn)
    disk = storage.luns(held, wwpn).get(lun)
    if disk is None:
        raise NotLoaded('MLOLOA511E: LUN %s is not there' % lun)
    if not any(_sector(disk)):
        raise NotLoaded('MLOLOA512E: No boot record found')
    return Root(virtual, wwpn, lun, disk)


def lets_zhcp_in(disk):
    """Is what it boots reached by IUCV, and not by ssh?"""
    return bool(_IUCV.search(_lines(disk)))


def distro_of(disk):
    """What a disk boots; raises NotLoaded for what nobody knows."""
    found = _MARK.search(_lines(disk))
    name = found[1].decode() if found else 'rhel9'
    try:
        distro.find(name)
    except ValueError as error:
        raise NotLoaded('Kernel panic: %s' % error) from error
    return name


def _lines(disk):
    return _sector(disk).replace(b'\0', b'\n')


def _sector(disk):
    with open(disk.path, 'rb') as image:
        return image.read(SECTOR)
