# SPDX-License-Identifier: Apache-2.0
"""Lines of a SCSI pool file."""

import dataclasses
import re

from zvm_common import exceptions
from zvm_common.model import address
from zvm_common.model import capacity
from zvm_common.model import name

POOL_HEADER = '#status,wwpn,lun,size,range,owner,channel,tag'

_COLUMNS = POOL_HEADER.lstrip('#').split(',')
_STATUS = re.compile('free|reserved|used', re.IGNORECASE)
# What xCAT writes without corrupting the file (owner and tag with # ' & ,
# come out wrong or not at all).
_WORD = re.compile('[A-Za-z0-9_.-]{0,255}')
# A device, several, or literally auto or 0.
_CHANNEL = re.compile('[A-Za-z0-9]{0,8}(?:;[A-Za-z0-9]{1,8})*')


def _checked(text, pattern, what, rule):
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise exceptions.InvalidValue(text, rule, what)


@dataclasses.dataclass(frozen=True, slots=True)
class PoolLine:
    """One LUN of a pool: ``status,wwpn,lun,size,range,owner,channel,tag``.

    ``size`` is None where the column is empty. ``status`` stays as typed:
    xCAT compares it case-sensitively, so FREE is not free.
    """

    status: str
    wwpns: tuple
    lun: address.Lun
    size: capacity.Capacity | None = None
    ranges: address.DeviceRanges = address.DeviceRanges()
    owner: str = ''
    channel: str = ''
    tag: str = ''

    def __post_init__(self):
        _checked(self.status, _STATUS, 'Status', 'free, reserved or used')
        word = 'letters, digits, _ . and -, at most 255'
        _checked(self.owner, _WORD, 'Owner', word)
        _checked(self.tag, _WORD, 'Tag', word)
        _checked(self.channel, _CHANNEL, 'Channel',
                 'devices joined by ;, or auto')
        ports = address.parse_wwpns(address.format_wwpns(self.wwpns))
        object.__setattr__(self, 'wwpns', ports)
        object.__setattr__(self, 'lun', address.Lun(self.lun))

    @classmethod
    def parse(cls, text):
        """Read a line without its line end.

        All eight columns must be there, as xCAT always writes them: a line
        cut short could have lost its owner.

        :raises InvalidValue: for the header too
        """
        columns = text.split(',') if isinstance(text, str) else ()
        if len(columns) != len(_COLUMNS):
            raise exceptions.InvalidValue(
                text, '8 columns: %s' % ','.join(_COLUMNS), 'Pool line')
        status, wwpns, lun, size, ranges, owner, channel, tag = columns
        return cls(status, address.parse_wwpns(wwpns), address.Lun(lun),
                   capacity.Capacity.parse(size) if size else None,
                   address.DeviceRanges.parse(ranges), owner, channel, tag)

    def format(self):
        """The line as the pool file has it, without a line end."""
        return ','.join((
            self.status, address.format_wwpns(self.wwpns), str(self.lun),
            self.size.pool_text if self.size else '', str(self.ranges),
            self.owner, self.channel, self.tag))

    __str__ = format

    @property
    def is_free(self):
        return self.status == 'free'

    @property
    def volume_id(self):
        """The volume that our stamp in the owner column names, or None."""
        return stamp_owner(self.owner)


def owner_stamp(uuid):
    """The owner text of a LUN that is ours: ``ab_cd_...``, 16 pairs.

    Deleting a node (rmvm) frees every line that matches its name anywhere,
    and a node may be called db01: no name of three characters or more that
    lacks an underscore is found in this text.
    """
    digits = str(name.Uuid(uuid)).replace('-', '')
    return '_'.join(digits[i:i + 2] for i in range(0, 32, 2))


_STAMP = re.compile('[0-9a-f]{2}(?:_[0-9a-f]{2}){15}')


def stamp_owner(text):
    """The :class:`Uuid` of an owner stamp, None when the text is none."""
    if not isinstance(text, str) or not _STAMP.fullmatch(text):
        return None
    digits = text.replace('_', '')
    return name.Uuid('-'.join((digits[:8], digits[8:12], digits[12:16],
                               digits[16:20], digits[20:])))
