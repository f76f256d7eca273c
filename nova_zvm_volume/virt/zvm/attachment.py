# SPDX-License-Identifier: Apache-2.0
"""One attach of one volume, step by step, and how each step is undone."""

import time
import uuid

from oslo_log import log as logging

from nova_zvm_volume.virt.zvm import pending
from nova_zvm_volume.virt.zvm import rootpaths
from nova_zvm_volume.virt.zvm import trying
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model

LOG = logging.getLogger(__name__)

# The request did not reach the program.
_NOT_BEGUN = (exceptions.TryLater, exceptions.ConfigurationError,
              exceptions.InvalidValue)


class Attachment:
    """An attach under way: :meth:`run` does all steps.

    :param platform: :class:`~nova_zvm_volume.virt.zvm.platform.Platform`
    :param wanted: :class:`~nova_zvm_volume.virt.zvm.connection.Connection`
    :param undo: :class:`~nova_zvm_volume.virt.zvm.undo.Undo`, entered
    :param patience: seconds to wait for a guest that still boots
    :param may_wait: whether the guest may be off, and get its paths when it
        next runs; also one that does not answer, if the options say so
    :param is_root: the guest runs from it: any path is enough
    """

    def __init__(self, platform, wanted, instance, undo, patience=0,
                 may_wait=False, is_root=False):
        self._may_wait = may_wait
        self._is_root = is_root
        self._give_up = time.monotonic() + patience
        self._platform = platform
        self._wanted = wanted
        self._undo = undo
        self._who = instance
        self._instance = model.Uuid(instance.uuid)
        self._userid = model.Userid(instance.name)
        self._node = model.NodeName(instance.name.lower())
        # A repeat of an attach that was done before is never undone: the
        # volume is in use.
        self._repeated = False

    def run(self):
        """Attach.

        :returns: LunState, tuple of paths, AttachedDisk; None instead of a
            disk when that waits for the guest
        """
        # Guests made by the Cloud Connector are no xCAT nodes. The definition
        # is the guest's, not the volume's: it is removed with the guest.
        self._platform.define_node(self._node, self._userid)
        lun = self._take()
        return lun, lun.paths, self._disk(lun, lun.paths)

    def _disk(self, lun, paths):
        if lun.guest_off:
            return None
        try:
            disk = self._configure(lun, paths)
        except exceptions.GuestUnreachable as err:
            if not (self._may_wait and self._platform.attach_waits):
                raise
            # A volume that it had before it may still have.
            phase = lun.phase or ('connect' if self._repeated else 'pending')
            self._pend(lun, phase, err.message)
            return None
        if lun.phase or lun.other and not lun.wwid:
            self._works(lun, disk)
        return disk

    def _works(self, lun, disk):
        if not self._repeated:
            self._undo.by('take the paths away', self._paths_away,
                          self._platform.guest(self._node), lun, lun.paths,
                          disk.wwid)
        pending.works(self._platform, lun, self._instance, disk)

    def _pend(self, lun, *phase):
        self._platform.devices.pend(lun.volume_id, lun.generation,
                                    self._instance, *phase)

    def _take(self):
        """Swap ours to used by this guest, FCP devices dedicated."""
        request = self._request()
        try:
            lun = self._when_up(self._platform.devices.attach, request)
        except _NOT_BEGUN:
            raise
        except Exception as err:
            if isinstance(err, exceptions.Refused) and not _in_doubt(err):
                raise
            LOG.warning('Looking what became of the attach of volume %s: %s',
                        self._wanted.volume_id, err)
            return self._take_again(request)
        self._repeated = lun.operation_id != request.operation_id
        self._give_back_on_error(lun)
        return lun

    def _request(self):
        # The devices are those held since the connector was made.
        return fcp.AttachRequest(
            volume_id=self._wanted.volume_id,
            generation=self._wanted.generation,
            attachment_id=self._wanted.attachment_id or str(uuid.uuid4()),
            instance_uuid=self._instance, userid=self._userid,
            node=self._node, operation_id=str(uuid.uuid4()),
            off=self._may_wait,
            # what is attached has the paths that the ledger says
            targets=() if self._wanted.paths else self._wanted.targets)

    def _take_again(self, request):
        """The outcome is not known: read the truth, then ask once more.

        The undoing refuses, by the generation, also a first request that is
        still on its way.
        """
        before = self._platform.look(self._wanted.volume_id)
        self._repeated = (before is not None
                          and before.instance == str(self._instance)
                          and before.phase != 'leaving'
                          and before.operation_id != request.operation_id)
        self._give_back_on_error(before)
        return self._platform.devices.attach(request)

    def _give_back_on_error(self, lun):
        if self._repeated:
            return
        if lun is not None and lun.phase in ('connect', 'leaving'):
            # Its detach was waiting: the guest's Linux may have it.
            self._undo.by('take the LUN back', self._take_back)
            return
        self._undo.by('give the LUN back', self._platform.devices.detach,
                      self._wanted.volume_id, self._wanted.generation + 1,
                      self._instance)

    def _take_back(self):
        lun = self._platform.look(self._wanted.volume_id)
        if lun is not None and lun.instance == str(self._instance):
            pending.take_back(self._platform, lun, self._who)

    def _configure(self, lun, paths):
        """Paths and disk in the guest."""
        guest = self._platform.guest(self._node, lun.channel)
        wwid = lun.wwid or self._wanted.wwid
        what = (self._wanted.volume_id, lun.generation, paths, wwid,
                self._wanted.size)
        try:
            return self._when_up(self._attach_in, guest, *what)
        except BaseException as err:
            if not self._repeated and _begun(err):
                # With the next generation, so that a request that is still
                # on its way to the guest finds itself stale.
                self._undo.by('take the paths away', self._paths_away, guest,
                              lun, paths, wwid)
            raise

    def _attach_in(self, guest, *what):
        try:
            return guest.attach(*what)
        except exceptions.PathFailed as err:
            if not self._is_root:
                raise
            return rootpaths.attach_some(guest, err, *what)

    def _paths_away(self, guest, lun, paths, wwid):
        try:
            guest.detach(self._wanted.volume_id, lun.generation + 1, paths,
                         wwid)
        except exceptions.GuestUnreachable:
            # Its Linux may have them: the LUN stays used until it answers.
            self._platform.devices.leave(lun.volume_id, lun.generation,
                                         self._instance)
            raise

    def _when_up(self, function, *args):
        return trying.when_up(self._give_up, function, *args)


def _in_doubt(refusal):
    """Whether an attempt before the refused one may have done something."""
    return refusal.fields.get('undone') == 'unknown'


def _begun(error):
    """Whether the guest may be left with anything configured."""
    if isinstance(error, exceptions.Refused):
        return error.fields.get('undone', 'yes') != 'yes'
    return not isinstance(error, _NOT_BEGUN)
