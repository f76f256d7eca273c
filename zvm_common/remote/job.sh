# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Jobs on the zHCP: what makes a LUN clean, or a copy of another one, or brings
# an image to it or from it.  A job
# holds a lock of its own while it lives, which ends with it and its children:
# nobody is asked whether a process id is still its.  File descriptors: 9 the
# ledger's lock, 8 the disk that is written, 7 the job's lock, 6 its turn,
# 5 the source's readers, 4 the disk that is read.

job_key() { printf '%s-%s' "$r_lun" "${r_wwpns%%;*}"; }
job_is_free() { # job_is_free KEY [SECONDS TO WAIT]
    ( flock -w "${2:-0}" 7 ) 7>>"$JOBS/$1"
}
job_runs() { ! job_is_free "$(job_key)"; }
job_waits() { [ ! -e "$JOBS/$(job_key).run" ]; } # one that runs, for its turn

start_job() { # for r_..., under the ledger's lock
    exec 7>>"$JOBS/$(job_key)"
    # who waits for the end of a job has its lock for a moment
    flock -w 5 7 || refuse busy "$(row) text=$(text "a job runs")"
    rm -f "$JOBS/$(job_key).done" "$JOBS/$(job_key).run"
    setsid sh "$0" "$OP" job "$(lun_file "$r_wwpns" "$r_lun")" "$r_gen" \
        </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 8>&- 9>&- &
    exec 7>&-
}

# So many jobs work at once, the others wait for their turn: more would only
# slow each other down, and the guests that share their ports
SLOTS='1 2 3 4'

take_slot() {
    until free_slot; do sleep 1; done
}

free_slot() { # fd 6 holds it until the job has ended
    for slot in $SLOTS; do
        exec 6>>"$JOBS/.slot$slot"
        flock -n 6 && return 0
    done
    return 1
}

# job RECORD GENERATION: detached; fd 7 is its lock, inherited and held.  What
# is cancelled meanwhile goes on as the wipe of what it has written, and so does
# an image that did not come whole
verb_job() {
    take_slot
    job_began=$(date +%s)
    while :; do
        open_ledger 600
        load_lun "$1" && [ "$r_gen" = "$2" ] || exit 0
        case $r_state in
            preparing | wiping) work=wipe ;;
            copying) work=copy ;;
            filling) work=fill ;;
            sending) work=send ;;
            *) exit 0 ;;
        esac
        printf 'generation=%s\nboot=%s\npid=%s\nbegan=%s\n' \
            "$2" "$(boot_id)" $$ "$job_began" >"$JOBS/$(job_key).run"
        close_ledger
        leave_left
        why=$("$work" 2>/dev/null)
        work_rc=$?
        forget_stream
        # one that was killed says nothing
        why=$(printf '%s' "$why" | tail -n 1)
        [ $work_rc = 0 ] || why=${why:-the $work was cut off}
        found=
        read -r found <"$JOBS/$(job_key).found" 2>/dev/null || :
        open_ledger 600
        load_lun "$1" && [ "$r_gen" = "$2" ] || exit 0
        # what the disk said of itself is kept: later paths are checked by it
        [ -z "$found" ] || { r_wwid=${found%% *} r_bytes=${found##* }; }
        case $work/$r_state in
            copy/wiping | fill/wiping)
                r_source='' && save_lun && close_ledger && continue
                ;;
        esac
        "end_$work" "$work_rc" "$why"
        [ "$work/$r_state" = fill/preparing ] || exit 0
        close_ledger
    done
}

fail() { # one line, whatever a tool has said
    printf '%s\n' "$*" | tr '\n' ' '
    echo
    exit 1
}

