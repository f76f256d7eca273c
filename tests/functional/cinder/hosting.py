# SPDX-License-Identifier: Apache-2.0
"""A process of Cinder on a simulated guest: os-brick attaches there.

os-brick, the managers and cinder-backup are the real ones.  What they read
and run below /sys and /dev is mapped to the folder of a node of the
simulator, whose kernel does what zfcp does.  What test_hosting.py has called
in the process of services.py.
"""

import builtins
import functools
import os
import platform
import re
import socket
import subprocess

_MAPPED = re.compile(r'^(if=|of=)?(/sys/|/dev/disk/|/dev/sd)')


class Guest:
    """The node whose folder is the root of this process's machine."""

    def __init__(self, folder, name):
        self.folder = folder
        self.name = name
        self.commands = []
        self.denied = ''    # what no command may write to

    def path(self, text):
        """A path of the machine as one of this host, or as it is."""
        found = isinstance(text, str) and _MAPPED.match(text)
        if not found:
            return text
        before = found[1] or ''
        return before + self.folder + text[len(before):]

    def execute(self, *command, process_input=None, check_exit_code=(0,),
                **_more):
        """As processutils.execute, without becoming root."""
        from oslo_concurrency import processutils
        command = [str(word) for word in command]
        self.commands.append(command)
        if command[0].endswith('scsi_id'):
            return '36005076300000000000000000000c0de\n', ''
        if self.denied and any(self.denied in word for word in command):
            raise processutils.ProcessExecutionError(
                '', 'Device or resource busy', 1)
        try:
            done = subprocess.run([self.path(word) for word in command],
                                  input=process_input, text=True,
                                  capture_output=True, check=False)
        except FileNotFoundError:       # as rootwrap has it
            raise processutils.ProcessExecutionError('', '', 127) from None
        if check_exit_code and done.returncode not in (
                [check_exit_code] if isinstance(check_exit_code, int)
                else check_exit_code):
            raise processutils.ProcessExecutionError(
                done.stdout, done.stderr, done.returncode)
        return done.stdout, done.stderr


_guests = []


def become(services, folder, name, machine='s390x'):
    """Be a guest from here on; back-ends find out by :func:`set_up`."""
    from cinder.backup import manager
    from cinder.volume import volume_utils
    from os_brick.initiator.connectors import fibre_channel_s390x
    from os_brick.initiator import linuxfc
    from os_brick import privileged
    from os_brick.privileged import rootwrap
    from oslo_concurrency import processutils
    guest = Guest(folder, name)
    _guests[:] = [guest]
    privileged.default.set_client_mode(False)   # no daemon that sudo starts
    platform.machine = lambda: machine
    socket.gethostname = lambda: name
    processutils.execute = rootwrap.execute = guest.execute
    volume_utils._real_copy = volume_utils._copy_volume_with_path
    volume_utils._copy_volume_with_path = _with(guest)
    # what is a block device there is a file here: not cut off by an open
    manager.open = lambda path, mode: builtins.open(
        path, 'r+b' if mode == 'wb' else mode)
    for call in 'exists', 'realpath':
        setattr(os.path, call, _mapping(guest, getattr(os.path, call)))
    kind = linuxfc.LinuxFibreChannel
    kind.FC_HOST_SYSFS_PATH = guest.path('/sys/class/fc_host')
    kind.get_fc_hbas = classmethod(_hbas(guest, kind.get_fc_hbas.__func__))
    kind = fibre_channel_s390x.FibreChannelConnectorS390X
    kind.connect_volume = _opened(guest, kind.connect_volume)


def _with(guest):
    from cinder.volume import volume_utils

    def copy(*args, execute=None, **kwargs):
        return volume_utils._real_copy(*args, execute=guest.execute,
                                       **kwargs)
    return copy


def _mapping(guest, real):
    @functools.wraps(real)
    def mapped(path, *args, **kwargs):
        found = real(guest.path(path), *args, **kwargs)
        if isinstance(found, str) and guest.path(path) != path:
            return found.removeprefix(guest.folder)
        return found
    return mapped


def _hbas(guest, real):
    def hbas(kind):
        return [dict(hba, ClassDevicepath=hba['ClassDevicepath'].removeprefix(
            guest.folder)) for hba in real(kind)]
    return hbas


def _opened(guest, real):
    """Cinder opens the path that os-brick gives it."""
    def connect_volume(self, properties):
        device = real(self, properties)
        return dict(device, path=guest.folder + os.path.realpath(
            device['path']))
    return connect_volume


def set_up(services):
    """The drivers anew, as a start of cinder-volume does it."""
    from cinder_zvm import hostkernel
    guest = _guests[0]
    hostkernel.Kernel.__init__.__defaults__ = (guest.folder,)
    for manager in services.cinder.managers.values():
        manager.driver.do_setup(services.cinder.context)
        manager.driver.check_for_setup_error()


def start_backup(services, folder):
    """cinder-backup, which writes its backups below a folder."""
    from cinder.backup.drivers import posix  # noqa: F401 registers options
    from cinder.backup import manager  # noqa: F401 likewise
    from cinder import service
    from oslo_config import cfg
    os.makedirs(folder, exist_ok=True)
    for name, value in (
            ('backup_driver',
             'cinder.backup.drivers.posix.PosixBackupDriver'),
            ('backup_posix_path', folder),
            ('backup_enable_progress_timer', False)):
        cfg.CONF.set_override(name, value)
    service.Service.create(binary='cinder-backup', host=services.cinder.host,
                           service_name='backup', process_number=1,
                           coordination=True).start()


def deny(services, text):
    """Let every command that names this fail."""
    _guests[0].denied = text


def commands(services):
    """What os-brick has run and written, in order."""
    return _guests[0].commands


def connect_by_hand(services, backend, volume_id):
    """As cinder-volume attaches; the process dies before it detaches."""
    from cinder.volume import volume_utils
    manager = services.cinder.managers[backend]
    volume = services.cinder.volume(volume_id)
    manager._attach_volume(
        services.cinder.context, volume,
        volume_utils.brick_get_connector_properties())


def states(services, backend):
    """State, phase and host of each LUN that is a volume's."""
    driver = services.cinder.managers[backend].driver
    return {lun.volume_id: [lun.state, lun.phase, lun.host]
            for lun in driver._backend.pool.view().luns if lun.volume_id}


def places(services, backend):
    """Where the ledger has each volume, as a provider_id."""
    from cinder_zvm import volumeop
    driver = services.cinder.managers[backend].driver
    return {lun.volume_id: volumeop.provider_id(lun)
            for lun in driver._backend.pool.view().luns if lun.volume_id}
