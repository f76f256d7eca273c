# SPDX-License-Identifier: Apache-2.0
"""One thread that watches what programs write and when things are due."""


class Engine:
    def close(self):
        """Stop the thread."""
