# SPDX-License-Identifier: Apache-2.0
"""Addresses and ports of hosts, for streams between Cinder and the zHCP."""

import ipaddress
import re

from zvm_common import exceptions
from zvm_common.model import base
from zvm_common.model import name

# A service's user cannot bind those below.
_LOWEST_PORT = 1024
_PORTS = re.compile('([0-9]{1,5})-([0-9]{1,5})')


def _address(text):
    """The address as ipaddress has it, or None."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _one_host(address):
    """Whether it is one host's: neither "any address" nor multicast."""
    return not (address.is_unspecified or address.is_multicast
                or str(address) == '255.255.255.255')


class IpAddress(base.Text):
    """The IPv4 or IPv6 address of one host, as short as it can be written."""

    __slots__ = ()
    WHAT = 'IP address'
    RULE = ('the IPv4 or IPv6 address of one host, without port, brackets '
            'and zone')
    PATTERN = re.compile('[0-9A-Fa-f:.]{2,45}')

    @classmethod
    def _canonical(cls, text):
        address = _address(text)
        if address is None:
            raise cls._wrong(text)
        # An IPv6 socket shows an IPv4 peer so.
        return str(getattr(address, 'ipv4_mapped', None) or address)

    @staticmethod
    def _sound(text):
        return _one_host(_address(text))


class HostAddress(base.Text):
    """An IP address or a host name."""

    __slots__ = ()
    WHAT = 'Address of a host'
    RULE = ('an IPv4 or IPv6 address of one host, or its name; no port, no '
            'brackets')
    PATTERN = re.compile('[0-9A-Za-z:.-]{1,253}')

    @staticmethod
    def _canonical(text):
        address = _address(text)
        return text.lower() if address is None else str(address)

    @staticmethod
    def _sound(text):
        address = _address(text)
        if address is not None:
            return _one_host(address)
        # What ends in a number is an address (a wrong one), never a name.
        return (name.HostName.PATTERN.fullmatch(text) is not None
                and not text.rpartition('.')[2].isdigit())


def parse_ports(text):
    """Ports as ``LOW-HIGH``.

    :returns: (low, high), both included
    :raises InvalidValue: for anything else, and ports that need privileges
    """
    match = _PORTS.fullmatch(text) if isinstance(text, str) else None
    if match:
        low, high = int(match[1]), int(match[2])
        if _LOWEST_PORT <= low <= high <= 65535:
            return low, high
    raise exceptions.InvalidValue(
        text, 'LOW-HIGH, from %d to 65535, low not above high'
        % _LOWEST_PORT, 'Ports')
