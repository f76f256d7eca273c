# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# What an image is on its way: frames, each a block of 512 bytes with
# "zvmdata AT LENGTH" and then LENGTH bytes, and a last block "zvmend SIZE
# SHA256".  What no frame covers is zero; the checksum is of the SIZE bytes,
# zeros included.  File descriptors: 3 where data go, 8 what counts them.

FRAME=67108864
# What is zero is found in pieces of a frame, and of this
PART=4194304
MIB=1048576
# Zeros that are passed over take their time: a frame shows that we live
ALIVE=10
# The transfer ended before its end: curl knows why
CUT=76

# --- from the wire to the disk

receive() { # frames on stdin
    : >"$files.sums"
    mkfifo "$files.fifo" || fail "cannot make $files.fifo"
    frame_end=0 ragged=
    while :; do
        go_on
        header=$(dd bs=512 count=1 iflag=fullblock 2>/dev/null |
            tr '\000' ' ')
        [ ${#header} -eq 512 ] || exit $CUT
        set -f
        # shellcheck disable=SC2086 # its words
        set -- $header
        set +f
        [ $# -eq 3 ] || fail "the Cinder host sent what is no frame"
        case $header in
            "zvmdata $2 $3$NEWLINE"*) take_frame "$2" "$3" ;;
            "zvmend $2 $3$NEWLINE"*) break ;;
            *) fail "the Cinder host sent what is no frame" ;;
        esac
    done
    take_end "$2" "$3"
}
NEWLINE='
'

take_frame() { # take_frame AT LENGTH
    is_count "$1" && is_count "$2" && [ -z "$ragged" ] &&
        [ "$1" -ge "$frame_end" ] && [ $(($1 % MIB)) -eq 0 ] &&
        [ "$2" -ge 1 ] && [ "$2" -le $FRAME ] && [ $(($2 % 512)) -eq 0 ] &&
        [ $(($1 + $2)) -le "$bytes" ] || fail "the Cinder host sent a frame \
that cannot be: $2 bytes at $1, behind $frame_end, and the disk has $bytes"
    frame_rest=$(($2 % MIB)) frame_end=$(($1 + $2))
    [ $frame_rest -eq 0 ] || ragged=yes
    [ "$2" -lt $MIB ] || take_blocks $MIB $(($1 / MIB)) $(($2 / MIB))
    [ $frame_rest -eq 0 ] || take_blocks 512 \
        $(((frame_end - frame_rest) / 512)) $((frame_rest / 512))
    progress $((told + frame_end))
}

# The sum of what has come tells a disk that does not keep it from a transfer
# that was wrong
take_blocks() { # take_blocks SIZE PLACE COUNT
    printf '%s %s %s ' "$1" "$2" "$3" >>"$files.sums"
    # it has none of our locks: nobody may be left to write to it
    sha256sum 5>&- 6>&- 7>&- 8>&- <"$files.fifo" >>"$files.sums" &
    said=$(dd bs="$1" count="$3" iflag=fullblock 2>/dev/null |
        tee "$files.fifo" |
        dd of="$ROOT/dev/$disk" bs="$1" seek="$2" iflag=fullblock \
            conv=notrunc,fsync 2>&1) ||
        fail "writing failed at byte $(($1 * $2)): $said"
    wait $!
    case $said in "$3+0 records in"*) ;; *) exit $CUT ;; esac
}

take_end() { # take_end SIZE SHA256
    is_count "$1" && is_hex 64 "$2" && [ $(($1 % 512)) -eq 0 ] &&
        [ "$1" -ge "$frame_end" ] && [ "$1" -le "$bytes" ] &&
        { [ -z "$ragged" ] || [ "$1" -eq "$frame_end" ]; } ||
        fail "the Cinder host sent an end that cannot be: $1 bytes, the last \
of them at $frame_end, and the disk has $bytes"
    more=$(dd bs=512 count=1 2>/dev/null | tr '\000' ' ')
    [ -z "$more" ] || fail "the Cinder host sent more behind the end"
    blockdev --flushbufs "$ROOT/dev/$disk" || fail "flush failed"
    sum=$( ( read_all "$1" ) | sha256sum)
    [ ! -s "$files.broke" ] || fail "$(cat "$files.broke")"
    [ "${sum%% *}" = "$2" ] || blame "$1"
    [ "$bytes" -eq "$1" ] ||
        samples "$1" "$bytes" is_zero || lost_at "$at"
    echo "ok:$1:$2"
}

# Fails as the transfer does, unless the disk is to blame
blame() { # blame SIZE
    frame_end=0
    while read -r unit place count was _; do
        go_on
        at=$((unit * place))
        still_zero $frame_end $at
        frame_end=$((at + unit * count))
        sum=$( ( exec 3>&1 >"$files.broke"
            disk_blocks "$unit" "$place" "$count") | sha256sum)
        [ ! -s "$files.broke" ] || fail "$(cat "$files.broke")"
        [ "${sum%% *}" = "$was" ] || lost_at $at
    done <"$files.sums"
    still_zero $frame_end "$1"
    fail "what has come from the Cinder host has another checksum than it says"
}

