#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# plugin.sh - dispatches the phases in which devstack calls this plugin:
#
#   source plugin.sh stack pre-install|install|post-config|extra|test-config
#   source plugin.sh unstack
#   source plugin.sh clean

_XTRACE_ZVM_PLUGIN=$(set +o | grep xtrace)
set +o xtrace

source "$ZVM_PLUGIN_DIR/devstack/lib/zvm"
source "$ZVM_PLUGIN_DIR/devstack/lib/zvm_checks"
source "$ZVM_PLUGIN_DIR/devstack/lib/zvm_cinder"
source "$ZVM_PLUGIN_DIR/devstack/lib/zvm_nova"
source "$ZVM_PLUGIN_DIR/devstack/lib/zvm_simulator"
source "$ZVM_PLUGIN_DIR/devstack/lib/zvm_tempest"

# devstack configures Cinder's back-ends between this phase and the next.
function zvm_pre_install {
    echo_summary "Checking the settings of zvm-volume"
    zvm_check_settings
}

function zvm_install {
    echo_summary "Installing zvm-volume"
    setup_install "$ZVM_PLUGIN_DIR" cinder,nova
    if is_service_enabled nova; then
        zvm_link_driver
    fi
}

# Nothing of OpenStack runs yet but Keystone.
function zvm_post_config {
    echo_summary "Configuring zvm-volume"
    mkdir -p "$ZVM_DIR"
    chmod 0700 "$ZVM_DIR"
    if is_service_enabled cinder; then
        zvm_configure_cinder
    fi
    if is_service_enabled nova; then
        # It changes the same file, in the background.
        async_wait configure_neutron_nova
        zvm_configure_nova
    fi
    if is_service_enabled zvm-simulator; then
        zvm_make_world
        zvm_make_image
        zvm_start_simulator
    fi
}

# All services run.
function zvm_extra {
    echo_summary "Making volume types and zones of zvm-volume"
    if is_service_enabled n-cpu; then
        zvm_start_further_computes
    fi
    zvm_make_resources
}

# zvm_make_resources - volume types, availability zones and an image
function zvm_make_resources {
    local name zone number host
    local -a words=()
    for name in $(zvm_backends); do
        zone=$(zvm_zone_of "$name")
        words+=(--type "$name" "$zone")
    done
    for number in $(seq "$(zvm_count ZVM_HYPERVISORS)"); do
        zone=$(zvm_word "$number" ZVM_ZONES)
        host=$(zvm_word "$number" ZVM_COMPUTE_HOSTS)
        words+=(--zone "$zone" "$host")
    done
    if [[ -n "${ZVM_IMAGE_FILE:-}" ]]; then
        words+=(--image "$ZVM_IMAGE_NAME" "$ZVM_IMAGE_FILE"
            "$ZVM_IMAGE_DISTRO")
    fi
    words+=(--wait "$ZVM_COMPUTE_WAIT")
    $PYTHON "$ZVM_PLUGIN_DIR/devstack/tools/make_resources.py" "${words[@]}" \
        -- "$NOVA_BIN_DIR/nova-manage" --config-file "$NOVA_CONF"
}

# Tempest's own part is configured.
function zvm_test_config {
    if is_service_enabled tempest; then
        echo_summary "Configuring Tempest for zvm-volume"
        zvm_configure_tempest
    fi
}

# What devstack has not started itself. The simulated world stays.
function zvm_unstack {
    zvm_stop_further_computes
    stop_process zvm-simulator
}

function zvm_clean {
    local number
    rm -rf "$ZVM_DIR"
    for number in $(zvm_further_lpars); do
        rm -f "$(zvm_cpu_conf "$number")"
    done
    zvm_unlink_driver
}

$_XTRACE_ZVM_PLUGIN

case "$1${2:+ $2}" in
    "stack pre-install") zvm_pre_install ;;
    "stack install") zvm_install ;;
    "stack post-config") zvm_post_config ;;
    "stack extra") zvm_extra ;;
    "stack test-config") zvm_test_config ;;
    unstack) zvm_unstack ;;
    clean) zvm_clean ;;
esac
