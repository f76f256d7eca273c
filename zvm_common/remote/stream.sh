# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# Images between the Cinder host and a LUN: one TLS connection that curl makes
# from here to a server of a single use.  In it go frames (see frames.sh).
# The token that the server asks for is made here, and travels in the answer
# only: the MN logs and shows what a verb is called with.

# curl knows sha256// pins since this version (OpenSSL)
CURL_LEAST=7.44

# probe ADDRESS PORT PIN: does this zHCP reach the Cinder host?  The token is
# the SHA-256 of the operation: nothing is behind it that is worth a secret
verb_probe() {
    need is_address "$1"
    need is_port "$2"
    need is_pin "$3"
    close_ledger
    need_curl
    find_source "$1"
    token=$(printf %s "$OP" | sha256sum)
    found=$(printf 'header = "Authorization: Bearer %s"\n' "${token%% *}" |
        ask_host "$1" "$2" "$3" 30 --config - 2>&1) ||
        refuse net "text=$(text "$(printf '%s\n' "$found" | curl_words)")"
    [ "$found" = zvm-volume ] || refuse net "text=$(text "who answers at \
$1 port $2 is not cinder-volume")"
    answer "ok address=$source"
}

# fill VOLUME GENERATION SCOPE ZHCP-DEVICES ADDRESS PORT PIN SECONDS
verb_fill() {
    begin_stream filling "$@"
}

# send VOLUME GENERATION SCOPE ZHCP-DEVICES ADDRESS PORT PIN SECONDS BYTES
verb_send() {
    need is_count "$9"
    begin_stream sending "$@"
}

begin_stream() { # begin_stream STATE, and what the verb was called with
    need is_uuid "$2"
    need is_number "$3"
    need is_word "$4"
    need is_list "$5"
    need is_address "$6"
    need is_port "$7"
    need is_pin "$8"
    need is_count "$9"
    need_curl
    find_volume "$2" || refuse unknown "volume=$2"
    [ "$r_scope" = "$4" ] || refuse scope "$(row)"
    find_source "$6"
    stream_is_begun "$1" && return
    # it comes once more after it was given up
    [ ! -e "$CLAIMS/$OP" ] || refuse stale "$(row) \
text=$(text "this transfer is past")"
    [ "$r_gen" = "$3" ] || refuse stale "$(row)"
    [ "$r_state" = ours ] || refuse busy "$(row)"
    case $1/$r_role in
        */current | sending/snapshot) ;;
        *) refuse busy "$(row) text=$(text "it is the LUN of no volume")" ;;
    esac
    foreign_user && refuse busy "$(row) text=$(text "$foreign")"
    not_read
    new_token
    r_zero=no
    [ "$r_zgen" != "$r_gen" ] || r_zero=yes
    r_before=ours r_state=$1 r_gen=$((r_gen + 1)) r_jobfcp=$5 r_clean=no
    r_sop=$OP r_said='' r_zgen='' r_why='' r_peer=$6/$7 r_pin=$8 r_limit=$9
    shift 9
    r_sbytes=${1:-}
    [ -z "$r_lease" ] || lease_lun
    save_lun
    settle || :
    start_job
    tell_token
}

# The same request once more: the server may know the token already
stream_is_begun() { # stream_is_begun STATE
    [ "$r_state/$r_sop" = "$1/$OP" ] || return 1
    token_file=$JOBS/$(job_key).token
    token=$(sed -n 's/.*Bearer \([0-9a-f]*\)"$/\1/p' "$token_file" 2>/dev/null)
    is_hex 64 "$token" || refuse busy "$(row) text=$(text "it is about to end")"
    settle || :
    job_runs || begin_again
    tell_token
}

tell_token() { look_row "token=$token address=$source"; }

# The token is all of curl's configuration: neither an argument nor a variable
# of the environment, which others could see
new_token() {
    # what an earlier job has left says nothing of this one
    rm -f "$JOBS/$(job_key).run" "$JOBS/$(job_key).done"
    token=$(head -c 32 /dev/urandom | sha256sum)
    token=${token%% *}
    is_hex 64 "$token" && [ "$token" != "$NO_RANDOM" ] ||
        refuse tool "missing=/dev/urandom"
    printf 'header = "Authorization: Bearer %s"\n' "$token" \
        >"$JOBS/$(job_key).token" ||
        refuse space "text=$(text "cannot write below $JOBS")"
}
# what sha256sum says where nothing was read
NO_RANDOM=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

# Nothing of a transfer is left when its job goes on to something else
forget_stream() {
    for left in token curl broke dd fifo sums sum; do
        rm -f "$JOBS/$(job_key).$left"
    done
}

# --- who is asked

is_address() { # an IPv4 or IPv6 literal, as far as that is seen from here
    case $1 in
        '' | *[!0-9A-Fa-f.:]*) return 1 ;;
        *.*.*.* | *:*:*) [ ${#1} -le 45 ] ;;
        *) return 1 ;;
    esac
}

is_port() { is_count "$1" && [ "$1" -ge 1 ] && [ "$1" -le 65535 ]; }

is_pin() { # SHA-256 of a public key, base64url
    case $1 in *[!A-Za-z0-9_-]*) return 1 ;; esac
    [ ${#1} -eq 43 ]
}

is_count() { # a number without leading zeros, which would be octal to sh
    is_number "$1" || return 1
    case $1 in 0?*) return 1 ;; esac
}

