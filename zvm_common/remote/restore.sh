# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# A pool file that was lost comes back.  The MN removes one that it could not
# read for a moment, rmvm and editors take lines away; the ledger keeps a copy
# of each pool's file as it was when it was last seen whole.

# A copy that is older says little of lines that are not ours (minutes)
FRESH=15

# rows := merge of the pool, with its file as it should be
read_pool() { # read_pool POOL
    pool_file "$1"
    rows=$(merge "$1") || refuse badpool "pool=$1 text=$(text "unreadable")"
    if [ -n "$(gone_keys)" ]; then
        # an editor that writes in place may be in the middle of it
        sleep 1
        rows=$(merge "$1")
        bring_back "$1" && rows=$(merge "$1")
    fi
    forget_foreign "$rows"
    keep_copy "$1"
}

keep_copy() { # keep_copy POOL: unless it has lines that are to come back
    for k in $(gone_keys); do
        [ -z "$(copied_line "$k" "$1")" ] || return 0
    done
    if cmp -s "$p_file" "$COPIES/$1"; then
        touch "$COPIES/$1"
        return
    fi
    mkdir -p "$COPIES" && cp "$p_file" "$COPIES/.new" &&
        replace "$COPIES/.new" "$COPIES/$1" ||
        refuse space "text=$(text "cannot write $COPIES/$1")"
}

gone_keys() { printf '%s\n' "$rows" | sed -n 's/^gone=//p' | sort; }

copied_line() { # copied_line KEY POOL: its text in the copy
    awk -F, -v key="$1" '
        { w = tolower($2); l = tolower($3) }
        { gsub(/0x/, "", w); sub(/^0x/, "", l); sub(/;.*/, "", w) }
        !/^#/ && w "-" l == key { print; exit }' "$COPIES/$2" 2>/dev/null
}

# Lines of LUNs that are in use, where the file has none of them
bring_back() { # bring_back POOL
    back=
    for k in $(gone_keys); do
        back_line=$(copied_line "$k" "$1")
        [ -n "$back_line" ] && load_lun "$LUNS/$k" || continue
        wait_for_sed
        printf '%s\n' "$back_line" >>"$p_file" || continue
        { sync "$p_file" 2>/dev/null || sync; }
        settle || :
        back=yes notes=" restored=$1"
    done
    [ -n "$back" ]
}

# The whole file, from the copy and from what is left of it
restore_pool() { # restore_pool POOL: p_file
    [ -s "$COPIES/$1" ] || return 1
    old_copy=yes
    [ -z "$(find "$COPIES/$1" -mmin "-$FRESH" 2>/dev/null)" ] || old_copy=
    p_new=$POOLS/.zvm-volume.$1
    rm -f "$p_new".*
    left_lines >"$p_new.left" && restored_lines "$1" >"$p_new" &&
        { [ -e "$p_file" ] && like_old "$p_new" "$p_file" ||
            chmod 644 "$p_new"; } &&
        replace "$p_new" "$p_file" ||
        refuse space "text=$(text "cannot write $p_file")"
    rm -f "$p_new.left"
    notes=" restored=$1"
    settle_pool "$1"
}

left_lines() { # whole lines of what there is; none where there is no file
    [ -e "$p_file" ] || return 0
    if [ -z "$(tail -c 1 "$p_file")" ]; then
        cat "$p_file"
    else
        sed '$d' "$p_file"
    fi
}

# A line that is left counts more than its copy.  Whether a LUN is still free
# that was free long ago nobody knows: an operator does
restored_lines() { # restored_lines POOL
    awk -F, -v OFS=, -v header="$HEADER" -v old="$old_copy" '
        function key(   w, l) {
            w = tolower($2); l = tolower($3)
            gsub(/0x/, "", w); sub(/^0x/, "", l)
            return w "-" l
        }
        BEGIN { print header }
        /^#/ || NF < 3 { next }
        FILENAME ~ /\.left$/ {
            if (!(key() in left)) order[++n] = key()
            left[key()] = $0
            next
        }
        {
            if (key() in left) { print left[key()]; delete left[key()]; next }
            if (old && $1 == "free") { $1 = "reserved"; $6 = "restored" }
            print
        }
        END { for (i = 1; i <= n; i++) if (order[i] in left)
            print left[order[i]] }' "$p_new.left" "$COPIES/$1"
}

# The copy may be one change behind the records
settle_pool() { # settle_pool POOL
    # shellcheck disable=SC2013 # names of records hold no blanks
    for f in $(grep -l -F -x "pool=$1" "$LUNS"/*-* 2>/dev/null); do
        load_lun "$f" || continue
        [ "$r_state" != free ] || line_is_stamped || continue
        settle || :
    done
    p_file=$POOLS/$1.conf
}

line_is_stamped() {
    line_wanted
    line_awk 'mine() && $1 == "reserved" && length($6) == 47 &&
        $6 ~ /^([0-9a-f][0-9a-f]_)+[0-9a-f][0-9a-f]$/ { n++ }
        END { exit n != 1 }' "$p_file"
}
