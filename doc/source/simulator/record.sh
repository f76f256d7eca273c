# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Functions that record a management node with curl: . mn.sh; . record.sh
#
# HYPERVISOR and ZHCP are names of nodes, GUESTS and POOLS lists of names.
RECORDING=${RECORDING:-recording}
HYPERVISOR=${HYPERVISOR:-host1}
ZHCP=${ZHCP:-zhcp1}

# The state before the first step: nothing is changed.
record_initial() {
    mkdir -p "$RECORDING"
    get version > "$RECORDING/version"
    get tables/zvm > "$RECORDING/table"
    for name in $HYPERVISOR $ZHCP $GUESTS; do
        get "nodes/$name" > "$RECORDING/node.$name"
    done
    for name in $GUESTS; do
        get "nodes/$name/power" > "$RECORDING/power.$name"
        get "vms/$name" > "$RECORDING/directory.$name"
    done
    for state in active free offline; do
        get "nodes/$HYPERVISOR/inventory?field=--fcpdevices&field=$state&field=details" \
            > "$RECORDING/devices.$state"
    done
    record_pools initial
    steps=0
}

# The pool files, read on the zHCP: the node's own --zfcppoolnames would
# remove some.
record_pools() {
    for name in $POOLS; do
        put "nodes/$ZHCP/dsh" "[\"command=base64 \${ZVM_ROOT:-}/var/opt/zhcp/zfcp/$name.conf\"]" \
            > "$RECORDING/$1.pool.$name"
    done
}

# record_step LABEL METHOD PATH [JSON]: send one request and keep all of it.
record_step() {
    steps=$((steps + 1))
    here=$RECORDING/step.$steps
    printf '%s\n' "$1" "$2" "$3" "${4-}" > "$here.request"
    case $3 in
    *\?*) query="&format=json" ;;
    *) query="?format=json" ;;
    esac
    curl --silent --show-error --cacert "$CA" --header "@$LOGIN" \
        --request "$2" ${4:+--header 'Content-Type: application/json'} \
        ${4:+--data "$4"} --output "$here.body" \
        --write-out '%{http_code} %{content_type}\n' "$MN$3$query" \
        > "$here.status"
    record_pools "step.$steps"
}
