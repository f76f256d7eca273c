# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# All paths to a LUN off, in an order that loses nothing: used by nobody,
# flushed, queueing off, map away, each disk deleted, configuration away,
# proven gone.

FLUSH_SECONDS=60

# detach VOLUME GENERATION WWID PATHS [force]
# force: the caller knows that who uses the disk loses it
verb_detach() {
    need is_uuid "$1"
    need is_number "$2"
    [ "$3" = - ] || need is_word "$3"
    need is_list "$4"
    case $5 in '' | force) ;; *) need false "$5" ;; esac
    need_tools
    check_generation "$1" "$2"
    want_wwid=$3 paths=$4 force=$5 forced=''
    choose_persist
    find_disks
    not_in_use
    no_scan
    flush
    maps_away
    disks_away
    config_away "$1"
    proven_gone
    answer "ok${forced:+ forced=$(text "${forced#; }")}"
}

# --- which disks: a name never decides, the WWID of VPD page 0x83 does

find_disks() { # disks, maps: names; all_paths: paths given, and found by WWID
    disks='' maps='' all_paths=$paths wwid=''
    [ "$want_wwid" = - ] || wwid=$want_wwid
    for path in $(each "$paths"); do
        disk=$(path_disk "$path") && this_disk "$path"
    done
    [ -n "$wwid" ] || return 0
    for d in "$SCSI"/*:*:*:*; do
        other_path "$d"
    done
    for d in "$ROOT"/sys/block/dm-*; do
        [ "$(dm_key "${d##*/}" uuid)" != "mpath-3$wwid" ] ||
            maps="$maps ${d##*/}"
    done
}

this_disk() { # this_disk PATH
    found=$(disk_wwid "$disk") || found=$(map_wwid "$disk") || found=
    [ -n "$found" ] || {
        # without a WWID nothing is flushed, and only the caller can know
        [ -n "$force" ] || refuse mismatch "text=$(text "$1 ($disk) tells no \
WWID, so that it cannot be told to be this volume's; see in the guest what it \
is, then force the detach")"
        forced="$forced; $disk without WWID, not flushed"
        return
    }
    [ -n "$wwid" ] || wwid=$found
    [ "$found" = "$wwid" ] || refuse mismatch \
        "text=$(text "$1 is WWID $found, not $wwid")"
    disks="$disks $disk"
}

# A path that is dead does not answer any more; its map was made when it did
map_wwid() { # map_wwid DISK
    for h in "$ROOT/sys/block/$1/holders"/dm-*; do
        case $(dm_key "${h##*/}" uuid) in
            mpath-3*)
                a=$(dm_key "${h##*/}" uuid) && printf '%s' "${a#mpath-3}"
                return 0
                ;;
        esac
    done
    return 1
}

# The same disk by a path that nobody named, such as LUN scan brings
other_path() { # other_path SCSI-DEVICE
    read -r a 2>/dev/null <"$1/hba_id" || return 0
    for b in "$1"/block/*; do
        b=${b##*/}
        case " $disks " in *" $b "*) return 0 ;; esac
        [ -e "$ROOT/sys/block/$b" ] && found=$(disk_wwid "$b") &&
            [ "$found" = "$wwid" ] || return 0
    done
    read -r a <"$1/hba_id" && bus=$a && read -r a <"$1/wwpn" &&
        port=$a && read -r a <"$1/fcp_lun" || return 0
    disks="$disks $b"
    all_paths=$(set_add "$all_paths" \
        "$(upper_hex "${bus#0.0.}"):${port#0x}:${a#0x}")
}

# --- before anything is changed

not_in_use() {
    [ -r "$ROOT/proc/mounts" ] && [ -r "$ROOT/proc/swaps" ] ||
        refuse inuse "user=unknown text=$(text "proc cannot be read")"
    all_users=$(list_users 2>/dev/null)
    for disk in $maps $disks; do
        user=$(user_of "$disk" "${maps# }") || continue
        case " $maps " in
            *" $disk "*) what="map $(dm_key "$disk" name)" ;;
            *) what="disk $disk" ;;
        esac
        [ -n "$force" ] || refuse inuse \
            "user=$(text "$user") text=$(text "$what")"
        forced="$forced; $what used by $user"
    done
}

# Else the kernel brings the LUN back as soon as it is away
no_scan() {
    scan_off || [ ! -e "$scan_file" ] || refuse path \
        "text=$(text "automatic LUN scan cannot be switched off, so that the \
LUN would come back: write 0 to that parameter of the module zfcp")"
}

