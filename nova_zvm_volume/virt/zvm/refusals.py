# SPDX-License-Identifier: Apache-2.0
"""What Nova may ask for and z/VM guests do not get here, in words.

Each is refused before a guest, a volume or the ledger is touched.  Nova puts
an instance back as it was for NotImplementedError.
"""

from nova import exception

_ONE_LPAR = ('z/VM guests stay on their LPAR: their minidisks, FCP devices '
             'and the SCSI pools of their volumes are its own')


class NotOffered:
    """A mixin of the driver."""

    def suspend(self, context, instance):
        raise NotImplementedError('z/VM keeps no guest on disk: pause or '
                                  'shut off the server instead')

    def resume(self, context, instance, network_info, block_device_info=None,
               share_info=None):
        raise NotImplementedError('no z/VM guest is ever suspended')

    def rescue(self, context, instance, network_info, image_meta,
               rescue_password, block_device_info, share_info):
        """See also power_off, which Nova calls before this."""
        raise NotImplementedError('rescue is not supported on z/VM')

    def unrescue(self, context, instance):
        raise NotImplementedError('no z/VM guest is ever rescued')

    def swap_volume(self, context, old_connection_info, new_connection_info,
                    instance, mountpoint, resize_to):
        raise NotImplementedError(
            'a volume in use is not moved under a guest: detach it first')

    def extend_volume(self, context, connection_info, instance,
                      requested_size):
        """A LUN does not grow, and one in use is not replaced.

        A volume that was extended while it was detached needs nothing: it is
        seen in its new size when it is attached.
        """
        raise NotImplementedError(
            'a volume in use is not extended: detach it, extend it and '
            'attach it again')

    def check_can_live_migrate_destination(
            self, context, instance, src_compute_info, dst_compute_info,
            block_migration=False, disk_over_commit=False):
        raise exception.MigrationPreCheckError(reason=_ONE_LPAR)

    def check_can_live_migrate_source(self, context, instance,
                                      dest_check_data,
                                      block_device_info=None):
        raise exception.MigrationPreCheckError(reason=_ONE_LPAR)


def elsewhere(instance):
    """Why an instance is not migrated, as an exception to raise."""
    return exception.MigrationError(
        reason='instance %s cannot be resized on or moved to another host: '
               '%s' % (instance.uuid, _ONE_LPAR))
