# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# chzdev of s390-tools 1.34 and later: RHEL 8 and later, RHEL CoreOS, SLES 15
# and later, Ubuntu.

zdev() { # zdev CHZDEV-ARGUMENT...: z_out
    z_out=$(chzdev "$@" --no-root-update --yes --quiet 2>&1)
}

chzdev_scan_off() { zdev -p zfcp --type allow_lun_scan=0; }
chzdev_host_on() { zdev -e zfcp-host "$1"; }
chzdev_lun_on() { zdev -e zfcp-lun "$(zdev_id "$1")"; }

# It refuses what is not there at all
chzdev_host_off() { # chzdev_host_off BUS
    zdev -d zfcp-host "$1" ||
        ! lszdev zfcp-host --no-headings --columns ID 2>/dev/null |
            grep -q "^ *$1 *\$"
}

# It refuses what is half there, such as a unit whose disk has gone
chzdev_lun_off() {
    zdev -d zfcp-lun "$(zdev_id "$1")"
    active_lun_off "$1"
}

zdev_id() { # zdev_id PATH
    printf '%s:0x%s:0x%s' "$(path_device "$1")" "$(path_wwpn "$1")" \
        "$(path_lun "$1")"
}

chzdev_forget() { # chzdev_forget BUS
    lszdev zfcp-lun --no-headings --columns ID 2>/dev/null |
        grep "^ *$1:" >"$SEEN/.stale" || :
    while read -r id; do
        zdev -d -p zfcp-lun "$id" || return 1
    done <"$SEEN/.stale"
    rm -f "$SEEN/.stale"
}
