# SPDX-License-Identifier: Apache-2.0
"""Counts of passed, failed and skipped tests, and the closing line."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Counts(self.passed + other.passed,
                      self.failed + other.failed,
                      self.skipped + other.skipped)

    @property
    def total(self):
        return self.passed + self.failed + self.skipped

    @property
    def ok(self):
        """Something ran and nothing failed."""
        return not self.failed and self.passed > 0

    def __str__(self):
        return '%d passed, %d failed, %d skipped' % (
            self.passed, self.failed, self.skipped)

    @classmethod
    def of(cls, worked):
        """A step that counts as one test."""
        return cls(passed=1) if worked else cls(failed=1)

    @classmethod
    def from_statuses(cls, statuses):
        """From subunit's final status of each test.

        A test that was still running when the stream ended, or passed
        though it was expected to fail, has failed.
        """
        statuses = list(statuses)
        passed = sum(status in ('success', 'xfail') for status in statuses)
        skipped = statuses.count('skip')
        return cls(passed, len(statuses) - passed - skipped, skipped)
