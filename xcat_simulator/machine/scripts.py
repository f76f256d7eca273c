# SPDX-License-Identifier: Apache-2.0
"""Programs that are put into a node: the tools' client, and small scripts."""

# The client runs hundreds of times for each volume, and Perl starts in a fifth
# of Python's time; without any module, it is in every Debian. The node's
# socket is reached by a relative name, for a socket's path is short.
PERL_CLIENT = r'''#!@PERL@
$SIG{PIPE} = "IGNORE";
($name) = $0 =~ m{([^/]*)$};
$data = join "\0", $name, readlink("/proc/self/cwd"), $ENV{ZVM_UID} // 0,
    @ARGV;
unless (chdir("$ENV{ZVM_ROOT}/run") && socket(S, 1, 1, 0)
        && connect(S, pack("S Z108", 1, "zvm.sock"))) {
    syswrite STDERR, "$name: the system is going down\n";
    exit 1;
}
put(S, sprintf("%8d", length $data) . $data);
1 while sysread S, $answer, 65536, length $answer;
($code, $size, $body) = $answer =~ /^(\d+) (\d+)\n(.*)/s or exit 1;
put(STDOUT, substr $body, 0, $size);
put(STDERR, substr $body, $size);
exit $code;
sub put {
    my ($file, $text) = @_;
    while (length $text) {
        my $done = syswrite $file, $text or return;
        substr($text, 0, $done) = "";
    }
}
'''

# The same where there is no Perl: no module that is not built in but _socket.
CLIENT = '''#!@PYTHON@ -IS
import _socket, posix, sys
env = posix.environ
root = env.get(b"ZVM_ROOT", b"")
words = [sys.argv[0].rpartition("/")[2], posix.getcwd(),
         env.get(b"ZVM_UID", b"0").decode()] + sys.argv[1:]
data = b"\\0".join(w.encode("utf-8", "surrogateescape") for w in words)
s = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
try:
    posix.chdir(root + b"/run")
    s.connect(b"zvm.sock")
except OSError:
    posix.write(2, words[0].encode() + b": the system is going down\\n")
    posix._exit(1)
s.send(b"%8d" % len(data))
s.sendall(data)
answer = []
while True:
    part = s.recv(65536)
    if not part:
        break
    answer.append(part)
head, _, body = b"".join(answer).partition(b"\\n")
code, size = head.split() if head else (b"1", b"0")
size = int(size)
for fd, text in ((1, body[:size]), (2, body[size:])):
    while text:
        try:
            text = text[posix.write(fd, text):]
        except OSError:
            break
posix._exit(int(code))
'''

# A block device is never truncated and ends at its size. A disk is a file
# here: so dd is told not to truncate, and stopped at the end of the disk
# ("File too large" where Linux says "No space left on device"). What comes
# from a disk or from /dev/zero is copied by machine.copydisk, which knows of
# holes. In dd.fails stands the byte of a disk from which on none can be
# written. A disk that is reserved has the sticky bit (machine.reservation).
_DD = '''#!/bin/sh
after=
if [ -e "$ZVM_ROOT/usr/libexec/dd.fails" ]; then
    read -r after < "$ZVM_ROOT/usr/libexec/dd.fails" || {
        echo "dd: error writing: Input/output error" >&2
        exit 1
    }
fi
real=/bin/dd
[ -x "$real" ] || real=/usr/bin/dd
in= out=
for word; do
    case $word in
    if=*) in=${word#if=} ;;
    of=*) out=${word#of=} ;;
    esac
done
if [ -k "$in" ] || [ -k "$out" ]; then
    "$ZVM_ROOT/usr/libexec/dd.reserved" "$in" "$out" || exit
fi
[ -n "$out" ] && out=$(readlink -f -- "$out")
case $out in
"$ZVM_ROOT"/dev/sd* | "$ZVM_ROOT"/dev/dm-*)
    if size=$(stat -c %s -- "$out" 2>/dev/null); then
        [ -n "$after" ] && [ "$after" -lt "$size" ] || after=$size
        trap '' XFSZ
        ulimit -f $((after / 512))
        case $(readlink -f -- "$in" 2>/dev/null) in
        /dev/zero | "$ZVM_ROOT"/dev/sd* | "$ZVM_ROOT"/dev/dm-*)
            exec "$ZVM_ROOT/usr/libexec/copydisk" "$real" "$after" "$@" ;;
        esac
        exec "$real" "$@" conv=notrunc
    fi
    ;;
esac
exec "$real" "$@"
'''

