# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# What the zHCP program and the guest program share: who we are, the answer,
# records, waiting, and disks as Linux on Z shows them.  The parts are put
# together by zvm_common.remote.program; a part alone does nothing, which is
# why shellcheck sees variables here that are only set or only read (SC2034,
# SC2154).  "a && b || refuse" is meant as it reads (SC2015).
#
# Called as: sh PROGRAM OPERATION VERB ARGUMENT...
# Answers one line: zvmv1 OPERATION ok|no|row KEY=VALUE... .
# A line without the closing dot was cut off on its way.

set -u
umask 077
LC_ALL=C
export LC_ALL
ROOT=${ZVM_ROOT:-}
BASE=$ROOT/var/lib/zvm-volume
OP=${1:-none}
VERB=${2:-none}

# What is to be told beside the answer itself, KEY=VALUE
notes=
answer() { printf 'zvmv1 %s %s%s .\n' "$OP" "$*" "$notes"; }

refuse() { # refuse CODE KEY=VALUE... : nothing more is done
    answer "no $*"
    exit 0
}

text() { # one token of any text: blanks become ~, what is not printable goes
    printf '%s' "$*" | tr ' \n\t' '~~~' | tr -cd '!-~' | cut -c1-400
}

# Hex digits in the other case.  No process is started: these are asked for
# every path, again and again
lower_hex() { recase "$1" A/a B/b C/c D/d E/e F/f; }
upper_hex() { recase "$1" a/A b/B c/C d/D e/E f/F; }

recase() { # recase TEXT FROM/TO...
    cased=$1
    shift
    for pair in "$@"; do
        while :; do
            case $cased in *"${pair%/*}"*) ;; *) break ;; esac
            cased=${cased%%"${pair%/*}"*}${pair#*/}${cased#*"${pair%/*}"}
        done
    done
    printf '%s' "$cased"
}

# --- arguments: the Python side has checked them; here they are checked again

is_hex() { # is_hex DIGITS VALUE: so many lower case hex digits
    case $2 in '' | *[!0-9a-f]*) return 1 ;; esac
    [ ${#2} -eq "$1" ]
}

is_uuid() {
    case $1 in *[!0-9a-f-]*) return 1 ;; esac
    case $1 in
        ????????-????-????-????-????????????) return 0 ;;
    esac
    return 1
}

is_word() { case $1 in '' | -* | *[!A-Za-z0-9_.@#$:+-]*) return 1 ;; esac; }
is_list() { case $1 in '' | -* | *[!A-Za-z0-9_.@#$:+\;-]*) return 1 ;; esac; }
is_number() {
    case $1 in '' | *[!0-9]*) return 1 ;; esac
    [ ${#1} -le 18 ]
}

need() { # need CHECK... VALUE: or the call itself is wrong
    "$@" || refuse usage "text=$(text "not valid: $*")"
}

# --- records: key=value lines, written whole, synced and renamed; one at a
# time, under a lock

# What a newer program has added to a record of this format is kept: PREFIX_more
load() { # load PREFIX KEYS FILE: sets PREFIX_key; fails for one not whole
    for k in $2 more; do eval "$1_$k="; done
    [ -r "$3" ] || return 1
    load_whole='' load_more=
    while IFS='=' read -r k v; do
        case $k in
            end) load_whole=1 ;;
            '' | *[!a-z_]*) return 2 ;;
            *)
                case " $2 " in
                    *" $k "*) eval "$1_$k=\$v" ;;
                    *) load_more="$load_more$k=$v
" ;;
                esac
                ;;
        esac
    done <"$3"
    eval "$1_more=\$load_more"
    [ -n "$load_whole" ] || return 2
}

save() { # save PREFIX KEYS FILE
    save_tmp=${3%/*}/.new
    for k in $2; do
        eval "v=\$$1_$k"
        [ -z "$v" ] || printf '%s=%s\n' "$k" "$v"
    done >"$save_tmp" && eval "v=\$$1_more" &&
        printf '%send=1\n' "$v" >>"$save_tmp" &&
        replace "$save_tmp" "$3" ||
        refuse space "text=$(text "cannot write $3")"
}

replace() { # replace NEW OLD: on disk before it counts
    sync "$1" 2>/dev/null || sync
    mv -f "$1" "$2" || return 1
    sync "${2%/*}" 2>/dev/null || sync
}

# --- waiting on conditions

until_true() { # until_true SECONDS COMMAND...
    until_seconds=$1 until_end=
    shift
    until "$@"; do
        : "${until_end:=$(($(date +%s) + until_seconds))}"
        [ "$(date +%s)" -lt "$until_end" ] || return 1
        nap
    done
}

# POSIX sleep knows whole seconds only; most know fractions
nap() { sleep 0.05 2>/dev/null || sleep 1; }

# --- disks.  A path is DEVICE:WWPN:LUN, such as 3B00:5005...:4011...

CCW=$ROOT/sys/bus/ccw
SCSI=$ROOT/sys/bus/scsi/devices
ZFCP=$CCW/drivers/zfcp

path_device() { lower_hex "0.0.${1%%:*}"; }
path_wwpn() { path_rest=${1#*:} && printf '%s' "${path_rest%%:*}"; }
path_lun() { printf '%s' "${1##*:}"; }

path_scsi() { # the SCSI device of a path, as zfcp names it in sysfs
    set -- "$(path_device "$1")" "$(path_wwpn "$1")" "$(path_lun "$1")"
    for d in "$SCSI"/*:*:*:*; do
        [ -r "$d/fcp_lun" ] || continue
        # it may go away just now
        read -r a 2>/dev/null <"$d/hba_id" && [ "$a" = "$1" ] || continue
        read -r a 2>/dev/null <"$d/wwpn" && [ "$a" = "0x$2" ] || continue
        read -r a 2>/dev/null <"$d/fcp_lun" && [ "$a" = "0x$3" ] || continue
        printf '%s' "$d"
        return 0
    done
    return 1
}

path_disk() { # the kernel's name (sda) of a path
    path_found=$(path_scsi "$1") || return 1
    for d in "$path_found"/block/*; do
        [ -e "$d" ] || return 1
        [ -e "$ROOT/dev/${d##*/}" ] || return 1
        printf '%s' "${d##*/}"
        return 0
    done
}

