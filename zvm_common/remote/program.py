# SPDX-License-Identifier: Apache-2.0
"""The programs that run on the zHCP and in guests, and how they get there.

A program is POSIX sh and awk, put together from the parts beside this file.
It is sent to a node once for each version, to
``/var/lib/zvm-volume/bin/<sha256>``, and called by name from then on: the
management node logs every request for ever, so requests are short.
"""

import base64
import dataclasses
import functools
import gzip
import hashlib
import importlib.resources
import shlex

from zvm_common import exceptions

FOLDER = '/var/lib/zvm-volume/bin'

# The MN's own limit of one argument lies between 130,032 and 132,072 bytes.
_LONGEST = 130000

# Who is not root runs the program by sudo; its folder is root's alone.
_WHO = """\
s=
[ "$(id -u)" = 0 ] || s='sudo -n'
d=${ZVM_ROOT:-}%s
""" % FOLDER

# Arguments: SHA OPERATION VERB ARGUMENT...
_CALL = _WHO + """\
p=$d/$1
shift
if $s test -r "$p"; then
    exec $s sh "$p" "$@" </dev/null
fi
echo "zvmv1 $1 absent ."
"""

# Arguments: TEXT SHA
# The program is there whole and with the right checksum, or not at all.
_PUT = _WHO + """\
printf %s "$1" | base64 -d | gzip -d | $s sh -c 'umask 077
mkdir -p "$1" && t=$1/.new.$$ && cat >"$t" &&
    echo "$2  $t" | sha256sum -c - >/dev/null 2>&1 &&
    { sync "$t" 2>/dev/null || sync; } && mv -f "$t" "$1/$2" && exit 0
rm -f "$t"
exit 1' sh "$d" "$2" || exit 1
"""

# Arguments: TEXT SHA OPERATION VERB ARGUMENT...
_SEND = _PUT + """\
p=$d/$2
shift 2
exec $s sh "$p" "$@" </dev/null
"""


@dataclasses.dataclass(frozen=True)
class Program:
    """One program: ``name`` for messages and its whole ``text``."""

    name: str
    text: str

    @functools.cached_property
    def sha(self):
        """SHA-256 of the text, hex: its file name on a node."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def call_command(self, operation, verb, args):
        """Shell command that runs a verb, or says that it is absent."""
        return _command(_CALL, [self.sha, operation, verb, *args])

    def send_command(self, operation, verb, args):
        """Shell command that installs the program and runs a verb."""
        return self._sending(_SEND, operation, verb, *args)

    def put_command(self):
        """Shell command that installs the program and runs nothing of it."""
        return self._sending(_PUT)

    def _sending(self, script, *words):
        packed = gzip.compress(self.text.encode(), mtime=0)
        command = _command(script, [base64.b64encode(packed).decode(),
                                    self.sha, *words])
        if len(command) > _LONGEST:
            raise exceptions.ZvmError(
                'The %s program does not fit into one request' % self.name)
        return command


def _command(script, words):
    """A script and its arguments in the form that passes the MN unchanged.

    ``;`` in a list travels as ``,``: the MN's own commands lose what stands
    behind a ``;``, and no value of ours holds a comma.
    """
    return 'echo %s | base64 -d | sh -s -- %s' % (
        base64.b64encode(script.encode()).decode(),
        ' '.join(shlex.quote(str(word).replace(';', ',')) for word in words))


def _read(name, *parts):
    folder = importlib.resources.files('zvm_common.remote')
    return Program(name, ''.join(
        folder.joinpath(part + '.sh').read_text() for part in parts))


@functools.cache
def zhcp():
    """The zHCP program: ledger, pool files, FCP devices, jobs."""
    return _read('zHCP', 'common', 'ledger', 'pool', 'restore', 'claim',
                 'takers', 'job', 'wipe', 'copy', 'switch', 'frames', 'stream',
                 'fcp', 'fcp_choice', 'fcp_aside', 'attach', 'pending', 'ipl',
                 'other', 'lend', 'sweep', 'manage', 'iucv', 'zhcp')


@functools.cache
def guest():
    """The guest program: paths on and off, kept as the guest keeps them."""
    return _read('guest', 'common', 'persist', 'persist_chzdev',
                 'persist_zfcpconf', 'persist_udevrules', 'link', 'guest_use',
                 'guest_detach', 'forget', 'prune', 'detached', 'guest')
