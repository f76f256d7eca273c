# SPDX-License-Identifier: Apache-2.0
"""Files that a reader sees whole, also when their writer is killed."""

import os
import tempfile


def write(path, content, mode=0o644):
    """Write bytes: there is the old file, or the whole new one."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, 'wb') as stream:
            stream.write(content)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
