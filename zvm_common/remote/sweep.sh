# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Setting things right.  What needs no knowledge of Cinder's or Nova's records
# is done by "sweep"; the other verbs are what a sweep asks for that has them.
# Each touches only records of the caller's scope, and of no operation whose
# lease is not over.

# sweep POOL SCOPE: lines are as our records say, recorded deletes go on
verb_sweep() {
    need is_word "$1"
    need is_word "$2"
    read_pool "$1"
    mended=''
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "pool=$1" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$f" || continue
        if [ "$r_state" = free ]; then
            mend_free
        elif [ "$r_scope" = "$2" ]; then
            mend_lun
        fi
    done
    rows=$(merge "$1")
    notes="$notes mended=$mended boot=$(boot_id)"
    tell_rows "$1"
}

# The line of a LUN that nobody has, brought back by an edit from before
mend_free() {
    [ -n "$r_freed" ] || return 0
    p_file=$POOLS/$r_pool.conf
    line_wanted
    for freed in $(each "$r_freed"); do
        l_owner=$(stamp "$freed")
        line_awk 'mine() && $1 == "reserved" && $6 == ow { n++ }
            END { exit n != 1 }' "$p_file" || continue
        settle && mended=$(set_add "$mended" "$r_lun")
    done
}

# A job that has died is begun again, a switch is finished; what became of a
# LUN whose line could not be freed after its wipe nobody knows
mend_lun() {
    case $r_state in
        freeing)
            r_clean=no
            try_free && mended=$(set_add "$mended" "$r_lun")
            return
            ;;
    esac
    p_file=$POOLS/$r_pool.conf
    # an operator takes the line of his LUN away as he likes
    [ "$r_state" != unmanaged ] || line_there || return 0
    line_is || { settle && mended=$(set_add "$mended" "$r_lun"); }
    case $r_state/$r_phase in
        preparing/* | wiping/* | copying/* | filling/* | sending/*)
            job_runs || [ "$r_state:${r_why:+failed}" = copying:failed ] ||
                { begin_again && mended=$(set_add "$mended" "$r_lun"); }
            ;;
        ours/switch) finish_switch && mended=$(set_add "$mended" "$r_lun") ;;
    esac
}

# A copy that was cancelled reads its source no more.  An image that had begun
# to come or go has failed: its job ends that
begin_again() {
    case $r_state in
        wiping) [ -z "$r_source" ] || { r_source='' && save_lun; } ;;
        filling | sending)
            job_waits || { r_said=no:$(text "cut off") && save_lun; }
            ;;
    esac
    start_job
}

# ours SCOPE VOLUME GENERATION: the record, or the refusal
of_scope() {
    need is_word "$1"
    need is_uuid "$2"
    need is_number "$3"
    find_volume "$2" || refuse unknown "volume=$2"
    [ "$r_gen" = "$3" ] || refuse stale "$(row)"
    [ "$r_scope" = "$1" ] || refuse scope "$(row)"
}

# A lease of another boot of this machine begins anew
lease_past() {
    lease_is_over "$r_lease" "$r_boot"
    lease_rc=$?
    [ $lease_rc != 2 ] || { lease_lun && save_lun; }
    [ $lease_rc = 0 ] || refuse lease "$(row) text=$(text "its operation may \
still be under way until $r_lease by the zHCP's clock, which says \
$(date +%s)")"
}

# confirm SCOPE VOLUME...: Cinder's records have these volumes
verb_confirm() {
    need is_word "$1"
    c_scope=$1
    shift
    confirmed=0
    for v in "$@"; do
        [ -n "$v" ] || continue
        need is_uuid "$v"
        find_volume "$v" && [ "$r_scope" = "$c_scope" ] || continue
        case $r_phase in create | manage) ;; *) continue ;; esac
        r_phase='' r_lease='' r_boot=''
        save_lun
        confirmed=$((confirmed + 1))
    done
    answer "ok confirmed=$confirmed"
}

# abandon SCOPE VOLUME GENERATION ZHCP-DEVICES: a create that nobody finishes
# is undone.  No guest ever had the LUN
verb_abandon() {
    need is_list "$4"
    of_scope "$1" "$2" "$3"
    case $r_state/$r_phase in
        ours/create | preparing/create) ;;
        copying/create)
            ! job_runs || refuse lease "$(row) text=$(text "a job still \
copies to it")"
            ;;
        filling/create | sending/create)
            ! job_runs || refuse lease "$(row) text=$(text "an image still \
comes to it, or goes from it")"
            ;;
        *) refuse busy "$(row)" ;;
    esac
    foreign_user && refuse busy "$(row) text=$(text "$foreign")"
    not_read
    lease_past
    give_up "$4"
    look_row
}

# aside SCOPE VOLUME GENERATION: Cinder does not know the volume.  Its data
# stay, nobody gets the LUN, and it comes back when Cinder knows it again
verb_aside() {
    of_scope "$1" "$2" "$3"
    [ "$r_state" = ours ] && [ "$r_phase" != manage ] ||
        refuse busy "$(row)"
    not_read
    lease_past
    r_before=ours r_state=quarantined r_phase=unknown r_gen=$((r_gen + 1))
    r_why=$(text "Cinder's records do not have this volume")
    save_lun
    settle || :
    look_row
}

verb_readmit() { # readmit SCOPE VOLUME GENERATION
    of_scope "$1" "$2" "$3"
    [ "$r_state/$r_phase" = quarantined/unknown ] || refuse busy "$(row)"
    r_before=quarantined r_state=ours r_phase='' r_why=''
    r_gen=$((r_gen + 1))
    save_lun
    settle || :
    look_row
}

# rebuild POOL SCOPE VOLUME OPERATION WWPNS LUN [GUEST NODE INSTANCE ATTACHMENT
# HOST] ROLE: a record that was lost, from what Cinder has.  Its generation is
# later than any that a guest can remember.  What is in [] may be empty
verb_rebuild() {
    need is_word "$1"
    need is_word "$2"
    need is_uuid "$3"
    need is_uuid "$4"
    need is_list "$5"
    need is_hex 16 "$6"
    need is_word "${12}"
    find_pooled "$3" && refuse busy "$(row)"
    pool_file "$1"
    rebuild_row "$1" "$5" "$6"
    load_lun "$(lun_file "$5" "$6")"
    case ${r_state:-free} in
        free) ;;
        unmanaged) refuse busy "$(row) text=$(text "its LUN was left to the \
operator")" ;;
        *) refuse busy "$(row)" ;;
    esac
    rebuild_is_of "$3" "$5" "$6"
    r_gen=$(date +%s) r_volume=$3 r_op=$4 r_role=${12} r_pool=$1 r_scope=$2
    r_wwpns=$5 r_lun=$6 r_clean=no r_before='' r_phase='' r_was='' r_state=ours
    [ -z "${11}" ] || rebuild_used "$7" "$8" "$9" "${10}" "${11}"
    foreign_line && [ "$r_state" = ours ] &&
        refuse busy "$(row) text=$(text "$foreign")"
    save_lun
    settle || :
    look_row
}

rebuild_row() { # rebuild_row POOL WWPNS LUN: its line must be there
    found=$(merge "$1" | grep "^lun=$3 wwpns=$2 ") ||
        refuse nolun "pool=$1 minimum= maximum= free= largest= twice= \
text=$(text "pool $1 has no line of $2 $3")"
    rebuilt_fcp=$(field channel "$found") rebuilt_node=
    [ "$(field status "$found")" != used ] ||
        rebuilt_node=$(field owner "$found")
}

# Cinder may have missed where a volume went: a line that bears its stamp knows
# better, and one with another volume's stamp is not its
rebuild_is_of() { # rebuild_is_of VOLUME WWPNS LUN; found: the row of its line
    rebuild_stamp=$(stamp "$1")
    case $(field status "$found")/$(field owner "$found") in
        "reserved/$rebuild_stamp" | used/* | free/*) ;;
        *) refuse busy "text=$(text "the line of $2 $3 is \
$(field status "$found") for $(field owner "$found")")" ;;
    esac
    other=$(cat "$POOLS"/*.conf | grep -i -F ",$rebuild_stamp," |
        awk -F, -v l="$3" '!/^#/ && tolower($3) != l && \
            tolower($3) != "0x" l { print $3; exit }')
    [ -z "$other" ] || refuse busy "text=$(text "volume $1 is on LUN $other, \
whose line bears its stamp, and not on $3")"
}

rebuild_used() { # rebuild_used GUEST NODE INSTANCE ATTACHMENT HOST
    need is_word "$1"
    need is_word "$2"
    need is_uuid "$3"
    need is_uuid "$4"
    need is_word "$5"
    r_state=used r_guest=$1 r_node=${rebuilt_node:-$2} r_instance=$3
    r_attachment=$4 r_host=$5 r_fcp=$rebuilt_fcp
    for d in $(each "$r_fcp"); do
        is_hex 4 "$(lower_hex "$d")" || continue
        rebuild_fcp "$d"
    done
}

rebuild_fcp() { # rebuild_fcp DEVICE: as its volumes say, for r_...
    load_fcp "$1" && [ "$f_state" != free ] || {
        all=$(wwpn_query "$(zhcp_userid)")
        # the scope of nova-compute, whose sweeps look for it
        hold_one "$1" "$r_instance" "$r_guest" 0 - "nova:$r_host" 0
    }
    [ "$f_instance" = "$r_instance" ] || return 0
    f_state=used f_byus=yes f_node=$r_node
    f_volumes=$(set_add "$f_volumes" "$r_volume")
    save_fcp
}

# adopt POOL SCOPE: stamped lines that no record of Cinder explains are set
# aside for their volumes, so that allocation goes on
verb_adopt() {
    need is_word "$1"
    need is_word "$2"
    read_pool "$1"
    adopted=0
    for k in $(printf '%s\n' "$rows" | grep ' state=lost ' |
        sed -E 's/^lun=([0-9a-f]*) wwpns=([^ ]*) .* owner=([^ ]*) .*/\1,\2,\3/')
    do
        lost_owner=${k##*,} lost_place=${k%,*}
        # an edit from before that volume had another LUN
        find_record "$(unstamp "$lost_owner")" && continue
        load_lun "$(lun_file "${lost_place#*,}" "${lost_place%%,*}")"
        r_wwpns=${lost_place#*,} r_lun=${lost_place%%,*} r_pool=$1 r_scope=$2
        r_volume=$(unstamp "$lost_owner") r_gen=$(date +%s) r_clean=no
        r_state=quarantined r_phase=unknown r_role=current
        r_why=$(text "the ledger was lost, and Cinder does not have it")
        save_lun
        adopted=$((adopted + 1))
    done
    answer "ok adopted=$adopted"
}

unstamp() { # the volume of an owner column
    printf '%s' "$1" | tr -d _ |
        sed -E 's/^(.{8})(.{4})(.{4})(.{4})(.{12})$/\1-\2-\3-\4-\5/'
}

# used HOST: the LUNs that guests of this compute host have.  A Cinder host of
# the same name has none of these
verb_used() {
    need is_word "$1"
    found=$(grep -l -F -x "host=$1" "$LUNS"/*-* 2>/dev/null)
    count=0
    for f in $found; do
        load_lun "$f" && [ "$r_state" = used ] && ! is_lent || continue
        printf 'zvmv1 %s row %s .\n' "$OP" "$(row)"
        count=$((count + 1))
    done
    answer "ok rows=$count"
}

# reap INSTANCE SCOPE DEVICES: Nova knows no use of them.  What is held or cools
# keeps its lease, what would not come off does not
verb_reap() {
    need is_uuid "$1"
    need is_word "$2"
    need is_list "$3"
    reaped='' kept=
    for d in $(each "$3"); do
        need is_hex 4 "$(lower_hex "$d")"
        load_fcp "$d" && [ "$f_instance" = "$1" ] && [ "$f_scope" = "$2" ] &&
            [ -z "$f_volumes" ] && reap_one ||
            { kept=$(set_add "$kept" "$d") && continue; }
        reaped=$(set_add "$reaped" "$d")
    done
    answer "ok reaped=$reaped kept=$kept"
}

reap_one() {
    case $f_state in
        cooling) ! is_cooling || return 1 ;;
        quarantined | releasing) ;;
        *)
            lease_is_over "$f_lease" "$f_boot"
            case $? in
                0) ;;
                2) lease_fcp "$HOLD_LEASE" && save_fcp && return 1 ;;
                *) return 1 ;;
            esac
            ;;
    esac
    # one that was held may have to cool first
    give_back free && [ "$f_state" != cooling ]
}
