# SPDX-License-Identifier: Apache-2.0
"""Which LUNs the kernel of this machine has."""

import errno
import glob
import os
import socket

from zvm_common import exceptions
from zvm_common import model

_GONE = (errno.ENOENT, errno.ENODEV, errno.ENXIO)


class Kernel:
    """The Linux that this process runs on.

    :param root: where its sysfs is found below
    """

    def __init__(self, root='/'):
        self._root = root

    @staticmethod
    def is_of(host):
        """Whether this machine is a host, as os-brick names it.

        :param host: model.BorrowerName, or its text
        """
        try:
            here = model.BorrowerName(socket.gethostname())
        except exceptions.InvalidValue:
            return False
        return str(here) == str(host)

    def has(self, lun):
        """Whether there is a SCSI device of a LUN, on any of its paths.

        :param lun: LunState
        :raises OSError: it cannot be told
        """
        return any(self._is_path(folder, lun) for folder in glob.glob(
            os.path.join(self._root, 'sys/bus/scsi/devices/*:*:*:*')))

    def _is_path(self, folder, lun):
        number = self._read(folder, 'fcp_lun')
        wwpn = self._read(folder, 'wwpn')
        return number == '0x%s' % lun.lun and wwpn in [
            '0x%s' % each for each in lun.wwpns]

    @staticmethod
    def _read(*path):
        """An attribute, or '' where there is none: it may just vanish."""
        try:
            with open(os.path.join(*path), encoding='ascii') as stream:
                return stream.read().strip().lower()
        except OSError as err:
            if err.errno not in _GONE:
                raise
            return ''

    def scans(self):
        """Whether it brings every LUN that is masked to its FCP devices."""
        return self._read(self._root, 'sys/module/zfcp/parameters',
                          'allow_lun_scan') in ('y', '1')
