# SPDX-License-Identifier: Apache-2.0
"""Undoing exactly what was done."""

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class Undo:
    """Remembers how to undo each step that ran, and does so on an error.

    ::

        with Undo('attach of volume ...') as undo:
            make_first()
            undo.by('remove the first', remove_first)
            make_second()

    On an exception the steps are undone, last first.  An undo that fails is
    logged and ends the undoing: what was done before it is what the failed
    one stands on, and stays as recorded.  The first error is what is raised.
    """

    def __init__(self, what):
        self._what = what
        self._steps = []

    def by(self, name, function, *args):
        """The step that just ran is undone by ``function(*args)``."""
        self._steps.append((name, function, args))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is not None:
            self._roll_back(error)
        return False

    def _roll_back(self, error):
        LOG.warning('%s failed, undoing %d steps: %s', self._what,
                    len(self._steps), error)
        while self._steps:
            name, function, args = self._steps.pop()
            try:
                function(*args)
            except Exception:
                LOG.exception('%s failed, and so did the undoing (%s). What '
                              'it leaves stays recorded in the ledger of the '
                              'zHCP; not undone: %s', self._what, name,
                              [step[0] for step in self._steps])
                return
