# SPDX-License-Identifier: Apache-2.0
"""What a world consists of, before anything of it is made."""

import dataclasses

SAME = 'same'


@dataclasses.dataclass(frozen=True)
class User:
    password: str
    policy: tuple = None      # xCAT commands that are allowed; None: all


@dataclasses.dataclass(frozen=True)
class Device:
    number: str
    chpid: str
    physical_wwpn: str
    npiv_wwpn: str            # None without NPIV
    status: str               # Free | Active | Offline


@dataclasses.dataclass(frozen=True)
class Lun:
    wwpns: tuple
    lun: str
    size: str                 # the text of the pool line, may be empty
    bytes: int                # the disk's real size
    range: str = ''
    masked_to: tuple = None   # initiators; None: everyone
    contents: str = 'zero'
    status: str = 'free'
    owner: str = ''
    channel: str = ''
    tag: str = ''
    wwid: str = None          # None: made from the first WWPN and the LUN

    def line(self):
        """The line of the pool file, without its line feed."""
        return ','.join((self.status, ';'.join(self.wwpns), self.lun,
                         self.size, self.range, self.owner, self.channel,
                         self.tag))


@dataclasses.dataclass(frozen=True)
class Linux:
    """How a guest's Linux is; see machine.LinuxOptions."""

    distro: str = 'rhel9'
    lun_scan: bool = True
    missing: tuple = ()       # tools that are not installed
    user: str = 'root'
    sudo: bool = True
    multipath: bool = True
    udev_delay: float = 0.0   # seconds
    port_delay: float = 0.0   # seconds
    cio_ignore: bool = False
    ssh: bool = True          # trusts the MN's ssh key
    iucv: object = False      # runs iucvserd; a text: for that user ID


@dataclasses.dataclass(frozen=True)
class Guest:
    node: str
    userid: str
    power: str = 'on'
    linux: Linux = Linux()
    is_node: bool = True
    directory: str = None     # None: a usual entry
    # Real devices that its entry dedicates and that are not active in it,
    # though they are free and it is on.
    inactive: frozenset = frozenset()


@dataclasses.dataclass(frozen=True)
class Zhcp:
    node: str
    hostname: str
    userid: str
    devices: tuple = ()
    linux: Linux = Linux()
    iucv_any: bool = True     # its directory entry has IUCV ANY


@dataclasses.dataclass(frozen=True)
class Lpar:
    name: str
    zhcp: Zhcp
    connector_port: int = None    # 0: any free one; SAME: the MN's
    devices: tuple = ()
    pools: dict = dataclasses.field(default_factory=dict)
    # Pools whose file is given word by word; pools has their LUNs, too.
    texts: dict = dataclasses.field(default_factory=dict)
    disks: tuple = ()         # Luns that stand in no pool
    guests: tuple = ()
    targets: dict = None      # CHPID -> target ports; None: all see all
    grows: bool = False       # a line that is added brings its disk


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a world file says.

    `nodes` and `table` come from a recording only: definitions as lsdef
    shows them, and rows of the zvm table.
    """

    users: dict
    lpars: tuple
    sudoer: str = 'root'
    name: str = 'mn'
    distro: str = None        # the MN's own; None: a Debian
    version: str = 'Version 2.19.0 (git commit 7733d16f8)'
    nodes: dict = None
    table: tuple = None


replace = dataclasses.replace
