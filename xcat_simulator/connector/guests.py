# SPDX-License-Identifier: Apache-2.0
"""Guests that the connector makes: directory entries of its LPAR."""

import re

from xcat_simulator.connector import envelope
from xcat_simulator.connector import sizes
from xcat_simulator import machine

USERID = re.compile(r'[A-Z0-9@#$_+:-]{1,8}\Z')
SIZE = re.compile(r'([0-9]+)([mg]?)\Z')
# Bytes of a 3390 cylinder, and the units of a disk's size.
CYLINDER = 849960
UNITS = {'m': 1 << 20, 'g': 1 << 30}
FIRST_DISK = 0x100


class Guests:
    """The guests of an LPAR that the connector manages: it made them.

    Others on the LPAR are not there for it.
    """

    def __init__(self, host, images):
        self._host = host
        self._lpar = host.lpar
        self._images = images

    def names(self):
        with self._lpar.lock:
            return sorted(self._host.managed)

    def get(self, name):
        """The managed VirtualMachine; 404 for any other name."""
        userid = name.upper()
        with self._lpar.lock:
            guest = self._lpar.guests.get(userid)
            if guest is None or userid not in self._host.managed:
                raise envelope.Refusal(envelope.MISSING,
                                       "Guest '%s' does not exist" % userid)
            return guest

    def power_state(self, name):
        return self.get(name).power

    def create(self, body):
        """POST /guests: the entry only; nothing runs yet."""
        wanted = envelope.part(body, 'guest', dict)
        userid = envelope.part(wanted, 'userid', str).upper()
        if not USERID.match(userid):
            raise envelope.Refusal(envelope.BAD_REQUEST,
                                   'Invalid userid %s' % userid)
        entry = _entry(userid, envelope.part(wanted, 'vcpus', int),
                       envelope.part(wanted, 'memory', int),
                       wanted.get('disk_list') or [])
        with self._lpar.lock:
            if userid in self._lpar.guests:
                raise envelope.Refusal(envelope.CONFLICT,
                                       "Guest '%s' already exists" % userid)
            self._host.managed.add(userid)
            self._lpar.define(userid, entry)
        return None

    def delete(self, name):
        with self._lpar.lock:
            guest = self.get(name)
            self._lpar.delete(guest.userid)
            self._host.managed.discard(guest.userid)

    def add_disks(self, name, body):
        """PUT /guests/NAME/disks: ephemeral disks are in the entry already."""
        self.get(name)
        info = envelope.part(body, 'disk_info', dict)
        envelope.part(info, 'disk_list', list)

    def add_interface(self, name, body):
        """POST /guests/NAME/interface: a NIC on the first free device."""
        wanted = envelope.part(body, 'interface', dict)
        networks = envelope.part(wanted, 'guest_networks', list)
        with self._lpar.lock:
            guest = self.get(name)
            for number, _ in enumerate(networks):
                guest.directory += 'NICDEF %04X TYPE QDIO\n' % (
                    0x1000 + 3 * number)

    def act(self, name, body):
        """POST /guests/NAME/action; returns what the action answers."""
        action = envelope.part(body, 'action', str)
        handler = ACTIONS.get(action)
        if handler is None:
            raise envelope.Refusal(envelope.BAD_REQUEST,
                                   'action: %s is invalid' % action)
        return handler(self, self.get(name), body)

    def _deploy(self, guest, body):
        image = envelope.part(body, 'image', str)
        distro = self._images.distro_of(image)
        with self._lpar.lock:
            guest.install(machine.LinuxOptions(
                distro=distro, ssh=self._host.deploys_ssh,
                iucv=self._host.deploys_iucv))

    def _capture(self, guest, body):
        version = guest.linux.options.distro if guest.linux else ''
        self._images.capture(envelope.part(body, 'image', str), version)

    def _start(self, guest, body):
        guest.power_on()

    def _stop(self, guest, body):
        guest.power_off()

    def _reset(self, guest, body):
        guest.reset()

    def _pause(self, guest, body):
        """CP stops the virtual processors; the guest stays logged on."""
        self._set_paused(guest, True)

    def _unpause(self, guest, body):
        self._set_paused(guest, False)

    @classmethod
    def _set_paused(cls, guest, paused):
        cls._active(guest)
        guest.paused = paused

    def _reboot(self, guest, body):
        """Linux boots anew; the guest stays logged on."""
        self._active(guest)
        guest.reboot()

    def _resize_cpus(self, guest, body):
        with self._lpar.lock:
            guest.directory = sizes.resize_cpus(
                guest.userid, guest.directory, body.get('cpu_cnt'))

    def _resize_memory(self, guest, body):
        with self._lpar.lock:
            guest.directory = sizes.resize_memory(
                guest.userid, guest.directory, body.get('size'))

    @staticmethod
    def _active(guest):
        if guest.power != 'on':
            raise envelope.Refusal(envelope.CONFLICT,
                                   "Guest '%s' is not active" % guest.userid)

    def _console(self, guest, body):
        state = 'Ready' if guest.power == 'on' else 'logged off'
        return '%s: %s\n%s' % (guest.userid, state, guest.console)


ACTIONS = {
    'deploy': Guests._deploy, 'capture': Guests._capture,
    'start': Guests._start, 'stop': Guests._stop,
    'softstop': Guests._stop, 'reboot': Guests._reboot,
    'reset': Guests._reset, 'pause': Guests._pause,
    'unpause': Guests._unpause, 'get_console_output': Guests._console,
    'resize_cpus': Guests._resize_cpus, 'resize_mem': Guests._resize_memory,
}


def _entry(userid, vcpus, memory, disks):
    """The directory entry: memory in MiB, disks as the request has them."""
    lines = sizes.statements(userid, vcpus, memory)
    for number, disk in enumerate(disks):
        size = envelope.part(disk, 'size', str).lower()
        if disk.get('is_boot_disk'):
            lines.append('IPL %04X' % (FIRST_DISK + number))
        lines.append('MDISK %04X 3390 AUTOG %d POOL1 MR' % (
            FIRST_DISK + number, _cylinders(size)))
    return '\n'.join(lines) + '\n'


def _cylinders(size):
    """Cylinders of 3338, 512m or 1g: plain numbers are cylinders."""
    match = SIZE.match(size)
    if not match:
        raise envelope.Refusal(envelope.BAD_REQUEST,
                               'Invalid disk size %s' % size)
    number = int(match[1])
    if not match[2]:
        return number
    return -(-number * UNITS[match[2]] // CYLINDER)
