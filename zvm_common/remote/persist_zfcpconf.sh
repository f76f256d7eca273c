# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# RHEL 7: udev runs zfcpconf.sh when an FCP device appears, which does all
# lines of zfcp.conf.  Devices that stand there are not ignored at boot.

zfcpconf_scan_off() { modprobe_scan_off; }
zfcpconf_host_on() { active_host_on "$1"; }
zfcpconf_host_off() { active_host_off "$1"; }

zfcpconf_lun_on() {
    active_lun_on "$1" || return 1
    conf_line=$(lun_words "$1")
    # shellcheck disable=SC2086
    { cat "$CONF" 2>/dev/null | conf_without $conf_line &&
        echo "$conf_line"; } | put_file "$CONF"
}

zfcpconf_lun_off() { active_lun_off "$1"; }
zfcpconf_forget() { :; }
