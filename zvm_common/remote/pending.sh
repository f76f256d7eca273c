# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Guests that are off, or do not answer.  Only a guest's own Linux can forget
# the paths that it has configured: until it has, it configures them again as
# soon as it has the FCP devices.  So a LUN is not another's before either the
# Linux has forgotten it, or none of these devices stands in the directory
# entry of the guest, which is proven off.
#
# Phases of a used LUN that wait for the guest to run:
#   pending  its Linux was never asked for the paths
#   connect  it was, or may have been, and they are not known to work
#   leaving  nobody wants the LUN there any more; its Linux may have the paths

# CP says twice that the guest is not logged on, as a logoff that is pending
# is shown only for a moment, and it has none of these devices
is_off() { # is_off USERID DEVICES
    guest_is_off "$1" && sleep 1 && is_still_off "$1" "$2"
}

is_still_off() { # is_still_off USERID DEVICES: who was proven off before
    guest_is_off "$1" || return 1
    for off_device in $(each "$2"); do
        case $(cp_holder "$off_device") in
            "user:$1" | unknown) return 1 ;;
        esac
    done
}

# --- attach

# Whether the guest is on is asked once more when its directory entry has the
# devices: who logs on later than that finds them there
take_all() { # take_all OFF: r_phase
    case $r_phase in
        dedicate) phase_on='' phase_off=pending ;;
        pending) phase_on=connect phase_off=pending ;;
        '') phase_on='' phase_off=connect ;;
        *) phase_on=connect phase_off=connect ;;
    esac
    attach_off=
    if [ "$1" = off ] && is_off "$r_guest" "$attach_devices"; then
        take_devices into_directory || return 1
        if guest_is_off "$r_guest"; then
            r_phase=$phase_off attach_off=yes
            return 0
        fi
    fi
    take_devices dedicate || return 1
    r_phase=$phase_on
}

# Its detach was waiting, and now it is wanted again by the same instance
come_back() { # come_back GENERATION ATTACHMENT
    [ "$r_gen" = "$1" ] || refuse stale "$(row)"
    for d in $(each "$r_fcp"); do
        load_fcp "$d" && [ "$f_instance" = "$r_instance" ] &&
            ! is_out_of_use && ! is_stale "$r_instance" ||
            refuse busy "$(row) text=$(text "it is being detached, and FCP \
device $d has left the guest")"
    done
    r_gen=$((r_gen + 1)) r_attachment=$2 r_op=$OP r_phase=connect
    save_lun
}

# --- FCP devices for which a guest's Linux has configured what is no longer
# its own.  f_stale: INSTANCE:VOLUME:GENERATION, where GENERATION is one that
# the guest is to refuse anything older than

is_stale() { case ";$f_stale" in *";$1:"*) return 0 ;; esac; return 1; }

stale_for() { # stale_for INSTANCE: devices
    grep -l -F "$1:" "$FCPS"/???? 2>/dev/null | sed 's|.*/||'
}

# What is nobody's: a record stays as long as a guest may come to grief by it
free_fcp() {
    [ -n "$f_stale" ] || { drop_fcp "$f_device"; return; }
    f_state=free f_instance='' f_guest='' f_node='' f_volumes='' f_byus=''
    f_lease='' f_boot='' f_scope='' f_why='' f_retry='' f_tries='' f_cool=''
    f_warm=''
    save_fcp
}

# unstale INSTANCE DEVICES PAST: its Linux has forgotten these
# VOLUME:GENERATION
verb_unstale() {
    need is_uuid "$1"
    need is_list "$2"
    need is_list "$3"
    for d in $(each "$2"); do
        need is_hex 4 "$(lower_hex "$d")"
        load_fcp "$d" || continue
        for past in $(each "$3"); do
            f_stale=$(set_drop "$f_stale" "$1:$past")
        done
        keep_fcp
    done
    answer "ok"
}

keep_fcp() { # the record as it is now, if it still says anything
    if [ "$f_state" = free ]; then free_fcp; else save_fcp; fi
}

forget_stale_of() { # forget_stale_of INSTANCE: its guest and disks are gone
    for d in $(stale_for "$1"); do
        load_fcp "$d" || continue
        for past in $(each "$f_stale"); do
            case $past in
                "$1":*) f_stale=$(set_drop "$f_stale" "$past") ;;
            esac
        done
        keep_fcp
    done
}

# --- detach

