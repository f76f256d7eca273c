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

# ini_awk FILE SECTION OPTION PROGRAM - passes a file through awk
#
# In the program `header` is true on the section's header, `ours` on a line of
# the option.
function ini_awk {
    section="[$2]" option="$3" awk '
        /^\[.*\]/ {
            inside = header = (index($0, ENVIRON["section"]) == 1)
            found = found || header
        }
        !/^\[.*\]/ { header = 0 }
        {
            name = $0
            sub(/[ \t]*=.*/, "", name)
            ours = inside && !header && /=/ && name == ENVIRON["option"]
        }
        '"$4" "$1"
}

# ini_write FILE TEXT - the file keeps its mode
function ini_write {
    printf '%s\n' "$2" > "$1"
}

# iniset FILE SECTION OPTION VALUE
function iniset {
    local - value text
    set +o xtrace
    if [[ -z "$2" || -z "$3" ]]; then
        return 0
    fi
    # The expansion is meant.
    # shellcheck disable=SC2086,SC2116
    value=$(echo $4)
    touch "$1"
    # shellcheck disable=SC2016
    text=$(value=$value ini_awk "$1" "$2" "$3" '
        ours {
            match($0, /=[ \t]*/)
            $0 = substr($0, 1, RSTART + RLENGTH - 1) ENVIRON["value"]
            there = 1
        }
        { lines[NR] = $0 }
        header { at = NR }
        END {
            new = ENVIRON["option"] " = " ENVIRON["value"]
            for (i = 1; i <= NR; i++) {
                print lines[i]
                if (i == at && !there)
                    print new
            }
            if (!found)
                printf "\n%s\n%s\n", ENVIRON["section"], new
        }')
    ini_write "$1" "$text"
}

# iniget FILE SECTION OPTION
function iniget {
    local - line
    set +o xtrace
    line=$(ini_awk "$1" "$2" "$3" ours)
    # Blanks around the value go.
    # shellcheck disable=SC2086
    echo ${line#*=}
}

# inidelete FILE SECTION OPTION
function inidelete {
    local - text
    set +o xtrace
    text=$(ini_awk "$1" "$2" "$3" '!ours')
    ini_write "$1" "$text"
}
