# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# The root disk of a guest: LOADDEV and IPL in its directory entry.  They hold
# one path, and z/VM tries no other; so whoever starts the guest says which.
#
# r_ipl: DEVICE:WWPN, the path that was last asked for.  It is in the record
# before it is in the directory.

# ipl VOLUME GENERATION INSTANCE DEVICE WWPN: the guest loads its Linux by this
# path when it next logs on.  It is off: what it had loaded by another path
# must be proven to write no more
verb_ipl() {
    need is_uuid "$1"
    need is_number "$2"
    need is_uuid "$3"
    need is_hex 4 "$(lower_hex "$4")"
    need is_hex 16 "$5"
    find_volume "$1" || refuse unknown "volume=$1"
    [ "$r_state" = used ] && [ "$r_instance" = "$3" ] && [ "$r_gen" = "$2" ] ||
        refuse stale "$(row)"
    case $r_phase in detach | leaving) refuse busy "$(row)" ;; esac
    ipl_lun=$r_lun
    ! is_other || ipl_lun=$(each "$r_paths" | sed -n "s/^$4:$5://p")
    set_has "$r_fcp" "$4" && set_has "$r_wwpns" "$5" && [ -n "$ipl_lun" ] ||
        refuse nofcp \
        "device=$4 text=$(text "no path of the volume over port $5")"
    proven_off
    [ "$(directory_has "$r_guest" "$4")" = yes ] || refuse nofcp \
        "device=$4 text=$(text "not in the directory entry of $r_guest")"
    [ "$r_ipl" = "$4:$5" ] || { r_ipl=$4:$5 && save_lun; }
    load_by "$r_guest" "$4" "$5" "$ipl_lun" ||
        refuse smapi "$(smapi_said "$ipl_function" "$4")"
    look_row
}

load_by() { # load_by USERID DEVICE WWPN LUN: both statements, read back
    s_rc='' s_rs='' s_out=
    loads_by "$@" && return 0
    ipl_function=Image_SCSI_Characteristics_Define_DM
    # all letters are wanted; without a value one changes nothing
    smapi "$ipl_function" -T "$1" -b '' -k '' -l "$4" -p "$3" -s '' -d '' ||
        return 1
    ipl_function=Image_IPL_Set_DM
    smapi "$ipl_function" -T "$1" -s "$2" -l '' -p '' || return 1
    ipl_function=Image_Query_DM
    s_rc='' s_rs='' s_out="the directory entry of $1 has other IPL and LOADDEV \
statements after SMAPI said so"
    loads_by "$@"
}

# Whether the entry names this path and no other.  Statements stand alone or
# together in a line, numbers with blanks or 0x perhaps
loads_by() { # loads_by USERID DEVICE WWPN LUN
    smapi_call Image_Query_DM -T "$1" | tr 'a-z\r' 'A-Z ' | awk \
        -v device="$(upper_hex "$2")" -v port="$(upper_hex "$3")" \
        -v lun="$(upper_hex "$4")" '
        $1 == "IPL" {
            n = $2
            sub(/^0X/, "", n)
            while (length(n) < 4) n = "0" n
            if (n != device) other = 1
            ipl++
        }
        $1 == "LOADDEV" {
            key = ""
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^(PORT(NAME)?|LUN|BOOT(PROG)?|BR_LBA|SCPDATA)$/) {
                    key = substr($i, 1, 3)
                    found[key] = ""
                } else {
                    sub(/^0X/, "", $i)
                    found[key] = found[key] $i
                }
            }
        }
        END {
            exit !(ipl == 1 && !other && found["POR"] == port &&
                found["LUN"] == lun)
        }'
}

# The volume leaves a guest that stays: it does not load what it has no more.
# LOADDEV alone does nothing
ipl_away() { # r_...
    [ -n "$r_ipl" ] || return 0
    ! smapi_call Image_Query_DM -T "$r_guest" | tr 'a-z\r' 'A-Z ' |
        grep -q -E "^ *IPL +0*${r_ipl%%:*}( |\$)" ||
        smapi Image_IPL_Delete_DM -T "$r_guest" || :
    r_ipl=''
}
