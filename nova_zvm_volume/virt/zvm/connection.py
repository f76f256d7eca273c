# SPDX-License-Identifier: Apache-2.0
"""What Cinder hands over for a volume, read once and checked.

``connection_info`` comes from Cinder's database, and back from Nova's after
an attach.  Nothing of it reaches a request before it is one of the values of
``zvm_common.model``.
"""

import dataclasses
import re

from nova_zvm_volume.virt.zvm import otherconnection
from zvm_common import exceptions
from zvm_common import model

_MOST_PATHS = 64
_WWID = re.compile('[0-9a-f]{16}(?:[0-9a-f]{16})?')
# Keys of our Cinder driver; others that begin so are written by remember.
_OURS = frozenset(('zvm_volume_id', 'zvm_lun', 'zvm_pool', 'zvm_zhcp',
                   'zvm_bytes'))


@dataclasses.dataclass(frozen=True)
class Connection:
    """One volume as Cinder describes it, and as we attached it.

    ``size`` is that of the whole LUN.  ``wwid`` is None until a zHCP or
    a guest has seen the disk.  ``paths`` is empty unless :func:`remember`
    wrote it after an attach; then ``generation`` is that of the attachment.

    A volume of another back-end has ``targets`` instead of ``pool``, ``zhcp``,
    ``lun`` and ``wwpns``; its ``size`` is not known, nor is its ``generation``
    before :func:`remember`.
    """

    volume_id: model.Uuid
    attachment_id: model.Uuid | None
    generation: int | None
    wwid: str | None
    pool: model.PoolName | None = None
    zhcp: model.HostName | None = None
    lun: model.Lun | None = None
    wwpns: tuple = ()
    size: model.Capacity | None = None
    paths: tuple = ()
    targets: tuple = ()

    @property
    def other(self):
        """A volume of another back-end than ours."""
        return bool(self.targets)


def parse(connection_info):
    """Read a connection_info of our Cinder driver, or of another one.

    :returns: a :class:`Connection`
    :raises InvalidValue: with the value and the rule it breaks
    """
    info = _dict(connection_info, 'connection_info')
    kind = info.get('driver_volume_type')
    if kind != 'fibre_channel':
        raise exceptions.InvalidValue(
            kind, "only 'fibre_channel' volumes are attached here",
            'driver_volume_type')
    data = _dict(info.get('data'), "connection_info['data']")
    _writable(data)
    if not is_ours(data):
        return _other(info, data)
    lun = _value(data, 'zvm_lun', model.Lun)
    _same_lun(data, lun)
    return Connection(
        volume_id=_value(data, 'zvm_volume_id', model.Uuid),
        attachment_id=_attachment(info, data),
        pool=_value(data, 'zvm_pool', model.PoolName),
        zhcp=_value(data, 'zvm_zhcp', model.HostName),
        lun=lun,
        wwpns=_ports(data),
        generation=_number(data, 'zvm_generation', 0),
        wwid=_wwid(data),
        size=model.Capacity(_number(data, 'zvm_bytes', 1)),
        paths=_paths(data, {(None, lun)}))


def _other(info, data):
    if data.get('encrypted'):
        raise exceptions.InvalidValue(
            True, 'false: the volume would be written without encryption',
            'encrypted in connection_info')
    targets = otherconnection.targets(data)
    paths = _paths(data, {(each.wwpn, each.lun) for each in targets})
    return Connection(
        volume_id=_other_id(info, data),
        attachment_id=_attachment(info, data),
        generation=_number(data, 'zvm_generation', 0) if paths else None,
        wwid=_wwid(data), paths=paths, targets=targets)


def _other_id(info, data):
    """Nova writes it as ``serial``, some drivers too, in ``data``."""
    if info.get('serial') is not None:
        return _value(info, 'serial', model.Uuid)
    return _value(data, 'volume_id', model.Uuid)


def is_ours(data):
    """Whether ``data`` is that of our own Cinder driver."""
    return not _OURS.isdisjoint(data)


def is_others(connection_info):
    """Whether it is one of another Fibre Channel back-end, valid or not."""
    if not isinstance(connection_info, dict):
        return False
    data = connection_info.get('data')
    return (connection_info.get('driver_volume_type') == 'fibre_channel'
            and isinstance(data, dict) and not is_ours(data))


