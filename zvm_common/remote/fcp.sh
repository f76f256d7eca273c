# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# FCP devices: which guest holds which, and dedicating them with SMAPI.

PATH=$PATH:$ROOT/opt/zhcp/bin

# Of a device that an attach which failed has left held for its instance (s)
HOLD_LEASE=3600
# Nova deletes attachments right after a detach, and arrays take their time (s)
COOL_LEASE=600
cool=none

# A server that hangs must not hold the ledger's lock for ever
ask_cp() { timeout 60 vmcp "$@" 2>&1; }
smapi_call() { timeout 120 smcli "$@" 2>&1; }

# smcli answers in words; only "Done" is success
smapi() { # smapi FUNCTION ARGUMENT...: s_out, s_rc, s_rs
    s_out=$(smapi_call "$@")
    s_rc=$(smapi_code Return)
    s_rs=$(smapi_code Reason)
    case $s_out in *"Done"*) [ -z "$s_rc" ] ;; *) return 1 ;; esac
}

smapi_code() { # smapi_code Return|Reason: the number of the last call
    case $s_out in *"$1 Code:"*) ;; *) return 0 ;; esac
    printf '%s\n' "$s_out" | sed -n "s/^ *$1 Code: *\([0-9]*\).*/\1/p" |
        head -n 1
}

smapi_said() { # what to tell of the last call: FUNCTION DEVICE
    printf 'function=%s device=%s rc=%s rs=%s text=%s' "$1" "$2" "$s_rc" \
        "$s_rs" "$(text "$s_out")"
}

# The active half as CP sees it: user:USERID, free, offline, missing (there is
# no such device) or unknown
cp_holder() {
    q_out=$(ask_cp q "$1")
    case $q_out in
        *"ATTACHED TO "*)
            q_user=${q_out#*ATTACHED TO }
            printf 'user:%s' "${q_user%%[!A-Z0-9@#\$_:+-]*}"
            ;;
        *HCP???040E*) echo missing ;;
        *OFFLINE*) echo offline ;;
        *FREE*) echo free ;;
        *) echo unknown ;;
    esac
}

# The directory half: yes, no, gone (no such user), unknown
directory_has() { # directory_has USERID DEVICE
    q_out=$(smapi_call Image_Query_DM -T "$1")
    if printf '%s\n' "$q_out" | grep -q -E "^(USER|IDENTITY|SUBCONFIG) "; then
        printf '%s\n' "$q_out" |
            grep -q -i -E "^ *DEDICATE +0*$2 +0*$2( |\$)" &&
            echo yes || echo no
        return
    fi
    # 400/4; others of 400 are of an entry that is there, such as a locked one
    case $q_out in
        *"Return Code: 400"*"Reason Code: 4"[0-9]*) echo unknown ;;
        *"Return Code: 400"*"Reason Code: 4"*) echo gone ;;
        *) echo unknown ;;
    esac
}

# d_unfit: it is the device that is wrong, and another one may be right.  A
# directory manager that is down refuses every device
is_nobody_elses() { # is_nobody_elses USERID DEVICE
    nobodys_holder=$(cp_holder "$2") d_unfit=
    case $nobodys_holder in
        "user:$1" | free) return 0 ;;
        unknown) ;;
        *) d_unfit=yes ;;
    esac
    s_rc=204 s_rs=8 s_out="FCP device $2 is $nobodys_holder"
    return 1
}

refused_it() { # always fails; s_...: of this device, or of all
    case $s_rc in 204 | 404) d_unfit=yes ;; esac
    return 1
}

directory_half() { # directory_half USERID DEVICE
    case $(directory_has "$1" "$2") in
        yes) ;;
        no)
            smapi Image_Device_Dedicate_DM -T "$1" -v "$2" -r "$2" -R 0 ||
                [ "$s_rc/$s_rs" = 404/4 ] || refused_it || return 1
            ;;
        *)
            s_rc='' s_rs='' s_out="the directory entry of $1 cannot be read"
            return 1
            ;;
    esac
}

# Of a guest that is off: it has the device when it next logs on
into_directory() { # into_directory USERID DEVICE: read back
    s_rc='' s_rs='' s_out=
    is_nobody_elses "$1" "$2" && directory_half "$1" "$2" || return 1
    s_rc='' s_rs='' s_out="not in the directory after SMAPI said so"
    [ "$(directory_has "$1" "$2")" = yes ]
}

