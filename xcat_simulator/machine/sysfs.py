# SPDX-License-Identifier: Apache-2.0
"""The sys folder of a node: the kernel's state as files.

Attributes that a program writes: `online`, `allow_lun_scan`, `delete`,
`rescan`, `failed`, `uevent`, `port_remove` and `port_rescan` are regular
files in watched folders; `unit_add`, `unit_remove` and `scan`, whose every
write counts, are FIFOs that cannot be read ("Permission denied", as on
Linux).
"""
import os
import shutil

BASE = ('sys/bus/ccw/devices', 'sys/bus/ccw/drivers/zfcp',
        'sys/bus/scsi/devices', 'sys/bus/scsi/drivers/sd', 'sys/block',
        'sys/class/block', 'sys/class/scsi_host', 'sys/class/fc_host',
        'sys/class/fc_remote_ports',
        'sys/devices/css0', 'sys/devices/virtual/block',
        'sys/module/zfcp/parameters', 'sys/.new')


class Tree:
    """Makes and removes attributes below the node's folder.

    Read-only attributes with the same value are one file with many names:
    some file systems take a millisecond for each new file.
    """

    def __init__(self, folder):
        self.folder = folder
        self._values = {}

    def full(self, path):
        return os.path.join(self.folder, path)

    def reset(self):
        """An empty sys with the folders that are always there."""
        self.clear()
        for path in BASE:
            os.makedirs(self.full(path))

    def clear(self):
        self._values.clear()
        shutil.rmtree(self.full('sys'), ignore_errors=True)

    def make(self, path, **attributes):
        """Make a folder with attributes that may be written to."""
        top = self.full(path)
        os.makedirs(top, exist_ok=True)
        for name, value in attributes.items():
            self._write(os.path.join(top, name), value)

    def show(self, path, **attributes):
        """Make a folder with attributes that nobody writes to."""
        top = self.full(path)
        os.makedirs(top, exist_ok=True)
        for name, value in attributes.items():
            if value not in self._values:
                kept = self.full('sys/.new/%d' % len(self._values))
                self._write(kept, value, 0o444)
                self._values[value] = kept
            os.link(self._values[value], os.path.join(top, name))

    def change(self, path, value):
        """Give an attribute a new value that readers see whole."""
        new = self.full('sys/.new/attribute')
        self._write(new, value)
        os.rename(new, self.full(path))

    def link(self, path, target):
        """Make the relative symbolic link `path` -> `target`."""
        up = '../' * path.count('/')
        full = self.full(path)
        self.unlink(path)
        os.symlink(up + target, full)

    def unlink(self, path):
        try:
            os.unlink(self.full(path))
        except FileNotFoundError:
            pass

    def remove(self, path):
        shutil.rmtree(self.full(path), ignore_errors=True)

    def read(self, path):
        """An attribute's text without blanks around, or ''."""
        try:
            with open(self.full(path)) as attribute:
                return attribute.read().strip()
        except OSError:
            return ''

    @staticmethod
    def _write(path, value, mode=0o644):
        data = value if isinstance(value, bytes) else b'%s\n' % (
            str(value).encode())
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        os.write(fd, data)
        os.close(fd)


def make_adapter(tree, adapter):
    tree.make(adapter.path, online=0, failed=0, cmb_enable=0, port_rescan='',
              port_remove='', uevent='DRIVER=zfcp')
    tree.show(adapter.path, cutype='1731/03', devtype='1732/03',
              availability='good', in_recovery=0, status='0x00000000',
              modalias='ccw:t1731m03dt1732dm03')
    name = adapter.bus_id
    tree.link(adapter.path + '/driver', 'sys/bus/ccw/drivers/zfcp')
    tree.link(adapter.path + '/subsystem', 'sys/bus/ccw')
    tree.link('sys/bus/ccw/drivers/zfcp/' + name, adapter.path)
    tree.link('sys/bus/ccw/devices/' + name, adapter.path)


def remove_adapter(tree, adapter):
    tree.unlink('sys/bus/ccw/devices/' + adapter.bus_id)
    tree.unlink('sys/bus/ccw/drivers/zfcp/' + adapter.bus_id)
    tree.remove(os.path.dirname(adapter.path))


