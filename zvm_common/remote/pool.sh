# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# The pool file: what other xCAT users see of a LUN.  They edit it with
# "sed -i" and ">>" and without any lock, so it is replaced with care.

HEADER='#status,wwpn,lun,size,range,owner,channel,tag'

pool_file() { # p_file := the pool's file, restored or refused unless whole
    p_file=$POOLS/$1.conf
    [ -f "$p_file" ] || restore_pool "$1" || refuse nopool "pool=$1"
    # somebody may be about to write it
    pool_is_whole || { [ -s "$COPIES/$1" ] && until_true 2 pool_is_whole; } ||
        restore_pool "$1" || refuse badpool "pool=$1 text=$(text "$p_why")"
    carry_over
}

pool_is_whole() { # p_file; else p_why
    p_why='there is no file'
    [ -f "$p_file" ] || return 1
    p_why='the file is empty'
    [ -s "$p_file" ] || return 1
    p_why="the first line is not $HEADER"
    p_head=
    IFS= read -r p_head 2>/dev/null <"$p_file"
    case $p_head in '#status,'*) ;; *) return 1 ;; esac
    p_why='the last line has no end'
    [ -z "$(tail -c 1 "$p_file")" ]
}

# One row for each LUN of the pool: the line and the record side by side.
# Then gone=KEY for each LUN of this pool that is in use and has no line, and
# away=KEY for each clean record whose line left this pool or came to it.
# Input: all records, all pool files.
merge() { # merge POOL
    merge_pool=$1
    set --
    for f in "$LUNS"/*-* /dev/null "$POOLS"/*.conf; do
        [ ! -e "$f" ] || set -- "$@" "$f"
    done
    awk -v luns="$LUNS/" -v pools="$POOLS/" -v mine="$merge_pool" '
    function known(key, name) { return ((key, name) in r) ? r[key, name] : "" }
    function plain(s) { gsub(/[^A-Za-z0-9_.:;+@#$-]/, "?", s); return s }
    function bytes(s,   n) {
        if (s !~ /^[0-9]+(\.[0-9]+)?[MG]$/ || length(s) > 12) return "0"
        n = substr(s, 1, length(s) - 1) + 0
        n = n * (s ~ /G$/ ? 1073741824 : 1048576)
        return sprintf("%.0f", n - (n % 1))
    }
    function ports(w,   n, i, p) {
        n = split(w, p, ";")
        for (i = 1; i <= n; i++) {
            if (p[i] !~ /^[0-9a-f]+$/ || length(p[i]) != 16 || p[i] ~ /^0+$/)
                return 0
            if (index(w, p[i]) != 17 * (i - 1) + 1) return 0    # twice
        }
        return n > 0
    }
    function key_of(w, l) { sub(/;.*/, "", w); return w "-" l }
    function stamp(v,   i, s) {
        gsub(/-/, "", v)
        for (i = 1; i < length(v); i += 2)
            s = s (i > 1 ? "_" : "") substr(v, i, 2)
        return s
    }
    function is_stamp(owner) {
        return owner ~ /^([0-9a-f][0-9a-f]_)+[0-9a-f][0-9a-f]$/ &&
            length(owner) == 47
    }
    # an operator uses and names what is his as he likes
    function not_his(status, owner) {
        if (tolower(status) == "used") return ""
        if (status != "reserved") return plain(status)
        return is_stamp(owner) ? "owner" : ""
    }
    # the record of a LUN that is left to the operator, and whose line he has
    # written anew with its ports in another order
    function other_ports(l, w,   n, m, i, j, k, p) {
        n = split(left[l], k, " ")
        for (i = 1; i <= n; i++) {
            m = split(known(k[i], "wwpns"), p, ";")
            for (j = 1; j <= m; j++) if (index(w, p[j])) return k[i]
        }
        return ""
    }
    # a guest has the LUN as a volume of another back-end
    function is_others(w, l,   n, i, k, p) {
        n = split(w, p, ";")
        for (i = 1; i <= n; i++)
            for (k in others)
                if (index(others[k], ":" p[i] ":" l ";")) return 1
        return 0
    }
    function is_of(owner, volumes,   v, n, i) {
        n = split(volumes, v, ";")
        for (i = 1; i <= n; i++) if (owner == stamp(v[i])) return 1
        return 0
    }
    index(FILENAME, luns) == 1 {
        if (FNR == 1) { key = substr(FILENAME, length(luns) + 1); keys[key] }
        eq = index($0, "=")
        r[key, substr($0, 1, eq - 1)] = substr($0, eq + 1)
        next
    }
    FNR == 1 {
        pool = substr(FILENAME, length(pools) + 1)
        sub(/\.conf$/, "", pool)
    }
    /^#/ || /^[ \t]*$/ { next }
    {
        split($0, c, ",")
        w = tolower(c[2]); l = tolower(c[3])
        sub(/^0x/, "", l); gsub(/0x/, "", w)
        lines[l]++
        on[key_of(w, l)]
        wwid = known(key_of(w, l), "wwid")
        if (wwid == "" || ((l, wwid) in seen)) unsure[l] = 1
        seen[l, wwid] = 1
        if (pool == mine) { row[++n] = $0; here[key_of(w, l)] }
    }
    END {
        # a LUN with a record counts also when its line names other ports
        for (k in keys) {
            st = known(k, "state")
            if (k in on || st == "" || st == "free") continue
            l = k; sub(/.*-/, "", l)
            if (st == "unmanaged") { left[l] = left[l] " " k; continue }
            if (known(k, "paths") != "") others[k] = known(k, "paths") ";"
            lines[l]++
            wwid = known(k, "wwid")
            if (wwid == "" || ((l, wwid) in seen)) unsure[l] = 1
            seen[l, wwid] = 1
        }
        for (i = 1; i <= n; i++) {
            split(row[i], c, ",")
            w = tolower(c[2]); l = tolower(c[3])
            sub(/^0x/, "", l); gsub(/0x/, "", w)
            if (!ports(w) || l !~ /^[0-9a-f]+$/ || length(l) != 16) {
                print "bad=" i; continue
            }
            k = key_of(w, l)
            st = known(k, "state"); drift = ""
            if ((st == "" || st == "free") && other_ports(l, w) != "") {
                k = other_ports(l, w); st = "unmanaged"
            }
            v = known(k, "volume")
            if (st == "unmanaged") drift = not_his(c[1], c[6])
            else if (st != "" && st != "free") {
                want = (st == "used") ? "used" : "reserved"
                if (st == "freeing") want = c[1]
                owner = (st == "used") ? known(k, "node") : stamp(v)
                if (c[1] != want) drift = plain(c[1])
                else if (st != "freeing" && c[6] != owner) drift = "owner"
            } else if (c[1] == "free") st = "free"
            else if (c[1] == "reserved" && is_of(c[6], known(k, "freed"))) {
                # as it was before it was freed: an edit from before that
                st = "free"; drift = plain(c[1])
            }
            else st = is_stamp(c[6]) ? "lost" : "foreign"
            dup = (lines[l] > 1 && (l in unsure)) ? 1 : ""
            if (is_others(w, l)) dup = 1
            printf "lun=%s wwpns=%s size=%s bytes=%s range=%s status=%s ",
                l, w, plain(c[4]), bytes(c[4]), plain(c[5]), plain(c[1])
            printf "owner=%s channel=%s state=%s drift=%s dup=%s ",
                plain(c[6]), plain(c[7]), st, drift, dup
            printf "volume=%s gen=%s op=%s clean=%s wwid=%s real=%s ",
                v, known(k, "gen"), known(k, "op"), known(k, "clean"),
                known(k, "wwid"), known(k, "bytes")
            printf "guest=%s node=%s instance=%s attachment=%s ",
                known(k, "guest"), known(k, "node"), known(k, "instance"),
                known(k, "attachment")
            printf "host=%s fcp=%s ", known(k, "host"), known(k, "fcp")
            printf "scope=%s phase=%s why=%s ",
                known(k, "scope"), known(k, "phase"), known(k, "why")
            printf "role=%s source=%s moves=%s sop=%s said=%s was=%s",
                known(k, "role"), known(k, "source"), known(k, "moves"),
                known(k, "sop"), known(k, "said"), known(k, "was")
            printf " ipl=%s\n", known(k, "ipl")
        }
        for (k in keys) {
            st = known(k, "state")
            if (st != "" && st != "free" && st != "unmanaged" &&
                !(k in on) && known(k, "pool") == mine) print "gone=" k
            if ((st == "" || st == "free") && known(k, "clean") == "yes" &&
                (known(k, "pool") == mine) != (k in here)) print "away=" k
        }
    }' "$@"
}

