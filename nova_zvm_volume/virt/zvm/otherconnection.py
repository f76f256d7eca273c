# SPDX-License-Identifier: Apache-2.0
"""connection_info of other makers' Fibre Channel drivers.

What os-brick reads, and so what every such driver gives in ``data``:

``target_wwn``, ``target_wwns``
    A WWPN or a list of them; the second one counts where both are there.
``target_lun``, ``target_luns``
    A number for all ports, or a list with one for each, in the order of the
    ports. ``addressing_mode`` says how numbers are to be understood, see
    :meth:`zvm_common.model.Lun.of_number`.
``initiator_target_map``
    Which of the guest's WWPNs sees which of the ports. Without it, or when it
    is empty, each sees each.
"""

from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model

_MOST = 64


def targets(data):
    """Where the array shows a volume.

    :param data: of a connection_info
    :returns: tuple of :class:`zvm_common.fcp.Target`, each once
    :raises InvalidValue: with the value and the rule it breaks
    """
    luns = _luns(data)
    seen = _map(data)
    if not seen:
        found = [fcp.Target(port, lun) for port, lun in luns.items()]
    else:
        # os-brick passes over ports that target_wwns does not have
        found = [fcp.Target(port, luns[port], initiator)
                 for initiator, ports in seen.items()
                 for port in ports if port in luns]
    if not found:
        raise _wrong('initiator_target_map', seen,
                     'at least one of the ports in target_wwn')
    if len(found) > _MOST:
        raise _wrong('target_wwn', len(found), 'at most %d ports, counted '
                     'for each initiator that sees them' % _MOST)
    return tuple(found)


def _luns(data):
    """port -> LUN, in the order of the ports."""
    ports_key, ports = _either(data, 'target_wwns', 'target_wwn')
    luns_key, luns = _either(data, 'target_luns', 'target_lun')
    ports = [_wwpn(port, ports_key) for port in ports]
    luns = [_lun(lun, luns_key, data.get('addressing_mode')) for lun in luns]
    if len(luns) == 1:
        luns *= len(ports)
    if len(luns) != len(ports):
        raise _wrong(luns_key, data[luns_key], 'one LUN, or one for each of '
                     'the %d ports in %s' % (len(ports), ports_key))
    found = {}
    for port, lun in zip(ports, luns, strict=True):
        if found.setdefault(port, lun) != lun:
            raise _wrong(luns_key, data[luns_key],
                         'one LUN for port %s' % port)
    return found


def _either(data, many, one):
    key = many if data.get(many) else one
    value = data.get(key)
    if not isinstance(value, (list, tuple)):
        value = [value]
    if not 0 < len(value) <= _MOST:
        raise _wrong(key, value, 'one, or a list of 1 to %d' % _MOST)
    return key, value


def _map(data):
    """initiator -> ports, without those that see none."""
    value = data.get('initiator_target_map')
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > _MOST:
        raise _wrong('initiator_target_map', value,
                     'a dictionary of at most %d' % _MOST)
    found = {}
    for initiator, ports in value.items():
        if not isinstance(ports, (list, tuple)) or len(ports) > _MOST:
            raise _wrong('initiator_target_map', ports,
                         'lists of at most %d WWPNs' % _MOST)
        found[_wwpn(initiator, 'initiator_target_map')] = tuple(dict.fromkeys(
            _wwpn(port, 'initiator_target_map') for port in ports))
    return {initiator: ports for initiator, ports in found.items() if ports}


def _wwpn(value, key):
    if isinstance(value, str) and len(value) == 23:
        value = value.replace(':', '')
    try:
        return model.Wwpn(value)
    except exceptions.InvalidValue as err:
        raise _wrong(key, err.value, err.rule) from err


def _lun(value, key, mode):
    try:
        return model.Lun.of_number(value, mode)
    except exceptions.InvalidValue as err:
        raise _wrong(key, err.value, err.rule) from err


def _wrong(key, value, rule):
    return exceptions.InvalidValue(value, rule, '%s in connection_info' % key)
