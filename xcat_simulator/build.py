# SPDX-License-Identifier: Apache-2.0
"""Makes the machines of a world from what its file says."""

import dataclasses

from xcat_simulator import machine
from xcat_simulator.machine import directory
from xcat_simulator.machine import model
from xcat_simulator import poolfile

ENTRY = ('USER %s XXXX 2G 4G G\nINCLUDE LNXDFLT\nCPU 00 BASE\n'
         'MACHINE ESA 32\nMDISK 0100 3390 1 3338 VOL001 MR\n')


class Disks:
    """The storage servers' disks: one sparse file and WWID each.

    Two pool lines of `lpars` that share a target port and LUN number, on
    whichever zHCP, or that name the same WWID, mean one disk behind all the
    ports of both; so do two lines that a third one joins. Its other
    qualities are those of the first line.
    """

    def __init__(self, folder, lpars):
        self.folder = folder
        self._joined = {}
        self._disks = {}
        luns = [lun for each in lpars for pool in each.pools.values()
                for lun in pool]
        for lun in luns:
            first, *others = _names(lun)
            for name in others:
                self._joined[self._root(name)] = self._root(first)
        self._names = {}
        for lun in luns:
            self._names.setdefault(self._root(_names(lun)[0]), {}).update(
                dict.fromkeys(_names(lun)))

    def _root(self, name):
        """The name that stands for all that are joined with `name`."""
        while self._joined.get(name, name) != name:
            name = self._joined[name]
        return name

    def of(self, lun):
        """The disk behind a spec.Lun of the world, made at its first use.

        Raises machine.MachineError when its file cannot be made.
        """
        root = self._root(_names(lun)[0])
        if root not in self._disks:
            self._disks[root] = self._make(lun, self._names[root])
        return self._disks[root]

    def beside(self, lun):
        """The disk of a spec.Lun that stands in no pool.

        Such numbers are each host's own, so that one disk may have several,
        each behind its ports: those with the same WWID have one file.
        """
        return self._make(lun, {(lun.wwid,): None} if lun.wwid else {})

    def _make(self, lun, names):
        wwids = [name[0] for name in names if len(name) == 1]
        try:
            disk = machine.Disk.create(
                self.folder, lun.wwpns, lun.lun, lun.bytes,
                masked_to=lun.masked_to, contents=lun.contents,
                wwid=wwids[0] if wwids else None)
        except OSError as e:
            raise model.MachineError(
                'no disk of %d bytes can be made for LUN %s: %s' % (
                    lun.bytes, lun.lun, e.strerror)) from e
        disk.wwpns += tuple(name[0] for name in names if len(name) == 2
                            and name[0] not in disk.wwpns)
        return disk


class Added:
    """Disks of the lines that came into an LPAR's pool files since."""

    def __init__(self, host, folder):
        self._host, self._folder = host, folder
        self._texts = {}
        self._known = {path for disk in host.lpar.disks
                       for path in disk.paths()}

    def __call__(self):
        """The new ones, each told once."""
        texts = self._host.pool_texts()
        if texts == self._texts:
            return []
        self._texts, added = texts, []
        for lun in (lun for text in texts.values()
                    for lun in poolfile.luns(text)):
            if self._known.isdisjoint((wwpn, lun.lun) for wwpn in lun.wwpns):
                added.append(machine.Disk.create(
                    self._folder, lun.wwpns, lun.lun, lun.bytes))
                self._known.update(added[-1].paths())
        return added


def _names(lun):
    """What names the disk: (port, LUN) of each path, (WWID,) if given."""
    found = [(wwpn, lun.lun) for wwpn in lun.wwpns]
    return found + ([(lun.wwid,)] if lun.wwid else [])


def lpar(spec, folder, disks, shares=(), kept=None):
    """An Lpar with its zHCP and guests defined, all of them off.

    shares: {path: (path of the host, may it be written)} that its zHCP will
    have mounted. kept: {user ID: VirtualMachine.described} of an earlier run,
    whose guests are there instead of the spec's.
    """
    made = machine.Lpar(
        spec.name, folder,
        [machine.FcpDevice(
            number=each.number, chpid=each.chpid, status=each.status,
            physical_wwpn=each.physical_wwpn, npiv_wwpn=each.npiv_wwpn)
         for each in spec.devices],
        _disks(spec, disks), spec.targets,
        zhcp_userid=spec.zhcp.userid)
    for userid, found in (kept or _guests(spec)).items():
        guest = made.restore(userid, found)
        if kept and guest.linux is not None:
            guest.linux.clean()
    _zhcp(spec, made).linux.shares.update(shares)
    return made


def _disks(spec, disks):
    """Each disk of its pools once, then those that stand in none."""
    found = [disks.of(lun) for luns in spec.pools.values() for lun in luns]
    once = {disk.wwid: disk for disk in found}
    return [*once.values(), *(disks.beside(lun) for lun in spec.disks)]


def _zhcp(spec, made):
    zhcp = made.guests.get(spec.zhcp.userid)
    if zhcp is None or zhcp.linux is None:
        raise model.MachineError('%s has no zHCP %s any more' % (
            spec.name, spec.zhcp.userid))
    return zhcp


def _guests(spec):
    """The zHCP and the guests as VirtualMachine.described has them."""
    entry = ENTRY % spec.zhcp.userid
    entry += 'IUCV ANY\n' if spec.zhcp.iucv_any else ''
    entry += ''.join('DEDICATE %s %s\n' % (number, number)
                     for number in spec.zhcp.devices)
    every = [(spec.zhcp.userid, entry, spec.zhcp.linux)]
    every += [(guest.userid, guest.directory or ENTRY % guest.userid,
               guest.linux) for guest in spec.guests]
    return {userid: {'directory': text, 'wwid': None,
                     'linux': dataclasses.asdict(linux)}
            for userid, text, linux in every}


def power_guests(spec, made):
    for guest in spec.guests:
        if guest.power == 'on':
            found = made.guests[guest.userid]
            entry = found.directory
            for virtual, real in directory.dedicated(entry):
                if real in guest.inactive:
                    found.directory = directory.remove_dedicate(
                        found.directory, virtual)
            found.power_on()
            found.directory = entry