# What a disk is after a job that failed on it: no one's, until somebody has
# looked.  A volume that is deleted is there to be deleted again; one that is
# still to be made gets another LUN, and a copy that moves is no volume
quarantine() { # quarantine WHY
    case $r_state/$r_role in
        wiping/target | wiping/old) r_volume='' ;;
        wiping/*) ;;
        *) r_was=$r_volume r_volume='' ;;
    esac
    r_phase=$r_state r_state=quarantined r_why=$(text "$1") r_source=''
    r_moves='' r_peer='' r_pin='' r_gen=$((r_gen + 1))
    save_lun
    settle || :
}

# How far a job is, for whoever waits for it
progress() { echo "$1" >"$JOBS/$(job_key).done"; }

told_progress() { # done=BYTES beat=SECONDS SINCE THEN, of a job that runs
    told_file=$JOBS/$(job_key).done
    read -r told_done 2>/dev/null <"$told_file" || { printf done=; return; }
    told_at=$(stat -c %Y "$told_file" 2>/dev/null) || told_at=$(date +%s)
    printf 'done=%s beat=%s' "$told_done" $(($(date +%s) - told_at))
}

# --- the disk of a job

# The disk behind a LUN, alone, and the one that was there before.  What
# somebody on the zHCP uses keeps also its path
with_disk() { # with_disk WWPNS LUN COMMAND...: disk, path
    with_wwpns=$1 with_lun=$2
    shift 2
    reach "$with_wwpns" "$with_lun" || fail "no path from the zHCP's FCP \
devices $r_jobfcp to $with_wwpns $with_lun: are they online, zoned, and the \
LUN masked to them? $tried"
    user=$(taken_by "$disk") && {
        path_leave "$path"
        fail "$disk is in use on the zHCP: $user"
    }
    ( "$@" )
    with_rc=$?
    path_down "$path" || fail "the LUN does not leave the zHCP"
    return $with_rc
}

# Nobody else on this machine, udev's probes among them, opens it while it is
# written: that is what a lock on a block device means to them
lock_target() {
    # where exec fails the shell ends, and no message comes
    [ -r "$ROOT/dev/$disk" ] || fail "$disk is gone"
    exec 8<"$ROOT/dev/$disk" && flock -w 10 8 ||
        fail "somebody on the zHCP has locked $disk"
}

# identify WWPNS LUN WWID: wwid and bytes := what the disk says
identify() {
    wwid=$(disk_wwid "$disk") || fail "the disk tells no NAA WWID"
    bytes=$(disk_bytes "$disk") || fail "the disk tells no size"
    [ -z "$3" ] || [ "$3" = "$wwid" ] || fail "another disk is behind $1 $2: \
WWID $wwid, recorded was $3"
}

# The disk that r_... is about to be overwritten
take_target() {
    identify "$r_wwpns" "$r_lun" "$r_wwid"
    rows=$(merge "$r_pool")
    listed=$(field bytes "$(printf '%s\n' "$rows" |
        grep -F "lun=$r_lun wwpns=$r_wwpns ")")
    [ "$bytes" -ge "${listed:-0}" ] || fail "the disk has $bytes bytes, the \
pool says $listed"
    echo "$wwid $bytes" >"$JOBS/$(job_key).found"
    lock_target
    blockdev --setrw "$ROOT/dev/$disk" || fail "the disk stays read-only"
    clear_reservations
}

# What a guest has reserved or registered on the disk is not the next one's.
# Anybody may register; who has registered may clear all.  A disk that does not
# know the command (status 9, or 5) has nothing of the kind
RESERVATION_KEY=0x7a766d2d766f6c00
clear_reservations() {
    keys=$(persist -i -k)
    case $? in
        0) ;;
        5 | 9) return 0 ;;
        *) fail "the disk does not tell its persistent reservations" ;;
    esac
    case $keys in *'NO registered'*) return 0 ;; esac
    persist -o -I -S $RESERVATION_KEY >/dev/null &&
        persist -o -C -K $RESERVATION_KEY >/dev/null ||
        fail "persistent reservations of the disk cannot be cleared"
}

persist() { # a unit attention (status 6) is told once, to whoever asks first
    for try in 1 2 3; do
        sg_persist "$@" "$ROOT/dev/$disk" 2>/dev/null
        persist_rc=$?
        [ $persist_rc -eq 6 ] || break
    done
    return "$persist_rc"
}

# A path of one of the zHCP's own FCP devices; nothing of it is persistent
reach() { # reach WWPNS LUN [shared]: path, disk
    tried=
    scan_off || fail "automatic LUN scan cannot be switched off on the zHCP"
    for dev in $(each "$r_jobfcp"); do
        for w in $(each "$1"); do
            path=$dev:$w:$2
            # what was left there tells of the disk that was there then
            [ "${3:-}" = shared ] || path_leave "$path"
            had=$(path_scsi "$path")
            why_not=$(path_up "$path") && disk=$(path_disk "$path") &&
                return 0
            tried="$tried $dev/$w: $why_not."
            [ -n "$had" ] || path_down "$path"
        done
    done
    return 1
}

# Away with a path, unless somebody on the zHCP uses its disk
path_leave() {
    leave_disk=$(path_disk "$1") && disk_user "$leave_disk" >/dev/null &&
        return 0
    path_down "$1"
}

path_up() {
    bus=$(path_device "$1")
    port=$ZFCP/$bus/0x$(path_wwpn "$1")
    cio_ignore -r "$bus" >/dev/null 2>&1
    is_online "$bus" || chccwdev -e "$bus" >/dev/null 2>&1
    until_true 10 is_online "$bus" ||
        { echo "the device is not online"; return 1; }
    [ -d "$port" ] || echo 1 >"$ZFCP/$bus/port_rescan"
    until_true 10 test -d "$port" || { echo "the port is not seen"; return 1; }
    unit=0x$(path_lun "$1")
    [ -d "$port/$unit" ] || echo "$unit" >"$port/unit_add"
    until_true 5 path_disk "$1" >/dev/null || { echo "no disk"; return 1; }
}

path_down() {
    port=$ZFCP/$(path_device "$1")/0x$(path_wwpn "$1")
    found=$(path_scsi "$1") && echo 1 >"$found/delete"
    [ ! -d "$port/0x$(path_lun "$1")" ] ||
        echo "0x$(path_lun "$1")" >"$port/unit_remove"
    until_true 20 path_gone "$1"
}
