# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# The job on the zHCP that makes a LUN clean: every byte of its real size
# zero, and samples read back.  It holds a lock of its own while it lives,
# which ends with it and its children: nobody is asked whether a process id is
# still its.

job_key() { printf '%s-%s' "$r_lun" "${r_wwpns%%;*}"; }
job_is_free() { # job_is_free KEY [SECONDS TO WAIT]
    ( flock -w "${2:-0}" 7 ) 7>>"$JOBS/$1"
}
job_runs() { ! job_is_free "$(job_key)"; }

start_job() { # for r_..., under the ledger's lock
    exec 7>>"$JOBS/$(job_key)"
    # who waits for the end of a job has its lock for a moment
    flock -w 5 7 || refuse busy "$(row) text=$(text "a job runs")"
    rm -f "$JOBS/$(job_key).done"
    setsid sh "$0" "$OP" job "$(lun_file "$r_wwpns" "$r_lun")" "$r_gen" \
        </dev/null >/dev/null 2>&1 9>&- &
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

# job RECORD GENERATION: detached; fd 7 is its lock, inherited and held
verb_job() {
    take_slot
    open_ledger 600
    load_lun "$1" && [ "$r_gen" = "$2" ] || exit 0
    case $r_state in preparing | wiping) ;; *) exit 0 ;; esac
    close_ledger
    if why=$(wipe 2>/dev/null); then
        wiped=
    else # a wipe that was killed says nothing
        wiped=$(printf '%s' "$why" | tail -n 1)
        wiped=${wiped:-the wipe was cut off}
    fi
    read -r found <"$JOBS/$(job_key).found" 2>/dev/null || found=
    open_ledger 600
    load_lun "$1" && [ "$r_gen" = "$2" ] || exit 0
    # what the disk said of itself is kept: later paths are checked by it
    [ -z "$found" ] || { r_wwid=${found%% *} r_bytes=${found##* }; }
    if [ -n "$wiped" ]; then
        # a volume that is still to be made gets another LUN
        [ "$r_state" = wiping ] || { r_was=$r_volume && r_volume=''; }
        r_phase=$r_state r_state=quarantined r_why=$(text "$wiped")
        r_gen=$((r_gen + 1))
        save_lun
        settle || :
    elif [ "$r_state" = wiping ]; then
        r_clean=yes
        free_now
    else
        r_state=ours r_gen=$((r_gen + 1))
        save_lun
        settle || :
    fi
}

fail() { echo "$*"; exit 1; }

wipe() {
    rm -f "$JOBS/$(job_key).found"
    zhcp_disk || fail "no path from the zHCP's FCP devices $r_jobfcp to \
$r_wwpns $r_lun: are they online, zoned, and the LUN masked to them? $tried"
    # what somebody on the zHCP uses keeps also its path
    user=$(disk_user "$disk") && fail "$disk is in use on the zHCP: $user"
    ( wipe_disk )
    wipe_rc=$?
    path_down "$path" || fail "the LUN does not leave the zHCP"
    return $wipe_rc
}

wipe_disk() {
    wwid=$(disk_wwid "$disk") || fail "the disk tells no NAA WWID"
    bytes=$(disk_bytes "$disk") || fail "the disk tells no size"
    [ -z "$r_wwid" ] || [ "$r_wwid" = "$wwid" ] || fail "another disk is \
behind $r_wwpns $r_lun: WWID $wwid, recorded was $r_wwid"
    rows=$(merge "$r_pool")
    listed=$(field bytes "$(printf '%s\n' "$rows" |
        grep -F "lun=$r_lun wwpns=$r_wwpns ")")
    [ "$bytes" -ge "${listed:-0}" ] || fail "the disk has $bytes bytes, the \
pool says $listed"
    echo "$wwid $bytes" >"$JOBS/$(job_key).found"
    zero_disk
    blockdev --flushbufs "$ROOT/dev/$disk" || fail "flush failed"
    read_zeros || fail "the disk does not read as zeros after the wipe: $at"
}

# Reading all of it would double the time of a wipe whose every write has been
# answered: the first, the last and 62 places between, 1 MiB at each
read_zeros() {
    sample=$JOBS/$(job_key).sample
    step=$(((bytes - 1048576) / 512 / 63))
    [ $step -gt 0 ] || step=0
    place=0
    while [ $place -lt 64 ]; do
        at=$((place * step))
        [ $place -lt 63 ] || at=$((63 * step + (bytes - 1048576) / 512 % 63))
        [ $step -gt 0 ] || at=0
        is_zero_at || break
        place=$((place + 1))
    done
    rm -f "$sample"
    [ $place -eq 64 ]
}

is_zero_at() { # at is a block of 512 bytes
    dd if="$ROOT/dev/$disk" of="$sample" bs=512 skip="$at" count=2048 \
        2>/dev/null && [ -s "$sample" ] &&
        [ "$(tr -d '\0' <"$sample" | wc -c)" -eq 0 ]
}

# The size is the disk's own.  A piece has 1 GiB, so that whoever waits sees
# how far it is
PIECE=1073741824

zero_disk() {
    at=0
    while [ $at -lt "$bytes" ]; do
        length=$((bytes - at))
        [ $length -le $PIECE ] || length=$PIECE
        zero_by_array || write_zeros || fail "writing zeros failed at $at"
        at=$((at + length))
        echo $at >"$JOBS/$(job_key).done"
    done
}

# The array is quick, and the kernel writes zeros where the array cannot
zero_by_array() {
    command -v blkdiscard >/dev/null 2>&1 &&
        blkdiscard -z -o "$at" -l "$length" "$ROOT/dev/$disk" >/dev/null 2>&1
}

write_zeros() { # a piece begins at a whole MiB, and may end at any sector
    mib=$((at / 1048576)) count=$((length / 1048576))
    dd if=/dev/zero of="$ROOT/dev/$disk" bs=1048576 seek=$mib count=$count \
        conv=notrunc,fsync 2>/dev/null &&
        dd if=/dev/zero of="$ROOT/dev/$disk" bs=512 \
            seek=$(((mib + count) * 2048)) \
            count=$((length % 1048576 / 512)) conv=notrunc,fsync 2>/dev/null
}

# A path of one of the zHCP's own FCP devices; nothing of it is persistent
zhcp_disk() {
    tried=
    scan_off || fail "automatic LUN scan cannot be switched off on the zHCP"
    for dev in $(each "$r_jobfcp"); do
        for w in $(each "$r_wwpns"); do
            path=$dev:$w:$r_lun
            why_not=$(path_up "$path") && disk=$(path_disk "$path") &&
                return 0
            tried="$tried $dev/$w: $why_not."
            path_down "$path"
        done
    done
    return 1
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
