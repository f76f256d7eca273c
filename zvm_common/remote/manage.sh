# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# LUNs of the operator that become volumes or snapshots with all their data,
# and those that are left to the operator.  A LUN that was left is never free
# again by itself: its record stays, and says so.

unfit() { # unfit WHY: r_lun is not the operator's to give
    refuse unfit "pool=$m_pool lun=$m_lun text=$(text "$1")"
}

# found := the row of a LUN that is the operator's, or the refusal; of rows.
# Any port of its line names it, and all that are named must be of it
manageable() { # manageable POOL WWPNS LUN
    m_pool=$1 m_lun=$3
    found=$(printf '%s\n' "$rows" | grep "^lun=$3 " | while read -r line; do
        m_ports=$(field wwpns "$line")
        for w in $(each "$2"); do
            set_has "$m_ports" "$w" || continue 2
        done
        printf '%s\n' "$line"
    done)
    [ -n "$found" ] || no_such_line "$2"
    [ -z "$(field dup "$found" | head -n 1)" ] || unfit "it stands on two \
lines of the zHCP's pools: leave one of them"
    is_operators
}

no_such_line() { # no_such_line WWPNS
    m_ports=$(printf '%s\n' "$rows" | sed -n "s/^lun=$m_lun wwpns=\([^ ]*\) .*/\
\1/p" | tr '\n' ' ')
    [ -z "$m_ports" ] || unfit "in the pool it is behind ${m_ports% }, not \
behind all of $1"
    unfit "the pool has no line of it: add one that says reserved"
}

is_operators() { # found
    m_volume=$(field volume "$found") m_owner=$(field owner "$found")
    m_what=volume
    [ "$(field role "$found")" != snapshot ] || m_what=snapshot
    case $(field state "$found") in
        foreign | unmanaged) is_reserved "$(field status "$found")" ;;
        free) unfit "it is free, and any volume may get it: let its line say \
reserved first" ;;
        lost) unfit "its line bears the stamp of a volume that the ledger \
does not have ($m_owner): see zvm-volume audit" ;;
        quarantined) unfit "it is in quarantine \
(${m_volume:-no volume}): $(field why "$found")" ;;
        used) unfit "it is volume $m_volume, and guest $(field guest \
"$found") uses it" ;;
        *) unfit "it is the LUN of $m_what $m_volume ($(field state \
"$found"))" ;;
    esac
}

is_reserved() { # is_reserved STATUS: what the operator's line says
    case $1 in
        reserved)
            [ -z "$(field drift "$found")" ] || unfit "its line bears the \
stamp of a volume that left it ($m_owner): the next sweep mends that"
            ;;
        [Uu][Ss][Ee][Dd]) unfit "guest ${m_owner:-?} uses it, as its line \
says: take it away from there first, and let the line say reserved" ;;
        *) unfit "its line says ${1:-nothing}: let it say reserved" ;;
    esac
}

