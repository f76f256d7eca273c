# SPDX-License-Identifier: Apache-2.0
"""The repair of one error of os-brick on s390x.

``FibreChannelConnectorS390X._get_host_devices`` of os-brick 7.1.1 unpacks
three values of each path, while its base class hands it four: platform, FCP
device, WWPN and LUN.  So connecting, extending and disconnecting end in a
ValueError, for every driver and before anything has been done.  Here the
method gets the last three.  One that takes four is left alone, so nothing
remains of this when os-brick has mended it.
"""

import functools
import importlib
import platform

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

_MODULE = 'os_brick.initiator.connectors.fibre_channel_s390x'
_PATH = ('', '0.0.0000', '0x0000000000000000', 0)


class _Nothing:
    """Stands for a connector: whatever is asked of it does nothing."""

    def __getattr__(self, _name):
        return self

    def __call__(self, *_args):
        return []


def is_broken(connector):
    """Whether a connector's class cannot take the paths that it is given.

    Nothing of the system is looked at or changed.
    """
    try:
        connector._get_host_devices(_Nothing(), [_PATH])
    except ValueError:
        return True
    except Exception:
        return False        # made otherwise: not ours to touch
    return False


def repair(connector=None):
    """Let the class work, if it has just this error.

    :param connector: os-brick's class when None
    :returns: whether it was changed
    """
    if connector is None:
        try:
            connector = importlib.import_module(
                _MODULE).FibreChannelConnectorS390X
        except (ImportError, AttributeError):
            return False
    if not is_broken(connector):
        return False
    takes_three = connector._get_host_devices

    @functools.wraps(takes_three)
    def takes_four(self, possible_devs):
        return takes_three(self, [path[-3:] for path in possible_devs])
    connector._get_host_devices = takes_four
    LOG.info('os-brick: %s takes four values of each path from now on.',
             connector.__qualname__)
    return True


def repair_here():
    """Repair os-brick in this process, on s390x; elsewhere it is not asked."""
    return platform.machine() == 's390x' and repair()