# The host's curl, as far as the node's network lets it (machine.trouble). With
# "cuts" in network so many bytes of an upload or of an answer pass, then the
# connection breaks; so does one whose curl the simulator kills.
_CURL = r"""#!/bin/sh
real=/usr/bin/curl
[ -x "$real" ] || real=/bin/curl
network=up after=
[ ! -e "$ZVM_ROOT/usr/libexec/network" ] ||
    read -r network after < "$ZVM_ROOT/usr/libexec/network"
case $* in
*://*) ;;
*) exec "$real" "$@" ;;
esac
broken() {
    echo "curl: (56) Recv failure: Connection reset by peer" >&2
    exit 56
}
case $network in
down)
    echo "curl: (7) Failed to connect: Network is unreachable" >&2
    exit 7
    ;;
cuts)
    own=$ZVM_ROOT/tmp/.network.$$
    trap 'rm -f "$own"' EXIT
    case " $* " in
    *' -T - '* | *' --upload-file - '*)
        mkfifo "$own"
        "$real" "$@" < "$own" &
        {
            head -c "$after"
            [ "$(head -c 1 | wc -c)" = 0 ] || kill -9 $!
        } > "$own"
        wait $!
        code=$?
        ;;
    *)
        exec 4>&1
        code=$({
            { "$real" "$@" 2> "$own" 3>&-; echo $? >&3; } | {
                head -c "$after" >&4
                [ "$(head -c 1 | wc -c)" = 0 ] || echo cut >&3
            }
        } 3>&1)
        case $code in *cut* | 23) broken ;; esac
        cat "$own" >&2
        ;;
    esac
    ;;
*)
    "$real" "$@"
    code=$?
    ;;
esac
[ "$code" != 137 ] || broken
exit "$code"
"""

# What asks for another time than now is answered as the host does.
DATE = '''#!/bin/sh
real=/bin/date
[ -x "$real" ] || real=/usr/bin/date
for word; do
    case $word in
    -d* | --d* | -r* | --r* | -f* | --f* | -s* | --s*) exec "$real" "$@" ;;
    esac
done
read -r ahead < "$ZVM_ROOT/usr/libexec/clock.ahead"
now=$("$real" +%s.%N)
exec "$real" -d "@$((${now%.*} + ahead)).${now#*.}" "$@"
'''

# A file system without a free block, whatever columns were asked for.
DF = '''#!/bin/sh
real=/bin/df
[ -x "$real" ] || real=/usr/bin/df
out=$("$real" "$@") || exit
echo "$out" | awk '
NR == 1 { for (i = 1; i <= NF; i++) name[i] = $i; print; next }
{
    for (i = 1; i <= NF; i++)
        if (name[i] ~ /^Avail/) $i = 0
        else if (name[i] ~ /^(Use%|Capacity)$/) $i = "100%"
        else if (name[i] == "Used" && i > 1) $i = $(i - 1)
    print
}'
'''

_ID = '''#!/bin/sh
uid=${ZVM_UID:-0}
name=root
[ "$uid" = 0 ] || name=${ZVM_USER:-xcat}
case ${1:-} in
-u | -g | -ru | -ur | --user) echo "$uid" ;;
-un | -nu | -gn | -ng) echo "$name" ;;
*) echo "uid=$uid($name) gid=$uid($name) groups=$uid($name)" ;;
esac
'''

_WHOAMI = '''#!/bin/sh
exec id -un
'''

_SUDO = '''#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
    -n | -E | -H | --non-interactive) shift ;;
    -u) shift 2 ;;
    --) shift; break ;;
    *) break ;;
    esac
done
if [ "${ZVM_UID:-0}" != 0 ] && [ "${ZVM_SUDO:-1}" != 1 ]; then
    echo "sudo: a password is required" >&2
    exit 1
fi
while :; do
    case ${1:-} in
    [a-zA-Z_]*=*) export "${1?}"; shift ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || exit 0
ZVM_UID=0
export ZVM_UID
exec "$@"
'''

_UNAME = '''#!/bin/sh
# Values come in this order, whatever the order of the options.
asked=
for word; do
    case $word in
    --kernel-name) asked=${asked}s ;;
    --nodename) asked=${asked}n ;;
    --kernel-release) asked=${asked}r ;;
    --machine) asked=${asked}m ;;
    --operating-system) asked=${asked}o ;;
    -*) asked=$asked${word#-} ;;
    esac
done
out=
for letter in s n r v m p i o; do
    case ${asked:-s} in
    *$letter*) ;;
    *a*) case $letter in p | i) continue ;; esac ;;
    *) continue ;;
    esac
    case $letter in
    s) value=Linux ;;
    n) read -r value < "$ZVM_ROOT/etc/hostname" ;;
    r) value=@KERNEL@ ;;
    v) value='#1 SMP' ;;
    o) value=GNU/Linux ;;
    *) value=s390x ;;
    esac
    out="$out${out:+ }$value"
done
echo "$out"
'''

_HOSTNAME = '''#!/bin/sh
cat "$ZVM_ROOT/etc/hostname"
'''

# The agent's process: what it does is done in machine.iucv.
IUCVSERV = '''#!/bin/sh
case ${1:-} in
--version) echo 0.0.0.1 ;;
start | start-as-daemon) while :; do sleep 86400; done ;;
*) echo "Usage: iucvserv [--version] [start] [start-as-daemon]"; exit 255 ;;
esac
'''
IUCVSERD = '''[Unit]
Description=IUCV agent
After=local-fs.target

[Service]
Type=simple
ExecStart=/usr/bin/iucvserv start

[Install]
WantedBy=multi-user.target
'''

SCRIPTS = {'curl': _CURL, 'dd': _DD, 'hostname': _HOSTNAME, 'id': _ID,
           'sudo': _SUDO, 'uname': _UNAME, 'whoami': _WHOAMI}
