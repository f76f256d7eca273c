# SPDX-License-Identifier: Apache-2.0
"""Simulated command line tools of a node.

Each handler takes (node, request) and returns (exit status, stdout, stderr);
texts and exit statuses are those of s390-tools, multipath-tools and smcli as
far as programs use them.
"""
from xcat_simulator.machine.tools import block
from xcat_simulator.machine.tools import chccwdev
from xcat_simulator.machine.tools import chzdev
from xcat_simulator.machine.tools import configure
from xcat_simulator.machine.tools import format as formats
from xcat_simulator.machine.tools import images
from xcat_simulator.machine.tools import iucv
from xcat_simulator.machine.tools import lszdev
from xcat_simulator.machine.tools import lvm
from xcat_simulator.machine.tools import lvmconfig
from xcat_simulator.machine.tools import mounts
from xcat_simulator.machine.tools import multipath
from xcat_simulator.machine.tools import network
from xcat_simulator.machine.tools import sg_persist
from xcat_simulator.machine.tools import systemctl
from xcat_simulator.machine.tools import udevadm
from xcat_simulator.machine.tools import usage
from xcat_simulator.machine.tools import zfcp
from xcat_simulator.machine.tools import zvm

Usage = usage.Usage

HANDLERS = {
    **dict.fromkeys(lvm.COMMANDS, lvm.command),
    'blkid': formats.blkid,
    'blkdiscard': block.blkdiscard,
    'blockdev': block.blockdev,
    'chccwdev': chccwdev.chccwdev,
    'chzdev': chzdev.chzdev,
    'cio_ignore': chccwdev.cio_ignore,
    'creatediskimage': images.creatediskimage,
    'dmsetup': lvm.dmsetup,
    'findmnt': mounts.findmnt,
    'ip': network.ip,
    'iucvclnt': iucv.iucvclnt,
    'lsblk': block.lsblk,
    'lsluns': zfcp.lsluns,
    'lszdev': lszdev.lszdev,
    'lszfcp': zfcp.lszfcp,
    'lvmconfig': lvmconfig.lvmconfig,
    'mkfs': formats.mkfs,
    'mkfs.ext4': formats.mkfs,
    'mkfs.xfs': formats.mkfs,
    'mkswap': formats.mkswap,
    'modprobe': configure.modprobe,
    'mount': mounts.mount,
    'multipath': multipath.multipath,
    'multipathd': multipath.multipathd,
    'scsi_id': udevadm.scsi_id,
    'sg_persist': sg_persist.sg_persist,
    'smcli': zvm.smcli,
    'swapoff': mounts.swapoff,
    'swapon': mounts.swapon,
    'systemctl': systemctl.systemctl,
    'udevadm': udevadm.udevadm,
    'umount': mounts.umount,
    'unpackdiskimage': images.unpackdiskimage,
    'vmcp': zvm.vmcp,
    'wipefs': formats.wipefs,
    'zfcp_cio_free': configure.zfcp_cio_free,
    'zfcp_disk_configure': configure.zfcp_disk_configure,
    'zfcp_host_configure': configure.zfcp_host_configure,
    'zfcpconf.sh': configure.zfcpconf,
}
# What scripts of the simulator's own ask, in usr/libexec.
INNER = {'dd.reserved': block.dd_reserved}
ROOT_ONLY = frozenset((
    *lvm.COMMANDS, 'blkdiscard', 'blockdev', 'chccwdev', 'chzdev',
    'cio_ignore', 'creatediskimage', 'dmsetup', 'lvmconfig', 'mkfs',
    'mkfs.ext4', 'mkfs.xfs', 'mkswap', 'multipath', 'multipathd',
    'scsi_id', 'sg_persist', 'smcli',
    'swapoff', 'swapon', 'umount', 'unpackdiskimage', 'vmcp', 'wipefs',
    'zfcp_cio_free', 'zfcp_disk_configure', 'zfcp_host_configure',
    'zfcpconf.sh'))
