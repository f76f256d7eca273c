# SPDX-License-Identifier: Apache-2.0
"""A zHCP of one folder, for the zHCP program alone.

The program runs under a shell of one's choice with a directory manager and a
CP of a few lines.  It has no disks; the simulator has.
"""

import contextlib
import os
import shutil
import subprocess
import types

import fixtures

from zvm_common.xcat import guest
from zvm_common import zhcp

HEADER = '#status,wwpn,lun,size,range,owner,channel,tag\n'
PORT = '5005076303000001'

# State: $ZVM_ROOT/cp/DEVICE holds the user that has it, or OFFLINE;
# directory/USER; names/DEVICE has other WWPNs, "NPIV PHYSICAL".
# A file fail/FUNCTION or fail/FUNCTION.DEVICE holds "RC RS": that function
# fails so.
SMCLI = r'''
f=$1; shift; user='' v='' l='' p='' s=''
while [ $# -gt 0 ]; do
    case $1 in
        -T) user=$2 ;; -v) v=$2 ;; -l) l=$2 ;; -p) p=$2 ;; -s) s=$2 ;;
    esac
    shift 2
done
no() { printf '%s... Failed\n  Return Code: %s\n  Reason Code: %s\n' \
    "$f" "$1" "$2"; exit 1; }
for x in "$ZVM_ROOT/fail/$f" "$ZVM_ROOT/fail/$f.$v"; do
    # shellcheck disable=SC2046
    [ ! -e "$x" ] || no $(cat "$x")
done
dir=$ZVM_ROOT/directory/$user cp=$ZVM_ROOT/cp/$v
case $f in
    Image_Query_DM) [ -e "$dir" ] || no 400 4; cat "$dir" ;;
    Query_All_DM)
        for d in "$ZVM_ROOT"/directory/*; do
            [ -e "$d" ] || continue
            printf 'Directory Entry_type: 0\nDirectory Entry ID: %s\n' \
                "${d##*/}"
            cat "$d"; echo
        done
        exit 0 ;;
    Image_Device_Dedicate_DM)
        grep -q "DEDICATE $v" "$dir" && no 404 4
        echo "DEDICATE $v $v" >>"$dir" ;;
    Image_Device_Undedicate_DM)
        grep -q "DEDICATE $v" "$dir" || no 404 8
        grep -v "DEDICATE $v" "$dir" >"$dir.new"; mv "$dir.new" "$dir" ;;
    Image_Device_Dedicate)
        [ ! -s "$cp" ] || no 204 8
        echo "$user" >"$cp" ;;
    Image_Device_Undedicate)
        [ "$(cat "$cp")" = "$user" ] || no 204 8
        : >"$cp" ;;
    Image_IPL_Set_DM)
        grep -v "^IPL" "$dir" >"$dir.new"; mv "$dir.new" "$dir"
        echo "IPL $s" >>"$dir" ;;
    Image_IPL_Delete_DM)
        grep -v "^IPL" "$dir" >"$dir.new"; mv "$dir.new" "$dir" ;;
    Image_SCSI_Characteristics_Define_DM)
        grep -v "^LOADDEV" "$dir" >"$dir.new"; mv "$dir.new" "$dir"
        printf 'LOADDEV PORTNAME %s\nLOADDEV LUN %s\n' "$p" "$l" >>"$dir" ;;
    System_WWPN_Query)
        for d in "$ZVM_ROOT"/cp/????; do
            d=${d##*/}; s=Free; [ ! -s "$ZVM_ROOT/cp/$d" ] || s=Active
            ! grep -q OFFLINE "$ZVM_ROOT/cp/$d" || s=Offline
            n=c05076ffe500$d p=20076d8500005181
            [ ! -e "$ZVM_ROOT/names/$d" ] || read -r n p <"$ZVM_ROOT/names/$d"
            printf 'FCP device number: %s\n  Status: %s\n' "$d" "$s"
            printf '  NPIV world wide port number: %s\n' "$n"
            printf '  Channel path ID: %.2s\n' "$d"
            printf '  Physical world wide port number: %s\n' "$p"
        done ;;
esac
echo "$f... Done"
'''
VMCP = r'''
shift
case $1 in
    userid) echo 'ZHCP1 AT ZVM1' ;;
    user)
        [ -e "$ZVM_ROOT/on/$2" ] ||
            { echo "HCPCQU045E $2 not logged on"; exit 1; }
        echo "$2 - DSC" ;;
    *)
        [ -e "$ZVM_ROOT/cp/$1" ] || { echo "HCPQDD040E"; exit 1; }
        u=$(cat "$ZVM_ROOT/cp/$1")
        if [ "$u" = OFFLINE ]; then
            echo "FCP  $1 OFFLINE"
        elif [ -n "$u" ]; then
            echo "FCP  $1 ATTACHED TO $u $1"
        else
            echo "FCP  $1 FREE"
        fi ;;
esac
'''
# Programs of the zHCP that this test double has no use for
IDLE = 'exit 0\n'
# Ends the request with all that it waits for, as a zHCP that fails does
KILL = r'''
p=$$ all=
while read -r _ _ _ up _ leader _ <"/proc/$p/stat"; do
    all="$p $all"
    [ "$p" != "$leader" ] || break
    p=$up
done
# shellcheck disable=SC2086
kill -9 $all
'''
COUNT_DOWN = r'''
case $0,${1:-} in
    *vmcp,* | *Query*) false ;;
    *)
        read -r n <"$ZVM_ROOT/left"
        echo $((n - 1)) >"$ZVM_ROOT/left"
        [ "$n" = 1 ] ;;
esac
'''
CUT = '''
if [ -e "$ZVM_ROOT/when" ] && . "$ZVM_ROOT/when"; then
    rm "$ZVM_ROOT/when"
%s
fi
''' % KILL


