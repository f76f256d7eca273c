# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# What brings a path back when the guest starts, chosen by what is there:
# chzdev, else Red Hat's zfcp.conf, else udev rules in SUSE's files.  A part
# for each has KIND_scan_off, KIND_host_on BUS, KIND_host_off BUS, KIND_lun_on
# PATH, KIND_lun_off PATH and KIND_forget BUS; z_out is what went wrong.

RULES=$ROOT/etc/udev/rules.d
MODPROBE=$ROOT/etc/modprobe.d

choose_persist() {
    if has_tool chzdev && has_tool lszdev; then
        kind=chzdev
    elif has_tool zfcpconf.sh; then
        kind=zfcpconf
    else
        kind=udevrules
    fi
}

has_tool() { command -v "$1" >/dev/null 2>&1; }

# --- all kinds: a path is taken out of every place, for a guest may have been
# upgraded, and what another tool has written acts as well

keep_scan_off() { "${kind}_scan_off"; }
keep_host_on() { "${kind}_host_on" "$1"; }
keep_host_off() { "${kind}_host_off" "$1"; }
keep_lun_on() { "${kind}_lun_on" "$1"; }

keep_lun_off() { # keep_lun_off PATH
    lun_words=$(lun_words "$1")
    "${kind}_lun_off" "$1"
    # shellcheck disable=SC2086
    conf_drop $lun_words && rules_drop $lun_words
}

# A device that was not online carries no attached volume: LUNs configured for
# it are left from before, and may be another's by now
forget_stale() { # forget_stale BUS
    "${kind}_forget" "$1" && conf_drop "$1" && rules_drop "$1" || undo path \
        "text=$(text "stale configuration of $1 stays: ${z_out:-}")"
}

lun_words() { # lun_words PATH: BUS 0xWWPN 0xLUN
    printf '%s 0x%s 0x%s' "$(path_device "$1")" "$(path_wwpn "$1")" \
        "$(path_lun "$1")"
}

kept() { # kept PATH: whether anything brings it back at the next start
    # shellcheck disable=SC2046
    set -- $(lun_words "$1")
    [ ! -e "$CONF" ] || { drops conf_without "$CONF" "$@" && return 0; }
    for rule in "$RULES"/*.rules; do
        [ -e "$rule" ] && drops rule_without "$rule" "$@" && return 0
    done
    return 1
}

# Whether a filter would take something out of a file
drops() { # drops FILTER FILE ARGUMENT...
    filter=$1 filtered=$2
    shift 2
    rest=$("$filter" "$@" <"$filtered")
    [ "$rest" != "$(cat "$filtered")" ]
}

drop_from() { # drop_from FILTER FILE ARGUMENT...
    drops "$@" || return 0
    printf '%s' "${rest:+$rest
}" | put_file "$2"
}

# --- files, which are written whole

put_file() { # put_file FILE: its new text is read from stdin
    put_new=${1%/*}/.zvm-volume.new
    rm -f "$put_new"
    z_out="cannot write $1"
    if [ -e "$1" ]; then
        cp -p "$1" "$put_new" 2>/dev/null || return 1
    else
        mkdir -p "${1%/*}" && : >"$put_new" && chmod 644 "$put_new" ||
            return 1
    fi
    cat >"$put_new" && replace "$put_new" "$1"
}

remove_file() {
    z_out="cannot remove $1"
    [ ! -e "$1" ] || { rm -f "$1" && { sync "${1%/*}" 2>/dev/null || sync; }; }
}

# --- zfcp.conf: BUS WWPN LUN a line, or five words with SCSI numbers between.
# A line of a device alone sets it online, and is left

CONF=$ROOT/etc/zfcp.conf

# The text without these lines.  They are compared as text: to some awks two
# WWPNs are numbers, and equal
conf_without() { # conf_without BUS [WWPN LUN]
    awk -v drop="$*" '{
        n = split(tolower($0), f, " ")
        line = f[1] " " (n >= 5 ? f[3] " " f[5] : f[2] " " f[3])
        if (n >= 3 && index(line " ", drop " ") == 1) next
        print
    }'
}

conf_drop() { # conf_drop BUS [WWPN LUN]
    [ ! -e "$CONF" ] || drop_from conf_without "$CONF" "$@"
}

# --- udev rules with unit_add, whoever wrote them

rule_without() { # rule_without BUS [WWPN LUN]
    awk -v dev="[ccw/$1]" -v wwpn="${2:-}" -v lun="${3:-}" '
        /^[ \t]*#/ { print; next }
        index($0, dev (wwpn == "" ? "0x" : wwpn "/unit_add}=\"" lun "\"")) &&
            index($0, "/unit_add}=\"0x") { next }
        { print }'
}

rules_drop() { # rules_drop BUS [WWPN LUN]
    for rule in "$RULES"/*.rules; do
        [ -e "$rule" ] && drops rule_without "$rule" "$@" || continue
        case ${rule##*/} in
            41-zfcp-lun-*) remove_file "$rule" || return 1 ;;
            *) drop_from rule_without "$rule" "$@" || return 1 ;;
        esac
    done
}

# --- where there is no chzdev: the running system by sysfs

sysfs() { # sysfs VALUE FILE
    z_out=$({ echo "$1" >"$2"; } 2>&1)
}

active_host_on() {
    is_online "$1" || sysfs 1 "$CCW/devices/$1/online"
}

active_host_off() {
    ! is_online "$1" || sysfs 0 "$CCW/devices/$1/online"
}

unit_dir() { # unit_dir PATH
    printf '%s/%s/0x%s/0x%s' "$ZFCP" "$(path_device "$1")" \
        "$(path_wwpn "$1")" "$(path_lun "$1")"
}

no_unit() { [ ! -d "$(unit_dir "$1")" ]; }

active_lun_on() { # a unit that has failed is tried again
    unit=$(unit_dir "$1")
    if [ ! -d "$unit" ]; then
        sysfs "0x$(path_lun "$1")" "${unit%/*}/unit_add"
    elif ! path_scsi "$1" >/dev/null; then
        sysfs 0 "$unit/failed"
    fi
}

active_lun_off() {
    delete_disk "$1"
    no_unit "$1" || {
        sysfs "0x$(path_lun "$1")" "$(dirname "$(unit_dir "$1")")/unit_remove"
        until_true 10 no_unit "$1"
    }
}

delete_disk() { # delete_disk PATH
    gone_scsi=$(path_scsi "$1") || return 0
    sysfs 1 "$gone_scsi/delete"
    until_true 20 path_gone "$1"
}

# The last setting of a module's parameter counts, of whatever file
modprobe_scan_off() {
    scan_conf=$MODPROBE/zvm-volume.conf
    grep -qs '^options zfcp allow_lun_scan=0$' "$scan_conf" ||
        echo 'options zfcp allow_lun_scan=0' | put_file "$scan_conf" ||
        return 1
    for f in "$MODPROBE"/*.conf; do
        grep -qs '^[ 	]*options[ 	]\{1,\}zfcp.*allow_lun_scan=[1Yy]' \
            "$f" || continue
        z_out="$f switches it on: remove that setting"
        return 1
    done
}