# --- flush, and maps away

flush() { # with its map flushed, a path that is dead holds nothing
    flushed=
    for disk in $maps; do
        flush_one "$disk" && flushed=yes || not_flushed "$disk"
    done
    for disk in $disks; do
        flush_one "$disk" || [ -n "$flushed" ] || not_flushed "$disk"
    done
}

not_flushed() {
    [ -n "$force" ] || refuse path "text=$(text "$1 cannot be flushed: see \
that a path to it works, or force the detach and lose what was not written")"
    forced="$forced; $1 not flushed"
}

# A map that queues for want of a path would keep us for ever
flush_one() { # flush_one NAME
    case $1 in dm-*) has_path "$1" || return 1 ;; esac
    flush_said=$SEEN/.flush.$$
    rm -f "$flush_said"
    {
        blockdev --flushbufs "$ROOT/dev/$1"
        echo $? >"$flush_said"
    } >/dev/null 2>&1 9>&- &
    until_true "$FLUSH_SECONDS" test -s "$flush_said" || return 1
    read -r a <"$flush_said"
    rm -f "$flush_said"
    [ "$a" = 0 ]
}

has_path() {
    for slave in "$ROOT/sys/block/$1/slaves"/*; do
        [ -e "$slave" ] || [ -L "$slave" ] && return 0
    done
    return 1
}

maps_away() {
    for dm in $maps; do
        map=$(dm_key "$dm" name) || continue
        queueing off "$map"
        map_away && continue
        [ -n "$force" ] || {
            queueing on "$map"
            refuse inuse "user=map text=$(text "map $map does not go away: \
end what has it open")"
        }
        # what uses it gets errors from now on; it goes with its last user
        dmsetup remove --force --deferred "$map" >/dev/null 2>&1
        forced="$forced; map $map stays until its user lets go"
    done
}

map_away() {
    multipath -f "$map" >/dev/null 2>&1
    until_true 5 no_dm "$dm" && return 0
    dmsetup remove "$map" >/dev/null 2>&1
    until_true 5 no_dm "$dm"
}

no_dm() { [ "$(dm_key "$1" uuid)" != "mpath-3$wwid" ]; }

# multipathd would switch it on again if it were not told
queueing() { # queueing on|off MAP
    case $1 in
        off) set -- disablequeueing fail_if_no_path "$2" ;;
        on) set -- restorequeueing queue_if_no_path "$2" ;;
    esac
    multipathd "$1" map "$3" >/dev/null 2>&1
    [ "$1" = restorequeueing ] ||
        dmsetup message "$3" 0 "$2" >/dev/null 2>&1 || :
}

# --- paths away, now and for ever

disks_away() {
    for path in $(each "$all_paths"); do
        delete_disk "$path" || refuse path "text=$(text "the disk at $path \
does not go away: ${z_out:-}")"
    done
}

config_away() { # config_away VOLUME
    for path in $(each "$all_paths"); do
        keep_lun_off "$path" || refuse path \
            "text=$(text "configuration of $path stays: ${z_out:-}")"
    done
    for bus in $(each "$paths" | sed 's/:.*//' | sort -u); do
        host_off "$bus" || refuse path \
            "text=$(text "FCP device $bus does not go offline: ${z_out:-}")"
    done
    link_off "$1" || refuse space "text=$(text "$z_out")"
}

proven_gone() {
    for path in $(each "$all_paths"); do
        rescan "$(path_device "$path")"
    done
    udevadm settle --timeout=10 >/dev/null 2>&1
    for path in $(each "$all_paths"); do
        path_gone "$path" && no_unit "$path" || refuse path \
            "text=$(text "$path is there again after a rescan: see what else \
in the guest configures FCP devices")"
        ! kept "$path" || refuse path \
            "text=$(text "$path would come back when the guest starts: \
remove it from $RULES and $CONF")"
    done
}

rescan() { # rescan BUS, once for each
    case " ${rescanned:-} " in *" $1 "*) return 0 ;; esac
    rescanned="${rescanned:-} $1"
    is_online "$1" || return 0
    sysfs 1 "$ZFCP/$1/port_rescan"
    for host in "$CCW/devices/$1"/host*; do
        host=$ROOT/sys/class/scsi_host/${host##*/}
        [ ! -e "$host/scan" ] || sysfs '- - -' "$host/scan"
    done
}
