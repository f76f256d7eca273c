# SPDX-License-Identifier: Apache-2.0
"""One attach of one volume, step by step, and how each step is undone."""

import time
import uuid

from oslo_log import log as logging

from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import guestdisk
from zvm_common import model

LOG = logging.getLogger(__name__)

# The request did not reach the program.
_NOT_BEGUN = (exceptions.TryLater, exceptions.ConfigurationError,
              exceptions.InvalidValue)
_BETWEEN_TRIES = 5  # seconds, for a guest that still boots


class Attachment:
    """An attach under way: :meth:`run` does all steps.

    :param platform: :class:`~nova_zvm_volume.virt.zvm.platform.Platform`
    :param wanted: :class:`~nova_zvm_volume.virt.zvm.connection.Connection`
    :param undo: :class:`~nova_zvm_volume.virt.zvm.undo.Undo`, entered
    :param patience: seconds to wait for a guest that still boots
    """

    def __init__(self, platform, wanted, instance, undo, patience):
        self._give_up = time.monotonic() + patience
        self._platform = platform
        self._wanted = wanted
        self._undo = undo
        self._instance = model.Uuid(instance.uuid)
        self._userid = model.Userid(instance.name)
        self._node = model.NodeName(instance.name.lower())
        # A repeat of an attach that was done before is never undone: the
        # volume is in use.
        self._repeated = False

    def run(self):
        """Attach.

        :returns: LunState, tuple of paths, AttachedDisk
        """
        # Guests made by the Cloud Connector are no xCAT nodes. The definition
        # is the guest's, not the volume's: it is removed with the guest.
        self._platform.define_node(self._node, self._userid)
        lun = self._take()
        paths = guestdisk.paths_of(lun.devices, lun.wwpns, lun.lun)
        return lun, paths, self._configure(lun, paths)

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
        self._give_back_on_error(lun.generation)
        return lun

    def _request(self):
        # The devices are those held since the connector was made.
        return fcp.AttachRequest(
            volume_id=self._wanted.volume_id,
            generation=self._wanted.generation,
            attachment_id=self._wanted.attachment_id or str(uuid.uuid4()),
            instance_uuid=self._instance, userid=self._userid,
            node=self._node, operation_id=str(uuid.uuid4()))

    def _take_again(self, request):
        """The outcome is not known: read the truth, then ask once more.

        The undoing refuses, by the generation, also a first request that is
        still on its way.
        """
        before = self._platform.look(self._wanted.volume_id)
        self._repeated = (before is not None
                          and before.instance == str(self._instance)
                          and before.operation_id != request.operation_id)
        self._give_back_on_error(self._wanted.generation + 1)
        return self._platform.devices.attach(request)

    def _give_back_on_error(self, generation):
        if not self._repeated:
            self._undo.by('give the LUN back', self._platform.devices.detach,
                          self._wanted.volume_id, generation, self._instance)

    def _configure(self, lun, paths):
        """Paths and disk in the guest."""
        guest = self._platform.guest(self._node)
        wwid = lun.wwid or self._wanted.wwid
        what = (self._wanted.volume_id, lun.generation, paths, wwid,
                self._wanted.size)
        try:
            return self._when_up(guest.attach, *what)
        except BaseException as err:
            if not self._repeated and _begun(err):
                # With the next generation, so that a request that is still
                # on its way to the guest finds itself stale.
                self._undo.by('take the paths away', guest.detach,
                              self._wanted.volume_id, lun.generation + 1,
                              paths, wwid)
            raise

    def _when_up(self, function, *args):
        while True:
            try:
                return function(*args)
            except exceptions.GuestUnreachable:
                if time.monotonic() >= self._give_up:
                    raise
                time.sleep(_BETWEEN_TRIES)


def _in_doubt(refusal):
    """Whether an attempt before the refused one may have done something."""
    return refusal.fields.get('undone') == 'unknown'


def _begun(error):
    """Whether the guest may be left with anything configured."""
    if isinstance(error, exceptions.Refused):
        return error.fields.get('undone', 'yes') != 'yes'
    return not isinstance(error, _NOT_BEGUN)
