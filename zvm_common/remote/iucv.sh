# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Guests that the management node cannot log in to: the guest program by IUCV.
# The agent in the guest serves one connection at a time, and a command has at
# most some 900 bytes.  So the program goes there as a file, and a verb of it
# runs detached (detached.sh).  What comes from a guest is believed only as
# lines of our form, and only so many of them.

IUCV=$BASE/iucv
IUCVCLNT=$ROOT/opt/zhcp/bin/IUCV/iucvclnt
# bytes of a command, bytes of an answer, seconds of a connection, and of one
# that shows only that somebody answers
LONGEST=880
MOST=32768
CONNECTED=30
GREETED=10
# where the guest keeps what is ours, as its own shell reads it
# shellcheck disable=SC2016
THERE='"${ZVM_ROOT:-}"/var/lib/zvm-volume'

# guestrun USERID SHA SECONDS VERB ARGUMENT...: a verb of the guest program.
# Answers state=said (said: in base64), absent: the program is not here, runs:
# ask again, or lost: what became of it is not known
verb_guestrun() {
    read_request "$@"
    mkdir -p "$IUCV" && chmod 700 "$BASE" ||
        refuse space "text=$(text "cannot make $IUCV")"
    find "$IUCV" \( -name '*.said' -o -name '*.busy' \) -mtime +0 \
        -exec rm -f {} + 2>/dev/null
    find "$IUCV" -name '*.on' -mtime +30 -exec rm -f {} + 2>/dev/null
    [ -x "$IUCVCLNT" ] || not_reached "$IUCVCLNT is not on the zHCP"
    # the guest has forgotten the answer when this has it: the same operation
    # waits for its first request
    exec 6>>"$IUCV/$OP.busy"
    flock -w "$g_seconds" 6 || {
        answer "ok state=runs"
        return
    }
    until [ -s "$IUCV/$OP.said" ]; do
        ask_guest && continue
        [ "$(date +%s)" -lt "$g_end" ] || { given_up; return; }
        sleep 0.3 2>/dev/null || sleep 1
    done
    answer "ok state=said said=$(base64 <"$IUCV/$OP.said" | tr -d '\n')"
}

read_request() { # g_user, g_sha, g_end, g_seconds, g_words
    need is_userid "$1"
    need is_hex 64 "$2"
    need is_number "$3"
    # which verbs there are the guest program says, but for those of its own
    case $4 in
        begin | run | end | '' | *[!a-z]*)
            refuse usage "text=$(text "no verb $4")"
            ;;
    esac
    g_user=$1 g_sha=$2 g_end=$(($(date +%s) + $3)) g_seconds=$CONNECTED
    [ "$3" -ge "$CONNECTED" ] || g_seconds=$3
    g_begun='' g_sent=0 g_there='' g_ready='' g_words=
    shift 3
    for word in "$@"; do
        [ -n "$word" ] || continue
        need is_harmless "$word"
        g_words="$g_words $word"
    done
    g_words=$(printf '%s' "${g_words# }" | tr ';' ,)
}

# What worked last with the guest of r_..., for who knows nothing of it yet
way() { [ ! -e "$IUCV/${r_guest:-none}.on" ] || printf 'way=iucv'; }