out_of_directory() { # out_of_directory USERID DEVICE: read back
    s_rc='' s_rs='' s_out=
    [ "$(directory_has "$1" "$2")" != yes ] ||
        smapi Image_Device_Undedicate_DM -T "$1" -v "$2" || :
    case $(directory_has "$1" "$2") in
        no | gone) undedicated "$1" "$2" && return ;;
    esac
    s_out=${s_out:-it is still there}
    return 1
}

dedicate() { # dedicate USERID DEVICE: both halves, read back
    s_rc='' s_rs='' s_out=
    is_nobody_elses "$1" "$2" || return 1
    directory_half "$1" "$2" || return 1
    if [ "$(cp_holder "$2")" = free ]; then
        smapi Image_Device_Dedicate -T "$1" -v "$2" -r "$2" -R 0 ||
            refused_it || return 1
    fi
    s_rc='' s_rs='' s_out="not dedicated after SMAPI said so"
    [ "$(cp_holder "$2")" = "user:$1" ] || { d_unfit=yes && return 1; }
    [ "$(directory_has "$1" "$2")" = yes ]
}

guest_is_off() { # CP knows no such user, or only as logged off
    q_out=$(ask_cp q user "$1")
    case $q_out in *HCPCQU045E*) return 0 ;; esac
    return 1
}

# Gone in both halves, or failure with the first refusal in s_...
undedicate() { # undedicate USERID DEVICE
    u_rc='' u_rs='' u_out=
    [ "$(cp_holder "$2")" != "user:$1" ] ||
        smapi Image_Device_Undedicate -T "$1" -v "$2" ||
        u_rc=$s_rc u_rs=$s_rs u_out=$s_out
    [ "$(directory_has "$1" "$2")" != yes ] ||
        smapi Image_Device_Undedicate_DM -T "$1" -v "$2" ||
        { [ -n "$u_out" ] || u_rc=$s_rc u_rs=$s_rs u_out=$s_out; }
    s_rc=$u_rc s_rs=$u_rs s_out=${u_out:-it is still there}
    case $(directory_has "$1" "$2") in no | gone) ;; *) return 1 ;; esac
    case $(cp_holder "$2") in "user:$1" | unknown) return 1 ;; esac
    undedicated "$1" "$2"
}

# All FCP devices of the LPAR: NUMBER STATUS NPIV CHPID PHYSICAL
wwpn_query() { # wwpn_query ZHCP-USERID
    smapi_call System_WWPN_Query -T "$1" | awk '
    function value() {
        sub(/^[^:]*:[ \t]*/, "")
        gsub(/[ \t\r]/, "")
        return $0
    }
    # NONE, nothing at all or zeros: it has no such name
    function name(w) {
        return w ~ /^[0-9a-f]+$/ && length(w) == 16 && w !~ /^0+$/ ? w : "none"
    }
    /FCP device number:/ { n = toupper(value()) }
    /Status:/ { s = tolower(value()) }
    /NPIV world wide port number:/ { v = name(tolower(value())) }
    /Channel path ID:/ { c = tolower(value()) }
    /Physical world wide port number:/ {
        p = name(tolower(value()))
        if (n ~ /^[0-9A-F][0-9A-F][0-9A-F][0-9A-F]$/) print n, s, v, c, p
    }'
}

fcp_row() {
    printf 'device=%s state=%s guest=%s instance=%s volumes=%s ' \
        "$f_device" "$f_state" "$f_guest" "$f_instance" "$f_volumes"
    printf 'chpid=%s wwpn=%s npiv=%s lease=%s scope=%s why=%s retry=%s' \
        "$f_chpid" "$f_wwpn" "$f_npiv" "$f_lease" "$f_scope" "$f_why" \
        "$f_retry"
}

held_by() { # held_by INSTANCE: its devices
    grep -l -F -x "instance=$1" "$FCPS"/???? 2>/dev/null | sed 's|.*/||'
}

# Its devices without those that are out of use, and those for which its Linux has
# something configured that is not its own any more
fit_for() { # fit_for INSTANCE
    for d in $(held_by "$1"); do
        load_fcp "$d" && ! is_out_of_use && ! is_stale "$1" && echo "$d"
    done
}

