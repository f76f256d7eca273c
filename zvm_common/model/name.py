# SPDX-License-Identifier: Apache-2.0
"""Names: of pools, nodes, guests, hosts, and uuids."""

import ipaddress
import re

from zvm_common.model import base

#: The xCAT group that marks a node definition as made by this software.
NODE_GROUP = 'zvm-volume'

#: Words that xCAT reads as more than one node or that filter a listing.
_MANY = frozenset(('all', NODE_GROUP))


class PoolName(base.Text):
    """A SCSI pool.

    Lower case only: most xCAT commands lower-case it, ``--removezfcpfrompool``
    does not.
    """

    __slots__ = ()
    WHAT = 'SCSI pool'
    RULE = ('1 to 64 lower-case letters, digits, _ and -, not beginning with '
            "-, and not 'all'")
    PATTERN = re.compile(r'[a-z0-9_][a-z0-9_-]{0,63}')

    @staticmethod
    def _sound(text):
        return text not in _MANY


class NodeName(base.Text):
    """Exactly one xCAT node."""

    __slots__ = ()
    WHAT = 'xCAT node'
    RULE = ('the name of exactly one node: 1 to 64 lower-case letters, '
            'digits, _ . and -, letter or digit first and last; no list, '
            "group ('all') or range ('vm1-vm5')")
    PATTERN = re.compile(r'[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?')

    @staticmethod
    def _sound(text):
        return (text not in _MANY and '..' not in text
                and not _reads_as_range(text))


def _reads_as_range(text):
    """Whether xCAT may expand the name, when it is undefined, to many nodes.

    Its node ranges split a name with an odd number of hyphens in the middle;
    equal texts around different numbers make a range (vm1-vm5).
    """
    parts = text.split('-')
    if len(parts) % 2:
        return False
    middle = len(parts) // 2
    left, right = (re.sub('[0-9]+', '#', '-'.join(half))
                   for half in (parts[:middle], parts[middle:]))
    return left == right


class Userid(base.Text):
    """A z/VM virtual machine, upper case."""

    __slots__ = ()
    WHAT = 'z/VM userid'
    RULE = '1 to 8 of A-Z 0-9 @ # $ _ and -, not beginning with -'
    PATTERN = re.compile(r'[A-Za-z0-9@#$_][A-Za-z0-9@#$_-]{0,7}')

    @staticmethod
    def _canonical(text):
        return text.upper()


class HostName(base.Text):
    """A host name or IPv4 address, lower case."""

    __slots__ = ()
    WHAT = 'Host name'
    RULE = ('labels of letters, digits and - (at most 63, - not at an end), '
            'joined by dots, at most 253 in all')
    _LABEL = r'[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
    PATTERN = re.compile(r'(?=.{1,253}\Z)%s(?:\.%s)*' % (_LABEL, _LABEL))

    @staticmethod
    def _canonical(text):
        return text.lower()


class BorrowerName(base.Text):
    """A Cinder host that copies data of a LUN itself, as os-brick names it.

    What ``gethostname`` says; some names have a ``_``, which no DNS has.
    """

    __slots__ = ()
    WHAT = 'Name of a Cinder host'
    RULE = ('1 to 253 letters, digits, _ . and -, letter or digit first and '
            'last')
    PATTERN = re.compile(
        r'[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?')
    _LONGEST = 40

    @staticmethod
    def _canonical(text):
        return text.lower()

    @property
    def owner(self):
        """For the owner column of a line that is lent: ``ci_nd_er_1``.

        As with a volume's stamp no node name of three characters is found in
        it: commands of the MN free lines whose text matches a node's name.
        """
        plain = re.sub('[^a-z0-9]', '', self.value)[:self._LONGEST]
        return '_'.join(plain[i:i + 2] for i in range(0, len(plain), 2))


class Server(base.Text):
    """A host and perhaps a port, ``mn.example.com`` or ``[fe80::1]:8443``."""

    __slots__ = ()
    WHAT = 'Server'
    RULE = ('HOST or HOST:PORT, an IPv6 address in [], port 1 to 65535; no '
            'https://, no path, no user name or password')
    PATTERN = re.compile(
        r'(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?')

    @classmethod
    def _wrong(cls, value):
        # Somebody may have put the password in.
        if isinstance(value, str) and '@' in value:
            value = '...@' + value.rpartition('@')[2]
        return super(Server, cls)._wrong(value)

    @staticmethod
    def _canonical(text):
        return text.lower()

    @classmethod
    def _sound(cls, text):
        host, port = cls.PATTERN.fullmatch(text).groups()
        if port is not None and not 1 <= int(port) <= 65535:
            return False
        if not host.startswith('['):
            return HostName.PATTERN.fullmatch(host) is not None
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return False
        return True

    @property
    def host(self):
        """Without port and brackets."""
        return self.PATTERN.fullmatch(self.value)[1].strip('[]')

    @property
    def port(self):
        """443 where none was given."""
        return int(self.PATTERN.fullmatch(self.value)[2] or 443)


class HeaderText(base.Text):
    """A text that an HTTP header carries as it is; perhaps a secret."""

    __slots__ = ()
    WHAT = 'Header'
    RULE = ('1 to 256 printable characters of Latin-1, no blank at either '
            'end')
    PATTERN = re.compile('(?! )[ -~\xa1-\xff]{1,256}(?<! )')

    def __repr__(self):
        return 'HeaderText(...)'

    @classmethod
    def _wrong(cls, _value):
        return super(HeaderText, cls)._wrong('...')


class Uuid(base.Text):
    """A uuid, lower case with hyphens."""

    __slots__ = ()
    WHAT = 'UUID'
    RULE = '32 hex digits as 8-4-4-4-12'
    PATTERN = re.compile('[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-'
                         '[0-9A-Fa-f]{12}')

    @staticmethod
    def _canonical(text):
        return text.lower()


class OperationId(Uuid):
    """The uuid of one operation, so that its repeat is known as such."""

    __slots__ = ()
    WHAT = 'Operation id'
