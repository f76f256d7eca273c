# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# The zHCP program.  One verb a call; all state is changed under one lock.

# hello POOL: who we are here, what is missing, who would take a LUN's disk
verb_hello() {
    need is_word "$1"
    missing=$(tools awk sed grep tr head tail cmp dd sync stat find flock \
        setsid gzip timeout vmcp smcli chccwdev cio_ignore blockdev base64 \
        sha256sum sg_persist)
    # no MN holds a request back for so many days
    find "$CLAIMS" -type f -mtime +30 -exec rm -f {} + 2>/dev/null
    boot=$(boot_id)
    free=$(df -P -k "$BASE" | awk 'NR == 2 { print $4 }')
    answer "ok user=$(id -un 2>/dev/null || id -u) missing=$missing \
boot=$boot now=$(date +%s) free=$free scan=$(scan_state) \
userid=$(zhcp_userid) ledger=$ledger_id takers=$(takers) iucv=$(iucv_state)"
}

iucv_state() { if [ -x "$IUCVCLNT" ]; then echo yes; else echo no; fi; }

scan_state() {
    scan_file=$ROOT/sys/module/zfcp/parameters/allow_lun_scan
    [ -e "$scan_file" ] || { echo none; return; }
    scan_is_off && echo off || echo on
}

zhcp_userid() { vmcp q userid 2>/dev/null | awk 'NR == 1 { print $1 }'; }

main() {
    # what has begun is finished, also when the connection is lost
    trap '' HUP
    case $OP in *[!A-Za-z0-9-]*) exit 2 ;; esac
    # a list travels with commas
    for a in "$@"; do
        shift
        case $a in *,*) a=$(printf '%s' "$a" | tr , ';') ;; esac
        set -- "$@" "$a"
    done
    case $VERB in
        job)
            verb_job "$@"
            return
            ;;
        hello | claim | copy | switch | entrust | cancel | look | view \
            | release | wait | hold | drop | devices | attach | detach | sweep \
            | confirm | abandon | aside | readmit | rebuild | adopt | used \
            | reap | guestrun | probe | fill | send | measure | manage \
            | unmanage | lend | giveback | ipl | pend | waiting | stale \
            | unstale | succeed | admit | fcpstate | other | attachother) ;;
        *) refuse usage "text=$(text "no verb $VERB")" ;;
    esac
    # without flock nothing is safe, and nothing is tried
    command -v flock >/dev/null 2>&1 || refuse tool missing=flock
    # it changes nothing in the ledger, and may take minutes
    [ "$VERB" != guestrun ] || { verb_guestrun "$@"; return; }
    case $VERB in
        hold) directory_ahead "$7" ;;
        fcpstate) directory_ahead "$3" ;;
    esac
    open_ledger
    "verb_$VERB" "$@"
}

# a verb reads its arguments from 1 on, and none is ever unset
shift 2 2>/dev/null || set --
main "$@" '' '' '' '' '' '' '' '' '' '' '' '' '' ''
