# SPDX-License-Identifier: Apache-2.0
"""The world file: YAML in, checked records out.

world.schema.json says what each key may be. A mistake raises
checks.WorldError, which names the key by its path and the rule that the
value breaks. Names and hexadecimal numbers get the case that z/VM and Linux
show them in.
"""

import yaml

from xcat_simulator import checks
from xcat_simulator import poolfile
from xcat_simulator import spec

TOP = 'world'
COLUMNS = ('range', 'owner', 'channel', 'tag')


class _Loader(yaml.SafeLoader):
    """YAML in which a key stands once: the last one would win silently."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value
                if isinstance(key, yaml.ScalarNode)]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, 'the key %s is there twice' % twice[0],
                node.start_mark)
        return super().construct_mapping(node, deep)


def load(path):
    """Read and check the world file; raises WorldError, OSError."""
    return parse(read(path))


def read(path):
    """The file as Python values; raises WorldError when it is no YAML."""
    with open(path, encoding='utf-8') as stream:
        try:
            # _Loader is a SafeLoader: it makes plain values only.
            return yaml.load(stream, _Loader)  # nosec B506
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError,
                ValueError, TypeError) as e:
            raise checks.WorldError(path, 'is not YAML: %s' % e) from e


def parse(value):
    """Check a world given as Python values; returns a spec.Spec."""
    checks.validate(TOP, value)
    users = {name: spec.User(each['password'], _tuple(each.get('policy')))
             for name, each in value['users'].items()}
    lpars = tuple(_lpar(name, each) for name, each in value['lpars'].items())
    found = spec.Spec(users=users, lpars=lpars,
                      **_given(value, ('version', 'sudoer', 'name', 'distro')))
    _check(found)
    return found


def _given(value, keys):
    """Those of the keys that are there; the others have spec's defaults."""
    return {key: value[key] for key in keys if key in value}


def _tuple(values, case=str):
    return None if values is None else tuple(case(each) for each in values)


def _lpar(name, value):
    path = '%s.lpars.%s' % (TOP, name)
    pools, texts = {}, {}
    for pool, lines in value.get('pools', {}).items():
        if isinstance(lines, str):
            texts[pool] = lines
            pools[pool] = tuple(poolfile.luns(lines))
        else:
            pools[pool] = tuple(
                lun for i, line in enumerate(lines)
                for lun in _luns('%s.pools.%s[%d]' % (path, pool, i), line))
    return spec.Lpar(
        name=name, zhcp=_zhcp(value['zhcp']), pools=pools, texts=texts,
        disks=tuple(lun for i, line in enumerate(value.get('disks', ()))
                    for lun in _luns('%s.disks[%d]' % (path, i), line)),
        devices=_devices(path + '.fcp_devices', value['fcp_devices']),
        connector_port=value.get('connector_port'),
        guests=tuple(_guest(node, each)
                     for node, each in value.get('guests', {}).items()),
        targets=_targets(value.get('targets')))


def _zhcp(value):
    return spec.Zhcp(
        node=value['node'], hostname=value['hostname'],
        userid=value['userid'].upper(), linux=_linux(value.get('linux')),
        devices=_tuple(value.get('devices', ()), str.upper),
        iucv_any=value.get('iucv_any', True))


def _devices(path, values):
    found = {}
    for i, value in enumerate(values):
        where = '%s[%d].range' % (path, i)
        for device in _device_range(where, value):
            if device.number in found:
                raise checks.WorldError(where, '%s is there twice'
                                        % device.number)
            found[device.number] = device
    return tuple(found[number] for number in sorted(found))


def _device_range(where, value):
    first, _, last = value['range'].partition('-')
    first, last = int(first, 16), int(last or first, 16)
    if first > last:
        raise checks.WorldError(where, 'must not end before it begins')
    npiv = value.get('npiv_wwpn')
    for offset, number in enumerate(range(first, last + 1)):
        yield spec.Device(
            number='%04X' % number, chpid=value['chpid'].upper(),
            physical_wwpn=value['physical_wwpn'].lower(),
            npiv_wwpn=npiv and '%016x' % (
                (int(npiv, 16) + offset) % (1 << 64)),
            status=value.get('status', 'free').capitalize())


