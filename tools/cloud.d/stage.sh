#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A stage for the devstack plugin: what devstack is to it, on a machine where
# OpenStack was installed and is started by others.
#
#   bash stage.sh stack pre-install|install|post-config|extra|test-config
#   bash stage.sh unstack
#   bash stage.sh clean
#
# It sources override-defaults, settings and plugin.sh of $DEST/devstack in
# devstack's order, under the shell options that devstack sets, and has those
# functions of devstack that the plugin calls. What devstack itself does
# between two phases, and the plugin relies on, is done here too:
# configure_cinder's part of the back-ends, and nova-cpu.conf.
#
# From the environment:
#   DEST            the source tree
#   CINDER_CONF, NOVA_CONF, NOVA_CPU_CONF, TEMPEST_CONFIG
#   STAGE_RUN       command that gets NAME COMMAND..., starts it in the
#                   background and returns; nothing when NAME runs already
#   STAGE_STOP      command that gets NAME and ends it
#   STAGE_LOCAL_CONF  a local.conf, if any
#   PATH            begins with the environment that has everything installed
#   OS_*            for clients, as from devstack's openrc
#   and any setting of the plugin

set -o errexit
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

: "${DEST:?the source tree}" "${CINDER_CONF:?}" "${NOVA_CONF:?}"
: "${NOVA_CPU_CONF:?}" "${TEMPEST_CONFIG:?}"
: "${STAGE_RUN:?}" "${STAGE_STOP:?}"

# shellcheck source=tools/cloud.d/stage_ini.sh
source "$here/stage_ini.sh"
# shellcheck source=tools/cloud.d/stage_functions.sh
source "$here/stage_functions.sh"

# stage_local_conf - the part of local.conf that devstack sources
function stage_local_conf {
    awk '/^\[\[/ { inside = ($0 == "[[local|localrc]]"); next }
        inside' "$1"
}

# stage_configure_cinder - as devstack does before the phase install
function stage_configure_cinder {
    local backend names=""
    for backend in ${CINDER_ENABLED_BACKENDS//,/ }; do
        if type "configure_cinder_backend_${backend%%:*}" &>/dev/null; then
            "configure_cinder_backend_${backend%%:*}" "${backend##*:}"
        fi
        names+=",${backend##*:}"
    done
    names=${names#,}
    iniset "$CINDER_CONF" DEFAULT enabled_backends "$names"
    iniset "$CINDER_CONF" DEFAULT default_volume_type "${names%%,*}"
}

# stage_make_cpu_conf - as devstack does before it starts nova-compute
function stage_make_cpu_conf {
    cp "$NOVA_CONF" "$NOVA_CPU_CONF"
    inidelete "$NOVA_CPU_CONF" database connection
    inidelete "$NOVA_CPU_CONF" api_database connection
}

# stage_plugin MODE [PHASE]
function stage_plugin {
    # shellcheck source=devstack/plugin.sh
    source "$DEST/devstack/plugin.sh" "$@"
}

# What stackrc and lib/* set, for the plugin.
DATA_DIR=${DATA_DIR:-$DEST/data}
PYTHON=$(command -v python3)
NOVA_BIN_DIR=$(get_python_exec_prefix)
NOVA_DIR=${NOVA_DIR:-$DEST/nova}
ENABLED_SERVICES=${ENABLED_SERVICES:-\
key,g-api,placement-api,neutron-api,c-api,c-sch,c-vol,n-api,n-cond,n-sch,\
n-cpu,tempest}

if [[ -n "${STAGE_LOCAL_CONF:-}" ]]; then
    # shellcheck disable=SC1090
    source <(stage_local_conf "$STAGE_LOCAL_CONF")
fi

# devstack runs plugins with it: they must show no password.
set -o xtrace

if [[ "$1" != clean ]]; then
    # shellcheck source=devstack/override-defaults
    source "$DEST/devstack/override-defaults"
fi
# shellcheck source=devstack/settings
source "$DEST/devstack/settings"

case "$1${2:+ $2}" in
    "stack install")
        # plugin.sh has defined its functions at pre-install.
        stage_plugin stack pre-install
        stage_configure_cinder
        stage_plugin stack install
        ;;
    "stack post-config")
        stage_plugin stack post-config
        stage_make_cpu_conf
        ;;
    *) stage_plugin "$@" ;;
esac
