# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# FCP devices that nobody gets for a while, and those of an instance that is no
# more.

# The first term of a device that was refused, doubled each time up to a day (s)
FIRST_TERM=600
LONGEST_TERM=604800
d_unfit=
another_left=

# Not to be given to anybody, nor used for a further volume: what z/VM refused,
# and what did not come off the guest that had it.  The latter keeps its
# instance, as its release is tried again
is_out_of_use() { # f_...
    case $f_state in
        quarantined) return 0 ;;
        releasing) [ -n "$f_why" ] ;;
        *) return 1 ;;
    esac
}

# Nobody's, until its term is over or an operator readmits it
set_aside() { # set_aside WHY: f_...
    f_tries=$((${f_tries:-0} + 1))
    aside_term=$FIRST_TERM aside_try=1
    while [ "$aside_try" -lt "$f_tries" ] && [ $aside_term -lt 86400 ]; do
        aside_term=$((aside_term * 2)) aside_try=$((aside_try + 1))
    done
    [ $aside_term -le 86400 ] || aside_term=86400
    nobodys quarantined "$aside_term" "$1"
}

nobodys() { # nobodys STATE TERM [WHY]: f_...
    f_state=$1 f_retry=$(($(date +%s) + $2)) f_why=$(text "${3:-}")
    f_instance='' f_guest='' f_node='' f_volumes='' f_byus='' f_lease=''
    f_boot='' f_warm=''
    save_fcp
}

# What is held and was never dedicated may have become another's, or have been
# set offline, meanwhile.  CP is asked, which costs next to nothing
look_after_held() { # look_after_held INSTANCE
    for d in $(held_by "$1"); do
        load_fcp "$d" && [ "$f_state$f_byus$f_volumes" = held ] || continue
        held_now=$(cp_holder "$d")
        case $held_now in
            "user:$f_guest" | free | unknown) ;;
            *) set_aside "it is $held_now" ;;
        esac
    done
}

# A device that z/VM has refused is set aside, and another one takes its place,
# if the caller named no devices.  Volumes of SCSI pools are masked to all
take_another() { # r_..., $d_device; failure with s_... as they were
    [ -n "$d_unfit" ] && load_fcp "$d_device" &&
        [ "$f_volumes" = "$r_volume" ] || return 1
    another_rc=$s_rc another_rs=$s_rs another_out=$s_out
    attach_devices=$(set_drop "$attach_devices" "$d_device")
    f_volumes=''
    if give_back held; then
        set_aside "$another_out"
    else
        another_left=yes
    fi
    another_one
    another=$?
    s_rc=$another_rc s_rs=$another_rs s_out=$another_out
    return $another
}

another_one() {
    [ -n "$spare_groups" ] && [ "$spare_left" -gt 0 ] || return 1
    spare_left=$((spare_left - 1))
    pick_devices 1 "$spare_groups" "$spare_paths" "$(zhcp_userid)" \
        "$r_instance" "$r_guest" "$range" || return 1
    # shellcheck disable=SC2086 # one device
    set -- $picked
    hold_one "$1" "$r_instance" "$r_guest" - - "$attach_scope" \
        "$HOLD_LEASE" "$attach_cool"
    attach_devices=$(set_add "$attach_devices" "$1")
    r_fcp=$attach_devices
    save_lun
    settle
}

# A guest made anew under an old name must not find its predecessor's devices.
# Of an instance whose guest is no more all records are ended.  own: the caller
# has proven that the guest of this name now is this instance's.  What cools has
# left the guest
no_predecessor() { # no_predecessor INSTANCE USERID own|unknown
    past=
    for f in "$FCPS"/????; do
        [ -e "$f" ] && load_fcp "${f##*/}" && [ "$f_guest" = "$2" ] &&
            [ -n "$f_instance" ] && [ "$f_instance" != "$1" ] &&
            [ "$f_state" != cooling ] && past=$(set_add "$past" "$f_instance")
    done
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "guest=$2" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$f" && [ "$r_state" = used ] && ! is_lent &&
            [ "$r_instance" != "$1" ] && past=$(set_add "$past" "$r_instance")
    done
    [ -n "$past" ] || return 0
    [ "$3" = own ] || is_no_guest "$2" || refuse busy "instance=$past \
guest=$2 text=$(text "guest $2 was another instance's, which has not let go of \
what it had, and it is not proven that it is gone")"
    for past_instance in $(each "$past"); do
        end_past "$past_instance" "$2"
    done
}

is_no_guest() { # neither in the directory nor logged on
    guest_is_off "$1" && [ "$(directory_has "$1" 0000)" = gone ] && sleep 1 &&
        guest_is_off "$1"
}

end_past() { # end_past INSTANCE USERID
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "instance=$1" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$f" && [ "$r_state/$r_guest" = "used/$2" ] || continue
        attach_devices=$r_fcp r_phase=detach
        save_lun
        leave_devices free || refuse smapi "$left"
        back_to_ours
    done
    for d in $(held_by "$1"); do
        load_fcp "$d" && [ "$f_guest" = "$2" ] || continue
        [ -z "$f_volumes" ] || refuse busy "$(fcp_row)"
        give_back free || refuse smapi "$(smapi_said undedicate "$d")"
    done
    forget_stale_of "$1"
}

# succeed INSTANCE USERID: its guest was proven to be its own, so that nothing
# of an earlier one of this name is left
verb_succeed() {
    need is_uuid "$1"
    need is_word "$2"
    no_predecessor "$1" "$2" own
    answer "ok"
}

# admit DEVICE: an operator has mended it, or wants its release tried now
verb_admit() {
    need is_hex 4 "$(lower_hex "$1")"
    load_fcp "$1" || { answer "ok device=$1 state=free" && return; }
    case $f_state in quarantined | cooling | releasing) ;; *)
        refuse busy "$(fcp_row)" ;;
    esac
    [ -z "$f_volumes" ] || refuse busy "$(fcp_row)"
    f_cool='' f_tries='' f_warm=''
    [ "$f_state" != cooling ] || f_state=held
    give_back free || refuse smapi "$(smapi_said undedicate "$1")"
    answer "ok device=$1 state=free"
}

# fcpstate GROUPS PATHS ZHCP-USERID: what the devices of each group are
verb_fcpstate() {
    need is_list "$1"
    need is_number "$2"
    need is_word "$3"
    # more than there are: it is short, and says of what
    pick_devices 65536 "$1" "$2" "$3" none none '' || :
    all_chpids=$(printf '%s\n' "$all" | awk '{ print $1 ":" $4 }' |
        tr '\n' ';')
    directory_known=no
    ! grep -q '^# ' "$BASE/dedicated" 2>/dev/null ||
        grep -q -x unknown "$BASE/dedicated" || directory_known=yes
    answer "ok groups=$short now=$(date +%s) on=${all_chpids%;} \
directory=$directory_known"
}
