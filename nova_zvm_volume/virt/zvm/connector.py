# SPDX-License-Identifier: Apache-2.0
"""What Cinder needs to know of a guest.

Our own Cinder driver reads the keys that begin with ``zvm_``.  Fibre Channel
drivers of other makers read what os-brick gives for a usual compute host:
there an array knows a *host* by the WWPNs of its adapters, and gives LUN
numbers to it.  Here each guest has FCP devices of its own, so each guest is
such a host.
"""

import re

from nova import conf

CONF = conf.CONF

_NO_HOST_NAME = re.compile('[^a-z0-9]+')
_UUID_DIGITS = 12


def of(instance, devices, hypervisor, compute):
    """The connector of a guest, in JSON types only.

    :param devices: FcpDevices that are held for the instance
    :param hypervisor: :class:`zvm_common.xcat.hypervisor.Hypervisor`
    :param compute: Nova's name of this compute host
    """
    wwpns = [str(device.wwpn) for device in devices]
    return {
        'platform': 's390x',
        'os_type': 'linux',
        'host': host_name(instance),
        'ip': CONF.my_block_storage_ip,
        'multipath': True,
        'wwpns': wwpns,
        # z/VM tells no node names. Each virtual FCP device is a node with one
        # port to the fabric, and drivers that ask for a WWNN want one for
        # each WWPN, in the same order.
        'wwnns': list(wwpns),
        'instance': str(instance.uuid),
        'zvm_compute': compute,
        'zvm_zhcp': str(hypervisor.zhcp_hostname),
        'zvm_hypervisor': str(hypervisor.name),
        'zvm_userid': instance.name.upper(),
        'zvm_fcp': [str(device.number) for device in devices],
    }


def host_name(instance):
    """What arrays know a guest by: ``zvm00001-1d6f0c3a88aa``.

    Arrays keep host objects, and some find them by this name alone.  So it is
    the guest's as long as it lives, and no other's on any LPAR: guests of two
    clouds may have the same userid.  At most 22 lower-case letters, digits
    and one hyphen, a letter first: that is a host name for every driver.
    Some arrays take no more than 31, and make no difference between cases.
    """
    name = _NO_HOST_NAME.sub('', instance.name.lower())[:8]
    if not name[:1].isalpha():
        name = 'g' + name
    digits = str(instance.uuid).replace('-', '')[:_UUID_DIGITS]
    return '%s-%s' % (name, digits)
