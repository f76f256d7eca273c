# SPDX-License-Identifier: Apache-2.0
"""Which shell a test of our programs runs under."""

import os
import zlib

import testtools
from testtools import testcase

#: The words that start each.
WORDS = {'dash': ('dash',), 'bash': ('bash',), 'busybox': ('busybox', 'sh')}
ANY = 'any'


def _of(test):
    """One of the shells, always the same one for a test."""
    if 'cut_off_anywhere' in test:
        return 'dash'       # a minute each, to find the same steps once more
    return sorted(WORDS)[zlib.crc32(test.encode()) % len(WORDS)]


class ShellTestCase(testtools.TestCase):
    """When it runs ``self.shell`` is the name of its shell.

    A class says ANY where each shell is as good: the name of a test decides,
    so that all are used. With ZVM_SHELLS=all such a test runs under each, one
    after the other, as a test of its own.
    """

    shell = 'dash'

    def run(self, result=None):
        if self.shell == ANY and os.environ.get('ZVM_SHELLS') == 'all':
            for shell in WORDS:
                again = testcase.clone_test_with_new_id(
                    self, '%s(%s)' % (self.id(), shell))
                again.shell = shell
                again.run(result)
            return result
        if self.shell == ANY:
            self.shell = _of(self.id())
        return super().run(result)