def _luns(path, value):
    real = checks.size_bytes(value['size'])
    if 'real_size' not in value and not real:
        raise checks.WorldError(path + '.size', '%r must be more than a '
                                'block and at most 1 PiB' % value['size'])
    masked = value.get('masked_to', 'all')
    line = spec.Lun(
        wwpns=_tuple(value['wwpns'], str.lower), lun='', size=value['size'],
        bytes=int(value.get('real_size', real or 0)),
        masked_to=None if masked == 'all' else _tuple(masked, str.lower),
        wwid='wwid' in value and value['wwid'].lower() or None,
        **_given(value, ('contents', 'status') + COLUMNS))
    if len(set(line.wwpns)) != len(line.wwpns):
        raise checks.WorldError(path + '.wwpns', 'must be different WWPNs')
    for lun in _lun_numbers(path, value):
        yield spec.replace(line, lun=lun)


def _lun_numbers(path, value):
    """LUN numbers from the key `lun` on.

    Storage servers number their LUNs in the upper 32 bits: 40114000...,
    40114001..., and so on.
    """
    number, count = int(value['lun'], 16), int(value.get('count', 1))
    upper, lower = number >> 32, number & 0xffffffff
    if upper + count - 1 > 0xffffffff:
        raise checks.WorldError(path + '.count',
                                'goes beyond the last LUN number')
    for each in range(upper, upper + count):
        yield '%08x%08x' % (each, lower)


def _guest(node, value):
    power = value.get('power', 'on')
    return spec.Guest(
        node=node, userid=value['userid'].upper(),
        power={True: 'on', False: 'off'}.get(power, power),
        linux=_linux(value.get('linux')), is_node=value.get('node', True),
        **_given(value, ('directory',)))


def _linux(value):
    """A distribution's name, or a mapping with more about the system."""
    if value is None:
        return spec.Linux()
    if isinstance(value, str):
        return spec.Linux(distro=value)
    return spec.Linux(**{
        key: tuple(each) if isinstance(each, list) else each
        for key, each in value.items()})


def _targets(value):
    if value is None:
        return None
    return {chpid.upper(): _tuple(ports, str.lower)
            for chpid, ports in value.items()}


def _check(found):
    """What a schema cannot say: references, and what must be unique."""
    taken = {}
    for lpar in found.lpars:
        path = '%s.lpars.%s' % (TOP, lpar.name)
        numbers = {device.number for device in lpar.devices}
        for i, number in enumerate(lpar.zhcp.devices):
            where = '%s.zhcp.devices[%d]' % (path, i)
            if number not in numbers:
                raise checks.WorldError(where, '%s is not one of fcp_devices'
                                        % number)
        for kind, name, where in _names(lpar, path):
            if (kind, name) in taken:
                raise checks.WorldError(where, '%s is taken by %s' % (
                    name, taken[kind, name]))
            taken[kind, name] = where
    _check_identifiers(found)


def _names(lpar, path):
    """(kind, name, path) of all that is unique within its kind.

    Node names are unique on the MN, user IDs within their LPAR.
    """
    userids = 'user ID of ' + lpar.name
    yield 'node', lpar.name, path
    yield 'node', lpar.zhcp.node, path + '.zhcp.node'
    yield 'host', lpar.zhcp.hostname, path + '.zhcp.hostname'
    yield userids, lpar.zhcp.userid, path + '.zhcp.userid'
    if lpar.connector_port:
        yield ('connector port', lpar.connector_port,
               path + '.connector_port')
    for guest in lpar.guests:
        where = '%s.guests.%s' % (path, guest.node)
        yield 'node', guest.node, where
        yield userids, guest.userid, where + '.userid'


def _check_identifiers(found):
    """A disk has one LUN number, behind whichever port it is."""
    numbers = {}
    for lpar in found.lpars:
        for pool, luns in lpar.pools.items():
            for lun in luns:
                if lun.wwid and numbers.setdefault(lun.wwid,
                                                   lun.lun) != lun.lun:
                    raise checks.WorldError(
                        '%s.lpars.%s.pools.%s' % (TOP, lpar.name, pool),
                        'LUN %s and LUN %s cannot have the same wwid'
                        % (numbers[lun.wwid], lun.lun))
