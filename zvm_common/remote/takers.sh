# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2015,SC2016,SC2034,SC2154
#
# Who on the zHCP takes hold of a disk as soon as it appears there.  A tenant
# writes what he likes onto his LUN: metadata of LVM with the name of the
# zHCP's own volume group, of an md array, of anything that udev acts upon.
# So LVM, md and multipath are to leave alone every disk that is not named as
# the zHCP's own, and what is not clearly so is not so: a false alarm costs an
# operator a line of configuration, a miss costs a tenant's data.
#
# Other takers (bcache, a mount by label) are not looked for in advance: they
# show as the disk's user, as everybody does who has taken it.

# lvm;md;multipath: those that would take this disk, or any that appears
takers() { # takers [DISK WWID]
    takers_all=
    lvm_takes && takers_all=';lvm'
    md_takes && takers_all="$takers_all;md"
    multipath_takes "$@" && takers_all="$takers_all;multipath"
    printf '%s' "${takers_all#;}"
}

# Who has this disk, or would take it; fails when nobody does.  What is asked
# before the disk is there can have changed since
taken_by() { # taken_by DISK
    disk_user "$1" && return 0
    taken_wwid=$(disk_wwid "$1") && taken_wwid=3$taken_wwid
    taken_all=$(takers "$1" "$taken_wwid")
    [ -n "$taken_all" ] && echo "would-take:$taken_all"
}

# Also where the PATH lacks what udev has
is_installed() { # is_installed TOOL...
    for installed_tool in "$@"; do
        command -v "$installed_tool" >/dev/null 2>&1 ||
            [ -x "$ROOT/sbin/$installed_tool" ] ||
            [ -x "$ROOT/usr/sbin/$installed_tool" ] && return 0
    done
    return 1
}

# --- LVM.  A device is left alone when a devices file is in use that does not
# list it, when global_filter rejects it (udev obeys no other filter), or when
# nothing is activated for an event.  lvmconfig reads configuration only

lvm_takes() {
    is_installed lvm lvmconfig pvscan || return 1
    lvm_says=$({ lvmconfig --type full || lvm dumpconfig; } 2>/dev/null |
        awk "$LVM_AWK" 2>/dev/null) || return 0
    # without its file LVM uses every device, whatever use_devicesfile says
    case ${lvm_says#* } in
        -) ;;
        *) [ ! -f "$ROOT/etc/lvm/devices/${lvm_says#* }" ] || return 1 ;;
    esac
    [ "${lvm_says%% *}" != safe ]
}

