# SPDX-License-Identifier: Apache-2.0
"""LUNs for the Cinder host: lent for a copy, and back afterwards.

Whether a host has let go of a LUN is known by what its kernel shows, or by CP
when nobody has the host's FCP devices.  What a caller says counts where
neither can be asked: os-brick ignores errors when it is told to.
"""

from oslo_log import log as logging

from zvm_common import exceptions
from zvm_common.pool import loans

from cinder_zvm import errors

LOG = logging.getLogger(__name__)


class Lending:
    """What one back-end lends.

    :param pool: zvm_common.pool.Pool
    :param kernel: hostkernel.Kernel of this machine
    """

    def __init__(self, pool, kernel):
        self._pool = pool
        self._kernel = kernel

    def lend(self, host, lun):
        """Let a host have a volume's LUN; again for the same host is fine.

        :param host: hostconnector.HostConnector
        :param lun: LunState of the volume
        :returns: its LunState
        :raises ZvmError: the LUN is not the host's, and will not be
        """
        if self._kernel.is_of(host.name) and self._kernel.scans():
            raise exceptions.ConfigurationError(
                'Automatic LUN scan is on in the kernel of host %s: it brings '
                'every LUN that is masked to its FCP devices, and keeps them'
                % host.name,
                advice='Start it with zfcp.allow_lun_scan=0.')
        try:
            return loans.lend(self._pool, lun, host.name, host.devices)
        except (exceptions.OutcomeUnknown, exceptions.BadAnswer):
            self._fence(lun, host.name)
            raise

    def _fence(self, lun, name):
        """Its failure must not hide that of the loan."""
        try:
            loans.give_back(self._pool, lun.volume_id, lun.generation + 1,
                            name, loans.TOLD)
        except exceptions.ZvmError as err:
            LOG.error('Whether volume %(volume)s is lent to host %(host)s is '
                      'not known: %(error)s A sweep gives it back when the '
                      'host does not have it.',
                      {'volume': lun.volume_id, 'host': name, 'error': err})

    def give_back(self, volume_id, name, force):
        """Let the volume have its LUN again: the host has let go of it.

        :param name: model.BorrowerName of the host
        :param force: leave what is still in use, with a warning
        :raises DeviceBusy: the kernel of this very host has the LUN
        :raises ZvmError: it stays lent
        """
        lun = self._pool.look(volume_id)
        if lun is None:
            return
        if lun.state == 'ours':
            # a loan that is still on its way comes to nothing
            loans.give_back(self._pool, volume_id, lun.generation + 1, name,
                            loans.TOLD)
        elif not lun.lent or lun.host != str(name):
            _warn_if_used(lun)
        elif self._is_in_use(lun):
            if not force:
                raise exceptions.DeviceBusy(_in_use(lun), advice=_LET_GO)
            LOG.warning('%s. %s', _in_use(lun), _LET_GO)
        else:
            loans.give_back(self._pool, volume_id, lun.generation, name,
                            loans.TOLD)

    def _is_in_use(self, lun):
        """By this machine; of another one it is not known here."""
        return self._kernel.is_of(lun.host) and self._kernel.has(lun)

    def take_back(self, lun):
        """Let the volume have its LUN again where the host says nothing.

        :param lun: LunState of a volume that is lent
        :returns: why it stays lent, or None
        """
        here = self._kernel.is_of(lun.host)
        try:
            if here and self._kernel.has(lun):
                return '%s. %s' % (_in_use(lun), _LET_GO)
            # unlike a host's connector a sweep can be of any host
            loans.give_back(self._pool, lun.volume_id, lun.generation,
                            lun.host, loans.UNSEEN if here else loans.OFF)
        except (exceptions.ZvmError, OSError) as err:
            return '%s is lent to host %s: %s' % (errors.place(lun),
                                                  lun.host, err)
        return None


_LET_GO = ('When no backup or migration of it runs there, take its paths '
           'away on that host (multipath -f, then unit_remove; see the '
           "manual's chapter on backup); the next sweep gives it back")


def _in_use(lun):
    return 'The kernel of host %s still has %s of volume %s' % (
        lun.host, errors.place(lun), lun.volume_id)


def _warn_if_used(lun):
    if lun.state == 'used':
        LOG.warning('Detach: %s', errors.busy(lun).msg)
