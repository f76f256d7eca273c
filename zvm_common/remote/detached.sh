# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Requests that come over IUCV: a connection serves one short command, so a
# verb runs detached, and its answer waits in a file until it is fetched.

REQUESTS=$BASE/requests

# begin VERB ARGUMENT...: its answer, or state=runs.  The same request again
# finds the one that runs or has run; one that died is begun anew
verb_begin() {
    lacks=$(tools flock setsid find)
    [ -z "$lacks" ] || refuse tool "missing=$lacks"
    mkdir -p "$REQUESTS" && chmod 700 "$BASE" ||
        refuse space "text=$(text "cannot make $REQUESTS")"
    # what nobody has fetched in a day nobody will
    find "$REQUESTS" -type f -mtime +0 -exec rm -f {} + 2>/dev/null
    has_said || request_runs || start_request "$@"
    until_true 2 has_said || { answer "ok state=runs"; return; }
    cat "$REQUESTS/$OP.said"
}

has_said() { [ -s "$REQUESTS/$OP.said" ]; }
request_runs() { ! (flock -n 7) 7>>"$REQUESTS/$OP.lock"; }

# What is too long for a command came as a file: VERB ARGUMENT... .
start_request() {
    if [ "$1" = @ ]; then
        read -r words 2>/dev/null <"$REQUESTS/$OP.args" || words=
        case $words in
            *' .') words=$(printf '%s' "${words% .}" | tr , ';') ;;
            *) refuse usage "text=$(text "arguments did not arrive whole")" ;;
        esac
        set -f
        # shellcheck disable=SC2086 # no argument holds blanks
        set -- $words
    fi
    # the agent's connection ends only when nobody has it open
    setsid sh "$0" "$OP" run "$@" </dev/null >/dev/null 2>&1 \
        3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
}

# run VERB ARGUMENT...: fd 7 is its lock, inherited by what it starts
verb_run() {
    exec 7>>"$REQUESTS/$OP.lock"
    flock -n 7 && ! has_said || exit 0
    sh "$0" "$OP" "$@" >"$REQUESTS/.$OP" 2>/dev/null
    [ ! -s "$REQUESTS/.$OP" ] ||
        replace "$REQUESTS/.$OP" "$REQUESTS/$OP.said"
}

# end: the answer was fetched
verb_end() {
    rm -f "$REQUESTS/$OP".* "$REQUESTS/.$OP"
    answer ok
}
