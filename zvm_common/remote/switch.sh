# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# A copy that takes the place of its volume's LUN: in the same pool, or in
# another one of this zHCP, with the scope of the back-end that has that pool.

# switch SCOPE COPY VOLUME ZHCP-DEVICES: the copy, which is SCOPE's, is the
# volume's LUN from now on, and the LUN that it had is wiped.  Refused when
# anything has happened to the volume since the copy began
verb_switch() {
    need is_word "$1"
    need is_uuid "$2"
    need is_uuid "$3"
    need is_list "$4"
    find_volume "$2" || refuse unknown "volume=$2"
    # the old LUN may be another back-end's
    [ "$r_role" = old ] || [ "$r_scope" = "$1" ] || refuse scope "$(row)"
    [ "$r_moves" = "$3" ] || refuse busy "$(row)"
    case $r_role/$r_state/$r_phase in
        target/ours/create) begin_switch "$3" "$4" ;;
        old/wiping/*) wipe_old "$2" ;; # it is done, but for this perhaps
        old/*) ;;
        *) refuse busy "$(row)" ;;
    esac
    find_volume "$3" || refuse unknown "volume=$3"
    [ "$r_state" != ours ] || settle || :
    look_row
}

begin_switch() { # begin_switch VOLUME ZHCP-DEVICES
    new_file=$(lun_file "$r_wwpns" "$r_lun") switch_gen=$r_mgen
    find_volume "$1" || refuse unknown "volume=$1"
    [ "$r_gen" = "$switch_gen" ] || refuse stale "$(row)"
    [ "$r_state" = ours ] || refuse busy "$(row)"
    foreign_user && refuse busy "$(row) text=$(text "$foreign")"
    # who has to wait for another copy is still there
    [ -z "$(readers "$1")" ] ||
        ( load_lun "$new_file" && lease_lun && save_lun )
    not_read
    load_lun "$new_file"
    foreign_user && refuse busy "$(row) text=$(text "$foreign")"
    not_read
    r_phase=switch r_jobfcp=$2
    save_lun
    finish_switch
}

# The record of the new LUN says "switch": whoever asks for the volume or the
# copy finishes it first, so that nothing comes between.  The old LUN becomes
# the copy's, then the new one the volume's
finish_switch() { # r_...: the new LUN
    new_file=$(lun_file "$r_wwpns" "$r_lun")
    m_volume=$r_moves m_move=$r_volume m_gen=$r_mgen m_devices=$r_jobfcp
    old_file=$(grep -l -F -x "volume=$m_volume" "$LUNS"/*-* | head -n 1)
    if [ -n "$old_file" ]; then
        load_lun "$old_file"
        [ "$r_gen/$r_state" = "$m_gen/ours" ] || {
            # something came between: the copy is of what was before
            load_lun "$new_file" && r_phase=create && save_lun
            return
        }
        r_volume=$m_move r_role=old r_moves=$m_volume r_before=ours
        r_state=wiping r_gen=$((r_gen + 1)) r_clean=no r_phase='' r_lease=''
        r_boot='' r_why='' r_jobfcp=$m_devices
        save_lun
    fi
    load_lun "$new_file"
    [ "$r_gen" -ge "$m_gen" ] || r_gen=$m_gen
    r_volume=$m_volume r_role=current r_moves='' r_mgen='' r_phase=''
    r_lease='' r_boot='' r_gen=$((r_gen + 1))
    save_lun
    settle || :
    wipe_old "$m_move"
    load_lun "$new_file"
}

wipe_old() { # wipe_old COPY: a record that switched is the old LUN's now
    find_record "$1" || return 0
    settle || :
    job_runs || start_job
}

# entrust SCOPE VOLUME GENERATION NEW-SCOPE: the volume goes to another back-end
# that has the same pool.  Cinder has the volume, so that its create is over
verb_entrust() {
    need is_uuid "$2"
    need is_number "$3"
    need is_word "$4"
    # repeated, as the answer was lost
    if find_record "$2" && [ "$r_scope/$r_gen" = "$4/$(($3 + 1))" ]; then
        look_row
        return
    fi
    of_scope "$1" "$2" "$3"
    [ "$r_state/$r_role" = ours/current ] || refuse busy "$(row)"
    not_read
    r_scope=$4 r_phase='' r_lease='' r_boot='' r_gen=$((r_gen + 1))
    save_lun
    look_row
}
