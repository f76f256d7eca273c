# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# SLES 12, and images without chzdev: rules in the file that SUSE's
# zfcp_host_configure and zfcp_disk_configure keep.  Those tools write the file
# anew from what is active just then, so that a path which is down is lost:
# here each line comes and goes by itself.

udevrules_file() { printf '%s/51-zfcp-%s.rules' "$RULES" "$1"; }
udevrules_scan_off() { modprobe_scan_off; }
udevrules_forget() { :; }

udevrules_host_on() {
    active_host_on "$1" || return 1
    host_file=$(udevrules_file "$1")
    grep -qs '^[^#].*online}="1"' "$host_file" || {
        echo "# Configure zFCP device at $1"
        udevrules_host_lines "$1"
        cat "$host_file" 2>/dev/null
    } | put_file "$host_file"
}

# When the device appears, or the driver after it; and before that it is to be
# ignored no longer
udevrules_host_lines() {
    add='ACTION=="add", SUBSYSTEM' go="ATTR{[ccw/$1]online}=\"1\""
    free="/bin/sh -c 'echo free $1 >/proc/cio_ignore'"
    cat <<END
$add=="subsystem", KERNEL=="ccw", RUN+="$free"
$add=="ccw", KERNEL=="$1", DRIVER=="zfcp", $go
$add=="drivers", KERNEL=="zfcp", TEST=="[ccw/$1]", $go
END
}

udevrules_host_off() {
    active_host_off "$1" && remove_file "$(udevrules_file "$1")"
}

udevrules_lun_on() {
    active_lun_on "$1" || return 1
    # shellcheck disable=SC2046
    set -- $(lun_words "$1")
    {
        cat "$(udevrules_file "$1")" 2>/dev/null | rule_without "$@"
        printf 'ACTION=="add", KERNEL=="rport-*", ATTR{port_name}=="%s", ' "$2"
        printf 'SUBSYSTEMS=="ccw", KERNELS=="%s", ' "$1"
        printf 'ATTR{[ccw/%s]%s/unit_add}="%s"\n' "$@"
    } | put_file "$(udevrules_file "$1")"
}

udevrules_lun_off() { active_lun_off "$1"; }
