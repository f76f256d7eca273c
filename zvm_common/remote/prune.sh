# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# A Linux whose root disk is a volume brings along what it had configured in
# another guest, and its initramfs may have scanned for LUNs: disks that are
# not its server's, and perhaps another's.

# prune PATHS: no other path is there, now or at the next start.  A disk that
# something uses is told and left
verb_prune() {
    need is_list "$1"
    need_tools
    prune_wanted=$1
    choose_persist
    mkdir -p "$SEEN" && exec 9>>"$BASE/lock" && flock -w 60 9 ||
        refuse lock "text=$(text "another request works here")"
    scan_off && keep_scan_off || refuse path \
        "text=$(text "automatic LUN scan cannot be switched off, so that the \
guest would see LUNs of others: ${z_out:-}")"
    pruned=
    for prune_path in $(known_paths); do
        set_has "$prune_wanted" "$prune_path" && continue
        prune_one "$prune_path"
        pruned=$(set_add "$pruned" "$prune_path")
    done
    answer "ok pruned=$(each "$pruned" | head -n 50 | tr '\n' ';')"
}

prune_one() { # prune_one PATH, with all others to its disk
    disks='' maps='' wwid='' all_paths=$1
    path=$1 paths=$1 want_wwid=-
    # nothing of ours is on it, so that nothing need be flushed
    force=force forced='' && find_disks && force=
    is_wanted || { not_in_use && maps_away; }
    for path in $(each "$all_paths"); do
        set_has "$prune_wanted" "$path" && continue
        delete_disk "$path" && keep_lun_off "$path" && path_gone "$path" &&
            ! kept "$path" || refuse path "text=$(text "$path, which is no \
path of this server, does not go away: ${z_out:-}")"
    done
}

is_wanted() { # it is a further path to a disk of this server
    for path in $(each "$all_paths"); do
        ! set_has "$prune_wanted" "$path" || return 0
    done
    return 1
}

# Those of the kernel, and those that come back at the next start
known_paths() {
    {
        for d in "$ZFCP"/0.0.*/0x*/0x*; do
            [ ! -d "$d" ] || echo "${d#"$ZFCP"/}" | tr / ' '
        done
        for d in "$SCSI"/*:*:*:*; do
            read -r a 2>/dev/null <"$d/hba_id" &&
                read -r b 2>/dev/null <"$d/wwpn" &&
                read -r c 2>/dev/null <"$d/fcp_lun" && echo "$a $b $c"
        done
        [ ! -e "$CONF" ] || awk '/^[ \t]*#/ { next }
            { n = split(tolower($0), f, " ") }
            n >= 5 { print f[1], f[3], f[5]; next }
            n >= 3 { print f[1], f[2], f[3] }' "$CONF"
        cat "$RULES"/*.rules 2>/dev/null | sed -n -e '/^[ 	]*#/d' \
            -e 's|.*\[ccw/\([^]]*\)\]\([^/]*\)/unit_add}="\([^"]*\)".*|\1 \2 \3|p'
    } | awk '$1 ~ /^0\.0\.[0-9a-f]+$/ && $2 ~ /^0x/ && $3 ~ /^0x/ &&
        length($1) == 8 && length($2) == 18 && length($3) == 18 && !seen[$0]++ {
            print toupper(substr($1, 5)) ":" substr($2, 3) ":" substr($3, 3)
        }'
}
