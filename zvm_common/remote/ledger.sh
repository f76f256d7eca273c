# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# The ledger on the zHCP: one lock, one record per LUN, one per FCP device.

LUN_KEYS="volume role state op gen before guest node instance attachment host \
fcp wwid bytes clean scope pool wwpns lun jobfcp phase was last freed why \
lease boot source sgen moves mgen verify limit zero sop said zgen \
peer pin sbytes owner paths ipl"
FCP_KEYS="device state guest node instance volumes byus chpid wwpn npiv lease \
boot scope why stale retry tries cool warm"
LUNS=$BASE/luns
FCPS=$BASE/fcp
JOBS=$BASE/jobs
CLAIMS=$BASE/claims
COPIES=$BASE/pools
POOLS=$ROOT/var/opt/zhcp/zfcp

open_ledger() { # the lock is held until this process ends
    [ -d "$LUNS" ] && [ -d "$FCPS" ] && [ -d "$JOBS" ] ||
        { mkdir -p "$LUNS" "$FCPS" "$JOBS" && chmod 700 "$BASE"; } ||
        refuse space "text=$(text "cannot make $BASE")"
    exec 9>>"$BASE/lock" || refuse space "text=$(text "cannot open a lock")"
    flock -w "${1:-60}" 9 || refuse lock "text=$(text "another request holds \
the ledger's lock on the zHCP")"
    check_format
}

# Format 2 has leases in the records of LUNs, format 3 copies, whose sources a
# program of format 2 would give to guests, format 4 images on their way and
# LUNs that are lent or left to the operator: an older program refuses it
check_format() {
    if [ ! -e "$BASE/format" ]; then
        for f in "$LUNS"/* "$FCPS"/*; do
            [ ! -e "$f" ] || refuse ledger \
                "text=$(text "$BASE/format is missing beside records")"
        done
        mark format 4
    fi
    read -r a <"$BASE/format"
    case $a in
        1 | 2 | 3) mark format 4 ;;
        4) ;;
        *) refuse format "found=$(text "$a") known=4" ;;
    esac
    # who knew another one knows that this is not the one it wrote to
    [ -s "$BASE/id" ] || mark id "$OP"
    read -r ledger_id <"$BASE/id"
}

mark() { # mark NAME TEXT: a file of the ledger that has one line
    echo "$2" >"$BASE/.new.$$" && replace "$BASE/.new.$$" "$BASE/$1" ||
        refuse space "text=$(text "cannot write $BASE/$1")"
}

close_ledger() { exec 9>&-; }

boot_id() {
    read -r boot <"$ROOT/proc/sys/kernel/random/boot_id" || boot=
    printf '%s' "$boot"
}

# A lease is counted by the clock of one boot of this machine: after a reboot
# nobody knows how long ago it began, and it begins anew
lease_is_over() { # lease_is_over END BOOT; 2: of another boot
    [ -n "$1" ] || return 0
    [ "$2" = "$(boot_id)" ] || return 2
    [ "$(date +%s)" -ge "$1" ]
}


lun_file() { # lun_file WWPNS LUN: of a LUN of a pool
    printf '%s/%s-%s' "$LUNS" "${1%%;*}" "$2"
}

load_lun() { # load_lun FILE: r_...; a record that is not whole stops all
    load r "$LUN_KEYS" "$1"
    load_rc=$?
    [ $load_rc != 2 ] || refuse ledger \
        "text=$(text "record $1 is not whole")"
    return $load_rc
}

save_lun() {
    set -- "$(lun_file "$r_wwpns" "$r_lun")"
    ! is_other || set -- "$LUNS/other-$r_volume"
    save r "$LUN_KEYS" "$1"
}

load_fcp() {
    load f "$FCP_KEYS" "$FCPS/$1"
    load_rc=$?
    [ $load_rc != 2 ] || refuse ledger "text=$(text "record $FCPS/$1")"
    return $load_rc
}

save_fcp() { save f "$FCP_KEYS" "$FCPS/$f_device"; }
drop_fcp() {
    rm -f "$FCPS/$1"
    sync "$FCPS" 2>/dev/null || sync
}

find_record() { # r_... := the record that says it is this volume's
    # shellcheck disable=SC2013 # names of records hold no blanks
    for record in $(grep -l -F -x "volume=$1" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$record"
        return
    done
    return 1
}

# A volume or a copy may be on its way from one LUN to another: it has arrived
# before anybody does anything with it
find_volume() { # r_... := the record of this volume
    # shellcheck disable=SC2013 # names of records hold no blanks
    for moving in $(grep -l -F -x phase=switch "$LUNS"/*-* 2>/dev/null); do
        load_lun "$moving" || continue
        case $1 in "$r_volume" | "$r_moves") finish_switch ;; esac
    done
    find_record "$1"
}

# For who knows volumes of pools only: that a guest once had it as another
# back-end's is no matter then
find_pooled() {
    find_volume "$1" || return 1
    ! is_other || [ "$r_state" = used ]
}

# No node name of three characters is found in it: rmvm and other commands of
# the MN match owners as text.  No process is started: each line is asked for
stamp() {
    stamp_rest=$1 stamped=
    while :; do
        case $stamp_rest in
            -*) stamp_rest=${stamp_rest#-} ;;
            ??*)
                stamped=${stamped}_${stamp_rest%"${stamp_rest#??}"}
                stamp_rest=${stamp_rest#??}
                ;;
            *) break ;;
        esac
    done
    printf '%s' "${stamped#_}"
}

row() { # the record r_..., for refusals
    printf 'volume=%s state=%s gen=%s op=%s pool=%s wwpns=%s lun=%s ' \
        "$r_volume" "$r_state" "$r_gen" "$r_op" "$r_pool" "$r_wwpns" "$r_lun"
    printf 'guest=%s node=%s instance=%s attachment=%s host=%s fcp=%s ' \
        "$r_guest" "$r_node" "$r_instance" "$r_attachment" "$r_host" "$r_fcp"
    printf 'wwid=%s real=%s clean=%s scope=%s phase=%s why=%s ' \
        "$r_wwid" "$r_bytes" "$r_clean" "$r_scope" "$r_phase" "$r_why"
    printf 'role=%s source=%s moves=%s sop=%s said=%s was=%s paths=%s ' \
        "$r_role" "$r_source" "$r_moves" "$r_sop" "$r_said" "$r_was" "$r_paths"
    printf 'ipl=%s' "$r_ipl"
}
