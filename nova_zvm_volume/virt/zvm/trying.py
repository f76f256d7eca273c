# SPDX-License-Identifier: Apache-2.0
"""Waiting for a guest that still boots, or still logs off."""

import time

from zvm_common import exceptions

#: Seconds between two tries.
BETWEEN_TRIES = 5


def when_up(give_up, function, *args, until=exceptions.GuestUnreachable):
    """Call a function again and again, as long as the guest is not so far.

    :param give_up: when to give up, by :func:`time.monotonic`
    :param until: what it raises until then
    :returns: what the function returns
    :raises GuestUnreachable: or what `until` says, at the last try
    """
    while True:
        try:
            return function(*args)
        except until:
            if time.monotonic() >= give_up:
                raise
            time.sleep(BETWEEN_TRIES)
