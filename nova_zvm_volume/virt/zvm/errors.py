# SPDX-License-Identifier: Apache-2.0
"""What went wrong, told to Nova.

Nova decides by the class of an exception what becomes of a volume or an
instance and shows its text.  The texts of ``zvm_common.exceptions`` say what
to do, so they are kept whole and the original error stays the cause.
"""

import contextlib

from nova import exception

from zvm_common import exceptions


@contextlib.contextmanager
def attaching(volume_id):
    """Attach: the class that reaches the user as a fault of the request."""
    try:
        yield
    except exceptions.ZvmError as err:
        raise exception.VolumeAttachFailed(volume_id=volume_id,
                                           reason=str(err)) from err


@contextlib.contextmanager
def detaching(volume_id, mountpoint):
    """Detach: a disk in use is the guest's refusal, which Nova knows.

    Never DiskNotFound: Nova takes that for "detached".
    """
    try:
        yield
    except exceptions.DeviceBusy as err:
        raise exception.DeviceDetachFailed(device=mountpoint,
                                           reason=str(err)) from err
    except exceptions.ZvmError as err:
        raise exception.VolumeDetachFailed(volume_id=volume_id,
                                           reason=str(err)) from err


@contextlib.contextmanager
def told(what):
    """Everything else.

    :param what: what was being done, the beginning of the message
    """
    try:
        yield
    except exceptions.ZvmError as err:
        raise exception.ZVMDriverException(
            error='%s: %s' % (what, err)) from err


@contextlib.contextmanager
def configuring():
    """Start-up: a wrong option stops the service before it does harm."""
    try:
        yield
    except (exceptions.ConfigurationError, exceptions.InvalidValue,
            exceptions.LedgerFormat) as err:
        raise exception.InvalidConfiguration(str(err)) from err


@contextlib.contextmanager
def connecting(what):
    """The Cloud Connector: its words instead of its whole answer.

    :param what: the beginning of the message
    """
    try:
        yield
    except exception.ZVMConnectorError as err:
        raise exception.ZVMDriverException(
            error='%s: %s' % (what, err.errmsg or err)) from err
