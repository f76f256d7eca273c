# SPDX-License-Identifier: Apache-2.0
"""A Linux in a guest: a folder as its root, in which real commands run."""
import dataclasses
import errno
import itertools
import os
import subprocess
import threading
import uuid

from xcat_simulator.machine import cio
from xcat_simulator.machine import distro
from xcat_simulator.machine import initramfs
from xcat_simulator.machine import iucv
from xcat_simulator.machine import kernel
from xcat_simulator.machine import model
from xcat_simulator.machine import mounts
from xcat_simulator.machine import multipath
from xcat_simulator.machine import persistent
from xcat_simulator.machine import process
from xcat_simulator.machine import rootfs
from xcat_simulator.machine import toolserver
from xcat_simulator.machine import trouble
from xcat_simulator.machine import udev
from xcat_simulator.machine import usage
from xcat_simulator.machine import volumes
from xcat_simulator.machine import zfcp

# execve's limit for one argument (MAX_ARG_STRLEN), its final NUL included.
ARGUMENT_LIMIT = 131072


@dataclasses.dataclass
class LinuxOptions:
    """How a node is: everything a world may say about its Linux.

    distro: rhel7 rhel8 rhel9 rhel10 sles12 sles15 ubuntu20 ubuntu22 ubuntu24
    lun_scan: zfcp.allow_lun_scan at boot, unless configured persistently
    missing: names of tools that are not installed ('chzdev', 'blkdiscard')
    user: who a command runs as; not root: device tools want sudo
    sudo: may that user use `sudo -n`
    multipath: does multipathd make maps of disks with two paths or more
    udev_delay: seconds until links in dev/disk and maps appear
    port_delay: seconds until a device that went online sees its ports
    cio_ignore: are devices ignored until freed (a RHEL installation's way)
    ssh: does it trust the MN's ssh key (whoever logs in has to ask)
    iucv: does it run iucvserd; a text: for this user ID, not for the zHCP
    """

    distro: str = 'rhel9'
    lun_scan: bool = True
    missing: tuple = ()
    user: str = 'root'
    sudo: bool = True
    multipath: bool = True
    udev_delay: float = 0.0
    port_delay: float = 0.0
    cio_ignore: bool = False
    ssh: bool = True
    iucv: bool | str = False


