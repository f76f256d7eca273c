# SPDX-License-Identifier: Apache-2.0
"""The world file: YAML in, checked records out.

A mistake raises checks.WorldError, which names the key by its path and the
rule that the value breaks. Names and hexadecimal numbers get the case that
z/VM and Linux show them in.
"""

import yaml

from xcat_simulator import checks
from xcat_simulator.machine import distro
from xcat_simulator import spec

TOP = 'world'
LINUX = ('distro', 'lun_scan', 'missing', 'user', 'sudo', 'multipath',
         'udev_delay', 'cio_ignore')
STATUSES = {'free': 'Free', 'active': 'Active', 'offline': 'Offline'}


def load(path):
    """Read and check the world file; raises WorldError, OSError."""
    with open(path, encoding='utf-8') as stream:
        try:
            value = yaml.safe_load(stream)
        except (yaml.YAMLError, UnicodeDecodeError) as e:
            raise checks.WorldError(path, 'is not YAML: %s' % e) from e
    return parse(value)


def parse(value):
    """Check a world given as Python values; returns a spec.Spec."""
    top = checks.Entry(TOP, value, ('users', 'lpars'), ('version',))
    users = {name: _user(top.at('users.%s' % name), each)
             for name, each in top.entries('users').items()}
    if not users:
        top.fail('users', 'must name at least one user')
    lpars = tuple(_lpar(top.at('lpars.%s' % name), name, each)
                  for name, each in top.entries('lpars').items())
    if not lpars:
        top.fail('lpars', 'must name at least one LPAR')
    _check_unique(top, lpars)
    version = top.text('version', checks.LINE, 'one line of text',
                       spec.Spec.version)
    return spec.Spec(users=users, lpars=lpars, version=version)


def _user(path, value):
    entry = checks.Entry(path, value, ('password',), ('policy',))
    policy = None
    if 'policy' in value:
        policy = entry.texts('policy', checks.COMMAND, 'an xCAT command')
    return spec.User(
        entry.text('password', checks.LINE, 'one line of text'), policy)


def _lpar(path, name, value):
    checks.matched(path, name, checks.NODE, 'a node name')
    entry = checks.Entry(path, value, ('zhcp', 'fcp_devices'), (
        'connector_port', 'pools', 'guests', 'targets'))
    devices = _devices(entry)
    zhcp = _zhcp(entry.at('zhcp'), value['zhcp'])
    _check_zhcp_devices(entry, zhcp, devices)
    pools = {}
    for pool, lines in entry.entries('pools').items():
        where = entry.at('pools.%s' % pool)
        checks.matched(where, pool, checks.POOL,
                       'lower case letters, digits, _ and -')
        pools[pool] = _pool(where, lines)
    return spec.Lpar(
        name=name, zhcp=zhcp, devices=devices, pools=pools,
        connector_port=entry.number('connector_port', 0, 65535),
        guests=tuple(_guest(entry.at('guests.%s' % node), node, each)
                     for node, each in entry.entries('guests').items()),
        targets=_targets(entry) if 'targets' in value else None)


def _zhcp(path, value):
    entry = checks.Entry(path, value, ('node', 'hostname', 'userid'),
                         ('devices', 'linux'))
    return spec.Zhcp(
        node=entry.text('node', checks.NODE, 'a node name'),
        hostname=entry.text('hostname', checks.HOST_NAME, 'a host name'),
        userid=entry.text('userid', checks.USERID,
                          'a user ID of 1 to 8 characters', case=str.upper),
        devices=entry.texts('devices', checks.DEVICE, '4 hex digits',
                            str.upper),
        linux=_linux(entry))


def _check_zhcp_devices(entry, zhcp, devices):
    numbers = {device.number for device in devices}
    for number in zhcp.devices:
        if number not in numbers:
            entry.fail('zhcp.devices', '%s is not one of fcp_devices'
                       % number)


def _devices(entry):
    found = {}
    for i, value in enumerate(entry.list('fcp_devices')):
        for device in _device_range(entry.at('fcp_devices[%d]' % i), value):
            if device.number in found:
                entry.fail('fcp_devices[%d].range' % i,
                           '%s is there twice' % device.number)
            found[device.number] = device
    return tuple(found[number] for number in sorted(found))


def _device_range(path, value):
    entry = checks.Entry(path, value, ('range', 'chpid', 'physical_wwpn'),
                         ('npiv_wwpn', 'status'))
    first, last = checks.device_range(entry)
    chpid = entry.text('chpid', checks.CHPID, '2 hex digits', case=str.upper)
    wwpn = '16 hex digits'
    physical = entry.text('physical_wwpn', checks.HEX16, wwpn,
                          case=str.lower)
    npiv = None
    if value.get('npiv_wwpn') is not None:
        npiv = int(entry.text('npiv_wwpn', checks.HEX16, wwpn,
                              case=str.lower), 16)
    status = STATUSES[entry.choice('status', tuple(STATUSES), 'free')]
    for offset, number in enumerate(range(first, last + 1)):
        yield spec.Device(
            number='%04X' % number, chpid=chpid, physical_wwpn=physical,
            npiv_wwpn=None if npiv is None else '%016x' % (npiv + offset),
            status=status)


