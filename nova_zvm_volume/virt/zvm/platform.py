# SPDX-License-Identifier: Apache-2.0
"""The z/VM LPAR that this compute host serves, as the options name it."""

import shlex

from zvm_common import fcp
from zvm_common import guestdisk
from zvm_common import pool
from zvm_common.xcat import guest
from zvm_common.xcat import hypervisor
from zvm_common.xcat import session
from zvm_common import zhcp

# Asked twice: a guest may be logging on or off just now.
_QUERY = ('s=; [ "$(id -u)" = 0 ] || s="sudo -n"; '
          '$s vmcp q user %(user)s; sleep 1; $s vmcp q user %(user)s')
_LOGGED_OFF = 'HCPCQU045E'


class Platform:
    """Management node, zHCP and guests.

    Nothing is asked of the management node before it is needed, so that a
    compute service can start while it is down.

    :param settings: :class:`zvm_common.conf.Settings`
    :param host: Nova's name of this compute host
    """

    def __init__(self, settings, host):
        self.host = host
        self._settings = settings
        self._session = session.Session.from_settings(settings)
        self._hypervisor = None

    @property
    def hypervisor(self):
        """The LPAR, looked up once.

        Threads that are first together all look, and find the same.
        """
        if self._hypervisor is None:
            self._hypervisor = hypervisor.Hypervisor.find(
                self._session, self._settings.hypervisor)
        return self._hypervisor

    @property
    def _zhcp(self):
        return zhcp.Zhcp(self.hypervisor, 'nova:%s' % self.host)

    @property
    def devices(self):
        """FCP devices of guests: :class:`zvm_common.fcp.Devices`."""
        return fcp.Devices(self._zhcp, self._settings.fcp_list,
                           paths=self._settings.paths, compute=self.host)

    def check(self):
        """Find the LPAR and see that our program works on its zHCP.

        :raises ConfigurationError: and its kin, to be mended by an operator
        """
        self._zhcp.hello()

    def look(self, volume_id):
        """The volume's LunState in the ledger, None when it knows none."""
        # Volumes are found by their id, in whichever pool they are.
        return pool.Pool(self._zhcp, 'any').look(volume_id)

    def define_node(self, name, userid):
        """The guest's node on the management node, which may be there.

        :raises ConfigurationError: a node of that name stands for another
            guest: what is sent to it would reach the wrong one
        """
        guest.define_node(self._session, name,
                          self.hypervisor.zhcp_hostname, userid)

    def remove_node(self, name):
        """Remove the definition, if it is ours; the guest is not touched."""
        guest.remove_node(self._session, name)

    def guest(self, node):
        """The disks of a guest: :class:`zvm_common.guestdisk.GuestDisk`."""
        return guestdisk.GuestDisk(guest.Node(self._session, node))

    def guest_is_off(self, userid):
        """Whether CP says, twice, that the user is not logged on.

        xCAT's power state says "off" as soon as a logoff was asked for.
        """
        result = self.hypervisor.zhcp.run(
            _QUERY % {'user': shlex.quote(str(userid))}, idempotent=True)
        said = (result.stdout + result.stderr).split('\n')
        return sum(_LOGGED_OFF in line for line in said) == 2