class LocalZhcp(fixtures.Fixture):
    """The zHCP program in a folder of its own.

    :param shell: words of the shell, such as ['dash'] or ['busybox', 'sh']
    """

    def __init__(self, shell=('dash',), devices=('3B00', '3B01', '3C00',
                                                 '3C01')):
        super().__init__()
        self.shell = list(shell)
        self.devices = devices

    def _setUp(self):
        self.root = self.useFixture(fixtures.TempDir()).path
        for name in ('bin', 'cp', 'directory', 'on', 'fail', 'names',
                     'var/opt/zhcp/zfcp', 'proc/sys/kernel/random'):
            os.makedirs(os.path.join(self.root, name))
        self.write('proc/sys/kernel/random/boot_id', 'b00t\n')
        self._shell_first()
        for name, text in (('smcli', SMCLI), ('vmcp', VMCP),
                           ('id', 'echo 0\n'), ('chccwdev', IDLE),
                           ('cio_ignore', IDLE), ('blockdev', IDLE),
                           ('sg_persist', IDLE)):
            self.tool(name, text)
        for device in self.devices:
            self.write('cp/' + device, '')
        hypervisor = types.SimpleNamespace(
            zhcp=self, zhcp_node='zhcp1', zhcp_userid='ZHCP1',
            zhcp_hostname='zhcp1.example.com', name='host1')
        self.name = 'zhcp1'
        self.zhcp = zhcp.Zhcp(hypervisor, 'test')

    def _shell_first(self):
        # "sh" is the shell under test; with busybox all it has comes first
        folder = os.path.join(self.root, 'bin')
        shell = os.path.join(folder, self.shell[0])
        shutil.copy(shutil.which(self.shell[0]), shell)
        names = ['sh']
        if self.shell[0] == 'busybox':
            tools = subprocess.run(['busybox', '--list'], check=True,
                                   capture_output=True, text=True)
            # its timeout leaves a watcher behind, for a second each time
            names = set(tools.stdout.split()) - {'busybox', 'timeout'}
        for name in names:
            os.symlink(self.shell[0], os.path.join(folder, name))

    def write(self, name, text):
        """Make a file anew: nothing is written through a link."""
        path = os.path.join(self.root, name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with open(path, 'w') as f:
            f.write(text)

    def tool(self, name, text):
        """A program that is found before the machine's own."""
        self.write('bin/' + name, '#!/bin/sh\n' + text)
        os.chmod(os.path.join(self.root, 'bin', name), 0o755)

    def cut_when(self, condition):
        """Kill the program at a call of smcli, vmcp or sync.

        :param condition: what is so at the call, as shell text; ``$0`` is
            the tool. It kills once.
        """
        for name, text in (('smcli', SMCLI), ('vmcp', VMCP), ('sync', IDLE)):
            self.tool(name, CUT + text)
        self.write('when', condition)

    def cut_at(self, number):
        """Kill the program at its n-th call of smcli or sync.

        Queries do not count: nothing has changed at the call after one.
        """
        self.write('left', '%d\n' % number)
        self.cut_when(COUNT_DOWN)

    def uncut(self):
        """Whether the program was killed; from here on it is not."""
        cut = not os.path.exists(os.path.join(self.root, 'when'))
        self.cut_when('false')
        return cut

    def read(self, name):
        with open(os.path.join(self.root, name)) as f:
            return f.read()

    def pool(self, name, *lines):
        self.write('var/opt/zhcp/zfcp/%s.conf' % name,
                   HEADER + ''.join(line + '\n' for line in lines))

    def pool_text(self, name='zpool1'):
        return self.read('var/opt/zhcp/zfcp/%s.conf' % name)

    def guest_on(self, userid):
        self.write('directory/' + userid, 'USER %s XXX\n' % userid)
        self.write('on/' + userid, '')

    def guest_off(self, userid):
        """Log off: its devices are free, and stay in its directory entry."""
        os.unlink(os.path.join(self.root, 'on', userid))
        for device in self.devices:
            if self.read('cp/' + device).strip() == userid:
                self.write('cp/' + device, '')

    def guest_back(self, userid):
        """Log on again, with the devices of its directory entry."""
        self.write('on/' + userid, '')
        for line in self.read('directory/' + userid).splitlines():
            if line.startswith('DEDICATE'):
                self.write('cp/' + line.split()[1], userid + '\n')

    def run(self, command, read_timeout=None, idempotent=False):
        """As zvm_common.xcat.guest.Node.run."""
        done = subprocess.run(
            [os.path.join(self.root, 'bin', 'sh'), '-c', command],
            cwd=self.root, text=True, start_new_session=True,
            capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
            env={'ZVM_ROOT': self.root,
                 'PATH': os.path.join(self.root, 'bin')
                 + ':/usr/sbin:/usr/bin:/sbin:/bin'})
        return guest.CommandResult(done.stdout, done.stderr,
                                   done.returncode == 0)