class Linux:
    """One Linux; `folder` is its root, `vm` the VirtualMachine it runs in.

    options: a distro name or LinuxOptions.
    """

    def __init__(self, vm, folder, options='rhel9'):
        if isinstance(options, str):
            options = LinuxOptions(distro=options)
        self.vm = vm
        self.folder = os.path.realpath(folder)
        self.options = options
        self.distro = distro.find(options.distro)
        self.engine = vm.lpar.engine
        self.storage = vm.lpar.storage
        self.lock = threading.RLock()
        self.running = False
        self.boot_id = None
        self.blacklist = cio.Blacklist()
        self.kernel = kernel.Kernel(self)
        self.udev = udev.Udev(self, options.udev_delay)
        self.multipath = multipath.Multipath(self, options.multipath)
        self.volumes = volumes.Volumes(self)
        self.persistent = persistent.Persistent(
            self.folder, self.distro.zfcp_conf)
        self.iucv = iucv.Agent(self)
        self.trouble = trouble.Trouble(self)
        # Folders of another machine, as by NFS from the next boot on:
        # {path in the node: (path of the host, may it be written)}.
        self.shares = {}
        self._keeper = None
        self._server = None
        self._environment = None
        rootfs.install(self)

    @property
    def zhcp(self):
        """Is this the zHCP of its LPAR?"""
        return self.vm.userid == self.vm.lpar.zhcp_userid

    def set_dd_fails(self, fails, after=None):
        """Let dd fail in this node, or work again.

        after: only where it writes that byte of a disk, or one behind it.
        """
        rootfs.set_dd_fails(self, fails, after)

    def luns(self, device, wwpn):
        """Disks that a port reports to an FCP device: {lun: Disk}."""
        if self.trouble.no_disks:
            return {}
        return self.storage.luns(device, wwpn)

    def boot(self, root=None):
        """Start: a fresh sys and boot_id, persistent devices configured.

        root: the scsiboot.Root that was loaded; None for a minidisk.
        """
        with self.lock:
            if self.running:
                return
            process.kill_all(self.folder)  # left by a simulator that died
            self.boot_id = str(uuid.uuid4())
            self.kernel.start(self._scan_at_boot())
            self.udev.reset()
            self.multipath.reset()
            self.volumes.reset()
            self.blacklist = cio.Blacklist(self.options.cio_ignore)
            # What is configured is taken from the list early.
            for bus_id in self.persistent.every_host():
                self.blacklist.write('free ' + bus_id)
            if root is not None:
                self.blacklist.write('free ' + zfcp.bus_id(root.virtual))
            rootfs.prepare(self)
            self.running = True
            self._server = toolserver.ToolServer(self)
            self._keeper = process.Keeper(
                self.folder, tuple(self.shares.values()))
            self._environment = rootfs.environment(self)
            self.kernel.watch_proc()
            for virtual, device in sorted(self.vm.active_devices.items()):
                self.kernel.appear(virtual, device)
            if root is not None:
                initramfs.mount_root(self, root)
            self.udev.later(lambda: mounts.boot(self))
            if rootfs.is_enabled(self, 'iucvserd'):
                self.iucv.start()

    def _scan_at_boot(self):
        if not self.distro.scan_parameter:
            return None
        kept = self.persistent.parameter('allow_lun_scan')
        return self.options.lun_scan if kept is None else kept[:1] in 'Yy1'

    def shutdown(self):
        """Stop: processes are killed, sys and disks vanish."""
        with self.lock:
            if not self.running:
                return
            self.running = False
            self._keeper.close()
            self._server.close()
        self.clean()

    def clean(self):
        """End what runs, also by a simulator that died; sys and dev go."""
        process.kill_all(self.folder)
        self.iucv.stop()
        with self.lock:
            self.boot_id = None
            self.kernel.stop()
            self.multipath.reset()
            self.volumes.reset()
            self.udev.reset()

    def run(self, command, timeout=None):
        """Run /bin/sh -c `command` in the folder; returns Completed.

        It returns when the shell has ended and no process holds its output
        open any more. Raises NodeDown when the node is not running, and
        subprocess.TimeoutExpired when `timeout` seconds have passed (its
        process group is killed then).
        """
        if len(os.fsencode(command)) >= ARGUMENT_LIMIT:
            return model.Completed(
                126, '', '/bin/sh: Argument list too long\n')
        try:
            started = self.spawn(command)
        except PermissionError as refused:
            return model.Completed(126, '', 'sh: %s: %s\n' % (
                refused.filename, refused.strerror))
        return process.finish(started, timeout)

    def spawn(self, command, root=False, stdin=subprocess.DEVNULL):
        """Start /bin/sh -c `command` in the folder; returns the Popen.

        root: as a service does it, not as the user that logs in. Raises
        NodeDown, and PermissionError for what the text alone forbids.
        """
        with self.lock:
            if not self.running:
                raise model.NodeDown('%s is not running' % self.vm.userid)
            environment = dict(self._environment)
            if root:
                environment.update(rootfs.ROOT)
            return self._keeper.popen(command, environment, stdin,
                                      self.trouble.full)

    def reach(self, path, write=False):
        """Where a path of the host leads to, links followed.

        Raises PermissionError for one that leads out of the folder and of
        what is shared with it, or that may only be read.
        """
        real = os.path.realpath(path)
        places = [(self.folder, True), *self.shares.values()]
        if not any(real.startswith(os.path.realpath(top) + '/')
                   and (writable or not write) for top, writable in places):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES),
                                  path)
        return real

    def read_file(self, path, root=True):
        """(bytes, mode) of a file below the folder; raises OSError."""
        with open(self.reach(path), 'rb') as found:
            mode = os.fstat(found.fileno()).st_mode & 0o777
            if not root and not mode & 0o044:
                raise PermissionError(errno.EACCES,
                                      os.strerror(errno.EACCES), path)
            return found.read(), mode

    def device_appeared(self, virtual, device):
        """CP attached an FCP device to the running guest."""
        with self.lock:
            if self.running:
                self.kernel.appear(virtual, device)

    def device_gone(self, virtual):
        """CP detached an FCP device from the running guest."""
        with self.lock:
            if self.running:
                self.kernel.vanish(virtual)

    def open_files(self):
        """What this node's processes have open: {path: {process id}}."""
        return process.open_files(self.folder)

    def block_of(self, device):
        """(name, its block folder in sys) of a ScsiDevice, Map or Volume."""
        if isinstance(device, zfcp.ScsiDevice):
            return device.name, '%s/block/%s' % (device.path, device.name)
        return device.device, device.path

    def free_dm(self):
        """The lowest number that no device mapper device has."""
        used = {found.index for found in self.multipath.maps.values()}
        used |= {volume.index for volume in self.volumes.active}
        return next(i for i in itertools.count() if i not in used)

    def users_of(self, device, opened=None):
        """Who uses a ScsiDevice, Map or Volume: texts, empty when nobody."""
        name, where = self.block_of(device)
        maps = {found.device for found in self.multipath.maps.values()}
        return usage.users(self.folder, name, where, maps, opened)

    def is_held(self, device):
        """Is it mounted, swapped on or held: no open file counts."""
        return bool(self.users_of(device, {}))

    def mounts_on(self, device):
        """Mounts and swap on a ScsiDevice and on what lies on it."""
        found = [self.multipath.maps.get(device.disk.wwid)] if isinstance(
            device, zfcp.ScsiDevice) else []
        devices = [device] + [each for each in found if each]
        for each in list(devices):
            devices += self.volumes.above(each)
        return [user for each in devices for user in self.users_of(each, {})
                if user.startswith(('mounted', 'swap'))]

    # What the kernel tells: udev's rules act on it.

    def adapter_added(self, adapter):
        settings = self.persistent.every_host().get(adapter.bus_id)
        if settings is not None and settings.get('online') == '1':
            self.udev.later(lambda: self._online(adapter))

    def adapter_event(self, adapter):
        """An add event again, as `echo add > uevent` makes it."""
        self.adapter_added(adapter)
        self.udev.later(self.do_zfcp_conf)

    def do_zfcp_conf(self):
        """Set online and add what zfcp.conf lists, where it counts."""
        for bus_id, wwpn, lun in self.persistent.conf():
            adapter = self.kernel.adapters.get(bus_id)
            if adapter is None:
                continue
            self.kernel.set_online(adapter, True)
            port = adapter.ports.get(wwpn)
            if port is not None:
                self._add_units(port, [lun])

    def _online(self, adapter):
        if self.kernel.adapters.get(adapter.bus_id) is adapter:
            self.kernel.set_online(adapter, True)

    def port_added(self, port):
        here = (port.adapter.bus_id, port.wwpn)
        luns = sorted(lun for *where, lun in self.persistent.every_lun()
                      if tuple(where) == here and lun not in port.units)
        if luns:
            self.udev.later(lambda: self._add_units(port, luns))

    def _add_units(self, port, luns):
        for lun in luns:
            if lun not in port.units and port.adapter.online:
                self.kernel.unit_add(port, lun)

    def disk_added(self, sd):
        self.udev.disk_added(sd)

    def disk_removed(self, sd, opened):
        self.udev.disk_removed(sd, opened)
