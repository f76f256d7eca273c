# SPDX-License-Identifier: Apache-2.0
"""What Linux knows about its FCP devices: adapters, ports, units, disks."""
import dataclasses

_MAJORS = (8, 65, 66, 67, 68, 69, 70, 71, 128, 129, 130, 131, 132, 133, 134,
           135)


def bus_id(virtual):
    """'3B00' -> '0.0.3b00'."""
    return '0.0.' + virtual.lower()


def scsi_lun(lun):
    """Linux's integer of a LUN: its 16-bit words in reverse order."""
    words = [int(lun[i:i + 4], 16) for i in range(0, 16, 4)]
    return sum(word << (16 * i) for i, word in enumerate(words))


def disk_name(index):
    """0 -> sda, 25 -> sdz, 26 -> sdaa."""
    name = ''
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        name = chr(ord('a') + letter) + name
    return 'sd' + name


def disk_number(index):
    """The block device number major:minor of the index-th sd."""
    major, minor = divmod(index, 16)
    return '%d:%d' % (_MAJORS[major % len(_MAJORS)], minor * 16)


@dataclasses.dataclass(eq=False)
class ScsiDevice:
    """A disk through one path. `index` numbers its sd name."""

    port: 'Port'
    lun: str
    disk: object
    index: int
    watch: int | None = None
    settled: bool = False

    @property
    def name(self):
        return disk_name(self.index)

    @property
    def number(self):
        return disk_number(self.index)

    @property
    def nexus(self):
        """Who the disk takes it for: (initiator WWPN, target WWPN)."""
        return self.port.adapter.device.initiator, self.port.wwpn

    @property
    def routes(self):
        """The paths that its input and output take."""
        return [self]

    @property
    def hctl(self):
        return '%d:0:%d:%d' % (self.port.adapter.host, self.port.target,
                               scsi_lun(self.lun))

    @property
    def path(self):
        port = self.port
        return '%s/%s/target%d:0:%d/%s' % (
            port.adapter.host_path, port.rport, port.adapter.host,
            port.target, self.hctl)


@dataclasses.dataclass(eq=False)
class Unit:
    """A LUN that was added by hand; failed while no disk answers."""

    lun: str
    failed: bool = True
    watch: int | None = None


@dataclasses.dataclass(eq=False)
class Port:
    """A target port that an adapter found."""

    adapter: 'Adapter'
    wwpn: str
    target: int
    units: dict = dataclasses.field(default_factory=dict)
    disks: dict = dataclasses.field(default_factory=dict)
    watch: int | None = None
    fifos: list = dataclasses.field(default_factory=list)

    @property
    def rport(self):
        return 'rport-%d:0-%d' % (self.adapter.host, self.target)

    @property
    def path(self):
        return '%s/0x%s' % (self.adapter.path, self.wwpn)


@dataclasses.dataclass(eq=False)
class Adapter:
    """An FCP device of the guest. Ports and units outlive an offline."""

    virtual: str
    device: object
    subchannel: int
    online: bool = False
    link_down: bool = False
    host: int | None = None
    ports: dict = dataclasses.field(default_factory=dict)
    watch: int | None = None
    fifos: list = dataclasses.field(default_factory=list)

    @property
    def bus_id(self):
        return bus_id(self.virtual)

    @property
    def path(self):
        return 'sys/devices/css0/0.0.%04x/%s' % (self.subchannel, self.bus_id)

    @property
    def host_path(self):
        return '%s/host%d' % (self.path, self.host)

    @property
    def npiv(self):
        return self.device.npiv_wwpn is not None

    def disks(self):
        """Every ScsiDevice of this adapter."""
        return [disk for port in self.ports.values()
                for disk in port.disks.values()]
