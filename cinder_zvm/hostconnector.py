# SPDX-License-Identifier: Apache-2.0
"""The connector of a Cinder host, as os-brick makes it.

cinder-volume and cinder-backup ask for a volume with it when they copy data
themselves.  Only a guest of the back-end's z/VM LPAR can reach a LUN; what it
says is compared with the FCP devices that the LPAR has.
"""

import dataclasses

from cinder import exception

from zvm_common import exceptions
from zvm_common import model

from cinder_zvm import connection
from cinder_zvm import errors

PLATFORM = 's390x'


def needed(found):
    """What a host must be, in words.

    :param found: backend.Backend
    """
    return ("Backup and host-assisted migration need a Cinder host that is "
            "an s390x Linux guest of z/VM LPAR %s with FCP devices of its "
            "own that reach the LUNs of pool %s; see the manual's chapter on "
            "them. Without one, a volume can be migrated between pools of "
            "one zHCP, and uploaded to an image"
            % (found.hypervisor.name, found.pool.name))


def is_host(connector):
    """Whether a connector has nothing of the Nova extension's."""
    return not any(connector.get(key) for key in connection.ZVM_KEYS)


def is_s390x(connector):
    """Whether a connector of a host says that it could have FCP devices."""
    return connector.get('platform') == PLATFORM


@dataclasses.dataclass(frozen=True)
class HostConnector:
    """A Cinder host: ``name``, and ``devices`` with their ``wwpns``."""

    name: model.BorrowerName
    devices: tuple
    wwpns: tuple

    @classmethod
    def read(cls, connector, found):
        """Compare a connector with the FCP devices of the LPAR.

        :param connector: for which :func:`is_host` is true
        :param found: backend.Backend
        :raises InvalidConnectorException: not of a guest of this LPAR, or
            over FCP devices that must not carry a LUN to it
        :raises ZvmError: the FCP devices cannot be asked for
        """
        if not is_s390x(connector):
            raise _refused('%s %s' % (
                connection.missing_keys(connector) or '', needed(found)))
        name = _checked(model.BorrowerName, connector.get('host'))
        wwpns = tuple(_checked(model.Wwpn, wwpn)
                      for wwpn in _list(connector.get('wwpns')))
        if not wwpns:
            raise _refused('Host %s has no FCP device online. %s'
                           % (name, needed(found)))
        active = found.hypervisor.fcp_devices('active')
        devices = tuple(_device(name, wwpn, active, found)
                        for wwpn in dict.fromkeys(wwpns))
        return cls(name, devices, tuple(dict.fromkeys(wwpns)))


def name_of(connector):
    """Of the host, without a look at anything else.

    :raises InvalidValue: no name
    """
    return model.BorrowerName(connector.get('host'))


def _list(value):
    return value if isinstance(value, (list, tuple)) else ()


def _refused(text):
    return exception.InvalidConnectorException(message=text.strip() + (
        '' if text.endswith('.') else '.'))


def _checked(kind, value):
    try:
        return kind(value)
    except exceptions.InvalidValue as err:
        raise _refused(str(err)) from err


def _device(name, wwpn, active, found):
    """The number of the only FCP device that has a WWPN."""
    numbers = [device.number for device in active if device.wwpn == wwpn]
    if not numbers:
        raise _refused(
            'WWPN %s of host %s is that of no FCP device which a guest of '
            'z/VM LPAR %s has. %s' % (wwpn, name, found.hypervisor.name,
                                      needed(found)))
    if len(numbers) > 1:
        raise _refused(
            'WWPN %s of host %s is that of FCP devices %s: which one is the '
            "host's cannot be told. Turn NPIV on for their channel path"
            % (wwpn, name, ', '.join(map(str, numbers))))
    number, = numbers
    for ranges, option, why in (
            (found.settings.zhcp_fcp_list, 'zvm_zhcp_fcp_list',
             'the zHCP keeps it for its jobs'),
            (found.settings.fcp_list, 'zvm_fcp_list',
             'guests get it when the host is off')):
        if number in ranges:
            raise _refused(
                'FCP device %s of host %s is in %s (%s): %s. Leave the '
                'devices of Cinder hosts out of it'
                % (number, name, option, ranges, why))
    return number


def check_lun(host, lun):
    """Refuse a LUN that this host may not have now.

    One that this very host has already is fine.

    :raises LunBusy: names who has it
    :raises Quarantined: the LUN is not usable
    :raises InvalidValue: a device of the host is not in the LUN's range
    """
    if not (lun.lent and lun.host == str(host.name)):
        connection.check_state(None, lun)
    for device in host.devices:
        if device not in lun.ranges:
            raise exceptions.InvalidValue(
                str(device), 'one of the range that %s has in the pool file: '
                '%s. Every FCP device of host %s must be'
                % (errors.place(lun), str(lun.ranges) or 'none', host.name),
                what='FCP device')
