# SPDX-License-Identifier: Apache-2.0
"""Mistakes that the crash points must find, made in a process of a service.

The product's files are left alone: the sweeps of its drivers are replaced by
nothing, and the program is changed before it is sent.  The second is seen only
where a program does not come to its end: it does when just its caller dies.
"""

import dataclasses
import functools

# Devices are dedicated before any record says whose the LUN is.
_MOVED = (
    ("""    r_fcp=$attach_devices
    save_lun
    settle || attach_unsettled
""", """    r_fcp=$attach_devices
    take_all "$9" || attach_undone
    settle || attach_unsettled
"""),
)


def commit(driver=None):
    """Sweep nothing, and move a write of the ledger behind its step.

    :param driver: the class whose sweep does nothing from now on
    """
    from zvm_common.remote import program
    original = program.zhcp()
    text = original.text
    for right, wrong in _MOVED:
        assert text.count(right) == 1, 'the program has changed: %s' % right
        text = text.replace(right, wrong)
    spoilt = dataclasses.replace(original, text=text)
    program.zhcp = functools.cache(lambda: spoilt)
    if driver is not None:
        driver.sweep = lambda self, *args, **kwargs: None