def _pool(path, lines):
    if not isinstance(lines, list):
        raise checks.WorldError(path, 'must be a list of lines')
    found = []
    for i, value in enumerate(lines):
        found.extend(_luns('%s[%d]' % (path, i), value))
    return tuple(found)


def _luns(path, value):
    entry = checks.Entry(path, value, ('wwpns', 'lun', 'size'), (
        'count', 'range', 'masked_to', 'contents', 'real_size', 'status',
        'owner', 'channel', 'tag', 'wwid'))
    count = entry.number('count', 1, checks.MAX_LUNS, 1)
    wwid = entry.text('wwid', checks.WWID, '32 hex digits, the first a 6',
                      case=str.lower)
    if wwid and count != 1:
        entry.fail('wwid', 'is for a line without count')
    wwpns = entry.texts('wwpns', checks.HEX16, '16 hex digits', str.lower)
    if not wwpns or len(set(wwpns)) != len(wwpns):
        entry.fail('wwpns', 'must be one or more different WWPNs')
    size = entry.text('size', checks.SIZE, 'a number and M or G')
    line = spec.Lun(
        wwpns=wwpns, lun='', size=size, wwid=wwid,
        bytes=entry.number('real_size', 1 << 20, 1 << 50,
                           checks.size_bytes(entry.at('size'), size)),
        masked_to=_masking(entry),
        contents=entry.choice('contents', ('zero', 'random'), 'zero'),
        status=entry.choice('status', ('free', 'reserved', 'used'), 'free'),
        **{key: entry.text(key, checks.COLUMN, 'text without , # and blanks',
                           '')
           for key in ('range', 'owner', 'channel', 'tag')})
    for lun in checks.lun_numbers(entry, count):
        yield spec.replace(line, lun=lun)


def _masking(entry):
    if entry.value.get('masked_to', 'all') == 'all':
        return None
    return entry.texts('masked_to', checks.HEX16, '16 hex digits', str.lower)


def _guest(path, node, value):
    checks.matched(path, node, checks.NODE, 'a node name')
    entry = checks.Entry(path, value, ('userid',),
                         ('power', 'linux', 'node', 'directory'))
    return spec.Guest(
        node=node,
        userid=entry.text('userid', checks.USERID,
                          'a user ID of 1 to 8 characters', case=str.upper),
        power=entry.choice('power', ('on', 'off'), 'on'),
        linux=_linux(entry),
        is_node=entry.flag('node', True),
        directory=entry.text('directory', checks.DIRECTORY,
                             'a directory entry: USER ...'))


def _linux(entry):
    """A distribution's name, or a mapping with more about the system."""
    value = entry.value.get('linux', 'rhel9')
    if isinstance(value, str):
        value = {'distro': value}
    part = checks.Entry(entry.at('linux'), value, (), LINUX)
    return spec.Linux(
        distro=_distro(part),
        missing=part.texts('missing', checks.TOOL, "a tool's name"),
        user=part.text('user', checks.USER, 'a user name', 'root'),
        udev_delay=part.number('udev_delay', 0, 60, 0, fraction=True),
        **{key: part.flag(key, getattr(spec.Linux, key))
           for key in ('lun_scan', 'sudo', 'multipath', 'cio_ignore')})


def _distro(part):
    name = part.value.get('distro', 'rhel9')
    try:
        distro.find(name)
    except (ValueError, AttributeError):
        part.fail('distro', '%r must be one of %s, or such a one with a '
                  'release: rhel9.4' % (name, ', '.join(distro.DISTROS)))
    return name


def _targets(entry):
    found = {}
    for chpid, ports in entry.entries('targets').items():
        where = entry.at('targets.%s' % chpid)
        chpid = checks.matched(where, chpid, checks.CHPID, '2 hex digits',
                               str.upper)
        found[chpid] = checks.Entry(where, {'ports': ports}, ('ports',)).texts(
            'ports', checks.HEX16, '16 hex digits', str.lower)
    return found


def _check_unique(top, lpars):
    """Node names are unique on the MN, user IDs within their LPAR."""
    nodes = {}
    hostnames = {}
    for lpar in lpars:
        path = 'lpars.%s' % lpar.name
        _once(top, nodes, lpar.name, path)
        _once(top, nodes, lpar.zhcp.node, path + '.zhcp.node')
        _once(top, hostnames, lpar.zhcp.hostname, path + '.zhcp.hostname')
        userids = {lpar.zhcp.userid: path}
        for guest in lpar.guests:
            where = path + '.guests.%s' % guest.node
            _once(top, nodes, guest.node, where)
            _once(top, userids, guest.userid, where + '.userid')


def _once(top, seen, name, path):
    if name in seen:
        top.fail(path, '%s is taken by %s' % (name, seen[name]))
    seen[name] = path
