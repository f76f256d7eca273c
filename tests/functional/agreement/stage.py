# SPDX-License-Identifier: Apache-2.0
"""One simulator for many examples: pool files and ledger are made anew."""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import time
import uuid

from tests import mnuser
from tests import nursery
from tests import waits
from tests import worlds
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model
from zvm_common.pool import Pool
from zvm_common.xcat import hypervisor
from zvm_common.xcat import session
from zvm_common import zhcp

PORTS = ('5005076303001001', '5005076303001002')
LUNS = tuple('40114%03d00000000' % number for number in range(6))
#: Bytes of the disks; one is smaller than those that may be copied to it
DISKS = {lun: (3 if number == 4 else 6) << 30
         for number, lun in enumerate(LUNS)}
#: What a tenant writes at once, at the begin of a GiB
TOKEN = 16
HOSTNAME = 'zhcp1.example.com'
ZHCP_DEVICES = '3B0E;3C0E'
#: What automatic choice takes, in order
FREE_DEVICES = tuple('3%s%02X' % (chpid, number) for chpid in 'BC'
                     for number in range(14))
JOB_SECONDS = 120
GIB = model.Capacity.from_gib
ZHCP_DOWN = exceptions.ZhcpDown
#: Nodes of guests that are logged off, and their user IDs
GUESTS = {'guest1': 'LNX00001', 'guest2': 'LNX00002'}
#: How many guests an example may delete
MOST = 2

# A job stays at the gate while it is closed, before it knows the disk's size.
# Tenants write at the begin of a GiB only, and so does a copy: the first block
# of each piece, which has a GiB.  After a wipe the tests read the disk.
BLOCKDEV = '''#!/bin/sh
until [ -e "$ZVM_ROOT/tmp/gate" ] || [ ! -d "$ZVM_ROOT" ]; do sleep 0.02; done
exec "$ZVM_ROOT/usr/libexec/gate/blockdev" "$@"
'''
BLKDISCARD = '''#!/bin/sh
exec /usr/bin/fallocate --punch-hole --offset "$3" --length "$5" "$6"
'''
# of failures that `wait` tells
_WORDS = {exceptions.WipeFailed: 'wipe', exceptions.CopyFailed: 'copy'}
DD = '''#!/bin/sh
case " $* " in
    *" of=$ZVM_ROOT/dev/"*)
        for a in "$@"; do
            shift
            case $a in count=*) a=count=1 ;; esac
            set -- "$@" "$a"
        done
        exec /bin/dd "$@" ;;
esac
for a in "$@"; do
    case $a in of=*) printf '\\0' >"${a#of=}" ;; esac
done
'''


def world(stock):
    """One LPAR; LUNS, each behind both PORTS; guests are off.

    :param stock: number of guests, without nodes, that may be deleted
    """
    world = worlds.small()
    guests = world['lpars']['host1']['guests']
    for number in range(stock):
        guests['stock%d' % number] = {'userid': 'STOCK%d' % number,
                                      'linux': 'rhel9', 'node': False}
    for guest in guests.values():
        guest['power'] = 'off'
    line = world['lpars']['host1']['pools']['zpool1'][0]
    world['lpars']['host1']['pools'] = {'zpool1': [
        dict(line, lun=lun, count=1, size='%dG' % (size >> 30))
        for lun, size in DISKS.items()]}
    return world


