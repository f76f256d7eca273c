# SPDX-License-Identifier: Apache-2.0
"""Connector in, connection_info out.

The connector is made by the Nova extension and travels through the API, where
any client with the right role may send another one: everything in it is
checked before it is compared or shown.
"""

import dataclasses
import re

from zvm_common import exceptions
from zvm_common import model

from cinder_zvm import errors

# Keys that only the Nova extension's connector has.
ZVM_KEYS = ('instance', 'zvm_zhcp', 'zvm_hypervisor', 'zvm_userid',
            'zvm_fcp')

# nova.conf's [DEFAULT] host need not be a host name.
_HOST = re.compile(r'[A-Za-z0-9_.:@#-]{1,255}')


@dataclasses.dataclass(frozen=True)
class Connector:
    """One guest as the Nova extension describes it.

    ``devices`` are the FCP devices that carry its paths, ``wwpns`` their
    WWPNs in the same order.
    """

    instance: str
    host: str
    zhcp: str
    hypervisor: str
    userid: str
    devices: tuple
    wwpns: tuple

    @classmethod
    def parse(cls, connector):
        """Read a connector that has all keys.

        :param connector: dict as described in the Nova extension
        :returns: Connector
        :raises InvalidValue: with the value and the rule
        """
        devices = _listed(connector, 'zvm_fcp', model.DeviceNumber)
        wwpns = _listed(connector, 'wwpns', model.Wwpn)
        if len(wwpns) != len(devices):
            raise exceptions.InvalidValue(
                connector['wwpns'], 'one WWPN for each of the %d FCP devices '
                'in zvm_fcp' % len(devices), what='Connector key wwpns')
        return cls(instance=str(model.Uuid(connector['instance'])),
                   host=compute_of(connector),
                   zhcp=str(model.HostName(connector['zvm_zhcp'])),
                   hypervisor=str(model.NodeName(
                       connector['zvm_hypervisor'])),
                   userid=str(model.Userid(connector['zvm_userid'])),
                   devices=devices, wwpns=wwpns)


def compute_of(connector):
    """Nova's name of the compute host, as the ledger has it.

    ``host`` is the guest's own name for other makers' drivers, and was the
    compute host's in connectors of old.
    """
    value = connector.get('zvm_compute', connector['host'])
    if not isinstance(value, str) or not _HOST.fullmatch(value):
        raise exceptions.InvalidValue(
            value, '1 to 255 letters, digits and _.:@#-',
            what='Connector key %s' % (
                'zvm_compute' if 'zvm_compute' in connector else 'host'))
    return value


def _listed(connector, key, kind):
    values = connector[key]
    if not isinstance(values, (list, tuple)) or not values:
        raise exceptions.InvalidValue(values, 'a list that is not empty',
                                      what='Connector key %s' % key)
    items = tuple(kind(value) for value in values)
    if len(set(items)) != len(items) and kind is model.DeviceNumber:
        raise exceptions.InvalidValue(values, 'each device once',
                                      what='Connector key %s' % key)
    return items


def missing_keys(connector):
    """Which keys of ours a connector lacks, in words that say why it matters.

    :returns: text, or None when nothing is missing
    """
    absent = [key for key in ('host', 'wwpns') + ZVM_KEYS
              if not connector.get(key)]
    if not absent:
        return None
    return ('The connector has no %s. A LUN of a z/VM SCSI pool is attached '
            'to a z/VM guest by nova-compute with compute_driver = '
            'zvm_volume.ZVMVolumeDriver; a generic Fibre Channel host has no '
            'path to it.' % ', '.join(absent))


def check_zhcp(connector, hypervisor):
    """Refuse a guest of another z/VM LPAR.

    :param connector: Connector
    :param hypervisor: zvm_common.xcat.hypervisor.Hypervisor of this back-end
    :raises ZhcpMismatch: names both zHCPs and what to do
    """
    if connector.zhcp.lower() == str(hypervisor.zhcp_hostname).lower():
        return
    raise exceptions.ZhcpMismatch(
        'The volume lies in a SCSI pool of zHCP %s (z/VM LPAR %s), the guest '
        'runs under zHCP %s (z/VM LPAR %s)'
        % (hypervisor.zhcp_hostname, hypervisor.name, connector.zhcp,
           connector.hypervisor),
        advice='A LUN is attached through the zHCP whose pool holds it: '
               'create the volume with a volume type of the back-end of zHCP '
               '%s, or start the server on a host of zHCP %s.'
               % (connector.zhcp, hypervisor.zhcp_hostname))


