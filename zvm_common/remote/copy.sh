# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# A LUN that becomes a copy of another one: of its whole real size, read back,
# and zeros behind its end.  While the record names its source, no guest gets
# that one and nobody frees it.

# copy POOL VOLUME MINIMUM MAXIMUM SCOPE ZHCP-DEVICES LEDGER
#      SOURCE GENERATION ROLE REPLACES ITS-GENERATION VERIFY SECONDS
#      SCOPE-OF-SOURCE
# REPLACES is the volume whose LUN the copy may become (see "switch"), or none.
# SCOPE owns the copy, whose sweeps look after it; its source may be another
# back-end's, which migrates a volume
verb_copy() {
    need is_word "$5"
    need is_uuid "$8"
    need is_number "$9"
    need is_word "${10}"
    need is_word "${11}"
    need is_number "${12}"
    need is_word "${13}"
    need is_number "${14}"
    need is_word "${15}"
    begin=begin_copy c_source=$8 c_sgen=$9 c_role=${10} c_moves=${11}
    c_mgen=${12} c_verify=${13} c_limit=${14} c_sscope=${15}
    take_lun "$1" "$2" "$3" "$4" "$5" "$6" "$7"
}

# Before a LUN is chosen for it: can the source be read?
source_is_there() {
    find_volume "$c_source" || refuse unknown "volume=$c_source"
    [ "$r_state" = ours ] || refuse busy "$(row)"
    [ "$r_gen" = "$c_sgen" ] || refuse stale "$(row)"
    [ "$r_scope" = "$c_sscope" ] || refuse scope "$(row)"
    foreign_user && refuse busy "$(row) text=$(text "$foreign")"
}

begin_copy() {
    r_state=copying r_role=$c_role r_source=$c_source r_sgen=$c_sgen
    r_mgen='' r_moves='' r_verify=$c_verify r_limit=$c_limit r_zero=$c_clean
    [ "$c_moves" = none ] || { r_moves=$c_moves r_mgen=$c_mgen; }
}

# Volumes and snapshots that are being copied from this one
readers() { # readers VOLUME: joined with ;
    # shellcheck disable=SC2046 # names of records hold no blanks
    set -- $(grep -l -F -x "source=$1" "$LUNS"/*-* 2>/dev/null)
    [ $# -eq 0 ] || sed -n 's/^volume=//p' "$@" | tr '\n' ';' | sed 's/;$//'
}

not_read() { # or the refusal
    read_by=$(readers "$r_volume")
    [ -z "$read_by" ] || refuse busy "$(row) readers=$read_by \
text=$(text "it is being copied to $read_by")"
}

# --- the job

copy() {
    rm -f "$JOBS/$(job_key).found"
    origin=$(grep -l -F -x "volume=$r_source" "$LUNS"/*-* | head -n 1)
    load o "$LUN_KEYS" "${origin:-none}" ||
        fail "the ledger has no volume $r_source any more"
    [ "$o_state" = ours ] && [ "$o_gen" = "$r_sgen" ] ||
        fail "volume $r_source is $o_state and not what was to be copied"
    with_origin copy_origin
}

with_origin() { # with_origin COMMAND...: which reads the disk of o_...
    hold_origin
    ( "$@" )
    origin_rc=$?
    flock -u 5
    flock -x -n 5 || return $origin_rc
    leave_origin "$r_jobfcp" "$o_wwpns" "$o_lun" && : >"$origin" ||
        fail "the source does not leave the zHCP"
    return $origin_rc
}

# Several copies may read one source: the first one finds no path of before,
# the last one takes its paths away
hold_origin() {
    origin=$JOBS/$o_lun-${o_wwpns%%;*}.read
    touch "$origin" || fail "cannot write $origin"
    exec 5<>"$origin"
    ! flock -x -n 5 || leave_origin "$r_jobfcp" "$o_wwpns" "$o_lun" ||
        fail "an old path to the source does not leave the zHCP"
    flock -s 5
    printf '%s %s\n' "$r_jobfcp" "$o_wwpns" >"$origin"
}

leave_origin() { # leave_origin DEVICES WWPNS LUN
    for dev in $(each "$1"); do
        for w in $(each "$2"); do
            path_leave "$dev:$w:$3" || return 1
        done
    done
}

# Paths to sources that killed copies have left.  The file has the devices and
# WWPNs as long as there may be some
leave_left() {
    for left_file in "$JOBS"/*.read; do
        [ -s "$left_file" ] || continue
        left_lun=${left_file##*/}
        # shellcheck disable=SC2094 # it is locked meanwhile
        (
            flock -x -n 3 && read -r left_devices left_wwpns <&3 || exit 0
            leave_origin "$left_devices" "$left_wwpns" "${left_lun%%-*}" &&
                : >"$left_file"
        ) 3<"$left_file"
    done
}