class Stage:
    """`mn` is a user of the MN, `pool(name)` is ours, on the same files.

    A context manager, that starts a simulator anew when its stock of guests
    runs out.
    """

    def __init__(self, stock=MOST):
        self._stock = stock

    def __enter__(self):
        self._start()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start(self):
        with contextlib.ExitStack() as stack:
            self._left = ['STOCK%d' % number for number in range(self._stock)]
            self.simulator = nursery.Simulator(world(self._stock))
            stack.callback(self.simulator.cleanUp)
            self.simulator.setUp()
            self.mn = stack.enter_context(self.user())
            ours = session.Session(
                self.simulator.server, worlds.USER, worlds.PASSWORD,
                ca_file=self.simulator.ca_file)
            stack.callback(ours.close)
            self.zhcp = zhcp.Zhcp(hypervisor.Hypervisor.find(ours), 'test')
            self.root = pathlib.Path(
                self.simulator.node_folder('host1', 'ZHCP1'))
            behind = self.root / 'usr/libexec/gate'
            behind.mkdir()
            (behind / 'blockdev').symlink_to('../zvm-tool')
            self._tool('blockdev', BLOCKDEV)
            self._tool('blkdiscard', BLKDISCARD)
            self._tool('dd', DD)
            self._files = self._disk_files()
            self.pool('zpool1').view()
            self._stack = stack.pop_all()

    def _disk_files(self):
        disks = self.simulator.state()['lpars']['host1']['disks']
        return {disk['lun']: disk['path'] for disk in disks
                if disk['lun'] in DISKS}

    def _tool(self, name, text):
        path = self.root / 'usr/sbin' / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    @contextlib.contextmanager
    def instead(self, name, text):
        """Another program of this name on the zHCP, for a while."""
        path = self.root / 'usr/sbin' / name
        if path.is_symlink() or path.exists():
            raise AssertionError('%s is a program of the simulator' % name)
        self._tool(name, '#!/bin/sh\n' + text)
        try:
            yield
        finally:
            path.unlink()

    @property
    def folder(self):
        """Of the pool files."""
        return self.root / 'var/opt/zhcp/zfcp'

    @property
    def ledger(self):
        return self.root / 'var/lib/zvm-volume'

    def reset(self, files):
        """Other pool files ({name: text}), empty ledger, disks, guests."""
        self.end_jobs()
        if len(self._left) < MOST:
            self._stack.close()
            self._start()
        self._undedicate()
        for lun, path in self._files.items():
            os.truncate(path, 0)
            os.truncate(path, DISKS[lun])
        for name in ('luns', 'fcp', 'claims', 'jobs'):
            shutil.rmtree(self.ledger / name, ignore_errors=True)
        for path in self.folder.iterdir():
            path.unlink()
        for name, text in files.items():
            (self.folder / (name + '.conf')).write_text(text)

    def _undedicate(self):
        for node in GUESTS:
            for device in re.findall('DEDICATE (....)',
                                     self.mn.directory(node)):
                self.mn.change_guest(node, '--undedicatedevice', device)

    def end_jobs(self):
        """Let all jobs that run come to their ends."""
        with self.open_gate():
            for path in (self.ledger / 'jobs').glob('*-????????????????'):
                self._until_unlocked(path)

    def kill_jobs(self, jobs):
        """Jobs die at the gate: (name, generation) of each."""
        for name, generation in jobs:
            path = self.ledger / 'jobs' / (name + '.run')
            waits.until(lambda: self._pid(path, generation), JOB_SECONDS)
            os.killpg(self._pid(path, generation), signal.SIGKILL)
            path.unlink()
            self._until_unlocked(path.with_suffix(''))

    @staticmethod
    def _pid(path, generation):
        """Of the leader of a job's processes; 0: it is not at work yet."""
        text = path.read_text() if path.exists() else ''
        found = re.search('generation=%d\\n.*pid=(.*)\\nbegan=' % generation,
                          text, re.S)
        return int(found[1]) if found else 0

    @contextlib.contextmanager
    def open_gate(self):
        """Jobs run to their ends, for a while."""
        gate = self.root / 'tmp/gate'
        gate.touch()
        try:
            yield
        finally:
            gate.unlink()

    @staticmethod
    def _until_unlocked(path):
        """A job holds its lock while it lives, and its children."""
        end = time.monotonic() + JOB_SECONDS
        with path.open() as lock:
            while time.monotonic() < end:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(0.02)
                else:
                    return
        raise AssertionError('the job of %s does not end' % path.name)

    def write(self, lun, place, token):
        """A tenant's bytes at the begin of a GiB."""
        with open(self._files[lun], 'r+b') as disk:
            disk.seek(place << 30)
            disk.write(token)

    def detached(self, volume, generation):
        """What is so when an attachment of this generation has ended."""
        devices = fcp.Devices(self.zhcp,
                              model.DeviceRanges.parse(ZHCP_DEVICES))
        return devices.detach(volume, generation, str(uuid.uuid4()))[0]

    def contents(self):
        """{LUN: {place: token}} of what is not zero on the disks."""
        found = {}
        for lun, path in self._files.items():
            with open(path, 'rb') as disk:
                for place in range(DISKS[lun] >> 30):
                    disk.seek(place << 30)
                    token = disk.read(TOKEN)
                    if token.strip(b'\0'):
                        found.setdefault(lun, {})[place] = token
        return found

    def texts(self):
        """{pool: text} of the pool files as they are now."""
        return {path.stem: path.read_text()
                for path in self.folder.glob('*.conf')}

    def user(self):
        """One more mnuser.User: each thread needs its own."""
        return mnuser.User(self.simulator.url, self.simulator.ca_file)

    def rmvm(self, node):
        """Define a node for a guest that is off; delete the guest."""
        self.mn.define(node, HOSTNAME, self._left.pop())
        return self.mn.rmvm(node)

    def pool(self, name):
        return Pool(self.zhcp, name,
                    model.DeviceRanges.parse(ZHCP_DEVICES))

    @staticmethod
    def asked(call, *args, **more):
        """(what the call returns, '') or (None, the word of a refusal)."""
        try:
            return call(*args, **more), ''
        except exceptions.ZvmError as e:
            word = e.code or _WORDS.get(type(e))
            if word is None:
                raise
            return None, word
