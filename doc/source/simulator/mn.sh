# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Functions for the examples of this manual: . mn.sh
#
# MN is the management node's address, CA the certificate to verify it by,
# LOGIN a file with the headers userName and password: there they are not in
# the list of processes.
MN=${MN:-https://localhost:8443}
CA=${CA:-state/ca.pem}
LOGIN=${LOGIN:-login}

# call METHOD PATH [JSON]: one request; prints the body of the answer.
call() {
    curl --silent --show-error --cacert "$CA" --header "@$LOGIN" \
        --request "$1" ${3:+--header 'Content-Type: application/json'} \
        ${3:+--data "$3"} "$MN$2" && echo
}

# get, put, post and delete a resource below /xcatws; a path with a query
# ends before its "format=json".
xcat() {
    case $2 in
    *\?*) call "$1" "/xcatws/$2&format=json" "${3-}" ;;
    *) call "$1" "/xcatws/$2?format=json" "${3-}" ;;
    esac
}
get() { xcat GET "$1"; }
put() { xcat PUT "$1" "$2"; }
post() { xcat POST "$1" "$2"; }
delete() { xcat DELETE "$1"; }

# The strings of an answer, each line behind the kind of its element.
text() {
    python3 -c '
import json, sys
for element in json.load(sys.stdin)["data"]:
    for kind, texts in sorted(element.items()):
        for line in "\n".join(map(str, texts)).splitlines():
            print("%-9s %s" % (kind, line))'
}

# begin WORLD: serve a world in the background; finish: stop it.
begin() {
    rm -f state/ports.json
    zvm-simulator serve --world "$1" --port "${MN##*:}" --dir state \
        > log 2>&1 &
    simulator=$!
    printf 'userName: admin\npassword: secret\n' > "$LOGIN"
    until [ -e state/ports.json ]; do
        kill -0 "$simulator" || return
        sleep 0.1
    done
}
finish() { kill "$simulator" && wait "$simulator"; }

# A simulator's own resources.
event() { call POST /simulator/events "$1"; }
pool() {
    call GET /simulator/pools | python3 -c '
import json, sys
print(json.load(sys.stdin)[sys.argv[1]], end="")' "$1"
}
# The ssh logins that the last request to the management node took.
hops() {
    call GET /simulator/requests | python3 -c '
import json, sys
print([each["hops"] for each in json.load(sys.stdin)
       if each["server"] == "mn"][-1])'
}
