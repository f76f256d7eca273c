# SPDX-License-Identifier: Apache-2.0
"""What every block device of device mapper has: maps, logical volumes."""

MAJOR = 253


class Device:
    """The `index`-th device of a node, dm-<index>."""

    index: int

    @property
    def device(self):
        return 'dm-%d' % self.index

    @property
    def number(self):
        return '%d:%d' % (MAJOR, self.index)

    @property
    def path(self):
        return 'sys/devices/virtual/block/' + self.device