field() { # field NAME ROW: the value in a row of merge
    set -- " $1=" " $2"
    case $2 in *"$1"*) ;; *) return 0 ;; esac
    field_rest=${2#*"$1"}
    printf '%s' "${field_rest%% *}"
}

# A LUN that somebody else may have written to since our wipe is not clean any
# more: its line was theirs, was away, or is not the only one of its LUN
forget_foreign() { # forget_foreign ROWS
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(printf '%s\n' "$1" | sed -n -E -e 's/^away=//p' -e '
        / (state=(foreign|lost)|dup=1) .* clean=yes /!d
        s/^lun=([0-9a-f]*) wwpns=([0-9a-f]*).*/\2-\1/p'); do
        load_lun "$LUNS/$f" || continue
        r_clean=no
        save_lun
    done
}

wait_for_sed() { # sed -i works on a copy sedXXXXXX beside the file
    until_true 5 no_sed || :
}

no_sed() {
    for f in "$POOLS"/sed??????; do
        [ -e "$f" ] || return 0
        # an abandoned one of a crash must not stop us for ever
        [ -z "$(find "$f" -mmin -1 2>/dev/null)" ] || return 1
    done
}

# The line of r_... as the record says: written until it stays.  Where it does
# not (s_why), the record counts, and the line is drift that "view" reports
settle() {
    ! is_other || return 0
    p_file=$POOLS/$r_pool.conf
    s_why="the line of $r_wwpns $r_lun in pool $r_pool does not stay as \
written: is it there once, and who else writes the file?"
    attempt=0 settle_end=$(($(date +%s) + 10))
    # writers in a loop leave a gap in the end; a line that is not there stays
    # away
    until [ $attempt -ge 5 ] &&
        { ! line_there || [ "$(date +%s)" -ge $settle_end ]; }; do
        attempt=$((attempt + 1))
        wait_for_sed
        pool_is_whole || { s_why="pool $r_pool: $p_why"; return 1; }
        carry_over
        line_is && return 0
        ! foreign_line || { s_why="LUN $r_lun is $foreign"; return 1; }
        rewrite || nap
        wait_for_sed
        line_is && return 0
    done
    return 1
}

# "used" (the MN also takes "USED") by another node than the record has, or had
# until its last detach
foreign_line() { # foreign := who uses the LUN
    line_wanted
    foreign=$(line_awk 'mine() && tolower($1) == "used" {
        print "used by " $6 }' "$p_file")
    case $foreign in
        '') return 1 ;;
        "used by ${r_node:-?}" | "used by ${r_last:-?}") return 1 ;;
    esac
}

