# SPDX-License-Identifier: Apache-2.0
"""``zvm-cinder-backup``: cinder-backup with an os-brick that works on s390x.

cinder-backup loads no volume driver, so nothing of ours runs in it.
"""

# It patches the interpreter before anything else is imported.
from cinder.cmd import backup

from cinder_zvm import brick


def main():
    """The command cinder-backup, with its arguments."""
    brick.repair_here()
    return backup.main()
