# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Which FCP devices an instance is given: what is known of each device, and the
# choice among those that are fit.

# So old may be what is known of the guests' directory entries (s): all of the
# directory is one call, and a long one where there are thousands of guests
DIRECTORY_AGE=300

# pick_devices COUNT GROUPS PATHS ZHCP-USERID INSTANCE USERID RANGES
# $picked: COUNT devices more for this instance, each of a group and on a CHPID
# of its own, within RANGES if that is not empty; or failure, with $short.
# GROUPS: ranges joined with +, groups joined with ;.  Where they are fewer
# than PATHS a group gives several
pick_devices() {
    picked='' short='' directory_is_new=
    all=$(wwpn_query "$4")
    [ -n "$all" ] || refuse smapi "function=System_WWPN_Query device= rc= \
rs= text=$(text "no FCP devices are listed for $4")"
    # another request may be reading it now
    read_directory $((2 * DIRECTORY_AGE)) "$4"
    choose_among "$@" && return
    # what was free a while ago is looked at anew before it is called short
    [ -z "$directory_is_new" ] && read_directory 0 "$4" && choose_among "$@"
}

choose_among() { # as pick_devices
    choice=$({
        printf '%s\n' "$2" | tr ';' '\n' | sed 's/^/G /'
        printf '%s\n' "$all" | sed 's/^/P /'
        record_states "$5"
        line_channels
        sed 's/^/D /' "$BASE/dedicated" 2>/dev/null
        for d in $(held_by "$5"); do
            load_fcp "$d" && ! is_out_of_use && ! is_stale "$5" &&
                echo "H $d $f_chpid"
        done
    } | choose_devices "$1" "$3" "$6" "$7")
    case $choice in
        picked*) picked=${choice#picked} ;;
        *) short=$choice && return 1 ;;
    esac
}