# Prints "safe" or "takes", and the name of the devices file or "-".
#
# The first pattern that matches a name of a device counts for that name; a
# device is rejected when one of its names is, and none is accepted.  So names
# of each kind that a disk of a tenant may have go through the patterns.  An
# accepting pattern is safe in itself only when it names devices in a way that
# no tenant can give to his own: what is in by-label is the tenant's choice,
# and which disk is sdb is anybody's.  A backslash or a brace is understood nowhere here.
LVM_AWK='
function value() {
    sub(/^[^=]*=[ \t]*/, "")
    gsub(/^"|"[ \t]*$/, "")
    return $0
}
function accepts(pattern) {
    return pattern !~ /[|\\{]/ && pattern ~ \
        /^\^?\/dev\/(dasd|mapper\/|disk\/by-id\/|disk\/by-path\/)/
}
function judge(kind, pattern,    i) {
    for (i = 1; i <= names; i++) {
        if (decided[i]) continue
        if (kind != "r" && !accepts(pattern)) taken = 1
        if (name[i] !~ pattern) continue
        decided[i] = kind
        if (kind != "r") taken = 1
    }
}
function filter(text,    one, pattern, i) {
    while (match(text, /"[^"]*"/)) {
        one = substr(text, RSTART + 1, RLENGTH - 2)
        text = substr(text, RSTART + RLENGTH)
        pattern = substr(one, 3, length(one) - 3)
        if (one ~ /^r/ && pattern ~ /[\\{]/) continue
        judge(substr(one, 1, 1), pattern)
    }
    for (i = 1; i <= disks; i++) if (!decided[i]) taken = 1
    return !taken
}
BEGIN {
    disks = split("/dev/sda /dev/sdb /dev/sdk2 /dev/sdaa /dev/sdzzz9", name)
    names = disks
    id = "600507630affc29f00000000000040ff"
    path = "ccw-0.0.f8f8-"
    n = split("scsi-3" id " wwn-0x" id " lvm-pv-uuid-zVm0zV-x", more)
    for (i = 1; i <= n; i++) name[++names] = "/dev/disk/by-id/" more[i]
    n = split("zfcp-0x5005076300000001:0x40ff40ff00000000 " \
        "fc-0x5005076300000001-lun-0x40ff40ff00000000", more)
    for (i = 1; i <= n; i++) name[++names] = "/dev/disk/by-path/" path more[i]
    n = split("by-uuid by-label by-partuuid by-partlabel by-diskseq", more)
    for (i = 1; i <= n; i++) name[++names] = "/dev/disk/" more[i] "/x"
    name[++names] = "/dev/block/8:0"
}
/^[ \t]*use_devicesfile[ \t]*=/ { use = value() }
/^[ \t]*devicesfile[ \t]*=/ { file = value() }
/^[ \t]*event_activation[ \t]*=/ { event = value() }
/^[ \t]*global_filter[ \t]*=/ { safe = filter($0) }
END {
    if (!NR) exit 1
    print (safe || event == "0" ? "safe" : "takes"),
        (use == "1" && file != "" && file !~ /\// ? file : "-")
}'

# --- md.  udev gives each member that appears to "mdadm --incremental", which
# assembles what an ARRAY line names and what AUTO does not forbid.  The first
# AUTO line counts, and in it the first word that is about all.  Which of the
# two files counts is decided when mdadm is built: both must be right

md_takes() {
    is_installed mdadm || return 1
    md_files=0
    for md_file in "$ROOT/etc/mdadm.conf" "$ROOT/etc/mdadm/mdadm.conf"; do
        set --
        for md_part in "$md_file" "$md_file.d"/*.conf; do
            [ ! -f "$md_part" ] || set -- "$@" "$md_part"
        done
        [ $# -gt 0 ] || continue
        md_files=1
        awk "$MD_AWK" "$@" 2>/dev/null || return 0
    done
    [ "$md_files" = 0 ]
}

# Succeeds when no array is assembled by itself but one named by its UUID: a
# tenant can give a name or a number to an array of his, and not know a UUID
MD_AWK='
function word(full) { return length(w[1]) > 2 && index(full, w[1]) == 1 }
function auto(n,    i) {
    for (i = 2; i <= n; i++) {
        if (w[i] == "-all" || w[i] == "no") return 1
        if (w[i] !~ /^-/) return 0
    }
    return 0
}
function take(    n) {
    n = split(tolower(line), w, " ")
    if (!n) return
    if (word("auto")) { if (!seen++) good = auto(n) }
    else if (word("array")) bad += line !~ /[ \t](uuid=|<ignore>)/
    else if (word("policy") || word("part-policy"))
        bad += line ~ /[ \t](auto=|action=[a-z-]*spare)/
}
{ sub(/(^|[ \t])#.*/, "") }
/^[ \t]/ { line = line " " tolower($0); next }
{ take(); line = tolower($0) }
END { take(); exit !good || bad > 0 }'

# --- multipath.  Maps are made by multipathd, when it runs; one that is only
# enabled runs after the next start.  Nothing that asks the daemon is called
# while it is not running: its socket would start it

multipath_takes() { # multipath_takes [DISK WWID]
    is_installed multipathd || return 1
    if systemctl -q is-active multipathd 2>/dev/null ||
        [ -e "$ROOT/var/run/multipathd.pid" ]; then
        mp_says=$(multipathd show config 2>/dev/null) || return 0
    elif ! is_installed systemctl ||
        systemctl -q is-enabled multipathd 2>/dev/null; then
        mp_says=$(multipath -t 2>/dev/null) || return 0
    else
        return 1
    fi
    mp_says=$(printf '%s\n' "$mp_says" |
        awk -v disk="${1:-}" -v wwid="${2:-}" "$MULTIPATH_AWK" \
            2>/dev/null) || return 0
    case $mp_says in
        safe) return 1 ;;
        # a map is made of what had one before
        strict\ /*)
            [ -n "${2:-}" ] || return 1
            grep -qs "^/$2/" "$ROOT${mp_says#strict }"
            ;;
    esac
}

# Prints "safe", "takes", or "strict" with the file of known WWIDs.
#
# A path is left alone when its name, its protocol or its WWID is blacklisted
# and not among the exceptions of the same kind.  Without a disk, names and
# WWIDs as any disk may have them must all be.
MULTIPATH_AWK='
function quoted(text) {
    sub(/^[ \t]*[a-z_]+[ \t]+/, "", text)
    sub(/[ \t]*$/, "", text)
    gsub(/^"|"$/, "", text)
    return text
}
function listed(section, kind, what,    i, re) {
    for (i = 1; i <= n[section, kind]; i++) {
        re = list[section, kind, i]
        if (re ~ /^!/ ? (what !~ substr(re, 2)) : (what ~ re)) return 1
    }
    return 0
}
function kept_off(kind, all,    i, c, what) {
    c = split(all, what, " ")
    for (i = 1; i <= c; i++)
        if (listed("blacklist_exceptions", kind, what[i]) ||
            !listed("blacklist", kind, what[i])) return 0
    return c > 0
}
BEGIN { file = "/etc/multipath/wwids" }
/^[a-z_]+[ \t]*\{/ { section = $1; sub(/\{.*/, "", section) }
/^\}/ { section = "" }
section == "defaults" && $1 == "find_multipaths" { find = quoted($0) }
section == "defaults" && $1 == "wwids_file" { file = quoted($0) }
section ~ /^blacklist/ && $1 ~ /^(devnode|protocol|wwid)$/ {
    list[section, $1, ++n[section, $1]] = quoted($0)
}
END {
    if (disk == "") disk = "sda sdb sdk sdaa sdzzz"
    if (wwid == "") wwid = "3600507630affc29f00000000000040ff " \
        "3500507630affc2ff 320000000000040ff"
    if (kept_off("devnode", disk) || kept_off("wwid", wwid) ||
        kept_off("protocol", "scsi:fcp")) print "safe"
    else print (find == "strict" ? "strict " file : "takes")
}'
