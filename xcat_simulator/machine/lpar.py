# SPDX-License-Identifier: Apache-2.0
"""One z/VM system: its guests, FCP devices, disks, SMAPI and CP."""
import dataclasses
import os
import shutil
import threading

from xcat_simulator.machine import cp
from xcat_simulator.machine import directory
from xcat_simulator.machine import engine as engines
from xcat_simulator.machine import linux as linuxes
from xcat_simulator.machine import model
from xcat_simulator.machine import scsiboot
from xcat_simulator.machine import smapi
from xcat_simulator.machine import storage


class VirtualMachine:
    """A guest: directory entry, active configuration, perhaps a Linux.

    `power` is 'on' or 'off'; `active_devices` maps virtual device numbers to
    FcpDevice; `linux` is None for a guest without an operating system.
    While `logoff_pending`, power is 'off' and the devices are still held;
    while `paused` it is logged on, and its Linux answers nobody.
    `loaded` is false while it is logged on and its IPL has failed; `root` is
    the scsiboot.Root that it runs from, None for a minidisk; `console` what
    CP and Linux have said since it logged on.
    """

    def __init__(self, lpar, userid, entry):
        self.lpar = lpar
        self.userid = userid
        self._entry = entry
        self.power = 'off'
        self.logoff_pending = False
        self.paused = False
        self.active_devices = {}
        self.linux = None
        self.loaded = True
        self.root = None
        self.console = ''
        self._installed = None      # WWID and options of that Linux

    @property
    def directory(self):
        """Its entry of the user directory."""
        return self._entry

    @directory.setter
    def directory(self, entry):
        with self.lpar.lock:
            self._entry = entry
            self.lpar.changed()

    def described(self):
        """What of it is on disks, in what JSON has: see Lpar.restore."""
        return {'directory': self._entry,
                'linux': self.linux and dataclasses.asdict(
                    self.linux.options),
                'wwid': self._installed and self._installed[0]}

    def restore(self, options, wwid):
        """Have the Linux that is in its folder, loaded from that disk."""
        self.linux = linuxes.Linux(
            self, self.lpar.node_folder(self.userid), options)
        self._installed = wwid and (wwid, options)

    def install(self, options):
        """Put a fresh Linux into this guest: a distro name or LinuxOptions.

        What was in its folder is lost, as with a new image on its disk.
        """
        running = self.power == 'on'
        if self.linux is not None:
            self.linux.shutdown()
        self.linux = linuxes.Linux(self, self._emptied(), options)
        self._installed = None
        self.lpar.changed()
        if running:
            self.linux.boot()

    def _emptied(self):
        """The folder of the guest's Linux, with nothing in it."""
        folder = self.lpar.node_folder(self.userid)
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def power_on(self):
        """Log on and boot. Dedicated devices that are free become active."""
        with self.lpar.lock:
            if self.power == 'on':
                return
            self.finish_logoff()
            self.power = 'on'
            self.paused = False
            for virtual, real in directory.dedicated(self.directory):
                device = self.lpar.devices.get(real)
                if device is not None and device.status == model.FREE:
                    self._take(virtual, device)
            self.console = ''
            self._ipl()

    def _ipl(self):
        """Boot: from a SCSI disk where the directory entry says so."""
        virtual = scsiboot.device(self.directory)
        self.loaded, self.root = True, None
        if virtual is None:
            if self.linux is not None:
                self._boot(scsiboot.FROM_MINIDISK)
            return
        self.console += scsiboot.ACQUIRING
        try:
            root = scsiboot.find(self, virtual)
            iucv = scsiboot.lets_zhcp_in(root.disk)
            options = linuxes.LinuxOptions(
                distro=scsiboot.distro_of(root.disk), ssh=not iucv, iucv=iucv)
        except scsiboot.NotLoaded as why:
            self.loaded = False
            self.console += '%s\n%s' % (why, scsiboot.WAITING)
            return
        self._have(root.disk.wwid, options)
        self.root = root
        self._boot(scsiboot.MOVING, root)

    def _boot(self, loader, *root):
        """Boot its Linux, and say on the console what its loader says."""
        self.linux.boot(*root)
        self.console += '%sLinux version %s\n' % (
            loader, self.linux.distro.kernel)

    def _have(self, wwid, options):
        """Have the Linux of a disk: that which ran last, or a fresh one."""
        if self._installed != (wwid, options):
            self.linux = linuxes.Linux(self, self._emptied(), options)
            self._installed = wwid, options
            self.lpar.changed()

    def power_off(self, pending=False):
        """Log off: processes die, devices are free; the directory stays.

        pending: z/VM does not come to the end of it (an I/O that does not
        end): CP says HCPCQU361E and keeps the devices until finish_logoff.
        """
        with self.lpar.lock:
            if self.power == 'on':
                if self.linux is not None:
                    self.linux.shutdown()
                self.power = 'off'
                self.logoff_pending = True
            if not pending:
                self.finish_logoff()

    def finish_logoff(self):
        """Let a pending logoff end: the devices are free."""
        with self.lpar.lock:
            if self.logoff_pending:
                for virtual in list(self.active_devices):
                    self._give(virtual)
                self.logoff_pending = False

    def reset(self):
        """Log off and on again, as a reset or a reboot by CP does."""
        with self.lpar.lock:
            self.power_off()
            self.power_on()

    def reboot(self):
        """Boot anew, as `reboot` in Linux does: it does not log off."""
        with self.lpar.lock:
            if self.power == 'on' and self.linux is not None:
                self.linux.shutdown()
                self._ipl()

    def attach(self, virtual, device):
        """Add a free device to the active configuration."""
        self._take(virtual, device)
        if self.linux is not None:
            self.linux.device_appeared(virtual, device)

    def detach(self, virtual):
        """Take a device out of the active configuration, used or not."""
        self._give(virtual)
        if self.linux is not None:
            self.linux.device_gone(virtual)

    def _take(self, virtual, device):
        device.status, device.owner = model.ACTIVE, self.userid
        self.active_devices[virtual] = device

    def _give(self, virtual):
        device = self.active_devices.pop(virtual)
        device.owner = None
        if device.status == model.ACTIVE:
            device.status = model.FREE


