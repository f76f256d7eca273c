# SPDX-License-Identifier: Apache-2.0
"""The storage server and the fabric: who sees which disk through what."""


class Storage:
    """Disks behind target ports.

    targets: CHPID -> target WWPNs that its fabric reaches; a CHPID that is
    not in it reaches all. `more` is asked for disks that have come since.
    """

    def __init__(self, disks, targets=None):
        self._disks = list(disks)
        self.targets = dict(targets or {})
        self.more = tuple

    @property
    def disks(self):
        self._disks.extend(self.more())
        return self._disks

    def ports(self, device):
        """The target WWPNs that an FCP device finds, sorted."""
        every = {wwpn for disk in self.disks for wwpn in disk.wwpns}
        reached = self.targets.get(device.chpid)
        return sorted(every if reached is None else every & set(reached))

    def luns(self, device, wwpn):
        """Disks that the port reports to this device: {lun: Disk}."""
        return {disk.lun: disk for disk in self.disks
                if wwpn in disk.wwpns and disk.visible_to(device.initiator)}

    def find(self, wwpn, lun):
        """The disk behind this port and LUN, masked or not, or None."""
        for disk in self.disks:
            if wwpn in disk.wwpns and disk.lun == lun:
                return disk
        return None
