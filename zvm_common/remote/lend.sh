# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# ours -> used by a Cinder host, which copies the data itself; and back.  The
# host is a guest of this LPAR with FCP devices of its own: nothing is
# dedicated here.  Phase "lent" tells its record from that of a guest's LUN.

# Until the host's kernel has the LUN, only this says that it is wanted (s)
LEND_LEASE=600

# lend VOLUME GENERATION SCOPE HOST NODE DEVICES
verb_lend() {
    need is_uuid "$1"
    need is_number "$2"
    need is_word "$3"
    need is_word "$4"
    need is_word "$5"
    need is_list "$6"
    find_volume "$1" || refuse unknown "volume=$1"
    [ "$r_scope" = "$3" ] || refuse scope "$(row)"
    if is_lent && [ "$r_host" = "$4" ]; then
        lend_again "$6"
        return
    fi
    nobody_has_it "$2"
    lendable "$6"
    r_state=used r_before=ours r_gen=$((r_gen + 1)) r_phase=lent r_guest=''
    r_instance='' r_attachment='' r_node=$5 r_host=$4 r_fcp=$6
    lease_lend
    save_lun
    settle || lend_unsettled
    look_row
}

is_lent() { [ "$r_state/$r_phase" = used/lent ]; }

lease_lend() { r_lease=$(($(date +%s) + LEND_LEASE)) r_boot=$(boot_id); }

lend_again() { # lend_again DEVICES
    lendable "$1"
    for d in $(each "$1"); do r_fcp=$(set_add "$r_fcp" "$d"); done
    lease_lend
    save_lun
    settle || :
    look_row
}

# A guest's device is not the host's, whatever the host says of it
lendable() { # lendable DEVICES
    lend_range=$(field range "$(merge "$r_pool" |
        grep -F "lun=$r_lun wwpns=$r_wwpns ")")
    for d in $(each "$1"); do
        need is_hex 4 "$(lower_hex "$d")"
        ! load_fcp "$d" || refuse nofcp "device=$d guest=$f_guest \
text=$(text "it is held for a guest")"
        in_ranges "$d" "$lend_range" || refuse nofcp "device=$d \
ranges=$lend_range text=$(text "not among the devices that may carry the LUN")"
    done
}

lend_unsettled() {
    said=$s_why
    r_lease='' r_boot=''
    back_to_ours
    refuse badpool "pool=$r_pool text=$(text "$said")"
}

# giveback VOLUME GENERATION SCOPE HOST told|unseen|off: no loan to this host up
# to this generation is left, and none that is late can still come.
# told: the host has taken its paths away.  unseen: its kernel does not have the
# LUN.  off: nobody has its FCP devices, as CP shows
verb_giveback() {
    need is_uuid "$1"
    need is_number "$2"
    need is_word "$3"
    need is_word "$4"
    need is_word "$5"
    find_volume "$1" || refuse unknown "volume=$1"
    [ "$r_scope" = "$3" ] || refuse scope "$(row)"
    if [ "$r_state" = ours ]; then
        [ "$r_gen" -ge "$2" ] || { r_gen=$2 && save_lun; }
        settle_back
        look_row
        return
    fi
    is_lent && [ "$r_host" = "$4" ] || refuse busy "$(row)"
    [ "$r_gen" = "$2" ] || refuse stale "$(row)"
    [ "$5" = told ] || lend_lease_past
    [ "$5" != off ] || lent_to_nobody
    r_lease='' r_boot=''
    back_to_ours
    look_row
}

# A lease of another boot of this machine begins anew
lend_lease_past() {
    lease_is_over "$r_lease" "$r_boot"
    lend_rc=$?
    [ $lend_rc != 2 ] || { lease_lend && save_lun; }
    [ $lend_rc = 0 ] || refuse lease "$(row) text=$(text "host $r_host may \
still be about to use it")"
}

lent_to_nobody() {
    for d in $(each "$r_fcp"); do
        [ "$(cp_holder "$d")" = free ] || refuse busy "$(row) device=$d \
text=$(text "FCP device $d of host $r_host is $(cp_holder "$d")")"
    done
}
