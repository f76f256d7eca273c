# SPDX-License-Identifier: Apache-2.0
"""From a back-end's section of cinder.conf to its pool on the zHCP."""

import dataclasses

from zvm_common import conf
from zvm_common import exceptions
from zvm_common import pool as scsi_pool
from zvm_common.pool import moves
from zvm_common import takers
from zvm_common.xcat import hypervisor as xcat_hypervisor
from zvm_common.xcat import session as xcat_session
from zvm_common import zhcp as zhcp_program


def settings(configuration):
    """Check the options of a back-end before any request.

    :param configuration: cinder.volume.configuration.Configuration
    :returns: zvm_common.conf.Settings
    :raises ConfigurationError: names option, value and rule
    """
    found = conf.settings(configuration)
    if not len(found.zhcp_fcp_list):
        raise exceptions.ConfigurationError(
            'zvm_zhcp_fcp_list is not set. A deleted volume is wiped by a job '
            'on the zHCP, which reaches the LUN through FCP devices dedicated '
            'to the zHCP only: without them no volume could be deleted',
            advice='Dedicate one FCP device or more to the zHCP, mask the '
                   "pool's LUNs to their WWPNs and list their numbers, such "
                   'as 3BFE;3CFE.')
    return found


@dataclasses.dataclass(frozen=True)
class Backend:
    """A pool, the zHCP that holds it and the z/VM LPAR of both.

    ``settings`` is a zvm_common.conf.Settings, ``hypervisor``, ``zhcp`` and
    ``pool`` are the objects of zvm_common.
    """

    settings: object
    hypervisor: object
    zhcp: object
    pool: object

    def check(self):
        """Prove that volumes can be made and wiped here.

        :raises ZvmError: of a class and text for each mistake
        """
        found = self.zhcp.hello()
        takers.check(self.zhcp.name, found.takers)
        self.pool.ledger = found.ledger
        self.pool.check()
        self._check_zhcp_devices()

    def other_pool(self, name, scope):
        """A pool of the same zHCP, as the back-end of that scope has it.

        :returns: zvm_common.pool.Pool
        """
        return moves.other(self.pool, name, scope,
                           self.settings.zhcp_fcp_list)

    def _check_zhcp_devices(self):
        """A wrong number here would cost a LUN at each wipe: quarantined."""
        active = {device.number
                  for device in self.hypervisor.fcp_devices('active')}
        idle = [str(number) for number in self.settings.zhcp_fcp_list
                if number not in active]
        if idle:
            raise exceptions.ConfigurationError(
                'zvm_zhcp_fcp_list has FCP devices that no guest of z/VM LPAR '
                '%s has: %s' % (self.hypervisor.name, ', '.join(idle)),
                advice='Dedicate them to the zHCP, or take them out of the '
                       'list.')


# More than cinder-volume has workers (executor_thread_pool_size, 64): deletes
# that wait for a wipe must not keep an attach from its connection.
_CONNECTIONS = 80


def connect(found, scope):
    """Find the back-end's zHCP through the management node.

    :param found: zvm_common.conf.Settings
    :param scope: who we are in the ledger, such as 'cinder:host@backend'
    :returns: Backend
    :raises ZvmError: MN unreachable, certificate, password, LPAR unknown
    """
    session = xcat_session.Session(
        str(found.server), found.username, found.password,
        ca_file=found.ca_file, connect_timeout=found.connect_timeout,
        read_timeout=found.read_timeout, pool_size=_CONNECTIONS)
    hypervisor = xcat_hypervisor.Hypervisor.find(
        session, found.hypervisor and str(found.hypervisor))
    zhcp = zhcp_program.Zhcp(hypervisor, found.of_cloud(scope))
    return Backend(found, hypervisor, zhcp,
                   scsi_pool.Pool(zhcp, str(found.pool),
                                  found.zhcp_fcp_list))
