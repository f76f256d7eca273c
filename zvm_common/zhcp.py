# SPDX-License-Identifier: Apache-2.0
"""One zHCP and our program on it: where all state is changed."""

import dataclasses
import hashlib
import re

from zvm_common import exceptions
from zvm_common.remote import call
from zvm_common.remote import program

# Below this the ledger could fail half way through an operation (KiB).
_LEAST_FREE = 2048

_LONGEST_SCOPE = 64


@dataclasses.dataclass(frozen=True)
class Hello:
    """What the program says of the zHCP.

    ``clock`` is its time (seconds of the epoch), ``boot_id`` changes with
    each of its starts, ``free_bytes`` are left below /var/lib/zvm-volume,
    ``lun_scan`` is on, off, or none without the zfcp module. ``takers``: who
    there would take hold of a disk that appears, of lvm, md and multipath.
    ``iucv``: whether it can call guests over IUCV.
    """

    userid: str
    user: str
    boot_id: str
    clock: int
    free_bytes: int
    lun_scan: str
    ledger: str
    takers: tuple
    iucv: bool = False


def _names(text):
    return tuple(name for name in text.split(';') if name)


class Zhcp:
    """The zHCP program on the zHCP of one :class:`Hypervisor`.

    :param hypervisor: zvm_common.xcat.hypervisor.Hypervisor
    :param scope: who we are in the ledger's records (see :meth:`scope_name`)

    Every call raises ZhcpDown when the MN cannot log in to the zHCP.
    """

    def __init__(self, hypervisor, scope):
        self.hypervisor = hypervisor
        self.scope = self.scope_name(scope)
        remote = call.Remote(hypervisor.zhcp, program.zhcp())
        #: Run a verb: :meth:`zvm_common.remote.call.Remote.call`
        self.call = remote.call

    @staticmethod
    def scope_name(text):
        """A text as a scope: at most 64 of ``[A-Za-z0-9_.@#:+-]``.

        What is too long keeps its beginning and stays different from others
        with that beginning.
        """
        clean = re.sub('[^A-Za-z0-9_.@#:+-]', '_', str(text)).lstrip('-')
        if len(clean) > _LONGEST_SCOPE:
            whole = hashlib.sha256(clean.encode()).hexdigest()[:16]
            clean = '%s#%s' % (clean[:_LONGEST_SCOPE - 17], whole)
        return clean or 'none'

    @property
    def name(self):
        """Host name of the zHCP, as the MN's zvm table has it."""
        return str(self.hypervisor.zhcp_hostname)

    def hello(self):
        """Check that the program can work there.

        :raises ToolMissing: naming what is not installed
        :raises NoSpace: when its disk is full
        :raises LedgerFormat: for a ledger of another version
        """
        fields = self.call('hello', 'none').fields
        try:
            found = Hello(fields['userid'], fields['user'], fields['boot'],
                          int(fields['now']), int(fields['free']) * 1024,
                          fields['scan'], fields['ledger'],
                          _names(fields['takers']),
                          fields.get('iucv') == 'yes')
        except (KeyError, ValueError) as e:
            raise exceptions.BadAnswer(
                'The zHCP %s introduces itself with %s'
                % (self.name, exceptions.excerpt(fields))) from e
        missing = _names(fields.get('missing', ''))
        if missing:
            raise exceptions.ToolMissing(
                'The zHCP %s lacks %s' % (self.name, ', '.join(missing)))
        if found.free_bytes < _LEAST_FREE * 1024:
            raise exceptions.NoSpace(
                'The zHCP %s has %d KiB left below /var/lib/zvm-volume'
                % (self.name, found.free_bytes // 1024))
        return found
