# SPDX-License-Identifier: Apache-2.0
"""Whose guest is it that bears an instance's name?

A z/VM userid is derived from a number in Nova's database.  Another cell,
another cloud or a system programmer may have a guest of the same name, and
the in-tree class deletes whatever bears it: ``spawn`` finds the guest there,
fails, and the clean-up of that failure destroys it.

So a record is kept with the instance, in its system metadata:

* Nothing stands there before the guest was seen to be absent.  In the last
  moment before it is created ``USERID@HOST`` is written and saved.
* ``destroy`` deletes a guest only when this record names it *and* this host:
  an instance that was evacuated or unshelved to another host brings its
  record along, where it proves nothing.
* Once the guest is deleted the record says ``none``.
* An instance without a record was made by the in-tree class if it ever ran
  (``launched_at``), which had refused to make it over an existing guest.
"""

from oslo_log import log as logging

from nova import conf
from nova import exception

CONF = conf.CONF
LOG = logging.getLogger(__name__)

KEY = 'zvm_volume_guest'
NOBODY = 'none'


def _record(instance):
    return ('%s@%s' % (instance.name.upper(), CONF.host))[:255]


def is_ours(instance):
    """Whether the guest of this name was made on this host for `instance`."""
    record = instance.system_metadata.get(KEY)
    if record is None:
        # deleted long ago, it says nothing of who bears its name now
        return instance.launched_at is not None and not instance.deleted
    return record == _record(instance)


def claim(instance):
    """Say, durably, that the guest now to be created is this instance's.

    To be called when the guest was just seen to be absent.
    """
    _write(instance, _record(instance))


def disclaim(instance):
    """Say that no guest is this instance's: it is not made yet, or deleted."""
    if instance.launched_at is None and KEY not in instance.system_metadata:
        return
    try:
        _write(instance, NOBODY)
    except exception.InstanceNotFound:
        # Deleted in the database while its guest still ran.
        LOG.debug('No record left to clear', instance=instance)


def _write(instance, record):
    if instance.system_metadata.get(KEY) != record:
        instance.system_metadata[KEY] = record
        instance.save()
