# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Who uses a disk in a guest: mounts, also those of other mount namespaces,
# swap, btrfs, and what holds it: LVM, RAID, encryption, other maps.

# A line each: NAME or MAJOR:MINOR, and the use
list_users() {
    while read -r source where rest; do
        case $source in /dev/*) ;; *) continue ;; esac
        real=$(readlink -f "$ROOT$source") || real=$source
        echo "${real##*/} mount:$where"
    done <"$ROOT/proc/mounts"
    while read -r source rest; do
        case $source in /*) ;; *) continue ;; esac
        real=$(readlink -f "$ROOT$source") || real=$source
        echo "${real##*/} swap"
    done <"$ROOT/proc/swaps"
    # of several disks with one btrfs the table of mounts has but one
    for source in "$ROOT"/sys/fs/btrfs/*/devices/*; do
        [ -e "$source" ] && real=${source%/devices/*} || continue
        echo "${source##*/} btrfs:${real##*/}"
    done
    cat "$ROOT"/proc/[0-9]*/mountinfo 2>/dev/null |
        awk '!seen[$3]++ {print $3, "mount:" $5}'
}

user_named() { # user_named NAME
    read -r number 2>/dev/null <"$ROOT/sys/class/block/$1/dev" || number=-
    printf '%s\n' "$all_users" |
        awk -v names=" $1 $number " \
            'index(names, " " $1 " ") {print $2; exit}' |
        grep .
}

user_of() ( # user_of NAME [HOLDER THAT DOES NOT COUNT]: who, of it or a part
    user_named "$1" || held_by "$1" "${2:-}" && exit 0
    for part in "$ROOT/sys/block/$1/$1"*; do
        [ -e "$part" ] || continue
        user_named "${part##*/}" || held_by "$1/${part##*/}" && exit 0
    done
    exit 1
)

# Partitions of a map are maps on it, and go with it when nobody uses them
held_by() { # held_by NAME [HOLDER THAT DOES NOT COUNT]
    for h in "$ROOT/sys/block/$1/holders"/*; do
        [ -e "$h" ] || [ -L "$h" ] || continue
        h=${h##*/}
        [ "$h" != "${2:-}" ] || continue
        case $(dm_key "$h" uuid) in
            part*-mpath-*) user_of "$h" && return 0 ;;
            *)
                echo "holder:$h ($(holder_is "$h"))"
                return 0
                ;;
        esac
    done
    return 1
}

dm_key() { # dm_key dm-N name|uuid
    read -r a 2>/dev/null <"$ROOT/sys/block/$1/dm/$2" && printf '%s' "$a"
}

holder_is() {
    case $1,$(dm_key "$1" uuid) in
        *,LVM-*) printf 'logical volume %s' "$(dm_key "$1" name)" ;;
        *,CRYPT-*) printf 'encrypted %s' "$(dm_key "$1" name)" ;;
        dm-*) printf 'device mapper %s' "$(dm_key "$1" name)" ;;
        md*) printf 'RAID %s' "$1" ;;
        *) printf '%s' "$1" ;;
    esac
    above=$(user_of "$1") && printf ', %s' "$above"
}
