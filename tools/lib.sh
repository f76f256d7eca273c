# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What tools/test and tools/demo check before anything else.  A missing system
# package ends the run with one line that names it; nothing is installed here.

zvm_fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# One word and the version: ok, old, or the module that is missing.
zvm_probe() {
    "$1" -c '
import sys
word = "ok" if sys.version_info >= (3, 11) else "old"
if word == "ok":
    try:
        import venv
        import ensurepip
    except ImportError as error:
        word = error.name
print(word, sys.version.split()[0])' 2>/dev/null </dev/null
}

# Sets ZVM_PYTHON: $PYTHON where it is set, else the first that suffices.
zvm_find_python() {
    zvm_found=
    zvm_lacking=
    for zvm_name in ${PYTHON:-python3 python3.11 python3.12 python3.13 \
            /usr/bin/python3}; do
        zvm_answer=$(zvm_probe "$zvm_name") || continue
        zvm_found="$zvm_name ${zvm_answer#* }"
        case $zvm_answer in
        'ok '*)
            ZVM_PYTHON=$zvm_name
            return 0
            ;;
        'old '*) ;;
        *) zvm_lacking="$zvm_found has no module ${zvm_answer%% *}" ;;
        esac
    done
    [ -z "$zvm_lacking" ] || zvm_fail "$zvm_lacking:" \
        "install the system package python3-venv (Debian's name)"
    zvm_fail "Python 3.11 or newer is needed, found ${zvm_found:-none}:" \
        "install the system package python3, or set PYTHON"
}

zvm_check_machine() {
    zvm_find_python
    command -v git >/dev/null 2>&1 ||
        zvm_fail 'git is not there: install the system package git'
}
