# SPDX-License-Identifier: Apache-2.0
"""The kernel of a node, as far as zfcp goes.

Facts it keeps to (drivers/s390/scsi of Linux):

- With NPIV and allow_lun_scan on, every LUN masked to the device appears on
  every port as soon as the port does; otherwise only units added by hand.
- allow_lun_scan is looked at when a port is scanned; a change acts later.
- A unit without a disk behind it stays, failed. Ports and units outlive an
  offline of the adapter; nothing outlives its detaching.
- The kernel removes a disk without asking who uses it; the name of a disk
  that was lost so is kept in `lost` and in var/log/kern.log.
"""
import itertools
import os
import re
import time

from xcat_simulator.machine import engine as engines
from xcat_simulator.machine import sysfs
from xcat_simulator.machine import usage
from xcat_simulator.machine import zfcp

_SEVERAL = re.compile('(0x[0-9a-f]{16}){2,}', re.IGNORECASE)
LUN_SCAN = 'sys/module/zfcp/parameters/allow_lun_scan'


class Kernel:
    """State and effects. The node's lock is held by whoever calls.

    `node` gives folder, engine, lock, storage, udev and is told of changes.
    """

    def __init__(self, node):
        self._node = node
        self.tree = sysfs.Tree(node.folder)
        self.adapters = {}
        self.ignored = {}
        self.lun_scan = True
        self.lost = []
        self._watches = []
        self._hosts = itertools.count()
        self._subchannels = itertools.count(8)
        self._started = time.monotonic()

    def start(self, lun_scan):
        """Make sys anew; no adapter is there yet.

        lun_scan: None for a kernel that neither scans nor has the parameter.
        """
        self.lun_scan = bool(lun_scan)
        self.tree.reset()
        parameters = {'dif': 0, 'dix': 0}
        if lun_scan is not None:
            parameters['allow_lun_scan'] = 'Y' if lun_scan else 'N'
        self.tree.make(os.path.dirname(LUN_SCAN), **parameters)
        self._watches = [self._watch(os.path.dirname(LUN_SCAN),
                                     self._parameter_written)]

    def watch_proc(self):
        """From now on take commands from proc/cio_ignore."""
        self._watches.append(self._watch('proc', self._proc_written))

    def stop(self):
        """Everything vanishes, without a word to anybody."""
        for adapter in self.adapters.values():
            self._let_go(adapter)
        self.adapters.clear()
        for handle in self._watches:
            self._node.engine.unwatch(handle)
        self._watches = []
        self.tree.clear()

    def log(self, text, *values):
        """A line for var/log/kern.log."""
        stamp = '[%12.6f] ' % (time.monotonic() - self._started)
        with open(self.tree.full('var/log/kern.log'), 'a') as log:
            log.write(stamp + text % values + '\n')

    # Adapters

    def appear(self, virtual, device):
        """CP attached a device: Linux sees it unless it is to ignore it."""
        if self._node.blacklist.ignores(virtual):
            self.ignored[virtual] = device
            return
        adapter = zfcp.Adapter(virtual, device, next(self._subchannels))
        self.adapters[adapter.bus_id] = adapter
        sysfs.make_adapter(self.tree, adapter)
        adapter.watch = self._watch(
            adapter.path, lambda name: self._adapter_written(adapter, name))
        self._node.adapter_added(adapter)

    def vanish(self, virtual):
        """CP took the device away, whatever it carried."""
        self.ignored.pop(virtual, None)
        adapter = self.adapters.pop(zfcp.bus_id(virtual), None)
        if adapter is None:
            return
        self.log('zfcp %s: device is gone', adapter.bus_id)
        self._offline(adapter)
        self._let_go(adapter)
        sysfs.remove_adapter(self.tree, adapter)

    def ignore(self, command):
        """Do a command of proc/cio_ignore; freed devices appear."""
        self._node.blacklist.write(command)
        self.tree.change('proc/cio_ignore', self._node.blacklist.text()[:-1])
        for virtual, device in list(self.ignored.items()):
            if not self._node.blacklist.ignores(virtual):
                del self.ignored[virtual]
                self.appear(virtual, device)

    def purge(self):
        """Ignored devices that are not online vanish."""
        for adapter in list(self.adapters.values()):
            if not adapter.online and self._node.blacklist.ignores(
                    adapter.virtual):
                self.vanish(adapter.virtual)
                self.ignored[adapter.virtual] = adapter.device

    def set_online(self, adapter, online):
        """Returns whether anything changed."""
        if adapter.online == online:
            return False
        if online:
            self._online(adapter)
        else:
            self._offline(adapter)
        return True

    def _online(self, adapter):
        adapter.online = True
        if adapter.host is None:
            adapter.host = next(self._hosts)
        sysfs.make_host(self.tree, adapter)
        scan = '%s/scsi_host/host%d/scan' % (adapter.host_path, adapter.host)
        adapter.fifos = [self._fifo(
            scan, lambda text: self.rescan(adapter))]
        self.log('zfcp %s: scsi host%d online', adapter.bus_id, adapter.host)
        self._link_comes_up(adapter)

    def _link_comes_up(self, adapter):
        """The ports are there at once, or port_delay seconds later."""
        delay, host = self._node.options.port_delay, adapter.host
        if not delay:
            self._find_ports(adapter)
            return
        boot = self._node.boot_id
        adapter.link_down = True

        def due():
            with self._node.lock:
                if self._node.boot_id == boot and adapter.online and (
                        adapter.host == host):
                    adapter.link_down = False
                    self._find_ports(adapter)
        self._node.engine.later(delay, due)

    def _offline(self, adapter):
        if not adapter.online:
            return
        opened = self._node.open_files()
        for port in adapter.ports.values():
            self._drop_rport(port, opened)
        adapter.online = adapter.link_down = False
        for fifo in adapter.fifos:
            fifo.close()
        adapter.fifos = []
        sysfs.remove_host(self.tree, adapter)
        self.log('zfcp %s: offline', adapter.bus_id)

    def _let_go(self, adapter):
        self._node.engine.unwatch(adapter.watch)
        for sd in adapter.disks():
            self._node.engine.unwatch(sd.watch)
        for port in adapter.ports.values():
            self._forget_port(port)
        for fifo in adapter.fifos:
            fifo.close()
        adapter.fifos = []

    # Ports

    def _find_ports(self, adapter):
        if adapter.link_down:
            return
        seen = self._node.storage.ports(adapter.device)
        for port in adapter.ports.values():
            if port.wwpn in seen:
                self._open_port(port)
        for wwpn in seen:
            if wwpn not in adapter.ports:
                self._add_port(adapter, wwpn)

    def _add_port(self, adapter, wwpn):
        port = zfcp.Port(adapter, wwpn, 1 + max(
            (other.target for other in adapter.ports.values()), default=-1))
        adapter.ports[wwpn] = port
        sysfs.make_port(self.tree, port)
        port.watch = self._watch(
            port.path, lambda name: self._port_written(port, name))
        port.fifos = [
            self._fifo(port.path + '/unit_add',
                       lambda text: self._unit_written(port, text, True)),
            self._fifo(port.path + '/unit_remove',
                       lambda text: self._unit_written(port, text, False))]
        self._open_port(port)

    def _open_port(self, port):
        rport = '%s/%s' % (port.adapter.host_path, port.rport)
        if not os.path.isdir(self.tree.full(rport)):
            sysfs.make_rport(self.tree, port)
            self._scan(port)
            self._node.port_added(port)

    def _drop_rport(self, port, opened):
        for sd in list(port.disks.values()):
            self.delete(sd, opened)
        sysfs.remove_rport(self.tree, port)

    def port_remove(self, adapter, wwpn):
        """Returns whether it was removed: not one with units or disks."""
        port = adapter.ports.get(wwpn)
        if port is None or port.units or port.disks:
            self.log('zfcp %s: port 0x%s: %s', adapter.bus_id, wwpn,
                     'no such port' if port is None else 'in use')
            return False
        if adapter.online:
            sysfs.remove_rport(self.tree, port)
        self._forget_port(port)
        del adapter.ports[wwpn]
        self.tree.remove(port.path)
        return True

    def _forget_port(self, port):
        for watch in [port.watch] + [u.watch for u in port.units.values()]:
            self._node.engine.unwatch(watch)
        for fifo in port.fifos:
            fifo.close()
        port.fifos = []

    def rescan(self, adapter):
        """Look for ports and LUNs again (port_rescan, scan)."""
        if not adapter.online:
            return
        self._find_ports(adapter)
        for port in adapter.ports.values():
            self._scan(port)

    def _scan(self, port):
        adapter = port.adapter
        found = self._node.luns(adapter.device, port.wwpn)
        if adapter.npiv and self.lun_scan:
            for lun in sorted(found):
                self._add_disk(port, lun, found[lun])
        for unit in port.units.values():
            self._probe(port, unit)

    # Units and disks

    def unit_add(self, port, lun):
        """Returns whether the unit is new."""
        if lun in port.units:
            self.log('zfcp %s: unit 0x%s exists at port 0x%s',
                     port.adapter.bus_id, lun, port.wwpn)
            return False
        unit = port.units[lun] = zfcp.Unit(lun)
        sysfs.make_unit(self.tree, port, unit)
        unit.watch = self._watch(
            '%s/0x%s' % (port.path, lun),
            lambda name: self._unit_recovers(port, unit, name))
        self._probe(port, unit)
        return True

    def unit_remove(self, port, lun):
        """Returns whether there was such a unit."""
        if lun not in port.units:
            self.log('zfcp %s: no unit 0x%s at port 0x%s',
                     port.adapter.bus_id, lun, port.wwpn)
            return False
        if lun in port.disks:
            self.delete(port.disks[lun])
        self._node.engine.unwatch(port.units.pop(lun).watch)
        self.tree.remove('%s/0x%s' % (port.path, lun))
        return True

    def _probe(self, port, unit):
        """Look whether a disk answers at a unit."""
        disk = None
        if port.adapter.online:
            disk = self._node.luns(
                port.adapter.device, port.wwpn).get(unit.lun)
        if disk is not None:
            self._add_disk(port, unit.lun, disk)
        elif unit.lun not in port.disks:
            self.log('zfcp %s: no disk at 0x%s/0x%s', port.adapter.bus_id,
                     port.wwpn, unit.lun)
        failed = unit.lun not in port.disks
        if failed != unit.failed:
            unit.failed = failed
            self.tree.change('%s/0x%s/failed' % (port.path, unit.lun),
                             int(failed))

    def _add_disk(self, port, lun, disk):
        if lun in port.disks:
            return
        index = self._free_index()
        sd = port.disks[lun] = zfcp.ScsiDevice(port, lun, disk, index)
        sysfs.make_disk(self.tree, sd, self._node.distro.wwid,
                        self._node.distro.page83)
        sd.watch = self._watch(
            sd.path, lambda name: self._disk_written(sd, name))
        self.log('sd %s: [%s] Attached SCSI disk', sd.hctl, sd.name)
        self._node.disk_added(sd)

    def _free_index(self):
        """The next sd: not the name of a lost disk that somebody holds."""
        used = {sd.name for sd in self.disks()}
        if self.lost:
            used |= usage.held_names(self._node.folder, set(self.lost),
                                     self._node.open_files())
        return next(i for i in itertools.count()
                    if zfcp.disk_name(i) not in used)

    def delete(self, sd, opened=None):
        """Remove a disk; who uses it loses it.

        opened: what node.open_files said, when it is known already.
        """
        if sd.port.disks.get(sd.lun) is not sd:
            return
        if opened is None:
            opened = self._node.open_files()
        users = self._node.users_of(sd, opened)
        del sd.port.disks[sd.lun]
        self._node.engine.unwatch(sd.watch)
        self._node.disk_removed(sd, opened)
        sysfs.remove_disk(self.tree, sd)
        self.log('sd %s: [%s] Synchronizing SCSI cache', sd.hctl, sd.name)
        if users:
            self.lost.append(sd.name)
            usage.break_off(self._node.folder, sd.name, opened)
            self.log('I/O error, dev %s: removed while in use by %s',
                     sd.name, ', '.join(users))

    def disks(self):
        """Every ScsiDevice of the node."""
        return [sd for adapter in self.adapters.values()
                for sd in adapter.disks()]

    def set_lun_scan(self, enabled):
        if not os.path.exists(self.tree.full(LUN_SCAN)):
            return
        self.lun_scan = enabled
        self.tree.change(LUN_SCAN, 'Y' if enabled else 'N')

    # What programs wrote

    def _watch(self, path, callback):
        return self._node.engine.watch(
            self.tree.full(path), self._guarded(callback))

    def _fifo(self, path, callback):
        return engines.Fifo(self._node.engine, self.tree.full(path),
                            self._guarded(callback))

    def _guarded(self, callback):
        def run(text):
            with self._node.lock:
                if self._node.running:
                    callback(text)
        return run

    def _parameter_written(self, name):
        if name != 'allow_lun_scan':
            return
        value = self.tree.read(LUN_SCAN)[:1].upper()
        if value in ('Y', '1', 'N', '0') and value:
            self.lun_scan = value in 'Y1'
        else:
            self.log('zfcp: allow_lun_scan: invalid value')
        self.tree.change(LUN_SCAN, 'Y' if self.lun_scan else 'N')

    def _proc_written(self, name):
        if name != 'cio_ignore':
            return
        for line in self.tree.read('proc/cio_ignore').splitlines():
            try:
                if line.strip() == 'purge':
                    self.purge()
                elif line.startswith(('add ', 'free ')):
                    self.ignore(line)
            except ValueError:
                self.log('cio_ignore: invalid: %s', line)
        self.tree.change('proc/cio_ignore', self._node.blacklist.text()[:-1])

    def _adapter_written(self, adapter, name):
        if self.adapters.get(adapter.bus_id) is not adapter:
            return
        if name == 'online':
            value = self.tree.read(adapter.path + '/online')
            if value in ('0', '1', 'force'):
                self.set_online(adapter, value != '0')
            self.tree.change(adapter.path + '/online', int(adapter.online))
        elif name in ('port_rescan', 'failed'):
            self.rescan(adapter)
            self.tree.change(adapter.path + '/failed', 0)
        elif name == 'port_remove':
            wwpn = self.tree.read(adapter.path + '/port_remove').lower()
            self.port_remove(adapter, wwpn.removeprefix('0x'))
        elif name == 'uevent':
            if self.tree.read(adapter.path + '/uevent').startswith('add'):
                self._node.adapter_event(adapter)

    def _port_written(self, port, name):
        """A write to `failed` makes zfcp recover the port."""
        if name == 'failed' and port.adapter.online:
            self._scan(port)
            self.tree.change(port.path + '/failed', 0)

    def _unit_recovers(self, port, unit, name):
        if name == 'failed' and port.units.get(unit.lun) is unit:
            unit.failed = None
            self._probe(port, unit)

    def _unit_written(self, port, text, add):
        if _SEVERAL.fullmatch(text):
            # Several were written without a newline, and read together.
            for start in range(0, len(text), 18):
                self._unit_written(port, text[start:start + 18], add)
            return
        try:
            lun = '%016x' % int(text, 0)
            if len(lun) != 16:
                raise ValueError(text)
        except ValueError:
            self.log('zfcp %s: unit: invalid LUN', port.adapter.bus_id)
            return
        if add:
            self.unit_add(port, lun)
        else:
            self.unit_remove(port, lun)

    def _disk_written(self, sd, name):
        """A file that was closed has not been written to, perhaps.

        What make_disk wrote is closed for good by a process that is being
        started at that moment, and has inherited it: maybe after the disk is
        watched.
        """
        if name == 'delete' and self.tree.read(sd.path + '/delete'):
            self.delete(sd)
        elif name == 'rescan':
            self.tree.change('%s/block/%s/size' % (sd.path, sd.name),
                             sd.disk.size // 512)