# The owner of an operator's LUN that had none.  No node name of three letters
# or digits is found in it, as in a stamp
OPERATORS=un_ma_na_ge_d

line_wanted() { # l_status l_owner l_channel
    l_channel=
    case $r_state in
        free | freeing) l_status=free l_owner= ;;
        used) l_status=used l_owner=$r_node l_channel=$r_fcp ;;
        unmanaged) l_status=reserved l_owner=${r_owner:-$OPERATORS} ;;
        *) l_status=reserved l_owner=$(stamp "$r_volume") ;;
    esac
}

line_awk() { # line_awk PROGRAM FILE
    awk -F, -v OFS=, -v w="$r_wwpns" -v l="$r_lun" -v st="$l_status" \
        -v ow="$l_owner" -v ch="$l_channel" '
        function is_stamp(owner) {
            return owner ~ /^([0-9a-f][0-9a-f]_)+[0-9a-f][0-9a-f]$/ &&
                length(owner) == 47
        }
        function mine(   a, b) {
            a = tolower($2); b = tolower($3); gsub(/0x/, "", a)
            sub(/^0x/, "", b)
            return !/^#/ && a == w && b == l
        }'"$1" "$2"
}

line_is() {
    line_wanted
    # what an operator makes of his LUN, but for free, is right
    [ "$r_state" != unmanaged ] || {
        line_awk 'mine() { n++; ok = (tolower($1) == "used" ||
                ($1 == "reserved" && !is_stamp($6))) }
            END { exit !(n == 1 && ok) }' "$p_file"
        return
    }
    line_awk 'mine() { n++; ok = ($1 == st && $6 == ow && $7 == ch) }
        END { exit !(n == 1 && ok) }' "$p_file"
}