is_userid() {
    case $1 in '' | -* | *[!A-Z0-9@\#\$_:+-]*) return 1 ;; esac
    [ ${#1} -le 8 ]
}

# A shell of the guest reads it
is_harmless() { case $1 in *[!A-Za-z0-9:\;-]*) return 1 ;; esac; }

given_up() {
    if [ "$g_begun" = runs ]; then
        answer "ok state=runs"
    elif [ -n "$g_begun" ]; then
        answer "ok state=lost why=$(text "$g_why")"
    else
        not_reached "$g_why"
    fi
}

not_reached() { # not_reached WHY: nothing ran in the guest
    rm -f "$IUCV/$g_user.on"
    refuse channel "guest=$g_user text=$(text "$1")"
}

ask_guest() { # fails when it is to be asked again
    [ -n "$g_ready" ] || make_ready || { trouble; return 1; }
    iucv "$g_command" && g_said=$(our_lines) || {
        g_ready=
        trouble begun
        return 1
    }
    [ "$g_said" != "zvmv1 $OP ok state=runs ." ] || {
        g_begun=runs
        return 1
    }
    keep_answer
}

# Nothing runs there before a guest has shown that it answers: one that is
# paused keeps a caller waiting, and nobody could tell what became of the call
make_ready() { # g_command
    g_command="sh $THERE/bin/$g_sha $OP begin $g_words"
    g_longest=$g_seconds
    [ "$g_seconds" -le "$GREETED" ] || g_seconds=$GREETED
    iucv "if [ -r $THERE/bin/$g_sha ]; then echo 'zvmv1 $OP ok .'; else echo \
'zvmv1 $OP absent .'; fi" && g_said=$(our_lines)
    g_rc_there=$?
    g_seconds=$g_longest
    [ $g_rc_there = 0 ] || return 1
    case $g_said in
        *absent*) [ "$g_sent" -lt 3 ] && send_program || return 1 ;;
    esac
    if [ ${#g_command} -gt "$LONGEST" ]; then
        g_command="sh $THERE/bin/$g_sha $OP begin @"
        [ -n "$g_there" ] || send_words || return 1
        g_there=yes
    fi
    g_ready=yes
}

# Whole lines of the answer to this request, the last of which ends it
our_lines() {
    printf '%s\n' "$g_out" | awk -v op="$OP" '
        $1 != "zvmv1" || done { next }
        $2 != op || $NF != "." { exit }
        { print; done = $3 != "row" }
        END { exit !done }'
}

keep_answer() {
    printf '%s\n' "$g_said" >"$IUCV/.new.$$" &&
        replace "$IUCV/.new.$$" "$IUCV/$OP.said" ||
        refuse space "text=$(text "cannot write $IUCV")"
    : >"$IUCV/$g_user.on"
    # it is kept here, for who asks again
    iucv "sh $THERE/bin/$g_sha $OP end" || :
}

# --- one connection

iucv() { # iucv WORD...: g_rc, g_out; fails unless the guest has done it
    exec 5>>"$IUCV/$g_user.lock"
    flock -w "$g_seconds" 5 || {
        g_rc=lock g_out=
        return 1
    }
    g_out=$({
        timeout "$g_seconds" "$IUCVCLNT" "$g_user" "$@" </dev/null 2>&1 \
            5>&- 6>&-
        echo $? >"$IUCV/.rc.$$"
    } | head -c "$MOST" | tr -cd '\n -~')
    exec 5>&-
    g_rc=
    read -r g_rc <"$IUCV/.rc.$$" || :
    rm -f "$IUCV/.rc.$$"
    [ "$g_rc" = 0 ]
}

# What a connection that did not work means; "begun": with the verb itself
trouble() { # trouble [begun]
    if not_connected; then
        [ -n "$g_begun" ] || not_reached "$g_why"
        return
    fi
    # a guest that goes off in the middle looks like done
    [ -z "${1:-}" ] || [ "$g_rc" = lock ] || g_begun=${g_begun:-perhaps}
    case $g_rc in
        lock) g_why="other requests keep its connection" ;;
        124 | 137 | 143)
            g_why="it does not answer: iucvclnt did not end by itself"
            [ -n "$g_begun" ] || not_reached "$g_why"
            ;;
        0) g_why="it answered: $g_out" ;;
        *) g_why="iucvclnt ended with status $g_rc: $g_out" ;;
    esac
    [ "$g_sent" -lt 3 ] || [ -n "$g_begun" ] || not_reached "files do not \
arrive there whole: $g_why"
}

not_connected() { # g_why
    case $g_rc/$g_out in
        1/*UNAUTHORIZED*) g_why="the guest does not let this zHCP in: write \
$(zhcp_userid) into /etc/iucv_authorized_userid there" ;;
        2/* | 32/* | 126/* | 127/*) g_why="iucvclnt on the zHCP does not work \
(status $g_rc)" ;;
        4/*'connecting socket'*'Reason code 13.'*) g_why="z/VM does not let \
the zHCP connect: give $(zhcp_userid) the statement IUCV ANY in its directory \
entry" ;;
        4/*'connecting socket'*'Reason code 101.'*) g_why="it is not logged \
on" ;;
        4/*'connecting socket'*) g_why="no iucvserd answers there" ;;
        *) return 1 ;;
    esac
    g_why="$g_why: $g_out"
}

# --- files

# A file that is there is put aside as NAME.iucvold
bring() { # bring FILE NAME: below $BASE in the guest
    g_sent=$((g_sent + 1))
    iucv "umask 077; mkdir -p $THERE/${2%/*} && chmod 700 $THERE" &&
        iucv iucv_file_transport "$1" "$BASE/$2"
}

send_words() {
    printf '%s .\n' "$g_words" >"$IUCV/.args.$$" &&
        bring "$IUCV/.args.$$" "requests/$OP.args"
    bring_rc=$?
    rm -f "$IUCV/.args.$$"
    return $bring_rc
}

# It is there whole and with the right checksum, or not at all
send_program() {
    [ -r "$BASE/bin/$g_sha" ] || {
        answer "ok state=absent"
        exit 0
    }
    bring "$BASE/bin/$g_sha" "bin/.$OP" && iucv "cd $THERE/bin && echo \
'$g_sha  .$OP' | sha256sum -c - >/dev/null 2>&1 && { sync .$OP 2>/dev/null || \
sync; } && mv -f .$OP $g_sha && echo 'zvmv1 $OP ok .'; rm -f .$OP \
.$OP.iucvold" && our_lines >/dev/null
}
