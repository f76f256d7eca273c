# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Files of options, as devstack's functions of the same names treat them:
#
# - a section's options stand between its header and the next one; what is
#   commented is no option;
# - a file or section that is missing is made, the section at the end;
# - a new option comes directly behind the header, one that is there keeps its
#   place;
# - the value is expanded by the shell: blanks become one, patterns the names
#   of files that they fit.

# ini_edit FILE SECTION OPTION PROGRAM - passes a file through awk
#
# In the program `header` is true on the section's header, `ours` on a line of
# the option. The value is ENVIRON["value"].
function ini_edit {
    local text
    text=$(section="[$2]" option="$3" awk '
        /^\[.*\]/ { inside = header = (index($0, ENVIRON["section"]) == 1) }
        !/^\[.*\]/ { header = 0 }
        {
            name = $0
            sub(/[ \t]*=.*/, "", name)
            ours = inside && !header && /=/ && name == ENVIRON["option"]
        }
        '"$4" "$1")
    # The file keeps its mode.
    printf '%s\n' "$text" > "$1"
}

# ini_has_option FILE SECTION OPTION
function ini_has_option {
    [[ -n "$(ini_lines "$@")" ]]
}

# ini_lines FILE SECTION OPTION - the lines of an option
function ini_lines {
    section="[$2]" option="$3" awk '
        /^\[.*\]/ { inside = (index($0, ENVIRON["section"]) == 1); next }
        {
            name = $0
            sub(/[ \t]*=.*/, "", name)
        }
        inside && /=/ && name == ENVIRON["option"]' "$1"
}

# iniset FILE SECTION OPTION VALUE
function iniset {
    local xtrace value
    xtrace=$(set +o | grep xtrace)
    set +o xtrace
    # The expansion is meant.
    # shellcheck disable=SC2086,SC2116
    value=$(echo $4)
    if ! grep -qsF -- "[$2]" <(grep -s '^\[' "$1"); then
        printf '\n[%s]\n' "$2" >> "$1"
    fi
    if ini_has_option "$1" "$2" "$3"; then
        value=$value ini_edit "$1" "$2" "$3" '
            ours { match($0, /=[ \t]*/)
                $0 = substr($0, 1, RSTART + RLENGTH - 1) ENVIRON["value"] }
            { print }'
    else
        value=$value ini_edit "$1" "$2" "$3" '
            { print }
            header { print ENVIRON["option"] " = " ENVIRON["value"] }'
    fi
    $xtrace
}

# iniget FILE SECTION OPTION
function iniget {
    local xtrace line
    xtrace=$(set +o | grep xtrace)
    set +o xtrace
    line=$(ini_lines "$1" "$2" "$3")
    # Blanks around the value go.
    # shellcheck disable=SC2086
    echo ${line#*=}
    $xtrace
}

# inidelete FILE SECTION OPTION
function inidelete {
    local xtrace
    xtrace=$(set +o | grep xtrace)
    set +o xtrace
    ini_edit "$1" "$2" "$3" '!ours'
    $xtrace
}