# R DEVICE STATE RETRY of each record.  What is out of use for a term is a
# candidate again when that is over: "again".  A clock that was set back does
# not make terms longer than the longest one
record_states() { # record_states INSTANCE
    set -- "$1" "$FCPS"/????
    [ -e "$2" ] || return 0
    record_instance=$1
    shift
    awk -F= -v now="$(date +%s)" -v me="$record_instance:" \
        -v longest="$LONGEST_TERM" '
    function told() {
        if (device == "") return
        if ((state == "quarantined" || state == "cooling") && retry != "" &&
            (retry <= now || retry > now + longest)) state = "again"
        if (state == "quarantined" && instance != "") state = "releasing"
        if (state == "dedicating") state = "used"
        if (state == "free" || state == "again")
            if (index(";" stale, ";" me)) state = "stale"
        if (state == "") state = "used"
        if (state != "free") print "R", device, state, retry
    }
    FNR == 1 {
        told()
        device = FILENAME; sub(/.*\//, "", device)
        state = retry = stale = instance = ""
    }
    $1 == "state" { state = $2 }
    $1 == "retry" { retry = $2 }
    $1 == "stale" { stale = $2 }
    $1 == "instance" { instance = $2 }
    END { told() }' "$@"
}

line_channels() { # L DEVICE: what lines of used LUNs name, ours or not
    cat "$POOLS"/*.conf 2>/dev/null | awk -F, '$1 == "used" {
        n = split(toupper($7), d, ";")
        for (i = 1; i <= n; i++) if (d[i] != "") print "L", d[i]
    }'
}

# read_directory AGE ZHCP-USERID: $BASE/dedicated has DEVICE USERID of each
# DEDICATE in the user directory.  CP shows nothing of guests that are logged
# off, whose devices are free for it.  Where SMAPI does not give the directory
# as a whole nothing is known of them
read_directory() {
    dedicated_age=$(($(date +%s) - $(sed -n 's/^# //p' "$BASE/dedicated" \
        2>/dev/null | grep . || echo 0)))
    [ $dedicated_age -ge "$1" ] || [ $dedicated_age -lt 0 ] || return 0
    directory_is_new=yes
    directory=$(timeout 30 smcli Query_All_DM -T "$2" -k FORMAT=NO 2>&1)
    {
        echo "# $(date +%s)"
        case $directory in
            *"Directory Entry ID:"*)
                printf '%s\n' "$directory" | awk '
                    /^Directory Entry ID:/ { user = toupper($4) }
                    toupper($1) == "DEDICATE" && $3 ~ /^[0-9A-Fa-f]+$/ {
                        d = "000" toupper($3)
                        print substr(d, length(d) - 3), user
                    }'
                ;;
            # what was known is better than nothing
            *) grep '^[0-9A-F]' "$BASE/dedicated" 2>/dev/null || echo unknown ;;
        esac
    } >"$BASE/.dedicated.$$"
    mv -f "$BASE/.dedicated.$$" "$BASE/dedicated"
}

# Before the ledger's lock is taken, as a long directory takes long.  One
# request at a time reads it, and the others go on with what is known
directory_ahead() { # directory_ahead ZHCP-USERID
    need is_word "$1"
    mkdir -p "$BASE" && exec 8>>"$BASE/dedicated.lock" || return 0
    if [ -e "$BASE/dedicated" ]; then flock -n 8; else flock -w 60 8; fi &&
        read_directory $DIRECTORY_AGE "$1"
    exec 8>&-
}

# undedicated USERID DEVICE: as we have seen to it
undedicated() {
    grep -q -x "$2 $1" "$BASE/dedicated" 2>/dev/null || return 0
    grep -v -x "$2 $1" "$BASE/dedicated" >"$BASE/.dedicated.$$"
    mv -f "$BASE/.dedicated.$$" "$BASE/dedicated"
}

# Answers "picked D..." or GROUP/STATE=N/...;... with what all devices are.
# The groups (as often as each may give a device) are matched with CHPIDs by
# augmenting paths, so that a choice is found if there is one
choose_devices() { # choose_devices COUNT PATHS USERID RANGES
    awk -v count="$1" -v paths="$2" -v userid="$3" -v within="$4" '
    function hex(s,   i, n) {
        for (i = 1; i <= length(s); i++)
            n = 16 * n + index("0123456789ABCDEF", substr(s, i, 1)) - 1
        return n
    }
    function in_range(d,   i, m, e, part) {
        if (within == "") return 1
        m = split(toupper(within), part, ";")
        for (i = 1; i <= m; i++) {
            if (split(part[i], e, "-") == 1) e[2] = e[1]
            if (hex(d) >= hex(e[1]) && hex(d) <= hex(e[2])) return 1
        }
        return 0
    }
    function state_of(d) {
        if (d in record && record[d] != "again") return record[d]
        if (!(d in status)) return "missing"
        if (status[d] == "offline") return "offline"
        if (status[d] != "free") return "foreign"
        if (npiv[d] == "none" && physical[d] == "none") return "nameless"
        if (d in named) return "foreign"
        if (d in dedicated) return "directory"
        return "free"
    }
    function look_at(g, d,   s, c) {
        s = state_of(d)
        n[g, s]++; n[g, "total"]++
        if (s == "quarantined" && (!(g in retry) || again[d] < retry[g]))
            retry[g] = again[d]
        if (d in mine) given[g]++
        if (s != "free") return
        c = chpid[d]
        if (!(c in held)) open[c] = 1
        if (c in held || !in_range(d)) return
        if (!((g, c) in size)) { order[g, ++places[g]] = c }
        size[g, c]++; fit[g]++
        # one that was refused before comes after all that were not
        if (!((g, c) in first) || (first[g, c] in record && !(d in record)))
            first[g, c] = d
    }
    function find(slot, g,   i, c) {
        for (i = 1; i <= places[g]; i++) {
            c = order[g, i]
            if (c in seen) continue
            seen[c] = 1
            if (!(c in match_of) || find(match_of[c], group[match_of[c]])) {
                match_of[c] = slot
                return 1
            }
        }
        return 0
    }
    # most devices first, so that none runs dry alone
    function sort_places(g,   i, j, c) {
        for (i = 2; i <= places[g]; i++)
            for (j = i; j > 1 && size[g, order[g, j]] > \
                    size[g, order[g, j - 1]]; j--) {
                c = order[g, j]
                order[g, j] = order[g, j - 1]
                order[g, j - 1] = c
            }
    }
    $1 == "G" { text[++groups] = toupper($2) }
    $1 == "P" {
        status[$2] = $3; npiv[$2] = $4; chpid[$2] = $5; physical[$2] = $6
    }
    $1 == "R" { record[$2] = $3; again[$2] = $4 }
    $1 == "L" { named[$2] = 1 }
    $1 == "D" && $3 != userid { dedicated[$2] = 1 }
    $1 == "H" { mine[$2] = 1; held[$3] = 1 }
    END {
        for (g = 1; g <= groups; g++) {
            m = split(text[g], part, "+")
            for (i = 1; i <= m; i++) {
                if (split(part[i], e, "-") == 1) e[2] = e[1]
                last = hex(e[2])
                for (x = hex(e[1]); x <= last; x++)
                    look_at(g, sprintf("%04X", x))
            }
            sort_places(g)
            rank[g] = g
        }
        for (i = 2; i <= groups; i++)
            for (j = i; j > 1 && fit[rank[j]] > fit[rank[j - 1]]; j--) {
                x = rank[j]; rank[j] = rank[j - 1]; rank[j - 1] = x
            }
        most = int((paths + groups - 1) / groups)
        for (turn = 1; turn <= most && got < count; turn++)
            for (i = 1; i <= groups && got < count; i++) {
                g = rank[i]
                if (turn + given[g] > most) continue
                group[++slots] = g
                split("", seen)
                got += find(slots, g)
            }
        if (got >= count) {
            line = "picked"
            for (c in match_of)
                line = line " " first[group[match_of[c]], c]
            print line
            exit
        }
        m = split("total free held used releasing cooling quarantined stale " \
            "foreign directory offline nameless missing", names, " ")
        for (g = 1; g <= groups; g++) {
            line = line (g > 1 ? ";" : "") text[g]
            for (i = 1; i <= m; i++)
                if (n[g, names[i]])
                    line = line "/" names[i] "=" n[g, names[i]]
            if (g in retry) line = line "/retry=" retry[g]
        }
        for (c in open) chpids = chpids (chpids == "" ? "" : ";") c
        print line " chpids=" chpids
    }'
}
