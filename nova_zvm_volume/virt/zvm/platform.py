# SPDX-License-Identifier: Apache-2.0
"""The z/VM LPAR that this compute host serves, as the options name it."""

import re

from oslo_log import log as logging

from zvm_common import channel
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import fcpgroups
from zvm_common import guestdisk
from zvm_common import pool
from zvm_common.xcat import guest
from zvm_common.xcat import hypervisor
from zvm_common.xcat import session
from zvm_common import zhcp

LOG = logging.getLogger(__name__)

_WHO = 's=; [ "$(id -u)" = 0 ] || s="sudo -n"; '
_QUERY_SELF = _WHO + '$s vmcp q userid'
_AT = re.compile(r'\S+ +AT +(\S+)')


class Platform:
    """Management node, zHCP and guests.

    Nothing is asked of the management node before it is needed, so that a
    compute service can start while it is down.

    :param settings: :class:`zvm_common.conf.Settings`
    :param host: Nova's name of this compute host
    """

    def __init__(self, settings, host):
        self.host = host
        #: Who we are in the ledger's records, unique among all clouds.
        self.who = settings.of_cloud(host)
        self._settings = settings
        self._session = session.Session.from_settings(settings)
        self._hypervisor = None
        self._channels = channel.Channels(
            self._session, lambda: self._zhcp, settings.guest_channel)

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
        return zhcp.Zhcp(self.hypervisor, 'nova:%s' % self.who)

    @property
    def devices(self):
        """FCP devices of guests: :class:`zvm_common.fcp.Devices`."""
        return fcp.Devices(self._zhcp, self._settings.fcp_groups,
                           paths=self._settings.paths, compute=self.who,
                           cooling=self._settings.fcp_cooling)

    @property
    def attach_waits(self):
        """Whether an attach may wait for a guest that does not answer."""
        return self._settings.attach_unreachable == 'pending'

    @property
    def sweep_interval(self):
        """Seconds between two sweeps; 0: only at the start."""
        return self._settings.sweep_interval

    def check(self, system):
        """Find the LPAR and see that our program works on its zHCP.

        :param system: z/VM system that the Cloud Connector makes guests on
        :raises ConfigurationError: and its kin, to be mended by an operator
        """
        hello = self._zhcp.hello()
        if self._settings.guest_channel == 'iucv' and not hello.iucv:
            raise exceptions.ToolMissing(
                'The zHCP %s has no iucvclnt in /opt/zhcp/bin/IUCV'
                % self._zhcp.name,
                advice='Install it there, or set zvm_guest_channel to ssh '
                       'and give guests the ssh key of the management node.')
        found = self._system()
        if found.upper() != system.upper():
            raise exceptions.ZhcpMismatch(
                'The Cloud Connector makes guests on z/VM system %s, and '
                'hypervisor %s with its zHCP %s is z/VM system %s'
                % (system, self.hypervisor.name,
                   self.hypervisor.zhcp_hostname, found),
                advice='Let cloud_connector_url and zvm_hypervisor in [zvm] '
                       'name the same LPAR.')
        self._check_devices()

    def _check_devices(self):
        """Say what will go wrong with zvm_fcp_list; a repair may change it.

        z/VM may show a channel path otherwise after a repair, and guests that
        have their devices are served anyway: nothing here stops the service.
        """
        groups, chpids, directory = self.devices.groups()
        LOG.info('FCP devices for guests: %s', '; '.join(map(str, groups)))
        for chpid, texts in sorted(fcpgroups.shared_chpids(
                self._settings.fcp_groups, chpids).items()):
            LOG.warning('Groups %s of zvm_fcp_list are both on CHPID %s. A '
                        'guest gets one device of a CHPID, so that its paths '
                        'may fail to be found although devices are free: let '
                        'each group be on CHPIDs of its own.',
                        ' and '.join(texts), chpid)
        if not directory:
            LOG.warning('SMAPI does not show the user directory to zHCP %s '
                        '(Query_All_DM). FCP devices in the directory entry '
                        'of a guest that is off cannot be told from free '
                        'ones: let zvm_fcp_list have none that other guests '
                        'have.', self.hypervisor.zhcp_hostname)

    def _system(self):
        """The z/VM system that the zHCP runs on, as CP names it."""
        result = self.hypervisor.zhcp.run(_QUERY_SELF, idempotent=True)
        match = _AT.match(result.stdout)
        if not match:
            raise exceptions.BadAnswer(
                'CP tells zHCP %s of itself: %s'
                % (self.hypervisor.zhcp_hostname,
                   exceptions.excerpt(result.stdout + result.stderr)))
        return match[1]

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

    def guest(self, node, hint=''):
        """The disks of a guest: :class:`zvm_common.guestdisk.GuestDisk`.

        :param hint: the ``channel`` of a LunState of the guest
        """
        return guestdisk.GuestDisk(channel=self._channels.to(node, hint))
