# SPDX-License-Identifier: Apache-2.0
"""Makes the machines of a world from what its file says."""

from xcat_simulator import machine

ENTRY = ('USER %s XXXX 2G 4G G\nINCLUDE LNXDFLT\nCPU 00 BASE\n'
         'MACHINE ESA 32\nMDISK 0100 3390 1 3338 VOL001 MR\n')


class Disks:
    """The storage servers' disks: one sparse file and WWID each.

    Two pool lines that share a target port and LUN number, on whichever
    zHCP, or that name the same WWID, mean one disk behind all its ports.
    """

    def __init__(self, folder):
        self._folder = folder
        self._by_path = {}
        self._by_wwid = {}

    def of(self, lun):
        """The disk behind a spec.Lun, made at its first mention."""
        known = [self._by_path[(wwpn, lun.lun)] for wwpn in lun.wwpns
                 if (wwpn, lun.lun) in self._by_path]
        disk = known[0] if known else self._by_wwid.get(lun.wwid)
        if disk is None:
            disk = machine.Disk.create(
                self._folder, lun.wwpns, lun.lun, lun.bytes,
                masked_to=lun.masked_to, contents=lun.contents,
                wwid=lun.wwid)
        disk.wwpns += tuple(wwpn for wwpn in lun.wwpns
                            if wwpn not in disk.wwpns)
        for wwpn in lun.wwpns:
            self._by_path[(wwpn, lun.lun)] = disk
        self._by_wwid[disk.wwid] = disk
        return disk


def lpar(spec, folder, disks):
    """An Lpar with its zHCP and guests defined, the zHCP powered on."""
    found = {}
    for luns in spec.pools.values():
        for lun in luns:
            disk = disks.of(lun)
            found[disk.wwid] = disk
    made = machine.Lpar(
        spec.name, folder,
        [machine.FcpDevice(
            number=each.number, chpid=each.chpid, status=each.status,
            physical_wwpn=each.physical_wwpn, npiv_wwpn=each.npiv_wwpn)
         for each in spec.devices],
        list(found.values()), spec.targets, zhcp_userid=spec.zhcp.userid)
    entry = ENTRY % spec.zhcp.userid + ''.join(
        'DEDICATE %s %s\n' % (number, number)
        for number in spec.zhcp.devices)
    made.define(spec.zhcp.userid, entry, options(spec.zhcp.linux))
    made.guests[spec.zhcp.userid].power_on()
    for guest in spec.guests:
        made.define(guest.userid, guest.directory or ENTRY % guest.userid,
                    options(guest.linux))
    return made


def options(linux):
    """LinuxOptions of a spec.Linux."""
    return machine.LinuxOptions(**{
        key: getattr(linux, key) for key in linux.__dataclass_fields__})


def power_guests(spec, made):
    for guest in spec.guests:
        if guest.power == 'on':
            made.guests[guest.userid].power_on()