def make_host(tree, adapter):
    """The SCSI host and its fc_host, as an adapter that is online has."""
    device, host = adapter.device, 'host%d' % adapter.host
    kind = 'NPIV VPORT' if adapter.npiv else 'NPort'
    tree.show('%s/fc_host/%s' % (adapter.host_path, host),
              port_name='0x' + device.initiator,
              permanent_port_name='0x' + device.physical_wwpn,
              node_name='0x5005076400c00000', port_type=kind,
              port_state='Online', speed='16 Gbit', port_id='0x050400')
    tree.show('%s/scsi_host/%s' % (adapter.host_path, host),
              state='running', proc_name='zfcp', unique_id=adapter.host)
    for kind in ('fc_host', 'scsi_host'):
        tree.link('sys/class/%s/%s' % (kind, host),
                  '%s/%s/%s' % (adapter.host_path, kind, host))
    tree.change(adapter.path + '/online', 1)


def remove_host(tree, adapter):
    host = 'host%d' % adapter.host
    tree.unlink('sys/class/fc_host/' + host)
    tree.unlink('sys/class/scsi_host/' + host)
    tree.remove(adapter.host_path)
    if os.path.isdir(tree.full(adapter.path)):
        tree.change(adapter.path + '/online', 0)


def make_port(tree, port):
    tree.make(port.path, failed=0)
    tree.show(port.path, access_denied=0, in_recovery=0,
              status='0x54000001')


def make_rport(tree, port):
    path = '%s/%s' % (port.adapter.host_path, port.rport)
    real = '%s/fc_remote_ports/%s' % (path, port.rport)
    tree.show(real, port_name='0x' + port.wwpn, port_state='Online',
              node_name='0x' + port.wwpn, roles='FCP Target',
              scsi_target_id=port.target, dev_loss_tmo=60)
    tree.link('sys/class/fc_remote_ports/' + port.rport, real)


def remove_rport(tree, port):
    tree.unlink('sys/class/fc_remote_ports/' + port.rport)
    tree.remove('%s/%s' % (port.adapter.host_path, port.rport))


def make_unit(tree, port, unit):
    path = '%s/0x%s' % (port.path, unit.lun)
    tree.make(path, failed=int(unit.failed))
    tree.show(path, access_denied=0, in_recovery=0, access_readonly=0,
              access_shared=0, status='0x54000000')


def make_disk(tree, sd, wwid=True, page83=True):
    """The SCSI device, its block device and all links to them.

    wwid, page83: False for a kernel that does not show it.
    """
    disk, path = sd.disk, sd.path
    tree.make(path, state='running', delete='', rescan='', timeout=30,
              queue_depth=32)
    tree.show(path, vendor='IBM', model='2107900', rev='.278', type=0,
              hba_id=sd.port.adapter.bus_id,
              wwpn='0x' + sd.port.wwpn, fcp_lun='0x' + sd.lun,
              zfcp_failed=0, zfcp_in_recovery=0, zfcp_access_denied=0,
              **({'wwid': 'naa.' + disk.wwid} if wwid else {}),
              **({'vpd_pg83': _page83(disk.wwid)} if page83 else {}))
    block = '%s/block/%s' % (path, sd.name)
    make_block(tree, block, disk.size, sd.number)
    tree.link(block + '/device', path)
    tree.link('sys/bus/scsi/devices/' + sd.hctl, path)
    for top in ('sys/block/', 'sys/class/block/'):
        tree.link(top + sd.name, block)


def make_block(tree, path, size, number):
    """A block device; `size` in bytes (sysfs counts 512-byte sectors)."""
    tree.show(path, size=size // 512, dev=number, ro=0, removable=0,
              stat='0 0 0 0 0 0 0 0 0 0 0')
    tree.show(path + '/queue', logical_block_size=512,
              physical_block_size=512, discard_max_bytes=2147450880,
              discard_granularity=512, rotational=1, write_cache='write back')
    tree.show(path + '/holders')


def remove_disk(tree, sd):
    for top in ('sys/block/', 'sys/class/block/'):
        tree.unlink(top + sd.name)
    tree.unlink('sys/bus/scsi/devices/' + sd.hctl)
    tree.remove(sd.path)


def _page83(wwid):
    """VPD page 0x83 with one designator: binary NAA of the logical unit."""
    designator = bytes.fromhex('01030010') + bytes.fromhex(wwid)
    return bytes.fromhex('0083%04x' % len(designator)) + designator