# A disk that another record knows is somebody's by another name
same_disk() { # same_disk WWID WWPNS LUN
    own=$(lun_file "$2" "$3")
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "wwid=$1" "$LUNS"/*-* 2>/dev/null); do
        [ "$f" != "$own" ] && load_lun "$f" || continue
        is_left_of "$2" "$3" && continue
        [ "$r_state" != free ] || in_some_pool || continue
        unfit "its disk (WWID $1) is that of LUN $r_lun behind $r_wwpns too \
($r_state${r_volume:+, volume $r_volume})"
    done
}

# r_...: a LUN that was left to the operator, by other ports of the same ones
is_left_of() { # is_left_of WWPNS LUN
    [ "$r_state" = unmanaged ] && [ "$r_lun" = "$2" ] || return 1
    for w in $(each "$1"); do
        set_has "$r_wwpns" "$w" && return 0
    done
    return 1
}

in_some_pool() {
    line_wanted
    cat "$POOLS"/*.conf 2>/dev/null |
        line_awk 'mine() { n++ } END { exit !n }' -
}

# --- what is on the disk is not looked at: its WWID and its size only

# measure POOL WWPNS LUN ZHCP-DEVICES.  The ledger is not locked meanwhile
verb_measure() {
    need is_word "$1"
    need is_list "$2"
    need is_hex 16 "$3"
    need is_list "$4"
    read_pool "$1"
    manageable "$1" "$2" "$3"
    m_wwpns=$(field wwpns "$found") m_listed=$(field bytes "$found")
    r_wwpns=$m_wwpns r_lun=$3 r_jobfcp=$4
    exec 7>>"$JOBS/$(job_key)"
    close_ledger
    flock -w 30 7 || refuse busy "text=$(text "a job runs on LUN $3")"
    m_said=$(measure_disk 2>/dev/null) || {
        m_said=$(printf '%s' "$m_said" | tail -n 1)
        refuse path "text=$(text "${m_said:-it was cut off}")"
    }
    exec 7>&-
    open_ledger
    wwid=${m_said%% *} bytes=${m_said##* }
    same_disk "$wwid" "$m_wwpns" "$3"
    # no job would ever wipe it
    [ "$bytes" -ge "$m_listed" ] || unfit "the disk has $bytes bytes, and its \
line says $m_listed: correct the size there"
    answer "ok pool=$1 wwpns=$m_wwpns lun=$3 wwid=$wwid bytes=$bytes"
}

# A path that is left by a measure which was killed goes with the next job
measure_disk() {
    o_wwpns=$r_wwpns o_lun=$r_lun
    hold_origin
    ( with_disk "$r_wwpns" "$r_lun" tell_disk ) || return 1
    : >"$origin"
}

tell_disk() {
    identify "$r_wwpns" "$r_lun" ''
    echo "$wwid $bytes"
}

# --- manage

# manage POOL VOLUME SCOPE WWPNS LUN ROLE BYTES WWID LEDGER: the operator's LUN
# is the volume's, or in role snapshot the snapshot's.  WWPNS are all of its
# line, BYTES and WWID as measured, LEDGER as in claim.  Until a sweep has seen
# that Cinder has saved it (phase manage), it goes back to the operator when
# the volume is deleted
verb_manage() {
    need is_word "$1"
    need is_uuid "$2"
    need is_word "$3"
    need is_list "$4"
    need is_hex 16 "$5"
    need is_word "$6"
    need is_number "$7"
    need is_word "$8"
    need is_word "$9"
    if find_pooled "$2"; then
        manage_again "$4" "$5"
        return
    fi
    # as with claims: it comes once more after it was given up
    [ ! -e "$CLAIMS/$OP" ] || refuse stale "volume=$2 gen= \
text=$(text "this request is past")"
    [ "$9" = any ] || [ "$9" = "$ledger_id" ] || refuse ledger \
        "text=$(text "the ledger is not the one that was there before")"
    read_pool "$1"
    manageable "$1" "$4" "$5"
    [ "$(field wwpns "$found")" = "$4" ] || unfit "its line has changed"
    same_disk "$8" "$4" "$5"
    retire_was "$2"
    drop_left "$4" "$5"
    load_lun "$(lun_file "$4" "$5")"
    r_gen=$((${r_gen:-0} + 1))
    [ $r_gen -gt "${m_gen:-0}" ] || r_gen=$((m_gen + 1))
    r_before=${r_state:-foreign} r_state=ours r_role=$6 r_phase=manage
    r_volume=$2 r_op=$OP r_pool=$1 r_scope=$3 r_wwpns=$4 r_lun=$5 r_bytes=$7
    r_wwid=$8 r_clean=no r_source='' r_moves='' r_mgen='' r_why='' r_was=''
    r_freed='' r_last=''
    r_owner=$(owner_there)
    lease_lun
    end_claim "$OP"
    save_lun
    settle || {
        leave_to_operator
        save_lun
        refuse badpool "pool=$r_pool text=$(text "$s_why")"
    }
    look_row
}

manage_again() { # manage_again WWPNS LUN
    [ "$r_state/$r_lun" = "ours/$2" ] && [ "${r_wwpns%%;*}" = "${1%%;*}" ] ||
        refuse busy "$(row) text=$(text "it has LUN $r_lun behind $r_wwpns \
already")"
    settle || :
    look_row
}

# Where the line was written anew with its ports in another order, its record
# bears the name of the old first one
drop_left() { # drop_left WWPNS LUN; m_gen: the last generation of that
    m_gen=
    for f in "$LUNS"/*-"$2"; do
        [ "$f" != "$(lun_file "$1" "$2")" ] && [ -e "$f" ] && load_lun "$f" &&
            is_left_of "$1" "$2" || continue
        m_gen=$r_gen
        rm -f "$f"
        sync "$LUNS" 2>/dev/null || sync
    done
}

# What the owner column has said before, so far as it can be kept
owner_there() {
    p_file=$POOLS/$r_pool.conf
    l_status='' l_owner='' l_channel=
    m_owner=$(line_awk 'mine() { print $6 }' "$p_file")
    case $m_owner in
        *[!\ -~]* | *[=\\]* | "$OPERATORS") ;;
        *) printf '%s' "$m_owner" | cut -c1-64 ;;
    esac
}

# --- unmanage

# unmanage SCOPE VOLUME GENERATION now|lease: the LUN is the operator's, with
# all its data, and never free.  lease: of a manage that nobody finishes
verb_unmanage() {
    need is_uuid "$2"
    need is_word "$4"
    find_volume "$2" || was_left "$2"
    of_scope "$1" "$2" "$3"
    case $r_state/$r_role/$4/$r_phase in
        ours/current/now/* | ours/snapshot/now/*) ;;
        ours/*/lease/manage) lease_past ;;
        *) refuse busy "$(row)" ;;
    esac
    foreign_user && refuse busy "$(row) text=$(text "$foreign")"
    not_read
    leave_to_operator
    save_lun
    settle || :
    answer "ok $(row)"
}

leave_to_operator() { # r_...: all but what the disk is, and whose it was
    left_volume=$r_volume left_scope=$r_scope left_owner=$r_owner
    forget_owner
    r_state=unmanaged r_scope=$left_scope r_owner=$left_owner r_freed=''
    r_was=$left_volume r_clean=no r_why='' r_jobfcp='' r_gen=$((r_gen + 1))
}

# Repeated: it was left already
was_left() { # was_left VOLUME
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "was=$1" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$f" && [ "$r_state" = unmanaged ] || continue
        p_file=$POOLS/$r_pool.conf
        ! line_there || settle || :
        answer "ok $(row)"
        exit 0
    done
    refuse unknown "volume=$1"
}