# The guest is there, and off or silent.  LUNs that can be are ours again; the
# others are left as "leaving"
leave_off() {
    case $r_phase in
        dedicate | pending)
            # its Linux cannot have it configured
            attach_devices=$r_fcp r_phase=detach
            save_lun
            leave_devices free || :
            back_to_ours
            return
            ;;
        leaving) ;;
        *) r_phase=leaving && save_lun ;;
    esac
    leave_volume=$r_volume
    leave_all "$r_guest" "$r_instance"
    find_record "$leave_volume"
}

# All volumes that leave the guest, as each may keep the devices of the others.
# First the directory entry loses the devices, and only then is a LUN ours: the
# guest may log on between any two steps
leave_all() { # leave_all USERID INSTANCE
    leaving='' leave_fcps=
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "instance=$2" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$f" && [ "$r_state/$r_phase" = used/leaving ] || continue
        leaving="$leaving $f"
        for d in $(each "$r_fcp"); do
            leave_fcps=$(set_add "$leave_fcps" "$d")
        done
    done
    is_off "$1" "$leave_fcps" || return 0
    for d in $(each "$leave_fcps"); do
        load_fcp "$d" && [ "$f_instance" = "$2" ] && [ -n "$f_byus" ] &&
            ! is_needed && leave_directory
    done
    is_still_off "$1" "$leave_fcps" || return 0
    for f in $leaving; do
        load_lun "$f" && is_out || continue
        attach_devices=$r_fcp
        leave_devices free || :
        back_to_ours
    done
}

is_needed() { # by a volume that stays, or that is not ours to know of
    for v in $(each "$f_volumes"); do
        needed_by=$(grep -l -F -x "volume=$v" "$LUNS"/*-* 2>/dev/null |
            head -n 1)
        [ -n "$needed_by" ] && grep -q -F -x phase=leaving "$needed_by" ||
            return 0
    done
    return 1
}

# What its Linux has configured for the device is remembered before
leave_directory() { # f_..., $leaving
    for f in $leaving; do
        load_lun "$f" && set_has "$r_fcp" "$f_device" || continue
        is_stale "$r_instance:$r_volume" || f_stale=$(set_add "$f_stale" \
            "$r_instance:$r_volume:$((r_gen + 1))")
    done
    f_state=releasing
    save_fcp
    out_of_directory "$f_guest" "$f_device" && return
    f_why=$(text "$s_out")
    save_fcp
}

is_out() { # no device of r_... stands in the guest's directory entry
    for d in $(each "$r_fcp"); do
        case $(directory_has "$r_guest" "$d") in
            no | gone) ;;
            *) return 1 ;;
        esac
    done
}

# --- what waits

# pend VOLUME GENERATION INSTANCE pending|connect|works WHY [WWID]
# WWID: what the guest says of another back-end's volume that works
verb_pend() {
    need is_uuid "$1"
    need is_number "$2"
    need is_uuid "$3"
    find_volume "$1" || refuse unknown "volume=$1"
    [ "$r_state" = used ] && [ "$r_instance" = "$3" ] && [ "$r_gen" = "$2" ] ||
        refuse stale "$(row)"
    case $r_phase in
        '' | pending | connect) ;;
        *) refuse stale "$(row)" ;;
    esac
    case $4 in
        pending | connect) r_phase=$4 r_why=$(text "$5") ;;
        works) r_phase='' r_why='' ;;
        *) refuse usage "text=$(text "no phase $4")" ;;
    esac
    ! is_other || [ -z "$6" ] || seen "$6"
    save_lun
    look_row
}

# waiting INSTANCE USERID: its volumes that wait, the devices that are stale
# for it, what these are stale by, and whether CP says that it is off
verb_waiting() {
    need is_uuid "$1"
    need is_word "$2"
    count=0
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "instance=$1" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$f" && [ "$r_state" = used ] || continue
        case $r_phase in pending | connect | leaving) ;; *) continue ;; esac
        printf 'zvmv1 %s row %s %s .\n' "$OP" "$(row)" "$(way)"
        count=$((count + 1))
    done
    stale='' past=
    for d in $(stale_for "$1"); do
        load_fcp "$d" || continue
        stale=$(set_add "$stale" "$d")
        for each_past in $(each "$f_stale"); do
            case $each_past in
                "$1":*) past=$(set_add "$past" "${each_past#*:}") ;;
            esac
        done
    done
    off=
    [ "$count$stale" = 0 ] || ! guest_is_off "$2" || off=yes
    answer "ok rows=$count stale=$stale past=$past off=$off"
}

# stale: the instances for which a device is stale
verb_stale() {
    found=$(sed -n 's/^stale=//p' "$FCPS"/???? 2>/dev/null | tr ';' '\n' |
        cut -d: -f1 | sort -u | tr '\n' ';')
    answer "ok instances=${found%;}"
}
