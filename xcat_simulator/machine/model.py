# SPDX-License-Identifier: Apache-2.0
"""Plain records of the machine: disks, FCP devices, answers.

WWPNs and LUNs are 16 lower-case hex digits without 0x, device numbers four
upper-case hex digits, user IDs upper case.
"""
import dataclasses
import hashlib
import os

from xcat_simulator.machine import reservation

FREE, ACTIVE, OFFLINE = 'Free', 'Active', 'Offline'
MIB = 1024 * 1024
BLOCK = 512


class MachineError(Exception):
    """A world that cannot be, or a call that its state does not allow."""


class NodeDown(MachineError):
    """The Linux of this guest is not running."""


@dataclasses.dataclass
class Result:
    """What SMAPI answers: return code, reason code, text as smcli has it."""

    rc: int
    rs: int
    text: str


@dataclasses.dataclass
class Completed:
    """A command that ended: exit status, standard output and error (str)."""

    returncode: int
    stdout: str
    stderr: str


@dataclasses.dataclass(eq=False)
class FcpDevice:
    """An FCP subchannel of the LPAR. `status` is Free, Active or Offline.

    `owner` is the user ID that has it in its active configuration; an Active
    device without owner belongs to a guest outside the simulated world.
    """

    number: str
    chpid: str
    physical_wwpn: str
    npiv_wwpn: str | None = None
    status: str = FREE
    owner: str | None = None

    def __post_init__(self):
        self.number = self.number.upper()
        self.status = self.status.capitalize()

    @property
    def initiator(self):
        """The WWPN that the storage server sees."""
        return self.npiv_wwpn or self.physical_wwpn


@dataclasses.dataclass(eq=False)
class Disk:
    """One logical unit behind all of `wwpns`: a file of `size` bytes.

    `masked_to` holds the initiator WWPNs that may use it; None means all.
    `reservations` are those of its file: another record of it has the same.
    """

    wwid: str
    size: int
    path: str
    wwpns: tuple
    lun: str
    masked_to: frozenset | None = None

    def __post_init__(self):
        self.reservations = reservation.of(self.path)

    def paths(self):
        """(target WWPN, LUN) of each port it is behind."""
        return [(wwpn, self.lun) for wwpn in self.wwpns]

    def visible_to(self, initiator):
        return self.masked_to is None or initiator in self.masked_to

    @classmethod
    def create(cls, folder, wwpns, lun, size, masked_to=None,
               contents='zero', wwid=None):
        """Make the file below `folder` (D/luns) unless it is there.

        contents: 'zero', or 'random' for a pattern in the first MiB that
        is the same for the same WWID.
        """
        wwpns = tuple(wwpns)
        wwid = wwid or make_wwid(wwpns, lun)
        path = os.path.join(folder, wwid + '.img')
        if not os.path.exists(path):
            os.makedirs(folder, exist_ok=True)
            with open(path, 'wb') as image:
                if contents == 'random':
                    image.write(pattern(wwid, min(size, MIB)))
                image.truncate(size)
        masked = None if masked_to is None else frozenset(masked_to)
        return cls(wwid, size, path, wwpns, lun, masked)


def make_wwid(wwpns, lun):
    """A NAA-6 identifier (32 hex digits) as an IBM storage server's."""
    key = ' '.join(sorted(wwpns)) + ' ' + lun
    digest = hashlib.sha256(key.encode()).hexdigest()
    return '6005076' + digest[:25]


def pattern(seed, length):
    """`length` bytes that look random and depend on `seed` alone."""
    return hashlib.shake_128(seed.encode()).digest(length)
