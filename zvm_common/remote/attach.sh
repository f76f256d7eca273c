# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# ours -> used by a guest, with its FCP devices dedicated; and back.

# attach VOLUME GENERATION ATTACHMENT INSTANCE USERID NODE HOST DEVICES on|off
#   [GROUPS PATHS]
# DEVICES is "held" for all that the instance holds; off: a guest that is off
# gets them in its directory entry, and finds them when it next runs.  GROUPS
# and PATHS are those of hold: from there one that z/VM refuses is replaced
verb_attach() {
    need_attach "$@"
    find_volume "$1" || refuse unknown "volume=$1"
    attach_devices=$8
    [ "$8" != held ] || attach_devices=$(fit_for "$4" | tr '\n' ';')
    attach_devices=${attach_devices%;}
    if [ "$r_state" = used ] && [ "$r_instance" = "$4" ]; then
        attach_again "$2" "$3" "$9"
        return
    fi
    nobody_has_it "$2"
    begin_use "$@"
}

need_attach() { # the arguments of attach
    need is_uuid "$1"
    need is_number "$2"
    need is_uuid "$3"
    need is_uuid "$4"
    need is_word "$5"
    need is_word "$6"
    need is_word "$7"
    need is_list "$8"
    need is_word "$9"
    [ -z "${11}" ] || { need is_list "${10}" && need is_number "${11}"; }
}

begin_use() { # begin_use, with the arguments of attach
    [ "$9" = off ] || is_on "$5"
    check_devices "$4" "$5"
    r_state=used r_before=ours r_gen=$((r_gen + 1)) r_op=$OP r_phase=dedicate
    r_lease='' r_boot=''
    r_attachment=$3 r_instance=$4 r_guest=$5 r_node=$6 r_host=$7
    r_fcp=$attach_devices
    save_lun
    settle || attach_unsettled
    spare_groups='' spare_left=3 another_left=
    [ "$8" != held ] || [ -z "${11}" ] ||
        spare_groups=${10} spare_paths=${11}
    until take_all "$9"; do
        take_another || attach_undone
    done
    save_lun
    look_row "off=$attach_off"
}

is_on() { # or refused: the guest cannot be given anything now
    guest_is_off "$1" && refuse off "guest=$1 text=$(text "$q_out")"
}

# A volume's LUN at rest, as it was looked at; or the refusal
nobody_has_it() { # nobody_has_it GENERATION
    [ "$r_state" = ours ] || refuse busy "$(row)"
    [ "$r_gen" = "$1" ] || refuse stale "$(row)"
    [ "$r_role" = current ] || refuse busy "$(row) text=$(text "it is the LUN \
of no volume")"
    not_read
    foreign_user && refuse busy "$(row) text=$(text "$foreign")"
    other_has "$r_wwpns" "$r_lun" && refuse busy "$(row) text=$(text "a guest \
has it as volume $who of another back-end")"
    return 0
}

# The same attachment once more: what is there is looked at, not trusted
attach_again() { # attach_again GENERATION ATTACHMENT on|off
    again_phase=$r_phase
    case $r_phase in
        detach) refuse busy "$(row)" ;;
        leaving) come_back "$1" "$2" ;;
    esac
    attach_devices=$r_fcp
    settle || :
    [ "$3" = off ] || is_on "$r_guest"
    take_all "$3" || again_failed
    [ "$r_phase" = "$again_phase" ] || save_lun
    look_row "off=$attach_off"
}

again_failed() {
    # the very request that was cut off: it never succeeded
    [ "$r_op/$r_phase" != "$OP/dedicate" ] || attach_undone
    [ "$again_phase" = "$r_phase" ] || { r_phase=$again_phase && save_lun; }
    refuse smapi "$(smapi_said "$d_function" "$d_device")"
}

check_devices() { # check_devices INSTANCE USERID: held for it, fit for the LUN
    [ -n "$attach_devices" ] || refuse nofcp "text=$(text "none is held for \
this instance")"
    is_other || range=$(field range "$(merge "$r_pool" |
        grep -F "lun=$r_lun wwpns=$r_wwpns ")")
    for d in $(each "$attach_devices"); do
        load_fcp "$d" && [ "$f_instance" = "$1" ] && [ "$f_guest" = "$2" ] ||
            refuse nofcp "device=$d text=$(text "not held for this instance")"
        attach_scope=$f_scope attach_cool=$f_cool
        ! is_out_of_use || refuse nofcp "$(fcp_row)"
        ! is_stale "$1" || refuse nofcp "$(fcp_row) text=$(text "the guest \
has old paths configured for it, which go when it next runs")"
        is_other || in_ranges "$d" "$range" || refuse nofcp "device=$d \
ranges=$range text=$(text "not among the devices that may carry the LUN")"
    done
}