# hold INSTANCE USERID PATHS GROUPS SCOPE LEASE ZHCP-USERID own|unknown COOLING
# As many devices as paths, each of its group and on a CHPID of its own: held
# for this instance until released, the same ones at every call.
verb_hold() {
    need is_uuid "$1"
    need is_word "$2"
    need is_number "$3"
    need is_list "$4"
    need is_word "$5"
    need is_number "$6"
    need is_word "$7"
    need is_word "$8"
    need is_number "$9"
    look_after_held "$1"
    held=$(fit_for "$1")
    h_count=$(printf '%s\n' "$held" | grep -c .)
    if [ "$h_count" -lt "$3" ]; then
        [ -n "$held" ] || no_predecessor "$1" "$2" "$8"
        # what is held goes on alone, for a detach asks too
        pick_devices $(($3 - h_count)) "$4" "$3" "$7" "$1" "$2" '' ||
            [ -n "$held" ] || refuse nofcp "paths=$3 groups=$short \
now=$(date +%s)"
        for d in $picked; do
            hold_one "$d" "$1" "$2" - - "$5" "$6" "$9"
        done
        held=$(fit_for "$1")
    fi
    for d in $held; do
        load_fcp "$d"
        [ "$f_guest" = "$2" ] || refuse busy "$(fcp_row)"
        # asked for again, so wanted again
        case $f_state in
            held | cooling) f_state=held && lease_fcp "$6" && save_fcp ;;
        esac
        printf 'zvmv1 %s row %s .\n' "$OP" "$(fcp_row)"
    done
    answer "ok rows=$(printf '%s\n' "$held" | grep -c .)"
}

hold_one() { # hold_one DEVICE INSTANCE USERID - - SCOPE LEASE [COOLING]
    load_fcp "$1"
    f_device=$1 f_state=held f_instance=$2 f_guest=$3 f_scope=$6
    f_volumes='' f_byus='' f_why='' f_node='' f_retry='' f_warm=''
    f_cool=${8:-}
    lease_fcp "$7"
    # shellcheck disable=SC2046 # five words without anything to expand
    set -- $(printf '%s\n' "$all" | grep "^$1 ")
    f_chpid=$4 f_wwpn=$3 f_npiv=yes
    [ "$3" != none ] || f_wwpn=$5 f_npiv=no
    save_fcp
}

lease_fcp() { # lease_fcp SECONDS
    f_lease=$(($(date +%s) + $1)) f_boot=$(boot_id)
}

# drop INSTANCE COOL guest|none: what it holds and no volume needs any more;
# guest: the guest is gone, with all that its Linux had configured
verb_drop() {
    need is_uuid "$1"
    need is_list "$2"
    need is_word "$3"
    cool=$2
    for d in $(held_by "$1"); do
        load_fcp "$d" || continue
        [ -z "$f_volumes" ] || refuse busy "$(fcp_row)"
    done
    # an attach that was cut off may have a LUN and no device yet
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "instance=$1" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$f" && [ "$r_state" = used ] &&
            refuse busy "volumes=$r_volume $(row)"
    done
    for d in $(held_by "$1"); do
        load_fcp "$d" && give_back free
    done
    for d in $(held_by "$1"); do
        load_fcp "$d" && [ "$f_state" != cooling ] &&
            refuse smapi "$(smapi_said undedicate "$d")"
    done
    [ "$3" != guest ] || forget_stale_of "$1"
    answer "ok"
}

# A device that no volume uses: undedicated if we dedicated it, then held for
# its instance or free.  One that does not come off is kept out of use, and so
# is one that is warm, as another back-end's volume was on it, or whose WWPN
# such attachments name: LUNs are masked to it until they are gone
give_back() { # give_back held|free: f_...
    if [ -n "$f_byus" ]; then
        f_state=releasing
        save_fcp
        if ! undedicate "$f_guest" "$f_device"; then
            f_why=$(text "$s_out")
            save_fcp
            return 1
        fi
    fi
    was_used=$f_node
    f_byus='' f_why='' f_node=''
    if [ "$1" = held ]; then
        f_state=held && lease_fcp "$HOLD_LEASE" && save_fcp
    elif [ "$f_state" != cooling ] &&
        { [ -n "$f_warm" ] || set_has "$cool" "$f_device"; }; then
        f_state=cooling && lease_fcp "$COOL_LEASE" && save_fcp
    elif is_cooling; then
        return
    elif [ -n "$was_used" ] && [ "${f_cool:-0}" -gt 0 ]; then
        nobodys cooling "$f_cool"
    else
        f_state=free
        free_fcp
    fi
}

is_cooling() { # f_...: its term, begun anew in another boot, is not over
    [ "$f_state" = cooling ] || return 1
    lease_is_over "$f_lease" "$f_boot"
    case $? in
        0) return 1 ;;
        2) lease_fcp "$COOL_LEASE" && save_fcp ;;
    esac
}

verb_devices() {
    for d in "$FCPS"/????; do
        [ -e "$d" ] && load_fcp "${d##*/}" && [ "$f_state" != free ] ||
            continue
        printf 'zvmv1 %s row %s .\n' "$OP" "$(fcp_row)"
    done
    answer "ok now=$(date +%s)"
}