copy_origin() {
    reach_origin
    length_of_all=$bytes from_wwid=$wwid
    with_disk "$r_wwpns" "$r_lun" copy_disk
}

# from_disk, wwid and bytes of a disk that is only read, by nobody but jobs
reach_origin() {
    reach "$o_wwpns" "$o_lun" shared || fail "no path from the zHCP's FCP \
devices $r_jobfcp to the source $o_wwpns $o_lun: are they online, zoned, and \
the LUN masked to them? $tried"
    from_disk=$disk
    user=$(taken_by "$disk") && fail "$disk is in use on the zHCP: $user"
    identify "$o_wwpns" "$o_lun" "$o_wwid"
    blockdev --setro "$ROOT/dev/$disk" || fail "$disk stays writable"
    [ -r "$ROOT/dev/$disk" ] || fail "$disk is gone"
    exec 4<"$ROOT/dev/$disk" && flock -s -w 10 4 ||
        fail "somebody on the zHCP has locked $disk"
}

copy_disk() {
    take_target
    [ "$wwid" != "$from_wwid" ] || fail "source and copy are one disk"
    [ "$bytes" -ge "$length_of_all" ] || fail "the source has $length_of_all \
bytes, the LUN for its copy $bytes"
    at=0
    while [ $at -lt "$length_of_all" ]; do
        go_on
        piece $at "$length_of_all"
        copy_piece || fail "copying failed at byte $at: $said"
        at=$((at + length))
        progress $at
    done
    [ "$r_zero" = yes ] || zero_from "$length_of_all"
    blockdev --flushbufs "$ROOT/dev/$disk" "$ROOT/dev/$from_disk" ||
        fail "flush failed"
    compare
}

# On a disk that is zero, blocks of zeros need not be written
copy_piece() {
    copy_how=
    [ "$r_zero" != yes ] || copy_how=sparse,
    write_piece "$ROOT/dev/$from_disk" "$copy_how"
}

# Between two pieces: cancelled, or for too long?
go_on() {
    grep -q -x "state=$r_state" "$(lun_file "$r_wwpns" "$r_lun")" ||
        fail "cancelled"
    [ $(($(date +%s) - job_began)) -lt "$r_limit" ] ||
        fail "not done within $r_limit seconds (zvm_job_timeout)"
}

# The copy is read back from the disk and compared with its source.  A disk
# that does not give back what was written is for nobody
DIFFERS=77 # no shell ends so by itself
compare() {
    if [ "$r_verify" = all ]; then
        at=0
        while [ $at -lt "$length_of_all" ]; do
            go_on
            piece $at "$length_of_all"
            is_same $at "$length" || differs $at
            at=$((at + length))
            progress $((length_of_all + at))
        done
    else
        samples 0 "$length_of_all" is_same || differs "$at"
    fi
    [ "$bytes" -eq "$length_of_all" ] ||
        samples "$length_of_all" "$bytes" is_zero || differs "$at"
}

differs() { # differs AT
    echo "the copy does not read as its source at byte $1"
    exit $DIFFERS
}

is_same() { # is_same AT LENGTH: bytes
    reads_as "$1" "$2" "$ROOT/dev/$from_disk" "$ROOT/dev/$disk"
}

# A copy that failed stays its volume's and is good for nothing but a wipe
end_copy() { # end_copy STATUS WHY
    if [ "$1" = $DIFFERS ]; then
        quarantine "$2"
        return
    fi
    # a copy of what somebody else wrote to is of no moment at all
    [ "$1" != 0 ] || ! ( source_was_used ) >/dev/null ||
        set -- 1 "somebody else uses the source: see its line"
    if [ "$1" = 0 ]; then
        r_state=ours r_sgen='' r_limit='' r_verify='' r_zero=''
    else
        r_why=$(text "$2")
    fi
    # whoever waits for it has its time from here on
    [ -z "$r_lease" ] || lease_lun
    r_source='' r_gen=$((r_gen + 1))
    save_lun
    settle || :
}

source_was_used() { find_record "$r_source" && foreign_user; }
