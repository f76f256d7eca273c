# SPDX-License-Identifier: Apache-2.0
"""A guest that has just begun to run has the volumes that Nova lists.

What is listed is attached once more, which looks at everything and mends what
is missing: the dedicated FCP devices, the paths and the disk in the guest.
What the ledger says the guest uses and Nova does not list is an attach or a
detach that was cut off: it is taken away.
"""

import copy
import time

from oslo_log import log as logging

from nova import exception
from nova_zvm_volume.virt.zvm import connection
from nova_zvm_volume.virt.zvm import errors
from nova_zvm_volume.virt.zvm import rootpaths
from nova_zvm_volume.virt.zvm import trying
from zvm_common import exceptions

LOG = logging.getLogger(__name__)


class Reconciler:
    """Volumes of one guest.  To be used under Nova's lock of the instance.

    :param platform: :class:`~nova_zvm_volume.virt.zvm.platform.Platform`
    :param volumes: :class:`~nova_zvm_volume.virt.zvm.volumeop.VolumeOps`
    :param patience: seconds, in all, to wait for a guest that still boots
    """

    def __init__(self, platform, volumes, instance, patience):
        self._platform = platform
        self._volumes = volumes
        self._instance = instance
        self._give_up = time.monotonic() + patience

    def run(self, mappings):
        """Attach what is listed, then take away what is not.

        :param mappings: Nova's list; each that is attached is saved
        :raises VolumeAttachFailed: the first that could not be brought; the
            others were tried, unless the guest does not answer at all
        """
        used = self._used(bool(mappings))
        failed = []
        for mapping in mappings:
            try:
                self._bring(mapping, used)
            except exception.VolumeAttachFailed as err:
                LOG.error('%s', err, instance=self._instance)
                failed.append(err)
                if is_silent(err):
                    break
        if not failed:
            self._take_away(used, mappings)
        for err in failed:
            raise err

    def _used(self, is_needed):
        """What the ledger says: volume id -> LunState."""
        try:
            with errors.told('The volumes of %s are not known'
                             % self._instance.name):
                return {str(lun.volume_id): lun for lun
                        in self._platform.devices.used()
                        if str(lun.instance) == str(self._instance.uuid)}
        except exception.ZVMDriverException as err:
            if is_needed:
                raise
            # Nova lists none: the guest needs nothing that is not there.
            LOG.warning('%s', err, instance=self._instance)
            return {}

    def _bring(self, mapping, used):
        info = copy.deepcopy(mapping['connection_info'])
        volume = _ids(mapping)
        if not volume & used.keys():
            self._refresh(info)
        self._volumes.attach(info, self._instance, self._patience(),
                             is_root=rootpaths.is_root(mapping))
        mapping['connection_info'] = info
        if hasattr(mapping, 'save'):
            mapping.save()

    def _refresh(self, info):
        """A listed volume that is not attached: its LUN has moved on.

        The generation that Nova knows is of the attachment that is lost; the
        LUN must be the same, and nobody may use it.
        """
        try:
            wanted = connection.parse(info)
            lun = self._platform.look(wanted.volume_id)
        except exceptions.ZvmError as err:
            LOG.debug('Attaching will tell why: %s', err)
            return
        if wanted.other:
            # where it is stands in info, and nowhere else
            info['data'].pop('zvm_paths', None)
            info['data'].pop('zvm_generation', None)
            self._volumes.connector(self._instance)
            return
        if (lun is None or lun.state != 'ours' or lun.lun != wanted.lun
                or set(lun.wwpns) != set(wanted.wwpns)):
            return
        LOG.warning('Volume %s was not attached any more', wanted.volume_id,
                    instance=self._instance)
        info['data']['zvm_generation'] = lun.generation
        self._volumes.connector(self._instance)

    def _take_away(self, used, mappings):
        listed = set().union(*map(_ids, mappings))
        attachments = {_attachment(mapping) for mapping in mappings}
        for volume, lun in used.items():
            if volume in listed or lun.attachment in attachments - {None}:
                continue
            LOG.warning('Volume %s is attached to the guest, and Nova does '
                        'not list it', volume, instance=self._instance)
            try:
                self._when_up(self._volumes.take_back, lun, self._instance)
            except exceptions.ZvmError as err:
                LOG.error('Volume %s stays attached, though Nova does not '
                          'list it: %s', volume, err, instance=self._instance)

    def _when_up(self, function, *args):
        return trying.when_up(self._give_up, function, *args)

    def _patience(self):
        return max(0, self._give_up - time.monotonic())


def is_silent(error):
    """Whether a volume failed only as its guest does not answer."""
    return isinstance(error.__cause__, exceptions.GuestUnreachable)


def _ids(mapping):
    """Every id that a mapping may know its volume by."""
    info = mapping.get('connection_info')
    info = info if isinstance(info, dict) else {}
    data = info.get('data')
    data = data if isinstance(data, dict) else {}
    found = (mapping.get('volume_id'), info.get('serial'),
             data.get('volume_id'), data.get('zvm_volume_id'))
    return {str(each) for each in found if each}


def _attachment(mapping):
    return (mapping.get('attachment_id')
            or (mapping.get('connection_info') or {}).get('attachment_id'))
