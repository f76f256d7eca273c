# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# The guest program: paths to a LUN persistently on, and what this guest is.

SEEN=$BASE/volumes

# A request that comes late must not repeat what is past: the highest
# generation of each volume is remembered here
check_generation() { # check_generation VOLUME GENERATION
    mkdir -p "$SEEN" && chmod 700 "$BASE" ||
        refuse space "text=$(text "cannot make $SEEN")"
    exec 9>>"$BASE/lock"
    flock -w 60 9 || refuse lock "text=$(text "another request works here")"
    read -r seen 2>/dev/null <"$SEEN/$1" || seen=0
    is_number "$seen" || seen=0
    [ "$seen" -le "$2" ] || refuse stale "volume=$1 gen=$seen"
    echo "$2" >"$SEEN/.new.$$" && replace "$SEEN/.new.$$" "$SEEN/$1" ||
        refuse space "text=$(text "cannot write $SEEN/$1")"
}

need_tools() {
    missing=$(lacking)
    [ -z "$missing" ] || refuse tool "missing=$missing"
}

lacking() {
    lacks=$(tools cio_ignore blockdev udevadm flock awk sync)
    printf '%s' "$lacks"
}

# attach VOLUME GENERATION WWID BYTES PATHS; WWID - and BYTES 0 mean unknown
verb_attach() {
    need is_uuid "$1"
    need is_number "$2"
    [ "$3" = - ] || need is_word "$3"
    need is_number "$4"
    need is_list "$5"
    need_tools
    check_generation "$1" "$2"
    want_wwid=$3 want_bytes=$4 paths=$5
    choose_persist
    scan_off && keep_scan_off || refuse path \
        "text=$(text "automatic LUN scan cannot be switched off, so that the \
guest would see LUNs of others: ${z_out:-}")"
    made='' up='' scanned='' missing_paths='' wwid='' bytes=''
    for path in $(each "$paths"); do
        one_path "$path"
    done
    enough_paths
    # shellcheck disable=SC2046
    link_on "$1" "$wwid" $(disks_up)
    find_device
    answer "ok device=$device wwid=$wwid bytes=$bytes up=$up \
missing=$missing_paths others=$(others) link=$link"
}

one_path() { # one_path PATH
    bus=$(path_device "$1")
    port=$ZFCP/$bus/0x$(path_wwpn "$1")
    cio_ignore -r "$bus" >/dev/null 2>&1
    until_true 30 test -e "$CCW/devices/$bus" ||
        undo path \
            "text=$(text "FCP device $bus does not come up in the guest")"
    is_online "$bus" || {
        made="host:${1%%:*} $made"
        forget_stale "$bus"
    }
    keep_host_on "$bus" || undo path "text=$(text "$kind $bus: $z_out")"
    until_true 10 is_online "$bus" ||
        undo path "text=$(text "FCP device $bus does not go online")"
    see_ports "$bus"
    # a device sees only the ports of its own fabric
    until_true 1 test -d "$port" || {
        missing_paths=$(set_add "$missing_paths" "$1")
        return
    }
    path_scsi "$1" >/dev/null || made="lun:$1 $made"
    keep_lun_on "$1" || undo path "text=$(text "$kind $1: $z_out")"
    until_true 20 path_disk "$1" >/dev/null ||
        undo path "text=$(text "no disk appears at $1: is the LUN masked to \
the device's WWPN?")"
    check_disk "$1"
    up=$(set_add "$up" "$1")
}

# All ports that a device sees are there when a write to port_rescan returns
see_ports() { # see_ports BUS, once for each device
    set_has "$scanned" "$1" && return
    { echo 1 >"$ZFCP/$1/port_rescan"; } 2>/dev/null
    until_true 10 any_port "$1" || :
    scanned=$(set_add "$scanned" "$1")
}

any_port() {
    for p in "$ZFCP/$1"/0x*; do
        [ ! -d "$p" ] || return 0
    done
    return 1
}

# What the kernel tells of a disk comes after the disk
known_disk() { # known_disk PATH: disk, found
    disk=$(path_disk "$1") && found=$(disk_wwid "$disk")
}

check_disk() { # check_disk PATH: the same disk behind every path
    until_true 5 known_disk "$1" ||
        undo mismatch "text=$(text "$1 ($disk) tells no NAA WWID")"
    [ "$want_wwid" = - ] || [ "$found" = "$want_wwid" ] || undo mismatch \
        "wwid=$found text=$(text "$1 is WWID $found, expected $want_wwid")"
    [ -z "$wwid" ] || [ "$wwid" = "$found" ] || undo mismatch \
        "wwid=$found text=$(text "$1 is WWID $found, other paths $wwid")"
    wwid=$found
    bytes=$(disk_bytes "$disk") && [ "${bytes:-0}" -gt 0 ] ||
        undo mismatch "text=$(text "$1 ($disk) has no size")"
    [ "$want_bytes" -le "$bytes" ] || undo mismatch \
        "text=$(text "$1 has $bytes bytes, expected $want_bytes")"
}

# Each device and each port must carry at least one path
enough_paths() {
    for path in $(each "$paths"); do
        for part in "${path%%:*}:" ":$(path_wwpn "$path"):"; do
            case ";$up;" in
                *"$part"*) ;;
                *)
                    undo path \
                        "text=$(text "no path over $part: zoning? up: $up")"
                    ;;
            esac
        done
    done
}

