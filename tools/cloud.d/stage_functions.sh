# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Functions of devstack that the plugin calls, for a machine on which all is
# installed; see stage.sh.

# die LINE TEXT
function die {
    set +o xtrace
    echo "[ERROR] ${BASH_SOURCE[1]}:$1 $2" >&2
    exit 1
}

# warn LINE TEXT
function warn {
    echo "[WARNING] ${BASH_SOURCE[1]}:$1 $2"
}

function echo_summary {
    echo "$@"
}

# async_wait NAME - nothing runs in the background here
function async_wait {
    :
}

# enable_plugin, define_plugin - this plugin is enabled
function enable_plugin {
    :
}

function define_plugin {
    :
}

# is_service_enabled NAME... - whether one of them is
function is_service_enabled {
    local name
    for name in "$@"; do
        if [[ ",$ENABLED_SERVICES," == *",$name,"* ]]; then
            return 0
        fi
        case "$name" in
            nova) name=n- ;;
            cinder) name=c- ;;
            n-cpu-*) name=n-cpu, ;;
            *) continue ;;
        esac
        if [[ ",$ENABLED_SERVICES," == *",$name"* ]]; then
            return 0
        fi
    done
    return 1
}

# enable_service NAME... - unless local.conf has disabled it
function enable_service {
    local name
    for name in "$@"; do
        if [[ ",${DISABLED_SERVICES:-}," == *",$name,"* ]]; then
            warn $LINENO "$name is disabled"
        elif ! is_service_enabled "$name"; then
            ENABLED_SERVICES+=",$name"
        fi
    done
}

# disable_service NAME...
function disable_service {
    local name
    for name in "$@"; do
        DISABLED_SERVICES+=",$name"
        ENABLED_SERVICES=",$ENABLED_SERVICES,"
        ENABLED_SERVICES=${ENABLED_SERVICES//,$name,/,}
        ENABLED_SERVICES=${ENABLED_SERVICES#,}
        ENABLED_SERVICES=${ENABLED_SERVICES%,}
    done
}

# run_process NAME COMMAND - under systemd in devstack, hence the check
function run_process {
    if ! is_service_enabled "$1"; then
        return 0
    fi
    if [[ "$2" != /* ]]; then
        die $LINENO "run_process $1: $2 does not begin with a path"
    fi
    # shellcheck disable=SC2086
    $STAGE_RUN "$1" $2
}

# stop_process NAME
function stop_process {
    if is_service_enabled "$1"; then
        $STAGE_STOP "$1"
    fi
}

# setup_install FOLDER EXTRAS - installs a package; here it must be there
function setup_install {
    local name
    name=$(awk '/^name *=/ { print $3; exit }' "$1/setup.cfg")
    if ! "$PYTHON" -c 'import importlib.metadata, sys
importlib.metadata.version(sys.argv[1])' "$name" 2>/dev/null; then
        die $LINENO "$name is not installed beside $PYTHON"
    fi
}

# get_python_exec_prefix - where programs of Python packages are
function get_python_exec_prefix {
    dirname "$PYTHON"
}

# test_with_retry COMMAND TEXT [SECONDS [PAUSE]] - waits until it succeeds
function test_with_retry {
    if ! timeout "${3:-10}" sh -c \
        "while ! $1; do sleep ${4:-0.5}; done"; then
        die $LINENO "$2"
    fi
}
