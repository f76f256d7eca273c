# SPDX-License-Identifier: Apache-2.0
"""Who on a zHCP takes hold of a disk that appears, and how to stop him.

A volume that is wiped or copied appears on the zHCP, with whatever its tenant
has written: metadata of LVM, md or multipath that the zHCP must not obey.
"""

from zvm_common import exceptions

# The lines that the administrator's manual has, too.
ADVICE = {
    'lvm': "LVM: run  echo 'devices { global_filter = "
           "[ \"a|^/dev/dasd|\", \"r|.*|\" ] }' >>/etc/lvm/lvmlocal.conf  "
           "after putting a pattern a|^/dev/...$| in front for each other "
           "disk that LVM has on the zHCP itself (see pvs).",
    'md': "md: put the line  AUTO -all  before any other AUTO line of "
          "/etc/mdadm.conf, on Debian and Ubuntu of /etc/mdadm/mdadm.conf, "
          "and let each ARRAY line there name a UUID.",
    'multipath': "multipath: run  systemctl disable --now multipathd.service "
                 "multipathd.socket  or, where the zHCP itself needs it, "
                 "printf 'blacklist {\\n    devnode \"^sd[a-z]\"\\n}\\n' "
                 ">>/etc/multipath.conf  and  multipathd reconfigure "
                 "(with disks of its own behind it: find_multipaths strict "
                 "in section defaults instead)."}


def check(zhcp, takers):
    """Refuse a zHCP that disks cannot be attached to safely.

    :param zhcp: its host name, for the message
    :param takers: what Hello has
    :raises ConfigurationError: with the lines to write for each taker
    """
    if not takers:
        return
    raise exceptions.ConfigurationError(
        'The zHCP %s would take hold of disks that are wiped or copied there, '
        'and act upon what a tenant has written onto them: by %s'
        % (zhcp, ', '.join(takers)),
        advice='Change this on the zHCP and restart cinder-volume. '
        + ' '.join(ADVICE.get(taker, taker) for taker in takers))
