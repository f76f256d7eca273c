# SPDX-License-Identifier: Apache-2.0
"""What a world is, in a few lines for a person."""

GIB = 1 << 30


def lines(spec):
    """The lines of text that tell of a spec.Spec."""
    yield 'users: ' + ', '.join(sorted(spec.users))
    for lpar in spec.lpars:
        yield 'LPAR %s: zHCP %s (%s), %s%s' % (
            lpar.name, lpar.zhcp.node, lpar.zhcp.userid,
            _count(len(lpar.devices), 'FCP device'), _connector(lpar))
        for name, luns in lpar.pools.items():
            total = sum(lun.bytes for lun in luns)
            yield '  pool %s: %s, %.6g GiB' % (
                name, _count(len(luns), 'LUN'), total / GIB)
        for guest in lpar.guests:
            yield '  guest %s: %s, %s, %s%s' % (
                guest.node, guest.userid, guest.power, guest.linux.distro,
                '' if guest.is_node else ', no xCAT node')


def _count(number, noun):
    return '%d %s%s' % (number, noun, '' if number == 1 else 's')


def _connector(lpar):
    port = lpar.connector_port
    if port is None:
        return ''
    where = {0: 'any free port'}.get(port, 'port %s' % port)
    if isinstance(port, str):
        where = "the management node's port"
    return ', Cloud Connector on ' + where