# Only what this call made goes away again, the last first
undo() { # undo CODE KEY=VALUE...
    undone=yes
    for m in $made; do
        case $m in
            lun:*) lun_off "${m#lun:}" || undone=no ;;
            host:*) host_off "${m#host:}" || undone=no ;;
            link:*) link_off "${m#link:}" || undone=no ;;
        esac
    done
    code=$1
    shift
    refuse "$code" "undone=$undone $*"
}

lun_off() { # the map of several paths goes before its last path
    gone_disk=$(path_disk "$1") && map=$(disk_map "$gone_disk") &&
        last_path "$(map_device "$gone_disk")" &&
        multipath -f "$map" >/dev/null 2>&1
    keep_lun_off "$1"
    until_true 20 path_gone "$1"
}

map_device() { # dm-N of the map on a disk
    for h in "$ROOT/sys/block/$1/holders"/dm-*; do
        printf '%s' "${h##*/}"
        return
    done
}

last_path() { # last_path dm-N: whether its map has no other path
    set -- "$ROOT/sys/block/$1/slaves"/*
    [ $# -le 1 ]
}

host_off() { # unless another LUN is on it
    bus=$(path_device "$1:")
    for d in "$SCSI"/*:*:*:*; do
        read -r a 2>/dev/null <"$d/hba_id" && [ "$a" = "$bus" ] && return 0
    done
    for d in "$ZFCP/$bus"/0x*/0x*; do
        [ ! -d "$d" ] || return 0
    done
    keep_host_off "$bus"
    until_true 10 host_is_off "$bus"
}

host_is_off() { ! is_online "$1"; }

disk_map() { # the multipath map that holds a disk
    for h in "$ROOT/sys/block/$1/holders"/dm-*; do
        [ -e "$h" ] || [ -L "$h" ] || continue
        read -r a <"$ROOT/sys/block/${h##*/}/dm/uuid" || continue
        case $a in
            mpath-*)
                read -r a <"$ROOT/sys/block/${h##*/}/dm/name" || continue
                map_dm=${h##*/}
                printf '%s' "$a"
                return 0
                ;;
        esac
    done
    return 1
}

# The daemon makes the maps; "multipath" lists them also without it
multipath_runs() {
    command -v multipath >/dev/null 2>&1 &&
        multipathd show daemon >/dev/null 2>&1
}

disks_up() {
    for path in $(each "$up"); do
        path_disk "$path"
        echo
    done
}

# The stable name of the disk: that of the map, else of the first path
find_device() {
    udevadm settle --timeout=10 >/dev/null 2>&1
    first=$(path_disk "${up%%;*}")
    case $up in
        *\;*)
            if multipath_runs &&
                until_true 10 disk_map "$first" >/dev/null; then
                device=/dev/disk/by-id/dm-uuid-mpath-3$wwid
                until_true 10 test -e "$ROOT$device" && return
                device=/dev/mapper/$(disk_map "$first")
                return
            fi
            ;;
    esac
    until_true 10 by_path "$first" || undo path \
        "text=$(text "udev makes no by-path name for $first")"
}

by_path() { # by_path DISK: device
    for l in "$ROOT/dev/disk/by-path/ccw-$(path_device "$up")"-*; do
        case $l in *-part*) continue ;; esac
        a=$(readlink "$l") || continue
        [ "${a##*/}" = "$1" ] || continue
        device=${l#"$ROOT"}
        return 0
    done
    return 1
}

others() { # disks on these devices that are none of these paths: information
    n=0
    for d in "$SCSI"/*:*:*:*; do
        read -r a 2>/dev/null <"$d/hba_id" &&
            read -r b 2>/dev/null <"$d/fcp_lun" || continue
        case ";$up" in
            *";$(upper_hex "${a#0.0.}"):"*":${b#0x}"*) ;;
            *) n=$((n + 1)) ;;
        esac
    done
    echo "$n"
}

# hello: what this guest is, what was chosen for it, and what it lacks
verb_hello() {
    choose_persist
    scan=none
    [ ! -e "$ROOT/sys/module/zfcp/parameters/allow_lun_scan" ] ||
        { scan_file=$ROOT/sys/module/zfcp/parameters/allow_lun_scan &&
            scan_is_off && scan=off || scan=on; }
    multipath_runs && maps=yes || maps=no
    answer "ok user=$(id -un 2>/dev/null || id -u) missing=$(lacking) \
persist=$kind os=$(os_name) kernel=$(text "$(uname -r)") scan=$scan \
multipath=$maps"
}

os_name() {
    (
        ID='' VERSION_ID=''
        # shellcheck disable=SC1091
        . "$ROOT/etc/os-release" 2>/dev/null
        text "${ID:-unknown}-${VERSION_ID:-unknown}"
    )
}

main() {
    case $OP in *[!A-Za-z0-9-]*) exit 2 ;; esac
    # a list travels with commas
    for a in "$@"; do
        shift
        case $a in *,*) a=$(printf '%s' "$a" | tr , ';') ;; esac
        set -- "$@" "$a"
    done
    case $VERB in
        hello | attach | detach | forget | prune | begin | run | end)
            "verb_$VERB" "$@"
            ;;
        *) refuse usage "text=$(text "no verb $VERB")" ;;
    esac
}

shift 2 2>/dev/null || set --
main "$@" '' '' '' '' '' ''