class Lpar:
    """A z/VM system. `folder` is D: its nodes live in D/nodes/<name>/.

    devices: FcpDevice list; disks: Disk list, perhaps shared with another
    Lpar; targets: CHPID -> target WWPNs that it sees (absent: all).
    `engine` may be shared by several Lpars; without one it makes its own.
    `zhcp_userid` names the guest that has SMAPI and CP privileges.
    """

    def __init__(self, name, folder, devices, disks, targets=None,
                 zhcp_userid='ZHCP1', engine=None):
        self.name = name
        self.folder = os.path.realpath(folder)
        self.devices = {device.number: device for device in devices}
        self.storage = storage.Storage(disks, targets)
        self.zhcp_userid = zhcp_userid
        self.guests = {}
        self.lock = threading.RLock()
        # Called, with the lock held, when what is on disks has changed.
        self.changed = lambda: None
        self._own_engine = engine is None
        self.engine = engine or engines.Engine()
        self._smapi = smapi.Smapi(self)

    @property
    def disks(self):
        return self.storage.disks

    def node_folder(self, userid):
        return os.path.join(self.folder, 'nodes', self.name, userid)

    def define(self, userid, directory_text, linux=None):
        """Add a guest (off). linux: None, a distro name or LinuxOptions.

        A node folder that is already there is kept: a restarted simulator
        finds its nodes' files again.
        """
        userid = userid.upper()
        with self.lock:
            if userid in self.guests:
                raise model.MachineError('%s is already defined' % userid)
            guest = VirtualMachine(self, userid, directory_text)
            if linux is not None:
                guest.linux = linuxes.Linux(
                    guest, self.node_folder(userid), linux)
            self.guests[userid] = guest
            self.changed()
            return guest

    def restore(self, userid, found):
        """Define a guest (off) as VirtualMachine.described has it."""
        guest = self.define(userid, found['directory'])
        if found['linux']:
            guest.restore(linuxes.LinuxOptions(**dict(
                found['linux'], missing=tuple(found['linux']['missing']))),
                found['wwid'])
        return guest

    def delete(self, userid):
        """Log the guest off and remove its entry and its folder."""
        with self.lock:
            guest = self.guests[userid.upper()]
            guest.power_off()
            del self.guests[guest.userid]
            self.changed()
            shutil.rmtree(self.node_folder(guest.userid), ignore_errors=True)

    def close(self):
        """Shut every Linux down and stop the engine; folders stay."""
        for guest in list(self.guests.values()):
            if guest.linux is not None:
                guest.linux.shutdown()
        if self._own_engine:
            self.engine.close()

    def smapi(self, function, userid, vdev=None, rdev=None, **arguments):
        """Call a SMAPI function on a user ID; returns a Result.

        Further arguments of the functions: `readonly` ('0' or '1') of the
        dedicating ones; `saved`, `load`, `parameters` of Image_IPL_Set_DM;
        `portname`, `lun`, `scptype`, `scpdata` of
        Image_SCSI_Characteristics_Define_DM.
        """
        given = {'vdev': vdev, 'rdev': rdev, **arguments}
        given = {key: value for key, value in given.items()
                 if value is not None}
        with self.lock:
            return self._smapi.call(function, userid.upper(), **given)

    def smapi_fail(self, function, rc, rs, text, times=0):
        """Make a function fail so, so often; an empty text ends it."""
        with self.lock:
            self._smapi.fail(function, rc, rs, text, times)

    def wwpn_query_text(self):
        """All FCP devices as smcli System_WWPN_Query prints them."""
        with self.lock:
            return ''.join(_wwpn_lines(self.devices[number])
                           for number in sorted(self.devices))

    def fcp_query_text(self, number):
        """The LUNs that a free FCP device reaches, as smcli prints them."""
        with self.lock:
            device = self.devices.get(number.upper().rjust(4, '0'))
            if device is None or device.status != model.FREE:
                return ''
            return ''.join(
                _LUN_REACHED % (device.number, wwpn, lun, disk.size)
                for wwpn in self.storage.ports(device)
                for lun, disk in sorted(
                    self.storage.luns(device, wwpn).items()))

    def cp(self, userid, command):
        """Run a CP command as that user: (return code, text)."""
        with self.lock:
            return cp.run(self, userid.upper(), command)

    def disk(self, wwpn, lun):
        """The Disk behind that target port and LUN, or None."""
        return self.storage.find(wwpn, lun)


_LUN_REACHED = (
    'FCP device number: %s\n'
    '  World wide port number: %s\n'
    '  Logical unit number: %s\n'
    '  Number of bytes residing on the logical unit: %d\n')


def _wwpn_lines(device):
    return ('FCP device number: %s\n'
            '  Status: %s\n'
            '  NPIV world wide port number: %s\n'
            '  Channel path ID: %s\n'
            '  Physical world wide port number: %s\n'
            % (device.number, device.status, device.npiv_wwpn or 'NONE',
               device.chpid, device.physical_wwpn))