# An empty list allows no device: xCAT's own choice finds none in it either
in_ranges() { # in_ranges DEVICE RANGES
    for part in $(each "$2"); do
        is_hex 4 "$(lower_hex "${part%%-*}")" &&
            is_hex 4 "$(lower_hex "${part#*-}")" || continue
        [ $((0x$1)) -ge $((0x${part%%-*})) ] &&
            [ $((0x$1)) -le $((0x${part#*-})) ] && return 0
    done
    return 1
}

take_devices() { # take_devices dedicate|into_directory
    for d in $(each "$attach_devices"); do
        d_device=$d d_function=dedicate d_unfit=
        load_fcp "$d" && [ "$f_instance" = "$r_instance" ] &&
            ! is_stale "$r_instance" || {
            s_out="it is not held for this instance" s_rc='' s_rs=''
            return 1
        }
        f_volumes=$(set_add "$f_volumes" "$r_volume")
        f_state=dedicating f_node=$r_node
        ! is_other || f_warm=yes
        # who undedicates: we, unless it was the guest's before us
        [ -n "$f_byus" ] || [ "$(directory_has "$f_guest" "$d")" != no ] ||
            f_byus=yes
        save_fcp
        "$1" "$f_guest" "$d" || return 1
        f_state=used f_tries=''
        save_fcp
    done
}

attach_unsettled() {
    said=$s_why
    back_to_ours
    refuse badpool "pool=$r_pool text=$(text "$said")"
}

# Exactly what was done is undone; what cannot be is kept and told
attach_undone() {
    said=$(smapi_said "$d_function" "$d_device")
    undone=yes
    leave_devices held && [ -z "$another_left" ] || undone=no
    back_to_ours
    refuse smapi "undone=$undone $said"
}

# The volume leaves its devices.  One that no volume uses any more is
# undedicated, and then held for its instance or free
leave_devices() { # leave_devices held|free; left := what could not be undone
    left=
    for d in $(each "$attach_devices"); do
        load_fcp "$d" && [ "$f_instance" = "$r_instance" ] || continue
        # a release that was cut off, or failed, is taken up again
        case $f_state in
            releasing | quarantined) ;;
            *) set_has "$f_volumes" "$r_volume" || continue ;;
        esac
        f_volumes=$(set_drop "$f_volumes" "$r_volume")
        if [ -n "$f_volumes" ]; then
            save_fcp
        elif ! give_back "$1"; then
            left="$(smapi_said undedicate "$d")"
        fi
    done
    [ -z "$left" ]
}

back_to_ours() {
    # until the line is settled it still names this node
    r_last=$r_node
    ipl_away
    r_state=ours r_before=used r_gen=$((r_gen + 1)) r_phase='' r_guest=''
    r_node='' r_instance='' r_attachment='' r_host='' r_fcp='' r_clean=no
    r_why=''
    ! is_other || other_at_rest
    save_lun
    settle_back
}

settle_back() {
    settle || return 0
    [ -z "$r_last" ] || { r_last='' && save_lun; }
}

proven_off() { # the guest can write no more
    is_off "$r_guest" "$r_fcp" || refuse busy \
        "$(row) text=$(text "guest $r_guest is not logged off: $q_out")"
}

# detach VOLUME GENERATION INSTANCE paths|guest|off COOL: no attachment of this
# instance up to this generation is left, and none that is late can still come.
# The caller has taken the paths away in the guest, or says that the guest is
# gone, or that it is there and does not answer (off): then the LUN may stay
# used, with phase leaving.  COOL: devices whose WWPNs other attachments still
# name, or none
verb_detach() {
    need is_uuid "$1"
    need is_number "$2"
    need is_uuid "$3"
    need is_word "$4"
    need is_list "$5"
    cool=$5
    find_volume "$1" || refuse unknown "volume=$1"
    if [ "$r_state" = used ] && [ "$r_instance" = "$3" ]; then
        [ "$r_gen" = "$2" ] || refuse stale "$(row)"
        [ "$4" != off ] || { leave_off; look_row "kept=$(text "${left:-}")"
            return; }
        [ "$4" != guest ] || proven_off
        attach_devices=$r_fcp
        r_phase=detach
        save_lun
        leave_devices free || [ "$4" != guest ] || refuse smapi "$left"
        back_to_ours
    elif [ "$r_state" = ours ] && [ "$r_gen" -lt "$2" ]; then
        r_gen=$2
        save_lun
        settle_back
    elif [ "$r_state" = ours ]; then
        settle_back
    fi
    look_row "kept=$(text "${left:-}")"
}