def remember(connection_info, lun, paths, disk):
    """Write into connection_info how the volume is attached.

    Nova keeps this with the volume's block device mapping when the attach
    succeeded; detach reads it back.

    :param lun: LunState after the swap
    :param disk: AttachedDisk of the guest
    """
    connection_info['data'].update({
        'device_path': disk.device_path,
        'zvm_generation': lun.generation,
        'zvm_paths': [str(path) for path in paths],
        'zvm_wwid': disk.wwid,
    })
    connection_info['data'].pop('zvm_pending', None)


def remember_pending(connection_info, lun, paths):
    """As :func:`remember`, before the guest has the disk.

    Nobody knows yet where it will be, so there is no ``device_path``.
    """
    connection_info['data'].update({
        'zvm_generation': lun.generation,
        'zvm_paths': [str(path) for path in paths],
        'zvm_pending': True,
    })
    connection_info['data'].pop('device_path', None)


def volume_of(connection_info):
    """The volume's id in the ledger as text, None for what has none."""
    data = (connection_info.get('data')
            if isinstance(connection_info, dict) else None)
    if not isinstance(data, dict):
        return None
    if is_ours(data):
        return data.get('zvm_volume_id')
    return connection_info.get('serial') or data.get('volume_id')


def _invalid(name, err):
    return exceptions.InvalidValue(err.value, err.rule,
                                   '%s in connection_info' % name)


def _dict(value, what):
    if not isinstance(value, dict):
        raise exceptions.InvalidValue(value, 'a dictionary', what)
    return value


def _value(data, name, kind):
    try:
        return kind(data.get(name))
    except exceptions.InvalidValue as err:
        raise _invalid(name, err) from err


def _number(data, name, least):
    value = data.get(name)
    if type(value) is not int or not least <= value < 1 << 63:
        raise exceptions.InvalidValue(
            value, 'a whole number from %d on' % least,
            '%s in connection_info' % name)
    return value


def _attachment(info, data):
    """Cinder writes it beside ``data``; None for an old-style attachment."""
    for holder in (info, data):
        if holder.get('attachment_id') is not None:
            return _value(holder, 'attachment_id', model.Uuid)
    return None


def _list(data, name):
    value = data.get(name)
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_PATHS:
        raise exceptions.InvalidValue(
            value, 'a list of 1 to %d' % _MOST_PATHS,
            '%s in connection_info' % name)
    return value


def _ports(data):
    name = 'target_wwns' if 'target_wwns' in data else 'target_wwn'
    try:
        ports = tuple(model.Wwpn(port) for port in _list(data, name))
    except exceptions.InvalidValue as err:
        raise _invalid(name, err) from err
    if len(set(ports)) != len(ports):
        raise exceptions.InvalidValue(data[name], 'each WWPN once',
                                      '%s in connection_info' % name)
    return ports


def _writable(data):
    mode = data.get('access_mode')
    if mode not in (None, 'rw'):
        raise exceptions.InvalidValue(
            mode, "'rw': nothing keeps a guest from writing to its LUN",
            'access_mode in connection_info')


def _same_lun(data, lun):
    """The number that other FC drivers read must mean the same LUN."""
    number = data.get('target_lun')
    if number is not None and (type(number) is not int
                               or number != lun.scsi_int()):
        raise exceptions.InvalidValue(
            number, 'the int %#x, which is LUN %s' % (lun.scsi_int(), lun),
            'target_lun in connection_info')


def _wwid(data):
    value = data.get('zvm_wwid')
    if value is None:
        return None
    if not isinstance(value, str) or not _WWID.fullmatch(value):
        raise exceptions.InvalidValue(
            value, 'None, or 16 or 32 lower-case hex digits',
            'zvm_wwid in connection_info')
    return value


def _paths(data, places):
    """Remembered ones.  Each is to one of the places: (port or None, LUN)."""
    if data.get('zvm_paths') is None:
        return ()
    try:
        paths = tuple(model.Path.parse(path)
                      for path in _list(data, 'zvm_paths'))
    except exceptions.InvalidValue as err:
        raise _invalid('zvm_paths', err) from err
    if any(places.isdisjoint(((path.wwpn, path.lun), (None, path.lun)))
           for path in paths):
        raise exceptions.InvalidValue(
            data['zvm_paths'], 'paths to LUN %s' % ' or '.join(sorted(
                {str(lun) for _port, lun in places})),
            'zvm_paths in connection_info')
    return paths