# Not among what "hello" asks for: volumes without images need no curl
need_curl() {
    missing=$(tools curl ip tee mkfifo)
    [ -z "$missing" ] || refuse tool "missing=$missing"
    curl_is=$(curl --disable --version 2>/dev/null |
        awk '$1 == "curl" { print $2; exit }')
    awk -v is="$curl_is" -v least=$CURL_LEAST 'BEGIN {
        split(is, a, "."); split(least, b, ".")
        exit !(a[1] + 0 > b[1] || (a[1] == b[1] && a[2] + 0 >= b[2] + 0))
    }' || refuse tool "missing=curl text=$(text "the curl there is \
${curl_is:-of unknown version}, images need $CURL_LEAST or later")"
}

find_source() { # source := the address of ours that ADDRESS sees
    found=$(ip -o route get "$1" 2>&1) ||
        refuse net "text=$(text "there is no route to $1: $found")"
    source=$(printf '%s\n' "$found" | awk '{
        for (i = 1; i < NF; i++) if ($i == "src") { print $(i + 1); exit }
    }')
    is_address "$source" ||
        refuse net "text=$(text "the route to $1 tells no source: $found")"
}

# The server has a key of its own for each transfer, and no certificate that
# anybody has signed: its key's hash (PIN) came to us by the MN.  curl checks
# that also when it is told to be "insecure".  Of whom the zHCP asks otherwise
# (proxies, curlrc) is of no moment here
ask_host() { # ask_host ADDRESS PORT PIN SECONDS OPTION...
    ask_url=https://$1:$2/
    case $1 in *:*) ask_url="https://[$1]:$2/" ;; esac
    ask_pin=sha256//$(printf %s "$3" | tr '_-' '/+')=
    ask_seconds=$4
    shift 4
    curl --disable --silent --show-error --fail --http1.1 --globoff \
        --proto =https --noproxy '*' --insecure --pinnedpubkey "$ask_pin" \
        --connect-timeout 20 --max-time "$ask_seconds" --header Expect: "$@" \
        "$ask_url"
}

ask_for_image() { # ask_for_image OPTION...: of the job's server
    ask_left=$((r_limit + job_began - $(date +%s)))
    [ "$ask_left" -gt 0 ] || ask_left=1
    ask_host "${r_peer%/*}" "${r_peer##*/}" "$r_pin" "$ask_left" \
        --config "$JOBS/$(job_key).token" "$@"
}

curl_words() { # the first thing that curl complains of
    awk 'sub(/^curl: */, "") { print; said = 1; exit }
        END { if (!said) print "the Cinder host has ended the transfer \
before its end" }'
}

# --- the job that fills a LUN

fill() {
    rm -f "$JOBS/$(job_key).found"
    # it has begun once: its server is of a single use
    [ -z "$r_said" ] || fail "its job was cut off"
    with_disk "$r_wwpns" "$r_lun" fill_disk
}

fill_disk() {
    take_target
    told=0 files=$JOBS/$(job_key)
    if [ "$r_zero" != yes ]; then
        zero_from 0
        told=$bytes
    fi
    go_on
    # a server that tells nothing for a minute is gone
    ask_for_image --no-buffer --speed-limit 1 --speed-time 60 \
        2>"$files.curl" | ( receive )
    fill_rc=$?
    [ $fill_rc != "$CUT" ] || fail "$(curl_words <"$files.curl")"
    return $fill_rc
}

# What was written of a transfer that failed is wiped before the LUN is the
# volume's again, by this job
end_fill() { # end_fill STATUS WHY
    [ "$1" != "$DIFFERS" ] || { quarantine "$2" && return; }
    end_stream "$@"
    case $r_said in
        ok:*) r_state=ours r_gen=$((r_gen + 1)) ;;
        *) r_state=preparing ;;
    esac
    save_lun
    settle || :
}

end_stream() { # end_stream STATUS WHY: r_... but for the state
    case $1/$2 in
        0/ok:*) r_said=$2 ;;
        *) r_said=no:$(text "$2") ;;
    esac
    r_peer='' r_pin='' r_limit='' r_sbytes='' r_zero=''
    # whoever waits for it has its time from here on
    [ -z "$r_lease" ] || lease_lun
}

# --- the job that sends what is on a LUN

send() {
    rm -f "$JOBS/$(job_key).found"
    o_wwpns=$r_wwpns o_lun=$r_lun o_wwid=$r_wwid
    with_origin send_origin
}

send_origin() {
    [ -z "$r_said" ] || fail "its job was cut off"
    reach_origin
    echo "$wwid $bytes" >"$JOBS/$(job_key).found"
    files=$JOBS/$(job_key)
    size_to_send
    # the server answers when all is on its disk, which may take minutes
    said=$( ( send_frames ) | ask_for_image --speed-limit 1 \
        --speed-time 900 --upload-file - 2>"$files.curl")
    send_rc=$?
    [ ! -s "$files.broke" ] || fail "$(cat "$files.broke")"
    [ $send_rc = 0 ] || fail "$(curl_words <"$files.curl")"
    sum=$(cat "$files.sum")
    [ "$said" = "${sum%% *} $size" ] || fail "the Cinder host has got other \
data than were sent: $said"
    echo "ok:$size:${sum%% *}"
}

end_send() { # end_send STATUS WHY
    # an image of what somebody else wrote to is of no moment at all
    [ "$1" != 0 ] || ! ( foreign_user ) >/dev/null ||
        set -- 1 "somebody else uses the LUN: see its line"
    end_stream "$@"
    r_state=ours r_gen=$((r_gen + 1))
    save_lun
    settle || :
}
