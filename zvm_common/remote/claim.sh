# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Whose LUN is it: claim, look, release (which wipes), wait.

# Until Cinder's record is known to have the volume, or a guest had it, a claim
# is a create under way: it may be undone when this lease is over (seconds)
CREATE_LEASE=3600

# claim POOL VOLUME MINIMUM MAXIMUM SCOPE TRUST ZHCP-DEVICES LEDGER
# LEDGER is the one that the caller has compared with Cinder's records
verb_claim() {
    need is_word "$6"
    begin=begin_empty c_trust=$6 c_source=
    take_lun "$1" "$2" "$3" "$4" "$5" "$7" "$8"
}

begin_empty() {
    r_state=ours r_role=current r_source='' r_moves='' r_mgen=''
    [ "$c_clean" = yes ] || [ "$c_trust" = trust ] || r_state=preparing
    # all its bytes are zero as long as it is of this generation
    [ "$c_clean" != yes ] || r_zgen=$r_gen
}

take_lun() { # take_lun POOL VOLUME MINIMUM MAXIMUM SCOPE ZHCP-DEVICES LEDGER
    need is_word "$1"
    need is_uuid "$2"
    need is_number "$3"
    need is_number "$4"
    need is_word "$5"
    need is_list "$6"
    need is_word "$7"
    if find_pooled "$2"; then
        claim_again "$6"
        return
    fi
    # lands once more after the volume was deleted, or was cancelled
    [ ! -e "$CLAIMS/$OP" ] || refuse stale "volume=$2 gen= \
text=$(text "this claim is past")"
    [ "$7" = any ] || [ "$7" = "$ledger_id" ] || refuse ledger \
        "text=$(text "the ledger is not the one that was there before")"
    [ -z "$c_source" ] || source_is_there
    read_pool "$1"
    lost=$(printf '%s\n' "$rows" | grep -c ' state=lost ')
    [ "$lost" = 0 ] || refuse ledger "text=$(text "$lost lines of pool $1 \
carry a volume's stamp and have no record: the ledger is missing or old")"
    choose "$3" "$4"
    [ -n "$chosen" ] || refuse nolun "$(none_fits "$1" "$3" "$4")"
    retire_was "$2"
    load_lun "$(lun_file "$(field wwpns "$chosen")" "$(field lun "$chosen")")"
    r_volume=$2 r_op=$OP r_before=free r_pool=$1 r_scope=$5
    r_wwpns=$(field wwpns "$chosen") r_lun=$(field lun "$chosen")
    r_gen=$((${r_gen:-0} + 1)) r_jobfcp=$6 r_why='' r_phase=create r_was=''
    r_freed='' r_sop='' r_said='' r_zgen=''
    lease_lun
    c_clean=${r_clean:-no} r_clean=no
    "$begin"
    end_claim "$OP"
    save_lun
    settle || claim_undone
    [ "$r_state" = ours ] || start_job
    look_row
}

lease_lun() { r_lease=$(($(date +%s) + CREATE_LEASE)) r_boot=$(boot_id); }

claim_undone() {
    r_clean=$c_clean
    forget_owner
    save_lun
    refuse badpool "pool=$r_pool text=$(text "$s_why")"
}

# The failure of an earlier LUN for this volume is past
retire_was() { # retire_was VOLUME
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "was=$1" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$f" && r_was='' && save_lun
    done
}

# A create that is repeated finds what it began
claim_again() {
    case $r_state in
        ours) settle || : ;;
        preparing | copying)
            settle || :
            r_jobfcp=$1
            job_runs || [ -n "$r_why" ] || { save_lun && start_job; }
            ;;
        filling | sending)
            settle || :
            job_runs || { r_jobfcp=$1 && save_lun && begin_again; }
            ;;
        *) refuse busy "$(row)" ;;
    esac
    look_row
}

