# SPDX-License-Identifier: Apache-2.0
"""The MN's own shell, as far as it changes what the MN's commands do.

The MN pastes its arguments and what it has read into shell commands.
Imitated are variables, which are empty, and backslashes between double
quotes, the limit of one argument, and egrep. Quotes and backticks within a
value, which would run programs on the MN, are not.
"""

import os
import re
import subprocess  # nosec B404

# execve's limit for one argument (MAX_ARG_STRLEN), its NUL included: the
# shell that would run a longer command line does not start.
LONGEST = 128 * 1024
EXPANDED = re.compile(r'\\([$`"\\])|\\\n|\$(?:[A-Za-z_]\w*|\{\w*\}|\d)')
# What is an expression for grep as well as for re, with one meaning.
SIMPLE = re.compile(r'\^?[A-Za-z0-9_,;:|@ -]+\Z')


def in_double_quotes(text):
    """The text after the shell has read it between double quotes."""
    return EXPANDED.sub(lambda found: found[1] or '', text)


def egrep(text, pattern):
    """echo "TEXT" | egrep -a -i "PATTERN": the lines that match.

    '' when there is none, and for a text that is too long for a command.
    """
    whole = 'echo "%s" | egrep -a -i "%s"' % (text, pattern)
    if len(os.fsencode(whole)) >= LONGEST:
        return ''
    text, pattern = in_double_quotes(text) + '\n', in_double_quotes(pattern)
    if SIMPLE.match(pattern) and '||' not in pattern:
        found = re.compile(pattern, re.IGNORECASE | re.ASCII)
        return ''.join(line for line in text.splitlines(True)
                       if found.search(line))
    done = subprocess.run(['grep', '-E', '-a', '-i', '--', pattern],
                          input=os.fsencode(text), capture_output=True)
    return os.fsdecode(done.stdout)