path_gone() { ! path_scsi "$1" >/dev/null; }

is_online() {
    read -r a 2>/dev/null <"$CCW/devices/$1/online" && [ "$a" = 1 ]
}

# The NAA name of VPD page 0x83 in hex: as the kernel tells it, else from the
# page itself, else as the disk answers.  sysfs has "wwid" since Linux 4.5,
# "vpd_pg83" since 3.15
disk_wwid() {
    wwid_sysfs=$ROOT/sys/block/$1/device
    if read -r a 2>/dev/null <"$wwid_sysfs/wwid"; then
        case $a in naa.*) a=${a#naa.} ;; *) return 1 ;; esac
    elif [ -r "$wwid_sysfs/vpd_pg83" ]; then
        a=$(page83_naa <"$wwid_sysfs/vpd_pg83") || return 1
    else
        a=$(asked_naa "$1") || return 1
    fi
    a=$(lower_hex "$a")
    is_hex 32 "$a" || is_hex 16 "$a" || return 1
    printf '%s' "$a"
}

# Of the logical unit's designators (association 0) the longest NAA (type 3)
page83_naa() {
    od -An -v -tu1 | awk '{ for (i = 1; i <= NF; i++) b[n++] = $i }
        END {
            for (at = 4; at + 4 <= n; at += 4 + b[at + 3]) {
                if (b[at + 1] % 64 != 3 || b[at + 3] <= most) continue
                most = b[at + 3]
                naa = ""
                for (i = 0; i < most; i++)
                    naa = naa sprintf("%02x", b[at + 4 + i])
            }
            print naa
            exit naa == ""
        }'
}

# scsi_id of udev is in no PATH; a 3 in front is the kind, NAA
asked_naa() {
    for scsi_id in "$ROOT/usr/lib/udev/scsi_id" "$ROOT/lib/udev/scsi_id"; do
        [ -x "$scsi_id" ] || continue
        a=$("$scsi_id" --whitelisted --page=0x83 \
            --device="$ROOT/dev/$1" 2>/dev/null) || return 1
        case $a in 3*) printf '%s' "${a#3}" ;; *) return 1 ;; esac
        return 0
    done
    return 1
}

disk_bytes() { blockdev --getsize64 "$ROOT/dev/$1"; }

# Mounted, swapped on, or held by device mapper, LVM or md: who uses it
disk_user() { # disk_user NAME [HOLDER THAT DOES NOT COUNT]
    awk -v d="/dev/$1" '$1 == d {print "mount:" $2; exit}' \
        "$ROOT/proc/mounts" 2>/dev/null | grep . && return 0
    awk -v d="/dev/$1" '$1 == d {print "swap"; exit}' \
        "$ROOT/proc/swaps" 2>/dev/null | grep . && return 0
    for h in "$ROOT/sys/block/$1/holders"/* "$ROOT/sys/block/$1/$1"*/holders/*
    do
        [ -e "$h" ] || [ -L "$h" ] || continue
        case " ${2:-} " in *" ${h##*/} "*) continue ;; esac
        echo "holder:${h##*/}"
        return 0
    done
    for p in "$ROOT/sys/block/$1/$1"*; do
        [ -e "$p/partition" ] || continue
        awk -v d="/dev/${p##*/}" '$1 == d {print "mount:" $2; exit}' \
            "$ROOT/proc/mounts" "$ROOT/proc/swaps" 2>/dev/null |
            grep . && return 0
    done
    return 1
}

# With NPIV the kernel brings every LUN that is masked to a device as soon as
# the device is online, unless automatic LUN scan is off (kernel's default: on)
scan_off() {
    scan_file=$ROOT/sys/module/zfcp/parameters/allow_lun_scan
    [ -e "$scan_file" ] || modprobe zfcp 2>/dev/null
    [ -e "$scan_file" ] || return 1
    scan_is_off || echo N >"$scan_file" || return 1
    until_true 5 scan_is_off
}

scan_is_off() {
    read -r a <"$scan_file" 2>/dev/null || return 1
    [ "$a" = N ] || [ "$a" = 0 ]
}

tools() { # the names among the arguments that are not here
    for t in "$@"; do
        command -v "$t" >/dev/null 2>&1 || printf '%s;' "$t"
    done
}

# --- sets: elements joined with ;

each() { # the elements, a line each
    (
        IFS=';'
        set -f
        # shellcheck disable=SC2086
        printf '%s\n' $1
    )
}

set_has() { case ";$1;" in *";$2;"*) return 0 ;; esac; return 1; }

set_add() {
    if [ -z "$1" ]; then
        printf '%s' "$2"
    elif set_has "$1" "$2"; then
        printf '%s' "$1"
    else
        printf '%s;%s' "$1" "$2"
    fi
}

set_drop() {
    set_rest=
    for element in $(each "$1"); do
        [ "$element" = "$2" ] || set_rest="$set_rest;$element"
    done
    printf '%s' "${set_rest#;}"
}
