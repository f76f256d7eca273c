# SPDX-License-Identifier: Apache-2.0
"""A Linux in a guest: a folder as its root, in which real commands run."""
import dataclasses


@dataclasses.dataclass
class LinuxOptions:
    """How a node is: everything a world may say about its Linux.

    distro: rhel7 rhel8 rhel9 sles12 sles15 ubuntu20 ubuntu22 ubuntu24
    lun_scan: zfcp.allow_lun_scan at boot, unless configured persistently
    missing: names of tools that are not installed ('chzdev', 'blkdiscard')
    user: who a command runs as; not root: tools want sudo
    sudo: may that user use `sudo -n`
    multipath: does multipathd make maps of disks with two paths or more
    udev_delay: seconds until links in dev/disk and maps appear
    cio_ignore: are devices ignored until freed (a RHEL installation's way)
    """

    distro: str = 'rhel9'
    lun_scan: bool = True
    missing: tuple = ()
    user: str = 'root'
    sudo: bool = True
    multipath: bool = True
    udev_delay: float = 0.0
    cio_ignore: bool = False


class Linux:
    """One Linux; `folder` is its root, `vm` the VirtualMachine it runs in.

    options: a distro name or LinuxOptions.
    """

    def __init__(self, vm, folder, options='rhel9'):
        if isinstance(options, str):
            options = LinuxOptions(distro=options)
        self.vm = vm
        self.folder = folder
        self.options = options
        self.running = False

    def boot(self):
        """Start: a fresh sys and boot_id, persistent devices configured."""
        raise NotImplementedError

    def shutdown(self):
        """Stop: processes are killed, sys and disks vanish."""
        raise NotImplementedError

    def run(self, command, timeout=None):
        """Run /bin/sh -c `command` in the folder; returns Completed.

        Raises NodeDown when the node is not running, and
        subprocess.TimeoutExpired when `timeout` seconds have passed (its
        process group is killed then).
        """
        raise NotImplementedError

    def device_appeared(self, virtual, device):
        """CP attached an FCP device to the running guest."""
        raise NotImplementedError

    def device_gone(self, virtual):
        """CP detached an FCP device from the running guest."""
        raise NotImplementedError