# The smallest that suffices; among equal ones a clean one, then file order
choose() { # choose MINIMUM MAXIMUM: chosen := its row
    chosen=$(printf '%s\n' "$rows" | awk -v min="$1" -v max="$2" '
    function field(name,   s) {
        if (!match($0, "(^| )" name "=[^ ]*")) return ""
        s = substr($0, RSTART, RLENGTH)
        return substr(s, index(s, "=") + 1)
    }
    field("state") == "free" && field("dup") == "" {
        b = field("bytes") + 0
        if (b < min + 0 || b > max + 0 || b == 0) next
        rank = 2 * b + (field("clean") == "yes" ? 0 : 1)
        if (best == "" || rank < least) { best = $0; least = rank }
    }
    END { print best }')
}

none_fits() { # none_fits POOL MINIMUM MAXIMUM
    printf '%s\n' "$rows" | awk -v pool="$1" -v min="$2" -v max="$3" '
    function field(name,   s) {
        if (!match($0, "(^| )" name "=[^ ]*")) return ""
        s = substr($0, RSTART, RLENGTH)
        return substr(s, index(s, "=") + 1)
    }
    field("state") == "free" {
        if (field("dup") != "") { dups++; next }
        free++
        b = field("bytes") + 0
        if (b > largest) largest = b
    }
    END {
        printf "pool=%s minimum=%s maximum=%s free=%d largest=%.0f twice=%d",
            pool, min, max, free, largest, dups
    }'
}

# A claim takes effect once: the MN may run a request long after it was given
# up, answered otherwise, and its volume deleted
end_claim() { # end_claim OPERATION
    mkdir -p "$CLAIMS" && : >"$CLAIMS/$1" ||
        refuse space "text=$(text "cannot write $CLAIMS/$1")"
    sync "$CLAIMS" 2>/dev/null || sync
}

# cancel VOLUME OPERATION: the claim of this operation, if it is still on its
# way, comes to nothing; what it has claimed already is told as by look
verb_cancel() {
    need is_uuid "$1"
    need is_uuid "$2"
    end_claim "$2"
    verb_look "$1"
}

verb_look() { # look VOLUME
    need is_uuid "$1"
    find_volume "$1" || refuse unknown "volume=$1"
    look_row
}

look_row() { # look_row [KEY=VALUE]: the answer that says what is so now
    look_more=${1:-}
    ! is_other || { answer "ok $(row) $look_more"; return; }
    p_file=$POOLS/$r_pool.conf
    set --
    if pool_is_whole; then
        rows=$(merge "$r_pool")
        ours=$(lun_file "$r_wwpns" "$r_lun")
        forget_foreign "$rows"
        load_lun "$ours"
        set -- "$(printf '%s\n' "$rows" | grep -F " volume=$r_volume " |
            head -n 1)"
    fi
    job=
    case $r_state in
        preparing | wiping | copying | filling | sending)
            job_runs && job=runs || job=dead
            ;;
    esac
    look_more="${look_more:+$look_more }job=$job readers=$(readers "$r_volume")"
    look_more="$look_more $(way)"
    [ "$job" != runs ] || look_more="$look_more $(told_progress)"
    if [ -n "${1:-}" ]; then
        answer "ok $1 pool=$r_pool $look_more"
    else
        answer "ok $(row) drift=gone $look_more"
    fi
}

verb_view() { # view POOL
    need is_word "$1"
    read_pool "$1"
    tell_rows "$1"
}

tell_rows() { # tell_rows POOL: of rows, and of LUNs that have no line
    printf '%s\n' "$rows" | grep -v -E '^(away|gone)=|^$' |
        while read -r line; do
            printf 'zvmv1 %s row %s pool=%s .\n' "$OP" "$line" "$1"
        done
    for k in $(gone_keys); do
        load_lun "$LUNS/$k" &&
            printf 'zvmv1 %s row %s drift=gone .\n' "$OP" "$(row)"
    done
    answer "ok rows=$(printf '%s\n' "$rows" | grep -v -c -E '^away=|^$') \
ledger=$ledger_id now=$(date +%s)"
}

