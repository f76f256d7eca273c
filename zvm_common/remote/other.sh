# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Volumes of other Fibre Channel back-ends.  Their LUNs stand in no pool: an
# array gives numbers to each host for itself, so that a port and a number
# are one disk for one FCP device and another for the next.  So the record is
# the volume's, $LUNS/other-VOLUME, of role "other" and without a pool.  It is
#   ours   nobody uses it: of the record only the generation counts, by which
#          a request that comes late is known
#   used   as of every LUN, with its paths, as not each port need have the same
#          number, nor each device see each port
# All else is done as with LUNs of pools: by attach, detach, pend, used ...

# other VOLUME: its record, made when there is none.  Its generation is later
# than any that a guest can remember
verb_other() {
    need is_uuid "$1"
    find_volume "$1" || {
        forget_others
        load_lun "$LUNS/other-$1"
        r_role=other r_volume=$1 r_state=ours r_gen=$(date +%s)
        save_lun
    }
    is_other || refuse busy "$(row) text=$(text "it is a volume of pool \
$r_pool, and no other back-end's")"
    look_row
}

is_other() { [ "$r_role" = other ]; }

# No MN holds a request back for so many days
forget_others() {
    # shellcheck disable=SC2044 # names of records hold no blanks
    for past in $(find "$LUNS" -name 'other-*' -mtime +30); do
        load_lun "$past" && [ "$r_state" = ours ] && rm -f "$past"
    done
}

# attachother VOLUME GENERATION ATTACHMENT INSTANCE USERID NODE HOST TARGETS
# on|off: as attach.  TARGETS: INITIATOR:WWPN:LUN, where INITIATOR is the WWPN
# of an FCP device, or "any"
verb_attachother() {
    need_attach "$@"
    find_volume "$1" || refuse unknown "volume=$1"
    is_other || refuse busy "$(row)"
    ways_of "$4" "$8"
    if [ "$r_state" = used ] && [ "$r_instance" = "$4" ]; then
        # what it is attached by counts, whatever the array has since
        [ "$r_attachment" = "$3" ] || [ "$r_paths" = "$ways" ] ||
            refuse busy "$(row) text=$(text "an attachment before this one \
has it by other paths: $r_paths")"
        attach_again "$2" "$3" "$9"
        return
    fi
    [ "$r_state" = ours ] || refuse busy "$(row)"
    [ "$r_gen" = "$2" ] || refuse stale "$(row)"
    r_wwpns=$ways_wwpns r_lun=$ways_lun r_paths=$ways
    for way in $(each "$ways"); do
        not_twice "$way"
    done
    begin_use "$@"
}

# The paths over devices that are held for an instance, which the array lets
# at the targets
ways_of() { # ways_of INSTANCE TARGETS: ways, ways_wwpns, ways_lun; attach_devices
    ways='' ways_wwpns='' ways_lun='' attach_devices=''
    for target in $(each "$2"); do
        need is_target "$target"
        for d in $(fit_for "$1"); do
            load_fcp "$d" || continue
            case $target in any:* | "$f_wwpn":*) ;; *) continue ;; esac
            ways=$(set_add "$ways" "$d:${target#*:}")
            attach_devices=$(set_add "$attach_devices" "$d")
        done
        target=${target#*:}
        ways_wwpns=$(set_add "$ways_wwpns" "${target%:*}")
        : "${ways_lun:=${target#*:}}"
    done
    ways=$(each "$ways" | sort | tr '\n' ';')
    ways=${ways%;}
    [ -n "$ways" ] || refuse path "text=$(text "of the FCP devices held for \
this instance ($(fit_for "$1" | tr '\n' ' ')) the array lets none at the \
volume; it names $(each "$2" | cut -d: -f1 | sort -u | tr '\n' ' ')")"
}

is_target() {
    case $1 in *:*:*:*) return 1 ;; *:*:*) ;; *) return 1 ;; esac
    [ "${1%%:*}" = any ] || is_hex 16 "${1%%:*}" || return 1
    target_rest=${1#*:}
    is_hex 16 "${target_rest%:*}" && is_hex 16 "${target_rest#*:}"
}

# One port and number is one disk for one device: whoever else names it means
# the same disk
not_twice() { # not_twice DEVICE:WWPN:LUN
    twice=${1#*:}
    pool_has "${twice%:*}" "${twice#*:}" && refuse busy "$(row) text=$(text \
"$twice is a LUN of a SCSI pool, and no other back-end's to attach")"
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -E "^paths=(.*;)?$1(;|\$)" "$LUNS"/other-* \
        2>/dev/null); do
        [ "$f" = "$LUNS/other-$r_volume" ] || refuse busy "$(row) \
text=$(text "volume ${f##*other-} has it at $1 already")"
    done
}

# A line or a record of a pool has it
pool_has() { # pool_has WWPN LUN
    cat "$POOLS"/*.conf 2>/dev/null | awk -F, -v w="$1" -v l="$2" '
        /^#/ { next }
        {
            a = tolower($2); b = tolower($3)
            gsub(/0x/, "", a); sub(/^0x/, "", b)
            if (b == l && index(";" a ";", ";" w ";")) found = 1
        }
        END { exit !found }' && return 0
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "lun=$2" "$LUNS"/[0-9a-f]*-* 2>/dev/null); do
        grep -q -x "wwpns=.*$1.*" "$f" && ! grep -q -x state=free "$f" &&
            return 0
    done
    return 1
}

# A LUN of a pool that a guest has as another back-end's volume
other_has() { # other_has WWPNS LUN: who := the volume
    for port in $(each "$1"); do
        who=$(grep -l -E "^paths=.*:$port:$2(;|\$)" "$LUNS"/other-* \
            2>/dev/null | head -n 1)
        who=${who##*other-}
        [ -z "$who" ] || return 0
    done
    return 1
}

# Only the guest's disk tells which one it is.  seen WWID: of r_...
seen() {
    need is_word "$1"
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "wwid=$1" "$LUNS"/[0-9a-f]*-* 2>/dev/null); do
        f=${f##*/}
        refuse mismatch "wwid=$1 text=$(text "the disk is LUN ${f#*-} behind \
port ${f%-*}, which a SCSI pool has")"
    done
    r_wwid=$1
}

# Nobody uses it: where it is its array tells anew the next time
other_at_rest() { r_wwpns='' r_lun='' r_paths='' r_wwid=''; }
