# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# /dev/disk/by-id/zvm-volume-UUID: whoever knows the volume's id finds its
# disk in the guest, also after a restart.

link_name() { printf '/dev/disk/by-id/zvm-volume-%s' "$1"; }
link_file() { printf '%s/69-zvm-volume-%s.rules' "$RULES" "$1"; }

# The map goes before its paths.  Kernels that do not show the WWID have
# ID_SERIAL, which udev reads from the same page
link_rules() { # link_rules VOLUME WWID
    link_all='ACTION!="remove", SUBSYSTEM=="block"'
    link_as="SYMLINK+=\"disk/by-id/zvm-volume-$1"
    link_disk="$link_all, KERNEL==\"sd*\", ENV{DEVTYPE}"
    link_map="$link_all, OPTIONS+=\"link_priority=100\", ENV{DM_UUID}"
    cat <<END
# The disk of volume $1
$link_disk=="disk", ATTRS{wwid}=="naa.$2", $link_as"
$link_disk=="disk", ENV{ID_SERIAL}=="3$2", $link_as"
$link_disk=="partition", ENV{ID_SERIAL}=="3$2", $link_as-part%n"
$link_map=="mpath-3$2", $link_as"
$link_map=="part*-mpath-3$2", ENV{DM_PART}=="?*", $link_as-part\$env{DM_PART}"
END
}

link_on() { # link_on VOLUME WWID DISK...: link
    link_of=$1 link_wwid=$2
    shift 2
    link_rule=$(link_file "$link_of")
    link_others
    [ -e "$link_rule" ] || made="link:$link_of $made"
    link_rules "$link_of" "$link_wwid" | put_file "$link_rule" ||
        undo space "text=$(text "$z_out")"
    udev_again "$@"
    link=$(link_name "$link_of")
    # "test -e" would follow it to what udev makes at the same time
    until_true 10 test -L "$ROOT$link" || link=
}

# A disk that was another volume's before
link_others() {
    for f in "$RULES"/69-zvm-volume-*.rules; do
        [ "$f" = "$link_rule" ] || ! grep -qs "\"naa[.]$link_wwid\"" "$f" ||
            rm -f "$f"
    done
}

udev_again() { # udev_again NAME...: its rules once more
    udevadm control --reload >/dev/null 2>&1
    for name in "$@"; do
        udevadm trigger --action=change --sysname-match="$name" \
            >/dev/null 2>&1
    done
    udevadm settle --timeout=10 >/dev/null 2>&1
}

link_off() { # link_off VOLUME
    remove_file "$(link_file "$1")" || return 1
    udevadm control --reload >/dev/null 2>&1
    return 0
}
