# SPDX-License-Identifier: Apache-2.0
"""Holding what works on a simulated node."""

#: In a dd that stands before a node's own: nothing is written to a disk before
#: tmp/open is there; tmp/at_work has an x for each that waited.
BEFORE_A_DISK = """\
case $* in
    *of=*/dev/sd*)
        echo x >>"$ZVM_ROOT/tmp/at_work"
        until [ -e "$ZVM_ROOT/tmp/open" ] || [ ! -d "$ZVM_ROOT" ]; do
            sleep 0.05
        done ;;
esac
"""
