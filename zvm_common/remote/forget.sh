# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2034,SC2154
#
# What this Linux has configured for FCP devices that it lost while it was off,
# together with LUNs that may be another's by now.

# forget DEVICES VOLUMES: nothing is configured for these devices any more.
# VOLUMES: VOLUME:GENERATION, to refuse older requests from now on; those that
# have not come back since lose their links
verb_forget() {
    need is_list "$1"
    need is_list "$2"
    need_tools
    choose_persist
    for past in $(each "$2"); do
        need is_uuid "${past%%:*}"
        need is_number "${past##*:}"
        leave_behind "${past%%:*}" "${past##*:}"
    done
    mkdir -p "$SEEN" && exec 9>>"$BASE/lock" && flock -w 60 9 ||
        refuse lock "text=$(text "another request works here")"
    kept=
    for device in $(each "$1"); do
        need is_hex 4 "$(lower_hex "$device")"
        bus=$(path_device "$device:")
        # who has it online uses it: a request that comes late
        is_online "$bus" || forget_device "$bus" ||
            refuse path "text=$(text "what is configured for $bus stays: \
${z_out:-}")"
        ! is_online "$bus" || kept=$(set_add "$kept" "$device")
    done
    answer "ok kept=$kept"
}

leave_behind() { # leave_behind VOLUME GENERATION: a later one stays
    (check_generation "$1" "$2" && link_off "$1") >/dev/null || :
}

forget_device() { # forget_device BUS: in every place that this Linux has
    "${kind}_forget" "$1" && conf_drop "$1" && rules_drop "$1" &&
        keep_host_off "$1"
}