# release VOLUME GENERATION ZHCP-DEVICES: wiped, then free
verb_release() {
    need is_uuid "$1"
    need is_number "$2"
    need is_list "$3"
    find_pooled "$1" || refuse unknown "volume=$1"
    case $r_state in
        freeing) free_again "$1" ;;
        used) refuse busy "$(row)" ;;
        sending)
            ! job_runs || refuse busy "$(row) text=$(text "an image is being \
made of it")"
            ;;
        wiping) job_runs && { settle || :; look_row; return; } ;;
    esac
    [ "$r_gen" = "$2" ] || refuse stale "$(row)"
    [ "$r_phase" != manage ] || refuse busy "$(row) text=$(text "Cinder has \
not saved yet that it manages this LUN, which is the operator's until then")"
    foreign_user && refuse busy "$(row) text=$(text "$foreign")"
    not_read
    give_up "$3"
    look_row
}

# A job that runs goes on with another end: it reads the state when it is done,
# and a copy between its pieces
give_up() { # give_up ZHCP-DEVICES
    case $r_state in
        preparing | copying | filling)
            if job_runs; then
                ! job_waits || r_source=''
                r_before=$r_state r_state=wiping r_why=''
                save_lun
                settle || :
                return
            fi
            ;;
    esac
    wipe_to_free "$1"
}

wipe_to_free() { # wipe_to_free ZHCP-DEVICES
    r_before=$r_state r_state=wiping r_gen=$((r_gen + 1)) r_clean=no
    r_jobfcp=$1 r_why='' r_phase='' r_lease='' r_boot='' r_source=''
    save_lun
    settle || :
    start_job
}

# Somebody has put a guest on a line that the ledger says is ours
foreign_user() {
    ours=$(lun_file "$r_wwpns" "$r_lun")
    pool_file "$r_pool"
    load_lun "$ours"
    foreign_line
}

free_now() { # the record stays: generation, WWID, size, clean
    try_free || refuse badpool "pool=$r_pool text=$(text "$s_why")"
}

try_free() {
    r_state=freeing
    save_lun
    settle || {
        r_clean=no
        save_lun
        return 1
    }
    forget_owner
    save_lun
}

# What happened to the LUN since its wipe, while its line was not free, is not
# known any more
free_again() {
    r_clean=no
    free_now
    refuse unknown "volume=$1"
}

forget_owner() {
    # a foreign writer may bring this volume's line back, or that of the volume
    # which has moved
    r_freed=$r_volume
    [ "$r_role" != old ] || r_freed="$r_volume;$r_moves"
    r_volume='' r_state=free r_op='' r_before='' r_guest='' r_node=''
    r_instance='' r_attachment='' r_host='' r_fcp='' r_phase='' r_scope=''
    r_lease='' r_boot='' r_role='' r_source='' r_sgen='' r_moves='' r_mgen=''
    r_verify='' r_limit='' r_zero='' r_sop='' r_said='' r_zgen='' r_peer=''
    r_pin='' r_sbytes='' r_owner=''
}

# The LUN that was prepared for the volume may be in quarantine without it
wait_failed() {
    set -- "$1" "$(grep -l -F -x "was=$1" "$LUNS"/*-* 2>/dev/null | head -n 1)"
    wait_done='could not be wiped'
    [ -n "$2" ] && load_lun "$2" && [ "$r_state" = quarantined ] && {
        case $r_phase in
            copying) wait_done='is no good copy' ;;
            filling) wait_done='does not keep what is written to it' ;;
        esac
        refuse wipe "$(row) text=$(text "LUN $r_lun of pool $r_pool \
$wait_done")"
    }
    refuse unknown "volume=$1"
}

# wait VOLUME SECONDS: answers when no job runs for it any more
verb_wait() {
    need is_uuid "$1"
    need is_number "$2"
    find_volume "$1" || wait_failed "$1"
    close_ledger
    job_is_free "$(job_key)" "$2" || :
    open_ledger
    find_volume "$1" || wait_failed "$1"
    [ "$r_state" != freeing ] || free_again "$1"
    look_row
}