still_zero() { # still_zero BEGIN END
    [ "$1" -eq "$2" ] || is_zero "$1" $(($2 - $1)) || lost_at "$1"
}

lost_at() { # lost_at BYTE
    echo "the disk does not give back what was written at byte $1"
    exit "$DIFFERS"
}

# --- from the disk to the wire.  These run in pipes: what they say is in a
# file, for a shell does not tell how the parts of a pipe have ended

read_all() { # read_all SIZE: to stdout
    exec 3>&1 >"$files.broke"
    at=0
    while [ $at -lt "$1" ]; do
        go_on
        piece $at "$1"
        disk_range "$at" "$length"
        at=$((at + length))
        progress $((told + frame_end + at))
    done
}

disk_range() { # disk_range AT LENGTH [FIFO]: bytes, from a whole MiB on
    range_rest=$(($2 % MIB))
    [ "$2" -lt $MIB ] ||
        disk_blocks $MIB $(($1 / MIB)) $(($2 / MIB)) "${3:-}"
    [ $range_rest -eq 0 ] || disk_blocks 512 \
        $((($1 + $2 - range_rest) / 512)) $((range_rest / 512)) "${3:-}"
}

disk_blocks() { # disk_blocks SIZE PLACE COUNT [FIFO]
    set -- "$@" ''
    if [ -z "$4" ]; then
        read_blocks "$@" >&3
    else
        read_blocks "$@" | tee "$4" >&3 || exit 1
    fi
    case $(cat "$files.dd") in
        "$3+0 records in"*) ;;
        *) fail "reading failed at byte $(($1 * $2)): $(cat "$files.dd")" ;;
    esac
}

read_blocks() { # read_blocks SIZE PLACE COUNT
    dd if="$ROOT/dev/$disk" bs="$1" skip="$2" count="$3" iflag=fullblock \
        2>"$files.dd"
}

# A LUN may be larger than its volume, and its guest may have seen that
size_to_send() { # size := what Cinder calls it, or to the last byte not zero
    size=$r_sbytes
    [ "$bytes" -ge "$size" ] && [ $((size % 512)) -eq 0 ] ||
        fail "the disk has $bytes bytes, and $size were to be sent"
    last=$bytes
    while [ "$last" -gt "$size" ]; do
        go_on
        part_before $FRAME
        is_zero "$first" $((last - first)) || break
        last=$first
    done
    while [ "$last" -gt "$size" ]; do
        part_before $MIB
        is_zero "$first" $((last - first)) || break
        last=$first
    done
    size=$last
}

part_before() { # part_before LENGTH: first := where the part up to last begins
    first=$(((last - 1) / $1 * $1))
    [ $first -ge "$size" ] || first=$size
}

send_frames() { # to stdout; the sum is in a file then
    exec 3>&1 >"$files.broke"
    mkfifo "$files.fifo" || fail "cannot make $files.fifo"
    sha256sum <"$files.fifo" >"$files.sum" 3>&- 6>&- 7>&- &
    exec 8>"$files.fifo"
    at=0 alive=$(date +%s)
    while [ "$at" -lt "$size" ]; do
        go_on
        length=$((size - at))
        [ $length -le $FRAME ] || length=$FRAME
        send_piece $((at + length))
        progress "$at"
    done
    exec 8>&-
    wait $!
    sum=$(cat "$files.sum")
    put_header "zvmend $size ${sum%% *}"
}

send_piece() { # send_piece END: from at on, which is END then
    if is_zero "$at" "$length"; then
        if [ $(($(date +%s) - alive)) -ge $ALIVE ]; then
            [ "$length" -le $MIB ] || length=$MIB
            put_frame "$at" $((at + length))
            at=$((at + length))
        fi
        pass_zeros $(($1 - at))
        at=$1
        return
    fi
    begun=$at
    while [ "$at" -lt "$1" ]; do
        length=$(($1 - at))
        [ $length -le $PART ] || length=$PART
        if is_zero "$at" "$length"; then
            put_frame "$begun" "$at"
            pass_zeros $length
            begun=$((at + length))
        fi
        at=$((at + length))
    done
    put_frame "$begun" "$at"
}

put_frame() { # put_frame BEGIN END
    [ "$1" -lt "$2" ] || return 0
    put_header "zvmdata $1 $(($2 - $1))"
    disk_range "$1" $(($2 - $1)) "$files.fifo"
    alive=$(date +%s)
}

# curl says why nothing more can be sent
put_header() { # put_header TEXT
    { printf '%s\n' "$1" && head -c $((511 - ${#1})) /dev/zero; } >&3 ||
        exit 1
}

pass_zeros() { # pass_zeros LENGTH: they count, and are not sent
    zeros_rest=$(($1 % MIB))
    [ "$1" -lt $MIB ] || dd if=/dev/zero bs=$MIB count=$(($1 / MIB)) >&8 \
        2>/dev/null || exit 1
    [ $zeros_rest -eq 0 ] || dd if=/dev/zero bs=512 \
        count=$((zeros_rest / 512)) >&8 2>/dev/null || exit 1
}