line_there() { # once
    line_wanted
    line_awk 'mine() { n++ } END { exit n != 1 }' "$p_file"
}

# Under the ledger's lock nobody else writes these files.  A foreign >> may
# have opened the old file before it was replaced, and writes to it under its
# second name .was.  A foreign sed may replace the file between any two steps,
# so that name is given anew before ours is moved, and must be what was copied
rewrite() {
    line_wanted
    ln "$p_file" "$p_new.was" && cp -p "$p_new.was" "$p_new.old" &&
        line_awk 'mine() {
                n++; $1 = st; $6 = ow; $7 = ch
                if (NF < 8) $8 = ""
            }
            { print } END { exit n != 1 }' "$p_new.old" >"$p_new" &&
        [ "$(wc -l <"$p_new")" -eq "$(wc -l <"$p_new.old")" ] &&
        like_old "$p_new" "$p_file" &&
        { sync "$p_new" 2>/dev/null || sync; } &&
        no_sed && ln -f "$p_file" "$p_new.was" &&
        cmp -s "$p_new.was" "$p_new.old" &&
        mv -f "$p_new" "$p_file"
    p_rc=$?
    carry_over
    return $p_rc
}

# Lines that were appended to the file that ours replaced.  A kill may have
# left that to be done; what is in the file by now is not added again
carry_over() { # p_file; p_new := name of our copy
    p_new=${p_file##*/}
    p_new=$POOLS/.zvm-volume.${p_new%.conf}
    [ -e "$p_new.was" ] || return 0
    if [ -e "$p_new.old" ] && replaced && old_begins_was; then
        tail -c "+$(($(wc -c <"$p_new.old") + 1))" "$p_new.was" |
            grep -v -x -F -f "$p_file" >"$p_new.add"
        cat "$p_new.add" >>"$p_file"
        sync "$p_file" 2>/dev/null || sync
        sync "$POOLS" 2>/dev/null || sync
    fi
    rm -f "$p_new" "$p_new.old" "$p_new.was" "$p_new.add"
}

replaced() { # by our copy, which then has no other name
    [ ! -e "$p_new" ] &&
        [ "$(stat -c %i "$p_file")" != "$(stat -c %i "$p_new.was")" ]
}

old_begins_was() {
    head -c "$(($(wc -c <"$p_new.old")))" "$p_new.was" |
        cmp -s - "$p_new.old"
}

like_old() { # like_old NEW OLD: owner and mode
    chown "$(stat -c %u:%g "$2")" "$1" && chmod "$(stat -c %a "$2")" "$1"
}
