# SPDX-License-Identifier: Apache-2.0
"""An image of a guest's root disk.  Volumes are never part of it."""

import contextlib
import os

from oslo_log import log as logging

from nova.compute import task_states
from nova import conf
from nova.image import glance
from nova.objects import fields
from nova.virt.zvm import utils as zvm_utils
from nova_zvm_volume.virt.zvm import errors
from nova_zvm_volume.virt.zvm import undo as undoing

CONF = conf.CONF
LOG = logging.getLogger(__name__)


class Snapshot:
    """A mixin of the driver."""

    def snapshot(self, context, instance, image_id, update_task_state):
        """As the in-tree class, but the image is read as the bytes it is.

        That class opens it as text, which fails with the first byte that is
        none.  What the connector keeps is removed in every case, the image in
        Glance when anything fails.

        :raises ZVMDriverException: with the connector's words
        """
        service, image_id = glance.get_remote_image_service(context, image_id)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        path = os.path.join(os.path.normpath(CONF.zvm.image_tmp_path),
                            image_id)
        what = 'Guest %s is not captured' % instance.name
        with undoing.Undo(what) as undo, contextlib.ExitStack() as ends:
            undo.by('delete the image', service.delete, context, image_id)
            with errors.connecting(what):
                self._hypervisor.guest_capture(instance.name, image_id)
                ends.callback(self._forget_image, image_id)
                ends.callback(zvm_utils.clean_up_file, path)
                found = self._hypervisor.image_export(image_id,
                                                      'file://' + path)
            update_task_state(
                task_state=task_states.IMAGE_UPLOADING,
                expected_state=task_states.IMAGE_PENDING_UPLOAD)
            with open(path, 'rb') as stream:
                service.update(context, image_id, _meta(instance, found),
                               stream, purge_props=False)

    def _forget_image(self, image_id):
        """The connector's copy; one that stays takes room and no more."""
        try:
            self._hypervisor.image_delete(image_id)
        except Exception:
            LOG.exception('Image %s stays on the Cloud Connector', image_id)


def _meta(instance, found):
    return {
        'status': 'active',
        'disk_format': 'raw',
        'container_format': 'bare',
        'properties': {
            'image_location': 'snapshot',
            'image_state': 'available',
            'owner_id': instance.project_id,
            'os_distro': found['os_version'],
            'architecture': fields.Architecture.S390X,
            'hypervisor_type': fields.HVType.ZVM,
        },
    }