def check_devices(connector, lun, fcp_list, zhcp_fcp_list):
    """Refuse FCP devices that must not carry this LUN.

    :param connector: Connector
    :param lun: LunState
    :param fcp_list: DeviceRanges for guests; empty means that this back-end
        leaves the choice to Nova's option and to the pool file
    :param zhcp_fcp_list: DeviceRanges that the zHCP keeps for jobs
    :raises InvalidValue: names device and range
    """
    for device in connector.devices:
        if device in zhcp_fcp_list:
            raise _device_refused(device, 'not one of zvm_zhcp_fcp_list (%s), '
                                  'which the zHCP keeps for its jobs'
                                  % zhcp_fcp_list)
        if len(fcp_list) and device not in fcp_list:
            raise _device_refused(device, 'one of zvm_fcp_list (%s) of the '
                                  'back-end' % fcp_list)
        if device not in lun.ranges:
            raise _device_refused(device, 'one of the range that %s has in '
                                  'the pool file: %s'
                                  % (errors.place(lun),
                                     str(lun.ranges) or 'none'))


def _device_refused(device, rule):
    return exceptions.InvalidValue(str(device), rule, what='FCP device')


def check_state(connector, lun):
    """Refuse a LUN that this instance may not have now.

    A LUN that this very instance uses already is fine: Nova and Cinder ask
    for connection information again and again.

    :param connector: Connector, None for no instance at all
    :raises LunBusy: names the instance and guest that hold it
    :raises Quarantined, LunBusy: the LUN is not usable
    """
    if lun.readers:
        raise exceptions.LunBusy(
            '%s is being copied to %s'
            % (errors.place(lun), ', '.join(lun.readers)),
            advice='Attach the volume when that is done.')
    if lun.state == 'ours':
        return
    if lun.lent:
        raise exceptions.LunBusy(
            '%s is lent to Cinder host %s for a backup or a migration'
            % (errors.place(lun), lun.host),
            advice='Wait until that has ended.')
    if lun.state == 'used':
        if (connector and lun.instance
                and str(lun.instance) == connector.instance):
            return
        if lun.phase == 'leaving':
            raise exceptions.LunBusy(errors.leaving(lun),
                                     advice=errors.LET_LEAVE)
        raise exceptions.LunBusy(
            '%s is used by instance %s (guest %s) on host %s'
            % (errors.place(lun), lun.instance, lun.userid or lun.node,
               lun.host), advice='Detach the volume there first.')
    if lun.state == 'quarantined':
        raise exceptions.Quarantined(
            '%s is in quarantine: %s' % (errors.place(lun), lun.why))
    raise exceptions.LunBusy(
        '%s is in state %s' % (errors.place(lun), lun.state),
        advice='Wait until the running operation has ended.')


def connection_info(lun, connector, hypervisor):
    """What Nova gets; JSON types only.

    ``target_lun`` holds the top 16 or 32 bits of the FCP LUN as an int, as
    os-brick wants it on s390x: it would turn 64 bits into LUN 0.  The LUN in
    full is in ``zvm_lun``.

    :param lun: LunState
    :param connector: Connector
    :param hypervisor: Hypervisor of the back-end
    :returns: dict
    """
    targets = [str(wwpn) for wwpn in lun.wwpns]
    number = lun.lun.scsi_int()
    return {
        'driver_volume_type': 'fibre_channel',
        'data': {
            'target_discovered': False,
            'target_wwn': targets,
            'target_wwns': targets,
            'target_lun': number,
            'target_luns': [number] * len(targets),
            'initiator_target_map': {str(wwpn): targets
                                     for wwpn in connector.wwpns},
            'discard': False,
            'zvm_lun': str(lun.lun),
            'zvm_pool': str(lun.pool),
            'zvm_zhcp': str(hypervisor.zhcp_hostname),
            'zvm_volume_id': str(lun.volume_id),
            'zvm_generation': lun.generation,
            'zvm_wwid': lun.wwid,
            'zvm_bytes': lun.size.bytes,
        },
    }
