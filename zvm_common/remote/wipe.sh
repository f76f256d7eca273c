# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Making a LUN clean: every byte of its real size zero, and samples read back.

wipe() {
    rm -f "$JOBS/$(job_key).found"
    with_disk "$r_wwpns" "$r_lun" wipe_disk
}

end_wipe() { # end_wipe STATUS WHY
    if [ "$1" != 0 ]; then
        quarantine "$2"
    elif [ "$r_state" = wiping ]; then
        r_clean=yes
        free_now
    else
        # all its bytes are zero as long as it is of this generation
        r_state=ours r_gen=$((r_gen + 1)) r_zgen=$r_gen
        save_lun
        settle || :
    fi
}

wipe_disk() {
    take_target
    zero_from 0
    blockdev --flushbufs "$ROOT/dev/$disk" || fail "flush failed"
    samples 0 "$bytes" is_zero ||
        fail "the disk does not read as zeros after the wipe: $at"
}

# Reading all of it would double the time of a wipe whose every write has been
# answered: the first, the last and 62 places between, 1 MiB at each
SAMPLE=1048576

samples() { # samples BEGIN END CHECK: bytes; CHECK AT LENGTH; at: of the last
    span=$((($2 - $1 - SAMPLE) / 512)) sample_length=$SAMPLE
    [ $span -gt 0 ] || span=0
    [ $(($2 - $1)) -ge $SAMPLE ] || sample_length=$(($2 - $1))
    step=$((span / 63)) place=0
    while [ $place -lt 64 ]; do
        at=$(($1 + step * place * 512))
        [ $place -lt 63 ] || at=$(($1 + span * 512))
        "$3" $at $sample_length || return 1
        [ $span -gt 0 ] || return 0
        place=$((place + 1))
    done
}

is_zero() { # is_zero AT LENGTH: bytes
    reads_as "$1:0" "$2" "$ROOT/dev/$disk" /dev/zero
}

reads_as() { # reads_as SKIP LENGTH FILE FILE: what cannot be read is no answer
    cmp -s -i "$1" -n "$2" "$3" "$4"
    read_rc=$?
    [ $read_rc -le 1 ] || fail "reading back failed at byte ${1%:*}"
    return $read_rc
}

# The size is the disk's own.  A piece has 1 GiB at most, so that whoever
# waits sees how far it is
PIECE=1073741824

piece() { # piece AT END: length := of the piece there, up to a whole MiB
    length=$(($2 - $1))
    if [ $(($1 % 1048576)) -gt 0 ]; then
        [ $length -le $((1048576 - $1 % 1048576)) ] ||
            length=$((1048576 - $1 % 1048576))
    fi
    [ $length -le $PIECE ] || length=$PIECE
}

zero_from() { # zero_from BYTE: to the end of the disk
    at=$1
    while [ "$at" -lt "$bytes" ]; do
        [ "$r_state" != filling ] || go_on
        piece "$at" "$bytes"
        zero_by_array || write_piece /dev/zero '' ||
            fail "writing zeros failed at $at"
        at=$((at + length))
        progress "$at"
    done
}

# The array is quick, and the kernel writes zeros where the array cannot
zero_by_array() {
    command -v blkdiscard >/dev/null 2>&1 &&
        blkdiscard -z -o "$at" -l "$length" "$ROOT/dev/$disk" >/dev/null 2>&1
}

# A piece begins at a whole MiB or is short, and may end at any sector
write_piece() { # write_piece FROM [OPTION OF dd: conv=...,]: of at, length
    mib=$((at / 1048576)) count=$((length / 1048576))
    rest=$((length % 1048576))
    [ $count -eq 0 ] || copy_blocks "$1" 1048576 $mib $count "$2" || return 1
    [ $rest -eq 0 ] || copy_blocks "$1" 512 \
        $(((at + length - rest) / 512)) $((rest / 512)) "$2"
}

copy_blocks() { # copy_blocks FROM SIZE PLACE COUNT OPTION
    set -- "$@" "skip=$3"
    [ "$1" != /dev/zero ] || set -- "$1" "$2" "$3" "$4" "$5" skip=0
    # a read that is cut short must not shorten what is written
    said=$(dd if="$1" of="$ROOT/dev/$disk" bs="$2" seek="$3" count="$4" "$6" \
        iflag=fullblock conv="$5notrunc,fsync" 2>&1)
}
